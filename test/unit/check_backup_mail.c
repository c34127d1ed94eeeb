/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "io/backup_mail.h"

#define NOW INT64_C(1800000000000)
#define DAY (INT64_C(24) * 3600 * 1000)
#define ANN UINT64_C(0xa1)
#define BOB UINT64_C(0xfffffffffffffffe)

static struct backup_db *db;

static void
open_db(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
}

static void
fresh(void)
{
	folder_make();
	open_db();
}

static void
gone(void)
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

static int64_t
add(const char *id, const char *domain, int64_t taken_ms, int held)
{
	static const char *const rcpts[] = { "<ann@example.org>",
		"<bob@example.org>" };
	static const uint64_t hashes[] = { ANN, BOB };
	struct backup_mail_new mail = { .queue_id = id,
		.domain = domain,
		.sender = "<s@example.net>",
		.size = 1000,
		.state = held ? MX_DOWN : MX_UP,
		.taken_ms = taken_ms,
		.until_ms = held ? taken_ms + 5 * DAY : 0,
		.rcpts = rcpts,
		.hashes = hashes,
		.count = 2 };
	int64_t row = 0;

	ck_assert_int_eq(backup_mail_add(db, &mail, 1, &row, NULL, NULL),
	    SMX_OK);
	return row;
}

static void
does(enum custody_deed_kind kind, int64_t mail, int how, uint64_t hash,
    const char *id)
{
	struct custody_deed deed = { .kind = kind,
		.mail = mail,
		.custody = (enum custody)how,
		.end = (enum custody_end)how,
		.hash = hash };

	snprintf(deed.id, sizeof(deed.id), "%s", id);
	/* Whoever cannot know whether it was done does it again. */
	ck_assert_int_eq(backup_mail_do(db, &deed, 1, NOW + 1), SMX_OK);
	ck_assert_int_eq(backup_mail_do(db, &deed, 1, NOW + 2), SMX_OK);
}

static struct backup_mail_sums
sums(const char *domain, int64_t from_ms, int64_t to_ms)
{
	struct backup_mail_range range = { domain, from_ms, to_ms, 0 };
	struct backup_mail_sums s;

	ck_assert_int_eq(backup_mail_sum(db, &range, &s), SMX_OK);
	ck_assert_uint_eq(s.taken, s.delivered + s.returned + s.deleted +
				       s.unaccounted + s.held + s.queued);
	return s;
}

static char seen[512];

static int
on_open(void *ctx, const struct custody_new *mail)
{
	size_t at = strlen(seen);

	(void)ctx;
	snprintf(seen + at, sizeof(seen) - at, "%s %s %d %d %zu:%llx;",
	    mail->queue_id, mail->domain, (int)mail->custody, mail->hold,
	    mail->count,
	    mail->count == 0 ? 0 : (unsigned long long)mail->open[0]);
	return 0;
}

static const char *
open_ones(int64_t after)
{
	seen[0] = '\0';
	ck_assert_int_eq(backup_mail_each_open(db, after, 100, on_open, NULL),
	    SMX_OK);
	return seen;
}

START_TEST(what_was_taken_survives)
{
	int64_t id = add("4A1", "example.org", NOW, 1);

	again();
	ck_assert_str_eq(open_ones(0), "4A1 example.org 1 1 2:a1;");
	ck_assert_str_eq(open_ones(id), "");
}
END_TEST

START_TEST(several_rows_are_written_or_none)
{
	static const char *const rcpts[] = { "<ann@a.example>" };
	static const uint64_t hashes[] = { ANN };
	struct backup_mail_new mail[2] = { { .queue_id = "4A1",
	    .domain = "a.example",
	    .sender = "<>",
	    .rcpts = rcpts,
	    .hashes = hashes,
	    .count = 1 } };
	int64_t ids[2];

	mail[1] = mail[0];
	mail[1].domain = "b.example";
	ck_assert_int_eq(backup_mail_add(db, mail, 2, ids, NULL, NULL), SMX_OK);
	ck_assert_int_ne(ids[0], ids[1]);
	ck_assert_uint_eq(sums("a.example", 0, 0).taken, 1);
	ck_assert_uint_eq(sums("b.example", 0, 0).taken, 1);
	ck_assert_uint_eq(sums(NULL, 0, 0).messages, 2);
}
END_TEST

START_TEST(deeds_are_kept_and_done_twice_they_change_nothing)
{
	int64_t id = add("4A1", "example.org", NOW, 1);
	struct backup_mail_sums s;

	does(CUSTODY_MOVES, id, CUSTODY_HELD, 0, "");
	does(CUSTODY_RENAMES, id, 0, 0, "4B2");
	does(CUSTODY_ANSWERS, id, CUSTODY_DELIVERED, BOB, "");
	ck_assert_str_eq(open_ones(0), "4B2 example.org 2 1 1:a1;");
	does(CUSTODY_ENDS, id, CUSTODY_RETURNED, 0, "");
	again();
	ck_assert_str_eq(open_ones(0), "");
	s = sums("example.org", 0, 0);
	ck_assert_uint_eq(s.delivered, 1);
	ck_assert_uint_eq(s.returned, 1);
	/* and an ended one stays so */
	does(CUSTODY_MOVES, id, CUSTODY_QUEUED, 0, "");
	does(CUSTODY_ENDS, id, CUSTODY_UNKNOWN, 0, "");
	ck_assert_str_eq(open_ones(0), "");
	ck_assert_uint_eq(sums("example.org", 0, 0).unaccounted, 0);
}
END_TEST

START_TEST(sums_tell_where_everything_is)
{
	struct backup_mail_sums s;
	int64_t gone_id;

	add("4A1", "example.org", NOW, 1);
	does(CUSTODY_MOVES, add("4A2", "example.org", NOW + 10, 1),
	    CUSTODY_HELD, 0, "");
	does(CUSTODY_MOVES, add("4A3", "example.org", NOW + 20, 0),
	    CUSTODY_QUEUED, 0, "");
	gone_id = add("4A4", "example.org", NOW + 30, 0);
	does(CUSTODY_ENDS, gone_id, CUSTODY_UNKNOWN, 0, "");
	add("4A5", "other.example", NOW + 40, 1);
	s = sums("example.org", 0, 0);
	ck_assert_uint_eq(s.messages, 4);
	ck_assert_uint_eq(s.while_down, 2);
	ck_assert_uint_eq(s.while_up, 2);
	ck_assert_uint_eq(s.taken, 8);
	ck_assert_uint_eq(s.held, 4);
	ck_assert_uint_eq(s.held_messages, 2);
	ck_assert_uint_eq(s.held_bytes, 2000);
	ck_assert_uint_eq(s.queued, 2);
	ck_assert_uint_eq(s.unaccounted, 2);
	ck_assert_int_eq(s.oldest_ms, NOW);
	ck_assert_int_eq(s.end_ms, NOW + 5 * DAY);
	ck_assert_uint_eq(sums(NULL, 0, 0).messages, 5);
	ck_assert_int_eq(backup_mail_sum(db,
			     &(struct backup_mail_range){ .domain =
							      "example.org",
				 .open = 1 },
			     &s),
	    SMX_OK);
	ck_assert_uint_eq(s.messages, 3);
	ck_assert_uint_eq(s.unaccounted, 0);
	ck_assert_uint_eq(sums("example.org", NOW + 10, NOW + 30).messages, 2);
	ck_assert_uint_eq(sums("nobody.example", 0, 0).messages, 0);
}
END_TEST

static struct backup_mail_row rows[10];

static size_t
page(const char *domain, const char *queue_id, int64_t taken, int64_t after)
{
	struct backup_mail_page p = { .domain = domain,
		.queue_id = queue_id,
		.held = queue_id == NULL,
		.after_taken_ms = taken,
		.after_id = after,
		.rows = rows,
		.max = 2 };

	ck_assert_int_eq(backup_mail_look(db, &p), SMX_OK);
	return p.count;
}

START_TEST(the_oldest_come_first_page_by_page)
{
	add("4A3", "example.org", NOW + 30, 1);
	add("4A1", "example.org", NOW + 10, 1);
	add("4A2", "example.org", NOW + 10, 1);
	add("4A0", "example.org", NOW, 0);
	add("4A9", "other.example", NOW, 1);
	ck_assert_uint_eq(page("example.org", NULL, 0, 0), 2);
	ck_assert_str_eq(rows[0].queue_id, "4A1");
	ck_assert_str_eq(rows[1].queue_id, "4A2");
	ck_assert_uint_eq(page("example.org", NULL, rows[1].taken_ms,
			      rows[1].id),
	    1);
	ck_assert_str_eq(rows[0].queue_id, "4A3");
	ck_assert_int_eq(rows[0].until_ms, NOW + 30 + 5 * DAY);
	ck_assert_uint_eq(page(NULL, "4A0", 0, 0), 1);
	ck_assert_str_eq(rows[0].sender, "<s@example.net>");
}
END_TEST

START_TEST(what_the_releaser_does_is_written)
{
	int64_t ids[2] = { add("4A1", "example.org", NOW, 1), 4711 };

	ck_assert_int_eq(backup_mail_move(db, ids, 2, CUSTODY_QUEUED, NOW + 5),
	    SMX_OK);
	ck_assert_int_eq(backup_mail_until(db, ids[0], NOW + 9, NOW + 7),
	    SMX_OK);
	ck_assert_uint_eq(page("example.org", NULL, 0, 0), 1);
	ck_assert_int_eq(rows[0].custody, CUSTODY_QUEUED);
	ck_assert_int_eq(rows[0].released_ms, NOW + 5);
	ck_assert_int_eq(rows[0].until_ms, NOW + 9);
	ck_assert_int_eq(rows[0].warned_ms, NOW + 7);
	ck_assert_int_eq(backup_mail_move(db, ids, 1, CUSTODY_HELD, NOW + 8),
	    SMX_OK);
	ck_assert_uint_eq(page("example.org", NULL, 0, 0), 1);
	ck_assert_int_eq(rows[0].custody, CUSTODY_HELD);
	ck_assert_int_eq(rows[0].released_ms, 0);
}
END_TEST

static int
on_rcpt(void *ctx, const char *address, enum custody_end outcome, int64_t at_ms)
{
	size_t at = strlen(seen);

	(void)ctx;
	snprintf(seen + at, sizeof(seen) - at, "%s %d %s;", address,
	    (int)outcome, at_ms == 0 ? "-" : "at");
	return 0;
}

START_TEST(recipients_are_listed_with_their_outcome)
{
	int64_t id = add("4A1", "example.org", NOW, 1);

	does(CUSTODY_ANSWERS, id, CUSTODY_DELIVERED, ANN, "");
	seen[0] = '\0';
	ck_assert_int_eq(backup_mail_rcpts(db, id, on_rcpt, NULL), SMX_OK);
	ck_assert_str_eq(seen, "<ann@example.org> 2 at;<bob@example.org> 1 -;");
}
END_TEST

START_TEST(what_has_ended_goes_when_it_is_old_and_nothing_else_does)
{
	int64_t id = add("4A1", "example.org", NOW, 1);

	add("4A2", "example.org", NOW - 100 * DAY, 1);
	does(CUSTODY_ENDS, id, CUSTODY_DELIVERED, 0, "");
	ck_assert_int_eq(backup_mail_prune(db, NOW, 100), SMX_OK);
	ck_assert_uint_eq(sums("example.org", 0, 0).messages, 2);
	ck_assert_int_eq(backup_mail_prune(db, NOW + DAY, 100), SMX_OK);
	ck_assert_uint_eq(sums("example.org", 0, 0).messages, 1);
	ck_assert_uint_eq(sums("example.org", 0, 0).taken, 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_mail");
	TCase *tc = tcase_create("books");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_was_taken_survives);
	tcase_add_test(tc, several_rows_are_written_or_none);
	tcase_add_test(tc, deeds_are_kept_and_done_twice_they_change_nothing);
	tcase_add_test(tc, sums_tell_where_everything_is);
	tcase_add_test(tc, the_oldest_come_first_page_by_page);
	tcase_add_test(tc, what_the_releaser_does_is_written);
	tcase_add_test(tc, recipients_are_listed_with_their_outcome);
	tcase_add_test(tc,
	    what_has_ended_goes_when_it_is_old_and_nothing_else_does);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
