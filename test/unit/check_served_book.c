/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "io/served_book.h"

#define NOW  INT64_C(1800000000000)
#define DAY  (INT64_C(24) * 3600 * 1000)
#define MOST 1000

static struct served_book *book;
static struct resend_rcpt rcpts[MOST];
static struct resend_message message;
static unsigned char marks[MOST];

static void
open_book(int64_t now)
{
	char why[256] = "";

	ck_assert_msg(served_book_open(&book, folder, now, why, sizeof(why)) ==
			  SMX_OK,
	    "%s", why);
}

/* Message n, with recipients of its own. */
static void
describe(unsigned n, size_t count)
{
	memset(&message, 0, sizeof(message));
	memset(marks, 0, sizeof(marks));
	snprintf((char *)message.digest, sizeof(message.digest), "%u", n);
	message.origin = UINT64_C(0x0123456789abcdef) + n;
	message.count = count;
	message.rcpts = rcpts;
	for (size_t i = 0; i < count; i++)
		rcpts[i] = (struct resend_rcpt){ n * UINT64_C(1000003) + i, i };
}

static int
add(unsigned n, size_t count, int64_t now)
{
	describe(n, count);
	memset(marks, 1, count);
	return served_book_add(book, &message, marks, now);
}

static size_t
look(unsigned n, size_t count, int64_t now)
{
	describe(n, count);
	return served_book_look(book, &message, marks, now);
}

static void
fresh(void)
{
	folder_make();
	open_book(NOW);
}

static void
gone(void)
{
	served_book_close(&book);
	folder_remove();
}

static void
reopen(int64_t now)
{
	served_book_close(&book);
	open_book(now);
}

static off_t
size_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(folder_file(name), &st), 0);
	return st.st_size;
}

START_TEST(who_was_served_is_known_also_by_the_next_worker)
{
	describe(1, 3);
	marks[0] = marks[2] = 1;
	ck_assert_int_eq(served_book_add(book, &message, marks, NOW), SMX_OK);
	for (int again = 0; again < 2; again++) {
		ck_assert_uint_eq(look(1, 3, NOW + DAY), 2);
		ck_assert(marks[0] && !marks[1] && marks[2]);
		reopen(NOW + DAY);
	}
	ck_assert_uint_eq(served_book_count(book), 2);
}
END_TEST

START_TEST(another_content_sender_or_recipient_is_another_message)
{
	ck_assert_int_eq(add(1, 1, NOW), SMX_OK);
	describe(1, 1);
	message.digest[31] ^= 1;
	ck_assert_uint_eq(served_book_look(book, &message, marks, NOW), 0);
	describe(1, 1);
	message.origin ^= 1;
	ck_assert_uint_eq(served_book_look(book, &message, marks, NOW), 0);
	describe(1, 1);
	rcpts[0].line ^= 1;
	ck_assert_uint_eq(served_book_look(book, &message, marks, NOW), 0);
	ck_assert_uint_eq(look(1, 1, NOW), 1);
}
END_TEST

START_TEST(nobody_marked_writes_nothing)
{
	describe(1, 3);
	ck_assert_int_eq(served_book_add(book, &message, marks, NOW), SMX_OK);
	ck_assert_int_eq(size_of("served"), 0);
}
END_TEST

START_TEST(after_a_clients_patience_it_is_forgotten)
{
	ck_assert_int_eq(add(1, 1, NOW), SMX_OK);
	ck_assert_int_eq(add(2, 1, NOW + DAY), SMX_OK);
	ck_assert_uint_eq(look(1, 1, NOW + SERVED_KEEP_MS), 1);
	ck_assert_uint_eq(look(1, 1, NOW + SERVED_KEEP_MS + 1), 0);
	reopen(NOW + SERVED_KEEP_MS + 1);
	ck_assert_uint_eq(served_book_count(book), 1);
	ck_assert_uint_eq(look(2, 1, NOW + SERVED_KEEP_MS + 1), 1);
	/* A clock that was set back makes nobody old. */
	ck_assert_uint_eq(look(2, 1, NOW - 30 * DAY), 1);
	reopen(NOW - 30 * DAY);
	ck_assert_uint_eq(look(2, 1, NOW - 30 * DAY), 1);
}
END_TEST

static char whole[8192];
static size_t whole_len;

static void
take_whole(void)
{
	FILE *f = fopen(folder_file("served"), "r");

	ck_assert_ptr_nonnull(f);
	whole_len = fread(whole, 1, sizeof(whole), f);
	fclose(f);
}

/* The power may go after any byte of a line. */
START_TEST(a_torn_end_costs_what_was_not_yet_promised_and_nothing_else)
{
	size_t line;

	ck_assert_int_eq(add(1, 1, NOW), SMX_OK);
	line = (size_t)size_of("served");
	ck_assert_int_eq(add(2, 2, NOW), SMX_OK);
	take_whole();
	for (size_t len = 0; len <= whole_len; len++) {
		served_book_close(&book);
		folder_put("served", whole, len);
		open_book(NOW);
		ck_assert_uint_eq(served_book_count(book), len / line);
		ck_assert_uint_eq(look(1, 1, NOW), len >= line);
		ck_assert_int_eq(add(3, 1, NOW), SMX_OK);
		reopen(NOW);
		ck_assert_uint_eq(look(3, 1, NOW), 1);
		ck_assert_uint_eq(served_book_count(book), len / line + 1);
	}
}
END_TEST

START_TEST(damage_costs_the_line_it_is_in)
{
	for (unsigned n = 0; n < 3; n++)
		ck_assert_int_eq(add(n, 1, NOW), SMX_OK);
	take_whole();
	for (size_t at = whole_len / 3; at < 2 * (whole_len / 3); at++) {
		char was = whole[at];

		served_book_close(&book);
		whole[at] = was == '\n' ? 'x' : '\n';
		folder_put("served", whole, whole_len);
		whole[at] = was == '7' ? '8' : '7';
		open_book(NOW);
		ck_assert_uint_eq(look(0, 1, NOW), 1);
		ck_assert_uint_eq(look(1, 1, NOW), 0);
		served_book_close(&book);
		folder_put("served", whole, whole_len);
		whole[at] = was;
		open_book(NOW);
		ck_assert_uint_eq(look(0, 1, NOW), 1);
		ck_assert_uint_eq(look(1, 1, NOW), 0);
		if (was != '\n')
			ck_assert_uint_eq(look(2, 1, NOW), 1);
	}
}
END_TEST

START_TEST(bytes_taken_or_added_in_the_middle_do_not_hide_what_follows)
{
	size_t line;

	for (unsigned n = 0; n < 4; n++)
		ck_assert_int_eq(add(n, 1, NOW), SMX_OK);
	take_whole();
	line = whole_len / 4;
	served_book_close(&book);
	memmove(whole + line + 20, whole + line + 40, whole_len - line - 40);
	folder_put("served", whole, whole_len - 20);
	open_book(NOW);
	ck_assert_uint_eq(look(0, 1, NOW), 1);
	ck_assert_uint_eq(look(1, 1, NOW), 0);
	ck_assert_uint_eq(look(3, 1, NOW), 1);
}
END_TEST

START_TEST(the_ceiling_refuses_and_time_makes_room)
{
	for (unsigned n = 0; n < SERVED_RCPTS_MAX / MOST; n++)
		ck_assert_int_eq(add(n, MOST, NOW), SMX_OK);
	ck_assert_int_eq(add(7000, 1, NOW), SMX_EFULL);
	ck_assert_uint_eq(look(7000, 1, NOW), 0);
	ck_assert_uint_eq(served_book_count(book), SERVED_RCPTS_MAX);
	reopen(NOW);
	ck_assert_uint_eq(served_book_count(book), SERVED_RCPTS_MAX);
	ck_assert_int_eq(add(7000, 1, NOW + SERVED_KEEP_MS + 1), SMX_OK);
	ck_assert_uint_eq(served_book_count(book), 1);
	/* The file has been made short as well. */
	ck_assert_int_lt(size_of("served"), 1000);
	reopen(NOW + SERVED_KEEP_MS + 1);
	ck_assert_uint_eq(look(7000, 1, NOW + SERVED_KEEP_MS + 1), 1);
}
END_TEST

START_TEST(what_a_crash_left_of_a_rewriting_is_not_looked_at)
{
	ck_assert_int_eq(add(1, 600, NOW), SMX_OK);
	served_book_close(&book);
	folder_put_text("served.new", "half of");
	open_book(NOW + SERVED_KEEP_MS + 1);
	ck_assert_int_eq(size_of("served"), 0);
	ck_assert_int_ne(access(folder_file("served.new"), F_OK), 0);
	ck_assert_int_eq(add(2, 1, NOW), SMX_OK);
	reopen(NOW);
	ck_assert_uint_eq(look(2, 1, NOW), 1);
}
END_TEST

/* The file system's own ceiling stands for a full disk. */
START_TEST(a_full_disk_refuses_and_leaves_the_book_whole)
{
	struct rlimit limit = { 1000, RLIM_INFINITY };
	int rc = SMX_OK;
	unsigned n = 0;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (rc == SMX_OK && n < 100)
		rc = add(n++, 1, NOW);
	ck_assert_int_ne(rc, SMX_OK);
	ck_assert_uint_eq(look(n - 1, 1, NOW), 0);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(add(500, 1, NOW), SMX_OK);
	reopen(NOW);
	ck_assert_uint_eq(served_book_count(book), n);
	ck_assert_uint_eq(look(n - 2, 1, NOW), 1);
	ck_assert_uint_eq(look(n - 1, 1, NOW), 0);
	ck_assert_uint_eq(look(500, 1, NOW), 1);
}
END_TEST

START_TEST(a_folder_that_is_none_is_told)
{
	struct served_book *none = NULL;
	char why[256] = "";

	ck_assert_int_ne(served_book_open(&none, "/nonexistent/folder", NOW,
			     why, sizeof(why)),
	    SMX_OK);
	ck_assert_ptr_null(none);
	ck_assert_ptr_nonnull(strstr(why, "/nonexistent/folder/served"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("served_book");
	TCase *tc = tcase_create("book");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc, who_was_served_is_known_also_by_the_next_worker);
	tcase_add_test(tc,
	    another_content_sender_or_recipient_is_another_message);
	tcase_add_test(tc, nobody_marked_writes_nothing);
	tcase_add_test(tc, after_a_clients_patience_it_is_forgotten);
	tcase_add_test(tc,
	    a_torn_end_costs_what_was_not_yet_promised_and_nothing_else);
	tcase_add_test(tc, damage_costs_the_line_it_is_in);
	tcase_add_test(tc,
	    bytes_taken_or_added_in_the_middle_do_not_hide_what_follows);
	tcase_add_test(tc, the_ceiling_refuses_and_time_makes_room);
	tcase_add_test(tc, what_a_crash_left_of_a_rewriting_is_not_looked_at);
	tcase_add_test(tc, a_full_disk_refuses_and_leaves_the_book_whole);
	tcase_add_test(tc, a_folder_that_is_none_is_told);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
