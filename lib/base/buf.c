/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_free(struct buf *b)
{
	size_t max = b->max;

	free(b->data);
	buf_init(b, max);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->error = SMX_OK;
	if (b->data != NULL)
		b->data[0] = '\0';
}

int
buf_reserve(struct buf *b, size_t more)
{
	size_t want, size;
	char *data;

	if (b->error != SMX_OK)
		return b->error;
	if (more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4 ||
	    (b->max != 0 && b->len + more > b->max))
		return b->error = SMX_ELIMIT;
	want = b->len + more + 1;
	if (want <= b->size)
		return SMX_OK;
	size = b->size < 128 ? 128 : b->size;
	while (size < want)
		size *= 2;
	data = realloc(b->data, size);
	if (data == NULL)
		return b->error = SMX_ENOMEM;
	b->data = data;
	b->size = size;
	return SMX_OK;
}

int
buf_add(struct buf *b, const void *data, size_t len)
{
	if (buf_reserve(b, len) != SMX_OK)
		return b->error;
	if (len != 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return SMX_OK;
}

int
buf_str(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	if (b->error != SMX_OK)
		return b->error;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->error = SMX_EINVAL;
	else if (buf_reserve(b, (size_t)n) == SMX_OK) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return b->error;
}

void
buf_drop(struct buf *b, size_t front)
{
	if (front >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + front, b->len - front);
		b->len -= front;
	}
	if (b->data != NULL)
		b->data[b->len] = '\0';
}

int
buf_error(const struct buf *b)
{
	return b->error;
}

char *
buf_take(struct buf *b, size_t *len)
{
	char *data;

	if (b->data == NULL)
		buf_add(b, "", 0);
	data = b->data;
	if (len != NULL)
		*len = b->len;
	b->data = NULL;
	buf_free(b);
	return data;
}

static void
json_comma(struct buf *b)
{
	char last;

	if (b->len == 0)
		return;
	last = b->data[b->len - 1];
	if (last != '{' && last != '[' && last != ':')
		buf_add(b, ",", 1);
}

static void
json_quote(struct buf *b, const char *text)
{
	const unsigned char *p;

	buf_add(b, "\"", 1);
	for (p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_fmt(b, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			/* Outside bytes need not be UTF-8: one byte, one
			 * code point keeps the document valid. */
			buf_fmt(b, "\\u%04x", *p);
		else
			buf_add(b, p, 1);
	}
	buf_add(b, "\"", 1);
}

static void
json_name(struct buf *b, const char *name)
{
	json_comma(b);
	json_quote(b, name);
	buf_add(b, ":", 1);
}

void
json_open(struct buf *b)
{
	if (b->len != 0)
		json_comma(b);
	buf_add(b, "{", 1);
}

void
json_close(struct buf *b)
{
	buf_add(b, "}", 1);
}

void
json_str(struct buf *b, const char *name, const char *value)
{
	json_name(b, name);
	json_quote(b, value);
}

void
json_num(struct buf *b, const char *name, long long value)
{
	json_name(b, name);
	buf_fmt(b, "%lld", value);
}

void
json_bool(struct buf *b, const char *name, int value)
{
	json_name(b, name);
	buf_str(b, value ? "true" : "false");
}

void
json_list(struct buf *b, const char *name)
{
	json_name(b, name);
	buf_add(b, "[", 1);
}

void
json_item(struct buf *b, const char *value)
{
	json_comma(b);
	json_quote(b, value);
}

void
json_end(struct buf *b)
{
	buf_add(b, "]", 1);
}

void
json_object(struct buf *b, const char *name)
{
	json_name(b, name);
	buf_add(b, "{", 1);
}

int
text_copy(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);
	size_t n = len < size ? len : size - 1;

	memcpy(out, text, n);
	out[n] = '\0';
	return n != len;
}

const char *
text_errno(char *out, size_t size, int errnum)
{
	int saved = errno;
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
	const char *text = strerror_r(errnum, out, size);

	if (text != out)
		(void)text_copy(out, size, text);
#else
	if (strerror_r(errnum, out, size) != 0)
		snprintf(out, size, "errno %d", errnum);
#endif
	errno = saved;
	return out;
}
