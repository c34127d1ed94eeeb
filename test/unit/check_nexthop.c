/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/nexthop.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *text;
	const char *normal; /* NULL: refused */
	enum nexthop_kind kind;
	int lmtp;
} rows[] = {
	{ "smtp:[mx.example.org]:25", "smtp:[mx.example.org]:25", NEXTHOP_HOST,
	    0 },
	{ "smtp:[MX.example.org]", "smtp:[mx.example.org]:25", NEXTHOP_HOST,
	    0 },
	{ "smtp:[192.0.2.1]", "smtp:[192.0.2.1]:25", NEXTHOP_HOST, 0 },
	{ "smtp:192.0.2.1:2525", "smtp:[192.0.2.1]:2525", NEXTHOP_HOST, 0 },
	{ "smtp:[2001:db8::1]:2525", "smtp:[2001:db8::1]:2525", NEXTHOP_HOST,
	    0 },
	{ "smtp:[2001:DB8::1]", "smtp:[2001:db8::1]:25", NEXTHOP_HOST, 0 },
	{ "smtp:[IPv6:2001:db8::1]", "smtp:[2001:db8::1]:25", NEXTHOP_HOST, 0 },
	{ "smtp:[ipv6:2001:db8::1]:26", "smtp:[2001:db8::1]:26", NEXTHOP_HOST,
	    0 },
	{ "smtp:example.org:25", "smtp:example.org:25", NEXTHOP_MX, 0 },
	{ "smtp:Example.ORG", "smtp:example.org:25", NEXTHOP_MX, 0 },
	{ "smtp:localhost:65535", "smtp:localhost:65535", NEXTHOP_MX, 0 },
	{ "lmtp:[mail.example.org]:24", "lmtp:[mail.example.org]:24",
	    NEXTHOP_HOST, 1 },
	/* without MX a name is a host */
	{ "lmtp:mail.example.org", "lmtp:[mail.example.org]:24", NEXTHOP_HOST,
	    1 },
	{ "lmtp:inet:mail.example.org:2003", "lmtp:[mail.example.org]:2003",
	    NEXTHOP_HOST, 1 },
	{ "lmtp:inet:[::1]", "lmtp:[::1]:24", NEXTHOP_HOST, 1 },
	{ "lmtp:unix:/run/lmtp", "lmtp:unix:/run/lmtp", NEXTHOP_UNIX, 1 },
	{ "unix:/run/lmtp", "lmtp:unix:/run/lmtp", NEXTHOP_UNIX, 1 },
	{ "mta", "mta", NEXTHOP_MTA, 0 },

	{ "", NULL, 0, 0 },
	{ "mta:", NULL, 0, 0 },
	{ "MTA", NULL, 0, 0 },
	{ "example.org", NULL, 0, 0 },
	{ "[192.0.2.1]:25", NULL, 0, 0 },
	{ "relay:[192.0.2.1]:25", NULL, 0, 0 },
	{ "smtp:", NULL, 0, 0 },
	{ "smtp::25", NULL, 0, 0 },
	{ "smtp:[]", NULL, 0, 0 },
	{ "smtp:[192.0.2.1", NULL, 0, 0 },
	{ "smtp:192.0.2.1]", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]25", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:0", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:65536", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:00025x", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:-1", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:+25", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:000025", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]: 25", NULL, 0, 0 },
	{ "smtp:[192.0.2.1]:25 ", NULL, 0, 0 },
	{ "smtp:2001:db8::1", NULL, 0, 0 },
	{ "smtp:[a b]", NULL, 0, 0 },
	{ "smtp:a_b.example", NULL, 0, 0 },
	{ "smtp:ex\xc3\xa4mple.org", NULL, 0, 0 },
	{ "smtp:a.example, b.example", NULL, 0, 0 },
	{ "smtp:unix:/run/smtp", NULL, 0, 0 },
	{ "smtp:inet:a.example:25", NULL, 0, 0 },
	{ "lmtp:unix:", NULL, 0, 0 },
	{ "lmtp:unix:run/lmtp", NULL, 0, 0 },
	{ "lmtp:unix:/run/a b", NULL, 0, 0 },
	{ "lmtp:unix:/run/a\nb", NULL, 0, 0 },
	{ "lmtp:unix:/run/\"", NULL, 0, 0 },
	{ "lmtp:inet:unix:/run/lmtp", NULL, 0, 0 },
};

START_TEST(next_hop_has_one_form)
{
	struct nexthop hop, again;
	char text[NEXTHOP_TEXT], twice[NEXTHOP_TEXT];

	if (rows[_i].normal == NULL) {
		ck_assert_int_eq(nexthop_parse(&hop, rows[_i].text),
		    SMX_EINVAL);
		ck_assert_ptr_nonnull(nexthop_check(&hop, rows[_i].text));
		return;
	}
	ck_assert_int_eq(nexthop_parse(&hop, rows[_i].text), SMX_OK);
	ck_assert_int_eq(hop.kind, rows[_i].kind);
	ck_assert_int_eq(hop.lmtp, rows[_i].lmtp);
	nexthop_format(&hop, text);
	ck_assert_str_eq(text, rows[_i].normal);
	ck_assert_int_eq(nexthop_parse(&again, text), SMX_OK);
	nexthop_format(&again, twice);
	ck_assert_str_eq(twice, text);
	ck_assert_int_eq(again.kind, hop.kind);
	ck_assert_uint_eq(again.port, hop.port);
	ck_assert_str_eq(again.host, hop.host);
	ck_assert_str_eq(again.path, hop.path);
}
END_TEST

/* The longest that there can be fits, one byte more does not. */
START_TEST(length_has_an_end)
{
	char text[600], out[NEXTHOP_TEXT];
	struct nexthop hop;
	size_t len = strlen("lmtp:unix:");

	memcpy(text, "lmtp:unix:", len);
	memset(text + len, 'x', 107);
	text[len] = '/';
	text[len + 107] = '\0';
	ck_assert_int_eq(nexthop_parse(&hop, text), SMX_OK);
	nexthop_format(&hop, out);
	ck_assert_str_eq(out, text);
	text[len + 107] = 'x';
	text[len + 108] = '\0';
	ck_assert_int_eq(nexthop_parse(&hop, text), SMX_EINVAL);

	memset(text, 'x', sizeof(text));
	memcpy(text, "smtp:", 5);
	for (size_t i = 5 + 60; i < sizeof(text); i += 60)
		text[i] = '.';
	text[5 + 253] = '\0';
	ck_assert_int_eq(nexthop_parse(&hop, text), SMX_OK);
	nexthop_format(&hop, out);
	ck_assert_uint_eq(strlen(out), 5 + 253 + 3);
	text[5 + 253] = 'x';
	text[599] = '\0';
	ck_assert_int_eq(nexthop_parse(&hop, text), SMX_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("nexthop");
	TCase *tc = tcase_create("text");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, next_hop_has_one_form, 0, COUNT(rows));
	tcase_add_test(tc, length_has_an_end);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
