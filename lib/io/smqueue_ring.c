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
