/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/message.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/spill.h"

int
message_spill(const struct conf *conf, struct spill **out)
{
	char folder[PATH_MAX];
	int len;

	if (conf->milter_spill[0] != '\0')
		len =
		    snprintf(folder, sizeof(folder), "%s", conf->milter_spill);
	else
		len = snprintf(folder, sizeof(folder), "%s/spill",
		    conf->store_path);
	if (len < 0 || (size_t)len >= sizeof(folder))
		return SMX_EIO;
	return spill_new(out, folder, (size_t)conf->milter_memory_limit);
}

int
message_new(struct message **out, struct smx_config *config)
{
	struct message *message = calloc(1, sizeof(*message));
	int rc;

	if (message == NULL) {
		smx_config_release(&config);
		return SMX_ENOMEM;
	}
	message->config = config;
	message->conf = config_conf(config);
	rc = message_spill(message->conf, &message->content);
	if (rc != SMX_OK) {
		message_free(&message);
		return rc;
	}
	*out = message;
	return SMX_OK;
}

void
message_free(struct message **message)
{
	struct message *m = *message;

	if (m == NULL)
		return;
	spill_free(&m->content);
	smx_config_release(&m->config);
	free(m);
	*message = NULL;
}

int
message_queue_id(struct message *message, const char *queue_id)
{
	size_t len = strlen(queue_id);

	if (len == 0 || len > SMX_QUEUE_ID_MAX)
		return SMX_EINVAL;
	for (const char *c = queue_id; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '/')
			return SMX_EINVAL;
	memcpy(message->queue_id, queue_id, len + 1);
	return SMX_OK;
}

/* The first fault counts, and frees what was kept so far. */
static int
fail(struct message *message, enum reply fault, int error)
{
	if (message->fault == REPLY_NONE)
		message->fault = fault;
	spill_free(&message->content);
	return error;
}

static int
fail_for(struct message *message, int error)
{
	return fail(message, error == SMX_EFULL ? REPLY_FULL : REPLY_TROUBLE,
	    error);
}

static int
add(struct message *message, const void *data, size_t len)
{
	int rc;

	message->size += len;
	if (message->fault != REPLY_NONE)
		return SMX_ESTATE;
	if (message->size > (uint64_t)message->conf->milter_max_message)
		return fail(message, REPLY_SIZE, SMX_ELIMIT);
	rc = spill_add(message->content, data, len);
	return rc == SMX_OK ? SMX_OK : fail_for(message, rc);
}

/* The MTA writes a fold as LF; SMTP wants CRLF. */
static int
add_lines(struct message *message, const char *text)
{
	int rc = SMX_OK;

	while (rc == SMX_OK && *text != '\0') {
		size_t len = strcspn(text, "\n");
		int cr = len > 0 && text[len - 1] == '\r';

		rc = add(message, text, len);
		if (rc == SMX_OK && text[len] == '\n')
			rc = add(message, &"\r\n"[cr], cr ? 1 : 2);
		text += len + (text[len] == '\n');
	}
	return rc;
}

/*
 * Postfix gives a milter the first 60,000 bytes of a field, name and colon
 * included, or up to a tenth less when a line ends there, and does not say when
 * that was not all of it.  A copy of such a message could not take its place.
 */
#define FIELD_CUT 54000

static int
check_field(struct message *message, const struct message_field *field)
{
	const struct conf *conf = message->conf;
	size_t name_len = strlen(field->name);
	size_t value_len = strlen(field->value);

	if (++message->fields > conf->milter_max_headers)
		return fail(message, REPLY_FIELDS, SMX_ELIMIT);
	if (name_len + value_len > (uint64_t)conf->milter_max_header ||
	    name_len + 1 + strlen(field->gap) + value_len >= FIELD_CUT)
		return fail(message, REPLY_FIELD, SMX_ELIMIT);
	if (name_len == 0 || strpbrk(field->name, ":\r\n") != NULL ||
	    message->in_body)
		return fail(message, REPLY_MALFORMED, SMX_EINVAL);
	return SMX_OK;
}

int
message_header(struct message *message, const struct message_field *field)
{
	int rc = message->fault == REPLY_NONE ? check_field(message, field)
					      : SMX_ESTATE;

	if (rc == SMX_OK && strcasecmp(field->name, "Message-ID") == 0)
		message->message_ids +=
		    field->value[strspn(field->value, " \t\r\n")] != '\0';
	if (rc == SMX_OK)
		rc = add(message, field->name, strlen(field->name));
	if (rc == SMX_OK)
		rc = add(message, ":", 1);
	if (rc == SMX_OK)
		rc = add(message, field->gap, strlen(field->gap));
	if (rc == SMX_OK)
		rc = add_lines(message, field->value);
	if (rc == SMX_OK)
		rc = add(message, "\r\n", 2);
	return rc;
}

/* Once, whether the MTA says so or just goes on with the body or the end. */
int
message_end_of_header(struct message *message)
{
	if (message->in_body)
		return SMX_OK;
	message->in_body = 1;
	return add(message, "\r\n", 2);
}

int
message_body(struct message *message, const void *data, size_t len)
{
	int rc = message_end_of_header(message);

	return rc == SMX_OK ? add(message, data, len) : rc;
}

int
message_end(struct message *message, struct smx_content *out)
{
	int rc;

	if (message->fault != REPLY_NONE)
		return SMX_ESTATE;
	rc = message_end_of_header(message);
	if (rc != SMX_OK)
		return rc;
	if (!message->ended)
		rc = spill_end(message->content, message->digest);
	if (rc != SMX_OK)
		return fail_for(message, rc);
	message->ended = 1;
	spill_content(message->content, out);
	return SMX_OK;
}
