/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/smtpreply.h"

/* The whole text in pieces of `piece` bytes: the last step; *rest tells how
 * many bytes were left over. */
static int
feed(struct smtpreply *r, const char *text, size_t len, size_t piece,
    size_t *rest)
{
	size_t at = 0;
	int step = SMTPREPLY_MORE;

	smtpreply_begin(r);
	while (at < len && step >= 0 && step != SMTPREPLY_DONE) {
		size_t n = len - at < piece ? len - at : piece;
		size_t used;

		step = smtpreply_feed(r, text + at, n, &used);
		ck_assert_uint_le(used, n);
		at += used;
	}
	*rest = len - at;
	return step;
}

static const struct {
	const char *text;
	int step;
	int code;
	const char *enhanced;
	const char *words;
} replies[] = {
	{ "250 2.1.0 Ok\r\n", SMTPREPLY_DONE, 250, "2.1.0", "Ok" },
	{ "250\r\n", SMTPREPLY_DONE, 250, "", "" },
	{ "250 \r\n", SMTPREPLY_DONE, 250, "", "" },
	{ "250 2.1.5\r\n", SMTPREPLY_DONE, 250, "2.1.5", "" },
	{ "250 Ok\n", SMTPREPLY_DONE, 250, "", "Ok" },
	{ "250 4.1.0 other class\r\n", SMTPREPLY_DONE, 250, "",
	    "4.1.0 other class" },
	{ "550 5.1.1234 x\r\n", SMTPREPLY_DONE, 550, "", "5.1.1234 x" },
	{ "550 5.123.123 x\r\n", SMTPREPLY_DONE, 550, "5.123.123", "x" },
	{ "451-a\r\n451-4.3.0 b\r\n451 4.3.0 c\r\n", SMTPREPLY_DONE, 451,
	    "4.3.0", "c" },
	{ "250 a\rb\033[2Jc\377\r\n", SMTPREPLY_DONE, 250, "", "a?b?[2Jc?" },
	{ "250-a\r\n251 b\r\n", SMX_EPROTO, 0, "", "" },
	{ "150 a\r\n", SMX_EPROTO, 0, "", "" },
	{ "650 a\r\n", SMX_EPROTO, 0, "", "" },
	{ "25 a\r\n", SMX_EPROTO, 0, "", "" },
	{ "2x0 a\r\n", SMX_EPROTO, 0, "", "" },
	{ "250_a\r\n", SMX_EPROTO, 0, "", "" },
	{ "250\ta\r\n", SMX_EPROTO, 0, "", "" },
	{ "\r\n", SMX_EPROTO, 0, "", "" },
	{ "\n", SMX_EPROTO, 0, "", "" },
	{ "HTTP/1.1 200 OK\r\n", SMX_EPROTO, 0, "", "" },
	{ "250 no end", SMTPREPLY_MORE, 0, "", "" },
	{ "250-a\r\n", SMTPREPLY_LINE, 250, "", "a" },
};

START_TEST(reply_is_read_in_pieces_of_any_size)
{
	const char *text = replies[_i].text;

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct smtpreply r;
		size_t rest;

		ck_assert_int_eq(feed(&r, text, strlen(text), piece, &rest),
		    replies[_i].step);
		if (replies[_i].step < SMTPREPLY_LINE)
			continue;
		ck_assert_uint_eq(rest, 0);
		ck_assert_int_eq(r.code, replies[_i].code);
		ck_assert_str_eq(r.enhanced, replies[_i].enhanced);
		ck_assert_str_eq(smtpreply_text(&r), replies[_i].words);
	}
}
END_TEST

START_TEST(bytes_of_the_next_reply_are_left)
{
	static const char two[] = "250 a\r\n354 b\r\n";
	struct smtpreply r;
	size_t rest;

	ck_assert_int_eq(feed(&r, two, sizeof(two) - 1, sizeof(two), &rest),
	    SMTPREPLY_DONE);
	ck_assert_uint_eq(rest, 7);
	ck_assert_int_eq(r.code, 250);
}
END_TEST

START_TEST(nul_is_refused)
{
	struct smtpreply r;
	size_t rest;

	ck_assert_int_eq(feed(&r, "250 a\0b\r\n", 9, 9, &rest), SMX_EPROTO);
}
END_TEST

/* A line of n bytes, and what becomes of it. */
static int
long_line(size_t n, const char *end)
{
	char *text = malloc(n + 3);
	struct smtpreply r;
	size_t rest;
	int step;

	memset(text, 'x', n);
	memcpy(text, "250 ", 4);
	memcpy(text + n, end, strlen(end) + 1);
	step = feed(&r, text, strlen(text), 7, &rest);
	if (step == SMTPREPLY_DONE)
		ck_assert_uint_eq(strlen(smtpreply_text(&r)), n - 4);
	free(text);
	return step;
}

START_TEST(line_longer_than_the_ceiling_is_refused)
{
	ck_assert_int_eq(long_line(SMTPREPLY_LINE_MAX, "\r\n"), SMTPREPLY_DONE);
	ck_assert_int_eq(long_line(SMTPREPLY_LINE_MAX, "\n"), SMTPREPLY_DONE);
	ck_assert_int_eq(long_line(SMTPREPLY_LINE_MAX + 1, "\r\n"), SMX_ELIMIT);
	ck_assert_int_eq(long_line(SMTPREPLY_LINE_MAX + 1, "\n"), SMX_ELIMIT);
	ck_assert_int_eq(long_line(100000, ""), SMX_ELIMIT);
}
END_TEST

START_TEST(endless_reply_is_refused)
{
	struct smtpreply r;
	size_t used;
	int step = SMTPREPLY_LINE;
	int lines = 0;

	smtpreply_begin(&r);
	while (step == SMTPREPLY_LINE && ++lines < 1000)
		step = smtpreply_feed(&r, "250-x\r\n", 7, &used);
	ck_assert_int_eq(step, SMX_ELIMIT);
	ck_assert_int_eq(lines, SMTPREPLY_LINES_MAX + 1);
}
END_TEST

static const struct {
	const char *text;
	const char *id;
} ids[] = {
	{ "250 2.0.0 Ok: queued as 4jXKs073lDz1bkTK\r\n", "4jXKs073lDz1bkTK" },
	{ "250 2.0.0 Ok: queued as 6B2F61CE; more\r\n", "6B2F61CE" },
	{ "250 2.0.0 4AM8kX1p012345 Message accepted for delivery\r\n",
	    "4AM8kX1p012345" },
	{ "250 4AM8kX1p012345 Message accepted for delivery\r\n",
	    "4AM8kX1p012345" },
	{ "250 2.0.0 Ok\r\n", "" },
	{ "250 Ok: queued as \r\n", "" },
	{ "250 Ok: queued as ../../etc/passwd\r\n", "" },
	{ "250 Ok: queued as $(id)\r\n", "" },
	{ "250 Ok: queued as 0123456789012345678901234567890123456789\r\n",
	    "" },
};

START_TEST(queue_id_is_found)
{
	struct smtpreply r;
	char id[24];
	size_t rest;
	size_t len = strlen(ids[_i].text);

	ck_assert_int_eq(feed(&r, ids[_i].text, len, len, &rest),
	    SMTPREPLY_DONE);
	ck_assert_int_eq(smtpreply_queue_id(&r, id, sizeof(id)),
	    ids[_i].id[0] == '\0' ? SMX_ENOTFOUND : SMX_OK);
	ck_assert_str_eq(id, ids[_i].id);
}
END_TEST

START_TEST(class_decides_the_result)
{
	static const struct {
		const char *text;
		int result;
	} t[] = { { "250 a\r\n", SMX_OK }, { "252 a\r\n", SMX_OK },
		{ "354 a\r\n", SMX_EPROTO }, { "421 a\r\n", SMX_ETEMP },
		{ "554 a\r\n", SMX_EREFUSED } };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct smtpreply r;
		size_t rest;

		ck_assert_int_eq(feed(&r, t[i].text, 7, 7, &rest),
		    SMTPREPLY_DONE);
		ck_assert_int_eq(smtpreply_result(&r), t[i].result);
	}
}
END_TEST

/* Bytes without sense never move it past its bounds (run with ASan). */
START_TEST(noise_is_survived)
{
	unsigned seed = (unsigned)_i;

	for (int round = 0; round < 2000; round++) {
		static const char some[] = "2450- .\r\n\0x\377";
		struct smtpreply r;
		size_t used;
		int step = SMTPREPLY_MORE;

		smtpreply_begin(&r);
		for (int i = 0; i < 64 && step >= 0; i++) {
			char c;

			seed = seed * 1103515245u + 12345u;
			c = some[(seed >> 16) % (sizeof(some) - 1)];
			step = smtpreply_feed(&r, &c, 1, &used);
			(void)smtpreply_text(&r);
		}
		ck_assert_int_ge(step, SMX_ECLOSED);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtpreply");
	TCase *tc = tcase_create("parser");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, reply_is_read_in_pieces_of_any_size, 0,
	    sizeof(replies) / sizeof(*replies));
	tcase_add_test(tc, bytes_of_the_next_reply_are_left);
	tcase_add_test(tc, nul_is_refused);
	tcase_add_test(tc, line_longer_than_the_ceiling_is_refused);
	tcase_add_test(tc, endless_reply_is_refused);
	tcase_add_loop_test(tc, queue_id_is_found, 0,
	    sizeof(ids) / sizeof(*ids));
	tcase_add_test(tc, class_decides_the_result);
	tcase_add_loop_test(tc, noise_is_survived, 0, 8);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
