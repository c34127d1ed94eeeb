/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_REPLAY_H
#define GLUE_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "core/netselect.h"
#include "glue/command.h"

/* One replay out of the safety net being carried out; command_replay.c and
 * replay*.c only. */
#define REPLAY_MAX 1000000 /* messages in one */

struct replay_seen {
	struct smx_key *slot; /* an incarnation of zeros: free */
	size_t count, size;
};
/* 1 it was not there, 0 it was; SMX_ENOMEM, SMX_ELIMIT. */
int replay_seen_add(struct replay_seen *seen, const struct smx_key *key);
void replay_seen_free(struct replay_seen *seen);

struct replay {
	struct command *command;
	struct netselect select;
	int dry;
	int all; /* also what another member would replay */
	uint64_t limit;
	unsigned char *alive; /* one for each peer */
	struct replay_seen seen;
	int64_t said_ms;  /* CLOCK_MONOTONIC: the reader heard of us */
	int64_t next_ms;  /* the next message not before */
	unsigned in_vain; /* messages in a row that the MTA did not take */
	uint64_t looked_at, matched, handed, refused, failed, left, damaged;
};

/* The message at hand, which is meant. */
struct replay_item {
	struct smx_kept *kept;
	struct smx_envelope *envelope;
	char *states; /* of its recipients, those that are meant open */
	size_t rcpts; /* so many of them */
	char message_id[1001];
	const char *outcome;
	char text[256];
};

/* Hand it to the own MTA; fills in outcome and text.  SMX_ETEMP: the MTA takes
 * nothing. */
int replay_submit(struct replay *replay, struct replay_item *item);

#endif
