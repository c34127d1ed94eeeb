/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfcat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
pfcat_init(struct pfcat *cat)
{
	memset(cat, 0, sizeof(*cat));
	/* One byte more, so that a line at the limit and one above differ. */
	buf_init(&cat->line, PFCAT_LINE_MAX + 1);
	pfcat_envelope_init(&cat->envelope);
}

void
pfcat_done(struct pfcat *cat)
{
	for (size_t i = 0; i < cat->count; i++)
		free(cat->file[i].text);
	cat->count = 0;
	buf_free(&cat->line);
	pfcat_envelope_done(&cat->envelope);
}

int
pfcat_add(struct pfcat *cat, const char *label)
{
	if (cat->count == PFCAT_FILES_MAX)
		return SMX_ELIMIT;
	if (text_copy(cat->file[cat->count].label, PFCAT_LABEL, label))
		return SMX_EINVAL;
	cat->count++;
	return SMX_OK;
}

static void
file_end(struct pfcat *cat)
{
	struct pfcat_file *f = &cat->file[cat->ended];

	if (pfcat_envelope_text(&cat->envelope, &f->text, &f->len,
		&f->client_len) != SMX_OK)
		f->text = NULL;
	pfcat_envelope_done(&cat->envelope);
	pfcat_envelope_init(&cat->envelope);
	cat->ended++;
}

/* The marks of a file in their order. */
static const struct {
	const char *words;
	enum pfcat_stage before, after;
} marks[] = {
	{ "ENVELOPE RECORDS", PFCAT_BETWEEN, PFCAT_RECORDS },
	{ "MESSAGE CONTENTS", PFCAT_RECORDS, PFCAT_CONTENTS },
	{ "HEADER EXTRACTED", PFCAT_CONTENTS, PFCAT_EXTRACTED },
	{ "MESSAGE FILE END", PFCAT_EXTRACTED, PFCAT_BETWEEN },
};

static void
mark(struct pfcat *cat, const char *line, size_t len)
{
	char wanted[64 + PFCAT_LABEL];

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		if (marks[i].before != cat->stage)
			continue;
		snprintf(wanted, sizeof(wanted), "*** %s %s ***",
		    marks[i].words, cat->file[cat->ended].label);
		if (strlen(wanted) != len || memcmp(wanted, line, len) != 0)
			break;
		cat->stage = marks[i].after;
		if (cat->stage == PFCAT_BETWEEN)
			file_end(cat);
		return;
	}
	cat->forged = 1;
}

static void
line_end(struct pfcat *cat)
{
	const char *line = cat->line.len == 0 ? "" : cat->line.data;
	size_t len = cat->line.len;

	if (cat->forged)
		return;
	if (cat->ended == cat->count)
		cat->forged = 1;
	else if (buf_error(&cat->line) != SMX_OK || len > PFCAT_LINE_MAX)
		cat->envelope.damaged = 1;
	else if (strncmp(line, "***", 3) == 0)
		mark(cat, line, len);
	else if (cat->stage == PFCAT_BETWEEN)
		cat->forged = 1;
	else
		pfcat_envelope_record(&cat->envelope, line, len);
}

void
pfcat_feed(struct pfcat *cat, const char *data, size_t len)
{
	while (len != 0 && !cat->forged) {
		const char *end = memchr(data, '\n', len);
		size_t n = end == NULL ? len : (size_t)(end - data);

		(void)buf_add(&cat->line, data, n);
		if (end == NULL)
			return;
		line_end(cat);
		buf_clear(&cat->line);
		data += n + 1;
		len -= n + 1;
	}
}
