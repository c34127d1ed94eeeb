/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFLOG_H
#define CORE_PFLOG_H

#include <stddef.h>

#include "core/pfid.h"

/*
 * One line of Postfix's log, as far as it tells that a message goes on under
 * another queue id, or in another message, or was delivered to a recipient.
 * Anybody who may log can write such a line, and a sender address can look like
 * one: whatever is not exactly the line that Postfix writes yields nothing.
 */
enum pflog_kind {
	PFLOG_NOTHING = 0,
	PFLOG_REQUEUED, /* postsuper: id was put into maildrop */
	PFLOG_LINKED,   /* pickup: id became other */
	PFLOG_RETURNED, /* bounce: id goes back to its sender, or to the
			 * postmaster, in other */
	PFLOG_SENT,     /* a delivery agent: id was delivered to rcpt */
	PFLOG_BOUNCED,  /* likewise: it was given up for rcpt */
	PFLOG_EXPIRED,  /* qmgr: id was given up for all that were left */
	PFLOG_DELETED,  /* postsuper: somebody removed id */
	PFLOG_DEFERRED  /* smtp: id was not delivered to rcpt for now, as the
			 * relay could not be reached or would not talk */
};

struct pflog_line {
	enum pflog_kind kind;
	char id[PFID_TEXT];
	char other[PFID_TEXT];
	const char *rcpt; /* inside the line */
	size_t rcpt_len;
	int rewritten;     /* rcpt is what the client gave; it was delivered to,
			    * or given up for, one of the addresses that the
			    * MTA has made of it */
	const char *relay; /* SENT, DEFERRED: "[ADDRESS]:PORT" of who was
			    * spoken with by SMTP; BOUNCED: likewise, if it
			    * refused the recipient.  Inside the line */
	size_t relay_len;  /* 0: nobody, or it is not said */
	int code;          /* BOUNCED with a relay: its refusal */
	char enhanced[12]; /* "" none */
};

/* line without its line break. */
enum pflog_kind pflog_read(const char *line, size_t len,
    struct pflog_line *out);

#endif
