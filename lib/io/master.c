/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/master.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCKS_MAX 65536 /* lines of /proc/locks looked at */

/* "1: FLOCK  ADVISORY  WRITE 8172 fe:00:10953028 0 EOF" */
static int
lock_matches(const char *line, const struct stat *file, int *pid)
{
	unsigned maj, min;
	unsigned long long inode;
	char kind[16], mode[16], access[16];

	return sscanf(line, "%*u: %15s %15s %15s %d %x:%x:%llu", kind, mode,
		   access, pid, &maj, &min, &inode) == 7 &&
	       strcmp(access, "WRITE") == 0 && maj == major(file->st_dev) &&
	       min == minor(file->st_dev) && inode == file->st_ino;
}

/* Stopped by a signal: it answers nothing and starts nothing any more.  (One
 * that a debugger looks at is 't', and goes on.) */
static int
is_stopped(int pid)
{
	char path[64], line[512];
	const char *after;
	int stopped = 0;
	FILE *f;

	if (pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	/* The name in parentheses may hold anything. */
	if (fgets(line, sizeof(line), f) != NULL &&
	    (after = strrchr(line, ')')) != NULL)
		stopped = strncmp(after, ") T ", 4) == 0;
	fclose(f);
	return stopped;
}

/*
 * master keeps an exclusive lock on its pid file for its whole life.  The file
 * is root's and taking a lock to test it could stop a master that is just
 * starting, so the kernel's list of locks is read.  1 held, 0 not seen (the
 * list leaves out other pid namespaces, and names some file systems' devices
 * differently), -1 no list.  *pid: who holds it, 0 not known.
 */
static int
pid_file_locked(int queue_fd, int *pid)
{
	struct stat file;
	char line[256];
	int found = 0;
	FILE *f;

	if (fstatat(queue_fd, "pid/master.pid", &file, 0) != 0)
		return errno == ENOENT ? 0 : -1;
	f = fopen("/proc/locks", "re");
	if (f == NULL)
		return -1;
	for (int i = 0; i < LOCKS_MAX && !found; i++) {
		if (fgets(line, sizeof(line), f) == NULL)
			break;
		found = lock_matches(line, &file, pid);
	}
	fclose(f);
	return found;
}

/*
 * Does anybody hold this listening socket?  A socket of another type tells
 * without a connection: EPROTOTYPE when it is alive, ECONNREFUSED when only its
 * name is left.  1 yes, 0 no, -1 cannot tell.
 */
static int
socket_alive(int queue_fd, const char *name)
{
	struct sockaddr_un to;
	int fd, result, saved;

	memset(&to, 0, sizeof(to));
	to.sun_family = AF_UNIX;
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/public/%s",
	    queue_fd, name);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	result = connect(fd, (struct sockaddr *)&to, sizeof(to));
	saved = errno;
	close(fd);
	if (result == 0 || saved == EPROTOTYPE)
		return 1;
	return saved == ECONNREFUSED || saved == ENOENT ? 0 : -1;
}

enum smx_mta_health
master_health(int queue_fd)
{
	static const char *const services[] = { "qmgr", "pickup", "cleanup" };
	int pid = 0;
	int locked = pid_file_locked(queue_fd, &pid);
	int unknown = locked < 0;

	if (locked > 0)
		return is_stopped(pid) ? SMX_MTA_DOWN : SMX_MTA_UP;
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		int alive = socket_alive(queue_fd, services[i]);

		if (alive > 0)
			return SMX_MTA_UP;
		unknown |= alive < 0;
	}
	return unknown ? SMX_MTA_UNKNOWN : SMX_MTA_DOWN;
}
