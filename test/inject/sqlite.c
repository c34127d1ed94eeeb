/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "inject.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "calls.h"

static sqlite3_mem_methods original;

static void *
memory_new(int size)
{
	return inject_refuses_memory() ? NULL : original.xMalloc(size);
}

static void *
memory_more(void *old, int size)
{
	return inject_refuses_memory() ? NULL : original.xRealloc(old, size);
}

static void
replace(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr by)
{
	if (vfs->xSetSystemCall(vfs, name, by) != SQLITE_OK)
		abort();
}

/* Its syncs are not among those that it lets be replaced: test/crash/store.sh
 * and test/syscalls.sh have them. */
void
inject_sqlite(void)
{
	sqlite3_mem_methods mine;
	sqlite3_vfs *vfs;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &original) != SQLITE_OK)
		abort();
	mine = original;
	mine.xMalloc = memory_new;
	mine.xRealloc = memory_more;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK)
		abort();
	vfs = sqlite3_vfs_find(NULL);
	replace(vfs, "read", (sqlite3_syscall_ptr)inject_read);
	replace(vfs, "pread", (sqlite3_syscall_ptr)inject_pread);
	replace(vfs, "pread64", (sqlite3_syscall_ptr)inject_pread);
	replace(vfs, "pwrite64", (sqlite3_syscall_ptr)inject_pwrite);
	replace(vfs, "write", (sqlite3_syscall_ptr)inject_write);
	replace(vfs, "pwrite", (sqlite3_syscall_ptr)inject_pwrite);
	replace(vfs, "ftruncate", (sqlite3_syscall_ptr)inject_ftruncate);
}
