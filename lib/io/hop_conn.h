/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_HOP_CONN_H
#define IO_HOP_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "core/hoptalk.h"
#include "io/hop_addr.h"
#include "io/tls.h"

/* One connection that never waits: it carries the bytes of a talk. */
struct hopconn {
	int fd; /* -1 none */
	int connecting;
	struct tls *tls; /* NULL: plain */
	int shaken;
	int64_t until_ms; /* something has to happen before that */
	int64_t step_ms;
	int64_t shake_ms; /* the same, within a handshake */
};

void hopconn_init(struct hopconn *conn, int64_t step_ms);
/* Tells the talk how it went. */
void hopconn_open(struct hopconn *conn, const struct hop_addr *addr,
    int64_t connect_ms, struct hoptalk *talk);
/* From now on by TLS, with that host: see tls_outside().  shake_ms: for each
 * step of the handshake. */
void hopconn_secure(struct hopconn *conn, struct tls_context *context,
    const char *host, const char *also, int64_t shake_ms, struct hoptalk *talk);
/* polite: say QUIT, without waiting for what is said to that. */
void hopconn_close(struct hopconn *conn, int polite);
/* Still there, and silent? */
int hopconn_is_well(const struct hopconn *conn);

/* As much as is possible at once; non-zero: something was. */
int hopconn_pump(struct hopconn *conn, struct hoptalk *talk);
/* For poll(). */
short hopconn_events(const struct hopconn *conn, const struct hoptalk *talk);
/* The next step begins now. */
void hopconn_step(struct hopconn *conn, const struct hoptalk *talk);

#endif
