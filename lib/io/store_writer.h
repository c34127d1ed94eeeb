/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_WRITER_H
#define IO_STORE_WRITER_H

#include <stdint.h>

#include "io/store_group.h"

/*
 * The one thread that changes the database: groups, checkpoints, pruning.
 * Signals are blocked in it.
 */
struct writer;

/* group is filled in and lent until writer_stop returns; tombstone_ms 0: old
 * tombstones are never forgotten for their age. */
int writer_start(struct writer **out, struct group *group,
    int64_t tombstone_ms) SMX_MUST_USE;
/* What waits is still done. */
void writer_stop(struct writer **writer);

#endif
