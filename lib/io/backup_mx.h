/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_MX_H
#define IO_BACKUP_MX_H

#include "core/mxnews.h"
#include "io/backup_db.h"

/* The table mxset of the books: what is known of each domain's MX records. */

/* SMX_ENOTFOUND: nothing yet. */
int backup_mx_load(struct backup_db *db, const char *domain,
    struct mxnews *news) SMX_MUST_USE;
/* Durable when it returns. */
int backup_mx_save(struct backup_db *db, const char *domain,
    const struct mxnews *news, int64_t now_wall_ms) SMX_MUST_USE;
/* Forget domains that nobody has looked at since then. */
int backup_mx_prune(struct backup_db *db, int64_t before_wall_ms) SMX_MUST_USE;

#endif
