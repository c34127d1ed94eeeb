/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_REPLY_H
#define GLUE_REPLY_H

#include <shadowmx/engine.h>

/*
 * What an SMTP client is told when the answer is no.  One row for each reason;
 * nothing in it comes from outside or tells about this host's inside.
 */
enum reply {
	REPLY_NONE = 0,
	REPLY_NO_COPY,       /* policy: no copy, no acknowledgement */
	REPLY_NOT_DELIVERED, /* policy: not taken by the next hop, no yes */
	REPLY_CONFLICT,  /* the same: too few members that all policies allow */
	REPLY_GIVEN_UP,  /* the MTA is gone; nobody will read this */
	REPLY_BUSY,      /* too many open messages */
	REPLY_STOPPING,  /* the engine is stopping */
	REPLY_TROUBLE,   /* no memory, no file */
	REPLY_FULL,      /* no room for the message here */
	REPLY_RCPTS,     /* more recipients than a message may have */
	REPLY_ENVELOPE,  /* address or parameter too long or hostile */
	REPLY_FIELDS,    /* more header fields than allowed */
	REPLY_FIELD,     /* one header field is too long */
	REPLY_SIZE,      /* the message is too long */
	REPLY_MALFORMED, /* a header field that cannot be written again */
	REPLY_COUNT
};

struct reply_words {
	const char *code;
	const char *enhanced;
	const char *text;   /* no '%', no line break */
	const char *reason; /* for the log */
};

const struct reply_words *reply_words(enum reply reply);
/* For an error of smx_session_mail or smx_session_rcpt. */
enum reply reply_for(int error);
/* Refuse with these words; REPLY_NONE is taken for REPLY_TROUBLE. */
void reply_refuse(enum reply reply, struct smx_verdict *verdict);

#endif
