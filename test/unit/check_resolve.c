/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/resolve.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/dnsmx.h"

/* ---- MX records ---- */

#define HEAD(flags, answers)                                                   \
	"\x12\x34" flags "\x00\x01\x00" answers "\x00\x00\x00\x00"
#define QUESTION                                                               \
	"\x07"                                                                 \
	"example"                                                              \
	"\x03org\x00\x00\x0f\x00\x01"
#define MX(len, preference, host)                                              \
	"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00" len preference host

static struct dnsmx mx;

static int
parse(const char *message, size_t len)
{
	/* exactly so long, for the sanitizer's sake */
	void *copy = malloc(len + (len == 0));
	int rc;

	memcpy(copy, message, len);
	rc = dnsmx_parse(&mx, copy, len);
	free(copy);
	return rc;
}

static const char two[] = HEAD("\x81\x80", "\x02") QUESTION MX("\x08",
    "\x00\x14", "\x03mx2\xc0\x0c") MX("\x08", "\x00\x0a", "\x03mx1\xc0\x0c");

START_TEST(hosts_come_in_their_order)
{
	static const uint32_t dice[DNSMX_MAX] = { 0 };

	ck_assert_int_eq(parse(two, sizeof(two) - 1), SMX_OK);
	ck_assert_uint_eq(mx.count, 2);
	ck_assert_str_eq(mx.hosts[0].name, "mx2.example.org");
	ck_assert_uint_eq(mx.hosts[0].preference, 20);
	dnsmx_sort(&mx, dice);
	ck_assert_str_eq(mx.hosts[0].name, "mx1.example.org");
	ck_assert_str_eq(mx.hosts[1].name, "mx2.example.org");
	ck_assert_int_eq(mx.none, 0);
}
END_TEST

START_TEST(equal_hosts_are_shuffled)
{
	unsigned first[3] = { 0 };

	for (uint32_t roll = 0; roll < 300; roll++) {
		uint32_t dice[DNSMX_MAX] = { 0, roll * 7, roll };

		mx.count = 3;
		for (size_t i = 0; i < 3; i++) {
			mx.hosts[i].preference = i == 2 ? 5 : 10;
			snprintf(mx.hosts[i].name, 256, "%zu", i);
		}
		dnsmx_sort(&mx, dice);
		ck_assert_str_eq(mx.hosts[0].name, "2");
		first[mx.hosts[1].name[0] - '0']++;
	}
	ck_assert_uint_gt(first[0], 50);
	ck_assert_uint_gt(first[1], 50);
}
END_TEST

START_TEST(this_host_and_those_behind_it_are_left_out)
{
	struct dnsmx four = { .count = 4 };
	unsigned char own[DNSMX_MAX] = { 0 };

	for (unsigned i = 0; i < 4; i++)
		four.hosts[i].preference = 10 * (i / 2);
	ck_assert_uint_eq(dnsmx_limit(&four, own), DNSMX_ALL);
	own[3] = 1;
	ck_assert_uint_eq(dnsmx_limit(&four, own), 10);
	own[1] = 1;
	ck_assert_uint_eq(dnsmx_limit(&four, own), 0);
}
END_TEST

START_TEST(a_domain_may_take_no_mail)
{
	static const char null[] =
	    HEAD("\x81\x80", "\x01") QUESTION MX("\x03", "\x00\x00", "\x00");
	static const char both[] = HEAD("\x81\x80", "\x02") QUESTION MX("\x03",
	    "\x00\x00", "\x00") MX("\x08", "\x00\x0a", "\x03mx1\xc0\x0c");

	ck_assert_int_eq(parse(null, sizeof(null) - 1), SMX_OK);
	ck_assert_int_eq(mx.none, 1);
	ck_assert_uint_eq(mx.count, 0);
	ck_assert_int_eq(parse(both, sizeof(both) - 1), SMX_OK);
	ck_assert_int_eq(mx.none, 0);
	ck_assert_uint_eq(mx.count, 1);
}
END_TEST

START_TEST(other_answers_are_told_apart)
{
	static const char gone[] = HEAD("\x81\x83", "\x00") QUESTION;
	static const char broken[] = HEAD("\x81\x82", "\x00") QUESTION;
	static const char asks[] = HEAD("\x01\x00", "\x00") QUESTION;
	static const char nothing[] = HEAD("\x81\x80", "\x00") QUESTION;

	ck_assert_int_eq(parse(gone, sizeof(gone) - 1), SMX_ENOTFOUND);
	ck_assert_int_eq(parse(broken, sizeof(broken) - 1), SMX_ETEMP);
	ck_assert_int_eq(parse(asks, sizeof(asks) - 1), SMX_EPROTO);
	ck_assert_int_eq(parse(nothing, sizeof(nothing) - 1), SMX_OK);
	ck_assert_uint_eq(mx.count, 0);
	ck_assert_int_eq(mx.none, 0);
}
END_TEST

/* A name that is none is left out; a pointer that leads on, or to itself, ends
 * it all. */
START_TEST(names_are_hostile)
{
	static const char space[] = HEAD("\x81\x80", "\x02")
	    QUESTION MX("\x08", "\x00\x01", "\x03m x\xc0\x0c")
		MX("\x08", "\x00\x0a", "\x03mx1\xc0\x0c");
	static const char self[] = HEAD("\x81\x80", "\x01")
	    QUESTION MX("\x04", "\x00\x01", "\xc0\x2b");
	static const char forward[] = HEAD("\x81\x80", "\x01")
	    QUESTION MX("\x04", "\x00\x01", "\xc0\x30");

	ck_assert_int_eq(parse(space, sizeof(space) - 1), SMX_OK);
	ck_assert_uint_eq(mx.count, 1);
	ck_assert_str_eq(mx.hosts[0].name, "mx1.example.org");
	ck_assert_int_eq(parse(self, sizeof(self) - 1), SMX_EPROTO);
	ck_assert_int_eq(parse(forward, sizeof(forward) - 1), SMX_EPROTO);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
	for (size_t len = 0; len < sizeof(two) - 1; len++)
		ck_assert_int_eq(parse(two, len), SMX_EPROTO);
}
END_TEST

START_TEST(no_byte_does_harm)
{
	char copy[sizeof(two)];

	for (size_t at = 0; at < sizeof(two) - 1; at++)
		for (int value = 0; value < 256; value++) {
			memcpy(copy, two, sizeof(two));
			copy[at] = (char)value;
			(void)parse(copy, sizeof(two) - 1);
			ck_assert_uint_le(mx.count, DNSMX_MAX);
		}
}
END_TEST

/* ---- the system's names ---- */

static int
ask(struct resolver *resolver, const char *host, struct hop_addrs *out,
    struct hop_answer *why)
{
	struct nexthop to = { .kind = NEXTHOP_HOST, .port = 2525 };
	struct lookup *lookup;
	struct pollfd p = { .events = POLLIN };
	int at_once;

	snprintf(to.host, sizeof(to.host), "%s", host);
	ck_assert_int_eq(lookup_begin(&lookup, resolver, &to), SMX_OK);
	at_once = lookup_answer(lookup, out, why);
	if (!at_once) {
		p.fd = lookup_fd(lookup);
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		ck_assert_int_eq(lookup_answer(lookup, out, why), 1);
	}
	lookup_end(&lookup);
	ck_assert_ptr_null(lookup);
	return at_once;
}

START_TEST(names_of_the_hosts_file_are_found)
{
	struct resolver *resolver;
	struct hop_addrs addrs;
	struct hop_answer why;

	ck_assert_int_eq(resolver_new(&resolver), SMX_OK);
	(void)ask(resolver, "localhost", &addrs, &why);
	ck_assert_uint_ge(addrs.count, 1);
	ck_assert_str_eq(addrs.list[0].host, "localhost");
	/* and the second time without asking anybody */
	ck_assert_int_eq(ask(resolver, "LOCALHOST", &addrs, &why), 1);
	resolver_forget(resolver);
	(void)ask(resolver, "localhost", &addrs, &why);
	ck_assert_uint_ge(addrs.count, 1);
	resolver_free(&resolver);
}
END_TEST

START_TEST(a_name_that_is_none_is_told)
{
	struct resolver *resolver;
	struct hop_addrs addrs;
	struct hop_answer why;

	ck_assert_int_eq(resolver_new(&resolver), SMX_OK);
	(void)ask(resolver, "..", &addrs, &why);
	ck_assert_uint_eq(addrs.count, 0);
	ck_assert_int_eq(why.class, HOP_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(why.text, ".."));
	ck_assert_int_eq(ask(resolver, "..", &addrs, &why), 1);
	resolver_free(&resolver);
}
END_TEST

/* Who goes away early leaves nothing behind, and a full queue says so. */
START_TEST(questions_that_nobody_waits_for)
{
	enum { MANY = 400 };
	static struct lookup *lookups[MANY];
	struct nexthop to = { .kind = NEXTHOP_HOST, .port = 25 };
	struct resolver *resolver;
	struct hop_addrs addrs;
	struct hop_answer why;

	ck_assert_int_eq(resolver_new(&resolver), SMX_OK);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(to.host, sizeof(to.host), "localhost");
		to.port = (uint16_t)(1000 + i);
		ck_assert_int_eq(lookup_begin(&lookups[i], resolver, &to),
		    SMX_OK);
		if (lookup_answer(lookups[i], &addrs, &why) && addrs.count == 0)
			ck_assert_ptr_nonnull(strstr(why.text, "too many"));
	}
	for (size_t i = 0; i < MANY; i++)
		lookup_end(&lookups[i]);
	resolver_free(&resolver);
}
END_TEST

static TCase *
cases(void)
{
	TCase *c = tcase_create("names");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, hosts_come_in_their_order);
	tcase_add_test(c, equal_hosts_are_shuffled);
	tcase_add_test(c, this_host_and_those_behind_it_are_left_out);
	tcase_add_test(c, a_domain_may_take_no_mail);
	tcase_add_test(c, other_answers_are_told_apart);
	tcase_add_test(c, names_are_hostile);
	tcase_add_test(c, every_cut_is_noticed);
	tcase_add_test(c, no_byte_does_harm);
	tcase_add_test(c, names_of_the_hosts_file_are_found);
	tcase_add_test(c, a_name_that_is_none_is_told);
	tcase_add_test(c, questions_that_nobody_waits_for);
	return c;
}

int
main(void)
{
	Suite *suite = suite_create("resolve");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, cases());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
