/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smtpreply.h"

#include <string.h>

#include "base/buf.h"

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters and digits only: an id becomes part of file names. */
static int
is_id(char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void
smtpreply_begin(struct smtpreply *reply)
{
	memset(reply, 0, sizeof(*reply));
}

/* Length of "class.subject.detail" at text, 0 if there is none. */
static size_t
enhanced_len(const char *text, char class)
{
	size_t n = 1;

	if (text[0] != class)
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (text[n++] != '.')
			return 0;
		while (digits < 3 && is_digit(text[n])) {
			digits++;
			n++;
		}
		if (digits == 0)
			return 0;
	}
	return text[n] == ' ' || text[n] == '\0' ? n : 0;
}

static int
line_end(struct smtpreply *reply)
{
	const char *s = reply->line;
	size_t n;
	int code;

	if (reply->len > 0 && s[reply->len - 1] == '\r')
		reply->len--;
	if (reply->len > SMTPREPLY_LINE_MAX)
		return SMX_ELIMIT;
	reply->line[reply->len] = '\0';
	if (reply->len < 3 || s[0] < '2' || s[0] > '5' || !is_digit(s[1]) ||
	    !is_digit(s[2]) || (s[3] != ' ' && s[3] != '-' && s[3] != '\0'))
		return SMX_EPROTO;
	code = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	if (reply->code != 0 && code != reply->code)
		return SMX_EPROTO;
	reply->code = code;
	reply->whole = 1;
	for (size_t i = 3; i < reply->len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			reply->line[i] = '?';
	reply->enhanced[0] = '\0';
	n = s[3] == '\0' ? 0 : enhanced_len(s + 4, s[0]);
	memcpy(reply->enhanced, s + 4, n);
	reply->enhanced[n] = '\0';
	return s[3] == '-' ? SMTPREPLY_LINE : SMTPREPLY_DONE;
}

static int
line_next(struct smtpreply *reply)
{
	if (reply->lines > 0 && !reply->whole)
		return SMX_OK;
	if (reply->lines == SMTPREPLY_LINES_MAX)
		return SMX_ELIMIT;
	reply->lines++;
	reply->len = 0;
	reply->whole = 0;
	return SMX_OK;
}

int
smtpreply_feed(struct smtpreply *reply, const void *data, size_t len,
    size_t *used)
{
	const char *in = data;

	*used = 0;
	while (*used < len) {
		char c = in[(*used)++];

		if (line_next(reply) != SMX_OK)
			return SMX_ELIMIT;
		if (c == '\n')
			return line_end(reply);
		if (c == '\0')
			return SMX_EPROTO;
		if (reply->len == SMTPREPLY_LINE_MAX + 1)
			return SMX_ELIMIT;
		reply->line[reply->len++] = c;
	}
	return SMTPREPLY_MORE;
}

const char *
smtpreply_text(const struct smtpreply *reply)
{
	size_t at = 4;

	if (!reply->whole || reply->len < at)
		return "";
	at += strlen(reply->enhanced);
	return reply->line + at + (reply->line[at] == ' ' ? 1 : 0);
}

int
smtpreply_result(const struct smtpreply *reply)
{
	switch (reply->code / 100) {
	case 2:
		return SMX_OK;
	case 4:
		return SMX_ETEMP;
	case 5:
		return SMX_EREFUSED;
	default:
		return SMX_EPROTO;
	}
}

static int
id_copy(const char *id, size_t len, char *out, size_t size)
{
	if (len == 0 || len >= size)
		return SMX_ENOTFOUND;
	memcpy(out, id, len);
	out[len] = '\0';
	return SMX_OK;
}

int
smtpreply_queue_id(const struct smtpreply *reply, char *out, size_t size)
{
	static const char postfix[] = "queued as ";
	static const char sendmail[] = " Message accepted";
	const char *text = smtpreply_text(reply);
	const char *id;
	size_t len = 0;

	out[0] = '\0';
	id = strstr(text, postfix);
	if (id != NULL) {
		id += sizeof(postfix) - 1;
		while (is_id(id[len]))
			len++;
		return id_copy(id, len, out, size);
	}
	while (is_id(text[len]))
		len++;
	if (strncmp(text + len, sendmail, sizeof(sendmail) - 1) != 0)
		return SMX_ENOTFOUND;
	return id_copy(text, len, out, size);
}
