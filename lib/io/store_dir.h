/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_DIR_H
#define IO_STORE_DIR_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "io/store_body.h"

/*
 * The store's folder: ours alone, and one process at a time (doc/STORE).
 */
#define STORE_DATABASE "shadows.db"
#define STORE_LOG      STORE_DATABASE "-wal"

struct store_dir {
	int folder;
	int lock;
	struct bodies bodies;
	char *database;         /* path of the database, which exists, */
	uint64_t device, inode; /* and which file that was */
};

/* SMX_EBUSY, SMX_EPERM, SMX_EIO, with a sentence in why. */
int store_dir_open(struct store_dir *dir, const char *path, char *why,
    size_t why_size) SMX_MUST_USE;
/* Non-zero: its file is not under that path any more, for it was removed or
 * another one took its place.  What is written now nobody will find. */
int store_dir_moved(const struct store_dir *dir);
void store_dir_close(struct store_dir *dir); /* accepts a zeroed one's -1s */

#endif
