/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "core/envelope.h"
#include "core/xtext.h"

/*
 *	START --EHLO--> COMMAND --SHADOW--> ENVELOPE --> BDAT --> CONTENT
 *	                 |   ^                                       |
 *	   DISCARD ABORT |   | last key                              |
 *	   QUERY ...     v   |                                       |
 *	                KEYS-+                COMMAND <--last byte---+
 *
 *	COMMAND --AMEND, RETURN--> AMEND <--its line, its bytes-->
 *AMEND_ENVELOPE
 *	   ^----last one-------------+
 *
 * Any mistake leads to END: after one, nobody knows where the next command
 * begins, and a byte of content must never be taken for a command.  Only a
 * verb that nobody knows is passed over, for the sake of later versions.
 */

/* A large envelope or list of keys is not kept for the life of a connection. */
#define KEEP_BYTES 65536

void
wire_server_init(struct wire_server *w, const struct wire_limits *limits)
{
	memset(w, 0, sizeof(*w));
	w->limits = *limits;
	w->state = WIRE_AT_START;
	buf_init(&w->line, WIRE_LINE_MAX);
	buf_init(&w->envelope, (size_t)limits->max_envelope);
}

void
wire_server_free(struct wire_server *w)
{
	buf_free(&w->line);
	buf_free(&w->envelope);
	free(w->keys);
	w->keys = NULL;
	wire_amend_free(&w->amend);
	wire_speech_free(&w->speech);
}

int
wire_server_quiet(const struct wire_server *w)
{
	return w->state == WIRE_AT_COMMAND && w->line.len == 0;
}

enum wire_event
wire_bad(struct wire_server *w, int code)
{
	w->state = WIRE_AT_END;
	w->code = code;
	return WIRE_EV_BAD;
}

static enum wire_event
take_ehlo(struct wire_server *w, struct words words)
{
	struct wire_param p[] = { { .name = "VERSION" },
		{ .name = "INCARNATION" }, { .name = "EPOCH" },
		{ .name = "SEQUENCE" } };
	const char *dot;
	uint64_t major, minor;

	if (w->state != WIRE_AT_START)
		return wire_bad(w, WIRE_SEQUENCE);
	/* The node's name is for people: it has no '=' and is passed over. */
	if (wire_params(words.p, words.len, p, 4) != SMX_OK ||
	    p[0].value == NULL ||
	    (dot = memchr(p[0].value, '.', p[0].len)) == NULL ||
	    number_parse(p[0].value, (size_t)(dot - p[0].value), UINT32_MAX,
		&major) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	if (major != WIRE_MAJOR)
		return wire_bad(w, WIRE_VERSION);
	/* What is no number says nothing of what the client knows. */
	if (number_parse(dot + 1, p[0].len - (size_t)(dot - p[0].value) - 1,
		UINT32_MAX, &minor) != SMX_OK)
		minor = 0;
	w->minor = (unsigned)minor;
	w->has_hello = p[1].value != NULL;
	if (w->has_hello &&
	    wire_hello_params(&p[1], &p[2], &p[3], &w->hello) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	w->state = WIRE_AT_COMMAND;
	return WIRE_EV_HELLO;
}

static int
queue_id_take(struct wire_server *w, const struct wire_param *p)
{
	char id[3 * WIRE_QUEUE_ID_MAX];
	long n;

	w->queue_id[0] = '\0';
	if (p->value == NULL)
		return SMX_OK;
	if (p->len > sizeof(id))
		return SMX_EPROTO;
	n = xtext_decode(p->value, p->len, id);
	if (n < 0 || n > WIRE_QUEUE_ID_MAX)
		return SMX_EPROTO;
	memcpy(w->queue_id, id, (size_t)n);
	w->queue_id[n] = '\0';
	return SMX_OK;
}

static int
flag_take(const struct wire_param *p, int *out)
{
	uint64_t n = 0;

	if (p->value != NULL && wire_param_number(p, 1, &n) != SMX_OK)
		return SMX_EPROTO;
	*out = n != 0;
	return SMX_OK;
}

/* The parameters of SHADOW into w->shadow; gives a code when they are bad. */
static int
shadow_params(struct wire_server *w, const char *text, size_t len)
{
	struct wire_param p[] = { { .name = "SIZE" }, { .name = "ENVELOPE" },
		{ .name = "RCPTS" }, { .name = "DIGEST" }, { .name = "EPOCH" },
		{ .name = "QUEUE" }, { .name = "HOLDERS" },
		{ .name = "AMENDED" }, { .name = "HELD" } };
	struct smx_shadow_announced *s = &w->shadow;
	uint64_t envelope, rcpts;

	if (wire_params(text, len, p, 9) != SMX_OK ||
	    wire_param_number(&p[0], UINT64_MAX, &s->size) != SMX_OK ||
	    wire_param_number(&p[1], UINT64_MAX, &envelope) != SMX_OK ||
	    wire_param_number(&p[2], UINT64_MAX, &rcpts) != SMX_OK ||
	    p[3].value == NULL ||
	    hex_parse(p[3].value, p[3].len, w->digest, SMX_DIGEST_BYTES) !=
		SMX_OK ||
	    p[4].value == NULL ||
	    smx_epoch_parse(p[4].value, p[4].len, &s->epoch) != SMX_OK ||
	    queue_id_take(w, &p[5]) != SMX_OK ||
	    wire_holders_take(&p[6], w->holders) != SMX_OK ||
	    flag_take(&p[7], &s->amended) != SMX_OK ||
	    flag_take(&p[8], &s->held) != SMX_OK)
		return WIRE_SYNTAX;
	if (s->size > w->limits.max_content ||
	    envelope > w->limits.max_envelope || rcpts > WIRE_RECIPIENTS_MAX)
		return WIRE_LIMIT;
	s->envelope_len = (size_t)envelope;
	s->recipients = (size_t)rcpts;
	s->queue_id = w->queue_id;
	s->digest = w->digest;
	s->holders = w->holders;
	return 0;
}

static enum wire_event
take_shadow(struct wire_server *w, struct words words)
{
	const size_t key = SMX_KEY_TEXT - 1;
	int code;

	memset(&w->shadow, 0, sizeof(w->shadow));
	if (words.len < key + 1 || words.p[0] != ' ' ||
	    smx_key_parse(words.p + 1, key, &w->shadow.key) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	code = shadow_params(w, words.p + 1 + key, words.len - 1 - key);
	if (code != 0)
		return wire_bad(w, code);
	if (w->envelope.size > KEEP_BYTES)
		buf_free(&w->envelope);
	buf_clear(&w->envelope);
	w->envelope_left = w->shadow.envelope_len;
	w->state = WIRE_AT_ENVELOPE;
	return WIRE_MORE;
}

int
wire_verb_is(const char *line, size_t len, const char *verb,
    struct words *words)
{
	size_t n = strlen(verb);

	if (len < n || memcmp(line, verb, n) != 0 ||
	    (len > n && line[n] != ' '))
		return 0;
	words->p = line + n;
	words->len = len - n;
	return 1;
}

static enum wire_event
take_command(struct wire_server *w, const char *line, size_t len)
{
	enum wire_event event;
	struct words words;

	memset(&w->request, 0, sizeof(w->request));
	if (wire_verb_is(line, len, "EHLO", &words))
		return take_ehlo(w, words);
	if (wire_verb_is(line, len, "QUIT", &words)) {
		w->state = WIRE_AT_END;
		w->code = WIRE_SEQUENCE;
		return WIRE_EV_QUIT;
	}
	if (w->state == WIRE_AT_START)
		return wire_bad(w, WIRE_SEQUENCE);
	if (wire_verb_is(line, len, "SHADOW", &words))
		return take_shadow(w, words);
	if (wire_verb_is(line, len, "NOOP", &words))
		return WIRE_EV_NOOP;
	event = wire_take_request(w, line, len);
	if (event == WIRE_EV_UNKNOWN && ++w->unknown > WIRE_UNKNOWN_MAX)
		return wire_bad(w, WIRE_VERB);
	return event;
}

static enum wire_event
take_bdat(struct wire_server *w, const char *line, size_t len)
{
	static const char last[] = " LAST";
	struct words words;
	uint64_t size;

	if (!wire_verb_is(line, len, "BDAT", &words) ||
	    words.len < sizeof(last) + 1 ||
	    memcmp(words.p + words.len - 5, last, 5) != 0 ||
	    number_parse(words.p + 1, words.len - 6, UINT64_MAX, &size) !=
		SMX_OK ||
	    size != w->shadow.size)
		return wire_bad(w, WIRE_SYNTAX);
	w->content_left = size;
	w->state = WIRE_AT_CONTENT;
	return WIRE_EV_SHADOW;
}

/* A whole line with its LF. */
static enum wire_event
take_line(struct wire_server *w, const char *line, size_t len)
{
	if (len > WIRE_LINE_MAX)
		return wire_bad(w, WIRE_LIMIT);
	if (len < 2 || line[len - 2] != '\r')
		return wire_bad(w, WIRE_SYNTAX);
	len -= 2;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return wire_bad(w, WIRE_SYNTAX);
	if (w->state == WIRE_AT_KEYS)
		return wire_take_key(w, line, len);
	if (w->state == WIRE_AT_AMEND)
		return wire_amend_line(w, line, len);
	if (w->state == WIRE_AT_SPEECH)
		return wire_speech_line(w, line, len);
	if (w->state == WIRE_AT_BDAT)
		return take_bdat(w, line, len);
	return take_command(w, line, len);
}

static enum wire_event
next_line(struct wire_server *w, const char **p, size_t *left)
{
	const char *line = *p;
	const char *lf = memchr(line, '\n', *left);
	size_t len = lf != NULL ? (size_t)(lf - line) + 1 : *left;
	enum wire_event event;

	*p += len;
	*left -= len;
	if (lf != NULL && w->line.len == 0)
		return take_line(w, line, len);
	if (buf_add(&w->line, line, len) != SMX_OK)
		return wire_bad(w, buf_error(&w->line) == SMX_ELIMIT
				       ? WIRE_LIMIT
				       : WIRE_LATER);
	if (lf == NULL)
		return WIRE_MORE;
	event = take_line(w, w->line.data, w->line.len);
	buf_clear(&w->line);
	return event;
}

static enum wire_event
next_envelope(struct wire_server *w, const char **p, size_t *left)
{
	size_t n = *left < w->envelope_left ? *left : w->envelope_left;
	size_t recipients;
	int error;

	if (buf_add(&w->envelope, *p, n) != SMX_OK)
		return wire_bad(w, WIRE_LATER);
	*p += n;
	*left -= n;
	w->envelope_left -= n;
	if (w->envelope_left != 0)
		return WIRE_MORE;
	error = envelope_check(w->envelope.data, w->envelope.len,
	    WIRE_RECIPIENTS_MAX, &recipients);
	if (error != SMX_OK || recipients != w->shadow.recipients)
		return wire_bad(w,
		    error == SMX_ELIMIT ? WIRE_LIMIT : WIRE_SYNTAX);
	w->shadow.envelope = w->envelope.data;
	w->state = WIRE_AT_BDAT;
	return WIRE_MORE;
}

static enum wire_event
next_content(struct wire_server *w, const char **p, size_t *left)
{
	size_t n = *left;

	if (w->content_left == 0) {
		w->state = WIRE_AT_COMMAND;
		return WIRE_EV_COMMIT;
	}
	if (n == 0)
		return WIRE_MORE;
	if (n > w->content_left)
		n = (size_t)w->content_left;
	w->data = *p;
	w->data_len = n;
	*p += n;
	*left -= n;
	w->content_left -= n;
	return WIRE_EV_DATA;
}

enum wire_event
wire_server_next(struct wire_server *w, const char **p, size_t *left)
{
	enum wire_event event;

	/* The last request is answered: what it brought is large. */
	if (w->state == WIRE_AT_COMMAND || w->state == WIRE_AT_END) {
		wire_amend_free(&w->amend);
		wire_speech_free(&w->speech);
	}
	do {
		if (w->state == WIRE_AT_END)
			return WIRE_EV_BAD;
		if (w->state == WIRE_AT_CONTENT)
			event = next_content(w, p, left);
		else if (*left == 0)
			return WIRE_MORE;
		else if (w->state == WIRE_AT_ENVELOPE)
			event = next_envelope(w, p, left);
		else if (w->state == WIRE_AT_AMEND_ENVELOPE)
			event = wire_amend_bytes(w, p, left);
		else
			event = next_line(w, p, left);
	} while (event == WIRE_MORE && *left != 0);
	return event;
}
