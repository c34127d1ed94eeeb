/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mtaask.h"

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
#define PATH_BYTES  64
#define ARGS_MAX    512

static const char *const places[] = { "/usr/sbin", "/usr/local/sbin",
	"/usr/bin" };

struct asked {
	pid_t pid;
	int out_fd;
	int err_fd;
	struct buf *out;
	struct buf err; /* the first bytes of it */
};

static int
find_program(const char *program, char path[PATH_BYTES])
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, PATH_BYTES, "%s/%s", places[i], program);
		if (access(path, X_OK) == 0)
			return 1;
	}
	return 0;
}

static void
become_program(const char *path, const char *const *argv, int out, int err)
{
	char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"LC_ALL=C", NULL };
	char *args[ARGS_MAX + 2] = { (char *)path };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	for (size_t i = 0; i < ARGS_MAX && argv[i] != NULL; i++)
		args[i + 1] = (char *)argv[i];
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(127);
	execve(path, args, env);
	_exit(127);
}

static int
start(struct asked *a, const char *path, const char *const *argv)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		return SMX_EIO;
	if (pipe2(err, O_CLOEXEC) != 0) {
		close(out[0]);
		close(out[1]);
		return SMX_EIO;
	}
	a->pid = fork();
	if (a->pid == 0)
		become_program(path, argv, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	a->out_fd = out[0];
	a->err_fd = err[0];
	return a->pid < 0 ? SMX_EIO : SMX_OK;
}

/* What is there; closes the descriptor at its end.  The ceiling of the error
 * text is no failure: the rest of it is not wanted. */
static int
take(int *fd, struct buf *to, int all)
{
	char bytes[16384];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return SMX_OK;
	if (n <= 0) {
		close(*fd);
		*fd = -1;
		return n < 0 ? SMX_EIO : SMX_OK;
	}
	if (!all && (size_t)n > to->max - to->len)
		n = (ssize_t)(to->max - to->len);
	return buf_add(to, bytes, (size_t)n);
}

static int
collect(struct asked *a)
{
	int64_t until = clock_mono_ms() + DEADLINE_MS;

	while (a->out_fd >= 0 || a->err_fd >= 0) {
		struct pollfd p[2] = { { .fd = a->out_fd, .events = POLLIN },
			{ .fd = a->err_fd, .events = POLLIN } };
		int64_t left = until - clock_mono_ms();
		int rc = SMX_OK;

		if (left <= 0)
			return SMX_ETIMEOUT;
		if (poll(p, 2, (int)left) <= 0)
			continue;
		if (p[0].revents != 0)
			rc = take(&a->out_fd, a->out, 1);
		if (rc == SMX_OK && p[1].revents != 0)
			rc = take(&a->err_fd, &a->err, 0);
		if (rc != SMX_OK)
			return rc;
	}
	return SMX_OK;
}

/* It has closed its output, or is killed: either way it ends now. */
static int
finish(struct asked *a, int rc)
{
	int status = 0;

	if (a->out_fd >= 0)
		close(a->out_fd);
	if (a->err_fd >= 0)
		close(a->err_fd);
	if (a->pid <= 0)
		return rc;
	if (rc != SMX_OK)
		kill(a->pid, SIGKILL);
	while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc == SMX_OK && status != 0 ? SMX_EREFUSED : rc;
}

static void
explain(struct asked *a, const char *program, int rc, char *why,
    size_t why_size)
{
	const char *text = a->err.len > 0 ? a->err.data : smx_strerror(rc);

	if (rc != SMX_EREFUSED || a->err.len == 0)
		snprintf(why, why_size, "%s: %s", program, smx_strerror(rc));
	else
		snprintf(why, why_size, "%.*s", (int)strcspn(text, "\n"), text);
}

int
mta_ask(const char *program, const char *const *argv, struct buf *out,
    char *why, size_t why_size)
{
	struct asked a = { .pid = -1, .out_fd = -1, .err_fd = -1, .out = out };
	char path[PATH_BYTES];
	int rc;

	if (!find_program(program, path)) {
		snprintf(why, why_size, "%s was not found", program);
		return SMX_ENOTFOUND;
	}
	buf_init(&a.err, 1024);
	rc = start(&a, path, argv);
	if (rc == SMX_OK)
		rc = collect(&a);
	rc = finish(&a, rc);
	if (rc == SMX_OK)
		rc = buf_str(out, ""); /* never NULL */
	else
		explain(&a, program, rc, why, why_size);
	buf_free(&a.err);
	return rc;
}
