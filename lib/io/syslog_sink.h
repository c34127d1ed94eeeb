/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SYSLOG_SINK_H
#define IO_SYSLOG_SINK_H

#include <shadowmx/log.h>

/*
 * The daemon's log: syslog's facility mail under this name, or stderr with the
 * priority in front ("<6>"), as a service manager reads it, when stderr is no
 * terminal.  ident is kept, not copied.
 */
void sink_syslog(const char *ident, enum smx_level max_level);
void sink_stderr(const char *ident, enum smx_level max_level);
/* Before descriptors are closed wholesale; the log opens again by itself. */
void sink_release(void);

#endif
