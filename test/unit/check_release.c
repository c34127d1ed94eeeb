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

START_TEST(nothing_is_let_go_while_it_is_down)
{
	make(1, 1, 100);
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 100);
	ck_assert_uint_eq(world.gave, 0);
}
END_TEST

START_TEST(nothing_is_let_go_while_nobody_knows)
{
	make(1, 1, 100);
	world.host[0].since_ms = world.now_ms + DAY;
	world.host[0].probed = MX_UNKNOWN;
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_eq(world.gave, 0);
}
END_TEST

/* Four outages, each found by probes half a minute late. */
START_TEST(ten_thousand_reach_a_slow_host_that_falls_over)
{
	make(1, 100, 10000);
	world_host(&world, 0, 1);
	for (int i = 0; i < 4; i++) {
		world_run(&world, 2 * MINUTE);
		world_host(&world, 0, 0);
		world_run(&world, 2 * MINUTE);
		world_host(&world, 0, 1);
	}
	/* 500 s are what the host itself needs */
	world_run(&world, 8 * MINUTE);
	all_taken_once();
	/* each a try, while it was away and not known to be */
	ck_assert_int_le(world.host[0].over, 12);
	ck_assert_uint_le(world.host[0].in_queue_most, 450);
	ck_assert_uint_ge(world.backs, 4);
}
END_TEST

START_TEST(order_is_oldest_first)
{
	uint64_t last[3] = { 0 };

	make(1, 3, 600);
	up(1);
	world_run(&world, 5 * MINUTE);
	all_taken_once();
	for (size_t i = 0; i < world.mails; i++) {
		struct mail *m = &world.mail[i];

		ck_assert_uint_gt(m->order, last[m->domain]);
		last[m->domain] = m->order;
	}
}
END_TEST

START_TEST(fall_stops_it_within_a_step)
{
	size_t gave;

	make(1, 10, 5000);
	up(1);
	world_run(&world, MINUTE);
	ck_assert_uint_ne(world_count(&world, IN_QUEUE), 0);
	gave = world.gave;
	up(0);
	world_step(&world);
	ck_assert_uint_eq(world.gave, gave);
	ck_assert_uint_eq(world_count(&world, IN_QUEUE), 0);
	world_run(&world, MINUTE);
	ck_assert_uint_eq(world.gave, gave);
	/* and what comes later begins slowly again */
	up(1);
	world_run(&world, 1000);
	ck_assert_uint_le(world.gave - gave, 15);
	world_run(&world, 10 * MINUTE);
	all_taken_once();
}
END_TEST

START_TEST(what_appears_in_the_queue_while_down_is_put_back_again)
{
	make(1, 1, 1);
	world_step(&world);
	/* A requeue that ended only now */
	world.mail[0].place = IN_QUEUE;
	world.mail[0].try_ms = world.now_ms + DAY;
	world.flow[0].in_queue = 1;
	world.host[0].in_queue = 1;
	world_run(&world, RELEASE_BACK_MS);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 1);
}
END_TEST

START_TEST(domains_of_a_host_share_fairly)
{
	size_t low = SIZE_MAX, high = 0;

	make(1, 100, 10000);
	up(1);
	world_run(&world, 3 * MINUTE);
	for (size_t i = 0; i < 100; i++) {
		low = low < world.gave_to[i] ? low : world.gave_to[i];
		high = high > world.gave_to[i] ? high : world.gave_to[i];
	}
	ck_assert_uint_gt(low, 20);
	ck_assert_uint_le(high - low, 1);
}
END_TEST

START_TEST(big_domain_does_not_delay_a_small_one)
{
	make(1, 2, 4000);
	for (size_t i = 0; i < world.mails; i++)
		world.mail[i].domain = i >= 3990;
	up(1);
	world_run(&world, 10000);
	ck_assert_uint_eq(world.gave_to[1], 10);
}
END_TEST

START_TEST(slow_host_does_not_delay_a_fast_one)
{
	make(2, 2, 8000);
	world.host[0].rate = 2;
	world.host[1].rate = 1000;
	up(1);
	world_run(&world, 2 * MINUTE);
	ck_assert_uint_eq(world.flow[1].delivered, 4000);
	ck_assert_uint_ge(world.flow[0].delivered, 150);
	ck_assert_uint_le(world.host[0].in_queue_most, 150);
}
END_TEST

START_TEST(all_hosts_together_stay_below_the_highest_rate)
{
	size_t gave;

	make(4, 40, 20000);
	for (size_t i = 0; i < 4; i++)
		world.host[i].rate = 1000;
	up(1);
	world_run(&world, 40000);
	gave = world.gave;
	world_run(&world, 20000);
	ck_assert_uint_ge(world.gave - gave, 3600);
	ck_assert_uint_le(world.gave - gave, 4200);
	for (size_t i = 1; i < 40; i++)
		ck_assert_uint_le(labs((long)world.gave_to[i] -
				       (long)world.gave_to[0]),
		    20);
}
END_TEST

START_TEST(full_mailboxes_keep_nobody_waiting)
{
	make(1, 2, 3000);
	for (size_t i = 0; i < 300; i++)
		world.mail[i].stubborn = 1;
	world.host[0].rate = 100;
	up(1);
	world_run(&world, 40 * MINUTE);
	ck_assert_uint_eq(world_count(&world, TAKEN), 2700);
	ck_assert_uint_eq(world_count(&world, IN_QUEUE), 300);
}
END_TEST

START_TEST(host_set_up_wrong_bounces_few)
{
	make(1, 10, 5000);
	world.host[0].refuses = 1;
	up(1);
	world_run(&world, 60 * MINUTE);
	ck_assert_uint_le(world_count(&world, GIVEN_BACK), 40);
	ck_assert_uint_eq(world.sour, 1);
	world.host[0].refuses = 0;
	world_run(&world, 15 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD) +
			      world_count(&world, IN_QUEUE),
	    0);
}
END_TEST

START_TEST(flush_begins_whatever_the_probes_say)
{
	char name[32];

	make(1, 2, 200);
	world_host(&world, 0, 1);
	world.host[0].since_ms = world.now_ms + DAY;
	world_domain(name, 1);
	world_step(&world);
	ck_assert_int_eq(release_flush(world.release, name,
			     world.now_ms + 10 * MINUTE),
	    SMX_OK);
	world_run(&world, 5 * MINUTE);
	ck_assert_uint_eq(world.gave_to[0], 0);
	ck_assert_uint_eq(world.flow[1].delivered, 100);
}
END_TEST

START_TEST(flush_ends_and_what_is_left_goes_back)
{
	char name[32];

	make(1, 1, 200);
	world_domain(name, 0);
	ck_assert_int_eq(release_flush(world.release, name,
			     world.now_ms + MINUTE),
	    SMX_OK);
	world_run(&world, 30000);
	ck_assert_uint_ne(world_count(&world, IN_QUEUE), 0);
	ck_assert_uint_le(world_count(&world, IN_QUEUE), 110);
	world_run(&world, MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 200);
}
END_TEST

/* An operator's hour, a primary's five minutes, and a maintenance. */
START_TEST(flush_is_not_shortened_but_ended)
{
	char name[32];

	make(1, 1, 20000);
	world_domain(name, 0);
	ck_assert_int_eq(release_flush(world.release, name,
			     world.now_ms + 60 * MINUTE),
	    SMX_OK);
	ck_assert_int_eq(release_flush(world.release, name,
			     world.now_ms + 5 * MINUTE),
	    SMX_OK);
	release_unflush(world.release, name, world.now_ms + 5 * MINUTE);
	world_run(&world, 10 * MINUTE);
	ck_assert_int_eq(release_flushing(world.release, name), 1);
	ck_assert_int_eq(release_flush(world.release, name, 0), SMX_OK);
	ck_assert_int_eq(release_flushing(world.release, name), 0);
	ck_assert_int_eq(release_flush(world.release, name,
			     world.now_ms + MINUTE),
	    SMX_OK);
	release_unflush(world.release, name, world.now_ms + MINUTE);
	ck_assert_int_eq(release_flushing(world.release, name), 0);
}
END_TEST

/* What was let go comes back when the primary was there and fell. */
START_TEST(flush_ends_with_the_primary)
{
	char name[32];

	make(1, 1, 200);
	world_domain(name, 0);
	ck_assert_int_eq(release_flush(world.release, name,
			     world.now_ms + 60 * MINUTE),
	    SMX_OK);
	world_run(&world, 3000);
	ck_assert_uint_ne(world_count(&world, IN_QUEUE), 0);
	up(1);
	world_run(&world, 2000);
	ck_assert_int_eq(release_flushing(world.release, name), 1);
	up(0);
	world_run(&world, MINUTE);
	ck_assert_int_eq(release_flushing(world.release, name), 0);
	ck_assert_uint_eq(world_count(&world, IN_QUEUE), 0);
	ck_assert_uint_ne(world_count(&world, ON_HOLD), 0);
}
END_TEST

START_TEST(domain_that_no_policy_names_is_let_go)
{
	make(1, 2, 100);
	world.unwatched[1] = 1;
	world_host(&world, 0, 1);
	world.host[0].since_ms = world.now_ms + DAY;
	world_run(&world, RELEASE_UNKNOWN_MS - 1000);
	ck_assert_uint_eq(world.gave, 0);
	world_run(&world, 2 * MINUTE);
	ck_assert_uint_eq(world.flow[1].delivered, 50);
	ck_assert_uint_eq(world.gave_to[0], 0);
}
END_TEST

START_TEST(broken_helper_is_asked_rarely_and_nothing_is_lost)
{
	make(1, 5, 500);
	up(1);
	world.broken = 1;
	world_run(&world, 5 * MINUTE);
	ck_assert_uint_eq(world_count(&world, ON_HOLD), 500);
	world.broken = 0;
	world_run(&world, 5 * MINUTE);
	all_taken_once();
}
END_TEST

START_TEST(no_memory_of_the_past_is_needed)
{
	static const struct release_conf conf = { { 10, 200 }, 5 * DAY };

	make(1, 10, 2000);
	up(1);
	for (int i = 0; i < 10; i++) {
		world_run(&world, 30000);
		release_free(&world.release);
		ck_assert_int_eq(release_new(&world.release, &conf, 5), SMX_OK);
	}
	world_run(&world, 5 * MINUTE);
	all_taken_once();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("release");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, nothing_is_let_go_while_it_is_down);
	tcase_add_test(tc, nothing_is_let_go_while_nobody_knows);
	tcase_add_test(tc, ten_thousand_reach_a_slow_host_that_falls_over);
	tcase_add_test(tc, order_is_oldest_first);
	tcase_add_test(tc, fall_stops_it_within_a_step);
	tcase_add_test(tc,
	    what_appears_in_the_queue_while_down_is_put_back_again);
	tcase_add_test(tc, domains_of_a_host_share_fairly);
	tcase_add_test(tc, big_domain_does_not_delay_a_small_one);
	tcase_add_test(tc, slow_host_does_not_delay_a_fast_one);
	tcase_add_test(tc, all_hosts_together_stay_below_the_highest_rate);
	tcase_add_test(tc, full_mailboxes_keep_nobody_waiting);
	tcase_add_test(tc, host_set_up_wrong_bounces_few);
	tcase_add_test(tc, flush_begins_whatever_the_probes_say);
	tcase_add_test(tc, flush_ends_and_what_is_left_goes_back);
	tcase_add_test(tc, flush_is_not_shortened_but_ended);
	tcase_add_test(tc, flush_ends_with_the_primary);
	tcase_add_test(tc, domain_that_no_policy_names_is_let_go);
	tcase_add_test(tc, broken_helper_is_asked_rarely_and_nothing_is_lost);
	tcase_add_test(tc, no_memory_of_the_past_is_needed);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
