/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "io/backup_schema.h"
#include "io/backup_split.h"

static struct backup_db *db;

static void
open_db(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
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

static struct backup_split
one(void)
{
	return (struct backup_split){ .trail = "4jXKs0.abc",
		.original = "4jXKs0",
		.domain = "down.example",
		.state = MX_DOWN,
		.made_ms = 1000,
		.until_ms = 5000 };
}

static size_t
look(struct backup_split *out, size_t max)
{
	size_t count = 99;

	ck_assert_int_eq(backup_split_look(db, 0, out, max, &count), SMX_OK);
	return count;
}

START_TEST(a_part_outlives_the_process)
{
	struct backup_split split = one(), got[2];

	ck_assert_int_eq(backup_split_add(db, &split), SMX_OK);
	ck_assert_int_gt(split.id, 0);
	backup_db_close(&db);
	open_db();
	ck_assert_uint_eq(look(got, 2), 1);
	ck_assert_int_eq(got[0].id, split.id);
	ck_assert_str_eq(got[0].trail, "4jXKs0.abc");
	ck_assert_str_eq(got[0].original, "4jXKs0");
	ck_assert_str_eq(got[0].part, "");
	ck_assert_str_eq(got[0].domain, "down.example");
	ck_assert_int_eq(got[0].state, MX_DOWN);
	ck_assert_int_eq(got[0].made_ms, 1000);
	ck_assert_int_eq(got[0].until_ms, 5000);
}
END_TEST

START_TEST(its_name_is_kept)
{
	struct backup_split split = one(), got[2];

	ck_assert_int_eq(backup_split_add(db, &split), SMX_OK);
	ck_assert_int_eq(backup_split_name(db, split.id, "4jXKs1"), SMX_OK);
	ck_assert_uint_eq(look(got, 2), 1);
	ck_assert_str_eq(got[0].part, "4jXKs1");
}
END_TEST

START_TEST(only_what_is_dropped_goes)
{
	struct backup_split split[3] = { one(), one(), one() }, got[3];
	int64_t ids[2];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(backup_split_add(db, &split[i]), SMX_OK);
	ids[0] = split[0].id;
	ids[1] = split[2].id;
	ck_assert_int_eq(backup_split_drop(db, ids, 2), SMX_OK);
	ck_assert_int_eq(backup_split_drop(db, ids, 0), SMX_OK);
	ck_assert_uint_eq(look(got, 3), 1);
	ck_assert_int_eq(got[0].id, split[1].id);
}
END_TEST

START_TEST(no_more_are_told_than_there_is_room_for)
{
	struct backup_split split[3] = { one(), one(), one() }, got[2];
	size_t count;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(backup_split_add(db, &split[i]), SMX_OK);
	ck_assert_uint_eq(look(got, 2), 2);
	ck_assert_int_eq(backup_split_look(db, got[1].id, got, 2, &count),
	    SMX_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(got[0].id, split[2].id);
}
END_TEST

/* A file as an earlier program left it. */
static void
make_old(const char *version)
{
	struct db *on;

	backup_db_close(&db);
	ck_assert_int_eq(db_open_writer(&on, folder_file("backup.db")), SMX_OK);
	ck_assert_int_eq(db_exec(on, "DROP TABLE split"), SMX_OK);
	ck_assert_int_eq(db_exec(on, "INSERT INTO maintenance VALUES "
				     "('a.example', 1, 2)"),
	    SMX_OK);
	ck_assert_int_eq(db_exec(on, version), SMX_OK);
	db_close(&on);
}

static int
count_old(void *ctx, struct db *on)
{
	int64_t *count = ctx;
	struct db_stmt *stmt;
	int rc =
	    backup_db_stmt(db, on, "SELECT count(*) FROM maintenance", &stmt);

	if (rc != SMX_OK)
		return rc;
	rc = db_step(stmt);
	*count = db_int(stmt, 0);
	db_reset(stmt);
	return rc;
}

START_TEST(an_earlier_file_gets_the_table_and_keeps_what_it_has)
{
	struct backup_split split = one(), got[2];
	int64_t count = 0;

	make_old("PRAGMA user_version = 1");
	open_db();
	ck_assert_int_eq(backup_split_add(db, &split), SMX_OK);
	ck_assert_uint_eq(look(got, 2), 1);
	ck_assert_int_eq(backup_db_read(db, count_old, &count), SMX_OK);
	ck_assert_int_eq(count, 1);
	/* and is one of this program's from then on */
	backup_db_close(&db);
	open_db();
	ck_assert_uint_eq(look(got, 2), 1);
}
END_TEST

START_TEST(a_later_file_is_left_alone)
{
	char why[256] = "";

	make_old(
	    _i ? "PRAGMA user_version = -1" : "PRAGMA user_version = 1000");
	ck_assert_int_eq(backup_db_open(&db, folder, why, sizeof(why)),
	    SMX_EPROTO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_split");
	TCase *tc = tcase_create("io");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_part_outlives_the_process);
	tcase_add_test(tc, its_name_is_kept);
	tcase_add_test(tc, only_what_is_dropped_goes);
	tcase_add_test(tc, no_more_are_told_than_there_is_room_for);
	tcase_add_test(tc,
	    an_earlier_file_gets_the_table_and_keeps_what_it_has);
	tcase_add_loop_test(tc, a_later_file_is_left_alone, 0, 2);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
