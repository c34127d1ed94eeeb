/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_IMPORT_H
#define IO_BACKUP_IMPORT_H

#include "io/backup_rcpts.h"

/*
 * The recipients of one domain from a file, into the ledger: they do not age,
 * and those of an earlier list that are not in it any more are forgotten.  In
 * changes of ten thousand.  A file without a single one of them changes
 * nothing: it is the wrong file.
 */
struct backup_import {
	const char *path;
	const char *domain; /* folded */
	struct backup_rcpts *rcpts;
	struct backup_rcpts_limits limits;

	size_t imported;
	size_t skipped;      /* of other domains */
	size_t refused;      /* lines that are no address */
	size_t refused_line; /* the first of them; 0: none */
	size_t gone;         /* of an earlier list */
	int all;             /* the list has them all: "@domain" */
	char why[128];
};

/* SMX_ENOTFOUND, SMX_EPERM, SMX_EINVAL (not a plain file, or nothing of the
 * domain in it), SMX_EFULL, SMX_ENOMEM, SMX_EIO and those of the database, with
 * words in why; what was imported before stays. */
int backup_import_run(struct backup_import *import) SMX_MUST_USE;

#endif
