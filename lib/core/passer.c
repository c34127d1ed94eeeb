/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/backoff.h"
#include "core/inside.h"

/*
 * Messages that pass us by: the MTA commits them although our session saw an
 * ABORT.  Its ABORT comes late, after the commit or after the removal of the
 * file, so a look into the queue decides; only one that finds the file there
 * makes an own message of it, unprotected until it is copied from its file.
 */
#define COPY_AGAIN_MS     2000
#define COPY_AGAIN_MAX_MS ((int64_t)5 * 60 * 1000)
#define LOOK_MS           ((int64_t)5 * 60 * 1000)

/* The session is still at the message of this id, or has just answered for it:
 * that one is followed already. */
static int
is_own(const struct engine *engine, const char *id)
{
	for (const struct own *o = own_first_id(&engine->own, id); o != NULL;
	     o = own_next_id(o))
		if (!o->ended)
			return 1;
	return 0;
}

void
engine_passed(struct engine *engine, const char *queue_id, int64_t now_ms)
{
	struct passed *passed = &engine->passed;
	uint64_t dropped = passed->dropped;

	engine_clock(engine, now_ms);
	if (queue_id[0] == '\0' || strlen(queue_id) > SMX_QUEUE_ID_MAX ||
	    is_own(engine, queue_id))
		return;
	if (passed_add(passed, queue_id, engine->token,
		now_ms + EVIDENCE_HINT_MS, now_ms) != SMX_OK)
		passed->dropped++;
	if (passed->dropped != dropped && (dropped & (dropped + 1)) == 0)
		log_event(SMX_LOG_WARNING, "passed_dropped", "count=%llu",
		    (unsigned long long)passed->dropped);
	engine->work++;
}

static void
log_passed(const struct own *own, const char *what, enum smx_level level)
{
	struct log_line l;

	log_begin(&l, level, own_id(own), what);
	log_key(&l, "key", &own->key);
	log_end(&l);
}

static void
become_own(struct engine *engine, const char *id, int64_t now_ms)
{
	struct smx_key key;
	struct own *own;

	engine->passed_by++;
	if (engine->own.count >= engine->options.max_open)
		own = NULL;
	else {
		engine_next_key(engine, id, &key);
		own = own_add(&engine->own, &key, id);
	}
	if (own == NULL) {
		struct log_line l;

		log_begin(&l, SMX_LOG_ERR, id, "passed_not_followed");
		log_end(&l);
		return;
	}
	own->state = OWN_COMMITTED;
	own->committed = 1;
	own->ended = 1;
	own->passed = 1;
	own->wanted = 1;
	own->began_ms = now_ms;
	own->looked_after = engine->token;
	copies_count(own);
	own_due(&engine->own, own, now_ms + LOOK_MS);
	log_passed(own, "passed_by", SMX_LOG_WARNING);
	passer_copy(engine, own, now_ms);
}

static void
take(struct engine *engine, struct passed_id *one, const char *id,
    int64_t now_ms)
{
	/* Under an id that is used again nobody can tell whose file it is; the
	 * one that is open under it already is looked for and kept. */
	if (own_first_id(&engine->own, id) == NULL)
		become_own(engine, id, now_ms);
	passed_forget(&engine->passed, one);
}

void
passer_committed(struct engine *engine, const char *id, int64_t now_ms)
{
	struct passed_id *one = passed_find(&engine->passed, id);

	if (one != NULL)
		take(engine, one, one->id, now_ms);
}

void
passer_seen(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct passed_id *one = passed_find(&engine->passed, event->id);

	if (one == NULL || event->token <= one->after)
		return;
	switch (event->presence) {
	case SMX_PRESENCE_THERE:
		take(engine, one, one->id, now_ms);
		break;
	case SMX_PRESENCE_LINKED:
		if (event->other[0] != '\0')
			take(engine, one, event->other, now_ms);
		break;
	case SMX_PRESENCE_ABSENT:
	case SMX_PRESENCE_STRAY:
	case SMX_PRESENCE_CORRUPT:
		passed_forget(&engine->passed, one);
		break;
	case SMX_PRESENCE_UNKNOWN:
	case SMX_PRESENCE_UNCOMMITTED:
	default:
		break; /* its next look is due later */
	}
}

void
engine_adopt_passed(struct engine *engine, const struct smx_key *key)
{
	struct own *own = own_find(&engine->own, key);

	if (own != NULL)
		own->passed = 1;
}

/* ---- copying them ---- */

void
passer_copy(struct engine *engine, struct own *own, int64_t now_ms)
{
	if (!own->passed || own->has != 0 || own->wanted == 0)
		return;
	/* No room: when the message is looked for the next time. */
	(void)passed_copy_add(&engine->passed, &own->key, now_ms);
	engine->work++;
}

int
engine_copy_next(struct engine *engine, int64_t now_ms, struct smx_key *key,
    char id[64], int64_t *wake_ms)
{
	struct passed *passed = &engine->passed;
	size_t i = 0;

	engine_clock(engine, now_ms);
	*wake_ms = now_ms + engine->options.heartbeat_ms;
	while (i < passed->copies) {
		struct passed_copy *c = &passed->copy[i];
		struct own *own = own_find(&engine->own, &c->key);

		if (!c->out && (own == NULL || own->has != 0)) {
			passed_copy_forget(passed, c);
			continue;
		}
		i++;
		if (c->out)
			continue;
		if (c->due_ms > now_ms) {
			if (c->due_ms < *wake_ms)
				*wake_ms = c->due_ms;
			continue;
		}
		c->out = 1;
		*key = c->key;
		memcpy(id, own_id(own), strlen(own_id(own)) + 1);
		return SMX_OK;
	}
	return SMX_ENOTFOUND;
}

static void
copy_later(struct passed_copy *c, int64_t now_ms)
{
	c->due_ms =
	    now_ms + backoff_ms(COPY_AGAIN_MS, COPY_AGAIN_MAX_MS, c->tries);
	c->tries++;
	c->out = 0;
}

void
engine_copy_result(struct engine *engine, const struct smx_key *key, int result,
    const struct engine_ranks *ranks, int64_t now_ms)
{
	struct passed_copy *c = passed_copy_find(&engine->passed, key);
	struct own *own = own_find(&engine->own, key);

	engine_clock(engine, now_ms);
	if (c == NULL)
		return;
	if (own == NULL) {
		passed_copy_forget(&engine->passed, c);
		return;
	}
	if (ranks != NULL && ranks->wanted != 0)
		own->wanted = (uint8_t)ranks->wanted;
	if (result == SMX_OK && (ranks == NULL || ranks->count == 0)) {
		own->wanted = 0;
		copies_count(own);
		passed_copy_forget(&engine->passed, c);
		return;
	}
	if (own->has == 0) {
		copy_later(c, now_ms);
		if (result == SMX_ENOTFOUND)
			evidence_soon(engine, own, now_ms);
		engine->work++;
		return;
	}
	passed_copy_forget(&engine->passed, c);
	copies_count(own);
	/* What was copied is what the MTA has committed, addresses and all:
	 * that, and whether it is on hold, is told by the read. */
	copies_rank(engine, own, ranks, now_ms);
	own->sum = 0;
	reading_want(engine, own, now_ms);
	engine->work++;
}
