/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/wire.h"
#include "io/tcp.h"
#include "linktest.h"
#include "rogue.h"

/*
 * The side that asks, over TLS, when the other side does not keep to the
 * protocol, is somebody else, freezes, or comes and goes.  Host 0 asks; host 1
 * answers or is a rogue.
 */
#define EPOCH       "ffffffffffffffffffffffffffffffff.7"
#define INCARNATION "ffffffffffffffffffffffffffffffff"
#define LATE_MS     5000 /* of a machine that is busy */

static struct net net;
static struct recorder at_1;

static void
setup(void)
{
	recorder_init(&at_1);
	net_open(&net);
}

static void
teardown(void)
{
	net_close(&net);
}

static struct smx_link *
asking(void)
{
	net_link(&net, 0);
	return &net.link[0];
}

static void
answering(void)
{
	net_link(&net, 1);
	ck_assert_int_eq(net.link[1].ops->serve(net.link[1].ctx, &at_1.table),
	    SMX_OK);
}

/* ---- servers that are not what they should be ---- */

struct script {
	pthread_t thread;
	struct rogue_setup setup;
	int listening;
	int rounds; /* connections to answer, one after the other */
	void (*run)(struct rogue *r, int round);
	int refused; /* handshakes that came to nothing */
};

static void *
script_thread(void *ctx)
{
	struct script *s = ctx;

	for (int i = 0; i < s->rounds; i++) {
		struct rogue r;

		if (rogue_answer(&r, s->listening, &s->setup) != 0) {
			s->refused++;
			continue;
		}
		s->run(&r, i);
		rogue_close(&r);
	}
	return NULL;
}

static void
script_start(struct script *s, int key, int rounds,
    void (*run)(struct rogue *r, int round))
{
	memset(s, 0, sizeof(*s));
	s->setup.key_file = net.key_file[key];
	s->setup.alpn = WIRE_ALPN;
	s->listening = net.fd[1];
	s->rounds = rounds;
	s->run = run;
	ck_assert_int_eq(pthread_create(&s->thread, NULL, script_thread, s), 0);
}

static struct sample sample;

static int
welcome(struct rogue *r)
{
	char line[4096];

	return rogue_say(r, "220 mx1 shadowmx 1.0\r\n") != 0 ||
	       rogue_line(r, line, sizeof(line)) != 0 ||
	       rogue_say(r,
		   "250 mx1 VERSION=1.0 INCARNATION=" INCARNATION
		   " EPOCH=" EPOCH
		   " SEQUENCE=1 CONTENT=1073741824 ENVELOPE=2000000\r\n") != 0;
}

/* Read the sample to its last byte. */
static int
swallow(struct rogue *r)
{
	struct buf b;
	size_t len;

	buf_init(&b, 0);
	if (wire_put_shadow(&b, &sample.shadow) != SMX_OK)
		return -1;
	len = b.len;
	buf_free(&b);
	return rogue_skip(r, len + (size_t)sample.content.size);
}

static void
never_greets(struct rogue *r, int round)
{
	char line[64];

	(void)round;
	rogue_line(r, line, sizeof(line));
}

static char endless[200000];

static const char *const not_greetings[] = { "220 mx1 shadowmx 2.0\r\n",
	"220 mx1 ESMTP\r\n", "421 too many\r\n", "554 go away\r\n",
	"HTTP/1.1 400 Bad Request\r\n\r\n", "", endless,
	"220 mx1 shadowmx 1.0\r\n250 mx1\r\n",
	"220 mx1 shadowmx 1.0\r\n556 version\r\n",
	"220 mx1 shadowmx 1.0\r\n250 mx1 VERSION=1.0 INCARNATION=" INCARNATION
	" EPOCH=" EPOCH " SEQUENCE=x CONTENT=1 ENVELOPE=1\r\n" };
static const char *script_text;

static void
says(struct rogue *r, int round)
{
	char line[4096];

	(void)round;
	if (script_text[0] == '\0')
		return;
	rogue_say(r, script_text);
	while (rogue_line(r, line, sizeof(line)) == 0)
		;
}

START_TEST(a_bad_beginning_makes_unreachable)
{
	struct smx_link *link;
	struct script s;

	memset(endless, 'x', sizeof(endless) - 1);
	script_text = not_greetings[_i];
	link = asking();
	script_start(&s, 1, 1, says);
	sample_make(&sample, 1, 100, 0);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_EUNREACHABLE);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

static const struct {
	const char *text;
	int result;
} ends[] = {
	{ "", SMX_EUNSURE },
	{ "garbage\r\n", SMX_EUNSURE },
	{ "250 stored\n", SMX_EUNSURE },
	{ "25", SMX_EUNSURE },
	{ "299 what\r\n", SMX_EUNSURE },
	{ "220 mx1 shadowmx 1.0\r\n", SMX_EUNSURE },
	{ "221 bye\r\n", SMX_EUNSURE },
	{ "250-a\r\n251 b\r\n", SMX_EUNSURE },
	{ endless, SMX_EUNSURE },
	{ "250-and more\r\n250 stored\r\n", SMX_OK },
	{ "251 held\r\n", SMX_OK },
	{ "453 unsure\r\n", SMX_EUNSURE },
	{ "452 full\r\n", SMX_ETEMP },
	{ "553 gone\r\n", SMX_EGONE },
	{ "554 conflict\r\n", SMX_EREFUSED },
};

static void
swallows_and_says(struct rogue *r, int round)
{
	if (welcome(r) == 0 && swallow(r) == 0)
		says(r, round);
}

START_TEST(a_server_with_another_key_gets_nothing)
{
	struct smx_link *link = asking();
	struct script s;

	/* It would take everything, were it given anything. */
	script_text = "250 stored\r\n";
	sample_make(&sample, 1, 100, 0);
	/* 2 is a peer of ours as well, but not the one that we dialled. */
	script_start(&s, _i == 0 ? 2 : 0, 1, swallows_and_says);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_EUNREACHABLE);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

START_TEST(a_server_with_another_protocol_gets_nothing)
{
	struct smx_link *link = asking();
	struct script s;

	/* It would take everything, were it given anything. */
	script_text = "250 stored\r\n";
	sample_make(&sample, 1, 100, 0);

	script_start(&s, 1, 0, swallows_and_says);
	pthread_join(s.thread, NULL);
	s.setup.alpn = _i == 0 ? "http/1.1" : _i == 1 ? NULL : WIRE_ALPN;
	s.setup.old_version = _i == 2;
	s.rounds = 1;
	ck_assert_int_eq(pthread_create(&s.thread, NULL, script_thread, &s), 0);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_EUNREACHABLE);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

START_TEST(the_end_of_a_shadow_is_what_was_said)
{
	struct smx_link *link;
	struct script s;

	memset(endless, '2', sizeof(endless) - 1);
	script_text = ends[_i].text;
	sample_make(&sample, 1, 5000, 0);
	link = asking();
	script_start(&s, 1, 1, swallows_and_says);
	ck_assert_int_eq(send_sample(link, 0, &sample, 1000), ends[_i].result);
	smx_link_close(link);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

static void
many_lines(struct rogue *r, int round)
{
	(void)round;
	if (welcome(r) != 0 || swallow(r) != 0)
		return;
	for (int i = 0; i < 100000; i++)
		if (rogue_say(r, "250-more\r\n") != 0)
			return;
}

START_TEST(an_endless_reply_is_cut_off)
{
	struct smx_link *link;
	struct script s;
	int64_t began = now_ms();

	sample_make(&sample, 1, 100, 0);
	link = asking();
	script_start(&s, 1, 1, many_lines);
	ck_assert_int_eq(send_sample(link, 0, &sample, 20000), SMX_EUNSURE);
	ck_assert_int_lt(now_ms() - began, 15000);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

/* Whoever says nothing more is waited for until the deadline, no longer. */
static int
frozen(void (*run)(struct rogue *r, int round), size_t size)
{
	struct smx_link *link;
	struct script s;
	int64_t began, took;
	int result;

	sample_make(&sample, 1, size, 1);
	link = asking();
	script_start(&s, 1, 1, run);
	began = now_ms();
	result = send_sample(link, 0, &sample, 500);
	took = now_ms() - began;
	ck_assert_int_ge(took, 499);
	ck_assert_int_le(took, 500 + LATE_MS);
	smx_link_close(link);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
	return result;
}

static void
swallows_and_freezes(struct rogue *r, int round)
{
	char line[64];

	(void)round;
	if (welcome(r) == 0 && swallow(r) == 0)
		rogue_line(r, line, sizeof(line));
}

static void
welcomes_and_freezes(struct rogue *r, int round)
{
	(void)round;
	if (welcome(r) == 0)
		sleep_ms(900);
}

static void
welcomes_and_closes(struct rogue *r, int round)
{
	(void)round;
	if (welcome(r) == 0)
		rogue_skip(r, 1000);
}

START_TEST(a_peer_that_froze_after_the_last_byte_makes_unsure)
{
	ck_assert_int_eq(frozen(swallows_and_freezes, 5000), SMX_EUNSURE);
}
END_TEST

START_TEST(a_peer_that_froze_before_the_last_byte_does_not_have_it)
{
	ck_assert_int_eq(frozen(welcomes_and_freezes, 30000000),
	    SMX_EUNREACHABLE);
}
END_TEST

START_TEST(a_peer_that_froze_at_the_door_does_not_have_it)
{
	ck_assert_int_eq(frozen(never_greets, 5000), SMX_EUNREACHABLE);
}
END_TEST

START_TEST(a_connection_lost_in_the_middle_does_not_have_it)
{
	struct smx_link *link;
	struct script s;

	sample_make(&sample, 1, 30000000, 0);
	link = asking();
	script_start(&s, 1, 1, welcomes_and_closes);
	ck_assert_int_eq(send_sample(link, 0, &sample, 5000), SMX_EUNREACHABLE);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

static void
freezes_then_stores(struct rogue *r, int round)
{
	if (round == 0)
		swallows_and_freezes(r, round);
	else
		swallows_and_says(r, round);
}

START_TEST(a_connection_that_timed_out_is_not_used_again)
{
	struct smx_link *link;
	struct script s;

	script_text = "250 stored\r\n";
	sample_make(&sample, 1, 100, 0);
	link = asking();
	script_start(&s, 1, 2, freezes_then_stores);
	ck_assert_int_eq(send_sample(link, 0, &sample, 300), SMX_EUNSURE);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	smx_link_close(link);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST

static void
stores_then_lies(struct rogue *r, int round)
{
	(void)round;
	if (welcome(r) != 0 || swallow(r) != 0)
		return;
	rogue_say(r, "250 stored\r\n250 stored again\r\n");
	sleep_ms(300);
}

/* An answer nobody asked for must not be taken for the next one's. */
START_TEST(an_answer_too_many_ends_the_connection)
{
	struct smx_link *link;
	struct script s;

	sample_make(&sample, 1, 100, 0);
	link = asking();
	script_start(&s, 1, 2, stores_then_lies);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	smx_link_close(link);
	pthread_join(s.thread, NULL);
	sample_free(&sample);
}
END_TEST
/* ---- our own side ---- */

/* A pool of 1 is two connections, of which requests have one to themselves. */
START_TEST(a_call_in_excess_waits_until_its_deadline)
{
	struct smx_call *calls[2] = { NULL, NULL };
	struct smx_link *link;
	int64_t began;
	size_t which;

	net.options.pool = 1;
	at_1.commit_ms = 1500;
	answering();
	link = asking();
	sample_make(&sample, 1, 100, 0);
	began = now_ms();
	ck_assert_int_eq(link->ops->shadow(link->ctx, 0, &sample.shadow,
			     began + 5000, &calls[0]),
	    SMX_OK);
	ck_assert_int_eq(link->ops->shadow(link->ctx, 0, &sample.shadow,
			     began + 300, &calls[1]),
	    SMX_OK);
	ck_assert_int_eq(beat(link, 0, 3000), SMX_OK);
	ck_assert_int_eq(link->ops->wait(link->ctx, &calls[1], 1, began + 4000,
			     &which),
	    SMX_OK);
	ck_assert_int_ge(now_ms() - began, 290);
	ck_assert_int_eq(link->ops->finish(link->ctx, &calls[1], NULL, 0),
	    SMX_EUNREACHABLE);
	ck_assert_int_eq(link->ops->wait(link->ctx, calls, 1, began + 5000,
			     &which),
	    SMX_OK);
	ck_assert_int_eq(link->ops->finish(link->ctx, calls, NULL, 0), SMX_OK);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	sample_free(&sample);
}
END_TEST

#define CROWD 40

static void *
send_one_of_many(void *arg)
{
	struct smx_link *link = ((void **)arg)[0];
	const struct sample *s = ((void **)arg)[1];

	return send_sample(link, 0, s, 20000) == SMX_OK ? arg : NULL;
}

START_TEST(a_crowd_of_calls_is_served_in_turn)
{
	static struct sample samples[CROWD];
	pthread_t thread[CROWD];
	void *args[CROWD][2];
	struct smx_link *link;
	void *good;

	net.options.pool = 2;
	at_1.commit_ms = 20;
	answering();
	link = asking();
	for (int i = 0; i < CROWD; i++) {
		sample_make(&samples[i], (uint64_t)i + 1, 3000, 0);
		args[i][0] = link;
		args[i][1] = &samples[i];
		ck_assert_int_eq(pthread_create(&thread[i], NULL,
				     send_one_of_many, args[i]),
		    0);
	}
	for (int i = 0; i < CROWD; i++) {
		pthread_join(thread[i], &good);
		ck_assert_ptr_nonnull(good);
		sample_free(&samples[i]);
	}
	ck_assert_uint_eq(at_1.committed, CROWD);
	ck_assert_uint_eq(at_1.damaged, 0);
	ck_assert_uint_le(at_1.inside_most, 4);
}
END_TEST

/* Who waits and gives up leaves no hole in the line. */
START_TEST(a_call_that_gives_up_waiting_costs_nothing)
{
	struct smx_call *calls[5] = { NULL };
	struct smx_link *link;
	size_t which;

	net.options.pool = 1;
	answering();
	link = asking();
	sample_make(&sample, 1, 100, 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(link->ops->shadow(link->ctx, 0, &sample.shadow,
				     now_ms() + 5000, &calls[i]),
		    SMX_OK);
	for (int i = 1; i < 4; i++)
		ck_assert_int_eq(link->ops->finish(link->ctx, &calls[i], NULL,
				     0),
		    SMX_EUNREACHABLE);
	ck_assert_int_eq(link->ops->wait(link->ctx, calls, 1, now_ms() + 3000,
			     &which),
	    SMX_OK);
	ck_assert_int_eq(link->ops->finish(link->ctx, calls, NULL, 0), SMX_OK);
	ck_assert_int_eq(link->ops->wait(link->ctx, &calls[4], 1,
			     now_ms() + 3000, &which),
	    SMX_OK);
	ck_assert_int_eq(link->ops->finish(link->ctx, &calls[4], NULL, 0),
	    SMX_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	sample_free(&sample);
}
END_TEST

START_TEST(an_abandoned_shadow_is_not_committed)
{
	struct smx_call *call;
	struct smx_link *link;

	answering();
	link = asking();
	ck_assert_int_eq(beat(link, 0, 3000), SMX_OK);
	sample_make(&sample, 1, 50000000, 0);
	ck_assert_int_eq(link->ops->shadow(link->ctx, 0, &sample.shadow,
			     now_ms() + 5000, &call),
	    SMX_OK);
	ck_assert_int_eq(link->ops->finish(link->ctx, &call, NULL, 0),
	    SMX_EUNREACHABLE);
	sample_free(&sample);
	smx_link_close(&net.link[0]);
	net.link[1].ops->stop(net.link[1].ctx);
	ck_assert_uint_eq(at_1.committed, 0);
	ck_assert_uint_eq(at_1.begun, at_1.cancelled);
}
END_TEST

START_TEST(content_that_cannot_be_read_is_not_sent)
{
	struct smx_link *link;
	char text[64] = "";
	struct smx_call *call;
	size_t which;

	answering();
	link = asking();
	sample_make(&sample, 1, 5000, 1);
	sample_free(&sample); /* read() gives SMX_EIO now */
	ck_assert_int_eq(link->ops->shadow(link->ctx, 0, &sample.shadow,
			     now_ms() + 3000, &call),
	    SMX_OK);
	ck_assert_int_eq(link->ops->wait(link->ctx, &call, 1, now_ms() + 3000,
			     &which),
	    SMX_OK);
	ck_assert_int_eq(link->ops->finish(link->ctx, &call, text,
			     sizeof(text)),
	    SMX_EUNREACHABLE);
	ck_assert_str_ne(text, "");
	net.link[1].ops->stop(net.link[1].ctx);
	ck_assert_uint_eq(at_1.committed, 0);
}
END_TEST

START_TEST(a_shadow_over_the_peers_limit_is_refused_before_it_is_sent)
{
	struct smx_link *link;

	net.options.max_content = 1000;
	answering();
	link = asking();
	for (int i = 0; i < 2; i++) {
		sample_make(&sample, 1, 1001, 0);
		ck_assert_int_eq(send_sample(link, 0, &sample, 3000),
		    SMX_EREFUSED);
		sample_free(&sample);
	}
	ck_assert_uint_eq(at_1.begun, 0);
	sample_make(&sample, 1, 1000, 0);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	ck_assert_uint_eq(at_1.asked + at_1.hellos, 1);
	sample_free(&sample);
}
END_TEST

/* ---- peers that come and go ---- */

/* _i: how long the kept connection rests after the peer's restart. */
START_TEST(a_peers_restart_costs_no_shadow)
{
	struct smx_link *link;

	answering();
	link = asking();
	sample_make(&sample, 1, 5000, 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
		smx_link_close(&net.link[1]);
		answering();
		sleep_ms(_i * 150);
		ck_assert_int_eq(beat(link, 0, 3000), SMX_OK);
		smx_link_close(&net.link[1]);
		answering();
		sleep_ms(_i * 150);
	}
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	ck_assert_uint_eq(at_1.committed, 6);
	sample_free(&sample);
}
END_TEST

START_TEST(a_shadow_sent_to_a_peer_that_just_went_is_unsure)
{
	struct smx_link *link;

	answering();
	link = asking();
	sample_make(&sample, 1, 5000, 0);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	smx_link_close(&net.link[1]);
	close(net.fd[1]);
	net.fd[1] = -1;
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_EUNSURE);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_EUNREACHABLE);
	sample_free(&sample);
}
END_TEST

START_TEST(a_peer_that_went_a_while_ago_is_unreachable)
{
	struct smx_link *link;

	answering();
	link = asking();
	sample_make(&sample, 1, 5000, 0);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_OK);
	smx_link_close(&net.link[1]);
	close(net.fd[1]);
	net.fd[1] = -1;
	sleep_ms(150);
	ck_assert_int_eq(send_sample(link, 0, &sample, 3000), SMX_EUNREACHABLE);
	sample_free(&sample);
}
END_TEST

/* With SIGPIPE as it is by default this process would end. */
START_TEST(sending_to_what_is_closed_raises_no_signal)
{
	size_t done;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	close(fd[1]);
	for (int wait = 0; wait < 2; wait++)
		ck_assert_int_eq(tcp_send(fd[0], "x", 1, wait, &done),
		    SMX_ECLOSED);
	close(fd[0]);
}
END_TEST

START_TEST(a_link_with_bad_options_says_what_is_wrong)
{
	static const char *const pins[] = { "sha256/x" };
	struct smx_link_peer peer = { .name = "mx1",
		.address = "127.0.0.1:25" };
	struct smx_link_options o = { .node = "mx0",
		.key_file = net.key_file[0],
		.listen = "",
		.listen_fd = -1,
		.peers = &peer,
		.peer_count = 1 };
	struct smx_link link;
	char why[256] = "";

	peer.address = "mx1.example.org:25";
	ck_assert_int_eq(smx_link_open_tls(&link, &o, why, sizeof(why)),
	    SMX_EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "mx1.example.org:25"));
	peer.address = "[::1]:25";
	peer.pins = pins;
	peer.pin_count = 1;
	ck_assert_int_eq(smx_link_open_tls(&link, &o, why, sizeof(why)),
	    SMX_EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "sha256/x"));
	peer.pin_count = 0;
	o.listen = "127.0.0.1";
	ck_assert_int_eq(smx_link_open_tls(&link, &o, why, sizeof(why)),
	    SMX_EINVAL);
	o.listen = "127.0.0.1:0";
	o.node = "a b";
	ck_assert_int_eq(smx_link_open_tls(&link, &o, why, sizeof(why)),
	    SMX_EINVAL);
	o.node = "mx0";
	o.key_file = "/nowhere/node.key";
	ck_assert_int_eq(smx_link_open_tls(&link, &o, why, sizeof(why)),
	    SMX_ENOTFOUND);
	o.key_file = net.key_file[0];
	ck_assert_int_eq(smx_link_open_tls(&link, &o, why, sizeof(why)),
	    SMX_OK);
	smx_link_close(&link);
	smx_link_close(&link);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

int
main(void)
{
	Suite *s = suite_create("peers");
	TCase *tc = tcase_create("rogues");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_server_with_another_key_gets_nothing, 0, 2);
	tcase_add_loop_test(tc, a_server_with_another_protocol_gets_nothing, 0,
	    3);
	tcase_add_loop_test(tc, a_bad_beginning_makes_unreachable, 0,
	    COUNT(not_greetings));
	tcase_add_loop_test(tc, the_end_of_a_shadow_is_what_was_said, 0,
	    COUNT(ends));
	tcase_add_test(tc, an_endless_reply_is_cut_off);
	tcase_add_test(tc, a_peer_that_froze_after_the_last_byte_makes_unsure);
	tcase_add_test(tc,
	    a_peer_that_froze_before_the_last_byte_does_not_have_it);
	tcase_add_test(tc, a_peer_that_froze_at_the_door_does_not_have_it);
	tcase_add_test(tc, a_connection_lost_in_the_middle_does_not_have_it);
	tcase_add_test(tc, a_connection_that_timed_out_is_not_used_again);
	tcase_add_test(tc, an_answer_too_many_ends_the_connection);
	tcase_add_test(tc, a_call_in_excess_waits_until_its_deadline);
	tcase_add_test(tc, a_crowd_of_calls_is_served_in_turn);
	tcase_add_test(tc, a_call_that_gives_up_waiting_costs_nothing);
	tcase_add_test(tc, an_abandoned_shadow_is_not_committed);
	tcase_add_test(tc, content_that_cannot_be_read_is_not_sent);
	tcase_add_test(tc,
	    a_shadow_over_the_peers_limit_is_refused_before_it_is_sent);
	tcase_add_loop_test(tc, a_peers_restart_costs_no_shadow, 0, 2);
	tcase_add_test(tc, a_shadow_sent_to_a_peer_that_just_went_is_unsure);
	tcase_add_test(tc, a_peer_that_went_a_while_ago_is_unreachable);
	tcase_add_test(tc, sending_to_what_is_closed_raises_no_signal);
	tcase_add_test(tc, a_link_with_bad_options_says_what_is_wrong);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
