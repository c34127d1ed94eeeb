/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"

static atomic_int armed;
static atomic_ulong calls;
static struct inject plan;
static atomic_ulong *most; /* of all processes, or NULL */

void
inject_arm(const struct inject *what)
{
	plan = *what;
	atomic_store(&calls, 0);
	atomic_store(&armed, 1);
}

unsigned long
inject_disarm(void)
{
	atomic_store(&armed, 0);
	return atomic_load(&calls);
}

static void
remember(unsigned long n)
{
	unsigned long old;

	if (most == NULL)
		return;
	old = atomic_load(most);
	while (old < n && !atomic_compare_exchange_weak(most, &old, n))
		;
}

static int
its_turn(void)
{
	unsigned long n = atomic_fetch_add(&calls, 1) + 1;

	remember(n);
	return plan.from != 0 && n >= plan.from &&
	       (plan.count == 0 || n - plan.from < plan.count);
}

int
inject_refuses_memory(void)
{
	if (!atomic_load(&armed) || plan.kind != INJECT_MEMORY || !its_turn())
		return 0;
	errno = ENOMEM;
	return 1;
}

/* Moves so many bytes at most, or fails. */
static int
fails(int waits, size_t *len)
{
	if (!atomic_load(&armed) || plan.kind == INJECT_MEMORY ||
	    (plan.kind == INJECT_EINTR && !waits) ||
	    (plan.kind == INJECT_SHORT && (len == NULL || *len < 2)) ||
	    !its_turn())
		return 0;
	if (plan.kind == INJECT_SHORT) {
		*len /= 2;
		return 0;
	}
	errno = plan.kind == INJECT_EIO      ? EIO
		: plan.kind == INJECT_ENOSPC ? ENOSPC
					     : EINTR;
	return 1;
}

/* ---- memory ---- */

void *
inject_malloc(size_t size)
{
	return inject_refuses_memory() ? NULL : malloc(size);
}

void *
inject_calloc(size_t count, size_t size)
{
	return inject_refuses_memory() ? NULL : calloc(count, size);
}

void *
inject_realloc(void *old, size_t size)
{
	return inject_refuses_memory() ? NULL : realloc(old, size);
}

char *
inject_strdup(const char *text)
{
	return inject_refuses_memory() ? NULL : strdup(text);
}

/* ---- files ---- */

ssize_t
inject_read(int fd, void *buf, size_t len)
{
	return fails(1, &len) ? -1 : read(fd, buf, len);
}

ssize_t
inject_pread(int fd, void *buf, size_t len, off_t at)
{
	return fails(1, &len) ? -1 : pread(fd, buf, len, at);
}

ssize_t
inject_write(int fd, const void *buf, size_t len)
{
	return fails(1, &len) ? -1 : write(fd, buf, len);
}

ssize_t
inject_pwrite(int fd, const void *buf, size_t len, off_t at)
{
	return fails(1, &len) ? -1 : pwrite(fd, buf, len, at);
}

static mode_t
mode_of(int flags, va_list args)
{
	return (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
}

int
inject_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return fails(1, NULL) ? -1 : open(path, flags, mode);
}

int
inject_openat(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return fails(1, NULL) ? -1 : openat(at, path, flags, mode);
}

int
inject_fsync(int fd)
{
	return fails(0, NULL) ? -1 : fsync(fd);
}

int
inject_ftruncate(int fd, off_t size)
{
	return fails(0, NULL) ? -1 : ftruncate(fd, size);
}

int
inject_posix_fallocate(int fd, off_t at, off_t len)
{
	return fails(0, NULL) ? errno : posix_fallocate(fd, at, len);
}

int
inject_renameat(int from, const char *old, int to, const char *new)
{
	return fails(0, NULL) ? -1 : renameat(from, old, to, new);
}

int
inject_unlinkat(int at, const char *path, int flags)
{
	return fails(0, NULL) ? -1 : unlinkat(at, path, flags);
}

int
inject_mkdirat(int at, const char *path, mode_t mode)
{
	return fails(0, NULL) ? -1 : mkdirat(at, path, mode);
}

/* ---- the network ---- */

ssize_t
inject_send(int fd, const void *buf, size_t len, int flags)
{
	return fails(1, &len) ? -1 : send(fd, buf, len, flags);
}

ssize_t
inject_recv(int fd, void *buf, size_t len, int flags)
{
	return fails(1, &len) ? -1 : recv(fd, buf, len, flags);
}

int
inject_socket(int domain, int type, int protocol)
{
	return fails(0, NULL) ? -1 : socket(domain, type, protocol);
}

int
inject_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails(1, NULL) ? -1 : connect(fd, sa, len);
}

/* ---- by the environment ---- */

static void
share(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	void *p;

	if (fd < 0 || ftruncate(fd, sizeof(*most)) != 0)
		abort();
	p = mmap(NULL, sizeof(*most), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (p == MAP_FAILED)
		abort();
	close(fd);
	most = p;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *text = getenv("INJECT"), *path = getenv("INJECT_MOST");
	struct inject what = { .count = 1 };
	char *end;

	if (path != NULL)
		share(path);
	if (text != NULL) {
		what.from = strtoul(text, &end, 10);
		if (*end == ',')
			what.count = strtoul(end + 1, NULL, 10);
	}
	if (text != NULL || path != NULL)
		inject_arm(&what);
}
