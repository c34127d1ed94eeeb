/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/takeover_in.h"

/* SHADOW to CLAIMED: this host becomes answerable, durably, before any work. */

/* ---- what a cause concerns ---- */

struct page {
	struct takeover *takeover;
	struct gate *gate;
	struct gate_row *rows;
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
page_row(void *ctx, const struct smx_row *row)
{
	struct page *p = ctx;

	if (p->count == p->max)
		return 1;
	p->gate->after = row->key;
	if (p->gate->other_epoch && !other_epoch(row, &p->gate->epoch))
		return 0;
	gate_row_begin(&p->rows[p->count++], &p->takeover->options.world,
	    p->gate, row, p->gate->since_ms);
	return 0;
}

static int
page_scan(struct page *p, const char *primary)
{
	struct smx_store *s = p->takeover->options.store;
	struct smx_key after = p->gate->after;
	struct smx_store_filter filter = { .primary = primary,
		.states = 1u << SMX_ROW_SHADOW,
		.after = &after };
	int r = s->ops->scan(s->ctx, &filter, page_row, p);

	p->gate->ended = r == 0;
	return r < 0 ? r : SMX_OK;
}

/* A key whose row is no shadow of this primary any more has found its way. */
static int
page_keys(struct page *p, const char *primary)
{
	struct smx_store *s = p->takeover->options.store;
	struct gate *gate = p->gate;

	while (gate->at < gate->count && p->count < p->max) {
		struct gate_key *k = &gate->keys[gate->at];
		struct smx_row row;
		int r = s->ops->get(s->ctx, &k->key, &row);

		if (r != SMX_OK && r != SMX_ENOTFOUND)
			return r;
		if (r != SMX_OK || row.state != SMX_ROW_SHADOW ||
		    strcmp(row.primary, primary) != 0) {
			*k = gate->keys[--gate->count];
			continue;
		}
		gate_row_begin(&p->rows[p->count++],
		    &p->takeover->options.world, gate, &row, k->since_ms);
		gate->at++;
	}
	gate->ended = gate->at == gate->count;
	return SMX_OK;
}

int
takeover_page(struct takeover *takeover, const char *primary, struct gate *gate,
    struct gate_row *rows, size_t max)
{
	struct page p = { .takeover = takeover,
		.gate = gate,
		.rows = rows,
		.max = max };
	int r = gate->cause == ENGINE_CAUSE_LOST ? page_keys(&p, primary)
						 : page_scan(&p, primary);

	return r == SMX_OK ? (int)p.count : r;
}

/* ---- the claim ---- */

static int
claim_one(struct takeover *takeover, const char *primary,
    enum engine_cause cause, const struct smx_key *key, struct heir *heir,
    int64_t wall_ms)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row_change change = { .next_try_ms = wall_ms };
	struct smx_row row;
	int r = s->ops->get(s->ctx, key, &row);

	if (r != SMX_OK)
		return r;
	/* Discarded, or given to another member, since it was looked at. */
	if (row.state != SMX_ROW_SHADOW || strcmp(row.primary, primary) != 0)
		return SMX_ESTATE;
	change.attempts = row.attempts;
	r = takeover_mark(takeover, key, SMX_ROW_SHADOW, HOLDER_CLAIM, &change,
	    wall_ms);
	if (r != SMX_OK)
		return r;
	takeover_log(SMX_LOG_NOTICE, &row, "claimed", engine_cause_name(cause));
	heir_begin(heir, &takeover->options.world, &row);
	return SMX_OK;
}

int
takeover_claim(struct takeover *takeover, const char *primary,
    enum engine_cause cause, const struct gate_row *rows, size_t count,
    struct heir *heirs, int64_t wall_ms)
{
	int claimed = 0;

	for (size_t i = 0; i < count; i++) {
		int r = claim_one(takeover, primary, cause, &rows[i].key,
		    &heirs[claimed], wall_ms);

		if (r == SMX_OK)
			claimed++;
		else if (r != SMX_ENOTFOUND && r != SMX_ESTATE)
			return r;
	}
	return claimed;
}

uint64_t
takeover_claims(const struct takeover *takeover)
{
	return takeover->claims;
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
	struct smx_row_change change = { .next_try_ms = wall_ms,
		.reason = RELEASED };
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
