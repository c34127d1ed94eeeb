/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hub_world.h"

/* Who takes over of several holders, and what becomes of the other copies.
 * Messages are those of host a, which is down unless a test says otherwise. */

static int64_t began;
static atomic_int taken_twice; /* lines of the log */

static void
count_line(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx, (void)level;
	if (strstr(line, "event=taken_twice") != NULL)
		atomic_fetch_add(&taken_twice, 1);
}

static void
setup(void)
{
	smx_log_set(count_line, NULL, SMX_LOG_WARNING);
	hub_open();
	began = clock_mono_ms();
}

static void
teardown(void)
{
	hub_close();
}

static int64_t
so_far(void)
{
	return clock_mono_ms() - began;
}

static void
keep_at(const char *hosts, const char *holders)
{
	for (; *hosts != '\0'; hosts++)
		hub_keep(*hosts - 'a', HOST_A, 1, holders);
}

static void
up(const char *hosts)
{
	for (; *hosts != '\0'; hosts++)
		hub_up(*hosts - 'a', 0);
}

static unsigned
submitted(void)
{
	unsigned n = 0;

	for (int i = 0; i < HUB_HOSTS; i++)
		n += hub_count(i).submitted;
	return n;
}

START_TEST(first_rank_takes_over_and_the_others_hold_it_for_that_one)
{
	keep_at("bcd", "b.test c.test d.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	up("bcd");
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_HANDED));
	ck_assert_int_ge(so_far(), HUB_T);
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	ck_assert(hub_comes_to_owner(HOST_D, 1, HOST_B));
	usleep(4 * HUB_T * 1000);
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	ck_assert_uint_eq(submitted(), 1);
	/* It ends: they let go first. */
	hub_queue(HOST_B, SMX_PRESENCE_ABSENT);
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert_uint_eq(hub_rows(HOST_C, 0), 0);
	ck_assert_uint_eq(hub_rows(HOST_D, 0), 0);
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(second_rank_waits_twice_as_long)
{
	struct smx_row row;

	keep_at("c", "b.test c.test");
	up("cd");
	ck_assert(hub_comes_to(HOST_C, 1, SMX_ROW_HANDED));
	ck_assert_int_ge(so_far(), 2 * HUB_T);
	ck_assert_uint_eq(hub_count(HOST_C).submitted, 1);
	/* b is in the set and may have a copy: its word is waited for. */
	usleep(HUB_T * 1000);
	ck_assert_int_eq(hub_row(HOST_C, 1, &row), SMX_OK);
	ck_assert_str_eq(row.handed_id, "-");
	up("b");
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(second_rank_does_not_wait_for_one_without_a_copy)
{
	keep_at("c", "b.test c.test");
	hub_submit(HOST_C, SMX_ETEMP);
	up("bc");
	ck_assert(hub_comes_to(HOST_C, 1, SMX_ROW_CLAIMED));
	ck_assert_int_ge(so_far(), HUB_T);
	ck_assert_uint_ge(hub_count(HOST_B).asks, 1);
}
END_TEST

START_TEST(holder_outside_the_set_lets_the_set_go_first)
{
	keep_at("bd", "b.test c.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	up("bcd");
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_HANDED));
	ck_assert(hub_comes_to_owner(HOST_D, 1, HOST_B));
	hub_queue(HOST_B, SMX_PRESENCE_ABSENT);
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert_uint_eq(hub_rows(HOST_D, 0), 0);
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(next_in_rank_goes_on_when_the_one_that_took_over_dies)
{
	keep_at("bc", "b.test c.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	up("bc");
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	hub_down(HOST_B);
	ck_assert(hub_comes_to_nothing(HOST_C)); /* through its own MTA */
	ck_assert_uint_eq(hub_count(HOST_C).submitted, 1);
}
END_TEST

START_TEST(next_in_rank_goes_on_when_the_one_that_took_over_has_lost_it)
{
	keep_at("bc", "b.test c.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	hub_queue(HOST_C, SMX_PRESENCE_THERE);
	up("bc");
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	hub_down(HOST_B);
	hub_up(HOST_B, 1); /* before its silence could tell */
	ck_assert(hub_comes_to(HOST_C, 1, SMX_ROW_HANDED));
	ck_assert_uint_eq(hub_rows(HOST_B, 0), 0);
}
END_TEST

START_TEST(end_waits_for_a_holder_that_is_away)
{
	struct smx_row row;

	keep_at("bc", "b.test c.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	up("bc");
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	hub_cut(HOST_B, HOST_C, 1);
	hub_queue(HOST_B, SMX_PRESENCE_ABSENT);
	usleep(HUB_T * 1000 / 2);
	ck_assert_int_eq(hub_row(HOST_B, 1, &row), SMX_OK);
	hub_cut(HOST_B, HOST_C, 0);
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(end_does_not_wait_for_a_member_that_knows_no_claims)
{
	keep_at("b", "b.test c.test");
	hub_old(HOST_C);
	up("b");
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(claim_that_was_not_told_is_told_after_a_restart)
{
	keep_at("bc", "b.test c.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	up("b");
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_HANDED));
	hub_down(HOST_B);
	up("bc");
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	ck_assert_uint_eq(hub_count(HOST_C).submitted, 0);
}
END_TEST

START_TEST(two_that_both_took_it_over_go_on_to_their_ends)
{
	keep_at("bc", "b.test c.test");
	hub_queue(HOST_B, SMX_PRESENCE_THERE);
	hub_queue(HOST_C, SMX_PRESENCE_THERE);
	hub_cut(HOST_B, HOST_C, 1);
	up("bc");
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_HANDED));
	ck_assert(hub_comes_to(HOST_C, 1, SMX_ROW_HANDED));
	hub_cut(HOST_B, HOST_C, 0);
	usleep(HUB_T * 1000);
	ck_assert_int_ge(atomic_load(&taken_twice), 2);
	hub_queue(HOST_B, SMX_PRESENCE_ABSENT);
	hub_queue(HOST_C, SMX_PRESENCE_ABSENT);
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(submitted(), 2);
}
END_TEST

START_TEST(primary_that_returns_in_the_middle_keeps_what_is_not_claimed)
{
	struct smx_row row;

	/* c waits a step for d, which is away, and claims b's first. */
	keep_at("c", "d.test c.test");
	hub_keep(HOST_C, HOST_A, 2, "c.test d.test");
	hub_queue(HOST_A, SMX_PRESENCE_THERE);
	hub_queue(HOST_C, SMX_PRESENCE_THERE);
	up("c");
	ck_assert(hub_comes_to(HOST_C, 2, SMX_ROW_HANDED));
	up("a");
	usleep(3 * HUB_T * 1000);
	ck_assert_int_eq(hub_row(HOST_C, 1, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
	ck_assert_int_eq(hub_row(HOST_C, 2, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_HANDED);
}
END_TEST

START_TEST(primary_that_another_member_hears_again_is_waited_for)
{
	struct smx_row row;

	keep_at("c", "d.test b.test c.test");
	hub_queue(HOST_A, SMX_PRESENCE_THERE);
	hub_cut(HOST_A, HOST_C, 1);
	hub_cut(HOST_A, HOST_D, 1);
	up("acd");
	/* Silent for all: c asks d, which has none, and waits for b's step. */
	while (hub_count(HOST_D).asks == 0)
		usleep(10000);
	hub_cut(HOST_A, HOST_D, 0);
	usleep(3 * HUB_T * 1000);
	ck_assert_int_eq(hub_row(HOST_C, 1, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
	hub_down(HOST_A);
	ck_assert(hub_comes_to(HOST_C, 1, SMX_ROW_HANDED));
}
END_TEST

START_TEST(operator_takes_over_from_a_primary_that_is_up)
{
	keep_at("bc", "b.test c.test");
	hub_queue(HOST_C, SMX_PRESENCE_THERE);
	up("abc");
	ck_assert_int_eq(hub_command(HOST_C, "takeover a.test"), SMX_OK);
	ck_assert(hub_comes_to(HOST_C, 1, SMX_ROW_HANDED));
	ck_assert(hub_comes_to_owner(HOST_B, 1, HOST_C));
	/* The other holder's operator finds it taken. */
	ck_assert_int_eq(hub_command(HOST_B, "takeover a.test"), SMX_OK);
	usleep(HUB_T * 1000);
	ck_assert(hub_comes_to_owner(HOST_B, 1, HOST_C));
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(amended_and_held_rows_go_in_as_they_should)
{
	keep_at("b", "b.test");
	hub_keep(HOST_B, HOST_A, 2, "b.test");
	hub_amend(HOST_B, HOST_A, 1, 0);
	hub_amend(HOST_B, HOST_A, 2, 1);
	up("b");
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert_uint_eq(hub_count(HOST_B).submitted, 2);
	ck_assert_uint_eq(hub_count(HOST_B).amended, 2);
	ck_assert_uint_eq(hub_count(HOST_B).held, 1);
}
END_TEST

START_TEST(row_that_the_mta_refuses_is_kept_by_all)
{
	struct smx_row row;

	keep_at("bc", "b.test c.test");
	hub_submit(HOST_B, SMX_EREFUSED);
	up("bc");
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_QUARANTINED));
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	usleep(2 * HUB_T * 1000);
	ck_assert_int_eq(hub_row(HOST_C, 1, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
}
END_TEST

/* ---- many ---- */

#define MANY 1800 /* several pages */

START_TEST(many_are_asked_about_in_pages)
{
	struct hub_count b;

	for (uint64_t i = 1; i <= MANY; i++)
		hub_keep(HOST_C, HOST_A, i, "b.test c.test");
	hub_submit(HOST_C, SMX_ETEMP);
	up("bc");
	ck_assert(hub_comes_to(HOST_C, MANY, SMX_ROW_CLAIMED));
	ck_assert_uint_eq(hub_rows(HOST_C, 1u << SMX_ROW_SHADOW), 0);
	usleep(1000 * HUB_T);
	b = hub_count(HOST_B);
	ck_assert_uint_ge(b.asks, 4);
	ck_assert_uint_le(b.asks, 40); /* rounds are few */
	ck_assert_uint_ge(b.claims, 4);
	ck_assert_uint_le(b.claims, 40);
}
END_TEST

START_TEST(many_end_and_none_is_left_anywhere)
{
	for (uint64_t i = 1; i <= MANY / 3; i++) {
		hub_keep(HOST_B, HOST_A, i, "b.test c.test");
		hub_keep(HOST_C, HOST_A, i, "b.test c.test");
	}
	up("bc");
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(hub_count(HOST_B).submitted, MANY / 3);
	ck_assert_uint_eq(hub_count(HOST_C).submitted, 0);
}
END_TEST

/* ---- the primary comes back ---- */

/* b has taken over, c holds it for b, and b's MTA takes nothing. */
static void
taken_over_in_vain(void)
{
	keep_at("bc", "b.test c.test");
	hub_submit(HOST_B, SMX_ETEMP);
	hub_queue(HOST_A, SMX_PRESENCE_THERE);
	up("bc");
	ck_assert(hub_comes_to_owner(HOST_C, 1, HOST_B));
	up("a");
}

static void
give_back(void)
{
	int64_t until = clock_mono_ms() + HUB_WAIT;
	enum smx_answer answer;

	while ((answer = hub_return(HOST_B, HOST_A, 1)) == SMX_ANSWER_TAKEN) {
		ck_assert_int_lt(clock_mono_ms(), until);
		usleep(10000); /* an attempt was out */
	}
	ck_assert_int_eq(answer, SMX_ANSWER_SHADOW);
}

START_TEST(given_back_row_is_its_primarys_at_all_holders)
{
	struct smx_row row = { 0 };
	int64_t until;

	taken_over_in_vain();
	give_back();
	until = clock_mono_ms() + HUB_WAIT;
	while (hub_row(HOST_C, 1, &row) != SMX_OK || row.yielded) {
		ck_assert_int_lt(clock_mono_ms(), until);
		usleep(10000);
	}
	ck_assert_str_eq(row.primary, hub_name(HOST_A));
	/* It stays so, although b's MTA would take it now. */
	hub_submit(HOST_B, SMX_OK);
	usleep(3 * HUB_T * 1000);
	ck_assert_int_eq(hub_row(HOST_B, 1, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
	ck_assert_int_eq(hub_row(HOST_C, 1, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
	/* It ends at its primary. */
	hub_discard(HOST_B, HOST_A, 1);
	hub_discard(HOST_C, HOST_A, 1);
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(submitted(), 0);
}
END_TEST

/* c has not asked since; it must not take the message for lost. */
START_TEST(given_back_row_that_ends_at_once_is_delivered_by_nobody_else)
{
	taken_over_in_vain();
	give_back();
	hub_discard(HOST_B, HOST_A, 1);
	hub_submit(HOST_B, SMX_OK);
	hub_queue(HOST_A, SMX_PRESENCE_ABSENT);
	ck_assert(hub_comes_to_nothing(HOST_B));
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(hub_rows(HOST_B, 0), 0); /* did not end here */
	ck_assert_uint_eq(submitted(), 0);
}
END_TEST

START_TEST(given_back_row_is_taken_over_again_when_its_primary_dies)
{
	taken_over_in_vain();
	give_back();
	hub_submit(HOST_B, SMX_OK);
	hub_down(HOST_A);
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_DONE));
	ck_assert(hub_comes_to_nothing(HOST_C));
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

START_TEST(what_ended_here_is_told_to_its_primary_and_goes)
{
	int64_t until;

	keep_at("bc", "b.test c.test");
	hub_queue(HOST_A, SMX_PRESENCE_THERE);
	up("bc");
	ck_assert(hub_comes_to(HOST_B, 1, SMX_ROW_DONE));
	ck_assert_uint_eq(hub_rows(HOST_C, 0), 0);
	up("a");
	ck_assert_int_eq(hub_return(HOST_B, HOST_A, 1), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(hub_return(HOST_C, HOST_A, 1), SMX_ANSWER_NONE);
	hub_discard(HOST_B, HOST_A, 1);
	until = clock_mono_ms() + HUB_WAIT;
	while (hub_rows(HOST_B, 0) != 0) {
		ck_assert_int_lt(clock_mono_ms(), until);
		usleep(10000);
	}
	ck_assert_int_eq(hub_return(HOST_B, HOST_A, 1), SMX_ANSWER_NONE);
	ck_assert_uint_eq(submitted(), 1);
}
END_TEST

static TCase *
tcase(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	return tc;
}

static void
add_ranks(TCase *tc)
{
	tcase_add_test(tc,
	    first_rank_takes_over_and_the_others_hold_it_for_that_one);
	tcase_add_test(tc, second_rank_waits_twice_as_long);
	tcase_add_test(tc, second_rank_does_not_wait_for_one_without_a_copy);
	tcase_add_test(tc, holder_outside_the_set_lets_the_set_go_first);
	tcase_add_test(tc,
	    primary_that_returns_in_the_middle_keeps_what_is_not_claimed);
	tcase_add_test(tc,
	    primary_that_another_member_hears_again_is_waited_for);
	tcase_add_test(tc, operator_takes_over_from_a_primary_that_is_up);
	tcase_add_test(tc, amended_and_held_rows_go_in_as_they_should);
	tcase_add_test(tc, row_that_the_mta_refuses_is_kept_by_all);
}

static void
add_faults(TCase *tc)
{
	tcase_add_test(tc,
	    next_in_rank_goes_on_when_the_one_that_took_over_dies);
	tcase_add_test(tc,
	    next_in_rank_goes_on_when_the_one_that_took_over_has_lost_it);
	tcase_add_test(tc, end_waits_for_a_holder_that_is_away);
	tcase_add_test(tc, end_does_not_wait_for_a_member_that_knows_no_claims);
	tcase_add_test(tc, claim_that_was_not_told_is_told_after_a_restart);
	tcase_add_test(tc, two_that_both_took_it_over_go_on_to_their_ends);
}

static void
add_return(TCase *tc)
{
	tcase_add_test(tc, given_back_row_is_its_primarys_at_all_holders);
	tcase_add_test(tc,
	    given_back_row_that_ends_at_once_is_delivered_by_nobody_else);
	tcase_add_test(tc,
	    given_back_row_is_taken_over_again_when_its_primary_dies);
	tcase_add_test(tc, what_ended_here_is_told_to_its_primary_and_goes);
}

static void
add_many(TCase *tc)
{
	tcase_add_test(tc, many_are_asked_about_in_pages);
	tcase_add_test(tc, many_end_and_none_is_left_anywhere);
}

int
main(void)
{
	Suite *s = suite_create("succession");
	SRunner *sr;
	int failed;

	add_ranks(tcase(s, "ranks"));
	add_faults(tcase(s, "faults"));
	add_return(tcase(s, "return"));
	add_many(tcase(s, "many"));
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
