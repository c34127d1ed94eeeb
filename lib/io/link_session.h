/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_SESSION_H
#define IO_LINK_SESSION_H

#include "io/link_server.h"

/* One incoming connection. */
struct session {
	struct session *next, *prev; /* of the server's list, under its lock */
	struct server *server;
	struct tcp_address from;
	struct conn conn;
	size_t peer; /* TLS_ANY while pending */
	int evicted; /* while pending: cut off, under the server's lock */

	struct wire_server wire;
	struct buf out; /* answers not yet encrypted */
	struct smx_inbound *inbound;
	int result; /* of the shadow being received, so far */
	int greeted;
	int closing;
	int answers;      /* made since the time below */
	int64_t since_ms; /* the peer owes us progress, or is idle, since */
	size_t progress;  /* bytes since then */
	char plain[16384];
};

/* The whole conversation; returns when the connection has to be closed. */
void session_run(struct session *session);

#endif
