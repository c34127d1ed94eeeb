/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/fence.h"

#include <string.h>

#include "core/inside.h"

/* What people are told about fenced messages, and what they order. */

static int
is_settled(const struct fenced *f)
{
	return f->state == FENCED_HELD || f->state == FENCED_LEFT;
}

void
engine_fence_counts(const struct engine *engine,
    struct engine_fence_counts *counts)
{
	const struct fences *fs = &engine->fences;

	memset(counts, 0, sizeof(*counts));
	counts->able = fs->able;
	counts->failing = fs->failing;
	counts->held_total = fs->held_total;
	counts->erased = fs->erased;
	counts->given_back = fs->given_back;
	counts->second = fs->second;
	counts->twice = fs->twice;
	for (const struct fenced *f = fs->first; f != NULL; f = f->next) {
		counts->fenced += f->state != FENCED_LEFT;
		counts->pending += !is_settled(f);
		counts->held += f->ours && f->seen;
		counts->persons += f->state == FENCED_HELD && !f->ours;
	}
}

void
engine_fence_ask(struct engine *engine, int64_t now_ms)
{
	engine_clock(engine, now_ms);
	for (size_t i = 0; i < engine->options.peers; i++) {
		engine->peers[i].talk.listed = 0;
		sweep_failed(engine, i);
		sweep_want(engine, i, now_ms);
		/* Whoever did not answer last time is tried now, too. */
		engine->peers[i].peer.beat_ms = now_ms;
	}
}

int
engine_fence_listed(const struct engine *engine, size_t peer)
{
	return peer < engine->options.peers &&
	       engine->peers[peer].talk.listed != 0;
}

/* One that is silent has nothing to say, and one that has not served all of it
 * has said that it is this host's. */
static int
somebody_answers(const struct engine *engine, const struct fenced *f,
    int64_t now_ms)
{
	for (size_t i = 0; i < engine->options.peers; i++)
		if (((f->by & ~f->partly) >> i & 1) != 0 &&
		    engine_state(engine, i, now_ms) != ENGINE_PEER_SILENT)
			return 1;
	return 0;
}

int
engine_fence_release(struct engine *engine, const struct smx_key *key,
    int force, int64_t now_ms)
{
	struct own *own = own_find(&engine->own, key);
	struct fenced *f = own == NULL ? NULL : fence_find(engine, own);

	engine_clock(engine, now_ms);
	if (f == NULL || f->state == FENCED_LEFT)
		return SMX_ENOTFOUND;
	if (f->state == FENCED_ERASE)
		return SMX_EGONE;
	if (!force && somebody_answers(engine, f, now_ms))
		return SMX_ESTATE;
	f->person = 1;
	if (f->state == FENCED_HELD || f->ours)
		fence_become(engine, f, FENCED_RELEASE);
	else
		fence_become(engine, f, FENCED_LEFT);
	return SMX_OK;
}
