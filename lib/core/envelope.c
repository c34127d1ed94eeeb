/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/envelope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/xtext.h"

/* MAIL or RCPT: one piece of memory, the pointers first, then the texts. */
struct command {
	const char **params; /* NULL: not given yet */
	const char *address;
	size_t count;
};

struct smx_envelope {
	char *field[SMX_FIELDS]; /* NULL reads "" */
	struct command mail;
	struct command *rcpts;
	size_t count;
	size_t room;
	size_t max;
};

static const char *const field_names[] = { "NAME", "ADDR", "PORT", "HELO",
	"PROTO", "AUTH", "LOGIN", "DAEMON", "HOLD" };

static_assert(sizeof(field_names) / sizeof(*field_names) == SMX_FIELDS,
    "field_names[]");

const char *
envelope_field_name(enum smx_field field)
{
	return field_names[field];
}

int
smx_envelope_new(struct smx_envelope **out, size_t max_recipients)
{
	struct smx_envelope *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return SMX_ENOMEM;
	e->max = max_recipients != 0 ? max_recipients : ENVELOPE_RECIPIENTS_MAX;
	*out = e;
	return SMX_OK;
}

static void
command_clear(struct command *c)
{
	free(c->params);
	memset(c, 0, sizeof(*c));
}

void
smx_envelope_reset(struct smx_envelope *envelope)
{
	command_clear(&envelope->mail);
	for (size_t i = 0; i < envelope->count; i++)
		command_clear(&envelope->rcpts[i]);
	envelope->count = 0;
}

void
smx_envelope_free(struct smx_envelope **envelope)
{
	struct smx_envelope *e = *envelope;

	if (e == NULL)
		return;
	smx_envelope_reset(e);
	for (int i = 0; i < SMX_FIELDS; i++)
		free(e->field[i]);
	free(e->rcpts);
	free(e);
	*envelope = NULL;
}

static int
value_check(const char *value, size_t *len)
{
	*len = strlen(value);
	if (*len > ENVELOPE_VALUE_MAX)
		return SMX_ELIMIT;
	if (strpbrk(value, "\r\n") != NULL)
		return SMX_EINVAL;
	return SMX_OK;
}

const char *
smx_envelope_get(const struct smx_envelope *envelope, enum smx_field field)
{
	if ((unsigned)field >= SMX_FIELDS || envelope->field[field] == NULL)
		return "";
	return envelope->field[field];
}

/* Length of the CLIENT line if field had this value. */
static size_t
client_length(const struct smx_envelope *e, enum smx_field field,
    const char *value)
{
	size_t total = strlen("CLIENT\r\n");

	for (int i = 0; i < SMX_FIELDS; i++) {
		const char *v = i == (int)field
				    ? value
				    : smx_envelope_get(e, (enum smx_field)i);

		if (v[0] != '\0')
			total += 2 + strlen(field_names[i]) +
				 xtext_length(v, strlen(v));
	}
	return total;
}

int
smx_envelope_set(struct smx_envelope *envelope, enum smx_field field,
    const char *value)
{
	char *copy = NULL;
	size_t len;
	int error;

	if ((unsigned)field >= SMX_FIELDS)
		return SMX_EINVAL;
	if (value == NULL)
		value = "";
	error = value_check(value, &len);
	if (error != SMX_OK)
		return error;
	if (client_length(envelope, field, value) > ENVELOPE_LINE_MAX)
		return SMX_ELIMIT;
	if (len != 0) {
		copy = malloc(len + 1);
		if (copy == NULL)
			return SMX_ENOMEM;
		memcpy(copy, value, len + 1);
	}
	free(envelope->field[field]);
	envelope->field[field] = copy;
	return SMX_OK;
}

/* Check a command as a whole; *bytes is what its texts need. */
static int
command_check(const char *address, const char *const *params, size_t count,
    size_t *bytes)
{
	size_t line = strlen("MAIL \r\n");
	size_t len;
	int error = value_check(address, &len);

	if (error != SMX_OK)
		return error;
	if (len == 0)
		return SMX_EINVAL;
	if (count > ENVELOPE_PARAMS_MAX)
		return SMX_ELIMIT;
	line += xtext_length(address, len);
	*bytes = len + 1;
	for (size_t i = 0; i < count; i++) {
		error = value_check(params[i], &len);
		if (error != SMX_OK)
			return error;
		if (len == 0)
			return SMX_EINVAL;
		line += 1 + xtext_param_length(params[i], len);
		*bytes += len + 1;
	}
	return line > ENVELOPE_LINE_MAX ? SMX_ELIMIT : SMX_OK;
}

static const char *
text_place(char **to, const char *text)
{
	size_t size = strlen(text) + 1;
	char *at = *to;

	memcpy(at, text, size);
	*to += size;
	return at;
}

static int
command_set(struct command *c, const char *address, const char *const *params,
    size_t count)
{
	size_t bytes;
	char *texts;
	int error = command_check(address, params, count, &bytes);

	if (error != SMX_OK)
		return error;
	/* One pointer more, so that no parameters are no NULL. */
	c->params = malloc((count + 1) * sizeof(*c->params) + bytes);
	if (c->params == NULL)
		return SMX_ENOMEM;
	texts = (char *)(c->params + count + 1);
	c->address = text_place(&texts, address);
	for (size_t i = 0; i < count; i++)
		c->params[i] = text_place(&texts, params[i]);
	c->params[count] = NULL;
	c->count = count;
	return SMX_OK;
}

int
smx_envelope_mail(struct smx_envelope *envelope, const char *sender,
    const char *const *params, size_t count)
{
	if (envelope->mail.params != NULL)
		return SMX_ESTATE;
	if (sender[0] == '\0')
		sender = "<>";
	return command_set(&envelope->mail, sender, params, count);
}

int
smx_envelope_rcpt(struct smx_envelope *envelope, const char *address,
    const char *const *params, size_t count)
{
	int error;

	if (envelope->mail.params == NULL)
		return SMX_ESTATE;
	if (envelope->count >= envelope->max)
		return SMX_ELIMIT;
	if (envelope->count == envelope->room) {
		size_t room = envelope->room != 0 ? envelope->room * 2 : 4;
		struct command *more =
		    realloc(envelope->rcpts, room * sizeof(*more));

		if (more == NULL)
			return SMX_ENOMEM;
		envelope->rcpts = more;
		envelope->room = room;
	}
	error = command_set(&envelope->rcpts[envelope->count], address, params,
	    count);
	if (error == SMX_OK)
		envelope->count++;
	return error;
}

const char *
smx_envelope_sender(const struct smx_envelope *envelope)
{
	return envelope->mail.address;
}

size_t
smx_envelope_mail_params(const struct smx_envelope *envelope,
    const char *const **params)
{
	*params = envelope->mail.params;
	return envelope->mail.count;
}

size_t
smx_envelope_recipients(const struct smx_envelope *envelope)
{
	return envelope->count;
}

const char *
smx_envelope_recipient(const struct smx_envelope *envelope, size_t index)
{
	return index < envelope->count ? envelope->rcpts[index].address : NULL;
}

size_t
smx_envelope_rcpt_params(const struct smx_envelope *envelope, size_t index,
    const char *const **params)
{
	if (index >= envelope->count) {
		*params = NULL;
		return 0;
	}
	*params = envelope->rcpts[index].params;
	return envelope->rcpts[index].count;
}
