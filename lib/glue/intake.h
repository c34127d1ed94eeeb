/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_INTAKE_H
#define GLUE_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/envelope.h>

#include "core/backup.h"
#include "core/hopanswer.h"
#include "glue/asking.h"
#include "glue/backup.h"
#include "glue/struck.h"

/*
 * What of one message is for domains that this host is the backup MX of: may it
 * be taken, is it to be put on hold, on its own if it must, and, once it has
 * been earned, is it in the books?  Zeroed before the first message.
 */
struct intake_domain {
	char name[BACKUP_DOMAIN_MAX + 1];
	enum mx_state state;
	const struct smx_backup *policy;
	int hold; /* its primary is down: it has to wait */
};

struct intake_rcpt {
	size_t index;  /* in the envelope */
	size_t domain; /* in intake.domain */
};

struct intake {
	int asks;  /* the caller can answer for single recipients */
	int holds; /* and put a message on hold */
	/* of the message in progress: its recipients that are in backup
	 * domains, in their order */
	struct intake_rcpt *rcpt;
	size_t count, room;
	struct intake_domain *domain;
	size_t domains, domains_room;
	size_t plain; /* recipients that are not put on hold, all of them */
	/* of the recipient being asked about */
	int ours;
	struct intake_domain next;
};

struct intake_ask {
	struct smx_engine *engine;
	const struct asking *asking;
	const struct smx_backup *policy; /* NULL: not in a backup domain */
	const char *rcpt;
	smx_waiting_fn waiting;
	void *waiting_ctx;
};

/*
 * May this recipient be taken?  SMX_OK: as far as this goes; SMX_EREFUSED,
 * SMX_ETEMP: not, in these words; SMX_ELIMIT: in another message.  Nothing else
 * is changed before intake_keep.
 */
int intake_rcpt(struct intake *intake, const struct intake_ask *ask,
    struct hop_answer *words) SMX_MUST_USE;
/* The wish of the recipient just asked about, and of all with it: what is put
 * on hold has no next hop that could be asked. */
void intake_wish(const struct intake *intake, const struct message *message,
    struct smx_ack *one, struct smx_ack *all);
/* The recipient just asked about is number index of the envelope. */
void intake_keep(struct intake *intake, size_t index);
/* Non-zero: the end of the message has to be waited for. */
int intake_any(const struct intake *intake);

struct intake_end {
	struct smx_engine *engine;
	const struct asking *asking;
	struct struck *struck; /* these are not taken after all; more are added;
				* NULL: nothing can be struck out */
	smx_waiting_fn waiting;
	void *waiting_ctx;
};
/* Before the yes is earned: until when the message will be on hold goes into
 * its envelope. */
void intake_mark(const struct intake *intake, const struct intake_end *end,
    struct smx_envelope *envelope);
/* The yes was earned: into the books with it.  What cannot be put on hold with
 * the rest is split off (intake_part.h).  Fills in hold. */
void intake_end(struct intake *intake, const struct intake_end *end,
    struct smx_verdict *verdict);

/* The message is over. */
void intake_reset(struct intake *intake);
void intake_free(struct intake *intake);

#endif
