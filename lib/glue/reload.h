/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RELOAD_H
#define GLUE_RELOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/config.h>

#include "glue/channel.h"

/*
 * A reload, step by step, without ever waiting:
 *
 *	IDLE --begin--> CHECKING --good--> SWAPPING --worker: ok--> IDLE
 *	                    |                  |
 *	                    +------ wrong -----+--> IDLE, nothing changed
 *
 * CHECKING  a forked child reads the files and compares; a parser that dies
 *           takes only that child with it
 * SWAPPING  the worker has been told, its answer is awaited
 *
 * A wish that comes meanwhile is kept and begins when this one is done.
 */
enum reload_state { RELOAD_IDLE, RELOAD_CHECKING, RELOAD_SWAPPING };

struct reload {
	enum reload_state state;
	const char *file;
	struct smx_config **current; /* the good one; swapped */
	struct smx_config *next;
	pid_t pid; /* the checker */
	int pipe;  /* what it says */
	int64_t deadline_ms;
	char text[CHANNEL_MAX / 2]; /* why not */
	size_t text_len;
	int asked;       /* an operator waits for the outcome */
	int again;       /* one more when this is done */
	int again_asked; /* and an operator waits for that */
};

#define RELOAD_CHECK_MS 60000
#define RELOAD_SWAP_MS  60000

void reload_init(struct reload *reload, const char *file,
    struct smx_config **current);
/* channel: the worker's, -1 when there is no worker. */
void reload_wish(struct reload *reload, int asked, int channel);
/* Something can be read from reload->pipe. */
void reload_read(struct reload *reload);
/* The checker ended.  Returns non-zero when pid was the checker's. */
int reload_ended(struct reload *reload, pid_t pid, int status, int channel);
/* The worker's answer, or SMX_ECLOSED when it has died. */
void reload_answer(struct reload *reload, int result, const char *text,
    int channel);
/* Gives up what takes too long. */
void reload_tick(struct reload *reload, int64_t now_ms, int channel);
void reload_free(struct reload *reload);

/* Names of the settings that differ and that only a restart can change, in
 * words for people; returns how many. */
size_t reload_needs_restart(const struct smx_config *now,
    const struct smx_config *next, char *names, size_t size);

#endif
