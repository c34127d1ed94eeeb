/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/postconf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define DEADLINE_MS 10000

static const char *const places[] = { "/usr/sbin/postconf",
	"/usr/local/sbin/postconf", "/usr/bin/postconf" };

static const char *
find_program(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static void
become_postconf(const char *program, const char *config_directory,
    const char *setting, int out)
{
	char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"LC_ALL=C", NULL };
	char *const argv[] = { (char *)"postconf", (char *)"-c",
		(char *)config_directory, (char *)"-h", (char *)setting, NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	execve(program, argv, env);
	_exit(127);
}

/* Read until end of file; cut at the first line break. */
static int
read_line(int fd, char *out, size_t size)
{
	int64_t until = clock_mono_ms() + DEADLINE_MS;
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < size - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - clock_mono_ms();

		if (left <= 0)
			return SMX_ETIMEOUT;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, out + len, size - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return out[0] == '\0' ? SMX_EIO : SMX_OK;
}

int
postconf_ask(const char *config_directory, const char *setting, char *out,
    size_t size, char *why, size_t why_size)
{
	const char *program = find_program();
	int fd[2], rc, status = 0;
	pid_t pid;

	if (program == NULL) {
		snprintf(why, why_size, "postconf was not found");
		return SMX_ENOTFOUND;
	}
	if (pipe2(fd, O_CLOEXEC) != 0)
		return SMX_EIO;
	pid = fork();
	if (pid == 0)
		become_postconf(program, config_directory, setting, fd[1]);
	close(fd[1]);
	rc = pid < 0 ? SMX_EIO : read_line(fd[0], out, size);
	close(fd[0]);
	if (pid > 0) {
		if (rc != SMX_OK)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (rc == SMX_OK && status != 0)
			rc = SMX_EIO;
	}
	if (rc != SMX_OK)
		snprintf(why, why_size, "postconf -c %s -h %s: %s",
		    config_directory, setting, smx_strerror(rc));
	return rc;
}
