/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/conn.h"

#include <unistd.h>

int
conn_flush(struct conn *conn, int wait)
{
	for (;;) {
		size_t len, done;
		const void *data = tls_output(conn->tls, &len);
		int error;

		if (len == 0)
			return SMX_OK;
		error = tcp_send(conn->fd, data, len, wait, &done);
		if (error != SMX_OK)
			return error;
		tls_sent(conn->tls, done);
	}
}

int
conn_fill(struct conn *conn, int wait)
{
	size_t room, done;
	void *space = tls_space(conn->tls, &room);
	int error;

	if (room == 0)
		return SMX_OK;
	error = tcp_recv(conn->fd, space, room, wait, &done);
	if (error == SMX_OK)
		tls_received(conn->tls, done);
	return error;
}

void
conn_close(struct conn *conn)
{
	tls_free(&conn->tls);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}
