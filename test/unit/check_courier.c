/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/shadowmx.h>

#include "base/buf.h"
#include "conf_text_of.h"
#include "glue/node.h"
#include "glue/session.h"
#include "hop_server.h"

/*
 * What an operator sees of next hops, and tells: one engine that delivers to a
 * real one while its client waits.
 */
#define NODE "mx1.example.org"

static struct smx_store store;
static struct smx_link link_here, link_there;
static struct smx_engine *engine;
static struct hop_server server;
static int serves;
static struct buf said; /* the lines of the last command, '\n' after each */
static char why[512];
static char name[NEXTHOP_TEXT];
static struct smx_verdict verdict;

static int
add_line(void *ctx, const char *json, size_t len)
{
	buf_add(ctx, json, len);
	return buf_str(ctx, "\n");
}

static int
ask(const char *command, const char *word)
{
	char text[512];

	buf_clear(&said);
	buf_str(&said, "");
	why[0] = '\0';
	snprintf(text, sizeof(text), "%s%s%s", command,
	    word[0] == '\0' ? "" : " ", word);
	return smx_engine_command(engine, text, add_line, &said, why,
	    sizeof(why));
}

static size_t
lines(void)
{
	size_t n = 0;

	for (const char *p = said.data; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

static int
says(const char *text)
{
	return strstr(said.data, text) != NULL;
}

#define SAYS(text) ck_assert_msg(says(text), "%s: %s", text, said.data)

/* The number behind the first "key": */
static long long
number(const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(said.data, quoted);
	ck_assert_msg(at != NULL, "no %s: %s", key, said.data);
	return strtoll(at + strlen(quoted), NULL, 10);
}

/* ---- an engine and a next hop ---- */

static int
submit_never(void *ctx, const struct smx_submission *submission,
    struct smx_submit_result *result)
{
	(void)ctx, (void)submission, (void)result;
	return SMX_ETEMP;
}

static void
submit_close(void *ctx)
{
	(void)ctx;
}

static const struct smx_submit_ops submit_ops = { .submit = submit_never,
	.close = submit_close };
static struct smx_submit submit = { NULL, &submit_ops };

static void
host_begin(const char *next_hop)
{
	struct smx_engine_ports ports = { .store = &store,
		.link = &link_here,
		.submit = &submit };
	struct smx_config *config;
	char text[2048];

	snprintf(text, sizeof(text),
	    "node = \"" NODE "\";\n"
	    "peers = { heartbeat = \"1s\"; takeover_after = \"1h\";\n"
	    "  members = ( { name = \"mx2.example.org\";"
	    " address = \"192.0.2.2:8825\"; pin = \"" PIN_A "\"; } ); };\n"
	    "delivery = { backoff = \"100s\"; step = \"10s\"; };\n" ACCEPT
	    "policies = ( { name = \"d\"; acknowledge = {"
	    " when = ( \"delivered\" ); max_delay = \"20s\";"
	    " next_hop = \"%s\"; }; } );\n",
	    next_hop);
	config = config_good(text);
	ck_assert_int_eq(smx_engine_new(&engine, config, &ports), SMX_OK);
	ck_assert_int_eq(smx_engine_start(engine), SMX_OK);
	smx_config_release(&config);
}

static void
prepare(void)
{
	const struct smx_store_options options = { .body_file_bytes = 1000000 };

	buf_init(&said, 0);
	memset(&server, 0, sizeof(server));
	server.offers = "PIPELINING\n8BITMIME";
	ck_assert_int_eq(smx_store_open_memory(&store, &options), SMX_OK);
	ck_assert_int_eq(smx_link_open_pair(&link_here, &link_there), SMX_OK);
}

static void
server_end(void)
{
	if (serves)
		hop_server_stop(&server);
	serves = 0;
}

static int
connections(void)
{
	int n;

	pthread_mutex_lock(&server.lock);
	n = server.connections;
	pthread_mutex_unlock(&server.lock);
	return n;
}

static void
finish(void)
{
	smx_engine_free(&engine);
	smx_link_close(&link_here);
	smx_link_close(&link_there);
	smx_store_close(&store);
	server_end();
	hop_server_free(&server);
	buf_free(&said);
}

static void
begin(const struct rule *rules, size_t count)
{
	server.rules = rules;
	server.rule_count = count;
	hop_server_start(&server);
	serves = 1;
	nexthop_format(&server.to, name);
	host_begin(name);
}

static void
message(void)
{
	const struct smx_session_client client = { .name = "c",
		.address = "192.0.2.7",
		.daemon = "" };
	struct smx_session *s = NULL;

	ck_assert_int_eq(smx_session_new(&s, engine, &client), SMX_OK);
	session_guard(s, 1);
	ck_assert_int_eq(smx_session_mail(s, "<a@x.org>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(s, "<b@y.org>", NULL, 0), SMX_OK);
	(void)smx_session_queue_id(s, "4jXKs0Qw0000z1b");
	ck_assert_int_eq(smx_session_header(s, "Subject", " x"), SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(s), SMX_OK);
	ck_assert_int_eq(smx_session_body(s, "x\r\n", 3), SMX_OK);
	ck_assert_int_eq(smx_session_end(s, NULL, NULL, &verdict), SMX_OK);
	ck_assert_int_eq(verdict.accept, 1);
	smx_session_free(&s);
}

static void
delivered(void)
{
	message();
	ck_assert_int_eq(verdict.earned, SMX_EARNED_DELIVERED);
}

static void
not_delivered(void)
{
	message();
	ck_assert_int_eq(verdict.earned, SMX_EARNED_UNPROTECTED);
}

/* ---- list ---- */

START_TEST(nobody_is_listed_before_it_was_used)
{
	begin(NULL, 0);
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	ck_assert_uint_eq(lines(), 0);
}
END_TEST

START_TEST(one_that_is_up_is_listed_with_what_it_has_done)
{
	begin(NULL, 0);
	delivered();
	delivered();
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
	SAYS(name);
	SAYS("\"state\":\"up\"");
	SAYS("\"reason\":\"\"");
	ck_assert_int_eq(number("delivered"), 2);
	ck_assert_int_eq(number("failures"), 0);
	ck_assert_int_eq(number("backoff_ms"), 0);
	ck_assert_int_eq(number("backoff_left_ms"), 0);
	ck_assert_int_eq(number("failed"), 0);
	ck_assert_int_eq(number("idle"), 1);
	ck_assert_int_ge(number("rcpt_ms"), 0);
	ck_assert_int_ge(number("data_ms"), 0);
	ck_assert_int_eq(connections(), 1);
}
END_TEST

static const struct rule closes[] = { { .on = "", .act = RULE_CLOSE } };
static const struct rule closes_twice[] = {
	{ .on = "", .act = RULE_CLOSE, .once = 2 }
};

START_TEST(one_that_is_down_is_listed_with_its_back_off_and_not_used)
{
	begin(closes, 1);
	not_delivered();
	not_delivered();
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
	SAYS("\"state\":\"down\"");
	ck_assert(!says("\"reason\":\"\""));
	ck_assert_int_eq(number("failures"), 2);
	ck_assert_int_eq(number("failed"), 2);
	ck_assert_int_eq(number("backoff_ms"), 100000);
	ck_assert_int_gt(number("backoff_left_ms"), 0);
	ck_assert_int_le(number("backoff_left_ms"), 100000);
	ck_assert_int_eq(number("idle"), 0);
	ck_assert_int_eq(number("rcpt_ms"), -1);
	not_delivered();
	ck_assert_int_eq(connections(), 2);
}
END_TEST

static const struct rule refuses[] = { { .on = ".",
    .say = "550 5.7.1 No\r\n" } };

START_TEST(one_that_refuses_is_up)
{
	const struct smx_session_client client = { .name = "c",
		.address = "192.0.2.7",
		.daemon = "" };
	struct smx_session *s = NULL;

	begin(refuses, 1);
	ck_assert_int_eq(smx_session_new(&s, engine, &client), SMX_OK);
	session_guard(s, 1);
	ck_assert_int_eq(smx_session_mail(s, "<a@x.org>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(s, "<b@y.org>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_body(s, "x\r\n", 3), SMX_OK);
	ck_assert_int_eq(smx_session_end(s, NULL, NULL, &verdict), SMX_OK);
	ck_assert_str_eq(verdict.code, "550");
	smx_session_free(&s);
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	SAYS("\"state\":\"up\"");
	ck_assert_int_eq(number("refused"), 1);
	ck_assert_int_eq(number("delivered"), 0);
	ck_assert_int_eq(number("failures"), 0);
}
END_TEST

/* ---- reset ---- */

START_TEST(reset_ends_a_back_off)
{
	begin(closes_twice, 1);
	not_delivered();
	not_delivered();
	not_delivered();
	ck_assert_int_eq(connections(), 2);
	ck_assert_int_eq(ask("nexthop reset", name), SMX_OK);
	ck_assert_int_eq(number("closed"), 0);
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	ck_assert_uint_eq(lines(), 0);
	delivered();
}
END_TEST

START_TEST(reset_closes_what_waits)
{
	begin(NULL, 0);
	delivered();
	ck_assert_int_eq(ask("nexthop reset", name), SMX_OK);
	ck_assert_int_eq(number("closed"), 1);
	delivered();
	ck_assert_int_eq(connections(), 2);
}
END_TEST

START_TEST(reset_without_a_name_is_for_all)
{
	begin(NULL, 0);
	ck_assert_int_eq(ask("nexthop reset", ""), SMX_OK);
	ck_assert_int_eq(number("closed"), 0);
	delivered();
	ck_assert_int_eq(ask("nexthop reset", ""), SMX_OK);
	ck_assert_int_eq(number("closed"), 1);
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	ck_assert_uint_eq(lines(), 0);
}
END_TEST

START_TEST(reset_of_another_leaves_this_one)
{
	begin(NULL, 0);
	delivered();
	ck_assert_int_eq(ask("nexthop reset", "smtp:[192.0.2.1]:25"),
	    SMX_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why, "192.0.2.1"));
	ck_assert_int_eq(ask("nexthop list", ""), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
	ck_assert_int_eq(number("idle"), 1);
}
END_TEST

/* ---- probe ---- */

START_TEST(probe_says_what_it_offers_and_delivers_nothing)
{
	begin(NULL, 0);
	ck_assert_int_eq(ask("nexthop probe", name), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
	SAYS("\"result\":\"ready\"");
	SAYS("PIPELINING");
	SAYS("8BITMIME");
	SAYS("\"encrypted\":false");
	SAYS("[127.0.0.1]:");
	SAYS(name);
	ck_assert_int_eq(number("code"), 250);
	ck_assert_int_ge(number("connect_ms"), 0);
	ck_assert_int_eq(hop_server_heard(&server, "RCPT TO:<postmaster"), 1);
	ck_assert_int_eq(hop_server_heard(&server, "DATA"), 0);
	server_end();
	ck_assert_int_eq(server.messages, 0);
}
END_TEST

static const struct rule knows_nobody[] = { { .on = "RCPT",
    .say = "550 5.1.1 Nobody here\r\n" } };

START_TEST(probe_tells_a_refusal_in_its_words)
{
	begin(knows_nobody, 1);
	ck_assert_int_eq(ask("nexthop probe", name), SMX_OK);
	SAYS("\"result\":\"refuses\"");
	SAYS("\"enhanced\":\"5.1.1\"");
	SAYS("Nobody here");
	ck_assert_int_eq(number("code"), 550);
}
END_TEST

/* Its operator may have mended it. */
START_TEST(probe_also_asks_one_that_is_down)
{
	begin(closes_twice, 1);
	not_delivered();
	not_delivered();
	ck_assert_int_eq(ask("nexthop probe", name), SMX_OK);
	SAYS("\"result\":\"ready\"");
	ck_assert_int_eq(connections(), 3);
}
END_TEST

START_TEST(probe_tells_that_nobody_is_there)
{
	begin(NULL, 0);
	server_end();
	ck_assert_int_eq(ask("nexthop probe", name), SMX_OK);
	SAYS("\"result\":\"unreachable\"");
	ck_assert_int_eq(number("code"), 0);
	ck_assert_int_eq(number("rcpt_ms"), -1);
	ck_assert(!says("\"text\":\"\""));
}
END_TEST

static const char *const wrong[] = { "nexthop", "nexthop show",
	"nexthop list smtp:[192.0.2.1]", "nexthop probe", "nexthop probe mta",
	"nexthop probe http://x", "nexthop probe smtp:[192.0.2.1] more",
	"nexthop reset mta", "nexthop reset 192.0.2.1",
	"nexthop reset smtp:[192.0.2.1] smtp:[192.0.2.2]" };

START_TEST(what_is_no_next_hop_is_refused_with_a_sentence)
{
	begin(NULL, 0);
	ck_assert_int_eq(ask(wrong[_i], ""), SMX_EINVAL);
	ck_assert_uint_eq(lines(), 0);
	ck_assert_uint_gt(strlen(why), 0);
}
END_TEST

/* ---- the delays of status ---- */

/* The object of the list that begins so. */
static void
bucket_is(const char *below, const char *rest)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"below_ms\":%s,%s}", below, rest);
	SAYS(text);
}

static const struct {
	int64_t ms;
	const char *below;
} edges[] = { { 0, "10" }, { 9, "10" }, { 10, "100" }, { 99, "100" },
	{ 100, "1000" }, { 999, "1000" }, { 1000, "5000" }, { 4999, "5000" },
	{ 5000, "10000" }, { 9999, "10000" }, { 10000, "30000" },
	{ 29999, "30000" }, { 30000, "-1" }, { INT64_MAX, "-1" } };

START_TEST(each_delay_is_counted_in_its_place)
{
	begin(NULL, 0);
	node_acknowledged(engine, SMX_EARNED_DELIVERED, edges[_i].ms);
	ck_assert_int_eq(ask("status", ""), SMX_OK);
	bucket_is(edges[_i].below,
	    "\"unasked\":0,\"shadowed\":0,\"short\":0,\"unprotected\":0,"
	    "\"resent\":0,\"delivered\":1");
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++)
		if (strcmp(edges[i].below, edges[_i].below) != 0)
			bucket_is(edges[i].below,
			    "\"unasked\":0,\"shadowed\":0,\"short\":0,"
			    "\"unprotected\":0,\"resent\":0,\"delivered\":0");
}
END_TEST

START_TEST(delays_are_counted_by_what_earned_them)
{
	static const enum smx_earned earned[] = { SMX_EARNED_UNASKED,
		SMX_EARNED_SHADOWED, SMX_EARNED_SHORT, SMX_EARNED_UNPROTECTED,
		SMX_EARNED_RESENT, SMX_EARNED_DELIVERED };

	begin(NULL, 0);
	for (size_t i = 0; i < sizeof(earned) / sizeof(*earned); i++)
		for (size_t n = 0; n <= i; n++)
			node_acknowledged(engine, earned[i], 1);
	ck_assert_int_eq(ask("status", ""), SMX_OK);
	bucket_is("10",
	    "\"unasked\":1,\"shadowed\":2,\"short\":3,\"unprotected\":4,"
	    "\"resent\":5,\"delivered\":6");
}
END_TEST

START_TEST(messages_are_in_the_histogram_once_each)
{
	long long all[2] = { 0, 0 };

	begin(NULL, 0);
	delivered();
	delivered();
	server_end();
	ck_assert_int_eq(ask("nexthop reset", ""), SMX_OK);
	not_delivered();
	ck_assert_int_eq(ask("status", ""), SMX_OK);
	for (const char *at = said.data;
	     (at = strstr(at, "\"below_ms\":")) != NULL; at++) {
		const char *d = strstr(at, "\"delivered\":");
		const char *u = strstr(at, "\"unprotected\":");

		ck_assert(d != NULL && u != NULL);
		all[0] += strtoll(d + strlen("\"delivered\":"), NULL, 10);
		all[1] += strtoll(u + strlen("\"unprotected\":"), NULL, 10);
	}
	ck_assert_int_eq(all[0], 2);
	ck_assert_int_eq(all[1], 1);
}
END_TEST

static TCase *
commands(void)
{
	TCase *tc = tcase_create("commands");

	tcase_add_checked_fixture(tc, prepare, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nobody_is_listed_before_it_was_used);
	tcase_add_test(tc, one_that_is_up_is_listed_with_what_it_has_done);
	tcase_add_test(tc,
	    one_that_is_down_is_listed_with_its_back_off_and_not_used);
	tcase_add_test(tc, one_that_refuses_is_up);
	tcase_add_test(tc, reset_ends_a_back_off);
	tcase_add_test(tc, reset_closes_what_waits);
	tcase_add_test(tc, reset_without_a_name_is_for_all);
	tcase_add_test(tc, reset_of_another_leaves_this_one);
	tcase_add_test(tc, probe_says_what_it_offers_and_delivers_nothing);
	tcase_add_test(tc, probe_tells_a_refusal_in_its_words);
	tcase_add_test(tc, probe_also_asks_one_that_is_down);
	tcase_add_test(tc, probe_tells_that_nobody_is_there);
	tcase_add_loop_test(tc, what_is_no_next_hop_is_refused_with_a_sentence,
	    0, sizeof(wrong) / sizeof(*wrong));
	return tc;
}

static TCase *
delays(void)
{
	TCase *tc = tcase_create("delays");

	tcase_add_checked_fixture(tc, prepare, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, each_delay_is_counted_in_its_place, 0,
	    sizeof(edges) / sizeof(*edges));
	tcase_add_test(tc, delays_are_counted_by_what_earned_them);
	tcase_add_test(tc, messages_are_in_the_histogram_once_each);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("courier");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, commands());
	suite_add_tcase(suite, delays());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
