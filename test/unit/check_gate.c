/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gate.h"

/* This node is "n"; "p" is the primary, the others may hold copies. */
#define T    INT64_C(600000)
#define BEAT INT64_C(30000)

enum { P, A, B, Z };
static const char *const names[] = { "p", "a", "b", "z" };
static const struct gate_world world = { .own = "n",
	.names = names,
	.count = 4 };

static struct gate gate;

/* What each member answers; UNKNOWN: nothing comes. */
static enum smx_answer says[4];
static unsigned asked, waited; /* bits */

static void
setup(void)
{
	memset(&gate, 0, sizeof(gate));
	memset(says, 0, sizeof(says));
}

static void
teardown(void)
{
	gate_close(&gate);
}

static void
due(enum engine_cause cause, int64_t now_ms)
{
	const struct smx_key key = { .counter = 1 };
	struct engine_takeover why = { .cause = cause,
		.keys = &key,
		.count = cause == ENGINE_CAUSE_LOST };

	ck_assert_int_eq(gate_open(&gate, &why, now_ms), SMX_OK);
	/* Whoever is silent was so in a round before. */
	gate.heard = 0;
}

static struct smx_row
row_of(const char *primary, const char *holders)
{
	struct smx_row row = { .state = SMX_ROW_SHADOW };

	snprintf(row.primary, sizeof(row.primary), "%s", primary);
	snprintf(row.holders, sizeof(row.holders), "%s", holders);
	return row;
}

/* One row, gone through as a round does. */
static enum gate_verdict
look(const struct smx_row *stored, int64_t now_ms)
{
	struct gate_row row;

	gate_round(&gate);
	gate_row_begin(&row, &world, &gate, stored, gate.since_ms);
	asked = (unsigned)row.ask;
	waited = (unsigned)row.wait;
	for (size_t m = 0; m < world.count; m++)
		gate_row_answer(&row, &world, &gate, m, says[m]);
	return gate_row_verdict(&row, &gate, T, now_ms);
}

/* When a row of "p" with this set would be claimed, in steps; -1: not in ten.
 */
static int
steps_with(const char *holders)
{
	struct smx_row row = row_of("p", holders);

	due(ENGINE_CAUSE_SILENT, 0);
	for (int i = 0; i < 10; i++) {
		if (look(&row, i * T) == GATE_CLAIM)
			return i;
		if (i > 0)
			ck_assert_int_eq(look(&row, i * T - 1), GATE_WAIT);
	}
	return -1;
}

/* ---- ranks ---- */

START_TEST(first_rank_waits_for_nobody)
{
	ck_assert_int_eq(steps_with("n a b"), 0);
	ck_assert_uint_eq(waited, 0);
	ck_assert_int_eq(steps_with("n"), 0);
}
END_TEST

START_TEST(second_rank_waits_for_one_that_is_there_or_silent)
{
	ck_assert_int_eq(steps_with("a n b"), 1);
	ck_assert_uint_eq(waited, 1u << A);
	says[A] = SMX_ANSWER_RANKED;
	ck_assert_int_eq(steps_with("a n b"), 1);
}
END_TEST

START_TEST(higher_rank_without_a_copy_is_not_waited_for)
{
	says[A] = SMX_ANSWER_NONE;
	ck_assert_int_eq(steps_with("a n b"), 0);
	says[B] = SMX_ANSWER_RANKED;
	ck_assert_int_eq(steps_with("a b n"), 1);
}
END_TEST

START_TEST(third_rank_waits_for_both)
{
	ck_assert_int_eq(steps_with("b a n"), 2);
	ck_assert_uint_eq(waited, 1u << A | 1u << B);
	says[A] = says[B] = SMX_ANSWER_RANKED;
	ck_assert_int_eq(steps_with("b a n"), 2);
}
END_TEST

START_TEST(taken_is_left_alone_however_long)
{
	says[A] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(steps_with("a n"), -1);
	ck_assert_int_eq(steps_with("b a n"), -1);
	ck_assert_int_eq(gate.next_ms, INT64_MAX);
	ck_assert_uint_eq(gate.left, 1);
}
END_TEST

/* The answer that was lost may have been that it has taken it over. */
START_TEST(first_silence_of_one_that_has_just_answered_claims_nothing)
{
	struct smx_row row = row_of("p", "n a");

	due(ENGINE_CAUSE_SILENT, 0);
	says[A] = says[B] = says[Z] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(look(&row, 1000), GATE_WAIT);
	says[B] = says[Z] = SMX_ANSWER_NONE;
	says[A] = SMX_ANSWER_UNKNOWN;
	ck_assert_int_eq(look(&row, 2000), GATE_WAIT);
	gate_round_end(&gate, 2000, BEAT);
	ck_assert_int_eq(gate.look_ms, 3000);
	if (_i == 0) { /* it is gone */
		ck_assert_int_eq(look(&row, 3000), GATE_CLAIM);
		return;
	}
	says[A] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(look(&row, 3000), GATE_WAIT);
	says[A] = SMX_ANSWER_NONE;
	ck_assert_int_eq(look(&row, 4000), GATE_CLAIM);
}
END_TEST

/* Neither does one that answered on one page and not on the next. */
START_TEST(first_question_that_is_not_answered_is_asked_again)
{
	static const enum engine_cause causes[] = { ENGINE_CAUSE_SILENT,
		ENGINE_CAUSE_EPOCH, ENGINE_CAUSE_LOST, ENGINE_CAUSE_MTA_DOWN };
	static const struct smx_key key = { .counter = 1 };
	struct engine_takeover why = { .cause = causes[_i],
		.keys = &key,
		.count = 1 };
	struct smx_row row = row_of("p", "n a");

	ck_assert_int_eq(gate_open(&gate, &why, 0), SMX_OK);
	ck_assert_int_eq(look(&row, 0), GATE_WAIT);
	gate_round_end(&gate, 0, BEAT);
	ck_assert_int_eq(gate.look_ms, 1000);
	/* Told of it again meanwhile. */
	ck_assert_int_eq(gate_open(&gate, &why, 500), SMX_OK);
	ck_assert_int_eq(look(&row, 1000), GATE_CLAIM);
}
END_TEST

START_TEST(silence_is_waited_out_once)
{
	struct smx_row row = row_of("p", "n a");

	due(ENGINE_CAUSE_SILENT, 0);
	says[A] = says[B] = says[Z] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(look(&row, 1000), GATE_WAIT);
	gate.deaf |= 1u << A;
	says[B] = says[Z] = SMX_ANSWER_NONE;
	says[A] = SMX_ANSWER_UNKNOWN;
	ck_assert_int_eq(look(&row, 2000), GATE_CLAIM);
}
END_TEST

START_TEST(operator_does_not_wait_for_one_that_has_just_answered)
{
	struct smx_row row = row_of("p", "n a");

	due(ENGINE_CAUSE_OPERATOR, 0);
	says[A] = says[B] = says[Z] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(look(&row, 0), GATE_WAIT);
	says[A] = says[B] = says[Z] = SMX_ANSWER_UNKNOWN;
	ck_assert_int_eq(look(&row, 0), GATE_CLAIM);
}
END_TEST

START_TEST(copy_without_a_rank_counts_by_name)
{
	says[A] = says[Z] = SMX_ANSWER_SHADOW;
	ck_assert_int_eq(steps_with("a n"), 1); /* a before n */
	ck_assert_int_eq(steps_with("z n"), 0); /* z after it */
}
END_TEST

START_TEST(host_outside_the_set_waits_for_all_but_the_primary)
{
	ck_assert_int_eq(steps_with("a b"), 2); /* a and b by name, not z */
	ck_assert_uint_eq(waited, 1u << A | 1u << B | 1u << Z);
	ck_assert_int_eq(steps_with(""), 2);
	ck_assert_uint_eq(waited, 1u << A | 1u << B | 1u << Z);
	says[A] = says[B] = says[Z] = SMX_ANSWER_NONE;
	ck_assert_int_eq(steps_with(""), 0);
	says[Z] = SMX_ANSWER_RANKED; /* a rank counts whatever the name */
	ck_assert_int_eq(steps_with("z"), 1);
	says[Z] = SMX_ANSWER_SHADOW;
	ck_assert_int_eq(steps_with(""), 0);
	says[A] = SMX_ANSWER_SHADOW;
	ck_assert_int_eq(steps_with(""), 1);
}
END_TEST

START_TEST(name_that_is_no_member_is_nobody)
{
	ck_assert_int_eq(steps_with("gone ab n"), 0);
	ck_assert_uint_eq(waited, 0);
	ck_assert_int_eq(steps_with("gone a n"), 1);
	ck_assert_int_eq(steps_with("  n  "), 0);
	ck_assert_int_eq(steps_with("p n"), 0); /* the primary itself */
}
END_TEST

/* ---- what those behind it say, or those that it does not know of ---- */

#define OTHERS (1u << A | 1u << B | 1u << Z)

START_TEST(all_are_asked_whether_it_is_taken)
{
	ck_assert_int_eq(steps_with("n a b"), 0);
	ck_assert_uint_eq(asked, OTHERS);
	says[B] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(steps_with("n a b"), -1);
	ck_assert_int_eq(steps_with("n"), -1);
	says[B] = SMX_ANSWER_RANKED; /* a copy is no reason to wait */
	says[A] = SMX_ANSWER_SHADOW;
	ck_assert_int_eq(steps_with("n b"), 0);
}
END_TEST

START_TEST(of_two_that_think_they_are_first_the_name_decides)
{
	says[A] = SMX_ANSWER_FIRST;
	ck_assert_int_eq(steps_with("n"), 1);
	ck_assert_int_eq(steps_with("n a"), 1);
	says[A] = SMX_ANSWER_NONE;
	says[Z] = SMX_ANSWER_FIRST;
	ck_assert_int_eq(steps_with("n"), 0);
	/* In its place it is one like others. */
	ck_assert_int_eq(steps_with("z n"), 1);
	ck_assert_int_eq(steps_with("a n"), 0);
}
END_TEST

/* What becomes of a row of "p" when this member has delivered it. */
static enum gate_verdict
ended_at(int member, const char *holders, int amended)
{
	struct smx_row row = row_of("p", holders);

	row.amended = amended;
	memset(says, 0, sizeof(says));
	says[member] = SMX_ANSWER_ENDED;
	due(ENGINE_CAUSE_SILENT, 0);
	return look(&row, 9 * T);
}

START_TEST(one_that_its_primary_named_ends_it)
{
	ck_assert_int_eq(ended_at(A, "a n", 0), GATE_DROP);
	ck_assert_int_eq(ended_at(A, "n a", 0), GATE_DROP);
	ck_assert_int_eq(ended_at(B, "n a b", 0), GATE_DROP);
	ck_assert_int_eq(ended_at(A, "b a", 0), GATE_DROP);
	ck_assert_uint_eq(gate.left, 0);
}
END_TEST

START_TEST(stranger_does_not_end_it_and_it_is_not_delivered_again)
{
	struct smx_row row = row_of("p", "n a");

	ck_assert_int_eq(ended_at(B, "n a", 0), GATE_ASIDE);
	ck_assert_int_eq(ended_at(B, "n", 0), GATE_ASIDE);
	ck_assert_int_eq(ended_at(B, "", 0), GATE_ASIDE);
	/* Nor does one that need not have served the same. */
	ck_assert_int_eq(ended_at(A, "n a", 1), GATE_ASIDE);
	/* An operator's order leaves it as it is. */
	row.amended = 1;
	due(ENGINE_CAUSE_OPERATOR, 0);
	ck_assert_int_eq(look(&row, 0), GATE_WAIT);
}
END_TEST

START_TEST(owner_that_has_delivered_it_ends_it)
{
	static const enum engine_cause causes[] = { ENGINE_CAUSE_SILENT,
		ENGINE_CAUSE_EPOCH, ENGINE_CAUSE_OPERATOR, ENGINE_CAUSE_LOST };
	struct smx_row row = row_of("a", "n");

	row.yielded = 1;
	row.amended = 1;
	due(causes[_i], 0);
	says[A] = SMX_ANSWER_ENDED;
	ck_assert_int_eq(look(&row, 0), GATE_DROP);
}
END_TEST

/* ---- causes ---- */

START_TEST(epoch_and_lost_wait_from_when_they_were_seen)
{
	static const enum engine_cause causes[] = { ENGINE_CAUSE_EPOCH,
		ENGINE_CAUSE_LOST };
	struct smx_row row = row_of("p", "a n");

	due(causes[_i], 5000);
	says[A] = SMX_ANSWER_RANKED;
	ck_assert_int_eq(look(&row, 5000 + T - 1), GATE_WAIT);
	ck_assert_int_eq(gate.next_ms, 5000 + T);
	ck_assert_int_eq(look(&row, 5000 + T), GATE_CLAIM);
	says[A] = SMX_ANSWER_NONE;
	ck_assert_int_eq(look(&row, 5000), GATE_CLAIM);
	row = row_of("p", "n a");
	ck_assert_int_eq(look(&row, 5000), GATE_CLAIM);
}
END_TEST

START_TEST(operator_waits_for_nobody_but_leaves_what_is_taken)
{
	struct smx_row row = row_of("p", "a n b");

	due(ENGINE_CAUSE_OPERATOR, 0);
	ck_assert_int_eq(look(&row, 0), GATE_CLAIM);
	ck_assert_uint_eq(waited, 1u << A | 1u << B | 1u << Z);
	says[B] = SMX_ANSWER_TAKEN; /* also by a lower rank */
	ck_assert_int_eq(look(&row, 0), GATE_WAIT);
	/* Once through is all. */
	gate_round_end(&gate, 0, BEAT);
	ck_assert_int_eq(gate.cause, 0);
}
END_TEST

/* ---- what another member has taken over ---- */

START_TEST(owner_that_lost_it_is_followed_at_once)
{
	struct smx_row row = row_of("a", "a n");

	row.yielded = 1;
	due(ENGINE_CAUSE_LOST, 0);
	says[A] = SMX_ANSWER_NONE;
	ck_assert_int_eq(look(&row, 0), GATE_CLAIM);
	ck_assert_uint_eq(waited, 1u << A);
	row = row_of("a", "a b n");
	row.yielded = 1;
	says[B] = SMX_ANSWER_RANKED;
	ck_assert_int_eq(look(&row, 0), GATE_WAIT);
	ck_assert_int_eq(look(&row, T), GATE_CLAIM);
}
END_TEST

START_TEST(owner_that_has_it_is_left_whatever_the_cause)
{
	static const enum engine_cause causes[] = { ENGINE_CAUSE_SILENT,
		ENGINE_CAUSE_EPOCH, ENGINE_CAUSE_OPERATOR, ENGINE_CAUSE_LOST };
	struct smx_row row = row_of("a", "a n");

	row.yielded = 1;
	due(causes[_i], 0);
	says[A] = SMX_ANSWER_TAKEN;
	ck_assert_int_eq(look(&row, 9 * T), GATE_WAIT);
}
END_TEST

START_TEST(owner_without_an_answer_counts_only_when_silent)
{
	struct smx_row row = row_of("a", "a n");

	row.yielded = 1;
	due(ENGINE_CAUSE_EPOCH, 0);
	ck_assert_int_eq(look(&row, 9 * T), GATE_WAIT);
	gate_close(&gate);
	due(ENGINE_CAUSE_SILENT, 0);
	ck_assert_int_eq(look(&row, 0), GATE_CLAIM);
}
END_TEST

/* ---- rounds ---- */

START_TEST(nothing_left_ends_it)
{
	struct smx_row row = row_of("p", "n");

	due(ENGINE_CAUSE_SILENT, 100);
	ck_assert(gate_is_due(&gate, 100));
	ck_assert_int_eq(look(&row, 100), GATE_CLAIM);
	gate_round_end(&gate, 100, BEAT);
	ck_assert(!gate_is_due(&gate, INT64_MAX));
}
END_TEST

START_TEST(next_look_is_when_a_step_is_over_or_a_heartbeat_later)
{
	struct smx_row row = row_of("p", "a n");

	due(ENGINE_CAUSE_SILENT, 0);
	(void)look(&row, 0);
	gate_round_end(&gate, 0, BEAT);
	ck_assert_int_eq(gate.look_ms, BEAT);
	(void)look(&row, T - 5000);
	gate_round_end(&gate, T - 5000, BEAT);
	ck_assert_int_eq(gate.look_ms, T);
	(void)look(&row, T - 5); /* never more than once a second */
	gate_round_end(&gate, T - 5, BEAT);
	ck_assert_int_eq(gate.look_ms, T + 995);
	ck_assert(!gate_is_due(&gate, T));
}
END_TEST

START_TEST(many_are_not_asked_about_every_heartbeat)
{
	struct smx_row row = row_of("p", "a n");

	due(ENGINE_CAUSE_SILENT, 0);
	(void)look(&row, 0);
	gate.left = 100000;
	gate_round_end(&gate, 0, BEAT);
	ck_assert_int_ge(gate.look_ms, 10 * BEAT);
	ck_assert_int_le(gate.look_ms, T); /* but when a step is over */
}
END_TEST

START_TEST(told_again_goes_on_where_it_was)
{
	struct engine_takeover epoch = { .cause = ENGINE_CAUSE_EPOCH,
		.other_epoch = 1,
		.epoch.id = { 1 } };

	due(ENGINE_CAUSE_SILENT, 100);
	gate.look_ms = 777;
	due(ENGINE_CAUSE_SILENT, 500);
	ck_assert_int_eq(gate.since_ms, 100);
	ck_assert_int_eq(gate.look_ms, 777);
	gate_close(&gate);
	ck_assert_int_eq(gate_open(&gate, &epoch, 100), SMX_OK);
	epoch.epoch.id[0] = 2;
	ck_assert_int_eq(gate_open(&gate, &epoch, 900), SMX_OK);
	ck_assert_int_eq(gate.since_ms, 900);
	ck_assert_uint_eq(gate.epoch.id[0], 2);
}
END_TEST

START_TEST(lost_keys_gather_once_each_up_to_a_ceiling)
{
	static struct smx_key keys[GATE_KEYS_MAX + 5];
	struct engine_takeover why = { .cause = ENGINE_CAUSE_LOST,
		.keys = keys,
		.count = 2 };

	for (size_t i = 0; i < GATE_KEYS_MAX + 5; i++)
		keys[i].counter = i;
	ck_assert_int_eq(gate_open(&gate, &why, 10), SMX_OK);
	gate.look_ms = 5000;
	ck_assert_int_eq(gate_open(&gate, &why, 20), SMX_OK);
	ck_assert_uint_eq(gate.count, 2);
	ck_assert_int_eq(gate.look_ms, 5000); /* nothing new */
	why.count = GATE_KEYS_MAX + 5;
	ck_assert_int_eq(gate_open(&gate, &why, 30), SMX_OK);
	ck_assert_uint_eq(gate.count, GATE_KEYS_MAX);
	ck_assert_int_eq(gate.keys[1].since_ms, 10);
	ck_assert_int_eq(gate.keys[2].since_ms, 30);
	ck_assert_int_eq(gate.look_ms, 30);
}
END_TEST

START_TEST(more_members_than_bits_do_no_harm)
{
	static const char *many[70];
	static char text[70][8];
	struct gate_world w = { .own = "n", .names = many, .count = 70 };
	struct gate_set set;

	for (size_t i = 0; i < 70; i++) {
		snprintf(text[i], sizeof(text[i]), "m%zu", i);
		many[i] = text[i];
	}
	ck_assert(gate_others(&w, NULL) == UINT64_MAX);
	gate_set_read(&set, &w, "m63 m64 n m69");
	ck_assert(set.higher == UINT64_C(1) << 63);
	ck_assert(set.named == UINT64_C(1) << 63);
	ck_assert(set.ranked);
	w.own = NULL;
	gate_set_read(&set, &w, "m63");
	ck_assert(set.named == 0);
	ck_assert(gate_others(&w, "m1") == 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("gate");
	TCase *tc = tcase_create("gate");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, first_rank_waits_for_nobody);
	tcase_add_test(tc, second_rank_waits_for_one_that_is_there_or_silent);
	tcase_add_test(tc, higher_rank_without_a_copy_is_not_waited_for);
	tcase_add_test(tc, third_rank_waits_for_both);
	tcase_add_test(tc, taken_is_left_alone_however_long);
	tcase_add_loop_test(tc,
	    first_silence_of_one_that_has_just_answered_claims_nothing, 0, 2);
	tcase_add_loop_test(tc,
	    first_question_that_is_not_answered_is_asked_again, 0, 4);
	tcase_add_test(tc, silence_is_waited_out_once);
	tcase_add_test(tc,
	    operator_does_not_wait_for_one_that_has_just_answered);
	tcase_add_test(tc, copy_without_a_rank_counts_by_name);
	tcase_add_test(tc, host_outside_the_set_waits_for_all_but_the_primary);
	tcase_add_test(tc, name_that_is_no_member_is_nobody);
	tcase_add_test(tc, all_are_asked_whether_it_is_taken);
	tcase_add_test(tc, of_two_that_think_they_are_first_the_name_decides);
	tcase_add_test(tc, one_that_its_primary_named_ends_it);
	tcase_add_test(tc,
	    stranger_does_not_end_it_and_it_is_not_delivered_again);
	tcase_add_loop_test(tc, owner_that_has_delivered_it_ends_it, 0, 4);
	tcase_add_loop_test(tc, epoch_and_lost_wait_from_when_they_were_seen, 0,
	    2);
	tcase_add_test(tc, operator_waits_for_nobody_but_leaves_what_is_taken);
	tcase_add_test(tc, owner_that_lost_it_is_followed_at_once);
	tcase_add_loop_test(tc, owner_that_has_it_is_left_whatever_the_cause, 0,
	    4);
	tcase_add_test(tc, owner_without_an_answer_counts_only_when_silent);
	tcase_add_test(tc, nothing_left_ends_it);
	tcase_add_test(tc,
	    next_look_is_when_a_step_is_over_or_a_heartbeat_later);
	tcase_add_test(tc, many_are_not_asked_about_every_heartbeat);
	tcase_add_test(tc, told_again_goes_on_where_it_was);
	tcase_add_test(tc, lost_keys_gather_once_each_up_to_a_ceiling);
	tcase_add_test(tc, more_members_than_bits_do_no_harm);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
