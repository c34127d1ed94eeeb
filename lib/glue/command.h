/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_COMMAND_H
#define GLUE_COMMAND_H

#include <stddef.h>

#include <shadowmx/engine.h>

#include "base/buf.h"

/* One operator's command being carried out; command*.c only. */
#define COMMAND_WORDS 8

struct command {
	struct smx_engine *node;
	const char *word[COMMAND_WORDS];
	size_t words;
	smx_line_fn line;
	void *line_ctx;
	char *why;
	size_t why_size;
};

/* Send what is in b as one line and clear b. */
int command_line(struct command *command, struct buf *b);
/* Leave a sentence and return rc. */
int command_fail(struct command *command, int rc, const char *text,
    const char *word);

/* The members that tell how a peer is; returns non-zero when it needs a
 * person. */
int command_peer(struct smx_engine *node, size_t peer, struct buf *b);

int command_status(struct command *command);     /* command_status.c */
int command_queue_list(struct command *command); /* command_queue.c */
int command_queue_show(struct command *command);
int command_queue_cat(struct command *command);

#endif
