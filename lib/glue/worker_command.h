/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WORKER_COMMAND_H
#define GLUE_WORKER_COMMAND_H

#include <pthread.h>

#include <shadowmx/engine.h>

#include "glue/channel.h"

/*
 * An operator's command inside the worker: "reload" is the supervisor's, asked
 * through the channel; "config show" is answered here; all others are the
 * engine's.  Threads: run by many at a time.
 */
struct worker_command {
	struct smx_engine *engine;
	int channel_fd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int asking; /* a reload is awaited */
	int known;  /* its outcome is here */
	int ended;
	int result;
	char text[CHANNEL_MAX];
};

void worker_command_init(struct worker_command *command,
    struct smx_engine *engine, int channel_fd);
/* Nobody waits for the supervisor any more. */
void worker_command_end(struct worker_command *command);
/* The supervisor's answer to "ask-reload". */
void worker_command_outcome(struct worker_command *command, int result,
    const char *text);
/* A control_command_fn. */
int worker_command_run(void *ctx, int64_t uid, const char *text,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size);

#endif
