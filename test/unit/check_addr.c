/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/endpoint.h"
#include "core/ip.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ---- mailbox addresses ---- */

static const struct {
	const char *text, *local, *domain;
	int strict; /* of addr_parse */
} addresses[] = {
	{ "user@example.com", "user", "example.com", SMX_OK },
	{ "<user@example.com>", "user", "example.com", SMX_OK },
	{ "User@EXAMPLE.Com", "User", "example.com", SMX_OK },
	{ " <user@example.com> ", "user", "example.com", SMX_OK },
	{ "user@example.com.", "user", "example.com", SMX_OK },
	{ "<@a.example,@b.example:user@example.com>", "user", "example.com",
	    SMX_OK },
	{ "\"user\"@example.com", "user", "example.com", SMX_OK },
	{ "\"a b\"@example.com", "a b", "example.com", SMX_OK },
	{ "\"a@b\"@example.com", "a@b", "example.com", SMX_OK },
	{ "\"a\\\"b\"@example.com", "a\"b", "example.com", SMX_OK },
	{ "\"a\\@b\"@example.com", "a@b", "example.com", SMX_OK },
	{ "user@[192.0.2.1]", "user", "[192.0.2.1]", SMX_OK },
	{ "user@[IPv6:2001:DB8::1]", "user", "[ipv6:2001:db8::1]", SMX_OK },
	{ "us\xc3\xa9r@ex\xc3\xa4mple.com", "us\xc3\xa9r", "ex\xc3\xa4mple.com",
	    SMX_OK },
	{ "user+tag@example.com", "user+tag", "example.com", SMX_OK },
	/* read as well as possible, refused in a configuration */
	{ "postmaster", "postmaster", "", SMX_EINVAL },
	{ "", "", "", SMX_EINVAL },
	{ "<>", "", "", SMX_EINVAL },
	{ "@example.com", "@example.com", "", SMX_EINVAL },
	{ "a@b@example.com", "a@b", "example.com", SMX_EINVAL },
	{ "a b@example.com", "a b", "example.com", SMX_EINVAL },
	{ "user@", "user", "", SMX_EINVAL },
	{ "user@exa mple.com", "user", "exa mple.com", SMX_EINVAL },
	{ "user@-bad.example", "user", "-bad.example", SMX_EINVAL },
	{ "user@a..example", "user", "a..example", SMX_EINVAL },
	{ "user@[192.0.2.1", "user", "[192.0.2.1", SMX_EINVAL },
	{ "user@[192.0.2.300]", "user", "[192.0.2.300]", SMX_EINVAL },
	{ "\"open@example.com", "open@example.com", "", SMX_EINVAL },
	{ "u\nser@example.com", "u\nser", "example.com", SMX_EINVAL },
};

START_TEST(address_has_one_form)
{
	struct addr a, b;

	ck_assert_int_eq(addr_read(&a, addresses[_i].text), SMX_OK);
	/* A route without an end is no route. */
	if (strcmp(addresses[_i].text, "@example.com") != 0) {
		ck_assert_str_eq(a.local, addresses[_i].local);
		ck_assert_str_eq(a.domain, addresses[_i].domain);
	}
	ck_assert_uint_eq(a.local_len, strlen(a.local));
	ck_assert_uint_eq(a.domain_len, strlen(a.domain));
	ck_assert_int_eq(addr_parse(&b, addresses[_i].text),
	    addresses[_i].strict);
}
END_TEST

START_TEST(overlong_address_is_refused_not_cut)
{
	char text[ADDR_MAX + 2];
	struct addr a;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(addr_read(&a, text), SMX_ELIMIT);
	text[ADDR_MAX] = '\0';
	ck_assert_int_eq(addr_read(&a, text), SMX_OK);
	ck_assert_uint_eq(a.local_len, ADDR_MAX);
}
END_TEST

START_TEST(subdomain_is_within_and_a_longer_word_is_not)
{
	ck_assert(domain_within("example.com", "example.com"));
	ck_assert(domain_within("a.b.example.com", "example.com"));
	ck_assert(!domain_within("badexample.com", "example.com"));
	ck_assert(!domain_within("example.com", "a.example.com"));
	ck_assert(!domain_within("", "example.com"));
}
END_TEST

START_TEST(host_name_has_possible_labels)
{
	char label[65];

	memset(label, 'a', 64);
	label[64] = '\0';
	ck_assert_int_eq(hostname_check(label), SMX_EINVAL);
	label[63] = '\0';
	ck_assert_int_eq(hostname_check(label), SMX_OK);
	ck_assert_int_eq(hostname_check("mx1.example.org"), SMX_OK);
	ck_assert_int_eq(hostname_check("mx_1"), SMX_EINVAL);
	ck_assert_int_eq(hostname_check("mx1.example.org."), SMX_EINVAL);
	ck_assert_int_eq(hostname_check(""), SMX_EINVAL);
	ck_assert_int_eq(hostname_check("a b"), SMX_EINVAL);
}
END_TEST

/* ---- IP ---- */

static const struct {
	const char *text;
	const char *same; /* NULL: no address */
} ips[] = {
	{ "192.0.2.7", "::ffff:192.0.2.7" },
	{ "192.0.2.7", "IPv6:::ffff:c000:207" },
	{ "2001:db8::7", "2001:0DB8:0:0:0:0:0:7" },
	{ "2001:db8::7", "IPv6:2001:db8::7" },
	{ "::", "0:0:0:0:0:0:0:0" },
	{ "::1", "0::1" },
	{ "1::", "1:0:0:0:0:0:0:0" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:0.7.0.8" },
	{ "", NULL },
	{ "192.0.2", NULL },
	{ "192.0.2.7.1", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2.07", NULL },
	{ "192.0.2.", NULL },
	{ "192.0.2.7 ", NULL },
	{ "-1.0.2.7", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "1::2::3", NULL },
	{ "1:2:3:4:5:6:7:8::", NULL },
	{ "12345::", NULL },
	{ "::g", NULL },
	{ "1:", NULL },
	{ ":1", NULL },
	{ "::1%eth0", NULL },
	{ "::1.2.3", NULL },
	{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
	{ "[::1]", NULL },
	{ "IPv6:192.0.2.7", NULL },
	{ "IPv6:", NULL },
};

START_TEST(ip_address_has_one_value)
{
	struct ip a, b;
	const char *text = ips[_i].text, *same = ips[_i].same;

	if (same == NULL) {
		ck_assert_int_eq(ip_parse(text, strlen(text), &a), SMX_EINVAL);
		return;
	}
	ck_assert_int_eq(ip_parse(text, strlen(text), &a), SMX_OK);
	ck_assert_int_eq(ip_parse(same, strlen(same), &b), SMX_OK);
	ck_assert_int_eq(ip_compare(&a, &b), 0);
}
END_TEST

static const struct {
	const char *network, *address;
	int in; /* -1: no network */
} networks[] = {
	{ "192.0.2.0/24", "192.0.2.0", 1 },
	{ "192.0.2.0/24", "192.0.2.255", 1 },
	{ "192.0.2.0/24", "192.0.3.0", 0 },
	{ "192.0.2.0/24", "192.0.1.255", 0 },
	{ "192.0.2.0/24", "::ffff:192.0.2.1", 1 },
	{ "192.0.2.0/24", "2001:db8::1", 0 },
	{ "192.0.2.7", "192.0.2.7", 1 },
	{ "192.0.2.7", "192.0.2.6", 0 },
	{ "192.0.2.4/30", "192.0.2.7", 1 },
	{ "192.0.2.4/30", "192.0.2.8", 0 },
	{ "0.0.0.0/0", "203.0.113.1", 1 },
	{ "0.0.0.0/0", "2001:db8::1", 0 },
	{ "2001:db8::/32", "2001:db8:ffff::1", 1 },
	{ "2001:db8::/32", "2001:db9::", 0 },
	{ "2001:db8::/33", "2001:db8:8000::", 0 },
	{ "2001:db8::1", "2001:db8::1", 1 },
	{ "::/0", "2001:db8::1", 1 },
	{ "::/0", "192.0.2.1", 0 },
	{ "::ffff:192.0.2.0/120", "192.0.2.9", 1 },
	{ "192.0.2.1/24", "192.0.2.1", -1 },
	{ "192.0.2.0/33", "192.0.2.1", -1 },
	{ "192.0.2.0/", "192.0.2.1", -1 },
	{ "192.0.2.0/-1", "192.0.2.1", -1 },
	{ "2001:db8::/129", "192.0.2.1", -1 },
	{ "example.com", "192.0.2.1", -1 },
	{ "", "192.0.2.1", -1 },
};

START_TEST(network_holds_its_addresses)
{
	struct ip_range range;
	struct ip ip;
	const char *text = networks[_i].address;
	int result = ip_network_parse(networks[_i].network, &range);

	ck_assert_int_eq(result, networks[_i].in < 0 ? SMX_EINVAL : SMX_OK);
	if (result != SMX_OK)
		return;
	ck_assert_int_eq(ip_parse(text, strlen(text), &ip), SMX_OK);
	ck_assert_int_eq(ip_ranges_match(&range, 1, &ip), networks[_i].in);
}
END_TEST

START_TEST(sorted_ranges_answer_as_a_walk_would)
{
	enum { N = 60 };
	struct ip_range plain[N], sorted[N];
	unsigned seed = 12345;
	size_t count;

	for (size_t i = 0; i < N; i++) {
		struct ip_range *r = &plain[i];
		unsigned bits;

		seed = seed * 1103515245u + 12345u;
		bits = (seed >> 16) % 5;
		memset(r, 0, sizeof(*r));
		r->low.family = r->high.family = 4;
		r->low.octet[15] =
		    (uint8_t)((seed >> 20) & ~((1u << bits) - 1));
		r->high.octet[15] =
		    (uint8_t)(r->low.octet[15] | ((1u << bits) - 1));
	}
	memcpy(sorted, plain, sizeof(plain));
	count = ip_ranges_sort(sorted, N);
	ck_assert_uint_le(count, N);
	for (unsigned v = 0; v < 256; v++) {
		struct ip ip = { .family = 4 };
		int in = 0;

		ip.octet[15] = (uint8_t)v;
		for (size_t i = 0; i < N; i++)
			in |= ip_ranges_match(&plain[i], 1, &ip);
		ck_assert_int_eq(ip_ranges_match(sorted, count, &ip), in);
	}
}
END_TEST

/* ---- endpoints ---- */

static const struct {
	const char *text, *form; /* NULL: refused */
} listens[] = {
	{ "unix:/run/m.sock", "unix:/run/m.sock" },
	{ "local:/run/m.sock", "unix:/run/m.sock" },
	{ "inet:8891@127.0.0.1", "inet:8891@127.0.0.1" },
	{ "inet:127.0.0.1:8891", "inet:8891@127.0.0.1" },
	{ "inet:localhost:8891", "inet:8891@localhost" },
	{ "inet:8891@localhost", "inet:8891@localhost" },
	{ "inet:[::1]:8891", "inet6:8891@::1" },
	{ "inet6:8891@::1", "inet6:8891@::1" },
	{ "inet6:[::1]:8891", "inet6:8891@::1" },
	{ "unix:relative", NULL },
	{ "unix:", NULL },
	{ "/run/m.sock", NULL },
	{ "inet:8891", NULL },
	{ "inet:x@127.0.0.1", NULL },
	{ "inet:0@127.0.0.1", NULL },
	{ "inet:65536@127.0.0.1", NULL },
	{ "inet:8891@", NULL },
	{ "inet:8891@::1", NULL },
	{ "inet6:8891@127.0.0.1", NULL },
	{ "inet:127.0.0.1:smtp", NULL },
	{ "inet:a b:25", NULL },
	{ "fd:3", NULL },
	{ "", NULL },
};

START_TEST(milter_socket_is_kept_in_libmilter_form)
{
	char out[ENDPOINT_TEXT] = "";
	const char *wrong = milter_listen_check(listens[_i].text, out);

	if (listens[_i].form == NULL) {
		ck_assert_ptr_nonnull(wrong);
	} else {
		ck_assert_ptr_null(wrong);
		ck_assert_str_eq(out, listens[_i].form);
	}
}
END_TEST

START_TEST(endpoint_is_a_number_and_a_port)
{
	static const char *const good[] = { "192.0.2.2:8825",
		"[2001:db8::2]:8825", "0.0.0.0:1", "[::]:65535" };
	static const char *const bad[] = { "", "192.0.2.2",
		"192.0.2.2:", ":8825", "192.0.2.2:0", "192.0.2.2:65536",
		"192.0.2.2:+25", "mx2.example.org:8825", "2001:db8::2:8825",
		"[192.0.2.2]:8825", "[2001:db8::2]", "[2001:db8::2:8825",
		"192.0.2.2:8825 ", "192.0.2.2:000025" };

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(endpoint_check(good[i]) == NULL, "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(endpoint_check(bad[i]) != NULL, "%s", bad[i]);
	ck_assert_ptr_null(submit_check("unix:/run/submit"));
	ck_assert_ptr_nonnull(submit_check("unix:run/submit"));
}
END_TEST

START_TEST(socket_path_fits_its_address)
{
	char path[SOCKET_PATH_MAX + 2];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[SOCKET_PATH_MAX + 1] = '\0';
	ck_assert_ptr_nonnull(socket_path_check(path));
	path[SOCKET_PATH_MAX] = '\0';
	ck_assert_ptr_null(socket_path_check(path));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("addr");
	TCase *tc = tcase_create("forms");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, address_has_one_form, 0, COUNT(addresses));
	tcase_add_test(tc, overlong_address_is_refused_not_cut);
	tcase_add_test(tc, subdomain_is_within_and_a_longer_word_is_not);
	tcase_add_test(tc, host_name_has_possible_labels);
	tcase_add_loop_test(tc, ip_address_has_one_value, 0, COUNT(ips));
	tcase_add_loop_test(tc, network_holds_its_addresses, 0,
	    COUNT(networks));
	tcase_add_test(tc, sorted_ranges_answer_as_a_walk_would);
	tcase_add_loop_test(tc, milter_socket_is_kept_in_libmilter_form, 0,
	    COUNT(listens));
	tcase_add_test(tc, endpoint_is_a_number_and_a_port);
	tcase_add_test(tc, socket_path_fits_its_address);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
