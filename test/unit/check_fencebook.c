/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/fencebook.h"

static char folder[64];
static struct fencebook *book;
static struct fencebook_entry seen[16];
static size_t count;

static void
fresh(void)
{
	snprintf(folder, sizeof(folder), "/tmp/fencebook.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(fencebook_open(&book, folder), SMX_OK);
	count = 0;
}

static void
path_of(char out[128])
{
	snprintf(out, 128, "%s/fenced", folder);
}

static void
gone(void)
{
	char path[128];

	fencebook_close(&book);
	path_of(path);
	unlink(path);
	rmdir(folder);
}

static void
keep(void *ctx, const struct fencebook_entry *entry)
{
	(void)ctx;
	ck_assert_uint_lt(count, 16);
	seen[count++] = *entry;
}

static void
reopen(void)
{
	fencebook_close(&book);
	ck_assert_int_eq(fencebook_open(&book, folder), SMX_OK);
	count = 0;
	ck_assert_int_eq(fencebook_each(book, keep, NULL), SMX_OK);
}

static struct fencebook_entry
entry(uint64_t n)
{
	struct fencebook_entry e = { .key = { { 1, 2, 3 }, n },
		.epoch = { { 9 }, n + 1 } };

	snprintf(e.queue_id, sizeof(e.queue_id), "4jXKs0%02uzDz1bk",
	    (unsigned)n);
	return e;
}

static void
hold(uint64_t first, size_t n)
{
	struct fencebook_entry list[8];

	for (size_t i = 0; i < n; i++)
		list[i] = entry(first + i);
	ck_assert_int_eq(fencebook_hold(book, list, n), SMX_OK);
}

START_TEST(what_is_on_hold_outlives_the_worker)
{
	struct fencebook_entry want = entry(2);

	hold(1, 3);
	reopen();
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(smx_key_compare(&seen[1].key, &want.key), 0);
	ck_assert_str_eq(seen[1].queue_id, want.queue_id);
	ck_assert_uint_eq(seen[1].epoch.counter, 3);
}
END_TEST

START_TEST(the_last_word_about_a_key_counts)
{
	struct fencebook_entry two = entry(2), three = entry(3);

	hold(1, 3);
	fencebook_free(book, &two.key, 1);
	fencebook_free(book, &three.key, 1);
	hold(3, 1);
	reopen();
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(seen[0].key.counter, 1);
	ck_assert_uint_eq(seen[1].key.counter, 3);
}
END_TEST

START_TEST(cleared_is_empty_and_can_be_filled)
{
	hold(1, 2);
	fencebook_clear(book);
	hold(5, 1);
	reopen();
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(seen[0].key.counter, 5);
}
END_TEST

START_TEST(torn_and_foreign_lines_are_left_out)
{
	char path[128];
	FILE *file;

	hold(1, 1);
	path_of(path);
	file = fopen(path, "a");
	ck_assert_ptr_nonnull(file);
	fputs("+ nonsense\n- 1\n+ \nx\n+ 0102", file);
	fclose(file);
	/* What follows a torn line is not spoilt by it. */
	hold(2, 1);
	reopen();
	ck_assert_uint_eq(count, 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fencebook");
	TCase *tc = tcase_create("book");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc, what_is_on_hold_outlives_the_worker);
	tcase_add_test(tc, the_last_word_about_a_key_counts);
	tcase_add_test(tc, cleared_is_empty_and_can_be_filled);
	tcase_add_test(tc, torn_and_foreign_lines_are_left_out);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
