/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HAND_RUN_H
#define GLUE_HAND_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/hand.h"
#include "glue/backup_hand.h"
#include "io/backup_hand.h"
#include "io/spill.h"

/* For glue/backup_hand.c and hand_*.c: one message that is being handed. */
struct handing {
	struct backup *backup;
	struct smx_engine *node;
	const struct hander_job *job;
	struct smx_config *config;
	const struct conf *conf;
	struct handto to;
	struct backup_hand hand;
	uint64_t *booked; /* amend_address() of them */
	size_t booked_count;
	struct smx_envelope *envelope;
	size_t count;         /* its recipients */
	unsigned char *parts; /* enum hand_part of each */
	/* Of the attempt: */
	unsigned char *asked, *taken;
	struct spill *spill;
	struct smx_content content;
	int whole;       /* all that are left, by way of the own MTA */
	int lost;        /* somebody may have it who is not marked as taken */
	int moved;       /* the books go on with new_id */
	char new_id[64]; /* of what the own MTA was given */
	char why[160];   /* it did not end well */
};

/* backup_hand.c's threads: all of it. */
void hand_run(struct backup *backup, const struct hander_job *job);
/* Files whose recipients have all gone on, of before a stop. */
void hand_clean(struct backup *backup);

/* hand_book.c: SMX_ETEMP: somebody is left who was asked for. */
int hand_book(struct handing *handing) SMX_MUST_USE;

/* hand_hop.c, hand_submit.c: one attempt for those in asked; taken, lost, why.
 */
void hand_deliver(struct handing *handing);
/* In one message to the address. */
void hand_redirect(struct handing *handing);
/* As they are, as ordinary mail. */
void hand_send_on(struct handing *handing);

#endif
