/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"
#include "core/inside.h"
#include "core/pfid.h"
#include "core/resend_in.h"

/*
 * Is what is sent again taken already?  Held and accepted proves nothing: the
 * MTA may have lost it after our yes.  So there has to be the sight of the
 * commit, and for the recipient either the log's line that it was delivered, or
 * its place in the file, read after the question was asked.  Whatever else is
 * the case (bounced, deleted, put on hold, requeued, set aside, rewritten to
 * another address, not known) makes it ordinary mail.
 */
#define CANDIDATES 8    /* attempts that are looked at for one recipient */
#define ASKED_MS   5000 /* a read that was not answered is asked for again */

enum fate { FATE_UNKNOWN, FATE_WAIT, FATE_TAKEN };

void
engine_resend_note(struct engine *engine, const struct smx_key *key,
    const struct resend_message *message, int64_t window_ms, int64_t now_ms)
{
	const struct own *own = own_find(&engine->own, key);

	if (own == NULL || own->state != OWN_ANSWERED ||
	    own_id(own)[0] == '\0' || window_ms <= 0)
		return;
	resends_add(&engine->resends, key, own_id(own), message,
	    now_ms + window_ms, now_ms);
}

/* ---- what comes from the queue and the log ---- */

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
mark_open(struct resend_attempt *a, const char *text)
{
	size_t count = 0;
	uint64_t *open = amend_addresses(text, strlen(text), &count);

	if (open == NULL)
		return;
	qsort(open, count, sizeof(*open), by_size);
	for (size_t i = 0; i < a->count; i++)
		a->slot[i].open = bsearch(&a->slot[i].rcpt.address, open, count,
				      sizeof(*open), by_size) != NULL;
	free(open);
}

void
resends_read(struct engine *engine, const struct own *own,
    const struct smx_queue_event *event, int counts)
{
	struct resend_attempt *a = resends_find(&engine->resends, &own->key);

	if (a == NULL)
		return;
	a->read = event->token;
	a->asked_ms = 0;
	for (size_t i = 0; i < a->count; i++)
		a->slot[i].open = 0;
	if (counts && !event->held)
		mark_open(a, event->text);
}

void
resends_gone(struct engine *engine, const struct own *own)
{
	struct resend_attempt *a = resends_find(&engine->resends, &own->key);

	if (a != NULL)
		a->committed = own->committed;
}

/* A short id may be another message's by the time its line is read. */
void
resends_sent(struct engine *engine, const struct smx_queue_event *event)
{
	struct resend_attempt *a =
	    resends_first_id(&engine->resends, event->id);
	uint64_t address;
	char *end;

	if (a == NULL || !pfid_long(event->id))
		return;
	address = strtoull(event->other, &end, 16);
	if (end == event->other || *end != '\0')
		return;
	for (; a != NULL; a = resends_next_id(a))
		for (size_t i = 0; i < a->count; i++)
			if (a->slot[i].rcpt.address == address)
				a->slot[i].sent = 1;
}

/* ---- the answer ---- */

/* It is in the queue under the id that it began with, nothing that this host or
 * a person did stands in its way, and it would outlive this host. */
static int
stands(const struct engine *engine, const struct own *own, unsigned min_copies)
{
	if (own->state != OWN_COMMITTED || !own->committed || own->doubtful ||
	    own->adopted || own->passed || own->moved || own->requeued ||
	    own->unwatched || own->fenced || own->held || own->done ||
	    own->epoch != OWN_EPOCH_SAME)
		return 0;
	if (min_copies == 0)
		min_copies = 1;
	return !own->unprotected && copies_sure(engine, own) >= min_copies;
}

static void
ask_queue(struct engine *engine, struct own *own, struct resend_attempt *a,
    int64_t now_ms)
{
	if (a->asked_ms != 0 && now_ms - a->asked_ms < ASKED_MS)
		return;
	a->asked_ms = now_ms == 0 ? 1 : now_ms;
	reading_now(engine, own, now_ms);
}

static enum fate
fate_in(struct engine *engine, const struct resend_question *q,
    const struct resend_slot *slot, int64_t now_ms)
{
	struct resend_attempt *a = slot->of;
	struct own *own = own_find(&engine->own, &a->key);

	if (a->until_ms <= now_ms)
		return FATE_UNKNOWN;
#ifdef MUTANT_RESEND_UNPROVEN
	if (own != NULL && own->state != OWN_HOLDING)
		return FATE_TAKEN;
#endif
	if (slot->sent && (own != NULL ? own->committed : a->committed))
		return FATE_TAKEN;
	if (own == NULL || !stands(engine, own, q->min_copies))
		return FATE_UNKNOWN;
	if (a->read > q->since)
		return slot->open ? FATE_TAKEN : FATE_UNKNOWN;
	ask_queue(engine, own, a, now_ms);
	return FATE_WAIT;
}

static enum fate
fate_of(struct engine *engine, struct resend_question *q, size_t rcpt,
    int64_t now_ms)
{
	struct resend_slot *slot =
	    resends_first(&engine->resends, q->message, rcpt);
	enum fate best = FATE_UNKNOWN;

	for (int i = 0; i < CANDIDATES && slot != NULL; i++) {
		enum fate fate = fate_in(engine, q, slot, now_ms);

		if (fate == FATE_TAKEN) {
			q->first = slot->of->key;
			memcpy(q->first_id, slot->of->id, sizeof(q->first_id));
			return fate;
		}
		if (fate == FATE_WAIT)
			best = fate;
		slot = resends_next(slot, q->message);
	}
	return best;
}

/* The MTA strikes out an address, whatever parameters it came with. */
static void
spare_namesakes(struct resend_question *q)
{
	const struct resend_message *m = q->message;

	for (size_t i = 0; i < m->count; i++)
		for (size_t j = 0; j < m->count && q->taken[i]; j++)
			if (!q->taken[j] &&
			    m->rcpts[i].address == m->rcpts[j].address) {
				q->taken[i] = 0;
				q->count--;
			}
}

void
engine_resend_ask(struct engine *engine, struct resend_question *q,
    int64_t now_ms)
{
	engine_clock(engine, now_ms);
	if (!q->begun) {
		q->begun = 1;
		q->since = engine->token;
	}
	q->count = q->waiting = 0;
	for (size_t i = 0; i < q->message->count; i++) {
		enum fate fate = fate_of(engine, q, i, now_ms);

		q->taken[i] = fate == FATE_TAKEN;
		q->count += fate == FATE_TAKEN;
		q->waiting += fate == FATE_WAIT;
	}
	if (q->count != 0 && q->count != q->message->count)
		spare_namesakes(q);
}

void
engine_resend_kept_out(struct engine *engine, const struct resend_question *q)
{
	engine->resends.messages++;
	engine->resends.recipients += q->count;
}
