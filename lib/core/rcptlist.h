/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RCPTLIST_H
#define CORE_RCPTLIST_H

#include <stddef.h>

#include "core/addr.h"

/*
 * A line of a list of the recipients of one domain: what "postmap -s" prints of
 * a Postfix table, or one address a line.  The first word counts.
 */
enum rcptlist_line {
	RCPTLIST_NOTHING = 1, /* empty, or a comment */
	RCPTLIST_ONE,         /* *local is one of them */
	RCPTLIST_ALL,         /* "@domain" */
	RCPTLIST_OTHER,       /* of another domain */
	RCPTLIST_BAD
};

/* The same of any domain, which is in *out; "" where the line has none: it is a
 * bare user then.  Never RCPTLIST_OTHER. */
enum rcptlist_line rcptlist_any(const char *line, size_t len, struct addr *out);

/* domain: folded; line: without its end, any bytes. */
enum rcptlist_line rcptlist_read(const char *line, size_t len,
    const char *domain, char local[ADDR_MAX + 1]);

#endif
