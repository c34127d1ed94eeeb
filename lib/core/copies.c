/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/inside.h"

/* Who holds an own message, in which order they are to take it over, and what
 * they have to be told when that changes after the answer. */

unsigned
copies_sure(const struct engine *engine, const struct own *own)
{
	uint32_t has = own->has & ~own->doubted & ~engine->again.lost;
	unsigned copies = 0;

	for (; has != 0; has &= has - 1)
		copies++;
	return copies;
}

void
copies_count(const struct engine *engine, struct own *own)
{
	unsigned copies = copies_sure(engine, own);

	own->unprotected = copies == 0 && own->wanted != 0;
	own->short_copies = copies != 0 && copies < own->wanted;
}

static void
tell_holders(struct engine *engine, struct own *own, int64_t now_ms)
{
	static const struct amend_news nothing = { .held = -1 };

	if (own->ranked && own->ranks != 0)
		amends_add(engine, own, own->has | own->may, &nothing, now_ms);
}

/*
 * A copy that turns up after the answer: its holder was told the envelope that
 * the milter saw and holders as they were meant to be.
 */
static void
came_late(struct engine *engine, struct own *own, size_t peer, int64_t now_ms)
{
	copies_count(engine, own);
	again_want(engine, own, now_ms);
	if (own->ranked) {
		own_rank_add(own, peer);
		tell_holders(engine, own, now_ms);
	}
	if (own->amended || own->held)
		own->sum = 0;
	reading_want(engine, own, now_ms);
}

static void
is_sure(struct engine *engine, struct own *own, uint32_t bit, int64_t now_ms)
{
	if ((own->doubted & bit) == 0)
		return;
	own->doubted &= ~bit;
	if (own->state == OWN_HOLDING)
		return;
	copies_count(engine, own);
	again_want(engine, own, now_ms);
}

void
copies_gain(struct engine *engine, struct own *own, size_t peer, int64_t now_ms)
{
	uint32_t bit = UINT32_C(1) << peer;

	own->may &= ~bit;
	own->absent &= ~bit;
	own->denied &= ~bit;
	if ((own->has & bit) != 0) {
		is_sure(engine, own, bit, now_ms);
		return;
	}
	engine->peers[peer].copies++;
	own->has |= bit;
	/* A LIST that began before could not show it. */
	own->unseen &= ~bit;
	if (own->state != OWN_HOLDING)
		came_late(engine, own, peer, now_ms);
	lease_message(engine, own, now_ms);
}

static int
take_away(struct engine *engine, struct own *own, size_t peer)
{
	uint32_t bit = UINT32_C(1) << peer;

	if ((own->has & bit) == 0)
		return 0;
	engine->peers[peer].copies--;
	own->has &= ~bit;
	own->doubted &= ~bit;
	return 1;
}

void
copies_lose(struct engine *engine, struct own *own, size_t peer, int64_t now_ms)
{
	if (!take_away(engine, own, peer))
		return;
	amends_skip(engine, own, peer);
	if (own->state == OWN_HOLDING)
		return;
	copies_count(engine, own);
	again_lost(engine, own, now_ms);
	if (own_rank_drop(own, peer))
		tell_holders(engine, own, now_ms);
	lease_message(engine, own, now_ms);
}

void
copies_forget(struct engine *engine, struct own *own)
{
	for (size_t i = 0; i < engine->options.peers; i++)
		(void)take_away(engine, own, i);
	amends_drop(engine, own);
	reads_remove(&engine->reads, own);
	again_remove(&engine->again, own);
}

/* Zero when there was one. */
static int
add_others(const struct engine *engine, struct own *own, uint32_t peers)
{
	unsigned before = own->ranks;

	for (size_t i = 0; i < engine->options.peers; i++)
		if ((peers >> i & 1) != 0)
			own_rank_add(own, i);
	return own->ranks == before;
}

/* A holder may have lost it again, or another one got it, before we could say
 * so. */
void
copies_rank(struct engine *engine, struct own *own,
    const struct engine_ranks *ranks, int64_t now_ms)
{
	int told = ranks != NULL && ranks->told;

	if (engine->options.names == NULL)
		return;
	own->ranked = 1;
	own->ranks = 0;
	for (size_t i = 0;
	     ranks != NULL && i < ranks->count && i < OWN_RANKS_MAX; i++) {
		size_t peer = ranks->peer[i];

		if (peer < engine->options.peers && (own->has >> peer & 1) != 0)
			own_rank_add(own, peer);
		else
			told = 0;
	}
	told = add_others(engine, own, own->has & ~engine->again.lost) && told;
	/* Who is lost may come back, but nobody is to wait for that. */
	told = add_others(engine, own, own->has) && told;
	if (!told)
		tell_holders(engine, own, now_ms);
}

char *
engine_holders(const struct engine *engine, const struct own *own)
{
	struct buf b;
	size_t len;

	buf_init(&b, 0);
	buf_str(&b, "");
	for (unsigned i = 0; i < own->ranks; i++) {
		const char *name = engine->options.names[own->rank[i]];

		if (b.len + 1 + strlen(name) > SMX_HOLDERS_MAX)
			break;
		if (b.len != 0)
			buf_str(&b, " ");
		buf_str(&b, name);
	}
	if (buf_error(&b) != SMX_OK) {
		buf_free(&b);
		return NULL;
	}
	return buf_take(&b, &len);
}
