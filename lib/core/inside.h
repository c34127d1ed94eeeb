/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_INSIDE_H
#define CORE_INSIDE_H

#include <shadowmx/link.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>

#include "base/log.h"
#include "core/again.h"
#include "core/amends.h"
#include "core/engine.h"
#include "core/fences.h"
#include "core/lease.h"
#include "core/notice.h"
#include "core/own.h"
#include "core/passed.h"
#include "core/peer.h"
#include "core/reads.h"
#include "core/resend.h"
#include "core/trouble.h"

/*
 * The engine's inside, shared by its files: engine.c (own messages), copies.c
 * (who holds them), choice.c (whom to ask), hint.c and evidence.c (what the
 * queue shows and proves), reading.c (what it has still to deliver), amends.c
 * (what holders are told of that), passer.c (messages we never accepted),
 * sequel.c (notices to senders),
 * resend*.c (what is sent again), again.c (those that lack copies), talk.c and
 * hearing.c (requests to and from peers), witness.c (what others say of a
 * silent one), sweep.c (LIST), fence*.c (what must not be delivered for now),
 * successor.c (when to take over), lease.c (when others may have taken over),
 * report.c.
 */

/* Keys that wait for a question to, or came out of an answer of, one peer. */
struct key_pool {
	struct smx_key *keys; /* SMX_REQ_KEYS_MAX of them, made when needed */
	size_t count;
};

struct talk {
	int busy;        /* enum smx_request_kind that is out, 0 none */
	int64_t sent_ms; /* since then; of the last one when none is */
	struct notices notices;
	struct key_pool ask;      /* engine_ask */
	size_t asking;            /* of these, in the request that is out */
	int loses;                /* its last answer to that told of a loss */
	struct key_pool finished; /* for engine_finished_next */
	struct key_pool lost;     /* for engine_takeover_next */

	int list_wanted;
	int listing; /* between two pages */
	int listed;  /* read to its end since it was last asked for
		      * (engine_fence_ask) */
	int64_t listed_ms;
	int64_t list_ms;
	struct smx_key list_after;
};

/* What one member said when another one was last heard. */
struct testimony {
	int64_t next_ms;     /* not asked again before then */
	int64_t answered_ms; /* meaningful when answered */
	int64_t heard_ms;    /* meaningful when heard; by our clock */
	int answered;
	int heard;
	int told; /* logged, for this silence */
};

struct engine_peer {
	struct peer peer;
	struct talk talk;
	uint64_t copies;
	int listed_once; /* a LIST was read to its end since our start */
	int renewed;     /* it has had another life, and has not listed since */
	struct testimony *of; /* of the others, by their numbers; NULL: nobody
			       * is asked */
	size_t asked_of;      /* whom SEEN that is out is about */
	int64_t overdue_ms;   /* since when the others are asked about it, 0
			       * they are not */
	struct lease lease;
};

/* Which message came of which; the oldest go.  None is missed for long: a
 * notice is delivered, or copied, within the time that so many take. */
#define SEQUELS_MAX 1024

struct sequels {
	struct sequel {
		struct smx_key of;
		char id[SMX_QUEUE_ID_MAX + 1];
	} * list; /* SEQUELS_MAX, made when needed */
	size_t next;
};

#define VERIFY_IDS_MAX 512

/* Ids that the queue had at our start, until all peers have listed theirs. */
struct found {
	char (*id)[SMX_QUEUE_ID_MAX + 1];
	size_t count, size;
	int over; /* all were told */
};

struct engine {
	struct engine_options options;
	struct engine_peer *peers;
	struct own_table own;
	uint64_t last; /* highest counter given out */
	size_t adopted;
	uint64_t work;
	int64_t now_ms;
	int64_t born_ms;
	size_t turn;  /* rotates among equal candidates */
	size_t cause; /* rotates among what is to be taken over */

	uint32_t isolated; /* peers whose lease is over */
	uint32_t unlisted; /* not listed to the end since our start */
	int64_t lease_ms;  /* look at the leases then */

	int has_queue;
	struct smx_queue_state queue;
	int went_back;         /* some holder has what came after it */
	struct smx_epoch torn; /* see engine_queue_torn */
	uint64_t token;
	char verify[VERIFY_IDS_MAX][SMX_QUEUE_ID_MAX + 1];

	struct reads reads;
	char read[SMX_QUEUE_READ_MAX][SMX_QUEUE_ID_MAX + 1];
	struct amends amends;
	struct passed passed;
	struct sequels sequels;
	struct found found;
	struct again again;
	struct troubles troubles;
	struct fences fences;
	struct resends resends;

	uint64_t accepted, accepted_unprotected, accepted_short;
	uint64_t refused, finished, passed_by, copied;
};

/* Every entry with a time begins here; sees pauses of our own. */
void engine_clock(struct engine *engine, int64_t now_ms);
void engine_next_key(struct engine *engine, const char *queue_id,
    struct smx_key *key);
/* The end of a key: notices to all that have or may have it. */
void engine_end(struct engine *engine, struct own *own, enum notice_kind kind,
    const char *why, int64_t now_ms);
void engine_forget(struct engine *engine, struct own *own);
void engine_notify(struct engine *engine, size_t peer, enum notice_kind kind,
    const struct smx_key *key, int64_t now_ms);
void engine_show_peer(struct engine *engine, size_t peer, int64_t now_ms);
/* " peer=NAME" of a log line. */
void engine_log_peer(const struct engine *engine, struct log_line *line,
    size_t peer);
/* Is this key of ours, and no longer open? */
int engine_was_ours(const struct engine *engine, const struct smx_key *key);

/* copies.c */
void copies_gain(struct engine *engine, struct own *own, size_t peer,
    int64_t now_ms);
void copies_lose(struct engine *engine, struct own *own, size_t peer,
    int64_t now_ms);
/* Those that count. */
unsigned copies_sure(const struct engine *engine, const struct own *own);
/* Without a word to anybody. */
void copies_forget(struct engine *engine, struct own *own);
/* Unprotected, short, or neither. */
void copies_count(const struct engine *engine, struct own *own);
/* The first set of holders, as the hold leaves it. */
void copies_rank(struct engine *engine, struct own *own,
    const struct engine_ranks *ranks, int64_t now_ms);
/* Names of its holders, malloc'ed; NULL: no memory. */
char *engine_holders(const struct engine *engine, const struct own *own);

/* SMX_ELIMIT, SMX_ENOMEM. */
int pool_add(struct key_pool *pool, const struct smx_key *key);
/* Unless it is there. */
int pool_add_new(struct key_pool *pool, const struct smx_key *key);
void pool_drop(struct key_pool *pool, size_t front);

/* evidence.c */
#define EVIDENCE_HINT_MS 50 /* hints wait for company */
void evidence_doubt(struct own *own, const char *why);
void evidence_become(struct own *own, enum own_state state);
void evidence_verified(struct engine *engine,
    const struct smx_queue_event *event, int64_t now_ms);
void evidence_soon(struct engine *engine, struct own *own, int64_t now_ms);
/* What a row of this epoch is to the queue that is there now. */
void evidence_adopt(struct engine *engine, struct own *own,
    const struct smx_epoch *row);
enum own_epoch evidence_epoch(const struct engine *engine,
    const struct smx_epoch *row);

/* reading.c */
/* It is open: read it for the first time when it is old enough. */
void reading_plan(struct engine *engine, struct own *own);
/* What the queue has of it may have changed, or the holders may not know. */
void reading_want(struct engine *engine, struct own *own, int64_t now_ms);
/* Likewise, before all others and without a pause. */
void reading_now(struct engine *engine, struct own *own, int64_t now_ms);
void reading_answer(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms);

/* passer.c */
void passer_seen(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms);
void passer_committed(struct engine *engine, const char *id, int64_t now_ms);
/* An id that was in the queue at our start; "": that was all. */
void passer_found(struct engine *engine, const char *id);
/* Looks for those that no peer has listed, once all have. */
void passer_look(struct engine *engine, int64_t now_ms);
void found_free(struct found *found);
/* A peer lists it: another key for the same file goes. */
void passer_listed(struct engine *engine, const struct own *listed,
    int64_t now_ms);

/* again.c */
/* Something about it has changed: it is copied again if it lacks a copy. */
void again_want(struct engine *engine, struct own *own, int64_t now_ms);
/* A copy of it is gone: what it waits for otherwise counts no more. */
void again_lost(struct engine *engine, struct own *own, int64_t now_ms);
/* The peer's state, or whether it is to be emptied, has changed. */
void again_peer(struct engine *engine, size_t peer, int64_t now_ms);
void again_new_life(struct engine *engine, size_t peer, int64_t now_ms);
void again_confirmed(struct engine *engine, struct own *own, size_t peer,
    int64_t now_ms);
int again_listed(struct engine *engine, size_t peer);

/* sequel.c */
void sequel_seen(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms);
/* Its sender was not told yet, and nobody else could tell. */
int sequel_is_open(struct engine *engine, struct own *own);

/* choice.c */
/* The peers that are sound end the troubles that they can end. */
void choice_recovered(struct engine *engine, int64_t now_ms);

/* witness.c */
/* Notices that a peer is overdue, or not any more. */
void witness_look(struct engine *engine, size_t peer, int64_t now_ms);
/* Is this peer overdue, and does nobody say that it lives? */
int witness_silent(const struct engine *engine, size_t peer, int64_t now_ms);
enum engine_peer_state engine_state(const struct engine *engine, size_t peer,
    int64_t now_ms);
/* What to ask this peer about another one, SMX_ENOTFOUND nothing, and when. */
int witness_next(struct engine *engine, size_t peer, int64_t now_ms,
    struct smx_request *request);
int64_t witness_due(const struct engine *engine, size_t peer);
void witness_answered(struct engine *engine, size_t peer,
    const struct smx_reply *reply, int64_t now_ms);
void witness_tell(const struct engine *engine,
    const struct smx_request *request, struct smx_reply *reply, int64_t now_ms);

/* hearing.c */
void hearing_hello(struct engine *engine, size_t peer,
    const struct smx_hello *hello, int fresh, int64_t now_ms);

/* sweep.c */
void sweep_want(struct engine *engine, size_t peer, int64_t at_ms);
void sweep_next(struct engine *engine, size_t peer,
    struct smx_request *request);
void sweep_page(struct engine *engine, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply,
    int64_t now_ms);
void sweep_failed(struct engine *engine, size_t peer);
/* It answers again: what did it take over meanwhile? */
void sweep_recovered(struct engine *engine, size_t peer, int64_t now_ms);

/* fences.c: "" not fenced */
const char *engine_fence_word(const struct engine *engine,
    const struct own *own);

#endif
