/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_USER_H
#define IO_USER_H

#include <stddef.h>
#include <sys/types.h>

#include <shadowmx/err.h>

/*
 * Users and groups by name, and giving up root for good.
 *
 * Threads: call from a process that has one thread only.
 */
struct user {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* SMX_ENOTFOUND with a sentence in why. */
int user_find(const char *name, struct user *out, char *why,
    size_t why_size) SMX_MUST_USE;
int user_group(const char *name, gid_t *out, char *why,
    size_t why_size) SMX_MUST_USE;

/*
 * Become user: real, effective and saved ids, exactly the supplementary groups
 * given.  SMX_OK only when the way back is proven to be closed; after anything
 * else the process must end.
 */
int user_become(const struct user *user, const gid_t *groups,
    size_t count) SMX_MUST_USE;

#endif
