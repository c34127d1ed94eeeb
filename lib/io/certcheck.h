/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_CERTCHECK_H
#define IO_CERTCHECK_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * Do the certificates that a mail host shows say that it is that host?  As
 * those who deliver to it ask, by authorities (RFC 8461 4.2) and by TLSA
 * records (RFC 7672 3.1).  Any thread.
 */
#define CERTCHECK_WHY 128
#define CERTCHECK_MAX 16 /* certificates that are looked at */

/* Who may sign.  The file is read again once in a while. */
struct certtrust;
/* ca: a file of certificates, "": the system's. */
int certtrust_new(struct certtrust **out, const char *ca) SMX_MUST_USE;
void certtrust_free(struct certtrust **trust);

/* What tls_certificates() gave. */
struct certchain {
	const void *der;
	size_t len;
};

/* SMX_EREFUSED: no, with a sentence in why; SMX_EPROTO: they cannot be read;
 * SMX_ECONFIG: ca cannot; SMX_ENOMEM. */
int certcheck_host(struct certtrust *trust, const struct certchain *chain,
    const char *host, char why[CERTCHECK_WHY]) SMX_MUST_USE;

struct certtlsa {
	unsigned usage, selector, matching;
	const unsigned char *data;
	size_t len;
};
/* One of the records that mail can use?  host or also: a name that it is to
 * have where usage 2 asks for one.  SMX_EREFUSED: none fits; SMX_EPROTO,
 * SMX_ENOMEM as above. */
int certcheck_tlsa(const struct certchain *chain, const char *host,
    const char *also, const struct certtlsa *records,
    size_t count) SMX_MUST_USE;
/* Mail has a use for it, and it can be compared. */
int certtlsa_is_usable(const struct certtlsa *record);

#endif
