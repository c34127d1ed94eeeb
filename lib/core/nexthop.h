/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_NEXTHOP_H
#define CORE_NEXTHOP_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * Where a message goes next, as acknowledge.next_hop says it:
 *
 *	smtp:[host]:25  smtp:[192.0.2.1]  smtp:[2001:db8::1]:2525  one host
 *	smtp:example.org:25                 the hosts that MX records name
 *	lmtp:[host]:24  lmtp:unix:/path  unix:/path (LMTP)
 *	mta                                 as the MTA's transport table says
 *
 * smtp: and lmtp: without a port: 25 and 24.  LMTP has no MX.
 */
#define NEXTHOP_TEXT 300 /* normal form */
#define NEXTHOPS_MAX 8   /* of one policy, tried in order */

enum nexthop_kind {
	NEXTHOP_HOST = 1, /* host: a name or an address */
	NEXTHOP_MX,       /* host: a domain */
	NEXTHOP_UNIX,     /* path */
	NEXTHOP_MTA
};

struct nexthop {
	enum nexthop_kind kind;
	int lmtp;
	uint16_t port;
	char host[256];
	char path[108];
};

/* SMX_EINVAL */
int nexthop_parse(struct nexthop *out, const char *text) SMX_MUST_USE;
/* The same with a sentence: NULL when text is good. */
const char *nexthop_check(struct nexthop *out, const char *text) SMX_MUST_USE;
/* The one way to write it; also its name in logs and commands. */
void nexthop_format(const struct nexthop *hop, char out[NEXTHOP_TEXT]);

#endif
