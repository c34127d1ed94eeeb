/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_session.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define HANDSHAKE_MS 10000
#define PROGRESS     65536 /* bytes that earn another step_ms */
#define OUT_PIECE    32768
#define KEEP_BYTES   65536
#define LINGER_MS    1000
#define LINGER_BYTES 1048576

/* ---- out ---- */

/* Everything answered so far goes to the peer, in as few sends as may be. */
static int
answers_send(struct session *s)
{
	size_t sent = 0;

	while (sent < s->out.len) {
		size_t n = s->out.len - sent;

		if (n > OUT_PIECE)
			n = OUT_PIECE;
		if (buf_error(&s->out) != SMX_OK ||
		    tls_write(s->conn.tls, s->out.data + sent, n) != SMX_OK ||
		    conn_flush(&s->conn, 1) != SMX_OK)
			return SMX_ECLOSED;
		sent += n;
	}
	if (s->out.size > KEEP_BYTES)
		buf_free(&s->out);
	buf_clear(&s->out);
	return SMX_OK;
}

static void
answer(struct session *s, int code)
{
	wire_put_code(&s->out, code);
	s->answers++;
}

/* ---- what the peer says ---- */

static void
on_hello(struct session *s)
{
	const struct server_options *o = &s->server->options;
	const struct smx_link_server *t = s->server->table;
	struct smx_hello ours = { 0 };

	t->hello(t->ctx, s->peer, s->wire.has_hello ? &s->wire.hello : NULL,
	    &ours);
	t->heard(t->ctx, s->peer);
	wire_put_ehlo_reply(&s->out, o->node, &ours, &o->limits);
	s->greeted = 1;
	s->answers++;
}

static void
on_shadow(struct session *s)
{
	const struct smx_link_server *t = s->server->table;

	s->inbound = NULL;
	s->result =
	    t->shadow_begin(t->ctx, s->peer, &s->wire.shadow, &s->inbound);
	if (s->result != SMX_OK)
		s->inbound = NULL;
}

/* After a refusal the rest of the content is read and forgotten. */
static void
on_data(struct session *s)
{
	const struct smx_link_server *t = s->server->table;

	if (s->result != SMX_OK)
		return;
	s->result =
	    t->shadow_data(t->ctx, s->inbound, s->wire.data, s->wire.data_len);
	if (s->result != SMX_OK)
		t->shadow_cancel(t->ctx, &s->inbound);
}

static void
on_commit(struct session *s)
{
	const struct smx_link_server *t = s->server->table;

	if (s->result == SMX_OK)
		s->result = t->shadow_commit(t->ctx, &s->inbound);
	answer(s, wire_code(s->result));
}

static void
on_request(struct session *s)
{
	const struct smx_link_server *t = s->server->table;
	const struct smx_request *request = &s->wire.request;
	struct smx_reply reply = { 0 };
	int letters = wire_request_answers(request);
	int result = SMX_ENOMEM;

	if (letters)
		reply.answers =
		    calloc(request->count + 1, sizeof(*reply.answers));
	else if (request->kind == SMX_REQ_LIST)
		reply.listed =
		    calloc(request->limit + 1, sizeof(*reply.listed));
	reply.ago_ms = -1;
	if ((!letters || reply.answers != NULL) &&
	    (request->kind != SMX_REQ_LIST || reply.listed != NULL))
		result = t->request(t->ctx, s->peer, request, &reply);
	wire_reply_for(s->wire.minor, request, &reply);
	if (result == SMX_OK)
		wire_put_reply(&s->out, request, &reply);
	else
		wire_put_code(&s->out, wire_code(result));
	s->answers++;
	free(reply.answers);
	free(reply.listed);
}

static void
on_bad(struct session *s)
{
	server_complain(s->server, &s->from, s->peer, "peer-mistake",
	    wire_code_text(s->wire.code));
	answer(s, s->wire.code);
	s->closing = 1;
}

static void
on_event(struct session *s, enum wire_event event)
{
	switch (event) {
	case WIRE_EV_HELLO:
		on_hello(s);
		break;
	case WIRE_EV_SHADOW:
		on_shadow(s);
		break;
	case WIRE_EV_DATA:
		on_data(s);
		break;
	case WIRE_EV_COMMIT:
		on_commit(s);
		break;
	case WIRE_EV_REQUEST:
		on_request(s);
		break;
	case WIRE_EV_NOOP:
		answer(s, WIRE_DONE);
		break;
	case WIRE_EV_UNKNOWN:
		if (s->wire.unknown == 1)
			server_complain(s->server, &s->from, s->peer,
			    "peer-mistake", wire_code_text(WIRE_VERB));
		answer(s, WIRE_VERB);
		break;
	case WIRE_EV_QUIT:
		answer(s, WIRE_BYE);
		s->closing = 1;
		break;
	default:
		on_bad(s);
		break;
	}
}

static void
feed(struct session *s, const char *p, size_t left)
{
	const struct smx_link_server *t = s->server->table;
	enum wire_event event;

	if (s->greeted)
		t->heard(t->ctx, s->peer);
	s->progress += left;
	while (!s->closing &&
	       (event = wire_server_next(&s->wire, &p, &left)) != WIRE_MORE) {
		on_event(s, event);
		/* A peer that asks much and reads nothing fills no memory. */
		if (s->out.len >= OUT_PIECE && answers_send(s) != SMX_OK)
			s->closing = 1;
	}
}

/* ---- time ---- */

/*
 * Between verbs a peer may rest for idle_ms.  Inside one it owes us progress:
 * the end of the verb, or another PROGRESS bytes, within step_ms; so that one
 * byte now and then does not keep a thread.
 */
static int
is_late(struct session *s, int was_quiet)
{
	const struct server_options *o = &s->server->options;
	int64_t now_ms = clock_mono_ms();
	int quiet = wire_server_quiet(&s->wire);

	if (s->answers != 0 || s->progress >= PROGRESS ||
	    (was_quiet && !quiet)) {
		s->answers = 0;
		s->progress = 0;
		s->since_ms = now_ms;
	}
	return now_ms - s->since_ms >= (quiet ? o->idle_ms : o->step_ms);
}

/* ---- the conversation ---- */

/* Everything that has arrived; SMX_OK to go on. */
static int
take_all(struct session *s)
{
	for (;;) {
		size_t n;
		int error =
		    tls_read(s->conn.tls, s->plain, sizeof(s->plain), &n);

		if (error == TLS_AGAIN)
			return SMX_OK;
		if (error != SMX_OK)
			return SMX_ECLOSED;
		feed(s, s->plain, n);
		if (s->closing)
			return SMX_OK;
	}
}

/* A reset would destroy an answer that the peer has not read yet. */
static void
linger(struct session *s)
{
	int64_t until_ms = clock_mono_ms() + LINGER_MS;
	size_t total = 0, n;
	int error = SMX_OK;

	(void)shutdown(s->conn.fd, SHUT_WR);
	while (error >= 0 && total < LINGER_BYTES &&
	       tcp_wait(s->conn.fd, POLLIN, until_ms) == SMX_OK) {
		error = tcp_recv(s->conn.fd, s->plain, sizeof(s->plain), 0, &n);
		if (error == SMX_OK)
			total += n;
	}
}

static void
converse(struct session *s)
{
	const struct server_options *o = &s->server->options;

	if (tcp_timeouts(s->conn.fd,
		o->idle_ms < o->step_ms ? o->idle_ms : o->step_ms) != SMX_OK)
		return;
	s->since_ms = clock_mono_ms();
	wire_put_greeting(&s->out, o->node);
	if (answers_send(s) != SMX_OK)
		return;
	while (!s->closing) {
		int quiet = wire_server_quiet(&s->wire);
		int error = conn_fill(&s->conn, 1);

		if (error == SMX_ECLOSED ||
		    (error == SMX_OK && take_all(s) != SMX_OK) ||
		    answers_send(s) != SMX_OK || is_late(s, quiet))
			return;
	}
	linger(s);
}

static int
shake_hands(struct session *s)
{
	int64_t step_ms = s->server->options.step_ms;
	int64_t until_ms =
	    clock_mono_ms() + (step_ms < HANDSHAKE_MS ? step_ms : HANDSHAKE_MS);

	for (;;) {
		int error = tls_handshake(s->conn.tls);

		/* Also what tells the other side why not. */
		if (conn_flush(&s->conn, 0) == SMX_ECLOSED && error > 0)
			return SMX_ECLOSED;
		if (error != TLS_AGAIN)
			return error;
		if (tcp_wait(s->conn.fd, POLLIN, until_ms) != SMX_OK)
			return SMX_ETIMEOUT;
		if (conn_fill(&s->conn, 0) == SMX_ECLOSED)
			return SMX_ECLOSED;
	}
}

void
session_run(struct session *s)
{
	struct server *server = s->server;
	int error = shake_hands(s);

	if (error != SMX_OK) {
		const char *why = tls_reason(s->conn.tls);

		server_complain(server, &s->from, TLS_ANY, "peer-refused",
		    why[0] != '\0' ? why : smx_errname(error));
		if (error == SMX_EPERM || error == SMX_EPROTO)
			linger(s);
		return;
	}
	if (!server_admit(server, s, tls_peer(s->conn.tls))) {
		server_complain(server, &s->from, tls_peer(s->conn.tls),
		    "peer-refused", "too many connections");
		if (tcp_timeouts(s->conn.fd, LINGER_MS) != SMX_OK)
			return;
		answer(s, WIRE_CLOSING);
		if (answers_send(s) == SMX_OK)
			linger(s);
		return;
	}
	converse(s);
	if (s->inbound != NULL)
		server->table->shadow_cancel(server->table->ctx, &s->inbound);
}
