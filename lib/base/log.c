/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define VALUE_MAX 256

/* Set once before threads start, read by all. */
static smx_log_fn log_sink;
static void *log_ctx;
static enum smx_level log_max = SMX_LOG_INFO;

void
smx_log_set(smx_log_fn sink, void *ctx, enum smx_level max_level)
{
	log_sink = sink;
	log_ctx = ctx;
	log_max = max_level;
}

int
log_wants(enum smx_level level)
{
	return log_sink != NULL && level <= log_max;
}

static void
put(struct log_line *l, const char *text, size_t len)
{
	size_t room = sizeof(l->text) - 1 - l->len;

	if (len > room)
		len = room;
	memcpy(l->text + l->len, text, len);
	l->len += len;
	l->text[l->len] = '\0';
}

static size_t
escape_byte(char out[5], unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	if (c >= 0x20 && c <= 0x7e && c != '\\' && c != '"') {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

char *
log_escape(char *out, size_t size, const char *text, size_t len)
{
	size_t used = 0;
	char one[5];

	for (size_t i = 0; i < len && i < VALUE_MAX; i++) {
		size_t n = escape_byte(one, (unsigned char)text[i]);

		if (used + n + 1 > size)
			break;
		memcpy(out + used, one, n);
		used += n;
	}
	if (size != 0)
		out[used] = '\0';
	return out;
}

static void
put_escaped(struct log_line *l, const char *value)
{
	char out[VALUE_MAX * 4 + 1];

	log_escape(out, sizeof(out), value, strlen(value));
	put(l, out, strlen(out));
}

void
log_begin(struct log_line *l, enum smx_level level, const char *queue_id,
    const char *event)
{
	l->level = level;
	l->wanted = log_wants(level);
	l->len = 0;
	l->text[0] = '\0';
	if (!l->wanted)
		return;
	if (queue_id != NULL && queue_id[0] != '\0') {
		put_escaped(l, queue_id);
		put(l, ": ", 2);
	}
	put(l, "event=", 6);
	put(l, event, strlen(event));
}

void
log_str(struct log_line *l, const char *name, const char *value)
{
	int quote;

	if (!l->wanted)
		return;
	if (value == NULL)
		value = "";
	quote = value[0] == '\0' || strpbrk(value, " =") != NULL;
	put(l, " ", 1);
	put(l, name, strlen(name));
	put(l, quote ? "=\"" : "=", quote ? 2 : 1);
	put_escaped(l, value);
	if (quote)
		put(l, "\"", 1);
}

void
log_num(struct log_line *l, const char *name, int64_t value)
{
	char text[32];

	if (!l->wanted)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)value);
	log_str(l, name, text);
}

void
log_key(struct log_line *l, const char *name, const struct smx_key *key)
{
	char text[SMX_KEY_TEXT];

	if (!l->wanted)
		return;
	smx_key_format(key, text);
	log_str(l, name, text);
}

void
log_err(struct log_line *l, const char *name, int smx_error)
{
	log_str(l, name, smx_errname(smx_error));
}

void
log_errno(struct log_line *l, int errnum)
{
	char text[128];
	int saved = errno;

	if (l->wanted)
		log_str(l, "error", text_errno(text, sizeof(text), errnum));
	errno = saved;
}

void
log_end(struct log_line *l)
{
	if (l->wanted && log_sink != NULL)
		log_sink(log_ctx, l->level, l->text);
}

void
log_event(enum smx_level level, const char *event, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	struct log_line l;
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_begin(&l, level, NULL, event);
	if (text[0] != '\0') {
		char out[VALUE_MAX * 4 + 1];

		put(&l, " ", 1);
		log_escape(out, sizeof(out), text, strlen(text));
		put(&l, out, strlen(out));
	}
	log_end(&l);
}

int
log_allow(struct log_limit *limit, unsigned burst, int64_t mono_ms)
{
	int64_t second = mono_ms / 1000;

	if (limit->second != second) {
		limit->second = second;
		limit->count = 0;
	}
	if (limit->count++ < burst)
		return 1;
	limit->unsaid++;
	return 0;
}

void
log_unsaid(struct log_line *l, uint64_t unsaid)
{
	if (unsaid != 0)
		log_num(l, "unsaid", (int64_t)unsaid);
}
