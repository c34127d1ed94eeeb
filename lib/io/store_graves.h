/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_GRAVES_H
#define IO_STORE_GRAVES_H

#include "io/db_sqlite.h"
#include "io/store_tombs.h"

/* Where tombstones are kept: the writer's statements for them, used inside its
 * transactions. */
struct graves;

int graves_open(struct graves **out, struct db *db) SMX_MUST_USE;
void graves_close(struct graves **graves);
void graves_sink(struct graves *graves, struct tombs_sink *sink);
/* All that is kept, once at the start. */
int graves_load(struct db *db, struct tombs *tombs) SMX_MUST_USE;

#endif
