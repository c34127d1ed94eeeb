/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_HAND_H
#define GLUE_BACKUP_HAND_H

#include "core/handto.h"
#include "glue/backup.h"

/*
 * At the end of its hold, when the policy says so: a message goes to another
 * address or host.  Who has it there is booked, durably, before anything else
 * is tried; the file goes when nobody is left in it.  Threads of its own do
 * that, one message each at a time.
 *
 * A message is claimed by whoever changes its file: the hander, the releaser or
 * an operator.
 */
struct hander;
int hander_new(struct hander **out, struct backup *backup) SMX_MUST_USE;
int hander_start(struct hander *hander) SMX_MUST_USE;
void hander_join(struct hander *hander); /* after backup_rest's word */
void hander_free(struct hander **hander);

struct hander_job {
	int64_t mail;
	char queue_id[64];
	char domain[BACKUP_DOMAIN_MAX + 1];
	char to[ADDR_MAX + 1]; /* as in the policy; "": to nobody any more, who
				* is left gets a message of his own */
	int at_once;           /* a person's word: no pause is kept */
};
/* SMX_EBUSY: it is claimed; SMX_EFULL: later. */
int hander_give(struct hander *hander,
    const struct hander_job *job) SMX_MUST_USE;

/* Not of the same domain twice within an hour. */
int hander_may_alarm(struct hander *hander, const char *domain);

/* SMX_EBUSY: somebody has it.  The other undoes it. */
int hander_claim(struct hander *hander, int64_t mail) SMX_MUST_USE;
void hander_unclaim(struct hander *hander, int64_t mail);
/* To let go of it as it is: SMX_ESTATE, too: somebody has it by now. */
int hander_claim_whole(struct hander *hander, int64_t mail,
    const char *queue_id) SMX_MUST_USE;

#endif
