/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf.h"
#include "core/problem.h"
#include "core/setting_check.h"
#include "core/settings.h"
#include "core/units.h"
#include "conf_text_of.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	int is_size;
	const char *text;
	int64_t value; /* -1: refused */
	const char *shown;
} units[] = {
	{ 0, "0", 0, "0" },
	{ 0, "500ms", 500, "500ms" },
	{ 0, "30s", 30000, "30s" },
	{ 0, "10m", 600000, "10m" },
	{ 0, "600s", 600000, "10m" },
	{ 0, "5d", 432000000, "5d" },
	{ 0, "1w", 604800000, "7d" },
	{ 0, "2h", 7200000, "2h" },
	{ 0, "15250476w", 9223487884800000, "106753332d" },
	{ 0, "15250284452472w", -1, NULL },
	{ 0, "99999999999999999999s", -1, NULL },
	{ 0, "30", -1, NULL },
	{ 0, "s", -1, NULL },
	{ 0, "", -1, NULL },
	{ 0, "-1s", -1, NULL },
	{ 0, "1.5s", -1, NULL },
	{ 0, "30 s", -1, NULL },
	{ 0, "30S", -1, NULL },
	{ 0, "1h30m", -1, NULL },
	{ 0, "0x1s", -1, NULL },
	{ 0, "10K", -1, NULL },
	{ 1, "0", 0, "0" },
	{ 1, "512B", 512, "512B" },
	{ 1, "256K", 262144, "256K" },
	{ 1, "1024K", 1048576, "1M" },
	{ 1, "20G", 21474836480, "20G" },
	{ 1, "2T", 2199023255552, "2T" },
	{ 1, "8388607T", 9223370937343148032, "8388607T" },
	{ 1, "8388608T", -1, NULL },
	{ 1, "1000", -1, NULL },
	{ 1, "1k", -1, NULL },
	{ 1, "1KB", -1, NULL },
	{ 1, "10s", -1, NULL },
};

START_TEST(unit_is_needed_and_exact)
{
	int64_t value = 77;
	char shown[UNITS_TEXT];
	int result = units[_i].is_size ? size_parse(units[_i].text, &value)
				       : duration_parse(units[_i].text, &value);

	if (units[_i].value < 0) {
		ck_assert_int_ne(result, SMX_OK);
		ck_assert_int_eq(value, 77);
		return;
	}
	ck_assert_int_eq(result, SMX_OK);
	ck_assert_int_eq(value, units[_i].value);
	ck_assert_str_eq(units[_i].is_size ? size_format(value, shown)
					   : duration_format(value, shown),
	    units[_i].shown);
}
END_TEST

/* ---- the table ---- */

START_TEST(row_is_whole)
{
	const struct setting *s = &settings[_i];
	char accepted[256] = "";

	ck_assert(setting_find(s->section, s->path) == s);
	setting_accepted(s, accepted, sizeof(accepted));
	ck_assert_msg(accepted[0] != '\0', "%s", s->path);
	ck_assert_uint_lt(strlen(accepted), sizeof(accepted) - 1);
	if (s->kind == SETTING_TEXT || s->kind == SETTING_LIST)
		ck_assert_msg(s->check != NULL, "%s", s->path);
	if (s->kind == SETTING_WORD || s->kind == SETTING_CHOICE ||
	    s->kind == SETTING_CHOICES)
		ck_assert_msg(s->words != NULL, "%s", s->path);
	if (s->kind == SETTING_NUMBER || s->kind == SETTING_DURATION ||
	    s->kind == SETTING_SIZE)
		ck_assert_msg(s->preset != NULL && s->low <= s->high, "%s",
		    s->path);
	if (s->kind == SETTING_TEXT && (s->flags & SETTING_REQUIRED) == 0)
		ck_assert_msg(s->preset != NULL, "%s", s->path);
	for (const char *p = s->path;;) {
		size_t len = strcspn(p, ".");

		ck_assert_uint_lt(len, SETTING_NAME_MAX);
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
}
END_TEST

static char *
slurp(const char *path)
{
	const char *dir = getenv("srcdir");
	char full[4096];
	FILE *f;
	char *text = calloc(1, 1 << 20);

	snprintf(full, sizeof(full), "%s/%s", dir != NULL ? dir : ".", path);
	f = fopen(full, "r");
	ck_assert_msg(f != NULL, "%s", full);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 0);
	fclose(f);
	return text;
}

static const char *
last_word(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL ? dot + 1 : path;
}

static void
manual_bounds(const struct setting *s, const char *at, const char *end)
{
	char low[UNITS_TEXT], high[UNITS_TEXT], text[3 * UNITS_TEXT];
	const char *found;

	if (s->kind == SETTING_DURATION) {
		duration_format(s->low, low);
		duration_format(s->high, high);
	} else if (s->kind == SETTING_SIZE) {
		size_format(s->low, low);
		size_format(s->high, high);
	} else if (s->kind == SETTING_NUMBER) {
		snprintf(low, sizeof(low), "%lld", (long long)s->low);
		snprintf(high, sizeof(high), "%lld", (long long)s->high);
	} else {
		return;
	}
	snprintf(text, sizeof(text), "from %s%s to %s", low,
	    strcmp(low, "0") != 0           ? ""
	    : strcmp(s->path, "grace") == 0 ? " (at once)"
	    : s->kind == SETTING_DURATION   ? " (never)"
					    : " (no limit)",
	    high);
	found = strstr(at, text);
	ck_assert_msg(found != NULL && (end == NULL || found < end), "%s: %s",
	    s->path, text);
}

/* The manual names every setting in full, with its default and its bounds. */
START_TEST(manual_tells_every_setting)
{
	const struct setting *s = &settings[_i];
	char *manual = slurp("doc/shadowmx.conf.5");
	const char *at;
	char item[128];

	snprintf(item, sizeof(item), "\n.It Ic %s\n", s->path);
	at = strstr(manual, item);
	if (s->kind == SETTING_GROUP || s->kind == SETTING_GROUPS) {
		ck_assert(strstr(manual, last_word(s->path)) != NULL);
	} else {
		const char *end, *found;

		ck_assert_msg(at != NULL, "no %s", s->path);
		end = strstr(at + 1, "\n.It ");
		if (s->preset != NULL && s->preset[0] != '\0') {
			const char *preset = strstr(at, s->preset);

			if (strstr(s->preset, "/node.key") != NULL)
				preset = strstr(at, "/node.key");
			ck_assert_msg(preset != NULL &&
					  (end == NULL || preset < end),
			    "%s: default %s", s->path, s->preset);
		}
		manual_bounds(s, at, end);
		found = strstr(at, "\nRestart.\n");
		ck_assert_msg((found != NULL && (end == NULL || found < end)) ==
				  ((s->flags & SETTING_RESTART) != 0),
		    "%s: restart", s->path);
	}
	free(manual);
}
END_TEST

/* So does the example, apart from groups. */
START_TEST(example_shows_every_setting)
{
	const struct setting *s = &settings[_i];
	char *example = slurp("examples/shadowmx.conf");
	char text[128];

	snprintf(text, sizeof(text), "%s = ", last_word(s->path));
	if (s->kind != SETTING_GROUP && s->kind != SETTING_GROUPS)
		ck_assert_msg(strstr(example, text) != NULL, "%s", text);
	free(example);
}
END_TEST

/* ---- values ---- */

static int
count_settings(void *ctx, const char *setting, const char *value,
    const char *origin)
{
	size_t *count = ctx;

	ck_assert_ptr_nonnull(setting);
	ck_assert_ptr_nonnull(value);
	ck_assert_ptr_nonnull(origin);
	++*count;
	return 0;
}

START_TEST(defaults_are_those_of_the_table)
{
	struct smx_config *config = config_good(PAIR ACCEPT);
	const struct conf *conf = config_conf(config);
	size_t count = 0;

	ck_assert_str_eq(conf->user, "shadowmx");
	ck_assert_str_eq(conf->mta_kind, "postfix");
	ck_assert_str_eq(conf->store_driver, "sqlite");
	ck_assert_int_eq(conf->store_quota, (int64_t)20 << 30);
	ck_assert_int_eq(conf->milter_memory_limit, 256 << 10);
	ck_assert_int_eq(conf->milter_max_message, 1 << 30);
	ck_assert_int_eq(conf->store_tombstones_ms, 2 * 86400000);
	ck_assert_int_eq(conf->peers_heartbeat_ms, 30000);
	ck_assert_int_eq(conf->peers_takeover_after_ms, 600000);
	ck_assert_int_eq(conf->peers_connect_ms, 5000);
	ck_assert_int_eq(conf->peers_pool, 32);
	ck_assert_int_eq(conf->log_to, CONF_LOG_SYSLOG);
	ck_assert_int_eq(conf->log_level, 6);
	ck_assert_str_eq(conf->geo_asn, "");
	ck_assert_uint_eq(conf->defaults.copies, 1);
	ck_assert_uint_eq(conf->defaults.min_copies, 1);
	ck_assert_uint_eq(conf->defaults.holders, 1);
	ck_assert_uint_eq(conf->defaults.preferred, 0);
	ck_assert_int_eq(conf->defaults.tempfail_ms, 0);
	ck_assert_str_eq(conf->defaults.policy, "defaults");
	ck_assert_str_eq(conf->site, "");
	ck_assert_str_eq(conf->mta_submit_amended, "");
	ck_assert_str_eq(conf->mta_submit_held, "");
	ck_assert_int_eq(conf->takeover_ask_ms, 5000);
	ck_assert_str_eq(conf->delivery_helo, "");
	ck_assert_int_eq(conf->delivery_tls, CONF_TLS_MAY);
	ck_assert_int_eq(conf->delivery_connect_ms, 5000);
	ck_assert_int_eq(conf->delivery_step_ms, 30000);
	ck_assert_int_eq(conf->delivery_rcpt_wait_ms, 8000);
	ck_assert_int_eq(conf->delivery_max_held, 25);
	ck_assert_int_eq(conf->delivery_max_held_client, 3);
	ck_assert_int_eq(conf->delivery_connections, 20);
	ck_assert_int_eq(conf->delivery_idle_ms, 5000);
	ck_assert_int_eq(conf->delivery_backoff_ms, 10000);
	ck_assert_int_eq(conf->delivery_backoff_max_ms, 600000);
	ck_assert_int_eq(conf->backup_probe_ms, 30000);
	ck_assert_int_eq(conf->backup_probe_down_ms, 15000);
	ck_assert_int_eq(conf->backup_up_after, 2);
	ck_assert_int_eq(conf->backup_down_after, 3);
	ck_assert_int_eq(conf->backup_rcpt_wait_ms, 5000);
	ck_assert_int_eq(conf->backup_good_ms, 31 * (int64_t)86400000);
	ck_assert_int_eq(conf->backup_good_ask_ms, 7 * 86400000);
	ck_assert_int_eq(conf->backup_bad_ms, 3 * 86400000);
	ck_assert_int_eq(conf->backup_bad_ask_ms, 3 * 3600000);
	ck_assert_int_eq(conf->backup_harvest, 20);
	ck_assert_int_eq(conf->backup_queue_lifetime_ms, 5 * 86400000);
	ck_assert_int_eq(conf->backup_rate, 10);
	ck_assert_int_eq(conf->backup_rate_max, 200);
	ck_assert_int_eq(conf->backup_mx_watch_ms, 3600000);
	ck_assert_str_eq(conf->backup_sts_ca, "");
	ck_assert_str_eq(conf->backup_alarm, "");
	ck_assert_str_eq(conf->backup_etrn, "");
	ck_assert_uint_eq(conf->backup_etrn_client_count, 0);
	ck_assert_uint_eq(conf->defaults.next_hop_count, 0);
	ck_assert_uint_eq(conf->own_network_count, 0);
	ck_assert_int_eq(conf->defaults.max_delay_ms, 10000);
	ck_assert_uint_eq(conf->member_count, 1);
	ck_assert_str_eq(conf->members[0].pins[0], PIN_A);
	ck_assert_str_eq(conf->members[0].site, "");
	ck_assert_int_eq(smx_config_each(config, count_settings, &count), 0);
	ck_assert_uint_gt(count, 40);
	smx_config_release(&config);
}
END_TEST

static int
stop_at_store(void *ctx, const char *setting, const char *value,
    const char *origin)
{
	(void)value;
	if (strcmp(setting, "store.quota") != 0)
		return 0;
	*(const char **)ctx = origin;
	return 42;
}

START_TEST(setting_is_told_by_its_name)
{
	struct smx_config *config = config_good(PAIR ACCEPT
	    "store = {\n quota = \"30G\"; };\n"
	    "policies = ( { name = \"p\"; match = { recipients = \"A@B.C\"; };"
	    "  acknowledge = { max_delay = \"1500ms\"; }; } );\n");
	const char *origin = NULL;

	ck_assert_str_eq(smx_config_text(config, "store.quota"), "30G");
	ck_assert_int_eq(smx_config_number(config, "store.quota"),
	    (int64_t)30 << 30);
	ck_assert_str_eq(smx_config_text(config, "log.level"), "info");
	ck_assert_str_eq(smx_config_text(config, "store.driver"), "sqlite");
	ck_assert_str_eq(smx_config_text(config, "peers.members[0].address"),
	    "192.0.2.2:8825");
	ck_assert_str_eq(smx_config_text(config,
			     "defaults.acknowledge.when_unprotected"),
	    "accept");
	ck_assert_str_eq(smx_config_text(config,
			     "policies[0].match.recipients"),
	    "(\"a@b.c\")");
	ck_assert_int_eq(smx_config_number(config,
			     "policies[0].acknowledge.max_delay"),
	    1500);
	ck_assert_str_eq(smx_config_text(config,
			     "policies[0].acknowledge.when"),
	    "(\"shadowed\")");
	ck_assert_int_eq(smx_config_number(config, "node"), -1);
	ck_assert_ptr_null(smx_config_text(config, "store"));
	ck_assert_ptr_null(smx_config_text(config, "nothing"));
	ck_assert_int_eq(smx_config_number(config, "nothing"), -1);
	ck_assert_int_eq(smx_config_each(config, stop_at_store, &origin), 42);
	ck_assert_str_eq(origin, "test.conf:5");
	smx_config_release(&config);
}
END_TEST

START_TEST(released_configuration_lives_while_it_is_held)
{
	struct smx_config *a = config_good(PAIR ACCEPT);
	struct smx_config *b = smx_config_hold(a);

	ck_assert_ptr_eq(a, b);
	smx_config_release(&a);
	ck_assert_ptr_null(a);
	ck_assert_str_eq(smx_config_text(b, "node"), "mx1.example.org");
	smx_config_release(&b);
	smx_config_release(&b);
}
END_TEST

START_TEST(pin_has_one_form)
{
	ck_assert_int_eq(pin_check(PIN_A), SMX_OK);
	ck_assert_int_eq(pin_check(PIN_B), SMX_OK);
	ck_assert_int_eq(pin_check(""), SMX_EINVAL);
	ck_assert_int_eq(pin_check("sha256/"), SMX_EINVAL);
	ck_assert_int_eq(pin_check("sha1" PIN_A), SMX_EINVAL);
	ck_assert_int_eq(pin_check(PIN_A "="), SMX_EINVAL);
	/* the last character would carry bits that are not there */
	ck_assert_int_eq(
	    pin_check("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB="),
	    SMX_EINVAL);
	ck_assert_int_eq(pin_check("sha256/AAAAAAAAAAAAAAAAAAAAA "
				   "AAAAAAAAAAAAAAAAAAAAA="),
	    SMX_EINVAL);
}
END_TEST

/* ---- problems ---- */

static void
problem_text(const char *file, int line, const char *setting, const char *value,
    const char *accepted, const char *want)
{
	struct smx_config_problem problem = { file, line, setting, value, "bad",
		accepted, 0 };
	char out[256];

	smx_config_problem_format(&problem, out, sizeof(out));
	ck_assert_str_eq(out, want);
}

START_TEST(problem_is_one_line)
{
	struct smx_config_problem problem = { "f", 1, "s", "v", "m", "a", 0 };
	char out[8], long_out[64];

	problem_text("f.conf", 3, "a.b", "5", "6",
	    "f.conf:3: a.b = 5: bad; "
	    "accepted: 6");
	problem_text("f.conf", 0, "a.b", "", "", "f.conf: a.b: bad");
	problem_text("", 0, "", "", "", "bad");
	problem_text("f", 2, "", "@", "", "f:2: @: bad");
	problem_text("f", 2, "s", "a\nb\x1b\xff", "",
	    "f:2: s = a\\x0ab\\x1b\\xff: bad");
	problem_text(NULL, 0, NULL, NULL, NULL, "bad");
	problem.warning = 1;
	smx_config_problem_format(&problem, long_out, sizeof(long_out));
	ck_assert_str_eq(long_out, "f:1: s = v: warning: m; accepted: a");
	smx_config_problem_format(&problem, out, sizeof(out));
	ck_assert_uint_eq(strlen(out), 7);
	out[0] = 'x';
	smx_config_problem_format(&problem, out, 0);
	ck_assert_int_eq(out[0], 'x');
	smx_config_problem_format(&problem, out, 1);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(nearest_name_is_near)
{
	static const char *const names[] = { "listen", "heartbeat", "pool" };

	ck_assert_str_eq(nearest_name("hartbeat", names, 3), "heartbeat");
	ck_assert_str_eq(nearest_name("lisetn", names, 3), "listen");
	ck_assert_ptr_null(nearest_name("quota", names, 3));
	ck_assert_ptr_null(nearest_name("", names, 0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("settings");
	TCase *tc = tcase_create("table");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, unit_is_needed_and_exact, 0, COUNT(units));
	tcase_add_loop_test(tc, row_is_whole, 0, (int)setting_count);
	tcase_add_loop_test(tc, manual_tells_every_setting, 0,
	    (int)setting_count);
	tcase_add_loop_test(tc, example_shows_every_setting, 0,
	    (int)setting_count);
	tcase_add_test(tc, defaults_are_those_of_the_table);
	tcase_add_test(tc, setting_is_told_by_its_name);
	tcase_add_test(tc, released_configuration_lives_while_it_is_held);
	tcase_add_test(tc, pin_has_one_form);
	tcase_add_test(tc, problem_is_one_line);
	tcase_add_test(tc, nearest_name_is_near);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
