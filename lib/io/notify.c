/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/key.h"

static struct {
	int fd;
	int64_t watchdog_ms;
} manager = { .fd = -1 };

static int
join(const char *path)
{
	struct sockaddr_un sun;
	size_t len = strlen(path);
	socklen_t size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if ((path[0] != '/' && path[0] != '@') || len < 2 ||
	    len >= sizeof(sun.sun_path))
		return -1;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0'; /* Linux's abstract names */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, size) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int64_t
watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t n;

	if (pid != NULL &&
	    (number_parse(pid, strlen(pid), INT32_MAX, &n) != SMX_OK ||
		n != (uint64_t)getpid()))
		return 0;
	if (usec == NULL ||
	    number_parse(usec, strlen(usec), INT64_MAX, &n) != SMX_OK)
		return 0;
	return (int64_t)(n / 1000);
}

void
notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	notify_close();
	if (path != NULL)
		manager.fd = join(path);
	if (manager.fd >= 0)
		manager.watchdog_ms = watchdog();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
say(const char *text)
{
	if (manager.fd >= 0)
		(void)send(manager.fd, text, strlen(text), MSG_NOSIGNAL);
}

void
notify_ready(void)
{
	say("READY=1");
}

void
notify_reloading(void)
{
	char text[80];
	struct timespec ts;

	/* Type=notify-reload compares it with its own time of asking. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	say(text);
}

void
notify_stopping(void)
{
	say("STOPPING=1");
}

void
notify_status(const char *text)
{
	char line[300];

	snprintf(line, sizeof(line), "STATUS=%s", text);
	for (char *p = line; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	say(line);
}

void
notify_watchdog(void)
{
	say("WATCHDOG=1");
}

int64_t
notify_watchdog_ms(void)
{
	return manager.watchdog_ms;
}

void
notify_close(void)
{
	if (manager.fd >= 0)
		close(manager.fd);
	manager.fd = -1;
	manager.watchdog_ms = 0;
}
