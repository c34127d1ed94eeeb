/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/backoff.h"
#include "core/hold.h"
#include "core/inside.h"

/*
 * Copying again: an open message with fewer copies than it should have is
 * copied from its queue file, as soon as there is somebody who could hold it.
 * Its holder was lost or has forgotten it, nobody was there when it came, or it
 * passed us by.  A holder that is merely away for a while still counts.
 */
#define AGAIN_MS     2000 /* pause after a copy that failed, doubles */
#define AGAIN_MAX_MS ((int64_t)5 * 60 * 1000)
#define OUT_MS       ((int64_t)5 * 60 * 1000) /* one without a result */
#define LOOKED_MAX   1000
#define LOOKED_MS    20

static unsigned
count(uint32_t peers)
{
	unsigned n = 0;

	for (; peers != 0; peers &= peers - 1)
		n++;
	return n;
}

/* Copies that are there and stay. */
static uint32_t
lasting(const struct engine *engine, const struct own *own)
{
	return own->has & ~(engine->again.lost | engine->again.leaving);
}

static unsigned
should_have(const struct engine *engine, const struct own *own)
{
	if (own->unlearnt && engine->again.most > own->wanted)
		return engine->again.most;
	return own->wanted;
}

static int
lacks(const struct engine *engine, const struct own *own)
{
#ifdef MUTANT_NOT_COPIED_AGAIN
	if (!own->passed)
		return 0;
#endif
	if (!own->committed || own->wanted == 0 || own_id(own)[0] == '\0' ||
	    own->state == OWN_HOLDING || own->state == OWN_LOST ||
	    own->state == OWN_CORRUPT)
		return 0;
	return count(lasting(engine, own)) < should_have(engine, own);
}

/* Who could be asked for a copy of it: never one that has it or may have it. */
static uint32_t
askable(const struct engine *engine, const struct own *own, int64_t now_ms)
{
	uint32_t not = own->has | own->denied | (own->may & ~own->absent) |
		       engine->again.lost;
	uint32_t peers = 0;

	for (size_t i = 0; i < engine->options.peers; i++)
		if ((not >> i & 1) == 0 && peer_rank(&engine->peers[i].peer,
					       &engine->options, now_ms) >= 0)
			peers |= UINT32_C(1) << i;
	return peers;
}

/* Under an id that is used again the file is that of the last one; what was
 * requeued has left its own. */
static int
has_the_file(const struct engine *engine, const struct own *own)
{
	if (own->requeued)
		return 0;
	for (struct own *o = own_first_id(&engine->own, own_id(own)); o != NULL;
	     o = own_next_id(o))
		if (o != own && (own->moved || o->moved || !own_older(o, own)))
			return 0;
	return 1;
}

/* Before anybody has asked its policy it is worth reading once in any case. */
static int
is_worth_it(const struct engine *engine, const struct own *own, int64_t now_ms)
{
	if (!has_the_file(engine, own))
		return 0;
	return (own->unlearnt && own->copy_tries == 0) ||
	       askable(engine, own, now_ms) != 0;
}

/* Without regard to a pause.  Who is being asked for one that is out was chosen
 * before: once more, then. */
static void
put_soon(struct engine *engine, struct own *own, int64_t now_ms)
{
	int64_t due_ms = own->began_ms + engine->options.amend_ms;

	if (own->copy_out) {
		own->hurry = 1;
		return;
	}
	/* Most messages are delivered before that. */
	if (own->passed || due_ms < now_ms)
		due_ms = now_ms;
	own->copy_tries = 0;
	again_put(&engine->again, own, due_ms);
	engine->work++;
}

void
again_want(struct engine *engine, struct own *own, int64_t now_ms)
{
	if (!lacks(engine, own)) {
		if (!own->copy_out)
			again_remove(&engine->again, own);
	} else if (own->copy_at == 0)
		put_soon(engine, own, now_ms);
}

void
again_lost(struct engine *engine, struct own *own, int64_t now_ms)
{
	if (lacks(engine, own))
		put_soon(engine, own, now_ms);
}

/* ---- what is known of the holders ---- */

/* peers: they count otherwise than before; gone: less. */
static void
recount(struct engine *engine, uint32_t peers, uint32_t gone, int64_t now_ms)
{
	for (struct own *o = engine->own.first; o != NULL; o = o->next) {
		if ((o->has & peers) == 0 || o->state == OWN_HOLDING)
			continue;
		copies_count(engine, o);
		again_want(engine, o, now_ms);
		if ((gone & o->has) != 0)
			again_lost(engine, o, now_ms);
	}
}

void
again_peer(struct engine *engine, size_t peer, int64_t now_ms)
{
	const struct peer *p = &engine->peers[peer].peer;
	uint32_t bit = UINT32_C(1) << peer;
	uint32_t lost = engine->again.lost & ~bit;
	uint32_t leaving = engine->again.leaving & ~bit;

	if (p->shown == ENGINE_PEER_SILENT)
		lost |= bit;
	if (p->drained)
		leaving |= bit;
	if (lost != engine->again.lost || leaving != engine->again.leaving) {
		uint32_t gone = (lost & ~engine->again.lost) |
				(leaving & ~engine->again.leaving);

		engine->again.lost = lost;
		engine->again.leaving = leaving;
		recount(engine, bit, gone, now_ms);
	}
	if (p->shown != ENGINE_PEER_UP || p->drained)
		return;
	/* Somebody to ask. */
	again_hurry(&engine->again, now_ms);
	engine->work++;
}

/*
 * It has another life than the one that said it holds them: perhaps with
 * another store.  What is still being held for an answer must not count on it
 * until it has listed it.
 */
void
again_new_life(struct engine *engine, size_t peer, int64_t now_ms)
{
	uint32_t bit = UINT32_C(1) << peer;

	/* Without a queue nothing is listed, ever. */
	if (!engine->has_queue)
		return;
	engine->peers[peer].renewed = 1;
	for (struct own *o = engine->own.first; o != NULL; o = o->next) {
		o->denied &= ~bit;
		if (o->state == OWN_HOLDING)
			o->doubted |= o->has & bit;
		if (o->state == OWN_HOLDING || o->copy_out)
			o->crossed |= bit;
	}
	again_hurry(&engine->again, now_ms);
	engine->work++;
}

void
again_confirmed(struct engine *engine, struct own *own, size_t peer,
    int64_t now_ms)
{
	uint32_t bit = UINT32_C(1) << peer;

	/* By which of its lives?  The next LIST tells. */
	if ((own->crossed & bit) != 0 && !engine->peers[peer].renewed) {
		engine->peers[peer].renewed = 1;
		sweep_want(engine, peer, now_ms);
	}
	own->crossed &= ~bit;
	if (!engine->peers[peer].renewed)
		return;
	own->doubted |= bit;
	if (own->state != OWN_HOLDING)
		copies_count(engine, own);
}

/* Its LIST was read to the end.  Non-zero: once more, for what was confirmed
 * while it was read. */
int
again_listed(struct engine *engine, size_t peer)
{
	uint32_t bit = UINT32_C(1) << peer;
	int more = 0;

	if (!engine->peers[peer].renewed)
		return 0;
	for (struct own *o = engine->own.first; o != NULL; o = o->next)
		more |= (o->doubted & bit) != 0;
	engine->peers[peer].renewed = 0;
	return more;
}

#ifndef MUTANT_SESSIONS_LEFT_OUT
static enum hold_word
word_of(const struct own *own, size_t peer)
{
	if ((own->has >> peer & 1) == 0)
		return HOLD_LOST;
	return (own->doubted >> peer & 1) != 0 ? HOLD_DOUBTED : HOLD_SURE;
}
#endif

int
engine_hold_look(const struct engine *engine, const struct smx_key *key,
    struct hold *hold)
{
	const struct own *own = own_find(&engine->own, key);
	int changed = 0;

#ifndef MUTANT_SESSIONS_LEFT_OUT
	for (size_t i = 0; own != NULL && i < hold->next;)
		if (hold_hears(hold, i, word_of(own, hold->peer[i]))) {
			changed = 1;
			i = 0; /* places have changed */
		} else
			i++;
#else
	(void)own, (void)hold;
#endif
	return changed;
}

/* ---- handing them out ---- */

static void
hand_out(struct engine *engine, struct own *own, struct engine_copy *out,
    int64_t now_ms)
{
	own->copy_out = 1;
	own->hurry = 0;
	again_put(&engine->again, own, now_ms + OUT_MS);
	memset(out, 0, sizeof(*out));
	out->key = own->key;
	memcpy(out->id, own_id(own), strlen(own_id(own)) + 1);
	out->passed = own->passed;
	out->held = own->passed && own->sum == 0 ? -1 : (int)own->held;
}

/* Nobody can be asked now; one that may have it is to say whether it has. */
static void
wait_for_news(struct engine *engine, struct own *own, int64_t now_ms)
{
	for (size_t i = 0; i < engine->options.peers; i++)
		if (((own->may & ~own->absent) >> i & 1) != 0 &&
		    !engine->peers[i].talk.listing)
			sweep_want(engine, i, now_ms);
	again_put(&engine->again, own, now_ms + engine->options.heartbeat_ms);
}

int
engine_copy_next(struct engine *engine, int64_t now_ms, struct engine_copy *out,
    int64_t *wake_ms)
{
	const struct again_slot *first;
	int looked = 0;

	engine_clock(engine, now_ms);
	*wake_ms = now_ms + engine->options.heartbeat_ms;
	while ((first = again_first(&engine->again)) != NULL) {
		struct own *own = first->own;

		if (first->due_ms > now_ms) {
			if (first->due_ms < *wake_ms)
				*wake_ms = first->due_ms;
			break;
		}
		/* Others want the engine, too. */
		if (looked++ == LOOKED_MAX) {
			*wake_ms = now_ms + LOOKED_MS;
			break;
		}
		own->copy_out = 0; /* or its result never came */
		if (!lacks(engine, own))
			again_remove(&engine->again, own);
		else if (!is_worth_it(engine, own, now_ms))
			wait_for_news(engine, own, now_ms);
		else {
			hand_out(engine, own, out, now_ms);
			return SMX_OK;
		}
	}
	return SMX_ENOTFOUND;
}

/* Those that have it and live, as they are ranked. */
static void
ranks_of(const struct engine *engine, const struct own *own,
    struct engine_ranks *ranks)
{
	uint32_t has = own->has & ~engine->again.lost;

	memset(ranks, 0, sizeof(*ranks));
	for (unsigned i = 0; i < own->ranks; i++) {
		if ((has >> own->rank[i] & 1) == 0)
			continue;
		ranks->peer[ranks->count++] = own->rank[i];
		has &= ~(UINT32_C(1) << own->rank[i]);
	}
	for (size_t i = 0; i < engine->options.peers; i++)
		if ((has >> i & 1) != 0 && ranks->count < OWN_RANKS_MAX)
			ranks->peer[ranks->count++] = (uint8_t)i;
}

int
engine_copy_ask(const struct engine *engine, const struct smx_key *key,
    struct smx_ack *ack, struct engine_ranks *there, int64_t now_ms)
{
	const struct own *own = own_find(&engine->own, key);
	unsigned have;

	memset(there, 0, sizeof(*there));
	if (own == NULL || own->state == OWN_LOST || own->state == OWN_CORRUPT)
		return 0;
	ranks_of(engine, own, there);
	have = count(lasting(engine, own));
	if (have >= ack->copies)
		return 0;
	ack->copies -= have;
	ack->min_copies = 1;
	ack->holders &= askable(engine, own, now_ms);
	return 1;
}

/* ---- what came of it ---- */

static void
try_later(struct engine *engine, struct own *own, int result, int64_t now_ms)
{
	again_put(&engine->again, own,
	    now_ms + backoff_ms(AGAIN_MS, AGAIN_MAX_MS, own->copy_tries));
	if (own->copy_tries < 32)
		own->copy_tries++;
	if (result == SMX_ENOTFOUND)
		evidence_soon(engine, own, now_ms);
	engine->work++;
}

/* What was copied is what the MTA has committed, addresses and all: that, and
 * whether it is on hold, is told by the read. */
static void
copied(struct engine *engine, struct own *own, const struct engine_ranks *ranks,
    int64_t now_ms)
{
	copies_rank(engine, own, ranks, now_ms);
	own->sum = 0;
	reading_want(engine, own, now_ms);
	engine->copied++;
}

void
engine_copy_result(struct engine *engine, const struct smx_key *key, int result,
    const struct engine_ranks *ranks, int64_t now_ms)
{
	struct own *own = own_find(&engine->own, key);
	int some = ranks != NULL && ranks->count != 0;
	int hurry;

	engine_clock(engine, now_ms);
	if (own == NULL || !own->copy_out)
		return;
	own->copy_out = 0;
	hurry = own->hurry && result != SMX_ENOTFOUND;
	if (ranks != NULL && ranks->wanted != 0) {
		own->wanted =
		    (uint8_t)(ranks->wanted < OWN_RANKS_MAX ? ranks->wanted
							    : OWN_RANKS_MAX);
		own->unlearnt = 0;
	} else if (result == SMX_OK && !some)
		own->wanted = own->unlearnt = 0; /* its policy asks for none */
	copies_count(engine, own);
	if (result == SMX_OK && some)
		copied(engine, own, ranks, now_ms);
	if (lacks(engine, own) && hurry)
		put_soon(engine, own, now_ms);
	else if (lacks(engine, own))
		try_later(engine, own, result, now_ms);
	else
		again_remove(&engine->again, own);
}

void
engine_copies_most(struct engine *engine, unsigned copies)
{
	engine->again.most =
	    copies < OWN_RANKS_MAX ? copies : (unsigned)OWN_RANKS_MAX;
}
