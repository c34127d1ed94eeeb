/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/backup_books.h"
#include "glue/backup_rcpt.h"

#define ROOM_FIRST 4

void
intake_reset(struct intake *intake)
{
	intake->count = intake->plain = 0;
	intake->hold = intake->mixed = 0;
	intake->policy = NULL;
}

void
intake_free(struct intake *intake)
{
	free(intake->index);
	memset(intake, 0, sizeof(*intake));
}

int
intake_any(const struct intake *intake)
{
	return intake->count != 0;
}

/* ---- one recipient ---- */

/* Nobody is sent away who would be lost by it: then it is ordinary mail. */
static int
no_room(struct intake *intake, const struct intake_ask *ask,
    struct hop_answer *words)
{
	if (ask->trusted) {
		intake->next.hold = 0;
		return SMX_OK;
	}
	hopanswer_own(words, HOP_TEMP,
	    "too much mail for %s waits here for its mail exchanger",
	    intake->next.domain);
	words->code = 452;
	text_copy(words->enhanced, sizeof(words->enhanced), "4.3.1");
	return SMX_ETEMP;
}

/* What is put on hold goes alone: the hold is the message's. */
static int
beside(struct intake *intake, const struct intake_ask *ask)
{
	int conflict = 0;

	if (intake->next.hold)
		conflict = intake->plain != 0 ||
			   (intake->hold && strcmp(intake->domain,
						intake->next.domain) != 0);
	else
		conflict = intake->hold;
	return conflict && ask->split && !intake->mixed ? SMX_ELIMIT : SMX_OK;
}

static int
reserve(struct intake *intake)
{
	size_t room = intake->room == 0 ? ROOM_FIRST : intake->room * 2;
	size_t *more;

	if (intake->count < intake->room)
		return SMX_OK;
	more = realloc(intake->index, room * sizeof(*more));
	if (more == NULL)
		return SMX_ENOMEM;
	intake->index = more;
	intake->room = room;
	return SMX_OK;
}

int
intake_rcpt(struct intake *intake, const struct intake_ask *ask,
    struct hop_answer *words)
{
	struct backup *backup = node_backup(ask->engine);
	struct backup_ask question = { .backup = ask->policy,
		.conf = ask->message->conf,
		.client = ask->client,
		.trusted = ask->trusted,
		.sender = ask->sender,
		.rcpt = ask->rcpt,
		.waiting = ask->waiting,
		.waiting_ctx = ask->waiting_ctx };
	struct backup_word word = { .state = MX_UNKNOWN };
	int rc = SMX_OK;

	memset(&intake->next, 0, sizeof(intake->next));
	if (ask->policy != NULL && backup != NULL && intake->asks) {
		rc = backup_rcpt(backup, &question, &word, words);
		intake->next.ours = 1;
		if (rc == SMX_OK)
			rc = reserve(intake);
	}
	if (rc != SMX_OK)
		return rc;
	text_copy(intake->next.domain, sizeof(intake->next.domain),
	    word.domain);
	intake->next.state = word.state;
	intake->next.policy = ask->policy;
	intake->next.hold = word.hold && intake->holds;
	if (intake->next.hold &&
	    books_full(backup_books(backup), word.domain, ask->policy))
		rc = no_room(intake, ask, words);
	return rc == SMX_OK ? beside(intake, ask) : rc;
}

void
intake_keep(struct intake *intake, size_t index)
{
	int hold = intake->next.hold;

	if (intake->next.ours)
		intake->index[intake->count++] = index;
	if (hold ? intake->plain != 0 ||
		       (intake->hold &&
			   strcmp(intake->domain, intake->next.domain) != 0)
		 : intake->hold)
		intake->mixed = 1;
	/* What is in the books is named after the first that is held. */
	if (hold && !intake->hold)
		intake->policy = intake->next.policy;
	if ((hold && !intake->hold) ||
	    (intake->next.ours && intake->count == 1)) {
		text_copy(intake->domain, sizeof(intake->domain),
		    intake->next.domain);
		intake->state = intake->next.state;
	}
	intake->hold |= hold;
	intake->plain += !hold;
}

/* ---- the message ---- */

int64_t
intake_until(const struct intake *intake)
{
	if (!intake->hold || intake->mixed)
		return 0;
	return clock_wall_ms() + intake->policy->hold_ms;
}

static int
is_struck(const struct struck *struck, const char *rcpt)
{
	for (size_t i = 0; struck != NULL && i < struck->count; i++)
		if (strcmp(struck->rcpts[i], rcpt) == 0)
			return 1;
	return 0;
}

static size_t
recipients_of(const struct intake *intake, const struct intake_end *end,
    const char **rcpts)
{
	size_t n = 0;

	for (size_t i = 0; i < intake->count; i++) {
		const char *rcpt =
		    smx_envelope_recipient(end->envelope, intake->index[i]);

		if (rcpt != NULL && !is_struck(end->struck, rcpt))
			rcpts[n++] = rcpt;
	}
	return n;
}

static void
log_unbooked(const struct intake *intake, const char *queue_id, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, queue_id, "backup-not-booked");
	log_str(&l, "domain", intake->domain);
	log_err(&l, "reason", rc);
	log_end(&l);
}

static void
log_mixed(const struct intake *intake, const char *queue_id)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, queue_id, "backup-not-held");
	log_str(&l, "domain", intake->domain);
	log_str(&l, "reason", "several-domains");
	log_end(&l);
}

/* Before the MTA is told: it is not on hold by our doing unless that is
 * written. */
static int
take(const struct intake *intake, const struct intake_end *end,
    const char *const *rcpts, size_t count, int hold)
{
	const struct smx_backup *policy = intake->policy;
	struct backup *backup = node_backup(end->engine);
	struct books_mail mail = { .queue_id = end->message->queue_id,
		.sender = smx_envelope_sender(end->envelope),
		.size = end->message->size,
		.domain = intake->domain,
		.state = intake->state,
		.hold = hold,
		.taken_ms = clock_wall_ms(),
		.rcpts = rcpts,
		.count = count };

	if (hold) {
		mail.until_ms = mail.taken_ms + policy->hold_ms;
		mail.quota = policy->quota;
		mail.quota_messages = policy->quota_messages;
	}
	return backup == NULL ? SMX_ESTATE
			      : books_take(backup_books(backup), &mail);
}

void
intake_end(struct intake *intake, const struct intake_end *end,
    struct smx_verdict *verdict)
{
	int hold = intake->hold && !intake->mixed;
	const char **rcpts;
	size_t count;
	int rc = SMX_ENOMEM;

	if (!intake_any(intake))
		return;
	if (intake->mixed)
		log_mixed(intake, end->message->queue_id);
	rcpts = calloc(intake->count, sizeof(*rcpts));
	count = rcpts == NULL ? 0 : recipients_of(intake, end, rcpts);
	if (rcpts != NULL && count == 0) {
		free(rcpts);
		return;
	}
	if (rcpts != NULL)
		rc = take(intake, end, rcpts, count, hold);
	free(rcpts);
	if (rc != SMX_OK) {
		log_unbooked(intake, end->message->queue_id, rc);
		return;
	}
	verdict->hold = hold;
	if (hold)
		snprintf(verdict->hold_reason, sizeof(verdict->hold_reason),
		    "shadowmx: backup of %s", intake->domain);
}
