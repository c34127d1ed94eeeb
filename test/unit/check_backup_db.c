/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
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

/* ---- a disk that does not answer ---- */

#define PATIENCE 200

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static atomic_int begun, late_calls, late_result;

/* Like put_note, on a disk that stands still while somebody has it. */
static int
put_slowly(void *ctx, struct db *on)
{
	int rc;

	atomic_store(&begun, 1);
	pthread_mutex_lock(&disk);
	rc = put_note(ctx, on);
	pthread_mutex_unlock(&disk);
	return rc;
}

static void
on_late(void *ctx, int result)
{
	free(ctx);
	atomic_store(&late_result, result);
	atomic_fetch_add(&late_calls, 1);
}

static struct note *
note_new(const char *domain, int result)
{
	struct note *note = calloc(1, sizeof(*note));

	ck_assert_ptr_nonnull(note);
	*note = (struct note){ domain, 2, result };
	return note;
}

static void
stand_still(void)
{
	backup_db_patience(db, PATIENCE);
	atomic_store(&begun, 0);
	atomic_store(&late_calls, 0);
	pthread_mutex_lock(&disk);
}

static void *
give_run(void *arg)
{
	int given = 0;
	int rc = backup_db_give(db, put_slowly, arg, on_late, &given);

	return (void *)(intptr_t)(rc == SMX_EUNSURE && given);
}

static void
until_late(void)
{
	for (int i = 0; i < 3000 && atomic_load(&late_calls) == 0; i++)
		usleep(10000);
	ck_assert_int_eq(atomic_load(&late_calls), 1);
}

/* Who waits for the books waits so long, and is told what became of it. */
START_TEST(nobody_waits_for_ever_for_a_disk)
{
	struct note *waits = note_new("b.example", SMX_OK);
	pthread_t thread;
	void *unsure;
	int given = 1;

	stand_still();
	ck_assert_int_eq(pthread_create(&thread, NULL, give_run,
			     note_new("a.example", SMX_OK)),
	    0);
	while (!atomic_load(&begun))
		usleep(1000);
	/* behind it: nothing was changed, and nothing will be */
	ck_assert_int_eq(backup_db_give(db, put_note, waits, on_late, &given),
	    SMX_ETIMEOUT);
	ck_assert_int_eq(given, 0);
	free(waits);
	pthread_join(thread, &unsure);
	ck_assert_ptr_nonnull(unsure);
	ck_assert_int_eq(atomic_load(&late_calls), 0);
	pthread_mutex_unlock(&disk);
	until_late();
	ck_assert_int_eq(atomic_load(&late_result), SMX_OK);
	ck_assert_int_eq(count(), 1);
}
END_TEST

START_TEST(while_the_disk_stands_still_nobody_is_let_in)
{
	struct note *note = note_new("a.example", SMX_ETEMP);
	int64_t began_ms;
	int given;

	stand_still();
	ck_assert_int_eq(backup_db_give(db, put_slowly, note, on_late, &given),
	    SMX_EUNSURE);
	backup_db_patience(db, 3600000);
	began_ms = clock_mono_ms();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(put("b.example", SMX_OK), SMX_ETIMEOUT);
	ck_assert_int_lt(clock_mono_ms() - began_ms, 600000);
	pthread_mutex_unlock(&disk);
	until_late();
	ck_assert_int_eq(atomic_load(&late_result), SMX_ETEMP);
	/* and it goes on */
	ck_assert_int_eq(put("b.example", SMX_OK), SMX_OK);
	ck_assert_int_eq(count(), 1);
}
END_TEST

static sem_t let;

static int
put_when_let(void *ctx, struct db *on)
{
	while (sem_wait(&let) != 0)
		;
	return put_note(ctx, on);
}

static void *
let_go_later(void *arg)
{
	(void)arg;
	usleep(3 * PATIENCE * 1000);
	sem_post(&let);
	return NULL;
}

static int
put_mail(void *ctx, struct db *on)
{
	(void)ctx;
	return db_exec(on,
	    "INSERT INTO mail (queue_id, domain, sender, size, taken_ms,"
	    " until_ms, primary_state, custody, released_ms, ended_ms,"
	    " warned_ms) VALUES ('4A1', 'a', 's', 1, 1, 1, 3, 2, 0, 0, 0)");
}

/* What belongs to the caller is not used after the call. */
START_TEST(a_change_that_runs_is_waited_for)
{
	struct note note = { "a.example", 2, SMX_OK };
	pthread_t thread;
	int rc;

	backup_db_patience(db, PATIENCE);
	sem_init(&let, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go_later, NULL), 0);
	rc = backup_db_write(db, put_when_let, &note);
	pthread_join(thread, NULL);
	ck_assert(rc == SMX_OK || rc == SMX_EUNSURE);
	memset(&note, 0xee, sizeof(note));
	backup_db_patience(db, 60000);
	for (int i = 0; i < 3000 && count() != 1; i++)
		usleep(10000);
	ck_assert_int_eq(count(), 1);
}
END_TEST

START_TEST(open_mail_is_found_without_the_books)
{
	backup_db_close(&db);
	ck_assert_int_eq(backup_db_has_open(folder), 0);
	open_db();
	ck_assert_int_eq(backup_db_write(db, put_mail, NULL), SMX_OK);
	ck_assert_int_eq(backup_db_has_open(folder), 1);
	backup_db_close(&db);
	ck_assert_int_eq(backup_db_has_open(folder), 1);
	ck_assert_int_eq(backup_db_has_open("/nonexistent/folder"), 0);
	open_db();
}
END_TEST

/* ---- versions ---- */

static int
make_version_1(void *ctx, struct db *on)
{
	(void)ctx;
	return db_exec(on,
	    "DROP TABLE hand; DROP TABLE hand_rcpt; DROP TABLE flush;"
	    "DROP TABLE split; DROP TABLE outage;"
	    "CREATE TABLE outage (id INTEGER PRIMARY KEY, hop TEXT NOT NULL,"
	    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,"
	    " why TEXT NOT NULL, announced INTEGER NOT NULL);"
	    "INSERT INTO outage VALUES (1, 'smtp:[a]:25', 5, 9, 'why', 0);"
	    "PRAGMA user_version = 1");
}

static int
sum_outages(void *ctx, struct db *on)
{
	int64_t *sum = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "SELECT count(*) + sum(messages + recipients + bytes) FROM outage",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	rc = db_step(stmt);
	*sum = db_int(stmt, 0);
	db_reset(stmt);
	return rc;
}

START_TEST(file_of_an_earlier_version_is_brought_up)
{
	int64_t sum = 0;

	ck_assert_int_eq(backup_db_write(db, make_version_1, NULL), SMX_OK);
	for (int i = 0; i < 2; i++) {
		backup_db_close(&db);
		open_db();
		ck_assert_int_eq(backup_db_read(db, sum_outages, &sum), SMX_OK);
		ck_assert_int_eq(sum, 1);
	}
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
	tcase_add_test(tc, nobody_waits_for_ever_for_a_disk);
	tcase_add_test(tc, while_the_disk_stands_still_nobody_is_let_in);
	tcase_add_test(tc, a_change_that_runs_is_waited_for);
	tcase_add_test(tc, open_mail_is_found_without_the_books);
	tcase_add_test(tc, file_of_an_earlier_version_is_brought_up);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
