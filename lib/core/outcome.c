/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/takeover_in.h"

/* What an attempt has come to, and what the row is then. */

static int64_t
pause_after(const struct takeover *takeover, uint32_t attempts)
{
	int64_t pause = takeover->options.retry_ms;
	int64_t most = takeover->options.retry_max_ms;

	while (attempts-- > 1 && pause < most)
		pause *= 2;
	return pause < most ? pause : most;
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

/* id: of what the own MTA took of it in this attempt, NULL nothing. */
static void
result_retry(struct takeover *takeover, struct takeover_job *job,
    const char *states, const char *id, const char *why, int64_t wall_ms)
{
	char reason[sizeof(job->row.reason)];
	struct smx_row_change change = { .attempts = job->row.attempts,
		.handed_id = id,
		.next_try_ms =
		    wall_ms + pause_after(takeover, job->row.attempts),
		.rcpt_states = states,
		.reason = reason };
	int r;

	(void)snprintf(reason, sizeof(reason), "%s%s",
	    is_released(&job->row) ? RELEASED "; " : "", why);
	r = takeover_mark(takeover, &job->row.key, SMX_ROW_CLAIMED,
	    HOLDER_RETRY, &change, wall_ms);

	takeover_log(SMX_LOG_WARNING, &job->row,
	    r == SMX_OK ? "retry" : "cancelled", why);
}

static void
result_refused(struct takeover *takeover, struct takeover_job *job,
    const char *states, const char *why, int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = job->row.attempts,
		.rcpt_states = states,
		.reason = why };
	int r = takeover_mark(takeover, &job->row.key, SMX_ROW_CLAIMED,
	    HOLDER_REFUSE, &change, wall_ms);

	takeover_log(SMX_LOG_ERR, &job->row,
	    r == SMX_OK ? "quarantined" : "cancelled", why);
}

static void
result_handed(struct takeover *takeover, struct takeover_job *job,
    const struct smx_submit_result *s, const char *id, int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = job->row.attempts,
		.rcpt_states = s->rcpt_states,
		.handed_id = id,
		.reason = s->text };
	int r = takeover_mark(takeover, &job->row.key, SMX_ROW_CLAIMED,
	    HOLDER_HAND, &change, wall_ms);

	if (id != NULL)
		memcpy(job->row.handed_id, s->queue_id,
		    sizeof(job->row.handed_id));
	job->row.handed_id[SMX_QUEUE_ID_MAX] = '\0';
	if (r == SMX_OK)
		handed_follow(takeover, &job->row.key, job->row.handed_id);
	takeover_log(r == SMX_OK ? SMX_LOG_NOTICE : SMX_LOG_WARNING, &job->row,
	    r == SMX_OK ? "handed" : "handed_late",
	    r == SMX_OK ? s->text : smx_errname(r));
}

/*
 * The own MTA took the conversation to its end: what of each recipient?  An
 * attempt in which nothing was taken leaves the id of an earlier one.  Without
 * any id the end cannot be followed, and a refusal must not wait for it.
 */
static void
result_ok(struct takeover *takeover, struct takeover_job *job,
    const struct smx_submit_result *s, int64_t wall_ms)
{
	const char *id = s->queue_id[0] == '\0' ? NULL : s->queue_id;
	int followed = id != NULL || job->row.handed_id[0] != '\0';

	if (s->rcpt_states == NULL ||
	    strchr(s->rcpt_states, SMX_RCPT_OPEN) != NULL)
		result_retry(takeover, job, s->rcpt_states, id, s->text,
		    wall_ms);
	else if (strchr(s->rcpt_states, SMX_RCPT_HANDED) != NULL &&
		 (followed || strchr(s->rcpt_states, SMX_RCPT_REFUSED) == NULL))
		result_handed(takeover, job, s, id, wall_ms);
	else
		result_refused(takeover, job, s->rcpt_states, s->text, wall_ms);
}

void
takeover_result(struct takeover *takeover, struct takeover_job *job, int result,
    const struct smx_submit_result *submitted, int64_t wall_ms)
{
	const char *why = submitted == NULL || submitted->text[0] == '\0'
			      ? smx_strerror(result)
			      : submitted->text;

	takeover_come_back(takeover, &job->row.key);
	switch (result) {
	case SMX_OK:
		if (submitted != NULL) {
			result_ok(takeover, job, submitted, wall_ms);
			break;
		}
		result_retry(takeover, job, NULL, NULL, why, wall_ms);
		break;
	case SMX_EREFUSED:
	case SMX_ECORRUPT:
		result_refused(takeover, job, NULL, why, wall_ms);
		break;
	case SMX_EUNSURE:
		takeover_log(SMX_LOG_WARNING, &job->row, "may_repeat", why);
		result_retry(takeover, job, NULL, NULL, why, wall_ms);
		break;
	default:
		result_retry(takeover, job, NULL, NULL, why, wall_ms);
		break;
	}
	takeover_job_free(job);
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
