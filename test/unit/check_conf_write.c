/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/config.h>

#include "base/buf.h"
#include "conf_text_of.h"

/* A configuration written as text: what it says, and that it reads back. */

static const char rich[] =
    "node = \"mx1.example.org\";\n"
    "site = \"osaka\";\n"
    "milter = { memory_limit = \"1M\"; max_held = 7;\n"
    "    own_networks = ( \"192.0.2.0/24\", \"2001:db8::/32\" ); };\n"
    "log = { level = \"debug\"; };\n"
    "peers = { heartbeat = \"10s\"; members = (\n"
    "  { name = \"mx2.example.org\"; address = \"192.0.2.2:8825\";\n"
    "    pin = ( \"" PIN_A "\", \"" PIN_B "\" ); site = \"kyoto\"; },\n"
    "  { name = \"mx3.example.org\"; address = \"192.0.2.3:8825\";\n"
    "    pin = "
    "\"sha256/CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA=\";\n"
    "    site = \"osaka\"; } ); };\n"
    "delivery = { tls = \"verify\"; idle = \"0\"; max_held = 9; };\n"
    "primary_for = ( { domains = ( \"p.example\", \"q.example\" );\n"
    "    members = ( \"mx3.example.org\" );\n"
    "    recipients = \"/etc/postfix/users\"; },\n"
    "  { domains = \"r.example\"; members = \"mx3.example.org\"; } );\n"
    "backup = { probe = \"20s\"; rate = 5; alarm = \"/usr/bin/true\"; };\n"
    "defaults = { acknowledge = { copies = 2; max_delay = \"11s\";\n"
    "    next_hop = ( \"smtp:[192.0.2.7]\", \"mta\" );\n"
    "    when_unprotected = ( \"tempfail\", \"10m\", \"accept\" ); }; };\n"
    "policies = (\n"
    "  { name = \"10\"; match = { recipients = ( \"ceo@example.com\",\n"
    "        \"@board.example.com\" ); authenticated = false; };\n"
    "    acknowledge = { copies = 1; sites = ( \"kyoto\" );\n"
    "        when_unprotected = \"accept\"; }; },\n"
    "  { name = \"hop\"; match = { domains = ( \"hop.example\" ); };\n"
    "    acknowledge = { when = ( \"delivered\", \"shadowed\" ); }; },\n"
    "  { name = \"lmtp\"; match = { domains = ( \"l.example\" ); };\n"
    "    acknowledge = { when = \"delivered\";\n"
    "        next_hop = \"unix:/run/lmtp\"; }; },\n"
    "  { name = \"backup\"; match = { domains = ( \"c.example\" ); };\n"
    "    backup = { primary = ( \"[192.0.2.9]\", \"smtp:[mx.c.example]:26\" "
    ");\n"
    "        while_up = \"defer\"; grace = \"0\"; quota = \"1G\";\n"
    "        peer = ( \"mx3.example.org\" );\n"
    "        exempt = ( \"192.0.2.0/24\" ); }; },\n"
    "  { name = \"none\"; match = { min_size = \"10M\"; };\n"
    "    acknowledge = { when = (); }; } );\n";

static int
add_line(void *ctx, const char *line, size_t len)
{
	ck_assert_ptr_null(memchr(line, '\n', len));
	ck_assert_uint_eq(strlen(line), len);
	buf_str(ctx, line);
	return buf_str(ctx, "\n");
}

static struct buf written;

static const char *
write_out(const struct smx_config *config, const char *only, unsigned flags)
{
	buf_clear(&written);
	buf_str(&written, "");
	ck_assert_int_eq(smx_config_write(config, only, flags, add_line,
			     &written),
	    SMX_OK);
	return written.data;
}

static int
add_value(void *ctx, const char *setting, const char *value, const char *origin)
{
	(void)origin;
	return buf_fmt(ctx, "%s = %s\n", setting, value);
}

static char *
values(const struct smx_config *config)
{
	struct buf b;

	buf_init(&b, 0);
	ck_assert_int_eq(smx_config_each(config, add_value, &b), SMX_OK);
	return buf_take(&b, NULL);
}

static const unsigned ways[] = { 0, SMX_CONFIG_ORIGINS, SMX_CONFIG_CHANGED,
	SMX_CONFIG_CHANGED | SMX_CONFIG_ORIGINS };

START_TEST(what_is_written_reads_back_the_same)
{
	struct smx_config *first = config_good(rich);
	char *text = strdup(write_out(first, NULL, ways[_i]));
	struct smx_config *second = config_good(text);
	char *was = values(first), *is = values(second);

	ck_assert_str_eq(is, was);
	/* Places move, the text does not. */
	if ((ways[_i] & SMX_CONFIG_ORIGINS) == 0)
		ck_assert_str_eq(write_out(second, NULL, ways[_i]), text);
	free(was);
	free(is);
	free(text);
	smx_config_release(&first);
	smx_config_release(&second);
}
END_TEST

START_TEST(the_least_is_all_that_differs)
{
	struct smx_config *config = config_good(PAIR ACCEPT);
	const char *text = write_out(config, NULL, SMX_CONFIG_CHANGED);

	ck_assert_str_eq(text, "node = \"mx1.example.org\";\n"
			       "peers = {\n"
			       "\tmembers = (\n"
			       "\t\t{\n"
			       "\t\t\tname = \"mx2.example.org\";\n"
			       "\t\t\taddress = \"192.0.2.2:8825\";\n"
			       "\t\t\tpin = ( \"" PIN_A "\" );\n"
			       "\t\t}\n"
			       "\t);\n"
			       "};\n"
			       "defaults = {\n"
			       "\tacknowledge = {\n"
			       "\t\twhen_unprotected = \"accept\";\n"
			       "\t};\n"
			       "};\n");
	smx_config_release(&config);
}
END_TEST

START_TEST(a_default_that_is_spelled_out_is_no_difference)
{
	struct smx_config *config =
	    config_good(PAIR ACCEPT "milter = { memory_limit = \"256K\"; };\n");

	ck_assert_ptr_null(strstr(write_out(config, NULL, SMX_CONFIG_CHANGED),
	    "memory_limit"));
	ck_assert_ptr_nonnull(
	    strstr(write_out(config, NULL, 0), "memory_limit = \"256K\";"));
	smx_config_release(&config);
}
END_TEST

START_TEST(a_policy_tells_what_differs_from_this_files_defaults)
{
	struct smx_config *config = config_good(rich);
	const char *text =
	    write_out(config, "policies[0].acknowledge", SMX_CONFIG_CHANGED);

	ck_assert_ptr_nonnull(strstr(text, "copies = 1;"));
	ck_assert_ptr_nonnull(strstr(text, "when_unprotected = \"accept\";"));
	ck_assert_ptr_null(strstr(text, "max_delay"));
	ck_assert_ptr_null(strstr(text, "name"));
	smx_config_release(&config);
}
END_TEST

START_TEST(one_setting_is_written_inside_its_groups)
{
	struct smx_config *config = config_good(rich);

	ck_assert_str_eq(write_out(config, "milter.max_held", 0),
	    "milter = {\n\tmax_held = 7;\n};\n");
	ck_assert_str_eq(write_out(config, "milter.max_held",
			     SMX_CONFIG_ORIGINS),
	    "milter = {\n\tmax_held = 7; # test.conf:3\n};\n");
	/* As by default: known, and nothing to say. */
	ck_assert_str_eq(write_out(config, "milter.max_headers",
			     SMX_CONFIG_CHANGED),
	    "");
	smx_config_release(&config);
}
END_TEST

START_TEST(each_item_has_its_own_origin)
{
	struct smx_config *config = config_good(rich);
	const char *text =
	    write_out(config, "peers.members[1].site", SMX_CONFIG_ORIGINS);

	ck_assert_ptr_nonnull(strstr(text, "site = \"osaka\"; # test.conf:11"));
	smx_config_release(&config);
}
END_TEST

START_TEST(an_unknown_name_is_not_found)
{
	static const char *const names[] = { "milte", "milter.max",
		"policies[7]", "", "peers.members[0].nam", "x",
		"policies[0].backup.holds", "policies[3].backup.holds" };
	struct smx_config *config = config_good(rich);

	ck_assert_int_eq(smx_config_write(config, names[_i], 0, add_line,
			     &written),
	    SMX_ENOTFOUND);
	smx_config_release(&config);
}
END_TEST

#define NOTHING "policies = (\n\t{\n\t}\n);\n"

/* A policy says that this host is a backup MX, or does not: nothing is said
 * for it. */
START_TEST(a_policy_without_backup_shows_none)
{
	struct smx_config *config = config_good(rich);
	char *all = values(config);

	ck_assert_ptr_nonnull(strstr(all, "policies[3].backup.hold = 5d\n"));
	ck_assert_ptr_nonnull(strstr(all,
	    "policies[3].backup.primary = (\"smtp:[192.0.2.9]:25\", "
	    "\"smtp:[mx.c.example]:26\")\n"));
	ck_assert_ptr_null(strstr(all, "policies[0].backup"));
	ck_assert_ptr_null(strstr(all, "policies[4].backup"));
	free(all);
	/* Known names, with nothing to say. */
	ck_assert_str_eq(write_out(config, "policies[0].backup", 0), NOTHING);
	ck_assert_str_eq(write_out(config, "policies[0].backup.hold", 0),
	    NOTHING);
	ck_assert_ptr_nonnull(
	    strstr(write_out(config, "policies[3].backup.while_up", 0),
		"while_up = \"defer\";"));
	ck_assert_ptr_null(
	    strstr(write_out(config, "policies[3]", SMX_CONFIG_CHANGED),
		"hold"));
	smx_config_release(&config);
}
END_TEST

static int
stop_at_third(void *ctx, const char *line, size_t len)
{
	(void)line, (void)len;
	return ++*(int *)ctx == 3 ? 42 : 0;
}

START_TEST(the_writer_stops_when_told)
{
	struct smx_config *config = config_good(rich);
	int lines = 0;

	ck_assert_int_eq(smx_config_write(config, NULL, 0, stop_at_third,
			     &lines),
	    42);
	ck_assert_int_eq(lines, 3);
	smx_config_release(&config);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_write");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	buf_init(&written, 0);
	tcase_add_loop_test(tc, what_is_written_reads_back_the_same, 0, 4);
	tcase_add_test(tc, the_least_is_all_that_differs);
	tcase_add_test(tc, a_default_that_is_spelled_out_is_no_difference);
	tcase_add_test(tc,
	    a_policy_tells_what_differs_from_this_files_defaults);
	tcase_add_test(tc, one_setting_is_written_inside_its_groups);
	tcase_add_test(tc, each_item_has_its_own_origin);
	tcase_add_loop_test(tc, an_unknown_name_is_not_found, 0, 8);
	tcase_add_test(tc, a_policy_without_backup_shows_none);
	tcase_add_test(tc, the_writer_stops_when_told);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	buf_free(&written);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
