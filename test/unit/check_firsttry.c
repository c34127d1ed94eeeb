/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/firsttry.h"
#include "core/harvest.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define GRACE  (15 * MINUTE)
#define MOST   1000
#define A      "a@sender.example"
#define R      "r@example.org"

static struct firsttries *tries;
static struct harvest *harvest;
static int64_t now;

static void
fresh(void)
{
	now = 0;
	ck_assert_int_eq(firsttries_new(&tries, 0x1234567890abcdef), SMX_OK);
	ck_assert_int_eq(harvest_new(&harvest, 0xfedcba0987654321), SMX_OK);
}

static void
gone(void)
{
	firsttries_free(&tries);
	harvest_free(&harvest);
}

static struct clientnet
net(const char *client)
{
	struct clientnet n;

	ck_assert_int_eq(clientnet_of(client, &n), SMX_OK);
	return n;
}

static enum firsttry_word
try_most(const char *client, const char *sender, const char *rcpt, size_t most)
{
	struct clientnet n = net(client);

	return firsttry_ask(tries, &n, sender, rcpt, GRACE, most, now);
}

static enum firsttry_word
try(const char *client, const char *sender, const char *rcpt)
{
	return try_most(client, sender, rcpt, MOST);
}

/* Sender number i. */
static enum firsttry_word
try_many(unsigned i, size_t most)
{
	char sender[64];

	snprintf(sender, sizeof(sender), "%u@sender.example", i);
	return try_most("192.0.2.1", sender, R, most);
}

START_TEST(a_retry_counts_when_the_grace_is_over)
{
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_FIRST);
	now = GRACE - 1;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_EARLY);
	now = GRACE;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
}
END_TEST

START_TEST(an_early_retry_does_not_set_the_clock_back)
{
	for (now = 0; now < GRACE; now += MINUTE)
		ck_assert_int_eq(try("192.0.2.1", A, R),
		    now == 0 ? FIRSTTRY_FIRST : FIRSTTRY_EARLY);
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
}
END_TEST

/* The 250 may not come for another reason; then it comes again. */
START_TEST(a_retry_stays_one_until_the_window_is_over)
{
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_FIRST);
	now = GRACE + FIRSTTRY_WINDOW_MS - 1;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
	now++;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_FIRST);
	now += GRACE - 1;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_EARLY);
	now++;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
	ck_assert_uint_eq(firsttries_count(tries), 1);
}
END_TEST

START_TEST(each_of_the_three_makes_another_one)
{
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_FIRST);
	now = GRACE;
	ck_assert_int_eq(try("192.0.2.254", A, R), FIRSTTRY_RETRY);
	ck_assert_int_eq(try("192.0.3.1", A, R), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("192.0.2.1", "", R), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("192.0.2.1", A, "s@example.org"), FIRSTTRY_FIRST);
	/* what leaves one part does not come into the next */
	ck_assert_int_eq(try("192.0.2.1", "ab", "c"), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("192.0.2.1", "a", "bc"), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
}
END_TEST

START_TEST(a_network_is_24_bits_of_ipv4_and_64_of_ipv6)
{
	ck_assert_int_eq(try("2001:db8:1:2::1", A, R), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("2001:db8:1:2:ffff::9", A, R), FIRSTTRY_EARLY);
	ck_assert_int_eq(try("2001:db8:1:3::1", A, R), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("::ffff:192.0.2.1", A, R), FIRSTTRY_FIRST);
	ck_assert_int_eq(try("192.0.2.9", A, R), FIRSTTRY_EARLY);
}
END_TEST

START_TEST(a_clock_that_stands_or_goes_back_makes_nobody_wait_anew)
{
	now = HOUR;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_FIRST);
	now = 0;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_EARLY);
	now = HOUR + GRACE;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_RETRY);
	now = INT64_C(4000) * 24 * HOUR;
	ck_assert_int_eq(try("192.0.2.1", A, R), FIRSTTRY_FIRST);
}
END_TEST

START_TEST(a_full_table_loses_what_is_over_before_the_oldest)
{
	for (unsigned i = 0; i < MOST; i++) {
		now = i;
		ck_assert_int_eq(try_many(i, MOST), FIRSTTRY_FIRST);
	}
	ck_assert_uint_eq(firsttries_count(tries), MOST);
	/* nothing is over: the oldest goes */
	ck_assert_int_eq(try_many(MOST, MOST), FIRSTTRY_FIRST);
	ck_assert_uint_eq(firsttries_pushed_out(tries), 1);
	ck_assert_int_eq(try_many(1, MOST), FIRSTTRY_EARLY);
	/* 1 .. 9 are over */
	now = GRACE + FIRSTTRY_WINDOW_MS + 9;
	ck_assert_int_eq(try_many(MOST + 1, MOST), FIRSTTRY_FIRST);
	ck_assert_uint_eq(firsttries_pushed_out(tries), 1);
	ck_assert_uint_lt(firsttries_count(tries), MOST);
	ck_assert_int_eq(try_many(10, MOST), FIRSTTRY_RETRY);
	ck_assert_int_eq(try_many(MOST, MOST), FIRSTTRY_RETRY);
}
END_TEST

/* One whose grace is longer is older and not over. */
START_TEST(another_grace_has_another_end)
{
	struct clientnet n = net("192.0.2.1");

	ck_assert_int_eq(firsttry_ask(tries, &n, "long", R, 7 * 24 * HOUR, 2,
			     0),
	    FIRSTTRY_FIRST);
	ck_assert_int_eq(firsttry_ask(tries, &n, "short", R, GRACE, 2, 1),
	    FIRSTTRY_FIRST);
	now = FIRSTTRY_WINDOW_MS + GRACE + 1;
	ck_assert_int_eq(firsttry_ask(tries, &n, "next", R, GRACE, 2, now),
	    FIRSTTRY_FIRST);
	ck_assert_uint_eq(firsttries_pushed_out(tries), 0);
	ck_assert_int_eq(firsttry_ask(tries, &n, "long", R, 7 * 24 * HOUR, 2,
			     now),
	    FIRSTTRY_EARLY);
	ck_assert_int_eq(firsttry_ask(tries, &n, "short", R, GRACE, 2, now),
	    FIRSTTRY_FIRST);
}
END_TEST

START_TEST(a_lower_ceiling_holds_at_once)
{
	for (unsigned i = 0; i < 500; i++)
		ck_assert_int_eq(try_many(i, MOST), FIRSTTRY_FIRST);
	ck_assert_int_eq(try_many(500, 10), FIRSTTRY_FIRST);
	ck_assert_uint_eq(firsttries_count(tries), 10);
}
END_TEST

/* Against a list that is looked through from end to end. */
START_TEST(it_agrees_with_a_plain_list)
{
	enum { N = 3000, STEPS = 40000 };
	int64_t first[N];
	unsigned seed = (unsigned)_i + 1;

	for (unsigned i = 0; i < N; i++)
		first[i] = -1;
	for (unsigned s = 0; s < STEPS; s++) {
		unsigned i;
		enum firsttry_word want;

		seed = seed * 1103515245u + 12345u;
		i = seed / 65536u % N;
		now += seed % 1000 * 50;
		if (first[i] < 0 ||
		    now - first[i] >= GRACE + FIRSTTRY_WINDOW_MS) {
			want = FIRSTTRY_FIRST;
			first[i] = now;
		} else {
			want = now - first[i] >= GRACE ? FIRSTTRY_RETRY
						       : FIRSTTRY_EARLY;
		}
		ck_assert_int_eq(try_many(i, N), want);
	}
	ck_assert_uint_eq(firsttries_pushed_out(tries), 0);
}
END_TEST

/* ---- harvest ---- */

static int
over(const char *client, int64_t most)
{
	struct clientnet n = net(client);

	return harvest_over(harvest, &n, most, now);
}

static uint32_t
guess(const char *client)
{
	struct clientnet n = net(client);

	return harvest_count(harvest, &n, now);
}

START_TEST(a_harvester_is_over_for_the_rest_of_the_minute)
{
	now = MINUTE - 5;
	for (int i = 0; i < 3; i++, now++) {
		ck_assert(!over("192.0.2.1", 3));
		ck_assert_uint_eq(guess("192.0.2.7"), (unsigned)i + 1);
	}
	ck_assert(!over("192.0.2.1", 3));
	ck_assert_uint_eq(guess("192.0.2.1"), 4);
	ck_assert(over("192.0.2.200", 3));
	ck_assert(!over("192.0.3.1", 3));
	ck_assert(!over("192.0.2.1", 0));
	now = 2 * MINUTE - 6;
	ck_assert(over("192.0.2.1", 3));
	now++;
	ck_assert(!over("192.0.2.1", 3));
	ck_assert_uint_eq(guess("192.0.2.1"), 1);
}
END_TEST

/* However many come with one guess each, who guesses a lot is seen. */
START_TEST(a_crowd_does_not_hide_a_harvester)
{
	char client[64];

	for (unsigned i = 0; i < 30; i++)
		guess("192.0.2.1");
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.1", i / 256 % 256,
		    i % 256);
		if (i >= 65536)
			snprintf(client, sizeof(client), "11.%u.%u.1",
			    i / 256 % 256, i % 256);
		guess(client);
	}
	ck_assert(over("192.0.2.1", 20));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("firsttry");
	TCase *t = tcase_create("tries");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, fresh, gone);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_retry_counts_when_the_grace_is_over);
	tcase_add_test(t, an_early_retry_does_not_set_the_clock_back);
	tcase_add_test(t, a_retry_stays_one_until_the_window_is_over);
	tcase_add_test(t, each_of_the_three_makes_another_one);
	tcase_add_test(t, a_network_is_24_bits_of_ipv4_and_64_of_ipv6);
	tcase_add_test(t,
	    a_clock_that_stands_or_goes_back_makes_nobody_wait_anew);
	tcase_add_test(t, a_full_table_loses_what_is_over_before_the_oldest);
	tcase_add_test(t, another_grace_has_another_end);
	tcase_add_test(t, a_lower_ceiling_holds_at_once);
	tcase_add_loop_test(t, it_agrees_with_a_plain_list, 0, 3);
	suite_add_tcase(s, t);
	t = tcase_create("harvest");
	tcase_add_checked_fixture(t, fresh, gone);
	tcase_add_test(t, a_harvester_is_over_for_the_rest_of_the_minute);
	tcase_add_test(t, a_crowd_does_not_hide_a_harvester);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
