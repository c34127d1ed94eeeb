/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/crash.h"

#ifdef SMX_CRASH_POINTS
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Once for each file. */
static int
is_asked_for(const char *where)
{
	const char *folder = getenv("SMX_CRASH_IN");
	char path[512];

	if (folder == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, where);
	return unlink(path) == 0;
}

void
crash_point(const char *where)
{
	static atomic_long count;
	const char *at = getenv("SMX_CRASH_AT");
	long n = atomic_fetch_add(&count, 1) + 1;

	if ((at != NULL && strtol(at, NULL, 10) == n) || is_asked_for(where)) {
		dprintf(2, "crash point %ld: %s\n", n, where);
		_exit(100);
	}
}
#else
/* ISO C wants something in every file. */
typedef int crash_unused;
#endif
