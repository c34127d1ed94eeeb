/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/key.h>
#include <shadowmx/link.h>
#include <shadowmx/queue.h>

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

struct engine_options {
	uint8_t incarnation[16];
	struct smx_epoch epoch; /* this host's, as told to peers */
	size_t peers;
	const char *const *names; /* of the peers, for the log; lent, NULL:
				   * their numbers */
	int64_t heartbeat_ms;
	int64_t takeover_after_ms;
	unsigned probes;        /* unanswered before a takeover: 3 */
	int64_t batch_delay_ms; /* finished keys wait for company: 100 */
	int64_t retry_ms;       /* first pause after a failed request: 500,
				 * doubles up to heartbeat_ms */
	int64_t patience_ms;    /* a peer that went away may be back by
				 * then: an end of message waits, 0 */
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
};

/* Register before the first byte goes to a holder, so that no evidence about
 * it is missed; gives the key out.  ELIMIT, ENOMEM. */
int engine_begin(struct engine *engine, const struct engine_message *message,
    int64_t now_ms, struct smx_key *key) SMX_MUST_USE;
/* Peers worth asking for a copy, best first: not leaving, not full, not in the
 * pause after a failure.  Returns how many were written to peers. */
size_t engine_candidates(struct engine *engine, int64_t now_ms, size_t *peers,
    size_t max);
/* How long it is worth waiting for a peer that has just gone away. */
int64_t engine_patience_ms(struct engine *engine, int64_t now_ms);
/* What one holder answered to the shadow (see smx_link_ops.finish). */
void engine_sent(struct engine *engine, const struct smx_key *key, size_t peer,
    int result, int64_t now_ms);

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
/* Before the MTA hears the answer. */
void engine_verdict(struct engine *engine, const struct smx_key *key,
    enum engine_verdict verdict, int64_t now_ms);
/* The MTA has shown that it is past this message: next command or close. */
void engine_session_end(struct engine *engine, const struct smx_key *key,
    int64_t now_ms);

/* ---- evidence ---- */

void engine_queue_event(struct engine *engine,
    const struct smx_queue_event *event, int64_t now_ms);
void engine_queue_state(struct engine *engine,
    const struct smx_queue_state *state, int64_t now_ms);
/* Ids to verify now; lent until the next call.  token goes with them.
 * Returns how many. */
size_t engine_verify_next(struct engine *engine, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);

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
/* Grows whenever a call made new work for some _next; for glue's wake-ups. */
uint64_t engine_work(const struct engine *engine);

/* What peers tell and ask us. */
void engine_hello(struct engine *engine, size_t peer,
    const struct smx_hello *theirs, struct smx_hello *ours, int64_t now_ms);
void engine_heard(struct engine *engine, size_t peer, int64_t now_ms);
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
	ENGINE_CAUSE_LOST /* QUERY answered LOST for single keys */
};
/* "silent", "epoch", "operator", "lost" */
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
 * peer is heard again (silent), or engine_takeover_done(). */
int engine_takeover_next(struct engine *engine, int64_t now_ms,
    struct engine_takeover *out, int64_t *wake_ms);
void engine_takeover_done(struct engine *engine,
    const struct engine_takeover *takeover);
int engine_takeover_command(struct engine *engine, size_t peer);

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
	enum smx_mta_health mta;
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
	uint64_t doubtful;             /* cannot know; kept */
	uint64_t accepted;             /* since the start */
	uint64_t accepted_unprotected;
	uint64_t refused;
	uint64_t finished;
};
void engine_counts(const struct engine *engine, int64_t now_ms,
    struct engine_counts *counts);

struct engine_open {
	struct smx_key key;
	const char *queue_id;
	const char *state; /* word of doc/STATES */
	int unprotected;
	int64_t age_ms;
	size_t holders[8];
	size_t holder_count;
};
/* Own open messages in no order; each returns non-zero to stop. */
int engine_each_open(struct engine *engine, int64_t now_ms,
    int (*each)(void *ctx, const struct engine_open *open), void *ctx);

#endif
