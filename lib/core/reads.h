/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_READS_H
#define CORE_READS_H

#include <stddef.h>
#include <stdint.h>

#include "core/own.h"

/*
 * Which own messages are to be read in the queue, and when.  A message is in
 * one of two heaps, or in none: among the fresh ones until it was read for the
 * first time, later among those that are read again.  After a read it stays
 * for a pause, which doubles with every read that follows another without a
 * rest; what moves in the meantime (read_want) is read at the pause's end.
 */
struct read_slot {
	int64_t due_ms;
	struct own *own;
};

struct read_heap {
	struct read_slot *slot; /* [1..count], earliest first */
	size_t count;
	size_t size;
};

struct reads {
	struct read_heap fresh;
	struct read_heap again;
	int64_t paced_ms; /* room was reckoned then */
	unsigned room;    /* reads that may begin now */
	unsigned turn;
};

void reads_init(struct reads *reads, int64_t now_ms);
void reads_free(struct reads *reads);
/* Its place in time; a message that finds no memory is left out, and comes
 * back with the next reads_put for it. */
void reads_put(struct reads *reads, struct own *own, int64_t due_ms);
void reads_remove(struct reads *reads, struct own *own);
/* The next one that is due and has room: it stays where it is until it is put
 * or removed.  NULL: none. */
struct own *reads_next(struct reads *reads, int64_t now_ms);
/* One of those that reads_next gave is being read. */
void reads_taken(struct reads *reads);

#endif
