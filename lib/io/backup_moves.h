/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_MOVES_H
#define IO_BACKUP_MOVES_H

#include <stddef.h>
#include <stdint.h>

#include "core/backup.h"
#include "io/backup_db.h"

/*
 * The table mail as the releaser sees it: which domains have mail here, and
 * where single messages are.
 */
#define BACKUP_MOVES_MAX 500 /* at a time */

struct backup_moves_domain {
	char name[256];
	char address[330]; /* one of its recipients, what fits */
	int held;          /* some of it is on hold, by our doing */
};
/* Those with open mail, in their order, after this one ("" the first). */
int backup_moves_domains(struct backup_db *db, const char *after,
    struct backup_moves_domain *out, size_t max, size_t *count) SMX_MUST_USE;

struct backup_moves_mail {
	int64_t id;           /* in */
	enum custody custody; /* CUSTODY_ENDED also: there is none */
	char queue_id[64];
};
int backup_moves_find(struct backup_db *db, struct backup_moves_mail *mails,
    size_t count) SMX_MUST_USE;

/* Told of the end of their hold; durable. */
int backup_moves_warned(struct backup_db *db, const int64_t *ids, size_t count,
    int64_t wall_ms) SMX_MUST_USE;

#endif
