/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/folder.h"
#include "io/listen.h"

static char folder[64], path[96], why[300];

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/check_listen.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(folder);
}

static int
open_at(const char *address, int *fd)
{
	struct listen_options o = { address, 0660, (uid_t)-1, (gid_t)-1 };

	return listen_open(&o, fd, why, sizeof(why));
}

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	text_copy(sun.sun_path, sizeof(sun.sun_path), path);
	rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
	return rc;
}

START_TEST(unix_socket_has_its_mode_whatever_the_umask)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	char address[128];
	struct stat st;
	int fd;

	snprintf(address, sizeof(address), "unix:%s", path);
	umask(masks[_i]);
	ck_assert_int_eq(open_at(address, &fd), SMX_OK);
	ck_assert_uint_eq(umask(022), masks[_i]);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(dial(), 0);
	close(fd);
	listen_remove(address);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(socket_is_given_to_its_group)
{
	struct listen_options o = { path, 0660, (uid_t)-1, 54321 };
	struct stat st;
	int fd;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(listen_open(&o, &fd, why, sizeof(why)), SMX_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_gid, 54321);
	ck_assert_uint_eq(st.st_uid, 0);
	close(fd);
}
END_TEST

START_TEST(stale_socket_is_replaced)
{
	int fd;

	ck_assert_int_eq(open_at(path, &fd), SMX_OK);
	close(fd);
	ck_assert_int_ne(dial(), 0);
	ck_assert_int_eq(open_at(path, &fd), SMX_OK);
	ck_assert_int_eq(dial(), 0);
	close(fd);
}
END_TEST

START_TEST(living_socket_is_left_alone)
{
	int first, second = -7;

	ck_assert_int_eq(open_at(path, &first), SMX_OK);
	ck_assert_int_eq(open_at(path, &second), SMX_EBUSY);
	ck_assert_ptr_nonnull(strstr(why, "another process"));
	ck_assert_int_eq(second, -7);
	ck_assert_int_eq(dial(), 0);
	close(first);
}
END_TEST

START_TEST(file_in_the_way_is_left_alone)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(open_at(path, &fd), SMX_EBUSY);
	ck_assert_int_eq(access(path, F_OK), 0);
	listen_remove(path);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* A link that somebody put there leads nowhere, dangling or not. */
START_TEST(link_in_the_way_is_not_followed)
{
	char target[128];
	int fd;

	snprintf(target, sizeof(target), "%s/target", folder);
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(open_at(path, &fd), SMX_EBUSY);
	ck_assert_int_ne(access(target, F_OK), 0);
}
END_TEST

static const struct {
	const char *address; /* %u is the port */
	int local;
} tcp[] = {
	{ "inet:%u@127.0.0.1", 1 },
	{ "inet:%u@localhost", 1 },
	{ "127.0.0.1:%u", 1 },
	{ "0.0.0.0:%u", 0 },
	{ "inet:%u", 0 },
	{ "*:%u", 0 },
};

static unsigned
port_of(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

START_TEST(tcp_forms_open_and_a_taken_port_is_busy)
{
	char address[64];
	int fd, other;
	unsigned port;

	snprintf(address, sizeof(address), "%s", tcp[_i].address);
	memcpy(strchr(address, '%'), "0", 1);
	/* "0" and what stood behind the two bytes of "%u" */
	memmove(strchr(tcp[_i].address, '%') - tcp[_i].address + 1 + address,
	    strchr(tcp[_i].address, '%') + 2,
	    strlen(strchr(tcp[_i].address, '%') + 2) + 1);
	ck_assert_int_eq(listen_is_local(address), tcp[_i].local);
	ck_assert_msg(open_at(address, &fd) == SMX_OK, "%s", why);
	port = port_of(fd);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	ck_assert_int_eq(open_at(address, &other), SMX_EBUSY);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}
END_TEST

static const char *const wrong[] = { "", "host", "mx1.example.org:25",
	"127.0.0.1", "127.0.0.1:", "127.0.0.1:smtp", "inet:@127.0.0.1",
	"unix:relative", "unix:", "1.2.3.4.5:1", "[::1:25",
	("unix:/0123456789012345678901234567890123456789012345678901234567890"
	 "123456789012345678901234567890123456789012345678901234567890") };

START_TEST(wrong_address_is_told_without_a_name_server)
{
	int fd = -7;

	why[0] = '\0';
	ck_assert_int_eq(open_at(wrong[_i], &fd), SMX_EINVAL);
	ck_assert_int_eq(fd, -7);
	ck_assert_str_ne(why, "");
}
END_TEST

static int
make(const char *name, mode_t mode)
{
	struct folder f = { name, mode, (uid_t)-1, (gid_t)-1 };

	return folder_make(&f, why, sizeof(why));
}

START_TEST(new_folder_has_its_mode_and_old_one_keeps_its_own)
{
	struct stat st;

	umask(077);
	ck_assert_int_eq(make(path, 0755), SMX_OK);
	umask(022);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(make(path, 0700), SMX_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	rmdir(path);
}
END_TEST

START_TEST(folder_that_everybody_may_write_is_refused)
{
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(make(folder, 0700), SMX_EPERM);
	ck_assert_int_eq(make(path, 0700), SMX_EPERM);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* As /tmp is: the sticky bit keeps names in their owner's hands. */
	ck_assert_int_eq(chmod(folder, 01777), 0);
	ck_assert_int_eq(make(path, 0700), SMX_OK);
	rmdir(path);
}
END_TEST

START_TEST(folder_is_not_made_through_a_link_or_without_a_parent)
{
	char deep[128];

	ck_assert_int_eq(symlink("/nonexistent/x", path), 0);
	ck_assert_int_ne(make(path, 0700), SMX_OK);
	unlink(path);
	snprintf(deep, sizeof(deep), "%s/a/b", folder);
	ck_assert_int_eq(make(deep, 0700), SMX_ENOTFOUND);
	ck_assert_int_eq(make("relative", 0700), SMX_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("listen");
	TCase *tc = tcase_create("listen");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, unix_socket_has_its_mode_whatever_the_umask, 0,
	    4);
	tcase_add_test(tc, socket_is_given_to_its_group);
	tcase_add_test(tc, stale_socket_is_replaced);
	tcase_add_test(tc, living_socket_is_left_alone);
	tcase_add_test(tc, file_in_the_way_is_left_alone);
	tcase_add_test(tc, link_in_the_way_is_not_followed);
	tcase_add_loop_test(tc, tcp_forms_open_and_a_taken_port_is_busy, 0,
	    sizeof(tcp) / sizeof(*tcp));
	tcase_add_loop_test(tc, wrong_address_is_told_without_a_name_server, 0,
	    sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(tc, new_folder_has_its_mode_and_old_one_keeps_its_own);
	tcase_add_test(tc, folder_that_everybody_may_write_is_refused);
	tcase_add_test(tc,
	    folder_is_not_made_through_a_link_or_without_a_parent);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
