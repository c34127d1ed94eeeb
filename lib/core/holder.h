/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOLDER_H
#define CORE_HOLDER_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>
#include <shadowmx/store.h>

/*
 * The holder's answers to DISCARD, ABORT and LIST, over the store's port, and
 * the row's life as a table (doc/STATES).  Stateless: every rule is in the row
 * and in the table, so it may run in any thread.
 */
enum holder_event {
	HOLDER_DISCARD = 1, /* the primary: finished */
	HOLDER_ABORT,       /* the primary: never acknowledged */
	HOLDER_CLAIM,       /* takeover of this row */
	HOLDER_RETRY,       /* the own MTA said not now */
	HOLDER_HAND,        /* the own MTA's 250 */
	HOLDER_REFUSE,      /* the own MTA's 5xx, or nobody but a person can
			     * know whether it is still to be delivered */
	HOLDER_END,         /* the handed message ended in the own queue, and
			     * its primary may ask for it */
	HOLDER_EXPIRE,      /* the same, but nobody will, or not any more */
	HOLDER_RELEASE,     /* operator: try a quarantined one again */
	HOLDER_FORGET,      /* operator: drop it */
	HOLDER_AGAIN,       /* the own queue that had it was replaced */
	HOLDER_OVER,        /* ended, or dropped by word, but for the members
			     * that hold it for this host */
	HOLDER_RETURN,      /* the primary is back and has it in its queue */
	HOLDER_EVENTS
};

/* In place of a queue id in a HANDED row: see over.c. */
#define HOLDER_OVER_ID "-"

/* The state after event, 0 when the row is to be dropped, or a negative
 * SMX_ESTATE when the event means nothing in that state.  A discard of a
 * HANDED row is no drop: the row is followed to its end. */
int holder_move(enum smx_row_state state, enum holder_event event);

/* By word, not by its end: the row is over but for them (HOLDER_OVER). */
int holder_over(struct smx_store *store, const struct smx_row *row,
    int64_t wall_ms);

/* DISCARD and ABORT: reply->foreign is filled in. */
int holder_drop(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_reply *reply);
/*
 * AMEND: what this primary says of its shadows, envelopes merged into the old
 * ones (amend.h), durable before SMX_OK.  ASK, CLAIM: what another member asks
 * about request->node's rows.  A row in state SHADOW is yielded to any member
 * that its primary has named in the ranked set: that member is its primary from
 * then on (yielded), so its discard ends it and its silence lets this host take
 * over.
 */
int holder_amend(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_reply *reply);
int holder_ask(struct smx_store *store, const char *own_name,
    const struct smx_request *request, struct smx_reply *reply);
int holder_claim(struct smx_store *store, const char *own_name,
    const char *asker, const struct smx_epoch *asker_epoch,
    const struct smx_request *request, struct smx_reply *reply);

/*
 * RETURN: who delivers these of this primary's, which it has in its queue of
 * that epoch?  What was taken over and is not in the own MTA, nor may be, is
 * given back, durably before the answer.  The takeover must stand still: a row
 * that is claimed and has no attempt out must not get one meanwhile.
 */
int holder_return(struct smx_store *store, const char *primary,
    const struct smx_epoch *epoch, const struct smx_request *request,
    struct smx_reply *reply, int64_t wall_ms);
/* These, which are held for that member, are a shadow there again: their
 * primary is the one that they came from. */
int holder_unyield(struct smx_store *store, const char *owner,
    const struct smx_key *keys, size_t count);

/* LIST for this primary, from request->after, at most request->limit.  What it
 * has taken over itself, and others hold for it, is not listed: neither key nor
 * queue id are its own; nor is what the store cannot vouch for. */
int holder_list(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_reply *reply,
    int64_t wall_ms);
/* Keys of this primary stored at least age_ms ago, to be asked about, from
 * *after on; *after moves, and is zero again at the end.  So many rows are
 * looked at in one call and no more.  Returns how many, or a negative error. */
int holder_old(struct smx_store *store, const char *primary, int64_t wall_ms,
    int64_t age_ms, struct smx_key *after, struct smx_key *keys, size_t max);
/* Likewise those that this host holds for a member that took them over: it is
 * asked whether it still has them. */
int holder_yielded(struct smx_store *store, const char *owner,
    struct smx_key *after, struct smx_key *keys, size_t max);

#endif
