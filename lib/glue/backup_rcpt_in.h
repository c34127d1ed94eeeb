/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_RCPT_IN_H
#define GLUE_BACKUP_RCPT_IN_H

#include <pthread.h>

#include "base/log.h"
#include "core/harvest.h"
#include "core/rcptrule.h"
#include "glue/backup_rcpt.h"
#include "glue/rcptask.h"
#include "glue/rcptlearn.h"

/* Between backup_rcpt.c, which decides, backup_decider.c, which remembers, and
 * backup_rcpt_log.c. */
struct decider {
	struct backup *backup;
	struct backup_rcpts *rcpts;
	struct rcptlearn *learn;
	struct rcptask *ask;
	pthread_mutex_t lock;
	struct firsttries *tries; /* under lock, and what follows */
	struct harvest *harvest;
	struct log_limit said[RULE_STEPS];
};

/* One RCPT. */
struct deciding {
	struct decider *decider;
	const struct backup_ask *ask;
	struct addr addr; /* of the recipient */
	struct clientnet net;
	struct primaries_word primary;
	struct backup_rcpts_sight sight;
	struct rcptrule rule;
	struct hop_answer said;
	uint32_t guesses; /* of its network, in this minute */
	int64_t until_ms; /* CLOCK_MONOTONIC */
};

struct rcptage decider_ages(const struct conf *conf);
/* How many recipients are remembered, and for how long: a reload may have
 * changed it. */
void decider_limits(struct decider *decider, const struct conf *conf);
/* One line for an answer that is not a plain yes. */
void deciding_log(struct deciding *d, enum rule_step step);
/* Ask the primary; what it says is learned. */
void deciding_ask(struct deciding *d);
/* Ask it for a recipient that nobody has, if that is to be asked again. */
void deciding_ask_for_nobody(struct deciding *d);

#endif
