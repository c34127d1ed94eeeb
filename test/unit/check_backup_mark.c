/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"
#include "glue/backup_mark.h"

static struct smx_envelope *envelope;

static void
setup(void)
{
	ck_assert_int_eq(smx_envelope_new(&envelope, 10), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<a@example.org>", NULL,
			     0),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(envelope, "<b@example.net>", NULL,
			     0),
	    SMX_OK);
}

static void
teardown(void)
{
	smx_envelope_free(&envelope);
}

/* The envelope as the holder has it. */
static void
send_over(void)
{
	struct smx_envelope *there;
	char *text;
	size_t len;

	ck_assert_int_eq(smx_envelope_encode(envelope, &text, &len), SMX_OK);
	ck_assert_int_eq(smx_envelope_decode(text, len, 10, &there), SMX_OK);
	free(text);
	smx_envelope_free(&envelope);
	envelope = there;
}

START_TEST(what_is_on_hold_says_so_until_when_at_its_holder)
{
	ck_assert_int_eq(backup_mark(envelope, INT64_C(1800000000123)), SMX_OK);
	send_over();
	ck_assert_int_eq(backup_marked(envelope), INT64_C(1800000000123));
}
END_TEST

START_TEST(what_is_not_on_hold_says_nothing)
{
	ck_assert_int_eq(backup_marked(envelope), 0);
	send_over();
	ck_assert_int_eq(backup_marked(envelope), 0);
	ck_assert_int_eq(backup_mark(envelope, 5), SMX_OK);
	ck_assert_int_eq(backup_mark(envelope, 0), SMX_OK);
	send_over();
	ck_assert_int_eq(backup_marked(envelope), 0);
}
END_TEST

static const char *const strange[] = { "-1", "1e9", " 5", "5 ", "soon",
	"9999999999999999", "99999999999999999999999999", "0x10" };

START_TEST(what_is_no_time_is_no_mark)
{
	ck_assert_int_eq(smx_envelope_set(envelope, SMX_FIELD_HOLD,
			     strange[_i]),
	    SMX_OK);
	send_over();
	ck_assert_int_eq(backup_marked(envelope), 0);
}
END_TEST

/* ---- what was read of a file ---- */

#define TEXT                                                                   \
	"MAIL <s@x> RET=HDRS\r\nRCPT <a@y>\r\nRCPT <b@Y> NOTIFY=NEVER\r\n"     \
	"RCPT <c@y>\r\n"

START_TEST(what_was_read_says_whose_hold_it_is)
{
	char *text = backup_mark_text(strdup(TEXT), 7);

	ck_assert_int_eq(amend_mark(text, strlen(text)), 7);
	ck_assert_uint_eq(amend_sum(text, strlen(text)),
	    amend_sum(TEXT, strlen(TEXT)));
	free(text);
	text = backup_mark_text(strdup(TEXT), 0);
	ck_assert_ptr_eq(strstr(text, "MAIL <s@x> RET=HDRS HOLD=0\r\nRCPT"),
	    text);
	free(text);
	text = backup_mark_text(strdup(""), 7);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(who_has_it_somewhere_else_is_struck_out)
{
	uint64_t booked[] = { amend_address("b@y"), amend_address("<z@y>"),
		amend_address("<c@y>") };
	char *text = strdup(TEXT);

	backup_strike_text(text, booked, 0);
	ck_assert_str_eq(text, TEXT);
	backup_strike_text(text, booked, 3);
	ck_assert_str_eq(text, "MAIL <s@x> RET=HDRS\r\nRCPT <a@y>\r\n");
	booked[1] = amend_address("<a@y>");
	backup_strike_text(text, booked, 3);
	ck_assert_str_eq(text, "MAIL <s@x> RET=HDRS\r\n");
	free(text);
	text = strdup("no envelope");
	backup_strike_text(text, booked, 3);
	ck_assert_str_eq(text, "no envelope");
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_mark");
	TCase *tc = tcase_create("mark");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_on_hold_says_so_until_when_at_its_holder);
	tcase_add_test(tc, what_is_not_on_hold_says_nothing);
	tcase_add_loop_test(tc, what_is_no_time_is_no_mark, 0,
	    (int)(sizeof(strange) / sizeof(*strange)));
	tcase_add_test(tc, what_was_read_says_whose_hold_it_is);
	tcase_add_test(tc, who_has_it_somewhere_else_is_struck_out);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
