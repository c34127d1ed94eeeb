/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/deliver.h"

#define RCPTS    3
#define OUTCOMES 7
#define POLICIES 6

static const struct smx_ack policies[POLICIES] = {
	{ .policy = "unasked", .when = 0 },
	{ .policy = "copy",
	    .when = SMX_WHEN_SHADOWED,
	    .copies = 2,
	    .min_copies = 1,
	    .max_delay_ms = 9000,
	    .when_unprotected = SMX_UNPROTECTED_ACCEPT,
	    .holders = 7 },
	{ .policy = "both",
	    .when = SMX_WHEN_DELIVERED | SMX_WHEN_SHADOWED,
	    .copies = 1,
	    .min_copies = 1,
	    .max_delay_ms = 8000,
	    .when_unprotected = SMX_UNPROTECTED_ACCEPT,
	    .holders = 7 },
	{ .policy = "both-or-later",
	    .when = SMX_WHEN_DELIVERED | SMX_WHEN_SHADOWED,
	    .copies = 1,
	    .min_copies = 1,
	    .max_delay_ms = 7000,
	    .when_unprotected = SMX_UNPROTECTED_TEMPFAIL,
	    .holders = 7 },
	{ .policy = "hop",
	    .when = SMX_WHEN_DELIVERED,
	    .copies = 1,
	    .min_copies = 1,
	    .max_delay_ms = 6000,
	    .when_unprotected = SMX_UNPROTECTED_ACCEPT,
	    .holders = 7 },
	{ .policy = "hop-or-later",
	    .when = SMX_WHEN_DELIVERED,
	    .copies = 1,
	    .min_copies = 1,
	    .max_delay_ms = 5000,
	    .when_unprotected = SMX_UNPROTECTED_TEMPFAIL,
	    .holders = 7 },
};

static struct deliver_rcpt rcpts[RCPTS];
static struct deliver_verdict verdict;
static unsigned char strike[RCPTS];

/* One number stands for one combination. */
static size_t
combinations(size_t n)
{
	size_t all = 1;

	while (n-- > 0)
		all *= OUTCOMES * POLICIES;
	return all;
}

static void
set_up(size_t n, size_t which)
{
	for (size_t i = 0; i < n; i++) {
		rcpts[i].outcome = (enum deliver_outcome)(
		    DELIVER_NOT_ASKED + which % OUTCOMES);
		which /= OUTCOMES;
		rcpts[i].ack = &policies[which % POLICIES];
		which /= POLICIES;
	}
	memset(strike, 0xee, sizeof(strike));
	deliver_decide(rcpts, n, &verdict, strike);
}

/*
 * The oracle: what becomes of each recipient in the end, from outside.
 * shadowed: could the copies be had; booked: could the book be written.
 */
struct end {
	int discarded, refused, permanent, recorded;
};

static struct end
play(int shadowed, int booked)
{
	struct end end = { 0 };
	int ok;

	if (verdict.what == DELIVER_DISCARD) {
		end.discarded = 1;
		return end;
	}
	if (verdict.what == DELIVER_REFUSE) {
		end.refused = end.permanent = 1;
		return end;
	}
	ck_assert_int_eq(verdict.what, DELIVER_HOLD);
	ok = verdict.wish.when == 0 ||
	     (shadowed && verdict.wish.when == SMX_WHEN_SHADOWED) ||
	     verdict.wish.when_unprotected == SMX_UNPROTECTED_ACCEPT;
	if (!ok && deliver_may_refuse(&verdict, booked)) {
		end.refused = 1;
		end.recorded = verdict.book && booked;
	}
	return end;
}

static int
any(size_t n, enum deliver_outcome outcome)
{
	for (size_t i = 0; i < n; i++)
		if (rcpts[i].outcome == outcome)
			return 1;
	return 0;
}

static void
judge(size_t n, const struct end *end)
{
	for (size_t i = 0; i < n; i++) {
		enum deliver_outcome o = rcpts[i].outcome;
		int out = o == DELIVER_TAKEN || o == DELIVER_KNOWN;

		/* Nobody is lost: delivered, or in the message, or refused. */
		ck_assert(
		    out || end->refused || (!end->discarded && !strike[i]));
		/* Nobody is delivered twice by us. */
		ck_assert(!out || end->discarded || end->refused || strike[i]);
		ck_assert_int_eq(strike[i], out);
	}
	if (end->refused && any(n, DELIVER_TAKEN))
		ck_assert(end->recorded);
	/* For good is said of a message only when nobody has it, nor may. */
	if (end->permanent)
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(rcpts[i].outcome, DELIVER_NO);
}

/* The wish is that of the rest alone. */
static void
judge_wish(size_t n)
{
	unsigned copies = 0, when = 0;
	int later = 0;

	if (verdict.what != DELIVER_HOLD)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct smx_ack *a = rcpts[i].ack;

		if (strike[i] || a->when == 0)
			continue;
		when |= a->when;
		copies = a->copies > copies ? a->copies : copies;
		later |= a->when_unprotected == SMX_UNPROTECTED_TEMPFAIL;
	}
	if ((when & SMX_WHEN_SHADOWED) != 0)
		when = SMX_WHEN_SHADOWED;
	ck_assert_uint_eq(verdict.wish.when, when);
	if (when == 0)
		return;
	ck_assert_uint_eq(verdict.wish.copies, copies);
	ck_assert_int_eq(verdict.wish.when_unprotected ==
			     SMX_UNPROTECTED_TEMPFAIL,
	    later);
}

START_TEST(nobody_is_lost_and_nobody_delivered_is_refused_unrecorded)
{
	size_t n = (size_t)_i;

	for (size_t which = 0; which < combinations(n); which++) {
		set_up(n, which);
		judge_wish(n);
		for (int world = 0; world < 4; world++) {
			struct end end = play(world & 1, world >> 1);

			judge(n, &end);
		}
	}
}
END_TEST

static void
decide(enum deliver_outcome a, enum deliver_outcome b, size_t policy)
{
	rcpts[0] = (struct deliver_rcpt){ a, &policies[policy] };
	rcpts[1] = (struct deliver_rcpt){ b, &policies[policy] };
	deliver_decide(rcpts, 2, &verdict, strike);
}

START_TEST(all_taken_is_discarded)
{
	decide(DELIVER_TAKEN, DELIVER_TAKEN, 2);
	ck_assert_int_eq(verdict.what, DELIVER_DISCARD);
	decide(DELIVER_TAKEN, DELIVER_KNOWN, 2);
	ck_assert_int_eq(verdict.what, DELIVER_DISCARD);
	ck_assert_uint_eq(verdict.taken, 1);
	ck_assert_uint_eq(verdict.known, 1);
}
END_TEST

START_TEST(all_refused_for_good_is_refused_in_their_words)
{
	decide(DELIVER_NO, DELIVER_NO, 2);
	ck_assert_int_eq(verdict.what, DELIVER_REFUSE);
	ck_assert_uint_eq(verdict.words, 0);
}
END_TEST

START_TEST(refused_for_good_and_anything_else_stays_in_the_message)
{
	static const enum deliver_outcome others[] = { DELIVER_NOT_ASKED,
		DELIVER_GIVEN_UP, DELIVER_TAKEN, DELIVER_KNOWN, DELIVER_TEMP,
		DELIVER_UNSURE };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		decide(DELIVER_NO, others[i], 2);
		ck_assert_int_eq(verdict.what, DELIVER_HOLD);
		ck_assert_int_eq(strike[0], 0);
	}
}
END_TEST

START_TEST(a_4xx_is_kept_for_the_case_that_the_rest_is_refused)
{
	decide(DELIVER_GIVEN_UP, DELIVER_TEMP, 5);
	ck_assert_int_eq(verdict.what, DELIVER_HOLD);
	ck_assert_uint_eq(verdict.words, 1);
	ck_assert_uint_eq(verdict.wish.when, SMX_WHEN_DELIVERED);
	decide(DELIVER_GIVEN_UP, DELIVER_UNSURE, 5);
	ck_assert_uint_eq(verdict.words, DELIVER_NO_WORDS);
}
END_TEST

START_TEST(what_was_known_before_needs_no_book_again)
{
	decide(DELIVER_KNOWN, DELIVER_TEMP, 3);
	ck_assert_int_eq(verdict.book, 0);
	ck_assert(deliver_may_refuse(&verdict, 0));
	decide(DELIVER_TAKEN, DELIVER_TEMP, 3);
	ck_assert_int_eq(verdict.book, 1);
	ck_assert(!deliver_may_refuse(&verdict, 0));
	ck_assert(deliver_may_refuse(&verdict, 1));
}
END_TEST

START_TEST(without_recipients_nothing_is_discarded)
{
	deliver_decide(rcpts, 0, &verdict, strike);
	ck_assert_int_eq(verdict.what, DELIVER_HOLD);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("deliver");
	TCase *tc = tcase_create("verdict");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc,
	    nobody_is_lost_and_nobody_delivered_is_refused_unrecorded, 1,
	    RCPTS + 1);
	tcase_add_test(tc, all_taken_is_discarded);
	tcase_add_test(tc, all_refused_for_good_is_refused_in_their_words);
	tcase_add_test(tc,
	    refused_for_good_and_anything_else_stays_in_the_message);
	tcase_add_test(tc, a_4xx_is_kept_for_the_case_that_the_rest_is_refused);
	tcase_add_test(tc, what_was_known_before_needs_no_book_again);
	tcase_add_test(tc, without_recipients_nothing_is_discarded);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
