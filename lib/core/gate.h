/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>
#include <shadowmx/store.h>

#include "core/engine.h"

/*
 * Between the reason for a takeover and the claim: which rows may be claimed
 * now, who is asked before, what an answer changes, when to look again.
 *
 * A cause concerns all rows of a primary, or some keys.  They are gone through
 * in rounds, page by page; nothing is kept of a row between two rounds, so that
 * a hundred thousand cost no more memory than one page.  In a round each member
 * is asked about a page at a time, and one that leaves a question unanswered is
 * not asked again before the next round (deaf).  Nothing is claimed on a
 * member's first silence: what it did not say may be that it has taken the row
 * over, and it is asked once more.
 *
 * A row is claimed when its cause has lasted takeover_after for each step.  It
 * is dropped when one that may say so says that it is finished.  No store, no
 * clock, no lock.
 */
#define GATE_MEMBERS_MAX 64
#define GATE_PAGE        500
#define GATE_KEYS_MAX    2000 /* of cause LOST, at a time */

/* This node's name, and the members' in the order of their numbers, which are
 * the bits of all masks here. */
struct gate_world {
	const char *own; /* NULL: nobody else is known */
	const char *const *names;
	size_t count;
};

struct gate_set {
	uint64_t named;  /* all members that a ranked set names */
	uint64_t higher; /* those named before this node */
	int ranked;      /* this node is named */
};
void gate_set_read(struct gate_set *set, const struct gate_world *world,
    const char *holders);
/* The bit of this name; 0: no member. */
uint64_t gate_bit(const struct gate_world *world, const char *name);
/* All members but this one (NULL: none left out). */
uint64_t gate_others(const struct gate_world *world, const char *primary);

struct gate_key {
	struct smx_key key;
	int64_t since_ms;
};

/* One cause at one primary. */
struct gate {
	enum engine_cause cause; /* 0: nothing is to be taken over */
	int64_t since_ms;        /* when it was first seen */
	int other_epoch;
	struct smx_epoch epoch;
	struct gate_key *keys; /* LOST only */
	size_t count;

	/* the round */
	int64_t look_ms;      /* none before */
	struct smx_key after; /* where it is */
	size_t at;            /* likewise, in keys */
	int ended;            /* no more pages */
	uint64_t deaf;
	uint64_t heard;  /* members that have answered */
	uint64_t spoke;  /* were not silent in the one before */
	int64_t next_ms; /* the earliest of what the rows wait for */
	uint64_t left;   /* rows that wait */
};

/* The core's word that a takeover is due.  Told again, it only adds keys; a new
 * epoch starts anew.  SMX_ENOMEM: nothing changed. */
int gate_open(struct gate *gate, const struct engine_takeover *why,
    int64_t now_ms);
void gate_close(struct gate *gate);
int gate_is_due(const struct gate *gate, int64_t now_ms);
void gate_round(struct gate *gate);
/* After the last page: done, or when to look again.  beat_ms: a heartbeat. */
void gate_round_end(struct gate *gate, int64_t now_ms, int64_t beat_ms);
/* A round that broke off, as on a full disk. */
void gate_again(struct gate *gate, int64_t at_ms);

struct gate_row {
	struct smx_key key;
	int64_t since_ms;
	uint64_t ask;     /* members whose answer matters */
	uint64_t wait;    /* of these: also when it does not come */
	uint64_t owner;   /* of these: who took it over before, if anybody */
	uint64_t believe; /* of these: whose word may end it */
	uint64_t ended;   /* who has delivered it, and may not end it */
	uint8_t ranked;   /* this node is */
	uint8_t first;    /* and no member before it */
	uint8_t whole;    /* its recipients are those that everybody had */
	uint8_t steps;
	uint8_t again; /* a member is silent for the first time */
	uint8_t leave; /* somebody else answers for it */
	uint8_t gone;  /* it is finished */
};

enum gate_verdict {
	GATE_CLAIM = 1,
	GATE_WAIT,
	GATE_DROP,
	GATE_ASIDE /* delivered by somebody, as far as that one can know: a
		    * person decides */
};

/* since_ms: of the key with LOST, else gate->since_ms. */
void gate_row_begin(struct gate_row *row, const struct gate_world *world,
    const struct gate *gate, const struct smx_row *stored, int64_t since_ms);
/* UNKNOWN: no answer came. */
void gate_row_answer(struct gate_row *row, const struct gate_world *world,
    struct gate *gate, size_t member, enum smx_answer answer);
/* ASK: it has a copy, and has not taken it over. */
int gate_is_shadow(enum smx_answer answer);
/* When all have answered; what waits is counted in the gate. */
enum gate_verdict gate_row_verdict(const struct gate_row *row,
    struct gate *gate, int64_t takeover_after_ms, int64_t now_ms);

#endif
