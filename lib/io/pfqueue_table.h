/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_TABLE_H
#define IO_PFQUEUE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/pfid.h"

/*
 * What is remembered about queue ids, with a ceiling: past it the oldest entry
 * goes.  Where going unnoticed would be unsafe, hand it to a pfbloom, which
 * never forgets and may only remember too much.
 */
struct pfentry {
	char id[PFID_TEXT];
	char other[PFID_TEXT];
	unsigned flags;
	uint32_t next; /* in the hash chain, or of the free entries; 0 ends */
	uint32_t older, newer;
};

struct pftable {
	struct pfentry
	    *entry; /* [0] is the ring of ages: newer is the oldest */
	uint32_t *bucket;
	uint32_t buckets; /* a power of two */
	uint32_t size;
	uint32_t used;
	uint32_t fresh; /* entries never used so far start here */
	uint32_t free;
};

int pftable_init(struct pftable *t, uint32_t size) SMX_MUST_USE;
void pftable_done(struct pftable *t);
void pftable_clear(struct pftable *t);
/* NULL when unknown; lent until the next put or drop. */
struct pfentry *pftable_find(const struct pftable *t, const char *id);
/* Find or make.  When that pushes the oldest out, *lost is a copy of it, else
 * its id is "". */
struct pfentry *pftable_put(struct pftable *t, const char *id,
    struct pfentry *lost);
void pftable_drop(struct pftable *t, const char *id);
/* Take these flags from all entries. */
void pftable_unflag(struct pftable *t, unsigned flags);

/* A set of ids that can err only by holding too many. */
struct pfbloom {
	uint8_t *bits;
	int used;
};
int pfbloom_init(struct pfbloom *b) SMX_MUST_USE;
void pfbloom_done(struct pfbloom *b);
void pfbloom_add(struct pfbloom *b, const char *id);
int pfbloom_has(const struct pfbloom *b, const char *id);

#endif
