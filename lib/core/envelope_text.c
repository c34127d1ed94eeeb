/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/xtext.h"

/*
 *	CLIENT [NAME=x] [ADDR=x] [PORT=x] [HELO=x] [PROTO=x] [AUTH=x] [LOGIN=x]
 *	       [DAEMON=x] [HOLD=x]
 *	MAIL address [parameter ...]
 *	RCPT address [parameter ...]		any number of them
 *
 * One space between words, CRLF after each line, empty fields left out, values
 * as in xtext.h.  An envelope has one text and a text one envelope, so equal
 * texts mean equal envelopes.
 */

static void
command_put(struct buf *b, const char *verb, const char *address,
    const char *const *params, size_t count)
{
	buf_str(b, verb);
	xtext_put(b, address, strlen(address));
	for (size_t i = 0; i < count; i++) {
		buf_add(b, " ", 1);
		xtext_param_put(b, params[i], strlen(params[i]));
	}
	buf_add(b, "\r\n", 2);
}

static void
client_put(struct buf *b, const struct smx_envelope *envelope)
{
	buf_str(b, "CLIENT");
	for (int i = 0; i < SMX_FIELDS; i++) {
		const char *v = smx_envelope_get(envelope, (enum smx_field)i);

		if (v[0] == '\0')
			continue;
		buf_add(b, " ", 1);
		buf_str(b, envelope_field_name((enum smx_field)i));
		buf_add(b, "=", 1);
		xtext_put(b, v, strlen(v));
	}
	buf_add(b, "\r\n", 2);
}

int
smx_envelope_encode(const struct smx_envelope *envelope, char **out,
    size_t *len)
{
	const char *const *params;
	struct buf b;
	size_t n;

	if (smx_envelope_sender(envelope) == NULL)
		return SMX_ESTATE;
	buf_init(&b, 0);
	client_put(&b, envelope);
	n = smx_envelope_mail_params(envelope, &params);
	command_put(&b, "MAIL ", smx_envelope_sender(envelope), params, n);
	for (size_t i = 0; i < smx_envelope_recipients(envelope); i++) {
		n = smx_envelope_rcpt_params(envelope, i, &params);
		command_put(&b, "RCPT ", smx_envelope_recipient(envelope, i),
		    params, n);
	}
	if (buf_error(&b) != SMX_OK) {
		int error = buf_error(&b);

		buf_free(&b);
		return error;
	}
	*out = buf_take(&b, len);
	return SMX_OK;
}

/* ---- reading ---- */

struct span {
	const char *p;
	size_t len;
};

/* Cut the next line off text; without its CRLF. */
static int
line_cut(struct span *text, struct span *line)
{
	size_t reach = text->len;
	const char *lf;

	if (reach > ENVELOPE_LINE_MAX)
		reach = ENVELOPE_LINE_MAX;
	lf = reach == 0 ? NULL : memchr(text->p, '\n', reach);
	if (lf == NULL || lf == text->p || lf[-1] != '\r')
		return SMX_EPROTO;
	line->p = text->p;
	line->len = (size_t)(lf - text->p) - 1;
	text->len -= line->len + 2;
	text->p = lf + 1;
	return SMX_OK;
}

/* Cut " word" off line. */
static int
word_cut(struct span *line, struct span *word)
{
	const char *space;

	if (line->len < 2 || line->p[0] != ' ')
		return SMX_EPROTO;
	word->p = line->p + 1;
	space = memchr(word->p, ' ', line->len - 1);
	word->len = space != NULL ? (size_t)(space - word->p) : line->len - 1;
	line->p += word->len + 1;
	line->len -= word->len + 1;
	return word->len != 0 ? SMX_OK : SMX_EPROTO;
}

static int
verb_cut(struct span *line, const char *verb)
{
	size_t len = strlen(verb);

	if (line->len < len || memcmp(line->p, verb, len) != 0)
		return SMX_EPROTO;
	line->p += len;
	line->len -= len;
	return SMX_OK;
}

/* Which field a word of the CLIENT line sets, SMX_FIELDS for none. */
static int
field_cut(struct span *word, int from)
{
	for (int i = from; i < SMX_FIELDS; i++) {
		const char *name = envelope_field_name((enum smx_field)i);
		size_t len = strlen(name);

		if (word->len > len + 1 && word->p[len] == '=' &&
		    memcmp(word->p, name, len) == 0) {
			word->p += len + 1;
			word->len -= len + 1;
			return i;
		}
	}
	return SMX_FIELDS;
}

/* Values of one line, decoded: no longer than the line was. */
struct scratch {
	char text[ENVELOPE_LINE_MAX + ENVELOPE_PARAMS_MAX + 2];
	const char *params[ENVELOPE_PARAMS_MAX];
};

static int
client_scan(struct span line, struct smx_envelope *envelope,
    struct scratch *scratch)
{
	int from = 0;

	if (verb_cut(&line, "CLIENT") != SMX_OK)
		return SMX_EPROTO;
	while (line.len != 0) {
		struct span word;
		int field, error;
		long n;

		if (word_cut(&line, &word) != SMX_OK)
			return SMX_EPROTO;
		field = field_cut(&word, from);
		if (field == SMX_FIELDS)
			return SMX_EPROTO;
		n = xtext_decode(word.p, word.len, scratch->text);
		if (n < 0 || n > ENVELOPE_VALUE_MAX)
			return SMX_EPROTO;
		scratch->text[n] = '\0';
		from = field + 1;
		if (envelope == NULL)
			continue;
		error = smx_envelope_set(envelope, (enum smx_field)field,
		    scratch->text);
		if (error != SMX_OK)
			return error;
	}
	return SMX_OK;
}

/* Address and parameters into scratch. */
static int
command_scan(struct span line, const char *verb, struct scratch *scratch,
    size_t *count)
{
	char *to = scratch->text;
	struct span word;
	long n;

	*count = 0;
	if (verb_cut(&line, verb) != SMX_OK || word_cut(&line, &word) != SMX_OK)
		return SMX_EPROTO;
	n = xtext_decode(word.p, word.len, to);
	for (;;) {
		if (n <= 0 || n > ENVELOPE_VALUE_MAX)
			return SMX_EPROTO;
		to[n] = '\0';
		to += n + 1;
		if (line.len == 0)
			return SMX_OK;
		if (*count == ENVELOPE_PARAMS_MAX ||
		    word_cut(&line, &word) != SMX_OK)
			return SMX_EPROTO;
		scratch->params[(*count)++] = to;
		n = xtext_param_decode(word.p, word.len, to);
	}
}

static int
commands_scan(struct span text, struct smx_envelope *envelope,
    size_t max_recipients, size_t *recipients, struct scratch *scratch)
{
	struct span line;
	size_t count;
	int error;

	if (line_cut(&text, &line) != SMX_OK ||
	    command_scan(line, "MAIL", scratch, &count) != SMX_OK)
		return SMX_EPROTO;
	if (envelope != NULL) {
		error = smx_envelope_mail(envelope, scratch->text,
		    scratch->params, count);
		if (error != SMX_OK)
			return error;
	}
	for (*recipients = 0; text.len != 0; ++*recipients) {
		if (line_cut(&text, &line) != SMX_OK ||
		    command_scan(line, "RCPT", scratch, &count) != SMX_OK)
			return SMX_EPROTO;
		if (*recipients == max_recipients)
			return SMX_ELIMIT;
		if (envelope == NULL)
			continue;
		error = smx_envelope_rcpt(envelope, scratch->text,
		    scratch->params, count);
		if (error != SMX_OK)
			return error;
	}
	return SMX_OK;
}

/* envelope NULL: only look. */
static int
text_scan(const char *p, size_t len, size_t max_recipients,
    struct smx_envelope *envelope, size_t *recipients)
{
	struct span text = { p, len };
	struct scratch scratch;
	struct span line;
	int error;

	if (line_cut(&text, &line) != SMX_OK)
		return SMX_EPROTO;
	error = client_scan(line, envelope, &scratch);
	if (error != SMX_OK)
		return error;
	if (max_recipients == 0)
		max_recipients = ENVELOPE_RECIPIENTS_MAX;
	return commands_scan(text, envelope, max_recipients, recipients,
	    &scratch);
}

int
envelope_check(const char *text, size_t len, size_t max_recipients,
    size_t *recipients)
{
	size_t count;
	int error = text_scan(text, len, max_recipients, NULL, &count);

	if (error == SMX_OK)
		*recipients = count;
	return error;
}

int
smx_envelope_decode(const char *text, size_t len, size_t max_recipients,
    struct smx_envelope **out)
{
	struct smx_envelope *envelope;
	size_t count;
	int error = smx_envelope_new(&envelope, max_recipients);

	if (error != SMX_OK)
		return error;
	error = text_scan(text, len, max_recipients, envelope, &count);
	if (error != SMX_OK)
		smx_envelope_free(&envelope);
	else
		*out = envelope;
	return error;
}
