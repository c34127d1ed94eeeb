/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/milter.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/conf.h"
#include "glue/backup.h"
#include "glue/channel.h"
#include "glue/control.h"
#include "glue/etrn.h"
#include "glue/milter_watch.h"
#include "glue/node.h"
#include "glue/ports.h"
#include "glue/service.h"
#include "glue/worker_command.h"

#define TICK_MS        500
#define MILTER_STOP_MS 8000
#define RENEW_DRAIN_MS 2000

/*
 * The first thread keeps the channel to the supervisor and nothing else; it
 * leaves TERM, INT and HUP ignored and unblocked.  libmilter waits for these
 * three with sigwait in a thread of its own and takes each as "stop"; the
 * kernel drops an ignored signal when the process's first thread does not
 * block it, so one that strays here from outside ends nothing.
 */
struct worker {
	const struct worker_options *options;
	struct ports ports;
	struct smx_engine *engine;
	struct control *control;
	struct etrn_asked *asked;
	struct etrn *etrn; /* NULL: no policy service */
	struct worker_command command;
	struct milter_watch watch;
	pthread_t milter;
	int milter_on;
	atomic_int milter_ended;
};

static int
status_of(int rc)
{
	switch (rc) {
	case SMX_EBUSY:
		return EX_TEMPFAIL;
	case SMX_ECONFIG:
	case SMX_EINVAL:
	case SMX_EPERM:
	case SMX_ENOTFOUND:
		return EX_CONFIG;
	case SMX_EUNREACHABLE:
	case SMX_ETIMEOUT:
		return EX_UNAVAILABLE;
	case SMX_EIO:
	case SMX_EFULL:
	case SMX_ECORRUPT:
		return EX_IOERR;
	case SMX_ENOMEM:
		return EX_OSERR;
	default:
		return EX_SOFTWARE;
	}
}

/* ---- milter ---- */

static void *
milter_run(void *ctx)
{
	struct worker *w = ctx;
	struct smx_milter_options options = { .engine = w->engine };
	char listen[32];
	int rc;

	snprintf(listen, sizeof(listen), "fd:%d", w->options->milter_fd);
	options.listen = listen;
	options.self = config_conf(w->options->config)->milter_listen;
	rc = smx_milter_run(&options);
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "milter-failed", "result=%s",
		    smx_errname(rc));
	atomic_store(&w->milter_ended, 1);
	return NULL;
}

static int
start_milter(struct worker *w)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->milter, NULL, milter_run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->milter_on = rc == 0;
	return rc == 0 ? SMX_OK : SMX_EIO;
}

/* Non-zero when no callback of libmilter's can run any more. */
static int
stop_milter(struct worker *w)
{
	struct timespec until;

	if (!w->milter_on)
		return 1;
	smx_milter_stop();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MILTER_STOP_MS / 1000;
	if (pthread_timedjoin_np(w->milter, NULL, &until) != 0)
		return 0;
	w->milter_on = 0;
	return 1;
}

/* ---- start and end ---- */

static int
start_control(struct worker *w)
{
	struct control_options options = {
		.fd = w->options->control_fd,
		.owner = w->options->owner,
		.reader = geteuid(),
		.group = w->options->control_gid,
		.command = worker_command_run,
		.ctx = &w->command,
	};

	worker_command_init(&w->command, w->engine, w->options->channel_fd);
	return control_start(&w->control, &options);
}

static int
start_etrn(struct worker *w)
{
	struct etrn_options options = { .fd = w->options->etrn_fd,
		.answer = etrn_answer };
	int rc;

	if (options.fd < 0)
		return SMX_OK;
	rc = etrn_asked_new(&w->asked, w->engine);
	options.ctx = w->asked;
	return rc == SMX_OK ? etrn_start(&w->etrn, &options) : rc;
}

static int
start(struct worker *w)
{
	struct smx_engine_ports ports;
	int rc;

	rc = ports_open(&w->ports, w->options);
	if (rc != SMX_OK)
		return rc;
	ports_lend(&w->ports, &ports);
	rc = smx_engine_new(&w->engine, w->options->config, &ports);
	if (rc == SMX_OK)
		rc = smx_engine_start(w->engine);
	if (rc == SMX_OK)
		rc = start_control(w);
	if (rc == SMX_OK)
		rc = start_etrn(w);
	milter_watch_init(&w->watch, w->options->milter_fd,
	    config_conf(w->options->config)->milter_listen);
	if (rc == SMX_OK)
		rc = start_milter(w);
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "worker-start", "result=%s",
		    smx_errname(rc));
	return rc;
}

/*
 * The milter ends after the engine: until then held messages get their answer.
 * When libmilter does not let go in time, what its threads may still look at
 * stays; the process ends anyway.
 */
static void
stop(struct worker *w, int64_t leaving_ms, int64_t drain_ms)
{
	milter_watch_free(&w->watch);
	etrn_stop(&w->etrn);
	etrn_asked_free(&w->asked);
	if (w->control != NULL) {
		worker_command_end(&w->command);
		if (w->engine != NULL)
			node_backup_hush(w->engine);
		control_stop(&w->control);
	}
	if (w->engine != NULL)
		smx_engine_stop(w->engine, leaving_ms, drain_ms);
	if (!stop_milter(w)) {
		log_event(SMX_LOG_WARNING, "milter-lingers", "waited_ms=%d",
		    MILTER_STOP_MS);
		(void)pthread_detach(w->milter);
		return;
	}
	smx_engine_free(&w->engine);
	ports_close(&w->ports);
}

/* ---- the supervisor's words ---- */

static void
note_problem(void *ctx, const struct smx_config_problem *problem)
{
	char *first = ctx;

	service_log_problem(NULL, problem);
	if (!problem->warning && first[0] == '\0')
		smx_config_problem_format(problem, first, CHANNEL_MAX / 2);
}

static void
reload(struct worker *w)
{
	struct smx_config *next = NULL;
	char why[CHANNEL_MAX / 2] = "";
	int rc;

	rc = smx_config_load(&next, w->options->config_file, note_problem, why);
	if (rc == SMX_OK)
		rc = smx_engine_reload(w->engine, next, why, sizeof(why));
	smx_config_release(&next);
	(void)channel_send_result(w->options->channel_fd, "reloaded", rc, why);
}

/* Non-zero: told to stop, or nobody is there to tell. */
static int
read_channel(struct worker *w, int *status)
{
	struct channel_packet packet;
	int rc;

	while ((rc = channel_receive(w->options->channel_fd, &packet)) !=
	       SMX_ETEMP) {
		if (rc == SMX_ECLOSED) {
			*status = EX_UNAVAILABLE;
			return 1;
		}
		if (rc != SMX_OK)
			continue;
		if (strcmp(packet.word, "stop") == 0) {
			stop(w, packet.ms[0], packet.ms[1]);
			return 1;
		}
		if (strcmp(packet.word, "reload") == 0)
			reload(w);
		else if (strcmp(packet.word, "outcome") == 0)
			worker_command_outcome(&w->command, packet.result,
			    packet.text);
	}
	return 0;
}

/* Something that only another process can mend. */
static int
is_broken(struct worker *w, int *status)
{
	struct smx_store *store = &w->ports.store;

	if (store->ops->failed(store->ctx)) {
		log_event(SMX_LOG_ERR, "store-failed",
		    "the worker ends, its store is suspect");
		*status = EX_IOERR;
		return 1;
	}
	if (atomic_load(&w->milter_ended)) {
		log_event(SMX_LOG_ERR, "milter-ended", "nobody asked for it");
		*status = EX_SOFTWARE;
		return 1;
	}
	if (milter_watch_tick(&w->watch, clock_mono_ms())) {
		log_event(SMX_LOG_WARNING, "milter-renewed",
		    "the worker begins anew: too many connections of the MTA "
		    "were lost when there were no threads");
		stop(w, 0, RENEW_DRAIN_MS);
		*status = EX_TEMPFAIL;
		return 1;
	}
	return 0;
}

static void
say_alive(struct worker *w)
{
	/* A core that hangs must not look alive. */
	(void)node_enter(w->engine);
	node_leave(w->engine);
	(void)channel_send(w->options->channel_fd, "alive");
}

static int
serve(struct worker *w)
{
	int status = EX_OK;

	for (;;) {
		struct pollfd p = { .fd = w->options->channel_fd,
			.events = POLLIN };

		if (poll(&p, 1, TICK_MS) < 0 && errno != EINTR)
			return EX_OSERR;
		if (p.revents != 0 && read_channel(w, &status))
			return status;
		if (is_broken(w, &status))
			return status;
		say_alive(w);
	}
}

int
worker_main(const struct worker_options *options)
{
	static struct worker w;
	int rc;

	memset(&w, 0, sizeof(w));
	w.options = options;
	rc = start(&w);
	if (rc != SMX_OK) {
		stop(&w, 0, 0);
		return status_of(rc);
	}
	(void)channel_send(options->channel_fd, "ready");
	return serve(&w);
}
