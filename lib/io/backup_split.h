/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_SPLIT_H
#define IO_BACKUP_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/backup.h"
#include "io/backup_db.h"

/*
 * The table split: parts of messages that are being split off, each written
 * down before the MTA is given it, until it is known that the message it was
 * taken from was committed without it, or that there is no such part.
 *
 * Results are those of backup_db_write and backup_db_read.
 */
#define BACKUP_SPLIT_TRAIL 96

struct backup_split {
	int64_t id;                     /* out of _add */
	char trail[BACKUP_SPLIT_TRAIL]; /* in the part's own Received field, and
					 * nobody can know it before */
	char original[64];              /* queue id it was taken from */
	char part[64];                  /* its own, "" as long as unknown */
	char domain[256];
	enum mx_state state; /* of the primary */
	int64_t made_ms, until_ms;
};

/* Durable. */
int backup_split_add(struct backup_db *db,
    struct backup_split *split) SMX_MUST_USE;
int backup_split_name(struct backup_db *db, int64_t id,
    const char *part) SMX_MUST_USE;
int backup_split_drop(struct backup_db *db, const int64_t *ids,
    size_t count) SMX_MUST_USE;

/* Those after this one, in the order of their ids. */
int backup_split_look(struct backup_db *db, int64_t after,
    struct backup_split *out, size_t max, size_t *count) SMX_MUST_USE;

#endif
