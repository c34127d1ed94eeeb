/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "release_world.h"

#define MINUTE 60000
#define DAY    86400000

static struct world world;

static void
make(size_t hosts, size_t domains, size_t mails)
{
	world_make(&world, hosts, domains, mails);
}

static void
teardown(void)
{
	world_free(&world);
}

static void
up(int is)
{
	for (size_t i = 0; i < world.hosts; i++)
		world_host(&world, i, is);
	world_probe(&world);
}

static void
all_taken_once(void)
{
	ck_assert_uint_eq(world_count(&world, TAKEN), world.mails);
	for (size_t i = 0; i < world.mails; i++)
		ck_assert_int_eq(world.mail[i].times, 1);
}

/* ---- the age of a message ---- */

START_TEST(older_than_half_the_lifetime_gets_a_new_id)
{
	make(1, 1, 100);
	for (size_t i = 0; i < 50; i++)
		world.mail[i].taken_ms = world.wall_ms - 5 * DAY / 2 - 1000;
	up(1);
	world_run(&world, 2 * MINUTE);
	all_taken_once();
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(world.mail[i].anew, i < 50);
}
END_TEST

START_TEST(warned_once_and_returned_at_the_end)
{
	make(1, 1, 10);
	world.policy.hold_ms = 10 * MINUTE;
	world.policy.warn_ms = 3 * MINUTE;
	for (size_t i = 0; i < 10; i++)
		world.mail[i].hold.until_ms = world.wall_ms + 10 * MINUTE;
	world_run(&world, 7 * MINUTE - 10000);
	ck_assert_int_eq(world.mail[0].warnings, 0);
	world_run(&world, 30000);
	ck_assert_int_eq(world.mail[0].warnings, 1);
	world_run(&world, 2 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
	world_run(&world, 2 * MINUTE);
	ck_assert_uint_eq(world_count(&world, GIVEN_BACK), 10);
	for (size_t i = 0; i < 10; i++)
		ck_assert_int_eq(world.mail[i].warnings, 1);
}
END_TEST

START_TEST(kept_when_the_policy_says_so)
{
	make(1, 1, 10);
	world.policy.at_end = BACKUP_END_KEEP;
	for (size_t i = 0; i < 10; i++)
		world.mail[i].hold.until_ms = world.wall_ms + 1000;
	world_step(&world);
	world.wall_ms += 10 * DAY;
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
	ck_assert_int_eq(release_end(world.release, &world.mail[0].hold,
			     &world.policy),
	    RELEASE_END_KEEP);
}
END_TEST

START_TEST(kept_mail_is_told_of_every_day)
{
	struct release_hold hold;

	make(1, 1, 1);
	world.policy.at_end = BACKUP_END_KEEP;
	world.policy.warn_ms = 0;
	world_step(&world);
	hold = (struct release_hold){ .until_ms = world.wall_ms - 1000 };
	ck_assert_int_eq(release_end(world.release, &hold, &world.policy),
	    RELEASE_END_KEEP);
	hold.warned_ms = world.wall_ms - 500;
	ck_assert_int_eq(release_end(world.release, &hold, &world.policy),
	    RELEASE_END_NOT_YET);
	hold.until_ms = world.wall_ms - 3 * (int64_t)DAY;
	hold.warned_ms = world.wall_ms - DAY;
	ck_assert_int_eq(release_end(world.release, &hold, &world.policy),
	    RELEASE_END_KEEP);
}
END_TEST

/* The clock of a host that has just begun may be years ahead. */
START_TEST(nothing_is_given_up_by_the_clock_of_the_first_minutes)
{
	make(1, 1, 10);
	world.policy.warn_ms = 0;
	world.wall_ms += 100 * (int64_t)DAY;
	world_run(&world, 9 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
	world.wall_ms -= 100 * (int64_t)DAY;
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
	/* one that stays so is believed */
	world.wall_ms += 100 * (int64_t)DAY;
	world_run(&world, 12 * MINUTE);
	ck_assert_uint_eq(world_count(&world, GIVEN_BACK), 10);
}
END_TEST

START_TEST(nothing_is_given_up_while_the_primary_takes_mail)
{
	make(1, 1, 100);
	for (size_t i = 0; i < 100; i++)
		world.mail[i].hold.until_ms = world.wall_ms - DAY;
	up(1);
	world_run(&world, 2 * MINUTE);
	all_taken_once();
}
END_TEST

START_TEST(who_was_not_warned_has_the_time_after_the_warning)
{
	make(1, 1, 1);
	world.policy.hold_ms = 60 * MINUTE;
	world.policy.warn_ms = 10 * MINUTE;
	world.mail[0].hold.until_ms = world.wall_ms - 60 * MINUTE;
	world_run(&world, MINUTE);
	ck_assert_int_eq(world.mail[0].warnings, 1);
	world_run(&world, 8 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 1);
	world_run(&world, 2 * MINUTE);
	ck_assert_uint_eq(world_count(&world, GIVEN_BACK), 1);
}
END_TEST

START_TEST(hold_without_an_end_does_not_end)
{
	make(1, 1, 1);
	world.mail[0].hold.until_ms = 0;
	world_run(&world, 30 * MINUTE);
	ck_assert_int_eq(world.mail[0].warnings, 0);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 1);
}
END_TEST

START_TEST(warning_longer_than_the_hold_is_half_of_it)
{
	make(1, 1, 1);
	world.policy.hold_ms = 4 * MINUTE;
	world.mail[0].hold.until_ms = world.wall_ms + 4 * MINUTE;
	world_run(&world, MINUTE);
	ck_assert_int_eq(world.mail[0].warnings, 0);
	world_run(&world, 2 * MINUTE);
	ck_assert_int_eq(world.mail[0].warnings, 1);
	world_run(&world, 2 * MINUTE);
	ck_assert_uint_eq(world_count(&world, GIVEN_BACK), 1);
}
END_TEST

/* ---- clocks ---- */

START_TEST(clock_set_wrong_for_a_moment_returns_nothing)
{
	make(1, 1, 10);
	world.policy.warn_ms = 0;
	world_run(&world, MINUTE);
	world.wall_ms += 300 * (int64_t)DAY;
	world_run(&world, 5 * MINUTE);
	world.wall_ms -= 300 * (int64_t)DAY;
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
}
END_TEST

START_TEST(clock_set_wrong_for_an_hour_warns_at_first)
{
	make(1, 1, 10);
	world_run(&world, MINUTE);
	world.wall_ms += 300 * (int64_t)DAY;
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
	ck_assert_int_eq(world.mail[0].warnings, 1);
	world.wall_ms -= 300 * (int64_t)DAY;
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
	/* that warning was none */
	world.wall_ms += 4 * (int64_t)DAY;
	world_run(&world, 60 * MINUTE);
	ck_assert_int_eq(world.mail[0].warnings, 2);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 10);
}
END_TEST

START_TEST(clock_that_jumps_stops_no_release)
{
	make(1, 4, 2000);
	up(1);
	world_run(&world, 30000);
	world.wall_ms += 300 * (int64_t)DAY;
	world_run(&world, 30000);
	world.wall_ms -= 600 * (int64_t)DAY;
	world_run(&world, 3 * MINUTE);
	all_taken_once();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("release_end");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, older_than_half_the_lifetime_gets_a_new_id);
	tcase_add_test(tc, warned_once_and_returned_at_the_end);
	tcase_add_test(tc, kept_when_the_policy_says_so);
	tcase_add_test(tc, kept_mail_is_told_of_every_day);
	tcase_add_test(tc,
	    nothing_is_given_up_by_the_clock_of_the_first_minutes);
	tcase_add_test(tc, nothing_is_given_up_while_the_primary_takes_mail);
	tcase_add_test(tc, who_was_not_warned_has_the_time_after_the_warning);
	tcase_add_test(tc, hold_without_an_end_does_not_end);
	tcase_add_test(tc, warning_longer_than_the_hold_is_half_of_it);
	tcase_add_test(tc, clock_set_wrong_for_a_moment_returns_nothing);
	tcase_add_test(tc, clock_set_wrong_for_an_hour_warns_at_first);
	tcase_add_test(tc, clock_that_jumps_stops_no_release);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
