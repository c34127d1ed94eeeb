/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/fence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/store.h>

#include "base/log.h"
#include "core/amend.h"
#include "core/backoff.h"
#include "core/inside.h"

/*
 * What is decided about a fenced message, from what its holders say, what the
 * queue shows, and who is silent.
 */
#define TURN_MS       500
#define READ_AGAIN_MS 2000 /* a read that said nothing is repeated */
#define ASK_MS        1000 /* doubles up to a heartbeat */
#define ASKS_MILD     2    /* without an answer; then it is put on hold */

static uint8_t
bit_of(enum fence_why why)
{
	return (uint8_t)(1u << ((unsigned)why - 1));
}

void
fence_stir(struct engine *engine)
{
	engine->fences.dirty = 1;
	engine->work++;
}

/* ---- reasons ---- */

static int
is_able(struct engine *engine)
{
	if (engine->fences.able)
		return 1;
	if (!engine->fences.told_unable)
		log_event(SMX_LOG_WARNING, "fence_unable",
		    "the queue cannot be changed: what others have taken over "
		    "is delivered here too");
	engine->fences.told_unable = 1;
	return 0;
}

void
fence_want(struct engine *engine, struct own *own, enum fence_why why,
    int64_t now_ms)
{
	struct fenced *f = fence_find(engine, own);

	if (!is_able(engine))
		return;
	if (f == NULL)
		f = fence_add(engine, own, now_ms);
	if (f == NULL || (f->why & bit_of(why)) != 0)
		return;
	f->why |= bit_of(why);
	/* A new reason, unless a person has decided. */
	if (!f->person &&
	    (f->state == FENCED_LEFT || f->state == FENCED_RELEASE))
		fence_become(engine, f, FENCED_WANTED);
	fence_stir(engine);
}

void
fence_lift(struct engine *engine, struct own *own, enum fence_why why,
    int64_t now_ms)
{
	struct fenced *f = fence_find(engine, own);

	(void)now_ms;
	if (f == NULL)
		return;
	f->why &= (uint8_t)~bit_of(why);
	fence_stir(engine);
}

int
fence_has_file(const struct own *own)
{
	return own->state != OWN_LOST && own->state != OWN_CORRUPT &&
	       own->epoch != OWN_EPOCH_OTHER;
}

static void
taken_by(struct engine *engine, struct fenced *f, size_t peer, int state,
    int64_t now_ms)
{
	uint32_t bit = UINT32_C(1) << peer;

	if (state == SMX_ROW_CLAIMED)
		f->claimed |= bit;
	else
		f->claimed &= ~bit;
	if ((f->by & bit) == 0) {
		f->by |= bit;
		f->taken &= ~bit;
		f->ended &= ~bit;
		f->partly &= ~bit;
		f->ask_ms = now_ms;
		f->asks = 0;
	}
	/* It came back after its message had been released here. */
	if (f->state == FENCED_LEFT && f->second && !f->person) {
		f->second = 0;
		fence_become(engine, f, FENCED_WANTED);
	}
}

/* The end that was there counts here when there is no file of it. */
static void
ended_there(struct engine *engine, struct own *own, int64_t now_ms)
{
	engine->finished++;
	engine_end(engine, own, NOTICE_DISCARD, "ended_there", now_ms);
}

void
fence_listed(struct engine *engine, size_t peer, struct own *own, int state,
    int64_t now_ms)
{
	struct fenced *f = fence_find(engine, own);

	own->done = own->done || state == SMX_ROW_DONE;
	if (state == SMX_ROW_SHADOW) {
		if (f != NULL) {
			f->by &= ~(UINT32_C(1) << peer);
			fence_stir(engine);
		}
		return;
	}
	if (!fence_has_file(own)) {
		if (own->state == OWN_LOST && own->done)
			ended_there(engine, own, now_ms);
		return;
	}
	if (!is_able(engine) || fence_is_deaf(engine, peer))
		return;
	if (f == NULL)
		f = fence_add(engine, own, now_ms);
	if (f == NULL)
		return; /* the next LIST brings it back */
	taken_by(engine, f, peer, state, now_ms);
	fence_stir(engine);
}

/* ---- deciding ---- */

struct view {
	int ended;   /* for all that this host has still to serve */
	int partly;  /* ended, but not for all */
	int answers; /* somebody who lives answers for it */
	int asked;   /* who that is, is being found out */
	int silent;  /* somebody would, but is silent */
};

static void
look(const struct engine *engine, const struct fenced *f, int64_t now_ms,
    struct view *v)
{
	memset(v, 0, sizeof(*v));
	for (size_t i = 0; i < engine->options.peers; i++) {
		if ((f->by >> i & 1) == 0)
			continue;
		if ((f->ended >> i & 1) != 0)
			v->ended = 1;
		else if ((f->partly >> i & 1) != 0)
			v->partly = 1;
		else if (fence_is_deaf(engine, i))
			continue;
		else if (engine_state(engine, i, now_ms) == ENGINE_PEER_SILENT)
			v->silent = 1;
		else if ((f->taken >> i & 1) != 0)
			v->answers = 1;
		else
			v->asked = 1;
	}
}

/* Nothing keeps this host's MTA from delivering it any more. */
static void
let_go(struct engine *engine, struct fenced *f, const struct view *v)
{
	struct own *own = f->own;

	f->second = v->silent != 0;
	if (f->ours)
		fence_become(engine, f, FENCED_RELEASE);
	else if (v->partly || v->silent)
		fence_become(engine, f, FENCED_LEFT);
	else
		fence_drop(engine, own, 0);
}

static int
is_wanted(const struct fenced *f, const struct view *v)
{
	return v->ended || v->answers || v->asked || f->why != 0;
}

/* Who has only claimed it is asked for it before it is put on hold. */
static int
is_mild(const struct fenced *f, const struct view *v)
{
	return v->asked && !v->answers && !v->ended && f->why == 0 &&
	       (f->by & ~f->claimed) == 0 && f->asks <= ASKS_MILD && !f->unsaid;
}

/*
 * An id may stand for another message in a queue that is not known to be the
 * same; and what a person has put on hold is that person's.
 */
static int
may_erase(const struct fenced *f)
{
	return f->ours && f->seen &&
	       (!f->own->adopted || f->own->epoch == OWN_EPOCH_SAME);
}

static void
decide(struct engine *engine, struct fenced *f, int64_t now_ms)
{
	struct view v;

	look(engine, f, now_ms, &v);
	if (!is_wanted(f, &v))
		let_go(engine, f, &v);
	else if (f->state == FENCED_ASKED && !is_mild(f, &v))
		fence_become(engine, f, FENCED_HOLD);
	else if (f->state == FENCED_HELD && v.ended && may_erase(f))
		fence_become(engine, f, FENCED_ERASE);
}

/* ---- what is to be found out ---- */

/* Known from an earlier read, and not moved since. */
static int
is_known_free(const struct fenced *f)
{
	const struct own *o = f->own;

	return f->by == 0 && o->committed && o->sum != 0 && !o->read_want &&
	       !o->read_out && !o->held && !f->ours;
}

static void
find_out(struct engine *engine, struct fenced *f, int64_t now_ms)
{
	if (f->due_ms > now_ms)
		return;
	if (f->state == FENCED_WANTED && is_known_free(f)) {
		fence_become(engine, f, FENCED_HOLD);
		return;
	}
	f->due_ms = now_ms + READ_AGAIN_MS;
	reading_now(engine, f->own, now_ms);
}

static void
ask_again(struct engine *engine, struct fenced *f, int64_t now_ms)
{
	int64_t most = engine->options.heartbeat_ms;

	if (f->by == 0 || f->unsaid || f->ask_ms > now_ms)
		return;
	f->ask_ms =
	    now_ms + backoff_ms(ASK_MS < most ? ASK_MS : most, most, f->asks);
	if (f->asks < 32)
		f->asks++;
	fence_todo(engine, f, f->by & ~f->out);
}

static void
step(struct engine *engine, struct fenced *f, int64_t now_ms)
{
	struct view v;

	if (!fence_has_file(f->own)) {
		fence_drop(engine, f->own, 0);
		return;
	}
	/* May be another message's file until a look has found it. */
	if (f->own->epoch == OWN_EPOCH_BACK)
		return;
	switch (f->state) {
	case FENCED_WANTED:
		look(engine, f, now_ms, &v);
		if (!is_wanted(f, &v))
			let_go(engine, f, &v);
		else
			find_out(engine, f, now_ms);
		break;
	case FENCED_ASKED:
	case FENCED_HELD:
		if (f->by != 0 && f->text == NULL && !f->unsaid)
			find_out(engine, f, now_ms);
		else
			ask_again(engine, f, now_ms);
		decide(engine, f, now_ms);
		break;
	default:
		break;
	}
}

/* An earlier worker's holds stand until all who may have it were asked. */
static int
all_listed(const struct engine *engine, int64_t now_ms)
{
	for (size_t i = 0; i < engine->options.peers; i++)
		if (!engine->peers[i].talk.listed &&
		    engine_state(engine, i, now_ms) != ENGINE_PEER_SILENT)
			return 0;
	return 1;
}

void
fence_turn(struct engine *engine, int64_t now_ms)
{
	struct fences *fs = &engine->fences;
	struct fenced *f = fs->first;
	int listed;

	if (!fs->dirty && fs->turn_ms > now_ms)
		return;
	fs->dirty = 0;
	fs->turn_ms = now_ms + TURN_MS;
	listed = f != NULL && all_listed(engine, now_ms);
	while (f != NULL) {
		struct fenced *next = f->next;

		if (listed)
			f->why &= (uint8_t)~FENCE_BEFORE;
		step(engine, f, now_ms);
		f = next;
	}
}
