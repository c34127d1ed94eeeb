/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFPOLICY_H
#define CORE_PFPOLICY_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * What Postfix asks a policy service (SMTPD_POLICY_README): lines "name=value",
 * in any order, an empty one at the end.  What an ETRN is about is kept, all
 * else is passed over.
 */
#define PFPOLICY_LINE  512   /* of a longer one the rest is not looked at */
#define PFPOLICY_BYTES 65536 /* of one request */
#define PFPOLICY_VALUE 256

enum pfpolicy_name {
	PFPOLICY_REQUEST,
	PFPOLICY_STATE,  /* "ETRN", "RCPT", ... */
	PFPOLICY_DOMAIN, /* etrn_domain */
	PFPOLICY_CLIENT, /* client_address */
	PFPOLICY_USER,   /* sasl_username */
	PFPOLICY_NAMES
};

struct pfpolicy {
	char value[PFPOLICY_NAMES][PFPOLICY_VALUE]; /* "": none */
	unsigned given;                             /* 1 << name */
	char line[PFPOLICY_LINE];
	size_t len;   /* in line */
	size_t bytes; /* of this request until now */
	int cut;      /* the line is longer */
	int lines;
};

void pfpolicy_init(struct pfpolicy *request); /* and before each next one */

/*
 * SMX_OK: the request is complete, *used bytes belong to it.  SMX_ETEMP: all
 * bytes are taken, there is more to come.  SMX_ELIMIT, SMX_EINVAL: nothing that
 * Postfix says; there is no going on.
 */
int pfpolicy_feed(struct pfpolicy *request, const char *data, size_t len,
    size_t *used) SMX_MUST_USE;

/* ---- an ETRN (RFC 1985) ---- */

enum pfpolicy_etrn {
	PFPOLICY_NO_ETRN = 1, /* it is about something else */
	PFPOLICY_QUEUE,       /* "#name": a queue by its name */
	PFPOLICY_ASKED        /* for a domain and those below it */
};

/* domain: in small letters.  Postfix takes the '@' off before it asks, so both
 * forms mean the same. */
enum pfpolicy_etrn pfpolicy_etrn(const struct pfpolicy *request,
    char domain[PFPOLICY_VALUE]);

#endif
