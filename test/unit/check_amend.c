/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"

#define A                                                                      \
	"CLIENT ADDR=192.0.2.1\r\nMAIL <a@x.example> BODY=8BITMIME "           \
	"RET=HDRS\r\n"

static uint64_t
sum(const char *text)
{
	return amend_sum(text, strlen(text));
}

/* ---- the sum ---- */

static const struct {
	const char *a, *b;
	int same;
} pairs[] = {
	{ A "RCPT <r@y.example>\r\n",
	    "MAIL <a@x.example>\r\nRCPT <r@y.example>\r\n", 1 },
	{ A "RCPT <r@y.example>\r\n",
	    "MAIL a@x.example\r\nRCPT r@Y.EXAMPLE\r\n", 1 },
	{ A "RCPT <r@y.example>\r\nRCPT <s@y.example>\r\n",
	    A "RCPT <s@y.example>\r\nRCPT <r@y.example>\r\n", 1 },
	{ A "RCPT <r@y.example> NOTIFY=NEVER\r\n", A "RCPT <r@y.example>\r\n",
	    1 },
	/* An MTA keeps one of them. */
	{ A "RCPT <r@y.example>\r\nRCPT <r@y.example>\r\n",
	    A "RCPT <r@y.example>\r\n", 1 },
	{ "MAIL <>\r\nRCPT r@y\r\n",
	    "CLIENT\r\nMAIL <> ENVID=1\r\nRCPT r@y\r\n", 1 },
	{ A "RCPT <r@y.example>\r\n", A "RCPT <R@y.example>\r\n", 0 },
	{ A "RCPT <r@y.example>\r\n",
	    A "RCPT <r@y.example>\r\nRCPT <s@y.example>\r\n", 0 },
	{ A "RCPT <r@y.example>\r\n",
	    "MAIL <b@x.example>\r\nRCPT <r@y.example>\r\n", 0 },
	{ A "RCPT <r@y.example>\r\n", A, 0 },
	/* Sender and recipient are not the same thing. */
	{ "MAIL <a@x>\r\nRCPT <b@x>\r\n", "MAIL <b@x>\r\nRCPT <a@x>\r\n", 0 },
	{ A "RCPT <r@y.example>\r\n", A "RCPT <ry@.example>\r\n", 0 },
};

START_TEST(sum_tells_what_is_the_same)
{
	uint64_t a = sum(pairs[_i].a), b = sum(pairs[_i].b);

	ck_assert_uint_ne(a, 0);
	ck_assert_uint_ne(b, 0);
	ck_assert_int_eq(a == b, pairs[_i].same);
}
END_TEST

static const char *const odd[] = { "", "\r\n", "MAIL\r\n", "MAIL \r\n",
	"MAIL <a@x>", "RCPT <a@x>\r\n", "CLIENT\r\n",
	"MAIL <a@x>\r\nMAIL <b@x>\r\n", "MAIL <a@x>\r\nRCPT\r\n",
	"MAIL <a@x>\r\nRCPT <b@x>\n", "MAIL <a@x>\r\nRCPT <b+zz@x>\r\n",
	"CLIENT\r\nCLIENT\r\nMAIL <a@x>\r\n" };

START_TEST(what_is_no_envelope_has_no_sum)
{
	ck_assert_uint_eq(sum(odd[_i]), 0);
}
END_TEST

START_TEST(envelope_and_its_text_have_one_sum)
{
	struct smx_envelope *e;
	char *text;
	size_t len;

	ck_assert_int_eq(smx_envelope_new(&e, 0), SMX_OK);
	ck_assert_uint_eq(amend_sum_envelope(e), 0);
	ck_assert_int_eq(smx_envelope_mail(e, "<a b@x.example>", NULL, 0),
	    SMX_OK);
	for (int i = 0; i < 50; i++) {
		char rcpt[64];

		snprintf(rcpt, sizeof(rcpt), "<\"r %d\"@Y.example>", i % 40);
		ck_assert_int_eq(smx_envelope_rcpt(e, rcpt, NULL, 0), SMX_OK);
	}
	ck_assert_int_eq(smx_envelope_encode(e, &text, &len), SMX_OK);
	ck_assert_uint_eq(amend_sum_envelope(e), amend_sum(text, len));
	ck_assert_uint_ne(amend_sum_envelope(e), 0);
	free(text);
	smx_envelope_free(&e);
}
END_TEST

START_TEST(addresses_of_any_length_have_a_sum)
{
	char *text = malloc(40000);

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', 40000);
	memcpy(text, "MAIL ", 5);
	memcpy(text + 15000, "\r\n", 3);
	ck_assert_uint_ne(sum(text), 0);
	text[14999] = 'b';
	ck_assert_uint_ne(sum(text), 0);
	memset(text + 15000, 'a', 24000);
	memcpy(text + 39000, "\r\n", 3);
	ck_assert_uint_eq(sum(text), 0);
	free(text);
}
END_TEST

/* ---- merging ---- */

START_TEST(merged_keeps_the_client_and_takes_the_recipients)
{
	static const char old[] = A "RCPT <r@y.example> NOTIFY=NEVER\r\n";
	static const char now[] = "MAIL <b@x.example> SIZE=1\r\n"
				  "RCPT <s@y.example>\r\n"
				  "RCPT <r@y.example> NOTIFY=FAILURE\r\n";
	char *out;
	size_t len, count;

	ck_assert_int_eq(amend_merge(old, strlen(old), now, strlen(now), &out,
			     &len, &count),
	    SMX_OK);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(len, strlen(out));
	ck_assert_str_eq(out, "CLIENT ADDR=192.0.2.1\r\n"
			      "MAIL <b@x.example> BODY=8BITMIME RET=HDRS\r\n"
			      "RCPT <s@y.example>\r\n"
			      "RCPT <r@y.example> NOTIFY=FAILURE\r\n");
	free(out);
}
END_TEST

#define C    "CLIENT NAME=x ADDR=192.0.2.1"
#define REST "\r\nMAIL <a@x> RET=HDRS\r\nRCPT <r@y>\r\n"

static const struct {
	const char *client, *mail, *merged;
} marks[] = {
	{ C " HOLD=5", " HOLD=7", C " HOLD=7" },
	{ C " HOLD=5", " SIZE=1 HOLD=1800000000000", C " HOLD=1800000000000" },
	{ C " HOLD=5", " HOLD=0", C },
	{ C, " HOLD=0", C },
	{ C, " HOLD=7", C " HOLD=7" },
	{ "CLIENT", " HOLD=7", "CLIENT HOLD=7" },
	{ "CLIENT HOLD=5", " HOLD=0", "CLIENT" },
	{ C " HOLD=5", "", C " HOLD=5" },
	{ C " HOLD=5", " SIZE=1", C " HOLD=5" },
	/* not such a time: as if nothing had been said */
	{ C " HOLD=5", " HOLD=", C " HOLD=5" },
	{ C " HOLD=5", " HOLD=-1", C " HOLD=5" },
	{ C " HOLD=5", " HOLD=1x", C " HOLD=5" },
	{ C " HOLD=5", " HOLD=1234567890123456", C " HOLD=5" },
	{ C " HOLD=5", " XHOLD=7", C " HOLD=5" },
	{ "CLIENT DAEMON=HOLD HOLD=5", " HOLD=0", "CLIENT DAEMON=HOLD" },
};

START_TEST(hold_of_the_amendment_replaces_the_old_one)
{
	char old[256], now[256], want[256], *out;
	size_t len, count;

	snprintf(old, sizeof(old), "%s" REST, marks[_i].client);
	snprintf(now, sizeof(now), "MAIL <a@x>%s\r\nRCPT <r@y>\r\n",
	    marks[_i].mail);
	snprintf(want, sizeof(want), "%s" REST, marks[_i].merged);
	ck_assert_int_eq(amend_merge(old, strlen(old), now, strlen(now), &out,
			     &len, &count),
	    SMX_OK);
	ck_assert_str_eq(out, want);
	ck_assert_uint_eq(len, strlen(want));
	free(out);
}
END_TEST

START_TEST(hold_is_no_address)
{
	ck_assert_uint_eq(sum("MAIL <a@x> HOLD=7\r\nRCPT <r@y>\r\n"),
	    sum("MAIL <a@x>\r\nRCPT <r@y>\r\n"));
	ck_assert_int_eq(amend_mark("MAIL <a@x> HOLD=7\r\n", 19), 7);
	ck_assert_int_eq(amend_mark("MAIL <a@x> HOLD=0\r\n", 19), 0);
	ck_assert_int_eq(amend_mark("MAIL <a@x>\r\n", 12), -1);
	ck_assert_int_eq(amend_mark("MAIL <a@x> HOLD=7", 17), -1);
	ck_assert_int_eq(amend_mark("", 0), -1);
	ck_assert_int_eq(amend_mark("CLIENT HOLD=3\r\nMAIL <a@x>\r\n", 27), -1);
}
END_TEST

static const char *const bad[] = { "", "MAIL <b@x>\r\n",
	"CLIENT\r\nMAIL <b@x>\r\nRCPT <r@y>\r\n", "RCPT <r@y>\r\n",
	"MAIL <b@x>\r\nRCPT <r@y>", "MAIL <b@x>\r\nRCPT\r\n",
	"MAIL <b@x>\r\nRCPT <r@y>\r\nMAIL <c@x>\r\n",
	"MAIL <b@x>\r\nRCPT <r@y>\r\nDATA\r\n", "MAIL \r\nRCPT <r@y>\r\n",
	"MAIL <b+0Ax>\r\nRCPT <r@y>\r\n", "MAIL <b@x>\r\nRCPT <r+00@y>\r\n",
	"MAIL <b@x>\nRCPT <r@y>\r\n" };

START_TEST(what_cannot_be_merged_changes_nothing)
{
	static const char old[] = A "RCPT <r@y.example>\r\n";
	char *out = NULL;
	size_t len, count;

	ck_assert_int_eq(amend_merge(old, strlen(old), bad[_i], strlen(bad[_i]),
			     &out, &len, &count),
	    SMX_EINVAL);
	ck_assert_ptr_null(out);
}
END_TEST

START_TEST(more_recipients_than_a_client_may_name_are_kept)
{
	static const char old[] = A "RCPT <r@y.example>\r\n";
	char *now = malloc(400000), *out;
	size_t at, len, count;

	ck_assert_ptr_nonnull(now);
	at = (size_t)snprintf(now, 400000, "MAIL <>\r\n");
	for (int i = 0; i < 10000; i++)
		at += (size_t)snprintf(now + at, 400000 - at,
		    "RCPT <r%d@list.example>\r\n", i);
	ck_assert_int_eq(amend_merge(old, strlen(old), now, at, &out, &len,
			     &count),
	    SMX_OK);
	ck_assert_uint_eq(count, 10000);
	ck_assert_uint_ne(amend_sum(now, at), 0);
	ck_assert_uint_eq(amend_sum(now, at), amend_sum(out, len));
	free(out);
	free(now);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("amend");
	TCase *tc = tcase_create("amend");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, sum_tells_what_is_the_same, 0,
	    sizeof(pairs) / sizeof(*pairs));
	tcase_add_loop_test(tc, what_is_no_envelope_has_no_sum, 0,
	    sizeof(odd) / sizeof(*odd));
	tcase_add_test(tc, envelope_and_its_text_have_one_sum);
	tcase_add_test(tc, addresses_of_any_length_have_a_sum);
	tcase_add_loop_test(tc, hold_of_the_amendment_replaces_the_old_one, 0,
	    (int)(sizeof(marks) / sizeof(*marks)));
	tcase_add_test(tc, hold_is_no_address);
	tcase_add_test(tc, merged_keeps_the_client_and_takes_the_recipients);
	tcase_add_loop_test(tc, what_cannot_be_merged_changes_nothing, 0,
	    sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, more_recipients_than_a_client_may_name_are_kept);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
