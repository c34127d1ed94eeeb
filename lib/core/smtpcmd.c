/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smtpcmd.h"

#include <string.h>
#include <strings.h>

#include "base/key.h"

/* Longer values, encoded, are not worth a refused command: they must fit
 * into a line of 2048 bytes. */
#define XFORWARD_VALUE_MAX 255

static const struct {
	const char *word;
	unsigned bit;
} offers[] = {
	{ "PIPELINING", SMTP_OFFERS_PIPELINING },
	{ "8BITMIME", SMTP_OFFERS_8BITMIME },
	{ "SMTPUTF8", SMTP_OFFERS_SMTPUTF8 },
	{ "DSN", SMTP_OFFERS_DSN },
	{ "SIZE", SMTP_OFFERS_SIZE },
	{ "XFORWARD", SMTP_OFFERS_XFORWARD },
	{ "CHUNKING", SMTP_OFFERS_CHUNKING },
	{ "STARTTLS", SMTP_OFFERS_STARTTLS },
};

enum attribute { NAME, ADDR, PORT, PROTO, HELO, SOURCE, IDENT, ATTRIBUTES };

static const char *const attributes[ATTRIBUTES] = { "NAME", "ADDR", "PORT",
	"PROTO", "HELO", "SOURCE", "IDENT" };

/* Parameters that are said again, and what must be offered for it. */
static const struct {
	const char *name;
	unsigned bit;
} mail_params[] = {
	{ "BODY=", SMTP_OFFERS_8BITMIME },
	{ "SMTPUTF8", SMTP_OFFERS_SMTPUTF8 },
	{ "RET=", SMTP_OFFERS_DSN },
	{ "ENVID=", SMTP_OFFERS_DSN },
}, rcpt_params[] = {
	{ "NOTIFY=", SMTP_OFFERS_DSN },
	{ "ORCPT=", SMTP_OFFERS_DSN },
};

static int
word_is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static void
xforward_offer(struct smtp_offer *offer, const char *text)
{
	for (;;) {
		size_t len;

		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (len == 0)
			return;
		for (unsigned i = 0; i < ATTRIBUTES; i++)
			if (word_is(text, len, attributes[i]))
				offer->xforward |= 1u << i;
		text += len;
	}
}

/* RFC 1870: without a number, or with 0, there is no fixed limit. */
static void
size_offer(struct smtp_offer *offer, const char *text)
{
	size_t len;

	offer->size_max = 0;
	text += strspn(text, " =");
	len = strspn(text, "0123456789");
	if ((text[len] != '\0' && text[len] != ' ') ||
	    number_parse(text, len, UINT64_MAX, &offer->size_max) != SMX_OK)
		offer->size_max = 0;
}

void
smtpcmd_offer(struct smtp_offer *offer, const char *text)
{
	/* "SIZE=n" with '=' is an old habit of some servers */
	size_t len = strcspn(text, " =");

	for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++)
		if (word_is(text, len, offers[i].word))
			offer->bits |= offers[i].bit;
	if (word_is(text, len, "XFORWARD"))
		xforward_offer(offer, text + len);
	if (word_is(text, len, "SIZE"))
		size_offer(offer, text + len);
}

/* ---- what a message needs ---- */

static int
has_eight(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return 1;
	return 0;
}

static int
needs_utf8(const struct smx_envelope *envelope)
{
	const char *const *params;
	size_t n = smx_envelope_mail_params(envelope, &params);

	for (size_t i = 0; i < n; i++)
		if (strcasecmp(params[i], "SMTPUTF8") == 0)
			return 1;
	if (has_eight(smx_envelope_sender(envelope)))
		return 1;
	n = smx_envelope_recipients(envelope);
	for (size_t i = 0; i < n; i++)
		if (has_eight(smx_envelope_recipient(envelope, i)))
			return 1;
	return 0;
}

unsigned
smtpcmd_needs(const struct smx_envelope *envelope, int eight, const char **why)
{
	if (needs_utf8(envelope)) {
		*why = "the message is internationalized";
		return SMTP_OFFERS_SMTPUTF8 |
		       (eight ? SMTP_OFFERS_8BITMIME : 0);
	}
	if (eight) {
		*why = "the content has 8-bit bytes";
		return SMTP_OFFERS_8BITMIME;
	}
	*why = "";
	return 0;
}

/* ---- MAIL and RCPT ---- */

/* Control bytes are nothing to be proud of, but the MTA that took the message
 * took them: only those that end a line, or a word, are none of an address. */
static int
is_of_a_path(unsigned char c, int quoted)
{
	if (c == '\0' || c == '\r' || c == '\n')
		return 0;
	return quoted || (c != '<' && c != '>' && c != ' ' && c != '\t');
}

/* No byte between the brackets may end the path early: quoted pairs and quoted
 * strings are skipped, all else must be no bracket and no white space. */
static int
path_is_safe(const char *path, size_t len)
{
	int quoted = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)path[i];

		if (c == '\\') {
			if (++i == len ||
			    !is_of_a_path((unsigned char)path[i], 1))
				return 0;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!is_of_a_path(c, quoted)) {
			return 0;
		}
	}
	return !quoted;
}

static int
path_add(struct buf *out, const char *address)
{
	size_t len = strlen(address);

	if (len >= 2 && address[0] == '<' && address[len - 1] == '>') {
		address++;
		len -= 2;
	}
	if (!path_is_safe(address, len))
		return SMX_EINVAL;
	(void)buf_add(out, "<", 1);
	(void)buf_add(out, address, len);
	return buf_add(out, ">", 1);
}

/* A byte that ends a parameter, or is not to stand in one. */
static int
is_unsafe(unsigned char c)
{
	return c <= 0x20 || c == 0x7f;
}

static int
param_is_safe(const char *param)
{
	for (; *param != '\0'; param++)
		if (is_unsafe((unsigned char)*param))
			return 0;
	return 1;
}

/* name "X=" matches "X=anything", name "X" only itself. */
static int
param_is(const char *param, const char *name)
{
	size_t len = strlen(name);

	return strncasecmp(param, name, len) == 0 &&
	       (name[len - 1] == '=' || param[len] == '\0');
}

/* The values of these two are xtext (RFC 3461 section 4): what some MTAs take
 * as it is can be said in another way. */
static int
param_can_be_said(const char *param)
{
	return param_is_safe(param) || strncasecmp(param, "ENVID=", 6) == 0 ||
	       strncasecmp(param, "ORCPT=", 6) == 0;
}

static void
param_add(struct buf *out, const char *param)
{
	(void)buf_add(out, " ", 1);
	for (; *param != '\0'; param++)
		if (is_unsafe((unsigned char)*param))
			(void)buf_fmt(out, "+%02X",
			    (unsigned)(unsigned char)*param);
		else
			(void)buf_add(out, param, 1);
}

/* Take back what was begun at `from` when a command cannot be said. */
static int
command_end(struct buf *out, size_t from, int result)
{
	if (result == SMX_OK)
		return buf_add(out, "\r\n", 2);
	if (out->len > from) {
		out->len = from;
		out->data[from] = '\0';
	}
	return result;
}

int
smtpcmd_mail(struct buf *out, const struct smx_envelope *envelope,
    const struct smtp_offer *offer, uint64_t size)
{
	const char *sender = smx_envelope_sender(envelope);
	const char *const *params;
	size_t from = out->len;
	size_t n = smx_envelope_mail_params(envelope, &params);
	int rc;

	(void)buf_str(out, "MAIL FROM:");
	rc = path_add(out, sender == NULL ? "" : sender);
	if ((offer->bits & SMTP_OFFERS_SIZE) != 0)
		(void)buf_fmt(out, " SIZE=%llu", (unsigned long long)size);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0;
		     k < sizeof(mail_params) / sizeof(*mail_params); k++)
			if (param_is(params[i], mail_params[k].name) &&
			    (offer->bits & mail_params[k].bit) != 0 &&
			    param_can_be_said(params[i]))
				param_add(out, params[i]);
	return command_end(out, from, rc);
}

int
smtpcmd_rcpt(struct buf *out, const struct smx_envelope *envelope, size_t index,
    const struct smtp_offer *offer)
{
	const char *address = smx_envelope_recipient(envelope, index);
	const char *const *params;
	size_t from = out->len;
	size_t n = smx_envelope_rcpt_params(envelope, index, &params);
	int rc;

	if (address == NULL)
		return SMX_EINVAL;
	(void)buf_str(out, "RCPT TO:");
	rc = path_add(out, address);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0;
		     k < sizeof(rcpt_params) / sizeof(*rcpt_params); k++)
			if (param_is(params[i], rcpt_params[k].name) &&
			    (offer->bits & rcpt_params[k].bit) != 0 &&
			    param_can_be_said(params[i]))
				param_add(out, params[i]);
	return command_end(out, from, rc);
}

/* ---- XFORWARD ---- */

static int
is_plain(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* RFC 3461 section 4: xtext. */
static void
xtext_add(struct buf *out, const char *text)
{
	size_t from = out->len;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		/* Postfix takes words apart at brackets and quotes. */
		if (c < 0x21 || c > 0x7e || strchr("+=\"<>()\\", c) != NULL)
			(void)buf_fmt(out, "+%02X", (unsigned)c);
		else
			(void)buf_add(out, text, 1);
	}
	if (out->len == from || out->len - from > XFORWARD_VALUE_MAX) {
		out->len = from;
		(void)buf_str(out, "[UNAVAILABLE]");
	}
}

/* Postfix refuses the whole command for one malformed host name or port. */
static int
only(const char *text, const char *more)
{
	for (; *text != '\0'; text++)
		if (!is_plain((unsigned char)*text) &&
		    strchr(more, *text) == NULL)
			return 0;
	return 1;
}

static const char *
attribute_value(const struct smx_envelope *envelope, enum attribute which,
    const char *trail_id)
{
	const char *address = smx_envelope_get(envelope, SMX_FIELD_CLIENT_ADDR);
	const char *text;

	switch (which) {
	case NAME:
		text = smx_envelope_get(envelope, SMX_FIELD_CLIENT_NAME);
		return strcasecmp(text, "unknown") != 0 && only(text, ".-_")
			   ? text
			   : "";
	case ADDR:
		return only(address, ".:") ? address : "";
	case PORT:
		text = smx_envelope_get(envelope, SMX_FIELD_CLIENT_PORT);
		return strspn(text, "0123456789") == strlen(text) ? text : "";
	case PROTO:
		return smx_envelope_get(envelope, SMX_FIELD_PROTOCOL);
	case HELO:
		return smx_envelope_get(envelope, SMX_FIELD_HELO);
	case SOURCE:
		return address[0] == '\0' ? "LOCAL" : "REMOTE";
	case IDENT:
		return trail_id;
	case ATTRIBUTES:
		break;
	}
	return "";
}

int
smtpcmd_xforward(struct buf *out, const struct smx_envelope *envelope,
    const char *trail_id, const struct smtp_offer *offer,
    enum smtp_xforward part)
{
	const unsigned client = 1u << NAME | 1u << ADDR;
	unsigned said =
	    offer->xforward & (part == SMTP_XFORWARD_CLIENT ? client : ~client);

	if (said == 0)
		return SMX_OK;
	(void)buf_str(out, "XFORWARD");
	for (unsigned i = 0; i < ATTRIBUTES; i++) {
		const char *value;

		if ((said & 1u << i) == 0)
			continue;
		value = attribute_value(envelope, (enum attribute)i, trail_id);
		(void)buf_fmt(out, " %s=", attributes[i]);
		if (i == ADDR && strchr(value, ':') != NULL)
			(void)buf_str(out, "IPV6:");
		xtext_add(out, value);
	}
	return buf_add(out, "\r\n", 2);
}
