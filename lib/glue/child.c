/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/child.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/syslog_sink.h"

static volatile sig_atomic_t child_stop;

static void
on_term(int sig)
{
	(void)sig;
	child_stop = 1;
}

static void
set_signals(int deaf)
{
	static const int reset[] = { SIGCHLD, SIGUSR1, SIGUSR2 };
	struct sigaction sa;
	sigset_t none;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_DFL;
	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		sigaction(reset[i], &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	if (!deaf)
		sa.sa_handler = on_term;
	sigaction(SIGTERM, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Close everything but the standard three and the list. */
static void
keep_only(const int *keep)
{
	int sorted[CHILD_KEEP_MAX];
	size_t count = 0;
	unsigned from = 3;

	for (size_t i = 0; i < CHILD_KEEP_MAX; i++) {
		size_t at = count;

		if (keep[i] < 3)
			continue;
		for (; at > 0 && sorted[at - 1] > keep[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = keep[i];
		count++;
	}
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)sorted[i] > from)
			(void)close_range(from, (unsigned)sorted[i] - 1, 0);
		from = (unsigned)sorted[i] + 1;
	}
	(void)close_range(from, ~0u, 0);
}

static int
leave_root(const struct child_plan *plan)
{
	int rc;

	if (plan->user == NULL)
		return SMX_OK;
	rc = user_become(plan->user, plan->groups, plan->group_count);
	if (rc != SMX_OK) {
		struct log_line l;

		log_begin(&l, SMX_LOG_ERR, NULL, "cannot-drop");
		log_str(&l, "user", plan->user->name);
		log_errno(&l, errno);
		log_end(&l);
	}
	return rc;
}

static _Noreturn void
be_child(const struct child_plan *plan, pid_t supervisor)
{
	child_stop = 0;
	(void)setsid();
	set_signals(plan->deaf);
	sink_release();
	keep_only(plan->keep);
	if (leave_root(plan) != SMX_OK)
		_exit(EX_OSERR);
	/* After the change of user, which forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != supervisor)
		_exit(EX_OSERR);
	/* Mail and keys are in this memory. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (plan->no_new_privileges)
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Not exit: what waits in stdio or atexit is the supervisor's. */
	_exit(plan->run(plan->ctx, &child_stop));
}

static void
schedule(struct child *child, int64_t ran_ms, int64_t now_ms)
{
	if (ran_ms >= CHILD_STEADY_MS)
		child->pause_ms = 0;
	else if (child->pause_ms == 0)
		child->pause_ms = CHILD_BACKOFF_MS;
	else if (child->pause_ms < CHILD_BACKOFF_MAX_MS / 2)
		child->pause_ms *= 2;
	else
		child->pause_ms = CHILD_BACKOFF_MAX_MS;
	child->again_ms = now_ms + child->pause_ms;
}

int
child_start(struct child *child, const struct child_plan *plan)
{
	pid_t supervisor = getpid();
	pid_t pid = fork();
	struct log_line l;

	if (pid == 0)
		be_child(plan, supervisor);
	child->began_ms = clock_mono_ms();
	if (pid < 0) {
		schedule(child, 0, child->began_ms);
		log_begin(&l, SMX_LOG_ERR, NULL, "cannot-fork");
		log_str(&l, "process", child->name);
		log_errno(&l, errno);
		log_end(&l);
		return SMX_EIO;
	}
	child->pid = pid;
	log_begin(&l, SMX_LOG_INFO, NULL, "started");
	log_str(&l, "process", child->name);
	log_num(&l, "pid", pid);
	log_num(&l, "restarts", child->restarts);
	log_end(&l);
	return SMX_OK;
}

void
child_ended(struct child *child, int status, int64_t now_ms)
{
	int clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	struct log_line l;

	schedule(child, now_ms - child->began_ms, now_ms);
	log_begin(&l, clean ? SMX_LOG_INFO : SMX_LOG_ERR, NULL, "ended");
	log_str(&l, "process", child->name);
	log_num(&l, "pid", child->pid);
	if (WIFSIGNALED(status))
		log_num(&l, "signal", WTERMSIG(status));
	else
		log_num(&l, "status", WEXITSTATUS(status));
	log_num(&l, "ran_ms", now_ms - child->began_ms);
	log_end(&l);
	child->pid = 0;
	child->restarts++;
}

int
child_due(const struct child *child, int64_t now_ms)
{
	return child->pid == 0 && now_ms >= child->again_ms;
}

void
child_signal(const struct child *child, int sig)
{
	if (child->pid > 0)
		(void)kill(child->pid, sig);
}
