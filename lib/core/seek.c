/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "core/takeover_in.h"

/* Which claimed rows are due, and when the next one will be. */

/* The store is not looked through again before the first row can be due, unless
 * one has been moved here, or this long. */
#define SEEK_MS 1000

struct search {
	struct takeover *takeover;
	struct smx_row *row;
	size_t found, max;
	int64_t earliest_ms;
	int64_t latest_ms; /* no back-off reaches further */
};

static int
is_out(const struct takeover *takeover, const struct smx_key *key)
{
	for (size_t i = 0; i < takeover->out_count; i++)
		if (smx_key_compare(&takeover->out[i], key) == 0)
			return 1;
	return 0;
}

static int
due_row(void *ctx, const struct smx_row *row)
{
	struct search *s = ctx;
	int crashed = row->next_try_ms < 0;

	if (is_out(s->takeover, &row->key))
		return 0;
	/* One that may have ended this process before goes alone. */
	if (s->found != 0 && crashed)
		return 1;
	if (s->found == 0)
		*s->row = *row;
	s->takeover->ready[s->found] = row->key;
	s->takeover->ready_attempts[s->found] = row->attempts;
	return ++s->found == s->max || crashed;
}

static int
wake_row(void *ctx, const struct smx_row *row)
{
	struct search *s = ctx;

	if (is_out(s->takeover, &row->key))
		return 0;
	if (row->next_try_ms > s->latest_ms) {
		s->max = 1; /* the clock was set back */
		return due_row(ctx, row);
	}
	if (row->next_try_ms < s->earliest_ms)
		s->earliest_ms = row->next_try_ms;
	return 0;
}

static size_t
most(const struct takeover *takeover)
{
	size_t room = takeover->out_max - takeover->out_count;

	if (takeover->options.ahead == 0)
		return 1;
	return room < TAKEOVER_READY_MAX ? room : TAKEOVER_READY_MAX;
}

int
takeover_seek(struct takeover *takeover, int64_t wall_ms, struct smx_row *row,
    size_t *found, int64_t *wake_ms)
{
	struct smx_store *st = takeover->options.store;
	struct search s = { .takeover = takeover,
		.row = row,
		.max = most(takeover),
		.earliest_ms = wall_ms + takeover->options.retry_max_ms,
		.latest_ms = wall_ms + takeover->options.retry_max_ms };
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_CLAIMED,
		.due_ms = wall_ms };
	int r;

	*wake_ms = takeover->wake_ms;
	if (wall_ms < takeover->wake_ms && wall_ms >= takeover->sought_ms &&
	    wall_ms - takeover->sought_ms < SEEK_MS)
		return SMX_ENOTFOUND;
	takeover->wake_ms = 0;
	r = st->ops->scan(st->ctx, &filter, due_row, &s);
	filter.due_ms = 0;
	if (r >= 0 && s.found == 0)
		r = st->ops->scan(st->ctx, &filter, wake_row, &s);
	*wake_ms = s.earliest_ms;
	*found = s.found;
	if (r < 0)
		return r;
	if (s.found != 0)
		return SMX_OK;
	takeover->wake_ms = s.earliest_ms;
	takeover->sought_ms = wall_ms;
	return SMX_ENOTFOUND;
}

int
takeover_prepare(struct takeover *takeover, size_t found, int64_t wall_ms)
{
	struct smx_row_mark marks[TAKEOVER_READY_MAX];
	int result = SMX_OK;

	memset(marks, 0, sizeof(marks));
	for (size_t i = 0; i < found; i++) {
		marks[i].key = takeover->ready[i];
		marks[i].change.attempts = takeover->ready_attempts[i] + 1;
		marks[i].change.next_try_ms = ATTEMPT_OUT(1);
		(void)takeover_move(&marks[i].change, SMX_ROW_CLAIMED,
		    HOLDER_RETRY, wall_ms);
	}
	takeover_marks(takeover, marks, found);
	takeover->ready_at = takeover->ready_count = 0;
	for (size_t i = 0; i < found; i++) {
		if (marks[i].result == SMX_OK) {
			takeover->ready[takeover->ready_count++] = marks[i].key;
			takeover->out[takeover->out_count++] = marks[i].key;
		} else if (marks[i].result != SMX_ENOTFOUND &&
			   marks[i].result != SMX_ESTATE)
			result = marks[i].result;
	}
	return takeover->ready_count != 0 ? SMX_OK : result;
}

void
takeover_rest(struct takeover *takeover, int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row_mark marks[TAKEOVER_READY_MAX];
	size_t count = 0;

	memset(marks, 0, sizeof(marks));
	for (; takeover->ready_count != 0; takeover->ready_count--) {
		struct smx_row_mark *m = &marks[count];
		struct smx_row row;

		m->key = takeover->ready[takeover->ready_at++];
		takeover_come_back(takeover, &m->key);
		if (s->ops->get(s->ctx, &m->key, &row) != SMX_OK ||
		    row.state != SMX_ROW_CLAIMED ||
		    row.next_try_ms != ATTEMPT_OUT(1))
			continue;
		m->change.attempts = row.attempts - 1;
		m->change.next_try_ms = wall_ms;
		(void)takeover_move(&m->change, SMX_ROW_CLAIMED, HOLDER_RETRY,
		    wall_ms);
		count++;
	}
	/* What fails is found as an attempt that did not come back. */
	takeover_marks(takeover, marks, count);
	takeover->wake_ms = 0;
}

void
takeover_rest_of(struct takeover *takeover, const struct smx_amendment *list,
    size_t count, int64_t wall_ms)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < takeover->ready_count; j++)
			if (smx_key_compare(&list[i].key,
				&takeover->ready[takeover->ready_at + j]) ==
			    0) {
				takeover_rest(takeover, wall_ms);
				return;
			}
}
