/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"
#include "core/amend.h"
#include "core/holder.h"
#include "core/served.h"

/*
 * RETURN: a primary is back, with messages in its queue that this host has
 * taken over.  What its MTA was not handed is given back: durably a shadow
 * again before the answer, so that from then on only the primary delivers it.
 */

struct item {
	const struct smx_amendment *said;
	enum smx_answer *answer;
	struct smx_row row;
	char *envelope, *states;
	size_t envelope_len;
};

struct returning {
	struct smx_store *store;
	const char *primary;
	const struct smx_epoch *epoch;
	int64_t wall_ms;
	/* What is to be given back, in one step for all. */
	struct item back[SMX_AMEND_MAX];
	size_t count;
	struct smx_row_mark marks[SMX_AMEND_MAX];
	struct smx_row_amendment renewed[SMX_AMEND_MAX];
	char *merged[SMX_AMEND_MAX];
};

static void
item_free(struct item *item)
{
	free(item->envelope);
	free(item->states);
	item->envelope = NULL;
	item->states = NULL;
}

/* SMX_ENOTFOUND also when it is not this primary's: neither the key nor what
 * became of it is any of its business. */
static int
item_load(const struct returning *r, struct item *item)
{
	struct smx_store *s = r->store;
	const struct smx_key *key = &item->said->key;
	int result = s->ops->get(s->ctx, key, &item->row);

	if (result != SMX_OK)
		return result;
	if (strcmp(item->row.primary, r->primary) != 0)
		return SMX_ENOTFOUND;
	return s->ops->envelope(s->ctx, key, &item->envelope,
	    &item->envelope_len, &item->states);
}

/* ---- giving back ---- */

static void
log_given_back(const struct smx_row *row)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, row->queue_id, "given_back");
	log_key(&l, "key", &row->key);
	log_str(&l, "primary", row->primary);
	log_str(&l, "was",
	    row->state == SMX_ROW_CLAIMED ? "claimed" : "quarantined");
	log_num(&l, "attempts", row->attempts);
	log_end(&l);
}

static void
mark_one(const struct returning *r, struct item *item,
    struct smx_row_mark *mark)
{
	if (item->states != NULL)
		memset(item->states, SMX_RCPT_OPEN, strlen(item->states));
	memset(mark, 0, sizeof(*mark));
	mark->key = item->row.key;
	mark->change.from = item->row.state;
	mark->change.to =
	    (enum smx_row_state)holder_move(item->row.state, HOLDER_RETURN);
	mark->change.now_ms = r->wall_ms;
	/* Others may hold it for this host: see drop_one. */
	mark->change.next_try_ms = r->wall_ms > 0 ? r->wall_ms : 1;
	mark->change.handed_id = "";
	mark->change.rcpt_states = item->states;
	mark->change.reason = "";
}

static void
mark_all(struct returning *r)
{
	struct smx_store *s = r->store;

	for (size_t i = 0; i < r->count; i++)
		mark_one(r, &r->back[i], &r->marks[i]);
	crash_point("holder.return");
	if (s->ops->marks != NULL && r->count > 1)
		s->ops->marks(s->ctx, r->marks, r->count);
	else
		for (size_t i = 0; i < r->count; i++)
			r->marks[i].result = s->ops->mark(s->ctx,
			    &r->marks[i].key, &r->marks[i].change);
	crash_point("holder.returned");
}

/*
 * What the primary said of it while it was taken over was not heeded: its open
 * recipients are those that it names now.  It has the message in the queue of
 * this epoch, so an older one is no reason any more to take it over.  That this
 * second step may be missing after a crash costs a duplicate at most.
 */
static int
renew_all(struct returning *r)
{
	struct smx_store *s = r->store;
	size_t n = 0, foreign;
	int result = SMX_OK;

	for (size_t i = 0; i < r->count; i++) {
		struct smx_row_amendment *a = &r->renewed[n];
		const struct item *item = &r->back[i];

		if (r->marks[i].result != SMX_OK)
			continue;
		*a = (struct smx_row_amendment){ .key = item->row.key,
			.held = -1,
			.primary = r->primary,
			.epoch = *r->epoch };
		if (amend_merge(item->envelope, item->envelope_len,
			item->said->envelope, item->said->envelope_len,
			&r->merged[n], &a->envelope_len,
			&a->recipients) == SMX_OK)
			a->envelope = r->merged[n];
		n++;
	}
	if (n != 0)
		result = s->ops->amend(s->ctx, NULL, r->renewed, n, &foreign);
	for (size_t i = 0; i < n; i++)
		free(r->merged[i]);
	/* The envelope that it has had will do. */
	return result == SMX_EFULL ? SMX_OK : result;
}

static void
give_back(struct returning *r)
{
	int renewed;

	if (r->count == 0)
		return;
	mark_all(r);
	renewed = renew_all(r);
	for (size_t i = 0; i < r->count; i++) {
		struct item *item = &r->back[i];
		int result = r->marks[i].result;

		if (result == SMX_OK)
			log_given_back(&item->row);
		if (result == SMX_OK && renewed == SMX_OK)
			*item->answer = SMX_ANSWER_SHADOW;
		else if (result == SMX_ENOTFOUND)
			*item->answer = SMX_ANSWER_NONE;
		else
			*item->answer = SMX_ANSWER_UNKNOWN;
		item_free(item);
	}
}

/* ---- the answers ---- */

/* It may be on its way into this host's MTA, or in it, with some of its
 * recipients.  An attempt that a crash has interrupted counts: nobody knows. */
static int
may_be_handed(const struct item *item)
{
	return (item->row.state == SMX_ROW_CLAIMED &&
		   item->row.next_try_ms < 0) ||
	       (item->states != NULL &&
		   strchr(item->states, SMX_RCPT_HANDED) != NULL);
}

static int
is_over(const struct smx_row *row)
{
	return row->state == SMX_ROW_DONE ||
	       strcmp(row->handed_id, HOLDER_OVER_ID) == 0;
}

/* Of a message that has ended here. */
static enum smx_answer
ended(const struct item *item)
{
	int all;

	if (item->states == NULL)
		return SMX_ANSWER_OPEN;
	all = served_all(item->envelope, item->envelope_len, item->states,
	    item->said->envelope, item->said->envelope_len);
	if (all < 0)
		return SMX_ANSWER_UNKNOWN;
	return all ? SMX_ANSWER_FINISHED : SMX_ANSWER_OPEN;
}

/* NONE stands for: it is to be given back. */
static enum smx_answer
judge(const struct item *item)
{
	switch (item->row.state) {
	case SMX_ROW_SHADOW:
		return SMX_ANSWER_SHADOW;
	case SMX_ROW_HANDED:
	case SMX_ROW_DONE:
		return is_over(&item->row) ? ended(item) : SMX_ANSWER_TAKEN;
	case SMX_ROW_CLAIMED:
	case SMX_ROW_QUARANTINED:
		break;
	}
	return may_be_handed(item) ? SMX_ANSWER_TAKEN : SMX_ANSWER_NONE;
}

/* What the store cannot tell, or cannot write, stays as it is. */
static void
look_at(struct returning *r, const struct smx_amendment *said,
    enum smx_answer *answer)
{
	struct item *item = &r->back[r->count];
	int result;

	memset(item, 0, sizeof(*item));
	item->said = said;
	item->answer = answer;
	result = item_load(r, item);
	*answer = SMX_ANSWER_NONE;
	if (result == SMX_OK) {
		*answer = judge(item);
		if (*answer == SMX_ANSWER_NONE) {
			*answer = SMX_ANSWER_UNKNOWN;
			r->count++;
			return;
		}
	} else if (result != SMX_ENOTFOUND)
		*answer = SMX_ANSWER_UNKNOWN;
	item_free(item);
}

int
holder_return(struct smx_store *store, const char *primary,
    const struct smx_epoch *epoch, const struct smx_request *request,
    struct smx_reply *reply, int64_t wall_ms)
{
	struct returning *r;

	if (request->count > SMX_AMEND_MAX)
		return SMX_EINVAL;
	for (size_t i = 0; i < request->count; i++)
		if (request->amendments[i].envelope == NULL)
			return SMX_EINVAL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return SMX_ENOMEM;
	r->store = store;
	r->primary = primary;
	r->epoch = epoch;
	r->wall_ms = wall_ms;
	for (size_t i = 0; i < request->count; i++)
		look_at(r, &request->amendments[i], &reply->answers[i]);
	give_back(r);
	free(r);
	return SMX_OK;
}
