/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_INTAKE_H
#define GLUE_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/envelope.h>

#include "core/backup.h"
#include "core/hopanswer.h"
#include "glue/backup.h"
#include "glue/message.h"
#include "glue/struck.h"

/*
 * What of one message is for domains that this host is the backup MX of: may it
 * be taken, is it to be put on hold, and, once it has been earned, is it in the
 * books?  Zeroed before the first message.
 */
struct intake {
	int asks;  /* the caller can answer for single recipients */
	int holds; /* and put a message on hold */
	/* of the message in progress */
	size_t *index; /* its recipients that are in backup domains */
	size_t count, room;
	size_t plain; /* recipients that are not put on hold */
	int hold;     /* the others are, */
	int mixed;    /* which cannot be: the two come in one message */
	char domain[BACKUP_DOMAIN_MAX + 1]; /* of the first */
	enum mx_state state;
	const struct smx_backup *policy; /* of the first that is held */
	/* of the recipient being asked about */
	struct {
		int ours, hold;
		char domain[BACKUP_DOMAIN_MAX + 1];
		enum mx_state state;
		const struct smx_backup *policy;
	} next;
};

struct intake_ask {
	struct smx_engine *engine;
	const struct message *message;
	const struct smx_backup *policy; /* NULL: not in a backup domain */
	const char *client;
	int trusted;
	int split; /* the client sends what is refused in another message */
	const char *sender, *rcpt;
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
/* The recipient just asked about is number index of the envelope. */
void intake_keep(struct intake *intake, size_t index);
/* Non-zero: the end of the message has to be waited for. */
int intake_any(const struct intake *intake);

/* When a hold that begins now ends (wall clock); 0: it is not put on hold. */
int64_t intake_until(const struct intake *intake);

struct intake_end {
	struct smx_engine *engine;
	const struct message *message;
	const struct smx_envelope *envelope;
	const struct struck *struck; /* these are not taken after all */
};
/* The yes was earned: into the books with it.  Fills in hold. */
void intake_end(struct intake *intake, const struct intake_end *end,
    struct smx_verdict *verdict);

/* The message is over. */
void intake_reset(struct intake *intake);
void intake_free(struct intake *intake);

#endif
