/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"

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

static int
is_in(const uint64_t *list, size_t count, uint64_t one)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == one)
			return 1;
	return 0;
}

void
backup_strike_text(char *text, const uint64_t *booked, size_t count)
{
	size_t rcpts = 0, n = 0;
	uint64_t *hashes = amend_addresses(text, strlen(text), &rcpts);
	char *from = text, *to = text;

	while (hashes != NULL && *from != '\0') {
		size_t len = strcspn(from, "\n");
		int struck = 0;

		len += from[len] == '\n';
		if (strncmp(from, "RCPT ", 5) == 0)
			struck = n < rcpts && is_in(booked, count, hashes[n++]);
		if (!struck) {
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	if (hashes != NULL)
		*to = '\0';
	free(hashes);
}
