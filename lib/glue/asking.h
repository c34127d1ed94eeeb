/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_ASKING_H
#define GLUE_ASKING_H

#include <shadowmx/envelope.h>
#include <shadowmx/policy.h>

#include "glue/message.h"

/* What the recipients of one message ask for, all together. */
struct asking {
	struct message *message; /* NULL: none */
	const struct smx_envelope *envelope;
	const struct smx_client *client; /* located */
	int whole;                       /* a message cannot be split */
};

/* Non-zero: what this client is refused with 452 it sends in another message.
 */
int asking_may_split(const struct asking *asking);
/* The wish of one recipient.  SMX_EINVAL: an address too long. */
int asking_one(const struct asking *asking, const char *recipient,
    uint64_t size, struct smx_ack *ack) SMX_MUST_USE;
/*
 * The wish of all so far and of one more recipient.  Nothing is changed but
 * *one, its own wish, and *all.  SMX_ELIMIT: the two cannot hold together and
 * the client is one that sends the rest in another message; SMX_EINVAL: an
 * address too long.
 */
int asking_recipient(const struct asking *asking, const char *recipient,
    struct smx_ack *one, struct smx_ack *all) SMX_MUST_USE;
/* May the size of the message make this recipient's wish another one? */
int asking_waits(const struct asking *asking, const char *recipient);
/* At the end of the message its size is known: ask for every recipient once
 * more when that can change anything (message->sized), and keep what comes
 * out. */
void asking_size(const struct asking *asking);

#endif
