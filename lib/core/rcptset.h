/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RCPTSET_H
#define CORE_RCPTSET_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Local parts of one domain, each once and in order; "" stands for everybody.
 * Filled first, then closed, and not changed any more.
 */
struct rcptset {
	struct buf names; /* each with its NUL */
	const char **list;
	size_t count; /* before it is closed: with those that stand twice */
};

void rcptset_init(struct rcptset *set);
void rcptset_free(struct rcptset *set); /* leaves it as after init */
int rcptset_add(struct rcptset *set, const char *local);
int rcptset_close(struct rcptset *set) SMX_MUST_USE;

/* What leads from one closed set to another; before NULL: all that is in now.
 */
struct rcptwalk {
	const struct rcptset *before, *now;
	size_t at_before, at_now;
};
/* Non-zero: there is one more, which now has, or has not any more. */
int rcptwalk_next(struct rcptwalk *walk, const char **local, int *gone);
/* All has been told. */
int rcptwalk_is_over(const struct rcptwalk *walk);

#endif
