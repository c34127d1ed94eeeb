/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_MESSAGE_H
#define GLUE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/config.h>
#include <shadowmx/content.h>
#include <shadowmx/policy.h>
#include <shadowmx/store.h>

#include "core/conf.h"
#include "glue/reply.h"

/*
 * A message that is arriving: its content, put together from header fields and
 * body as the MTA has them, its limits, and what its recipients ask for.
 *
 * Header and body are taken without an answer to the MTA, so a fault found
 * there is kept and told at the end of message; what follows it is not kept.
 */
struct spill;

struct message {
	struct smx_config *config; /* of the time of MAIL, held */
	const struct conf *conf;
	struct smx_ack ack; /* of all recipients so far */
	int sized;          /* and the size may make it another one */
	char queue_id[SMX_QUEUE_ID_MAX + 1];
	struct spill *content;
	uint64_t size; /* bytes seen, also those not kept */
	int64_t fields;
	unsigned message_ids; /* Message-ID fields that hold something */
	int in_body, ended;
	enum reply fault; /* the first */
	uint8_t digest[SMX_DIGEST_BYTES];
};

/* Where the content of a message goes, as the configuration has it. */
int message_spill(const struct conf *conf, struct spill **out) SMX_MUST_USE;
/* config is taken, also when this fails. */
int message_new(struct message **out, struct smx_config *config) SMX_MUST_USE;
void message_free(struct message **message);

/* SMX_EINVAL: not a queue id; the known one stays. */
int message_queue_id(struct message *message, const char *queue_id);
/* One field: name ':' gap value.  LF in value becomes CRLF. */
struct message_field {
	const char *name;
	const char *gap;
	const char *value;
};
int message_header(struct message *message,
    const struct message_field *field) SMX_MUST_USE;
int message_end_of_header(struct message *message) SMX_MUST_USE;
int message_body(struct message *message, const void *data,
    size_t len) SMX_MUST_USE;
/* Nothing more will come: content and digest are final; may be asked again. */
int message_end(struct message *message, struct smx_content *out) SMX_MUST_USE;

#endif
