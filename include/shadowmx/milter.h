/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_MILTER_H
#define SHADOWMX_MILTER_H

#include <shadowmx/engine.h>
#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smx_milter_options {
	const char *listen; /* libmilter form: "unix:/path", "inet:port@host",
			     * or "fd:N" for a socket that is open already */
	const char *self;   /* where a connect reaches that socket, needed with
			     * "fd:N"; same forms; NULL: as listen */
	struct smx_engine *engine;
};

/*
 * Serve an MTA with libmilter until smx_milter_stop or until libmilter is told
 * to stop.  Gives the calling thread and the process's SIGHUP, SIGTERM and
 * SIGINT to libmilter, which treats all three as "stop": threads made earlier
 * must block them.  One at a time in a process.  SMX_EIO: could not listen.
 */
SMX_API int smx_milter_run(const struct smx_milter_options *options);
/* From any thread; returns at once. */
SMX_API void smx_milter_stop(void);

#ifdef __cplusplus
}
#endif
#endif
