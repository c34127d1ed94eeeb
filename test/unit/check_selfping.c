/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "glue/selfping.h"

static const struct {
	const char *where;
	int family; /* 0: refused */
	const char *address;
	unsigned port;
} places[] = {
	{ "unix:/run/x.sock", AF_UNIX, "/run/x.sock", 0 },
	{ "local:/run/x.sock", AF_UNIX, "/run/x.sock", 0 },
	{ "/run/x.sock", AF_UNIX, "/run/x.sock", 0 },
	{ "inet:8891@127.0.0.1", AF_INET, "127.0.0.1", 8891 },
	{ "inet:8891@[127.0.0.2]", AF_INET, "127.0.0.2", 8891 },
	{ "inet:8891@0.0.0.0", AF_INET, "127.0.0.1", 8891 },
	{ "inet:8891", AF_INET, "127.0.0.1", 8891 },
	{ "inet6:8891@::1", AF_INET6, "::1", 8891 },
	{ "inet6:8891@[::1]", AF_INET6, "::1", 8891 },
	{ "inet6:8891@::", AF_INET6, "::1", 8891 },
	{ "unix:", 0, NULL, 0 },
	{ "fd:3", 0, NULL, 0 },
	{ "", 0, NULL, 0 },
	{ "inet:@127.0.0.1x", 0, NULL, 0 },
};

START_TEST(a_place_is_understood_as_libmilter_does)
{
	struct selfping self;
	struct sockaddr_un sun;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	char text[INET6_ADDRSTRLEN];
	int rc = selfping_parse(&self, places[_i].where);

	ck_assert_int_eq(rc == SMX_OK, places[_i].family != 0);
	if (places[_i].family == 0)
		return;
	ck_assert_int_eq(self.address.ss_family, places[_i].family);
	if (places[_i].family == AF_UNIX) {
		memcpy(&sun, &self.address, sizeof(sun));
		ck_assert_str_eq(sun.sun_path, places[_i].address);
	} else if (places[_i].family == AF_INET) {
		memcpy(&in, &self.address, sizeof(in));
		ck_assert_uint_eq(ntohs(in.sin_port), places[_i].port);
		ck_assert_str_eq(inet_ntop(AF_INET, &in.sin_addr, text,
				     sizeof(text)),
		    places[_i].address);
	} else {
		memcpy(&in6, &self.address, sizeof(in6));
		ck_assert_uint_eq(ntohs(in6.sin6_port), places[_i].port);
		ck_assert_str_eq(inet_ntop(AF_INET6, &in6.sin6_addr, text,
				     sizeof(text)),
		    places[_i].address);
	}
}
END_TEST

START_TEST(an_overlong_path_is_refused)
{
	char where[300] = "unix:/";
	struct selfping self;

	memset(where + 6, 'x', sizeof(where) - 7);
	ck_assert_int_eq(selfping_parse(&self, where), SMX_EINVAL);
}
END_TEST

static int
listener(int family, char *where, size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(in);
	int fd = socket(family, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	if (family == AF_UNIX) {
		snprintf(sun.sun_path, sizeof(sun.sun_path),
		    "/tmp/check_selfping.%ld", (long)getpid());
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)),
		    0);
		snprintf(where, size, "unix:%s", sun.sun_path);
	} else {
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)),
		    0);
		ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len),
		    0);
		snprintf(where, size, "inet:%u@127.0.0.1",
		    (unsigned)ntohs(in.sin_port));
	}
	return fd;
}

static const int families[] = { AF_UNIX, AF_INET };

/* Also when nobody accepts: knocking must never wait for that. */
START_TEST(a_knock_is_heard_and_never_blocks)
{
	struct selfping self;
	char where[128];
	int fd = listener(families[_i], where, sizeof(where));
	int heard;

	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(selfping_parse(&self, where), SMX_OK);
	ck_assert_int_eq(selfping_knock(&self), SMX_OK);
	heard = accept(fd, NULL, NULL);
	ck_assert_int_ge(heard, 0);
	close(heard);
	for (int i = 0; i < 20; i++)
		(void)selfping_knock(&self);
	close(fd);
	ck_assert_int_eq(selfping_knock(&self), SMX_EUNREACHABLE);
	if (families[_i] == AF_UNIX)
		(void)unlink(where + 5);
}
END_TEST

START_TEST(nowhere_to_knock_is_no_crash)
{
	struct selfping self = { .len = 0 };

	ck_assert_int_eq(selfping_knock(&self), SMX_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("selfping");
	TCase *tc = tcase_create("knock");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, a_place_is_understood_as_libmilter_does, 0,
	    sizeof(places) / sizeof(*places));
	tcase_add_test(tc, an_overlong_path_is_refused);
	tcase_add_loop_test(tc, a_knock_is_heard_and_never_blocks, 0,
	    sizeof(families) / sizeof(*families));
	tcase_add_test(tc, nowhere_to_knock_is_no_crash);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
