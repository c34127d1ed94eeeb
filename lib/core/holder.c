/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/holder.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"

/* The life of a row; doc/STATES draws it.  An empty cell means nothing. */
#define STATES (SMX_ROW_DONE + 1)
#define DROP   99

static const uint8_t moves[STATES][HOLDER_EVENTS] = {
	[SMX_ROW_SHADOW][HOLDER_DISCARD] = DROP,
	[SMX_ROW_SHADOW][HOLDER_ABORT] = DROP,
	[SMX_ROW_SHADOW][HOLDER_CLAIM] = SMX_ROW_CLAIMED,
	[SMX_ROW_SHADOW][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_SHADOW][HOLDER_FORGET] = DROP,
	[SMX_ROW_SHADOW][HOLDER_OVER] = SMX_ROW_HANDED,
	[SMX_ROW_SHADOW][HOLDER_RETURN] = SMX_ROW_SHADOW,

	[SMX_ROW_CLAIMED][HOLDER_DISCARD] = DROP,
	[SMX_ROW_CLAIMED][HOLDER_ABORT] = DROP,
	[SMX_ROW_CLAIMED][HOLDER_CLAIM] = SMX_ROW_CLAIMED,
	[SMX_ROW_CLAIMED][HOLDER_RETRY] = SMX_ROW_CLAIMED,
	[SMX_ROW_CLAIMED][HOLDER_HAND] = SMX_ROW_HANDED,
	[SMX_ROW_CLAIMED][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_CLAIMED][HOLDER_FORGET] = DROP,
	[SMX_ROW_CLAIMED][HOLDER_OVER] = SMX_ROW_HANDED,
	[SMX_ROW_CLAIMED][HOLDER_RETURN] = SMX_ROW_SHADOW,

	[SMX_ROW_HANDED][HOLDER_DISCARD] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_ABORT] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_CLAIM] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_HAND] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_HANDED][HOLDER_END] = SMX_ROW_DONE,
	[SMX_ROW_HANDED][HOLDER_EXPIRE] = DROP,
	[SMX_ROW_HANDED][HOLDER_FORGET] = DROP,
	[SMX_ROW_HANDED][HOLDER_AGAIN] = SMX_ROW_CLAIMED,
	[SMX_ROW_HANDED][HOLDER_OVER] = SMX_ROW_HANDED,
	[SMX_ROW_HANDED][HOLDER_RETURN] = SMX_ROW_HANDED,

	[SMX_ROW_QUARANTINED][HOLDER_DISCARD] = DROP,
	[SMX_ROW_QUARANTINED][HOLDER_ABORT] = DROP,
	[SMX_ROW_QUARANTINED][HOLDER_CLAIM] = SMX_ROW_QUARANTINED,
	[SMX_ROW_QUARANTINED][HOLDER_REFUSE] = SMX_ROW_QUARANTINED,
	[SMX_ROW_QUARANTINED][HOLDER_RELEASE] = SMX_ROW_CLAIMED,
	[SMX_ROW_QUARANTINED][HOLDER_FORGET] = DROP,
	[SMX_ROW_QUARANTINED][HOLDER_OVER] = SMX_ROW_HANDED,
	[SMX_ROW_QUARANTINED][HOLDER_RETURN] = SMX_ROW_SHADOW,

	[SMX_ROW_DONE][HOLDER_DISCARD] = DROP,
	[SMX_ROW_DONE][HOLDER_ABORT] = DROP,
	[SMX_ROW_DONE][HOLDER_EXPIRE] = DROP,
	[SMX_ROW_DONE][HOLDER_FORGET] = DROP,
	[SMX_ROW_DONE][HOLDER_RETURN] = SMX_ROW_DONE,
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

/* Other members may hold it for this host: they hear of its end first, see
 * over.c.  So they may when it was given back, and of what is done they have
 * heard. */
static int
has_juniors(const struct smx_row *row)
{
	return row->state != SMX_ROW_DONE &&
	       (row->state != SMX_ROW_SHADOW || row->next_try_ms != 0) &&
	       strchr(row->holders, ' ') != NULL;
}

/* More than any store keeps: such a row is damaged. */
#define RECIPIENTS_MAX ((size_t)1 << 20)

int
holder_over(struct smx_store *store, const struct smx_row *row, int64_t wall_ms)
{
	struct smx_row_change change = { .from = row->state,
		.to = (enum smx_row_state)holder_move(row->state, HOLDER_OVER),
		.now_ms = wall_ms,
		.attempts = row->attempts,
		.handed_id = HOLDER_OVER_ID };
	size_t n = row->recipients < RECIPIENTS_MAX ? row->recipients : 0;
	char *open = malloc(n + 1);
	int r;

	if (open == NULL)
		return SMX_ENOMEM;
	/* It did not end here: nobody was served, as far as this proves. */
	memset(open, SMX_RCPT_OPEN, n);
	open[n] = '\0';
	if (n == row->recipients)
		change.rcpt_states = open;
	r = store->ops->mark(store->ctx, &row->key, &change);
	free(open);
	/* What has moved on meanwhile is told again, or is followed. */
	return r == SMX_ENOTFOUND ? SMX_OK : r;
}

/*
 * What becomes of one key: non-zero when it may go.  A row that this host's MTA
 * has already stays until its end is seen, whatever the primary says.  So does
 * one that another member has taken over: the primary's word goes to that one.
 * Keys without a row go on, to leave a tombstone before their shadow arrives.
 */
static int
drop_one(struct smx_store *store, const char *primary, enum holder_event event,
    const struct smx_key *key, int *goes)
{
	struct smx_row row;
	int r = store->ops->get(store->ctx, key, &row);

	*goes = 1;
	if (r == SMX_ENOTFOUND)
		return SMX_OK;
	if (r != SMX_OK)
		return r;
	if (strcmp(row.primary, primary) != 0) {
		*goes = !row.yielded;
		return SMX_OK;
	}
	*goes = holder_move(row.state, event) == 0;
	if (*goes && has_juniors(&row)) {
		*goes = 0;
		return holder_over(store, &row, row.state_ms);
	}
	return SMX_OK;
}

static int
may_go(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_key *keys, size_t *count)
{
	enum holder_event event =
	    request->kind == SMX_REQ_ABORT ? HOLDER_ABORT : HOLDER_DISCARD;

	*count = 0;
	for (size_t i = 0; i < request->count; i++) {
		int goes;
		int r =
		    drop_one(store, primary, event, &request->keys[i], &goes);

		if (r != SMX_OK)
			return r;
		if (goes)
			keys[(*count)++] = request->keys[i];
	}
	return SMX_OK;
}

/* What was never acknowledged was not delivered either. */
static int
drop(struct smx_store *store, const char *primary, enum smx_request_kind kind,
    const struct smx_key *keys, size_t count, size_t *foreign)
{
	if (kind == SMX_REQ_DISCARD && store->ops->finish != NULL)
		return store->ops->finish(store->ctx, primary, keys, count,
		    foreign);
	return store->ops->drop(store->ctx, primary, keys, count, foreign);
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
		r = drop(store, primary, request->kind, keys, count,
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
	if (row->yielded)
		return 0; /* its key and its queue id are another one's */
	if (row->unsound && row->state != SMX_ROW_HANDED &&
	    row->state != SMX_ROW_DONE)
		return 0; /* not listed, it is copied again */
	l = &page->reply->listed[page->reply->count++];
	memset(l, 0, sizeof(*l));
	l->key = row->key;
	memcpy(l->queue_id, row->queue_id, sizeof(l->queue_id));
	l->epoch = row->epoch;
	l->state = row->state;
	l->version = row->version;
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
		.after = &request->after };
	int r;

	reply->count = 0;
	if (request->limit == 0 || request->limit > SMX_REQ_KEYS_MAX)
		return SMX_EINVAL;
	r = store->ops->scan(store->ctx, &filter, list_row, &page);
	return r < 0 ? r : SMX_OK;
}

/* ---- old ones, to be asked about ---- */

/* Rows looked at in one call: with a million of them a call must not read all,
 * beat after beat. */
#define OLD_LOOK_MAX 20000

struct old {
	struct smx_key *keys;
	size_t looked;
	size_t max;
	size_t count;
	int64_t before_ms;
	int64_t wall_ms;
	struct smx_key last;
	int yielded;
};

static int
old_row(void *ctx, const struct smx_row *row)
{
	struct old *old = ctx;

	if (old->count >= old->max || old->looked++ == OLD_LOOK_MAX)
		return 1;
	old->last = row->key;
	if (row->yielded != old->yielded)
		return 0;
	/* From the future: the clock was set back, its age is not known. */
	if (row->stored_ms <= old->before_ms || row->stored_ms > old->wall_ms)
		old->keys[old->count++] = row->key;
	return 0;
}

static int
find_old(struct smx_store *store, const char *primary, unsigned states,
    struct old *old, struct smx_key *after)
{
	struct smx_store_filter filter = { .primary = primary,
		.states = states,
		.after = after };
	int r;

	old->last = *after;
	r = store->ops->scan(store->ctx, &filter, old_row, old);
	if (r < 0)
		return r;
	if (r == 0) /* the end: the next one starts over */
		memset(after, 0, sizeof(*after));
	else
		*after = old->last;
	return (int)old->count;
}

int
holder_old(struct smx_store *store, const char *primary, int64_t wall_ms,
    int64_t age_ms, struct smx_key *after, struct smx_key *keys, size_t max)
{
	struct old old = { .keys = keys,
		.max = max,
		.before_ms = wall_ms - age_ms,
		.wall_ms = wall_ms };

	return find_old(store, primary,
	    1u << SMX_ROW_SHADOW | 1u << SMX_ROW_CLAIMED |
		1u << SMX_ROW_QUARANTINED,
	    &old, after);
}

int
holder_yielded(struct smx_store *store, const char *owner,
    struct smx_key *after, struct smx_key *keys, size_t max)
{
	struct old old = { .keys = keys,
		.max = max,
		.before_ms = INT64_MAX,
		.yielded = 1 };

	return find_old(store, owner, 1u << SMX_ROW_SHADOW, &old, after);
}
