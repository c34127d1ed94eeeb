/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "linktest.h"
#include "rogue.h"

/*
 * What hosts say of copies that they have: AMEND, ASK, CLAIM, SEEN, over the
 * pair in memory and over TLS.  a asks, b answers.
 */
enum kind { PAIR, TLS, KINDS };

static struct net net;
static struct smx_link a, b;
static struct recorder at_b;

static void
links_open(int kind)
{
	recorder_init(&at_b);
	memset(&net, 0, sizeof(net));
	if (kind == PAIR) {
		ck_assert_int_eq(smx_link_open_pair(&a, &b), SMX_OK);
	} else {
		net_open(&net);
		net_link(&net, 0);
		net_link(&net, 1);
		a = net.link[0];
		b = net.link[1];
	}
	ck_assert_int_eq(b.ops->serve(b.ctx, &at_b.table), SMX_OK);
}

static void
links_close(int kind)
{
	if (kind == PAIR) {
		smx_link_close(&a);
		smx_link_close(&b);
	} else {
		net_close(&net);
	}
}

#define NOW "MAIL <>\r\nRCPT <a@b>\r\nRCPT <c@d>\r\n"

START_TEST(amendments_arrive_as_they_were_sent)
{
	const struct smx_amendment list[] = {
		{ .key.counter = 1, .version = 3, .held = -1 },
		{ .key.counter = 2,
		    .version = 4,
		    .holders = "mx2.example.org mx+3",
		    .envelope = NOW,
		    .envelope_len = strlen(NOW),
		    .recipients = 2,
		    .held = 1 },
		{ .key.counter = 1, .version = 5, .holders = "", .held = 0 },
	};
	struct smx_request request = { .kind = SMX_REQ_AMEND,
		.amendments = list,
		.count = 3 };
	struct smx_reply reply = { 0 };

	links_open(_i);
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_OK);
	ck_assert_uint_eq(reply.foreign, 1);
	ck_assert_str_eq(at_b.amended, "1 3 as before -1 0 \n"
				       "2 4 mx2.example.org mx+3 1 2 " NOW "\n"
				       "1 5  0 0 \n");
	at_b.request_result = SMX_EFULL;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_ETEMP);
	links_close(_i);
}
END_TEST

START_TEST(a_return_is_answered)
{
	const struct smx_amendment list[] = {
		{ .key.counter = 7,
		    .envelope = NOW,
		    .envelope_len = strlen(NOW),
		    .recipients = 2,
		    .held = 1 },
		{ .key.counter = 8,
		    .envelope = NOW,
		    .envelope_len = strlen(NOW),
		    .recipients = 2 },
	};
	enum smx_answer answers[2] = { 0 };
	struct smx_request request = { .kind = SMX_REQ_RETURN,
		.amendments = list,
		.count = 2 };
	struct smx_reply reply = { .answers = answers };

	links_open(_i);
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_OK);
	ck_assert_int_eq(answers[0], SMX_ANSWER_TAKEN);
	ck_assert_int_eq(answers[1], SMX_ANSWER_SHADOW);
	ck_assert_str_eq(at_b.amended, "7 0 as before 1 2 " NOW "\n"
				       "8 0 as before 0 2 " NOW "\n");
	at_b.request_result = SMX_EIO;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_ETEMP);
	links_close(_i);
}
END_TEST

START_TEST(a_bad_amendment_does_not_arrive)
{
	static const char not_text[] = "MAIL <>\r\nNOOP\r\n";
	struct smx_amendment bad = { .version = 1,
		.envelope = not_text,
		.envelope_len = sizeof(not_text) - 1,
		.recipients = 1 };
	struct smx_request request = { .kind = SMX_REQ_AMEND,
		.amendments = &bad,
		.count = 1 };
	struct smx_reply reply = { 0 };

	links_open(_i);
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_EREFUSED);
	ck_assert_str_eq(at_b.amended, "");
	bad.version = 0;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_EINVAL);
	request.count = SMX_AMEND_MAX + 1;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_ELIMIT);
	ck_assert_int_eq(beat(&a, 0, 5000), SMX_OK);
	links_close(_i);
}
END_TEST

START_TEST(questions_about_copies_are_answered)
{
	static struct smx_key keys[SMX_REQ_KEYS_MAX];
	static enum smx_answer answers[SMX_REQ_KEYS_MAX];
	struct smx_request request = { .keys = keys,
		.count = SMX_REQ_KEYS_MAX,
		.node = "mx7.example.org" };
	struct smx_reply reply = { .answers = answers };
	int64_t until = now_ms() + 10000;

	links_open(_i);
	for (size_t i = 0; i < SMX_REQ_KEYS_MAX; i++)
		keys[i].counter = i;
	for (int kind = SMX_REQ_ASK; kind <= SMX_REQ_CLAIM; kind++) {
		request.kind = (enum smx_request_kind)kind;
		memset(answers, 0, sizeof(answers));
		at_b.node[0] = '\0';
		ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
				     until),
		    SMX_OK);
		for (size_t i = 0; i < SMX_REQ_KEYS_MAX; i++)
			ck_assert_int_eq((int)answers[i],
			    SMX_ANSWER_NONE + (int)(i % 6));
		ck_assert_str_eq(at_b.node, "mx7.example.org");
		ck_assert_int_eq(at_b.request.kind, (int)request.kind);
	}
	request = (struct smx_request){ .kind = SMX_REQ_SEEN, .node = "mx1" };
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	ck_assert_int_eq(reply.ago_ms, 4711);
	ck_assert_str_eq(at_b.node, "mx1");
	request.node = "mx9";
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	ck_assert_int_eq(reply.ago_ms, -1);
	links_close(_i);
}
END_TEST

START_TEST(what_a_primary_says_arrives)
{
	static const char *const domains[] = { "example.org", "example.net" };
	const struct smx_push_entry entries[] = { { "a+b", 0 }, { "c", 1 } };
	const struct smx_push push = { .domain = "example.org",
		.entries = entries };
	struct smx_request request = { .domains = domains,
		.push = &push,
		.count = 2 };
	struct smx_reply reply = { 0 };

	links_open(_i);
	for (int kind = SMX_REQ_DRAIN; kind <= SMX_REQ_PUSH; kind++) {
		request.kind = (enum smx_request_kind)kind;
		request.count = kind == SMX_REQ_LISTED ? 0 : 2;
		ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
				     now_ms() + 5000),
		    SMX_OK);
		ck_assert_int_eq(at_b.request.kind, kind);
		ck_assert_uint_eq(reply.foreign, request.count / 2);
		ck_assert_uint_eq(reply.next, 0);
	}
	at_b.request_result = SMX_EFULL;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_ETEMP);
	links_close(_i);
}
END_TEST

START_TEST(a_set_that_cannot_be_said_is_not_sent)
{
	struct smx_call *call = NULL;
	struct sample s;

	links_open(TLS);
	sample_make(&s, 1, 10, 0);
	s.shadow.holders = "mx1,mx2";
	ck_assert_int_eq(a.ops->shadow(a.ctx, 0, &s.shadow, now_ms() + 5000,
			     &call),
	    SMX_EINVAL);
	s.shadow.holders = "mx1 mx1";
	ck_assert_int_eq(a.ops->shadow(a.ctx, 0, &s.shadow, now_ms() + 5000,
			     &call),
	    SMX_EINVAL);
	ck_assert_uint_eq(at_b.begun, 0);
	sample_free(&s);
	links_close(TLS);
}
END_TEST

/* ---- a host of an older version ---- */

#define ZEROES "00000000000000000000000000000000"

#define EHLO_REPLY(version)                                                    \
	"250 mx1 VERSION=" version " INCARNATION=" ZEROES " EPOCH=" ZEROES     \
	".1 SEQUENCE=1 CONTENT=1000000 ENVELOPE=100000\r\n"

struct older {
	int listening;
	struct rogue_setup setup;
	unsigned minor;
	char said[256]; /* the first line after its EHLO */
};

static void *
older_host(void *ctx)
{
	struct older *o = ctx;
	struct rogue r;
	char line[4096];

	if (rogue_answer(&r, o->listening, &o->setup) != 0)
		return NULL;
	rogue_say(&r, "220 mx1 shadowmx 1.0\r\n");
	if (rogue_line(&r, line, sizeof(line)) == 0) {
		rogue_say(&r,
		    o->minor == 0 ? EHLO_REPLY("1.0") : EHLO_REPLY("1.1"));
		if (rogue_line(&r, line, sizeof(line)) == 0)
			snprintf(o->said, sizeof(o->said), "%.200s", line);
		rogue_say(&r, "250 MTA=up LEAVING=0\r\n");
		(void)rogue_line(&r, line, sizeof(line));
	}
	rogue_close(&r);
	return NULL;
}

/* What follows a verb that it does not know it would take for commands. */
START_TEST(an_older_host_hears_nothing_that_it_does_not_know)
{
	struct smx_key key = { 0 };
	enum smx_answer answer;
	const struct smx_amendment one = { .version = 1,
		.envelope = NOW,
		.envelope_len = strlen(NOW),
		.recipients = 2 };
	const char *domain = "example.org";
	const struct smx_push_entry entry = { "a", 0 };
	const struct smx_push push = { .domain = domain, .entries = &entry };
	struct smx_request request = { .amendments = &one,
		.keys = &key,
		.count = 1,
		.domains = &domain,
		.push = &push,
		.node = "mx3" };
	struct smx_reply reply = { .answers = &answer };
	struct older older = { .setup = { .alpn = WIRE_ALPN },
		.minor = (unsigned)_i };
	int64_t until = now_ms() + 10000;
	pthread_t thread;

	net_open(&net);
	net_link(&net, 0);
	older.listening = net.fd[1];
	older.setup.key_file = net.key_file[1];
	ck_assert_int_eq(pthread_create(&thread, NULL, older_host, &older), 0);
	for (int kind = _i == 0   ? SMX_REQ_AMEND
			: _i == 1 ? SMX_REQ_RETURN
				  : SMX_REQ_DRAIN;
	     kind <= SMX_REQ_PUSH; kind++) {
		request.kind = (enum smx_request_kind)kind;
		ck_assert_int_eq(net.link[0].ops->request(net.link[0].ctx, 0,
				     &request, &reply, until),
		    SMX_EREFUSED);
	}
	ck_assert_int_eq(beat(&net.link[0], 0, 5000), SMX_OK);
	smx_link_close(&net.link[0]);
	pthread_join(thread, NULL);
	ck_assert_msg(strncmp(older.said, "BEAT ", 5) == 0, "%s", older.said);
	net_close(&net);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("link_verbs");
	TCase *tc = tcase_create("verbs");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, amendments_arrive_as_they_were_sent, 0, KINDS);
	tcase_add_loop_test(tc, a_return_is_answered, 0, KINDS);
	tcase_add_loop_test(tc, a_bad_amendment_does_not_arrive, 0, KINDS);
	tcase_add_loop_test(tc, questions_about_copies_are_answered, 0, KINDS);
	tcase_add_loop_test(tc, what_a_primary_says_arrives, 0, KINDS);
	tcase_add_test(tc, a_set_that_cannot_be_said_is_not_sent);
	tcase_add_loop_test(tc,
	    an_older_host_hears_nothing_that_it_does_not_know, 0, 4);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
