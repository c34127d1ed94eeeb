/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
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

/* As many as are written in one step. */
#define CLAIM_STEP 64

struct claim {
	struct takeover *takeover;
	const char *primary;
	enum engine_cause cause;
	int64_t wall_ms;
	size_t count;
	struct smx_row rows[CLAIM_STEP];
	struct smx_row_mark marks[CLAIM_STEP];
};

static int
claim_look(struct claim *c, const struct smx_key *key)
{
	struct smx_store *s = c->takeover->options.store;
	struct smx_row *row = &c->rows[c->count];
	struct smx_row_mark *mark = &c->marks[c->count];
	int r = s->ops->get(s->ctx, key, row);

	if (r != SMX_OK)
		return r == SMX_ENOTFOUND ? SMX_OK : r;
	/* Discarded, or given to another member, since it was looked at. */
	if (row->state != SMX_ROW_SHADOW ||
	    strcmp(row->primary, c->primary) != 0)
		return SMX_OK;
	memset(mark, 0, sizeof(*mark));
	mark->key = *key;
	mark->change.next_try_ms = c->wall_ms;
	mark->change.attempts = row->attempts;
	c->count++;
	return takeover_move(&mark->change, SMX_ROW_SHADOW, HOLDER_CLAIM,
	    c->wall_ms);
}

/* Returns how many; *result tells of those that could not be written. */
static int
claim_write(struct claim *c, struct heir *heirs, int *result)
{
	struct takeover *t = c->takeover;
	int claimed = 0;

	takeover_marks(t, c->marks, c->count);
	t->wake_ms = 0;
	for (size_t i = 0; i < c->count; i++) {
		int r = c->marks[i].result;

		if (r == SMX_OK) {
			takeover_log(SMX_LOG_NOTICE, &c->rows[i], "claimed",
			    engine_cause_name(c->cause));
			heir_begin(&heirs[claimed++], &t->options.world,
			    &c->rows[i]);
		} else if (r != SMX_ENOTFOUND && r != SMX_ESTATE)
			*result = r;
	}
	c->count = 0;
	t->claims += (uint64_t)claimed;
	return claimed;
}

int
takeover_claim(struct takeover *takeover, const char *primary,
    enum engine_cause cause, const struct gate_row *rows, size_t count,
    struct heir *heirs, int64_t wall_ms)
{
	struct claim *c = calloc(1, sizeof(*c));
	int claimed = 0;
	int r = SMX_OK;

	if (c == NULL)
		return SMX_ENOMEM;
	c->takeover = takeover;
	c->primary = primary;
	c->cause = cause;
	c->wall_ms = wall_ms;
	for (size_t i = 0; r == SMX_OK && i < count; i++) {
		r = claim_look(c, &rows[i].key);
		if (c->count == CLAIM_STEP)
			claimed += claim_write(c, &heirs[claimed], &r);
	}
	claimed += claim_write(c, &heirs[claimed], &r);
	free(c);
	return r == SMX_OK ? claimed : r;
}

/* ---- a copy that nobody needs any more ---- */

/* 1 when it is as it was when others were asked. */
static int
is_the_same(struct takeover *takeover, const char *primary,
    const struct gate_row *asked, struct smx_row *row)
{
	struct smx_store *s = takeover->options.store;
	int r = s->ops->get(s->ctx, &asked->key, row);

	if (r != SMX_OK)
		return r == SMX_ENOTFOUND ? 0 : r;
	/* What came after the question was no part of the answer. */
	return row->state == SMX_ROW_SHADOW &&
	       strcmp(row->primary, primary) == 0 &&
	       row->amended == !asked->whole;
}

int
takeover_drop(struct takeover *takeover, const char *primary,
    const struct gate_row *rows, size_t count)
{
	struct smx_store *s = takeover->options.store;
	struct smx_row row;
	struct smx_key keys[CLAIM_STEP];
	size_t n = 0, foreign;
	int total = 0, r = SMX_OK;

	for (size_t i = 0; i < count && r == SMX_OK; i++) {
		r = is_the_same(takeover, primary, &rows[i], &row);
		if (r == 1) {
			takeover_log(SMX_LOG_NOTICE, &row, "finished_elsewhere",
			    "");
			keys[n++] = row.key;
			r = SMX_OK;
		}
		if (r < 0 || n == 0 || (n < CLAIM_STEP && i + 1 < count))
			continue;
		crash_point("takeover.drop");
		r = s->ops->drop(s->ctx, NULL, keys, n, &foreign);
		crash_point("takeover.dropped");
		total += (int)n;
		n = 0;
	}
	return r < 0 ? r : total;
}

int
takeover_aside(struct takeover *takeover, const char *primary,
    const struct gate_row *row, int64_t wall_ms)
{
	const struct gate_world *world = &takeover->options.world;
	struct smx_row_change change = { 0 };
	struct smx_row stored;
	char why[sizeof(stored.reason)];
	size_t member = 0;
	int r = is_the_same(takeover, primary, row, &stored);

	if (r != 1)
		return r;
	while (member < world->count && (row->ended >> member & 1) == 0)
		member++;
	snprintf(why, sizeof(why), "delivered by %s, perhaps not to all",
	    member < world->count ? world->names[member] : "another member");
	change.reason = why;
	change.attempts = stored.attempts;
	r = takeover_mark(takeover, &row->key, SMX_ROW_SHADOW, HOLDER_REFUSE,
	    &change, wall_ms);
	if (r == SMX_OK)
		takeover_log(SMX_LOG_ERR, &stored, "quarantined", why);
	return r == SMX_ENOTFOUND || r == SMX_ESTATE ? SMX_OK : r;
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
