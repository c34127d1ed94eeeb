/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <shadowmx/daemon.h>
#include <shadowmx/shadowmx.h>

#include "base/log.h"
#include "core/conf.h"
#include "glue/service.h"
#include "glue/supervisor.h"
#include "io/notify.h"
#include "io/syslog_sink.h"

#define IDENT "shadowmxd"

/* 0, 1 and 2 must be open, or a socket gets one of these numbers and receives
 * what is written to them. */
static int
open_standard(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd < 0)
		return EX_OSERR;
	close(fd);
	return EX_OK;
}

static int
write_pid(const char *path)
{
	struct log_line l;
	char text[32];
	int fd, n, good;

	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	good = fd >= 0 && write(fd, text, (size_t)n) == n;
	if (fd >= 0)
		close(fd);
	if (good)
		return EX_OK;
	log_begin(&l, SMX_LOG_ERR, NULL, "no-pid-file");
	log_str(&l, "file", path);
	log_errno(&l, errno);
	log_end(&l);
	return EX_CANTCREAT;
}

static void
open_log(const struct smx_daemon_options *options, const struct conf *conf)
{
	enum smx_level level = (enum smx_level)conf->log_level;

	if (options->log_to_stderr || conf->log_to == CONF_LOG_STDERR)
		sink_stderr(IDENT, level);
	else
		sink_syslog(IDENT, level);
}

static int
serve(const struct smx_daemon_options *options, struct smx_config *config)
{
	struct service service;
	int status;

	log_event(SMX_LOG_NOTICE, "starting", "version=%s", smx_version());
	status = service_open(&service, options->config_file, config);
	if (status != EX_OK)
		return status;
	if (options->pid_file != NULL)
		status = write_pid(options->pid_file);
	if (status == EX_OK)
		status = supervisor_run(&service);
	if (options->pid_file != NULL)
		(void)unlink(options->pid_file);
	service_close(&service);
	return status;
}

int
smx_daemon_run(const struct smx_daemon_options *options)
{
	struct smx_config *config = NULL;
	int status = open_standard();

	if (status != EX_OK)
		return status;
	umask(077);
	/* Until the configuration says where the log goes. */
	sink_stderr(IDENT, SMX_LOG_INFO);
	if (smx_config_load(&config, options->config_file, service_log_problem,
		NULL) != SMX_OK)
		return EX_CONFIG;
	open_log(options, config_conf(config));
	notify_open();
	status = serve(options, config);
	notify_close();
	smx_config_release(&config);
	return status;
}
