/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_HOP_ADDR_H
#define IO_HOP_ADDR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/nexthop.h"

/* The addresses of one next hop, in the order in which they are tried. */
#define HOP_ADDRS_MAX 16
#define HOP_ADDR_TEXT 360 /* "mx.example.org[192.0.2.1]:25" */

struct hop_addr {
	struct sockaddr_storage sa;
	socklen_t len;
	char host[256]; /* its name, or the address itself; "" for a socket */
};

struct hop_addrs {
	struct hop_addr list[HOP_ADDRS_MAX];
	size_t count;
};

void hop_addrs_add(struct hop_addrs *addrs, const struct sockaddr *sa,
    socklen_t len, const char *host, uint16_t port);
/* Those that need no name: non-zero when it was one of them. */
int hop_addrs_literal(struct hop_addrs *addrs, const struct nexthop *to);
void hop_addr_format(const struct hop_addr *addr, char out[HOP_ADDR_TEXT]);
/* Whatever it is called: an address of this host can be bound. */
int hop_addr_is_own(const struct hop_addr *addr);

#endif
