/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/backoff.h"
#include "core/takeover_in.h"

/* What an attempt has come to, and what the row is then. */

static int64_t
pause_after(const struct takeover *takeover, uint32_t attempts)
{
	return backoff_ms(takeover->options.retry_ms,
	    takeover->options.retry_max_ms, attempts > 1 ? attempts - 1 : 0);
}

static int
is_released(const struct smx_row *row)
{
	return strncmp(row->reason, RELEASED, sizeof(RELEASED) - 1) == 0;
}

int
takeover_job_is_held(const struct takeover_job *job)
{
	return job->row.held && !is_released(&job->row);
}

/* What is to be written of it, and what will be logged once it is. */
static void
outcome_move(struct takeover_outcome *o, enum holder_event event,
    const char *states, const char *why, int64_t wall_ms)
{
	o->why = why;
	o->mark.key = o->job.row.key;
	o->mark.change.attempts = o->job.row.attempts;
	o->mark.change.rcpt_states = states;
	o->mark.change.reason = why;
	/* A claimed row may always move so. */
	(void)takeover_move(&o->mark.change, SMX_ROW_CLAIMED, event, wall_ms);
}

/* id: of what the own MTA took of it in this attempt, NULL nothing. */
static void
outcome_retry(const struct takeover *takeover, struct takeover_outcome *o,
    const char *states, const char *id, const char *why, int64_t wall_ms)
{
	o->event = "retry";
	o->level = SMX_LOG_WARNING;
	outcome_move(o, HOLDER_RETRY, states, why, wall_ms);
	(void)snprintf(o->reason, sizeof(o->reason), "%s%s",
	    is_released(&o->job.row) ? RELEASED "; " : "", why);
	o->mark.change.reason = o->reason;
	o->mark.change.handed_id = id;
	o->mark.change.next_try_ms =
	    wall_ms + pause_after(takeover, o->job.row.attempts);
}

static void
outcome_refused(struct takeover_outcome *o, const char *states, const char *why,
    int64_t wall_ms)
{
	o->event = "quarantined";
	o->level = SMX_LOG_ERR;
	outcome_move(o, HOLDER_REFUSE, states, why, wall_ms);
}

static void
outcome_handed(struct takeover_outcome *o, const struct smx_submit_result *s,
    const char *id, int64_t wall_ms)
{
	o->event = "handed";
	o->level = SMX_LOG_NOTICE;
	outcome_move(o, HOLDER_HAND, s->rcpt_states, s->text, wall_ms);
	o->mark.change.handed_id = id;
	if (id != NULL)
		memcpy(o->job.row.handed_id, s->queue_id,
		    sizeof(o->job.row.handed_id));
	o->job.row.handed_id[SMX_QUEUE_ID_MAX] = '\0';
}

/*
 * The own MTA took the conversation to its end: what of each recipient?  An
 * attempt in which nothing was taken leaves the id of an earlier one.  Without
 * any id the end cannot be followed, and a refusal must not wait for it.
 */
static void
outcome_ok(const struct takeover *takeover, struct takeover_outcome *o,
    const struct smx_submit_result *s, int64_t wall_ms)
{
	const char *id = s->queue_id[0] == '\0' ? NULL : s->queue_id;
	int followed = id != NULL || o->job.row.handed_id[0] != '\0';

	if (s->rcpt_states == NULL ||
	    strchr(s->rcpt_states, SMX_RCPT_OPEN) != NULL)
		outcome_retry(takeover, o, s->rcpt_states, id, s->text,
		    wall_ms);
	else if (strchr(s->rcpt_states, SMX_RCPT_HANDED) != NULL &&
		 (followed || strchr(s->rcpt_states, SMX_RCPT_REFUSED) == NULL))
		outcome_handed(o, s, id, wall_ms);
	else
		outcome_refused(o, s->rcpt_states, s->text, wall_ms);
}

void
takeover_judge(struct takeover *takeover, struct takeover_job *job, int result,
    const struct smx_submit_result *submitted, int64_t wall_ms,
    struct takeover_outcome *out)
{
	const char *why = submitted == NULL || submitted->text[0] == '\0'
			      ? smx_strerror(result)
			      : submitted->text;

	memset(out, 0, sizeof(*out));
	out->job = *job;
	memset(job, 0, sizeof(*job));
	if (result == SMX_OK && submitted != NULL) {
		outcome_ok(takeover, out, submitted, wall_ms);
		return;
	}
	if (result == SMX_EREFUSED || result == SMX_ECORRUPT) {
		outcome_refused(out, NULL, why, wall_ms);
		return;
	}
	if (result == SMX_EUNSURE)
		takeover_log(SMX_LOG_WARNING, &out->job.row, "may_repeat", why);
	outcome_retry(takeover, out, NULL, NULL, why, wall_ms);
}

void
takeover_write(struct takeover *takeover, struct takeover_outcome *const *list,
    size_t count)
{
	struct smx_row_mark marks[TAKEOVER_WRITE_MAX];

	assert(count <= TAKEOVER_WRITE_MAX);
	for (size_t i = 0; i < count; i++)
		marks[i] = list[i]->mark;
	takeover_marks(takeover, marks, count);
	for (size_t i = 0; i < count; i++)
		list[i]->mark.result = marks[i].result;
}

/* A row that moves on in the meantime (its primary is back and has discarded
 * it) is left as it is. */
void
takeover_settle(struct takeover *takeover, struct takeover_outcome *o)
{
	const struct smx_row_change *change = &o->mark.change;
	const struct smx_row *row = &o->job.row;
	int written = o->mark.result == SMX_OK;

	takeover_come_back(takeover, &row->key);
	if (change->to == SMX_ROW_HANDED && written) {
		handed_follow(takeover, &row->key, row->handed_id);
		handed_early(takeover, &row->key, row->handed_id,
		    change->now_ms);
	}
	/* What could not be written is due as it was. */
	if (!written)
		takeover->wake_ms = 0;
	else if (change->to == SMX_ROW_CLAIMED &&
		 change->next_try_ms < takeover->wake_ms)
		takeover->wake_ms = change->next_try_ms;
	if (written)
		takeover_log(o->level, row, o->event, o->why);
	else if (change->to == SMX_ROW_HANDED)
		takeover_log(SMX_LOG_WARNING, row, "handed_late",
		    smx_errname(o->mark.result));
	else
		takeover_log(o->level, row, "cancelled", o->why);
	takeover_job_free(&o->job);
}

void
takeover_result(struct takeover *takeover, struct takeover_job *job, int result,
    const struct smx_submit_result *submitted, int64_t wall_ms)
{
	struct takeover_outcome o, *list = &o;

	takeover_judge(takeover, job, result, submitted, wall_ms, &o);
	takeover_write(takeover, &list, 1);
	takeover_settle(takeover, &o);
}

void
takeover_give_back(struct takeover *takeover, struct takeover_job *job,
    int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = job->row.attempts - 1,
		.next_try_ms = wall_ms };

	takeover_come_back(takeover, &job->row.key);
	(void)takeover_mark(takeover, &job->row.key, SMX_ROW_CLAIMED,
	    HOLDER_RETRY, &change, wall_ms);
	takeover_job_free(job);
}
