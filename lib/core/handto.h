/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HANDTO_H
#define CORE_HANDTO_H

#include "core/addr.h"
#include "core/nexthop.h"

/*
 * To whom the mail of a primary MX goes that was down for the whole hold
 * (backup.hand_to):
 *
 *	user@other.example	all of it to this address
 *	smtp:[host]:25 ...	to this host, its recipients as they are; as
 *				acknowledge.next_hop, but for "mta"
 */
struct handto {
	char address[ADDR_MAX + 1]; /* "": it is a host */
	struct nexthop hop;
};

/* SMX_EINVAL */
int handto_parse(struct handto *out, const char *text) SMX_MUST_USE;
/* The same with a sentence: NULL when text is good. */
const char *handto_check(struct handto *out, const char *text);

#endif
