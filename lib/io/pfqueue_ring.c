/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

void
pfqueue_ring_clear(struct pfqueue *q)
{
	for (size_t i = 0; i < q->ring_count; i++)
		free(q->ring[(q->ring_first + i) % PFQUEUE_EVENTS_MAX].text);
	q->ring_count = 0;
	q->ring_text = 0;
}

/* When nobody fetches events all of them give way to one RESET: it makes its
 * reader ask again about everything, answers that were dropped included. */
static struct smx_queue_event *
ring_next(struct pfqueue *q)
{
	struct smx_queue_event *e;

	if (q->ring_count == PFQUEUE_EVENTS_MAX) {
		log_event(SMX_LOG_WARNING, "queue-events-dropped", "count=%d",
		    PFQUEUE_EVENTS_MAX);
		pfqueue_ring_clear(q);
		if (q->listing.on)
			pfqueue_list_start(q);
		e = ring_next(q);
		e->kind = SMX_QUEUE_RESET;
	}
	e = &q->ring[(q->ring_first + q->ring_count) % PFQUEUE_EVENTS_MAX];
	q->ring_count++;
	memset(e, 0, sizeof(*e));
	return e;
}

size_t
pfqueue_room(const struct pfqueue *q)
{
	return PFQUEUE_EVENTS_MAX - q->ring_count;
}

void
pfqueue_emit_of(struct pfqueue *q, enum smx_queue_event_kind kind,
    const char *id, const char *other, uint64_t token)
{
	struct smx_queue_event *e = ring_next(q);

	e->kind = kind;
	e->token = token;
	text_copy(e->id, sizeof(e->id), id);
	text_copy(e->other, sizeof(e->other), other);
}

void
pfqueue_emit(struct pfqueue *q, enum smx_queue_event_kind kind, const char *id,
    const char *other)
{
	pfqueue_emit_of(q, kind, id, other, 0);
}

void
pfqueue_answer(struct pfqueue *q, const struct pfpending *asked,
    enum smx_presence presence, const char *other)
{
	struct smx_queue_event *e = ring_next(q);

	e->kind = SMX_QUEUE_VERIFIED;
	e->presence = presence;
	e->token = asked->token;
	text_copy(e->id, sizeof(e->id), asked->given);
	text_copy(e->other, sizeof(e->other), other);
}

void
pfqueue_answer_read(struct pfqueue *q, const char *id, uint64_t token, int held,
    char *text)
{
	struct smx_queue_event *e = ring_next(q);

	e->kind = SMX_QUEUE_READ;
	e->token = token;
	e->held = held;
	e->text = text;
	text_copy(e->id, sizeof(e->id), id);
	q->ring_text += text == NULL ? 0 : strlen(text);
}

size_t
pfqueue_take(struct pfqueue *q, struct smx_queue_event *events, size_t max)
{
	size_t n = 0;

	for (; n < max && q->ring_count != 0; n++) {
		events[n] = q->ring[q->ring_first];
		if (events[n].text != NULL)
			q->ring_text -= strlen(events[n].text);
		q->ring_first = (q->ring_first + 1) % PFQUEUE_EVENTS_MAX;
		q->ring_count--;
	}
	return n;
}

/* All of the ids or none. */
int
pfqueue_ask(struct pfqueue *q, const char *const *ids, size_t count,
    uint64_t token)
{
	int result = SMX_OK;

	pthread_mutex_lock(&q->lock);
	if (count > PFQUEUE_VERIFY_MAX - q->pending_count)
		result = SMX_ELIMIT;
	for (size_t i = 0; result == SMX_OK && i < count; i++) {
		struct pfpending *p =
		    &q->pending[(q->pending_first + q->pending_count++) %
				PFQUEUE_VERIFY_MAX];

		memset(p, 0, sizeof(*p));
		p->token = token;
		text_copy(p->given, sizeof(p->given), ids[i]);
		if (pfid_valid(ids[i], strlen(ids[i])))
			text_copy(p->id, sizeof(p->id), ids[i]);
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

void
pfqueue_new_reader(struct pfqueue *q)
{
	pthread_mutex_lock(&q->lock);
	q->pending_count = 0;
	pthread_mutex_unlock(&q->lock);
	pfread_forget(q);
	pfqueue_ring_clear(q);
	pfqueue_list_start(q);
}

size_t
pfqueue_asked(struct pfqueue *q, struct pfpending *out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&q->lock);
	for (; n < max && q->pending_count != 0; n++) {
		out[n] = q->pending[q->pending_first];
		q->pending_first = (q->pending_first + 1) % PFQUEUE_VERIFY_MAX;
		q->pending_count--;
	}
	pthread_mutex_unlock(&q->lock);
	return n;
}
