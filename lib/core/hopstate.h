/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOPSTATE_H
#define CORE_HOPSTATE_H

#include <stddef.h>
#include <stdint.h>

#include "core/nexthop.h"

/*
 * What recent answers say about each next hop: is it worth waiting for, and for
 * how long.  No clock, no lock.
 *
 *	UP --no answer, several in a row--> DOWN --back-off over--> one trial
 *--> UP, or DOWN for twice as long
 *
 * Within the back-off nobody waits for it.  One that answers RCPT and never the
 * content is down as well: an answer to RCPT ends what went wrong at RCPT, one
 * to the content all.  What is merely slow is given twice as many chances.
 */
#define HOPSTATES_MAX 1000 /* the one not used for longest goes */
#define HOPSTATE_DOWN 2    /* so many failures in a row; slow ones: twice */

enum hopstate_word { HOPSTATE_UP = 1, HOPSTATE_TRIAL, HOPSTATE_DOWN_NOW };

struct hopstate {
	char name[NEXTHOP_TEXT];
	unsigned failures; /* in a row */
	int64_t down_until_ms;
	int64_t backoff_ms;
	int trial;       /* somebody is trying it just now */
	int64_t rcpt_ms; /* smoothed, with its deviation (as RFC 6298);
			  * -1 nothing is known */
	int64_t rcpt_dev_ms;
	int64_t data_ms;
	int64_t data_dev_ms;
	uint64_t answers, failed, delivered, refused, unsure, slow;
	int64_t last_ms;  /* used */
	int64_t since_ms; /* up or down since */
	char why[256];    /* of the last failure */
};

struct hopstates;
struct hopstates_options {
	int64_t backoff_ms; /* first, doubles */
	int64_t backoff_max_ms;
};
int hopstates_new(struct hopstates **out,
    const struct hopstates_options *options) SMX_MUST_USE;
void hopstates_free(struct hopstates **states);
void hopstates_change(struct hopstates *states,
    const struct hopstates_options *options);

/* May it be used now?  TRIAL: by this caller only, who has to tell how it went.
 * A trial that nobody has told about for trial_ms is given to the next one. */
enum hopstate_word hopstates_ask(struct hopstates *states, const char *name,
    int64_t trial_ms, int64_t now_ms);
/* How long an answer to RCPT, and to the content, is worth waiting for: three
 * deviations beyond the usual, at least floor_ms, at most most_ms; most_ms
 * while nothing is known. */
int64_t hopstates_rcpt_wait(const struct hopstates *states, const char *name,
    int64_t floor_ms, int64_t most_ms);
int64_t hopstates_data_wait(const struct hopstates *states, const char *name,
    int64_t floor_ms, int64_t most_ms);

enum hopstate_event {
	HOPSTATE_RCPT = 1,  /* answered RCPT, after ms */
	HOPSTATE_DELIVERED, /* answered the content with yes, after ms */
	HOPSTATE_REFUSED,   /* likewise with no; it is up */
	HOPSTATE_SLOW, /* no answer to RCPT within what it was given (ms) */
	HOPSTATE_SLOW_DATA, /* none to the content */
	HOPSTATE_FAILED,    /* unreachable */
	HOPSTATE_UNSURE     /* lost after the final dot */
};
enum hopstate_turn { HOPSTATE_SAME = 0, HOPSTATE_CAME_UP, HOPSTATE_WENT_DOWN };
/* What this has made of it.  Without memory it is not kept. */
enum hopstate_turn hopstates_tell(struct hopstates *states, const char *name,
    enum hopstate_event event, int64_t ms, const char *why, int64_t now_ms);
/* An operator's word: forget name (NULL: all).  Returns how many. */
size_t hopstates_reset(struct hopstates *states, const char *name);
/* In the order of their names; NULL at the end. */
const struct hopstate *hopstates_next(const struct hopstates *states,
    const char *after);
/* NULL: nothing is known of it. */
const struct hopstate *hopstates_find(const struct hopstates *states,
    const char *name);

#endif
