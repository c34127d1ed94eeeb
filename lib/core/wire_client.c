/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire.h"

#include <string.h>

#include "base/key.h"
#include "core/xtext.h"

void
wire_client_init(struct wire_client *w)
{
	memset(w, 0, sizeof(*w));
	buf_init(&w->line, WIRE_REPLY_LINE_MAX);
}

void
wire_client_free(struct wire_client *w)
{
	buf_free(&w->line);
}

void
wire_client_expect(struct wire_client *w, size_t max_lines)
{
	buf_clear(&w->line);
	w->lines = 0;
	w->max_lines = max_lines;
	w->code = 0;
}

/* A whole line with its LF. */
static enum wire_reply_event
reply_line(struct wire_client *w, const char *line, size_t len)
{
	uint64_t code;

	if (len < 5 || len > WIRE_REPLY_LINE_MAX || line[len - 2] != '\r' ||
	    number_parse(line, 3, 599, &code) != SMX_OK || code < 200 ||
	    (len > 5 && line[3] != ' ' && line[3] != '-') ||
	    (w->code != 0 && (int)code != w->code) || ++w->lines > w->max_lines)
		return WIRE_REPLY_BAD;
	for (size_t i = 0; i < len - 2; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return WIRE_REPLY_BAD;
	w->code = (int)code;
	w->text = len > 5 ? line + 4 : line + 3;
	w->len = len > 5 ? len - 6 : 0;
	return len > 5 && line[3] == '-' ? WIRE_REPLY_LINE : WIRE_REPLY_END;
}

enum wire_reply_event
wire_client_next(struct wire_client *w, const char **p, size_t *left)
{
	const char *line = *p;
	const char *lf;
	size_t len;

	/* The line given out by the last call is done with. */
	if (w->line.len != 0 && w->line.data[w->line.len - 1] == '\n')
		buf_clear(&w->line);
	if (*left == 0)
		return WIRE_REPLY_MORE;
	lf = memchr(line, '\n', *left);
	len = lf != NULL ? (size_t)(lf - line) + 1 : *left;
	*p += len;
	*left -= len;
	if (lf != NULL && w->line.len == 0)
		return reply_line(w, line, len);
	if (buf_add(&w->line, line, len) != SMX_OK)
		return WIRE_REPLY_BAD;
	if (lf == NULL)
		return WIRE_REPLY_MORE;
	return reply_line(w, w->line.data, w->line.len);
}

/* The first word of a line; the rest keeps its leading space. */
static size_t
word_length(const char *text, size_t len)
{
	const char *space = len == 0 ? NULL : memchr(text, ' ', len);

	return space != NULL ? (size_t)(space - text) : len;
}

/* "1.x" of the same major. */
static int
version_take(const char *text, size_t len, unsigned *out)
{
	const char *dot = len == 0 ? NULL : memchr(text, '.', len);
	uint64_t major, minor;

	if (dot == NULL ||
	    number_parse(text, (size_t)(dot - text), UINT32_MAX, &major) !=
		SMX_OK ||
	    number_parse(dot + 1, len - (size_t)(dot - text) - 1, UINT32_MAX,
		&minor) != SMX_OK ||
	    major != WIRE_MAJOR)
		return SMX_EPROTO;
	*out = (unsigned)minor;
	return SMX_OK;
}

int
wire_greeting_line(const char *text, size_t len)
{
	static const char ours[] = " shadowmx ";
	size_t n = word_length(text, len);
	unsigned minor;

	text += n;
	len -= n;
	if (n == 0 || len < sizeof(ours) ||
	    memcmp(text, ours, sizeof(ours) - 1) != 0)
		return SMX_EPROTO;
	text += sizeof(ours) - 1;
	len -= sizeof(ours) - 1;
	return version_take(text, word_length(text, len), &minor);
}

int
wire_ehlo_line(const char *text, size_t len, struct smx_hello *hello,
    struct wire_limits *limits, unsigned *minor)
{
	struct wire_param p[] = { { .name = "VERSION" },
		{ .name = "INCARNATION" }, { .name = "EPOCH" },
		{ .name = "SEQUENCE" }, { .name = "CONTENT" },
		{ .name = "ENVELOPE" } };
	size_t n = word_length(text, len);

	if (n == 0 || wire_params(text + n, len - n, p, 6) != SMX_OK ||
	    p[0].value == NULL ||
	    version_take(p[0].value, p[0].len, minor) != SMX_OK ||
	    wire_hello_params(&p[1], &p[2], &p[3], hello) != SMX_OK ||
	    wire_param_number(&p[4], UINT64_MAX, &limits->max_content) !=
		SMX_OK ||
	    wire_param_number(&p[5], UINT64_MAX, &limits->max_envelope) !=
		SMX_OK)
		return SMX_EPROTO;
	return SMX_OK;
}

static int
listed_state(const struct wire_param *p)
{
	static const char *const states[] = { "shadow", "claimed", "handed",
		"quarantined", "done" };

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (p->value != NULL && strlen(states[i]) == p->len &&
		    memcmp(states[i], p->value, p->len) == 0)
			return (int)i + 1;
	return 0;
}

static int
listed_line(const char *text, size_t len, struct smx_listed *row)
{
	struct wire_param p[] = { { .name = "STATE" }, { .name = "AGE" },
		{ .name = "EPOCH" }, { .name = "QUEUE" },
		{ .name = "VERSION" } };
	size_t n = word_length(text, len);
	char id[3 * WIRE_QUEUE_ID_MAX];
	uint64_t age;
	long idlen;

	if (smx_key_parse(text, n, &row->key) != SMX_OK ||
	    wire_params(text + n, len - n, p, 5) != SMX_OK ||
	    wire_param_number(&p[1], INT64_MAX, &age) != SMX_OK ||
	    p[2].value == NULL ||
	    smx_epoch_parse(p[2].value, p[2].len, &row->epoch) != SMX_OK)
		return SMX_EPROTO;
	row->state = listed_state(&p[0]);
	row->age_ms = (int64_t)age;
	row->queue_id[0] = '\0';
	row->version = 0;
	if (row->state == 0 ||
	    (p[4].value != NULL &&
		wire_param_number(&p[4], INT64_MAX, &row->version) != SMX_OK))
		return SMX_EPROTO;
	if (p[3].value == NULL)
		return SMX_OK;
	if (p[3].len > sizeof(id))
		return SMX_EPROTO;
	idlen = xtext_decode(p[3].value, p[3].len, id);
	if (idlen < 0 || idlen > WIRE_QUEUE_ID_MAX)
		return SMX_EPROTO;
	memcpy(row->queue_id, id, (size_t)idlen);
	row->queue_id[idlen] = '\0';
	return SMX_OK;
}

static int
answers_take(const struct wire_param *p, const struct smx_request *request,
    enum smx_answer *answers)
{
	if (p->value == NULL || p->len != request->count)
		return SMX_EPROTO;
	for (size_t i = 0; i < p->len; i++)
		if (wire_answer_take(request->kind, p->value[i], &answers[i]) !=
		    SMX_OK)
			return SMX_EPROTO;
	return SMX_OK;
}

static int
ago_take(const struct wire_param *p, int64_t *ago_ms)
{
	uint64_t n;

	if (p->value != NULL && p->len == 5 &&
	    memcmp(p->value, "never", 5) == 0) {
		*ago_ms = -1;
		return SMX_OK;
	}
	if (wire_param_number(p, INT64_MAX, &n) != SMX_OK)
		return SMX_EPROTO;
	*ago_ms = (int64_t)n;
	return SMX_OK;
}

/* Replies of one line: "NAME=value ...", without the leading space that
 * wire_params wants. */
static int
last_line(const struct smx_request *request, const char *text, size_t len,
    struct smx_reply *reply)
{
	struct wire_param p[] = { { .name = "FOREIGN" }, { .name = "COUNT" },
		{ .name = "ANSWERS" }, { .name = "AGO" } };
	uint64_t n;

	if (request->kind == SMX_REQ_BEAT)
		return wire_beat_params(text, len, &reply->beat);
	if (wire_request_speaks(request))
		return wire_speech_reply(request, text, len, reply);
	if (wire_params(text, len, p, 4) != SMX_OK)
		return SMX_EPROTO;
	if (wire_request_answers(request))
		return answers_take(&p[2], request, reply->answers);
	if (request->kind == SMX_REQ_SEEN)
		return ago_take(&p[3], &reply->ago_ms);
	if (request->kind == SMX_REQ_LIST) {
		if (wire_param_number(&p[1], request->limit, &n) != SMX_OK ||
		    n != reply->count)
			return SMX_EPROTO;
		return SMX_OK;
	}
	if (wire_param_number(&p[0], request->count, &n) != SMX_OK)
		return SMX_EPROTO;
	reply->foreign = (size_t)n;
	return SMX_OK;
}

int
wire_reply_line(const struct smx_request *request, const char *text, size_t len,
    int last, struct smx_reply *reply)
{
	if (last)
		/* The space after the code belongs to the words. */
		return last_line(request, text - 1, len + 1, reply);
	if (request->kind != SMX_REQ_LIST || reply->count >= request->limit)
		return SMX_EPROTO;
	if (listed_line(text, len, &reply->listed[reply->count]) != SMX_OK)
		return SMX_EPROTO;
	reply->count++;
	return SMX_OK;
}
