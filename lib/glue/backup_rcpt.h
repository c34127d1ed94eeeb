/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_RCPT_H
#define GLUE_BACKUP_RCPT_H

#include "glue/backup.h"

/*
 * The answer to RCPT for a recipient of a domain that this host is the backup
 * MX of: is the primary up, was this the first try, does the recipient exist?
 */
int decider_new(struct decider **out, struct backup *backup) SMX_MUST_USE;
int decider_start(struct decider *decider) SMX_MUST_USE;
void decider_join(struct decider *decider); /* nobody asks any more */
void decider_free(struct decider **decider);

struct backup_ask {
	const struct smx_backup *backup;
	const struct conf *conf;
	const char *client;     /* address, "" for this host's own mail */
	int trusted;            /* authenticated, own network or own mail: it is
				 * never sent away for having come here */
	const char *sender;     /* as in MAIL */
	const char *rcpt;       /* as in RCPT */
	smx_waiting_fn waiting; /* may be NULL */
	void *waiting_ctx;
};

struct backup_word {
	char domain[BACKUP_DOMAIN_MAX + 1];
	enum mx_state state; /* of its primary, when it was decided */
	int hold;            /* to be put on hold: its primary is down */
};

/* SMX_OK: it can be taken; SMX_EREFUSED, SMX_ETEMP: not, with what to answer in
 * *words (code, enhanced, text).  Waits for backup_rcpt_wait at most. */
int backup_rcpt(struct backup *backup, const struct backup_ask *ask,
    struct backup_word *out, struct hop_answer *words) SMX_MUST_USE;

/* What a delivery or the primary itself has said of a recipient.  SMX_OK:
 * remembered (not synced before it returns, a crash may forget it). */
int backup_learn(struct backup *backup, const char *rcpt, int good,
    enum rcpt_source source);

#endif
