/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf_text_of.h"
#include "folder.h"
#include "glue/courier.h"
#include "glue/node.h"
#include "hop_server.h"
#include "io/backup_hosts.h"
#include "node_world.h"

/* The watch over the primary MX hosts as a whole: the prober, the database and
 * an engine, against a primary of the test's own. */

static struct hop_server server;

/* ---- the world ---- */

#define POLICY                                                                 \
	"{ name = \"%s\"; match = { domains = ( %s ); };"                      \
	" acknowledge = { when_unprotected = \"accept\"; };"                   \
	" backup = { primary = ( \"[127.0.0.1]:%u\" );"                        \
	" while_up = \"accept\"; }; }"

#define QUICK "probe = \"1s\"; probe_down = \"1s\"; probe_wait = \"5s\";"
#define SLOW  "probe = \"60s\"; probe_down = \"1h\"; probe_wait = \"5s\";"

static const char *
settings_of(const char *domains, const char *backup)
{
	static char text[4096];

	snprintf(text, sizeof(text),
	    "defaults = { acknowledge = { when_unprotected = \"accept\"; }; "
	    "};\n"
	    "milter = { spill = \"/tmp\"; };\n"
	    "store = { driver = \"sqlite\"; path = \"%s\"; };\n"
	    "backup = { %s };\n"
	    "policies = ( " POLICY " );\n",
	    folder, backup, "listed", domains, (unsigned)server.to.port);
	return text;
}

static void
setup(void)
{
	folder_make();
	memset(&server, 0, sizeof(server));
	server.offers = "PIPELINING";
}

static void
begin(const char *domains, const char *backup)
{
	world_prepare(settings_of(domains, backup));
	world_start();
	ck_assert_ptr_nonnull(node_backup(engine));
}

static void
teardown(void)
{
	if (engine != NULL)
		world_end();
	hop_server_stop(&server);
	hop_server_free(&server);
	folder_remove();
}

static struct primaries *
primaries(void)
{
	return backup_primaries(node_backup(engine));
}

static enum mx_state
state(const char *domain, struct primaries_word *word)
{
	return primaries_state(primaries(), NULL, domain, word);
}

static int
comes(const char *domain, enum mx_state wanted)
{
	int64_t until = clock_mono_ms() + 2 * WAIT;

	while (clock_mono_ms() < until) {
		if (state(domain, NULL) == wanted)
			return 1;
		usleep(20000);
	}
	return 0;
}

/* From now on so, or friendly. */
static void
rules(const struct rule *list, size_t count)
{
	pthread_mutex_lock(&server.lock);
	server.rules = list;
	server.rule_count = count;
	pthread_mutex_unlock(&server.lock);
}

static int
heard(const char *command)
{
	return hop_server_heard(&server, command);
}

struct outages {
	struct backup_outage last;
	size_t count;
};

static int
outage_note(void *ctx, const struct backup_outage *outage)
{
	struct outages *o = ctx;

	if (o->count++ == 0)
		o->last = *outage;
	return 0;
}

/* The database is a little behind what is known. */
static void
outages(const char *domain, size_t wanted, int lasts, struct outages *out)
{
	int64_t until = clock_mono_ms() + WAIT;

	do {
		memset(out, 0, sizeof(*out));
		ck_assert_int_eq(primaries_outages(primaries(), domain, 0,
				     outage_note, out),
		    SMX_OK);
		if (out->count == wanted &&
		    (wanted == 0 || (out->last.to_ms == 0) == lasts))
			return;
		usleep(20000);
	} while (clock_mono_ms() < until);
	ck_abort_msg("%zu outages", out->count);
}

static const struct rule closes[] = {
	{ .on = "", .say = "421 4.3.2 not now\r\n", .act = RULE_CLOSE }
};

/* ---- up and down ---- */

START_TEST(primary_that_answers_is_up_and_one_that_sends_all_away_is_not)
{
	struct primaries_word word;
	struct outages o;

	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_UP));
	outages("example.org", 0, 0, &o);
	rules(closes, 1);
	ck_assert(comes("example.org", MX_DOWN));
	(void)state("example.org", &word);
	ck_assert_ptr_nonnull(strstr(word.why, "421"));
	ck_assert_int_gt(word.since_ms, 0);
	outages("example.org", 1, 1, &o);
	ck_assert_int_eq(o.last.announced, 0);
	ck_assert_ptr_nonnull(strstr(o.last.why, "421"));
	rules(NULL, 0);
	ck_assert(comes("example.org", MX_UP));
	outages("example.org", 1, 0, &o);
	ck_assert_int_gt(o.last.to_ms, o.last.from_ms);
}
END_TEST

START_TEST(who_refuses_every_sender_is_not_up)
{
	static const struct rule refuses[] = { { .on = "MAIL",
	    .say = "550 5.7.1 not from you\r\n" } };

	server.rules = refuses;
	server.rule_count = 1;
	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_DOWN));
}
END_TEST

START_TEST(who_will_not_have_postmaster_is_up_all_the_same)
{
	static const struct rule picky[] = {
		{ .on = "RCPT", .say = "451 4.7.1 come again\r\n", .once = 2 },
		{ .on = "RCPT", .say = "550 5.1.1 nobody\r\n" }
	};

	server.rules = picky;
	server.rule_count = 2;
	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_UP));
	ck_assert_int_ge(heard("RCPT TO:<postmaster>"), 2);
	ck_assert_int_ge(heard("MAIL FROM:<>"), 2);
	/* nothing was delivered, and nobody was left without a word */
	ck_assert_int_eq(heard("DATA"), 0);
}
END_TEST

START_TEST(silence_is_waited_for_no_longer_than_probe_wait)
{
	static const struct rule silent[] = {
		{ .on = "", .act = RULE_STALL, .say = "" }
	};
	int64_t from = clock_mono_ms();

	server.rules = silent;
	server.rule_count = 1;
	hop_server_start(&server);
	begin("\"example.org\"", "probe_wait = \"200ms\"; probe = \"1s\";"
				 " probe_down = \"1s\";");
	ck_assert(comes("example.org", MX_DOWN));
	/* three of these, where the server would wait for ever */
	ck_assert_int_lt(clock_mono_ms() - from, 2 * WAIT);
}
END_TEST

START_TEST(host_of_many_domains_is_probed_once)
{
	char domains[2048] = "";
	size_t n = 0;

	for (int i = 0; i < 50; i++)
		n += (size_t)snprintf(domains + n, sizeof(domains) - n,
		    "%s\"d%d.example.org\"", i == 0 ? "" : ", ", i);
	hop_server_start(&server);
	begin(domains, SLOW);
	ck_assert(comes("d0.example.org", MX_UP));
	for (int i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d%d.example.org", i);
		ck_assert_int_eq(state(name, NULL), MX_UP);
	}
	ck_assert_int_le(heard("MAIL FROM:<>"), 10);
}
END_TEST

/* ---- others ---- */

START_TEST(primary_is_asked_for_a_recipient)
{
	static const struct rule knows[] = { { .on = "RCPT TO:<nobody@",
	    .say = "550 5.1.1 no such user\r\n" } };
	struct hop_answer answer;

	server.rules = knows;
	server.rule_count = 1;
	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_UP));
	primaries_ask(primaries(), NULL, "example.org", "<nobody@example.org>",
	    clock_mono_ms() + WAIT, &answer);
	ck_assert_int_eq(answer.class, HOP_NO);
	ck_assert_int_eq(answer.code, 550);
	primaries_ask(primaries(), NULL, "example.org", "some@example.org",
	    clock_mono_ms() + WAIT, &answer);
	ck_assert_int_eq(answer.class, HOP_YES);
	rules(closes, 1);
	primaries_ask(primaries(), NULL, "example.org", "other@example.org",
	    clock_mono_ms() + WAIT, &answer);
	/* it may have been asked on a line that was kept */
	ck_assert(answer.class == HOP_UNREACHABLE || answer.class == HOP_YES);
	primaries_ask(primaries(), NULL, "elsewhere.example",
	    "other@elsewhere.example", clock_mono_ms() + WAIT, &answer);
	ck_assert_int_eq(answer.class, HOP_UNREACHABLE);
}
END_TEST

START_TEST(deliveries_that_went_well_bring_it_up)
{
	char hop[NEXTHOP_TEXT];

	server.rules = closes;
	server.rule_count = 1;
	hop_server_start(&server);
	/* the next probe is far away: only the deliveries can do it */
	begin("\"example.org\"", "probe_down = \"1h\"; probe = \"1h\";"
				 " down_after = 1;");
	ck_assert(comes("example.org", MX_DOWN));
	snprintf(hop, sizeof(hop), "127.0.0.1[127.0.0.1]:%u",
	    (unsigned)server.to.port);
	primaries_heard(primaries(), hop, 1, "delivered");
	ck_assert_int_eq(state("example.org", NULL), MX_DOWN);
	/* in the words of whoever delivers while the client waits */
	nexthop_format(&server.to, hop);
	courier_tell(node_courier(engine), hop, HOPSTATE_FAILED, 0, "no route");
	courier_tell(node_courier(engine), hop, HOPSTATE_DELIVERED, 5, NULL);
	ck_assert_int_eq(state("example.org", NULL), MX_DOWN);
	courier_tell(node_courier(engine), hop, HOPSTATE_DELIVERED, 5, NULL);
	ck_assert_int_eq(state("example.org", NULL), MX_UP);
}
END_TEST

/* The MTA's log names an address, which is the primary's since it was probed.
 */
START_TEST(what_the_mta_delivers_brings_it_up)
{
	char relay[64];

	server.rules = closes;
	server.rule_count = 1;
	hop_server_start(&server);
	begin("\"example.org\"", "probe_down = \"1h\"; probe = \"1h\";"
				 " down_after = 1;");
	ck_assert(comes("example.org", MX_DOWN));
	for (int i = 0; i < 10; i++) {
		primaries_relay(primaries(), "[127.0.0.1]:1", 1);
		primaries_relay(primaries(), "[192.0.2.1]:25", 1);
		primaries_relay(primaries(), "", 1);
		primaries_relay(primaries(), "[", 1);
		primaries_relay(primaries(), "[]:", 1);
		primaries_relay(primaries(), "[127.0.0.1]", 1);
	}
	snprintf(relay, sizeof(relay), "[127.0.0.1]:%u",
	    (unsigned)server.to.port);
	primaries_relay(primaries(), relay, 1);
	primaries_relay(primaries(), relay, 0);
	primaries_relay(primaries(), relay, 1);
	ck_assert_int_eq(state("example.org", NULL), MX_DOWN);
	primaries_relay(primaries(), relay, 1);
	ck_assert_int_eq(state("example.org", NULL), MX_UP);
	for (int i = 0; i < 100; i++)
		primaries_relay(primaries(), "[127.0.0.1]:1", 0);
	ck_assert_int_eq(state("example.org", NULL), MX_UP);
}
END_TEST

/* ---- a restart ---- */

static void
again(void)
{
	world_end();
	world_prepare(settings_of("\"example.org\"", SLOW));
	world_start();
}

START_TEST(outage_goes_on_over_a_restart)
{
	struct primaries_word before, after;
	struct outages o;

	server.rules = closes;
	server.rule_count = 1;
	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_DOWN));
	(void)state("example.org", &before);
	outages("example.org", 1, 1, &o);
	again();
	ck_assert_int_eq(state("example.org", &after), MX_DOWN);
	ck_assert_int_eq(after.since_ms, before.since_ms);
	ck_assert_str_eq(after.why, before.why);
	outages("example.org", 1, 1, &o);
}
END_TEST

START_TEST(what_was_up_a_moment_ago_is_up_after_a_restart)
{
	hop_server_start(&server);
	begin("\"example.org\"", SLOW);
	ck_assert(comes("example.org", MX_UP));
	again();
	ck_assert_int_eq(state("example.org", NULL), MX_UP);
}
END_TEST

START_TEST(maintenance_holds_over_a_restart_until_it_is_ended)
{
	struct primaries_word word;
	static char text[8192];

	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_UP));
	ck_assert_int_eq(world_command("maintenance start other.example 1000",
			     text),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(world_command("maintenance start Example.ORG 3600000",
			     text),
	    SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "\"announced_in_ms\":3"));
	ck_assert_int_eq(state("example.org", &word), MX_DOWN);
	ck_assert_int_eq(word.announced, 1);
	again();
	ck_assert_int_eq(state("example.org", &word), MX_DOWN);
	ck_assert_int_eq(word.announced, 1);
	ck_assert_int_eq(world_command("maintenance list", text), SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "\"domain\":\"example.org\""));
	ck_assert_int_eq(world_command("backup list", text), SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "\"announced\":true"));
	ck_assert_ptr_nonnull(strstr(text, "\"held_messages\":0"));
	ck_assert_int_eq(world_command("maintenance end example.org", text),
	    SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "\"was\":true"));
	(void)state("example.org", &word);
	ck_assert_int_eq(word.announced, 0);
	again();
	(void)state("example.org", &word);
	ck_assert_int_eq(word.announced, 0);
}
END_TEST

START_TEST(maintenance_of_a_domain_below_is_remembered_as_well)
{
	struct primaries_word word;
	static char text[8192];

	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert_int_eq(
	    world_command("maintenance start sub.example.org 3600000", text),
	    SMX_OK);
	again();
	(void)state("sub.example.org", &word);
	ck_assert_int_eq(word.announced, 1);
	ck_assert_int_eq(world_command("maintenance list", text), SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "sub.example.org"));
}
END_TEST

START_TEST(outage_in_a_maintenance_was_announced)
{
	struct outages o;

	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_UP));
	ck_assert_int_eq(primaries_maintain(primaries(), "example.org",
			     clock_wall_ms() + 3600000),
	    SMX_OK);
	rules(closes, 1);
	outages("example.org", 1, 1, &o);
	ck_assert_int_eq(o.last.announced, 1);
}
END_TEST

START_TEST(maintenance_ends_by_itself)
{
	struct primaries_word word;

	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert(comes("example.org", MX_UP));
	ck_assert_int_eq(primaries_maintain(primaries(), "example.org",
			     clock_wall_ms() + 500),
	    SMX_OK);
	ck_assert(comes("example.org", MX_UP));
	(void)state("example.org", &word);
	ck_assert_int_eq(word.announced, 0);
}
END_TEST

/* ---- a reload ---- */

START_TEST(reload_takes_up_new_domains_and_drops_those_that_are_gone)
{
	int64_t until = clock_mono_ms() + WAIT;
	struct smx_config *next;
	char why[256], text[8192];

	hop_server_start(&server);
	begin("\"old.example\", \"stays.example\"", QUICK);
	ck_assert(comes("old.example", MX_UP));
	snprintf(text, sizeof(text), PAIR "%s",
	    settings_of("\"stays.example\", \"new.example\"", QUICK));
	next = config_good(text);
	ck_assert_int_eq(smx_engine_reload(engine, next, why, sizeof(why)),
	    SMX_OK);
	smx_config_release(&next);
	ck_assert(comes("new.example", MX_UP));
	ck_assert_int_eq(state("stays.example", NULL), MX_UP);
	while (
	    state("old.example", NULL) != MX_UNKNOWN && clock_mono_ms() < until)
		usleep(20000);
	ck_assert_int_eq(state("old.example", NULL), MX_UNKNOWN);
}
END_TEST

START_TEST(domain_that_only_a_recipient_names_is_watched_from_then_on)
{
	const struct smx_client client = { .address = "192.0.2.7" };
	struct smx_config *config;
	struct smx_ack ack;

	hop_server_start(&server);
	begin("\"example.org\"", QUICK);
	ck_assert_int_eq(state("sub.example.org", NULL), MX_UNKNOWN);
	config = node_config(engine);
	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     "<a@sub.example.org>", 1, &ack),
	    SMX_OK);
	ck_assert_ptr_nonnull(ack.backup);
	(void)primaries_state(primaries(), ack.backup, "sub.example.org", NULL);
	smx_config_release(&config);
	ck_assert(comes("sub.example.org", MX_UP));
}
END_TEST

/* ---- the alarm ---- */

static int
has_text(const char *file, const char *text)
{
	char data[4096] = "";
	FILE *f = fopen(file, "r");

	if (f == NULL)
		return 0;
	data[fread(data, 1, sizeof(data) - 1, f)] = '\0';
	fclose(f);
	return strstr(data, text) != NULL;
}

START_TEST(program_is_told_of_an_outage_and_not_of_a_maintenance)
{
	char script[512], more[512], file[256], other[256];
	int64_t until;

	snprintf(file, sizeof(file), "%s/told", folder);
	snprintf(script, sizeof(script),
	    "#!/bin/sh\nprintf '%%s|%%s|%%s|%%s\\n' $# \"$1\" \"$2\" \"$3\" "
	    ">>%s\n",
	    file);
	folder_put_text("alarm", script);
	snprintf(other, sizeof(other), "%s/alarm", folder);
	ck_assert_int_eq(chmod(other, 0755), 0);
	snprintf(more, sizeof(more), QUICK " alarm = \"%s\";", other);
	hop_server_start(&server);
	begin("\"example.org\"", more);
	ck_assert(comes("example.org", MX_UP));
	ck_assert_int_eq(primaries_maintain(primaries(), "example.org",
			     clock_wall_ms() + 3600000),
	    SMX_OK);
	rules(closes, 1);
	for (struct outages o = { .count = 0 }; o.count == 0;)
		outages("example.org", 1, 1, &o);
	ck_assert(!has_text(file, "primary-down"));
	rules(NULL, 0);
	ck_assert_int_eq(primaries_maintain(primaries(), "example.org", 0),
	    SMX_OK);
	ck_assert(comes("example.org", MX_UP));
	rules(closes, 1);
	ck_assert(comes("example.org", MX_DOWN));
	until = clock_mono_ms() + WAIT;
	while (!has_text(file, "primary-down") && clock_mono_ms() < until)
		usleep(20000);
	ck_assert(has_text(file, "3|primary-down|smtp:[127.0.0.1]:"));
	ck_assert(has_text(file, "1 domain without a primary MX"));
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc,
	    primary_that_answers_is_up_and_one_that_sends_all_away_is_not);
	tcase_add_test(tc, who_refuses_every_sender_is_not_up);
	tcase_add_test(tc, who_will_not_have_postmaster_is_up_all_the_same);
	tcase_add_test(tc, silence_is_waited_for_no_longer_than_probe_wait);
	tcase_add_test(tc, host_of_many_domains_is_probed_once);
	tcase_add_test(tc, primary_is_asked_for_a_recipient);
	tcase_add_test(tc, deliveries_that_went_well_bring_it_up);
	tcase_add_test(tc, what_the_mta_delivers_brings_it_up);
	tcase_add_test(tc, outage_goes_on_over_a_restart);
	tcase_add_test(tc, what_was_up_a_moment_ago_is_up_after_a_restart);
	tcase_add_test(tc, maintenance_holds_over_a_restart_until_it_is_ended);
	tcase_add_test(tc, maintenance_of_a_domain_below_is_remembered_as_well);
	tcase_add_test(tc, outage_in_a_maintenance_was_announced);
	tcase_add_test(tc, maintenance_ends_by_itself);
	tcase_add_test(tc,
	    reload_takes_up_new_domains_and_drops_those_that_are_gone);
	tcase_add_test(tc,
	    domain_that_only_a_recipient_names_is_watched_from_then_on);
	tcase_add_test(tc,
	    program_is_told_of_an_outage_and_not_of_a_maintenance);
}

int
main(void)
{
	Suite *suite = suite_create("primaries");
	TCase *tc = tcase_create("primaries");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
