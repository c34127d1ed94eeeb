/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"
#include "core/lineage.h"

/* Hints from the queue, its state, and when to look into it: evidence.c judges
 * what a look shows. */
#define UNASKED_MS 30000 /* a look without an answer is repeated */
#define DOUBT_S    60    /* no answer for so long is shown */

static const uint8_t no_epoch[16];

static void
hint(struct engine *engine, struct own *own, enum smx_queue_event_kind kind,
    int64_t now_ms)
{
	switch (kind) {
	case SMX_QUEUE_COMMITTED:
		if (own->state != OWN_ANSWERED || own->committed)
			return;
		own->committed = 1;
		own->looked_after = engine->token;
		evidence_become(own, OWN_COMMITTED);
		again_want(engine, own, now_ms);
		return;
	case SMX_QUEUE_REQUEUED:
	case SMX_QUEUE_LINKED: /* begun before our start */
		own->requeued = 1;
		own->hinted_after = engine->token;
		evidence_soon(engine, own, now_ms);
		return;
	case SMX_QUEUE_MOVED:
		reading_want(engine, own, now_ms);
		return;
	default:
		own->tries = 0;
		own->hinted_after = engine->token;
		evidence_soon(engine, own, now_ms);
		return;
	}
}

/* A commit belongs to the message that was registered last. */
static struct own *
newest(const struct own_table *table, const char *id)
{
	struct own *best = NULL;

	for (struct own *o = own_first_id(table, id); o != NULL;
	     o = own_next_id(o))
		if (!o->adopted && (best == NULL || own_older(best, o)))
			best = o;
	return best;
}

static void
hinted(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms)
{
	struct own *own;

	if (event->kind == SMX_QUEUE_COMMITTED) {
		own = newest(&engine->own, event->id);
		if (own != NULL)
			hint(engine, own, event->kind, now_ms);
		else
			passer_committed(engine, event->id, now_ms);
		return;
	}
	own = own_first_id(&engine->own, event->id);
	while (own != NULL) {
		struct own *next = own_next_id(own);

#ifdef MUTANT_DISCARD_ON_ABSENT_HINT
		if (event->kind == SMX_QUEUE_GONE) {
			engine_end(engine, own, NOTICE_DISCARD, "hint", now_ms);
			own = next;
			continue;
		}
#endif
		if (own->state != OWN_HOLDING)
			hint(engine, own, event->kind, now_ms);
		own = next;
	}
}

void
engine_queue_event(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms)
{
	engine_clock(engine, now_ms);
	switch (event->kind) {
	case SMX_QUEUE_VERIFIED:
		evidence_verified(engine, event, now_ms);
		break;
	case SMX_QUEUE_RESET:
		for (struct own *o = engine->own.first; o != NULL;
		     o = o->next) {
			if (o->state == OWN_HOLDING)
				continue;
			o->unwatched = 1;
			o->looked_after = engine->token;
			evidence_soon(engine, o, now_ms);
			reading_want(engine, o, now_ms);
		}
		break;
	case SMX_QUEUE_READ:
		reading_answer(engine, event, now_ms);
		break;
	case SMX_QUEUE_RETURNED:
		sequel_seen(engine, event, now_ms);
		break;
	case SMX_QUEUE_SENT:
		resends_sent(engine, event);
		break;
	case SMX_QUEUE_FOUND:
		passer_found(engine, event->id);
		break;
	case SMX_QUEUE_BOUNCED:
	case SMX_QUEUE_DELETED:
	case SMX_QUEUE_SENT_AS:
	case SMX_QUEUE_BOUNCED_AS:
		break; /* looks prove the end */
	case SMX_QUEUE_REACHED:
	case SMX_QUEUE_UNREACHED:
	case SMX_QUEUE_REFUSED:
		break; /* of a host, not of a message */
	default:
		hinted(engine, event, now_ms);
		break;
	}
}

/*
 * The queue was replaced under us, or an older state of it came back: what was
 * in the former one is lost.  A message in progress may be in either; so may
 * any when it is the same queue.  Only a look that finds it tells.
 */
static void
queue_replaced(struct engine *engine, int other)
{
	struct log_line l;
	char text[SMX_EPOCH_TEXT];

	smx_epoch_format(&engine->queue.epoch, text);
	log_begin(&l, SMX_LOG_ERR, NULL,
	    other ? "queue_replaced" : "queue_restored");
	log_str(&l, "epoch", text);
	log_end(&l);
	for (struct own *o = engine->own.first; o != NULL; o = o->next) {
		/* Answers that are under way are about the former one. */
		o->looked_after = engine->token;
		/* So is a requeue: what of them is in the maildrop that is
		 * there now, the watch finds. */
		o->requeued = 0;
		if (other && o->state != OWN_HOLDING)
			o->epoch = OWN_EPOCH_OTHER;
		else if (o->epoch == OWN_EPOCH_SAME)
			o->epoch = OWN_EPOCH_BACK;
	}
}

void
engine_queue_state(struct engine *engine, const struct smx_queue_state *state,
    int64_t now_ms)
{
	int first = !engine->has_queue;
	int known = memcmp(engine->queue.epoch.id, no_epoch, 16) != 0;
	int other = !smx_epoch_same(&engine->queue.epoch, &state->epoch);
	int back =
	    known && lineage_of(state, &engine->queue.epoch) == LINEAGE_BACK;
	int was_down = engine->queue.mta == SMX_MTA_DOWN;

	engine_clock(engine, now_ms);
	engine->queue = *state;
	engine->has_queue = 1;
	if (memcmp(state->epoch.id, no_epoch, 16) != 0) {
		engine->options.epoch = state->epoch;
		if (known && (other || back))
			queue_replaced(engine, other);
	}
	if (!first && !other && !back &&
	    !(was_down && state->mta != SMX_MTA_DOWN))
		return;
	for (size_t i = 0; i < engine->options.peers; i++)
		sweep_want(engine, i, now_ms);
}

/* ---- when to look ---- */

static void
asked(struct engine *engine, struct own *own, int64_t now_ms)
{
	uint32_t now_s = (uint32_t)(now_ms / 1000);

	if (own->asked_s == 0)
		own->asked_s = now_s == 0 ? 1 : now_s;
	else if (now_s - own->asked_s >= DOUBT_S)
		evidence_doubt(own, "no_answer");
	own_due(&engine->own, own, now_ms + UNASKED_MS);
}

size_t
engine_verify_next(struct engine *engine, int64_t now_ms, const char **ids,
    size_t max, uint64_t *token)
{
	struct passed_id *one;
	struct own *own;
	size_t n = 0;

	engine_clock(engine, now_ms);
	passer_look(engine, now_ms);
	if (max > VERIFY_IDS_MAX)
		max = VERIFY_IDS_MAX;
	while (n < max && (own = own_earliest(&engine->own)) != NULL &&
	       own->due_ms <= now_ms) {
		memcpy(engine->verify[n], own_id(own), strlen(own_id(own)) + 1);
		ids[n] = engine->verify[n];
		own = own_first_id(&engine->own, ids[n]);
		for (; own != NULL; own = own_next_id(own))
			if (own->at != 0)
				asked(engine, own, now_ms);
		n++;
	}
	while (n < max && (one = passed_due(&engine->passed, now_ms)) != NULL) {
		memcpy(engine->verify[n], one->id, sizeof(one->id));
		ids[n] = engine->verify[n];
		n++;
	}
	if (n != 0)
		*token = ++engine->token;
	return n;
}
