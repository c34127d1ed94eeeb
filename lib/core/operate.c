/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/takeover.h"

#include <string.h>

#include <shadowmx/err.h>

#include "core/takeover_in.h"

/* What an operator does to one row: the moves of the table, with his reason. */

int
takeover_resubmit(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row_change change = { .next_try_ms = wall_ms };
	struct smx_row row;
	int r = s->ops->get(s->ctx, key, &row);

	if (r != SMX_OK)
		return r;
	if (row.state != SMX_ROW_SHADOW)
		return SMX_ESTATE;
	change.attempts = row.attempts;
	r = takeover_mark(takeover, key, SMX_ROW_SHADOW, HOLDER_CLAIM, &change,
	    wall_ms);
	if (r == SMX_OK)
		takeover_log(SMX_LOG_NOTICE, &row, "claimed",
		    engine_cause_name(ENGINE_CAUSE_OPERATOR));
	return r;
}

int
takeover_hasten(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row_change change = { .next_try_ms = wall_ms };
	struct smx_row row;
	int r = s->ops->get(s->ctx, key, &row);

	if (r != SMX_OK)
		return r;
	if (row.state != SMX_ROW_CLAIMED)
		return SMX_ESTATE;
	/* Due already, or out: its time then tells what a crash left. */
	if (row.next_try_ms <= wall_ms)
		return SMX_OK;
	change.attempts = row.attempts;
	return takeover_mark(takeover, key, SMX_ROW_CLAIMED, HOLDER_RETRY,
	    &change, wall_ms);
}

/* By another member, for this host. */
static int
may_be_held(const struct takeover *takeover, const struct smx_row *row)
{
	if (row->state == SMX_ROW_DONE ||
	    (row->state == SMX_ROW_SHADOW && row->next_try_ms == 0))
		return 0;
	return gate_others(&takeover->options.world, row->primary) != 0;
}

int
takeover_forget(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row row;
	size_t foreign;
	int r = s->ops->get(s->ctx, key, &row);

	if (r != SMX_OK)
		return r;
	/* One that is over already is not waited for when a person says so. */
	if (!may_be_held(takeover, &row) ||
	    strcmp(row.handed_id, HANDED_OVER) == 0)
		return s->ops->drop(s->ctx, NULL, key, 1, &foreign);
	r = holder_over(s, &row, wall_ms);
	if (r == SMX_OK)
		over_follow(takeover, key, 0);
	return r;
}
