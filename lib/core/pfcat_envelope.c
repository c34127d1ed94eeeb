/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfcat_envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "core/envelope.h"
#include "core/pfaddr.h"
#include "core/xtext.h"

#define TEXT_MAX  (64u * 1024 * 1024)
#define PARAM_MAX (3 * ENVELOPE_VALUE_MAX) /* while it is being written */

/* Postfix's numbers, in its queue files since NOTIFY and RET exist. */
static const char *const notify_words[] = { "NEVER", "SUCCESS", "FAILURE",
	"DELAY" };
static const char *const ret_words[] = { "", "RET=FULL", "RET=HDRS" };

static const struct {
	const char *name;
	int value;
} attributes[] = {
	{ "client_name", SMX_FIELD_CLIENT_NAME },
	{ "client_address", SMX_FIELD_CLIENT_ADDR },
	{ "client_port", SMX_FIELD_CLIENT_PORT },
	{ "helo_name", SMX_FIELD_HELO },
	{ "protocol_name", SMX_FIELD_PROTOCOL },
	{ "sasl_method", SMX_FIELD_AUTH_TYPE },
	{ "sasl_username", SMX_FIELD_AUTH_NAME },
	{ "envelope_id", PFCAT_ENVID },
	{ "ret_flags", PFCAT_RET },
	{ "encoding", PFCAT_ENCODING },
};

void
pfcat_envelope_init(struct pfcat_envelope *e)
{
	memset(e, 0, sizeof(*e));
	buf_init(&e->orcpt, PARAM_MAX);
	buf_init(&e->notify, PARAM_MAX);
	buf_init(&e->first, 0);
	buf_init(&e->rcpts, TEXT_MAX);
}

void
pfcat_envelope_done(struct pfcat_envelope *e)
{
	for (int i = 0; i < PFCAT_VALUES; i++) {
		free(e->value[i]);
		e->value[i] = NULL;
	}
	buf_free(&e->orcpt);
	buf_free(&e->notify);
	buf_free(&e->first);
	buf_free(&e->rcpts);
}

static void
value_set(struct pfcat_envelope *e, int which, const char *text)
{
	if (e->value[which] != NULL) {
		if (which != PFCAT_ENCODING)
			return;
		free(e->value[which]);
	}
	e->value[which] = strdup(text);
	if (e->value[which] == NULL)
		e->damaged = 1;
}

static void
notify(struct pfcat_envelope *e, const char *text)
{
	uint64_t mask;

	buf_clear(&e->notify);
	if (number_parse(text, strlen(text), 15, &mask) != SMX_OK || mask == 0)
		return;
	buf_str(&e->notify, "NOTIFY=");
	for (unsigned i = 0; i < 4; i++) {
		if ((mask & 1u << i) == 0)
			continue;
		/* NEVER stands alone. */
		buf_str(&e->notify, notify_words[i]);
		mask = i == 0 ? 0 : mask & ~(1ull << i);
		if (mask != 0)
			buf_str(&e->notify, ",");
	}
}

static void
attribute(struct pfcat_envelope *e, const char *text)
{
	const char *value = strchr(text, '=');
	size_t len = value == NULL ? 0 : (size_t)(value - text);

	if (len == 0)
		return;
	value++;
	if (len == 12 && memcmp(text, "notify_flags", len) == 0) {
		notify(e, value);
		return;
	}
	if (len == 13 && memcmp(text, "dsn_orig_rcpt", len) == 0) {
		buf_clear(&e->orcpt);
		pfaddr_orcpt(&e->orcpt, value);
		return;
	}
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (strlen(attributes[i].name) == len &&
		    memcmp(text, attributes[i].name, len) == 0)
			value_set(e, attributes[i].value, value);
}

static int
param_put(struct buf *b, const struct buf *param)
{
	if (buf_error(param) != SMX_OK || param->len == 0 ||
	    param->len > ENVELOPE_VALUE_MAX)
		return 0; /* better a message without it than none */
	buf_str(b, " ");
	xtext_param_put(b, param->data, param->len);
	return 1;
}

/* " <address>", as SMTP writes it. */
static int
address_put(struct buf *b, const char *bare)
{
	struct buf address;
	int result = SMX_EPROTO;

	buf_init(&address, PARAM_MAX);
	pfaddr_put(&address, bare);
	if (buf_error(&address) == SMX_OK && address.len <= ENVELOPE_VALUE_MAX)
		result = SMX_OK;
	if (result == SMX_OK)
		xtext_put(b, address.data, address.len);
	buf_free(&address);
	return result;
}

static void
recipient(struct pfcat_envelope *e, const char *bare)
{
	size_t at;

	buf_str(&e->rcpts, "RCPT ");
	if (bare[0] == '\0' || address_put(&e->rcpts, bare) != SMX_OK ||
	    e->recipients == PFCAT_RECIPIENTS_MAX) {
		e->damaged = 1;
		return;
	}
	at = e->rcpts.len;
	param_put(&e->rcpts, &e->notify);
	param_put(&e->rcpts, &e->orcpt);
	if (e->recipients++ == 0)
		(void)buf_add(&e->first, e->rcpts.data + at, e->rcpts.len - at);
	buf_str(&e->rcpts, "\r\n");
}

static void
recipient_end(struct pfcat_envelope *e)
{
	buf_clear(&e->notify);
	buf_clear(&e->orcpt);
}

/* "size offset recipients flags size smtputf8"; the last was not always there.
 */
static void
sizes(struct pfcat_envelope *e, const char *text)
{
	uint64_t n = 0;
	int field = 0;

	while (*(text += strspn(text, " ")) != '\0') {
		size_t len = strcspn(text, " ");

		if (number_parse(text, len, UINT64_MAX, &n) != SMX_OK)
			return;
		text += len;
		field++;
	}
	/* Bit 0: the client asked for it; the others are what was found. */
	if (field >= 6)
		e->smtputf8 = (int)(n & 1);
}

static int
is_name(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((line[i] < 'a' || line[i] > 'z') && line[i] != '_')
			return 0;
	return len != 0;
}

static int
is(const char *line, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(line, name, len) == 0;
}

void
pfcat_envelope_record(struct pfcat_envelope *e, const char *line, size_t len)
{
	const char *colon = strstr(line, ": ");
	size_t n = colon == NULL ? 0 : (size_t)(colon - line);

	if (strlen(line) != len || !is_name(line, n)) {
		e->damaged = 1;
		return;
	}
	if (is(line, n, "message_size")) {
		sizes(e, colon + 2);
	} else if (is(line, n, "named_attribute")) {
		attribute(e, colon + 2);
	} else if (is(line, n, "sender")) {
		value_set(e, PFCAT_SENDER, colon + 2);
	} else if (is(line, n, "redirect_to")) {
		value_set(e, PFCAT_REDIRECT, colon + 2);
	} else if (is(line, n, "recipient")) {
		recipient(e, colon + 2);
		recipient_end(e);
	} else if (is(line, n, "done_recipient") ||
		   is(line, n, "canceled_recipient")) {
		recipient_end(e);
	} else if (is(line, n, "original_recipient") && e->orcpt.len == 0) {
		pfaddr_orcpt_bare(&e->orcpt, colon + 2, e->smtputf8);
	}
}

/* ---- the text ---- */

static void
client_put(struct pfcat_envelope *e, struct buf *b)
{
	buf_str(b, "CLIENT");
	for (int i = 0; i < SMX_FIELDS; i++) {
		const char *v = e->value[i];

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
word_put(struct buf *b, const char *word)
{
	buf_str(b, " ");
	xtext_param_put(b, word, strlen(word));
}

static void
mail_params_put(struct pfcat_envelope *e, struct buf *b)
{
	const char *encoding = e->value[PFCAT_ENCODING];
	const char *ret = e->value[PFCAT_RET];
	struct buf envid;
	uint64_t n;

	if (encoding != NULL && strcmp(encoding, "8bit") == 0)
		word_put(b, "BODY=8BITMIME");
	else if (encoding != NULL && strcmp(encoding, "7bit") == 0)
		word_put(b, "BODY=7BIT");
	if (e->smtputf8)
		word_put(b, "SMTPUTF8");
	if (ret != NULL && number_parse(ret, strlen(ret), 2, &n) == SMX_OK &&
	    n != 0)
		word_put(b, ret_words[n]);
	if (e->value[PFCAT_ENVID] == NULL || e->value[PFCAT_ENVID][0] == '\0')
		return;
	buf_init(&envid, PARAM_MAX);
	buf_str(&envid, "ENVID=");
	pfaddr_xtext(&envid, e->value[PFCAT_ENVID]);
	param_put(b, &envid);
	buf_free(&envid);
}

/* Only when there is somebody left to be served in their place. */
static void
recipients_put(struct pfcat_envelope *e, struct buf *b)
{
	if (e->value[PFCAT_REDIRECT] == NULL || e->recipients == 0) {
		buf_add(b, e->rcpts.data, e->rcpts.len);
		return;
	}
	buf_str(b, "RCPT ");
	if (address_put(b, e->value[PFCAT_REDIRECT]) != SMX_OK)
		e->damaged = 1;
	buf_add(b, e->first.data, e->first.len);
	buf_str(b, "\r\n");
}

int
pfcat_envelope_text(struct pfcat_envelope *e, char **out, size_t *len,
    size_t *client_len)
{
	size_t client, recipients;
	struct buf b;
	int result = SMX_EPROTO;

	buf_init(&b, TEXT_MAX);
	client_put(e, &b);
	client = b.len;
	buf_str(&b, "MAIL ");
	if (e->value[PFCAT_SENDER] == NULL ||
	    address_put(&b, e->value[PFCAT_SENDER]) != SMX_OK)
		e->damaged = 1;
	mail_params_put(e, &b);
	buf_str(&b, "\r\n");
	if (buf_error(&e->rcpts) != SMX_OK || buf_error(&e->first) != SMX_OK)
		e->damaged = 1;
	else
		recipients_put(e, &b);
	/* The form is looked at as a whole, whatever was thought of above. */
	if (!e->damaged && buf_error(&b) == SMX_OK &&
	    envelope_check(b.data, b.len, PFCAT_RECIPIENTS_MAX, &recipients) ==
		SMX_OK)
		result = SMX_OK;
	if (result == SMX_OK) {
		*client_len = client;
		*out = buf_take(&b, len);
	}
	buf_free(&b);
	return result;
}
