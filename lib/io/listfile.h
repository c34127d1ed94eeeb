/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LISTFILE_H
#define IO_LISTFILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/rcptset.h"

/*
 * The recipients of several domains from one file, in the form that
 * core/rcptlist.h reads; a bare user is one of each domain.
 */
#define LISTFILE_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct listfile {
	const char *path;
	const char *const *domains; /* folded */
	size_t domain_count;
	struct rcptset *sets; /* one for each, as after init; closed here */

	size_t taken;
	size_t other;        /* of other domains */
	size_t refused;      /* lines that are no address */
	size_t refused_line; /* the first of them; 0: none */
	char why[128];
};

/* SMX_ENOTFOUND, SMX_EPERM, SMX_EINVAL (not a plain file), SMX_ELIMIT,
 * SMX_ENOMEM, SMX_EIO, with words in why; then the sets are of no use. */
int listfile_read(struct listfile *list) SMX_MUST_USE;

/* What tells that a file is the same as it was: all zero when it cannot be
 * seen. */
struct listfile_mark {
	int64_t mtime_s, mtime_ns, size;
	uint64_t device, inode;
};
void listfile_mark(const char *path, struct listfile_mark *out);
int listfile_same(const struct listfile_mark *a, const struct listfile_mark *b);

#endif
