/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shadowmx/policy.h>

#include "base/buf.h"
#include "core/addr.h"
#include "conf_text_of.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char policies[] = PAIR ACCEPT
    "policies = (\n"
    " { name = \"board\"; match = { recipients = ( \"ceo@example.com\","
    "   \"@board.example.com\", \"abuse@\" ); }; acknowledge = {"
    "   when_unprotected = \"tempfail\"; }; },\n"
    " { name = \"both\"; match = { recipients = ( \"x@\" );"
    "   domains = ( \"both.example\" ); }; },\n"
    " { name = \"net\"; match = { client_networks = ( \"192.0.2.0/24\","
    "   \"2001:db8::/32\" ); domains = ( \"example.net\" ); };"
    "   acknowledge = { max_delay = \"2s\"; }; },\n"
    " { name = \"auth\"; match = { authenticated = true; domains = ("
    "   \"sub.example.net\" ); }; },\n"
    " { name = \"noauth\"; match = { authenticated = false; domains = ("
    "   \"sub.example.net\" ); }; },\n"
    " { name = \"net2\"; match = { domains = \"example.net\"; }; },\n"
    " { name = \"lan\"; match = { client_networks = \"198.51.100.7\"; };"
    "   acknowledge = { when = (); }; },\n"
    " { name = \"quoted\"; match = { recipients = \"\\\"a b\\\"@q.example\"; };"
    " }\n"
    ");\n";

static const struct {
	const char *address;
	int authenticated;
	const char *recipient;
	const char *policy;
} rows[] = {
	{ "203.0.113.1", 0, "ceo@example.com", "board" },
	{ "203.0.113.1", 0, "<ceo@example.com>", "board" },
	{ "203.0.113.1", 0, "<@relay.example:CEO@EXAMPLE.com>", "board" },
	{ "203.0.113.1", 0, "\"ceo\"@example.com", "board" },
	{ "203.0.113.1", 0, "xceo@example.com", "defaults" },
	{ "203.0.113.1", 0, "ceo@a.example.com", "defaults" },
	{ "203.0.113.1", 0, "any@board.example.com", "board" },
	{ "203.0.113.1", 0, "any@board.example.com.", "board" },
	/* "@domain" is that domain alone */
	{ "203.0.113.1", 0, "any@x.board.example.com", "defaults" },
	{ "203.0.113.1", 0, "abuse@anything.example", "board" },
	{ "203.0.113.1", 0, "Abuse", "board" },
	/* two keys: both must hold */
	{ "203.0.113.1", 0, "x@both.example", "both" },
	{ "203.0.113.1", 0, "x@deep.both.example", "both" },
	{ "203.0.113.1", 0, "y@both.example", "defaults" },
	{ "203.0.113.1", 0, "x@other.example", "defaults" },
	/* first in the file decides, whatever is more exact */
	{ "192.0.2.9", 1, "a@sub.example.net", "net" },
	{ "2001:db8::9", 1, "a@sub.example.net", "net" },
	{ "IPv6:2001:db8::9", 1, "a@sub.example.net", "net" },
	{ "203.0.113.1", 1, "a@sub.example.net", "auth" },
	{ "203.0.113.1", 0, "a@sub.example.net", "noauth" },
	{ "203.0.113.1", 0, "a@x.sub.example.net", "noauth" },
	{ "203.0.113.1", 0, "a@example.net", "net2" },
	{ "203.0.113.1", 0, "a@notexample.net", "defaults" },
	{ "203.0.113.1", 0, "a@net", "defaults" },
	/* no recipient named: the client decides */
	{ "198.51.100.7", 0, "a@elsewhere.example", "lan" },
	{ "198.51.100.7", 0, "ceo@example.com", "board" },
	{ "198.51.100.8", 0, "a@elsewhere.example", "defaults" },
	{ "", 0, "a@elsewhere.example", "defaults" },
	{ "nonsense", 0, "a@elsewhere.example", "defaults" },
	{ "203.0.113.1", 0, "\"a b\"@q.example", "quoted" },
	{ "203.0.113.1", 0, "", "defaults" },
	{ "203.0.113.1", 0, "<>", "defaults" },
	{ "203.0.113.1", 0, "@", "defaults" },
	{ "203.0.113.1", 0, "....@....", "defaults" },
};

START_TEST(first_matching_policy_decides)
{
	struct smx_config *config = config_good(policies);
	struct smx_client client = { .address = rows[_i].address,
		.authenticated = rows[_i].authenticated };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     rows[_i].recipient, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, rows[_i].policy);
	smx_config_release(&config);
	ck_assert_ptr_null(config);
}
END_TEST

START_TEST(what_a_policy_leaves_out_comes_from_the_defaults)
{
	struct smx_config *config = config_good(PAIR
	    "defaults = { acknowledge = { max_delay = \"7s\";"
	    " when_unprotected = \"tempfail\"; }; };\n"
	    "policies = ( { name = \"a\"; match = { domains = \"a.example\"; };"
	    " acknowledge = { when_unprotected = \"accept\"; }; },"
	    " { name = \"b\"; match = { domains = \"b.example\"; };"
	    " acknowledge = { when = (); }; } );");
	struct smx_client client = { .address = "" };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client, "x@a.example",
			     &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, SMX_WHEN_SHADOWED);
	ck_assert_uint_eq(ack.copies, 1);
	ck_assert_int_eq(ack.max_delay_ms, 7000);
	ck_assert_int_eq(ack.when_unprotected, SMX_UNPROTECTED_ACCEPT);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "x@b.example",
			     &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, 0);
	ck_assert_uint_eq(ack.copies, 0);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "x@c.example",
			     &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "defaults");
	ck_assert_int_eq(ack.when_unprotected, SMX_UNPROTECTED_TEMPFAIL);
	smx_config_release(&config);
}
END_TEST

START_TEST(empty_match_is_everybody)
{
	struct smx_config *config = config_good(
	    PAIR "policies = ( { name = \"all\"; match = { };"
		 " acknowledge = { when_unprotected = \"tempfail\"; }; },"
		 " { name = \"never\"; acknowledge = { when = (); }; } );");
	struct smx_client client = { .address = "" };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client, "x", &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "all");
	smx_config_release(&config);
}
END_TEST

START_TEST(overlong_recipient_is_an_error_and_changes_nothing)
{
	struct smx_config *config = config_good(policies);
	struct smx_client client = { .address = "" };
	struct smx_ack ack = { .policy = "before" };
	char text[ADDR_MAX + 2];

	memset(text, '.', sizeof(text));
	text[500] = '@';
	text[ADDR_MAX] = '\0';
	ck_assert_int_eq(smx_policy_recipient(config, &client, text, &ack),
	    SMX_OK);
	ack.policy = "before";
	text[ADDR_MAX] = '.';
	text[ADDR_MAX + 1] = '\0';
	ck_assert_int_eq(smx_policy_recipient(config, &client, text, &ack),
	    SMX_ELIMIT);
	ck_assert_str_eq(ack.policy, "before");
	ck_assert_int_eq(smx_policy_recipient(config, &client, NULL, &ack),
	    SMX_EINVAL);
	smx_config_release(&config);
}
END_TEST

/* ---- combine ---- */

static const struct smx_ack none = { "none", 0, 0, 1000, 0 };
static const struct smx_ack soft = { "soft", SMX_WHEN_SHADOWED, 1, 5000,
	SMX_UNPROTECTED_ACCEPT };
static const struct smx_ack hard = { "hard", SMX_WHEN_SHADOWED, 1, 9000,
	SMX_UNPROTECTED_TEMPFAIL };
static const struct smx_ack many = { "many", SMX_WHEN_SHADOWED, 3, 7000,
	SMX_UNPROTECTED_ACCEPT };

static const struct {
	const struct smx_ack *wishes[3];
	struct smx_ack message;
} folds[] = {
	{ { &none, &none }, { "none", 0, 0, 1000, 0 } },
	{ { &soft, &none },
	    { "soft", SMX_WHEN_SHADOWED, 1, 5000, SMX_UNPROTECTED_ACCEPT } },
	{ { &soft, &hard },
	    { "hard", SMX_WHEN_SHADOWED, 1, 5000, SMX_UNPROTECTED_TEMPFAIL } },
	{ { &soft, &many, &none },
	    { "soft", SMX_WHEN_SHADOWED, 3, 5000, SMX_UNPROTECTED_ACCEPT } },
	{ { &many, &hard, &soft },
	    { "hard", SMX_WHEN_SHADOWED, 3, 5000, SMX_UNPROTECTED_TEMPFAIL } },
};

/* In whatever order the recipients come. */
START_TEST(strictest_wish_holds_for_the_message)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (size_t o = 0; o < COUNT(orders); o++) {
		const struct smx_ack *want = &folds[_i].message;
		struct smx_ack message = { 0 };

		for (size_t i = 0; i < 3; i++)
			if (folds[_i].wishes[orders[o][i]] != NULL)
				smx_policy_combine(&message,
				    folds[_i].wishes[orders[o][i]]);
		ck_assert_uint_eq(message.when, want->when);
		ck_assert_uint_eq(message.copies, want->copies);
		ck_assert_int_eq(message.max_delay_ms, want->max_delay_ms);
		ck_assert_int_eq(message.when_unprotected,
		    want->when_unprotected);
		if (o == 0)
			ck_assert_str_eq(message.policy, want->policy);
	}
}
END_TEST

/* ---- against a plain walk, and in time ---- */

#define MANY 20000

static struct smx_config *
config_many(size_t count)
{
	struct smx_config *config;
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, PAIR ACCEPT "policies = (");
	for (size_t p = 0; p < 4; p++) {
		buf_fmt(&b, "%s{ name = \"p%zu\"; match = { %s = (",
		    p != 0 ? ", " : "", p,
		    p % 2 == 0 ? "recipients" : "domains");
		for (size_t i = p; i < count; i += 4)
			buf_fmt(&b, "%s\"%s%zu.example\"\n", i != p ? ", " : "",
			    p % 2 == 0 ? "user@r" : "d", i);
		buf_str(&b, "); }; }");
	}
	buf_str(&b, ");");
	ck_assert_int_eq(buf_error(&b), SMX_OK);
	config = config_good(b.data);
	buf_free(&b);
	return config;
}

START_TEST(every_listed_name_finds_its_policy)
{
	struct smx_config *config = config_many(MANY);
	struct smx_client client = { .address = "" };
	char want[8], text[64];
	struct smx_ack ack;

	for (size_t i = 0; i < MANY; i++) {
		snprintf(want, sizeof(want), "p%zu", i % 4);
		snprintf(text, sizeof(text), "%s%zu.example",
		    i % 2 == 0 ? "user@r" : "a@sub.d", i);
		ck_assert_int_eq(smx_policy_recipient(config, &client, text,
				     &ack),
		    SMX_OK);
		ck_assert_str_eq(ack.policy, want);
		text[0] = 'X';
		ck_assert_int_eq(smx_policy_recipient(config, &client, text,
				     &ack),
		    SMX_OK);
		ck_assert_str_eq(ack.policy, i % 2 == 0 ? "defaults" : want);
	}
	smx_config_release(&config);
}
END_TEST

static int64_t
lookups_ns(const struct smx_config *config, size_t count)
{
	struct smx_client client = { .address = "192.0.2.1" };
	struct timespec a, b;
	struct smx_ack ack;
	char text[64];

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (size_t i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "user@r%zu.example", i % count);
		ck_assert_int_eq(smx_policy_recipient(config, &client, text,
				     &ack),
		    SMX_OK);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((int64_t)(b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec -
		   a.tv_nsec) /
	       20000;
}

/* A walk would cost a thousand times more for the larger one; twenty leaves
 * room for caches and for a busy machine. */
START_TEST(lookup_does_not_slow_with_the_list)
{
	struct smx_config *small = config_many(20);
	struct smx_config *large = config_many(MANY);
	int64_t few = lookups_ns(small, 20), lots = lookups_ns(large, MANY);

	ck_assert_msg(lots < 20 * few + 2000, "%lld ns, then %lld ns",
	    (long long)few, (long long)lots);
	smx_config_release(&small);
	smx_config_release(&large);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy");
	TCase *tc = tcase_create("match");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, first_matching_policy_decides, 0, COUNT(rows));
	tcase_add_test(tc, what_a_policy_leaves_out_comes_from_the_defaults);
	tcase_add_test(tc, empty_match_is_everybody);
	tcase_add_test(tc, overlong_recipient_is_an_error_and_changes_nothing);
	tcase_add_loop_test(tc, strictest_wish_holds_for_the_message, 0,
	    COUNT(folds));
	tcase_add_test(tc, every_listed_name_finds_its_policy);
	tcase_add_test(tc, lookup_does_not_slow_with_the_list);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
