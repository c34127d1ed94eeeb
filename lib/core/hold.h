/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOLD_H
#define CORE_HOLD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/policy.h>

/*
 * One delayed acknowledgement: which holder to ask next, how long to wait for
 * it, and when to stop.  Plain data owned by the caller; no lock, no clock.
 *
 *	ASKING --enough copies--> GRANTED
 *	ASKING --deadline, or nobody left--> SHORT (min_copies are there), else
 *	                                     UNPROTECTED or REFUSED (policy)
 *	any    --the MTA gave up--> REFUSED
 *
 * A holder that has just gone away may be back soon, as after a restart: while
 * the caller says so and nobody else is left, the hold waits, and asks again
 * whoever is there then.
 *
 * A holder that does not answer must not eat the whole max_delay while another
 * could be asked: each gets an equal share of what is left.
 */
#define HOLD_PEERS_MAX 16

enum hold_state {
	HOLD_ASKING = 1,
	HOLD_GRANTED,
	HOLD_SHORT,       /* min_copies, not copies */
	HOLD_UNPROTECTED, /* fewer than min_copies, and accepted: maybe none */
	HOLD_REFUSED
};

enum hold_do {
	HOLD_SEND = 1, /* start a call to step.peer */
	HOLD_WAIT,     /* until step.until_ms or an answer */
	HOLD_DONE      /* see state */
};

/* What is known by now of a holder that had confirmed. */
enum hold_word {
	HOLD_SURE = 1, /* it has it */
	HOLD_DOUBTED,  /* it has had another life since: nobody knows yet */
	HOLD_LOST      /* it has it no more */
};

struct hold_step {
	enum hold_do what;
	size_t peer;
	int64_t until_ms; /* SEND: this call's deadline; WAIT: look again */
};

struct hold {
	enum hold_state state;
	struct smx_ack ack;
	int64_t began_ms;
	int64_t deadline_ms;
	unsigned copies;  /* confirmed */
	unsigned running; /* asked, not answered */
	size_t next;
	size_t peers;
	size_t peer[HOLD_PEERS_MAX];
	int64_t look_ms; /* not starved again before then */
	int patient;     /* no end for want of holders */
	/* per candidate: 0 not asked, 1 asked, 2 has it, 3 has it not and said
	 * so, 4 may have it, 5 was not there */
	uint8_t fate[HOLD_PEERS_MAX];
	uint8_t again[HOLD_PEERS_MAX]; /* asked once more after "may" */
	uint8_t doubt[HOLD_PEERS_MAX]; /* it had confirmed; "asked" for now */
	int64_t until_ms[HOLD_PEERS_MAX];
};

void hold_begin(struct hold *hold, const struct smx_ack *ack,
    const size_t *peers, size_t count, int64_t now_ms);
/* What to do now.  HOLD_DONE repeats for ever. */
void hold_next(struct hold *hold, int64_t now_ms, struct hold_step *step);
/* result as smx_link_ops.finish gives it, or shadow() at once. */
void hold_answer(struct hold *hold, size_t peer, int result, int64_t now_ms);
/* The word about the holder at this place (below hold.next).  Nothing to those
 * that have not confirmed; one that was lost is asked again, one in doubt is
 * waited for as if it had not answered.  Non-zero: the hold goes on. */
int hold_hears(struct hold *hold, size_t at, enum hold_word word);
/* Nobody is left to be asked, and there is still time. */
int hold_is_starved(const struct hold *hold, int64_t now_ms);
/* Who can be asked now, and a bit for each peer that is worth waiting for. When
 * all of these have given their answer the wait is over, and nobody is asked
 * again; one that has given its answer never is. */
void hold_again(struct hold *hold, const size_t *peers, size_t count,
    uint64_t awaited, int64_t now_ms);
/* Who is meant to hold it, as things are: those that have it, that are asked,
 * and that are next, at most as many as are wanted; in the order of asking.
 * Once it is decided: those that have it.  Returns how many. */
size_t hold_plan(const struct hold *hold, int64_t now_ms, size_t *peers,
    size_t max);
/* The MTA or the client is gone. */
void hold_give_up(struct hold *hold);

#endif
