/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/policy.h>

#include "core/conf.h"
#include "core/policy.h"
#include "conf_text_of.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* This host and members 0 and 3 in Tokyo, 1 and 4 in Osaka, 2 in Nagoya. */
#define MEMBER(n, site)                                                        \
	"{ name = \"m" n "\"; address = \"192.0.2.1" n ":8825\";"              \
	" pin = \"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" n "A=\";"  \
	" site = \"" site "\"; }"
static const char members[] =
    "node = \"here\"; site = \"tokyo\";\n"
    "peers = { members = ( " MEMBER("0", "tokyo") "," MEMBER("1",
	"osaka") "," MEMBER("2", "nagoya") "," MEMBER("3",
	"tokyo") "," MEMBER("4", "osaka") " ); };\n";

static struct smx_ack
ack_of(const char *acknowledge)
{
	struct smx_client client = { .address = "" };
	struct smx_config *config;
	struct smx_ack ack;
	char text[4096];

	snprintf(text, sizeof(text),
	    "%sdefaults = { acknowledge = { when_unprotected = \"accept\"; %s "
	    "}; };\n",
	    members, acknowledge);
	config = config_good(text);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "a@b.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_int_eq(memcmp(&ack, &config_conf(config)->defaults,
			     sizeof(ack)),
	    0);
	smx_config_release(&config);
	return ack;
}

static const struct {
	const char *acknowledge;
	uint64_t holders, preferred;
} rows[] = {
	{ "", 31, 0 },
	{ "placement = \"any\";", 31, 0 },
	{ "placement = \"prefer_remote\";", 31, 22 },
	{ "placement = \"prefer_local\";", 31, 9 },
	{ "placement = \"remote_only\";", 22, 0 },
	{ "placement = \"local_only\";", 9, 0 },
	{ "sites = ( \"osaka\" );", 18, 0 },
	{ "sites = \"osaka\"; copies = 2;", 18, 0 },
	{ "sites = ( \"osaka\", \"tokyo\" );", 27, 0 },
	{ "sites = ();", 31, 0 },
	{ "sites = ( \"osaka\", \"tokyo\" ); placement = \"remote_only\";", 18,
	    0 },
	{ "sites = ( \"nagoya\", \"tokyo\" ); placement = \"prefer_remote\";",
	    13, 4 },
	{ "sites = ( \"nagoya\", \"osaka\" ); placement = \"prefer_local\";",
	    22, 0 },
};

START_TEST(sites_and_placement_choose_members)
{
	struct smx_ack ack = ack_of(rows[_i].acknowledge);

	ck_assert_uint_eq(ack.holders, rows[_i].holders);
	ck_assert_uint_eq(ack.preferred, rows[_i].preferred);
}
END_TEST

/* What a policy leaves out comes from the defaults, one setting at a time. */
START_TEST(policy_inherits_each_setting_alone)
{
	struct smx_client client = { .address = "" };
	struct smx_config *config;
	struct smx_ack ack;
	char text[4096];

	snprintf(text, sizeof(text),
	    "%sdefaults = { acknowledge = { copies = 2; min_copies = 2;"
	    " placement = \"remote_only\"; sites = ( \"osaka\", \"tokyo\" );"
	    " when_unprotected = ( \"tempfail\", \"90s\", \"accept\" ); }; };\n"
	    "policies = ( { name = \"p\"; match = { domains = \"p.example\"; };"
	    " acknowledge = { sites = (); }; },\n"
	    "{ name = \"q\"; match = { domains = \"q.example\"; };"
	    " acknowledge = { when_unprotected = \"tempfail\";"
	    " placement = \"any\"; min_copies = 1; }; },\n"
	    "{ name = \"n\"; match = { domains = \"n.example\"; };"
	    " acknowledge = { when = (); }; } );\n",
	    members);
	config = config_good(text);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "a@p.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.holders, 22);
	ck_assert_uint_eq(ack.copies, 2);
	ck_assert_uint_eq(ack.min_copies, 2);
	ck_assert_int_eq(ack.when_unprotected, SMX_UNPROTECTED_TEMPFAIL);
	ck_assert_int_eq(ack.tempfail_ms, 90000);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "a@q.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.holders, 27);
	ck_assert_uint_eq(ack.min_copies, 1);
	/* A word alone takes the time away. */
	ck_assert_int_eq(ack.when_unprotected, SMX_UNPROTECTED_TEMPFAIL);
	ck_assert_int_eq(ack.tempfail_ms, 0);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "a@n.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.copies, 0);
	ck_assert_uint_eq(ack.min_copies, 0);
	ck_assert_str_eq(smx_config_text(config,
			     "policies[0].acknowledge.when_unprotected"),
	    "(\"tempfail\", \"90s\", \"accept\")");
	ck_assert_str_eq(smx_config_text(config,
			     "policies[1].acknowledge.when_unprotected"),
	    "tempfail");
	ck_assert_str_eq(smx_config_text(config,
			     "policies[1].acknowledge.sites"),
	    "(\"osaka\", \"tokyo\")");
	ck_assert_str_eq(smx_config_text(config,
			     "defaults.acknowledge.placement"),
	    "remote_only");
	smx_config_release(&config);
}
END_TEST

static const struct {
	const char *address;
	int own;
} addresses[] = { { "", 1 }, { NULL, 1 }, { "127.0.0.1", 1 },
	{ "127.9.9.9", 1 }, { "::1", 1 }, { "::ffff:127.0.0.1", 1 },
	{ "192.0.2.7", 1 }, { "::ffff:192.0.2.7", 1 }, { "192.0.3.7", 0 },
	{ "2001:db8::1", 1 }, { "2001:db9::1", 0 }, { "::2", 0 },
	{ "198.51.100.1", 0 } };

START_TEST(own_networks_are_added_to_the_loopback)
{
	char text[4096];
	struct smx_config *config;

	snprintf(text, sizeof(text),
	    "%s" ACCEPT "milter = { own_networks = ( \"192.0.2.0/24\","
	    " \"2001:db8::/32\" ); };",
	    members);
	config = config_good(text);
	ck_assert_int_eq(policy_own(config, addresses[_i].address),
	    addresses[_i].own);
	smx_config_release(&config);
}
END_TEST

START_TEST(without_own_networks_the_loopback_is_own)
{
	char text[4096];
	struct smx_config *config;

	snprintf(text, sizeof(text),
	    "%s" ACCEPT "milter = { own_networks = (); };", members);
	config = config_good(text);
	ck_assert(policy_own(config, "127.0.0.1"));
	ck_assert(!policy_own(config, "192.0.2.7"));
	smx_config_release(&config);
}
END_TEST

/* A bit for each, and no bit beyond. */
START_TEST(there_are_at_most_thirty_two_members)
{
	struct smx_config *config = NULL;
	struct told *told = calloc(1, sizeof(*told));
	char *text = malloc(16384);
	size_t n;

	for (int count = 32; count <= 33; count++) {
		n = (size_t)snprintf(text, 16384,
		    "node = \"here\";\npeers = { members = (");
		for (int i = 0; i < count; i++)
			n += (size_t)snprintf(text + n, 16384 - n,
			    "%s{ name = \"m%d\"; address = \"192.0.2.%d:1\";"
			    " pin = \"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			    "AAAAAA%c%cA=\"; }",
			    i != 0 ? ",\n" : "", i, i + 1, 'A' + i % 26,
			    'A' + i / 26);
		snprintf(text + n, 16384 - n, "); };\n" ACCEPT);
		if (count == 32) {
			config = config_good(text);
			ck_assert_uint_eq(config_conf(config)->defaults.holders,
			    0xffffffff);
			smx_config_release(&config);
			continue;
		}
		ck_assert_int_eq(smx_config_parse(&config, text, "t",
				     told_report, told),
		    SMX_ECONFIG);
		ck_assert_ptr_nonnull(
		    strstr(told->lines, "more than 32 members"));
	}
	free(told);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("placement");
	TCase *tc = tcase_create("placement");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, sites_and_placement_choose_members, 0,
	    COUNT(rows));
	tcase_add_test(tc, policy_inherits_each_setting_alone);
	tcase_add_loop_test(tc, own_networks_are_added_to_the_loopback, 0,
	    COUNT(addresses));
	tcase_add_test(tc, without_own_networks_the_loopback_is_own);
	tcase_add_test(tc, there_are_at_most_thirty_two_members);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
