/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_call.h"

#include "io/link_call_in.h"

/* What the peer says, and what it means for the exchange. */

static int
reply_line(struct smx_call *call, int last)
{
	const struct wire_client *in = &call->in;

	/* What a refusal says is for people only. */
	if (call->request == NULL || in->code != WIRE_DONE)
		return SMX_OK;
	return wire_reply_line(call->request, in->text, in->len, last,
	    call->reply);
}

static void
answer_take(struct smx_call *call)
{
	int result = wire_result(call->in.code);

	call_words(call, call->in.text, call->in.len);
	if (call->state == CALL_SEND) {
		/* A refusal may come early; the connection ends with it. */
		call->reusable = 0;
		if (result == SMX_OK)
			result = SMX_EUNREACHABLE;
	}
	if (call->in.code == WIRE_CLOSING || call->in.code == WIRE_SYNTAX ||
	    call->in.code == WIRE_SEQUENCE || call->in.code == WIRE_LIMIT ||
	    call->in.code == WIRE_VERB)
		call->reusable = 0;
	if (call->unsure && result != SMX_OK && result != SMX_EGONE)
		result = SMX_EUNSURE;
	call_done(call, result);
}

/* A reply is complete. */
static void
reply_end(struct smx_call *call, int64_t now_ms)
{
	const struct wire_client *in = &call->in;

	if (call->state == CALL_GREETING) {
		if (in->code == WIRE_GREETING &&
		    wire_greeting_line(in->text, in->len) == SMX_OK) {
			call_hello(call, now_ms);
			return;
		}
	} else if (call->state == CALL_HELLO) {
		if (in->code == WIRE_DONE &&
		    wire_ehlo_line(in->text, in->len, &call->hello,
			&call->limits, &call->minor) == SMX_OK) {
			call_exchange(call, now_ms);
			return;
		}
	} else if (reply_line(call, 1) == SMX_OK) {
		answer_take(call);
		return;
	}
	call_words(call, in->text, in->len);
	call_lost(call, "answer not understood", now_ms);
}

void
call_replies(struct smx_call *call, const char *p, size_t left, int64_t now_ms)
{
	unsigned tries = call->tries;

	if (call->state >= CALL_SEND)
		call->answered = 1;
	while (left != 0 && call->tries == tries) {
		enum wire_reply_event event;

		if (call->state == CALL_DONE) {
			call->reusable = 0; /* nobody asked for more */
			return;
		}
		event = wire_client_next(&call->in, &p, &left);
		if (event == WIRE_REPLY_MORE)
			return;
		if (event == WIRE_REPLY_END)
			reply_end(call, now_ms);
		else if (event == WIRE_REPLY_BAD ||
			 (call->state >= CALL_SEND &&
			     reply_line(call, 0) != SMX_OK))
			call_lost(call, "answer not understood", now_ms);
	}
}
