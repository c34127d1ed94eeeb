/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/link.h>

#include "core/holder.h"
#include "io/db_sqlite.h"
#include "io/store_damage.h"
#include "io/store_suspect.h"
#include "io/store_witness.h"
#include "store_world.h"

/* What a store does that its disk has let down. */
static struct world world;

static void
setup(void)
{
	world_open(&world, WORLD_SQLITE);
}

static void
teardown(void)
{
	world_close(&world);
}

static void
pause_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* In the store's folder. */
static void
path_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", world.path, name);
}

static int
exists(const char *name)
{
	char path[256];

	path_of(path, sizeof(path), name);
	return access(path, F_OK) == 0;
}

static void
put_mark(void)
{
	int folder = open(world.path, O_RDONLY | O_DIRECTORY);

	ck_assert_int_ge(folder, 0);
	suspect_set(folder, "a test");
	ck_assert_int_ne(suspect_is(folder), 0);
	close(folder);
}

/* Until the audit has found as much. */
static void
await(uint64_t damaged, int suspect)
{
	struct smx_store_stats stats;

	for (int i = 0; i < 30000; i++) {
		world_stats(&world, &stats);
		if (stats.damaged == damaged && stats.suspect == suspect)
			return;
		pause_ms(1);
	}
	ck_abort_msg("%llu damaged, suspect %d",
	    (unsigned long long)stats.damaged, stats.suspect);
}

static size_t
listed(void)
{
	struct smx_request request = { .kind = SMX_REQ_LIST, .limit = 100 };
	static struct smx_listed rows[100];
	struct smx_reply reply = { .listed = rows };

	ck_assert_int_eq(holder_list(&world.store, "mx1", &request, &reply, 1),
	    SMX_OK);
	return reply.count;
}

/* One bit of the first body in the table. */
static void
harm_row(const char *bytes, size_t len)
{
	char path[256], *file = malloc(1 << 22), *at;
	size_t size;
	FILE *f;

	path_of(path, sizeof(path), "shadows.db");
	f = fopen(path, "r+");
	ck_assert_ptr_nonnull(f);
	size = fread(file, 1, 1 << 22, f);
	at = memmem(file, size, bytes, len);
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(fseek(f, (long)(at - file) + 7, SEEK_SET), 0);
	fputc(at[7] ^ 0x10, f);
	fclose(f);
	free(file);
}

START_TEST(damaged_shadow_is_not_listed_until_it_is_copied_again)
{
	struct smx_key good = world_key(1, 1), bad = world_key(1, 2);
	char *bytes = world_bytes(900, 2);
	struct smx_row row;

	ck_assert_int_eq(world_store(&world, "mx1", good, 800, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", bad, 900, 2), SMX_OK);
	ck_assert_uint_eq(listed(), 2);
	smx_store_close(&world.store);
	harm_row(bytes, 900);
	world_reopen(&world);
	await(1, 0);
	ck_assert_uint_eq(listed(), 1);
	ck_assert_int_eq(world_get(&world, bad, &row), SMX_OK);
	ck_assert_int_ne(row.unsound, 0);
	ck_assert_int_eq(world_get(&world, good, &row), SMX_OK);
	ck_assert_int_eq(row.unsound, 0);
	ck_assert_int_eq(world_store(&world, "mx1", bad, 900, 2), SMX_OK);
	await(0, 0);
	ck_assert_uint_eq(listed(), 2);
	ck_assert_int_eq(world_check(&world, bad, 900, 2), SMX_OK);
	free(bytes);
}
END_TEST

START_TEST(damaged_shadow_that_is_dropped_is_no_damage_any_more)
{
	struct smx_key bad = world_key(1, 2);
	char *bytes = world_bytes(900, 2);

	ck_assert_int_eq(world_store(&world, "mx1", bad, 900, 2), SMX_OK);
	smx_store_close(&world.store);
	harm_row(bytes, 900);
	world_reopen(&world);
	await(1, 0);
	ck_assert_int_eq(world_drop(&world, "mx1", bad), SMX_OK);
	await(0, 0);
	free(bytes);
}
END_TEST

START_TEST(suspect_store_is_verified_and_trusted_again)
{
	for (unsigned n = 0; n < 20; n++)
		ck_assert_int_eq(world_store(&world, "mx1", world_key(1, n),
				     n % 4 == 0 ? 9000 : 100, n),
		    SMX_OK);
	smx_store_close(&world.store);
	put_mark();
	world_reopen(&world);
	await(0, 0);
	ck_assert_int_eq(exists("suspect"), 0);
	ck_assert_uint_eq(listed(), 20);
}
END_TEST

START_TEST(suspect_store_with_damaged_tables_is_refused_and_says_so)
{
	char path[256], why[256] = "", junk[4096];
	int fd;

	for (unsigned n = 0; n < 200; n++)
		ck_assert_int_eq(world_store(&world, "mx1", world_key(1, n),
				     700, n),
		    SMX_OK);
	smx_store_close(&world.store);
	put_mark();
	path_of(path, sizeof(path), "shadows.db");
	memset(junk, 0x55, sizeof(junk));
	fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), 4096 * 3), 4096);
	close(fd);
	ck_assert_int_eq(smx_store_open_sqlite(&world.store, &world.options,
			     why, sizeof(why)),
	    SMX_ECORRUPT);
	ck_assert_msg(strstr(why, "put the folder's files aside") != NULL, "%s",
	    why);
	/* The mark stays: nothing was proved. */
	ck_assert_int_ne(exists("suspect"), 0);
}
END_TEST

START_TEST(what_is_not_verified_yet_is_not_vouched_for)
{
	struct smx_row old = { .key = world_key(1, 5), .stored_ms = 10 };
	struct smx_row fresh = { .key = world_key(1, 9), .stored_ms = 100 };
	struct smx_key before = world_key(1, 4), after = world_key(1, 6);
	struct damage *damage;

	ck_assert_int_eq(damage_new(&damage), SMX_OK);
	ck_assert_int_ne(damage_vouches(damage, &old), 0);
	damage_suspect(damage, 100);
	ck_assert_int_eq(damage_vouches(damage, &old), 0);
	ck_assert_int_ne(damage_vouches(damage, &fresh), 0);
	damage_verified(damage, &before);
	ck_assert_int_eq(damage_vouches(damage, &old), 0);
	damage_verified(damage, &after);
	ck_assert_int_ne(damage_vouches(damage, &old), 0);
	ck_assert_int_ne(damage_found(damage, &old.key), 0);
	ck_assert_int_eq(damage_found(damage, &old.key), 0);
	damage_verified(damage, NULL);
	ck_assert_int_eq(damage_vouches(damage, &old), 0);
	damage_mended(damage, &old.key);
	ck_assert_int_ne(damage_vouches(damage, &old), 0);
	damage_free(&damage);
}
END_TEST

START_TEST(too_much_damage_makes_all_of_it_doubtful)
{
	struct smx_row row = { .key = world_key(2, 1) };
	struct damage *damage;

	ck_assert_int_eq(damage_new(&damage), SMX_OK);
	for (unsigned n = 0; n <= DAMAGE_MAX; n++) {
		struct smx_key key = world_key(1, n);

		(void)damage_found(damage, &key);
	}
	ck_assert_int_eq(damage_vouches(damage, &row), 0);
	damage_recounted(damage, 3);
	ck_assert_int_ne(damage_vouches(damage, &row), 0);
	damage_free(&damage);
}
END_TEST

/* Stored by a process that ends without closing: all is in the log. */
static void
leave_log(void)
{
	pid_t pid;
	int status;

	smx_store_close(&world.store);
	pid = fork();
	if (pid == 0) {
		world_reopen(&world);
		for (unsigned n = 0; n < 6; n++)
			if (world_store(&world, "mx1", world_key(1, n), 700,
				n) != SMX_OK)
				_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static int64_t
missing_of(int64_t found)
{
	struct witness witness;
	struct witness_log seen;
	int folder = open(world.path, O_RDONLY | O_DIRECTORY);

	witness_open(&witness, folder);
	witness_read(&witness, &seen);
	witness_close(&witness);
	close(folder);
	ck_assert_int_gt(seen.pages, 0);
	return witness_missing(&seen, found);
}

START_TEST(log_that_was_cut_is_noticed)
{
	char path[256];

	leave_log();
	ck_assert_int_gt(missing_of(1), 0);
	ck_assert_int_eq(missing_of(1000000), 0);
	path_of(path, sizeof(path), "shadows.db-wal");
	ck_assert_int_eq(truncate(path, 20), 0);
	ck_assert_int_gt(missing_of(1000000), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_gt(missing_of(1000000), 0);
	world_reopen(&world);
}
END_TEST

START_TEST(orderly_end_leaves_no_word_about_the_log)
{
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 700, 1),
	    SMX_OK);
	ck_assert_int_ne(exists("log.seen"), 0);
	smx_store_close(&world.store);
	ck_assert_int_eq(exists("log.seen"), 0);
	world_reopen(&world);
}
END_TEST

START_TEST(another_program_that_writes_is_noticed)
{
	struct db *db = NULL;
	char path[256];

	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 700, 1),
	    SMX_OK);
	path_of(path, sizeof(path), "shadows.db");
	ck_assert_int_eq(db_open_writer(&db, path), SMX_OK);
	ck_assert_int_eq(db_exec(db,
			     "REPLACE INTO meta(name, value) VALUES('a', 'b')"),
	    SMX_OK);
	db_close(&db);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 700, 2),
	    SMX_EIO);
	ck_assert_int_ne(world.store.ops->failed(world.store.ctx), 0);
	world_reopen(&world);
	await(0, 0);
	ck_assert_int_eq(world_check(&world, world_key(1, 1), 700, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 700, 2),
	    SMX_OK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store_damage");
	TCase *t = tcase_create("damage");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
	    damaged_shadow_is_not_listed_until_it_is_copied_again);
	tcase_add_test(t, damaged_shadow_that_is_dropped_is_no_damage_any_more);
	tcase_add_test(t, suspect_store_is_verified_and_trusted_again);
	tcase_add_test(t,
	    suspect_store_with_damaged_tables_is_refused_and_says_so);
	tcase_add_test(t, what_is_not_verified_yet_is_not_vouched_for);
	tcase_add_test(t, too_much_damage_makes_all_of_it_doubtful);
	tcase_add_test(t, log_that_was_cut_is_noticed);
	tcase_add_test(t, orderly_end_leaves_no_word_about_the_log);
	tcase_add_test(t, another_program_that_writes_is_noticed);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
