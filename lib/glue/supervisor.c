/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/conf.h"
#include "glue/channel.h"
#include "glue/child.h"
#include "glue/reload.h"
#include "glue/roles.h"
#include "io/notify.h"

#define DRAIN_MS    20000 /* held messages may finish */
#define WORKER_MS   30000 /* then it is killed */
#define OTHERS_MS   5000
#define IDLE_MS     60000
#define ALIVE_SLACK 3
#define FILES_MAX   65536
#define MEND_MS     1000 /* how often is looked what went away */
#define MEND_BAD_MS 30000

enum { WORKER, WATCHER, HELPER, CHILDREN };

struct supervisor {
	struct service *service;
	struct child child[CHILDREN];
	struct reload reload;
	int channel[2]; /* [0] ours, [1] the worker's; -1: no worker */
	int was_ready;  /* once, since the service began */
	int64_t alive_ms;
	int64_t mend_ms;
	int64_t watchdog_ms; /* next word to the service manager */
	int stopping;
	int64_t worker_deadline_ms;
	int64_t others_deadline_ms;
	int status; /* of the service, when it ends by itself */
};

static volatile sig_atomic_t got_stop, got_hup, got_child;

static void
on_signal(int sig)
{
	if (sig == SIGHUP)
		got_hup = 1;
	else if (sig == SIGCHLD)
		got_child = 1;
	else
		got_stop = 1;
}

/* Blocked but while we wait, so that no signal falls between a look at a flag
 * and the wait. */
static void
take_signals(void)
{
	static const int mine[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	struct sigaction sa;
	sigset_t block;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sigemptyset(&block);
	sa.sa_handler = on_signal;
	for (size_t i = 0; i < sizeof(mine) / sizeof(*mine); i++) {
		sigaddset(&block, mine[i]);
		sigaction(mine[i], &sa, NULL);
	}
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigprocmask(SIG_BLOCK, &block, NULL);
}

/* ---- children ---- */

static void
close_channel(struct supervisor *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->channel[i] >= 0)
			close(s->channel[i]);
		s->channel[i] = -1;
	}
}

static void
start_worker(struct supervisor *s)
{
	struct roles_worker role = { s->service, -1 };

	/* A new one each time: words to the dead must not reach the living. */
	close_channel(s);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->channel) !=
	    0) {
		s->child[WORKER].again_ms =
		    clock_mono_ms() + CHILD_BACKOFF_MAX_MS;
		return;
	}
	service_drain_worker(s->service);
	role.channel_fd = s->channel[1];
	if (roles_start_worker(&s->child[WORKER], &role) != SMX_OK) {
		close_channel(s);
		return;
	}
	close(s->channel[1]);
	s->channel[1] = -1;
}

static void
start_due(struct supervisor *s, int64_t now_ms)
{
	if (s->stopping)
		return;
	/* The watcher first: the worker begins by asking it. */
	if (child_due(&s->child[WATCHER], now_ms))
		(void)roles_start_watcher(&s->child[WATCHER], s->service);
	if (child_due(&s->child[HELPER], now_ms))
		(void)roles_start_helper(&s->child[HELPER], s->service);
	if (child_due(&s->child[WORKER], now_ms))
		start_worker(s);
}

/* A worker that says no, rather than dying, before it ever served: the start
 * has failed, and whoever started us should hear of it. */
static void
worker_ended(struct supervisor *s, int status)
{
	close_channel(s);
	reload_answer(&s->reload, SMX_ECLOSED, "", -1);
	if (!s->was_ready && !s->stopping && WIFEXITED(status) &&
	    WEXITSTATUS(status) >= EX__BASE) {
		s->status = WEXITSTATUS(status);
		got_stop = 1;
	} else if (!s->stopping) {
		notify_status("the worker has ended and is started again");
	}
}

static void
reap(struct supervisor *s)
{
	int64_t now = clock_mono_ms();
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (reload_ended(&s->reload, pid, status, s->channel[0]))
			continue;
		for (int i = 0; i < CHILDREN; i++)
			if (pid == s->child[i].pid) {
				child_ended(&s->child[i], status, now);
				if (i == WORKER)
					worker_ended(s, status);
			}
	}
}

/* ---- the worker's words ---- */

static void
take_packet(struct supervisor *s, const struct channel_packet *packet)
{
	s->alive_ms = clock_mono_ms();
	if (strcmp(packet->word, "ready") == 0) {
		log_event(SMX_LOG_NOTICE, "ready", "pid=%ld",
		    (long)s->child[WORKER].pid);
		s->was_ready = 1;
		notify_status("serving");
		notify_ready();
	} else if (strcmp(packet->word, "ask-reload") == 0 && !s->stopping) {
		reload_wish(&s->reload, 1, s->channel[0]);
	} else if (strcmp(packet->word, "reloaded") == 0) {
		reload_answer(&s->reload, packet->result, packet->text,
		    s->channel[0]);
	}
}

static void
read_channel(struct supervisor *s)
{
	struct channel_packet packet;

	while (s->channel[0] >= 0) {
		int rc = channel_receive(s->channel[0], &packet);

		if (rc == SMX_OK)
			take_packet(s, &packet);
		else if (rc == SMX_ECLOSED) /* its end is on the way */
			close_channel(s);
		else if (rc == SMX_ETEMP)
			return;
	}
}

/* ---- the end ---- */

static void
begin_stop(struct supervisor *s, int64_t now_ms)
{
	const struct conf *conf = config_conf(s->service->config);

	s->stopping = 1;
	log_event(SMX_LOG_NOTICE, "stopping", "drain_ms=%d", DRAIN_MS);
	notify_stopping();
	s->worker_deadline_ms = now_ms + WORKER_MS;
	if (s->channel[0] < 0 ||
	    channel_send_stop(s->channel[0], conf->peers_takeover_after_ms,
		DRAIN_MS) != SMX_OK)
		child_signal(&s->child[WORKER], SIGKILL);
}

/* The worker first: it needs the others to the last.  Non-zero at the end. */
static int
go_on_stopping(struct supervisor *s, int64_t now_ms)
{
	if (s->child[WORKER].pid > 0) {
		if (now_ms >= s->worker_deadline_ms) {
			log_event(SMX_LOG_WARNING, "killed", "process=worker");
			child_signal(&s->child[WORKER], SIGKILL);
			s->worker_deadline_ms = now_ms + OTHERS_MS;
		}
		return 0;
	}
	if (s->others_deadline_ms == 0) {
		s->others_deadline_ms = now_ms + OTHERS_MS;
		child_signal(&s->child[WATCHER], SIGTERM);
		child_signal(&s->child[HELPER], SIGTERM);
	} else if (now_ms >= s->others_deadline_ms) {
		child_signal(&s->child[WATCHER], SIGKILL);
		child_signal(&s->child[HELPER], SIGKILL);
		s->others_deadline_ms = now_ms + OTHERS_MS;
	}
	return s->child[WATCHER].pid == 0 && s->child[HELPER].pid == 0;
}

/* ---- the loop ---- */

/* A worker that waits at a socket which has no name any more is of no use. */
static void
mend(struct supervisor *s, int64_t now_ms)
{
	int renewed;

	if (s->stopping || now_ms < s->mend_ms)
		return;
	s->mend_ms = now_ms + (service_mend(s->service, &renewed) == EX_OK
				      ? MEND_MS
				      : MEND_BAD_MS);
	if (renewed)
		child_signal(&s->child[WORKER], SIGKILL);
}

/* The service manager hears that all is well while the worker says so; a
 * worker that is just being started is our own business. */
static void
tick_watchdog(struct supervisor *s, int64_t now_ms)
{
	int64_t every = notify_watchdog_ms() / 2;
	int serving = s->was_ready && s->channel[0] >= 0 && !s->stopping;

	if (every == 0 || now_ms < s->watchdog_ms)
		return;
	s->watchdog_ms = now_ms + every;
	if (!serving || now_ms - s->alive_ms < every * ALIVE_SLACK)
		notify_watchdog();
}

static int64_t
next_wake(const struct supervisor *s, int64_t now_ms)
{
	int64_t wake = now_ms + IDLE_MS;

	for (int i = 0; i < CHILDREN && !s->stopping; i++)
		if (s->child[i].pid == 0 && s->child[i].again_ms < wake)
			wake = s->child[i].again_ms;
	if (s->reload.state != RELOAD_IDLE && s->reload.deadline_ms < wake)
		wake = s->reload.deadline_ms;
	if (s->stopping && s->worker_deadline_ms < wake)
		wake = s->child[WORKER].pid > 0 ? s->worker_deadline_ms
						: s->others_deadline_ms;
	if (!s->stopping && s->mend_ms < wake)
		wake = s->mend_ms;
	if (notify_watchdog_ms() != 0 && s->watchdog_ms < wake)
		wake = s->watchdog_ms;
	return wake < now_ms ? now_ms : wake;
}

static void
wait_for_work(struct supervisor *s)
{
	int64_t now = clock_mono_ms(), left = next_wake(s, now) - now;
	struct timespec timeout = { left / 1000, left % 1000 * 1000000 };
	struct pollfd p[2] = {
		{ .fd = s->channel[0], .events = POLLIN },
		{ .fd = s->reload.pipe, .events = POLLIN },
	};
	sigset_t open;

	sigemptyset(&open);
	if (ppoll(p, 2, &timeout, &open) <= 0)
		return;
	if (p[0].revents != 0)
		read_channel(s);
	if (p[1].revents != 0)
		reload_read(&s->reload);
}

/* Non-zero when all is over. */
static int
take_flags(struct supervisor *s)
{
	if (got_child) {
		got_child = 0;
		/* What it said last comes before its end. */
		read_channel(s);
		reap(s);
	}
	if (got_hup) {
		got_hup = 0;
		if (!s->stopping)
			reload_wish(&s->reload, 0, s->channel[0]);
	}
	if (got_stop && !s->stopping)
		begin_stop(s, clock_mono_ms());
	return s->stopping && go_on_stopping(s, clock_mono_ms());
}

/*
 * Each milter connection is a descriptor, and so is each body that is written;
 * what systemd gives at first (1024) is for programs with select(), which none
 * of ours uses.
 */
static void
take_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur =
	    limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
supervisor_run(struct service *service)
{
	struct supervisor s = { .service = service, .channel = { -1, -1 } };

	s.child[WORKER].name = "worker";
	s.child[WATCHER].name = "watcher";
	s.child[HELPER].name = "helper";
	got_stop = got_hup = got_child = 0;
	reload_init(&s.reload, service->config_file, &service->config);
	take_signals();
	take_descriptors();
	while (!take_flags(&s)) {
		int64_t now = clock_mono_ms();

		mend(&s, now);
		start_due(&s, now);
		reload_tick(&s.reload, now, s.channel[0]);
		tick_watchdog(&s, now);
		wait_for_work(&s);
	}
	reload_free(&s.reload);
	close_channel(&s);
	log_event(SMX_LOG_NOTICE, "ended", "process=supervisor status=%d",
	    s.status);
	return s.status;
}
