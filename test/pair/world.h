/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PAIR_WORLD_H
#define PAIR_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>

#include "core/engine.h"
#include "core/gate.h"
#include "core/heirs.h"
#include "core/holder.h"
#include "core/hold.h"
#include "core/takeover.h"

/*
 * A world in one process: hosts with the real core, and models of everything
 * around it (queue, store, link, clients, faults).  One seed gives one course
 * of events, always the same.  Time is wound by hand, in milliseconds.
 */
#define HOSTS      3
#define MESSAGES   40
#define TRIES      12
#define ATTEMPTS   (MESSAGES * TRIES)
#define FILES      400
#define LINKS      64
#define ROWS       600
#define ID_SIZE    (SMX_QUEUE_ID_MAX + 1)
#define NAMES_SIZE 32

#define HEARTBEAT_MS 1000
#define TAKEOVER_MS  6000
#define REQUEST_MS   1000
#define CLAIM_MS     40 /* from an answer to the claim, at most */
#define TRAFFIC_MS   20000
#define FAULTS_MS    30000
#define DRAIN_MS     (25 * 60 * 1000)

struct world;

/* ---- events ---- */

struct event {
	int64_t at;
	uint64_t seq;
	void (*fn)(struct world *w, struct event *e);
	int host;      /* whose worker handles it, -1 none */
	unsigned life; /* only in this life of the worker; 0 any */
	int a, b;
	void *p; /* freed with the event */
};

/* ---- the MTA ---- */

enum file_state {
	FILE_NONE = 0,
	FILE_OPEN,  /* not committed, its cleanup lives */
	FILE_STRAY, /* not committed, its cleanup died */
	FILE_THERE,
	FILE_MAILDROP, /* requeued, on its way to a new id */
	FILE_CORRUPT
};

#define VARIANTS 3 /* of what the MTA has still to deliver of a message */

struct file {
	enum file_state state;
	char id[ID_SIZE];
	int attempt;
	int delivering;
	int variant;
	int held;
	int fenced; /* held by the daemon's doing */
	int served; /* by a delivery that ran when it was put on hold */
	int requeued;
	int64_t gone_ms; /* removed then; may come back after a power cut */
};

struct link_made {
	char old[ID_SIZE], new[ID_SIZE];
};

struct mta {
	int up;
	unsigned life;
	struct file file[FILES];
	struct link_made link[LINKS];
	size_t links;
	uint64_t serial;  /* for ids that do not repeat */
	int first[FILES]; /* attempt + 1 that had a short id first */
	struct smx_queue_state state; /* as its marker has it */
};

/* ---- the store ---- */

struct stored {
	struct smx_row row;
	int attempt;
	int variant;
	char rcpt[4];
};

#define NOTES 8

struct noted {
	char name[64], value[64];
};

struct disk {
	struct stored row[ROWS];
	size_t rows;
	struct smx_key *tomb;
	size_t tombs, tomb_size;
	struct noted note[NOTES];
	int full;
	struct world *w;
};

/* ---- hosts ---- */

/* The keeper's memory, as glue has it; asking takes no time here. */
struct keeper {
	struct gate gate[HOSTS][ENGINE_CAUSES];
	struct smx_key yielded[HOSTS];
	uint64_t untold;
	int64_t tell_ms, watch_ms;
};

struct asked {
	int open;
	unsigned serial;
	struct smx_request request;
};

struct host {
	int index;
	int lost;       /* for ever, with its disk */
	int up;         /* the worker runs */
	unsigned life;  /* of the worker, from 1 */
	int64_t frozen; /* until then it does nothing */
	int64_t wall;   /* offset of its wall clock */
	struct engine *engine;
	struct takeover *takeover;
	struct mta mta;
	struct disk disk;
	struct disk *kept; /* as it was at some time before */
	struct smx_store store;
	const char *names[HOSTS]; /* of its peers */
	struct keeper keeper;
	struct asked asked[HOSTS];
	struct smx_listed book[FILES]; /* on hold by the daemon's doing */
	size_t booked;
	int unread;            /* the book, in this life */
	unsigned heard[HOSTS]; /* life of theirs that said hello to this life */
	int64_t state_ms, old_ms;
	struct smx_key old_after[HOSTS];
};

/* ---- mail ---- */

struct attempt {
	int used;
	int message;
	int host;
	unsigned life;     /* of the worker that has it */
	unsigned mta_life; /* of the MTA */
	char id[ID_SIZE];
	int registered;
	int over; /* verdict given */
	struct smx_key key;
	struct hold hold;
	int calling[HOSTS];           /* 0 no, 1 out */
	char told[HOSTS][NAMES_SIZE]; /* with SHADOW */
	unsigned may;                 /* hosts that may have it */
	unsigned has; /* hosts with a copy when it was answered, its own too */
	unsigned promised;         /* copies, with the verdict */
	int passed;                /* committed without our yes */
	int copying;               /* from its file */
	int enough;                /* nothing was missing */
	struct engine_ranks there; /* who had it before */
	int variant;               /* of its committed file */
	unsigned takers;           /* hosts that delivered it, its own apart */
	int64_t wait_ms;
	int64_t began_ms;
	int unprotected;
	int delivered;
	int unsure;           /* resubmissions that nobody knows of */
	int64_t delivered_ms; /* last */
	int64_t claimed_ms;   /* last */
	int claimer;          /* likewise */
	int known;            /* and by then another host could tell of it */
	int64_t stored_ms[HOSTS];
	int64_t taken_ms; /* first delivered by another host than its own */
	int answered;     /* the MTA has had the verdict */
};

struct message {
	int acked;
	int ack_attempt;
	int tries;
	int waiting; /* for an answer */
	int delivered;
};

struct fault {
	int64_t from, to;
	int kind;
	unsigned hosts; /* it struck */
};

struct figures {
	uint64_t messages, acked, unprotected, delivered, duplicates, faults,
	    lost_hosts, claimed, kept, excused, given_up, several, amended,
	    yielded, taken, passed, copied, fenced, erased, given_back, second,
	    late, aside, resent, again, deliveries, lost, repeated, over,
	    in_vain;
};

struct world {
	uint64_t rng;
	uint64_t seed;
	int64_t now;
	int hosts;
	int trace;
	int quiet; /* faults are over */
	int fencing;
	int guard; /* against resends */
	struct event *heap;
	size_t events, event_size;
	uint64_t seq;
	struct host host[HOSTS];
	struct mta kept[HOSTS]; /* a copy of the queue, made while it lived */
	int is_kept[HOSTS];
	struct message message[MESSAGES];
	struct attempt attempt[ATTEMPTS];
	size_t attempts;
	int messages;

	int cut[HOSTS][HOSTS];      /* from, to */
	unsigned loss, twice, slow; /* of 1000 */
	int64_t hop_down;           /* the next hop says 4xx until then */
	int accept;                 /* when_unprotected */
	int hold;                   /* on_isolation */
	int64_t mta_down;           /* mta_down_takeover, 0 never */
	int long_ids;
	int copies, min_copies;
	int disasters; /* hosts that were lost, files that were damaged */
	int most;      /* of them that there may be */
	int64_t wiped_ms[HOSTS]; /* when it lost its disk, 0 never */
	struct fault fault[64];
	size_t faults;
	char wrong[256];
	struct figures sum;
};

uint64_t rnd(struct world *w);
int64_t rnd_in(struct world *w, int64_t from, int64_t to);
int chance(struct world *w, unsigned of_1000);
void say(struct world *w, const char *fmt, ...) SMX_PRINTF(2, 3);
void fail(struct world *w, const char *fmt, ...) SMX_PRINTF(2, 3);
struct event *later(struct world *w, int64_t in_ms,
    void (*fn)(struct world *w, struct event *e), int host, int a, int b);
void *copy(const void *data, size_t len);
void fault_note(struct world *w, int kind, unsigned hosts, int64_t for_ms);

/* world.c */
int world_run(struct world *w, uint64_t seed);

/* disk.c */
void disk_open(struct world *w, struct host *h);
void disk_wipe(struct host *h);
/* Its state of now, and back to that. */
void disk_keep(struct host *h);
void disk_back(struct host *h);
void disk_drop(struct host *h);
struct stored *disk_find(struct host *h, const struct smx_key *key);
int disk_commit(struct host *h, const struct smx_shadow_announced *s,
    int primary, int attempt, int64_t wall_ms);
const char *host_name(int index);
char *disk_text(int attempt, int variant);

/* mta.c */
struct file *mta_open(struct world *w, struct host *h, int attempt);
struct file *mta_find(struct host *h, const char *id);
void mta_commit(struct world *w, struct host *h, struct file *f);
void mta_remove(struct world *w, struct host *h, struct file *f);
void mta_crash(struct world *w, struct host *h);
void mta_power(struct world *w, struct host *h);
void mta_start(struct world *w, struct host *h);
void mta_wipe(struct world *w, struct host *h);
/* A watch begins; its counter goes on. */
void mta_watch(struct world *w, struct host *h);
void mta_keep(struct world *w, struct host *h);
/* What was kept is there again, and nothing of what came since. */
void mta_back(struct world *w, struct host *h);
void mta_verify(struct world *w, struct host *h, const char *id, uint64_t token,
    int asker);
void mta_hint(struct world *w, struct host *h, enum smx_queue_event_kind kind,
    const char *id);
void mta_tell(struct world *w, struct host *h, enum smx_queue_event_kind kind,
    const char *id, const char *other);
void mta_requeue(struct world *w, struct host *h);
void mta_corrupt(struct world *w, struct host *h);
void mta_taken(struct world *w, struct event *e);
void mta_rename(struct host *h, struct file *f);
void mta_read(struct world *w, struct host *h, const char *id, uint64_t token);
/* Someone, or a delivery, changes what is left of it; or puts it on hold. */
void mta_change(struct world *w, struct host *h, int hold);
void mta_release(struct world *w, struct host *h);
void fencer_release(struct world *w, struct host *h);
/* Under this id no other message was there before. */
int mta_is_its_own(const struct world *w, const struct host *h,
    const struct file *f);
/* By the daemon's doing. */
void mta_fence(struct world *w, struct host *h, enum smx_queue_change what,
    const char *id);

/* net.c */
void net_shadow(struct world *w, int from, int to, int attempt,
    int64_t deadline);
void net_request(struct world *w, int from, int to);

/* host.c */
void host_start(struct world *w, struct host *h);
void host_stop(struct world *w, struct host *h);
void host_pump(struct world *w, struct host *h);
void host_see_queue(struct world *w, struct host *h);
/* Peers have the numbers of the other hosts, without a gap. */
int host_of(const struct host *h, size_t peer);
size_t peer_of(const struct host *h, int host);

/* keeper.c */
void keeper_start(struct world *w, struct host *h);
void keeper_stop(struct host *h);
void keeper_turn(struct world *w, struct host *h);
int64_t host_wall(struct world *w, const struct host *h);

/* fencer.c */
void fencer_start(struct world *w, struct host *h);
void fencer_turn(struct world *w, struct host *h);
void fencer_count(struct world *w, const struct host *h);

/* client.c */
void client_start(struct world *w);
void client_sent(struct world *w, int attempt, int peer, int result);
void client_step(struct world *w, int attempt);
void client_broken(struct world *w, int host, int mta);
/* It is no resend: hold it; or it is one of the first attempt. */
void client_hold(struct world *w, int attempt);
void client_resent(struct world *w, int attempt, int first);
/* Copies what was passed by. */
void client_copy(struct world *w, struct host *h);

/* resender.c */
void resender_begin(struct world *w, int attempt);
void resender_note(struct world *w, int attempt);
void resender_sent(struct world *w, struct host *h, const struct file *f);

/* fault.c */
enum fault_kind {
	WORKER_CRASH,
	MTA_CRASH,
	POWER_CUT,
	FREEZE,
	PARTITION,
	ONE_WAY,
	DISK_FULL,
	HOP_DOWN,
	REQUEUE,
	CLOCK_JUMP,
	BAD_LINK,
	WATCH_RESET,
	CHANGE,
	HOLD,
	FORGET,
	ROLLBACK,
	HOST_LOST,
	DAMAGE,
	QUEUE_BACK,
	FAULT_KINDS
};
void fault_plan(struct world *w);
void fault_heal(struct world *w);

/* judge.c */
int judge_settled(struct world *w);
void judge(struct world *w);
/* What this host's queue has had for so long has its copies elsewhere. */
void judge_copied(struct world *w, int host, int64_t settled_ms);
void judge_key(struct world *w, const struct smx_key *key, int attempt);

#endif
