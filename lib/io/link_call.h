/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_CALL_H
#define IO_LINK_CALL_H

#include <stdint.h>

#include <shadowmx/link.h>

#include "base/buf.h"
#include "core/wire.h"
#include "io/conn.h"

struct client_peer;

/*
 * A connection to a peer, and the one exchange that runs on it.
 *
 *	QUEUED -> CONNECT -> HANDSHAKE -> GREETING -> HELLO -> SEND
 *	a kept connection begins here ------------------------> SEND
 *	SEND -> REPLY -> DONE
 *
 * REPLY is entered when the kernel has taken the last byte.  That is the line
 * between "the peer does not have it" and "it may".
 */
enum call_state {
	CALL_QUEUED, /* all connections are in use: link_pool.h */
	CALL_CONNECT,
	CALL_HANDSHAKE,
	CALL_GREETING,
	CALL_HELLO,
	CALL_SEND,
	CALL_REPLY,
	CALL_DONE
};

struct smx_call {
	struct smx_call *next; /* in the pool, or in its line */
	/* Under the pool's lock while in the line. */
	int place;              /* counts as one of the open connections */
	int urgent;             /* a request */
	struct smx_call *given; /* the connection of another that is done */
	int turn_fd;            /* readable when it is its turn; -1 none */
	struct client_peer *peer;
	struct conn conn;
	enum call_state state;
	int64_t deadline_ms;
	int64_t connect_until_ms;
	int64_t idle_since_ms;

	/* One of these. */
	const struct smx_shadow *shadow;
	const struct smx_request *request;
	struct smx_reply *reply;

	struct buf text; /* all but the content */
	size_t text_sent;
	uint64_t content_sent;

	int kept;       /* the connection has served before */
	int answered;   /* something of the answer has come */
	int unsure;     /* an earlier try may have arrived */
	int reusable;   /* the connection may serve again */
	unsigned tries; /* connections opened for this exchange */
	int result;
	char words[256];

	/* What the connection began with. */
	struct wire_client in;
	struct smx_hello hello;
	struct wire_limits limits;
	unsigned minor; /* version that the peer speaks */
};

struct smx_call *call_new(struct client_peer *peer);
void call_free(struct smx_call *call);
/* Go on with the connection of another, which is then without one. */
void call_adopt(struct smx_call *call, struct smx_call *other);

/* Start the exchange that shadow or request names, as far as it goes without
 * waiting.  Outcomes are in state and result. */
int call_begin(struct smx_call *call, int64_t deadline_ms, int64_t now_ms);
int call_fd(const struct smx_call *call);
short call_events(const struct smx_call *call);
void call_drive(struct smx_call *call, short revents, int64_t now_ms);
/* When to call call_expire at the latest. */
int64_t call_until(const struct smx_call *call);
void call_expire(struct smx_call *call, int64_t now_ms);
/* What is known now, complete or not. */
int call_result(const struct smx_call *call);

#endif
