/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/stspolicy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct stspolicy policy;
static char why[STSPOLICY_WHY];

/* Exactly so long, for the sanitizer's sake. */
static int
parse_some(const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, len);
	rc = stspolicy_parse(&policy, copy, len, why);
	free(copy);
	ck_assert_uint_lt(strlen(why), sizeof(why));
	ck_assert_int_eq(rc == SMX_OK, why[0] == '\0');
	return rc;
}

static int
parse(const char *text)
{
	return parse_some(text, strlen(text));
}

/* ---- what is a policy ---- */

#define V   "version: STSv1\n"
#define M   "mode: enforce\n"
#define X   "mx: mx1.example\n"
#define A   "max_age: 86400\n"
#define ALL V M X A

static const struct {
	const char *text;
	enum stspolicy_mode mode;
	int64_t max_age_s;
	const char *mx; /* all of them, a blank behind each */
} good[] = {
	{ ALL, STS_ENFORCE, 86400, "mx1.example " },
	{ "version: STSv1\r\nmode: testing\r\nmx: a.example\r\n"
	  "mx: *.b.example\r\nmax_age: 604800\r\n",
	    STS_TESTING, 604800, "a.example *.b.example " },
	/* the last line need not end */
	{ V M X "max_age: 1", STS_ENFORCE, 1, "mx1.example " },
	{ V M A "mx: a.example", STS_ENFORCE, 86400, "a.example " },
	/* mixed line ends */
	{ "version: STSv1\r\n" M X A, STS_ENFORCE, 86400, "mx1.example " },
	/* any order */
	{ A X M V, STS_ENFORCE, 86400, "mx1.example " },
	/* blanks are of no consequence, or none at all */
	{ "version:STSv1\nmode:enforce\nmx:a.example\nmax_age:5\n", STS_ENFORCE,
	    5, "a.example " },
	{ "version: \t STSv1 \t\nmode:  enforce  \nmx:\ta.example\t\n"
	  "max_age: 5 \n",
	    STS_ENFORCE, 5, "a.example " },
	/* only the first of each counts, but for mx */
	{ ALL "mode: none\nmax_age: 1\nversion: STSv2\n", STS_ENFORCE, 86400,
	    "mx1.example " },
	{ ALL "mode: nonsense\nmax_age: nonsense\n", STS_ENFORCE, 86400,
	    "mx1.example " },
	{ ALL "mx: mx1.example\n", STS_ENFORCE, 86400,
	    "mx1.example mx1.example " },
	/* who takes no part in it names nobody */
	{ V "mode: none\n" A, STS_NONE, 86400, "" },
	{ V "mode: none\n" X A, STS_NONE, 86400, "mx1.example " },
	/* large and small */
	{ V M "mx: MX1.Example\n" A, STS_ENFORCE, 86400, "mx1.example " },
	{ V M "mx: *.EXAMPLE\n" A, STS_ENFORCE, 86400, "*.example " },
	{ V M "mx: localhost\n" A, STS_ENFORCE, 86400, "localhost " },
	{ V M "mx: xn--bcher-kva.example\n" A, STS_ENFORCE, 86400,
	    "xn--bcher-kva.example " },
	{ V M "mx: mx_1.example\n" A, STS_ENFORCE, 86400, "mx_1.example " },
	{ V M X "max_age: 0\n", STS_ENFORCE, 0, "mx1.example " },
	{ V M X "max_age: 31557600\n", STS_ENFORCE, 31557600, "mx1.example " },
	{ V M X "max_age: 0000086400\n", STS_ENFORCE, 86400, "mx1.example " },
	{ V M X "max_age: 9999999999\n", STS_ENFORCE, STSPOLICY_AGE_MAX,
	    "mx1.example " },
	/* of a later version */
	{ ALL "x-note: anything: \xc3\xa4 at all\n", STS_ENFORCE, 86400,
	    "mx1.example " },
	{ ALL "later.thing_2-a: 1\n", STS_ENFORCE, 86400, "mx1.example " },
	{ ALL "empty:\n", STS_ENFORCE, 86400, "mx1.example " },
	/* files have them */
	{ ALL "\n\n", STS_ENFORCE, 86400, "mx1.example " },
	{ ALL "\r\n", STS_ENFORCE, 86400, "mx1.example " },
	{ V "\n" M X A, STS_ENFORCE, 86400, "mx1.example " },
};

START_TEST(policy_is_read)
{
	char mx[1024] = "";

	ck_assert_msg(parse(good[_i].text) == SMX_OK, "%s: %s", good[_i].text,
	    why);
	ck_assert_int_eq(policy.mode, good[_i].mode);
	ck_assert_int_eq(policy.max_age_s, good[_i].max_age_s);
	for (size_t i = 0; i < policy.mx_count; i++)
		snprintf(mx + strlen(mx), sizeof(mx) - strlen(mx), "%s ",
		    policy.mx[i]);
	ck_assert_str_eq(mx, good[_i].mx);
}
END_TEST

static const struct {
	const char *text;
	const char *why;
} bad[] = {
	{ "", "no version" },
	{ "\n", "no version" },
	{ M X A, "no version" },
	{ V X A, "no mode" },
	{ V M X, "no max_age" },
	{ V M A, "no mx" },
	{ V "mode: testing\n" A, "no mx" },
	{ "version: STSv2\n" M X A, "line 1: the version" },
	{ "version: stsv1\n" M X A, "line 1: the version" },
	{ "version: STSv1;\n" M X A, "line 1: the version" },
	{ "version:\n" M X A, "line 1: the version" },
	{ "Version: STSv1\n" M X A, "no version" },
	{ V "mode: Enforce\n" X A, "line 2: the mode" },
	{ V "mode: enforced\n" X A, "line 2: the mode" },
	{ V "mode: enforce testing\n" X A, "line 2: the mode" },
	{ V "mode:\n" X A, "line 2: the mode" },
	{ V M X "max_age: -1\n", "line 4: max_age" },
	{ V M X "max_age: 1d\n", "line 4: max_age" },
	{ V M X "max_age:\n", "line 4: max_age" },
	{ V M X "max_age: 00000086400\n", "line 4: max_age" },
	{ V M X "max_age: 1 2\n", "line 4: max_age" },
	{ V M "mx:\n" A, "line 3: mx" },
	{ V M "mx: .example\n" A, "line 3: mx" },
	{ V M "mx: mx1..example\n" A, "line 3: mx" },
	{ V M "mx: mx1.example.\n" A, "line 3: mx" },
	{ V M "mx: *\n" A, "line 3: mx" },
	{ V M "mx: *.\n" A, "line 3: mx" },
	{ V M "mx: *.*.example\n" A, "line 3: mx" },
	{ V M "mx: mx.*.example\n" A, "line 3: mx" },
	{ V M "mx: mx*.example\n" A, "line 3: mx" },
	{ V M "mx: a.example b.example\n" A, "line 3: mx" },
	{ V M "mx: a.example, b.example\n" A, "line 3: mx" },
	{ V M "mx: b\xc3\xbc"
	      "cher.example\n" A,
	    "line 3: mx" },
	{ V M "mx: [192.0.2.1]\n" A, "line 3: mx" },
	{ ALL "nonsense\n", "line 5: no name" },
	{ ALL ": a\n", "line 5: not the name" },
	{ ALL " mx: a.example\n", "line 5: not the name" },
	{ ALL "mx : a.example\n", "line 5: not the name" },
	{ ALL "_a: b\n", "line 5: not the name" },
	{ ALL "abcdefghijklmnopqrstuvwxyz0123456: a\n",
	    "line 5: not the name" },
	{ "\xef\xbb\xbf" ALL, "line 1: not the name" },
	{ V M "mx: a.example\rmx: b.example\n" A, "line 3: a byte" },
	{ V M X "max_age: 5\r", "line 4: a byte" },
	{ ALL "a: \x01\n", "line 5: a byte" },
	{ ALL "a: \x7f\n", "line 5: a byte" },
	{ "<html><body>Not found</body></html>\n", "line 1: no name" },
	{ "<!DOCTYPE html>\n<a href=\"https://example\">\n",
	    "line 1: no name" },
};

START_TEST(what_is_no_policy_is_refused)
{
	ck_assert_msg(parse(bad[_i].text) == SMX_EINVAL, "%s", bad[_i].text);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s: %s", bad[_i].text,
	    why);
}
END_TEST

START_TEST(zero_byte_does_not_end_it)
{
	static const char text[] = ALL "a: b\0mx: evil.example\n";

	ck_assert_int_eq(parse_some(text, sizeof(text) - 1), SMX_EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "line 5: a byte"));
}
END_TEST

/* Each beginning of a good one is read to its end, and no further. */
START_TEST(no_piece_is_read_beyond_its_end)
{
	static const char text[] =
	    "version: STSv1\r\nmode: enforce\r\nmx: *.example\r\n"
	    "max_age: 86400\r\n";

	for (size_t n = 0; n < sizeof(text); n++)
		(void)parse_some(text, n);
	ck_assert_int_eq(parse_some(text, sizeof(text) - 1), SMX_OK);
}
END_TEST

/* ---- ceilings ---- */

START_TEST(hosts_are_bounded)
{
	char text[8192] = V M A;

	for (int i = 0; i < STSPOLICY_MX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "mx: mx%d.example\n", i);
	ck_assert_int_eq(parse(text), SMX_OK);
	ck_assert_uint_eq(policy.mx_count, STSPOLICY_MX);
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "mx: more.example\n");
	ck_assert_int_eq(parse(text), SMX_EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "more than 64"));
}
END_TEST

START_TEST(names_are_bounded)
{
	char text[1024], name[300];

	memset(name, 0, sizeof(name));
	for (int i = 0; i < 4; i++) {
		memset(name + i * 64, 'a', 63);
		name[i * 64 + 63] = '.';
	}
	name[255] = '\0';
	snprintf(text, sizeof(text), V M A "mx: %s\n", name);
	ck_assert_int_eq(parse(text), SMX_OK);
	ck_assert_uint_eq(strlen(policy.mx[0]), 255);
	snprintf(text, sizeof(text), V M A "mx: %sa\n", name);
	ck_assert_int_eq(parse(text), SMX_EINVAL);
	snprintf(text, sizeof(text), V M A "mx: %.63sa.example\n", name);
	ck_assert_int_eq(parse(text), SMX_EINVAL);
}
END_TEST

START_TEST(length_is_bounded)
{
	size_t len = STSPOLICY_BYTES;
	char *text = malloc(len + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', len + 1);
	memcpy(text, ALL, strlen(ALL));
	ck_assert_int_eq(parse_some(text, len), SMX_OK);
	ck_assert_int_eq(parse_some(text, len + 1), SMX_EINVAL);
	free(text);
}
END_TEST

/* ---- whom it names ---- */

static const struct {
	const char *mx, *host;
	int named;
} names[] = {
	{ "mx1.example", "mx1.example", 1 },
	{ "mx1.example", "MX1.Example", 1 },
	{ "mx1.example", "mx1.example.", 1 },
	{ "mx1.example", "mx2.example", 0 },
	{ "mx1.example", "a.mx1.example", 0 },
	{ "mx1.example", "mx1.example.org", 0 },
	{ "mx1.example", "mx1.exampl", 0 },
	{ "mx1.example", "", 0 },
	{ "*.example", "mx1.example", 1 },
	{ "*.example", "MX1.EXAMPLE.", 1 },
	/* one label, and one */
	{ "*.example", "a.mx1.example", 0 },
	{ "*.example", "example", 0 },
	{ "*.example", ".example", 0 },
	{ "*.example", "mx1.example.org", 0 },
	{ "*.a.example", "mx1.a.example", 1 },
	{ "*.a.example", "a.example", 0 },
	{ "*.a.example", "mx1.b.example", 0 },
};

START_TEST(host_is_named_or_not)
{
	char text[256];

	snprintf(text, sizeof(text), V M A "mx: other.example\nmx: %s\n",
	    names[_i].mx);
	ck_assert_int_eq(parse(text), SMX_OK);
	ck_assert_msg(stspolicy_names(&policy, names[_i].host) ==
			  names[_i].named,
	    "%s in %s", names[_i].host, names[_i].mx);
}
END_TEST

START_TEST(modes_have_words)
{
	ck_assert_str_eq(stspolicy_mode_word(STS_ENFORCE), "enforce");
	ck_assert_str_eq(stspolicy_mode_word(STS_TESTING), "testing");
	ck_assert_str_eq(stspolicy_mode_word(STS_NONE), "none");
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*table)))

int
main(void)
{
	Suite *s = suite_create("stspolicy");
	TCase *c = tcase_create("policy");
	SRunner *r;
	int failed;

	tcase_add_loop_test(c, policy_is_read, 0, COUNT(good));
	tcase_add_loop_test(c, what_is_no_policy_is_refused, 0, COUNT(bad));
	tcase_add_test(c, zero_byte_does_not_end_it);
	tcase_add_test(c, no_piece_is_read_beyond_its_end);
	tcase_add_test(c, hosts_are_bounded);
	tcase_add_test(c, names_are_bounded);
	tcase_add_test(c, length_is_bounded);
	tcase_add_loop_test(c, host_is_named_or_not, 0, COUNT(names));
	tcase_add_test(c, modes_have_words);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
