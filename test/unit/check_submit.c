/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include <shadowmx/submit.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "smtp_script.h"

#define NONE ((const char *const *)NULL), 0

static const char mail_text[] =
    "From: a@example.org\r\nSubject: x\r\n\r\nHi\r\n";

struct job {
	struct smx_envelope *envelope;
	struct smx_content content;
	struct smx_submission s;
	struct smx_submit_result result;
	char states[200];
	int64_t took_ms;
};

static int
never_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	(void)ctx;
	(void)offset;
	(void)buf;
	(void)len;
	return SMX_ECORRUPT;
}

static int
read_bytes(void *ctx, uint64_t offset, void *buf, size_t len)
{
	memcpy(buf, (const char *)ctx + offset, len);
	return SMX_OK;
}

static void
job_init(struct job *j, const char *const *rcpts)
{
	memset(j, 0, sizeof(*j));
	ck_assert_int_eq(smx_envelope_new(&j->envelope, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(j->envelope, "<a@example.org>",
			     NONE),
	    SMX_OK);
	for (; rcpts != NULL && *rcpts != NULL; rcpts++)
		ck_assert_int_eq(smx_envelope_rcpt(j->envelope, *rcpts, NONE),
		    SMX_OK);
	j->content.bytes = mail_text;
	j->content.size = sizeof(mail_text) - 1;
	j->content.read = never_read;
	j->s.envelope = j->envelope;
	j->s.content = &j->content;
	j->s.received = "";
	j->s.trail_id = "";
	j->s.deadline_mono_ms = clock_mono_ms() + 20000;
	j->result.rcpt_states = j->states;
}

static const char *const one[] = { "<r@example.com>", NULL };

/* Other ways in than target, of the next run_to. */
static const char *amended_way, *held_way;

static int
run_to(struct job *j, const char *target, int64_t step_ms)
{
	struct smx_submit_smtp_options o = { .target = target,
		.target_amended = amended_way,
		.target_held = held_way,
		.helo = "mx2.test.invalid",
		.step_ms = step_ms };
	struct smx_submit submit;
	char why[128] = "";
	int64_t began = clock_mono_ms();
	int rc;

	ck_assert_int_eq(smx_submit_open_smtp(&submit, &o, why, sizeof(why)),
	    SMX_OK);
	rc = submit.ops->submit(submit.ctx, &j->s, &j->result);
	smx_submit_close(&submit);
	j->took_ms = clock_mono_ms() - began;
	return rc;
}

static int
run(struct job *j, struct script *s, int64_t step_ms)
{
	int rc;

	script_start(s);
	rc = run_to(j, s->target, step_ms);
	script_stop(s);
	return rc;
}

/* Envelope and content gone, the results stay readable. */
static void
job_free(struct job *j, struct script *s)
{
	smx_envelope_free(&j->envelope);
	if (s != NULL)
		script_free(s);
}

static void
ck_assert_raw(const struct script *s, const char *want, size_t len)
{
	ck_assert_uint_eq(s->raw_len, len);
	ck_assert_mem_eq(s->raw, want, len);
}

#define ck_assert_has(s, text)                                                 \
	ck_assert_msg(strstr((s)->commands, text) != NULL, "no %s in:\n%s",    \
	    text, (s)->commands)
#define ck_assert_lacks(s, text)                                               \
	ck_assert_msg(strstr((s)->commands, text) == NULL, "%s in:\n%s", text, \
	    (s)->commands)

/* ---- what is sent ---- */

START_TEST(message_is_handed_over)
{
	struct script s = { .unix_socket = _i };
	struct job j;

	job_init(&j, one);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_str_eq(j.states, "h");
	ck_assert_str_eq(j.result.queue_id, "4jXKs073lDz1bkTK");
	ck_assert_str_eq(j.result.text,
	    "end of data: 250 2.0.0 Ok: queued as 4jXKs073lDz1bkTK");
	ck_assert_str_eq(s.commands,
	    "EHLO mx2.test.invalid\n"
	    "XFORWARD PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE] "
	    "HELO=[UNAVAILABLE] SOURCE=LOCAL IDENT=[UNAVAILABLE]\n"
	    "XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]\n"
	    "MAIL FROM:<a@example.org> SIZE=39\n"
	    "RCPT TO:<r@example.com>\nDATA\nQUIT\n");
	ck_assert_raw(&s,
	    "From: a@example.org\r\nSubject: x\r\n\r\nHi\r\n.\r\n", 42);
	ck_assert_int_eq(s.messages, 1);
	job_free(&j, &s);
}
END_TEST

static const struct {
	const char *in;
	const char *out;
} forms[] = {
	{ "", ".\r\n" },
	{ "a", "a\r\n.\r\n" },
	{ "a\r\n", "a\r\n.\r\n" },
	{ "a\r", "a\r\n.\r\n" },
	{ "a\n", "a\r\n.\r\n" },
	{ ".", "..\r\n.\r\n" },
	{ ".\r\n", "..\r\n.\r\n" },
	{ "..\r\n", "...\r\n.\r\n" },
	{ "a.b\r\n.c\r\n", "a.b\r\n..c\r\n.\r\n" },
	{ "a\rb\nc\r\nd", "a\r\nb\r\nc\r\nd\r\n.\r\n" },
	{ "a\r\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n" },
	{ "a\n\rb\r\n", "a\r\n\r\nb\r\n.\r\n" },
	{ "\r\n\r\n", "\r\n\r\n.\r\n" },
};

START_TEST(line_ends_are_repaired_and_dots_doubled)
{
	struct script s = { 0 };
	struct job j;
	char size[40];

	job_init(&j, one);
	j.content.bytes = forms[_i].in;
	j.content.size = strlen(forms[_i].in);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_raw(&s, forms[_i].out, strlen(forms[_i].out));
	snprintf(size, sizeof(size), " SIZE=%zu\n",
	    strlen(forms[_i].out) - 3 - (strstr(forms[_i].in, "..") != NULL) -
		(strstr(forms[_i].out, "\r\n..c") != NULL) -
		(forms[_i].in[0] == '.' && forms[_i].in[1] != '.'));
	ck_assert_has(&s, size);
	job_free(&j, &s);
}
END_TEST

/* 24 ways that some server takes for the end of data. */
START_TEST(one_message_in_is_one_message_out)
{
	static const char *const before[] = { "\r\n", "\n", "\r", "\r\r\n",
		"\n\r", "\r\n\r" };
	static const char *const after[] = { "\r\n", "\n", "\r", "\n\r" };
	static const char rest[] = "MAIL FROM:<evil@example.org>\r\n";
	char text[200];
	struct script s = { 0 };
	struct job j;
	size_t len;

	len = (size_t)snprintf(text, sizeof(text),
	    "Subject: x\r\n\r\nHi%s.%s%s", before[_i / 4], after[_i % 4], rest);
	job_init(&j, one);
	j.content.bytes = text;
	j.content.size = len;
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_int_eq(s.messages, 1);
	ck_assert_lacks(&s, "evil");
	/* no CR and no LF alone, and no dot alone between line ends but ours */
	for (size_t i = 0; i < s.raw_len; i++) {
		if (s.raw[i] == '\r')
			ck_assert_int_eq(s.raw[i + 1], '\n');
		if (s.raw[i] == '\n')
			ck_assert_int_eq(s.raw[i - 1], '\r');
	}
	ck_assert_ptr_eq(strstr(s.raw, "\r\n.\r\n"), s.raw + s.raw_len - 5);
	ck_assert_ptr_nonnull(strstr(s.raw, "\r\n..\r\n"));
	job_free(&j, &s);
}
END_TEST

START_TEST(all_bytes_pass_unchanged)
{
	struct script s = { 0 };
	struct job j;
	size_t size = 300000;
	char *text = malloc(size);

	/* lines whose CRLF falls on every place of the parts they are read in
	 */
	for (size_t i = 0; i < size; i++)
		text[i] = i % 131 == 129   ? '\r'
			  : i % 131 == 130 ? '\n'
					   : (char)(i * 7 + i / 131);
	for (size_t i = 0; i < size; i++)
		if (i % 131 < 129 && (text[i] == '\r' || text[i] == '\n' ||
					 (i % 131 == 0 && text[i] == '.')))
			text[i] = '\0';
	size -= size % 131;
	job_init(&j, one);
	j.content.ctx = text;
	j.content.bytes = _i == 0 ? text : NULL;
	j.content.read = _i == 0 ? never_read : read_bytes;
	j.content.size = size;
	j.s.received = "Received: from x\r\n\tby y; z\r\n";
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_uint_eq(s.raw_len, size + 28 + 3);
	ck_assert_mem_eq(s.raw, j.s.received, 28);
	ck_assert_mem_eq(s.raw + 28, text, size);
	free(text);
	job_free(&j, &s);
}
END_TEST

START_TEST(parameters_are_said_again)
{
	static const char *const mail[] = { "SIZE=1000", "BODY=8BITMIME",
		"SMTPUTF8", "RET=HDRS", "ENVID=env+2Bid1", "AUTH=<>", "X-NEW=1",
		"BODYGUARD=1" };
	static const char *const rcpt[] = { "NOTIFY=SUCCESS,FAILURE",
		"ORCPT=rfc822;orig+2Bx@z.invalid", "X-OTHER" };
	struct script s = { 0 };
	struct job j;

	job_init(&j, NULL);
	smx_envelope_reset(j.envelope);
	ck_assert_int_eq(smx_envelope_mail(j.envelope, "<s\303\266m@x.invalid>",
			     mail, 8),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(j.envelope, "<r@y.invalid>", rcpt,
			     3),
	    SMX_OK);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_has(&s,
	    "MAIL FROM:<s\303\266m@x.invalid> SIZE=39 BODY=8BITMIME "
	    "SMTPUTF8 RET=HDRS ENVID=env+2Bid1\n"
	    "RCPT TO:<r@y.invalid> NOTIFY=SUCCESS,FAILURE "
	    "ORCPT=rfc822;orig+2Bx@z.invalid\n");
	job_free(&j, &s);
}
END_TEST

/* Postfix takes control bytes, and delivers what has them. */
START_TEST(control_bytes_that_were_taken_are_said_again)
{
	static const char *const mail[] = { "ENVID=a\001z", "RET=F\001" };
	static const char *const rcpt[] = { "ORCPT=rfc822;a\177z@x",
		"NOTIFY=\001" };
	struct script s = { 0 };
	struct job j;

	job_init(&j, NULL);
	smx_envelope_reset(j.envelope);
	ck_assert_int_eq(smx_envelope_mail(j.envelope, "<a\001@x.invalid>",
			     mail, 2),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(j.envelope,
			     "<\"\t\\\177\"@y.invalid>", rcpt, 2),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(j.envelope, SMX_FIELD_HELO, "a\"<\\"),
	    SMX_OK);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_has(&s, "MAIL FROM:<a\001@x.invalid> SIZE=39 ENVID=a+01z\n");
	ck_assert_has(&s,
	    "RCPT TO:<\"\t\\\177\"@y.invalid> ORCPT=rfc822;a+7Fz@x\n");
	ck_assert_has(&s, " HELO=a+22+3C+5C ");
	job_free(&j, &s);
}
END_TEST

START_TEST(parameters_that_are_not_offered_are_left_out)
{
	static const char *const mail[] = { "SIZE=1000", "BODY=7BIT",
		"RET=FULL", "ENVID=e" };
	static const char *const rcpt[] = { "NOTIFY=NEVER" };
	struct script s = { .text = { [STEP_EHLO] = "250 script\r\n" } };
	struct job j;

	job_init(&j, NULL);
	smx_envelope_reset(j.envelope);
	ck_assert_int_eq(smx_envelope_mail(j.envelope, "<>", mail, 4), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(j.envelope, "r@y.invalid", rcpt, 1),
	    SMX_OK);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_str_eq(s.commands,
	    "EHLO mx2.test.invalid\nMAIL FROM:<>\nRCPT TO:<r@y.invalid>\n"
	    "DATA\nQUIT\n");
	job_free(&j, &s);
}
END_TEST

START_TEST(trail_is_told)
{
	struct script s = { 0 };
	struct job j;
	char helo[300];

	job_init(&j, one);
	memset(helo, '=', sizeof(helo) - 1);
	helo[sizeof(helo) - 1] = '\0';
	j.s.trail_id = "4jXKold";
	ck_assert_int_eq(smx_envelope_set(j.envelope, SMX_FIELD_CLIENT_NAME,
			     _i == 0 ? "mail.example.org" : "bad name"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(j.envelope, SMX_FIELD_CLIENT_ADDR,
			     _i == 0 ? "192.0.2.7" : "2001:db8::7"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(j.envelope, SMX_FIELD_CLIENT_PORT,
			     "4711"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(j.envelope, SMX_FIELD_PROTOCOL,
			     "ESMTP"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(j.envelope, SMX_FIELD_HELO,
			     _i == 0 ? "a b+c=\303\266" : helo),
	    SMX_OK);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_has(&s,
	    _i == 0 ? "XFORWARD PORT=4711 PROTO=ESMTP "
		      "HELO=a+20b+2Bc+3D+C3+B6 SOURCE=REMOTE IDENT=4jXKold\n"
		      "XFORWARD NAME=mail.example.org ADDR=192.0.2.7\n"
		    : "XFORWARD PORT=4711 PROTO=ESMTP HELO=[UNAVAILABLE] "
		      "SOURCE=REMOTE IDENT=4jXKold\n"
		      "XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::7\n");
	job_free(&j, &s);
}
END_TEST

START_TEST(refused_trail_costs_only_the_trail)
{
	struct script s = {
		.text = { [STEP_XFORWARD] =
			      "550 5.7.0 insufficient authorization\r\n" }
	};
	struct job j;

	job_init(&j, one);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_int_eq(s.messages, 1);
	job_free(&j, &s);
}
END_TEST

/* ---- recipients ---- */

START_TEST(each_recipient_has_its_own_outcome)
{
	static const char *const rcpts[] = { "<a@x.invalid>", "<4xx@x.invalid>",
		"<5xx@x.invalid>", "<b@x.invalid>", "<given-before@x.invalid>",
		"<refused-before@x.invalid>", NULL };
	struct script s = { 0 };
	struct job j;

	job_init(&j, rcpts);
	j.s.rcpt_states = "oooohr";
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_str_eq(j.states, "horhhr");
	ck_assert_str_eq(j.result.text,
	    "RCPT <4xx@x.invalid>: 450 4.2.0 Not now");
	ck_assert_lacks(&s, "before");
	ck_assert_int_eq(s.messages, 1);
	job_free(&j, &s);
}
END_TEST

START_TEST(nothing_is_sent_when_all_are_refused)
{
	static const char *const rcpts[] = { "<5xx@x.invalid>",
		"<5xx-b@x.invalid>", NULL };
	struct script s = { 0 };
	struct job j;

	job_init(&j, rcpts);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_str_eq(j.states, "rr");
	ck_assert_str_eq(j.result.text,
	    "RCPT <5xx@x.invalid>: 550 5.1.1 No such user");
	ck_assert_lacks(&s, "DATA");
	job_free(&j, &s);
}
END_TEST

START_TEST(nothing_is_sent_when_all_are_put_off)
{
	static const char *const rcpts[] = { "<4xx@x.invalid>", NULL };
	struct script s = { 0 };
	struct job j;

	job_init(&j, rcpts);
	ck_assert_int_eq(run(&j, &s, 0), SMX_ETEMP);
	ck_assert_str_eq(j.states, "o");
	ck_assert_lacks(&s, "DATA");
	job_free(&j, &s);
}
END_TEST

START_TEST(many_recipients_keep_their_order)
{
	struct script s = { .text = { [STEP_EHLO] =
					  _i == 0 ? NULL : "250 script\r\n" } };
	struct job j;
	char last[40];

	job_init(&j, NULL);
	for (int i = 0; i < 123; i++) {
		char address[40];

		snprintf(address, sizeof(address), "<%d-%s@x.invalid>", i,
		    i % 3 == 1   ? "4xx"
		    : i % 3 == 2 ? "5xx"
				 : "ok");
		ck_assert_int_eq(smx_envelope_rcpt(j.envelope, address, NONE),
		    SMX_OK);
	}
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	for (int i = 0; i < 123; i++)
		ck_assert_int_eq(j.states[i], "hor"[i % 3]);
	snprintf(last, sizeof(last), "<121-4xx@x.invalid>\nRCPT TO:<122-5xx");
	ck_assert_has(&s, last);
	job_free(&j, &s);
}
END_TEST

START_TEST(address_cannot_smuggle_a_parameter)
{
	static const char *const bad[] = { "<a@x.invalid> NOTIFY=NEVER",
		"<a@x.invalid> ORCPT=<b>", "a b@x.invalid", "<a@x>b>",
		"<\"a@x.invalid>", "<a\\>", "<a\t@x.invalid>",
		"<\"a\"b\"> SMTPUTF8 <\"c\">" };
	struct script s = { 0 };
	struct job j;

	job_init(&j, NULL);
	ck_assert_int_eq(smx_envelope_rcpt(j.envelope, bad[_i], NONE), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(j.envelope,
			     "<\"a >\\\" b\"@x.invalid>", NONE),
	    SMX_OK);
	ck_assert_int_eq(run(&j, &s, 0), SMX_OK);
	ck_assert_str_eq(j.states, "rh");
	ck_assert_has(&s,
	    " SIZE=39\nRCPT TO:<\"a >\\\" b\"@x.invalid>\nDATA\n");
	job_free(&j, &s);
}
END_TEST

/* ---- refusals ---- */

static const struct {
	enum script_step step;
	const char *text;
	int result;
	const char *states;
} refusals[] = {
	{ STEP_GREETING, "421 4.3.2 Full\r\n", SMX_ETEMP, "o" },
	{ STEP_GREETING, "554 5.3.2 No mail here\r\n", SMX_ETEMP, "o" },
	{ STEP_EHLO, "421 4.3.2 Full\r\n", SMX_ETEMP, "o" },
	{ STEP_EHLO, "550 5.5.2 What?\r\n", SMX_ETEMP, "o" },
	{ STEP_MAIL, "452 4.3.1 Disk full\r\n", SMX_ETEMP, "o" },
	{ STEP_MAIL, "552 5.3.4 Too big\r\n", SMX_EREFUSED, "r" },
	{ STEP_MAIL, "354 What?\r\n", SMX_ETEMP, "o" },
	{ STEP_RCPT, "452 4.5.3 Too many\r\n", SMX_ETEMP, "o" },
	{ STEP_RCPT, "354 What?\r\n", SMX_ETEMP, "o" },
	{ STEP_RCPT, "252 2.1.5 Perhaps\r\n", SMX_OK, "h" },
	{ STEP_DATA, "451 4.3.0 Later\r\n", SMX_ETEMP, "o" },
	{ STEP_DATA, "554 5.5.1 No\r\n", SMX_EREFUSED, "r" },
	{ STEP_DATA, "250 Done already\r\n", SMX_ETEMP, "o" },
	{ STEP_DOT, "451 4.3.0 Later\r\n", SMX_ETEMP, "o" },
	{ STEP_DOT, "550 5.7.1 Spam\r\n", SMX_EREFUSED, "r" },
	{ STEP_DOT, "250 2.0.0 Ok\r\n", SMX_OK, "h" },
	{ STEP_DOT, "354 More\r\n", SMX_EUNSURE, "o" },
	{ STEP_DOT, "250-Ok\r\n451 or not\r\n", SMX_EUNSURE, "o" },
};

START_TEST(refusal_is_told_with_its_words)
{
	struct script s = { 0 };
	struct job j;
	char words[64];

	s.text[refusals[_i].step] = refusals[_i].text;
	job_init(&j, one);
	ck_assert_int_eq(run(&j, &s, 2000), refusals[_i].result);
	ck_assert_str_eq(j.states, refusals[_i].states);
	snprintf(words, strlen(refusals[_i].text) - 1, "%s", refusals[_i].text);
	if (refusals[_i].result != SMX_OK && words[3] == ' ')
		ck_assert_ptr_nonnull(strstr(j.result.text, words));
	job_free(&j, &s);
}
END_TEST

START_TEST(message_is_not_sent_to_a_server_that_would_harm_it)
{
	static const struct {
		const char *offer;
		const char *text;
		const char *mail_param;
		const char *rcpt;
		int result;
	} t[] = {
		{ "250 x\r\n", "a\r\n", NULL, "<r@x>", SMX_OK },
		{ "250 x\r\n", "\303\266\r\n", NULL, "<r@x>", SMX_EREFUSED },
		{ "250-x\r\n250 8BITMIME\r\n", "\303\266\r\n", NULL, "<r@x>",
		    SMX_OK },
		{ "250-x\r\n250 8BITMIME\r\n", "a\r\n", "SMTPUTF8", "<r@x>",
		    SMX_EREFUSED },
		{ "250-x\r\n250 8BITMIME\r\n", "a\r\n", NULL, "<\303\266@x>",
		    SMX_EREFUSED },
		{ "250-x\r\n250 SMTPUTF8\r\n", "a\r\n", "SMTPUTF8", "<r@x>",
		    SMX_OK },
		{ "250-8BITMIME\r\n250 SMTPUTF8\r\n", "\303\266\r\n", NULL,
		    "<r@x>", SMX_EREFUSED },
	};
	struct script s = { .text = { [STEP_EHLO] = t[_i].offer } };
	struct job j;

	job_init(&j, NULL);
	smx_envelope_reset(j.envelope);
	ck_assert_int_eq(smx_envelope_mail(j.envelope, "<a@x>",
			     &t[_i].mail_param, t[_i].mail_param != NULL),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(j.envelope, t[_i].rcpt, NONE),
	    SMX_OK);
	j.content.bytes = t[_i].text;
	j.content.size = strlen(t[_i].text);
	ck_assert_int_eq(run(&j, &s, 0), t[_i].result);
	ck_assert_int_eq(s.messages, t[_i].result == SMX_OK);
	if (t[_i].result != SMX_OK)
		ck_assert_ptr_nonnull(strstr(j.result.text, "offers no "));
	job_free(&j, &s);
}
END_TEST

/* ---- servers that misbehave ---- */

static int
misbehaved(enum script_step step)
{
	return step == STEP_GREETING ? SMX_EUNREACHABLE
	       : step == STEP_DOT    ? SMX_EUNSURE
				     : SMX_ETEMP;
}

START_TEST(misbehaviour_at_any_step_ends_in_time)
{
	enum script_step step = (enum script_step)(_i % STEPS);
	struct script s = { 0 };
	struct job j;

	s.act[step] = (enum script_act)(ACT_CLOSE + _i / STEPS);
	job_init(&j, one);
	ck_assert_int_eq(run(&j, &s, 100), misbehaved(step));
	ck_assert_str_eq(j.states, "o");
	ck_assert_str_ne(j.result.text, "");
	/* one step, ten for the final dot, one second for the answer to QUIT */
	ck_assert_int_lt(j.took_ms, 15000);
	job_free(&j, &s);
}
END_TEST

START_TEST(deadline_of_the_whole_holds_at_any_step)
{
	struct script s = { 0 };
	struct job j;

	s.act[_i] = ACT_SILENT;
	job_init(&j, one);
	j.s.deadline_mono_ms = clock_mono_ms() + 200;
	ck_assert_int_eq(run(&j, &s, 60000), misbehaved((enum script_step)_i));
	ck_assert_int_lt(j.took_ms, 15000);
	job_free(&j, &s);
}
END_TEST

START_TEST(server_that_stops_reading_has_nothing)
{
	struct script s = { .deaf = _i == 0 ? "close" : "silent" };
	struct job j;
	size_t size = 32u << 20;

	job_init(&j, one);
	j.content.size = size;
	j.content.bytes = malloc(size);
	memset((void *)(uintptr_t)j.content.bytes, 'x', size);
	ck_assert_int_eq(run(&j, &s, 300), SMX_ETEMP);
	ck_assert_str_eq(j.states, "o");
	ck_assert_int_lt(j.took_ms, 20000);
	free((void *)(uintptr_t)j.content.bytes);
	job_free(&j, &s);
}
END_TEST

START_TEST(content_that_cannot_be_read_is_not_sent)
{
	struct script s = { 0 };
	struct job j;

	job_init(&j, one);
	j.content.bytes = NULL;
	ck_assert_int_eq(run(&j, &s, 0), SMX_ETEMP);
	ck_assert_int_eq(s.messages, 0);
	ck_assert_ptr_nonnull(
	    strstr(j.result.text, smx_strerror(SMX_ECORRUPT)));
	job_free(&j, &s);
}
END_TEST

START_TEST(nobody_there_is_told_at_once)
{
	struct script s = { .unix_socket = _i };
	struct job j;

	script_start(&s);
	script_stop(&s);
	job_init(&j, one);
	ck_assert_int_eq(run_to(&j, s.target, 0), SMX_EUNREACHABLE);
	ck_assert_str_eq(j.states, "o");
	ck_assert_int_lt(j.took_ms, 10000);
	job_free(&j, &s);
}
END_TEST

START_TEST(targets_are_checked_when_opened)
{
	static const struct {
		const char *target;
		int result;
	} t[] = { { "127.0.0.1:25", SMX_OK }, { "[::1]:25", SMX_OK },
		{ "[127.0.0.1]:25", SMX_OK }, { "unix:/a", SMX_OK },
		{ "", SMX_EINVAL }, { "127.0.0.1", SMX_EINVAL },
		{ "127.0.0.1:0", SMX_EINVAL },
		{ "127.0.0.1:65536", SMX_EINVAL },
		{ "127.0.0.1:2x", SMX_EINVAL }, { "::1:25", SMX_EINVAL },
		{ "localhost:25", SMX_EINVAL }, { "unix:a", SMX_EINVAL },
		{ ":25", SMX_EINVAL }, { "[]:25", SMX_EINVAL } };
	struct smx_submit_smtp_options o = { .target = t[_i].target,
		.helo = "h" };
	struct smx_submit submit = { 0 };
	char why[128] = "";

	ck_assert_int_eq(smx_submit_open_smtp(&submit, &o, why, sizeof(why)),
	    t[_i].result);
	ck_assert_int_eq(why[0] == '\0', t[_i].result == SMX_OK);
	smx_submit_close(&submit);
	smx_submit_close(&submit);
	o.target = "127.0.0.1:25";
	if (t[_i].target[0] != '\0') { /* "" is no other way */
		o.target_amended = t[_i].target;
		ck_assert_int_eq(smx_submit_open_smtp(&submit, &o, why,
				     sizeof(why)),
		    t[_i].result);
		smx_submit_close(&submit);
		o.target_held = t[_i].target;
		o.target_amended = NULL;
		ck_assert_int_eq(smx_submit_open_smtp(&submit, &o, why,
				     sizeof(why)),
		    t[_i].result);
		smx_submit_close(&submit);
	}
	o.helo = "two words";
	ck_assert_int_eq(smx_submit_open_smtp(&submit, &o, why, sizeof(why)),
	    SMX_EINVAL);
}
END_TEST

/* ---- several messages, one connection ---- */

static void
open_submit(struct smx_submit *submit, struct script *s)
{
	struct smx_submit_smtp_options o = { .target = s->target,
		.helo = "mx2.test.invalid",
		.step_ms = 2000 };
	char why[128] = "";

	script_start(s);
	ck_assert_int_eq(smx_submit_open_smtp(submit, &o, why, sizeof(why)),
	    SMX_OK);
}

/* One more message. */
static int
give(struct smx_submit *submit, struct job *j, const char *const *rcpts)
{
	int rc;

	job_init(j, rcpts);
	rc = submit->ops->submit(submit->ctx, &j->s, &j->result);
	smx_envelope_free(&j->envelope);
	return rc;
}

static size_t
count_of(const struct script *s, const char *text)
{
	size_t n = 0;

	for (const char *p = s->commands; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

START_TEST(next_message_takes_the_same_connection)
{
	struct script s = { .unix_socket = _i };
	struct smx_submit submit;
	struct job j;

	open_submit(&submit, &s);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
		ck_assert_str_eq(j.states, "h");
		ck_assert_str_eq(j.result.queue_id, "4jXKs073lDz1bkTK");
	}
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.connections, 1);
	ck_assert_int_eq(s.messages, 5);
	ck_assert_uint_eq(count_of(&s, "EHLO"), 1);
	ck_assert_uint_eq(count_of(&s, "MAIL FROM"), 5);
	ck_assert_uint_eq(count_of(&s, "QUIT"), 1);
	script_free(&s);
}
END_TEST

START_TEST(connection_does_not_outlive_the_work)
{
	struct script s = { .serves = 2 };
	struct smx_submit submit;
	struct job j;

	open_submit(&submit, &s);
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	submit.ops->rest(submit.ctx);
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.connections, 2);
	ck_assert_uint_eq(count_of(&s, "QUIT"), 2);
	script_free(&s);
}
END_TEST

START_TEST(connection_carries_a_hundred_messages_at_most)
{
	struct script s = { .serves = 2 };
	struct smx_submit submit;
	struct job j;

	open_submit(&submit, &s);
	for (int i = 0; i < 101; i++)
		ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.connections, 2);
	ck_assert_int_eq(s.messages, 101);
	script_free(&s);
}
END_TEST

/* What a server does between two messages, or at the second. */
static const struct {
	enum script_step step;
	enum script_act act;
	const char *text;
	int idle;
} leavings[] = {
	{ .idle = 1 },
	{ .step = STEP_XFORWARD, .act = ACT_CLOSE },
	{ .step = STEP_MAIL, .act = ACT_CLOSE },
	{ .step = STEP_RCPT, .act = ACT_CLOSE },
	{ .step = STEP_DATA, .act = ACT_CLOSE },
	{ .step = STEP_XFORWARD, .text = "421 4.4.2 Too long\r\n" },
	{ .step = STEP_MAIL, .text = "421 4.4.2 Too long\r\n" },
	{ .step = STEP_DATA, .text = "421 4.4.2 Too long\r\n" },
};

START_TEST(server_that_leaves_between_messages_costs_nothing)
{
	struct script s = { .serves = 2,
		.after = 1,
		.leave_after = leavings[_i].idle };
	struct smx_submit submit;
	struct job j;

	s.act[leavings[_i].step] = leavings[_i].act;
	s.text[leavings[_i].step] = leavings[_i].text;
	open_submit(&submit, &s);
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	ck_assert_str_eq(j.states, "h");
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.messages, 2);
	/* A 421 to the trail costs the trail, until the server really goes. */
	ck_assert_int_eq(s.connections,
	    leavings[_i].step == STEP_XFORWARD && leavings[_i].text ? 1 : 2);
	script_free(&s);
}
END_TEST

/* It may have the message: another try is for the caller to decide. */
START_TEST(answer_lost_on_a_used_connection_is_unsure)
{
	struct script s = { .serves = 2, .after = 1 };
	struct smx_submit submit;
	struct job j;

	s.act[STEP_DOT] = ACT_CLOSE;
	open_submit(&submit, &s);
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	ck_assert_int_eq(give(&submit, &j, one), SMX_EUNSURE);
	ck_assert_str_eq(j.states, "o");
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.connections, 1);
	ck_assert_int_eq(s.messages, 2);
	script_free(&s);
}
END_TEST

START_TEST(silence_on_a_used_connection_is_not_tried_elsewhere)
{
	struct script s = { .serves = 2, .after = 1 };
	struct smx_submit submit;
	struct job j;

	s.act[STEP_MAIL] = ACT_SILENT;
	open_submit(&submit, &s);
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	job_init(&j, one);
	j.s.deadline_mono_ms = clock_mono_ms() + 200;
	ck_assert_int_eq(submit.ops->submit(submit.ctx, &j.s, &j.result),
	    SMX_ETEMP);
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.connections, 1);
	job_free(&j, &s);
}
END_TEST

START_TEST(complaint_ends_the_connection)
{
	static const char *const some[] = { "<a@x.invalid>", "<5xx@x.invalid>",
		NULL };
	struct script s = { .serves = 2 };
	struct smx_submit submit;
	struct job j;

	open_submit(&submit, &s);
	ck_assert_int_eq(give(&submit, &j, some), SMX_OK);
	ck_assert_str_eq(j.states, "hr");
	ck_assert_int_eq(give(&submit, &j, one), SMX_OK);
	ck_assert_str_eq(j.states, "h");
	smx_submit_close(&submit);
	script_stop(&s);
	ck_assert_int_eq(s.connections, 2);
	script_free(&s);
}
END_TEST

START_TEST(refused_sender_leaves_the_conversation_in_step)
{
	struct script s = { .text = { [STEP_MAIL] = "552 5.3.4 Too big\r\n" } };
	struct job j;

	job_init(&j, NULL);
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(smx_envelope_rcpt(j.envelope, "<r@x.invalid>",
				     NONE),
		    SMX_OK);
	ck_assert_int_eq(run(&j, &s, 2000), SMX_EREFUSED);
	ck_assert_str_eq(j.result.text, "MAIL: 552 5.3.4 Too big");
	ck_assert_lacks(&s, "DATA");
	ck_assert_has(&s, "QUIT");
	job_free(&j, &s);
}
END_TEST

/* Which of the three ways a message goes; -1: none. */
static const struct {
	int amended, held;
	int has_amended, has_held;
	int way;
	int released;
} ways[] = {
	{ 0, 0, 1, 1, 0, 0 },
	{ 1, 0, 1, 1, 1, 0 },
	{ 1, 0, 0, 1, 0, 0 },
	{ 0, 1, 1, 1, 2, 0 },
	{ 1, 1, 1, 1, 2, 0 },
	{ 0, 1, 1, 0, -1, 0 },
	{ 1, 1, 1, 0, -1, 0 },
	/* Released by a person: on hold all the same where that can be. */
	{ 0, 1, 1, 1, 2, 1 },
	{ 0, 1, 1, 0, 0, 1 },
	{ 1, 1, 1, 0, 1, 1 },
};

START_TEST(message_takes_the_way_that_fits_it)
{
	static const struct script idle;
	struct script s[3] = { idle, idle, idle };
	struct job j;
	int rc;

	for (int i = 0; i < 3; i++)
		script_start(&s[i]);
	amended_way = ways[_i].has_amended ? s[1].target : "";
	held_way = ways[_i].has_held ? s[2].target : NULL;
	job_init(&j, one);
	j.s.amended = ways[_i].amended;
	j.s.held = ways[_i].held;
	j.s.released = ways[_i].released;
	rc = run_to(&j, s[0].target, 2000);
	for (int i = 0; i < 3; i++) {
		script_stop(&s[i]);
		ck_assert_int_eq(s[i].messages, i == ways[_i].way);
		ck_assert_int_eq(s[i].connections, i == ways[_i].way);
	}
	ck_assert_int_eq(rc, ways[_i].way < 0 ? SMX_EREFUSED : SMX_OK);
	if (ways[_i].way < 0)
		ck_assert_ptr_nonnull(
		    strstr(j.result.text, "mta.submit_held is not set"));
	for (int i = 1; i < 3; i++)
		script_free(&s[i]);
	job_free(&j, &s[0]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("submit");
	TCase *tc = tcase_create("smtp");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, message_is_handed_over, 0, 2);
	tcase_add_loop_test(tc, line_ends_are_repaired_and_dots_doubled, 0,
	    sizeof(forms) / sizeof(*forms));
	tcase_add_loop_test(tc, one_message_in_is_one_message_out, 0, 24);
	tcase_add_loop_test(tc, all_bytes_pass_unchanged, 0, 2);
	tcase_add_test(tc, parameters_are_said_again);
	tcase_add_test(tc, control_bytes_that_were_taken_are_said_again);
	tcase_add_test(tc, parameters_that_are_not_offered_are_left_out);
	tcase_add_loop_test(tc, trail_is_told, 0, 2);
	tcase_add_test(tc, refused_trail_costs_only_the_trail);
	tcase_add_test(tc, each_recipient_has_its_own_outcome);
	tcase_add_test(tc, nothing_is_sent_when_all_are_refused);
	tcase_add_test(tc, nothing_is_sent_when_all_are_put_off);
	tcase_add_loop_test(tc, many_recipients_keep_their_order, 0, 2);
	tcase_add_loop_test(tc, address_cannot_smuggle_a_parameter, 0, 8);
	tcase_add_loop_test(tc, refusal_is_told_with_its_words, 0,
	    sizeof(refusals) / sizeof(*refusals));
	tcase_add_loop_test(tc,
	    message_is_not_sent_to_a_server_that_would_harm_it, 0, 7);
	tcase_add_loop_test(tc, misbehaviour_at_any_step_ends_in_time, 0,
	    (ACTS - ACT_CLOSE) * STEPS);
	tcase_add_loop_test(tc, deadline_of_the_whole_holds_at_any_step, 0,
	    STEPS);
	tcase_add_loop_test(tc, server_that_stops_reading_has_nothing, 0, 2);
	tcase_add_test(tc, content_that_cannot_be_read_is_not_sent);
	tcase_add_loop_test(tc, nobody_there_is_told_at_once, 0, 2);
	tcase_add_loop_test(tc, targets_are_checked_when_opened, 0, 14);
	tcase_add_loop_test(tc, message_takes_the_way_that_fits_it, 0,
	    sizeof(ways) / sizeof(*ways));
	tcase_add_loop_test(tc, next_message_takes_the_same_connection, 0, 2);
	tcase_add_test(tc, connection_does_not_outlive_the_work);
	tcase_add_test(tc, connection_carries_a_hundred_messages_at_most);
	tcase_add_loop_test(tc,
	    server_that_leaves_between_messages_costs_nothing, 0,
	    sizeof(leavings) / sizeof(*leavings));
	tcase_add_test(tc, answer_lost_on_a_used_connection_is_unsure);
	tcase_add_test(tc, silence_on_a_used_connection_is_not_tried_elsewhere);
	tcase_add_test(tc, complaint_ends_the_connection);
	tcase_add_test(tc, refused_sender_leaves_the_conversation_in_step);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
