/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/syslog_sink.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *sink_ident;
static int sink_to_syslog;

static void
to_syslog(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx;
	/* The levels are syslog's priorities. */
	syslog((int)level, "%s", line);
}

/* One write for one line, so that the lines of several processes do not mix. */
static void
to_stderr(void *ctx, enum smx_level level, const char *line)
{
	char head[96];
	struct iovec part[3];
	int *plain = ctx;
	int n;

	if (*plain)
		n = snprintf(head, sizeof(head), "%s[%ld]: ", sink_ident,
		    (long)getpid());
	else
		n = snprintf(head, sizeof(head), "<%d>%s[%ld]: ", (int)level,
		    sink_ident, (long)getpid());
	part[0].iov_base = head;
	part[0].iov_len = n < 0 ? 0 : (size_t)n;
	part[1].iov_base = (void *)line;
	part[1].iov_len = strlen(line);
	part[2].iov_base = (void *)"\n";
	part[2].iov_len = 1;
	(void)!writev(STDERR_FILENO, part, 3);
}

void
sink_syslog(const char *ident, enum smx_level max_level)
{
	sink_ident = ident;
	sink_to_syslog = 1;
	openlog(ident, LOG_PID, LOG_MAIL);
	smx_log_set(to_syslog, NULL, max_level);
}

void
sink_stderr(const char *ident, enum smx_level max_level)
{
	static int plain;

	sink_ident = ident;
	sink_to_syslog = 0;
	plain = isatty(STDERR_FILENO);
	smx_log_set(to_stderr, &plain, max_level);
}

void
sink_release(void)
{
	if (sink_to_syslog) {
		closelog();
		openlog(sink_ident, LOG_PID, LOG_MAIL); /* opens nothing yet */
	}
}
