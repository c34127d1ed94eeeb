/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_TOMBS_H
#define IO_STORE_TOMBS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/key.h>

#include "core/keyset.h"

/*
 * Tombstones: the keys that are finished and must never be stored again, as one
 * keyset for each primary and incarnation.  A primary's word counts for its own
 * keys only, so that nobody can finish a stranger's key before its shadow has
 * arrived; what this host decided by itself about a key without a row counts
 * for all (primary "").
 *
 * Ceiling: TOMBS_INCARNATIONS sets a primary, the longest unchanged goes first.
 * Threads: any number for tombs_has, one at a time for the rest.
 */
#define TOMBS_INCARNATIONS 64

struct tombs;

/* Where changes are made durable, inside a transaction.  NULL members are
 * skipped. */
struct tombs_sink {
	void *ctx;
	int (*forget)(void *ctx, const char *primary,
	    const uint8_t incarnation[16]);
	int (*remove)(void *ctx, const char *primary,
	    const uint8_t incarnation[16], uint64_t lo);
	int (*put)(void *ctx, const char *primary,
	    const uint8_t incarnation[16], uint64_t lo, uint64_t hi,
	    int64_t changed_ms);
	/* Is any shadow of this incarnation still kept? */
	int (*live)(void *ctx, const uint8_t incarnation[16], int *live);
};

int tombs_new(struct tombs **out) SMX_MUST_USE;
void tombs_free(struct tombs **tombs);

/* Saved ranges, ascending within a set. */
int tombs_load(struct tombs *tombs, const char *primary,
    const uint8_t incarnation[16], uint64_t lo, uint64_t hi,
    int64_t changed_ms) SMX_MUST_USE;

int tombs_has(struct tombs *tombs, const char *primary,
    const struct smx_key *key);
int tombs_add(struct tombs *tombs, const char *primary,
    const struct smx_key *key, int64_t now_ms) SMX_MUST_USE;

/* Write what has changed since the last tombs_saved.  When the transaction
 * fails, the changes stay in force here and are written with the next one: a
 * key that somebody finished once stays finished. */
int tombs_save(struct tombs *tombs, const struct tombs_sink *sink) SMX_MUST_USE;
void tombs_saved(struct tombs *tombs);

/* Forget sets without a change since before_ms and without a live shadow.  The
 * latest set of a primary stays whatever the clock says. */
int tombs_prune(struct tombs *tombs, int64_t before_ms,
    const struct tombs_sink *sink) SMX_MUST_USE;

#endif
