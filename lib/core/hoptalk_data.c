/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hoptalk.h"

#include <string.h>

#include "core/hoptalk_in.h"

#define FILL (64u << 10) /* of the content in out at a time */
#define DOT  3           /* ".\r\n" */

void
data_forget(struct hoptalk *talk)
{
	talk->renewed = 0;
	talk->underway = 0;
	talk->pouring = 0;
	talk->mark = talk->end = 0;
}

int
hoptalk_is_committed(const struct hoptalk *talk)
{
	return talk->underway && talk->end > 0 && talk->sent > talk->mark;
}

/* ---- answers ---- */

static int
waits_for_content(const struct hoptalk_rcpt *r)
{
	return r->wanted && !r->final_known;
}

void
data_check(struct hoptalk *talk)
{
	if (talk->content != HOPTALK_SENDING)
		return;
	for (size_t n = 0; n < talk->count; n++)
		if (waits_for_content(&talk->rcpts[n]))
			return;
	talk->content = HOPTALK_OVER;
	if (talk->underway)
		talk->data_ms = talk->now_ms - talk->data_from;
}

static void
final(struct hoptalk *talk, size_t n, const struct hop_answer *how)
{
	struct hoptalk_rcpt *r = &talk->rcpts[n];

	if (!waits_for_content(r))
		return;
	if (!r->rcpt_known) {
		r->rcpt = *how;
		r->rcpt_known = 1;
	}
	r->final = *how;
	r->final_known = 1;
}

void
data_finish(struct hoptalk *talk, const struct hop_answer *how)
{
	for (size_t n = 0; n < talk->count; n++)
		final(talk, n, how);
	data_check(talk);
}

/* ---- on its way ---- */

static int
fits(struct hoptalk *talk)
{
	uint64_t most = talk->line.offer.size_max;
	struct hop_answer how;

	if (most == 0 || talk->body.size <= most)
		return 1;
	hopanswer_own(&how, HOP_NO,
	    "Message size %llu exceeds the next hop's limit of %llu",
	    (unsigned long long)talk->body.size, (unsigned long long)most);
	how.code = 552;
	text_copy(how.enhanced, sizeof(how.enhanced), "5.3.4");
	data_finish(talk, &how);
	return 0;
}

/* Are those in the transaction the ones that are to get the content, all of
 * them and no others? */
static int
transaction_fits(const struct hoptalk *talk)
{
	if (talk->mail != MAIL_TAKEN)
		return 0;
	for (size_t n = 0; n < talk->count; n++)
		if (talk->rcpts[n].in != waits_for_content(&talk->rcpts[n]))
			return 0;
	return 1;
}

/* 8-bit content that a host without 8BITMIME would get: known only now. */
static int
is_fit_for_it(struct hoptalk *talk)
{
	const char *why;
	unsigned lacks = smtpcmd_needs(talk->envelope, talk->body.eight, &why) &
			 ~talk->line.offer.bits;
	struct hop_answer how;

	if (lacks == 0)
		return 1;
	hopanswer_own(&how, HOP_CANNOT, "%s, and it does not offer %s", why,
	    (lacks & SMTP_OFFERS_SMTPUTF8) != 0 ? "SMTPUTF8" : "8BITMIME");
	data_finish(talk, &how);
	return 0;
}

static void
expect_final(struct hoptalk *talk)
{
	if (!talk->lmtp) {
		talk_expect(talk, ASK_FINAL, SIZE_MAX);
		return;
	}
	for (size_t n = 0; n < talk->count && !talk->drop; n++)
		if (talk->rcpts[n].in)
			talk_expect(talk, ASK_FINAL, n);
}

static void
begin(struct hoptalk *talk)
{
	talk->underway = 1;
	talk->data_from = talk->now_ms;
	talk->chunk = (talk->line.offer.bits & SMTP_OFFERS_CHUNKING) != 0 &&
		      (talk->avoid & HOPTALK_NO_BDAT) == 0;
	hopbody_begin(&talk->body, talk->chunk);
	if (talk->chunk) {
		(void)buf_fmt(&talk->out, "BDAT %llu LAST\r\n",
		    (unsigned long long)talk->body.size);
		talk->pouring = 1;
		expect_final(talk);
	} else {
		(void)buf_str(&talk->out, "DATA\r\n");
		talk_expect(talk, ASK_DATA, SIZE_MAX);
	}
}

void
data_go(struct hoptalk *talk)
{
	if (talk->underway || talk_awaited(talk) > 0 || !fits(talk) ||
	    !is_fit_for_it(talk))
		return;
	if (transaction_fits(talk)) {
		begin(talk);
		return;
	}
	if (!talk->renewed) {
		talk->renewed = 1;
		ask_forget(talk);
	}
	ask_go(talk);
}

/* The content has changed since it was measured, or cannot be read: the other
 * side must not get the end of it. */
static void
stop(struct hoptalk *talk, const char *why)
{
	struct hop_answer how;

	hopanswer_own(&how, HOP_CANNOT, "content: %s", why);
	line_break(talk, &how, 0);
}

static void
pour(struct hoptalk *talk)
{
	struct hopbody *body = &talk->body;
	int rc = hopbody_next(body, &talk->out);

	if (rc != SMX_OK) {
		stop(talk, smx_strerror(rc));
	} else if (body->data.bytes > body->size ||
		   (body->ended && body->data.bytes != body->size)) {
		stop(talk, "is not what it was");
	} else if (body->ended) {
		talk->pouring = 0;
		talk->end = talk->sent + talk->out.len;
		talk->mark = talk->end - (talk->chunk ? 1 : DOT);
	}
}

void
hoptalk_fill(struct hoptalk *talk)
{
	while (talk->pouring && talk->out.len < FILL)
		pour(talk);
}

/* ---- answered ---- */

static void
finish_in_their_words(struct hoptalk *talk)
{
	struct hop_answer how;

	hopanswer_reply(&how, &talk->reply);
	data_finish(talk, &how);
}

static void
data_said(struct hoptalk *talk)
{
	if (talk->reply.code == 354) {
		talk->pouring = 1;
		expect_final(talk);
	} else if (talk->reply.code >= 400) {
		finish_in_their_words(talk);
		talk->underway = 0;
	} else {
		line_sent_away(talk, "DATA");
	}
}

/* An answer before the end: no yes can be meant, a no ends it. */
static void
early(struct hoptalk *talk)
{
	if (talk->reply.code >= 400)
		finish_in_their_words(talk);
	line_sent_away(talk, "content");
}

/* Who offers CHUNKING and does not know BDAT takes the content for commands:
 * that line is of no more use, and nothing was taken. */
static void
chunk_unknown(struct hoptalk *talk)
{
	struct hop_answer how;

	hopanswer_at(&how, HOP_UNREACHABLE, "BDAT", &talk->reply);
	talk->avoid |= HOPTALK_NO_BDAT;
	talk->underway = 0;
	line_break(talk, &how, 1);
}

static void
final_said(struct hoptalk *talk, size_t n)
{
	struct hop_answer how;

	if (talk->end == 0 || talk->sent < talk->end || talk->behind) {
		early(talk);
		return;
	}
	if (talk->chunk &&
	    (talk->reply.code == 500 || talk->reply.code == 502)) {
		chunk_unknown(talk);
		return;
	}
	hopanswer_reply(&how, &talk->reply);
	if (how.class == HOP_UNREACHABLE) {
		line_sent_away(talk, "end of data");
		return;
	}
	if (n == SIZE_MAX)
		data_finish(talk, &how);
	else
		final(talk, n, &how);
	data_check(talk);
	if (talk_awaited(talk) == 0) {
		talk->line.dirty = 0;
		talk->underway = 0;
	}
}

void
data_reply(struct hoptalk *talk, const struct hoptalk_ask *ask)
{
	if (ask->what == ASK_DATA)
		data_said(talk);
	else
		final_said(talk, ask->n);
}
