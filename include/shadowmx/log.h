/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_LOG_H
#define SHADOWMX_LOG_H

#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where the library's log lines go.  One event is one line:
 *
 *	QUEUEID: event=... key=value ... result=...
 *
 * Everything that came from outside is escaped before it reaches the sink:
 * bytes outside 0x20..0x7e, backslash and double quote become \xHH, and a
 * value is cut at 256 bytes.  A line never holds a line break.
 *
 * Without a sink nothing is logged.  The sink may be called from any thread,
 * several at a time; it must not call back into the library.
 */
enum smx_level {
	SMX_LOG_ERR = 3,     /* an operator must act */
	SMX_LOG_WARNING = 4, /* an operator may want to act */
	SMX_LOG_NOTICE = 5,  /* a peer, a role or the service changed state */
	SMX_LOG_INFO = 6,    /* one line per message */
	SMX_LOG_DEBUG = 7    /* the rest */
};

typedef void (*smx_log_fn)(void *ctx, enum smx_level level, const char *line);

/* Set before the first engine is made; max_level drops what is above it. */
SMX_API void smx_log_set(smx_log_fn sink, void *ctx, enum smx_level max_level);

#ifdef __cplusplus
}
#endif
#endif
