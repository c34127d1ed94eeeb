/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "hop_server.h"
#include "io/hop_cache.h"

#define SOON 20000 /* ms: a loaded machine gets there */

static const char text[] = "Subject: x\r\n\r\n.dot\r\nline\r\n";
static const char received[] = "Received: by here; now\r\n";

static struct hops *hops;
static struct smx_envelope *envelope;
static struct hop_server server;
static struct smx_content content = { .size = sizeof(text) - 1, .bytes = text };
static const struct hop_body body = { .content = &content,
	.received = received };

static struct hops_options options = { .helo = "here.example.org",
	.tls = HOP_TLS_NONE,
	.tls_ca = "",
	.connect_ms = SOON,
	.step_ms = SOON,
	.idle_ms = 60000,
	.idle_max = 2 };

static void
hops_open(void)
{
	char why[256];

	ck_assert_int_eq(hops_new(&hops, &options, why, sizeof(why)), SMX_OK);
}

static void
setup(void)
{
	hops_open();
	ck_assert_int_eq(smx_envelope_new(&envelope, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<a@example.org>", NULL,
			     0),
	    SMX_OK);
	memset(&server, 0, sizeof(server));
	server.offers = "PIPELINING\nCHUNKING\n8BITMIME";
}

static void
teardown(void)
{
	hops_free(&hops);
	smx_envelope_free(&envelope);
	hop_server_free(&server);
}

static void
rcpt(struct hop *hop, const char *address)
{
	size_t n = smx_envelope_recipients(envelope);

	ck_assert_int_eq(smx_envelope_rcpt(envelope, address, NULL, 0), SMX_OK);
	ck_assert_int_eq(hop_rcpt(hop, n), SMX_OK);
}

static struct hop *
begin(void)
{
	struct hop *hop;

	ck_assert_int_eq(hop_begin(&hop, hops, &server.to, envelope), SMX_OK);
	return hop;
}

static int
run(struct hop *hop)
{
	return hop_run(&hop, 1, clock_mono_ms() + SOON, NULL, NULL);
}

static void
must_be(const struct hop_answer *answer, enum hop_class class, int code)
{
	ck_assert_ptr_nonnull(answer);
	ck_assert_msg(answer->class == class && answer->code == code,
	    "class %d, code %d, %s", (int)answer->class, answer->code,
	    answer->text);
}

/* Everything a friendly server needs. */
static void
deliver(void)
{
	struct hop *hop = begin();

	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_rcpt_answer(hop, 0), HOP_YES, 250);
	ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	hop_end(&hop);
}

static void
body_must_be_ours(void)
{
	ck_assert_uint_eq(server.body_len,
	    sizeof(text) - 1 + sizeof(received) - 1);
	ck_assert_mem_eq(server.body, received, sizeof(received) - 1);
	ck_assert_mem_eq(server.body + sizeof(received) - 1, text,
	    sizeof(text) - 1);
}

START_TEST(a_message_gets_there)
{
	static const char *const offers[] = { NULL, "PIPELINING", "CHUNKING",
		"PIPELINING\nCHUNKING\nSIZE 1000\n8BITMIME\nDSN" };

	server.offers = offers[_i % 4];
	server.unix_socket = _i / 4 == 1;
	server.lmtp = _i / 4 >= 1;
	server.six = _i / 4 == 3;
	hop_server_start(&server);
	deliver();
	hop_server_stop(&server);
	body_must_be_ours();
	ck_assert_int_eq(server.messages, 1);
	ck_assert_int_eq(hop_server_heard(&server, "BDAT"), _i % 4 >= 2);
}
END_TEST

/* Where each stage of a conversation may go wrong. */
static const struct {
	const char *on;
	const char *offers;
} stages[] = {
	{ "", "" },
	{ "EHLO", "" },
	{ "MAIL", "" },
	{ "RCPT", "" },
	{ "DATA", "" },
	{ ".", "" },
	{ "MAIL", "PIPELINING" },
	{ "RCPT", "PIPELINING" },
	{ "!", "PIPELINING\nCHUNKING" },
};
#define STAGES (sizeof(stages) / sizeof(*stages))

static int
stage_is_final(size_t i)
{
	return strcmp(stages[i].on, ".") == 0 || strcmp(stages[i].on, "!") == 0;
}

/* One recipient and content, as far as they get; the last word. */
static struct hop_answer
attempt(int64_t ms)
{
	struct hop *hop = begin();
	struct hop_answer how = { .class = 0 };
	int64_t until = clock_mono_ms() + ms;
	int rc;

	rcpt(hop, "<one@example.org>");
	rc = hop_run(&hop, 1, until, NULL, NULL);
	if (rc == SMX_OK && hop_rcpt_answer(hop, 0)->class == HOP_YES) {
		ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
		rc = hop_run(&hop, 1, until, NULL, NULL);
	}
	if (rc == SMX_OK) {
		ck_assert_ptr_nonnull(hop_final_answer(hop, 0));
		how = *hop_final_answer(hop, 0);
	} else {
		ck_assert_int_eq(rc, SMX_ETIMEOUT);
		how.class = hop_is_committed(hop) ? HOP_UNSURE : 0;
	}
	hop_end(&hop);
	return how;
}

START_TEST(who_closes_has_taken_nothing_before_the_dot)
{
	struct rule rule = { .on = stages[_i].on, .act = RULE_CLOSE };
	struct hop_answer how;

	server.rules = &rule;
	server.rule_count = 1;
	server.offers = stages[_i].offers;
	hop_server_start(&server);
	how = attempt(SOON);
	hop_server_stop(&server);
	must_be(&how, stage_is_final((size_t)_i) ? HOP_UNSURE : HOP_UNREACHABLE,
	    0);
	ck_assert_int_eq(server.messages, stage_is_final((size_t)_i));
}
END_TEST

START_TEST(what_is_no_reply_is_none)
{
	static const struct rule rules[] = {
		{ .say = "hello\r\n" },
		{ .say = "25\r\n" },
		{ .say = "999 what\r\n" },
		{ .say = "250-one\r\n251 two\r\n" },
		{ .say = "250 \xff\xfe\x01\r\nx\r\n" },
		{ .act = RULE_FLOOD },
		{ .act = RULE_LONG },
		{ .act = RULE_BIG },
		{ .say = "399 odd\r\n" },
		{ .say = "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n" },
	};
	size_t which = (size_t)_i / STAGES, stage = (size_t)_i % STAGES;
	struct rule rule = rules[which];
	struct hop_answer how;

	rule.on = stages[stage].on;
	server.rules = &rule;
	server.rule_count = 1;
	server.offers = stages[stage].offers;
	hop_server_start(&server);
	how = attempt(SOON);
	hop_server_stop(&server);
	if (stage_is_final(stage))
		ck_assert_int_eq(how.class,
		    rule.say != NULL && strncmp(rule.say, "250", 3) == 0 &&
			    rule.say[3] == ' '
			? HOP_YES
			: HOP_UNSURE);
	else
		ck_assert_msg(how.class == HOP_UNREACHABLE,
		    "class %d: %s, stage %zu, rule %zu", (int)how.class,
		    how.text, stage, which);
}
END_TEST

START_TEST(a_no_is_told_in_its_own_words)
{
	static const struct rule rules[] = {
		{ .say = "550-5.7.1 no,\r\n550 5.7.1 not for you\r\n" },
		{ .say = "451 4.3.0 not now\r\n" },
	};
	size_t stage = (size_t)_i % STAGES;
	struct rule rule = rules[(size_t)_i / STAGES];
	struct hop_answer how;
	int permanent = rule.say[0] == '5';

	if (stage < 2)
		return; /* the greeting, and EHLO */
	rule.on = stages[stage].on;
	server.rules = &rule;
	server.rule_count = 1;
	server.offers = stages[stage].offers;
	hop_server_start(&server);
	how = attempt(SOON);
	hop_server_stop(&server);
	must_be(&how, permanent ? HOP_NO : HOP_TEMP, permanent ? 550 : 451);
	ck_assert_str_eq(how.enhanced, permanent ? "5.7.1" : "4.3.0");
	ck_assert_str_eq(how.text, permanent ? "not for you" : "not now");
}
END_TEST

START_TEST(goodbye_at_any_time)
{
	struct rule rule = { .on = stages[_i].on,
		.say = "421 4.3.2 going\r\n",
		.act = RULE_CLOSE };
	struct hop_answer how;

	server.rules = &rule;
	server.rule_count = 1;
	server.offers = stages[_i].offers;
	hop_server_start(&server);
	how = attempt(SOON);
	hop_server_stop(&server);
	must_be(&how, stage_is_final((size_t)_i) ? HOP_TEMP : HOP_UNREACHABLE,
	    421);
}
END_TEST

/* The caller's deadline ends the wait wherever it is; nothing was taken unless
 * the content was whole. */
static int
messages(void)
{
	int n;

	pthread_mutex_lock(&server.lock);
	n = server.messages;
	pthread_mutex_unlock(&server.lock);
	return n;
}

/* Until it has had its chance, on a machine with other things to do. */
static int
message_comes(void)
{
	for (int i = 0; i < SOON / 10 && messages() == 0; i++)
		usleep(10000);
	return messages();
}

/* The caller's deadline ends the wait wherever it is; nothing was taken before
 * the content was whole. */
START_TEST(a_stall_ends_with_the_deadline)
{
	struct rule rule = { .on = stages[_i].on, .act = RULE_STALL };
	int64_t from = clock_mono_ms();
	struct hop_answer how;

	server.rules = &rule;
	server.rule_count = 1;
	server.offers = stages[_i].offers;
	hop_server_start(&server);
	how = attempt(stage_is_final((size_t)_i) ? 2000 : 300);
	ck_assert_int_lt(clock_mono_ms() - from, SOON);
	if (how.class == HOP_UNSURE)
		ck_assert_int_eq(message_comes(), 1);
	hop_server_stop(&server);
	ck_assert_int_eq(how.class,
	    stage_is_final((size_t)_i) ? HOP_UNSURE : 0);
	ck_assert_int_eq(server.messages, stage_is_final((size_t)_i));
}
END_TEST

/* Too short for anything at times: but then nothing was taken either. */
START_TEST(a_step_has_its_own_deadline)
{
	struct rule rule = { .on = stages[_i].on, .act = RULE_STALL };
	struct hop_answer how;

	hops_free(&hops);
	options.step_ms = 100;
	hops_open();
	options.step_ms = SOON;
	server.rules = &rule;
	server.rule_count = 1;
	server.offers = stages[_i].offers;
	hop_server_start(&server);
	how = attempt(SOON);
	hop_server_stop(&server);
	if (how.class != HOP_UNSURE) {
		must_be(&how, HOP_UNREACHABLE, 0);
		ck_assert_int_eq(server.messages, 0);
	} else {
		ck_assert_int_eq(stage_is_final((size_t)_i), 1);
	}
}
END_TEST

START_TEST(connections_are_used_again)
{
	hop_server_start(&server);
	for (int i = 0; i < 5; i++)
		deliver();
	ck_assert_uint_eq(hops_idle(hops, &server.to), 1);
	ck_assert_uint_eq(hops_reset(hops, &server.to), 1);
	ck_assert_uint_eq(hops_idle(hops, NULL), 0);
	deliver();
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 2);
	ck_assert_int_eq(server.messages, 6);
	ck_assert_int_eq(hop_server_heard(&server, "RSET"), 0);
}
END_TEST

START_TEST(what_was_given_up_is_reset_first)
{
	struct hop *hop;

	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<gone@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	hop_end(&hop);
	smx_envelope_reset(envelope);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<b@example.org>", NULL,
			     0),
	    SMX_OK);
	deliver();
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 1);
	ck_assert_ptr_nonnull(strstr(server.commands,
	    "RCPT TO:<gone@example.org>\nRSET\nMAIL FROM:<b@example.org>"));
}
END_TEST

/* A kept connection that dies, whatever the way, is no failure. */
START_TEST(a_kept_connection_that_died_is_replaced)
{
	static const struct rule rules[] = {
		{ .on = "MAIL FROM:<a@example.org>",
		    .act = RULE_CLOSE,
		    .connection = 1 },
		{ .on = "MAIL FROM:<a@example.org>",
		    .say = "421 4.4.2 idle\r\n",
		    .act = RULE_CLOSE,
		    .connection = 1 },
		{ .on = "!", .say = "250 ok\r\n", .act = RULE_CLOSE },
		{ .on = "!",
		    .say = "250 ok\r\n421 4.4.2 bye\r\n",
		    .act = RULE_CLOSE },
		{ .on = "RSET", .say = "500 what\r\n" },
		{ .on = "RSET", .act = RULE_CLOSE },
	};
	struct hop *hop;

	server.rules = &rules[_i];
	server.rule_count = 1;
	hop_server_start(&server);
	smx_envelope_reset(envelope);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<b@example.org>", NULL,
			     0),
	    SMX_OK);
	if (_i >= 4) {
		hop = begin();
		rcpt(hop, "<gone@example.org>");
		ck_assert_int_eq(run(hop), SMX_OK);
		hop_end(&hop);
	} else {
		deliver();
	}
	smx_envelope_reset(envelope);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<a@example.org>", NULL,
			     0),
	    SMX_OK);
	deliver();
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 2);
	ck_assert_int_eq(server.messages, _i >= 4 ? 1 : 2);
}
END_TEST

/* Between RCPT and the content the other side has hung up. */
START_TEST(a_connection_lost_meanwhile_is_made_anew)
{
	static const struct rule rules[] = {
		{ .on = "RCPT TO:<two@",
		    .say = "250 2.1.5 Ok\r\n",
		    .act = RULE_CLOSE,
		    .connection = 1 },
		{ .on = "RCPT TO:<two@",
		    .say = "250 2.1.5 Ok\r\n421 bye\r\n",
		    .act = RULE_CLOSE,
		    .connection = 1 },
		{ .on = "DATA",
		    .say = "421 bye\r\n",
		    .act = RULE_CLOSE,
		    .connection = 1 },
		{ .on = "DATA", .act = RULE_CLOSE, .connection = 1 },
	};
	struct hop *hop;

	server.rules = &rules[_i];
	server.rule_count = 1;
	server.offers = _i % 2 ? "PIPELINING" : "";
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	rcpt(hop, "<none@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	rcpt(hop, "<two@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_rcpt_answer(hop, 0), HOP_YES, 250);
	must_be(hop_rcpt_answer(hop, 1), HOP_NO, 550);
	if (_i != 1)
		must_be(hop_rcpt_answer(hop, 2), HOP_YES, 250);
	usleep(20000); /* so that the other side's end is here; else it is
			* found out a step later */
	ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	must_be(hop_final_answer(hop, 1), HOP_NO, 550);
	if (_i != 1)
		must_be(hop_final_answer(hop, 2), HOP_YES, 250);
	hop_end(&hop);
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 2);
	ck_assert_int_eq(server.messages, 1);
	ck_assert_int_eq(hop_server_heard(&server, "RCPT TO:<none@"), 1);
}
END_TEST

/* It hung up while the client took its time between two recipients. */
START_TEST(a_connection_lost_between_recipients_is_made_anew)
{
	static const struct rule rules[] = {
		{ .on = "RCPT TO:<one@",
		    .say = "250 2.1.5 Ok\r\n",
		    .act = RULE_CLOSE,
		    .connection = 1 },
		{ .on = "RCPT TO:<two@",
		    .say = "421 4.4.2 idle\r\n",
		    .act = RULE_CLOSE,
		    .connection = 1 },
	};
	struct hop *hop;

	server.rules = &rules[_i];
	server.rule_count = 1;
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	rcpt(hop, "<two@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_rcpt_answer(hop, 1), HOP_YES, 250);
	ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	must_be(hop_final_answer(hop, 1), HOP_YES, 250);
	hop_end(&hop);
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 2);
	ck_assert_int_eq(server.messages, 1);
}
END_TEST

START_TEST(who_is_not_wanted_does_not_get_it)
{
	static const unsigned char wanted[] = { 1, 0, 1 };
	struct hop_body some = body;
	struct hop *hop;

	some.wanted = wanted;
	server.offers = _i ? "PIPELINING\nCHUNKING" : "";
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	rcpt(hop, "<two@example.org>");
	rcpt(hop, "<three@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	ck_assert_int_eq(hop_content(hop, &some), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	ck_assert_ptr_null(hop_final_answer(hop, 1));
	must_be(hop_final_answer(hop, 2), HOP_YES, 250);
	hop_end(&hop);
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 1);
	ck_assert_ptr_nonnull(strstr(server.commands,
	    "RSET\nMAIL FROM:<a@example.org>\nRCPT TO:<one@example.org>\n"
	    "RCPT TO:<three@example.org>\n"));
	ck_assert_int_eq(hop_server_heard(&server, "RCPT TO:<two@"), 1);
}
END_TEST

/* Each LMTP recipient has a last word of its own. */
START_TEST(lmtp_answers_for_each)
{
	static const struct rule rules[] = {
		{ .on = "!",
		    .say = "250 2.0.0 in\r\n452 4.2.2 full\r\n"
			   "550 5.7.1 no\r\n" },
		{ .on = "!", .say = "250 2.0.0 in\r\n", .act = RULE_CLOSE },
	};
	struct hop *hop;

	server.lmtp = 1;
	server.rules = &rules[_i];
	server.rule_count = 1;
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	rcpt(hop, "<none@example.org>");
	rcpt(hop, "<two@example.org>");
	rcpt(hop, "<three@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	must_be(hop_final_answer(hop, 1), HOP_NO, 550);
	must_be(hop_final_answer(hop, 2), _i ? HOP_UNSURE : HOP_TEMP,
	    _i ? 0 : 452);
	must_be(hop_final_answer(hop, 3), _i ? HOP_UNSURE : HOP_NO,
	    _i ? 0 : 550);
	hop_end(&hop);
	hop_server_stop(&server);
}
END_TEST

/* It offers what it cannot do. */
START_TEST(who_offers_too_much_gets_it_in_the_old_way)
{
	static const struct rule rules[] = {
		{ .on = "BDAT",
		    .say = "500 5.5.2 what\r\n",
		    .act = RULE_STALL },
		{ .on = "BDAT", .say = "502 5.5.1 what\r\n" },
		{ .on = "RCPT",
		    .say = "503 5.5.1 MAIL first\r\n",
		    .connection = 1 },
		{ .on = "RCPT", .act = RULE_CLOSE, .connection = 1 },
	};

	server.rules = &rules[_i];
	server.rule_count = 1;
	hop_server_start(&server);
	deliver();
	deliver();
	hop_server_stop(&server);
	ck_assert_int_eq(server.connections, 2);
	ck_assert_int_eq(server.messages, 2);
	if (_i < 2)
		ck_assert_int_eq(hop_server_heard(&server, "DATA"), 2);
}
END_TEST

START_TEST(what_it_cannot_carry_it_does_not_get)
{
	static const char bytes[] = "Subject: \xc3\xa4\r\n\r\n";
	struct smx_content eight = { .size = sizeof(bytes) - 1,
		.bytes = bytes };
	struct hop_body some = { .content = &eight,
		.received = received,
		.eight = 1 };
	const char *notify = "NOTIFY=FAILURE,SUCCESS";
	struct hop *hop;

	server.offers = _i ? "SIZE 10\n8BITMIME" : "SIZE 100000";
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(smx_envelope_rcpt(envelope, "<two@example.org>",
			     &notify, 1),
	    SMX_OK);
	ck_assert_int_eq(hop_rcpt(hop, 1), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_rcpt_answer(hop, 0), HOP_YES, 250);
	must_be(hop_rcpt_answer(hop, 1), HOP_CANNOT, 0);
	ck_assert_int_eq(hop_content(hop, &some), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), _i ? HOP_NO : HOP_CANNOT,
	    _i ? 552 : 0);
	hop_end(&hop);
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 0);
	ck_assert_int_eq(hop_server_heard(&server, "RCPT TO:<two"), 0);
}
END_TEST

/* Three at a time, one of which never answers. */
START_TEST(one_that_hangs_does_not_keep_the_others)
{
	static const struct rule stall = { .on = "!", .act = RULE_STALL };
	struct hop_server others[3];
	struct hop *all[3];

	memset(others, 0, sizeof(others));
	ck_assert_int_eq(smx_envelope_rcpt(envelope, "<one@example.org>", NULL,
			     0),
	    SMX_OK);
	for (int i = 0; i < 3; i++) {
		others[i].offers = "CHUNKING";
		others[i].rules = &stall;
		others[i].rule_count = i == 1;
		hop_server_start(&others[i]);
		ck_assert_int_eq(hop_begin(&all[i], hops, &others[i].to,
				     envelope),
		    SMX_OK);
		ck_assert_int_eq(hop_rcpt(all[i], 0), SMX_OK);
	}
	ck_assert_int_eq(hop_run(all, 3, clock_mono_ms() + SOON, NULL, NULL),
	    SMX_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(hop_content(all[i], &body), SMX_OK);
	for (int i = 0; i < SOON / 200; i++) {
		ck_assert_int_eq(hop_run(all, 3, clock_mono_ms() + 200, NULL,
				     NULL),
		    SMX_ETIMEOUT);
		if (hop_final_answer(all[0], 0) != NULL &&
		    hop_final_answer(all[2], 0) != NULL &&
		    hop_is_committed(all[1]))
			break;
	}
	must_be(hop_final_answer(all[0], 0), HOP_YES, 250);
	ck_assert_ptr_null(hop_final_answer(all[1], 0));
	ck_assert_int_eq(hop_is_committed(all[1]), 1);
	must_be(hop_final_answer(all[2], 0), HOP_YES, 250);
	for (int i = 0; i < 3; i++)
		hop_end(&all[i]);
	for (int i = 0; i < 3; i++) {
		hop_server_stop(&others[i]);
		hop_server_free(&others[i]);
	}
	hop_server_start(&server);
	hop_server_stop(&server);
}
END_TEST

static int
enough(void *ctx, int64_t waited_ms)
{
	int *calls = ctx;

	(void)waited_ms;
	return ++*calls == 4;
}

START_TEST(who_waits_may_end_it)
{
	static const struct rule stall = { .on = "MAIL", .act = RULE_STALL };
	struct hop *hop;
	int calls = 0;

	server.rules = &stall;
	server.rule_count = 1;
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(hop_run(&hop, 1, clock_mono_ms() + SOON, enough,
			     &calls),
	    SMX_ECLOSED);
	ck_assert_int_eq(calls, 4);
	hop_end(&hop);
	hop_server_stop(&server);
}
END_TEST

/* Five megabytes to one that does not read: given up, nothing was taken. */
START_TEST(who_does_not_read_has_nothing)
{
	static const struct rule rules[] = {
		{ .on = "DATA", .say = "354 go\r\n", .act = RULE_CLOSE },
		{ .on = "BDAT", .act = RULE_CLOSE },
	};
	char *bytes = malloc(5 << 20);
	struct smx_content big = { .size = 5 << 20, .bytes = bytes };
	struct hop_body some = { .content = &big, .received = received };
	struct hop *hop;

	memset(bytes, 'x', 5 << 20);
	server.rules = &rules[_i];
	server.rule_count = 1;
	server.offers = _i ? "CHUNKING" : "";
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	ck_assert_int_eq(hop_content(hop, &some), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_UNREACHABLE, 0);
	hop_end(&hop);
	hop_server_stop(&server);
	free(bytes);
}
END_TEST

START_TEST(large_content_arrives_whole)
{
	size_t size = 1 << 20;
	char *bytes = malloc(size);
	struct smx_content big = { .size = size, .bytes = bytes };
	struct hop_body some = { .content = &big, .received = "" };
	struct hop *hop;

	for (size_t i = 0; i < size; i++)
		bytes[i] = "..abc defgh\r\n"[i % 13];
	bytes[size - 2] = '\r';
	bytes[size - 1] = '\n';
	server.offers = _i ? "CHUNKING" : "";
	hop_server_start(&server);
	hop = begin();
	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	ck_assert_int_eq(hop_content(hop, &some), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	hop_end(&hop);
	hop_server_stop(&server);
	/* the last CRLF may have torn one in two */
	ck_assert_uint_ge(server.body_len, size);
	ck_assert_uint_le(server.body_len, size + 2);
	ck_assert_mem_eq(server.body, bytes, size - 13);
	free(bytes);
}
END_TEST

START_TEST(nobody_there)
{
	struct nexthop to;
	struct hop_answer how;

	hop_server_start(&server);
	hop_server_stop(&server);
	to = server.to;
	how = attempt(SOON);
	must_be(&how, HOP_UNREACHABLE, 0);
	memset(&server.to, 0, sizeof(server.to));
	server.to.kind = NEXTHOP_UNIX;
	server.to.lmtp = 1;
	snprintf(server.to.path, sizeof(server.to.path), "/nowhere/socket");
	smx_envelope_reset(envelope);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<>", NULL, 0), SMX_OK);
	how = attempt(SOON);
	must_be(&how, HOP_UNREACHABLE, 0);
	server.to = to;
}
END_TEST

START_TEST(a_name_is_looked_up)
{
	hop_server_start(&server);
	snprintf(server.to.host, sizeof(server.to.host), "localhost");
	deliver();
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 1);
}
END_TEST

/* ---- several threads ---- */

#define SHARERS 4
#define ROUNDS  10

static void *
share(void *arg)
{
	struct smx_envelope *own;
	int *taken = arg;

	ck_assert_int_eq(smx_envelope_new(&own, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(own, "<a@example.org>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(own, "<one@example.org>", NULL, 0),
	    SMX_OK);
	for (int i = 0; i < ROUNDS; i++) {
		struct hop *hop;

		ck_assert_int_eq(hop_begin(&hop, hops, &server.to, own),
		    SMX_OK);
		ck_assert_int_eq(hop_rcpt(hop, 0), SMX_OK);
		ck_assert_int_eq(run(hop), SMX_OK);
		ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
		ck_assert_int_eq(run(hop), SMX_OK);
		*taken += hop_final_answer(hop, 0)->class == HOP_YES;
		hop_end(&hop);
	}
	smx_envelope_free(&own);
	return NULL;
}

START_TEST(threads_share_what_is_kept)
{
	pthread_t threads[SHARERS];
	int taken[SHARERS] = { 0 };

	hops_free(&hops);
	options.idle_max = SHARERS;
	hops_open();
	options.idle_max = 2;
	hop_server_start(&server);
	snprintf(server.to.host, sizeof(server.to.host), "localhost");
	for (int i = 0; i < SHARERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, share,
				     &taken[i]),
		    0);
	for (int i = 0; i < SHARERS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(taken[i], ROUNDS);
	}
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, SHARERS * ROUNDS);
	ck_assert_int_le(server.connections, SHARERS);
}
END_TEST

/* ---- who waits for nothing closes ---- */

START_TEST(idle_connections_end)
{
	hops_free(&hops);
	options.idle_ms = 50;
	hops_open();
	options.idle_ms = 60000;
	hop_server_start(&server);
	deliver();
	for (int i = 0; i < 1000 && hop_server_heard(&server, "QUIT") == 0; i++)
		usleep(10000);
	ck_assert_int_eq(hop_server_heard(&server, "QUIT"), 1);
	hop_server_stop(&server);
}
END_TEST

/* ---- TLS ---- */

static char tls_folder[64], chain[96], key[96], other[96], other_key[96];

static void
certificate(const char *out, const char *private, const char *names)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec",
		    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		    "-subj", "/CN=x", "-days", "2", "-addext", names, "-keyout",
		    private, "-out", out, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
tls_setup(void)
{
	snprintf(tls_folder, sizeof(tls_folder), "/tmp/smxhop.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tls_folder));
	snprintf(chain, sizeof(chain), "%s/chain", tls_folder);
	snprintf(key, sizeof(key), "%s/key", tls_folder);
	snprintf(other, sizeof(other), "%s/other", tls_folder);
	snprintf(other_key, sizeof(other_key), "%s/other.key", tls_folder);
	certificate(chain, key, "subjectAltName=IP:127.0.0.1,DNS:localhost");
	certificate(other, other_key, "subjectAltName=DNS:other.example.org");
}

static void
tls_teardown(void)
{
	unlink(chain);
	unlink(key);
	unlink(other);
	unlink(other_key);
	rmdir(tls_folder);
}

static struct hop_answer
tls_attempt(enum hop_tls level, const char *ca)
{
	struct hop_answer how;

	hops_free(&hops);
	options.tls = level;
	options.tls_ca = ca;
	hops_open();
	options.tls = HOP_TLS_NONE;
	options.tls_ca = "";
	hop_server_start(&server);
	how = attempt(SOON);
	hop_server_stop(&server);
	return how;
}

START_TEST(tls_is_used_as_it_is_asked_for)
{
	static const struct {
		enum hop_tls level;
		int offered, named, known; /* the certificate */
		int yes, encrypted;
	} cases[] = {
		{ HOP_TLS_NONE, 1, 1, 1, 1, 0 },
		{ HOP_TLS_MAY, 0, 0, 0, 1, 0 },
		{ HOP_TLS_MAY, 1, 0, 0, 1, 1 },
		{ HOP_TLS_ENCRYPT, 0, 0, 0, 0, 0 },
		{ HOP_TLS_ENCRYPT, 1, 0, 0, 1, 1 },
		{ HOP_TLS_VERIFY, 1, 1, 1, 1, 1 },
		{ HOP_TLS_VERIFY, 1, 0, 1, 0, 1 },
		{ HOP_TLS_VERIFY, 1, 1, 0, 0, 1 },
		{ HOP_TLS_VERIFY, 0, 0, 0, 0, 0 },
	};
	struct hop_answer how;

	if (cases[_i].offered) {
		server.tls_chain = cases[_i].named ? chain : other;
		server.tls_key = cases[_i].named ? key : other_key;
	}
	how = tls_attempt(cases[_i].level,
	    cases[_i].known == cases[_i].named ? chain : other);
	must_be(&how, cases[_i].yes ? HOP_YES : HOP_UNREACHABLE,
	    cases[_i].yes ? 250 : 0);
	ck_assert_int_eq(hop_server_heard(&server, "STARTTLS"),
	    cases[_i].encrypted);
	ck_assert_int_eq(server.messages, cases[_i].yes);
}
END_TEST

START_TEST(a_handshake_that_fails_is_done_without)
{
	static const struct rule rules[] = {
		{ .on = "STARTTLS", .say = "220 go\r\n", .act = RULE_CLOSE },
		{ .on = "STARTTLS", .say = "220 go\r\n" },
		{ .on = "STARTTLS", .say = "454 4.7.0 not now\r\n" },
	};
	struct hop_answer how;

	server.tls_chain = chain;
	server.tls_key = key;
	server.rules = &rules[_i % 3];
	server.rule_count = 1;
	how = tls_attempt(_i < 3 ? HOP_TLS_MAY : HOP_TLS_ENCRYPT, "");
	ck_assert_msg(how.class == (_i < 3 ? HOP_YES : HOP_UNREACHABLE), "%s",
	    how.text);
	ck_assert_int_eq(server.connections, _i < 2 ? 2 : 1);
}
END_TEST

static void
tls_open(enum hop_tls level)
{
	hops_free(&hops);
	options.tls = level;
	options.idle_ms = 0;
	hops_open();
	options.tls = HOP_TLS_NONE;
	options.idle_ms = 60000;
	options.connect_ms = SOON;
}

/* Not every message pays for it, and an operator may say that it is mended. */
START_TEST(a_handshake_that_fails_is_remembered)
{
	static const struct rule rule = { .on = "STARTTLS",
		.say = "220 go\r\n",
		.act = RULE_CLOSE };

	server.tls_chain = chain;
	server.tls_key = key;
	server.rules = &rule;
	server.rule_count = 1;
	tls_open(HOP_TLS_MAY);
	hop_server_start(&server);
	for (int i = 0; i < 3; i++)
		deliver();
	ck_assert_int_eq(hop_server_heard(&server, "STARTTLS"), 1);
	(void)hops_reset(hops, &server.to);
	deliver();
	ck_assert_int_eq(hop_server_heard(&server, "STARTTLS"), 2);
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 4);
	ck_assert_int_eq(server.connections, 6);
}
END_TEST

START_TEST(who_has_to_encrypt_never_learns_to_do_without)
{
	static const struct rule rule = { .on = "STARTTLS",
		.say = "220 go\r\n",
		.act = RULE_CLOSE };

	server.tls_chain = chain;
	server.tls_key = key;
	server.rules = &rule;
	server.rule_count = 1;
	tls_open(_i ? HOP_TLS_ENCRYPT : HOP_TLS_VERIFY);
	hop_server_start(&server);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(attempt(SOON).class, HOP_UNREACHABLE);
	ck_assert_int_eq(hop_server_heard(&server, "STARTTLS"), 3);
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 0);
}
END_TEST

START_TEST(a_handshake_that_stalls_leaves_time_to_do_without)
{
	static const struct rule rule = { .on = "STARTTLS",
		.say = "220 go\r\n",
		.act = RULE_STALL };

	server.tls_chain = chain;
	server.tls_key = key;
	server.rules = &rule;
	server.rule_count = 1;
	options.connect_ms = 500;
	tls_open(HOP_TLS_MAY);
	hop_server_start(&server);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(attempt(SOON).class, HOP_YES);
	ck_assert_int_eq(hop_server_heard(&server, "STARTTLS"), 1);
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 2);
}
END_TEST

/* A clear connection that is lost teaches nothing of TLS. */
START_TEST(one_that_is_just_broken_is_not_taken_for_one_without_tls)
{
	static const struct rule rules[] = {
		{ .on = "STARTTLS",
		    .say = "220 go\r\n",
		    .act = RULE_CLOSE,
		    .once = 1 },
		{ .on = "MAIL", .act = RULE_CLOSE, .once = 1 },
	};

	server.tls_chain = chain;
	server.tls_key = key;
	server.rules = rules;
	server.rule_count = 2;
	tls_open(HOP_TLS_MAY);
	hop_server_start(&server);
	ck_assert_int_eq(attempt(SOON).class, HOP_UNREACHABLE);
	deliver();
	ck_assert_int_eq(hop_server_heard(&server, "STARTTLS"), 2);
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 1);
}
END_TEST

#define NO_TLS HOPTALK_NO_TLS

START_TEST(doing_without_tls_has_an_end_and_a_back_off)
{
	const struct nexthop to = { .kind = NEXTHOP_HOST,
		.port = 25,
		.host = "a.example" };
	struct nexthop another = to;
	struct hop_cache *c;
	int64_t now = 1000, ms = HOP_CLEAR_MS;

	another.port = 26;
	ck_assert_int_eq(hop_cache_new(&c, 0, 0), SMX_OK);
	ck_assert_int_eq(hop_cache_learn(c, &to, HOPTALK_NO_BDAT, now), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(hop_cache_learn(c, &to, NO_TLS, now), ms);
		/* another that met it at the same time */
		ck_assert_int_eq(hop_cache_learn(c, &to, NO_TLS, now), 0);
		ck_assert_uint_eq(hop_cache_avoids(c, &to, now + ms - 1),
		    NO_TLS | HOPTALK_NO_BDAT);
		ck_assert_uint_eq(hop_cache_avoids(c, &another, now), 0);
		now += ms;
		ck_assert_uint_eq(hop_cache_avoids(c, &to, now),
		    HOPTALK_NO_BDAT);
		ms = ms * 2 < HOP_CLEAR_MAX_MS ? ms * 2 : HOP_CLEAR_MAX_MS;
	}
	hop_cache_secured(c, &to);
	ck_assert_int_eq(hop_cache_learn(c, &to, NO_TLS, now), HOP_CLEAR_MS);
	hop_cache_secured(c, &to);
	ck_assert_uint_eq(hop_cache_avoids(c, &to, now), HOPTALK_NO_BDAT);
	ck_assert_int_eq(hop_cache_learn(c, &to, NO_TLS, now), HOP_CLEAR_MS);
	(void)hop_cache_drop(c, &to);
	ck_assert_uint_eq(hop_cache_avoids(c, &to, now), 0);
	ck_assert_int_eq(hop_cache_learn(c, &to, NO_TLS, now), HOP_CLEAR_MS);
	hop_cache_free(&c);
}
END_TEST

START_TEST(what_stands_behind_starttls_is_not_read)
{
	static const struct rule rule = { .on = "STARTTLS",
		.say = "220 go\r\n250 injected\r\n",
		.act = RULE_STALL };
	struct hop_answer how;

	server.tls_chain = chain;
	server.tls_key = key;
	server.rules = &rule;
	server.rule_count = 1;
	how = tls_attempt(_i ? HOP_TLS_MAY : HOP_TLS_ENCRYPT, "");
	ck_assert_msg(how.class == HOP_UNREACHABLE, "%s", how.text);
	ck_assert_int_eq(server.messages, 0);
}
END_TEST

START_TEST(encrypted_connections_are_kept)
{
	hops_free(&hops);
	options.tls = HOP_TLS_ENCRYPT;
	hops_open();
	options.tls = HOP_TLS_NONE;
	server.tls_chain = chain;
	server.tls_key = key;
	hop_server_start(&server);
	for (int i = 0; i < 3; i++)
		deliver();
	hop_server_stop(&server);
	ck_assert_int_eq(server.messages, 3);
	ck_assert_int_eq(server.connections, 1);
	body_must_be_ours();
}
END_TEST

START_TEST(certificates_that_cannot_be_read_are_told)
{
	struct hops_options bad = options;
	struct hops *none = NULL;
	char why[256];

	bad.tls = HOP_TLS_VERIFY;
	bad.tls_ca = key;
	ck_assert_int_eq(hops_new(&none, &bad, why, sizeof(why)), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(why, key));
	ck_assert_ptr_null(none);
	hop_server_start(&server);
	hop_server_stop(&server);
}
END_TEST

static TCase *
plain_cases(void)
{
	TCase *c = tcase_create("plain");
	const int all = (int)STAGES;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, a_message_gets_there, 0, 16);
	tcase_add_loop_test(c, who_closes_has_taken_nothing_before_the_dot, 0,
	    all);
	tcase_add_loop_test(c, what_is_no_reply_is_none, 0, 10 * all);
	tcase_add_loop_test(c, a_no_is_told_in_its_own_words, 0, 2 * all);
	tcase_add_loop_test(c, goodbye_at_any_time, 0, all);
	tcase_add_loop_test(c, a_stall_ends_with_the_deadline, 0, all);
	tcase_add_loop_test(c, a_step_has_its_own_deadline, 0, all);
	tcase_add_test(c, connections_are_used_again);
	tcase_add_test(c, what_was_given_up_is_reset_first);
	tcase_add_loop_test(c, a_kept_connection_that_died_is_replaced, 0, 6);
	tcase_add_loop_test(c, a_connection_lost_meanwhile_is_made_anew, 0, 4);
	tcase_add_loop_test(c,
	    a_connection_lost_between_recipients_is_made_anew, 0, 2);
	tcase_add_loop_test(c, who_is_not_wanted_does_not_get_it, 0, 2);
	tcase_add_loop_test(c, lmtp_answers_for_each, 0, 2);
	tcase_add_loop_test(c, who_offers_too_much_gets_it_in_the_old_way, 0,
	    4);
	tcase_add_loop_test(c, what_it_cannot_carry_it_does_not_get, 0, 2);
	tcase_add_test(c, one_that_hangs_does_not_keep_the_others);
	tcase_add_test(c, who_waits_may_end_it);
	tcase_add_loop_test(c, who_does_not_read_has_nothing, 0, 2);
	tcase_add_loop_test(c, large_content_arrives_whole, 0, 2);
	tcase_add_test(c, nobody_there);
	tcase_add_test(c, a_name_is_looked_up);
	tcase_add_test(c, idle_connections_end);
	tcase_add_test(c, threads_share_what_is_kept);
	return c;
}

static TCase *
tls_cases(void)
{
	TCase *c = tcase_create("tls");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_unchecked_fixture(c, tls_setup, tls_teardown);
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, tls_is_used_as_it_is_asked_for, 0, 9);
	tcase_add_loop_test(c, a_handshake_that_fails_is_done_without, 0, 6);
	tcase_add_test(c, a_handshake_that_fails_is_remembered);
	tcase_add_loop_test(c, who_has_to_encrypt_never_learns_to_do_without, 0,
	    2);
	tcase_add_test(c, a_handshake_that_stalls_leaves_time_to_do_without);
	tcase_add_test(c,
	    one_that_is_just_broken_is_not_taken_for_one_without_tls);
	tcase_add_test(c, doing_without_tls_has_an_end_and_a_back_off);
	tcase_add_loop_test(c, what_stands_behind_starttls_is_not_read, 0, 2);
	tcase_add_test(c, encrypted_connections_are_kept);
	tcase_add_test(c, certificates_that_cannot_be_read_are_told);
	return c;
}

int
main(void)
{
	Suite *suite = suite_create("hop");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, plain_cases());
	suite_add_tcase(suite, tls_cases());
	/* what the server says to one that has gone */
	signal(SIGPIPE, SIG_IGN);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
