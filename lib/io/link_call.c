/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_call.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/link_call_in.h"
#include "io/link_client.h"
#include "io/link_pool.h"
#include "io/link_send.h"

#define ROUNDS      8  /* full queues, before other calls get their turn */
#define REPLY_LINES 20 /* later versions may say more than we ask */
#define KEEP_BYTES  65536

struct smx_call *
call_new(struct client_peer *peer)
{
	struct smx_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->peer = peer;
	call->conn.fd = -1;
	call->turn_fd = -1;
	call->state = CALL_CONNECT;
	buf_init(&call->text, 0);
	wire_client_init(&call->in);
	return call;
}

void
call_free(struct smx_call *call)
{
	conn_close(&call->conn);
	buf_free(&call->text);
	wire_client_free(&call->in);
	if (call->turn_fd >= 0)
		close(call->turn_fd);
	free(call);
}

void
call_adopt(struct smx_call *call, struct smx_call *other)
{
	struct wire_client in = call->in;

	conn_close(&call->conn);
	call->conn = other->conn;
	memset(&other->conn, 0, sizeof(other->conn));
	other->conn.fd = -1;
	call->in = other->in;
	other->in = in;
	call->hello = other->hello;
	call->limits = other->limits;
	call->minor = other->minor;
}

int
call_result(const struct smx_call *call)
{
	if (call->state == CALL_DONE)
		return call->result;
	return call->unsure || call->state == CALL_REPLY ? SMX_EUNSURE
							 : SMX_EUNREACHABLE;
}

void
call_done(struct smx_call *call, int result)
{
	call->result = result;
	call->state = CALL_DONE;
	/* A large one must not rest with the connection. */
	if (call->text.size > KEEP_BYTES)
		buf_free(&call->text);
}

void
call_words(struct smx_call *call, const char *text, size_t len)
{
	log_escape(call->words, sizeof(call->words), text, len);
}

static void connection_open(struct smx_call *call, int64_t now_ms);

/*
 * The connection is of no more use.  A kept one may have been dead for long
 * without anybody noticing, so the exchange goes over a new one, once: every
 * verb has the same result when it arrives twice.
 */
void
call_lost(struct smx_call *call, const char *why, int64_t now_ms)
{
	int again = call->kept && !call->answered && call->state >= CALL_SEND &&
		    now_ms < call->deadline_ms;

	if (call->state == CALL_REPLY)
		call->unsure = 1;
	call->kept = 0;
	call->reusable = 0;
	if (again) {
		connection_open(call, now_ms);
		return;
	}
	client_complain(call->peer, why, call->words);
	if (call->words[0] == '\0')
		call_words(call, why, strlen(why));
	call_done(call, call_result(call));
}

/* ---- sending ---- */

static void
push(struct smx_call *call, int64_t now_ms)
{
	for (int i = 0; i < ROUNDS; i++) {
		int error = send_queue(call);

		if (error != SMX_OK) {
			/* Our own content cannot be read: no other
			 * connection will change that. */
			call->kept = 0;
			call_lost(call, smx_errname(error), now_ms);
			return;
		}
		error = conn_flush(&call->conn, 0);
		if (error == TCP_AGAIN)
			return;
		if (error != SMX_OK) {
			call_lost(call, "closed while sending", now_ms);
			return;
		}
		if (send_complete(call)) {
			call->state = CALL_REPLY;
			return;
		}
	}
}

/* The connection is ready for the exchange. */
void
call_exchange(struct smx_call *call, int64_t now_ms)
{
	call->text_sent = 0;
	call->content_sent = 0;
	call->answered = 0;
	call->reusable = 1;
	if (call->shadow != NULL &&
	    (call->shadow->content->size > call->limits.max_content ||
		call->shadow->envelope_len > call->limits.max_envelope)) {
		call_words(call, "over the peer's limit", 21);
		call_done(call, call->unsure ? SMX_EUNSURE : SMX_EREFUSED);
		return;
	}
	if (call->request != NULL &&
	    call->minor < wire_request_minor(call->request)) {
		/* It would take what follows the verb for commands, and
		 * answer each of them. */
		call_words(call, "the peer's version is older", 27);
		call_done(call, call->unsure ? SMX_EUNSURE : SMX_EREFUSED);
		return;
	}
	if (call->reply != NULL)
		call->reply->count = 0;
	wire_client_expect(&call->in,
	    call->request != NULL && call->request->kind == SMX_REQ_LIST
		? call->request->limit + 1
		: REPLY_LINES);
	call->state = CALL_SEND;
	push(call, now_ms);
}

/* ---- opening ---- */

void
call_hello(struct smx_call *call, int64_t now_ms)
{
	struct client *client = call->peer->client;
	struct smx_hello ours;
	struct buf b;
	int known = client->hello(client->hello_ctx, call->peer->number, &ours);
	int error;

	buf_init(&b, WIRE_LINE_MAX);
	wire_put_ehlo(&b, client->node, known ? &ours : NULL);
	error = buf_error(&b);
	if (error == SMX_OK)
		error = tls_write(call->conn.tls, b.data, b.len);
	buf_free(&b);
	if (error == SMX_OK)
		error = conn_flush(&call->conn, 0);
	if (error < 0) {
		call_lost(call, smx_errname(error), now_ms);
		return;
	}
	wire_client_expect(&call->in, REPLY_LINES);
	call->state = CALL_HELLO;
}

static void
handshake(struct smx_call *call, int64_t now_ms)
{
	int error = tls_handshake(call->conn.tls);
	int sent = conn_flush(&call->conn, 0);

	if (error < 0 || sent < 0) {
		const char *why = tls_reason(call->conn.tls);

		call_lost(call,
		    why[0] != '\0' ? why : "closed in the handshake", now_ms);
		return;
	}
	if (error == TLS_AGAIN)
		return;
	wire_client_expect(&call->in, REPLY_LINES);
	call->state = CALL_GREETING;
}

static void
connection_open(struct smx_call *call, int64_t now_ms)
{
	struct client *client = call->peer->client;

	conn_close(&call->conn);
	call->tries++;
	call->state = CALL_CONNECT;
	call->connect_until_ms = now_ms + client->connect_ms;
	if (tcp_connect(&call->conn.fd, &call->peer->address) != SMX_OK) {
		call->conn.fd = -1;
		call_lost(call, "no connection", now_ms);
	} else if (tls_connect(&call->conn.tls, client->tls,
		       call->peer->number) != SMX_OK) {
		call_lost(call, "no memory", now_ms);
	}
}

/* ---- receiving ---- */

static void
receive(struct smx_call *call, int64_t now_ms)
{
	unsigned tries = call->tries;
	char plain[SEND_RECORD];
	size_t n;
	int error = conn_fill(&call->conn, 0);

	if (error == TCP_AGAIN)
		return;
	if (error != SMX_OK) {
		call_lost(call, "closed by the peer", now_ms);
		return;
	}
	if (call->state == CALL_HANDSHAKE)
		handshake(call, now_ms);
	while (call->tries == tries && call->state >= CALL_GREETING) {
		error = tls_read(call->conn.tls, plain, sizeof(plain), &n);
		if (error == TLS_AGAIN)
			return;
		if (error == SMX_OK) {
			call_replies(call, plain, n, now_ms);
			continue;
		}
		call->reusable = 0;
		if (call->state != CALL_DONE)
			call_lost(call, "closed by the peer", now_ms);
		return;
	}
}

/* ---- the outside ---- */

static void
start(struct smx_call *call, int64_t now_ms)
{
	call->kept = call->conn.fd >= 0;
	if (call->kept)
		call_exchange(call, now_ms);
	else
		connection_open(call, now_ms);
}

int
call_begin(struct smx_call *call, int64_t deadline_ms, int64_t now_ms)
{
	int error;

	if (call->text.size > KEEP_BYTES)
		buf_free(&call->text);
	buf_clear(&call->text);
	call->deadline_ms = deadline_ms;
	call->unsure = 0;
	call->tries = 0;
	call->words[0] = '\0';
	error = call->shadow != NULL
		    ? wire_put_shadow(&call->text, call->shadow)
		    : wire_put_request(&call->text, call->request);
	if (error != SMX_OK)
		return error;
	if (call->state != CALL_QUEUED)
		start(call, now_ms);
	return SMX_OK;
}

int
call_fd(const struct smx_call *call)
{
	return call->state == CALL_QUEUED ? call->turn_fd : call->conn.fd;
}

short
call_events(const struct smx_call *call)
{
	size_t queued;

	if (call->state == CALL_DONE)
		return 0;
	if (call->state == CALL_QUEUED)
		return POLLIN;
	if (call->state == CALL_CONNECT)
		return POLLOUT;
	if (call->state == CALL_SEND)
		return POLLIN | POLLOUT;
	tls_output(call->conn.tls, &queued);
	return queued != 0 ? POLLIN | POLLOUT : POLLIN;
}

static void
connect_end(struct smx_call *call, int64_t now_ms)
{
	if (tcp_connected(call->conn.fd) != SMX_OK) {
		call_lost(call, "no connection", now_ms);
		return;
	}
	call->state = CALL_HANDSHAKE;
	handshake(call, now_ms);
}

void
call_drive(struct smx_call *call, short revents, int64_t now_ms)
{
	unsigned tries = call->tries;

	if (call->state == CALL_QUEUED) {
		if (pool_turn(call))
			start(call, now_ms);
		return;
	}
	if (call->state == CALL_CONNECT) {
		if (revents != 0)
			connect_end(call, now_ms);
		return;
	}
	if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
	    call->state != CALL_DONE)
		receive(call, now_ms);
	if ((revents & POLLOUT) == 0 || call->tries != tries)
		return;
	if (call->state == CALL_SEND)
		push(call, now_ms);
	else if (call->state != CALL_DONE &&
		 conn_flush(&call->conn, 0) == SMX_ECLOSED)
		call_lost(call, "closed by the peer", now_ms);
}

int64_t
call_until(const struct smx_call *call)
{
	if (call->state != CALL_QUEUED && call->state < CALL_SEND &&
	    call->connect_until_ms < call->deadline_ms)
		return call->connect_until_ms;
	return call->deadline_ms;
}

void
call_expire(struct smx_call *call, int64_t now_ms)
{
	if (call->state == CALL_DONE || now_ms < call_until(call))
		return;
	call->kept = 0; /* no time to try again */
	call_lost(call,
	    call->state == CALL_QUEUED ? "all connections in use"
				       : "no answer in time",
	    now_ms);
}
