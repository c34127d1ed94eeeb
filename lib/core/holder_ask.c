/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "core/gate.h"
#include "core/holder.h"

/*
 * What other members ask about a primary's rows.  A key is enough to find one:
 * who names it has been told it by the same primary.
 */

/* Is this node in the row's ranked set? */
static int
names(const struct smx_row *row, const char *node)
{
	const struct gate_world world = { .own = node };
	struct gate_set set;

	gate_set_read(&set, &world, row->holders);
	return set.ranked;
}

/* Before all others? */
static int
begins_with(const struct smx_row *row, const char *node)
{
	size_t len = strlen(node);

	return strncmp(row->holders, node, len) == 0 &&
	       (row->holders[len] == ' ' || row->holders[len] == '\0');
}

/* ---- ASK ---- */

static enum smx_answer
ask_answer(const struct smx_row *row, const char *own_name, const char *node)
{
	/* A row is DONE only when this host's MTA has had it to the end. */
	if (row->state == SMX_ROW_DONE && !row->unsound)
		return SMX_ANSWER_ENDED;
	if (row->state != SMX_ROW_SHADOW)
		return SMX_ANSWER_TAKEN;
	/* Nobody is to wait for a copy that may be no good. */
	if (row->unsound)
		return SMX_ANSWER_NONE;
	/* Another member has taken it over, and this host looks after that: the
	 * asker, who knows only of the former primary, need not. */
	if (row->yielded && strcmp(row->primary, node) != 0)
		return SMX_ANSWER_TAKEN;
	if (!names(row, own_name))
		return SMX_ANSWER_SHADOW;
	return begins_with(row, own_name) ? SMX_ANSWER_FIRST
					  : SMX_ANSWER_RANKED;
}

int
holder_ask(struct smx_store *store, const char *own_name,
    const struct smx_request *request, struct smx_reply *reply)
{
	for (size_t i = 0; i < request->count; i++) {
		struct smx_row row;
		int r = store->ops->get(store->ctx, &request->keys[i], &row);

		if (r != SMX_OK && r != SMX_ENOTFOUND)
			return r;
		reply->answers[i] =
		    r == SMX_ENOTFOUND
			? SMX_ANSWER_NONE
			: ask_answer(&row, own_name, request->node);
	}
	return SMX_OK;
}

/* ---- CLAIM ---- */

static int
is_yielded_to(const struct smx_row *row, const char *asker)
{
	return row->state == SMX_ROW_SHADOW && row->yielded &&
	       strcmp(row->primary, asker) == 0;
}

static int
may_yield(struct smx_store *store, const struct smx_key *key, const char *asker,
    struct smx_row *row)
{
	int r = store->ops->get(store->ctx, key, row);

	if (r != SMX_OK)
		return r == SMX_ENOTFOUND ? 0 : r;
	return row->state == SMX_ROW_SHADOW && names(row, asker) &&
	       !is_yielded_to(row, asker);
}

/* Rows of one primary, in one durable step. */
struct yields {
	char primary[SMX_NAME_MAX + 1];
	struct smx_row_amendment list[SMX_AMEND_MAX];
	size_t count;
};

static int
yields_find(struct yields *y, struct smx_store *store,
    const struct smx_key *keys, size_t count, size_t *from, const char *asker,
    const struct smx_epoch *epoch)
{
	size_t first = count;
	struct smx_row row;

	y->count = 0;
	for (size_t i = *from; i < count && y->count < SMX_AMEND_MAX; i++) {
		int r = may_yield(store, &keys[i], asker, &row);

		if (r < 0)
			return r;
		if (r == 0 ||
		    (y->count != 0 && strcmp(row.primary, y->primary) != 0))
			continue;
		if (y->count == 0) {
			first = i;
			memcpy(y->primary, row.primary, sizeof(y->primary));
		}
		y->list[y->count++] =
		    (struct smx_row_amendment){ .key = keys[i],
			    .held = -1,
			    .primary = asker,
			    .epoch = *epoch };
	}
	*from = first + (first < count);
	return SMX_OK;
}

static int
yield_all(struct smx_store *store, const char *asker,
    const struct smx_epoch *epoch, const struct smx_request *request)
{
	struct yields *y = malloc(sizeof(*y));
	size_t foreign, from = 0;
	int r = y == NULL ? SMX_ENOMEM : SMX_OK;

	while (r == SMX_OK && from < request->count) {
		r = yields_find(y, store, request->keys, request->count, &from,
		    asker, epoch);
		crash_point("holder.yield");
		if (r == SMX_OK && y->count != 0)
			r = store->ops->amend(store->ctx, y->primary, y->list,
			    y->count, &foreign);
		crash_point("holder.yielded");
	}
	free(y);
	return r;
}

/* What a row is after that decides: this host may have been faster, or the
 * primary. */
static enum smx_answer
claim_answer(const struct smx_row *row, const char *asker)
{
	if (row->state != SMX_ROW_SHADOW)
		return SMX_ANSWER_TAKEN;
	return is_yielded_to(row, asker) ? SMX_ANSWER_YIELDED
					 : SMX_ANSWER_DENIED;
}

int
holder_claim(struct smx_store *store, const char *own_name, const char *asker,
    const struct smx_epoch *asker_epoch, const struct smx_request *request,
    struct smx_reply *reply)
{
	int r = strcmp(asker, own_name) == 0
		    ? SMX_EINVAL
		    : yield_all(store, asker, asker_epoch, request);

	for (size_t i = 0; r == SMX_OK && i < request->count; i++) {
		struct smx_row row;

		r = store->ops->get(store->ctx, &request->keys[i], &row);
		reply->answers[i] = SMX_ANSWER_NONE;
		if (r == SMX_OK)
			reply->answers[i] = claim_answer(&row, asker);
		else if (r == SMX_ENOTFOUND)
			r = SMX_OK;
	}
	return r;
}

/* ---- given back by its owner ---- */

/* The epoch in which its first primary had it is not known any more: none is no
 * reason to take it over. */
int
holder_unyield(struct smx_store *store, const char *owner,
    const struct smx_key *keys, size_t count)
{
	struct smx_row_amendment *list = calloc(count + 1, sizeof(*list));
	size_t foreign;
	int r = SMX_OK;

	if (list == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < count; i++)
		list[i] = (struct smx_row_amendment){ .key = keys[i],
			.held = -1,
			.primary = "" };
	crash_point("holder.unyield");
	if (count != 0)
		r = store->ops->amend(store->ctx, owner, list, count, &foreign);
	crash_point("holder.unyielded");
	free(list);
	return r;
}
