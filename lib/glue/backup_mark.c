/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

char *
backup_mark_text(char *text, int64_t until_ms)
{
	size_t mail = strcspn(text, "\r\n"), len = strlen(text);
	char mark[32], *out;
	int n = snprintf(mark, sizeof(mark), " HOLD=%" PRId64, until_ms);

	if (strncmp(text, "MAIL ", 5) != 0 || n < 0)
		return text;
	out = malloc(len + (size_t)n + 1);
	if (out == NULL)
		return text;
	memcpy(out, text, mail);
	memcpy(out + mail, mark, (size_t)n);
	memcpy(out + mail + n, text + mail, len - mail + 1);
	free(text);
	return out;
}
