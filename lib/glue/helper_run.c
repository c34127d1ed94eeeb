/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/helper_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/key.h"
#include "base/log.h"

#define LIMIT_MS   60000
#define OUTPUT_MAX 8192 /* bytes of a command's words that are kept */
#define LINES_MAX  20   /* lines of them that are logged */

/*
 * Fixed commands with checked arguments: no shell, no search path, an
 * environment of our own, no descriptor but the three.  Ids go through standard
 * input, where they cannot be taken for options.
 */
struct command {
	const char *argv[8];
	const char *input;
	size_t input_len;
	int64_t until_ms;
	char output[OUTPUT_MAX + 1];
	size_t output_len;
	int status; /* of the last run */
};

static const struct {
	const char *option;
	const char *says; /* postsuper's summary: "postsuper: Deleted: 3 ..." */
	const char *each; /* its line for one message: "postsuper: ID: ..." */
} actions[] = {
	[HELPER_HOLD] = { "-h", "Placed on hold: ", ": placed on hold\n" },
	[HELPER_RELEASE] = { "-H",
	    "Released from hold: ", ": released from hold\n" },
	[HELPER_REQUEUE] = { "-r", "Requeued: ", ": requeued\n" },
	[HELPER_DELETE] = { "-d", "Deleted: ", ": removed\n" },
	[HELPER_EXPIRE] = { "-f", "Force-expired: ", ": expired\n" },
};

static void
child(const struct command *c, int in, int out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale[] = "LC_ALL=C";
	char *const environment[] = { path, locale, NULL };
	struct sigaction act;
	sigset_t none;

	memset(&act, 0, sizeof(act));
	act.sa_handler = SIG_DFL;
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &act, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpgid(0, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	closefrom(3);
	execve(c->argv[0], (char *const *)(uintptr_t)c->argv, environment);
	_exit(127);
}

/* Over the limit it is killed with what it started.  Returns the wait status
 * or -1. */
static int
reap(pid_t pid, int64_t until_ms)
{
	int status;

	for (;;) {
		pid_t n = waitpid(pid, &status, WNOHANG);

		if (n == pid)
			return status;
		if (n < 0 && errno != EINTR)
			return -1;
		if (clock_mono_ms() >= until_ms)
			break;
		(void)poll(NULL, 0, 5);
	}
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return -1;
}

/* postsuper says a line for each message and the sum at its end, so the end is
 * what is kept. */
static size_t
make_room(struct command *c)
{
	if (c->output_len == OUTPUT_MAX) {
		c->output_len = OUTPUT_MAX / 2;
		memmove(c->output, c->output + OUTPUT_MAX - c->output_len,
		    c->output_len);
	}
	return OUTPUT_MAX - c->output_len;
}

static void
read_output(struct command *c, int fd)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = c->until_ms - clock_mono_ms();
		size_t room = make_room(c);
		ssize_t n;

		if (left <= 0)
			break;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, c->output + c->output_len, room);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			break;
		if (n > 0)
			c->output_len += (size_t)n;
	}
	c->output[c->output_len] = '\0';
}

/* The input fits into a pipe (64 KiB), so it is there before anybody reads. */
static int
feed(int fd, const struct command *c)
{
	size_t at = 0;

	while (at < c->input_len) {
		ssize_t n = write(fd, c->input + at, c->input_len - at);

		if (n < 0 && errno != EINTR)
			return SMX_EIO;
		at += n < 0 ? 0 : (size_t)n;
	}
	return SMX_OK;
}

/* Pipes are { read, write }; the input is complete before the child begins. */
static int
start(struct command *c, int in[2], int out[2], pid_t *pid)
{
	if (pipe2(in, O_CLOEXEC | O_NONBLOCK) != 0)
		return SMX_EIO;
	if (feed(in[1], c) != SMX_OK || pipe2(out, O_CLOEXEC) != 0) {
		close(in[0]);
		close(in[1]);
		return SMX_EIO;
	}
	/* Only our side must not block. */
	(void)fcntl(in[0], F_SETFL, 0);
	*pid = fork();
	if (*pid == 0)
		child(c, in[0], out[1]);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	if (*pid > 0)
		return SMX_OK;
	close(out[0]);
	return SMX_EIO;
}

/* What went well is told by the request's own line. */
static void
log_failure(const struct command *c, int status)
{
	const char *at = c->output;
	struct log_line l;

	for (int i = 0; i < LINES_MAX && *at != '\0'; i++) {
		size_t n = strcspn(at, "\n");
		char text[256];

		snprintf(text, sizeof(text), "%.*s", (int)(n < 255 ? n : 255),
		    at);
		log_begin(&l, SMX_LOG_WARNING, NULL, "mta-command-says");
		log_str(&l, "text", text);
		log_end(&l);
		at += n + (at[n] == '\n');
	}
	log_begin(&l, SMX_LOG_ERR, NULL, "mta-command-failed");
	log_str(&l, "command", c->argv[0]);
	log_num(&l, "status", status);
	log_end(&l);
}

static int
run(struct command *c)
{
	int in[2], out[2], status;
	pid_t pid;

	c->output_len = 0;
	if (start(c, in, out, &pid) != SMX_OK) {
		log_event(SMX_LOG_ERR, "mta-command-failed", "errno=%d", errno);
		return SMX_EIO;
	}
	read_output(c, out[0]);
	close(out[0]);
	status = reap(pid, c->until_ms);
	c->status = status;
	return status == 0 ? SMX_OK : SMX_EIO;
}

/* "postsuper: Deleted: 3 messages"; without it, the lines that are kept. */
static size_t
count_done(const struct command *c, const char *says, const char *each)
{
	const char *at = strstr(c->output, says);
	size_t lines = 0;
	uint64_t n;

	if (at == NULL) {
		for (at = c->output; (at = strstr(at, each)) != NULL; at++)
			lines++;
		return lines;
	}
	at += strlen(says);
	return number_parse(at, strspn(at, "0123456789"), HELPER_IDS_MAX, &n) ==
		       SMX_OK
		   ? (size_t)n
		   : 0;
}

static int
run_postsuper(const struct helper_options *o, const struct helper_request *r,
    struct command *c, size_t *done)
{
	char input[HELPER_IDS_MAX * PFID_TEXT];
	size_t len = 0, n;
	int result;

	for (size_t i = 0; i < r->count; i++)
		len += (size_t)snprintf(input + len, sizeof(input) - len,
		    "%s\n", r->id[i]);
	c->argv[0] =
	    o->postsuper != NULL ? o->postsuper : "/usr/sbin/postsuper";
	c->argv[1] = "-c";
	c->argv[2] = o->config_directory;
	c->argv[3] = actions[r->verb].option;
	c->argv[4] = "-";
	c->argv[5] = NULL;
	c->input = input;
	c->input_len = len;
	/*
	 * With maillog_file and a stopped MTA, postsuper cannot write its log
	 * and ends with the first message that it has changed, and at last
	 * with its summary.
	 */
	do {
		crash_point("helper-change");
		result = run(c);
		crash_point("helper-changed");
		n = count_done(c, actions[r->verb].says, actions[r->verb].each);
		*done += n;
		if (strstr(c->output, actions[r->verb].says) != NULL)
			result = SMX_OK;
	} while (result != SMX_OK && n != 0 && clock_mono_ms() < c->until_ms);
	if (result != SMX_OK)
		log_failure(c, c->status);
	return result;
}

/* Else pickup looks once in a minute; and it does so by itself when this
 * fails. */
static void
run_postkick(const struct helper_options *o, struct command *c)
{
	c->argv[0] = o->postkick != NULL ? o->postkick : "/usr/sbin/postkick";
	c->argv[1] = "-c";
	c->argv[2] = o->config_directory;
	c->argv[3] = "public";
	c->argv[4] = "pickup";
	c->argv[5] = "W";
	c->argv[6] = NULL;
	c->input_len = 0;
	(void)run(c);
}

/* postqueue takes one id at a time. */
static int
run_postqueue(const struct helper_options *o, const struct helper_request *r,
    struct command *c, size_t *done)
{
	int result = SMX_OK;

	c->argv[0] =
	    o->postqueue != NULL ? o->postqueue : "/usr/sbin/postqueue";
	c->argv[1] = "-c";
	c->argv[2] = o->config_directory;
	c->argv[3] = "-i";
	c->argv[5] = NULL;
	for (size_t i = 0; i < r->count && clock_mono_ms() < c->until_ms; i++) {
		int one;

		c->argv[4] = r->id[i];
		one = run(c);
		*done += one == SMX_OK;
		if (one != SMX_OK)
			log_failure(c, c->status);
		if (one != SMX_OK)
			result = one;
	}
	return result;
}

int
helper_run(const struct helper_options *o, const struct helper_request *r,
    size_t *done)
{
	struct command *c = calloc(1, sizeof(*c));
	int result;

	*done = 0;
	if (c == NULL)
		return SMX_ENOMEM;
	c->until_ms =
	    clock_mono_ms() + (o->limit_ms > 0 ? o->limit_ms : LIMIT_MS);
	if (r->verb == HELPER_FLUSH)
		result = run_postqueue(o, r, c, done);
	else
		result = run_postsuper(o, r, c, done);
	if (r->verb == HELPER_REQUEUE && *done != 0)
		run_postkick(o, c);
	free(c);
	return result;
}
