/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINEFILE_H
#define IO_LINEFILE_H

#include <stddef.h>

#include <shadowmx/err.h>

/* A file of the administrator's, read once, line by line, by one thread. */
#define LINEFILE_LINE_MAX 65536

/* Without its line end, lent; NULL: it is longer than that, and passed over.
 * Other than SMX_OK ends the reading with that. */
typedef int (
    *linefile_fn)(void *ctx, const char *line, size_t len, size_t number);

/* A plain file, and readable.  SMX_ENOTFOUND, SMX_EPERM, SMX_EINVAL, SMX_EIO,
 * with *why, a sentence. */
int linefile_open(const char *path, int *fd, const char **why) SMX_MUST_USE;
/* To its end; at most most bytes, 0: any.  SMX_ELIMIT: it has more; SMX_EIO,
 * SMX_ENOMEM. */
int linefile_each(int fd, size_t most, linefile_fn each,
    void *ctx) SMX_MUST_USE;

#endif
