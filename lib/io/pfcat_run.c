/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfcat_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/pfcat.h"
#include "io/postconf.h"

static int
in_folder(struct pfcat_tool *tool, const char *folder)
{
	int n = snprintf(tool->program, sizeof(tool->program), "%s/postcat",
	    folder);

	if (folder[0] == '/' && n > 0 && (size_t)n < sizeof(tool->program) &&
	    access(tool->program, X_OK) == 0)
		return SMX_OK;
	tool->program[0] = '\0';
	return SMX_ENOTFOUND;
}

int
pfcat_tool_find(struct pfcat_tool *tool, char *why, size_t why_size)
{
	char folder[PATH_MAX];

	tool->program[0] = '\0';
	if (postconf_ask(tool->config_directory, "command_directory", folder,
		sizeof(folder), why, why_size) != SMX_OK)
		return SMX_ENOTFOUND;
	if (in_folder(tool, folder) == SMX_OK)
		return SMX_OK;
	snprintf(why, why_size, "no postcat in %.400s", folder);
	return SMX_ENOTFOUND;
}

void
pfcat_name(int fd, char out[PFCAT_NAME])
{
	snprintf(out, PFCAT_NAME, "/proc/self/fd/%d", fd);
}

/* "." is where one is, and so is nothing. */
int
pfcat_secret_name(int fd, char out[PFCAT_LABEL])
{
	unsigned char bits[16];
	size_t n = (size_t)snprintf(out, PFCAT_LABEL, "/proc/self/fd");

	if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
		return SMX_EIO;
	for (size_t i = 0; i < 8 * sizeof(bits); i++) {
		out[n++] = '/';
		if ((bits[i / 8] >> (i % 8) & 1) != 0)
			out[n++] = '.';
	}
	(void)snprintf(out + n, PFCAT_LABEL - n, "/%d", fd);
	return SMX_OK;
}

struct plan {
	const char *program;
	char *argv[PFCAT_FILES_MAX + 6];
	char names[PFCAT_FILES_MAX][PFCAT_NAME];
	const int *files;
	size_t count;
	int out;
	uint64_t out_max;
	pid_t parent;
};

static void
plan_make(struct plan *plan, const struct pfcat_tool *tool,
    enum pfcat_part part, const char *name)
{
	size_t n = 0;

	plan->program = tool->program;
	plan->argv[n++] = (char *)(uintptr_t) "postcat";
	plan->argv[n++] = (char *)(uintptr_t) "-c";
	plan->argv[n++] = (char *)(uintptr_t)tool->config_directory;
	plan->argv[n++] = part == PFCAT_ENVELOPE ? (char *)(uintptr_t) "-e"
						 : (char *)(uintptr_t) "-beh";
	for (size_t i = 0; i < plan->count; i++) {
		pfcat_name(plan->files[i], plan->names[i]);
		plan->argv[n++] =
		    name == NULL ? plan->names[i] : (char *)(uintptr_t)name;
	}
	plan->argv[n] = NULL;
}

/* After the fork, in a process that may have had many threads: system calls
 * only. */
static _Noreturn void
become_postcat(const struct plan *plan, int err)
{
	char *const environment[] = { NULL };
	const struct rlimit size = { plan->out_max, plan->out_max };
	const struct rlimit core = { 0, 0 };
	struct sigaction act;
	sigset_t none;
	int in;

	memset(&act, 0, sizeof(act));
	act.sa_handler = SIG_DFL;
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &act, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	in = open("/dev/null", O_RDONLY);
	if (getppid() != plan->parent || in < 0 ||
	    setrlimit(RLIMIT_FSIZE, &size) != 0 ||
	    setrlimit(RLIMIT_CORE, &core) != 0 || dup2(in, 0) < 0 ||
	    dup2(plan->out, 1) < 0 || dup2(err, 2) < 0 || chdir("/") != 0)
		_exit(126);
	/* Of all that is open it gets these. */
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < plan->count; i++)
		if (fcntl(plan->files[i], F_SETFD, 0) != 0)
			_exit(126);
	execve(plan->program, plan->argv, environment);
	_exit(127);
}

int
pfcat_run_start(struct pfcat_run *run, const struct pfcat_tool *tool,
    enum pfcat_part part, const int *files, size_t count, const char *name,
    int out, uint64_t out_max, int64_t until_mono_ms)
{
	struct plan plan = { .files = files,
		.count = count,
		.out = out,
		.out_max = out_max,
		.parent = getpid() };
	int err[2];

	run->pid = 0;
	run->err_fd = -1;
	run->words_len = 0;
	run->words[0] = '\0';
	run->until_mono_ms = until_mono_ms;
	/* Lower ones are about to become the three that every program has. */
	for (size_t i = 0; i < count; i++)
		if (files[i] < 3)
			return SMX_EIO;
	if (tool->program[0] == '\0' || count == 0 || count > PFCAT_FILES_MAX ||
	    (name != NULL && count != 1) || out < 3 ||
	    pipe2(err, O_CLOEXEC) != 0)
		return SMX_EIO;
	plan_make(&plan, tool, part, name);
	(void)fcntl(err[0], F_SETFL, O_NONBLOCK); /* our side only */
	run->pid = fork();
	if (run->pid == 0)
		become_postcat(&plan, err[1]);
	close(err[1]);
	run->err_fd = err[0];
	if (run->pid > 0)
		return SMX_OK;
	run->pid = 0;
	close(run->err_fd);
	run->err_fd = -1;
	return SMX_EIO;
}

/* Non-zero at the end, which comes when it has ended. */
static int
hear_words(struct pfcat_run *run)
{
	for (int i = 0; i < 16; i++) {
		char piece[1024];
		ssize_t n = read(run->err_fd, piece, sizeof(piece));
		size_t room = PFCAT_WORDS - 1 - run->words_len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return 1;
		if ((size_t)n < room)
			room = (size_t)n;
		memcpy(run->words + run->words_len, piece, room);
		run->words_len += room;
		run->words[run->words_len] = '\0';
	}
	return 0;
}

static void
run_close(struct pfcat_run *run)
{
	if (run->err_fd >= 0)
		close(run->err_fd);
	run->err_fd = -1;
	run->pid = 0;
}

void
pfcat_run_kill(struct pfcat_run *run)
{
	int status;

	if (run->pid <= 0)
		return;
	(void)kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	run_close(run);
}

int
pfcat_run_turn(struct pfcat_run *run)
{
	int status = -1;
	pid_t n;

	if (run->pid <= 0)
		return SMX_EIO;
	/* Words without end must not keep us. */
	if (clock_mono_ms() >= run->until_mono_ms) {
		pfcat_run_kill(run);
		return SMX_ETIMEOUT;
	}
	if (run->err_fd >= 0 && hear_words(run)) {
		close(run->err_fd);
		run->err_fd = -1;
	}
	n = waitpid(run->pid, &status, WNOHANG);
	if (n == 0 || (n < 0 && errno == EINTR))
		return SMX_ETEMP;
	if (run->err_fd >= 0)
		(void)hear_words(run);
	run_close(run);
	/* Somebody else's wait may have taken the status: then it is not known.
	 */
	return n > 0 && status == 0 ? SMX_OK : SMX_EIO;
}
