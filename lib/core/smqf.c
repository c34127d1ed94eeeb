/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smqf.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"

#define ORCPT_MAX 4096

/* A record without its kind and without its line end. */
struct record {
	char kind;
	const char *text;
	size_t len;
};

void
smqf_init(struct smqf *q)
{
	memset(q, 0, sizeof(*q));
	buf_init(&q->orcpt, ORCPT_MAX);
	buf_init(&q->rcpts, 2 * SMQF_FILE_MAX);
	buf_init(&q->headers, SMQF_FILE_MAX);
}

void
smqf_done(struct smqf *q)
{
	for (int i = 0; i < SMQF_VALUES; i++) {
		free(q->value[i]);
		q->value[i] = NULL;
	}
	buf_free(&q->orcpt);
	buf_free(&q->rcpts);
	buf_free(&q->headers);
}

int
smqf_set(struct smqf *q, int which, const char *text, size_t len)
{
	free(q->value[which]);
	q->value[which] = strndup(text, len);
	return q->value[which] == NULL ? SMX_ENOMEM : SMX_OK;
}

/* ---- the rest of the envelope ---- */

/* "joe@mx.example.org [192.0.2.7] (may be forged)": the name only when it has
 * not been found to be another's; no brackets, no network. */
static int
client(struct smqf *q, const char *text, size_t len)
{
	const char *open = len == 0 ? NULL : memrchr(text, '[', len);
	const char *shut = open == NULL
			       ? NULL
			       : memchr(open, ']', len - (size_t)(open - text));
	const char *name = text;
	size_t name_len, addr_len;
	int result;

	if (shut == NULL)
		return SMX_OK;
	open++;
	addr_len = (size_t)(shut - open);
	if (addr_len > 5 && memcmp(open, "IPv6:", 5) == 0) {
		open += 5;
		addr_len -= 5;
	}
	result = smqf_set(q, SMX_FIELD_CLIENT_ADDR, open, addr_len);
	name_len = strcspn(text, " [");
	if (memchr(text, '@', name_len) != NULL) {
		name = (const char *)memchr(text, '@', name_len) + 1;
		name_len -= (size_t)(name - text);
	}
	if (name_len == 0 || shut + 1 != text + len)
		return result != SMX_OK
			   ? result
			   : smqf_set(q, SMX_FIELD_CLIENT_NAME, "unknown", 7);
	return result != SMX_OK
		   ? result
		   : smqf_set(q, SMX_FIELD_CLIENT_NAME, name, name_len);
}

/* "r" and its value, or "{name}" and its value. */
static int
macro(struct smqf *q, const struct record *r)
{
	static const struct {
		const char *name;
		int value;
	} known[] = {
		{ "r", SMX_FIELD_PROTOCOL },
		{ "s", SMX_FIELD_HELO },
		{ "{auth_type}", SMX_FIELD_AUTH_TYPE },
		{ "{auth_authen}", SMX_FIELD_AUTH_NAME },
		{ "{daemon_name}", SMX_FIELD_DAEMON },
		{ "{client_port}", SMX_FIELD_CLIENT_PORT },
	};

	if (r->len != 0 && r->text[0] == '_')
		return client(q, r->text + 1, r->len - 1);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n = strlen(known[i].name);

		if (r->len > n && memcmp(r->text, known[i].name, n) == 0)
			return smqf_set(q, known[i].value, r->text + n,
			    r->len - n);
	}
	return SMX_OK;
}

static void
flags(struct smqf *q, const struct record *r)
{
	for (size_t i = 0; i < r->len; i++) {
		q->bounce |= r->text[i] == 'r';
		q->eight_bit |= r->text[i] == '8';
		q->ret |= r->text[i] == 'd';
		q->no_body |= r->text[i] == 'n';
		q->smtputf8 |= r->text[i] == 'e';
	}
}

static int
number(const struct record *r, int64_t *out)
{
	uint64_t n;

	if (number_parse(r->text, r->len, INT64_MAX, &n) != SMX_OK)
		return SMX_EPROTO;
	*out = (int64_t)n;
	return SMX_OK;
}

/* ---- headers ---- */

/*
 * "?conditions?Name: value".  Most have none.  One condition is a macro that
 * must be there, another a set of flags of which the next hop's mailer must
 * have one: those that every SMTP mailer has are D, F and M.
 */
static int
is_wanted(const char *conditions, size_t len)
{
	if (len == 0)
		return 1;
	if (conditions[0] == '$')
		return 0;
	for (size_t i = 0; i < len; i++)
		if (strchr("DFM", conditions[i]) != NULL)
			return 1;
	return 0;
}

static int
header(struct smqf *q, const struct record *r)
{
	const char *text = r->text;
	size_t len = r->len;

	if (len != 0 && text[0] == '?') {
		const char *end = memchr(text + 1, '?', len - 1);

		if (end == NULL)
			return SMX_EPROTO;
		if (!is_wanted(text + 1, (size_t)(end - text) - 1))
			return SMX_OK;
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	if (len == 0 || text[0] == ':' || memchr(text, ':', len) == NULL)
		return SMX_EPROTO;
	buf_add(&q->headers, text, len);
	buf_str(&q->headers, "\n");
	return buf_error(&q->headers);
}

/* ---- the file ---- */

static int
set(struct smqf *q, const struct record *r, int which)
{
	return smqf_set(q, which, r->text, r->len);
}

static int
record(struct smqf *q, const struct record *r, const char *domain)
{
	int64_t n;

	switch (r->kind) {
	case 'T':
		return number(r, &q->created_s);
	case 'K':
		return number(r, &q->tried_s);
	case 'N':
		if (number(r, &n) != SMX_OK)
			return SMX_EPROTO;
		q->tries = (uint64_t)n;
		return SMX_OK;
	case 'B':
		return set(q, r, SMQF_BODY);
	case 'F':
		flags(q, r);
		return SMX_OK;
	case 'S':
		return smqf_sender(q, r->text, r->len, domain);
	case 'q':
		q->quarantined = 1;
		return set(q, r, SMQF_REASON);
	case 'M':
		return set(q, r, SMQF_DEFERRED);
	case 'Z':
		return set(q, r, SMQF_ENVID);
	case 'A':
		return set(q, r, SMQF_AUTH);
	case 'd':
		return set(q, r, SMQF_FOLDER);
	case '$':
		return macro(q, r);
	case 'Q':
		buf_clear(&q->orcpt);
		return buf_add(&q->orcpt, r->text, r->len);
	case 'R':
		return smqf_recipient(q, r->text, r->len, domain);
	case 'H':
		return header(q, r);
	default:
		/* Of no meaning to a resubmission. */
		return strchr("PICDELr!", r->kind) != NULL ? SMX_OK
							   : SMX_EPROTO;
	}
}

/* Cut the next record off; a header goes on in lines that begin with a blank.
 * Zero: there is none with an end. */
static int
record_cut(const char **text, size_t *len, struct record *r)
{
	const char *from = *text, *end = from;
	size_t left = *len;

	do {
		end = left == 0 ? NULL : memchr(end, '\n', left);
		if (end == NULL || end == from)
			return 0;
		end++;
		left = *len - (size_t)(end - from);
	} while (
	    from[0] == 'H' && left != 0 && (end[0] == ' ' || end[0] == '\t'));
	r->kind = from[0];
	r->text = from + 1;
	r->len = (size_t)(end - from) - 2;
	*text = end;
	*len = left;
	return 1;
}

static int
version(struct smqf *q, const char **text, size_t *len)
{
	struct record r;

	if (!record_cut(text, len, &r))
		return SMX_ETEMP;
	if (r.kind != 'V' ||
	    number_parse(r.text, r.len, SMQF_VERSION_MAX, &q->version) !=
		SMX_OK ||
	    q->version == 0)
		return SMX_EPROTO;
	return SMX_OK;
}

int
smqf_complete(const char *end, size_t len)
{
	return len >= 3 && memcmp(end + len - 3, "\n.\n", 3) == 0;
}

int
smqf_read(struct smqf *q, const char *text, size_t len, const char *domain)
{
	struct record r;
	int result;

	if (len > SMQF_FILE_MAX ||
	    (len != 0 && memchr(text, '\0', len) != NULL))
		return SMX_EPROTO;
	result = version(q, &text, &len);
	while (result == SMX_OK) {
		/* A line without an end, and no line at all, are the same:
		 * more is to come. */
		if (!record_cut(&text, &len, &r))
			return len != 0 && text[0] == '\n' ? SMX_EPROTO
							   : SMX_ETEMP;
		if (r.kind == '.')
			return r.len == 0 && len == 0 ? SMX_OK : SMX_EPROTO;
		if (r.kind == 'F' && r.len >= 4 &&
		    memcmp(r.text, "rom ", 4) == 0)
			return SMX_EPROTO; /* a mailbox */
		result = record(q, &r, domain);
		if (result == SMX_ELIMIT)
			result = SMX_EPROTO;
	}
	return result;
}
