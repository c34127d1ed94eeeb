/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/key.h>
#include <shadowmx/link.h>
#include <shadowmx/policy.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>

/*
 * What a host knows and decides about its own open messages (as primary) and
 * about its peers.  No clock, thread, socket or file: time is passed in
 * (now_ms, any monotonic clock that counts suspended time), work is pulled out
 * (_next), outcomes are handed back (_result).  One caller at a time: glue
 * holds a lock around every call; every call is short.
 *
 * The holder's side of a single shadow (store, drop) is holder.h; resubmission
 * is takeover.h; one delayed acknowledgement is hold.h.
 */
struct engine;

#define OWN_RANKS_MAX 16 /* holders of one message */

struct engine_options {
	uint8_t incarnation[16];
	struct smx_epoch epoch; /* this host's, as told to peers */
	size_t peers;
	const char *const *names; /* of the peers; lent, NULL: their numbers
				   * in the log, and no ranks are told */
	int64_t wall_ms;  /* the wall clock at now_ms of engine_new: versions of
			   * amendments grow over restarts */
	int64_t amend_ms; /* an open message is read in the queue when it is so
			   * old: 2000 */
	int64_t heartbeat_ms;
	int64_t takeover_after_ms;
	int64_t mta_down_ms; /* so long a peer says that its MTA is down before
			      * its shadows are taken over; 0: never */
	int hold_isolated;   /* see lease.h */
	unsigned probes;     /* unanswered before a takeover: 3 */
	int64_t batch_delay_ms; /* finished keys wait for company: 100 */
	int64_t retry_ms;       /* first pause after a failed request: 500,
				 * doubles up to heartbeat_ms */
	int64_t patience_ms;    /* an end of message waits for a peer that
				 * has been away for less when it begins */
	size_t max_open;        /* own open messages, ELIMIT above */
	size_t max_notices;     /* waiting notices per peer; the oldest go
				 * first, QUERY and LIST make up for it */
};

int engine_new(struct engine **out, const struct engine_options *options,
    int64_t now_ms) SMX_MUST_USE;
void engine_free(struct engine **engine);

/* ---- primary: the life of an own message ---- */

struct engine_message {
	const char *queue_id; /* "" unknown: nothing can be seen of it later */
	uint64_t size;
	size_t recipients;
	unsigned copies;       /* wanted; 0 none */
	uint64_t envelope_sum; /* amend_sum() of what the milter saw */
	int64_t hold_until_ms; /* it says that it is on hold as a backup MX,
				* 0: it does not */
};

/* Register before the first byte goes to a holder, so that no evidence about
 * it is missed; gives the key out.  ELIMIT, ENOMEM. */
int engine_begin(struct engine *engine, const struct engine_message *message,
    int64_t now_ms, struct smx_key *key) SMX_MUST_USE;
/* Peers worth asking for a copy, best first: allowed by ack, not drained, not
 * leaving, not full, not in the pause after a failure; among those that are as
 * well as each other the preferred ones first, the others take turns.
 * Returns how many were written to peers. */
size_t engine_candidates(struct engine *engine, const struct smx_ack *ack,
    int64_t now_ms, size_t *peers, size_t max);
/*
 * when_unprotected = ("tempfail", time, "accept"): how long there has been
 * trouble for messages that need what this one needs (min_copies among
 * holders); 0: there is none.  It begins with the first message that could not
 * be given its min_copies (_trouble) and ends when one could, or when as many
 * of its peers are up and have neither failed nor refused a copy since the last
 * one they took.  A ceiling bounds the kinds that are kept.
 */
/* As min_copies, more than there are peers: holders is no set of peers but
 * stands for next hops that do not take what only they may have. */
#define ENGINE_TROUBLE_DELIVERY 1000
int64_t engine_trouble_ms(struct engine *engine, const struct smx_ack *ack,
    int64_t now_ms);
void engine_trouble(struct engine *engine, const struct smx_ack *ack, int began,
    int64_t now_ms);
/* A member that the operator wants to be empty is asked for no more copies. */
void engine_drain(struct engine *engine, size_t peer, int on);
/* Nobody can be asked: those that ack allows and that are worth waiting for, a
 * bit for each.  They are back, or had been away for less than patience_ms at
 * since_ms, when the wait began. */
uint64_t engine_may_return(struct engine *engine, const struct smx_ack *ack,
    int64_t since_ms, int64_t now_ms);
/* What one holder answered to the shadow (see smx_link_ops.finish). */
void engine_sent(struct engine *engine, const struct smx_key *key, size_t peer,
    int result, int64_t now_ms);

/* What has been learnt of holders since they confirmed, before the verdict: one
 * may have lost it again.  Non-zero: the hold has changed and goes on. */
struct hold;
int engine_hold_look(const struct engine *engine, const struct smx_key *key,
    struct hold *hold);

enum engine_verdict {
	ENGINE_PROTECTED = 1, /* accepted, enough copies */
	ENGINE_UNPROTECTED,   /* accepted, fewer: counted until it ends */
	ENGINE_REFUSED        /* 4xx or given up before: ABORT to all that may
			       * have it; the key ends */
};
/* A message that an earlier life of this host accepted with one copy only: it
 * is counted until the queue shows that it ended. */
void engine_adopt_unprotected(struct engine *engine,
    const struct smx_listed *message, int64_t now_ms);
/* It passed us by and was not copied: likewise, once a look finds it. */
void engine_adopt_passed(struct engine *engine, const struct smx_key *key);
/* Who has it, the first to take over first; told: each of them, and each that
 * may have it, was told exactly so with SHADOW. */
struct engine_ranks {
	size_t count;
	uint8_t peer[OWN_RANKS_MAX];
	int told;
	unsigned wanted; /* engine_copy_result: what the policy asks for */
};
/* Before the MTA hears the answer.  With fewer holders than were wanted the
 * message counts as short, with none as unprotected.  ranks may be NULL (none).
 * What was not told goes out as AMEND. */
void engine_verdict(struct engine *engine, const struct smx_key *key,
    enum engine_verdict verdict, const struct engine_ranks *ranks,
    int64_t now_ms);
/* The milter session forgot its message (ABORT) while the MTA had given it this
 * id: if the MTA commits it after all (an earlier filter's quarantine, a later
 * one's yes), it is unprotected, counted, and copied from its file. */
void engine_passed(struct engine *engine, const char *queue_id, int64_t now_ms);
/* What of the message under this id is left to be done goes on under other, a
 * message of its own that no milter saw: it is copied, and the end of the first
 * waits for that. */
void engine_goes_on(struct engine *engine, const char *queue_id,
    const char *other, int64_t now_ms);
/* The MTA has shown that it is past this message: next command or close. */
void engine_session_end(struct engine *engine, const struct smx_key *key,
    int64_t now_ms);

/* ---- evidence ---- */

void engine_queue_event(struct engine *engine,
    const struct smx_queue_event *event, int64_t now_ms);
void engine_queue_state(struct engine *engine,
    const struct smx_queue_state *state, int64_t now_ms);
/* The queue went back to a state in which it counted so.  What came shortly
 * before may or may not be in it: it counts as what came after. */
void engine_queue_torn(struct engine *engine, const struct smx_epoch *torn);
/* Ids to verify now; lent until the next call.  token goes with them.
 * Returns how many. */
size_t engine_verify_next(struct engine *engine, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);
/* Ids whose committed envelope is to be read now (SMX_QUEUE_READ answers);
 * likewise.  Asked for what is still open after amend_ms, and again when the
 * message was moved; never for what ends before. */
size_t engine_read_next(struct engine *engine, int64_t now_ms, const char **ids,
    size_t max, uint64_t *token);
/*
 * An own message that is open and has fewer copies than it should have: copy it
 * from its file.  Several may be out at a time; one is not given out again
 * before its result (SMX_OK: as many copies as could be; ranks: who has it now,
 * and how many its policy wants; neither: none) or a pause.  SMX_ENOTFOUND
 * until *wake_ms.
 */
struct engine_copy {
	struct smx_key key;
	char id[SMX_QUEUE_ID_MAX + 1];
	int passed; /* nobody has ever had a copy */
	int held;   /* it is on hold; -1: as its file is */
};
int engine_copy_next(struct engine *engine, int64_t now_ms,
    struct engine_copy *out, int64_t *wake_ms);
/* What its policy asks for is in ack: that becomes what is missing, and who may
 * be asked for it.  there: who has it already.  0: nothing is missing. */
int engine_copy_ask(const struct engine *engine, const struct smx_key *key,
    struct smx_ack *ack, struct engine_ranks *there, int64_t now_ms);
void engine_copy_result(struct engine *engine, const struct smx_key *key,
    int result, const struct engine_ranks *ranks, int64_t now_ms);

/* The most copies that any policy asks for: a message of which a restart has
 * forgotten how many it should have is not asked about when it has those. */
void engine_copies_most(struct engine *engine, unsigned copies);
/* A message that this host took over is in its queue under this id, and nobody
 * else has it: an own message, unprotected until it is copied or ends. */
void engine_resubmitted(struct engine *engine, const char *queue_id,
    int64_t now_ms);

/* ---- peers: one conversation at a time with each, pulled ---- */

/*
 * The next request for this peer: SMX_OK and *request (arrays lent until
 * engine_peer_result), or SMX_ENOTFOUND and *wake_ms, when to ask again
 * (earlier after engine_work() changed).
 */
int engine_peer_next(struct engine *engine, size_t peer, int64_t now_ms,
    struct smx_request *request, int64_t *wake_ms);
void engine_peer_result(struct engine *engine, size_t peer,
    const struct smx_request *request, int result,
    const struct smx_reply *reply, int64_t now_ms);
/*
 * Grows whenever a call made new work for some _next; for glue's wake-ups.  Not
 * for engine_verify_next, engine_read_next: whoever asks the queue looks by
 * itself, often, and every message would wake all others.
 */
uint64_t engine_work(const struct engine *engine);

/* What peers tell and ask us.  (SEEN is answered by engine_request; AMEND, ASK,
 * CLAIM, like DISCARD, are the store's: holder.h.)  engine_peer_next asks SEEN
 * of all others about a peer that would be silent: it is not called silent, and
 * nothing is taken over, while one of them has heard it within takeover_after
 * (an answer counts for two heartbeats; who does not answer is not waited for
 * longer than that). */
void engine_hello(struct engine *engine, size_t peer,
    const struct smx_hello *theirs, struct smx_hello *ours, int64_t now_ms);
void engine_heard(struct engine *engine, size_t peer, int64_t now_ms);
/* It had told an earlier life of this process that it leaves, for this much
 * longer. */
void engine_away(struct engine *engine, size_t peer, int64_t left_ms,
    int64_t now_ms);
/* Has somebody else than this peer, or this host, given out such keys?  A copy
 * under one would stand in the way of the true one. */
int engine_key_foreign(const struct engine *engine, size_t peer,
    const struct smx_key *key);
/* BEAT and QUERY.  (DISCARD, ABORT, LIST are the store's: holder.h.) */
int engine_request(struct engine *engine, size_t peer,
    const struct smx_request *request, struct smx_reply *reply, int64_t now_ms);
/* Keys of this peer's that glue found in the store and that are older than two
 * heartbeats: they go out as QUERY; finished ones come back through
 * engine_finished_next. */
void engine_ask(struct engine *engine, size_t peer, const struct smx_key *keys,
    size_t count);
/* Did the last QUERY to some peer find that it has lost messages?  Then there
 * are more, perhaps, and nobody should wait for them. */
int engine_loses(const struct engine *engine);
/* Keys that a QUERY answered as finished: drop them from the store.  Returns
 * how many. */
size_t engine_finished_next(struct engine *engine, size_t *peer,
    struct smx_key *keys, size_t max);

/* ---- takeover ---- */

enum engine_cause {
	ENGINE_CAUSE_SILENT = 1, /* takeover_after without a sign of life */
	ENGINE_CAUSE_EPOCH,      /* back with another epoch: what belongs to
				  * the former one is not in its queue */
	ENGINE_CAUSE_OPERATOR,
	ENGINE_CAUSE_LOST,    /* QUERY answered LOST for single keys */
	ENGINE_CAUSE_MTA_DOWN /* it lives, and says that its MTA does not */
};
#define ENGINE_CAUSES ENGINE_CAUSE_MTA_DOWN
/* "silent", "epoch", "operator", "lost", "mta_down" */
const char *engine_cause_name(enum engine_cause cause);

struct engine_takeover {
	size_t peer;
	enum engine_cause cause;
	int other_epoch; /* only rows whose epoch differs from epoch */
	struct smx_epoch epoch;
	const struct smx_key *keys; /* LOST: only these, lent */
	size_t count;
};
/* Non-zero when this peer's shadows are to be claimed now; stays so until the
 * peer is not silent any more, or engine_takeover_done().  When it is so for
 * several peers, call by call the next one.  Silence that was done and broken
 * off comes again. */
int engine_takeover_next(struct engine *engine, int64_t now_ms,
    struct engine_takeover *out, int64_t *wake_ms);
void engine_takeover_done(struct engine *engine,
    const struct engine_takeover *takeover);
int engine_takeover_command(struct engine *engine, size_t peer);

/* ---- fencing, see fence.h ---- */

/* The queue can be changed: else nothing is fenced. */
void engine_fence_able(struct engine *engine, int able);
/* Of an id of the batch that is out: what the worker that follows has to know.
 * SMX_ENOTFOUND: that was said already. */
int engine_fence_entry(struct engine *engine, const char *id,
    struct smx_listed *out);
/* Keys that it has not to know any more; returns how many. */
size_t engine_fence_freed(struct engine *engine, struct smx_key *keys,
    size_t max);
/* An earlier life of this host has put it on hold. */
void engine_fence_before(struct engine *engine,
    const struct smx_listed *message, int64_t now_ms);
/* Read the LIST of all peers anew, and now. */
void engine_fence_ask(struct engine *engine, int64_t now_ms);
/* It has been read to its end since then. */
int engine_fence_listed(const struct engine *engine, size_t peer);
/* A person wants it to be delivered here.  SMX_ENOTFOUND: it is not fenced;
 * SMX_EGONE: it has ended elsewhere; SMX_ESTATE: a holder answers for it, and
 * it is not forced. */
int engine_fence_release(struct engine *engine, const struct smx_key *key,
    int force, int64_t now_ms);

struct engine_fence_counts {
	int able;
	int failing;      /* why the queue could not be changed, 0 */
	uint64_t fenced;  /* now */
	uint64_t pending; /* of these, neither on hold nor left alone */
	uint64_t held;    /* on hold by our doing */
	uint64_t persons; /* fenced, and on hold by a person's doing */
	uint64_t held_total, erased, given_back; /* since the start */
	uint64_t second; /* released: their holder is silent */
	uint64_t twice;  /* may have been delivered twice */
};
void engine_fence_counts(const struct engine *engine,
    struct engine_fence_counts *counts);

/* ---- being asked about ---- */

enum engine_peer_state {
	ENGINE_PEER_STRANGE = 1, /* not heard since the start */
	ENGINE_PEER_UP,
	ENGINE_PEER_QUIET,   /* a request failed or a beat is overdue */
	ENGINE_PEER_LEAVING, /* said so */
	ENGINE_PEER_SILENT   /* takeover_after has passed */
};
const char *engine_peer_state_name(enum engine_peer_state state);

struct engine_peer_info {
	enum engine_peer_state state;
	int64_t heard_ago_ms;  /* -1 never */
	int64_t round_trip_ms; /* last beat, -1 unknown */
	uint64_t notices;      /* discards and aborts waiting for it */
	uint64_t copies;       /* own open messages it holds */
	int drained;           /* see engine_drain() */
	enum smx_mta_health mta;
	int64_t mta_down_ms; /* it has said "down" for so long without a break,
			      * -1 it does not */
	int64_t isolated_ms; /* its lease has been over for so long, -1 it is
			      * not */
	int has_epoch;
	struct smx_epoch epoch;
};
void engine_peer_info(const struct engine *engine, size_t peer, int64_t now_ms,
    struct engine_peer_info *info);

struct engine_counts {
	uint64_t open;        /* own messages not known to be finished */
	uint64_t holding;     /* of these, end of message in progress */
	uint64_t unprotected; /* accepted with one copy, still open */
	int64_t unprotected_oldest_ms; /* age, 0 none */
	uint64_t short_copies; /* fewer than wanted, one at least; open */
	uint64_t doubtful;     /* cannot know; kept */
	uint64_t to_copy;      /* have fewer copies than they should have */
	uint64_t copied;       /* from their files, since the start */
	uint64_t isolated;     /* fenced: a holder is isolated from here */
	uint64_t accepted;     /* since the start */
	uint64_t accepted_unprotected;
	uint64_t accepted_short;
	uint64_t passed;  /* committed without our yes, since the start */
	uint64_t amended; /* amendments confirmed by all holders */
	uint64_t refused;
	uint64_t finished;
	uint64_t resends; /* messages of which something was sent again and
			   * kept out, since the start */
	uint64_t resent;  /* recipients of these */
};
void engine_counts(const struct engine *engine, int64_t now_ms,
    struct engine_counts *counts);

struct engine_open {
	struct smx_key key;
	const char *queue_id;
	const char *state; /* word of doc/STATES */
	int unprotected;
	int short_copies;
	int held;          /* on hold in the queue, as last read */
	const char *fence; /* word of doc/STATES, "" not fenced */
	int isolated;
	int64_t age_ms;
	size_t holders[OWN_RANKS_MAX]; /* in the order of their ranks */
	size_t holder_count;
};
/* Own open messages that each peer is the only holder of; sole has room for all
 * peers. */
void engine_sole(const struct engine *engine, uint64_t *sole);
/* SMX_ENOTFOUND: not open.  Texts in *open are lent until the next call. */
int engine_open_get(const struct engine *engine, const struct smx_key *key,
    int64_t now_ms, struct engine_open *open);
/* Those with this queue id, at most max of them; returns how many. */
size_t engine_open_by_id(const struct engine *engine, const char *id,
    int64_t now_ms, struct engine_open *list, size_t max);
/* Own open messages in no order; each returns non-zero to stop. */
int engine_each_open(struct engine *engine, int64_t now_ms,
    int (*each)(void *ctx, const struct engine_open *open), void *ctx);

#endif
