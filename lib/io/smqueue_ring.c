/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

void
smqueue_ring_clear(struct smqueue *q)
{
	for (size_t i = 0; i < q->ring_count; i++)
		free(q->ring[(q->ring_first + i) % SMQUEUE_EVENTS_MAX].text);
	q->ring_count = 0;
	q->ring_text = 0;
}

/* When nobody fetches events all of them give way to one RESET: it makes its
 * reader ask again about everything, answers that were dropped included. */
static struct smx_queue_event *
ring_next(struct smqueue *q)
{
	struct smx_queue_event *e;

	if (q->ring_count == SMQUEUE_EVENTS_MAX) {
		log_event(SMX_LOG_WARNING, "queue-events-dropped", "count=%d",
		    SMQUEUE_EVENTS_MAX);
		smqueue_ring_clear(q);
		if (q->listing.on)
			smqueue_list_start(q);
		e = ring_next(q);
		e->kind = SMX_QUEUE_RESET;
	}
	e = &q->ring[(q->ring_first + q->ring_count) % SMQUEUE_EVENTS_MAX];
	q->ring_count++;
	memset(e, 0, sizeof(*e));
	return e;
}

size_t
smqueue_room(const struct smqueue *q)
{
	return SMQUEUE_EVENTS_MAX - q->ring_count;
}

void
smqueue_emit(struct smqueue *q, enum smx_queue_event_kind kind, const char *id,
    const char *other)
{
	struct smx_queue_event *e = ring_next(q);

	e->kind = kind;
	text_copy(e->id, sizeof(e->id), id);
	text_copy(e->other, sizeof(e->other), other);
}

void
smqueue_answer(struct smqueue *q, const struct smpending *asked,
    enum smx_presence presence)
{
	struct smx_queue_event *e = ring_next(q);

	e->kind = SMX_QUEUE_VERIFIED;
	e->presence = presence;
	e->token = asked->token;
	text_copy(e->id, sizeof(e->id), asked->given);
}

void
smqueue_answer_read(struct smqueue *q, const struct smpending *asked, int held,
    char *text)
{
	struct smx_queue_event *e = ring_next(q);

	e->kind = SMX_QUEUE_READ;
	e->token = asked->token;
	e->held = held;
	e->text = text;
	text_copy(e->id, sizeof(e->id), asked->given);
	q->ring_text += text == NULL ? 0 : strlen(text);
}

size_t
smqueue_take(struct smqueue *q, struct smx_queue_event *events, size_t max)
{
	size_t n = 0;

	for (; n < max && q->ring_count != 0; n++) {
		events[n] = q->ring[q->ring_first];
		if (events[n].text != NULL)
			q->ring_text -= strlen(events[n].text);
		q->ring_first = (q->ring_first + 1) % SMQUEUE_EVENTS_MAX;
		q->ring_count--;
	}
	return n;
}

int
smqueue_ask(struct smqueue *q, struct smasked *asked, const char *const *ids,
    size_t count, uint64_t token)
{
	int result = SMX_OK;

	pthread_mutex_lock(&q->lock);
	if (count > asked->max - asked->count)
		result = SMX_ELIMIT;
	for (size_t i = 0; result == SMX_OK && i < count; i++) {
		size_t at = (asked->first + asked->count++) % asked->max;
		struct smpending *p = &asked->pending[at];

		memset(p, 0, sizeof(*p));
		p->token = token;
		text_copy(p->given, sizeof(p->given), ids[i]);
		if (smid_valid(ids[i], strlen(ids[i])))
			text_copy(p->id, sizeof(p->id), ids[i]);
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

size_t
smqueue_asked(struct smqueue *q, struct smasked *asked, struct smpending *out,
    size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&q->lock);
	for (; n < max && asked->count != 0; n++) {
		out[n] = asked->pending[asked->first];
		asked->first = (asked->first + 1) % asked->max;
		asked->count--;
	}
	pthread_mutex_unlock(&q->lock);
	return n;
}

/* Another one asks and reads from here on: what was asked and what waits is
 * dropped, a RESET must follow. */
void
smqueue_new_reader(struct smqueue *q)
{
	pthread_mutex_lock(&q->lock);
	q->verify.count = q->read.count = 0;
	pthread_mutex_unlock(&q->lock);
	smqueue_ring_clear(q);
	smqueue_list_start(q);
}
