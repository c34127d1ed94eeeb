/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_HEIR_H
#define GLUE_BACKUP_HEIR_H

#include <shadowmx/submit.h>

#include "core/takeover.h"
#include "glue/backup.h"

/*
 * What was taken over from a host that was the backup MX, as this one is: it is
 * taken into the books here, and put on hold while its primary is down.  An
 * attempt that a crash repeats is in the books for each of its copies.
 */
struct backup_heir {
	struct backup *backup; /* NULL: no books here */
	struct smx_config *config;
	const struct takeover_job *job;
	const struct smx_envelope *envelope;
	char domain[BACKUP_DOMAIN_MAX + 1]; /* of the first that is ours; "" */
	enum mx_state state;                /* of its primary */
	int64_t hold_ms;
	int64_t until_ms; /* of its former host's hold; 0 it had none */
	int hold;
	int by_hand; /* a person had it on hold there */
};

/* Which way into the own MTA: before the attempt. */
void backup_heir_begin(struct backup_heir *heir, struct smx_engine *node,
    const struct takeover_job *job, const struct smx_envelope *envelope,
    struct smx_submission *submission);
/* What the MTA has taken, before anybody else is told. */
void backup_heir_end(struct backup_heir *heir, int result,
    const struct smx_submit_result *submitted);

#endif
