/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_SCHEMA_H
#define IO_STORE_SCHEMA_H

#include "io/db_sqlite.h"
#include "io/store_usage.h"

/* Make the tables in a new file, or those of an earlier version into today's,
 * in one step.  SMX_ECONFIG: made by a later version. */
int schema_make(struct db *db) SMX_MUST_USE;
/* Count what is there. */
int schema_count(struct db *db, struct usage *usage) SMX_MUST_USE;

#endif
