/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/rcptprobe.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "smtp_script.h"

#define STEP_MS 300

static const char *const three[] = { "a@example.com", "4xx@example.com",
	"5xx@example.com" };

struct heard {
	int results[16];
	size_t count;
	char words[256];
};

static void
hear(void *ctx, size_t index, int result, const char *words)
{
	struct heard *h = ctx;

	ck_assert_uint_lt(index, 16);
	h->results[index] = result;
	h->count++;
	ck_assert_uint_lt(strlen(words), 2000);
	strncpy(h->words, words, sizeof(h->words) - 1);
}

static int
probe_run(struct script *s, const char *const *addresses, size_t count,
    struct heard *heard)
{
	struct rcptprobe p = { .target = s->target,
		.helo = "mx2.test.invalid",
		.step_ms = STEP_MS,
		.deadline_mono_ms = clock_mono_ms() + 20000,
		.addresses = addresses,
		.count = count,
		.each = hear,
		.ctx = heard };
	char why[256] = "";
	int rc;

	memset(heard, 0, sizeof(*heard));
	rc = rcptprobe_run(&p, why, sizeof(why));
	if (rc != SMX_OK)
		ck_assert_str_ne(why, "");
	return rc;
}

START_TEST(answers_are_told_apart_and_nothing_is_sent)
{
	struct script s = { .unix_socket = _i };
	struct heard heard;

	script_start(&s);
	ck_assert_int_eq(probe_run(&s, three, 3, &heard), SMX_OK);
	script_stop(&s);
	ck_assert_uint_eq(heard.count, 3);
	ck_assert_int_eq(heard.results[0], SMX_OK);
	ck_assert_int_eq(heard.results[1], SMX_ETEMP);
	ck_assert_int_eq(heard.results[2], SMX_EREFUSED);
	ck_assert_ptr_nonnull(strstr(heard.words, "No such user"));
	ck_assert_int_eq(s.messages, 0);
	ck_assert_ptr_null(strstr(s.commands, "DATA"));
	ck_assert_ptr_nonnull(strstr(s.commands,
	    "EHLO mx2.test.invalid\nMAIL FROM:<>\nRCPT TO:<a@example.com>\n"
	    "RSET\n"));
	ck_assert_ptr_nonnull(strstr(s.commands, "QUIT"));
	script_free(&s);
}
END_TEST

START_TEST(refused_sender_is_the_answer)
{
	struct script s = { .text = { [STEP_MAIL] = "550 5.7.1 No\r\n" } };
	struct heard heard;

	script_start(&s);
	ck_assert_int_eq(probe_run(&s, three, 1, &heard), SMX_OK);
	script_stop(&s);
	ck_assert_int_eq(heard.results[0], SMX_EREFUSED);
	ck_assert_ptr_null(strstr(s.commands, "RCPT"));
	script_free(&s);
}
END_TEST

static const char *const odd[] = { "", "@", "no-at", "a b@c", "a@b>\r\nDATA",
	"a@b\r\nRCPT TO:<c@d>", "<a@b>", "s\xc3\xb6@b" };

START_TEST(what_is_no_address_is_not_said)
{
	struct script s = { .unix_socket = 0 };
	struct heard heard;

	script_start(&s);
	ck_assert_int_eq(probe_run(&s, &odd[_i], 1, &heard), SMX_OK);
	script_stop(&s);
	if (strcmp(odd[_i], "@") != 0)
		ck_assert_int_eq(heard.results[0], SMX_EINVAL);
	ck_assert_ptr_null(strstr(s.commands, "DATA"));
	ck_assert_ptr_null(strstr(s.commands, "c@d"));
	script_free(&s);
}
END_TEST

static const enum script_step steps[] = { STEP_GREETING, STEP_EHLO, STEP_MAIL,
	STEP_RCPT };

/* Whatever it does and wherever: an end, in time, and no answer made up. */
START_TEST(hostile_server_is_left_in_time)
{
	enum script_act act = (enum script_act)(_i % (ACTS - 1) + 1);
	struct script s = { .unix_socket = 0 };
	struct heard heard;
	int64_t began = clock_mono_ms();

	s.act[steps[(size_t)_i / (ACTS - 1)]] = act;
	script_start(&s);
	ck_assert_int_ne(probe_run(&s, three, 3, &heard), SMX_OK);
	script_stop(&s);
	ck_assert_uint_eq(heard.count, 0);
	ck_assert_int_lt(clock_mono_ms() - began, 20000);
	script_free(&s);
}
END_TEST

START_TEST(nobody_there_is_told)
{
	struct script s = { .target = "127.0.0.1:1" };
	struct heard heard;

	ck_assert_int_eq(probe_run(&s, three, 3, &heard), SMX_EUNREACHABLE);
	ck_assert_uint_eq(heard.count, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rcptprobe");
	TCase *tc = tcase_create("asking");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, answers_are_told_apart_and_nothing_is_sent, 0,
	    2);
	tcase_add_test(tc, refused_sender_is_the_answer);
	tcase_add_loop_test(tc, what_is_no_address_is_not_said, 0,
	    sizeof(odd) / sizeof(*odd));
	tcase_add_loop_test(tc, hostile_server_is_left_in_time, 0,
	    (int)(sizeof(steps) / sizeof(*steps)) * (ACTS - 1));
	tcase_add_test(tc, nobody_there_is_told);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
