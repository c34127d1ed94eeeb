/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hopstate.h"

#define HOP      "smtp:[192.0.2.1]:25"
#define TRIAL_MS 30000

static const struct hopstates_options options = { 10000, 60000 };
static struct hopstates *states;
static int64_t now;

static void
fresh(void)
{
	now = 1000000;
	ck_assert_int_eq(hopstates_new(&states, &options), SMX_OK);
}

static void
gone(void)
{
	hopstates_free(&states);
}

static enum hopstate_turn
tell(enum hopstate_event event, int64_t ms)
{
	return hopstates_tell(states, HOP, event, ms, "no route", now);
}

static enum hopstate_word
ask(void)
{
	return hopstates_ask(states, HOP, TRIAL_MS, now);
}

static void
bring_down(void)
{
	ck_assert_int_eq(tell(HOPSTATE_FAILED, -1), HOPSTATE_SAME);
	ck_assert_int_eq(tell(HOPSTATE_FAILED, -1), HOPSTATE_WENT_DOWN);
}

START_TEST(a_stranger_is_up)
{
	ck_assert_int_eq(ask(), HOPSTATE_UP);
	ck_assert_ptr_null(hopstates_find(states, HOP));
	ck_assert_int_eq(hopstates_rcpt_wait(states, HOP, 10, 800), 800);
	ck_assert_int_eq(hopstates_data_wait(states, HOP, 10, 800), 800);
}
END_TEST

START_TEST(one_failure_is_an_accident_two_in_a_row_are_not)
{
	tell(HOPSTATE_FAILED, -1);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
	tell(HOPSTATE_RCPT, 5);
	tell(HOPSTATE_FAILED, -1);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
	ck_assert_int_eq(tell(HOPSTATE_FAILED, -1), HOPSTATE_WENT_DOWN);
	ck_assert_int_eq(ask(), HOPSTATE_DOWN_NOW);
	ck_assert_str_eq(hopstates_find(states, HOP)->why, "no route");
	ck_assert_int_eq(hopstates_find(states, HOP)->since_ms, now);
}
END_TEST

START_TEST(nobody_waits_within_the_back_off_and_one_tries_after_it)
{
	bring_down();
	now += options.backoff_ms - 1;
	ck_assert_int_eq(ask(), HOPSTATE_DOWN_NOW);
	now++;
	ck_assert_int_eq(ask(), HOPSTATE_TRIAL);
	ck_assert_int_eq(ask(), HOPSTATE_DOWN_NOW);
	now += TRIAL_MS - 1;
	ck_assert_int_eq(ask(), HOPSTATE_DOWN_NOW);
	now++;
	ck_assert_int_eq(ask(), HOPSTATE_TRIAL);
	ck_assert_int_eq(tell(HOPSTATE_RCPT, 5), HOPSTATE_CAME_UP);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
}
END_TEST

START_TEST(each_trial_that_fails_doubles_the_back_off_up_to_its_most)
{
	int64_t want[] = { 20000, 40000, 60000, 60000 };

	bring_down();
	for (size_t i = 0; i < 4; i++) {
		now = hopstates_find(states, HOP)->down_until_ms;
		ck_assert_int_eq(ask(), HOPSTATE_TRIAL);
		ck_assert_int_eq(tell(HOPSTATE_FAILED, -1), HOPSTATE_SAME);
		ck_assert_int_eq(hopstates_find(states, HOP)->down_until_ms,
		    now + want[i]);
		ck_assert_int_eq(ask(), HOPSTATE_DOWN_NOW);
	}
}
END_TEST

START_TEST(those_that_were_under_way_when_it_went_down_change_nothing)
{
	int64_t until;

	bring_down();
	until = hopstates_find(states, HOP)->down_until_ms;
	for (int i = 0; i < 50; i++) {
		now++;
		ck_assert_int_eq(tell(HOPSTATE_FAILED, -1), HOPSTATE_SAME);
	}
	ck_assert_int_eq(hopstates_find(states, HOP)->down_until_ms, until);
}
END_TEST

START_TEST(after_it_came_up_the_first_back_off_is_the_short_one)
{
	bring_down();
	now += options.backoff_ms;
	ck_assert_int_eq(ask(), HOPSTATE_TRIAL);
	tell(HOPSTATE_FAILED, -1);
	now += 2 * options.backoff_ms;
	ck_assert_int_eq(ask(), HOPSTATE_TRIAL);
	ck_assert_int_eq(tell(HOPSTATE_REFUSED, 5), HOPSTATE_CAME_UP);
	bring_down();
	ck_assert_int_eq(hopstates_find(states, HOP)->down_until_ms,
	    now + options.backoff_ms);
}
END_TEST

START_TEST(a_refusal_is_an_answer)
{
	for (int i = 0; i < 10; i++)
		tell(HOPSTATE_REFUSED, 3);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
	ck_assert_uint_eq(hopstates_find(states, HOP)->refused, 10);
	ck_assert_uint_eq(hopstates_find(states, HOP)->failures, 0);
}
END_TEST

START_TEST(one_that_answers_rcpt_and_never_the_content_goes_down)
{
	for (int i = 0; i < 3; i++) {
		tell(HOPSTATE_RCPT, 3);
		ck_assert_int_eq(tell(HOPSTATE_SLOW_DATA, 2000), HOPSTATE_SAME);
	}
	tell(HOPSTATE_RCPT, 3);
	ck_assert_int_eq(tell(HOPSTATE_SLOW_DATA, 2000), HOPSTATE_WENT_DOWN);
	now += options.backoff_ms;
	ck_assert_int_eq(ask(), HOPSTATE_TRIAL);
	/* The trial is not over before the content is answered. */
	ck_assert_int_eq(tell(HOPSTATE_RCPT, 3), HOPSTATE_SAME);
	ck_assert_int_eq(ask(), HOPSTATE_DOWN_NOW);
	ck_assert_int_eq(tell(HOPSTATE_DELIVERED, 30), HOPSTATE_CAME_UP);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
}
END_TEST

START_TEST(lost_after_the_dot_twice_is_down)
{
	tell(HOPSTATE_RCPT, 3);
	tell(HOPSTATE_UNSURE, -1);
	tell(HOPSTATE_RCPT, 3);
	ck_assert_int_eq(tell(HOPSTATE_UNSURE, -1), HOPSTATE_WENT_DOWN);
	ck_assert_uint_eq(hopstates_find(states, HOP)->unsure, 2);
}
END_TEST

START_TEST(the_wait_follows_the_answers)
{
	for (int i = 0; i < 100; i++) {
		tell(HOPSTATE_RCPT, 10);
		tell(HOPSTATE_DELIVERED, 100 + 40 * (i % 2));
	}
	ck_assert_int_eq(hopstates_rcpt_wait(states, HOP, 5, 8000), 10);
	ck_assert_int_eq(hopstates_rcpt_wait(states, HOP, 50, 8000), 50);
	ck_assert_int_eq(hopstates_rcpt_wait(states, HOP, 50, 7), 7);
	ck_assert_int_gt(hopstates_data_wait(states, HOP, 5, 8000), 140);
	ck_assert_int_lt(hopstates_data_wait(states, HOP, 5, 8000), 250);
}
END_TEST

/* Else one that has become slower would never be waited for long enough. */
START_TEST(what_was_too_slow_is_given_more_time)
{
	int64_t wait = 50;

	for (int i = 0; i < 100; i++)
		tell(HOPSTATE_RCPT, 10);
	for (int i = 0; i < 20; i++) {
		wait = hopstates_rcpt_wait(states, HOP, 50, 8000);
		if (wait >= 500)
			break;
		tell(HOPSTATE_SLOW, wait);
	}
	ck_assert_int_ge(wait, 500);
}
END_TEST

START_TEST(an_operator_can_forget_one_and_all)
{
	bring_down();
	hopstates_tell(states, "mta", HOPSTATE_RCPT, 1, NULL, now);
	ck_assert_uint_eq(hopstates_reset(states, "no such"), 0);
	ck_assert_uint_eq(hopstates_reset(states, HOP), 1);
	ck_assert_int_eq(ask(), HOPSTATE_UP);
	bring_down();
	ck_assert_uint_eq(hopstates_reset(states, NULL), 2);
	ck_assert_ptr_null(hopstates_next(states, NULL));
}
END_TEST

START_TEST(they_are_listed_in_the_order_of_their_names)
{
	const char *names[] = { "c", "a", "d", "b" };
	const struct hopstate *s = NULL;
	char seen[8] = "";

	for (size_t i = 0; i < 4; i++)
		hopstates_tell(states, names[i], HOPSTATE_RCPT, 1, NULL, now);
	while ((s = hopstates_next(states, s == NULL ? NULL : s->name)) != NULL)
		strcat(seen, s->name);
	ck_assert_str_eq(seen, "abcd");
	ck_assert_str_eq(hopstates_next(states, "bb")->name, "c");
}
END_TEST

START_TEST(there_is_a_ceiling_and_the_one_unused_for_longest_goes)
{
	char name[32];
	size_t n = 0;

	for (int i = 0; i < HOPSTATES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "hop%d", i);
		hopstates_tell(states, name, HOPSTATE_RCPT, 1, NULL, now++);
		ck_assert_int_eq(hopstates_ask(states, "hop0", 1, now),
		    HOPSTATE_UP);
	}
	for (const struct hopstate *s = hopstates_next(states, NULL); s != NULL;
	     s = hopstates_next(states, s->name))
		n++;
	ck_assert_uint_eq(n, HOPSTATES_MAX);
	ck_assert_ptr_nonnull(hopstates_find(states, "hop0"));
	ck_assert_ptr_null(hopstates_find(states, "hop1"));
	ck_assert_ptr_nonnull(hopstates_find(states, "hop1009"));
}
END_TEST

START_TEST(a_name_too_long_is_not_kept)
{
	char name[NEXTHOP_TEXT + 10];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	hopstates_tell(states, name, HOPSTATE_RCPT, 1, NULL, now);
	ck_assert_ptr_null(hopstates_next(states, NULL));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hopstate");
	TCase *tc = tcase_create("states");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc, a_stranger_is_up);
	tcase_add_test(tc, one_failure_is_an_accident_two_in_a_row_are_not);
	tcase_add_test(tc,
	    nobody_waits_within_the_back_off_and_one_tries_after_it);
	tcase_add_test(tc,
	    each_trial_that_fails_doubles_the_back_off_up_to_its_most);
	tcase_add_test(tc,
	    those_that_were_under_way_when_it_went_down_change_nothing);
	tcase_add_test(tc,
	    after_it_came_up_the_first_back_off_is_the_short_one);
	tcase_add_test(tc, a_refusal_is_an_answer);
	tcase_add_test(tc,
	    one_that_answers_rcpt_and_never_the_content_goes_down);
	tcase_add_test(tc, lost_after_the_dot_twice_is_down);
	tcase_add_test(tc, the_wait_follows_the_answers);
	tcase_add_test(tc, what_was_too_slow_is_given_more_time);
	tcase_add_test(tc, an_operator_can_forget_one_and_all);
	tcase_add_test(tc, they_are_listed_in_the_order_of_their_names);
	tcase_add_test(tc,
	    there_is_a_ceiling_and_the_one_unused_for_longest_goes);
	tcase_add_test(tc, a_name_too_long_is_not_kept);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
