/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_RCPTS_IN_H
#define IO_BACKUP_RCPTS_IN_H

#include "io/backup_rcpts.h"

/* Between backup_rcpts.c, which looks, and backup_rcpts_change.c. */
struct backup_db *rcpts_db(struct backup_rcpts *rcpts);
/* backup_db_write(), and then there are *more rows (or fewer), as fn has
 * written there. */
int rcpts_write(struct backup_rcpts *rcpts, backup_db_fn fn, void *ctx,
    const int64_t *more) SMX_MUST_USE;

#endif
