/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_world.h"

static struct smx_session *session;
static struct smx_verdict verdict;
static const char *const one[] = { "ok", NULL };

static void
begin(void)
{
	world_reset();
	session = world_session();
}

static void
end(void)
{
	smx_session_free(&session);
	ck_assert_int_eq(world.configs, 0);
	world_free();
}

/* The session is as good as new after whatever came before. */
static void
next_message_is_fine(void)
{
	world_message(session, "ok");
	world_end(session, &verdict);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_str_eq(world.content, "A: b\r\n\r\nx\r\n");
	ck_assert(world.digest_matches);
}

static const struct {
	const char *name;
	const char *value;
	const char *want;
} fields[] = {
	{ "Subject", " plain", "Subject: plain" },
	{ "Subject", "no space", "Subject:no space" },
	{ "Subject", "\ttab", "Subject:\ttab" },
	{ "Subject", "   three", "Subject:   three" },
	{ "Subject", "", "Subject:" },
	{ "Subject", " ", "Subject: " },
	{ "Subject", " trailing  ", "Subject: trailing  " },
	{ "X-Fold", " a\n b", "X-Fold: a\r\n b" },
	{ "X-Fold", " a\n\tb\n c", "X-Fold: a\r\n\tb\r\n c" },
	{ "X-Fold", "\n first line empty", "X-Fold:\r\n first line empty" },
	{ "X-Fold", " a\r\n b", "X-Fold: a\r\n b" },
	{ "X-Fold", " a\r\n b\n c", "X-Fold: a\r\n b\r\n c" },
	{ "X-CR", " lone \r stays", "X-CR: lone \r stays" },
	{ "X-8bit", " gr\xfc\xdf \xc3\xb6", "X-8bit: gr\xfc\xdf \xc3\xb6" },
	{ "odd name ", " x", "odd name : x" },
	{ "X-Percent", " 100%s", "X-Percent: 100%s" },
};

START_TEST(a_header_field_is_what_it_was)
{
	char want[256];

	world_envelope(session, one);
	ck_assert_int_eq(smx_session_header(session, fields[_i].name,
			     fields[_i].value),
	    SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	world_end(session, &verdict);
	snprintf(want, sizeof(want), "%s\r\n\r\n", fields[_i].want);
	ck_assert_str_eq(world.content, want);
}
END_TEST

START_TEST(fields_keep_their_order_and_repeats)
{
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_header(session, "B", " 1"), SMX_OK);
	ck_assert_int_eq(smx_session_header(session, "a", " 2"), SMX_OK);
	ck_assert_int_eq(smx_session_header(session, "B", " 1"), SMX_OK);
	world_end(session, &verdict);
	ck_assert_str_eq(world.content, "B: 1\r\na: 2\r\nB: 1\r\n\r\n");
}
END_TEST

START_TEST(body_pieces_join_without_a_seam)
{
	static const char body[] = "a\r\n.\r\n..b\r\n\0nul \xff\r\nlone \n\r x";

	world_envelope(session, one);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	for (size_t i = 0; i < sizeof(body); i += 3)
		ck_assert_int_eq(smx_session_body(session, body + i,
				     sizeof(body) - i < 3 ? sizeof(body) - i
							  : 3),
		    SMX_OK);
	world_end(session, &verdict);
	ck_assert_uint_eq(world.content_len, sizeof(body) + 2);
	ck_assert_mem_eq(world.content, "\r\n", 2);
	ck_assert_mem_eq(world.content + 2, body, sizeof(body));
}
END_TEST

START_TEST(header_end_and_body_may_be_missing)
{
	world_envelope(session, one);
	world_end(session, &verdict);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_str_eq(world.content, "\r\n");
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_header(session, "A", " b"), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, "x\r\n", 3), SMX_OK);
	world_end(session, &verdict);
	ck_assert_str_eq(world.content, "A: b\r\n\r\nx\r\n");
}
END_TEST

START_TEST(a_message_over_the_memory_limit_is_whole)
{
	static char body[90000];

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_header(session, "A", " b"), SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, body, 65535), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, body + 65535,
			     sizeof(body) - 65535),
	    SMX_OK);
	world_end(session, &verdict);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert(world.digest_matches);
	ck_assert_uint_eq(world.content_len, sizeof(body) + 8);
	ck_assert_mem_eq(world.content + 8, body, sizeof(body));
}
END_TEST

/* ---- limits: told at once, and again by the verdict ---- */

static void
is_refused(const char *code, const char *enhanced, const char *reason)
{
	world_end(session, &verdict);
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_str_eq(verdict.code, code);
	ck_assert_str_eq(verdict.enhanced, enhanced);
	ck_assert_ptr_nonnull(strstr(world.log, reason));
	ck_assert_str_eq(world.journal, "");
	next_message_is_fine();
}

START_TEST(too_many_header_fields)
{
	world_envelope(session, one);
	for (int i = 0; i < world.conf.milter_max_headers; i++)
		ck_assert_int_eq(smx_session_header(session, "A", " b"),
		    SMX_OK);
	ck_assert_int_eq(smx_session_header(session, "A", " b"), SMX_ELIMIT);
	is_refused("552", "5.3.4", "reason=header-fields");
}
END_TEST

START_TEST(too_long_a_header_field)
{
	char value[400];

	memset(value, 'x', sizeof(value));
	value[299] = '\0';
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_header(session, "A", value), SMX_OK);
	value[299] = 'x';
	value[300] = '\0';
	ck_assert_int_eq(smx_session_header(session, "A", value), SMX_ELIMIT);
	ck_assert_int_eq(smx_session_header(session, "A", "b"), SMX_ESTATE);
	ck_assert_int_eq(smx_session_body(session, "x", 1), SMX_ESTATE);
	is_refused("552", "5.3.4", "reason=header-size");
}
END_TEST

/* Postfix cuts a field after 54,000 to 60,000 bytes and does not say so. */
START_TEST(a_field_that_may_have_been_cut_is_refused)
{
	static char value[54000];
	size_t whole = 54000 - strlen("X-Long:") - 1;

	world.conf.milter_max_header = 1 << 20;
	for (size_t more = 0; more < 2; more++) {
		memset(value, 'x', whole + more);
		value[0] = ' ';
		value[whole + more] = '\0';
		world_envelope(session, one);
		ck_assert_int_eq(smx_session_header(session, "X-Long", value),
		    more == 0 ? SMX_OK : SMX_ELIMIT);
		world_end(session, &verdict);
		ck_assert_int_eq(verdict.accept, more == 0);
	}
	ck_assert_str_eq(verdict.code, "552");
	next_message_is_fine();
}
END_TEST

START_TEST(too_large_a_message)
{
	static char body[60000];

	memset(body, 'x', sizeof(body));
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_body(session, body, sizeof(body)), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, body, sizeof(body)),
	    SMX_ELIMIT);
	is_refused("552", "5.3.4", "reason=message-size");
}
END_TEST

START_TEST(the_size_limit_is_exact)
{
	static char body[100000];

	world_envelope(session, one);
	world.conf.milter_max_message = 5; /* of the next message */
	ck_assert_int_eq(smx_session_body(session, body, sizeof(body) - 2),
	    SMX_OK);
	world_end(session, &verdict);
	ck_assert_int_eq(verdict.accept, 1);
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_body(session, "abc", 3), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, "d", 1), SMX_ELIMIT);
}
END_TEST

START_TEST(no_room_to_spill)
{
	static char body[60000];

	world.conf.milter_spill = "/nonexistent/folder";
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_body(session, body, sizeof(body)),
	    SMX_EIO);
	world.conf.milter_spill = "/tmp";
	is_refused("451", "4.3.0", "reason=trouble");
}
END_TEST

static const char *const bad_names[] = { "", "A:b", "A\nb", "A\r" };

START_TEST(a_field_name_cannot_start_another_field)
{
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_header(session, bad_names[_i], " x"),
	    SMX_EINVAL);
	is_refused("554", "5.6.0", "reason=malformed");
}
END_TEST

START_TEST(too_many_recipients_leaves_the_others)
{
	const char *const four[] = { "a", "b", "c", "d", NULL };

	world_envelope(session, four);
	ck_assert_int_eq(smx_session_rcpt(session, "<e@x>", NULL, 0),
	    SMX_ELIMIT);
	world_end(session, &verdict);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_ptr_nonnull(strstr(world.envelope, "d@example.org"));
	ck_assert_ptr_null(strstr(world.envelope, "e@x"));
}
END_TEST

static char overlong[1100];
static const char *const bad_addresses[] = { "<a\r\nb@x>", "<a\nb@x>",
	overlong };

START_TEST(a_hostile_address_is_refused)
{
	memset(overlong, 'a', sizeof(overlong) - 1);
	ck_assert_int_eq(smx_session_mail(session, bad_addresses[_i], NULL, 0),
	    SMX_EINVAL);
	ck_assert_int_eq(smx_session_rcpt(session, "<a@x>", NULL, 0),
	    SMX_ESTATE);
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_rcpt(session, bad_addresses[_i], NULL, 0),
	    SMX_EINVAL);
	next_message_is_fine();
}
END_TEST

START_TEST(a_hostile_trail_is_left_out_not_refused)
{
	struct smx_session_client client = { "a\nb", "192.0.2.7\r\n", 1,
		overlong };

	memset(overlong, 'a', sizeof(overlong) - 1);
	smx_session_free(&session);
	ck_assert_int_eq(smx_session_new(&session, world_engine(), &client),
	    SMX_OK);
	ck_assert_int_eq(smx_session_helo(session, "x\ny"), SMX_OK);
	next_message_is_fine();
	ck_assert_str_eq(world.envelope,
	    "CLIENT PORT=1 PROTO=ESMTP\r\nMAIL <sender@example.net>\r\n"
	    "RCPT <ok@example.org>\r\n");
}
END_TEST

/* ---- the envelope ---- */

START_TEST(a_client_without_a_name_is_unknown)
{
	struct smx_session_client client = { "[192.0.2.7]", "192.0.2.7", 0,
		NULL };

	smx_session_free(&session);
	ck_assert_int_eq(smx_session_new(&session, world_engine(), &client),
	    SMX_OK);
	next_message_is_fine();
	ck_assert_ptr_nonnull(
	    strstr(world.envelope, "CLIENT NAME=unknown ADDR=192.0.2.7 PROTO"));
}
END_TEST

START_TEST(parameters_arrive_verbatim)
{
	static const char *const mail[] = { "SIZE=1000", "BODY=8BITMIME",
		"SMTPUTF8", "RET=HDRS", "ENVID=env+2Bid1", "AUTH=<>" };
	static const char *const rcpt[] = { "NOTIFY=SUCCESS,FAILURE",
		"ORCPT=rfc822;orig+2Bx@z.example" };
	struct smx_envelope *e = NULL;
	const char *const *params;

	ck_assert_int_eq(smx_session_mail(session, "<s\xc3\xb6m@example.net>",
			     mail, 6),
	    SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<R@Y.example>", rcpt, 2),
	    SMX_OK);
	world_end(session, &verdict);
	ck_assert_int_eq(smx_envelope_decode(world.envelope,
			     strlen(world.envelope), 10, &e),
	    SMX_OK);
	ck_assert_str_eq(smx_envelope_sender(e), "<s\xc3\xb6m@example.net>");
	ck_assert_uint_eq(smx_envelope_mail_params(e, &params), 6);
	for (size_t i = 0; i < 6; i++)
		ck_assert_str_eq(params[i], mail[i]);
	ck_assert_uint_eq(smx_envelope_recipients(e), 1);
	ck_assert_str_eq(smx_envelope_recipient(e, 0), "<R@Y.example>");
	ck_assert_uint_eq(smx_envelope_rcpt_params(e, 0, &params), 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_str_eq(params[i], rcpt[i]);
	smx_envelope_free(&e);
}
END_TEST

START_TEST(local_mail_has_no_protocol_and_may_have_no_sender)
{
	ck_assert_int_eq(smx_session_mail(session, "", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "ok@x", NULL, 0), SMX_OK);
	world_end(session, &verdict);
	ck_assert_ptr_nonnull(strstr(world.envelope, "\r\nMAIL <>\r\n"));
	ck_assert_int_eq(smx_session_mail(session, "root@x", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "ok@x", NULL, 0), SMX_OK);
	world_end(session, &verdict);
	ck_assert_ptr_null(strstr(world.envelope, "PROTO="));
}
END_TEST

START_TEST(the_last_queue_id_counts_and_a_hostile_one_does_not)
{
	world_envelope(session, one);
	ck_assert_int_eq(smx_session_queue_id(session, "second"), SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, NULL), SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, ""), SMX_EINVAL);
	ck_assert_int_eq(smx_session_queue_id(session, "a b"), SMX_EINVAL);
	ck_assert_int_eq(smx_session_queue_id(session, "../x"), SMX_EINVAL);
	ck_assert_int_eq(smx_session_queue_id(session, overlong), SMX_EINVAL);
	world_end(session, &verdict);
	ck_assert_str_eq(world.queue_id, "second");
	ck_assert_int_eq(smx_session_mail(session, "<>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<ok@x>", NULL, 0), SMX_OK);
	world_end(session, &verdict);
	ck_assert_str_eq(world.queue_id, "");
}
END_TEST

/* Abort after so many steps; the leak checker says whether all was freed. */
START_TEST(abort_at_any_point_forgets_the_message_only)
{
	static char body[60000];

	if (_i > 0)
		world_envelope(session, one);
	if (_i > 1)
		ck_assert_int_eq(smx_session_header(session, "Old", " x"),
		    SMX_OK);
	if (_i > 2)
		ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	if (_i > 3)
		ck_assert_int_eq(smx_session_body(session, "old", 3), SMX_OK);
	if (_i > 4)
		ck_assert_int_eq(smx_session_body(session, body, sizeof(body)),
		    SMX_OK);
	smx_session_abort(session);
	ck_assert_int_eq(world.configs, 0);
	ck_assert_str_eq(world.journal, _i > 0 ? "passed:4jXKs0" : "");
	next_message_is_fine();
	ck_assert_ptr_nonnull(strstr(world.envelope, "ADDR=192.0.2.7"));
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_header_field_is_what_it_was, 0,
	    sizeof(fields) / sizeof(*fields));
	tcase_add_test(tc, fields_keep_their_order_and_repeats);
	tcase_add_test(tc, body_pieces_join_without_a_seam);
	tcase_add_test(tc, header_end_and_body_may_be_missing);
	tcase_add_test(tc, a_message_over_the_memory_limit_is_whole);
	tcase_add_test(tc, too_many_header_fields);
	tcase_add_test(tc, too_long_a_header_field);
	tcase_add_test(tc, a_field_that_may_have_been_cut_is_refused);
	tcase_add_test(tc, too_large_a_message);
	tcase_add_test(tc, the_size_limit_is_exact);
	tcase_add_test(tc, no_room_to_spill);
	tcase_add_loop_test(tc, a_field_name_cannot_start_another_field, 0,
	    sizeof(bad_names) / sizeof(*bad_names));
	tcase_add_test(tc, too_many_recipients_leaves_the_others);
	tcase_add_loop_test(tc, a_hostile_address_is_refused, 0,
	    sizeof(bad_addresses) / sizeof(*bad_addresses));
	tcase_add_test(tc, a_hostile_trail_is_left_out_not_refused);
	tcase_add_test(tc, a_client_without_a_name_is_unknown);
	tcase_add_test(tc, parameters_arrive_verbatim);
	tcase_add_test(tc, local_mail_has_no_protocol_and_may_have_no_sender);
	tcase_add_test(tc, the_last_queue_id_counts_and_a_hostile_one_does_not);
	tcase_add_loop_test(tc, abort_at_any_point_forgets_the_message_only, 0,
	    6);
}

int
main(void)
{
	Suite *s = suite_create("message");
	TCase *tc = tcase_create("arriving");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, end);
	add_tests(tc);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
