/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/submit_talk.h"

#include <stdio.h>
#include <string.h>

/* Commands written at once: few enough that their replies always fit into the
 * sockets' buffers while nobody reads them. */
#define BATCH_RCPTS 50

int
talk_tell(struct talk *t, int result, const char *step, const char *text)
{
	(void)snprintf(t->result->text, sizeof(t->result->text), "%s: %s", step,
	    text);
	return result;
}

int
talk_tell_reply(struct talk *t, int result, const char *step)
{
	t->complained |= result != SMX_OK;
	t->left |= t->reply.code == 421;
	return talk_tell(t, result, step, t->reply.line);
}

int
talk_tell_failure(struct talk *t, int failure, int result, const char *step)
{
	t->no_quit = 1;
	t->left |= failure == SMX_ECLOSED;
	return talk_tell(t, result, step,
	    t->client.errnum != 0 ? strerror(t->client.errnum)
				  : smx_strerror(failure));
}

/* ---- one command, one answer ---- */

/* What a broken conversation means before the final dot. */
int
talk_command(struct talk *t, const char *step)
{
	int rc = buf_error(&t->out);

	if (rc != SMX_OK)
		return talk_tell(t, SMX_ETEMP, step, smx_strerror(rc));
	rc = smtp_client_send(&t->client, t->out.data, t->out.len);
	buf_clear(&t->out);
	if (rc == SMX_OK)
		rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);
	return rc == SMX_OK ? rc : talk_tell_failure(t, rc, SMX_ETEMP, step);
}

static void
take_offer(void *ctx, const struct smtpreply *reply)
{
	struct talk *t = ctx;

	/* the first line is the server's name */
	if (reply->lines > 1)
		smtpcmd_offer(&t->offer, smtpreply_text(reply));
}

/* A refusal before MAIL says nothing about this message: always "not now". */
int
talk_greet(struct talk *t)
{
	int rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);

	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_EUNREACHABLE, "greeting");
	if (smtpreply_result(&t->reply) != SMX_OK)
		return talk_tell_reply(t, SMX_ETEMP, "greeting");
	(void)buf_fmt(&t->out, "EHLO %s\r\n", t->smtp->helo);
	rc = smtp_client_send(&t->client, t->out.data, t->out.len);
	buf_clear(&t->out);
	if (rc == SMX_OK)
		rc = smtp_client_reply(&t->client, &t->reply, 0, take_offer, t);
	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_ETEMP, "EHLO");
	if (smtpreply_result(&t->reply) != SMX_OK)
		return talk_tell_reply(t, SMX_ETEMP, "EHLO");
	return SMX_OK;
}

int
talk_check(struct talk *t)
{
	const char *why;
	unsigned needs = smtpcmd_needs(t->job->envelope, t->size.eight, &why);
	unsigned missing = needs & ~t->offer.bits;
	char text[128];

	if (t->job->quiet && (t->offer.bits & SMTP_OFFERS_DSN) == 0)
		return talk_tell(t, SMX_EREFUSED, "EHLO",
		    "no notices are to be sent, and the server offers no DSN");
	if (missing == 0)
		return SMX_OK;
	(void)snprintf(text, sizeof(text), "%s and the server offers no %s",
	    why,
	    (missing & SMTP_OFFERS_SMTPUTF8) != 0 ? "SMTPUTF8" : "8BITMIME");
	return talk_tell(t, SMX_EREFUSED, "EHLO", text);
}

/* ---- before the recipients ---- */

static int
pipelines(const struct talk *t)
{
	return (t->offer.bits & SMTP_OFFERS_PIPELINING) != 0;
}

static int
trail_answer(struct talk *t)
{
	int rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);

	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_ETEMP, "XFORWARD");
	/* a refusal costs the trail, not the message */
	t->complained |= smtpreply_result(&t->reply) != SMX_OK;
	t->left |= t->reply.code == 421;
	return SMX_OK;
}

static int
mail_answer(struct talk *t)
{
	int rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);

	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_ETEMP, "MAIL");
	rc = smtpreply_result(&t->reply);
	if (rc == SMX_OK)
		return SMX_OK;
	return talk_tell_reply(t, rc == SMX_EREFUSED ? SMX_EREFUSED : SMX_ETEMP,
	    "MAIL");
}

/* What was written before the recipients, if not asked for yet. */
static int
early_answers(struct talk *t)
{
	int rc = SMX_OK;

	for (; rc == SMX_OK && t->trail > 0; t->trail--)
		rc = trail_answer(t);
	if (rc == SMX_OK && t->mail) {
		t->mail = 0;
		rc = mail_answer(t);
	}
	return rc;
}

/* Send what is in out, and with a server that wants each command by itself
 * read its answer. */
static int
send_early(struct talk *t, const char *step)
{
	int rc = buf_error(&t->out);

	if (rc != SMX_OK)
		return talk_tell(t, SMX_ETEMP, step, smx_strerror(rc));
	if (pipelines(t))
		return SMX_OK;
	rc = smtp_client_send(&t->client, t->out.data, t->out.len);
	buf_clear(&t->out);
	return rc == SMX_OK ? early_answers(t)
			    : talk_tell_failure(t, rc, SMX_ETEMP, step);
}

int
talk_trail(struct talk *t)
{
	for (int part = SMTP_XFORWARD_TRAIL; part <= SMTP_XFORWARD_CLIENT;
	     part++) {
		size_t before = t->out.len;
		int rc = smtpcmd_xforward(&t->out, t->job->envelope,
		    t->job->trail_id, &t->offer, (enum smtp_xforward)part);

		if (rc != SMX_OK)
			return talk_tell(t, SMX_ETEMP, "XFORWARD",
			    smx_strerror(rc));
		if (t->out.len == before)
			continue;
		t->trail++;
		rc = send_early(t, "XFORWARD");
		if (rc != SMX_OK)
			return rc;
	}
	return SMX_OK;
}

int
talk_mail(struct talk *t)
{
	int rc =
	    smtpcmd_mail(&t->out, t->job->envelope, &t->offer, t->size.bytes);

	if (rc != SMX_OK)
		return talk_tell(t, SMX_EREFUSED, "MAIL",
		    "unusable sender address");
	t->mail = 1;
	return send_early(t, "MAIL");
}

/* ---- recipients ---- */

int
talk_wanted(const struct talk *t, size_t index)
{
	return t->job->rcpt_states == NULL ||
	       t->job->rcpt_states[index] == SMX_RCPT_OPEN;
}

static void
note(struct talk *t, size_t index, char state)
{
	t->result->rcpt_states[index] = state;
	if (state == SMX_RCPT_HANDED)
		t->accepted++;
	else if (state == SMX_RCPT_REFUSED)
		t->refused++;
	else
		t->deferred++;
}

/* The first recipient that is not taken is what a person wants to read. */
static void
note_words(struct talk *t, size_t index, const char *text)
{
	if (t->refused + t->deferred == 0)
		(void)snprintf(t->result->text, sizeof(t->result->text),
		    "RCPT %s: %s",
		    smx_envelope_recipient(t->job->envelope, index), text);
}

static int
rcpt_answer(struct talk *t, size_t index)
{
	int rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);

	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_ETEMP, "RCPT");
	rc = smtpreply_result(&t->reply);
	if (rc == SMX_OK) {
		note(t, index, SMX_RCPT_HANDED);
		return SMX_OK;
	}
	t->complained = 1;
	t->left |= t->reply.code == 421;
	note_words(t, index, t->reply.line);
	note(t, index, rc == SMX_EREFUSED ? SMX_RCPT_REFUSED : SMX_RCPT_OPEN);
	return SMX_OK;
}

/* Write commands for recipients from first on; asked holds their indexes. */
static int
rcpt_batch(struct talk *t, size_t *first, size_t *asked, size_t max,
    size_t *count)
{
	int rc;

	*count = 0;
	for (; *first < t->recipients && *count < max; (*first)++) {
		if (!talk_wanted(t, *first))
			continue;
		if (smtpcmd_rcpt(&t->out, t->job->envelope, *first,
			&t->offer) == SMX_OK) {
			asked[(*count)++] = *first;
			continue;
		}
		if (buf_error(&t->out) != SMX_OK)
			return talk_tell(t, SMX_ETEMP, "RCPT",
			    smx_strerror(SMX_ENOMEM));
		note_words(t, *first, "unusable address");
		note(t, *first, SMX_RCPT_REFUSED);
	}
	rc = *count == 0
		 ? SMX_OK
		 : smtp_client_send(&t->client, t->out.data, t->out.len);
	buf_clear(&t->out);
	return rc == SMX_OK ? rc : talk_tell_failure(t, rc, SMX_ETEMP, "RCPT");
}

/* The sender was refused, and with it all recipients, whatever the server says
 * of them. */
static void
rcpt_ignore(struct talk *t, size_t count)
{
	struct smtpreply reply;

	for (size_t i = 0; i < count && !t->no_quit; i++)
		t->no_quit = smtp_client_reply(&t->client, &reply, 0, NULL,
				 NULL) != SMX_OK;
}

int
talk_rcpts(struct talk *t)
{
	size_t max = pipelines(t) ? BATCH_RCPTS : 1;
	size_t first = 0;

	while (first < t->recipients) {
		size_t asked[BATCH_RCPTS];
		size_t count;
		int rc = rcpt_batch(t, &first, asked, max, &count);

		if (rc != SMX_OK || count == 0)
			return rc;
		rc = early_answers(t);
		if (rc != SMX_OK)
			rcpt_ignore(t, count);
		for (size_t i = 0; rc == SMX_OK && i < count; i++)
			rc = rcpt_answer(t, asked[i]);
		if (rc != SMX_OK)
			return rc;
	}
	return SMX_OK;
}
