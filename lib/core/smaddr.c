/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smaddr.h"

#include <stdint.h>
#include <string.h>

#include "core/envelope.h"

/* What a character is part of, from the first one on. */
struct place {
	int quoted, escaped, comment, bracket;
};

static void
step(struct place *p, char c)
{
	if (p->escaped) {
		p->escaped = 0;
	} else if (c == '\\') {
		p->escaped = 1;
	} else if (p->quoted) {
		p->quoted = c != '"';
	} else if (p->comment > 0) {
		p->comment += (c == '(') - (c == ')');
	} else if (c == '"') {
		p->quoted = 1;
	} else if (c == '(') {
		p->comment = 1;
	} else if (c == '<') {
		p->bracket = 1;
	} else if (c == '>') {
		p->bracket = 0;
	}
}

/* How many characters of the text stand for the first one of what was logged:
 * two for a backslash, four for one in octal digits. */
static size_t
logged_char(const char *text, size_t len, char *out)
{
	unsigned value = 0;
	size_t n = 1;

	*out = text[0];
	if (text[0] != '\\' || len < 2)
		return 1;
	if (text[1] == '\\')
		return 2;
	for (; n < 4 && n < len && text[n] >= '0' && text[n] <= '7'; n++)
		value = value * 8 + (unsigned)(text[n] - '0');
	if (n < 4)
		return 1;
	*out = (char)value;
	return 4;
}

size_t
smaddr_logged(const char *text, size_t len)
{
	struct place p = { 0 };
	size_t i = 0;
	char c;

	while (i < len) {
		size_t n = logged_char(text + i, len - i, &c);

		if (c == ',' && n == 1 && !p.quoted && !p.escaped &&
		    !p.comment && !p.bracket)
			return i;
		/* One backslash alone is the log's. */
		if (c != '\\' || n == 2)
			step(&p, c);
		i += n;
	}
	return len;
}

void
smaddr_unlog(const char *text, size_t len, char *out)
{
	for (size_t i = 0; i < len; out++)
		i += logged_char(text + i, len - i, out);
	*out = '\0';
}

/* Without phrase and comments, neither of which is in quotes.  SMX_EPROTO when
 * quotes or brackets do not end. */
static int
bare_put(struct buf *b, const char *text, size_t len)
{
	struct place p = { 0 };
	int done = 0;

	for (size_t i = 0; i < len && !done; i++) {
		struct place was = p;

		step(&p, text[i]);
		if (p.bracket != was.bracket) {
			if (p.bracket)
				buf_clear(b); /* a phrase it was */
			else
				done = 1;
			continue;
		}
		if (was.comment || p.comment)
			continue;
		if ((text[i] == ' ' || text[i] == '\t') && !was.quoted &&
		    !was.escaped)
			continue;
		buf_add(b, text + i, 1);
	}
	if (p.quoted || p.escaped || p.comment != 0 || p.bracket)
		return SMX_EPROTO;
	return buf_error(b);
}

/* Where the domain begins, NULL for none. */
static const char *
at_of(const char *text, size_t len)
{
	struct place p = { 0 };
	const char *at = NULL;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '@' && !p.quoted && !p.escaped)
			at = text + i;
		step(&p, text[i]);
	}
	return at;
}

static int
has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return 1;
	return 0;
}

static int
is_no_mailbox(const char *text)
{
	if (text[0] == '"')
		text++;
	return text[0] == '|' || text[0] == '/' ||
	       strncmp(text, ":include:", 9) == 0;
}

static int
mailbox_put(struct buf *b, const char *bare, size_t len, const char *domain)
{
	const char *route = bare[0] == '@' ? strchr(bare, ':') : NULL;

	if (route != NULL) {
		len -= (size_t)(route + 1 - bare);
		bare = route + 1;
	}
	/* Not to be looked up again, for those who look up. */
	if (bare[0] == '\\' && len > 1) {
		bare++;
		len--;
	}
	if (len == 0 || has_control(bare, len))
		return SMX_EPROTO;
	buf_str(b, "<");
	buf_add(b, bare, len);
	if (at_of(bare, len) == NULL && domain[0] != '\0') {
		buf_str(b, "@");
		buf_str(b, domain);
	}
	buf_str(b, ">");
	return buf_error(b);
}

int
smaddr_put(struct buf *b, const char *text, size_t len, const char *domain)
{
	struct buf bare;
	int result;

	if (memchr(text, '\0', len) != NULL)
		return SMX_EPROTO;
	buf_init(&bare, ENVELOPE_VALUE_MAX);
	result = buf_add(&bare, "", 0);
	if (result == SMX_OK)
		result = bare_put(&bare, text, len);
	if (result == SMX_OK && is_no_mailbox(bare.data))
		result = SMX_ENOTFOUND;
	else if (result == SMX_OK && bare.len == 0)
		result = buf_str(b, "<>");
	else if (result == SMX_OK)
		result = mailbox_put(b, bare.data, bare.len, domain);
	else if (result != SMX_ENOMEM)
		result = SMX_EPROTO;
	buf_free(&bare);
	return result;
}
