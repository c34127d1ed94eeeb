/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/backoff.h"
#include "core/inside.h"
#include "core/lineage.h"
#include "core/pfid.h"

/*
 * What the MTA's queue shows, and what it proves.  Hints only decide when to
 * look; an end needs the answer to a look (SMX_QUEUE_VERIFIED) whose token was
 * given out after the last thing that the answer could have missed: the
 * registration, the verdict, the end of the session.
 */
#define FIRST_MS    250 /* first pause when a look decided nothing */
#define LINKS_MAX   8   /* new ids in a row without a file */
#define LINK_TRIES  10  /* looks for the new id, four minutes */
#define LOOK_MAX_MS ((int64_t)5 * 60 * 1000)

enum own_epoch
evidence_epoch(const struct engine *engine, const struct smx_epoch *row)
{
	if (!engine->has_queue)
		return OWN_EPOCH_UNKNOWN;
	switch (lineage_of(&engine->queue, row)) {
	case LINEAGE_SAME:
		return OWN_EPOCH_SAME;
	case LINEAGE_BACK:
		return OWN_EPOCH_BACK;
	case LINEAGE_OTHER:
		return OWN_EPOCH_OTHER;
	case LINEAGE_UNKNOWN:
		break;
	}
	return OWN_EPOCH_UNKNOWN;
}

/* A message is given its counter some time before the MTA commits it. */
#define EDGE_MS 60000

static int
is_edge(const struct engine *engine, const struct smx_epoch *row, uint64_t last)
{
	int64_t beats = 2 + EDGE_MS / (engine->options.heartbeat_ms > 0
					      ? engine->options.heartbeat_ms
					      : EDGE_MS);

	return row->counter <= last && last - row->counter <= (uint64_t)beats;
}

void
engine_queue_torn(struct engine *engine, const struct smx_epoch *torn)
{
	engine->torn = *torn;
}

void
evidence_adopt(struct engine *engine, struct own *own,
    const struct smx_epoch *row)
{
	const struct smx_queue_state *q = &engine->queue;

	own->epoch = (uint8_t)evidence_epoch(engine, row);
	own->unclean = q->unclean != 0 && row->counter <= q->unclean;
	if (own->epoch == OWN_EPOCH_BACK)
		engine->went_back = 1;
	if (own->epoch != OWN_EPOCH_SAME)
		return;
	if (smx_epoch_same(&engine->torn, row) &&
	    is_edge(engine, row, engine->torn.counter))
		own->epoch = OWN_EPOCH_BACK;
	own->edge = q->spans != 0 && row->counter < q->first &&
		    is_edge(engine, row, q->span[q->spans - 1].last);
}

void
evidence_soon(struct engine *engine, struct own *own, int64_t now_ms)
{
	if (own_id(own)[0] == '\0')
		return;
	own_sooner(&engine->own, own, now_ms + EVIDENCE_HINT_MS);
}

static void
look_again(struct engine *engine, struct own *own, int64_t now_ms)
{
	own_due(&engine->own, own,
	    now_ms + backoff_ms(FIRST_MS, LOOK_MAX_MS, own->tries));
	if (own->tries < 32)
		own->tries++;
}

void
evidence_doubt(struct own *own, const char *why)
{
	struct log_line l;

	if (own->doubtful)
		return;
	own->doubtful = 1;
	log_begin(&l, SMX_LOG_WARNING, own_id(own), "doubtful");
	log_key(&l, "key", &own->key);
	log_str(&l, "why", why);
	log_end(&l);
}

void
evidence_become(struct own *own, enum own_state state)
{
	struct log_line l;

	own->doubtful = 0;
	if (own->state == (uint8_t)state)
		return;
	own->state = (uint8_t)state;
	if (state == OWN_COMMITTED && !own->adopted)
		return; /* the normal path says so at its end */
	log_begin(&l, state == OWN_COMMITTED ? SMX_LOG_INFO : SMX_LOG_WARNING,
	    own_id(own), own_state_name(own));
	log_key(&l, "key", &own->key);
	log_end(&l);
}

/* ---- what an answer means for one message ---- */

static void
finished(struct engine *engine, struct own *own, const char *why,
    int64_t now_ms)
{
	if (own->returned && sequel_is_open(engine, own)) {
		look_again(engine, own, now_ms);
		return;
	}
	engine->finished++;
	engine_end(engine, own, NOTICE_DISCARD, why, now_ms);
}

/*
 * Absence of a message that this run of ours did not see with its own eyes:
 * only the same queue, never interrupted, with no way out unseen, lets it count
 * as the end.
 */
static int
absence_counts(struct engine *engine, struct own *own)
{
	const struct smx_queue_state *q = &engine->queue;

#ifdef MUTANT_UNKNOWN_IS_FINISHED
	return 1;
#endif
	if (own->has == 0 && own->may == 0 && own->adopted)
		return 1; /* there is no copy whose fate depends on it */
	if (own->done)
		return 1; /* it ended at a holder that has told so */
	if (own->unwatched && !q->links_known)
		evidence_doubt(own, "links_unknown");
	else if (!own->adopted || own->committed)
		return 1;
	else if (own->epoch == OWN_EPOCH_UNKNOWN)
		evidence_doubt(own, "epoch");
	else if (own->unclean)
		evidence_doubt(own, "unclean_stop");
	else
		return 1;
	return 0;
}

/* Not in this queue, and not because it ended: the holders' to take over. */
static void
lost(struct engine *engine, struct own *own, int64_t now_ms)
{
#ifdef MUTANT_UNKNOWN_IS_FINISHED
	finished(engine, own, "unknown", now_ms);
	return;
#endif
	if (own->done) {
		finished(engine, own, "ended_there", now_ms);
		return;
	}
	evidence_become(own, OWN_LOST);
	/* A copy that is under way is of the file that was. */
	if (own->has != 0 || own->may != 0 || own->copy_out)
		look_again(engine, own, now_ms);
	else {
		struct log_line l;

		log_begin(&l, SMX_LOG_ERR, own_id(own), "lost");
		log_key(&l, "key", &own->key);
		log_str(&l, "why", "queue_replaced_and_no_copy");
		log_end(&l);
		engine_forget(engine, own);
	}
}

/* What went back is not waited for under another id: that was in the queue that
 * is gone. */
static int
went_back(const struct engine *engine, const struct own *own)
{
	return own->epoch == OWN_EPOCH_BACK ||
	       (own->edge && engine->went_back && !own->committed);
}

static void
absent(struct engine *engine, struct own *own, const char *why, int64_t now_ms)
{
	if (!own->committed && !own->ended)
		look_again(engine, own, now_ms);
	else if (went_back(engine, own))
		lost(engine, own, now_ms);
	else if (own->requeued) {
		/* It left under another id; the log has yet to say which. */
		if ((engine->has_queue && !engine->queue.links_known) ||
		    own->tries >= LINK_TRIES)
			evidence_doubt(own, "requeued");
		look_again(engine, own, now_ms);
	} else if (own->fenced && fence_may_return(engine, own))
		own_due(&engine->own, own,
		    now_ms + engine->options.heartbeat_ms);
	else if (absence_counts(engine, own))
		finished(engine, own, why, now_ms);
	else
		look_again(engine, own, now_ms);
}

/* A hint that came while the question was under way asks for another look. */
static void
there(struct engine *engine, struct own *own, uint64_t token, int64_t now_ms)
{
	/* A short name may be that of any message of those days: what comes to
	 * its end would not be the end of this one. */
	if (own->epoch == OWN_EPOCH_BACK && !pfid_long(own_id(own))) {
		lost(engine, own, now_ms);
		return;
	}
	own->tries = 0;
	own->committed = 1;
	if (own->epoch == OWN_EPOCH_BACK)
		own->epoch = OWN_EPOCH_SAME; /* it was restored too */
	own->unwatched = 0;
	evidence_become(own, OWN_COMMITTED);
	if (own->fenced)
		fence_seen(engine, own);
	if (own->sum == 0)
		reading_want(engine, own, now_ms);
	again_want(engine, own, now_ms);
	if (token <= own->hinted_after)
		look_again(engine, own, now_ms);
	else
		own_due(&engine->own, own, now_ms + LOOK_MAX_MS);
}

/* The id was free for the file that is there now, unless this one was requeued
 * while nobody looked. */
static void
id_used_again(struct engine *engine, struct own *own, int64_t now_ms)
{
	own->asked_s = 0;
	if (!own->unwatched) {
		absent(engine, own, "id_used_again", now_ms);
		return;
	}
	if (own->tries >= LINK_TRIES)
		evidence_doubt(own, "id_used_again");
	look_again(engine, own, now_ms);
}

/* The file is there, was never made permanent, and nobody writes it. */
static void
stray(struct engine *engine, struct own *own, int64_t now_ms)
{
	/* In a queue that went back it may have been permanent since then. */
	if (own->epoch == OWN_EPOCH_BACK ||
	    (own->adopted && own->epoch != OWN_EPOCH_SAME)) {
		absent(engine, own, "stray", now_ms);
		return;
	}
	/* What was permanent never is a stray: it is another message's. */
	if (own->committed || own->requeued) {
		id_used_again(engine, own, now_ms);
		return;
	}
	engine->finished++;
	engine_end(engine, own, NOTICE_ABORT, "stray", now_ms);
}

static void
linked(struct engine *engine, struct own *own, const char *other,
    int64_t now_ms)
{
	struct log_line l;

	if (own->requeued)
		own->tries = 0; /* it was waited for */
	look_again(engine, own, now_ms);
	if (other[0] == '\0' || strcmp(other, own_id(own)) == 0)
		return;
	/* Ids that are used again can make links that lead in a circle. */
	if (own->tries >= LINKS_MAX)
		evidence_doubt(own, "links_in_a_circle");
	else {
		log_begin(&l, SMX_LOG_INFO, own_id(own), "requeued");
		log_key(&l, "key", &own->key);
		log_str(&l, "new_id", other);
		log_end(&l);
		evidence_become(own, OWN_COMMITTED);
	}
	if (own_rename(&engine->own, own, other) != SMX_OK)
		return;
	own->requeued = 0;
	own->committed = 1; /* only what is permanent is requeued */
	own->looked_after = engine->token;
	/* A read that is out asks for the former id. */
	own->read_out = 0;
	reads_remove(&engine->reads, own);
	reading_want(engine, own, now_ms);
	if (own->fenced)
		fence_renamed(engine, own);
}

static void
judge(struct engine *engine, struct own *own,
    const struct smx_queue_event *event, int64_t now_ms)
{
	if (event->presence != SMX_PRESENCE_UNKNOWN)
		own->asked_s = 0;
	switch (event->presence) {
	case SMX_PRESENCE_THERE:
		there(engine, own, event->token, now_ms);
		break;
	case SMX_PRESENCE_STRAY:
		stray(engine, own, now_ms);
		break;
	case SMX_PRESENCE_CORRUPT:
		evidence_become(own, OWN_CORRUPT);
		look_again(engine, own, now_ms);
		break;
	case SMX_PRESENCE_ABSENT:
		absent(engine, own, "absent", now_ms);
		break;
	case SMX_PRESENCE_LINKED:
		linked(engine, own, event->other, now_ms);
		break;
	case SMX_PRESENCE_UNKNOWN:
	case SMX_PRESENCE_UNCOMMITTED:
	default:
		look_again(engine, own, now_ms);
		break;
	}
}

/* ---- several messages under one id ---- */

static int
judged(const struct own *own, uint64_t token)
{
	return own->state != OWN_HOLDING && own->looked_after < token;
}

static int
is_a_file(enum smx_presence presence)
{
	return presence == SMX_PRESENCE_THERE ||
	       presence == SMX_PRESENCE_UNCOMMITTED ||
	       presence == SMX_PRESENCE_STRAY;
}

/* For all before any of them is judged, which may end it. */
static void
mark_outlived(const struct own_table *table,
    const struct smx_queue_event *event)
{
	for (struct own *o = own_first_id(table, event->id); o != NULL;
	     o = own_next_id(o))
		o->outlived = is_a_file(event->presence) &&
			      own_outlived(table, o, event->token);
}

void
evidence_verified(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct own *own;

	/* Not an answer to any question of this life. */
	if (event->token == 0 || event->token > engine->token)
		return;
	mark_outlived(&engine->own, event);
	own = own_first_id(&engine->own, event->id);
	while (own != NULL) {
		struct own *next = own_next_id(own);

		if (judged(own, event->token)) {
			if (own->epoch == OWN_EPOCH_OTHER)
				lost(engine, own, now_ms);
			else if (own->outlived)
				id_used_again(engine, own, now_ms);
			else
				judge(engine, own, event, now_ms);
		}
		own = next;
	}
	passer_seen(engine, event, now_ms);
}
