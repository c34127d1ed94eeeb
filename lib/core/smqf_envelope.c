/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smqf.h"

#include <string.h>

#include "core/envelope.h"
#include "core/smaddr.h"
#include "core/xtext.h"

#define TEXT_MAX  (64u * 1024 * 1024)
#define PARAM_MAX (3 * ENVELOPE_VALUE_MAX) /* while it is being written */

/* ESMTP's own writing, no blanks, no bytes beyond ASCII. */
static int
is_param(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return 0;
	return len != 0;
}

static void
param_put(struct buf *b, const char *name, const char *text, size_t len)
{
	struct buf param;

	if (!is_param(text, len) || len > ENVELOPE_VALUE_MAX)
		return; /* better a message without it than none */
	buf_init(&param, PARAM_MAX);
	buf_str(&param, name);
	buf_add(&param, text, len);
	if (buf_error(&param) == SMX_OK && param.len <= ENVELOPE_VALUE_MAX) {
		buf_str(b, " ");
		xtext_param_put(b, param.data, param.len);
	}
	buf_free(&param);
}

/* Without N the client has said nothing; with N alone it has said never. */
static void
notify_put(struct buf *b, const char *flags, size_t len)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE",
		"SUCCESS,FAILURE", "DELAY", "SUCCESS,DELAY", "FAILURE,DELAY",
		"SUCCESS,FAILURE,DELAY" };
	const char *word;

	if (len == 0 || memchr(flags, 'N', len) == NULL)
		return;
	word = words[(memchr(flags, 'S', len) != NULL) +
		     2 * (memchr(flags, 'F', len) != NULL) +
		     4 * (memchr(flags, 'D', len) != NULL)];
	param_put(b, "NOTIFY=", word, strlen(word));
}

static void
recipient_put(struct smqf *q, const struct buf *address, const char *flags,
    size_t len)
{
	q->recipients++;
	buf_str(&q->rcpts, "RCPT ");
	xtext_put(&q->rcpts, address->data, address->len);
	notify_put(&q->rcpts, flags, len);
	if (q->orcpt.len != 0)
		param_put(&q->rcpts, "ORCPT=", q->orcpt.data, q->orcpt.len);
	buf_str(&q->rcpts, "\r\n");
}

int
smqf_recipient(struct smqf *q, const char *text, size_t len, const char *domain)
{
	const char *colon = len == 0 ? NULL : memchr(text, ':', len);
	struct buf address;
	int result;

	if (colon == NULL)
		return SMX_EPROTO;
	buf_init(&address, PARAM_MAX);
	result = smaddr_put(&address, colon + 1,
	    len - (size_t)(colon + 1 - text), domain);
	if (result == SMX_OK &&
	    (address.len > ENVELOPE_VALUE_MAX || address.len <= 2))
		result = SMX_EPROTO;
	if (result == SMX_ENOTFOUND ||
	    (result == SMX_OK && q->recipients == SMQF_RECIPIENTS_MAX)) {
		q->unsayable = 1;
		result = SMX_OK;
	} else if (result == SMX_OK) {
		recipient_put(q, &address, text, (size_t)(colon - text));
		result = buf_error(&q->rcpts);
	}
	buf_free(&address);
	buf_clear(&q->orcpt);
	return result;
}

int
smqf_sender(struct smqf *q, const char *text, size_t len, const char *domain)
{
	struct buf address;
	int result;

	buf_init(&address, PARAM_MAX);
	result = smaddr_put(&address, text, len, domain);
	if (result == SMX_OK && address.len > ENVELOPE_VALUE_MAX)
		result = SMX_EPROTO;
	if (result == SMX_ENOTFOUND)
		result = SMX_EPROTO;
	if (result == SMX_OK)
		result = smqf_set(q, SMQF_SENDER, address.data, address.len);
	buf_free(&address);
	return result;
}

/* ---- the text ---- */

static void
client_put(const struct smqf *q, struct buf *b)
{
	buf_str(b, "CLIENT");
	for (int i = 0; i < SMX_FIELDS; i++) {
		const char *v = q->value[i];

		if (v == NULL || v[0] == '\0' ||
		    strlen(v) > ENVELOPE_VALUE_MAX || strchr(v, '\r') != NULL)
			continue;
		buf_str(b, " ");
		buf_str(b, envelope_field_name((enum smx_field)i));
		buf_str(b, "=");
		xtext_put(b, v, strlen(v));
	}
	buf_str(b, "\r\n");
}

static void
text_param_put(struct buf *b, const char *name, const char *text)
{
	if (text != NULL)
		param_put(b, name, text, strlen(text));
}

static void
mail_params_put(const struct smqf *q, struct buf *b)
{
	const char *body = q->value[SMQF_BODY];

	if (body == NULL && q->eight_bit)
		body = "8BITMIME";
	text_param_put(b, "BODY=", body);
	if (q->smtputf8)
		buf_str(b, " SMTPUTF8");
	if (q->ret)
		text_param_put(b, "RET=", q->no_body ? "HDRS" : "FULL");
	text_param_put(b, "ENVID=", q->value[SMQF_ENVID]);
	text_param_put(b, "AUTH=", q->value[SMQF_AUTH]);
}

int
smqf_envelope(const struct smqf *q, char **out, size_t *len, size_t *client_len)
{
	const char *from = q->value[SMQF_SENDER];
	size_t client, recipients;
	struct buf b;
	int result = SMX_EPROTO;

	if (from == NULL || q->unsayable)
		return SMX_EPROTO;
	/* A notice's sender is nobody, under whatever name it is kept. */
	if (q->bounce)
		from = "<>";
	buf_init(&b, TEXT_MAX);
	client_put(q, &b);
	client = b.len;
	buf_str(&b, "MAIL ");
	xtext_put(&b, from, strlen(from));
	mail_params_put(q, &b);
	buf_str(&b, "\r\n");
	buf_add(&b, q->rcpts.data == NULL ? "" : q->rcpts.data, q->rcpts.len);
	/* The form is looked at as a whole, whatever was thought of above. */
	if (buf_error(&b) == SMX_OK &&
	    envelope_check(b.data, b.len, SMQF_RECIPIENTS_MAX, &recipients) ==
		SMX_OK)
		result = SMX_OK;
	if (result == SMX_OK) {
		*client_len = client;
		*out = buf_take(&b, len);
	}
	buf_free(&b);
	return result;
}
