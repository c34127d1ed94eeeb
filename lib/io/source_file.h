/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SOURCE_FILE_H
#define IO_SOURCE_FILE_H

#include <stddef.h>

#include "core/frozen.h"

/*
 * Reading what a configuration names: tables and databases.  Files are read,
 * never mapped: whoever writes into one that is in use harms nobody.
 *
 * A file that is being written is told by its stamp: it has to be the same
 * before and after.
 */
#define SOURCE_FILE_MAX ((uint64_t)1 << 30) /* bytes of one file */

/* Why a file cannot be used. */
struct source_trouble {
	size_t line; /* of a table, 0: the whole file */
	char text[128];
	char message[256];
	const char *accepted;
};

/* Fills in table or geo, and stamp in every case.  SMX_ECONFIG: what is in it
 * cannot be used; SMX_ENOTFOUND: it is not there; SMX_EIO: it cannot be read;
 * SMX_EBUSY: it was changed meanwhile; SMX_ENOMEM. */
int source_read(struct source *source,
    struct source_trouble *trouble) SMX_MUST_USE;

/* A source_open_fn: a table that cannot be used is a problem, a database a
 * warning. */
void source_open(struct source *source, const struct tree *root,
    struct problems *problems);

/* ---- for those who read ---- */

/* All zero when there is no such file. */
void stamp_take(struct stamp *out, const char *path);
/* A regular file of at most SOURCE_FILE_MAX, and its stamp. */
int source_file_open(const char *path, int *fd, struct stamp *stamp,
    struct source_trouble *trouble) SMX_MUST_USE;
/* Is it still as it was?  SMX_EBUSY. */
int source_file_same(int fd, const char *path, const struct stamp *stamp,
    struct source_trouble *trouble) SMX_MUST_USE;
/* Bytes read, 0 at the end, or a negative error. */
int source_file_read(int fd, char *data, size_t size,
    struct source_trouble *trouble) SMX_MUST_USE;
int trouble_set(struct source_trouble *trouble, int result, const char *message,
    const char *accepted);

#endif
