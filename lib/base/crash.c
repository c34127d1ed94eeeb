/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/crash.h"

#ifdef SMX_CRASH_POINTS
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
crash_point(const char *where)
{
	static atomic_long count;
	const char *at = getenv("SMX_CRASH_AT");
	long n = atomic_fetch_add(&count, 1) + 1;

	if (at != NULL && strtol(at, NULL, 10) == n) {
		dprintf(2, "crash point %ld: %s\n", n, where);
		_exit(100);
	}
}
#else
/* ISO C wants something in every file. */
typedef int crash_unused;
#endif
