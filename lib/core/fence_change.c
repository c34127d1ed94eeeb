/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/fence.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/backoff.h"
#include "core/inside.h"

/* Which messages the queue is to put on hold, release or erase now, and what
 * came of it. */
#define IDLE_MS     500  /* while there are fenced messages */
#define PROVE_MS    5000 /* an erased file that is seen again */
#define IDS_AT_MOST SMX_QUEUE_CHANGE_MAX

void
engine_fence_able(struct engine *engine, int able)
{
	engine->fences.able = able != 0;
}

/* The order in which they go: what may be delivered twice first. */
static const struct {
	enum fenced_state state;
	enum smx_queue_change what;
} changes[] = {
	{ FENCED_HOLD, SMX_QUEUE_HOLD },
	{ FENCED_ERASE, SMX_QUEUE_ERASE },
	{ FENCED_RELEASE, SMX_QUEUE_RELEASE },
};
#define CHANGES (sizeof(changes) / sizeof(*changes))

/* Under a shared id nobody can tell whose file it is, but that it is not that
 * of a message which has none here. */
static int
is_alone(const struct engine *engine, const struct own *own)
{
	const struct own *o = own_first_id(&engine->own, own_id(own));

	while (o != NULL && (o == own || !fence_has_file(o)))
		o = own_next_id(o);
	return o == NULL;
}

static int
is_due(const struct engine *engine, const struct fenced *f,
    enum fenced_state state, int64_t now_ms)
{
	/* What is not there needs no second try. */
	return f->state == state && !f->changing && f->due_ms <= now_ms &&
	       (state != FENCED_ERASE || f->gone_at == 0) &&
	       f->own->epoch != OWN_EPOCH_BACK && own_id(f->own)[0] != '\0' &&
	       is_alone(engine, f->own);
}

static void
take(struct engine *engine, struct fenced *f, enum smx_queue_change what,
    const char **id, size_t at)
{
	const char *name = own_id(f->own);

	f->changing = (unsigned)what & 3;
	if (f->tries < 32)
		f->tries++;
	/* From now on it may be on hold by our doing. */
	if (f->state == FENCED_HOLD)
		f->ours = 1;
	memcpy(engine->fences.ids[at], name, strlen(name) + 1);
	*id = engine->fences.ids[at];
}

static size_t
collect(struct engine *engine, enum fenced_state state,
    enum smx_queue_change what, int64_t now_ms, const char **ids, size_t max)
{
	size_t n = 0;

	for (struct fenced *f = engine->fences.first; f != NULL && n < max;
	     f = f->next)
		if (is_due(engine, f, state, now_ms)) {
			take(engine, f, what, &ids[n], n);
			n++;
		}
	return n;
}

static int
make_room(struct fences *fs)
{
	if (fs->ids == NULL)
		fs->ids = calloc(IDS_AT_MOST, sizeof(*fs->ids));
	return fs->ids != NULL;
}

size_t
engine_fence_next(struct engine *engine, int64_t now_ms,
    enum smx_queue_change *what, const char **ids, size_t max, int64_t *wake_ms)
{
	struct fences *fs = &engine->fences;
	size_t n = 0;

	engine_clock(engine, now_ms);
	*wake_ms = now_ms + engine->options.heartbeat_ms;
	if (fs->count == 0 || !fs->able)
		return 0;
	if (now_ms + IDLE_MS < *wake_ms)
		*wake_ms = now_ms + IDLE_MS;
	fence_turn(engine, now_ms);
	if (!make_room(fs))
		return 0;
	if (max > IDS_AT_MOST)
		max = IDS_AT_MOST;
	for (size_t i = 0; i < CHANGES && n == 0; i++) {
		*what = changes[i].what;
		if (!fs->out[*what])
			n = collect(engine, changes[i].state, *what, now_ms,
			    ids, max);
	}
	fs->out[*what] |= n != 0;
	return n;
}

/* ---- what came of it ---- */

static void
released(struct engine *engine, struct fenced *f)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, own_id(f->own), "fence_released");
	log_key(&l, "key", &f->own->key);
	log_str(&l, "why",
	    f->person   ? "a_person"
	    : f->second ? "holder_silent"
			: "ours");
	log_end(&l);
	f->ours = f->seen = 0;
	f->tries = 0;
	engine->fences.second += f->second;
	engine->fences.given_back += !f->second && !f->person;
	if (f->person || f->second || f->partly != 0)
		fence_become(engine, f, FENCED_LEFT);
	else
		fence_drop(engine, f->own, 0);
}

static void
done(struct engine *engine, struct fenced *f, enum smx_queue_change what,
    int64_t now_ms)
{
	switch (what) {
	case SMX_QUEUE_HOLD:
		/* A message that was on the move may have been missed: a read
		 * from now on tells. */
		fence_become(engine, f,
		    f->person ? FENCED_RELEASE : FENCED_WANTED);
		break;
	case SMX_QUEUE_RELEASE:
		released(engine, f);
		break;
	case SMX_QUEUE_ERASE:
		engine->fences.erased += f->tries == 1;
		f->due_ms = now_ms + PROVE_MS;
		f->own->done = 1; /* its absence is no loss */
		evidence_soon(engine, f->own, now_ms);
		break;
	case SMX_QUEUE_REQUEUE:
	case SMX_QUEUE_EXPIRE:
		break; /* never a fence's */
	}
}

static void
failed(struct fenced *f, int64_t now_ms)
{
	f->due_ms = now_ms + backoff_ms(CHANGE_AGAIN_MS, CHANGE_AGAIN_MAX_MS,
				 f->tries == 0 ? 0 : f->tries - 1u);
}

static void
log_change(struct fences *fs, enum smx_queue_change what, size_t count,
    int result)
{
	static const char *const verbs[] = { "?", "hold", "release", "erase" };
	struct log_line l;

	/* The same trouble is told once. */
	if (result != SMX_OK && fs->failing == result)
		return;
	fs->failing = result == SMX_OK ? 0 : result;
	log_begin(&l, result == SMX_OK ? SMX_LOG_INFO : SMX_LOG_ERR, NULL,
	    "fence_change");
	log_str(&l, "what", verbs[what]);
	log_num(&l, "messages", (int64_t)count);
	log_err(&l, "result", result);
	log_end(&l);
}

static struct fenced *
changing(const struct engine *engine, const char *id)
{
	struct own *own = own_first_id(&engine->own, id);

	for (; own != NULL; own = own_next_id(own)) {
		struct fenced *f = fence_find(engine, own);

		if (f != NULL && f->changing)
			return f;
	}
	return NULL;
}

/* It was decided anew while the batch was out. */
static int
is_other(const struct fenced *f, enum smx_queue_change what)
{
	return !((what == SMX_QUEUE_HOLD && f->state == FENCED_HOLD) ||
		 (what == SMX_QUEUE_RELEASE && f->state == FENCED_RELEASE) ||
		 (what == SMX_QUEUE_ERASE && f->state == FENCED_ERASE));
}

static void
came_back(struct engine *engine, struct fenced *f, enum smx_queue_change what,
    int result, int64_t now_ms)
{
	f->changing = 0;
	if (!is_other(f, what)) {
		if (result == SMX_OK)
			done(engine, f, what, now_ms);
		else
			failed(f, now_ms);
		return;
	}
	f->due_ms = now_ms;
	f->tries = 0;
	/* Our hold is gone, or may be: a read tells. */
	if (what == SMX_QUEUE_RELEASE && f->state != FENCED_LEFT)
		f->seen = 0;
}

void
engine_fence_result(struct engine *engine, enum smx_queue_change what,
    const char *const *ids, size_t count, int result, int64_t now_ms)
{
	struct fences *fs = &engine->fences;

	engine_clock(engine, now_ms);
	if (what < SMX_QUEUE_HOLD || what > SMX_QUEUE_ERASE)
		return;
	fs->out[what] = 0;
	log_change(fs, what, count, result);
	for (size_t i = 0; i < count; i++) {
		struct fenced *f = changing(engine, ids[i]);

		if (f != NULL && f->changing == (unsigned)what)
			came_back(engine, f, what, result, now_ms);
		else if (f == NULL && what == SMX_QUEUE_ERASE &&
			 result == SMX_OK)
			fs->erased++; /* its end was seen first */
	}
	/* What was given another id meanwhile is changed again. */
	for (struct fenced *f = fs->first; f != NULL; f = f->next)
		if (f->changing == (unsigned)what)
			f->changing = 0;
	fence_stir(engine);
}

/* ---- the book of what is on hold by our doing ---- */

int
engine_fence_entry(struct engine *engine, const char *id,
    struct smx_listed *out)
{
	struct fenced *f = changing(engine, id);

	if (f == NULL || f->booked)
		return SMX_ENOTFOUND;
	f->booked = 1;
	memset(out, 0, sizeof(*out));
	out->key = f->own->key;
	out->epoch = engine->queue.epoch;
	memcpy(out->queue_id, id, strlen(id) + 1);
	return SMX_OK;
}

size_t
engine_fence_freed(struct engine *engine, struct smx_key *keys, size_t max)
{
	struct fences *fs = &engine->fences;
	size_t n = fs->freed_count < max ? fs->freed_count : max;

	if (n == 0)
		return 0;
	fs->freed_count -= n;
	memcpy(keys, fs->freed + fs->freed_count, n * sizeof(*keys));
	return n;
}

void
engine_fence_before(struct engine *engine, const struct smx_listed *message,
    int64_t now_ms)
{
	struct fenced *f;
	struct own *own;

	engine_adopt_unprotected(engine, message, now_ms);
	own = own_find(&engine->own, &message->key);
	if (own == NULL || !engine->fences.able)
		return;
	f = fence_find(engine, own);
	if (f == NULL)
		f = fence_add(engine, own, now_ms);
	if (f == NULL)
		return;
	f->ours = f->booked = 1;
	f->why |= FENCE_BEFORE;
	fence_stir(engine);
}
