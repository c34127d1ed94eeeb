/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/envelope.h>

#include "core/smaddr.h"
#include "core/smid.h"
#include "core/smqf.h"

/* ---- queue ids and file names ---- */

static const struct {
	const char *text;
	int valid;
} ids[] = {
	{ "6AN6YPMo022740", 1 }, { "6AN6UVXj024819", 1 },
	{ "xBVNzzxx4194303", 1 }, /* leap seconds, even */
	{ "yBVNxxxx4194303", 0 }, /* there are sixty years */
	{ "00100000999999", 1 },
	{ "6CN6YPMo022740", 0 }, /* a thirteenth month */
	{ "6AW6YPMo022740", 0 }, /* day 32 */
	{ "6ANOYPMo022740", 0 }, /* hour 24 */
	{ "6AN6YPyo022740", 0 }, /* a count beyond 60 */
	{ "6AN6YPMo22740", 0 },  /* five digits */
	{ "6AN6YPMo02274x", 0 }, { "6AN6YPMo-22740", 0 },
	{ "4jXKs073lDz1bkTK", 0 }, /* Postfix's */
	{ "", 0 }, { "NOQUEUE", 0 }, { "6AN6YPMo022740/", 0 },
	{ "6AN6YPMo02274012345678901234567890", 0 }, /* longer than any */
};

START_TEST(only_what_sendmail_makes_is_a_queue_id)
{
	ck_assert_int_eq(smid_valid(ids[_i].text, strlen(ids[_i].text)),
	    ids[_i].valid);
}
END_TEST

static const struct {
	const char *name;
	enum smid_file file;
} names[] = {
	{ "qf6AN6YPMo022740", SMID_QUEUED },
	{ "hf6AN6YPMo022740", SMID_QUARANTINED },
	{ "tf6AN6YPMo022740", SMID_REWRITTEN },
	{ "df6AN6YPMo022740", SMID_DATA },
	{ "Qf6AN6YPMo022740", SMID_LOST },
	{ "xf6AN6YPMo022740", SMID_NO_FILE },
	{ "qg6AN6YPMo022740", SMID_NO_FILE },
	{ "6AN6YPMo022740", SMID_NO_FILE },
	{ "qf", SMID_NO_FILE },
	{ "q", SMID_NO_FILE },
	{ "", SMID_NO_FILE },
	{ "qf6AN6YPMo022740~", SMID_NO_FILE },
};

START_TEST(files_are_known_by_their_names)
{
	const char *id = NULL;
	char again[64];

	ck_assert_int_eq(smid_file(names[_i].name, &id), names[_i].file);
	if (names[_i].file == SMID_NO_FILE)
		return;
	snprintf(again, sizeof(again), "%s%s", smid_prefix(names[_i].file), id);
	ck_assert_str_eq(again, names[_i].name);
}
END_TEST

/* ---- addresses ---- */

static const struct {
	const char *text, *address; /* NULL: none */
	int result;
} addresses[] = {
	{ "<a@b.example>", "<a@b.example>", SMX_OK },
	{ "a@b.example", "<a@b.example>", SMX_OK },
	{ "root", "<root@h.example>", SMX_OK },
	{ "<root>", "<root@h.example>", SMX_OK },
	{ "\\joe", "<joe@h.example>", SMX_OK },
	{ "Joe User <joe@b.example>", "<joe@b.example>", SMX_OK },
	{ "\"User, <Joe>\" <joe@b.example>", "<joe@b.example>", SMX_OK },
	{ "joe@b.example (Joe (the) User)", "<joe@b.example>", SMX_OK },
	{ "<\"a b\\\"c\"@b.example>", "<\"a b\\\"c\"@b.example>", SMX_OK },
	{ "<\"a>b\"@b.example>", "<\"a>b\"@b.example>", SMX_OK },
	{ "<\"a@b\">", "<\"a@b\"@h.example>", SMX_OK },
	{ "<@r1.example,@r2.example:a@b.example>", "<a@b.example>", SMX_OK },
	{ "<x@[192.0.2.1]>", "<x@[192.0.2.1]>", SMX_OK },
	{ "<r\xc3\xb6@b.example>", "<r\xc3\xb6@b.example>", SMX_OK },
	{ "<>", "<>", SMX_OK },
	{ "", "<>", SMX_OK },
	{ "\"|/bin/true\"", NULL, SMX_ENOTFOUND },
	{ "|/bin/true", NULL, SMX_ENOTFOUND },
	{ "/var/mail/joe", NULL, SMX_ENOTFOUND },
	{ ":include:/etc/list", NULL, SMX_ENOTFOUND },
	{ "<a@b.example", NULL, SMX_EPROTO },
	{ "\"a@b.example", NULL, SMX_EPROTO },
	{ "a@b.example (x", NULL, SMX_EPROTO },
	{ "<a\x01@b.example>", NULL, SMX_EPROTO },
	{ "\\", NULL, SMX_EPROTO },
};

START_TEST(addresses_become_those_of_smtp)
{
	struct buf b;

	buf_init(&b, 0);
	ck_assert_int_eq(smaddr_put(&b, addresses[_i].text,
			     strlen(addresses[_i].text), "h.example"),
	    addresses[_i].result);
	if (addresses[_i].address != NULL)
		ck_assert_str_eq(b.data, addresses[_i].address);
	buf_free(&b);
}
END_TEST

START_TEST(without_a_domain_none_is_added)
{
	struct buf b;

	buf_init(&b, 0);
	ck_assert_int_eq(smaddr_put(&b, "root", 4, ""), SMX_OK);
	ck_assert_str_eq(b.data, "<root>");
	buf_free(&b);
}
END_TEST

/* ---- files that Sendmail has made ---- */

static struct smqf qf;

static void
setup(void)
{
	smqf_init(&qf);
}

static void
teardown(void)
{
	smqf_done(&qf);
}

static char *
slurp(const char *name, size_t *len)
{
	const char *dir = getenv("srcdir");
	char path[1024], *text = malloc(65536);
	FILE *f;

	snprintf(path, sizeof(path), "%s/test/unit/data/%s",
	    dir == NULL ? "." : dir, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL && text != NULL, "%s", path);
	*len = fread(text, 1, 65536, f);
	fclose(f);
	return text;
}

static void
load(const char *name)
{
	size_t len;
	char *text = slurp(name, &len);

	ck_assert(smqf_complete(text, len));
	ck_assert_int_eq(smqf_read(&qf, text, len, "a.example"), SMX_OK);
	free(text);
}

static void
is_envelope(const char *expected)
{
	size_t len, client;
	char *text;

	ck_assert_int_eq(smqf_envelope(&qf, &text, &len, &client), SMX_OK);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(client, strcspn(text, "\n") + 1);
	free(text);
}

#define LOCAL_CLIENT                                                           \
	"CLIENT NAME=localhost ADDR=127.0.0.1 HELO=client.test.invalid "       \
	"PROTO=ESMTP\r\n"

START_TEST(every_parameter_of_the_client_is_read)
{
	load("sendmail-dsn.qf");
	is_envelope(LOCAL_CLIENT "MAIL <s+2Bt+3Du@x.invalid> BODY=8BITMIME "
				 "RET=HDRS ENVID=env+2B2Bid1\r\n"
				 "RCPT <b@y.invalid> NOTIFY=NEVER\r\n"
				 "RCPT <c@y.invalid> NOTIFY=SUCCESS,DELAY "
				 "ORCPT=rfc822;orig+2B2Bx@z.invalid\r\n"
				 "RCPT <d@y.invalid> NOTIFY=FAILURE\r\n"
				 "RCPT <\"a+20b\\\"c\"@y.invalid>\r\n"
				 "RCPT <o'brien@y.invalid>\r\n"
				 "RCPT <x@[192.0.2.1]>\r\n");
	ck_assert_int_eq(qf.quarantined, 0);
	ck_assert_uint_eq(qf.recipients, 6);
	ck_assert_uint_eq(qf.version, 8);
	ck_assert_int_eq(qf.created_s, 1795415664);
}
END_TEST

START_TEST(headers_are_as_the_next_hop_gets_them)
{
	load("sendmail-dsn.qf");
	/* The path of the return is for the last mailer to write. */
	ck_assert_ptr_eq(strstr(qf.headers.data, "Return-Path"), NULL);
	ck_assert_int_eq(strncmp(qf.headers.data,
			     "Received: from client.test.invalid ", 35),
	    0);
	ck_assert_ptr_ne(strstr(qf.headers.data, "\nDate: Mon, 23 Nov "), NULL);
	ck_assert_ptr_ne(strstr(qf.headers.data, "\nFrom: s+t=u@x.invalid\n"),
	    NULL);
	ck_assert_ptr_ne(strstr(qf.headers.data,
			     "\nX-Folded: one\n\ttwo\n three\n"),
	    NULL);
	ck_assert_int_eq(qf.headers.data[qf.headers.len - 1], '\n');
}
END_TEST

START_TEST(a_quarantined_message_says_why)
{
	load("sendmail-quarantined.hf");
	ck_assert_int_eq(qf.quarantined, 1);
	ck_assert_str_eq(qf.value[SMQF_REASON], "held by a test");
	ck_assert_uint_eq(qf.recipients, 6);
}
END_TEST

START_TEST(a_delivered_recipient_is_gone)
{
	load("sendmail-deferred.qf");
	is_envelope(
	    LOCAL_CLIENT "MAIL <s@x.invalid>\r\nRCPT <later@y.invalid>\r\n");
	ck_assert_str_eq(qf.value[SMQF_DEFERRED],
	    "Deferred: 451 4.2.0 As told");
	ck_assert_uint_eq(qf.tries, 1);
	ck_assert_int_eq(qf.tried_s, 1795415665);
}
END_TEST

START_TEST(aliases_are_followed_to_their_members)
{
	load("sendmail-aliases.qf");
	is_envelope(
	    LOCAL_CLIENT "MAIL <s@x.invalid>\r\nRCPT <m2@y.invalid>\r\n"
			 "RCPT <m1@y.invalid>\r\nRCPT <joe@z.invalid>\r\n"
			 "RCPT <out@y.invalid>\r\n");
}
END_TEST

START_TEST(a_clone_comes_from_the_list_owner)
{
	load("sendmail-clone.qf");
	is_envelope(
	    LOCAL_CLIENT "MAIL <boss@y.invalid>\r\nRCPT <u2@y.invalid>\r\n"
			 "RCPT <u1@y.invalid>\r\n");
}
END_TEST

START_TEST(a_notice_comes_from_nobody)
{
	load("sendmail-bounce.qf");
	is_envelope("CLIENT HELO=localhost\r\nMAIL <>\r\n"
		    "RCPT <s@x.invalid>\r\n");
	ck_assert_int_eq(qf.bounce, 1);
	/* For mailers that ask for it, no SMTP one does. */
	ck_assert_ptr_eq(strstr(qf.headers.data, "Full-Name"), NULL);
}
END_TEST

START_TEST(addresses_beyond_ascii_are_read)
{
	load("sendmail-eightbit.qf");
	is_envelope(LOCAL_CLIENT "MAIL <joe@x.invalid> AUTH=<>\r\n"
				 "RCPT <r\xc3\xb6@y.invalid>\r\n");
}
END_TEST

/* ---- damaged ones, and what was written by hand ---- */

/* A file that stops anywhere is still being written: nothing is believed of
 * it. */
START_TEST(a_file_cut_anywhere_is_not_complete)
{
	size_t len;
	char *text = slurp("sendmail-dsn.qf", &len);

	for (size_t n = 0; n < len; n++) {
		struct smqf part;

		smqf_init(&part);
		ck_assert_int_eq(smqf_read(&part, text, n, ""), SMX_ETEMP);
		ck_assert(!smqf_complete(text, n));
		smqf_done(&part);
	}
	free(text);
}
END_TEST

#define BEGIN "V8\nT1795415664\nK0\nN0\nP1\n"
#define END   "H??Subject: x\n.\n"

static const struct {
	const char *text;
	int result;
} files[] = {
	{ BEGIN "S<a@b>\nRPFD:<c@d>\n" END, SMX_OK },
	{ "V1\nT0\nS<a@b>\nRP:<c@d>\n.\n", SMX_OK },
	{ BEGIN "S<a@b>\n" END "H??X: y\n", SMX_EPROTO }, /* behind the end */
	{ BEGIN "S<a@b>\n" END "\n", SMX_EPROTO },
	{ "V9\n" END, SMX_EPROTO }, /* a later version */
	{ "V0\n" END, SMX_EPROTO },
	{ "V\n" END, SMX_EPROTO },
	{ "T1\nV8\n" END, SMX_EPROTO },
	{ BEGIN "X\n" END, SMX_EPROTO },
	{ BEGIN "\n" END, SMX_EPROTO },
	{ BEGIN "\tx\n" END, SMX_EPROTO },
	{ BEGIN "From joe Mon Nov 23\n" END, SMX_EPROTO },
	{ BEGIN "S<a@b>\n more\n" END, SMX_EPROTO }, /* only headers go on */
	{ BEGIN "S<a@b\n" END, SMX_EPROTO },
	{ BEGIN "S|program\n" END, SMX_EPROTO },
	{ BEGIN "R<c@d>\n" END, SMX_EPROTO },
	{ BEGIN "RPFD:\n" END, SMX_EPROTO },
	{ BEGIN "RPFD:<>\n" END, SMX_EPROTO },
	{ BEGIN "R\n" END, SMX_EPROTO },
	{ BEGIN "Tx\n" END, SMX_EPROTO },
	{ BEGIN "T-1\n" END, SMX_EPROTO },
	{ BEGIN "N99999999999999999999\n" END, SMX_EPROTO },
	{ BEGIN "H?P\n" END, SMX_EPROTO },
	{ BEGIN "H??no colon\n" END, SMX_EPROTO },
	{ BEGIN "H\n" END, SMX_EPROTO },
	{ BEGIN "HSubject: old\n" END, SMX_OK },
	{ BEGIN "F\n$\n${\n$_\n$_]x[\nd\nQ\nZ\nA\nB\nq\nM\n" END, SMX_OK },
	{ ".\n", SMX_EPROTO },
	{ "", SMX_ETEMP },
};

START_TEST(what_sendmail_would_not_take_is_not_taken)
{
	ck_assert_int_eq(smqf_read(&qf, files[_i].text, strlen(files[_i].text),
			     ""),
	    files[_i].result);
}
END_TEST

START_TEST(a_file_with_nul_is_damaged)
{
	static const char text[] = BEGIN "S<a\0@b>\n" END;

	ck_assert_int_eq(smqf_read(&qf, text, sizeof(text) - 1, ""),
	    SMX_EPROTO);
}
END_TEST

static void
read_text(const char *text)
{
	ck_assert_int_eq(smqf_read(&qf, text, strlen(text), ""), SMX_OK);
}

/* What a program gets cannot be given to anybody else, and the others not be
 * given out as all. */
START_TEST(who_is_served_by_a_program_has_no_envelope)
{
	size_t len, client;
	char *text;

	read_text(BEGIN "S<a@b>\nRPFD:<c@d>\nRFDA:\"|/bin/true\"\n" END);
	ck_assert_int_eq(qf.unsayable, 1);
	ck_assert_int_eq(smqf_envelope(&qf, &text, &len, &client), SMX_EPROTO);
}
END_TEST

START_TEST(a_file_without_a_sender_has_no_envelope)
{
	size_t len, client;
	char *text;

	read_text(BEGIN "RPFD:<c@d>\n" END);
	ck_assert_int_eq(smqf_envelope(&qf, &text, &len, &client), SMX_EPROTO);
}
END_TEST

START_TEST(a_file_without_recipients_has_one)
{
	read_text(BEGIN "S<a@b>\n" END);
	is_envelope("CLIENT\r\nMAIL <a@b>\r\n");
}
END_TEST

START_TEST(an_original_recipient_is_only_the_next_ones)
{
	read_text(BEGIN "S<a@b>\nQrfc822;x@y\nRP:<c@d>\nRP:<e@f>\nQbad "
			"one\nRP:<g@h>\n" END);
	is_envelope("CLIENT\r\nMAIL <a@b>\r\nRCPT <c@d> ORCPT=rfc822;x@y\r\n"
		    "RCPT <e@f>\r\nRCPT <g@h>\r\n");
}
END_TEST

static const struct {
	const char *macro, *client;
} clients[] = {
	{ "mx.example [192.0.2.7]", "CLIENT NAME=mx.example ADDR=192.0.2.7" },
	{ "joe@mx.example [192.0.2.7]",
	    "CLIENT NAME=mx.example ADDR=192.0.2.7" },
	{ "mx.example [192.0.2.7] (may be forged)",
	    "CLIENT NAME=unknown ADDR=192.0.2.7" },
	{ "[192.0.2.7]", "CLIENT NAME=unknown ADDR=192.0.2.7" },
	{ "mx.example [IPv6:2001:db8::7]",
	    "CLIENT NAME=mx.example ADDR=2001:db8::7" },
	{ "root@localhost", "CLIENT" },
	{ "", "CLIENT" },
};

START_TEST(the_client_is_who_it_was_found_to_be)
{
	char text[256];

	snprintf(text, sizeof(text), BEGIN "$_%s\nS<>\n" END,
	    clients[_i].macro);
	read_text(text);
	snprintf(text, sizeof(text), "%s\r\nMAIL <>\r\n", clients[_i].client);
	is_envelope(text);
}
END_TEST

START_TEST(a_login_is_kept)
{
	read_text(BEGIN "${auth_type}PLAIN\n${auth_authen}joe\n$rESMTPSA\n"
			"${daemon_name}MSA\nS<a@b>\n" END);
	is_envelope("CLIENT PROTO=ESMTPSA AUTH=PLAIN LOGIN=joe DAEMON=MSA\r\n"
		    "MAIL <a@b>\r\n");
}
END_TEST

static const struct {
	const char *flags, *params;
} marks[] = {
	{ "F8\n", " BODY=8BITMIME" },
	{ "B7BIT\nF8\n", " BODY=7BIT" },
	{ "Fd\n", " RET=FULL" },
	{ "Fdn\n", " RET=HDRS" },
	{ "Fn\n", "" },
	{ "Fe\n", " SMTPUTF8" },
	{ "Fwbs\n", "" },
	{ "Zbad envid\n", "" },
};

START_TEST(flags_become_parameters)
{
	char text[256];

	snprintf(text, sizeof(text), BEGIN "%sS<a@b>\n" END, marks[_i].flags);
	read_text(text);
	snprintf(text, sizeof(text), "CLIENT\r\nMAIL <a@b>%s\r\n",
	    marks[_i].params);
	is_envelope(text);
}
END_TEST

START_TEST(another_folder_of_the_body_is_told)
{
	read_text(BEGIN "d/var/spool/mqueue/q2\nS<a@b>\n" END);
	ck_assert_str_eq(qf.value[SMQF_FOLDER], "/var/spool/mqueue/q2");
}
END_TEST

/* No list is too long to be refused in good order. */
START_TEST(more_recipients_than_can_be_told_are_no_envelope)
{
	struct buf b;
	size_t len, client;
	char *text;

	buf_init(&b, 0);
	buf_str(&b, BEGIN "S<a@b>\n");
	for (size_t i = 0; i <= SMQF_RECIPIENTS_MAX; i++)
		buf_fmt(&b, "RPFD:<r%zu@y.example>\n", i);
	buf_str(&b, END);
	ck_assert_int_eq(smqf_read(&qf, b.data, b.len, ""), SMX_OK);
	ck_assert_int_eq(qf.unsayable, 1);
	ck_assert_int_eq(smqf_envelope(&qf, &text, &len, &client), SMX_EPROTO);
	buf_free(&b);
}
END_TEST

static TCase *
names_case(void)
{
	TCase *tc = tcase_create("names");

	tcase_add_loop_test(tc, only_what_sendmail_makes_is_a_queue_id, 0,
	    sizeof(ids) / sizeof(*ids));
	tcase_add_loop_test(tc, files_are_known_by_their_names, 0,
	    sizeof(names) / sizeof(*names));
	tcase_add_loop_test(tc, addresses_become_those_of_smtp, 0,
	    sizeof(addresses) / sizeof(*addresses));
	tcase_add_test(tc, without_a_domain_none_is_added);
	return tc;
}

static TCase *
real_case(void)
{
	TCase *tc = tcase_create("real");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_parameter_of_the_client_is_read);
	tcase_add_test(tc, headers_are_as_the_next_hop_gets_them);
	tcase_add_test(tc, a_quarantined_message_says_why);
	tcase_add_test(tc, a_delivered_recipient_is_gone);
	tcase_add_test(tc, aliases_are_followed_to_their_members);
	tcase_add_test(tc, a_clone_comes_from_the_list_owner);
	tcase_add_test(tc, a_notice_comes_from_nobody);
	tcase_add_test(tc, addresses_beyond_ascii_are_read);
	return tc;
}

static TCase *
hand_case(void)
{
	TCase *tc = tcase_create("hand");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_file_cut_anywhere_is_not_complete);
	tcase_add_loop_test(tc, what_sendmail_would_not_take_is_not_taken, 0,
	    sizeof(files) / sizeof(*files));
	tcase_add_test(tc, a_file_with_nul_is_damaged);
	tcase_add_test(tc, who_is_served_by_a_program_has_no_envelope);
	tcase_add_test(tc, a_file_without_a_sender_has_no_envelope);
	tcase_add_test(tc, a_file_without_recipients_has_one);
	tcase_add_test(tc, an_original_recipient_is_only_the_next_ones);
	tcase_add_loop_test(tc, the_client_is_who_it_was_found_to_be, 0,
	    sizeof(clients) / sizeof(*clients));
	tcase_add_test(tc, a_login_is_kept);
	tcase_add_loop_test(tc, flags_become_parameters, 0,
	    sizeof(marks) / sizeof(*marks));
	tcase_add_test(tc, another_folder_of_the_body_is_told);
	tcase_add_test(tc, more_recipients_than_can_be_told_are_no_envelope);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("smqf");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, names_case());
	suite_add_tcase(s, real_case());
	suite_add_tcase(s, hand_case());
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
