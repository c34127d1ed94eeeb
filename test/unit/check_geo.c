/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shadowmx/policy.h>

#include "conf_text_of.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* The databases are made by test/data/make-mmdb.pl. */
static const char *
data(const char *name)
{
	static char path[2][4200];
	static int turn;
	const char *dir = getenv("srcdir");
	char *full;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/test/data/%s",
	    dir != NULL ? dir : ".", name);
	full = realpath(path[turn], NULL);
	ck_assert_msg(full != NULL, "%s", path[turn]);
	snprintf(path[turn], sizeof(path[turn]), "%s", full);
	free(full);
	return path[turn];
}

static struct smx_config *
config_geo(const char *country, const char *asn, const char *more)
{
	char text[12000];

	snprintf(text, sizeof(text),
	    PAIR ACCEPT "geo = { country = \"%s\"; asn = \"%s\"; };\n%s",
	    country, asn, more);
	return config_good(text);
}

static const struct {
	const char *address, *country;
	uint32_t asn;
} places[] = {
	{ "192.0.2.1", "JP", 64496 },
	{ "192.0.2.255", "JP", 64496 },
	{ "::ffff:192.0.2.1", "JP", 64496 },
	{ "198.51.100.1", "DE", 65551 },
	/* registered_country stands in */
	{ "198.51.100.200", "FR", 65551 },
	{ "2001:db8::1", "JP", 64511 },
	{ "IPv6:2001:db8::1", "JP", 64511 },
	{ "2001:db8:8000::1", "SE", 64511 },
	{ "203.0.113.1", "", 0 },
	{ "2001:db9::1", "", 0 },
	{ "", "", 0 },
	{ "nonsense", "", 0 },
	{ NULL, "", 0 },
};

START_TEST(address_has_its_place)
{
	struct smx_config *config =
	    config_geo(data("country.mmdb"), data("asn.mmdb"), "");
	struct smx_client client = { .address = places[_i].address,
		.country = "XX",
		.asn = 1 };

	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, places[_i].country);
	ck_assert_uint_eq(client.asn, places[_i].asn);
	smx_config_release(&config);
}
END_TEST

START_TEST(without_databases_nothing_is_known)
{
	struct smx_config *config = config_good(PAIR ACCEPT);
	struct smx_client client = { .address = "192.0.2.1",
		.country = "XX",
		.asn = 1 };

	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "");
	ck_assert_uint_eq(client.asn, 0);
	smx_config_release(&config);

	config = config_geo("", data("asn.mmdb"), "");
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "");
	ck_assert_uint_eq(client.asn, 64496);
	smx_config_release(&config);
}
END_TEST

START_TEST(database_without_ipv6_answers_for_ipv4)
{
	struct smx_config *config = config_geo(data("country4.mmdb"), "", "");
	struct smx_client client = { .address = "192.0.2.1" };

	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "JP");
	client.address = "2001:db8::1";
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "");
	smx_config_release(&config);
}
END_TEST

START_TEST(place_of_the_client_chooses_the_policy)
{
	static const char policies[] =
	    "policies = (\n"
	    "{ name = \"both\"; match = { client_countries = ( \"se\", "
	    "\"JP\" ); client_asns = ( 64511L, \"AS65551\" ); }; },\n"
	    "{ name = \"jp\"; match = { client_countries = \"JP\"; }; },\n"
	    "{ name = \"as\"; match = { client_asns = 65551; }; } );\n";
	static const struct {
		const char *address, *policy;
	} rows[] = { { "2001:db8::1", "both" }, { "2001:db8:8000::1", "both" },
		{ "192.0.2.1", "jp" }, { "198.51.100.1", "as" },
		{ "203.0.113.1", "defaults" }, { "", "defaults" } };
	struct smx_config *config =
	    config_geo(data("country.mmdb"), data("asn.mmdb"), policies);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct smx_client client = { .address = rows[i].address };
		struct smx_ack ack;

		smx_policy_locate(config, &client);
		ck_assert_int_eq(smx_policy_recipient(config, &client,
				     "user@example.com", SMX_SIZE_UNKNOWN,
				     &ack),
		    SMX_OK);
		ck_assert_str_eq(ack.policy, rows[i].policy);
	}
	smx_config_release(&config);
}
END_TEST

/* ---- bad files ---- */

static void
file_copy(const char *from, const char *to, size_t cut, size_t damage)
{
	char bytes[8192];
	size_t len;
	FILE *f = fopen(from, "rb");

	ck_assert_ptr_nonnull(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_uint_gt(len, cut + damage);
	memset(bytes, 0xff, damage);
	f = fopen(to, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, len - cut, f), len - cut);
	fclose(f);
}

struct warned {
	struct told told;
	size_t warnings;
};

static void
warned_report(void *ctx, const struct smx_config_problem *problem)
{
	struct warned *w = ctx;

	w->warnings += problem->warning != 0;
	told_report(&w->told, problem);
}

/* Mail goes on, its clients are nowhere; the file and the reason are told. */
static void
warned(const char *setting, const char *path, const char *why)
{
	struct smx_client client = { .address = "192.0.2.1" };
	struct smx_config *config = NULL;
	struct warned *w = calloc(1, sizeof(*w));
	char text[1024], want[256];

	snprintf(text, sizeof(text), PAIR ACCEPT "geo = {\n %s = \"%s\"; };\n",
	    setting, path);
	ck_assert_int_eq(smx_config_parse(&config, text, "test.conf",
			     warned_report, w),
	    SMX_OK);
	ck_assert_uint_eq(w->told.count, 1);
	ck_assert_uint_eq(w->warnings, 1);
	snprintf(want, sizeof(want),
	    "test.conf:5: geo.%s = \"%s\": warning: the database cannot be "
	    "used: ",
	    setting, path);
	ck_assert_msg(strstr(w->told.lines, want) != NULL, "%s", w->told.lines);
	ck_assert_msg(strstr(w->told.lines, why) != NULL, "%s", w->told.lines);
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "");
	ck_assert_uint_eq(client.asn, 0);
	smx_config_release(&config);
	free(w);
}

START_TEST(bad_database_is_a_warning)
{
	char folder[] = "/tmp/check_geo.XXXXXX";
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x.mmdb", folder);
	warned("country", path, "it cannot be opened: No such file");
	file_copy(data("country.mmdb"), path, 1000, 0);
	warned("country", path, "cannot be used");
	/* the search tree comes first in the file */
	file_copy(data("country.mmdb"), path, 0, 60);
	warned("country", path, "its search tree is damaged");
	warned("country", folder, "this is a folder");
	ck_assert_int_eq(truncate(path, 0), 0);
	warned("country", path, "the file is empty");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	warned("country", path, "not a regular file");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(database_of_another_kind_is_told_apart)
{
	warned("country", data("asn.mmdb"),
	    "it holds no countries; its type is \"");
	warned("asn", data("country.mmdb"),
	    "it holds no numbers of autonomous systems; its type is \"");
	warned("country", data("make-mmdb.pl"), "cannot be used");
}
END_TEST

static const struct {
	const char *address, *policy;
} nowhere[] = { { "192.0.2.1", "defaults" }, { "203.0.113.1", "both" },
	{ "2001:db9::1", "both" }, { "", "both" } };

START_TEST(unknown_place_can_be_matched)
{
	struct smx_config *config =
	    config_geo(data("country.mmdb"), data("asn.mmdb"),
		"policies = ( { name = \"both\"; match = { client_countries = ("
		" \"SE\", \"unknown\" ); client_asns = \"unknown\"; }; } );");
	struct smx_client client = { .address = nowhere[_i].address };
	struct smx_ack ack;

	smx_policy_locate(config, &client);
	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     "user@example.com", SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, nowhere[_i].policy);
	ck_assert_str_eq(smx_config_text(config,
			     "policies[0].match.client_asns"),
	    "(\"unknown\")");
	smx_config_release(&config);
}
END_TEST

/* The policy for those of an unknown country holds without a database too. */
START_TEST(unknown_place_is_that_of_all_without_a_database)
{
	struct smx_client client = { .address = "192.0.2.1" };
	struct smx_config *config = NULL;
	struct smx_ack ack;

	ck_assert_int_eq(smx_config_parse(&config,
			     PAIR ACCEPT
			     "geo = { country = \"/nonexistent/x\"; };\n"
			     "policies = ( { name = \"nowhere\"; match = {"
			     " client_countries = \"unknown\"; }; } );",
			     "t", NULL, NULL),
	    SMX_OK);
	smx_policy_locate(config, &client);
	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     "user@example.com", SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "nowhere");
	smx_config_release(&config);
}
END_TEST

/* Flip every byte in turn: not used, or looked up without harm. */
START_TEST(damaged_byte_does_no_harm)
{
	char folder[] = "/tmp/check_geo.XXXXXX", path[64], text[1024];
	char bytes[8192];
	size_t len;
	FILE *f = fopen(data("country4.mmdb"), "rb");

	ck_assert_ptr_nonnull(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x.mmdb", folder);
	snprintf(text, sizeof(text),
	    PAIR ACCEPT "geo = { country = \"%s\"; };\n", path);
	for (size_t i = 0; i < len; i++) {
		struct smx_config *config = NULL;
		struct smx_client client = { .address = "192.0.2.1" };

		bytes[i] = (char)~bytes[i];
		(void)unlink(path);
		f = fopen(path, "wb");
		ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
		fclose(f);
		bytes[i] = (char)~bytes[i];
		ck_assert_int_eq(smx_config_parse(&config, text, "t", NULL,
				     NULL),
		    SMX_OK);
		smx_policy_locate(config, &client);
		ck_assert(
		    client.country[0] == '\0' || strlen(client.country) == 2);
		smx_config_release(&config);
	}
	(void)unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- life ---- */

/* A mapped file that is cut short would end the process. */
START_TEST(database_that_is_overwritten_stays_as_it_was)
{
	char folder[] = "/tmp/check_geo.XXXXXX", path[64];
	struct smx_client client = { .address = "192.0.2.1" };
	struct smx_config *config;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x.mmdb", folder);
	file_copy(data("country.mmdb"), path, 0, 0);
	config = config_geo(path, "", "");
	ck_assert_int_eq(truncate(path, 0), 0);
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "JP");
	file_copy(data("asn.mmdb"), path, 0, 0);
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "JP");
	smx_config_release(&config);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(database_that_was_replaced_stays_readable)
{
	char folder[] = "/tmp/check_geo.XXXXXX", path[64], other[64];
	struct smx_config *config;
	struct smx_client client = { .address = "192.0.2.1" };

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x.mmdb", folder);
	snprintf(other, sizeof(other), "%s/y.mmdb", folder);
	file_copy(data("country.mmdb"), path, 0, 0);
	config = config_geo(path, "", "");
	file_copy(data("asn.mmdb"), other, 0, 0);
	ck_assert_int_eq(rename(other, path), 0);
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "JP");
	ck_assert_int_eq(unlink(path), 0);
	smx_policy_locate(config, &client);
	ck_assert_str_eq(client.country, "JP");
	smx_config_release(&config);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

static void *
look_often(void *arg)
{
	struct smx_config *config = arg;
	size_t wrong = 0;

	for (int i = 0; i < 2000; i++) {
		struct smx_client client = { .address = places[i % 9].address };
		struct smx_config *held = smx_config_hold(config);

		smx_policy_locate(held, &client);
		wrong += strcmp(client.country, places[i % 9].country) != 0 ||
			 client.asn != places[i % 9].asn;
		smx_config_release(&held);
	}
	smx_config_release(&config);
	return (void *)wrong;
}

START_TEST(threads_share_a_configuration)
{
	struct smx_config *config =
	    config_geo(data("country.mmdb"), data("asn.mmdb"), "");
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, look_often,
				     smx_config_hold(config)),
		    0);
	/* The last of them closes the databases. */
	smx_config_release(&config);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *wrong;

		ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("geo");
	TCase *tc = tcase_create("locate");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, address_has_its_place, 0, COUNT(places));
	tcase_add_test(tc, without_databases_nothing_is_known);
	tcase_add_test(tc, database_without_ipv6_answers_for_ipv4);
	tcase_add_test(tc, place_of_the_client_chooses_the_policy);
	tcase_add_test(tc, bad_database_is_a_warning);
	tcase_add_test(tc, database_of_another_kind_is_told_apart);
	tcase_add_loop_test(tc, unknown_place_can_be_matched, 0,
	    COUNT(nowhere));
	tcase_add_test(tc, unknown_place_is_that_of_all_without_a_database);
	tcase_add_test(tc, damaged_byte_does_no_harm);
	tcase_add_test(tc, database_that_is_overwritten_stays_as_it_was);
	tcase_add_test(tc, database_that_was_replaced_stays_readable);
	tcase_add_test(tc, threads_share_a_configuration);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
