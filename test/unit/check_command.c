/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

#include "base/buf.h"
#include "conf_text_of.h"

/*
 * An operator's commands at a whole engine: two hosts joined in memory, mx1 as
 * the primary and mx2 as its holder.
 */
#define WAIT_MS 10000

struct host {
	struct smx_store store;
	struct smx_link link;
	struct smx_engine *engine;
};

static struct host mx1, mx2;
static struct buf said; /* the lines of the last command, '\n' after each */
static char why[512];
static struct buf logged;

static int
add_line(void *ctx, const char *json, size_t len)
{
	buf_add(ctx, json, len);
	return buf_str(ctx, "\n");
}

static int
ask(struct host *host, const char *command)
{
	buf_clear(&said);
	buf_str(&said, "");
	return smx_engine_command(host->engine, command, add_line, &said, why,
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

static int
submit_later(void *ctx, const struct smx_submission *submission,
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

static const struct smx_submit_ops submit_ops = { .submit = submit_later,
	.close = submit_close };
static struct smx_submit submit = { NULL, &submit_ops };

static void
engine_begin_host(struct host *host, const char *name, const char *peer)
{
	struct smx_engine_ports ports = { .store = &host->store,
		.link = &host->link,
		.submit = &submit };
	struct smx_config *config;
	char text[1024];

	snprintf(text, sizeof(text),
	    "node = \"%s\";\n"
	    "peers = { heartbeat = \"1s\"; takeover_after = \"1h\";\n"
	    "  members = ( { name = \"%s\"; address = \"192.0.2.2:8825\";"
	    " pin = \"" PIN_A "\"; } ); };\n"
	    "takeover = { retry = \"1h\"; };\n" ACCEPT,
	    name, peer);
	config = config_good(text);
	ck_assert_int_eq(smx_engine_new(&host->engine, config, &ports), SMX_OK);
	ck_assert_int_eq(smx_engine_start(host->engine), SMX_OK);
	smx_config_release(&config);
}

/* Each has heard the other and would be asked for a copy. */
static void
wait_up(struct host *host)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		ck_assert_int_eq(ask(host, "peer list"), SMX_OK);
		if (says("\"state\":\"up\""))
			return;
		usleep(10000);
	}
	ck_abort_msg("never up: %s", said.data);
}

static void
prepare(void)
{
	const struct smx_store_options options = { .body_file_bytes = 1000000 };

	buf_init(&said, 0);
	buf_init(&logged, 0);
	ck_assert_int_eq(smx_store_open_memory(&mx1.store, &options), SMX_OK);
	ck_assert_int_eq(smx_store_open_memory(&mx2.store, &options), SMX_OK);
	ck_assert_int_eq(smx_link_open_pair(&mx1.link, &mx2.link), SMX_OK);
	engine_begin_host(&mx2, "mx2.example.org", "mx1.example.org");
	engine_begin_host(&mx1, "mx1.example.org", "mx2.example.org");
	wait_up(&mx1);
	wait_up(&mx2);
}

static void
finish(void)
{
	smx_engine_free(&mx1.engine);
	smx_engine_free(&mx2.engine);
	smx_link_close(&mx1.link);
	smx_link_close(&mx2.link);
	smx_store_close(&mx1.store);
	smx_store_close(&mx2.store);
	buf_free(&said);
	buf_free(&logged);
}

static enum smx_earned
send_message(const char *queue_id)
{
	const struct smx_session_client client = { .name = "c",
		.address = "192.0.2.7",
		.daemon = "" };
	struct smx_verdict verdict;
	struct smx_session *s = NULL;

	ck_assert_int_eq(smx_session_new(&s, mx1.engine, &client), SMX_OK);
	ck_assert_int_eq(smx_session_mail(s, "<a@x.org>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(s, "<b@y.org>", NULL, 0), SMX_OK);
	(void)smx_session_queue_id(s, queue_id);
	ck_assert_int_eq(smx_session_header(s, "Subject", " x"), SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(s), SMX_OK);
	ck_assert_int_eq(smx_session_body(s, "x\r\n", 3), SMX_OK);
	ck_assert_int_eq(smx_session_end(s, NULL, NULL, &verdict), SMX_OK);
	ck_assert_int_eq(verdict.accept, 1);
	smx_session_free(&s);
	return verdict.earned;
}

static void
send_many(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char id[32];

		snprintf(id, sizeof(id), "4jXKs0Qw%04zuz1b", i);
		ck_assert_int_eq(send_message(id), SMX_EARNED_SHADOWED);
	}
}

/* The first key of what was said. */
static const char *
first_key(char out[SMX_KEY_TEXT])
{
	const char *at = strstr(said.data, "\"key\":\"");

	ck_assert_ptr_nonnull(at);
	snprintf(out, SMX_KEY_TEXT, "%s", at + 7);
	return out;
}

/* ---- lists ---- */

START_TEST(own_messages_are_listed_over_many_pages)
{
	send_many(250);
	ck_assert_int_eq(ask(&mx1, "queue list own"), SMX_OK);
	ck_assert_uint_eq(lines(), 250);
	for (size_t i = 0; i < 250; i++) {
		char id[64];

		snprintf(id, sizeof(id), "\"4jXKs0Qw%04zuz1b\"", i);
		ck_assert_msg(says(id), "%s is missing", id);
	}
}
END_TEST

START_TEST(list_stops_when_the_reader_is_gone)
{
	send_many(3);
	buf_init(&logged, 10); /* the first line does not fit */
	ck_assert_int_eq(smx_engine_command(mx1.engine, "queue list own",
			     add_line, &logged, why, sizeof(why)),
	    SMX_ECLOSED);
}
END_TEST

START_TEST(both_sides_show_one_message_by_queue_id)
{
	send_many(2);
	ck_assert_int_eq(ask(&mx1, "queue show 4jXKs0Qw0001z1b"), SMX_OK);
	ck_assert(says("\"role\":\"primary\""));
	ck_assert(says("\"holders\":[\"mx2.example.org\"]"));
	ck_assert_int_eq(ask(&mx2, "queue show 4jXKs0Qw0001z1b"), SMX_OK);
	ck_assert(says("\"role\":\"holder\""));
	ck_assert(says("\"address\":\"<b@y.org>\""));
}
END_TEST

START_TEST(an_id_of_two_messages_is_refused_with_both)
{
	ck_assert_int_eq(send_message("SAME"), SMX_EARNED_SHADOWED);
	ck_assert_int_eq(send_message("SAME"), SMX_EARNED_SHADOWED);
	ck_assert_int_eq(ask(&mx2, "queue show SAME"), SMX_ECONFLICT);
	ck_assert_uint_eq(lines(), 2);
	ck_assert(says("\"candidate\":true"));
	ck_assert_int_eq(ask(&mx2, "queue forget --yes SAME"), SMX_ECONFLICT);
	ck_assert_int_eq(ask(&mx2, "queue list shadow"), SMX_OK);
	ck_assert_uint_eq(lines(), 2);
}
END_TEST

/* ---- orders ---- */

START_TEST(a_shadow_of_a_living_primary_is_not_touched_unasked)
{
	char command[128], key[SMX_KEY_TEXT];

	send_many(1);
	ck_assert_int_eq(ask(&mx2, "queue list"), SMX_OK);
	first_key(key);
	snprintf(command, sizeof(command), "queue resubmit %s", key);
	ck_assert_int_eq(ask(&mx2, command), SMX_ESTATE);
	ck_assert(says("delivered twice"));
	snprintf(command, sizeof(command), "queue forget %s", key);
	ck_assert_int_eq(ask(&mx2, command), SMX_ESTATE);
	snprintf(command, sizeof(command), "queue show %s", key);
	ck_assert_int_eq(ask(&mx2, command), SMX_OK);
	ck_assert(says("\"state\":\"shadow\""));
	snprintf(command, sizeof(command), "queue resubmit --yes %s", key);
	ck_assert_int_eq(ask(&mx2, command), SMX_OK);
	snprintf(command, sizeof(command), "queue show %s", key);
	ck_assert_int_eq(ask(&mx2, command), SMX_OK);
	ck_assert(says("\"state\":\"claimed\""));
}
END_TEST

static void
wait_shown(struct host *host, const char *id, const char *text)
{
	char command[128];

	snprintf(command, sizeof(command), "queue show %s", id);
	for (int i = 0; i < WAIT_MS / 10; i++) {
		ck_assert_int_eq(ask(host, command), SMX_OK);
		if (says(text))
			return;
		usleep(10000);
	}
	ck_abort_msg("never %s: %s", text, said.data);
}

START_TEST(waiting_one_is_tried_at_once)
{
	static const char id[] = "4jXKs0Qw0000z1b";

	send_many(1);
	ck_assert_int_eq(ask(&mx2, "queue resubmit --yes 4jXKs0Qw0000z1b"),
	    SMX_OK);
	/* The MTA says not now, and the next attempt is in an hour. */
	wait_shown(&mx2, id, "\"attempts\":1");
	wait_shown(&mx2, id, "\"trying\":false");
	ck_assert(!says("\"next_try_in_ms\":0"));
	ck_assert_int_eq(ask(&mx2, "queue release 4jXKs0Qw0000z1b"), SMX_OK);
	wait_shown(&mx2, id, "\"attempts\":2");
}
END_TEST

START_TEST(forgetting_a_shadow_says_what_the_primary_does)
{
	send_many(1);
	ck_assert_int_eq(ask(&mx2, "queue forget --yes 4jXKs0Qw0000z1b"),
	    SMX_OK);
	ck_assert(says("its primary is up and delivers it"));
	ck_assert(says("\"outcome\":\"ok\""));
}
END_TEST

START_TEST(an_order_on_a_state_that_has_changed_does_nothing)
{
	char command[160], key[SMX_KEY_TEXT];

	send_many(1);
	ck_assert_int_eq(ask(&mx2, "queue list"), SMX_OK);
	first_key(key);
	snprintf(command, sizeof(command), "queue forget --yes %s/quarantined",
	    key);
	ck_assert_int_eq(ask(&mx2, command), SMX_ESTATE);
	ck_assert(says("moved on"));
	snprintf(command, sizeof(command), "queue forget --yes %s/shadow", key);
	ck_assert_int_eq(ask(&mx2, command), SMX_OK);
}
END_TEST

START_TEST(own_messages_are_left_to_their_mta)
{
	send_many(1);
	ck_assert_int_eq(ask(&mx1, "queue forget --yes 4jXKs0Qw0000z1b"),
	    SMX_EPERM);
	ck_assert(says("postsuper"));
	ck_assert_int_eq(ask(&mx1, "queue list own"), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
}
END_TEST

START_TEST(one_wrong_item_stops_all_before_the_first)
{
	send_many(1);
	ck_assert_int_eq(ask(&mx2, "queue forget --yes 4jXKs0Qw0000z1b no-id"),
	    SMX_EINVAL);
	ck_assert_uint_eq(lines(), 0);
	ck_assert_int_eq(ask(&mx2, "queue list"), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
}
END_TEST

START_TEST(several_outcomes_are_told_one_by_one)
{
	send_many(1);
	ck_assert_int_eq(ask(&mx2,
			     "queue forget --yes 4jXKs0Qw0000z1b NOWHERE"),
	    SMX_OK);
	ck_assert_uint_eq(lines(), 2);
	ck_assert(says("\"outcome\":\"notfound\""));
	ck_assert(says("\"outcome\":\"ok\""));
}
END_TEST

static const struct {
	const char *command;
	int result;
} wrong[] = { { "", SMX_EINVAL }, { "  ", SMX_EINVAL },
	{ "nonsense", SMX_EINVAL }, { "queue", SMX_EINVAL },
	{ "queue forget", SMX_EINVAL }, { "queue forget --yes", SMX_EINVAL },
	{ "queue show", SMX_EINVAL }, { "queue show a b", SMX_EINVAL },
	{ "queue show a/shadow", SMX_EINVAL },
	{ "queue show ../../etc", SMX_EINVAL },
	{ "queue show NOWHERE", SMX_ENOTFOUND },
	{ "queue list nowhere", SMX_EINVAL }, { "peer drain", SMX_EINVAL },
	{ "peer drain nobody", SMX_EINVAL }, { "peer undrain", SMX_EINVAL },
	{ "drain mx2.example.org", SMX_EINVAL }, { "takeover", SMX_EINVAL },
	{ "leave soon", SMX_EINVAL }, { "leave 1 2", SMX_EINVAL },
	{ "leave 86400001", SMX_EINVAL }, { "leave -1", SMX_EINVAL },
	{ "takeover nobody", SMX_ENOTFOUND } };

START_TEST(wrong_commands_are_refused_with_a_sentence)
{
	ck_assert_int_eq(ask(&mx1, wrong[_i].command), wrong[_i].result);
	ck_assert_str_ne(why, "");
	ck_assert_uint_eq(lines(), 0);
}
END_TEST

START_TEST(commands_have_a_ceiling)
{
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, "queue release");
	for (int i = 0; i < 100; i++)
		buf_str(&b, " A");
	ck_assert_int_eq(ask(&mx1, b.data), SMX_ELIMIT);
	for (int i = 0; i < 5000; i++)
		buf_str(&b, "A");
	ck_assert_int_eq(ask(&mx1, b.data), SMX_ELIMIT);
	buf_free(&b);
}
END_TEST

/* ---- draining ---- */

START_TEST(the_last_holder_is_drained_on_request_only)
{
	ck_assert_int_eq(ask(&mx1, "peer drain mx2.example.org"), SMX_ESTATE);
	ck_assert_int_eq(send_message("A"), SMX_EARNED_SHADOWED);
	ck_assert_int_eq(ask(&mx1, "peer drain --yes mx2.example.org"), SMX_OK);
	ck_assert_int_eq(send_message("B"), SMX_EARNED_UNPROTECTED);
	ck_assert_int_eq(ask(&mx1, "status"), SMX_OK);
	ck_assert(says("\"peer_drained\""));
	ck_assert(says("\"sole\":1"));
	ck_assert_int_eq(ask(&mx1, "peer undrain mx2.example.org"), SMX_OK);
	ck_assert_int_eq(send_message("C"), SMX_EARNED_SHADOWED);
}
END_TEST

START_TEST(drained_members_stay_so_over_a_restart)
{
	ck_assert_int_eq(ask(&mx1, "peer drain --yes mx2.example.org"), SMX_OK);
	smx_engine_free(&mx1.engine);
	engine_begin_host(&mx1, "mx1.example.org", "mx2.example.org");
	wait_up(&mx1);
	ck_assert(says("\"drained\":true"));
	ck_assert_int_eq(send_message("A"), SMX_EARNED_UNPROTECTED);
}
END_TEST

START_TEST(a_draining_holder_takes_nothing_new)
{
	ck_assert_int_eq(send_message("A"), SMX_EARNED_SHADOWED);
	ck_assert_int_eq(ask(&mx2, "drain"), SMX_OK);
	ck_assert_int_eq(send_message("B"), SMX_EARNED_UNPROTECTED);
	ck_assert_int_eq(ask(&mx2, "queue list"), SMX_OK);
	ck_assert_uint_eq(lines(), 1);
	ck_assert_int_eq(ask(&mx2, "status"), SMX_OK);
	ck_assert(says("\"draining\":true"));
	smx_engine_free(&mx2.engine);
	engine_begin_host(&mx2, "mx2.example.org", "mx1.example.org");
	wait_up(&mx2);
	ck_assert_int_eq(ask(&mx2, "status"), SMX_OK);
	ck_assert(says("\"draining\":true"));
	ck_assert_int_eq(ask(&mx2, "undrain"), SMX_OK);
	usleep(600000); /* mx1 asks again after its pause */
	wait_up(&mx1);
	ck_assert_int_eq(send_message("C"), SMX_EARNED_SHADOWED);
}
END_TEST

/* ---- leaving ---- */

static int
sees(struct host *host, const char *words)
{
	ck_assert_int_eq(ask(host, "peer list"), SMX_OK);
	return says(words);
}

START_TEST(all_members_know_who_leaves)
{
	ck_assert_int_eq(ask(&mx1, "leave 60000"), SMX_OK);
	ck_assert(says("{\"name\":\"mx2.example.org\",\"result\":\"ok\"}"));
	ck_assert(sees(&mx2, "\"state\":\"leaving\""));
	ck_assert_int_eq(ask(&mx1, "status"), SMX_OK);
	ck_assert(says("\"leaving\"]"));
	ck_assert_int_eq(ask(&mx1, "leave 0"), SMX_OK);
	ck_assert(!sees(&mx2, "\"state\":\"leaving\""));
}
END_TEST

START_TEST(who_leaves_is_remembered_over_a_restart)
{
	ck_assert_int_eq(ask(&mx1, "leave 60000"), SMX_OK);
	smx_engine_free(&mx1.engine);
	smx_engine_free(&mx2.engine);
	engine_begin_host(&mx2, "mx2.example.org", "mx1.example.org");
	ck_assert(sees(&mx2, "\"state\":\"leaving\""));
	/* Nor does it forget that itself, but by an orderly stop. */
	engine_begin_host(&mx1, "mx1.example.org", "mx2.example.org");
	ck_assert_int_eq(ask(&mx1, "status"), SMX_OK);
	ck_assert(!says("\"leaving_ms\":0"));
	smx_engine_stop(mx1.engine, 1000, 0);
	smx_engine_free(&mx1.engine);
	engine_begin_host(&mx1, "mx1.example.org", "mx2.example.org");
	ck_assert_int_eq(ask(&mx1, "status"), SMX_OK);
	ck_assert(says("\"leaving_ms\":0"));
	wait_up(&mx2);
	ck_assert(!sees(&mx2, "\"state\":\"leaving\""));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("command");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, prepare, finish);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, own_messages_are_listed_over_many_pages);
	tcase_add_test(tc, list_stops_when_the_reader_is_gone);
	tcase_add_test(tc, both_sides_show_one_message_by_queue_id);
	tcase_add_test(tc, an_id_of_two_messages_is_refused_with_both);
	tcase_add_test(tc, a_shadow_of_a_living_primary_is_not_touched_unasked);
	tcase_add_test(tc, waiting_one_is_tried_at_once);
	tcase_add_test(tc, forgetting_a_shadow_says_what_the_primary_does);
	tcase_add_test(tc, an_order_on_a_state_that_has_changed_does_nothing);
	tcase_add_test(tc, own_messages_are_left_to_their_mta);
	tcase_add_test(tc, one_wrong_item_stops_all_before_the_first);
	tcase_add_test(tc, several_outcomes_are_told_one_by_one);
	tcase_add_loop_test(tc, wrong_commands_are_refused_with_a_sentence, 0,
	    sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(tc, commands_have_a_ceiling);
	tcase_add_test(tc, the_last_holder_is_drained_on_request_only);
	tcase_add_test(tc, drained_members_stay_so_over_a_restart);
	tcase_add_test(tc, a_draining_holder_takes_nothing_new);
	tcase_add_test(tc, all_members_know_who_leaves);
	tcase_add_test(tc, who_leaves_is_remembered_over_a_restart);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
