/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_RCPTS_IN_H
#define IO_BACKUP_RCPTS_IN_H

#include "io/backup_rcpts.h"

/* Between backup_rcpts.c, which looks, backup_rcpts_change.c and
 * backup_rcpts_peer.c. */
struct backup_db *rcpts_db(struct backup_rcpts *rcpts);
/* backup_db_write(), and then there are *more rows (or fewer), as fn has
 * written there. */
int rcpts_write(struct backup_rcpts *rcpts, backup_db_fn fn, void *ctx,
    const int64_t *more) SMX_MUST_USE;

/* Step a statement that gives a row for each one that it removes. */
int rcpts_count_gone(struct db_stmt *stmt, int64_t *gone) SMX_MUST_USE;

/* What one change may remove: others wait for it. */
#define RCPTS_GONE_ONE 5000

#endif
