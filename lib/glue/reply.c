/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/reply.h"

#include <assert.h>

#include "base/buf.h"

static const struct reply_words words[] = {
	[REPLY_NONE] = { "451", "4.3.0",
	    "Local trouble, please try again later", "none" },
	[REPLY_NO_COPY] = { "451", "4.3.0",
	    "No second host has taken a copy yet, please try again later",
	    "no-copy" },
	[REPLY_NOT_DELIVERED] = { "451", "4.4.1",
	    "The next hop has not taken the message yet, please try again "
	    "later",
	    "not-delivered" },
	[REPLY_CONFLICT] = { "451", "4.3.0",
	    "No second host has taken a copy yet, please try again later",
	    "policies-conflict" },
	[REPLY_GIVEN_UP] = { "451", "4.3.0",
	    "No second host has taken a copy yet, please try again later",
	    "mta-gave-up" },
	[REPLY_BUSY] = { "451", "4.3.2",
	    "Too many messages are open, please try again later", "busy" },
	[REPLY_STOPPING] = { "451", "4.3.2",
	    "The service is stopping, please try again later", "stopping" },
	[REPLY_TROUBLE] = { "451", "4.3.0",
	    "Local trouble, please try again later", "trouble" },
	[REPLY_FULL] = { "452", "4.3.1",
	    "Not enough room for the message, please try again later",
	    "no-room" },
	[REPLY_RCPTS] = { "452", "4.5.3", "Too many recipients in one message",
	    "recipients" },
	[REPLY_ENVELOPE] = { "501", "5.5.4",
	    "Address or parameter is too long or malformed", "envelope" },
	[REPLY_FIELDS] = { "552", "5.3.4", "Too many header fields",
	    "header-fields" },
	[REPLY_FIELD] = { "552", "5.3.4", "A header field is too long",
	    "header-size" },
	[REPLY_SIZE] = { "552", "5.3.4", "The message is too large",
	    "message-size" },
	[REPLY_MALFORMED] = { "554", "5.6.0", "A header field is malformed",
	    "malformed" },
};

static_assert(sizeof(words) / sizeof(*words) == REPLY_COUNT, "words[]");

const struct reply_words *
reply_words(enum reply reply)
{
	return &words[(unsigned)reply < REPLY_COUNT ? reply : REPLY_TROUBLE];
}

enum reply
reply_for(int error)
{
	switch (error) {
	case SMX_ELIMIT:
		return REPLY_RCPTS;
	case SMX_EINVAL:
		return REPLY_ENVELOPE;
	case SMX_EFULL:
		return REPLY_FULL;
	default:
		return REPLY_TROUBLE;
	}
}

void
reply_refuse(enum reply reply, struct smx_verdict *verdict)
{
	const struct reply_words *w = reply_words(reply);

	verdict->accept = 0;
	verdict->earned = SMX_EARNED_NOTHING;
	(void)text_copy(verdict->code, sizeof(verdict->code), w->code);
	(void)text_copy(verdict->enhanced, sizeof(verdict->enhanced),
	    w->enhanced);
	(void)text_copy(verdict->text, sizeof(verdict->text), w->text);
}
