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
	t->out = calloc(options->parallel, sizeof(*t->out));
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
takeover_mark(struct takeover *takeover, const struct smx_key *key,
    enum smx_row_state from, enum holder_event event,
    struct smx_row_change *change, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	int to = holder_move(from, event);
	int r;

	if (to <= 0)
		return SMX_ESTATE;
	change->from = from;
	change->to = (enum smx_row_state)to;
	change->now_ms = wall_ms;
	crash_point("takeover.mark");
	r = s->ops->mark(s->ctx, key, change);
	crash_point("takeover.marked");
	takeover->claims += r == SMX_OK && from == SMX_ROW_SHADOW;
	return r;
}

/* ---- jobs ---- */

static int
is_out(const struct takeover *takeover, const struct smx_key *key)
{
	for (size_t i = 0; i < takeover->out_count; i++)
		if (smx_key_compare(&takeover->out[i], key) == 0)
			return 1;
	return 0;
}

void
takeover_come_back(struct takeover *takeover, const struct smx_key *key)
{
	for (size_t i = 0; i < takeover->out_count; i++)
		if (smx_key_compare(&takeover->out[i], key) == 0) {
			takeover->out[i] = takeover->out[--takeover->out_count];
			return;
		}
}

struct search {
	const struct takeover *takeover;
	struct smx_row *row;
	int found;
	int64_t earliest_ms;
	int64_t latest_ms; /* no back-off reaches further */
};

static int
due_row(void *ctx, const struct smx_row *row)
{
	struct search *s = ctx;

	if (is_out(s->takeover, &row->key))
		return 0;
	*s->row = *row;
	s->found = 1;
	return 1;
}

static int
wake_row(void *ctx, const struct smx_row *row)
{
	struct search *s = ctx;

	if (is_out(s->takeover, &row->key))
		return 0;
	if (row->next_try_ms > s->latest_ms)
		return due_row(ctx, row); /* the clock was set back */
	if (row->next_try_ms < s->earliest_ms)
		s->earliest_ms = row->next_try_ms;
	return 0;
}

static int
find_due(struct takeover *takeover, int64_t wall_ms, struct smx_row *row,
    int64_t *wake_ms)
{
	struct smx_store *st = takeover->options.store;
	struct search s = { .takeover = takeover,
		.row = row,
		.earliest_ms = wall_ms + takeover->options.retry_max_ms,
		.latest_ms = wall_ms + takeover->options.retry_max_ms };
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_CLAIMED,
		.due_ms = wall_ms };
	int r = st->ops->scan(st->ctx, &filter, due_row, &s);

	if (r < 0)
		return r;
	if (s.found)
		return SMX_OK;
	filter.due_ms = 0;
	r = st->ops->scan(st->ctx, &filter, wake_row, &s);
	if (r < 0)
		return r;
	if (s.found)
		return SMX_OK;
	*wake_ms = s.earliest_ms;
	return SMX_ENOTFOUND;
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

int
takeover_next(struct takeover *takeover, int64_t wall_ms,
    struct takeover_job *job, int64_t *wake_ms)
{
	memset(job, 0, sizeof(*job));
	*wake_ms = wall_ms + takeover->options.retry_max_ms;
	if (takeover->out_count >= takeover->options.parallel)
		return SMX_ENOTFOUND;
	for (;;) {
		int r = find_due(takeover, wall_ms, &job->row, wake_ms);

		if (r != SMX_OK)
			return r;
		r = count_attempt(takeover, &job->row, wall_ms);
		if (r == SMX_ENOTFOUND || r == SMX_ESTATE)
			continue; /* discarded, or set aside */
		if (r != SMX_OK)
			return r;
		r = takeover_job_load(takeover, job);
		if (r == SMX_OK)
			break;
		if (r != SMX_ECORRUPT)
			return r;
		r = set_aside(takeover, &job->row, "stored envelope damaged",
		    wall_ms);
		if (r != SMX_OK && r != SMX_ENOTFOUND && r != SMX_ESTATE)
			return r;
	}
	takeover->out[takeover->out_count++] = job->row.key;
	takeover_log(SMX_LOG_INFO, &job->row, "resubmit", "");
	return SMX_OK;
}
