/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_WITNESS_H
#define IO_STORE_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * How much the database's log held when somebody was last told of a commit.
 *
 * The log ends where its checksums do: a flipped bit or a cut in its middle
 * looks like the end that a stop leaves, and what came after it, promised as it
 * was, would be missing without a word.  So its number (the salts in its
 * header) and its pages are noted beside it before anybody is told.  The note
 * is never synced: after a power cut it may say less than was promised, never
 * more than the log of that number had.
 */
struct witness {
	int folder;
	int fd;  /* -1: it cannot be written, and says nothing */
	int log; /* the log, -1: not opened yet */
};

void witness_open(struct witness *witness, int folder);
void witness_close(struct witness *witness);
/* This many pages are in the log and in nothing else. */
void witness_note(struct witness *witness, int pages);
/* All is in the database, and the log is about to be removed. */
void witness_forget(struct witness *witness);
/* Before the database is opened. */
struct witness_log {
	int64_t pages; /* that were promised, 0: no word */
	int readable;  /* the log has a header, and it is sound */
};
void witness_read(struct witness *witness, struct witness_log *seen);
/* After it: the pages that SQLite has found.  How many are missing. */
int64_t witness_missing(const struct witness_log *seen, int64_t pages);

#endif
