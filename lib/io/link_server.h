/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_SERVER_H
#define IO_LINK_SERVER_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>

#include "base/log.h"
#include "core/wire.h"
#include "io/conn.h"

/* The answering side: one thread accepts, one thread serves each connection. */
struct server_options {
	const char *node;
	struct tls_context *tls;
	const char *const *names; /* of the peers */
	size_t peers;
	size_t max_connections; /* of each peer */
	size_t max_pending;     /* not yet known to be a peer */
	struct wire_limits limits;
	int64_t idle_ms;
	int64_t step_ms;
};

struct session;

struct server {
	struct server_options options;
	const struct smx_link_server *table;
	int listening; /* not ours to close when inherited */
	int wake;      /* readable once stopping */
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t ended;
	int stopping;
	struct session *sessions;
	size_t pending;
	size_t evicted;            /* of these, cut off for others */
	size_t *connections;       /* per peer */
	struct log_limit limit[2]; /* strangers, members */
};

/* options and its pointers are lent until server_stop returns. */
int server_start(struct server **out, const struct server_options *options,
    int listening, const struct smx_link_server *table) SMX_MUST_USE;
/* Returns when no answer is running. */
void server_stop(struct server **server);

/* The connection is from this peer: may it go on? */
int server_admit(struct server *server, struct session *session, size_t peer);
/* A line about a connection that is no good; at most a few a second.  peer:
 * TLS_ANY when it is not known. */
void server_complain(struct server *server, const struct tcp_address *from,
    size_t peer, const char *event, const char *reason);

#endif
