/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/takeover_in.h"

/* SHADOW to CLAIMED: this host becomes answerable, durably, before any work. */

struct claims {
	const struct engine_takeover *why;
	struct smx_row *rows;
	size_t count;
	size_t max;
};

/* Rows that a peer with this epoch does not have in its queue.  A row without
 * an epoch says nothing, and stays with its primary. */
static int
other_epoch(const struct smx_row *row, const struct smx_epoch *epoch)
{
	static const uint8_t none[16];

	return memcmp(row->epoch.id, none, 16) != 0 &&
	       !smx_epoch_same(&row->epoch, epoch);
}

static int
claim_row(void *ctx, const struct smx_row *row)
{
	struct claims *c = ctx;

	if (c->count >= c->max)
		return 1;
	if (c->why->other_epoch && !other_epoch(row, &c->why->epoch))
		return 0;
	c->rows[c->count++] = *row;
	return 0;
}

static int
claim_keys(struct takeover *takeover, const char *primary, struct claims *c)
{
	struct smx_store *s = takeover->options.store;

	for (size_t i = 0; i < c->why->count && c->count < c->max; i++) {
		struct smx_row *row = &c->rows[c->count];
		int r = s->ops->get(s->ctx, &c->why->keys[i], row);

		if (r != SMX_OK && r != SMX_ENOTFOUND)
			return r;
		c->count += r == SMX_OK && row->state == SMX_ROW_SHADOW &&
			    strcmp(row->primary, primary) == 0;
	}
	return SMX_OK;
}

static int
claim_find(struct takeover *takeover, const char *primary, struct claims *c)
{
	struct smx_store *s = takeover->options.store;
	struct smx_store_filter filter = { .primary = primary,
		.states = 1u << SMX_ROW_SHADOW };
	int r;

	if (c->why->cause == ENGINE_CAUSE_LOST)
		return claim_keys(takeover, primary, c);
	r = s->ops->scan(s->ctx, &filter, claim_row, c);
	return r < 0 ? r : SMX_OK;
}

int
takeover_claim(struct takeover *takeover, const char *primary,
    const struct engine_takeover *why, int64_t wall_ms)
{
	struct claims c = { .why = why, .max = takeover->options.page };
	int claimed = 0;
	int r;

	c.rows = malloc(c.max * sizeof(*c.rows));
	if (c.rows == NULL)
		return SMX_ENOMEM;
	r = claim_find(takeover, primary, &c);
	for (size_t i = 0; r == SMX_OK && i < c.count; i++) {
		struct smx_row_change change = { .next_try_ms = wall_ms,
			.attempts = c.rows[i].attempts };

		r = takeover_mark(takeover, &c.rows[i].key, SMX_ROW_SHADOW,
		    HOLDER_CLAIM, &change, wall_ms);
		if (r == SMX_OK) {
			takeover_log(SMX_LOG_NOTICE, &c.rows[i], "claimed",
			    engine_cause_name(why->cause));
			claimed++;
		} else if (r == SMX_ENOTFOUND || r == SMX_ESTATE)
			r = SMX_OK; /* discarded in between */
	}
	free(c.rows);
	return r == SMX_OK ? claimed : r;
}

/* ---- once more, by the operator ---- */

/* What was refused is open again; when nothing was, all of it is. */
static void
reopen(char *states)
{
	int some = 0;

	for (char *p = states; *p != '\0'; p++) {
		if (*p == SMX_RCPT_REFUSED)
			*p = SMX_RCPT_OPEN;
		some |= *p == SMX_RCPT_OPEN;
	}
	if (!some)
		memset(states, SMX_RCPT_OPEN, strlen(states));
}

int
takeover_release(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct takeover_job job;
	struct smx_row_change change = { .next_try_ms = wall_ms };
	int r;

	memset(&job, 0, sizeof(job));
	r = s->ops->get(s->ctx, key, &job.row);
	if (r != SMX_OK)
		return r;
	if (holder_move(job.row.state, HOLDER_RELEASE) <= 0)
		return SMX_ESTATE;
	r = takeover_job_load(takeover, &job);
	if (r != SMX_OK)
		return r;
	reopen(job.rcpt_states);
	change.rcpt_states = job.rcpt_states;
	r = takeover_mark(takeover, key, job.row.state, HOLDER_RELEASE, &change,
	    wall_ms);
	if (r == SMX_OK)
		takeover_log(SMX_LOG_NOTICE, &job.row, "released", "");
	takeover_job_free(&job);
	return r;
}
