/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/backup_mail.h"

int
backup_mark(struct smx_envelope *envelope, int64_t until_ms)
{
	char text[24] = "";

	if (until_ms > 0)
		snprintf(text, sizeof(text), "%" PRId64, until_ms);
	return smx_envelope_set(envelope, SMX_FIELD_HOLD, text);
}

/* Nothing but digits, and no more of them than a time has. */
int64_t
backup_marked(const struct smx_envelope *envelope)
{
	const char *text = smx_envelope_get(envelope, SMX_FIELD_HOLD);
	size_t len = strlen(text);

	if (len == 0 || len > 15 || strspn(text, "0123456789") != len)
		return 0;
	return strtoll(text, NULL, 10);
}

int64_t
backup_held_until(struct smx_engine *node, const char *queue_id)
{
	struct backup *backup = node_backup(node);
	struct backup_mail_row rows[8];
	struct backup_mail_page page = { .queue_id = queue_id,
		.rows = rows,
		.max = sizeof(rows) / sizeof(*rows) };
	int64_t until_ms = 0;

	if (backup == NULL ||
	    backup_mail_look(backup_db(backup), &page) != SMX_OK)
		return 0;
	for (size_t i = 0; i < page.count; i++)
		if ((rows[i].custody == CUSTODY_HELD ||
			rows[i].custody == CUSTODY_TAKEN) &&
		    rows[i].until_ms > until_ms)
			until_ms = rows[i].until_ms;
	return until_ms;
}
