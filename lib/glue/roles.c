/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/roles.h"

#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <shadowmx/queue.h>

#include "base/log.h"
#include "core/conf.h"
#include "core/policy.h"
#include "glue/helper.h"
#include "glue/watcher.h"
#include "glue/worker.h"

static int
run_worker(void *ctx, volatile sig_atomic_t *stop)
{
	const struct roles_worker *role = ctx;
	const struct service *service = role->service;
	struct worker_options options = {
		.config = service->config,
		.config_file = service->config_file,
		.channel_fd = role->channel_fd,
		.milter_fd = service->milter_fd,
		.peers_fd = service->peers_fd,
		.control_fd = service->control_fd,
		.etrn_fd = service->etrn_fd,
		.watch_fd = service->watch[0],
		.help_fd = service->help[0],
		.control_gid = service->control_gid,
	};

	(void)stop; /* the supervisor tells it through the channel */
	/* The operator's rights follow who started the service. */
	options.owner = service->switching ? 0 : geteuid();
	return worker_main(&options);
}

static int
run_watcher(void *ctx, volatile sig_atomic_t *stop)
{
	const struct service *service = ctx;
	struct smx_queue_postfix_options options = {
		.queue_directory = service->queue_directory,
		.log_file = config_conf(service->config)->mta_log,
		.marker_directory = "",
		.config_directory =
		    config_conf(service->config)->mta_config_directory,
		.heartbeat_ms =
		    config_conf(service->config)->peers_heartbeat_ms,
		.deliveries =
		    config_conf(service->config)->milter_resend_guard_ms > 0 ||
		    policy_backs_up(service->config),
		.ends = policy_backs_up(service->config),
	};

	/* Whatever was mounted where we were started may go. */
	if (chdir("/") != 0)
		return EX_OSERR;
	return watcher_main(service->watch[1], &options, stop);
}

static int
run_helper(void *ctx, volatile sig_atomic_t *stop)
{
	const struct service *service = ctx;
	struct helper_options options = {
		.config_directory =
		    config_conf(service->config)->mta_config_directory,
	};

	if (chdir("/") != 0)
		return EX_OSERR;
	return helper_main(service->help[1], &options, stop);
}

int
roles_start_worker(struct child *child, const struct roles_worker *role)
{
	struct service *s = role->service;
	struct child_plan plan = {
		.run = run_worker,
		.ctx = (void *)role,
		.user = s->switching ? &s->worker : NULL,
		.keep = { role->channel_fd, s->milter_fd, s->peers_fd,
		    s->control_fd, s->watch[0], s->help[0], s->etrn_fd, -1 },
		.no_new_privileges = 1,
		.deaf = 1,
	};

	return child_start(child, &plan);
}

/* The mail log belongs to a group that reads logs ("adm"), and to nobody whom
 * the watcher is: it gets that group, looked up at each start. */
static size_t
log_group(const struct service *service, gid_t *out)
{
	const char *log = config_conf(service->config)->mta_log;
	struct stat st;

	if (log[0] == '\0' || stat(log, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & S_IRGRP) == 0 || st.st_gid == 0)
		return 0;
	*out = st.st_gid;
	return 1;
}

int
roles_start_watcher(struct child *child, struct service *service)
{
	gid_t group = 0;
	struct child_plan plan = {
		.run = run_watcher,
		.ctx = service,
		.user = service->switching ? &service->owner : NULL,
		.groups = &group,
		.group_count = log_group(service, &group),
		.keep = { service->watch[1], -1, -1, -1, -1, -1, -1, -1 },
	};

	return child_start(child, &plan);
}

int
roles_start_helper(struct child *child, struct service *service)
{
	struct child_plan plan = {
		.run = run_helper,
		.ctx = service,
		.keep = { service->help[1], -1, -1, -1, -1, -1, -1, -1 },
	};

	return child_start(child, &plan);
}
