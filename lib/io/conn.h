/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_CONN_H
#define IO_CONN_H

#include "io/tcp.h"
#include "io/tls.h"

/* TLS over a TCP socket. */
struct conn {
	int fd; /* -1: none */
	struct tls *tls;
};

/* Send what waits: SMX_OK when nothing waits any more, TCP_AGAIN, SMX_ECLOSED.
 * wait: the socket may block as long as its timeout says, each time. */
int conn_flush(struct conn *conn, int wait);
/* Receive once: SMX_OK, TCP_AGAIN, SMX_ECLOSED. */
int conn_fill(struct conn *conn, int wait);
void conn_close(struct conn *conn);

#endif
