/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/inside.h"
#include "core/pfid.h"

/*
 * Messages that pass us by: the MTA commits them although our session saw an
 * ABORT.  Its ABORT comes late, after the commit or after the removal of the
 * file, so a look into the queue decides; only one that finds the file there
 * makes an own message of it, unprotected until it is copied from its file.
 */
#define LOOK_MS   ((int64_t)5 * 60 * 1000)
#define FOUND_MAX 100000 /* ids */
/* So long after our start the MTA may commit what our former life has answered
 * for. */
#define COMMITS_MS ((int64_t)60 * 1000)

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

static struct own *
become_own(struct engine *engine, const char *id, int64_t now_ms)
{
	struct smx_key key;
	struct own *own;

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
		return NULL;
	}
	own->state = OWN_COMMITTED;
	own->committed = 1;
	own->ended = 1;
	own->passed = 1;
	own->wanted = 1;
	own->unlearnt = 1;
	own->began_ms = now_ms;
	own->looked_after = engine->token;
	copies_count(engine, own);
	own_due(&engine->own, own, now_ms + LOOK_MS);
	return own;
}

static void
take(struct engine *engine, struct passed_id *one, const char *id,
    int64_t now_ms)
{
	int found = one->found;
	struct own *own = NULL;

	/* Under an id that is used again nobody can tell whose file it is; the
	 * one that is open under it already is looked for and kept. */
	if (own_first_id(&engine->own, id) == NULL) {
		engine->passed_by += !found;
		own = become_own(engine, id, now_ms);
	}
	if (own != NULL) {
		own->found = found != 0;
		if (found)
			log_passed(own, "found", SMX_LOG_WARNING);
		else
			log_passed(own, "passed_by", SMX_LOG_WARNING);
		again_want(engine, own, now_ms);
	}
	passed_forget(&engine->passed, one);
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

/* ---- what was there before us ---- */

/* Every peer that can be reached has told what it holds for us. */
static int
all_listed(const struct engine *engine, int64_t now_ms)
{
	for (size_t i = 0; i < engine->options.peers; i++) {
		enum engine_peer_state state = engine_state(engine, i, now_ms);

		if (!engine->peers[i].listed_once &&
		    state != ENGINE_PEER_SILENT && state != ENGINE_PEER_LEAVING)
			return 0;
	}
	return engine->has_queue;
}

static void
remember(struct found *f, const char *id)
{
	if (f->count == f->size && f->count < FOUND_MAX) {
		size_t size = f->size == 0 ? 256 : f->size * 2;
		void *p = realloc(f->id, size * sizeof(*f->id));

		if (p == NULL)
			return;
		f->id = p;
		f->size = size;
	}
	if (f->count == f->size || strlen(id) > SMX_QUEUE_ID_MAX)
		return;
	memcpy(f->id[f->count++], id, strlen(id) + 1);
}

void
passer_found(struct engine *engine, const char *id)
{
	struct found *f = &engine->found;

	if (f->over)
		return;
	if (id[0] == '\0') {
		f->over = 1;
		engine->work++;
		return;
	}
	remember(f, id);
}

static int
look_for(struct engine *engine, const char *id, int64_t due_ms, int64_t now_ms)
{
	if (passed_add(&engine->passed, id, engine->token, due_ms, now_ms) !=
	    SMX_OK)
		return 0;
	passed_find(&engine->passed, id)->found = 1;
	return 1;
}

/* As many at a time as there is room for among those that are looked for. */
void
passer_look(struct engine *engine, int64_t now_ms)
{
	struct found *f = &engine->found;

	if (f->count == 0 || !f->over || !all_listed(engine, now_ms))
		return;
	while (f->count != 0 && engine->passed.count < PASSED_MAX / 2) {
		const char *id = f->id[--f->count];

		if (own_first_id(&engine->own, id) == NULL &&
		    passed_find(&engine->passed, id) == NULL &&
		    !look_for(engine, id, now_ms, now_ms))
			break;
	}
	if (f->count == 0)
		found_free(f);
}

/*
 * What our former life answered for, and the MTA commits now, comes after the
 * queue was looked through.  So does what this host resubmits: that is known
 * before it is looked for.
 */
static void
came_late(struct engine *engine, const char *id, int64_t now_ms)
{
	struct found *f = &engine->found;

	if (now_ms - engine->born_ms >= COMMITS_MS || id[0] == '\0' ||
	    strlen(id) > SMX_QUEUE_ID_MAX)
		return;
	if (!f->over || f->count != 0 || !all_listed(engine, now_ms) ||
	    engine->passed.count >= PASSED_MAX / 2)
		remember(f, id);
	else
		(void)look_for(engine, id, now_ms + engine->options.amend_ms,
		    now_ms);
	engine->work++;
}

void
passer_committed(struct engine *engine, const char *id, int64_t now_ms)
{
	struct passed_id *one = passed_find(&engine->passed, id);

	/* One that is found is looked for first: somebody may list it. */
	if (one != NULL && !one->found)
		take(engine, one, one->id, now_ms);
	else if (one == NULL)
		came_late(engine, id, now_ms);
}

void
found_free(struct found *found)
{
	free(found->id);
	found->id = NULL;
	found->count = found->size = 0;
}

/* A peer that could not be reached lists it after all, under the key that it
 * has had from the beginning. */
void
passer_listed(struct engine *engine, const struct own *listed, int64_t now_ms)
{
	const char *id = own_id(listed);
	struct own *own = own_first_id(&engine->own, id);

	if (!pfid_valid(id, strlen(id)) || !pfid_long(id))
		return; /* the id may be another message's by now */
	while (own != NULL) {
		struct own *next = own_next_id(own);

		if (own != listed && own->found && !own->copy_out)
			engine_end(engine, own, NOTICE_DISCARD, "listed",
			    now_ms);
		own = next;
	}
}

void
engine_resubmitted(struct engine *engine, const char *id, int64_t now_ms)
{
	struct own *own;

	engine_clock(engine, now_ms);
	if (id[0] == '\0' || strlen(id) > SMX_QUEUE_ID_MAX ||
	    own_first_id(&engine->own, id) != NULL)
		return;
	own = become_own(engine, id, now_ms);
	if (own == NULL)
		return;
	log_passed(own, "resubmitted", SMX_LOG_NOTICE);
	again_put(&engine->again, own, now_ms + engine->options.amend_ms);
	engine->work++;
}
