/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hoptalk.h"

#include <string.h>
#include <strings.h>

#include "base/key.h"
#include "core/hoptalk_in.h"

/* So much waits to be sent, and the rest is said when that has left. */
#define PILE (256u << 10)

void
ask_forget(struct hoptalk *talk)
{
	talk->mail = MAIL_NONE;
	talk->transaction++;
	for (size_t n = 0; n < talk->count; n++)
		talk->rcpts[n].asked = talk->rcpts[n].in = 0;
}

int
ask_is_due(const struct hoptalk *talk, const struct hoptalk_rcpt *r)
{
	if (r->asked || r->final_known || talk->content == HOPTALK_OVER)
		return 0;
	return talk->content == HOPTALK_SENDING ? r->wanted : !r->rcpt_known;
}

void
ask_answer(struct hoptalk *talk, size_t n, const struct hop_answer *how)
{
	struct hoptalk_rcpt *r = &talk->rcpts[n];

	r->asked = 1;
	r->in = how->class == HOP_YES;
	if (!r->rcpt_known) {
		r->rcpt = *how;
		r->rcpt_known = 1;
	}
	if (!r->in && !r->final_known) {
		r->final = *how;
		r->final_known = 1;
	}
	data_check(talk);
}

/* ---- what the message needs ---- */

/* NOTIFY=SUCCESS makes whoever hands on to a host without DSN tell the sender
 * (RFC 3461 5.2.2), which is not done here. */
static int
wants_success(const struct smx_envelope *envelope, size_t index)
{
	const char *const *params;
	size_t count = smx_envelope_rcpt_params(envelope, index, &params);

	for (size_t i = 0; i < count; i++) {
		const char *at = params[i];

		if (strncasecmp(at, "NOTIFY=", 7) != 0)
			continue;
		for (at += 7; *at != '\0'; at += *at == ',') {
			size_t len = strcspn(at, ",");

			if (len == 7 && strncasecmp(at, "SUCCESS", 7) == 0)
				return 1;
			at += len;
		}
	}
	return 0;
}

static int
is_able(struct hoptalk *talk, size_t n)
{
	int eight = talk->content == HOPTALK_SENDING && talk->body.eight;
	struct hop_answer how;
	const char *why;
	unsigned lacks =
	    smtpcmd_needs(talk->envelope, eight, &why) & ~talk->line.offer.bits;

	if (lacks != 0)
		hopanswer_own(&how, HOP_CANNOT, "%s, and it does not offer %s",
		    why,
		    (lacks & SMTP_OFFERS_SMTPUTF8) != 0 ? "SMTPUTF8"
							: "8BITMIME");
	else if ((talk->line.offer.bits & SMTP_OFFERS_DSN) == 0 &&
		 wants_success(talk->envelope, talk->rcpts[n].index))
		hopanswer_own(&how, HOP_CANNOT,
		    "a notice of success is wanted, and it does not offer DSN");
	else
		return 1;
	ask_answer(talk, n, &how);
	return 0;
}

/* ---- what is said ---- */

/* Before the content is here its size is what the client has told of it. */
static int
size_declared(const struct hoptalk *talk, uint64_t *size)
{
	const char *const *params;
	size_t count = smx_envelope_mail_params(talk->envelope, &params);

	if (talk->content == HOPTALK_SENDING) {
		*size = talk->body.size;
		return 1;
	}
	for (size_t i = 0; i < count; i++)
		if (strncasecmp(params[i], "SIZE=", 5) == 0)
			return number_parse(params[i] + 5,
				   strlen(params[i] + 5), UINT64_MAX,
				   size) == SMX_OK &&
			       *size > 0;
	return 0;
}

/* Did it go out?  Without pipelining RSET may have to be answered first. */
static int
mail_said(struct hoptalk *talk)
{
	struct smtp_offer offer = talk->line.offer;
	uint64_t size = 0;

	if (talk->line.dirty) {
		talk->line.dirty = 0;
		(void)buf_str(&talk->out, "RSET\r\n");
		talk_expect(talk, ASK_RSET, SIZE_MAX);
		if (!talk_is_pipelined(talk))
			return 0;
	}
	if (!size_declared(talk, &size))
		offer.bits &= ~SMTP_OFFERS_SIZE;
	if (smtpcmd_mail(&talk->out, talk->envelope, &offer, size) ==
	    SMX_EINVAL) {
		hopanswer_own(&talk->mail_no, HOP_CANNOT,
		    "the sender's address cannot be said");
		talk->mail = MAIL_REFUSED;
		return 1;
	}
	talk->mail = MAIL_ASKED;
	talk->line.dirty = 1;
	talk_expect(talk, ASK_MAIL, SIZE_MAX);
	return 1;
}

static void
rcpt_say(struct hoptalk *talk, size_t n)
{
	struct hoptalk_rcpt *r = &talk->rcpts[n];
	struct hop_answer how;

	if (smtpcmd_rcpt(&talk->out, talk->envelope, r->index,
		&talk->line.offer) == SMX_EINVAL) {
		hopanswer_own(&how, HOP_CANNOT,
		    "the recipient's address cannot be said");
		ask_answer(talk, n, &how);
		return;
	}
	r->asked = 1;
	r->asked_ms = talk->now_ms;
	talk_expect(talk, ASK_RCPT, n);
}

/* Non-zero: go on with the others. */
static int
ask_one(struct hoptalk *talk, size_t n)
{
	int piped = talk_is_pipelined(talk);

	if (talk->mail != MAIL_REFUSED && !is_able(talk, n))
		return 1;
	if (!piped && talk_awaited(talk) > 0)
		return 0;
	if (talk->mail == MAIL_NONE && !mail_said(talk))
		return 0;
	if (talk->drop)
		return 0;
	if (talk->mail == MAIL_REFUSED) {
		ask_answer(talk, n, &talk->mail_no);
		return 1;
	}
	if (!piped && talk_awaited(talk) > 0)
		return 0;
	rcpt_say(talk, n);
	return !talk->drop;
}

void
ask_go(struct hoptalk *talk)
{
	for (size_t n = 0; n < talk->count && talk->out.len < PILE; n++)
		if (ask_is_due(talk, &talk->rcpts[n]) && !ask_one(talk, n))
			return;
}

/* ---- what is answered ---- */

/* "Not now, first that": it has not kept up with its own offer. */
static int
lost_step(struct hoptalk *talk, const char *what)
{
	struct hop_answer how;

	if (talk->reply.code != 503 || !talk_is_pipelined(talk))
		return 0;
	talk->avoid |= HOPTALK_NO_PIPELINING;
	hopanswer_at(&how, HOP_UNREACHABLE, what, &talk->reply);
	line_break(talk, &how, 1);
	return 1;
}

static void
mail_reply(struct hoptalk *talk)
{
	struct hop_answer how;

	if (lost_step(talk, "MAIL"))
		return;
	hopanswer_reply(&how, &talk->reply);
	if (how.class == HOP_YES) {
		talk->mail = MAIL_TAKEN;
	} else if (how.class == HOP_UNREACHABLE) {
		line_sent_away(talk, "MAIL");
	} else {
		talk->mail = MAIL_REFUSED;
		talk->mail_no = how;
	}
}

static void
rcpt_reply(struct hoptalk *talk, size_t n)
{
	struct hop_answer how;
	int64_t ms = talk->now_ms - talk->rcpts[n].asked_ms;

	if (talk->mail == MAIL_REFUSED) {
		ask_answer(talk, n, &talk->mail_no);
		return;
	}
	if (lost_step(talk, "RCPT"))
		return;
	hopanswer_reply(&how, &talk->reply);
	if (how.class == HOP_UNREACHABLE) {
		line_sent_away(talk, "RCPT");
		return;
	}
	if (ms > talk->rcpt_ms)
		talk->rcpt_ms = ms;
	ask_answer(talk, n, &how);
}

void
ask_reply(struct hoptalk *talk, const struct hoptalk_ask *ask)
{
	/* of a transaction that is over: RSET is behind it */
	if (ask->transaction != talk->transaction)
		return;
	if (ask->what == ASK_MAIL)
		mail_reply(talk);
	else
		rcpt_reply(talk, ask->n);
}

int
hoptalk_mail_refused(const struct hoptalk *talk)
{
	return talk->mail == MAIL_REFUSED;
}
