/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/shadowmx.h>

#include "base/buf.h"
#include "base/key.h"
#include "base/log.h"

/* ---- errors ---- */

START_TEST(every_error_has_a_word_and_a_sentence)
{
	for (int e = 0; e >= SMX_ECLOSED; e--) {
		ck_assert_ptr_nonnull(smx_errname(e));
		ck_assert_str_ne(smx_errname(e), "unknown");
		ck_assert_str_ne(smx_strerror(e), "unknown error");
	}
	ck_assert_str_eq(smx_errname(1), "unknown");
	ck_assert_str_eq(smx_errname(SMX_ECLOSED - 1), "unknown");
	ck_assert_str_eq(smx_errname(INT32_MIN), "unknown");
	ck_assert_str_eq(smx_strerror(INT32_MIN), "unknown error");
}
END_TEST

/* ---- keys ---- */

static const uint64_t counters[] = { 0, 1, 0x7fffffffu, 0x80000000u,
	0xffffffffu, 0x100000000u, INT64_MAX, UINT64_MAX };

START_TEST(key_text_comes_back_as_the_same_key)
{
	struct smx_key a, b;
	char text[SMX_KEY_TEXT];

	ck_assert_int_eq(key_random(a.incarnation, 16), SMX_OK);
	a.counter = counters[_i];
	smx_key_format(&a, text);
	ck_assert_uint_eq(strlen(text), SMX_KEY_TEXT - 1);
	ck_assert_int_eq(smx_key_parse(text, strlen(text), &b), SMX_OK);
	ck_assert_int_eq(smx_key_compare(&a, &b), 0);
}
END_TEST

START_TEST(damaged_key_text_is_refused)
{
	struct smx_key a = { { 0 }, 7 }, b = { { 1 }, 1 };
	char text[SMX_KEY_TEXT], bad[SMX_KEY_TEXT];

	smx_key_format(&a, text);
	for (size_t i = 0; i < strlen(text); i++) {
		memcpy(bad, text, sizeof(bad));
		bad[i] = 'A';
		ck_assert_int_eq(smx_key_parse(bad, strlen(bad), &b),
		    SMX_EINVAL);
	}
	ck_assert_int_eq(smx_key_parse(text, strlen(text) - 1, &b), SMX_EINVAL);
	ck_assert_int_eq(smx_key_parse(text, 0, &b), SMX_EINVAL);
	ck_assert_uint_eq(b.counter, 1);
}
END_TEST

START_TEST(keys_order_by_incarnation_then_counter)
{
	struct smx_key a = { { 1 }, 9 }, b = { { 2 }, 1 }, c = { { 2 }, 2 };

	ck_assert_int_lt(smx_key_compare(&a, &b), 0);
	ck_assert_int_lt(smx_key_compare(&b, &c), 0);
	ck_assert_int_gt(smx_key_compare(&c, &a), 0);
}
END_TEST

START_TEST(epoch_text_comes_back_and_bad_text_is_refused)
{
	struct smx_epoch a = { { 0xab, 0xcd }, 0 }, b;
	char text[SMX_EPOCH_TEXT + 1];

	a.counter = counters[_i];
	smx_epoch_format(&a, text);
	ck_assert_int_eq(smx_epoch_parse(text, strlen(text), &b), SMX_OK);
	ck_assert(smx_epoch_same(&a, &b));
	ck_assert_uint_eq(a.counter, b.counter);
	ck_assert_int_eq(smx_epoch_parse(text, 33, &b), SMX_EINVAL);
	text[32] = '-';
	ck_assert_int_eq(smx_epoch_parse(text, strlen(text), &b), SMX_EINVAL);
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
	uint64_t n = 5;

	ck_assert_int_eq(number_parse("18446744073709551615", 20, UINT64_MAX,
			     &n),
	    SMX_OK);
	ck_assert(n == UINT64_MAX);
	ck_assert_int_eq(number_parse("18446744073709551616", 20, UINT64_MAX,
			     &n),
	    SMX_EINVAL);
	ck_assert_int_eq(number_parse("101", 3, 100, &n), SMX_EINVAL);
	ck_assert_int_eq(number_parse("-1", 2, 100, &n), SMX_EINVAL);
	ck_assert_int_eq(number_parse(" 1", 2, 100, &n), SMX_EINVAL);
	ck_assert_int_eq(number_parse("", 0, 100, &n), SMX_EINVAL);
}
END_TEST

/* ---- buffers ---- */

START_TEST(buffer_stops_at_its_ceiling_and_remembers)
{
	struct buf b;

	buf_init(&b, 10);
	ck_assert_int_eq(buf_str(&b, "0123456789"), SMX_OK);
	ck_assert_int_eq(buf_str(&b, "x"), SMX_ELIMIT);
	ck_assert_int_eq(buf_fmt(&b, "%d", 1), SMX_ELIMIT);
	ck_assert_int_eq(buf_error(&b), SMX_ELIMIT);
	ck_assert_str_eq(b.data, "0123456789");
	buf_clear(&b);
	ck_assert_int_eq(buf_str(&b, "again"), SMX_OK);
	buf_drop(&b, 2);
	ck_assert_str_eq(b.data, "ain");
	buf_drop(&b, 99);
	ck_assert_uint_eq(b.len, 0);
	buf_free(&b);
}
END_TEST

START_TEST(json_is_valid_for_any_bytes)
{
	struct buf b;
	char all[256];

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "s", all);
	json_num(&b, "n", -3);
	json_list(&b, "l");
	json_item(&b, "a");
	json_item(&b, "b");
	json_end(&b);
	json_bool(&b, "t", 1);
	json_object(&b, "o");
	json_close(&b);
	json_close(&b);
	for (size_t i = 0; i < b.len; i++)
		ck_assert(b.data[i] >= 0x20 && b.data[i] < 0x7f);
	ck_assert_ptr_nonnull(strstr(b.data,
	    ",\"n\":-3,\"l\":[\"a\",\"b\"],\"t\":true,\"o\":{}}"));
	ck_assert_ptr_nonnull(strstr(b.data, "\\\"#$"));
	ck_assert_ptr_nonnull(strstr(b.data, "[\\\\]"));
	buf_free(&b);
}
END_TEST

/* ---- log ---- */

static char line[LOG_LINE_MAX];
static int lines;

static void
sink(void *ctx, enum smx_level level, const char *text)
{
	(void)ctx, (void)level;
	text_copy(line, sizeof(line), text);
	lines++;
}

START_TEST(no_outside_byte_reaches_the_log_unescaped)
{
	char all[256];
	struct log_line l;

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	smx_log_set(sink, NULL, SMX_LOG_INFO);
	log_begin(&l, SMX_LOG_INFO, "A\nB%n", "tested");
	log_str(&l, "all", all);
	log_end(&l);
	ck_assert_int_eq(lines, 1);
	ck_assert_int_eq(strncmp(line, "A\\x0aB%n: event=tested all=\"", 27),
	    0);
	for (const char *p = line; *p != '\0'; p++)
		ck_assert(*p >= 0x20 && *p < 0x7f);
}
END_TEST

START_TEST(a_value_is_cut_and_a_line_has_an_end)
{
	char big[5000];
	struct log_line l;

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	smx_log_set(sink, NULL, SMX_LOG_INFO);
	log_begin(&l, SMX_LOG_INFO, NULL, "cut");
	for (int i = 0; i < 10; i++)
		log_str(&l, "big", big);
	log_end(&l);
	ck_assert_uint_lt(strlen(line), LOG_LINE_MAX);
}
END_TEST

START_TEST(levels_above_the_ceiling_are_dropped)
{
	struct log_line l;
	int before = lines;

	smx_log_set(sink, NULL, SMX_LOG_WARNING);
	log_begin(&l, SMX_LOG_INFO, NULL, "quiet");
	log_str(&l, "a", "b");
	log_end(&l);
	log_event(SMX_LOG_DEBUG, "quiet", "%s", "");
	ck_assert_int_eq(lines, before);
	log_event(SMX_LOG_ERR, "loud", "n=%d", 1);
	ck_assert_str_eq(line, "event=loud n=1");
	smx_log_set(NULL, NULL, SMX_LOG_INFO);
	log_event(SMX_LOG_ERR, "nobody", "%s", "");
	ck_assert_int_eq(lines, before + 1);
}
END_TEST

START_TEST(a_limit_lets_a_burst_pass_and_opens_again)
{
	struct log_limit limit = { 0 };
	int passed = 0;

	for (int i = 0; i < 100; i++)
		passed += log_allow(&limit, 5, 10500);
	ck_assert_int_eq(passed, 5);
	ck_assert_uint_eq(limit.unsaid, 95);
	ck_assert(log_allow(&limit, 5, 11000));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *tc = tcase_create("base");
	const int n = sizeof(counters) / sizeof(*counters);
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, every_error_has_a_word_and_a_sentence);
	tcase_add_loop_test(tc, key_text_comes_back_as_the_same_key, 0, n);
	tcase_add_test(tc, damaged_key_text_is_refused);
	tcase_add_test(tc, keys_order_by_incarnation_then_counter);
	tcase_add_loop_test(tc, epoch_text_comes_back_and_bad_text_is_refused,
	    0, n);
	tcase_add_test(tc, numbers_out_of_range_are_refused);
	tcase_add_test(tc, buffer_stops_at_its_ceiling_and_remembers);
	tcase_add_test(tc, json_is_valid_for_any_bytes);
	tcase_add_test(tc, no_outside_byte_reaches_the_log_unescaped);
	tcase_add_test(tc, a_value_is_cut_and_a_line_has_an_end);
	tcase_add_test(tc, levels_above_the_ceiling_are_dropped);
	tcase_add_test(tc, a_limit_lets_a_burst_pass_and_opens_again);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
