/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFCAT_ENVELOPE_H
#define CORE_PFCAT_ENVELOPE_H

#include <stddef.h>

#include <shadowmx/envelope.h>

#include "base/buf.h"

/*
 * An envelope out of the records of one queue file, by the rules of the queue
 * manager: the first sender counts, the last encoding, and of everything else
 * the first; NOTIFY and ORCPT belong to the recipient that follows; a done or
 * canceled recipient is none; a redirection takes the place of all recipients.
 * Addresses in the file are bare, without the quotes and escapes of SMTP.
 */
#define PFCAT_RECIPIENTS_MAX 50000 /* doc/WIRE */

enum pfcat_value {
	/* first the fields of enum smx_field, under their numbers */
	PFCAT_SENDER = SMX_FIELDS,
	PFCAT_ENVID,
	PFCAT_RET,
	PFCAT_ENCODING,
	PFCAT_REDIRECT,
	PFCAT_VALUES
};

struct pfcat_envelope {
	char *value[PFCAT_VALUES]; /* malloc'ed; NULL: not seen */
	struct buf orcpt, notify;  /* for the recipient to come */
	struct buf first;          /* of the first open one: its parameters */
	struct buf rcpts;          /* RCPT lines */
	size_t recipients;
	int smtputf8;
	int damaged; /* has no text form, or was not understood */
};

void pfcat_envelope_init(struct pfcat_envelope *e);
void pfcat_envelope_done(struct pfcat_envelope *e);
/* A record as it is printed, "name: value", ended by NUL at len. */
void pfcat_envelope_record(struct pfcat_envelope *e, const char *line,
    size_t len);
/* The text form; *out is malloc'ed.  SMX_EPROTO: it has none. */
int pfcat_envelope_text(struct pfcat_envelope *e, char **out, size_t *len,
    size_t *client_len) SMX_MUST_USE;

#endif
