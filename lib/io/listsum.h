/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LISTSUM_H
#define IO_LISTSUM_H

#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/err.h>

/*
 * The digest of a list in which the order says nothing (doc/WIRE, 3.12): the
 * digests of its entries, added up.  What leads from one list to another leads
 * from the one's digest to the other's, without a look at the rest.
 */
struct listsum {
	uint64_t lane[4]; /* of 64 bits each, without a carry between them */
};

extern const uint8_t listsum_none[SMX_DIGEST_BYTES]; /* of the empty list */

void listsum_begin(struct listsum *sum, const uint8_t digest[SMX_DIGEST_BYTES]);
/* One more, or one less. */
int listsum_count(struct listsum *sum, const char *entry,
    int gone) SMX_MUST_USE;
void listsum_end(const struct listsum *sum, uint8_t digest[SMX_DIGEST_BYTES]);

#endif
