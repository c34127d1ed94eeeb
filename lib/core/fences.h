/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_FENCES_H
#define CORE_FENCES_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>

#include "core/fence.h"
#include "core/idmap.h"
#include "core/own.h"

/*
 * The inside of fence.h: one entry for each own message that is fenced, or was
 * and is left alone from now on.  fence.c decides, fence_read.c hears from the
 * queue, fence_return.c asks the holders, fence_change.c has the queue changed,
 * fence_tell.c tells people.
 */
enum fenced_state {
	FENCED_WANTED = 1, /* what the queue has of it is not known yet */
	FENCED_ASKED,      /* free: who has claimed it may give it back */
	FENCED_HOLD,       /* to be put on hold */
	FENCED_HELD,
	FENCED_RELEASE, /* to be released */
	FENCED_ERASE,   /* to be erased; stays so until a look proves it */
	FENCED_LEFT,    /* this host's MTA is to deliver it after all */
	FENCED_STATES
};

/* Pauses between two tries to change a message in the queue. */
#define CHANGE_AGAIN_MS     500
#define CHANGE_AGAIN_MAX_MS 30000

/* Beside enum fence_why: put on hold by an earlier worker, and not all holders
 * have been asked yet. */
#define FENCE_BEFORE 4

struct fenced {
	struct idnode by_key;
	struct fenced *prev, *next; /* who has not been asked for long, first */
	struct own *own;
	char *text; /* as last read, malloc'ed; NULL: read it first */
	size_t len;
	size_t recipients;
	uint64_t sum;     /* of text */
	uint64_t serial;  /* of text: answers about another one do not count */
	uint64_t token;   /* reads up to this one do not count */
	int64_t due_ms;   /* not read or changed before then */
	int64_t ask_ms;   /* asked again then */
	uint64_t gone_at; /* the marker's counter when it was first not there */
	uint32_t by;      /* peers that answer for it */
	uint32_t claimed; /* of these, their MTA does not have it */
	uint32_t taken, ended, partly; /* what they answered last: TAKEN,
					* FINISHED, OPEN */
	uint32_t todo;                 /* to be asked now */
	uint32_t out;                  /* being asked */
	uint8_t why;                   /* 1 << (enum fence_why - 1), BEFORE */
	uint8_t state;                 /* enum fenced_state */
	uint8_t tries;                 /* of a change */
	uint8_t asks;
	unsigned ours : 1;     /* this host put it on hold, or may have */
	unsigned seen : 1;     /* and it was seen there */
	unsigned changing : 2; /* in a batch that is out: for what */
	unsigned booked : 1;   /* known to the worker that follows */
	unsigned person : 1;   /* an operator wants it to be delivered */
	unsigned second : 1;   /* released since who has it is silent */
	unsigned unsaid : 1;   /* cannot be asked about */
};

/* What one peer is being asked; texts are copies. */
struct fence_batch {
	struct smx_amendment list[SMX_AMEND_MAX];
	char *text[SMX_AMEND_MAX];
	uint64_t serial[SMX_AMEND_MAX];
	size_t count;
};

struct fence_peer {
	struct fence_batch *batch; /* made when needed */
	size_t todo;               /* entries with its bit */
	size_t single;             /* so many are asked about one by one */
	int spoke;                 /* it knows RETURN */
	int deaf;                  /* it does not, in this life: */
	uint8_t life[16];
};

struct fences {
	struct idmap keys;
	struct fenced *first, *last;
	size_t count;
	size_t bytes; /* of texts */
	uint64_t serial;
	int able; /* the queue can be changed */
	int told_unable;
	int failing; /* the last change failed */
	int dirty;
	int64_t turn_ms; /* next look at all of them */
	int out[SMX_QUEUE_ERASE + 1];
	char (*ids)[SMX_QUEUE_ID_MAX + 1]; /* lent by engine_fence_next */
	struct fence_peer peer[OWN_PEERS_MAX];
	struct smx_key *freed; /* for the worker's book */
	size_t freed_count, freed_size;
	uint64_t held_total, erased, given_back, second, twice;
};

void fences_init(struct fences *fences, uint64_t seed);
void fences_free(struct fences *fences);

/* NULL: not in the table. */
struct fenced *fence_find(const struct engine *engine, const struct own *own);
/* NULL: no memory. */
struct fenced *fence_add(struct engine *engine, struct own *own,
    int64_t now_ms);
/* Leaves the table; ended: with its message. */
void fence_drop(struct engine *engine, struct own *own, int ended);
void fence_become(struct engine *engine, struct fenced *f,
    enum fenced_state state);
void fence_stir(struct engine *engine);
void fence_text(struct engine *engine, struct fenced *f, const char *text);
void fence_todo(struct engine *engine, struct fenced *f, uint32_t peers);
/* Look at all of them when it is time. */
void fence_turn(struct engine *engine, int64_t now_ms);
int fence_is_deaf(const struct engine *engine, size_t peer);
/* It is, or may be, in this host's queue, and it is that message's file. */
int fence_has_file(const struct own *own);

/* A peer has listed it in this state; own may be gone afterwards. */
void fence_listed(struct engine *engine, size_t peer, struct own *own,
    int state, int64_t now_ms);
/* What a read that counts has shown; non-zero: it is on hold by our doing. */
int fence_read(struct engine *engine, struct own *own,
    const struct smx_queue_event *event, int64_t now_ms);

/* A look has not found it.  Non-zero: a power cut may bring it back yet. */
int fence_may_return(struct engine *engine, struct own *own);
/* A look has found it in the queue. */
void fence_seen(struct engine *engine, struct own *own);
/* It has another id: whoever gave it that took it from hold. */
void fence_renamed(struct engine *engine, struct own *own);

/* fence_return.c */
int fence_batch(struct engine *engine, size_t peer,
    struct smx_request *request);
void fence_answered(struct engine *engine, size_t peer,
    const struct smx_reply *reply, int64_t now_ms);
void fence_refused(struct engine *engine, size_t peer, int result,
    int64_t now_ms);

#endif
