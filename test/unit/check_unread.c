/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "glue/unread.h"

/* An MTA and its milter, without anybody who reads. */
static struct unread unread;
static char folder[64];
static int listening, mta, milter;
static int64_t now;

static void
setup(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(folder, sizeof(folder), "/tmp/check_unread.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", folder);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mta = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, (void *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(listening, 5), 0);
	ck_assert_int_eq(connect(mta, (void *)&sun, sizeof(sun)), 0);
	milter = accept(listening, NULL, NULL);
	ck_assert_int_ge(milter, 0);
	now = 1000;
	unread_init(&unread, listening);
	ck_assert_uint_ne(unread.len, 0);
}

static void
teardown(void)
{
	char name[80];

	unread_free(&unread);
	close(mta);
	close(milter);
	close(listening);
	snprintf(name, sizeof(name), "%s/s", folder);
	unlink(name);
	rmdir(folder);
}

/* How many are cut until so much time has gone by. */
static size_t
after(int64_t ms)
{
	size_t cut = 0;

	for (int64_t until = now + ms; now <= until; now += UNREAD_EACH_MS)
		cut += unread_look(&unread, now);
	return cut;
}

static void
say(const char *text)
{
	ck_assert_int_eq(write(mta, text, strlen(text)), (int)strlen(text));
}

static int
is_cut(void)
{
	char c;

	return recv(mta, &c, 1, MSG_DONTWAIT) == 0;
}

START_TEST(what_nobody_reads_is_cut)
{
	say("hello");
	ck_assert_uint_eq(after(UNREAD_MS - UNREAD_EACH_MS), 0);
	ck_assert_uint_eq(unread.waiting, 1);
	ck_assert(!is_cut());
	ck_assert_uint_eq(after(2 * UNREAD_EACH_MS), 1);
	ck_assert(is_cut());
	ck_assert_uint_eq(unread.lost, 1);
	/* Once; and it counts as long as it is open. */
	ck_assert_uint_eq(after(3 * UNREAD_MS), 0);
	ck_assert_uint_eq(unread.lost, 1);
	close(milter);
	ck_assert_uint_eq(after(UNREAD_EACH_MS), 0);
	ck_assert_uint_eq(unread.lost, 0);
	ck_assert_uint_eq(unread.cut, 1);
}
END_TEST

START_TEST(end_that_nobody_reads_is_cut)
{
	ck_assert_int_eq(shutdown(mta, SHUT_WR), 0);
	ck_assert_uint_eq(after(UNREAD_MS + UNREAD_EACH_MS), 1);
}
END_TEST

START_TEST(silence_is_not_cut)
{
	ck_assert_uint_eq(after(10 * UNREAD_MS), 0);
	ck_assert_uint_eq(unread.waiting, 0);
	ck_assert_ptr_null(unread.one);
}
END_TEST

/* Slowly, but it is read. */
START_TEST(what_is_read_is_not_cut)
{
	char c;

	for (int i = 0; i < 20; i++) {
		say("xy");
		ck_assert_uint_eq(after(UNREAD_MS / 2), 0);
		ck_assert_int_eq(read(milter, &c, 1), 1);
	}
	ck_assert(!is_cut());
}
END_TEST

/* As fast as it comes in: there is always as much. */
START_TEST(full_buffer_that_is_read_is_not_cut)
{
	char c[2], line[16];

	say("01");
	for (int i = 0; i < 40; i++) {
		ck_assert_uint_eq(after(UNREAD_EACH_MS), 0);
		ck_assert_int_eq(read(milter, c, sizeof(c)), sizeof(c));
		snprintf(line, sizeof(line), "%02d", i);
		say(line);
	}
	ck_assert(!is_cut());
}
END_TEST

START_TEST(other_sockets_are_left_alone)
{
	int other[2];
	char c;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     other),
	    0);
	ck_assert_int_eq(write(other[0], "x", 1), 1);
	ck_assert_int_eq(write(milter, "x", 1), 1); /* unread at the MTA's */
	ck_assert_uint_eq(after(3 * UNREAD_MS), 0);
	ck_assert_int_eq(read(other[1], &c, 1), 1);
	ck_assert_int_eq(read(mta, &c, 1), 1);
	close(other[0]);
	close(other[1]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("unread");
	TCase *tc = tcase_create("unread");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_nobody_reads_is_cut);
	tcase_add_test(tc, end_that_nobody_reads_is_cut);
	tcase_add_test(tc, silence_is_not_cut);
	tcase_add_test(tc, what_is_read_is_not_cut);
	tcase_add_test(tc, full_buffer_that_is_read_is_not_cut);
	tcase_add_test(tc, other_sockets_are_left_alone);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
