/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_FENCEBOOK_H
#define IO_FENCEBOOK_H

#include <stddef.h>

#include <shadowmx/key.h>

/*
 * Which own messages this host itself has put on hold in the MTA's queue, in a
 * file beside the store: what a person had on hold is never released.  Written
 * down and synced before the hold.  A line too many does no harm: what is not
 * on hold any more needs no release.
 *
 * Threads: one at a time.
 */
struct fencebook;

struct fencebook_entry {
	struct smx_key key;
	struct smx_epoch epoch;
	char queue_id[64];
};

/* folder: of the store; it exists.  SMX_EIO, SMX_EPERM, SMX_ENOMEM. */
int fencebook_open(struct fencebook **out, const char *folder) SMX_MUST_USE;
void fencebook_close(struct fencebook **book);
/* SMX_OK: it would survive a power cut. */
int fencebook_hold(struct fencebook *book,
    const struct fencebook_entry *entries, size_t count) SMX_MUST_USE;
/* Not on hold any more; not synced. */
void fencebook_free(struct fencebook *book, const struct smx_key *keys,
    size_t count);
/* None is on hold. */
void fencebook_clear(struct fencebook *book);
/* Those that are on hold, in the order of their keys.  SMX_ENOMEM, SMX_EIO. */
int fencebook_each(struct fencebook *book,
    void (*each)(void *ctx, const struct fencebook_entry *entry),
    void *ctx) SMX_MUST_USE;

#endif
