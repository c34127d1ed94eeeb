/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_HOP_IN_H
#define IO_HOP_IN_H

#include "core/hoptalk.h"
#include "io/hop.h"
#include "io/hop_addr.h"
#include "io/hop_cache.h"
#include "io/hop_conn.h"
#include "io/resolve.h"

struct hops {
	struct hops_options options;
	struct hop_cache *cache;
	struct resolver *resolver;
	struct tls_context *tls; /* NULL: none is to be used */
	char helo[256];
};

struct hop {
	struct hops *hops;
	struct nexthop to;
	struct hoptalk talk;
	struct hopconn conn;
	struct hop_addrs addrs;
	size_t cursor;
	struct lookup *lookup; /* not answered yet */
	int resolved;
	struct hop_answer nowhere; /* when there is no address */
	int asked_cache;
	int idle; /* nothing was awaited after the last run */
	char peer[HOP_ADDR_TEXT];
};

/* hop_connect.c: get it a connection, or let it give up. */
void hop_connect(struct hop *hop);
void hop_secure(struct hop *hop);
/* Nothing can go on before the resolver has answered. */
int hop_is_resolving(const struct hop *hop);

#endif
