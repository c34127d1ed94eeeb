/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/digest.h"
#include "io/spill.h"

#define LIMIT 1000

static char folder[64];

static void
make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/check_spill.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
	(void)rmdir(folder);
}

static size_t
entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

/* A byte that depends on its place, so that a shifted copy is noticed. */
static void
fill(char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 31 + i / 251);
}

static const struct {
	size_t total;
	size_t piece;
	int in_memory;
} shapes[] = {
	{ 0, 1, 1 },
	{ 1, 1, 1 },
	{ LIMIT - 1, 7, 1 },
	{ LIMIT, 10, 1 },
	{ LIMIT, LIMIT, 1 },
	{ LIMIT + 1, 10, 0 },
	{ LIMIT + 1, LIMIT + 1, 0 },
	{ 65536, 65535, 0 },
	{ 300000, 65535, 0 },
	{ 300000, 13, 0 },
	{ 200000, 200000, 0 },
};

/* What went in comes out, whole and from any offset, with its SHA-256. */
START_TEST(content_is_what_was_added)
{
	size_t total = shapes[_i].total;
	char *data = malloc(total + 1), *back = malloc(total + 1);
	uint8_t sum[SMX_DIGEST_BYTES], want[SMX_DIGEST_BYTES];
	struct smx_content content;
	struct spill *spill = NULL;

	ck_assert(data != NULL && back != NULL);
	fill(data, total);
	ck_assert_int_eq(spill_new(&spill, folder, LIMIT), SMX_OK);
	for (size_t at = 0; at < total; at += shapes[_i].piece) {
		size_t n = shapes[_i].piece;

		if (n > total - at)
			n = total - at;
		ck_assert_int_eq(spill_add(spill, data + at, n), SMX_OK);
	}
	ck_assert_int_eq(spill_end(spill, sum), SMX_OK);
	ck_assert_int_eq(digest_once(data, total, want), SMX_OK);
	ck_assert_mem_eq(sum, want, sizeof(sum));
	spill_content(spill, &content);
	ck_assert_uint_eq(content.size, total);
	ck_assert_int_eq(content.bytes != NULL, shapes[_i].in_memory);
	ck_assert_int_eq(content.read(content.ctx, 0, back, total), SMX_OK);
	ck_assert_mem_eq(back, data, total);
	for (size_t at = 0; at < total; at += 1 + total / 17) {
		size_t n = total - at < 33 ? total - at : 33;

		ck_assert_int_eq(content.read(content.ctx, at, back, n),
		    SMX_OK);
		ck_assert_mem_eq(back, data + at, n);
	}
	ck_assert_int_eq(content.read(content.ctx, total, back, 1), SMX_EINVAL);
	ck_assert_int_eq(content.read(content.ctx, UINT64_MAX, back, 1),
	    SMX_EINVAL);
	spill_free(&spill);
	free(data);
	free(back);
}
END_TEST

START_TEST(a_spilled_message_has_no_name)
{
	char data[LIMIT * 2] = { 0 };
	struct spill *spill = NULL;

	ck_assert_int_eq(spill_new(&spill, folder, LIMIT), SMX_OK);
	ck_assert_int_eq(spill_add(spill, data, sizeof(data)), SMX_OK);
	ck_assert_uint_eq(entries(folder), 0);
	spill_free(&spill);
	ck_assert_ptr_null(spill);
	ck_assert_uint_eq(entries(folder), 0);
}
END_TEST

START_TEST(a_small_message_needs_no_folder)
{
	struct spill *spill = NULL;

	ck_assert_int_eq(spill_new(&spill, "/nonexistent/folder", LIMIT),
	    SMX_OK);
	ck_assert_int_eq(spill_add(spill, "x", 1), SMX_OK);
	spill_free(&spill);
}
END_TEST

START_TEST(a_missing_folder_is_made)
{
	char data[LIMIT * 2] = { 0 }, path[96];
	struct spill *spill = NULL;

	snprintf(path, sizeof(path), "%s/below", folder);
	ck_assert_int_eq(spill_new(&spill, path, LIMIT), SMX_OK);
	ck_assert_int_eq(spill_add(spill, data, sizeof(data)), SMX_OK);
	spill_free(&spill);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_an_error)
{
	char data[LIMIT * 2] = { 0 };
	struct spill *spill = NULL;

	ck_assert_int_eq(spill_new(&spill, "/nonexistent/folder", LIMIT),
	    SMX_OK);
	ck_assert_int_eq(spill_add(spill, data, sizeof(data)), SMX_EIO);
	spill_free(&spill);
}
END_TEST

/* The file system's own ceiling stands for a full disk. */
START_TEST(a_full_disk_is_told_apart)
{
	static char data[100000];
	struct rlimit limit = { 65536, 65536 };
	struct spill *spill = NULL;
	int rc = SMX_OK;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(spill_new(&spill, folder, LIMIT), SMX_OK);
	for (int i = 0; i < 3 && rc == SMX_OK; i++)
		rc = spill_add(spill, data, sizeof(data));
	ck_assert_int_eq(rc, SMX_EFULL);
	spill_free(&spill);
}
END_TEST

/* ---- from a file ---- */

static const struct {
	const char *in;
	const char *out;
} lines[] = {
	{ "", "" },
	{ "a", "a" },
	{ "a\n", "a\r\n" },
	{ "\n\na\n", "\r\n\r\na\r\n" },
	{ "a\r\n", "a\r\r\n" },
	{ "a\rb\n\n", "a\rb\r\n\r\n" },
};

/* What spill_take says of in when it is announced as size bytes long. */
static int
take(struct spill **spill, const char *in, size_t len, uint64_t size)
{
	char path[100];
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/queued", folder);
	f = fopen(path, "w+");
	ck_assert_ptr_nonnull(f);
	(void)unlink(path);
	ck_assert_uint_eq(fwrite(in, 1, len, f), len);
	rewind(f);
	ck_assert_int_eq(spill_new(spill, folder, LIMIT), SMX_OK);
	rc = spill_take(*spill, fileno(f), size, clock_mono_ms() + 10000);
	fclose(f);
	return rc;
}

START_TEST(a_file_of_lines_becomes_smtp_content)
{
	uint8_t sum[SMX_DIGEST_BYTES];
	struct smx_content content;
	struct spill *spill = NULL;
	size_t len = strlen(lines[_i].in);

	ck_assert_int_eq(take(&spill, lines[_i].in, len, len), SMX_OK);
	ck_assert_int_eq(spill_end(spill, sum), SMX_OK);
	spill_content(spill, &content);
	ck_assert_uint_eq(content.size, strlen(lines[_i].out));
	ck_assert_int_eq(memcmp(content.bytes, lines[_i].out,
			     (size_t)content.size),
	    0);
	spill_free(&spill);
}
END_TEST

START_TEST(a_large_file_of_lines_is_whole)
{
	enum { LINES = 20000 };
	char *in = malloc(LINES * 11), back[12];
	uint8_t sum[SMX_DIGEST_BYTES];
	struct smx_content content;
	struct spill *spill = NULL;

	ck_assert_ptr_nonnull(in);
	for (int i = 0; i < LINES; i++) {
		snprintf(back, sizeof(back), "%010d", i);
		memcpy(in + i * 11, back, 10);
		in[i * 11 + 10] = '\n';
	}
	ck_assert_int_eq(take(&spill, in, LINES * 11, LINES * 11), SMX_OK);
	ck_assert_int_eq(spill_end(spill, sum), SMX_OK);
	spill_content(spill, &content);
	ck_assert_uint_eq(content.size, LINES * 12);
	for (int i = 0; i < LINES; i += 1111) {
		ck_assert_int_eq(content.read(content.ctx, (uint64_t)i * 12,
				     back, 12),
		    SMX_OK);
		ck_assert_int_eq(memcmp(back, in + i * 11, 10), 0);
		ck_assert_int_eq(memcmp(back + 10, "\r\n", 2), 0);
	}
	spill_free(&spill);
	free(in);
}
END_TEST

START_TEST(a_file_that_ends_elsewhere_is_not_taken)
{
	struct spill *spill = NULL;

	ck_assert_int_eq(take(&spill, "a\nb\n", 4, 5), SMX_EIO);
	spill_free(&spill);
	ck_assert_int_eq(take(&spill, "a\nb\n", 4, 3), SMX_EIO);
	spill_free(&spill);
}
END_TEST

START_TEST(a_source_that_stops_is_not_waited_for_for_ever)
{
	struct spill *spill = NULL;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(write(fd[1], "a\n", 2), 2);
	ck_assert_int_eq(spill_new(&spill, folder, LIMIT), SMX_OK);
	ck_assert_int_eq(spill_take(spill, fd[0], 4, clock_mono_ms() + 50),
	    SMX_ETIMEOUT);
	spill_free(&spill);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("spill");
	TCase *tc = tcase_create("content");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, make_folder, remove_folder);
	tcase_add_loop_test(tc, content_is_what_was_added, 0,
	    sizeof(shapes) / sizeof(*shapes));
	tcase_add_test(tc, a_spilled_message_has_no_name);
	tcase_add_test(tc, a_small_message_needs_no_folder);
	tcase_add_test(tc, a_missing_folder_is_made);
	tcase_add_test(tc, a_folder_that_cannot_be_made_is_an_error);
	tcase_add_test(tc, a_full_disk_is_told_apart);
	tcase_add_loop_test(tc, a_file_of_lines_becomes_smtp_content, 0,
	    sizeof(lines) / sizeof(*lines));
	tcase_add_test(tc, a_large_file_of_lines_is_whole);
	tcase_add_test(tc, a_file_that_ends_elsewhere_is_not_taken);
	tcase_add_test(tc, a_source_that_stops_is_not_waited_for_for_ever);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
