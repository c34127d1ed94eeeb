/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
slurp(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, out, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	out[n] = '\0';
	return 0;
}

/* "4711 (sendmail-mta) S ...": the name in parentheses may hold anything. */
static int
is_daemon(const char *stat)
{
	const char *name = strchr(stat, '(');
	const char *after = strrchr(stat, ')');

	return name != NULL && after != NULL && after > name &&
	       strncmp(name + 1, "sendmail", 8) == 0 &&
	       strncmp(after, ") T ", 4) != 0 && strncmp(after, ") Z ", 4) != 0;
}

/* The daemon writes its pid into the first line, and removes the file when it
 * ends in order; after a kill another process may have that pid. */
enum smx_mta_health
smdaemon_health(const char *pid_file)
{
	char text[512], path[64];
	long pid;

	if (pid_file[0] == '\0')
		return SMX_MTA_UNKNOWN;
	if (slurp(pid_file, text, sizeof(text)) != 0)
		return errno == ENOENT ? SMX_MTA_DOWN : SMX_MTA_UNKNOWN;
	pid = strtol(text, NULL, 10);
	if (pid <= 0)
		return SMX_MTA_UNKNOWN;
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (slurp(path, text, sizeof(text)) != 0)
		return errno == ENOENT ? SMX_MTA_DOWN : SMX_MTA_UNKNOWN;
	return is_daemon(text) ? SMX_MTA_UP : SMX_MTA_DOWN;
}
