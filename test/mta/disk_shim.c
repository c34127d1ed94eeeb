/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * To be preloaded: while there is a file DISK_SHIM, whoever syncs a file whose
 * name has DISK_SHIM_OF in it waits, as for a disk that does not answer.
 */
static void
stand_still(int fd)
{
	const char *while_there = getenv("DISK_SHIM");
	const char *of = getenv("DISK_SHIM_OF");
	char link[64], path[4096];
	ssize_t n;

	if (while_there == NULL || of == NULL)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return;
	path[n] = '\0';
	while (strstr(path, of) != NULL && access(while_there, F_OK) == 0)
		usleep(20000);
}

int
fdatasync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	stand_still(fd);
	return real(fd);
}

int
fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	stand_still(fd);
	return real(fd);
}
