/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hoptalk.h"

#include <stdlib.h>
#include <string.h>

#include "core/hoptalk_in.h"

#define OUT_MAX (16u << 20)

void
hoptalk_init(struct hoptalk *talk)
{
	memset(talk, 0, sizeof(*talk));
	talk->helo = "localhost";
	buf_init(&talk->out, OUT_MAX);
	talk->connect_from = -1;
	talk->connect_ms = talk->rcpt_ms = talk->data_ms = -1;
	smtpreply_begin(&talk->reply);
}

void
hoptalk_free(struct hoptalk *talk)
{
	buf_free(&talk->out);
	free(talk->rcpts);
	free(talk->asks);
	memset(talk, 0, sizeof(*talk));
}

/* ---- what is awaited ---- */

size_t
talk_awaited(const struct hoptalk *talk)
{
	return talk->ask_count - talk->ask_at;
}

void
talk_out_of_memory(struct hoptalk *talk)
{
	struct hop_answer how;

	hopanswer_own(&how, HOP_CANNOT, "out of memory");
	line_break(talk, &how, 0);
}

static int
asks_grow(struct hoptalk *talk)
{
	size_t room = talk->ask_room == 0 ? 16 : talk->ask_room * 2;
	struct hoptalk_ask *more;

	if (talk->ask_at == talk->ask_count)
		talk->ask_at = talk->ask_count = 0;
	if (talk->ask_count < talk->ask_room)
		return SMX_OK;
	more = realloc(talk->asks, room * sizeof(*more));
	if (more == NULL)
		return SMX_ENOMEM;
	talk->asks = more;
	talk->ask_room = room;
	return SMX_OK;
}

/* What came together with the 354 is no answer to the content. */
void
talk_expect(struct hoptalk *talk, enum ask_what what, size_t n)
{
	int behind = what == ASK_FINAL && !talk->chunk;

	if (asks_grow(talk) != SMX_OK) {
		talk_out_of_memory(talk);
		return;
	}
	talk->asks[talk->ask_count++] = (struct hoptalk_ask){ .what = what,
		.transaction = talk->transaction,
		.n = n,
		.end = talk->sent + talk->out.len + (behind ? 1 : 0) };
}

const char *
hoptalk_awaits(const struct hoptalk *talk)
{
	static const char *const names[] = { "greeting", "EHLO", "HELO",
		"STARTTLS", "RSET", "MAIL", "RCPT", "DATA", "end of data" };

	if (talk->line.stage == HOPLINE_CONNECTING)
		return "connection";
	if (talk->line.stage == HOPLINE_SECURING)
		return "TLS";
	if (talk_awaited(talk) == 0)
		return "";
	return names[talk->asks[talk->ask_at].what];
}

int
talk_is_pipelined(const struct hoptalk *talk)
{
	return (talk->line.offer.bits & SMTP_OFFERS_PIPELINING) != 0 &&
	       (talk->avoid & HOPTALK_NO_PIPELINING) == 0;
}

/* ---- what the caller wants ---- */

/* Since the last answer the other side may have gone: that is no reason to give
 * up. */
static void
talk_pause(struct hoptalk *talk)
{
	talk->reused |=
	    talk->line.stage == HOPLINE_READY && talk_awaited(talk) == 0;
}

int
hoptalk_rcpt(struct hoptalk *talk, size_t index)
{
	struct hoptalk_rcpt *r;

	if (talk->content != HOPTALK_ASKING)
		return SMX_EINVAL;
	if (talk->count == talk->room) {
		size_t room = talk->room == 0 ? 4 : talk->room * 2;

		r = realloc(talk->rcpts, room * sizeof(*r));
		if (r == NULL)
			return SMX_ENOMEM;
		talk->rcpts = r;
		talk->room = room;
	}
	r = &talk->rcpts[talk->count++];
	memset(r, 0, sizeof(*r));
	r->index = index;
	talk_pause(talk);
	talk_go(talk);
	return SMX_OK;
}

int
hoptalk_content(struct hoptalk *talk, const struct smx_content *content,
    const char *received, int eight, const unsigned char *wanted)
{
	int rc;

	if (talk->content != HOPTALK_ASKING)
		return SMX_EINVAL;
	hopbody_init(&talk->body, content, received);
	rc = hopbody_measure(&talk->body);
	if (rc != SMX_OK)
		return rc;
	talk->body.eight |= eight;
	for (size_t n = 0; n < talk->count; n++)
		talk->rcpts[n].wanted = wanted == NULL || wanted[n] != 0;
	talk->content = HOPTALK_SENDING;
	/* Since the last answer the other side may have gone: that is no reason
	 * to give up. */
	talk->reused =
	    talk->line.stage == HOPLINE_READY && talk_awaited(talk) == 0;
	data_check(talk);
	talk_go(talk);
	return SMX_OK;
}

static int
has_work(const struct hoptalk *talk)
{
	if (talk->content != HOPTALK_ASKING)
		return talk->content == HOPTALK_SENDING;
	for (size_t n = 0; n < talk->count; n++)
		if (!talk->rcpts[n].rcpt_known)
			return 1;
	return 0;
}

enum hoptalk_need
hoptalk_need(const struct hoptalk *talk)
{
	if (talk->drop)
		return HOPTALK_CLOSE;
	if (!has_work(talk))
		return HOPTALK_IDLE;
	switch (talk->line.stage) {
	case HOPLINE_NONE:
		return HOPTALK_CONNECT;
	case HOPLINE_SECURING:
		return HOPTALK_SECURE;
	case HOPLINE_CONNECTING:
	case HOPLINE_OPENING:
	case HOPLINE_READY:
		break;
	}
	return HOPTALK_TALK;
}

void
talk_go(struct hoptalk *talk)
{
	if (talk->line.stage != HOPLINE_READY || talk->drop)
		return;
	if (talk->content == HOPTALK_SENDING)
		data_go(talk);
	else if (talk->content == HOPTALK_ASKING)
		ask_go(talk);
	if (!talk->drop && buf_error(&talk->out) != SMX_OK)
		talk_out_of_memory(talk);
}

/* ---- what comes ---- */

/* 421 means that this line ends (RFC 5321 3.8), whatever was asked; only once
 * the content is there is it an answer. */
static void
reply_done(struct hoptalk *talk)
{
	struct hoptalk_ask ask = talk->asks[talk->ask_at++];
	int code = talk->reply.code;

	if (code == 421 && ask.what != ASK_FINAL) {
		line_sent_away(talk, "goodbye");
		return;
	}
	if (ask.what != ASK_RSET)
		talk->reused = 0;
	switch (ask.what) {
	case ASK_GREETING:
	case ASK_EHLO:
	case ASK_HELO:
	case ASK_STARTTLS:
	case ASK_RSET:
		line_reply(talk, ask.what);
		break;
	case ASK_MAIL:
	case ASK_RCPT:
		ask_reply(talk, &ask);
		break;
	case ASK_DATA:
	case ASK_FINAL:
		data_reply(talk, &ask);
		break;
	}
	talk_go(talk);
}

static void
no_reply(struct hoptalk *talk, const char *what)
{
	struct hop_answer how;
	const char *to = hoptalk_awaits(talk);

	hopanswer_own(&how, HOP_UNREACHABLE, "%s%s%s", what,
	    to[0] == '\0' ? "" : " to ", to);
	line_break(talk, &how, 0);
}

static int
is_asked(const struct hoptalk *talk)
{
	return talk_awaited(talk) > 0 &&
	       talk->asks[talk->ask_at].end <= talk->sent;
}

/* Only what was asked before these bytes came can be answered by them: so no
 * reply is taken for that to a later question, and nothing that was put behind
 * the answer to STARTTLS is ever read (CVE-2011-0411 and its kind). */
size_t
hoptalk_received(struct hoptalk *talk, const void *data, size_t len)
{
	const char *in = data;
	size_t replies = 0;

	while (len > 0 && !talk->drop) {
		size_t used;
		int step;

		if (!is_asked(talk)) {
			no_reply(talk, "more was said than asked for");
			break;
		}
		step = smtpreply_feed(&talk->reply, in, len, &used);
		in += used;
		len -= used;
		if (step < 0) {
			no_reply(talk, "what came is no reply");
			break;
		}
		if (step != SMTPREPLY_MORE)
			line_ehlo_line(talk);
		if (step == SMTPREPLY_DONE) {
			replies++;
			reply_done(talk);
			smtpreply_begin(&talk->reply);
		}
	}
	return replies;
}

void
hoptalk_sent(struct hoptalk *talk, size_t len)
{
	buf_drop(&talk->out, len);
	talk->sent += len;
	if (talk->out.len == 0)
		talk_go(talk);
}

int
hoptalk_keeps(const struct hoptalk *talk)
{
	return talk->line.stage == HOPLINE_READY && !talk->drop &&
	       talk_awaited(talk) == 0 && talk->out.len == 0 &&
	       !talk->pouring && talk->reply.lines == 0;
}
