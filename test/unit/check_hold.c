/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include <shadowmx/err.h>

#include "core/hold.h"

static const size_t peers[] = { 0, 1, 2, 3 };

static struct hold
begin_min(size_t count, unsigned copies, unsigned min_copies,
    enum smx_unprotected unprotected)
{
	struct smx_ack ack = { .when = SMX_WHEN_SHADOWED,
		.copies = copies,
		.min_copies = min_copies,
		.max_delay_ms = 1000,
		.when_unprotected = unprotected };
	struct hold h;

	hold_begin(&h, &ack, peers, count, 5000);
	return h;
}

static struct hold
begin(size_t count, unsigned copies, enum smx_unprotected unprotected)
{
	return begin_min(count, copies, copies, unprotected);
}

static struct hold_step
next(struct hold *h, int64_t now)
{
	struct hold_step s;

	hold_next(h, now, &s);
	return s;
}

START_TEST(nobody_to_ask_ends_at_once)
{
	struct hold a = begin(0, 1, SMX_UNPROTECTED_ACCEPT);
	struct hold t = begin(0, 1, SMX_UNPROTECTED_TEMPFAIL);

	ck_assert_int_eq(next(&a, 5000).what, HOLD_DONE);
	ck_assert_int_eq(a.state, HOLD_UNPROTECTED);
	ck_assert_int_eq(next(&t, 5000).what, HOLD_DONE);
	ck_assert_int_eq(t.state, HOLD_REFUSED);
}
END_TEST

START_TEST(asking_is_not_having)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_TEMPFAIL);

	ck_assert_int_eq(next(&h, 5000).what, HOLD_SEND);
	ck_assert_int_eq(next(&h, 5000).what, HOLD_WAIT);
	ck_assert_int_eq(h.state, HOLD_ASKING);
	hold_answer(&h, 0, SMX_OK, 5010);
	ck_assert_int_eq(next(&h, 5010).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

START_TEST(unsure_is_no_copy)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_EUNSURE, 5010);
	ck_assert_int_eq(next(&h, 5010).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_REFUSED);
}
END_TEST

START_TEST(silent_peer_costs_its_share_only)
{
	struct hold h = begin(2, 1, SMX_UNPROTECTED_TEMPFAIL);
	struct hold_step s = next(&h, 5000);

	ck_assert_int_eq(s.what, HOLD_SEND);
	ck_assert_int_eq(s.until_ms, 5500);
	ck_assert_int_eq(next(&h, 5499).what, HOLD_WAIT);
	s = next(&h, 5500);
	ck_assert_int_eq(s.what, HOLD_SEND);
	ck_assert_uint_eq(s.peer, 1);
	ck_assert_int_eq(s.until_ms, 6000);
}
END_TEST

START_TEST(late_answer_still_counts)
{
	struct hold h = begin(2, 1, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	(void)next(&h, 5500);
	hold_answer(&h, 0, SMX_OK, 5600);
	ck_assert_int_eq(next(&h, 5600).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

START_TEST(same_answer_twice_is_one_copy)
{
	struct hold h = begin(2, 2, SMX_UNPROTECTED_TEMPFAIL);

	ck_assert_int_eq(next(&h, 5000).what, HOLD_SEND);
	ck_assert_int_eq(next(&h, 5000).what, HOLD_SEND);
	hold_answer(&h, 0, SMX_OK, 5010);
	hold_answer(&h, 0, SMX_OK, 5010);
	hold_answer(&h, 3, SMX_OK, 5010);
	ck_assert_int_eq(next(&h, 5010).what, HOLD_WAIT);
	hold_answer(&h, 1, SMX_EEXIST, 5020);
	(void)next(&h, 5020);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

START_TEST(refusal_moves_on_at_once)
{
	struct hold h = begin(2, 1, SMX_UNPROTECTED_ACCEPT);

	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_EFULL, 5001);
	ck_assert_uint_eq(next(&h, 5001).peer, 1);
	hold_answer(&h, 1, SMX_EUNREACHABLE, 5002);
	ck_assert_int_eq(next(&h, 5002).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_UNPROTECTED);
}
END_TEST

START_TEST(deadline_ends_every_wait)
{
	struct hold h = begin(4, 2, SMX_UNPROTECTED_TEMPFAIL);
	int64_t now = 5000;
	int turns = 0;

	for (; turns < 100; turns++) {
		struct hold_step s = next(&h, now);

		if (s.what == HOLD_DONE)
			break;
		ck_assert_int_le(s.until_ms, 6000);
		if (s.what == HOLD_WAIT) {
			ck_assert_int_gt(s.until_ms, now);
			now = s.until_ms;
		}
	}
	ck_assert_int_eq(h.state, HOLD_REFUSED);
	ck_assert_int_le(now, 6000);
	ck_assert_int_eq(next(&h, 99999).what, HOLD_DONE);
}
END_TEST

START_TEST(too_few_peers_are_not_asked_in_vain)
{
	struct hold t = begin_min(1, 3, 2, SMX_UNPROTECTED_TEMPFAIL);
	struct hold a = begin_min(1, 3, 2, SMX_UNPROTECTED_ACCEPT);

	ck_assert_int_eq(next(&t, 5000).what, HOLD_DONE);
	ck_assert_int_eq(next(&a, 5000).what, HOLD_SEND);
	hold_answer(&a, 0, SMX_OK, 5001);
	ck_assert_int_eq(next(&a, 5001).what, HOLD_DONE);
	ck_assert_int_eq(a.state, HOLD_UNPROTECTED);
}
END_TEST

/* ---- several copies ---- */

START_TEST(all_that_are_wanted_are_asked_at_once)
{
	struct hold h = begin_min(4, 3, 1, SMX_UNPROTECTED_TEMPFAIL);
	size_t asked = 0;

	while (next(&h, 5000).what == HOLD_SEND)
		asked++;
	ck_assert_uint_eq(asked, 3);
	for (size_t i = 0; i < 3; i++)
		hold_answer(&h, i, SMX_OK, 5001);
	ck_assert_int_eq(next(&h, 5001).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

START_TEST(enough_is_short_when_nobody_is_left)
{
	struct hold h = begin_min(2, 2, 1, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_OK, 5001);
	ck_assert_int_eq(next(&h, 5001).what, HOLD_WAIT);
	hold_answer(&h, 1, SMX_EUNREACHABLE, 5002);
	/* Not one moment for somebody who may be back. */
	ck_assert(!hold_is_starved(&h, 5002));
	hold_again(&h, peers, 0, 3, 5002);
	ck_assert_int_eq(next(&h, 5002).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_SHORT);
}
END_TEST

START_TEST(enough_is_short_at_the_deadline)
{
	struct hold h = begin_min(2, 2, 1, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	(void)next(&h, 5000);
	hold_answer(&h, 1, SMX_OK, 5001);
	ck_assert_int_eq(next(&h, 5999).what, HOLD_WAIT);
	ck_assert_int_eq(next(&h, 6000).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_SHORT);
}
END_TEST

START_TEST(fewer_than_the_least_are_for_the_policy)
{
	struct hold a = begin_min(3, 3, 2, SMX_UNPROTECTED_ACCEPT);
	struct hold t = begin_min(3, 3, 2, SMX_UNPROTECTED_TEMPFAIL);

	for (int i = 0; i < 3; i++) {
		(void)next(&a, 5000);
		(void)next(&t, 5000);
	}
	for (size_t i = 0; i < 3; i++) {
		hold_answer(&a, i, i == 0 ? SMX_OK : SMX_EREFUSED, 5001);
		hold_answer(&t, i, i == 0 ? SMX_OK : SMX_EREFUSED, 5001);
	}
	ck_assert_int_eq(next(&a, 5001).what, HOLD_DONE);
	ck_assert_int_eq(a.state, HOLD_UNPROTECTED);
	ck_assert_int_eq(next(&t, 5001).what, HOLD_DONE);
	ck_assert_int_eq(t.state, HOLD_REFUSED);
}
END_TEST

/* Two copies, one of three holders frozen. */
START_TEST(a_third_is_asked_after_the_share_of_a_frozen_one)
{
	struct hold h = begin_min(3, 2, 1, SMX_UNPROTECTED_TEMPFAIL);
	struct hold_step s;

	(void)next(&h, 5000);
	(void)next(&h, 5000);
	hold_answer(&h, 1, SMX_OK, 5010);
	s = next(&h, 5010);
	ck_assert_int_eq(s.what, HOLD_WAIT);
	ck_assert_int_lt(s.until_ms, 6000);
	s = next(&h, s.until_ms);
	ck_assert_int_eq(s.what, HOLD_SEND);
	ck_assert_uint_eq(s.peer, 2);
	ck_assert_int_le(s.until_ms, 6000);
	hold_answer(&h, 2, SMX_OK, 5700);
	ck_assert_int_eq(next(&h, 5700).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

static void
plan_is(const struct hold *h, int64_t now, size_t count, size_t a, size_t b)
{
	size_t plan[HOLD_PEERS_MAX];

	ck_assert_uint_eq(hold_plan(h, now, plan, HOLD_PEERS_MAX), count);
	if (count > 0)
		ck_assert_uint_eq(plan[0], a);
	if (count > 1)
		ck_assert_uint_eq(plan[1], b);
}

START_TEST(the_plan_is_the_same_for_all_while_nothing_fails)
{
	struct hold h = begin(4, 2, SMX_UNPROTECTED_TEMPFAIL);

	plan_is(&h, 5000, 2, 0, 1);
	(void)next(&h, 5000);
	plan_is(&h, 5000, 2, 0, 1);
	(void)next(&h, 5000);
	plan_is(&h, 5000, 2, 0, 1);
	hold_answer(&h, 1, SMX_OK, 5001);
	plan_is(&h, 5001, 2, 0, 1);
	hold_answer(&h, 0, SMX_OK, 5002);
	(void)next(&h, 5002);
	plan_is(&h, 5002, 2, 0, 1);
}
END_TEST

START_TEST(who_failed_is_not_planned_with)
{
	struct hold h = begin(4, 2, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_EFULL, 5001);
	ck_assert_uint_eq(next(&h, 5001).peer, 2);
	plan_is(&h, 5001, 2, 1, 2);
	/* 2 lets its share pass. */
	hold_answer(&h, 1, SMX_OK, 5002);
	ck_assert_uint_eq(next(&h, 5800).peer, 3);
	plan_is(&h, 5800, 2, 1, 3);
	/* Late, and there all the same. */
	hold_answer(&h, 2, SMX_OK, 5850);
	(void)next(&h, 5850);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
	plan_is(&h, 5850, 2, 1, 2);
	hold_answer(&h, 3, SMX_EUNSURE, 5900);
	plan_is(&h, 5900, 2, 1, 2);
}
END_TEST

START_TEST(a_peer_that_may_be_back_is_waited_for_and_asked_again)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_ACCEPT);

	ck_assert_int_eq(next(&h, 5000).what, HOLD_SEND);
	hold_answer(&h, 0, SMX_EUNREACHABLE, 5001);
	ck_assert(hold_is_starved(&h, 5001));
	hold_again(&h, peers, 0, 1, 5001); /* in the pause after a failure */
	ck_assert_int_eq(next(&h, 5001).what, HOLD_WAIT);
	ck_assert(!hold_is_starved(&h, 5050));
	ck_assert(hold_is_starved(&h, 5101));
	hold_again(&h, peers, 1, 1, 5101); /* it is back */
	ck_assert_int_eq(next(&h, 5101).what, HOLD_SEND);
	hold_answer(&h, 0, SMX_OK, 5110);
	ck_assert_int_eq(next(&h, 5110).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

START_TEST(a_peer_that_may_have_died_of_it_is_asked_once_more_only)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_TEMPFAIL);

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(next(&h, 5000 + i * 200).what, HOLD_SEND);
		hold_answer(&h, 0, SMX_EUNSURE, 5000 + i * 200);
		hold_again(&h, peers, 1, 1, 5001 + i * 200);
	}
	ck_assert_int_eq(next(&h, 5300).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_REFUSED);
}
END_TEST

START_TEST(patience_ends_and_so_does_the_wait)
{
	struct hold h = begin(0, 1, SMX_UNPROTECTED_ACCEPT);
	struct hold late = begin(0, 1, SMX_UNPROTECTED_TEMPFAIL);

	hold_again(&h, peers, 0, 1, 5000);
	ck_assert_int_eq(next(&h, 5299).what, HOLD_WAIT);
	hold_again(&h, peers, 0, 0, 5300);
	ck_assert_int_eq(next(&h, 5300).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_UNPROTECTED);
	/* Never past max_delay, however patient. */
	hold_again(&late, peers, 0, 1, 5000);
	ck_assert_int_le(next(&late, 5950).until_ms, 6000);
	ck_assert_int_eq(next(&late, 6000).what, HOLD_DONE);
	ck_assert_int_eq(late.state, HOLD_REFUSED);
}
END_TEST

START_TEST(who_has_answered_is_not_asked_again)
{
	struct hold h = begin(4, 4, SMX_UNPROTECTED_ACCEPT);
	static const int answers[] = { SMX_OK, SMX_EREFUSED, SMX_EUNSURE,
		SMX_EUNREACHABLE };
	struct hold_step step;
	unsigned asked = 0;

	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(next(&h, 5000).what, HOLD_SEND);
		hold_answer(&h, i, answers[i], 5000);
	}
	hold_again(&h, peers, 4, 15, 5000);
	while ((step = next(&h, 5001)).what == HOLD_SEND)
		asked |= 1u << step.peer;
	ck_assert_uint_eq(asked, 1u << 2 | 1u << 3);
	ck_assert_uint_eq(h.copies, 1);
	hold_answer(&h, 3, SMX_OK, 5002);
	hold_answer(&h, 2, SMX_EEXIST, 5002);
	ck_assert_uint_eq(h.copies, 3);
}
END_TEST

START_TEST(who_is_away_for_long_is_not_asked_again)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_ACCEPT);

	ck_assert_int_eq(next(&h, 5000).what, HOLD_SEND);
	hold_answer(&h, 0, SMX_EUNREACHABLE, 5001);
	hold_again(&h, peers, 1, 0, 5001);
	ck_assert_int_eq(next(&h, 5001).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_UNPROTECTED);
}
END_TEST

START_TEST(nobody_is_waited_for_who_has_answered)
{
	struct hold h = begin(2, 1, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_EUNREACHABLE, 5001);
	(void)next(&h, 5001);
	hold_answer(&h, 1, SMX_EFULL, 5002);
	/* The first has been away for long; the second is well. */
	hold_again(&h, peers, 2, 2, 5002);
	ck_assert_int_eq(next(&h, 5002).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_REFUSED);
}
END_TEST

START_TEST(one_that_could_not_be_asked_before_is_waited_for)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_TEMPFAIL);
	struct hold_step step;

	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_EFULL, 5001);
	hold_again(&h, peers, 0, 1 | 2, 5001);
	ck_assert_int_eq(next(&h, 5001).what, HOLD_WAIT);
	hold_again(&h, peers, 2, 1 | 2, 5101);
	step = next(&h, 5101);
	ck_assert_int_eq(step.what, HOLD_SEND);
	ck_assert_uint_eq(step.peer, 1);
}
END_TEST

START_TEST(who_has_lost_it_is_asked_again_after_the_others)
{
	struct hold h = begin(3, 1, SMX_UNPROTECTED_ACCEPT);
	struct hold_step s;

	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_OK, 5001);
	ck_assert_int_eq(hold_hears(&h, 0, HOLD_SURE), 0);
	ck_assert_int_eq(next(&h, 5001).what, HOLD_DONE);
	ck_assert_int_ne(hold_hears(&h, 0, HOLD_LOST), 0);
	ck_assert_uint_eq(h.copies, 0);
	for (size_t i = 0; i < 3; i++) {
		static const size_t order[] = { 1, 2, 0 };

		s = next(&h, 5002);
		ck_assert_int_eq(s.what, HOLD_SEND);
		ck_assert_uint_eq(s.peer, order[i]);
		hold_answer(&h, s.peer, i < 2 ? SMX_EFULL : SMX_EEXIST, 5003);
	}
	ck_assert_int_eq(next(&h, 5003).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_GRANTED);
}
END_TEST

START_TEST(who_is_in_doubt_is_waited_for_until_the_deadline)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_ACCEPT);
	struct hold_step s;

	(void)next(&h, 5000);
	hold_answer(&h, 0, SMX_OK, 5001);
	ck_assert_int_ne(hold_hears(&h, 0, HOLD_DOUBTED), 0);
	ck_assert_int_eq(hold_hears(&h, 0, HOLD_DOUBTED), 0);
	s = next(&h, 5001);
	ck_assert_int_eq(s.what, HOLD_WAIT);
	ck_assert_int_le(s.until_ms, 6000);
	if (_i == 0) {
		ck_assert_int_ne(hold_hears(&h, 0, HOLD_SURE), 0);
		ck_assert_int_eq(next(&h, 5002).what, HOLD_DONE);
		ck_assert_int_eq(h.state, HOLD_GRANTED);
		ck_assert_uint_eq(h.copies, 1);
		ck_assert_uint_eq(h.running, 0);
	} else {
		ck_assert_int_eq(next(&h, 6000).what, HOLD_DONE);
		ck_assert_int_eq(h.state, HOLD_UNPROTECTED);
	}
}
END_TEST

START_TEST(word_of_one_that_has_not_confirmed_is_nothing)
{
	struct hold h = begin(2, 1, SMX_UNPROTECTED_TEMPFAIL);

	(void)next(&h, 5000);
	ck_assert_int_eq(hold_hears(&h, 0, HOLD_LOST), 0);
	hold_answer(&h, 0, SMX_EUNSURE, 5001);
	ck_assert_int_eq(hold_hears(&h, 0, HOLD_SURE), 0);
	ck_assert_uint_eq(h.copies, 0);
}
END_TEST

START_TEST(giving_up_refuses)
{
	struct hold h = begin(1, 1, SMX_UNPROTECTED_ACCEPT);

	(void)next(&h, 5000);
	hold_give_up(&h);
	hold_answer(&h, 0, SMX_OK, 5001);
	ck_assert_int_eq(next(&h, 5001).what, HOLD_DONE);
	ck_assert_int_eq(h.state, HOLD_REFUSED);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hold");
	TCase *tc = tcase_create("hold");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, nobody_to_ask_ends_at_once);
	tcase_add_test(tc, asking_is_not_having);
	tcase_add_test(tc, unsure_is_no_copy);
	tcase_add_test(tc, silent_peer_costs_its_share_only);
	tcase_add_test(tc, late_answer_still_counts);
	tcase_add_test(tc, same_answer_twice_is_one_copy);
	tcase_add_test(tc, refusal_moves_on_at_once);
	tcase_add_test(tc, deadline_ends_every_wait);
	tcase_add_test(tc, too_few_peers_are_not_asked_in_vain);
	tcase_add_test(tc, all_that_are_wanted_are_asked_at_once);
	tcase_add_test(tc, enough_is_short_when_nobody_is_left);
	tcase_add_test(tc, enough_is_short_at_the_deadline);
	tcase_add_test(tc, fewer_than_the_least_are_for_the_policy);
	tcase_add_test(tc, a_third_is_asked_after_the_share_of_a_frozen_one);
	tcase_add_test(tc, the_plan_is_the_same_for_all_while_nothing_fails);
	tcase_add_test(tc, who_failed_is_not_planned_with);
	tcase_add_test(tc,
	    a_peer_that_may_be_back_is_waited_for_and_asked_again);
	tcase_add_test(tc,
	    a_peer_that_may_have_died_of_it_is_asked_once_more_only);
	tcase_add_test(tc, patience_ends_and_so_does_the_wait);
	tcase_add_test(tc, who_has_answered_is_not_asked_again);
	tcase_add_test(tc, who_is_away_for_long_is_not_asked_again);
	tcase_add_test(tc, nobody_is_waited_for_who_has_answered);
	tcase_add_test(tc, one_that_could_not_be_asked_before_is_waited_for);
	tcase_add_test(tc, who_has_lost_it_is_asked_again_after_the_others);
	tcase_add_loop_test(tc,
	    who_is_in_doubt_is_waited_for_until_the_deadline, 0, 2);
	tcase_add_test(tc, word_of_one_that_has_not_confirmed_is_nothing);
	tcase_add_test(tc, giving_up_refuses);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
