/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/crash.h"

#ifdef SMX_CRASH_POINTS
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each byte of the file is once that nothing happens; then once for the file.
 */
static int
is_asked_for(const char *where)
{
	const char *folder = getenv("SMX_CRASH_IN");
	struct stat st;
	char path[512];

	if (folder == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, where);
	if (stat(path, &st) == 0 && st.st_size > 0) {
		(void)!truncate(path, st.st_size - 1);
		return 0;
	}
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
