/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/xtext.h"

#include <string.h>

static const char digits[] = "0123456789ABCDEF";

static int
is_plain(unsigned char c)
{
	return c > 0x20 && c != 0x7f && c != '+' && c != '=';
}

size_t
xtext_length(const char *text, size_t len)
{
	size_t n = len;

	for (size_t i = 0; i < len; i++)
		if (!is_plain((unsigned char)text[i]))
			n += XTEXT_MAX_GROWTH - 1;
	return n;
}

void
xtext_put(struct buf *b, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char hex[3];

		if (is_plain(c))
			continue;
		hex[0] = '+';
		hex[1] = digits[c >> 4];
		hex[2] = digits[c & 15];
		buf_add(b, text + from, i - from);
		buf_add(b, hex, sizeof(hex));
		from = i + 1;
	}
	buf_add(b, text + from, len - from);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that "+HH" stands for, or -1. */
static int
escaped(const char *text, size_t len)
{
	int hi, lo, c;

	if (len < 3)
		return -1;
	hi = digit(text[1]);
	lo = digit(text[2]);
	if (hi < 0 || lo < 0)
		return -1;
	c = hi << 4 | lo;
	if (is_plain((unsigned char)c) || c == '\r' || c == '\n' || c == '\0')
		return -1;
	return c;
}

long
xtext_decode(const char *text, size_t len, char *out)
{
	long n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '+') {
			c = escaped(text + i, len - i);
			if (c < 0)
				return SMX_EPROTO;
			i += 2;
		} else if (!is_plain((unsigned char)c)) {
			return SMX_EPROTO;
		}
		out[n++] = (char)c;
	}
	return n;
}

/* How much of a parameter stands before its first '='. */
static size_t
name_length(const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);

	return equals == NULL ? len : (size_t)(equals - text);
}

size_t
xtext_param_length(const char *text, size_t len)
{
	size_t name = name_length(text, len);

	if (name == len)
		return xtext_length(text, len);
	return xtext_length(text, name) + 1 +
	       xtext_length(text + name + 1, len - name - 1);
}

void
xtext_param_put(struct buf *b, const char *text, size_t len)
{
	size_t name = name_length(text, len);

	xtext_put(b, text, name);
	if (name == len)
		return;
	buf_add(b, "=", 1);
	xtext_put(b, text + name + 1, len - name - 1);
}

long
xtext_param_decode(const char *text, size_t len, char *out)
{
	size_t name = name_length(text, len);
	long n = xtext_decode(text, name, out);
	long more;

	/* A '=' in the name would have been the first one. */
	if (n < 0 || memchr(out, '=', (size_t)n) != NULL)
		return SMX_EPROTO;
	if (name == len)
		return n;
	out[n++] = '=';
	more = xtext_decode(text + name + 1, len - name - 1, out + n);
	return more < 0 ? more : n + more;
}
