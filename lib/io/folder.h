/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_FOLDER_H
#define IO_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

#include <shadowmx/err.h>

/*
 * Make sure that a folder exists.  A missing one is made (its parent must
 * exist) with this mode and owner; one that is there keeps both.  uid and gid
 * (uid_t)-1 and (gid_t)-1: leave them.  SMX_EPERM: it, or for a new one its
 * parent, can be written by everybody; SMX_EINVAL: not a folder.
 */
struct folder {
	const char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};
int folder_make(const struct folder *folder, char *why,
    size_t why_size) SMX_MUST_USE;

#endif
