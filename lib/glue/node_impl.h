/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_NODE_IMPL_H
#define GLUE_NODE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/conf.h"
#include "core/takeover.h"
#include "glue/backup.h"
#include "glue/courier.h"
#include "glue/node.h"
#include "glue/recorder.h"
#include "io/fencebook.h"
#include "io/onecopy.h"
#include "io/source_look.h"

/*
 * The running engine, for the files node*.c and command.c only.
 *
 * Locks, in the order in which they may be taken together:
 *   takeover_lock  the takeover (it calls the store, so it may be held long)
 *   lock           the core engine and everything below "under lock"
 * The configuration has a lock of its own, never held together with another.
 *
 * Wake-ups: node_leave only marks that there is new work; one thread, the
 * ticker, turns that into a broadcast at most every NODE_TICK_MS.  A message
 * therefore costs no wake-up of the dozen threads that wait.  The submitters,
 * for whom no message of our own is work, wait apart: only node_kick means
 * them.
 */
#define NODE_TICK_MS    20
#define NODE_WORK       1 /* bits of dirty */
#define NODE_JOBS       2
#define NODE_BUCKETS    14
#define NODE_SUBMIT_MAX 64
#define NODE_COPIERS    4 /* one reads a file while others wait for holders */

struct node_peer {
	struct smx_engine *node;
	size_t index;
	const char *name; /* belongs to the first configuration */
	pthread_t thread;
	int running;
	struct smx_key asked; /* holder_old page position */
	int64_t away_wall_ms; /* under lock: noted as being away until then */
};

struct smx_engine {
	struct smx_engine_ports ports;
	struct smx_link_server server; /* lent to the link */
	char node_name[SMX_NAME_MAX + 1];
	struct smx_epoch epoch;          /* under lock */
	struct smx_config *first_config; /* names live here; no tables */

	pthread_mutex_t config_lock;
	struct smx_config *config;
	struct source_look look; /* the keeper's */
	int64_t look_ms;         /* not before then; CLOCK_MONOTONIC */

	pthread_mutex_t lock;
	pthread_cond_t wake;    /* broadcast by the ticker */
	struct engine *core;    /* under lock */
	uint64_t seen_work;     /* under lock */
	int serving;            /* under lock */
	int stopping;           /* under lock: no new ends of message */
	int ending;             /* under lock: threads leave */
	int64_t leave_until_ms; /* under lock: this host is away until then, 0
				 * it is not; node_now_ms() */
	int64_t held;           /* under lock: ends of message now */
	uint64_t histogram[NODE_BUCKETS]; /* under lock */
	enum smx_mta_health mta;          /* under lock */
	uint64_t local_waiting;           /* under lock: for pickup */
	int64_t local_oldest_ms;          /* under lock: age */
	uint64_t orphans; /* under lock: shadows of hosts that are no members */
	atomic_int draining;  /* no new shadows are taken in */
	atomic_int replaying; /* out of the safety net, one at a time */

	atomic_int dirty;    /* what to broadcast, bits */
	pthread_cond_t jobs; /* the submitters', under lock */
	pthread_mutex_t tick_lock;
	pthread_cond_t tick;

	pthread_mutex_t takeover_lock;
	struct takeover *takeover;
	struct recorder *recorder; /* while submitters run */

	struct onecopy *onecopy; /* NULL: the store is no folder of ours */

	struct fencebook *fencebook; /* the fencer's; NULL likewise */

	struct courier *courier;

	_Atomic(struct backup *) backup; /* set once; see backup.h */
	_Atomic(struct herald *) herald; /* likewise; see herald.h */
	atomic_ullong acks[SMX_EARNED_DELIVERED + 1][NODE_ACK_BUCKETS];

	size_t peers;
	const char **peer_names;
	struct node_peer *peer;
	pthread_t ticker, keeper, queuer, fencer, copier[NODE_COPIERS],
	    submitter[NODE_SUBMIT_MAX];
	int ticker_on, keeper_on, queuer_on, fencer_on;
	size_t submitters, copiers;
	int64_t started_ms; /* wall */
};

extern const int64_t node_bucket_ms[NODE_BUCKETS];
extern const int64_t node_ack_bucket_ms[NODE_ACK_BUCKETS];

/* A thread with all signals blocked; SMX_EIO. */
int node_thread(pthread_t *out, void *(*run)(void *), void *ctx);
/* Wait for the next broadcast or until now_ms() reaches until_ms; returns
 * non-zero when the threads are to leave.  lock is held around it. */
int node_wait_locked(struct smx_engine *node, int64_t until_ms);
/* The same for the submitters. */
int node_wait_jobs_locked(struct smx_engine *node, int64_t until_ms);
int node_ending(struct smx_engine *node);
/* There is work for anybody, the submitters too. */
void node_kick(struct smx_engine *node);
/* SMX_ENOTFOUND */
int node_peer_find(const struct smx_engine *node, const char *name,
    size_t *peer);

/* node_keep.c: claim what is kept for a host that is no member.
 * SMX_ENOTFOUND: nothing is. */
int node_take_orphans(struct smx_engine *node, const char *primary);

/* node_return.c: as the link's server table has it. */
int node_serve_return(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply);

/* command_drain.c: what an operator said before the restart. */
void node_drain_load(struct smx_engine *node);

/* node_leave.c: what was said of leaving before the restart, by this host and
 * by peers. */
void node_leave_load(struct smx_engine *node);
/* The next start of this process is the return. */
void node_leave_forget(struct smx_engine *node);
/* What every heartbeat of ours says; the lock is held. */
void node_beat_fill(struct smx_engine *node, struct smx_beat *beat);
/* What a peer's says of leaving, kept for the next life of this process. */
void node_away_note(struct smx_engine *node, size_t peer,
    const struct smx_beat *beat);
/* This host will be away for so long, 0: not after all.  SMX_EIO: the store
 * could not note it; it holds for this process. */
int node_leave_set(struct smx_engine *node, int64_t for_ms);
/* Tell every peer that it leaves, within wait_ms in all; told[] (may be NULL)
 * hears the result of each. */
void node_leave_say(struct smx_engine *node, int64_t wait_ms, int *told);

/* node_reload.c: read again the tables and databases that have changed; to be
 * called as often as one likes. */
void node_look(struct smx_engine *node);

/* node_onecopy.c: what an earlier worker accepted with one copy. */
void node_onecopy_open(struct smx_engine *node, const struct conf *conf);
void node_onecopy_tidy(struct smx_engine *node);
/* As node_unprotected, for one that is to be copied from its file. */
void node_passed(struct smx_engine *node, const struct smx_key *key,
    const char *queue_id);

/* node_courier.c: SMX_ENOMEM. */
int node_courier_make(struct smx_engine *node, const struct conf *conf);

/* node_backup.c: when the configuration of this moment wants it. */
void node_backup_open(struct smx_engine *node);

/* node_fence.c: what may be done to the queue, and what an earlier worker did.
 */
void node_fence_open(struct smx_engine *node, const struct conf *conf);
/* node_owner.c: a message of this host's queue that it took over from a member.
 * Non-zero: another member holds it for this host.  *former is the bit of the
 * one that it was taken from, 0 none. */
int node_owner_is_safe(struct smx_engine *node, const char *queue_id,
    uint64_t *former);

/* node_serve.c: how many of them were answered so. */
size_t node_count_answers(const struct smx_request *request,
    const struct smx_reply *reply, enum smx_answer which);

/* node_queue.c: what came with events to be freed by their receiver. */
void node_free_events(struct smx_queue_event *events, size_t count);

void *node_peer_run(void *peer);   /* node_peer.c */
void *node_keeper_run(void *node); /* node_keep.c */
void *node_queuer_run(void *node); /* node_queue.c */
void *node_copier_run(void *node); /* node_copy.c */
void *node_fencer_run(void *node); /* node_fence.c */
void *node_submit_run(void *node); /* node_submit.c */
void node_server_fill(             /* node_serve.c */
    struct smx_engine *node, struct smx_link_server *server);

#endif
