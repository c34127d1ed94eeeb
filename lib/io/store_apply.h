/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_APPLY_H
#define IO_STORE_APPLY_H

#include "io/store_group.h"

/*
 * One work's part in the transaction.  SMX_OK: work->outcome is what it comes
 * to once the transaction is durable; anything else fails the transaction.
 */
int accept_apply(struct group *group, struct work *work) SMX_MUST_USE;
int amend_apply(struct group *group, struct work *work) SMX_MUST_USE;

/* A row comes or goes (removed), and with it the file, unless "". */
int group_effect(struct group *group, int removed,
    const struct row_found *found, const char *file) SMX_MUST_USE;

#endif
