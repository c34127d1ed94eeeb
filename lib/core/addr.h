/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * A mailbox address in the one form that is compared: without angle brackets
 * and source route, the local part without quotes and backslashes, the domain
 * in lower case and without a closing dot.  Both are strings; the local part
 * may hold an '@' when it was quoted.
 */
#define ADDR_MAX 1000

struct addr {
	size_t local_len;
	size_t domain_len;
	char local[ADDR_MAX + 1];
	char domain[ADDR_MAX + 1]; /* "" when there was none */
};

/*
 * Never fails but for SMX_ELIMIT (longer than ADDR_MAX): what an MTA has
 * accepted is looked up as well as it can be.
 */
int addr_read(struct addr *out, const char *text) SMX_MUST_USE;
/* The same, and SMX_EINVAL unless it is an address that mail can have. */
int addr_parse(struct addr *out, const char *text) SMX_MUST_USE;

/* Lower case in place; letters outside ASCII are left alone. */
void addr_fold(char *text, size_t len);
/* A domain name as an administrator writes it, folded into out (ADDR_MAX + 1).
 * SMX_EINVAL unless its labels are possible ones; UTF-8 is let through. */
int domain_parse(char *out, const char *text) SMX_MUST_USE;
/* A host name: letters, digits and hyphens only. */
int hostname_check(const char *text) SMX_MUST_USE;
/* Non-zero when domain is parent or below it.  Both folded. */
int domain_within(const char *domain, const char *parent);

#endif
