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

struct returning {
	struct smx_store *store;
	const char *primary;
	const struct smx_epoch *epoch;
	int64_t wall_ms;
	/* of the row at hand: */
	struct smx_row row;
	char *envelope, *states;
	size_t envelope_len;
};

static void
row_done(struct returning *r)
{
	free(r->envelope);
	free(r->states);
	r->envelope = NULL;
	r->states = NULL;
}

/* SMX_ENOTFOUND also when it is not this primary's: neither the key nor what
 * became of it is any of its business. */
static int
row_get(struct returning *r, const struct smx_key *key)
{
	struct smx_store *s = r->store;
	int result = s->ops->get(s->ctx, key, &r->row);

	if (result != SMX_OK)
		return result;
	if (strcmp(r->row.primary, r->primary) != 0)
		return SMX_ENOTFOUND;
	return s->ops->envelope(s->ctx, key, &r->envelope, &r->envelope_len,
	    &r->states);
}

/* ---- giving back ---- */

static void
log_given_back(const struct returning *r)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, r->row.queue_id, "given_back");
	log_key(&l, "key", &r->row.key);
	log_str(&l, "primary", r->row.primary);
	log_str(&l, "was",
	    r->row.state == SMX_ROW_CLAIMED ? "claimed" : "quarantined");
	log_num(&l, "attempts", r->row.attempts);
	log_end(&l);
}

/*
 * What the primary said of it while it was taken over was not heeded: its open
 * recipients are those that it names now.  It has the message in the queue of
 * this epoch, so an older one is no reason any more to take it over.  That this
 * second step may be missing after a crash costs a duplicate at most.
 */
static int
renew(struct returning *r, const struct smx_amendment *m)
{
	struct smx_store *s = r->store;
	struct smx_row_amendment a = { .key = m->key,
		.held = -1,
		.primary = r->primary,
		.epoch = *r->epoch };
	char *merged = NULL;
	size_t foreign;
	int result;

	if (amend_merge(r->envelope, r->envelope_len, m->envelope,
		m->envelope_len, &merged, &a.envelope_len,
		&a.recipients) == SMX_OK)
		a.envelope = merged;
	result = s->ops->amend(s->ctx, NULL, &a, 1, &foreign);
	free(merged);
	return result == SMX_EFULL ? SMX_OK : result;
}

static int
give_back(struct returning *r, const struct smx_amendment *m)
{
	struct smx_store *s = r->store;
	int to = holder_move(r->row.state, HOLDER_RETURN);
	struct smx_row_change change = { .from = r->row.state,
		.to = (enum smx_row_state)to,
		.now_ms = r->wall_ms,
		/* Others may hold it for this host: see drop_one. */
		.next_try_ms = r->wall_ms > 0 ? r->wall_ms : 1,
		.handed_id = "",
		.rcpt_states = r->states,
		.reason = "" };
	int result;

	if (to != SMX_ROW_SHADOW)
		return SMX_ESTATE;
	if (r->states != NULL)
		memset(r->states, SMX_RCPT_OPEN, strlen(r->states));
	crash_point("holder.return");
	result = s->ops->mark(s->ctx, &m->key, &change);
	crash_point("holder.returned");
	if (result != SMX_OK)
		return result;
	log_given_back(r);
	return renew(r, m);
}

/* ---- the answers ---- */

/* It may be on its way into this host's MTA, or in it, with some of its
 * recipients.  An attempt that a crash has interrupted counts: nobody knows. */
static int
may_be_handed(const struct returning *r)
{
	return (r->row.state == SMX_ROW_CLAIMED && r->row.next_try_ms < 0) ||
	       (r->states != NULL &&
		   strchr(r->states, SMX_RCPT_HANDED) != NULL);
}

static int
is_over(const struct smx_row *row)
{
	return row->state == SMX_ROW_DONE ||
	       strcmp(row->handed_id, HOLDER_OVER_ID) == 0;
}

/* A message that has ended here. */
static int
ended(const struct returning *r, const struct smx_amendment *m,
    enum smx_answer *answer)
{
	int all = r->states == NULL
		      ? 0
		      : served_all(r->envelope, r->envelope_len, r->states,
			    m->envelope, m->envelope_len);

	if (all < 0)
		return all;
	*answer = all ? SMX_ANSWER_FINISHED : SMX_ANSWER_OPEN;
	return SMX_OK;
}

static int
judge(struct returning *r, const struct smx_amendment *m,
    enum smx_answer *answer)
{
	int result;

	switch (r->row.state) {
	case SMX_ROW_SHADOW:
		*answer = SMX_ANSWER_SHADOW;
		return SMX_OK;
	case SMX_ROW_HANDED:
	case SMX_ROW_DONE:
		if (is_over(&r->row))
			return ended(r, m, answer);
		*answer = SMX_ANSWER_TAKEN;
		return SMX_OK;
	case SMX_ROW_CLAIMED:
	case SMX_ROW_QUARANTINED:
		break;
	}
	*answer = SMX_ANSWER_TAKEN;
	if (may_be_handed(r))
		return SMX_OK;
	result = give_back(r, m);
	if (result == SMX_OK)
		*answer = SMX_ANSWER_SHADOW;
	return result;
}

/* What the store cannot tell, or cannot write, stays as it is. */
static enum smx_answer
answer_one(struct returning *r, const struct smx_amendment *m)
{
	enum smx_answer answer = SMX_ANSWER_UNKNOWN;
	int result = row_get(r, &m->key);

	if (result == SMX_OK)
		result = judge(r, m, &answer);
	row_done(r);
	if (result == SMX_ENOTFOUND)
		return SMX_ANSWER_NONE;
	return result == SMX_OK ? answer : SMX_ANSWER_UNKNOWN;
}

int
holder_return(struct smx_store *store, const char *primary,
    const struct smx_epoch *epoch, const struct smx_request *request,
    struct smx_reply *reply, int64_t wall_ms)
{
	struct returning r = { .store = store,
		.primary = primary,
		.epoch = epoch,
		.wall_ms = wall_ms };

	if (request->count > SMX_AMEND_MAX)
		return SMX_EINVAL;
	for (size_t i = 0; i < request->count; i++)
		if (request->amendments[i].envelope == NULL)
			return SMX_EINVAL;
	for (size_t i = 0; i < request->count; i++)
		reply->answers[i] = answer_one(&r, &request->amendments[i]);
	return SMX_OK;
}
