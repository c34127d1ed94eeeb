/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "linktest.h"

/*
 * What a link promises, whatever it is made of: every claim is tried over the
 * pair in memory and over TLS.  a asks, b answers.
 */
enum kind { PAIR, TLS, KINDS };

static struct net net;
static struct smx_link a, b;
static struct recorder at_a, at_b;

static void
links_open(int kind)
{
	recorder_init(&at_a);
	recorder_init(&at_b);
	at_b.mta = SMX_MTA_UP;
	memset(&net, 0, sizeof(net));
	if (kind == PAIR) {
		ck_assert_int_eq(smx_link_open_pair(&a, &b), SMX_OK);
		return;
	}
	net_open(&net);
	net_link(&net, 0);
	net_link(&net, 1);
	a = net.link[0];
	b = net.link[1];
}

static void
serve(void)
{
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

START_TEST(a_shadow_arrives_as_it_was_sent)
{
	static const size_t sizes[] = { 0, 1, 4096, 65535, 65536, 65537,
		3000001 };

	links_open(_i);
	serve();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int streamed = 0; streamed < 2; streamed++) {
			struct sample s;
			size_t counter = 2 * i + (size_t)streamed;

			sample_make(&s, counter, sizes[i], streamed);
			ck_assert_int_eq(send_sample(&a, 0, &s, 10000), SMX_OK);
			ck_assert_uint_eq(at_b.seen[counter], 1);
			sample_free(&s);
		}
	ck_assert_uint_eq(at_b.damaged, 0);
	ck_assert_uint_eq(at_b.cancelled, 0);
	links_close(_i);
}
END_TEST

struct worker {
	pthread_t thread;
	uint64_t from;
	int failed;
};

static void *
send_125(void *ctx)
{
	struct worker *w = ctx;

	for (uint64_t i = 0; i < 125; i++) {
		struct sample s;

		sample_make(&s, w->from + i, (size_t)(i * i * 7 % 20000),
		    i % 3 == 0);
		w->failed += send_sample(&a, 0, &s, 20000) != SMX_OK;
		sample_free(&s);
	}
	return NULL;
}

START_TEST(a_thousand_shadows_from_eight_threads_arrive_intact)
{
	struct worker workers[8];

	links_open(_i);
	serve();
	for (size_t i = 0; i < 8; i++) {
		workers[i] = (struct worker){ .from = i * 125 };
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL,
				     send_125, &workers[i]),
		    0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(workers[i].thread, NULL);
		ck_assert_int_eq(workers[i].failed, 0);
	}
	for (size_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(at_b.seen[i], 1);
	ck_assert_uint_eq(at_b.committed, 1000);
	ck_assert_uint_eq(at_b.damaged, 0);
	links_close(_i);
}
END_TEST

static const struct {
	int said;
	int heard;
} outcomes[] = {
	{ SMX_EEXIST, SMX_OK },
	{ SMX_EGONE, SMX_EGONE },
	{ SMX_ECONFLICT, SMX_EREFUSED },
	{ SMX_EFULL, SMX_ETEMP },
	{ SMX_ECORRUPT, SMX_EREFUSED },
	{ SMX_EIO, SMX_ETEMP },
	{ SMX_EUNSURE, SMX_EUNSURE },
	{ SMX_EREFUSED, SMX_EREFUSED },
	{ SMX_ETEMP, SMX_ETEMP },
	{ SMX_ENOMEM, SMX_ETEMP },
};

/* At begin, in the middle and at commit; the connection goes on afterwards. */
START_TEST(a_refusal_is_told_as_it_is)
{
	struct sample s;

	links_open(_i);
	serve();
	sample_make(&s, 1, 100000, 0);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
		at_b.begin_result = outcomes[i].said;
		ck_assert_int_eq(send_sample(&a, 0, &s, 5000),
		    outcomes[i].heard);
		at_b.begin_result = SMX_OK;
		at_b.data_result = outcomes[i].said;
		ck_assert_int_eq(send_sample(&a, 0, &s, 5000),
		    outcomes[i].heard);
		at_b.data_result = SMX_OK;
		at_b.commit_result = outcomes[i].said;
		ck_assert_int_eq(send_sample(&a, 0, &s, 5000),
		    outcomes[i].heard);
		at_b.commit_result = SMX_OK;
	}
	ck_assert_int_eq(send_sample(&a, 0, &s, 5000), SMX_OK);
	ck_assert_uint_eq(at_b.hellos + at_b.asked, 1);
	ck_assert_uint_eq(at_b.cancelled, sizeof(outcomes) / sizeof(*outcomes));
	sample_free(&s);
	links_close(_i);
}
END_TEST

START_TEST(requests_are_answered)
{
	static struct smx_key keys[SMX_REQ_KEYS_MAX];
	static enum smx_answer answers[SMX_REQ_KEYS_MAX];
	static struct smx_listed rows[SMX_REQ_KEYS_MAX];
	struct smx_request request = { .keys = keys,
		.count = SMX_REQ_KEYS_MAX };
	struct smx_reply reply = { .answers = answers, .listed = rows };
	int64_t until = now_ms() + 10000;

	links_open(_i);
	serve();
	at_b.ours.sequence = 77;
	for (size_t i = 0; i < SMX_REQ_KEYS_MAX; i++)
		keys[i].counter = i + 1;
	request.kind = SMX_REQ_QUERY;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	for (size_t i = 0; i < SMX_REQ_KEYS_MAX; i++)
		ck_assert_int_eq((int)answers[i], (int)(i + 1) % 4);
	ck_assert_uint_eq(reply.hello.sequence, 77);
	request.kind = SMX_REQ_DISCARD;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	ck_assert_uint_eq(reply.foreign, SMX_REQ_KEYS_MAX / 2);
	ck_assert_uint_eq(at_b.first.counter, 1);
	request.kind = SMX_REQ_ABORT;
	request.count = 0;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	ck_assert_int_eq(at_b.request.kind, SMX_REQ_ABORT);
	request.kind = SMX_REQ_LIST;
	request.limit = SMX_REQ_KEYS_MAX;
	request.after.counter = 500;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	ck_assert_uint_eq(reply.count, SMX_REQ_KEYS_MAX);
	ck_assert_uint_eq(rows[0].key.counter, 501);
	ck_assert_uint_eq(rows[SMX_REQ_KEYS_MAX - 1].key.counter, 1500);
	ck_assert_str_eq(rows[7].queue_id, "4jXKs0");
	request.kind = SMX_REQ_BEAT;
	request.beat.leaving_ms = 1234;
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply, until),
	    SMX_OK);
	ck_assert_int_eq(reply.beat.mta, SMX_MTA_UP);
	ck_assert_int_eq(at_b.request.beat.leaving_ms, 1234);
	ck_assert_uint_eq(at_b.peer, 0);
	ck_assert_uint_ge(at_b.heard, 5);
	links_close(_i);
}
END_TEST

START_TEST(a_refused_request_is_told_as_it_is)
{
	links_open(_i);
	serve();
	at_b.request_result = SMX_EREFUSED;
	ck_assert_int_eq(beat(&a, 0, 5000), SMX_EREFUSED);
	at_b.request_result = SMX_EIO;
	ck_assert_int_eq(beat(&a, 0, 5000), SMX_ETEMP);
	at_b.request_result = SMX_EUNSURE;
	ck_assert_int_eq(beat(&a, 0, 5000), SMX_EUNSURE);
	at_b.request_result = SMX_OK;
	ck_assert_int_eq(beat(&a, 0, 5000), SMX_OK);
	links_close(_i);
}
END_TEST

START_TEST(more_keys_than_allowed_are_not_sent)
{
	static struct smx_key keys[SMX_REQ_KEYS_MAX + 1];
	struct smx_request request = { .kind = SMX_REQ_DISCARD,
		.keys = keys,
		.count = SMX_REQ_KEYS_MAX + 1 };
	struct smx_reply reply = { 0 };

	links_open(_i);
	serve();
	ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
			     now_ms() + 5000),
	    SMX_ELIMIT);
	links_close(_i);
}
END_TEST

START_TEST(both_sides_learn_who_the_other_is)
{
	links_open(_i);
	at_a.ours.sequence = 11;
	at_a.ours.epoch.counter = 12;
	at_b.ours.sequence = 21;
	ck_assert_int_eq(a.ops->serve(a.ctx, &at_a.table), SMX_OK);
	serve();
	for (int i = 0; i < 3; i++) {
		struct smx_request request = { .kind = SMX_REQ_BEAT };
		struct smx_reply reply = { 0 };

		ck_assert_int_eq(a.ops->request(a.ctx, 0, &request, &reply,
				     now_ms() + 5000),
		    SMX_OK);
		ck_assert_uint_eq(reply.hello.sequence, 21);
	}
	ck_assert_uint_eq(at_b.hellos, 1);
	ck_assert_uint_eq(at_b.theirs.sequence, 11);
	ck_assert_uint_eq(at_b.theirs.epoch.counter, 12);
	links_close(_i);
}
END_TEST

/* Each way, at the same time. */
START_TEST(both_sides_may_ask)
{
	struct sample s;

	links_open(_i);
	ck_assert_int_eq(a.ops->serve(a.ctx, &at_a.table), SMX_OK);
	serve();
	sample_make(&s, 1, 1000, 0);
	ck_assert_int_eq(send_sample(&a, 0, &s, 5000), SMX_OK);
	ck_assert_int_eq(send_sample(&b, 0, &s, 5000), SMX_OK);
	ck_assert_uint_eq(at_a.committed, 1);
	ck_assert_uint_eq(at_b.committed, 1);
	sample_free(&s);
	links_close(_i);
}
END_TEST

START_TEST(who_does_not_serve_is_unreachable)
{
	struct sample s;

	links_open(_i);
	sample_make(&s, 1, 100, 0);
	ck_assert_int_eq(send_sample(&a, 0, &s, 300), SMX_EUNREACHABLE);
	ck_assert_int_eq(beat(&a, 0, 300), SMX_EUNREACHABLE);
	serve();
	ck_assert_int_eq(send_sample(&a, 0, &s, 5000), SMX_OK);
	b.ops->stop(b.ctx);
	sleep_ms(150); /* past the point where a kept connection is trusted */
	ck_assert_int_eq(send_sample(&a, 0, &s, 300), SMX_EUNREACHABLE);
	sample_free(&s);
	links_close(_i);
}
END_TEST

START_TEST(a_passed_deadline_sends_nothing)
{
	struct sample s;

	links_open(_i);
	serve();
	sample_make(&s, 1, 100, 0);
	ck_assert_int_eq(send_sample(&a, 0, &s, -1), SMX_EUNREACHABLE);
	ck_assert_int_eq(beat(&a, 0, -1), SMX_EUNREACHABLE);
	ck_assert_uint_eq(at_b.begun, 0);
	sample_free(&s);
	links_close(_i);
}
END_TEST

static void *
send_slow(void *ctx)
{
	struct worker *w = ctx;
	struct sample s;

	sample_make(&s, 1, 100, 0);
	w->failed = send_sample(&a, 0, &s, 5000);
	sample_free(&s);
	return NULL;
}

START_TEST(stop_waits_for_the_answer_that_runs)
{
	struct worker w = { .failed = 1 };

	links_open(_i);
	serve();
	at_b.commit_ms = 300;
	ck_assert_int_eq(pthread_create(&w.thread, NULL, send_slow, &w), 0);
	while (at_b.inside == 0 || at_b.begun == 0)
		sleep_ms(1);
	b.ops->stop(b.ctx);
	ck_assert_uint_eq(at_b.inside, 0);
	ck_assert_uint_eq(at_b.committed, 1);
	pthread_join(w.thread, NULL);
	/* What was committed was also said. */
	ck_assert_int_eq(w.failed, SMX_OK);
	links_close(_i);
}
END_TEST

START_TEST(one_wait_drives_many_calls)
{
	struct sample s[20];
	struct smx_call *calls[20];
	int64_t until = now_ms() + 10000;
	size_t left = 20, which;

	links_open(_i);
	serve();
	for (size_t i = 0; i < 20; i++) {
		sample_make(&s[i], i, i * 20000, i % 2 == 0);
		ck_assert_int_eq(a.ops->shadow(a.ctx, 0, &s[i].shadow, until,
				     &calls[i]),
		    SMX_OK);
	}
	while (left != 0) {
		ck_assert_int_eq(a.ops->wait(a.ctx, calls, left, until, &which),
		    SMX_OK);
		ck_assert_int_eq(a.ops->finish(a.ctx, &calls[which], NULL, 0),
		    SMX_OK);
		calls[which] = calls[--left];
	}
	ck_assert_uint_eq(at_b.committed, 20);
	ck_assert_uint_eq(at_b.damaged, 0);
	for (size_t i = 0; i < 20; i++)
		sample_free(&s[i]);
	links_close(_i);
}
END_TEST

/* Nobody is there to be shown one. */
START_TEST(a_host_of_its_own_needs_no_key)
{
	const struct smx_link_peer peer = { .name = "b",
		.address = "192.0.2.1:8825" };
	struct smx_link_options options = { .node = "a", .listen_fd = -1 };
	char why[256];

	recorder_init(&at_a);
	ck_assert_int_eq(smx_link_open_tls(&a, &options, why, sizeof(why)),
	    SMX_OK);
	ck_assert_int_eq(a.ops->serve(a.ctx, &at_a.table), SMX_OK);
	a.ops->stop(a.ctx);
	smx_link_close(&a);
	options.listen = "127.0.0.1:0";
	ck_assert_int_eq(smx_link_open_tls(&a, &options, why, sizeof(why)),
	    SMX_EINVAL);
	options.listen = "";
	options.peers = &peer;
	options.peer_count = 1;
	ck_assert_int_eq(smx_link_open_tls(&a, &options, why, sizeof(why)),
	    SMX_EINVAL);
	options.peer_count = 0;
	options.key_file = "/nowhere/key";
	ck_assert_int_ne(smx_link_open_tls(&a, &options, why, sizeof(why)),
	    SMX_OK);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("promises");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_shadow_arrives_as_it_was_sent, 0, KINDS);
	tcase_add_loop_test(tc,
	    a_thousand_shadows_from_eight_threads_arrive_intact, 0, KINDS);
	tcase_add_loop_test(tc, a_refusal_is_told_as_it_is, 0, KINDS);
	tcase_add_loop_test(tc, requests_are_answered, 0, KINDS);
	tcase_add_loop_test(tc, a_refused_request_is_told_as_it_is, 0, KINDS);
	tcase_add_loop_test(tc, more_keys_than_allowed_are_not_sent, 0, KINDS);
	tcase_add_loop_test(tc, both_sides_learn_who_the_other_is, 0, KINDS);
	tcase_add_test(tc, a_host_of_its_own_needs_no_key);
	tcase_add_loop_test(tc, both_sides_may_ask, 0, KINDS);
	tcase_add_loop_test(tc, who_does_not_serve_is_unreachable, 0, KINDS);
	tcase_add_loop_test(tc, a_passed_deadline_sends_nothing, 0, KINDS);
	tcase_add_loop_test(tc, stop_waits_for_the_answer_that_runs, 0, KINDS);
	tcase_add_loop_test(tc, one_wait_drives_many_calls, 0, KINDS);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
