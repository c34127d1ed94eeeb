/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_FIRSTTRY_H
#define CORE_FIRSTTRY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/clientnet.h"

/*
 * Who was sent to the primary MX, and when: (client network, sender,
 * recipient).  Only a hash of the three is kept, seeded, so that a stranger
 * cannot choose what collides; were two the same, a first try would be taken.
 *
 * A table with a ceiling: when it is full what is over goes first, then what
 * will be over next.  In memory only.  Times are of a clock that never goes
 * back.
 */
struct firsttries;

int firsttries_new(struct firsttries **out, uint64_t seed) SMX_MUST_USE;
void firsttries_free(struct firsttries **tries); /* accepts NULL inside */

/* A retry counts for so long after the grace is over; later it is a first try
 * again. */
#define FIRSTTRY_WINDOW_MS (INT64_C(2) * 24 * 3600 * 1000)

enum firsttry_word {
	FIRSTTRY_FIRST = 1, /* and it is remembered now */
	FIRSTTRY_EARLY,     /* known; its clock is not set back */
	FIRSTTRY_RETRY,     /* the grace is over */
	FIRSTTRY_NO_MEMORY  /* it cannot be remembered */
};
/* sender and rcpt in the one form that is compared, as core/addr.h has them.
 * most: entries that are kept. */
enum firsttry_word firsttry_ask(struct firsttries *tries,
    const struct clientnet *net, const char *sender, const char *rcpt,
    int64_t grace_ms, size_t most, int64_t now_ms);

size_t firsttries_count(const struct firsttries *tries);
/* That had to go before they were over. */
uint64_t firsttries_pushed_out(const struct firsttries *tries);

#endif
