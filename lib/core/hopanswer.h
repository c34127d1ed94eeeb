/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOPANSWER_H
#define CORE_HOPANSWER_H

#include <shadowmx/err.h>

#include "core/smtpreply.h"

/* What a next hop says to one recipient, or what came instead. */
enum hop_class {
	HOP_YES = 1,     /* 2xx */
	HOP_TEMP,        /* 4xx */
	HOP_NO,          /* 5xx */
	HOP_UNREACHABLE, /* no answer, and nothing was taken: no address, no
			  * connection, no TLS where it must be, a greeting that
			  * sends us away, a step past its deadline, an
			  * answer that is none */
	HOP_CANNOT, /* it lacks what this message needs (8BITMIME, SMTPUTF8,
		     * DSN parameters it would have to honour): nothing was
		     * taken, somebody else may find a way */
	HOP_UNSURE  /* lost after the final dot: it may have the message
		     * (RFC 1047) */
};

struct hop_answer {
	enum hop_class class;
	int code;          /* 250, 550; 0: none was heard */
	char enhanced[12]; /* "5.1.1" or "" */
	char text[256];    /* printable ASCII, one line; for HOP_UNREACHABLE,
			    * HOP_CANNOT, HOP_UNSURE what went wrong */
};

/* In the next hop's own words. */
void hopanswer_reply(struct hop_answer *out, const struct smtpreply *reply);
/* In ours; unprintable bytes become '?'. */
void hopanswer_own(struct hop_answer *out, enum hop_class class,
    const char *fmt, ...) SMX_PRINTF(3, 4);
/* "what: code enhanced text", for an answer that makes its asker go. */
void hopanswer_at(struct hop_answer *out, enum hop_class class,
    const char *what, const struct smtpreply *reply);

#endif
