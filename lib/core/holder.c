/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/holder.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"

/* The life of a row; doc/STATES draws it.  An empty cell means nothing. */
#define STATES (SMX_ROW_QUARANTINED + 1)
#define DROP   99

static const uint8_t moves[STATES][HOLDER_EVENTS] = {
	[SMX_ROW_SHADOW][HOLDER_DISCARD] = DROP,
	[SMX_ROW_SHADOW][HOLDER_ABORT] = DROP,
	[SMX_ROW_SHADOW][HOLDER_CLAIM] = SMX_ROW_CLAIMED,
	[SMX_ROW_SHADOW][HOLDER_FORGET] = DROP,

	[SMX_ROW_CLAIMED][HOLDER_DISCARD] = DROP,
	[SMX_ROW_CLAIMED][HOLDER_ABORT] = DROP,
	[SMX_ROW_CLAIMED][HOLDER_CLAIM] = SMX_ROW_CLAIMED,
	[SMX_ROW_CLAIMED][HOLDER_RETRY] = SMX_ROW_CLAIMED,
	[SMX_ROW_CLAIMED][HOLDER_HAND] = SMX_ROW_HANDED,
	[SMX_ROW_CLAIMED][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_CLAIMED][HOLDER_FORGET] = DROP,

	[SMX_ROW_HANDED][HOLDER_DISCARD] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_ABORT] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_CLAIM] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_HAND] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_HANDED][HOLDER_END] = DROP,
	[SMX_ROW_HANDED][HOLDER_FORGET] = DROP,
	[SMX_ROW_HANDED][HOLDER_AGAIN] = SMX_ROW_CLAIMED,

	[SMX_ROW_QUARANTINED][HOLDER_DISCARD] = DROP,
	[SMX_ROW_QUARANTINED][HOLDER_ABORT] = DROP,
	[SMX_ROW_QUARANTINED][HOLDER_CLAIM] = SMX_ROW_QUARANTINED,
	[SMX_ROW_QUARANTINED][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_QUARANTINED][HOLDER_RELEASE] = SMX_ROW_CLAIMED,
	[SMX_ROW_QUARANTINED][HOLDER_FORGET] = DROP,
};

int
holder_move(enum smx_row_state state, enum holder_event event)
{
	uint8_t to;

	if ((unsigned)state >= STATES || (unsigned)event >= HOLDER_EVENTS)
		return SMX_ESTATE;
	to = moves[state][event];
	if (to == 0)
		return SMX_ESTATE;
	return to == DROP ? 0 : to;
}

/* ---- DISCARD and ABORT ---- */

/*
 * Which of the keys may go.  A row that this host's MTA has already stays until
 * its end is seen, whatever the primary says; keys without a row go on, to
 * leave a tombstone before their shadow arrives.
 */
static int
may_go(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_key *keys, size_t *count)
{
	enum holder_event event =
	    request->kind == SMX_REQ_ABORT ? HOLDER_ABORT : HOLDER_DISCARD;

	*count = 0;
	for (size_t i = 0; i < request->count; i++) {
		struct smx_row row;
		int r = store->ops->get(store->ctx, &request->keys[i], &row);

		if (r != SMX_OK && r != SMX_ENOTFOUND)
			return r;
		if (r == SMX_OK && strcmp(row.primary, primary) == 0 &&
		    holder_move(row.state, event) != 0)
			continue;
		keys[(*count)++] = request->keys[i];
	}
	return SMX_OK;
}

int
holder_drop(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_reply *reply)
{
	struct smx_key *keys;
	size_t count;
	int r;

	reply->foreign = 0;
	if (request->count > SMX_REQ_KEYS_MAX)
		return SMX_EINVAL;
	if (request->count == 0)
		return SMX_OK;
	keys = malloc(request->count * sizeof(*keys));
	if (keys == NULL)
		return SMX_ENOMEM;
	r = may_go(store, primary, request, keys, &count);
	crash_point("holder.drop");
	if (r == SMX_OK && count != 0)
		r = store->ops->drop(store->ctx, primary, keys, count,
		    &reply->foreign);
	crash_point("holder.dropped");
	free(keys);
	if (r == SMX_OK && reply->foreign != 0) {
		struct log_line l;

		log_begin(&l, SMX_LOG_ERR, NULL, "discard_foreign");
		log_str(&l, "peer", primary);
		log_num(&l, "count", (int64_t)reply->foreign);
		log_end(&l);
	}
	return r;
}

/* ---- LIST ---- */

struct page {
	struct smx_reply *reply;
	size_t limit;
	int64_t wall_ms;
};

static int
list_row(void *ctx, const struct smx_row *row)
{
	struct page *page = ctx;
	struct smx_listed *l;

	if (page->reply->count >= page->limit)
		return 1;
	l = &page->reply->listed[page->reply->count++];
	memset(l, 0, sizeof(*l));
	l->key = row->key;
	memcpy(l->queue_id, row->queue_id, sizeof(l->queue_id));
	l->epoch = row->epoch;
	l->state = row->state;
	if (page->wall_ms > row->stored_ms)
		l->age_ms = page->wall_ms - row->stored_ms;
	return 0;
}

int
holder_list(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_reply *reply, int64_t wall_ms)
{
	struct page page = { .reply = reply,
		.limit = request->limit,
		.wall_ms = wall_ms };
	struct smx_store_filter filter = { .primary = primary,
		.after = &request->after,
		.limit = request->limit };
	int r;

	reply->count = 0;
	if (request->limit == 0 || request->limit > SMX_REQ_KEYS_MAX)
		return SMX_EINVAL;
	r = store->ops->scan(store->ctx, &filter, list_row, &page);
	return r < 0 ? r : SMX_OK;
}

/* ---- old ones, to be asked about ---- */

struct old {
	struct smx_key *keys;
	size_t max;
	size_t count;
	int64_t before_ms;
	int64_t wall_ms;
	struct smx_key last;
};

static int
old_row(void *ctx, const struct smx_row *row)
{
	struct old *old = ctx;

	if (old->count >= old->max)
		return 1;
	old->last = row->key;
	/* From the future: the clock was set back, its age is not known. */
	if (row->stored_ms <= old->before_ms || row->stored_ms > old->wall_ms)
		old->keys[old->count++] = row->key;
	return 0;
}

int
holder_old(struct smx_store *store, const char *primary, int64_t wall_ms,
    int64_t age_ms, struct smx_key *after, struct smx_key *keys, size_t max)
{
	struct old old = { .keys = keys,
		.max = max,
		.before_ms = wall_ms - age_ms,
		.wall_ms = wall_ms,
		.last = *after };
	struct smx_store_filter filter = { .primary = primary,
		.states = 1u << SMX_ROW_SHADOW | 1u << SMX_ROW_CLAIMED |
			  1u << SMX_ROW_QUARANTINED,
		.after = after };
	int r = store->ops->scan(store->ctx, &filter, old_row, &old);

	if (r < 0)
		return r;
	*after = old.last;
	return (int)old.count;
}
