/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/setting_write.h"

#include <inttypes.h>
#include <string.h>

#include "core/setting_read.h"
#include "core/units.h"

/* The other direction of setting_value.c: a value as it stands in a file. */

static void
quoted(struct buf *b, const char *text)
{
	buf_str(b, "\"");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			buf_fmt(b, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			buf_fmt(b, "\\x%02x", c);
		else
			buf_add(b, text, 1);
	}
	buf_str(b, "\"");
}

static int
put_text(struct buf *b, const struct setting *s, const void *base)
{
	const char *text;

	memcpy(&text, (const char *)base + s->offset, sizeof(text));
	if (text == NULL ||
	    (text[0] == '\0' && (s->flags & SETTING_EMPTY_OK) == 0))
		return 0;
	quoted(b, text);
	return 1;
}

static int
put_list(struct buf *b, const struct setting *s, const void *base)
{
	const char *const *texts;
	const uint32_t *asns;
	size_t count;

	memcpy(&texts, (const char *)base + s->offset, sizeof(texts));
	memcpy(&asns, (const char *)base + s->offset, sizeof(asns));
	memcpy(&count, (const char *)base + s->count_offset, sizeof(count));
	if (count == 0 && (s->flags & SETTING_EMPTY_OK) == 0)
		return 0;
	buf_str(b, "( ");
	for (size_t i = 0; i < count; i++) {
		buf_str(b, i != 0 ? ", " : "");
		if (s->kind == SETTING_LIST)
			quoted(b, texts[i]);
		else if (asns[i] == 0)
			buf_str(b, "\"unknown\"");
		else
			buf_fmt(b, "\"AS%" PRIu32 "\"", asns[i]);
	}
	buf_str(b, " )");
	return 1;
}

static int
put_choices(struct buf *b, const struct setting *s, int64_t bits)
{
	const char *comma = " ";

	buf_str(b, "(");
	for (const struct setting_word *w = s->words; w->word != NULL; w++) {
		if ((bits & w->value) == 0)
			continue;
		buf_str(b, comma);
		quoted(b, w->word);
		comma = ", ";
	}
	buf_str(b, " )");
	return 1;
}

static int
put_word(struct buf *b, const struct setting *s, const void *base, int64_t n)
{
	const char *word = setting_word(s, n);
	char unit[UNITS_TEXT];
	int64_t time_ms = 0;

	if (word == NULL)
		return 0;
	if (s->kind == SETTING_TRIAL)
		memcpy(&time_ms, (const char *)base + s->count_offset,
		    sizeof(time_ms));
	if (time_ms == 0)
		quoted(b, word);
	else
		buf_fmt(b, "( \"%s\", \"%s\", \"accept\" )", word,
		    duration_format(time_ms, unit));
	return 1;
}

int
value_write(struct buf *b, const struct setting *s, const void *base)
{
	char unit[UNITS_TEXT];
	int64_t n;

	if (s->kind == SETTING_TEXT || s->kind == SETTING_WORD)
		return put_text(b, s, base);
	if (s->kind == SETTING_LIST || s->kind == SETTING_ASNS)
		return put_list(b, s, base);
	n = setting_number(s, base);
	switch (s->kind) {
	case SETTING_DURATION:
		buf_fmt(b, "\"%s\"", duration_format(n, unit));
		return 1;
	case SETTING_SIZE:
		buf_fmt(b, "\"%s\"", size_format(n, unit));
		return 1;
	case SETTING_FLAG:
		buf_str(b, n > 0 ? "true" : "false");
		return n >= 0;
	case SETTING_CHOICES:
		return put_choices(b, s, n);
	case SETTING_CHOICE:
	case SETTING_TRIAL:
		return put_word(b, s, base, n);
	default:
		buf_fmt(b, "%" PRId64, n);
		return 1;
	}
}
