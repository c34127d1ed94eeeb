/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hand.h"
#include "folder.h"
#include "io/backup_flush.h"
#include "io/backup_hand.h"
#include "io/backup_mail.h"

#define NOW INT64_C(1800000000000)
#define DAY (INT64_C(24) * 3600 * 1000)
#define ANN UINT64_C(0xa1)
#define BOB UINT64_C(0xfffffffffffffffe)

static struct backup_db *db;
static int64_t mail;

static void
open_db(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
}

static void
again(void)
{
	backup_db_close(&db);
	open_db();
}

static void
setup(void)
{
	static const char *const rcpts[] = { "<ann@example.org>",
		"<bob@example.org>" };
	static const uint64_t hashes[] = { ANN, BOB };
	struct backup_mail_new new = { .queue_id = "4AAAABBBBBBB",
		.domain = "example.org",
		.sender = "<s@example.net>",
		.size = 1000,
		.state = MX_DOWN,
		.taken_ms = NOW,
		.until_ms = NOW + DAY,
		.rcpts = rcpts,
		.hashes = hashes,
		.count = 2 };

	folder_make();
	open_db();
	ck_assert_int_eq(backup_mail_add(db, &new, 1, &mail, NULL, NULL),
	    SMX_OK);
	ck_assert_int_eq(backup_mail_move(db, &mail, 1, CUSTODY_HELD, NOW),
	    SMX_OK);
}

static void
teardown(void)
{
	backup_db_close(&db);
	folder_remove();
}

static struct backup_hand
hand(void)
{
	struct backup_hand h;

	ck_assert_int_eq(backup_hand_look(db, mail, &h), SMX_OK);
	return h;
}

static size_t
booked(void)
{
	uint64_t *hashes;
	size_t count;

	ck_assert_int_eq(backup_hand_booked(db, mail, &hashes, &count), SMX_OK);
	free(hashes);
	return count;
}

static struct backup_mail_sums
sums(void)
{
	struct backup_mail_range range = { .domain = NULL };
	struct backup_mail_sums s;

	ck_assert_int_eq(backup_mail_sum(db, &range, &s), SMX_OK);
	ck_assert_uint_eq(s.taken, s.delivered + s.returned + s.deleted +
				       s.handed + s.unaccounted + s.held +
				       s.queued);
	return s;
}

static struct backup_mail_row
row(const char *id)
{
	struct backup_mail_row r;
	struct backup_mail_page page = { .queue_id = id, .rows = &r, .max = 1 };

	ck_assert_int_eq(backup_mail_look(db, &page), SMX_OK);
	ck_assert_uint_eq(page.count, 1);
	return r;
}

static const uint64_t ann[] = { ANN };

/* Ann has it there, Bob was put off. */
static void
in_part(void)
{
	struct backup_hand_end end = { .mail = mail,
		.taken = ann,
		.count = 1,
		.in_vain = 1,
		.next_ms = NOW + 4000,
		.why = "450 later",
		.queue_id = "4AAAABBBBBBB",
		.wall_ms = NOW };

	ck_assert_int_eq(backup_hand_begin(db, mail), SMX_OK);
	ck_assert_int_eq(backup_hand_ended(db, &end), SMX_OK);
}

START_TEST(who_has_it_is_booked_for_good)
{
	in_part();
	again();
	ck_assert_uint_eq(booked(), 1);
	ck_assert_uint_eq(sums().handed, 1);
	ck_assert_uint_eq(sums().held, 1);
	ck_assert_uint_eq(hand().tries, 1);
	ck_assert_uint_eq(hand().lost, 0);
	ck_assert_int_eq(hand().out, 0);
	ck_assert_int_eq(hand().next_ms, NOW + 4000);
	ck_assert_str_eq(hand().why, "450 later");
	ck_assert_uint_eq(row("4AAAABBBBBBB").handed, 1);
	ck_assert_int_eq(row("4AAAABBBBBBB").hand_next_ms, NOW + 4000);
}
END_TEST

START_TEST(booked_twice_is_booked_once)
{
	in_part();
	in_part();
	ck_assert_uint_eq(booked(), 1);
	ck_assert_uint_eq(sums().handed, 1);
	ck_assert_uint_eq(hand().tries, 2);
}
END_TEST

/* Whom the MTA's file names otherwise has gone with the others. */
START_TEST(all_of_them_end_when_nobody_of_the_domain_is_left)
{
	static const uint64_t other[] = { 0xc3 };
	struct backup_hand_end end = { .mail = mail,
		.taken = other,
		.count = 1,
		.all = 1,
		.why = "",
		.wall_ms = NOW };

	ck_assert_int_eq(backup_hand_begin(db, mail), SMX_OK);
	ck_assert_int_eq(backup_hand_ended(db, &end), SMX_OK);
	ck_assert_uint_eq(sums().handed, 2);
	ck_assert_uint_eq(hand().tries, 0);
}
END_TEST

START_TEST(attempt_that_a_stop_cut_off_is_counted)
{
	ck_assert_int_eq(backup_hand_begin(db, mail), SMX_OK);
	again();
	ck_assert_int_eq(hand().out, 1);
	ck_assert_int_eq(backup_hand_restart(db, NOW), SMX_OK);
	ck_assert_int_eq(hand().out, 0);
	ck_assert_uint_eq(hand().lost, 1);
	ck_assert_uint_eq(hand().tries, 1);
	ck_assert_int_eq(backup_hand_restart(db, NOW), SMX_OK);
	ck_assert_uint_eq(hand().lost, 1);
	/* nobody is known to have it */
	ck_assert_uint_eq(booked(), 0);
	ck_assert_uint_eq(row("4AAAABBBBBBB").handed, 0);
	ck_assert_uint_eq(sums().held, 2);
}
END_TEST

/* Each of them may be a duplicate, whatever it is that the process ends of. */
START_TEST(attempts_cut_off_by_stops_become_rare)
{
	for (unsigned i = 0; i < HAND_LOST_MOST; i++) {
		ck_assert_int_eq(hand().next_ms, 0);
		ck_assert_int_eq(backup_hand_begin(db, mail), SMX_OK);
		again();
		ck_assert_int_eq(backup_hand_restart(db, NOW), SMX_OK);
	}
	ck_assert_int_eq(hand().next_ms, NOW + HAND_LOST_MS);
}
END_TEST

/* The books could not be written when it came back. */
START_TEST(attempt_that_could_not_be_booked_is_lost_once)
{
	ck_assert_int_eq(backup_hand_lost(db, mail, NOW + 4000), SMX_OK);
	ck_assert_uint_eq(hand().lost, 0);
	ck_assert_int_eq(backup_hand_begin(db, mail), SMX_OK);
	ck_assert_int_eq(backup_hand_lost(db, mail + 1, NOW + 1), SMX_OK);
	ck_assert_int_eq(hand().out, 1);
	ck_assert_int_eq(backup_hand_lost(db, mail, NOW + 4000), SMX_OK);
	ck_assert_int_eq(backup_hand_lost(db, mail, NOW + 9000), SMX_OK);
	ck_assert_int_eq(hand().out, 0);
	ck_assert_uint_eq(hand().lost, 1);
	ck_assert_uint_eq(hand().tries, 1);
	ck_assert_int_eq(hand().next_ms, NOW + 4000);
	ck_assert_int_eq(row("4AAAABBBBBBB").hand_next_ms, NOW + 4000);
}
END_TEST

/* The row follows who is left; the former file is to go yet, and until then
 * nothing that was booked is held against the new one. */
START_TEST(who_is_left_goes_on_in_the_same_row)
{
	static const uint64_t bob[] = { BOB };
	struct backup_hand_end end = { .mail = mail,
		.taken = bob,
		.count = 1,
		.all = 1,
		.why = "",
		.queue_id = "4AAAABBBBBBB",
		.new_id = "4CCCCDDDDDDD",
		.wall_ms = NOW };
	struct backup_hand_former former[2];
	size_t count;

	in_part();
	ck_assert_int_eq(backup_hand_begin(db, mail), SMX_OK);
	ck_assert_int_eq(backup_hand_ended(db, &end), SMX_OK);
	again();
	ck_assert_int_eq(row("4CCCCDDDDDDD").custody, CUSTODY_QUEUED);
	ck_assert_uint_eq(row("4CCCCDDDDDDD").handed, 0);
	ck_assert_uint_eq(sums().handed, 1);
	ck_assert_uint_eq(sums().queued, 1);
	ck_assert_int_eq(backup_hand_formers(db, former, 2, &count), SMX_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(former[0].queue_id, "4AAAABBBBBBB");
	ck_assert_str_eq(former[0].sender, "<s@example.net>");
	ck_assert_int_eq(former[0].mail, mail);
	ck_assert_uint_eq(booked(), 2);
	ck_assert_int_eq(backup_hand_forget(db, mail), SMX_OK);
	ck_assert_uint_eq(booked(), 0);
	ck_assert_int_eq(backup_hand_formers(db, former, 2, &count), SMX_OK);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(what_has_ended_takes_its_attempts_along)
{
	struct custody_deed deed = { .kind = CUSTODY_ENDS,
		.mail = mail,
		.end = CUSTODY_DELETED };

	in_part();
	ck_assert_int_eq(backup_mail_do(db, &deed, 1, NOW), SMX_OK);
	ck_assert_int_eq(backup_mail_prune(db, NOW + DAY, 10), SMX_OK);
	ck_assert_uint_eq(booked(), 0);
	ck_assert_uint_eq(hand().tries, 0);
}
END_TEST

/* ---- a file of the first version ---- */

static int
first_version(void *ctx, struct db *on)
{
	(void)ctx;
	return db_exec(on,
	    "DROP TABLE hand; DROP TABLE hand_rcpt; DROP TABLE flush;"
	    "DROP TABLE IF EXISTS split; DROP TABLE outage;"
	    "CREATE TABLE outage (id INTEGER PRIMARY KEY, hop TEXT NOT NULL,"
	    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,"
	    " why TEXT NOT NULL, announced INTEGER NOT NULL);"
	    "CREATE INDEX outage_hop ON outage (hop, from_ms);"
	    "PRAGMA user_version = 1");
}

START_TEST(books_of_the_first_version_are_read_on)
{
	ck_assert_int_eq(backup_db_write(db, first_version, NULL), SMX_OK);
	again();
	ck_assert_uint_eq(sums().held, 2);
	in_part();
	ck_assert_uint_eq(sums().handed, 1);
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW, NOW), SMX_OK);
}
END_TEST

/* ---- flushes ---- */

static char seen[256];

static int
see(void *ctx, const char *domain, int64_t until_ms)
{
	size_t at = strlen(seen);

	(void)ctx;
	snprintf(seen + at, sizeof(seen) - at, "%s %lld;", domain,
	    (long long)(until_ms - NOW));
	return 0;
}

static const char *
flushes(void)
{
	seen[0] = '\0';
	ck_assert_int_eq(backup_flush_each(db, see, NULL), SMX_OK);
	return seen;
}

START_TEST(flush_outlives_the_process)
{
	ck_assert_int_eq(backup_flush_set(db, "b.example", NOW + 1, NOW + 1),
	    SMX_OK);
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW + 2, NOW + 2),
	    SMX_OK);
	ck_assert_int_eq(backup_flush_set(db, "b.example", NOW + 3, NOW + 3),
	    SMX_OK);
	again();
	ck_assert_str_eq(flushes(), "a.example 2;b.example 3;");
}
END_TEST

/* What asks for less, and what ends one; and one of a wrong clock. */
START_TEST(flush_is_not_shortened_but_ended)
{
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW + 60, NOW + DAY),
	    SMX_OK);
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW + 5, NOW + DAY),
	    SMX_OK);
	ck_assert_str_eq(flushes(), "a.example 60;");
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW, NOW), SMX_OK);
	ck_assert_str_eq(flushes(), "a.example 0;");
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW + 2 * DAY,
			     NOW + 3 * DAY),
	    SMX_OK);
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW + 5, NOW + DAY),
	    SMX_OK);
	ck_assert_str_eq(flushes(), "a.example 5;");
}
END_TEST

START_TEST(flush_that_is_over_goes_and_one_of_a_wrong_clock)
{
	ck_assert_int_eq(backup_flush_set(db, "a.example", NOW, NOW), SMX_OK);
	ck_assert_int_eq(backup_flush_set(db, "b.example", NOW + DAY,
			     NOW + DAY),
	    SMX_OK);
	ck_assert_int_eq(backup_flush_set(db, "c.example", NOW + DAY + 1,
			     NOW + DAY + 1),
	    SMX_OK);
	ck_assert_int_eq(backup_flush_prune(db, NOW, DAY), SMX_OK);
	ck_assert_str_eq(flushes(), "b.example 86400000;");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_hand");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, who_has_it_is_booked_for_good);
	tcase_add_test(tc, booked_twice_is_booked_once);
	tcase_add_test(tc, all_of_them_end_when_nobody_of_the_domain_is_left);
	tcase_add_test(tc, attempt_that_a_stop_cut_off_is_counted);
	tcase_add_test(tc, attempts_cut_off_by_stops_become_rare);
	tcase_add_test(tc, attempt_that_could_not_be_booked_is_lost_once);
	tcase_add_test(tc, who_is_left_goes_on_in_the_same_row);
	tcase_add_test(tc, what_has_ended_takes_its_attempts_along);
	tcase_add_test(tc, books_of_the_first_version_are_read_on);
	tcase_add_test(tc, flush_outlives_the_process);
	tcase_add_test(tc, flush_is_not_shortened_but_ended);
	tcase_add_test(tc, flush_that_is_over_goes_and_one_of_a_wrong_clock);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
