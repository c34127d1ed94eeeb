/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_DAEMON_H
#define SHADOWMX_DAEMON_H

#include <stddef.h>

#include <shadowmx/engine.h>
#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The whole service: a supervisor that keeps the sockets and owns the signals
 * (TERM, INT: stop; HUP: reload), and its children worker, watcher, helper.
 * See shadowmxd(8).  Returns an exit status of <sysexits.h>.
 */
struct smx_daemon_options {
	const char *config_file;
	const char *pid_file; /* NULL: none */
	int log_to_stderr;
};
SMX_API int smx_daemon_run(const struct smx_daemon_options *options);

/*
 * Ask a running daemon (shadowmxctl).  Lines as smx_engine_command gives them.
 * SMX_EUNREACHABLE: no daemon there; SMX_EPERM: not allowed;
 * SMX_ETIMEOUT: no answer within deadline_ms.
 */
SMX_API int smx_control_ask(const char *socket_path, const char *command,
    int64_t deadline_ms, smx_line_fn line, void *line_ctx, char *why,
    size_t why_size) SMX_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
