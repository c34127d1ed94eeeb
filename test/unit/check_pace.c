/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "core/pace.h"

#define STEP 500

static const struct pace_conf conf = { 10, 200 };
static struct pace pace;
static int64_t now;
static uint64_t in_queue;

static void
setup(void)
{
	now = 1000;
	in_queue = 0;
	pace_reset(&pace, &conf, now);
}

/* What may be given is given; the host takes at most so many of them. */
static size_t
step(size_t takes, size_t puts_off)
{
	struct pace_news news = { 0 };
	size_t n;

	now += STEP;
	news.left = news.delivered = takes < in_queue ? takes : in_queue;
	in_queue -= news.left;
	news.deferred = puts_off < in_queue ? puts_off : in_queue;
	news.in_queue = in_queue;
	pace_step(&pace, &conf, &news, now);
	n = pace_may(&pace, now);
	pace_gave(&pace, n, now);
	in_queue += n;
	return n;
}

static size_t
steps(size_t count, size_t takes, size_t puts_off)
{
	size_t n = 0;

	while (count-- > 0)
		n += step(takes, puts_off);
	return n;
}

START_TEST(rate_begins_as_configured)
{
	ck_assert_uint_eq(steps(2, 1000, 0), 10);
}
END_TEST

START_TEST(rate_grows_to_the_highest_and_no_further)
{
	steps(80, 1000, 0);
	ck_assert_int_eq(pace.rate, 200000);
	ck_assert_uint_eq(steps(20, 1000, 0), 2000);
}
END_TEST

START_TEST(rate_stays_a_little_above_what_the_host_bears)
{
	steps(600, 10, 0);
	ck_assert_int_ge(pace.rate, 20000);
	ck_assert_int_le(pace.rate, 45000);
	ck_assert_uint_le(in_queue, 450);
	/* and the host is never idle */
	ck_assert_uint_ge(in_queue, 100);
}
END_TEST

START_TEST(rate_is_halved_by_deferrals)
{
	int64_t rate;

	steps(80, 1000, 0);
	rate = pace.rate;
	steps(6, 10, 10);
	ck_assert_int_le(pace.rate, rate / 2);
	steps(100, 0, 1);
	ck_assert_int_eq(pace.rate, PACE_RATE_LEAST);
}
END_TEST

START_TEST(few_deferrals_halve_nothing)
{
	int64_t rate;

	steps(80, 1000, 0);
	rate = pace.rate;
	steps(80, 100, 1);
	ck_assert_int_eq(pace.rate, rate);
}
END_TEST

START_TEST(host_that_puts_all_off_is_given_no_more_than_the_window)
{
	size_t gave;

	steps(20, 1000, 0);
	gave = steps(1, 1000, 0);
	gave = steps(60, 0, 1000);
	ck_assert_uint_le(gave, 250);
	/* then a few each minute */
	gave = steps(2 * 600, 0, 1000);
	ck_assert_uint_ge(gave, 20);
	ck_assert_uint_le(gave, 200);
}
END_TEST

START_TEST(full_mailboxes_do_not_stop_the_others)
{
	size_t gave;

	/* the first fifty are for mailboxes that are full */
	steps(4, 0, 0);
	in_queue = 50;
	pace.untried = 50;
	steps(1, 0, 50);
	steps(6, 0, 0);
	/* all others are taken at once */
	gave = 0;
	for (int i = 0; i < 1200; i++) {
		size_t others = in_queue - 50;

		gave += step(others, 0);
	}
	ck_assert_uint_ge(gave, 1000);
	ck_assert_int_ge(pace.rate, 100000);
}
END_TEST

START_TEST(silence_does_not_stop_it_for_ever)
{
	size_t gave;

	steps(100, 0, 0);
	/* two of them were tries */
	ck_assert_uint_ge(in_queue, 100);
	ck_assert_uint_le(in_queue, 103);
	gave = steps(2 * 3600, 0, 0);
	ck_assert_uint_ge(gave, 10);
	ck_assert_uint_le(gave, 500);
}
END_TEST

START_TEST(host_that_refuses_everybody_is_given_one_at_a_time)
{
	struct pace_news news = { .left = 10, .returned = 10 };
	size_t gave = 0;

	steps(2, 0, 0);
	in_queue = 0;
	now += STEP;
	pace_step(&pace, &conf, &news, now);
	ck_assert(pace_is_sour(&pace));
	news.left = news.returned = 1;
	for (int i = 0; i < 2 * 3600; i++) {
		size_t n = pace_may(&pace, now);

		ck_assert_uint_le(n, 1);
		pace_gave(&pace, n, now);
		gave += n;
		now += STEP;
		news.left = news.returned = n;
		pace_step(&pace, &conf, &news, now);
	}
	ck_assert_uint_ge(gave, 10);
	ck_assert_uint_le(gave, 20);
	/* one that it takes, and all is well */
	news = (struct pace_news){ .left = 1, .delivered = 1 };
	now += STEP;
	pace_step(&pace, &conf, &news, now);
	ck_assert(!pace_is_sour(&pace));
	ck_assert_uint_ge(pace_may(&pace, now), 1);
}
END_TEST

START_TEST(sleep_of_the_process_is_not_made_up_for)
{
	steps(2, 1000, 0);
	now += 3600000;
	ck_assert_uint_le(step(1000, 0), 15);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pace");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, rate_begins_as_configured);
	tcase_add_test(tc, rate_grows_to_the_highest_and_no_further);
	tcase_add_test(tc, rate_stays_a_little_above_what_the_host_bears);
	tcase_add_test(tc, rate_is_halved_by_deferrals);
	tcase_add_test(tc, few_deferrals_halve_nothing);
	tcase_add_test(tc,
	    host_that_puts_all_off_is_given_no_more_than_the_window);
	tcase_add_test(tc, full_mailboxes_do_not_stop_the_others);
	tcase_add_test(tc, silence_does_not_stop_it_for_ever);
	tcase_add_test(tc, host_that_refuses_everybody_is_given_one_at_a_time);
	tcase_add_test(tc, sleep_of_the_process_is_not_made_up_for);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
