/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfaddr.h"

#include <stdint.h>
#include <string.h>

/* RFC 5322 atext, and everything beyond ASCII (RFC 6531). */
static int
is_atom(unsigned char c)
{
	return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static int
is_dot_string(const char *text, size_t len)
{
	int atom = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' ? !atom : !is_atom((unsigned char)text[i]))
			return 0;
		atom = text[i] != '.';
	}
	return atom;
}

static void
quoted_put(struct buf *b, const char *text, size_t len)
{
	buf_str(b, "\"");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_str(b, "\\");
		buf_add(b, text + i, 1);
	}
	buf_str(b, "\"");
}

static void
address_put(struct buf *b, const char *bare)
{
	const char *at = strrchr(bare, '@');
	size_t local = at == NULL ? strlen(bare) : (size_t)(at - bare);

	if (bare[0] == '\0' || is_dot_string(bare, local))
		buf_add(b, bare, local);
	else
		quoted_put(b, bare, local);
	buf_str(b, bare + local);
}

void
pfaddr_put(struct buf *b, const char *bare)
{
	buf_str(b, "<");
	address_put(b, bare);
	buf_str(b, ">");
}

static int
is_plain(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '+' && c != '=';
}

void
pfaddr_xtext(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		if (is_plain((unsigned char)*text))
			buf_add(b, text, 1);
		else
			buf_fmt(b, "+%02X", (unsigned char)*text);
	}
}

/* One character of UTF-8 off *text; 0: it is none. */
static uint32_t
utf8_next(const char **text)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)*text;
	int more = *p < 0x80   ? 0
		   : *p < 0xc0 ? -1
		   : *p < 0xe0 ? 1
		   : *p < 0xf0 ? 2
		   : *p < 0xf8 ? 3
			       : -1;
	uint32_t c;

	if (more < 0)
		return 0;
	c = more == 0 ? *p : *p & (0x3fu >> more);
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff)
		return 0;
	*text += more + 1;
	return c;
}

/* RFC 6533 utf-8-addr-xtext, which is ASCII and so fits every message. */
static void
utf8_put(struct buf *b, const char *text)
{
	while (*text != '\0') {
		uint32_t c = utf8_next(&text);

		if (c == 0) {
			buf_clear(b);
			return;
		}
		if (c < 0x7f && is_plain((unsigned char)c) && c != '\\')
			buf_fmt(b, "%c", (int)c);
		else
			buf_fmt(b, "\\x{%02X}", (unsigned)c);
	}
}

void
pfaddr_orcpt(struct buf *b, const char *text)
{
	const char *address = strchr(text, ';');
	size_t type = address == NULL ? 0 : (size_t)(address - text);

	if (type == 0 || address[1] == '\0')
		return;
	for (size_t i = 0; i < type; i++)
		if (!is_plain((unsigned char)text[i]))
			return;
	address++;
	buf_str(b, "ORCPT=");
	buf_add(b, text, type + 1);
	if (type == 5 && (memcmp(text, "utf-8", type) == 0 ||
			     memcmp(text, "UTF-8", type) == 0))
		utf8_put(b, address);
	else
		pfaddr_xtext(b, address);
}

void
pfaddr_orcpt_bare(struct buf *b, const char *bare, int smtputf8)
{
	struct buf text;
	int ascii = 1;

	for (const char *p = bare; *p != '\0'; p++)
		ascii &= (unsigned char)*p < 0x80;
	if (bare[0] == '\0')
		return;
	buf_init(&text, 0);
	buf_str(&text, smtputf8 && !ascii ? "utf-8;" : "rfc822;");
	address_put(&text, bare);
	if (buf_error(&text) == SMX_OK)
		pfaddr_orcpt(b, text.data);
	buf_free(&text);
}
