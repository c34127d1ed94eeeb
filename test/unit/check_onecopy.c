/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/onecopy.h"

static char folder[64];
static struct onecopy *onecopy;
static struct onecopy_entry seen[16];
static size_t count;

static void
fresh(void)
{
	snprintf(folder, sizeof(folder), "/tmp/onecopy.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(onecopy_open(&onecopy, folder), SMX_OK);
	count = 0;
}

static void
gone(void)
{
	char path[128];

	onecopy_close(&onecopy);
	snprintf(path, sizeof(path), "%s/unprotected", folder);
	unlink(path);
	rmdir(folder);
}

static void
keep(void *ctx, const struct onecopy_entry *entry)
{
	(void)ctx;
	ck_assert_uint_lt(count, 16);
	seen[count++] = *entry;
}

static void
reopen(void)
{
	onecopy_close(&onecopy);
	ck_assert_int_eq(onecopy_open(&onecopy, folder), SMX_OK);
	count = 0;
	onecopy_each(onecopy, keep, NULL);
}

static struct onecopy_entry
entry(uint64_t n)
{
	struct onecopy_entry e = { .key = { { 1, 2, 3 }, n },
		.epoch = { { 9 }, n + 1 },
		.accepted_ms = 1700000000000 + (int64_t)n,
		.passed = n % 2 != 0 };

	snprintf(e.queue_id, sizeof(e.queue_id), "4jXKs073lDz1b%u",
	    (unsigned)n);
	return e;
}

static int
yes(void *ctx)
{
	(void)ctx;
	return 1;
}

static int
no(void *ctx)
{
	(void)ctx;
	return 0;
}

START_TEST(what_was_added_is_there_for_the_next_worker)
{
	for (uint64_t n = 0; n < 3; n++) {
		struct onecopy_entry e = entry(n);

		onecopy_add(onecopy, &e);
	}
	reopen();
	ck_assert_uint_eq(count, 3);
	for (uint64_t n = 0; n < 3; n++) {
		struct onecopy_entry e = entry(n);

		ck_assert_int_eq(smx_key_compare(&seen[n].key, &e.key), 0);
		ck_assert(smx_epoch_same(&seen[n].epoch, &e.epoch));
		ck_assert_uint_eq(seen[n].epoch.counter, e.epoch.counter);
		ck_assert_int_eq(seen[n].accepted_ms, e.accepted_ms);
		ck_assert_str_eq(seen[n].queue_id, e.queue_id);
		ck_assert_int_eq(seen[n].passed, e.passed);
	}
}
END_TEST

START_TEST(a_torn_line_costs_only_itself)
{
	struct onecopy_entry e = entry(1);
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/unprotected", folder);
	f = fopen(path, "a");
	ck_assert_ptr_nonnull(f);
	fputs("rubbish\nmore of it 1 2 3\n", f);
	fclose(f);
	onecopy_add(onecopy, &e);
	f = fopen(path, "a");
	ck_assert_ptr_nonnull(f);
	fputs("0102030000000000000000000000", f);
	fclose(f);
	reopen();
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(seen[0].key.counter, 1);
}
END_TEST

START_TEST(it_is_emptied_only_when_nothing_is_left)
{
	struct onecopy_entry e = entry(1);

	onecopy_add(onecopy, &e);
	onecopy_clear(onecopy, no, NULL);
	reopen();
	ck_assert_uint_eq(count, 1);
	onecopy_clear(onecopy, yes, NULL);
	reopen();
	ck_assert_uint_eq(count, 0);
	onecopy_add(onecopy, &e);
	reopen();
	ck_assert_uint_eq(count, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("onecopy");
	TCase *tc = tcase_create("file");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc, what_was_added_is_there_for_the_next_worker);
	tcase_add_test(tc, a_torn_line_costs_only_itself);
	tcase_add_test(tc, it_is_emptied_only_when_nothing_is_left);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
