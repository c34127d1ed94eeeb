/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/envelope.h>

#include "core/pfcat.h"
#include "core/pfcat_split.h"

#define A "/proc/self/fd/7"
#define B "/proc/self/fd/8"

#define BEGIN(name)    "*** ENVELOPE RECORDS " name " ***\n"
#define CONTENTS(name) "*** MESSAGE CONTENTS " name " ***\n"
#define EXTRACT(name)  "*** HEADER EXTRACTED " name " ***\n"
#define END(name)      "*** MESSAGE FILE END " name " ***\n"
#define REST(name)     CONTENTS(name) EXTRACT(name) END(name)
#define SENDER         "sender: s@x.invalid\n"
#define MAIL           "MAIL <s@x.invalid>"

static struct pfcat cat;

static void
setup(void)
{
	pfcat_init(&cat);
	ck_assert_int_eq(pfcat_add(&cat, A), SMX_OK);
}

static void
teardown(void)
{
	pfcat_done(&cat);
}

static void
feed(const char *text)
{
	pfcat_feed(&cat, text, strlen(text));
}

/* The text of the only file, without its CLIENT line. */
static const char *
read_one(const char *records, const char *extracted)
{
	feed(BEGIN(A));
	feed(records);
	feed(CONTENTS(A) EXTRACT(A));
	feed(extracted);
	feed(END(A));
	ck_assert(!cat.forged);
	ck_assert_uint_eq(cat.ended, 1);
	return cat.file[0].text == NULL
		   ? NULL
		   : cat.file[0].text + cat.file[0].client_len;
}

/* ---- what the records mean ---- */

static const struct {
	const char *records, *extracted, *wanted; /* NULL: not readable */
} meanings[] = {
	{ SENDER "recipient: b@y.invalid\n", "",
	    MAIL "\r\nRCPT <b@y.invalid>\r\n" },
	{ "sender: \nrecipient: b@y.invalid\n", "",
	    "MAIL <>\r\nRCPT <b@y.invalid>\r\n" },
	{ SENDER "recipient: a@y.invalid\n", "recipient: b@y.invalid\n",
	    MAIL "\r\nRCPT <a@y.invalid>\r\nRCPT <b@y.invalid>\r\n" },
	/* who has been served, or was struck out, is not in */
	{ SENDER "done_recipient: a@y.invalid\nrecipient: b@y.invalid\n"
		 "canceled_recipient: c@y.invalid\n",
	    "", MAIL "\r\nRCPT <b@y.invalid>\r\n" },
	{ SENDER "done_recipient: a@y.invalid\n", "", MAIL "\r\n" },
	{ SENDER, "", MAIL "\r\n" },
	/* the first sender, the last encoding */
	{ SENDER "sender: t@x.invalid\n", "", MAIL "\r\n" },
	{ SENDER "named_attribute: encoding=7bit\n",
	    "named_attribute: encoding=8bit\n", MAIL " BODY=8BITMIME\r\n" },
	{ SENDER, "named_attribute: encoding=7bit\n", MAIL " BODY=7BIT\r\n" },
	{ "message_size:   1  2  3  0  1   1\n" SENDER, "",
	    MAIL " SMTPUTF8\r\n" },
	{ "message_size:   1  2  3  0  1   4\n" SENDER, "", MAIL "\r\n" },
	{ "message_size:   1  2  3  1\n" SENDER, "", MAIL "\r\n" },
	{ SENDER "named_attribute: ret_flags=1\n", "", MAIL " RET=FULL\r\n" },
	{ SENDER "named_attribute: ret_flags=2\n", "", MAIL " RET=HDRS\r\n" },
	{ SENDER "named_attribute: ret_flags=9\n", "", MAIL "\r\n" },
	{ SENDER "named_attribute: envelope_id=env+id 1\n", "",
	    MAIL " ENVID=env+2B2Bid+2B201\r\n" },
	/* parameters belong to the recipient that follows, and to no other */
	{ SENDER "named_attribute: notify_flags=1\nrecipient: a@y.invalid\n"
		 "recipient: b@y.invalid\n",
	    "",
	    MAIL "\r\nRCPT <a@y.invalid> NOTIFY=NEVER\r\n"
		 "RCPT <b@y.invalid>\r\n" },
	{ SENDER "named_attribute: notify_flags=2\n"
		 "done_recipient: a@y.invalid\nrecipient: b@y.invalid\n",
	    "", MAIL "\r\nRCPT <b@y.invalid>\r\n" },
	{ SENDER "named_attribute: notify_flags=14\nrecipient: a@y.invalid\n",
	    "",
	    MAIL "\r\nRCPT <a@y.invalid> NOTIFY=SUCCESS,FAILURE,DELAY\r\n" },
	{ SENDER "named_attribute: notify_flags=0\nrecipient: a@y.invalid\n",
	    "", MAIL "\r\nRCPT <a@y.invalid>\r\n" },
	{ SENDER "named_attribute: dsn_orig_rcpt=rfc822;o+x@z.invalid\n"
		 "original_recipient: list@y.invalid\nrecipient: a@y.invalid\n",
	    "",
	    MAIL "\r\nRCPT <a@y.invalid> ORCPT=rfc822;o+2B2Bx@z.invalid\r\n" },
	{ SENDER "named_attribute: dsn_orig_rcpt=utf-8;r\303\266@z.invalid\n"
		 "recipient: a@y.invalid\n",
	    "",
	    MAIL "\r\nRCPT <a@y.invalid> "
		 "ORCPT=utf-8;r\\x{F6}@z.invalid\r\n" },
	{ SENDER "named_attribute: dsn_orig_rcpt=utf-8;r\377@z.invalid\n"
		 "recipient: a@y.invalid\n",
	    "", MAIL "\r\nRCPT <a@y.invalid>\r\n" },
	{ SENDER "named_attribute: dsn_orig_rcpt=none\nrecipient: a@y\n", "",
	    MAIL "\r\nRCPT <a@y>\r\n" },
	/* what Postfix tells the next hop when the client named none */
	{ SENDER "original_recipient: o x@z.invalid\nrecipient: a@y.invalid\n"
		 "original_recipient: \nrecipient: b@y.invalid\n",
	    "",
	    MAIL "\r\nRCPT <a@y.invalid> "
		 "ORCPT=rfc822;\"o+2B20x\"@z.invalid\r\n"
		 "RCPT <b@y.invalid>\r\n" },
	{ "message_size: 1 1 1 1 1 1\n" SENDER
	  "original_recipient: \303\266@z.invalid\nrecipient: a@y.invalid\n",
	    "",
	    MAIL " SMTPUTF8\r\nRCPT <a@y.invalid> "
		 "ORCPT=utf-8;\\x{F6}@z.invalid\r\n" },
	/* a redirection stands for all of them, while there is one to serve */
	{ SENDER "named_attribute: notify_flags=1\nrecipient: a@y.invalid\n"
		 "recipient: b@y.invalid\n",
	    "redirect_to: r@z.invalid\nrecipient: c@y.invalid\n",
	    MAIL "\r\nRCPT <r@z.invalid> NOTIFY=NEVER\r\n" },
	{ SENDER "done_recipient: a@y.invalid\n", "redirect_to: r@z.invalid\n",
	    MAIL "\r\n" },
	/* addresses are bare in the file */
	{ SENDER "recipient: a b\"c\\@y.invalid\n", "",
	    MAIL "\r\nRCPT <\"a+20b\\\"c\\\\\"@y.invalid>\r\n" },
	{ SENDER "recipient: a@b@y.invalid\n", "",
	    MAIL "\r\nRCPT <\"a@b\"@y.invalid>\r\n" },
	{ SENDER "recipient: .a@y.invalid\n", "",
	    MAIL "\r\nRCPT <\".a\"@y.invalid>\r\n" },
	{ SENDER "recipient: a..b@y.invalid\n", "",
	    MAIL "\r\nRCPT <\"a..b\"@y.invalid>\r\n" },
	{ SENDER "recipient: @y.invalid\n", "",
	    MAIL "\r\nRCPT <\"\"@y.invalid>\r\n" },
	{ SENDER "recipient: r\303\266@y.invalid\n", "",
	    MAIL "\r\nRCPT <r\303\266@y.invalid>\r\n" },
	{ SENDER "recipient: a+b=c@y.invalid\n", "",
	    MAIL "\r\nRCPT <a+2Bb+3Dc@y.invalid>\r\n" },
	{ SENDER "recipient: root\n", "", MAIL "\r\nRCPT <root>\r\n" },
	/* what is not known is left out, what is no record is not believed */
	{ SENDER "content_filter: smtp:x\nsender_fullname: A: B\n"
		 "some_new_record: x\nrecipient: b@y.invalid\n",
	    "", MAIL "\r\nRCPT <b@y.invalid>\r\n" },
	{ SENDER "named_attribute: \nnamed_attribute: =\nrecipient: b@y\n", "",
	    MAIL "\r\nRCPT <b@y>\r\n" },
	{ "recipient: b@y.invalid\n", "", NULL },
	{ SENDER "recipient: \n", "", NULL },
	{ SENDER "recipient: b@y.in\nvalid\n", "", NULL },
	{ SENDER "recipient: b@y.invalid\n\n", "", NULL },
	{ SENDER "Recipient: b@y.invalid\n", "", NULL },
	{ SENDER "recipient: b@y.in\rvalid\n", "", NULL },
	{ "sender: s\r@x.invalid\n", "", NULL },
};

START_TEST(records_become_what_is_left_to_serve)
{
	const char *text =
	    read_one(meanings[_i].records, meanings[_i].extracted);

	if (meanings[_i].wanted == NULL)
		ck_assert_ptr_null(text);
	else
		ck_assert_pstr_eq(text, meanings[_i].wanted);
}
END_TEST

START_TEST(client_line_tells_who_it_was)
{
	struct smx_envelope *e;

	read_one("named_attribute: client_name=mx.example\n"
		 "named_attribute: log_client_name=other\n"
		 "named_attribute: client_address=192.0.2.7\n"
		 "named_attribute: client_port=4711\n"
		 "named_attribute: helo_name=a b\n"
		 "named_attribute: protocol_name=ESMTP\n"
		 "named_attribute: sasl_method=PLAIN\n"
		 "named_attribute: sasl_username=joe\n"
		 "named_attribute: client_name=later\n" SENDER
		 "recipient: b@y.invalid\n",
	    "");
	ck_assert_int_eq(smx_envelope_decode(cat.file[0].text, cat.file[0].len,
			     10, &e),
	    SMX_OK);
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_CLIENT_NAME),
	    "mx.example");
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_CLIENT_ADDR),
	    "192.0.2.7");
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_CLIENT_PORT), "4711");
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_HELO), "a b");
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_PROTOCOL), "ESMTP");
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_AUTH_TYPE), "PLAIN");
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_AUTH_NAME), "joe");
	smx_envelope_free(&e);
}
END_TEST

/* ---- sizes ---- */

static void
feed_long(const char *head, size_t len, const char *tail)
{
	char *filler = malloc(len);

	memset(filler, 'a', len);
	feed(head);
	pfcat_feed(&cat, filler, len);
	feed(tail);
	free(filler);
}

START_TEST(address_beyond_the_envelope_is_not_readable)
{
	/* "<" and "@y>" around it. */
	size_t len = _i == 0 ? 994 : 995;

	feed(BEGIN(A) SENDER);
	feed_long("recipient: ", len, "@y\n");
	feed(REST(A));
	ck_assert_uint_eq(cat.ended, 1);
	ck_assert(
	    _i == 0 ? cat.file[0].text != NULL : cat.file[0].text == NULL);
}
END_TEST

START_TEST(long_parameter_is_left_out)
{
	feed(BEGIN(A) SENDER);
	feed_long("named_attribute: envelope_id=", 1500, "\n");
	feed_long("named_attribute: dsn_orig_rcpt=rfc822;", 1500, "\n");
	feed_long("named_attribute: helo_name=", 1500, "\n");
	feed("recipient: b@y.invalid\n" REST(A));
	ck_assert_ptr_nonnull(cat.file[0].text);
	ck_assert_str_eq(cat.file[0].text,
	    "CLIENT\r\n" MAIL "\r\nRCPT <b@y.invalid>\r\n");
}
END_TEST

START_TEST(endless_line_takes_no_memory_and_is_not_readable)
{
	feed(BEGIN(A) SENDER);
	for (int i = 0; i < 200; i++)
		feed_long("", 65536, "");
	ck_assert_uint_le(cat.line.size, 4 * PFCAT_LINE_MAX);
	feed("\nrecipient: b@y.invalid\n" REST(A));
	ck_assert(!cat.forged);
	ck_assert_uint_eq(cat.ended, 1);
	ck_assert_ptr_null(cat.file[0].text);
}
END_TEST

START_TEST(ten_thousand_recipients_are_all_there)
{
	size_t recipients;
	struct smx_envelope *e;
	char line[64];

	feed(BEGIN(A) SENDER);
	for (int i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "recipient: r%d@y.invalid\n", i);
		feed(line);
	}
	feed(REST(A));
	ck_assert_ptr_nonnull(cat.file[0].text);
	ck_assert_int_eq(smx_envelope_decode(cat.file[0].text, cat.file[0].len,
			     10000, &e),
	    SMX_OK);
	recipients = smx_envelope_recipients(e);
	ck_assert_uint_eq(recipients, 10000);
	ck_assert_str_eq(smx_envelope_recipient(e, 9999), "<r9999@y.invalid>");
	smx_envelope_free(&e);
}
END_TEST

START_TEST(more_recipients_than_the_wire_carries_are_not_readable)
{
	feed(BEGIN(A) SENDER);
	for (int i = 0; i <= PFCAT_RECIPIENTS_MAX; i++)
		feed("recipient: b@y.invalid\n");
	feed(REST(A));
	ck_assert_uint_eq(cat.ended, 1);
	ck_assert_ptr_null(cat.file[0].text);
}
END_TEST

START_TEST(nul_in_a_record_is_not_readable)
{
	static const char text[] =
	    BEGIN(A) SENDER "recipient: b@y.invalid\0x\n" REST(A);

	pfcat_feed(&cat, text, sizeof(text) - 1);
	ck_assert_uint_eq(cat.ended, 1);
	ck_assert_ptr_null(cat.file[0].text);
}
END_TEST

START_TEST(too_many_files_are_refused)
{
	char label[PFCAT_LABEL];

	for (int i = 1; i < PFCAT_FILES_MAX; i++) {
		snprintf(label, sizeof(label), "/proc/self/fd/%d", i + 100);
		ck_assert_int_eq(pfcat_add(&cat, label), SMX_OK);
	}
	ck_assert_int_eq(pfcat_add(&cat, "x"), SMX_ELIMIT);
}
END_TEST

/* ---- several files ---- */

static const char two[] = BEGIN(A) SENDER "recipient: a@y.invalid\n" REST(A)
    BEGIN(B) "sender: t@x.invalid\nrecipient: b@y.invalid\n" REST(B);

/* However the output is cut into pieces. */
START_TEST(pieces_of_any_size_give_the_same)
{
	size_t piece = (size_t)_i + 1;

	ck_assert_int_eq(pfcat_add(&cat, B), SMX_OK);
	for (size_t at = 0; at < sizeof(two) - 1; at += piece)
		pfcat_feed(&cat, two + at,
		    sizeof(two) - 1 - at < piece ? sizeof(two) - 1 - at
						 : piece);
	ck_assert(!cat.forged);
	ck_assert_uint_eq(cat.ended, 2);
	ck_assert_str_eq(cat.file[0].text + cat.file[0].client_len,
	    MAIL "\r\nRCPT <a@y.invalid>\r\n");
	ck_assert_str_eq(cat.file[1].text + cat.file[1].client_len,
	    "MAIL <t@x.invalid>\r\nRCPT <b@y.invalid>\r\n");
}
END_TEST

START_TEST(file_without_its_end_has_not_ended)
{
	size_t cut = strlen(BEGIN(A) SENDER "recipient: a@y.invalid\n" REST(A));

	ck_assert_int_eq(pfcat_add(&cat, B), SMX_OK);
	/* Up to just before the last line break. */
	pfcat_feed(&cat, two, sizeof(two) - 2);
	ck_assert_uint_eq(cat.ended, 1);
	ck_assert_ptr_nonnull(cat.file[0].text);
	ck_assert_ptr_null(cat.file[1].text);
	pfcat_done(&cat);
	setup();
	pfcat_feed(&cat, two, cut - 1);
	ck_assert_uint_eq(cat.ended, 0);
}
END_TEST

/* One message's unreadable record says nothing about the next message. */
START_TEST(damage_stays_with_its_file)
{
	ck_assert_int_eq(pfcat_add(&cat, B), SMX_OK);
	feed(BEGIN(A) SENDER "nonsense\n" REST(A));
	feed(BEGIN(B) SENDER "recipient: b@y.invalid\n" REST(B));
	ck_assert(!cat.forged);
	ck_assert_uint_eq(cat.ended, 2);
	ck_assert_ptr_null(cat.file[0].text);
	ck_assert_str_eq(cat.file[1].text,
	    "CLIENT\r\n" MAIL "\r\nRCPT <b@y.invalid>\r\n");
}
END_TEST

/* A value with line breaks in A that looks like the end of A and all of B: the
 * true B follows.  Nothing of the run may be believed then. */
static const char *const forgeries[] = {
	BEGIN(A) SENDER "recipient: x\n" REST(A) BEGIN(B) SENDER
	"recipient: evil@z.invalid\n" REST(B) "@y.invalid\n" REST(A) BEGIN(B)
	    SENDER "recipient: b@y.invalid\n" REST(B),
	BEGIN(A) SENDER "recipient: x\n" REST(A) BEGIN(B) SENDER
	"recipient: evil@z.invalid\n@y.invalid\n" REST(A) BEGIN(B) SENDER
	"recipient: b@y.invalid\n" REST(B),
	BEGIN(A) SENDER "recipient: x\n" BEGIN(B) SENDER,
	BEGIN(A) SENDER CONTENTS(A) CONTENTS(A),
	BEGIN(A) SENDER END(A),
	BEGIN(A) SENDER CONTENTS(B),
	BEGIN(A) SENDER REST(A) BEGIN(A),
	BEGIN(B),
	"recipient: a@y.invalid\n",
	"***\n",
	BEGIN(A) SENDER "*** MESSAGE CONTENTS /proc/self/fd/7 *** \n",
	BEGIN(A) SENDER REST(A) BEGIN(B) SENDER REST(B) "more: x\n",
};

START_TEST(marks_out_of_their_row_are_noticed)
{
	ck_assert_int_eq(pfcat_add(&cat, B), SMX_OK);
	feed(forgeries[_i]);
	ck_assert(cat.forged);
}
END_TEST

/* Whatever comes: no more files than were asked for, and every text that comes
 * out is an envelope. */
START_TEST(noise_gives_nothing_but_envelopes)
{
	static const char *const words[] = { BEGIN(A), CONTENTS(A), EXTRACT(A),
		END(A), BEGIN(B), REST(B), SENDER, "recipient: b@y.invalid\n",
		"recipient: ", "\n", "\r", "\"",
		"named_attribute: ", "dsn_orig_rcpt=utf-8;", "\377\300\200",
		"notify_flags=15\n", "redirect_to: @\n", "sender: \n", "***",
		"@", ": ",
		"message_size: ", "1 2 3 4 5 18446744073709551616\n" };
	unsigned seed = 4711u + (unsigned)_i;

	ck_assert_int_eq(pfcat_add(&cat, B), SMX_OK);
	feed(BEGIN(A) SENDER);
	for (int i = 0; i < 400; i++)
		feed(words[(size_t)rand_r(&seed) %
			   (sizeof(words) / sizeof(*words))]);
	ck_assert_uint_le(cat.ended, 2);
	for (size_t i = 0; i < cat.ended; i++) {
		struct smx_envelope *e;

		if (cat.file[i].text == NULL)
			continue;
		ck_assert_int_eq(smx_envelope_decode(cat.file[i].text,
				     cat.file[i].len, 1000, &e),
		    SMX_OK);
		smx_envelope_free(&e);
	}
}
END_TEST

/* ---- the content between the records ---- */

#define SECRET "/proc/self/fd/./././//.//7"

static const struct {
	const char *content; /* as it is printed */
	const char *wanted;  /* NULL: it is not that of a whole file */
	const char *rest;    /* what follows; NULL: all that should */
} wholes[] = {
	{ "", "", NULL },
	{ "Subject: a\n\nb\n", "Subject: a\n\nb\n", NULL },
	{ "\n", "\n", NULL },
	/* marks of another name, and almost those of this one, are text */
	{ CONTENTS(A) EXTRACT(A) END(A) BEGIN(A),
	    CONTENTS(A) EXTRACT(A) END(A) BEGIN(A), NULL },
	{ " " EXTRACT(SECRET), " " EXTRACT(SECRET), NULL },
	{ "*** HEADER EXTRACTED " SECRET "\n*** HEADER EXTRACTED " SECRET
	  " ***.\n",
	    "*** HEADER EXTRACTED " SECRET "\n*** HEADER EXTRACTED " SECRET
	    " ***.\n",
	    NULL },
	/* records in the content are none */
	{ "recipient: c@y.invalid\nsender: t@x.invalid\n",
	    "recipient: c@y.invalid\nsender: t@x.invalid\n", NULL },
	/* cut short, or something follows */
	{ "Subject: a\n", NULL, "" },
	{ "Subject: a\n", NULL, EXTRACT(SECRET) },
	{ "Subject: a\n", NULL, EXTRACT(SECRET) "recipient: b@y.invalid\n" },
	{ "Subject: a\n", NULL, EXTRACT(SECRET) END(SECRET) BEGIN(SECRET) },
	{ "Subject: a\n", NULL, EXTRACT(A) END(A) },
};

static void
splits(const char *output, size_t piece, const char *wanted)
{
	struct pfcat one;
	struct pfcat_split split;
	size_t len = strlen(output);

	pfcat_init(&one);
	ck_assert_int_eq(pfcat_add(&one, SECRET), SMX_OK);
	pfcat_split_init(&split, &one);
	for (size_t at = 0; at < len; at += piece)
		pfcat_split_feed(&split, output + at,
		    len - at < piece ? len - at : piece);
	ck_assert_int_eq(pfcat_split_whole(&split) != 0, wanted != NULL);
	if (wanted != NULL) {
		ck_assert_uint_eq(split.at, len);
		ck_assert_uint_eq(split.end - split.begin, strlen(wanted));
		ck_assert(
		    memcmp(output + split.begin, wanted, strlen(wanted)) == 0);
		ck_assert_str_eq(one.file[0].text + one.file[0].client_len,
		    MAIL "\r\nRCPT <b@y.invalid>\r\n");
	}
	pfcat_done(&one);
}

START_TEST(content_is_what_stands_between_the_records)
{
	char output[4096];

	snprintf(output, sizeof(output), "%s%s%s",
	    BEGIN(SECRET) SENDER "recipient: b@y.invalid\n" CONTENTS(SECRET),
	    wholes[_i].content,
	    wholes[_i].rest != NULL ? wholes[_i].rest
				    : EXTRACT(SECRET) END(SECRET));
	for (size_t piece = 1; piece <= strlen(output); piece++)
		splits(output, piece, wholes[_i].wanted);
}
END_TEST

START_TEST(recipients_behind_the_content_are_heard)
{
	struct pfcat_split split;
	static const char output[] = BEGIN(A) SENDER CONTENTS(
	    A) "text\n" EXTRACT(A) "recipient: b@y.invalid\n" END(A);

	pfcat_split_init(&split, &cat);
	pfcat_split_feed(&split, output, sizeof(output) - 1);
	ck_assert(pfcat_split_whole(&split));
	ck_assert_str_eq(cat.file[0].text + cat.file[0].client_len,
	    MAIL "\r\nRCPT <b@y.invalid>\r\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pfcat");
	TCase *tc = tcase_create("pfcat");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, records_become_what_is_left_to_serve, 0,
	    sizeof(meanings) / sizeof(*meanings));
	tcase_add_test(tc, client_line_tells_who_it_was);
	tcase_add_loop_test(tc, address_beyond_the_envelope_is_not_readable, 0,
	    2);
	tcase_add_test(tc, long_parameter_is_left_out);
	tcase_add_test(tc, endless_line_takes_no_memory_and_is_not_readable);
	tcase_add_test(tc, ten_thousand_recipients_are_all_there);
	tcase_add_test(tc,
	    more_recipients_than_the_wire_carries_are_not_readable);
	tcase_add_test(tc, nul_in_a_record_is_not_readable);
	tcase_add_test(tc, too_many_files_are_refused);
	tcase_add_loop_test(tc, pieces_of_any_size_give_the_same, 0, 40);
	tcase_add_test(tc, file_without_its_end_has_not_ended);
	tcase_add_test(tc, damage_stays_with_its_file);
	tcase_add_loop_test(tc, marks_out_of_their_row_are_noticed, 0,
	    sizeof(forgeries) / sizeof(*forgeries));
	tcase_add_loop_test(tc, noise_gives_nothing_but_envelopes, 0, 50);
	tcase_add_loop_test(tc, content_is_what_stands_between_the_records, 0,
	    sizeof(wholes) / sizeof(*wholes));
	tcase_add_test(tc, recipients_behind_the_content_are_heard);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
