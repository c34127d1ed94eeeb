/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/hand_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/amend.h"
#include "glue/alarm.h"
#include "glue/backup_books.h"

/* What came of an attempt: written down, and then told. */
#define ALARM_FROM 3 /* attempts in vain */

static void
log_about(const struct handing *h, struct log_line *l, size_t rcpts)
{
	log_str(l, "domain", h->job->domain);
	if (!h->whole)
		log_str(l, "to", h->job->to);
	if (h->new_id[0] != '\0')
		log_str(l, "as", h->new_id);
	log_num(l, "rcpts", (int64_t)rcpts);
}

static void
log_taken(const struct handing *h, size_t rcpts)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, h->job->queue_id,
	    h->whole ? "backup-sent-on" : "backup-handed");
	log_about(h, &l, rcpts);
	log_end(&l);
}

static void
log_left(const struct handing *h, size_t rcpts, int64_t pause_ms)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, h->job->queue_id,
	    h->lost ? "backup-hand-unsure" : "backup-not-handed");
	log_about(h, &l, rcpts);
	log_num(&l, "next_ms", pause_ms);
	log_str(&l, "reason", h->why);
	log_end(&l);
}

static void
tell(const struct handing *h, size_t taken, size_t left, int64_t pause_ms)
{
	char text[512];

	if (taken != 0)
		log_taken(h, taken);
	if (left == 0)
		return;
	log_left(h, left, pause_ms);
	if (h->hand.tries + 1 < ALARM_FROM ||
	    !hander_may_alarm(backup_hander(h->backup), h->job->domain))
		return;
	snprintf(text, sizeof(text),
	    "mail whose hold is over cannot be handed over: %.150s; it stays "
	    "on hold",
	    h->why);
	alarm_tell(h->node, "hand-fails", h->job->domain, text);
}

int
hand_book(struct handing *h)
{
	struct backup_hand_end end = { .mail = h->job->mail,
		.queue_id = h->job->queue_id,
		.lost = h->lost,
		.why = h->why,
		.wall_ms = clock_wall_ms() };
	uint64_t *hashes = calloc(h->count + 1, sizeof(*hashes));
	size_t left = 0;
	int64_t pause_ms = 0;
	int rc;

	if (hashes == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < h->count; i++) {
		left += h->asked[i] && !h->taken[i];
		if (h->taken[i])
			hashes[end.count++] = amend_address(
			    smx_envelope_recipient(h->envelope, i));
	}
	if (left != 0)
		pause_ms = h->whole ? HAND_REST_MS
				    : hand_pause_ms(h->hand.tries + 1,
					  h->hand.lost + (h->lost != 0));
	end.taken = hashes;
	end.in_vain = left != 0;
	end.next_ms = left != 0 ? end.wall_ms + pause_ms : 0;
	end.all = left == 0;
	/* The row goes along with those that it is about. */
	h->moved = h->job->to[0] == '\0' && left == 0 && h->new_id[0] != '\0';
	if (h->moved)
		end.new_id = h->new_id;
	rc = books_handed(backup_books(h->backup), &end);
	if (rc == SMX_OK)
		tell(h, end.count, left, pause_ms);
	free(hashes);
	return rc == SMX_OK && left != 0 ? SMX_ETEMP : rc;
}
