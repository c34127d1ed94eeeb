/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_CONTROL_H
#define GLUE_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/engine.h>
#include <shadowmx/err.h>

/*
 * The daemon's side of the control socket.  A client sends one line, the
 * command, and reads JSON lines; the last one is {"result":"ok"} or
 * {"result":"<errname>","text":"..."}, then the connection ends.
 *
 * Rights come from SO_PEERCRED: root and owner may do everything; reader and
 * the members of group may use the verbs that only look.  A verb that is not
 * known to look counts as one that changes.
 *
 * Threads: one that accepts and one per connection, signals blocked.  command
 *          is called by many of them at a time.
 */
struct control;

/* uid: who asks, as the kernel says; -1 when it does not. */
typedef int (*control_command_fn)(void *ctx, int64_t uid, const char *command,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size);

struct control_options {
	int fd;       /* listening; lent */
	uid_t owner;  /* may do everything, beside root */
	uid_t reader; /* may look */
	gid_t group;  /* may look; (gid_t)-1: none */
	control_command_fn command;
	void *ctx;
	int64_t request_ms;  /* for the whole request line; 0: 5 s */
	int64_t progress_ms; /* a client that does not read; 0: 30 s */
};

#define CONTROL_MAX_CONNECTIONS 16
#define CONTROL_MAX_REQUEST     4096

int control_start(struct control **out,
    const struct control_options *options) SMX_MUST_USE;
/* Cuts the connections and waits for the commands that run. */
void control_stop(struct control **control);

/* Non-zero when the command only looks. */
int control_only_looks(const char *command);

#endif
