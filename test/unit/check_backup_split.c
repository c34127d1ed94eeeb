/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* What the first version made. */
static const char first[] =
    "CREATE TABLE host (hop TEXT PRIMARY KEY, state INTEGER NOT NULL,"
    " since_ms INTEGER NOT NULL, why TEXT NOT NULL,"
    " seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outage (id INTEGER PRIMARY KEY, hop TEXT NOT NULL,"
    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, why TEXT NOT NULL,"
    " announced INTEGER NOT NULL);"
    "CREATE INDEX outage_hop ON outage (hop, from_ms);"
    "CREATE TABLE maintenance (domain TEXT PRIMARY KEY,"
    " from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE mail (id INTEGER PRIMARY KEY, queue_id TEXT NOT NULL,"
    " domain TEXT NOT NULL, sender TEXT NOT NULL, size INTEGER NOT NULL,"
    " taken_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " primary_state INTEGER NOT NULL, custody INTEGER NOT NULL,"
    " released_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " warned_ms INTEGER NOT NULL);"
    "CREATE INDEX mail_open ON mail (domain, taken_ms) WHERE custody <> 5;"
    "CREATE INDEX mail_queue ON mail (queue_id) WHERE custody <> 5;"
    "CREATE INDEX mail_domain ON mail (domain, taken_ms);"
    "CREATE INDEX mail_ended ON mail (ended_ms) WHERE custody = 5;"
    "CREATE TABLE mail_rcpt (mail INTEGER NOT NULL, n INTEGER NOT NULL,"
    " address TEXT NOT NULL, hash TEXT NOT NULL, outcome INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, PRIMARY KEY (mail, n)) WITHOUT ROWID;"
    "CREATE TABLE recipient (domain TEXT NOT NULL, local TEXT NOT NULL,"
    " good INTEGER NOT NULL, source INTEGER NOT NULL,"
    " learned_ms INTEGER NOT NULL, PRIMARY KEY (domain, local)) WITHOUT ROWID;"
    "CREATE INDEX recipient_age ON recipient (good, learned_ms)"
    " WHERE source <> 4;"
    "CREATE TABLE catchall (domain TEXT PRIMARY KEY, takes_all INTEGER NOT"
    " NULL, asked_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE mxset (domain TEXT PRIMARY KEY, hosts TEXT NOT NULL,"
    " sts TEXT NOT NULL, seen_ms INTEGER NOT NULL, alarm TEXT NOT NULL,"
    " alarm_ms INTEGER NOT NULL) WITHOUT ROWID;";

/* A file as another program left it. */
static void
make_old(const char *version)
{
	struct db *on;

	backup_db_close(&db);
	(void)unlink(folder_file("backup.db-wal"));
	(void)unlink(folder_file("backup.db-shm"));
	ck_assert_int_eq(unlink(folder_file("backup.db")), 0);
	folder_put("backup.db", "", 0);
	ck_assert_int_eq(chmod(folder_file("backup.db"), 0600), 0);
	ck_assert_int_eq(db_open_writer(&on, folder_file("backup.db")), SMX_OK);
	ck_assert_int_eq(db_exec(on, first), SMX_OK);
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
