/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_ONECOPY_H
#define IO_ONECOPY_H

#include <stdint.h>

#include <shadowmx/key.h>

/*
 * What was accepted with one copy only, in a file beside the store, so that the
 * worker that follows a crashed one still counts it, and copies what passed us
 * by.  Nothing else depends on it: it is never synced, and a line that cannot
 * be written or read is left out.
 *
 * Threads: add and clear from many at a time; each before any of them.
 */
struct onecopy;

struct onecopy_entry {
	struct smx_key key;
	struct smx_epoch epoch;
	int64_t accepted_ms; /* wall clock */
	char queue_id[64];
	int passed; /* it passed us by: to be copied from its file */
};

/* folder: of the store; it exists.  SMX_EIO, SMX_EPERM. */
int onecopy_open(struct onecopy **out, const char *folder) SMX_MUST_USE;
void onecopy_close(struct onecopy **onecopy);
void onecopy_add(struct onecopy *onecopy, const struct onecopy_entry *entry);
/* At most 100,000, oldest first. */
void onecopy_each(struct onecopy *onecopy,
    void (*each)(void *ctx, const struct onecopy_entry *entry), void *ctx);
/* Empties the file if still(ctx) says so while nothing can be added. */
void onecopy_clear(struct onecopy *onecopy, int (*still)(void *ctx), void *ctx);

#endif
