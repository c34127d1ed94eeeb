/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_FLUSH_H
#define IO_BACKUP_FLUSH_H

#include <stdint.h>

#include "io/backup_db.h"

/*
 * The table flush: whose mail is to be let go although nobody knows the primary
 * to be up, and until when (wall clock).  Results are those of backup_db_write
 * and backup_db_read.
 */
/* One that ends later stays, if it does not end after keep_ms. */
int backup_flush_set(struct backup_db *db, const char *domain, int64_t until_ms,
    int64_t keep_ms) SMX_MUST_USE;
/* It is over, unless another has been set meanwhile. */
int backup_flush_end(struct backup_db *db, const char *domain,
    int64_t until_ms) SMX_MUST_USE;
/* Non-zero from each stops. */
typedef int (*backup_flush_fn)(void *ctx, const char *domain, int64_t until_ms);
int backup_flush_each(struct backup_db *db, backup_flush_fn each,
    void *ctx) SMX_MUST_USE;
/* Those that are over, or further ahead than most_ms, go. */
int backup_flush_prune(struct backup_db *db, int64_t wall_ms,
    int64_t most_ms) SMX_MUST_USE;

#endif
