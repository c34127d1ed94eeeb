/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "core/addr.h"
#include "core/amend.h"

#define LOG_MS     250  /* how often the log is looked at */
#define RETRY_MS   1000 /* and one that is not there */
#define LOG_BUDGET (1024u * 1024)

/* ---- what a line says ---- */

/* Of one recipient, in whatever way it was written. */
static void
delivery(struct smqueue *q, const char *id, const char *address,
    enum smx_queue_event_kind kind)
{
	int told = kind == SMX_QUEUE_SENT ? q->deliveries : q->ends.end != NULL;
	uint64_t sum = amend_address(address);
	char text[17];

	pfends_add(&q->ends, id, kind, sum);
	snprintf(text, sizeof(text), "%016" PRIx64, sum);
	if (told && !q->log_quiet)
		smqueue_emit(q, kind, id, text);
}

static void
deliveries(struct smqueue *q, const struct smlog_line *line,
    enum smx_queue_event_kind kind)
{
	char address[ADDR_MAX + 3];
	size_t at = 0;

	if (!q->deliveries && q->ends.end == NULL)
		return;
	while (smlog_rcpt(line, &at, address, sizeof(address)))
		delivery(q, line->id, address, kind);
}

static void
divided(struct smqueue *q, const struct smlog_line *line)
{
	char id[SMID_TEXT];
	size_t at = 0;

	if (line->kind == SMLOG_CLONED)
		smkin_add(&q->kin, line->id, line->other);
	while (smlog_id(line, &at, id))
		smkin_add(&q->kin, line->id, id);
	if (line->incomplete)
		smkin_lose(&q->kin, line->id);
}

static void
note(void *ctx, const char *text, size_t len)
{
	struct smqueue *q = ctx;
	struct smlog_line line;

	switch (smlog_read(text, len, &line)) {
	case SMLOG_SENT:
		deliveries(q, &line, SMX_QUEUE_SENT);
		break;
	case SMLOG_BOUNCED:
		deliveries(q, &line, SMX_QUEUE_BOUNCED);
		break;
	case SMLOG_RETURNED:
		if (!q->log_quiet)
			smqueue_emit(q, SMX_QUEUE_RETURNED, line.id,
			    line.other);
		break;
	case SMLOG_CLONED:
	case SMLOG_SPLIT:
		divided(q, &line);
		break;
	default:
		/* The files tell the rest, and sooner. */
		break;
	}
}

/* ---- following it ---- */

/* It was cut in place, and what stood at its end was perhaps not read.  For
 * what is there by now no absence of parts can be known any more. */
static void
part_lost(struct smqueue *q)
{
	pthread_mutex_lock(&q->lock);
	q->state.links_known = 0;
	pthread_mutex_unlock(&q->lock);
	pftable_unflag(&q->seen, SMSEEN_BEGUN);
}

/* What was rotated away last is read, too: a division may stand there. */
static void
read_old(struct smqueue *q)
{
	char *name = NULL;
	struct logtail *old = NULL;

	if (asprintf(&name, "%s.1", q->log_file) < 0)
		return;
	if (logtail_open(&old, name, SMQUEUE_LOG_BACK) == SMX_OK)
		while (logtail_read(old, LOG_BUDGET, note, q) > 0)
			;
	logtail_close(&old);
	free(name);
}

int
smqueue_log_start(struct smqueue *q)
{
	struct log_line l;
	int result, whole = 1;

	logtail_close(&q->log);
	if (q->log_file[0] == '\0')
		return 0;
	q->log_quiet = 1;
	pfends_clear(&q->ends);
	read_old(q);
	result = logtail_open(&q->log, q->log_file, SMQUEUE_LOG_BACK);
	if (result == SMX_OK)
		do {
			result = logtail_read(q->log, LOG_BUDGET, note, q);
			whole &= result != SMX_EGONE;
		} while (result > 0 || result == SMX_EGONE);
	q->log_quiet = 0;
	if (result == SMX_OK)
		return whole;
	log_begin(&l, SMX_LOG_WARNING, NULL, "mail-log-unreadable");
	log_str(&l, "file", q->log_file);
	log_errno(&l, errno);
	log_str(&l, "result", "no message is believed to be finished");
	log_end(&l);
	logtail_close(&q->log);
	return 0;
}

/* A log that is there later than the watch tells of new divisions, but nothing
 * about what came before: links_known stays as it is. */
void
smqueue_log_turn(struct smqueue *q, int64_t now_ms)
{
	if (q->log_file[0] == '\0' || now_ms < q->log_ms)
		return;
	if (q->log == NULL &&
	    logtail_open(&q->log, q->log_file, SMQUEUE_LOG_BACK) != SMX_OK) {
		q->log_ms = now_ms + RETRY_MS;
		return;
	}
	q->log_behind = 0;
	switch (logtail_read(q->log, LOG_BUDGET, note, q)) {
	case SMX_EGONE:
		part_lost(q);
		q->log_behind = 1;
		q->log_ms = now_ms;
		break;
	case 1:
		q->log_behind = 1;
		q->log_ms = now_ms;
		break;
	case SMX_EIO:
		logtail_close(&q->log);
		log_event(SMX_LOG_WARNING, "mail-log-lost", "errno=%d", errno);
		break;
	default:
		q->log_ms = now_ms + LOG_MS;
		break;
	}
}
