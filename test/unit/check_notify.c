/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/notify.h"

static char folder[64], path[96];
static int manager;

static void
listen_at(const char *name, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memcpy(sun.sun_path, name, len);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&sun,
			     (socklen_t)(offsetof(struct sockaddr_un,
					     sun_path) +
					 len)),
	    0);
}

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/check_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/n", folder);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
}

static void
teardown(void)
{
	notify_close();
	close(manager);
	unlink(path);
	rmdir(folder);
}

static const char *
heard(void)
{
	static char text[512];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

START_TEST(words_arrive_one_datagram_each)
{
	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_open();
	notify_ready();
	ck_assert_str_eq(heard(), "READY=1");
	notify_stopping();
	ck_assert_str_eq(heard(), "STOPPING=1");
	notify_watchdog();
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	notify_status("one\nREADY=1");
	ck_assert_str_eq(heard(), "STATUS=one READY=1");
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(reloading_carries_the_present_time)
{
	struct timespec ts;
	long long before, told = 0, after;

	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_open();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	before = (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	notify_reloading();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	after = (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	ck_assert_int_eq(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld",
			     &told),
	    1);
	ck_assert(before <= told && told <= after);
}
END_TEST

START_TEST(abstract_name_is_understood)
{
	char name[64];

	snprintf(name, sizeof(name), "@check_notify.%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	listen_at(name, 1 + strlen(name + 1));
	notify_open();
	notify_ready();
	ck_assert_str_eq(heard(), "READY=1");
}
END_TEST

START_TEST(children_find_nothing_in_the_environment)
{
	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	notify_open();
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_int_eq(notify_watchdog_ms(), 30000);
}
END_TEST

START_TEST(watchdog_of_another_process_is_not_ours)
{
	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_open();
	ck_assert_int_eq(notify_watchdog_ms(), 0);
}
END_TEST

START_TEST(no_manager_is_no_trouble)
{
	static const char *const names[] = { NULL, "", "relative", "/", "@",
		"/nonexistent/socket" };

	listen_at(path, strlen(path));
	if (names[_i] != NULL)
		setenv("NOTIFY_SOCKET", names[_i], 1);
	notify_open();
	notify_ready();
	notify_reloading();
	ck_assert_int_eq(notify_watchdog_ms(), 0);
	ck_assert_str_eq(heard(), "");
}
END_TEST

/* A manager that does not read must not stop the service. */
START_TEST(full_manager_does_not_block)
{
	listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_open();
	for (int i = 0; i < 5000; i++)
		notify_watchdog();
	ck_assert_str_eq(heard(), "WATCHDOG=1");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *tc = tcase_create("notify");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, words_arrive_one_datagram_each);
	tcase_add_test(tc, reloading_carries_the_present_time);
	tcase_add_test(tc, abstract_name_is_understood);
	tcase_add_test(tc, children_find_nothing_in_the_environment);
	tcase_add_test(tc, watchdog_of_another_process_is_not_ours);
	tcase_add_loop_test(tc, no_manager_is_no_trouble, 0, 6);
	tcase_add_test(tc, full_manager_does_not_block);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
