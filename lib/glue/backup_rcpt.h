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
 * *words (code, enhanced, text), which are else left alone.  Waits for
 * backup_rcpt_wait at most. */
int backup_rcpt(struct backup *backup, const struct backup_ask *ask,
    struct backup_word *out, struct hop_answer *words) SMX_MUST_USE;

/* What a delivery or the primary itself has said of a recipient.  SMX_OK:
 * remembered (not synced before it returns, a crash may forget it), or there is
 * nothing to remember: who takes everything says nothing of one. */
int backup_learn(struct backup *backup, const char *rcpt, int good,
    enum rcpt_source source);
/* The same from the words of a next hop to it; a refusal that is not about the
 * recipient, and whatever is neither yes nor no, is passed over.  backup may be
 * NULL. */
void backup_heard(struct backup *backup, const char *rcpt,
    const struct hop_answer *said);
/* The same from what the books were told of deliveries, and of refusals by a
 * primary. */
struct custody_deed;
void backup_delivered(struct backup *backup, const struct custody_deed *deeds,
    size_t count);

#endif
