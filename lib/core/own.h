/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_OWN_H
#define CORE_OWN_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/key.h>

#include "core/engine.h"
#include "core/idmap.h"

/*
 * The table of own open messages, by key, by queue id (several keys may share
 * one, ids are used again) and by the time of the next look into the queue.
 * What is not in it and carries our own incarnation is finished: a key enters
 * before its first byte leaves and goes only when it ended.  doc/STATES.
 */
#define OWN_PEERS_MAX 32 /* bits of has, may, unseen */

enum own_state {
	OWN_HOLDING = 1, /* end of message in progress */
	OWN_ANSWERED,    /* accepted, commit not shown */
	OWN_COMMITTED,   /* the MTA has it */
	OWN_ADOPTED,     /* found at a holder after our restart */
	OWN_LOST,        /* its queue was replaced: the holders' to take over */
	OWN_CORRUPT,     /* the MTA set its file aside: likewise */
	OWN_STATES
};

/* How the epoch that a holder noted relates to that of the queue now. */
enum own_epoch {
	OWN_EPOCH_SAME = 0,
	OWN_EPOCH_BACK, /* same queue, restored from before */
	OWN_EPOCH_OTHER,
	OWN_EPOCH_UNKNOWN
};

/* Ids that are longer stand in memory of their own. */
#define OWN_ID_SHORT 19

/* There may be a million of them: 200 bytes each, without the heaps'. */
struct own {
	struct idnode by_key;
	struct idnode by_id;
	struct own *prev, *next; /* all, in no promised order */
	struct smx_key key;
	uint64_t looked_after; /* only looks with a greater token are proof */
	uint64_t hinted_after; /* looks up to this token miss a hint */
	int64_t began_ms;
	int64_t due_ms;     /* of the next look; meaningful when at != 0 */
	uint64_t sum;       /* amend_sum() of the envelope that the holders
			     * were told, 0 not known */
	uint32_t asked_s;   /* first look without an answer, 0 none */
	uint32_t has;       /* peers that hold it */
	uint32_t may;       /* peers that may hold it */
	uint32_t unseen;    /* peers whose running LIST has not shown it yet */
	uint32_t doubted;   /* peers that hold it, or did in a former life: the
			     * LIST that tells is still to be read */
	uint32_t crossed;   /* peers that began another life while it was being
			     * copied: who is answering? */
	uint32_t denied;    /* peers that will never hold it under this key */
	uint32_t absent;    /* of may: a LIST since then did not show it */
	uint32_t at;        /* place in the heap, 0 none */
	uint32_t read_at;   /* place among the reads, 0 none */
	uint32_t copy_at;   /* place among those to be copied, 0 none */
	uint32_t mark_s;    /* amend_mark() that the holders were told, in
			     * seconds */
	unsigned ended : 1; /* the milter session is past it */
	unsigned adopted : 1;
	unsigned committed : 1; /* commit seen, or seen in the queue */
	unsigned requeued : 1;
	unsigned unprotected : 1;
	unsigned short_copies : 1;
	unsigned doubtful : 1;
	unsigned moved : 1;     /* its id is not the one it began with */
	unsigned unwatched : 1; /* a requeue may have gone unseen */
	unsigned outlived : 1;  /* a later one has the file that was seen */
	unsigned unclean : 1;   /* the host stopped unclean since it came */
	unsigned passed : 1;    /* the MTA committed it without our yes */
	unsigned ranked : 1;    /* rank[] is known */
	unsigned held : 1;      /* on hold in the queue, as last read */
	unsigned amended : 1;   /* holders were told another envelope than with
				 * the shadow */
	unsigned stale : 1;     /* something was to be told and was not */
	unsigned amending : 1;  /* an amendment of it waits */
	unsigned read_want : 1; /* it is to be read, see reads.h */
	unsigned read_out : 1;
	unsigned read_again : 1;
	unsigned fenced : 1;   /* see fences.h */
	unsigned done : 1;     /* a holder has listed that it ended there */
	unsigned copy_out : 1; /* it is being copied from its file */
	unsigned hurry : 1;    /* and somebody to ask has come since */
	unsigned unlearnt : 1; /* wanted is a guess: no policy was asked */
	unsigned found : 1;    /* in the queue at our start, listed by nobody */
	unsigned far_id : 1;   /* id holds a pointer */
	unsigned returned : 1; /* a notice to its sender may be all that is
				* left of it, see sequel.c */
	unsigned edge : 1;   /* it came shortly before the former watch ended */
	unsigned leased : 1; /* fenced: one that has it is isolated from us */
	char id[OWN_ID_SHORT + 1];
	uint8_t rank[OWN_RANKS_MAX]; /* who has it, first to take over first */
	uint8_t ranks;
	uint8_t state;      /* enum own_state */
	uint8_t epoch;      /* enum own_epoch */
	uint8_t tries;      /* looks in a row that decided nothing */
	uint8_t wanted;     /* copies */
	uint8_t pauses;     /* reads in a row, see reads.h */
	uint8_t copy_tries; /* in a row, in vain */
};

struct own_table {
	struct idmap keys;
	struct idmap ids;
	struct own *first;
	struct own **heap; /* [1..heap_count], earliest due first */
	size_t heap_count;
	size_t heap_size;
	size_t count;
};

const char *own_state_name(const struct own *own);
/* Never NULL. */
const char *own_id(const struct own *own);
unsigned own_copies(const struct own *own);
/* At the end, unless it is there or there is no room. */
void own_rank_add(struct own *own, size_t peer);
/* Non-zero when it was there. */
int own_rank_drop(struct own *own, size_t peer);

void own_init(struct own_table *table, uint64_t seed);
void own_free(struct own_table *table);
/* NULL: no memory. */
struct own *own_add(struct own_table *table, const struct smx_key *key,
    const char *id);
void own_remove(struct own_table *table, struct own *own);
struct own *own_find(const struct own_table *table, const struct smx_key *key);
struct own *own_first_id(const struct own_table *table, const char *id);
struct own *own_next_id(const struct own *own);
/* SMX_ENOMEM: unchanged. */
int own_rename(struct own_table *table, struct own *own, const char *id);
/* The message of a was registered before that of b; 0 when not or unknown. */
int own_older(const struct own *a, const struct own *b);
/* A later message has the file that a look with this token saw under its id. */
int own_outlived(const struct own_table *table, const struct own *own,
    uint64_t token);

void own_due(struct own_table *table, struct own *own, int64_t due_ms);
/* As own_due, but never later than it was. */
void own_sooner(struct own_table *table, struct own *own, int64_t due_ms);
struct own *own_earliest(const struct own_table *table);

#endif
