/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

/* The answer to the content may take longer than others (RFC 5321 4.5.3.2.6):
 * whoever does not wait for it gets the message twice. */
#define FINAL_STEPS 10
#define PIECE       16384
#define TLS_WAITS   65536 /* encrypted and not sent */

static size_t
unsent(const struct hopconn *conn)
{
	size_t n = 0;

	if (conn->tls != NULL)
		(void)tls_output(conn->tls, &n);
	return n;
}

/* As send(): what TLS wants to say. */
static ssize_t
flush(struct hopconn *conn)
{
	size_t len;
	const void *data = tls_output(conn->tls, &len);
	ssize_t n;

	if (len == 0)
		return 0;
	n = send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		tls_sent(conn->tls, (size_t)n);
	return n;
}

void
hopconn_init(struct hopconn *conn, int64_t step_ms)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = -1;
	conn->step_ms = step_ms;
}

void
hopconn_step(struct hopconn *conn, const struct hoptalk *talk)
{
	int64_t ms =
	    conn->tls != NULL && !conn->shaken ? conn->shake_ms : conn->step_ms;

	if (hoptalk_is_committed(talk))
		ms *= FINAL_STEPS;
	conn->until_ms = talk->now_ms + ms;
}

void
hopconn_close(struct hopconn *conn, int polite)
{
	static const char quit[] = "QUIT\r\n";

	if (conn->fd < 0)
		return;
	if (polite && conn->tls == NULL)
		(void)send(conn->fd, quit, sizeof(quit) - 1,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (polite &&
		 tls_write(conn->tls, quit, sizeof(quit) - 1) == SMX_OK)
		(void)flush(conn);
	(void)close(conn->fd);
	tls_free(&conn->tls);
	hopconn_init(conn, conn->step_ms);
}

/* ---- opening ---- */

static void
failed(struct hoptalk *talk, int errnum)
{
	char text[128];

	hoptalk_failed(talk, text_errno(text, sizeof(text), errnum));
}

void
hopconn_open(struct hopconn *conn, const struct hop_addr *addr,
    int64_t connect_ms, struct hoptalk *talk)
{
	int one = 1;

	hoptalk_connecting(talk);
	conn->fd = socket(addr->sa.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0) {
		failed(talk, errno);
		return;
	}
	/* only worth some milliseconds; a unix socket has no such option */
	(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn->connecting = 1;
	conn->until_ms = talk->now_ms + connect_ms;
	if (connect(conn->fd, (const struct sockaddr *)&addr->sa, addr->len) !=
		0 &&
	    errno != EINPROGRESS)
		failed(talk, errno);
}

/* Connected, or not, or not yet. */
static int
connect_look(struct hopconn *conn, struct hoptalk *talk)
{
	struct pollfd p = { .fd = conn->fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (poll(&p, 1, 0) <= 0)
		return 0;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	conn->connecting = 0;
	if (error != 0) {
		failed(talk, error);
		return 1;
	}
	hoptalk_connected(talk);
	hopconn_step(conn, talk);
	return 1;
}

int
hopconn_is_well(const struct hopconn *conn)
{
	char byte;

	return conn->fd >= 0 &&
	       recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

/* ---- bytes ---- */

static int
is_later(int errnum)
{
	return errnum == EAGAIN || errnum == EINTR;
}

static void
gone(struct hoptalk *talk, ssize_t n)
{
	if (n < 0)
		failed(talk, errno);
	else
		hoptalk_failed(talk, "the connection was closed");
}

static int
receive_plain(struct hopconn *conn, struct hoptalk *talk)
{
	char in[PIECE];
	ssize_t n = recv(conn->fd, in, sizeof(in), 0);

	if (n < 0 && is_later(errno))
		return 0;
	if (n <= 0)
		gone(talk, n);
	else if (hoptalk_received(talk, in, (size_t)n) > 0)
		hopconn_step(conn, talk);
	return 1;
}

static void
shake(struct hopconn *conn, struct hoptalk *talk)
{
	int rc = tls_handshake(conn->tls);

	if (rc == TLS_AGAIN)
		return;
	if (rc != SMX_OK) {
		hoptalk_insecure(talk, tls_reason(conn->tls));
		return;
	}
	conn->shaken = 1;
	hoptalk_secured(talk);
	hopconn_step(conn, talk);
}

static void
decrypt(struct hopconn *conn, struct hoptalk *talk)
{
	char in[PIECE];
	size_t n;
	int rc = SMX_OK;

	while (!talk->drop) {
		rc = tls_read(conn->tls, in, sizeof(in), &n);
		if (rc != SMX_OK)
			break;
		if (hoptalk_received(talk, in, n) > 0)
			hopconn_step(conn, talk);
	}
	if (rc == SMX_ECLOSED)
		hoptalk_failed(talk, "the connection was closed");
	else if (rc != SMX_OK && rc != TLS_AGAIN)
		hoptalk_failed(talk, tls_reason(conn->tls));
}

static int
receive_tls(struct hopconn *conn, struct hoptalk *talk)
{
	size_t room;
	void *space = tls_space(conn->tls, &room);
	ssize_t n = recv(conn->fd, space, room, 0);

	if (n < 0 && is_later(errno))
		return 0;
	if (n <= 0) {
		gone(talk, n);
		return 1;
	}
	tls_received(conn->tls, (size_t)n);
	if (!conn->shaken)
		shake(conn, talk);
	if (conn->shaken)
		decrypt(conn, talk);
	return 1;
}

static int
receive(struct hopconn *conn, struct hoptalk *talk)
{
	return conn->tls != NULL ? receive_tls(conn, talk)
				 : receive_plain(conn, talk);
}

/* What it said before it went may still be there to be read. */
static int
not_sent(struct hopconn *conn, struct hoptalk *talk)
{
	if (!receive(conn, talk) && !talk->drop)
		failed(talk, EPIPE);
	return 1;
}

static int
transmit_plain(struct hopconn *conn, struct hoptalk *talk)
{
	ssize_t n;

	if (talk->out.len == 0)
		return 0;
	n = send(conn->fd, talk->out.data, talk->out.len, MSG_NOSIGNAL);
	if (n < 0 && is_later(errno))
		return 0;
	if (n < 0)
		return not_sent(conn, talk);
	hoptalk_sent(talk, (size_t)n);
	hopconn_step(conn, talk);
	return 1;
}

static int
encrypt(struct hopconn *conn, struct hoptalk *talk)
{
	size_t waits;

	(void)tls_output(conn->tls, &waits);
	while (talk->out.len > 0 && waits < TLS_WAITS) {
		size_t n = talk->out.len < PIECE ? talk->out.len : PIECE;

		if (tls_write(conn->tls, talk->out.data, n) != SMX_OK) {
			hoptalk_failed(talk, tls_reason(conn->tls));
			return 1;
		}
		hoptalk_sent(talk, n);
		(void)tls_output(conn->tls, &waits);
	}
	return 0;
}

static int
transmit_tls(struct hopconn *conn, struct hoptalk *talk)
{
	ssize_t n;

	if (conn->shaken && encrypt(conn, talk))
		return 1;
	n = flush(conn);
	if (n < 0 && !is_later(errno))
		return not_sent(conn, talk);
	talk->behind = unsent(conn) > 0;
	if (n <= 0)
		return 0;
	hopconn_step(conn, talk);
	return 1;
}

static int
transmit(struct hopconn *conn, struct hoptalk *talk)
{
	hoptalk_fill(talk);
	if (talk->drop)
		return 1;
	return conn->tls != NULL ? transmit_tls(conn, talk)
				 : transmit_plain(conn, talk);
}

void
hopconn_secure(struct hopconn *conn, struct tls_context *context,
    const char *host, const char *also, int64_t shake_ms, struct hoptalk *talk)
{
	conn->shake_ms = shake_ms;
	if (tls_outside(&conn->tls, context, host, also) != SMX_OK) {
		hoptalk_insecure(talk, "out of memory");
		return;
	}
	hopconn_step(conn, talk);
	shake(conn, talk);
}

int
hopconn_pump(struct hopconn *conn, struct hoptalk *talk)
{
	int moved;

	if (conn->connecting)
		return connect_look(conn, talk);
	moved = receive(conn, talk);
	if (talk->drop)
		return 1;
	return transmit(conn, talk) || moved;
}

short
hopconn_events(const struct hopconn *conn, const struct hoptalk *talk)
{
	if (conn->connecting)
		return POLLOUT;
	if (unsent(conn) > 0 || talk->out.len > 0 || talk->pouring)
		return POLLIN | POLLOUT;
	return POLLIN;
}
