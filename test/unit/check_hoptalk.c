/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hoptalk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hoptalk talk;
static struct smx_envelope *envelope;
static const char text[] = "Subject: x\r\n\r\n.dot\nend\r\n";
static struct smx_content content = { .size = sizeof(text) - 1, .bytes = text };

static void
setup(void)
{
	const char *const params[] = { "BODY=8BITMIME", "SIZE=77" };

	ck_assert_int_eq(smx_envelope_new(&envelope, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<a@example.org>", params,
			     2),
	    SMX_OK);
	hoptalk_init(&talk);
	talk.helo = "here.example.org";
	talk.envelope = envelope;
	talk.now_ms = 1000;
}

static void
teardown(void)
{
	hoptalk_free(&talk);
	smx_envelope_free(&envelope);
}

static void
rcpt(const char *address)
{
	size_t n = smx_envelope_recipients(envelope);

	ck_assert_int_eq(smx_envelope_rcpt(envelope, address, NULL, 0), SMX_OK);
	ck_assert_int_eq(hoptalk_rcpt(&talk, n), SMX_OK);
}

/* It says this, all of it, and it leaves. */
static void
says(const char *expected)
{
	hoptalk_fill(&talk);
	ck_assert_str_eq(talk.out.data == NULL ? "" : talk.out.data, expected);
	hoptalk_sent(&talk, talk.out.len);
}

static void
hears(const char *reply)
{
	(void)hoptalk_received(&talk, reply, strlen(reply));
}

static void
needs(enum hoptalk_need need)
{
	ck_assert_int_eq(hoptalk_need(&talk), need);
}

static void
connected(void)
{
	needs(HOPTALK_CONNECT);
	talk.connect_from = 1000;
	hoptalk_connecting(&talk);
	hoptalk_connected(&talk);
	hears("220 next\r\n");
}

static void
offered(const char *offers)
{
	connected();
	says(talk.lmtp ? "LHLO here.example.org\r\n"
		       : "EHLO here.example.org\r\n");
	hears("250-next\r\n");
	hears(offers);
	hears("250 HELP\r\n");
}

static void
sends_content(void)
{
	ck_assert_int_eq(hoptalk_content(&talk, &content, "R: x\r\n", 0, NULL),
	    SMX_OK);
}

static void
rcpt_is(size_t n, enum hop_class class, int code)
{
	ck_assert_int_eq(talk.rcpts[n].rcpt_known, class != 0);
	ck_assert_msg(class == 0 || (talk.rcpts[n].rcpt.class == class &&
					talk.rcpts[n].rcpt.code == code),
	    "%d %d %s", (int)talk.rcpts[n].rcpt.class, talk.rcpts[n].rcpt.code,
	    talk.rcpts[n].rcpt.text);
}

static void
final_is(size_t n, enum hop_class class, int code)
{
	ck_assert_int_eq(talk.rcpts[n].final_known, class != 0);
	ck_assert_msg(class == 0 || (talk.rcpts[n].final.class == class &&
					talk.rcpts[n].final.code == code),
	    "%d %d %s", (int)talk.rcpts[n].final.class,
	    talk.rcpts[n].final.code, talk.rcpts[n].final.text);
}

START_TEST(one_thing_after_the_other)
{
	rcpt("<one@example.org>");
	offered("");
	says("MAIL FROM:<a@example.org>\r\n");
	hears("250 ok\r\n");
	says("RCPT TO:<one@example.org>\r\n");
	talk.now_ms = 1050;
	hears("250 2.1.5 ok\r\n");
	rcpt_is(0, HOP_YES, 250);
	needs(HOPTALK_IDLE);
	ck_assert_int_eq(hoptalk_keeps(&talk), 1);
	rcpt("<two@example.org>");
	says("RCPT TO:<two@example.org>\r\n");
	hears("550 5.1.1 no\r\n");
	rcpt_is(1, HOP_NO, 550);
	sends_content();
	says("DATA\r\n");
	hears("354 go\r\n");
	ck_assert_int_eq(hoptalk_is_committed(&talk), 0);
	says("R: x\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\n");
	ck_assert_int_eq(hoptalk_is_committed(&talk), 1);
	talk.now_ms = 1100;
	hears("250 2.0.0 in\r\n");
	final_is(0, HOP_YES, 250);
	final_is(1, HOP_NO, 550);
	needs(HOPTALK_IDLE);
	ck_assert_int_eq(hoptalk_keeps(&talk), 1);
	ck_assert_int_eq(talk.line.dirty, 0);
	ck_assert_int_eq(talk.rcpt_ms, 50);
	ck_assert_int_eq(talk.data_ms, 50);
}
END_TEST

START_TEST(all_at_once)
{
	rcpt("<one@example.org>");
	rcpt("<two@example.org>");
	offered("250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
		"250-CHUNKING\r\n");
	says("MAIL FROM:<a@example.org> SIZE=77 BODY=8BITMIME\r\n"
	     "RCPT TO:<one@example.org>\r\nRCPT TO:<two@example.org>\r\n");
	hears("250 ok\r\n250 ok\r\n45");
	rcpt_is(0, HOP_YES, 250);
	rcpt_is(1, 0, 0);
	hears("1 4.7.1 later\r\n");
	rcpt_is(1, HOP_TEMP, 451);
	sends_content();
	says("BDAT 31 LAST\r\nR: x\r\nSubject: x\r\n\r\n.dot\r\nend\r\n");
	hears("250 in\r\n");
	final_is(0, HOP_YES, 250);
	final_is(1, HOP_TEMP, 451);
}
END_TEST

/* What it says to RCPT after a refused MAIL is of no interest. */
START_TEST(a_refused_sender_is_everybodys_answer)
{
	rcpt("<one@example.org>");
	rcpt("<two@example.org>");
	offered(_i ? "250-PIPELINING\r\n" : "");
	hoptalk_sent(&talk, talk.out.len);
	hears("550 5.7.1 not from you\r\n");
	hoptalk_sent(&talk, talk.out.len);
	if (_i)
		hears("503 MAIL first\r\n503 MAIL first\r\n");
	rcpt_is(0, HOP_NO, 550);
	rcpt_is(1, HOP_NO, 550);
	needs(HOPTALK_IDLE);
	rcpt("<three@example.org>");
	rcpt_is(2, HOP_NO, 550);
}
END_TEST

/* It offers more than it keeps: that is no word about the sender. */
START_TEST(a_sender_refused_out_of_step_is_asked_about_alone)
{
	rcpt("<one@example.org>");
	offered("250-PIPELINING\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("503 5.5.1 one at a time\r\n");
	needs(HOPTALK_CLOSE);
	ck_assert_uint_ne(talk.avoid & HOPTALK_NO_PIPELINING, 0);
	ck_assert_int_eq(talk.rcpts[0].rcpt_known, 0);
}
END_TEST

START_TEST(helo_when_ehlo_is_not_known)
{
	rcpt("<one@example.org>");
	connected();
	says("EHLO here.example.org\r\n");
	hears("502 what\r\n");
	says("HELO here.example.org\r\n");
	hears("250 hello\r\n");
	says("MAIL FROM:<a@example.org>\r\n");
}
END_TEST

START_TEST(no_helo_in_lmtp)
{
	talk.lmtp = 1;
	rcpt("<one@example.org>");
	connected();
	says("LHLO here.example.org\r\n");
	hears("502 what\r\n");
	needs(HOPTALK_CLOSE);
	hoptalk_closed(&talk);
	needs(HOPTALK_CONNECT);
	ck_assert_int_eq(talk.move, 1);
	hoptalk_give_up(&talk, &talk.why);
	needs(HOPTALK_IDLE);
	rcpt_is(0, HOP_UNREACHABLE, 502);
}
END_TEST

/* Offers made in clear text are worth nothing behind the handshake. */
START_TEST(what_was_offered_in_clear_text_is_forgotten)
{
	talk.tls = HOPTALK_TLS_MUST;
	rcpt("<one@example.org>");
	offered("250-PIPELINING\r\n250-CHUNKING\r\n250-STARTTLS\r\n");
	says("STARTTLS\r\n");
	hears("220 go\r\n");
	needs(HOPTALK_SECURE);
	hoptalk_secured(&talk);
	says("EHLO here.example.org\r\n");
	hears("250 next\r\n");
	says("MAIL FROM:<a@example.org>\r\n");
	ck_assert_uint_eq(talk.line.offer.bits, 0);
}
END_TEST

START_TEST(nothing_behind_starttls)
{
	talk.tls = HOPTALK_TLS_MAY;
	rcpt("<one@example.org>");
	offered("250-STARTTLS\r\n");
	says("STARTTLS\r\n");
	hears("220 go\r\n250 x\r\n");
	needs(HOPTALK_CLOSE);
	ck_assert_int_eq(talk.move, 1);
}
END_TEST

/* An answer to a question that was not asked yet is none. */
START_TEST(answers_do_not_come_first)
{
	rcpt("<one@example.org>");
	offered("");
	says("MAIL FROM:<a@example.org>\r\n");
	if (_i == 0) {
		hears("250 ok\r\n250 ok\r\n");
	} else if (_i == 1) {
		hears("250 ok\r\n");
		hears("250 ok\r\n"); /* RCPT has not left */
	} else {
		hears("250 ok\r\n");
		says("RCPT TO:<one@example.org>\r\n");
		hears("250 ok\r\n");
		sends_content();
		says("DATA\r\n");
		hears(_i == 2 ? "354 go\r\n250 thanks\r\n" : "250 thanks\r\n");
	}
	needs(HOPTALK_CLOSE);
	hoptalk_closed(&talk);
	needs(HOPTALK_CONNECT);
	hoptalk_give_up(&talk, &talk.why);
	final_is(0, HOP_UNREACHABLE, _i == 3 ? 250 : 0);
}
END_TEST

/* A yes before the last byte has left is none; a no is one. */
START_TEST(an_early_yes_is_none)
{
	static const char *const replies[] = { "250 in\r\n",
		"552 5.3.4 big\r\n", "421 gone\r\n" };

	talk.lmtp = _i >= 3;
	rcpt("<one@example.org>");
	rcpt("<two@example.org>");
	offered("250-CHUNKING\r\n250-PIPELINING\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("250 ok\r\n250 ok\r\n250 ok\r\n");
	sends_content();
	hoptalk_fill(&talk);
	hoptalk_sent(&talk, talk.out.len - 2);
	ck_assert_int_eq(hoptalk_is_committed(&talk), 0);
	hears(replies[_i % 3]);
	needs(HOPTALK_CLOSE);
	hoptalk_closed(&talk);
	if (_i % 3 == 0) {
		needs(HOPTALK_CONNECT);
		final_is(0, 0, 0);
	} else {
		needs(HOPTALK_IDLE);
		final_is(0, _i % 3 == 1 ? HOP_NO : HOP_TEMP,
		    _i % 3 == 1 ? 552 : 421);
		final_is(1, _i % 3 == 1 ? HOP_NO : HOP_TEMP,
		    _i % 3 == 1 ? 552 : 421);
	}
}
END_TEST

START_TEST(lmtp_that_says_too_little_is_unsure)
{
	talk.lmtp = 1;
	rcpt("<one@example.org>");
	rcpt("<two@example.org>");
	rcpt("<three@example.org>");
	offered("250-PIPELINING\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n");
	sends_content();
	says("DATA\r\n");
	hears("354 go\r\n");
	hoptalk_fill(&talk);
	hoptalk_sent(&talk, talk.out.len);
	hears("250 in\r\n550 5.2.1 off\r\n");
	final_is(0, HOP_YES, 250);
	final_is(1, HOP_NO, 550);
	final_is(2, 0, 0);
	hoptalk_failed(&talk, "the connection was closed");
	final_is(2, HOP_UNSURE, 0);
	ck_assert_str_eq(talk.rcpts[2].final.text,
	    "end of data: the connection was closed");
	needs(HOPTALK_CLOSE);
	hoptalk_closed(&talk);
	needs(HOPTALK_IDLE);
}
END_TEST

START_TEST(lmtp_that_says_too_much_is_not_kept)
{
	talk.lmtp = 1;
	rcpt("<one@example.org>");
	offered("250-PIPELINING\r\n250-CHUNKING\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("250 ok\r\n250 ok\r\n");
	sends_content();
	hoptalk_fill(&talk);
	hoptalk_sent(&talk, talk.out.len);
	hears("250 in\r\n250 in\r\n");
	final_is(0, HOP_YES, 250);
	ck_assert_int_eq(hoptalk_keeps(&talk), 0);
}
END_TEST

/* NUL, and all that is not a reply, at every stage. */
START_TEST(binary_is_no_reply)
{
	static const char nul[] = "250 o\0k\r\n";

	rcpt("<one@example.org>");
	offered("");
	says("MAIL FROM:<a@example.org>\r\n");
	(void)hoptalk_received(&talk, nul, sizeof(nul) - 1);
	needs(HOPTALK_CLOSE);
	ck_assert_str_eq(talk.why.text, "what came is no reply to MAIL");
}
END_TEST

START_TEST(what_is_told_is_printable)
{
	rcpt("<one@example.org>");
	offered("");
	says("MAIL FROM:<a@example.org>\r\n");
	hears("550 \x1b[2Jno\xff\r\n");
	ck_assert_str_eq(talk.rcpts[0].rcpt.text, "?[2Jno?");
}
END_TEST

/* The content is not what was announced: it must not end. */
static size_t calls;
static int
changing(void *ctx, uint64_t offset, void *buf, size_t len)
{
	(void)ctx;
	(void)offset;
	memset(buf, ++calls > 1 ? '\n' : 'x', len);
	return SMX_OK;
}

static int
failing(void *ctx, uint64_t offset, void *buf, size_t len)
{
	(void)ctx;
	(void)offset;
	memset(buf, 'x', len);
	return ++calls > 1 ? SMX_EIO : SMX_OK;
}

START_TEST(content_that_changes_is_not_ended)
{
	struct smx_content odd = { .size = 100,
		.read = _i % 2 ? changing : failing };

	calls = 0;
	rcpt("<one@example.org>");
	offered(_i < 2 ? "250-CHUNKING\r\n" : "");
	says("MAIL FROM:<a@example.org>\r\n");
	hears("250 ok\r\n");
	says("RCPT TO:<one@example.org>\r\n");
	hears("250 ok\r\n");
	ck_assert_int_eq(hoptalk_content(&talk, &odd, "", 0, NULL), SMX_OK);
	if (_i >= 2) {
		says("DATA\r\n");
		hears("354 go\r\n");
	}
	hoptalk_fill(&talk);
	final_is(0, HOP_CANNOT, 0);
	needs(HOPTALK_CLOSE);
	ck_assert_uint_eq(talk.out.len, 0);
	hoptalk_closed(&talk);
	needs(HOPTALK_IDLE);
}
END_TEST

/* Size and 8-bit bytes are known before anything of it leaves. */
START_TEST(what_does_not_fit_does_not_leave)
{
	rcpt("<one@example.org>");
	offered(_i ? "250-8BITMIME\r\n250-SIZE 30\r\n" : "250-SIZE\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("250 ok\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("250 ok\r\n");
	ck_assert_int_eq(hoptalk_content(&talk, &content, "R: x\r\n", 1, NULL),
	    SMX_OK);
	final_is(0, _i ? HOP_NO : HOP_CANNOT, _i ? 552 : 0);
	needs(HOPTALK_IDLE);
	ck_assert_uint_eq(talk.out.len, 0);
	ck_assert_int_eq(hoptalk_keeps(&talk), 1);
}
END_TEST

START_TEST(limits_are_numbers)
{
	static const struct {
		const char *text;
		uint64_t most;
	} cases[] = {
		{ "SIZE 1000", 1000 },
		{ "size=1000", 1000 },
		{ "SIZE", 0 },
		{ "SIZE 0", 0 },
		{ "SIZE 12x", 0 },
		{ "SIZE -1", 0 },
		{ "SIZE 99999999999999999999999", 0 },
		{ "SIZE 18446744073709551615", UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct smtp_offer offer = { .size_max = 7 };

		smtpcmd_offer(&offer, cases[i].text);
		ck_assert_msg(offer.size_max == cases[i].most, "%s",
		    cases[i].text);
		ck_assert_uint_ne(offer.bits & SMTP_OFFERS_SIZE, 0);
	}
}
END_TEST

/* RCPT is not answered when the content is here: what comes then counts. */
START_TEST(late_answers_to_rcpt)
{
	static const unsigned char wanted[] = { 1, 0 };

	rcpt("<one@example.org>");
	rcpt("<two@example.org>");
	offered("250-PIPELINING\r\n");
	hoptalk_sent(&talk, talk.out.len);
	hears("250 ok\r\n");
	ck_assert_int_eq(hoptalk_content(&talk, &content, "", 0,
			     _i ? wanted : NULL),
	    SMX_OK);
	says("");
	hears("250 ok\r\n250 ok\r\n");
	if (_i) {
		says("RSET\r\nMAIL FROM:<a@example.org>\r\n"
		     "RCPT TO:<one@example.org>\r\n");
		hears("250 ok\r\n250 ok\r\n250 ok\r\n");
	}
	says("DATA\r\n");
	hears("354 go\r\n");
	hoptalk_fill(&talk);
	hoptalk_sent(&talk, talk.out.len);
	hears("250 in\r\n");
	final_is(0, HOP_YES, 250);
	final_is(1, _i ? 0 : HOP_YES, _i ? 0 : 250);
	needs(HOPTALK_IDLE);
}
END_TEST

/* Refused in the second transaction what was accepted in the first. */
START_TEST(the_last_word_counts)
{
	static const unsigned char wanted[] = { 1, 0, 1 };

	rcpt("<one@example.org>");
	rcpt("<two@example.org>");
	rcpt("<three@example.org>");
	offered("");
	for (int i = 0; i < 4; i++) {
		hoptalk_sent(&talk, talk.out.len);
		hears("250 ok\r\n");
	}
	ck_assert_int_eq(hoptalk_content(&talk, &content, "", 0, wanted),
	    SMX_OK);
	says("RSET\r\n");
	hears("250 ok\r\n");
	says("MAIL FROM:<a@example.org>\r\n");
	hears("250 ok\r\n");
	says("RCPT TO:<one@example.org>\r\n");
	hears("550 5.1.1 no more\r\n");
	says("RCPT TO:<three@example.org>\r\n");
	hears(_i ? "450 4.2.1 no\r\n" : "250 ok\r\n");
	rcpt_is(0, HOP_YES, 250);
	final_is(0, HOP_NO, 550);
	final_is(1, 0, 0);
	if (_i) {
		final_is(2, HOP_TEMP, 450);
		needs(HOPTALK_IDLE);
		return;
	}
	says("DATA\r\n");
	hears("354 go\r\n");
	hoptalk_fill(&talk);
	hoptalk_sent(&talk, talk.out.len);
	hears("250 in\r\n");
	final_is(2, HOP_YES, 250);
	final_is(1, 0, 0);
}
END_TEST

/* A thousand recipients do not pile up without end. */
START_TEST(many_recipients)
{
	char address[600];
	const size_t count = 1000;

	for (size_t i = 0; i < count; i++) {
		memset(address, 'x', sizeof(address));
		snprintf(address + 500, 100, "%zu@example.org", i);
		rcpt(address);
	}
	offered("250-PIPELINING\r\n");
	for (int turns = 0; hoptalk_need(&talk) == HOPTALK_TALK; turns++) {
		size_t lines = 0;

		ck_assert_int_lt(turns, 100);
		for (size_t i = 0; i < talk.out.len; i++)
			lines += talk.out.data[i] == '\n';
		ck_assert_uint_le(talk.out.len, 300 << 10);
		hoptalk_sent(&talk, talk.out.len);
		while (lines-- > 0)
			hears("250 ok\r\n");
	}
	for (size_t i = 0; i < count; i++)
		rcpt_is(i, HOP_YES, 250);
}
END_TEST

START_TEST(addresses_that_cannot_be_said_are_not)
{
	rcpt("<one@example.org> <two@example.org>");
	rcpt("<one@example.org>");
	offered("250-PIPELINING\r\n");
	rcpt_is(0, HOP_CANNOT, 0);
	says("MAIL FROM:<a@example.org>\r\nRCPT TO:<one@example.org>\r\n");
}
END_TEST

static TCase *
cases(void)
{
	TCase *c = tcase_create("talk");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, one_thing_after_the_other);
	tcase_add_test(c, all_at_once);
	tcase_add_loop_test(c, a_refused_sender_is_everybodys_answer, 0, 2);
	tcase_add_test(c, a_sender_refused_out_of_step_is_asked_about_alone);
	tcase_add_test(c, helo_when_ehlo_is_not_known);
	tcase_add_test(c, no_helo_in_lmtp);
	tcase_add_test(c, what_was_offered_in_clear_text_is_forgotten);
	tcase_add_test(c, nothing_behind_starttls);
	tcase_add_loop_test(c, answers_do_not_come_first, 0, 4);
	tcase_add_loop_test(c, an_early_yes_is_none, 0, 6);
	tcase_add_test(c, lmtp_that_says_too_little_is_unsure);
	tcase_add_test(c, lmtp_that_says_too_much_is_not_kept);
	tcase_add_test(c, binary_is_no_reply);
	tcase_add_test(c, what_is_told_is_printable);
	tcase_add_loop_test(c, content_that_changes_is_not_ended, 0, 4);
	tcase_add_loop_test(c, what_does_not_fit_does_not_leave, 0, 2);
	tcase_add_test(c, limits_are_numbers);
	tcase_add_loop_test(c, late_answers_to_rcpt, 0, 2);
	tcase_add_loop_test(c, the_last_word_counts, 0, 2);
	tcase_add_test(c, many_recipients);
	tcase_add_test(c, addresses_that_cannot_be_said_are_not);
	return c;
}

int
main(void)
{
	Suite *suite = suite_create("hoptalk");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, cases());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
