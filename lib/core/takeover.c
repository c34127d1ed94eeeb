/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/takeover.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"
#include "core/takeover_in.h"

int
takeover_new(struct takeover **out, const struct takeover_options *options)
{
	struct takeover *t;

	if (options->store == NULL || options->parallel == 0 ||
	    options->page == 0 || options->retry_ms <= 0)
		return SMX_EINVAL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return SMX_ENOMEM;
	t->out_max = options->parallel + options->ahead;
	t->out = calloc(t->out_max, sizeof(*t->out));
	if (t->out == NULL) {
		free(t);
		return SMX_ENOMEM;
	}
	t->options = *options;
	idmap_init(&t->ids, (uint64_t)(uintptr_t)t);
	*out = t;
	return SMX_OK;
}

void
takeover_free(struct takeover **takeover)
{
	struct takeover *t = *takeover;

	*takeover = NULL;
	if (t == NULL)
		return;
	handed_free(t);
	over_free(t);
	free(t->out);
	free(t);
}

void
takeover_log(enum smx_level level, const struct smx_row *row, const char *event,
    const char *why)
{
	struct log_line l;

	log_begin(&l, level, row->queue_id, event);
	log_key(&l, "key", &row->key);
	log_str(&l, "primary", row->primary);
	log_num(&l, "attempts", row->attempts);
	if (row->handed_id[0] != '\0')
		log_str(&l, "handed_id", row->handed_id);
	if (why[0] != '\0')
		log_str(&l, "why", why);
	log_end(&l);
}

int
takeover_move(struct smx_row_change *change, enum smx_row_state from,
    enum holder_event event, int64_t wall_ms)
{
	int to = holder_move(from, event);

	if (to <= 0)
		return SMX_ESTATE;
	change->from = from;
	change->to = (enum smx_row_state)to;
	change->now_ms = wall_ms;
	return SMX_OK;
}

int
takeover_mark(struct takeover *takeover, const struct smx_key *key,
    enum smx_row_state from, enum holder_event event,
    struct smx_row_change *change, int64_t wall_ms)
{
	struct smx_row_mark mark = { .key = *key };
	int r = takeover_move(change, from, event, wall_ms);

	if (r != SMX_OK)
		return r;
	mark.change = *change;
	takeover_marks(takeover, &mark, 1);
	takeover->wake_ms = 0; /* it may be due now */
	takeover->claims += mark.result == SMX_OK && from == SMX_ROW_SHADOW;
	return mark.result;
}

void
takeover_marks(struct takeover *takeover, struct smx_row_mark *list,
    size_t count)
{
	struct smx_store *s = takeover->options.store;

	crash_point("takeover.mark");
	if (s->ops->marks != NULL && count > 1)
		s->ops->marks(s->ctx, list, count);
	else
		for (size_t i = 0; i < count; i++)
			list[i].result =
			    s->ops->mark(s->ctx, &list[i].key, &list[i].change);
	crash_point("takeover.marked");
}

/* ---- jobs ---- */

void
takeover_come_back(struct takeover *takeover, const struct smx_key *key)
{
	for (size_t i = 0; i < takeover->out_count; i++)
		if (smx_key_compare(&takeover->out[i], key) == 0) {
			takeover->out[i] = takeover->out[--takeover->out_count];
			return;
		}
}

static int
set_aside(struct takeover *takeover, struct smx_row *row, const char *why,
    int64_t wall_ms)
{
	struct smx_row_change change = { .attempts = row->attempts,
		.reason = why };
	int r = takeover_mark(takeover, &row->key, SMX_ROW_CLAIMED,
	    HOLDER_REFUSE, &change, wall_ms);

	if (r == SMX_OK)
		takeover_log(SMX_LOG_ERR, row, "quarantined", why);
	return r;
}

/* Count the attempt durably before any of its work can end this process. */
static int
count_attempt(struct takeover *takeover, struct smx_row *row, int64_t wall_ms)
{
	int64_t crashes = row->next_try_ms < 0 ? -row->next_try_ms : 0;
	struct smx_row_change change = { .attempts = row->attempts + 1,
		.next_try_ms = ATTEMPT_OUT(crashes + 1) };
	int r;

	if (crashes >= (int64_t)takeover->options.max_crashes) {
		r = set_aside(takeover, row, "no attempt ever came back",
		    wall_ms);
		return r == SMX_OK ? SMX_ESTATE : r;
	}
	r = takeover_mark(takeover, &row->key, SMX_ROW_CLAIMED, HOLDER_RETRY,
	    &change, wall_ms);
	if (r == SMX_OK) {
		row->attempts++;
		row->next_try_ms = change.next_try_ms;
	}
	return r;
}

void
takeover_job_free(struct takeover_job *job)
{
	free(job->envelope);
	free(job->rcpt_states);
	job->envelope = NULL;
	job->rcpt_states = NULL;
}

/* A mark for each recipient of the envelope as it is now, whatever the store
 * gives: what has none is open. */
static int
job_states(struct takeover_job *job)
{
	size_t n = job->row.recipients;
	size_t have = job->rcpt_states == NULL ? 0 : strlen(job->rcpt_states);
	char *all;

	if (have == n && job->rcpt_states != NULL)
		return SMX_OK;
	if (have > n)
		have = n;
	all = malloc(n + 1);
	if (all == NULL)
		return SMX_ENOMEM;
	memset(all, SMX_RCPT_OPEN, n);
	if (have != 0)
		memcpy(all, job->rcpt_states, have);
	all[n] = '\0';
	free(job->rcpt_states);
	job->rcpt_states = all;
	return SMX_OK;
}

int
takeover_job_load(struct takeover *takeover, struct takeover_job *job)
{
	struct smx_store *s = takeover->options.store;
	int r = s->ops->envelope(s->ctx, &job->row.key, &job->envelope,
	    &job->envelope_len, &job->rcpt_states);

	if (r == SMX_OK)
		r = job_states(job);
	if (r != SMX_OK)
		takeover_job_free(job);
	return r;
}

/* Prepared some time ago: is it still ours to do? */
static int
next_ready(struct takeover *takeover, struct smx_row *row)
{
	struct smx_store *s = takeover->options.store;
	struct smx_key *key = &takeover->ready[takeover->ready_at];
	int r = s->ops->get(s->ctx, key, row);

	if (r != SMX_OK && r != SMX_ENOTFOUND)
		return r;
	takeover->ready_at++;
	takeover->ready_count--;
	if (r == SMX_OK && row->state == SMX_ROW_CLAIMED &&
	    row->next_try_ms == ATTEMPT_OUT(1))
		return SMX_OK;
	takeover_come_back(takeover, key);
	return SMX_ESTATE;
}

/* A row whose attempt is counted; it is out.  SMX_ESTATE: that one was not to
 * be had, another may be. */
static int
next_row(struct takeover *takeover, int64_t wall_ms, struct smx_row *row,
    int64_t *wake_ms)
{
	size_t found;
	int r;

	if (takeover->ready_count != 0)
		return next_ready(takeover, row);
	if (takeover->out_count >= takeover->out_max)
		return SMX_ENOTFOUND;
	r = takeover_seek(takeover, wall_ms, row, &found, wake_ms);
	if (r != SMX_OK)
		return r;
	if (found > 1) {
		r = takeover_prepare(takeover, found, wall_ms);
		return r == SMX_OK ? SMX_ESTATE : r;
	}
	r = count_attempt(takeover, row, wall_ms);
	if (r == SMX_OK)
		takeover->out[takeover->out_count++] = row->key;
	return r == SMX_ENOTFOUND ? SMX_ESTATE : r; /* discarded */
}

int
takeover_next(struct takeover *takeover, int64_t wall_ms,
    struct takeover_job *job, int64_t *wake_ms)
{
	memset(job, 0, sizeof(*job));
	*wake_ms = wall_ms + takeover->options.retry_max_ms;
	for (;;) {
		int r = next_row(takeover, wall_ms, &job->row, wake_ms);

		if (r == SMX_ESTATE)
			continue;
		if (r != SMX_OK)
			return r;
		r = takeover_job_load(takeover, job);
		if (r == SMX_OK)
			break;
		takeover_come_back(takeover, &job->row.key);
		if (r != SMX_ECORRUPT)
			return r;
		r = set_aside(takeover, &job->row, "stored envelope damaged",
		    wall_ms);
		if (r != SMX_OK && r != SMX_ENOTFOUND && r != SMX_ESTATE)
			return r;
	}
	takeover_log(SMX_LOG_INFO, &job->row, "resubmit", "");
	return SMX_OK;
}
