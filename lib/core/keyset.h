/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_KEYSET_H
#define CORE_KEYSET_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * A set of finished counters of one incarnation as disjoint ranges.  Keys
 * mostly finish in the order in which they were given out, so it stays small.
 *
 * Ceiling: past max ranges the lowest ones become a single range from 0, the
 *          floor.  What was not finished below it counts as finished from then
 *          on: a very late shadow is refused, which its primary takes as "not
 *          held".
 * Saving:  the set remembers what differs from its saved form, in which lo
 *          names a range: first remove every keyset_gone, then write every
 *          dirty range, and call keyset_saved once both are durable.
 * Threads: one at a time.
 */
struct keyset_range {
	uint64_t lo;
	uint64_t hi; /* inclusive */
	int dirty;   /* differs from what is saved under lo */
	int stored;  /* something is saved under lo */
};

struct keyset {
	struct keyset_range *range; /* ascending, never touching */
	size_t count;
	size_t size;
	size_t max;
	uint64_t *gone; /* saved under these, to be removed */
	size_t gone_count;
	size_t gone_size;
};

void keyset_init(struct keyset *set, size_t max);
void keyset_free(struct keyset *set);
/* SMX_ENOMEM: nothing changed. */
int keyset_add(struct keyset *set, uint64_t counter) SMX_MUST_USE;
int keyset_has(const struct keyset *set, uint64_t counter);
/* A saved range; SMX_EINVAL unless it lies above all others. */
int keyset_load(struct keyset *set, uint64_t lo, uint64_t hi) SMX_MUST_USE;
int keyset_changed(const struct keyset *set);
void keyset_saved(struct keyset *set);

#endif
