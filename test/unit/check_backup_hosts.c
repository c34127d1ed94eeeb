/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_hosts.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"

/* What outlives the process of the primary MX hosts. */

#define A "smtp:[mx1.example.org]:25"
#define B "smtp:[mx2.example.org]:25"
#define T INT64_C(1790000000000)

static struct backup_db *db;

static void
open_db(void)
{
	char why[256];

	ck_assert_int_eq(backup_db_open(&db, folder, why, sizeof(why)), SMX_OK);
}

static void
setup(void)
{
	folder_make();
	open_db();
}

static void
teardown(void)
{
	backup_db_close(&db);
	folder_remove();
}

static void
again(void)
{
	backup_db_close(&db);
	open_db();
}

static void
change(const char *hop, enum mx_state state, int64_t at_ms, int announced)
{
	struct backup_host host = { .state = state,
		.since_ms = at_ms,
		.seen_ms = at_ms };

	snprintf(host.hop, sizeof(host.hop), "%s", hop);
	snprintf(host.why, sizeof(host.why), "no route");
	ck_assert_int_eq(backup_host_change(db, &host,
			     state == MX_DOWN ? OUTAGE_BEGINS : OUTAGE_ENDS,
			     announced),
	    SMX_OK);
}

struct seen {
	size_t count;
	struct backup_outage outage[8];
	struct backup_host host[8];
	char domain[8][64];
	int64_t until_ms[8];
};

static int
outage(void *ctx, const struct backup_outage *o)
{
	struct seen *seen = ctx;

	seen->outage[seen->count++] = *o;
	return 0;
}

static int
host(void *ctx, const struct backup_host *h)
{
	struct seen *seen = ctx;

	seen->host[seen->count++] = *h;
	return 0;
}

static int
maintenance(void *ctx, const char *domain, int64_t from_ms, int64_t until_ms)
{
	struct seen *seen = ctx;

	ck_assert_int_eq(from_ms, T);
	snprintf(seen->domain[seen->count], 64, "%s", domain);
	seen->until_ms[seen->count++] = until_ms;
	return 0;
}

static struct seen
outages(const char *hop, int64_t since_ms)
{
	struct seen seen = { .count = 0 };

	ck_assert_int_eq(backup_outages_each(db, hop, since_ms, outage, &seen),
	    SMX_OK);
	return seen;
}

START_TEST(outage_has_a_beginning_an_end_and_a_reason)
{
	struct seen seen;

	change(A, MX_DOWN, T, 0);
	seen = outages(A, 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(seen.outage[0].from_ms, T);
	ck_assert_int_eq(seen.outage[0].to_ms, 0);
	ck_assert_str_eq(seen.outage[0].why, "no route");
	again();
	change(A, MX_UP, T + 5000, 0);
	seen = outages(A, 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(seen.outage[0].to_ms, T + 5000);
}
END_TEST

START_TEST(newest_comes_first_and_others_are_left_alone)
{
	struct seen seen;

	change(A, MX_DOWN, T, 0);
	change(B, MX_DOWN, T + 1, 1);
	change(A, MX_UP, T + 1000, 0);
	change(A, MX_DOWN, T + 2000, 1);
	seen = outages(A, 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_int_eq(seen.outage[0].from_ms, T + 2000);
	ck_assert_int_eq(seen.outage[0].announced, 1);
	ck_assert_int_eq(seen.outage[1].announced, 0);
	ck_assert_int_eq(seen.outage[1].to_ms, T + 1000);
	ck_assert_uint_eq(outages(NULL, 0).count, 3);
	ck_assert_uint_eq(outages(NULL, T + 1500).count, 2);
	ck_assert_int_eq(outages(B, 0).outage[0].to_ms, 0);
}
END_TEST

START_TEST(clock_that_went_back_does_not_end_it_before_it_began)
{
	struct seen seen;

	change(A, MX_DOWN, T, 0);
	change(A, MX_UP, T - 100000, 0);
	seen = outages(A, 0);
	ck_assert_int_gt(seen.outage[0].to_ms, seen.outage[0].from_ms);
}
END_TEST

START_TEST(one_that_nobody_ended_ends_with_the_next)
{
	struct seen seen;

	change(A, MX_DOWN, T, 0);
	change(A, MX_DOWN, T + 9000, 0);
	seen = outages(A, 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_int_eq(seen.outage[0].to_ms, 0);
	ck_assert_int_eq(seen.outage[1].to_ms, T + 9000);
}
END_TEST

START_TEST(states_are_those_of_the_last_word)
{
	struct backup_host row = { .hop = B,
		.state = MX_UP,
		.since_ms = T,
		.seen_ms = T + 7 };
	struct seen seen = { .count = 0 };

	change(A, MX_DOWN, T, 0);
	ck_assert_int_eq(backup_hosts_put(db, &row, 1), SMX_OK);
	row.seen_ms = T + 70;
	ck_assert_int_eq(backup_hosts_put(db, &row, 1), SMX_OK);
	again();
	ck_assert_int_eq(backup_hosts_each(db, host, &seen), SMX_OK);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_str_eq(seen.host[0].hop, A);
	ck_assert_int_eq(seen.host[0].state, MX_DOWN);
	ck_assert_int_eq(seen.host[1].state, MX_UP);
	ck_assert_int_eq(seen.host[1].seen_ms, T + 70);
}
END_TEST

START_TEST(maintenance_is_kept_changed_and_ended)
{
	struct seen seen = { .count = 0 };

	ck_assert_int_eq(backup_maintenance_put(db, "b.example", T, T + 1),
	    SMX_OK);
	ck_assert_int_eq(backup_maintenance_put(db, "a.example", T, T + 2),
	    SMX_OK);
	ck_assert_int_eq(backup_maintenance_put(db, "b.example", T, T + 3),
	    SMX_OK);
	again();
	ck_assert_int_eq(backup_maintenances_each(db, maintenance, &seen),
	    SMX_OK);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_str_eq(seen.domain[1], "b.example");
	ck_assert_int_eq(seen.until_ms[1], T + 3);
	ck_assert_int_eq(backup_maintenance_put(db, "a.example", 0, 0), SMX_OK);
	seen.count = 0;
	ck_assert_int_eq(backup_maintenances_each(db, maintenance, &seen),
	    SMX_OK);
	ck_assert_uint_eq(seen.count, 1);
}
END_TEST

START_TEST(what_is_old_is_forgotten_and_what_lasts_is_not)
{
	struct seen seen = { .count = 0 };

	change(A, MX_DOWN, T, 0);
	change(A, MX_UP, T + 10, 0);
	change(B, MX_DOWN, T, 0);
	ck_assert_int_eq(backup_maintenance_put(db, "a.example", T, T + 2),
	    SMX_OK);
	ck_assert_int_eq(backup_hosts_prune(db, T + 10), SMX_OK);
	ck_assert_uint_eq(outages(NULL, 0).count, 2);
	ck_assert_int_eq(backup_hosts_prune(db, T + 1000), SMX_OK);
	ck_assert_uint_eq(outages(NULL, 0).count, 1);
	ck_assert_str_eq(outages(NULL, 0).outage[0].hop, B);
	ck_assert_int_eq(backup_hosts_each(db, host, &seen), SMX_OK);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_str_eq(seen.host[0].hop, B);
	seen.count = 0;
	ck_assert_int_eq(backup_maintenances_each(db, maintenance, &seen),
	    SMX_OK);
	ck_assert_uint_eq(seen.count, 0);
}
END_TEST

/* ---- what was taken meanwhile ---- */

struct taking {
	struct backup_mail_host host;
	int64_t ended_ms;
	struct backup_outage_taken taken;
};

static int
take_one(void *ctx, struct db *on)
{
	const struct taking *t = ctx;

	return backup_outage_count(db, on, &t->host, t->ended_ms, &t->taken);
}

static void
take(const char *hop, int64_t down_ms, int64_t ended_ms)
{
	struct taking t = { .ended_ms = ended_ms, .taken = { 1, 2, 1000 } };

	snprintf(t.host.hop, sizeof(t.host.hop), "%s", hop);
	snprintf(t.host.why, sizeof(t.host.why), "no answer");
	t.host.down_ms = down_ms;
	ck_assert_int_eq(backup_db_write(db, take_one, &t), SMX_OK);
}

START_TEST(an_outage_counts_what_was_taken_in_it)
{
	struct seen seen;

	change(A, MX_DOWN, T, 0);
	take(A, T, T);
	take(A, T, T);
	change(A, MX_UP, T + 5000, 0);
	again();
	change(A, MX_DOWN, T + 9000, 0);
	take(A, T + 9000, T);
	take(B, 0, T); /* up, and never was down */
	seen = outages(NULL, 0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_uint_eq(seen.outage[0].taken.messages, 1);
	ck_assert_uint_eq(seen.outage[1].taken.messages, 2);
	ck_assert_uint_eq(seen.outage[1].taken.recipients, 4);
	ck_assert_uint_eq(seen.outage[1].taken.bytes, 2000);
}
END_TEST

/* Neither order of the two is certain. */
START_TEST(an_outage_may_be_begun_by_what_is_taken_in_it)
{
	struct seen seen;

	take(A, T, T);
	change(A, MX_DOWN, T, 1);
	take(A, T, T);
	seen = outages(A, 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(seen.outage[0].from_ms, T);
	ck_assert_int_eq(seen.outage[0].to_ms, 0);
	ck_assert_int_eq(seen.outage[0].announced, 1);
	ck_assert_str_eq(seen.outage[0].why, "no route");
	ck_assert_uint_eq(seen.outage[0].taken.messages, 2);
}
END_TEST

START_TEST(what_was_agreed_to_before_it_was_over_belongs_to_it)
{
	struct seen seen;

	change(A, MX_DOWN, T, 0);
	change(A, MX_UP, T + 1000, 0);
	take(A, 0, T + 500);
	take(A, 0, T + 1001); /* too long ago */
	seen = outages(A, 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.outage[0].taken.messages, 1);
}
END_TEST

/* Its beginning or its end could not be written when it came. */
START_TEST(what_could_not_be_written_is_mended_with_the_states)
{
	struct backup_host now = { .hop = A,
		.state = MX_DOWN,
		.since_ms = T,
		.seen_ms = T,
		.why = "no route" };

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(backup_hosts_put(db, &now, 1), SMX_OK);
	ck_assert_uint_eq(outages(A, 0).count, 1);
	ck_assert_int_eq(outages(A, 0).outage[0].from_ms, T);
	ck_assert_int_eq(outages(A, 0).outage[0].to_ms, 0);
	now.state = MX_UNKNOWN;
	ck_assert_int_eq(backup_hosts_put(db, &now, 1), SMX_OK);
	ck_assert_int_eq(outages(A, 0).outage[0].to_ms, 0);
	now.state = MX_UP;
	now.since_ms = T + 7000;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(backup_hosts_put(db, &now, 1), SMX_OK);
	ck_assert_uint_eq(outages(A, 0).count, 1);
	ck_assert_int_eq(outages(A, 0).outage[0].to_ms, T + 7000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backup_hosts");
	TCase *tc = tcase_create("backup_hosts");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, outage_has_a_beginning_an_end_and_a_reason);
	tcase_add_test(tc, newest_comes_first_and_others_are_left_alone);
	tcase_add_test(tc,
	    clock_that_went_back_does_not_end_it_before_it_began);
	tcase_add_test(tc, one_that_nobody_ended_ends_with_the_next);
	tcase_add_test(tc, states_are_those_of_the_last_word);
	tcase_add_test(tc, maintenance_is_kept_changed_and_ended);
	tcase_add_test(tc, what_is_old_is_forgotten_and_what_lasts_is_not);
	tcase_add_test(tc, an_outage_counts_what_was_taken_in_it);
	tcase_add_test(tc, an_outage_may_be_begun_by_what_is_taken_in_it);
	tcase_add_test(tc, what_was_agreed_to_before_it_was_over_belongs_to_it);
	tcase_add_test(tc, what_could_not_be_written_is_mended_with_the_states);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
