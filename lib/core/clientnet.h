/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_CLIENTNET_H
#define CORE_CLIENTNET_H

#include <stdint.h>

#include <shadowmx/err.h>

/*
 * The network that a client counts as: /24 of IPv4, /64 of IPv6.  A large
 * sender tries again from the host next to the one before, and a spammer has as
 * many addresses of one /64 as he likes.  No padding: it is hashed as it is.
 */
struct clientnet {
	uint8_t octet[9]; /* family, then what is left of the address */
};

/* SMX_EINVAL: not an address. */
int clientnet_of(const char *address, struct clientnet *out) SMX_MUST_USE;

#endif
