/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "io/backup_db.h"

#define WRITERS 8
#define EACH    50

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

struct note {
	const char *domain;
	int64_t until_ms;
	int result; /* what the change ends with */
};

static int
put_note(void *ctx, struct db *on)
{
	const struct note *note = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "INSERT INTO maintenance (domain, from_ms, until_ms)"
	    " VALUES (?, 1, ?)",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, note->domain);
	db_bind_int(stmt, 2, note->until_ms);
	rc = db_run(stmt);
	return rc != SMX_OK ? rc : note->result;
}

static int
put(const char *domain, int result)
{
	struct note note = { domain, 2, result };

	return backup_db_write(db, put_note, &note);
}

static int
count_notes(void *ctx, struct db *on)
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

static int64_t
count(void)
{
	int64_t n = -1;

	ck_assert_int_eq(backup_db_read(db, count_notes, &n), SMX_OK);
	return n;
}

START_TEST(change_is_seen_when_the_call_returns)
{
	ck_assert_int_eq(count(), 0);
	ck_assert_int_eq(put("a.example", SMX_OK), SMX_OK);
	ck_assert_int_eq(count(), 1);
}
END_TEST

START_TEST(change_outlives_the_process)
{
	ck_assert_int_eq(put("a.example", SMX_OK), SMX_OK);
	backup_db_close(&db);
	open_db();
	ck_assert_int_eq(count(), 1);
}
END_TEST

START_TEST(failed_change_is_taken_back)
{
	ck_assert_int_eq(put("a.example", SMX_EREFUSED), SMX_EREFUSED);
	ck_assert_int_eq(count(), 0);
	ck_assert_int_eq(put("a.example", SMX_OK), SMX_OK);
	ck_assert_int_eq(count(), 1);
}
END_TEST

struct crowd {
	pthread_t thread;
	unsigned number;
	int wrong;
};

/* Every third change fails, in the same transactions as the others'. */
static void *
crowd_run(void *arg)
{
	struct crowd *one = arg;

	for (unsigned i = 0; i < EACH; i++) {
		char domain[64];
		int wanted = i % 3 == 0 ? SMX_ETEMP : SMX_OK;

		snprintf(domain, sizeof(domain), "%u.%u.example", one->number,
		    i);
		one->wrong += put(domain, wanted) != wanted;
	}
	return NULL;
}

START_TEST(failed_change_takes_back_no_other)
{
	struct crowd crowd[WRITERS];
	int64_t good = 0;

	for (unsigned i = 0; i < EACH; i++)
		good += i % 3 != 0;
	for (unsigned i = 0; i < WRITERS; i++) {
		crowd[i] = (struct crowd){ .number = i };
		ck_assert_int_eq(pthread_create(&crowd[i].thread, NULL,
				     crowd_run, &crowd[i]),
		    0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(crowd[i].thread, NULL);
		ck_assert_int_eq(crowd[i].wrong, 0);
	}
	ck_assert_int_eq(count(), good * WRITERS);
}
END_TEST

static int
set_version(void *ctx, struct db *on)
{
	(void)ctx;
	return db_exec(on, "PRAGMA user_version = 99");
}

START_TEST(file_of_a_later_version_is_refused)
{
	char why[256] = "";

	ck_assert_int_eq(backup_db_write(db, set_version, NULL), SMX_OK);
	backup_db_close(&db);
	ck_assert_int_eq(backup_db_open(&db, folder, why, sizeof(why)),
	    SMX_EPROTO);
	ck_assert_ptr_null(db);
	ck_assert_ptr_nonnull(strstr(why, "backup.db: made by a later"));
}
END_TEST

START_TEST(file_that_is_none_is_refused)
{
	char why[256] = "";

	backup_db_close(&db);
	folder_put_text("backup.db", "this is a letter, and a long one, to be "
				     "longer than any magic number is\n");
	ck_assert_int_ne(backup_db_open(&db, folder, why, sizeof(why)), SMX_OK);
	ck_assert_ptr_null(db);
	ck_assert_str_ne(why, "");
}
END_TEST

static int
prepare_twice(void *ctx, struct db *on)
{
	static const char sql[] = "SELECT 1";
	struct db_stmt **stmts = ctx;
	int rc = backup_db_stmt(db, on, sql, &stmts[0]);

	return rc != SMX_OK ? rc : backup_db_stmt(db, on, sql, &stmts[1]);
}

START_TEST(statement_is_made_once_for_each_connection)
{
	struct db_stmt *reader[2], *writer[2];

	ck_assert_int_eq(backup_db_read(db, prepare_twice, reader), SMX_OK);
	ck_assert_int_eq(backup_db_write(db, prepare_twice, writer), SMX_OK);
	ck_assert_ptr_eq(reader[0], reader[1]);
	ck_assert_ptr_eq(writer[0], writer[1]);
	ck_assert_ptr_ne(reader[0], writer[0]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_db");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, change_is_seen_when_the_call_returns);
	tcase_add_test(tc, change_outlives_the_process);
	tcase_add_test(tc, failed_change_is_taken_back);
	tcase_add_test(tc, failed_change_takes_back_no_other);
	tcase_add_test(tc, file_of_a_later_version_is_refused);
	tcase_add_test(tc, file_that_is_none_is_refused);
	tcase_add_test(tc, statement_is_made_once_for_each_connection);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
