/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hoptalk.h"

#include <string.h>

#include "base/buf.h"
#include "core/hoptalk_in.h"

/* ---- its end ---- */

static void
line_forget(struct hoptalk *talk)
{
	memset(&talk->line, 0, sizeof(talk->line));
	talk->ask_at = talk->ask_count = 0;
	talk->sent = 0;
	talk->reused = 0;
	buf_clear(&talk->out);
	smtpreply_begin(&talk->reply);
	ask_forget(talk);
	data_forget(talk);
}

void
line_break(struct hoptalk *talk, const struct hop_answer *why, int again)
{
	int committed = hoptalk_is_committed(talk);
	int waits = hoptalk_need(talk) != HOPTALK_IDLE;

	again |= talk->reused || !waits;
	talk->why = *why;
	line_forget(talk);
	talk->drop = 1;
	talk->move = !again;
	if (committed) {
		talk->why.class = HOP_UNSURE;
		data_finish(talk, &talk->why);
	} else if (why->class == HOP_CANNOT && waits) {
		/* ours, not theirs: another address changes nothing */
		hoptalk_give_up(talk, why);
	}
}

void
line_sent_away(struct hoptalk *talk, const char *what)
{
	struct hop_answer how;

	hopanswer_at(&how, HOP_UNREACHABLE, what, &talk->reply);
	line_break(talk, &how, 0);
}

/* Some who offer PIPELINING lose what came early, or hang up on it. */
static int
pipelining_failed(const struct hoptalk *talk)
{
	return talk_is_pipelined(talk) && talk->mail == MAIL_TAKEN &&
	       !talk->underway && talk_awaited(talk) > 0 &&
	       talk->asks[talk->ask_at].what == ASK_RCPT;
}

void
hoptalk_failed(struct hoptalk *talk, const char *why)
{
	struct hop_answer how;
	const char *at = hoptalk_awaits(talk);
	int again = pipelining_failed(talk);

	if (talk->line.stage == HOPLINE_SECURING) {
		hoptalk_insecure(talk, why);
		return;
	}
	if (again)
		talk->avoid |= HOPTALK_NO_PIPELINING;
	hopanswer_own(&how, HOP_UNREACHABLE, "%s%s%s", at,
	    at[0] == '\0' ? "" : ": ", why);
	line_break(talk, &how, again);
}

void
hoptalk_give_up(struct hoptalk *talk, const struct hop_answer *how)
{
	talk->why = *how;
	talk->move = 0;
	if (talk->content == HOPTALK_SENDING) {
		data_finish(talk, how);
		return;
	}
	for (size_t n = 0; n < talk->count; n++)
		if (!talk->rcpts[n].rcpt_known)
			ask_answer(talk, n, how);
}

void
hoptalk_closed(struct hoptalk *talk)
{
	talk->drop = 0;
}

/* ---- its beginning ---- */

void
hoptalk_connecting(struct hoptalk *talk)
{
	talk->line.stage = HOPLINE_CONNECTING;
	talk->move = 0;
}

void
hoptalk_connected(struct hoptalk *talk)
{
	talk->line.stage = HOPLINE_OPENING;
	talk_expect(talk, ASK_GREETING, SIZE_MAX);
}

void
hoptalk_resumed(struct hoptalk *talk, const struct hopline *line)
{
	talk->line = *line;
	talk->move = 0;
	talk->reused = 1;
	talk->connect_ms = 0;
	talk->connect_from = -1;
	talk_go(talk);
}

static void
hello(struct hoptalk *talk, const char *verb, enum ask_what what)
{
	memset(&talk->line.offer, 0, sizeof(talk->line.offer));
	talk->line.esmtp = 0;
	(void)buf_fmt(&talk->out, "%s %s\r\n", verb, talk->helo);
	talk_expect(talk, what, SIZE_MAX);
}

static void
ehlo(struct hoptalk *talk)
{
	hello(talk, talk->lmtp ? "LHLO" : "EHLO", ASK_EHLO);
}

void
hoptalk_secured(struct hoptalk *talk)
{
	talk->line.stage = HOPLINE_OPENING;
	talk->line.encrypted = 1;
	ehlo(talk);
	if (buf_error(&talk->out) != SMX_OK)
		talk_out_of_memory(talk);
}

void
hoptalk_insecure(struct hoptalk *talk, const char *why)
{
	struct hop_answer how;
	int may = talk->tls == HOPTALK_TLS_MAY;

	hopanswer_own(&how, HOP_UNREACHABLE, "TLS: %s", why);
	if (may) {
		talk->tls_off = 1;
		talk->avoid |= HOPTALK_NO_TLS;
		(void)text_copy(talk->tls_why, sizeof(talk->tls_why), why);
	}
	line_break(talk, &how, may);
}

static void
ready(struct hoptalk *talk)
{
	struct hop_answer how;

	if (talk->tls == HOPTALK_TLS_MUST && !talk->line.encrypted) {
		hopanswer_own(&how, HOP_UNREACHABLE, "TLS is not offered");
		line_break(talk, &how, 0);
		return;
	}
	talk->line.stage = HOPLINE_READY;
	talk->connect_ms = talk->now_ms - talk->connect_from;
	talk->connect_from = -1;
}

/* The first line names the host, the others what it offers. */
void
line_ehlo_line(struct hoptalk *talk)
{
	if (talk->asks[talk->ask_at].what == ASK_EHLO &&
	    talk->reply.code / 100 == 2 && talk->reply.lines > 1)
		smtpcmd_offer(&talk->line.offer,
		    talk->reply.len < 4 ? "" : talk->reply.line + 4);
}

static void
ehlo_reply(struct hoptalk *talk)
{
	unsigned tls = talk->line.offer.bits & SMTP_OFFERS_STARTTLS;

	switch (talk->reply.code / 100) {
	case 2:
		talk->line.esmtp = 1;
		if (tls != 0 && !talk->line.encrypted && !talk->tls_off &&
		    talk->tls != HOPTALK_TLS_NONE) {
			(void)buf_str(&talk->out, "STARTTLS\r\n");
			talk_expect(talk, ASK_STARTTLS, SIZE_MAX);
		} else {
			ready(talk);
		}
		return;
	case 5:
		if (!talk->lmtp) {
			hello(talk, "HELO", ASK_HELO);
			return;
		}
		break;
	default:
		break;
	}
	line_sent_away(talk, "EHLO");
}

static void
starttls_reply(struct hoptalk *talk)
{
	if (talk->reply.code == 220)
		talk->line.stage = HOPLINE_SECURING;
	else if (talk->tls == HOPTALK_TLS_MAY && talk->reply.code >= 400)
		ready(talk);
	else
		line_sent_away(talk, "STARTTLS");
}

void
line_reply(struct hoptalk *talk, enum ask_what what)
{
	int yes = talk->reply.code / 100 == 2;

	if (what == ASK_EHLO)
		ehlo_reply(talk);
	else if (what == ASK_STARTTLS)
		starttls_reply(talk);
	else if (!yes)
		line_sent_away(talk, what == ASK_GREETING ? "greeting"
				     : what == ASK_HELO   ? "HELO"
							  : "RSET");
	else if (what == ASK_GREETING)
		ehlo(talk);
	else if (what == ASK_HELO)
		ready(talk);
	if (!talk->drop && buf_error(&talk->out) != SMX_OK)
		talk_out_of_memory(talk);
}
