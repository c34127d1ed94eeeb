/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_bench.h"

static const struct smx_ack anybody = { .holders = UINT64_MAX };

/* ---- notices ---- */

START_TEST(discard_is_repeated_until_confirmed)
{
	struct smx_key key = bench_accepted("A");
	struct smx_request q;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_shown("A", SMX_PRESENCE_ABSENT);
	now += 100;
	ck_assert(bench_until(0, SMX_REQ_DISCARD, &q));
	bench_push(0, &q, SMX_EUNSURE);
	ck_assert_uint_eq(bench_waiting(0), 1);
	now += 200;
	ck_assert(bench_until(0, SMX_REQ_DISCARD, &q));
	ck_assert_int_eq(smx_key_compare(&q.keys[0], &key), 0);
	bench_push(0, &q, SMX_OK);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

START_TEST(notices_have_a_ceiling)
{
	bench_fresh(1, 1000, 3);
	for (int i = 0; i < 10; i++) {
		char id[16];
		struct smx_key key;

		snprintf(id, sizeof(id), "N%d", i);
		key = bench_begin(id);
		engine_sent(engine, &key, 0, SMX_OK, now);
		engine_verdict(engine, &key, ENGINE_REFUSED, NULL, now);
	}
	ck_assert_uint_eq(bench_waiting(0), 3);
}
END_TEST

/* ---- after our own restart ---- */

#define LONG_A "4jXKs073lDz1bkTK"
#define LONG_B "4jXN4m6MKgz1bY4l"

static struct smx_key
adopt(const char *id, uint8_t epoch, uint64_t counter)
{
	struct smx_key key = { .incarnation = { 9 }, .counter = 3 };
	struct smx_request q;
	struct smx_reply reply = { .listed = listed, .count = 1 };

	ck_assert(bench_until(0, SMX_REQ_LIST, &q));
	memset(&listed[0], 0, sizeof(listed[0]));
	listed[0].key = key;
	listed[0].state = SMX_ROW_SHADOW;
	listed[0].epoch.id[0] = epoch;
	listed[0].epoch.counter = counter;
	snprintf(listed[0].queue_id, sizeof(listed[0].queue_id), "%s", id);
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	return key;
}

START_TEST(unknown_key_is_never_finished)
{
	struct smx_key key = { .incarnation = { 9 }, .counter = 3 };
	struct smx_key ours = { .incarnation = { 1 }, .counter = 77 };

	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_UNKNOWN);
	ck_assert_int_eq(bench_query(&ours),
	    SMX_ANSWER_UNKNOWN); /* not given out */
}
END_TEST

START_TEST(adopted_key_ends_by_absence_in_the_same_queue)
{
	struct smx_key key = adopt("A", 7, 4);

	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_counts().open, 0);
}
END_TEST

START_TEST(adopted_key_of_another_epoch_is_lost_not_finished)
{
	struct smx_key key = adopt("A", 8, 4);

	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

START_TEST(queue_restored_from_before_is_no_proof)
{
	struct smx_key key = adopt(LONG_A, 7, 6); /* the queue counts 5 */

	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	bench_shown(LONG_A, SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
}
END_TEST

/* What is found under a short name in a queue that went back may be an older
 * message of that name: its end would be taken for this one's. */
START_TEST(short_name_in_a_restored_queue_is_no_proof)
{
	struct smx_key key = adopt("4B2F71A3C", 7, 6);

	bench_shown("4B2F71A3C", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	bench_shown("4B2F71A3C", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

/* The queue came back to the moment before the file was made permanent. */
START_TEST(stray_in_a_restored_queue_is_not_aborted)
{
	struct smx_key key = bench_accepted(LONG_A);

	bench_hint(SMX_QUEUE_COMMITTED, LONG_A);
	queue.epoch.counter--;
	engine_queue_state(engine, &queue, now);
	bench_shown(LONG_A, SMX_PRESENCE_STRAY);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

/* Counting goes on from the former state with a step that leads past what this
 * run has seen. */
START_TEST(restored_queue_that_counts_higher_is_noticed)
{
	struct smx_key key = bench_accepted(LONG_A);

	bench_hint(SMX_QUEUE_COMMITTED, LONG_A);
	queue.epoch.counter = queue.first = 4000;
	queue.spans = 1;
	queue.span[0] = (struct smx_queue_span){ 1, _i == 0 ? 4 : 5 };
	engine_queue_state(engine, &queue, now);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	if (_i == 0)
		ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	else
		ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
}
END_TEST

static void
second_run(void)
{
	queue.first = queue.epoch.counter = 4000;
	queue.spans = 1;
	queue.span[0] = (struct smx_queue_span){ 1, 500 };
	engine_queue_state(engine, &queue, now);
}

/* A copy made of a living queue cuts through what is just being taken. */
START_TEST(what_came_shortly_before_the_copy_is_no_end)
{
	struct smx_epoch torn = { .id = { 7 }, .counter = 500 };
	struct smx_key key;

	second_run();
	engine_queue_torn(engine, &torn);
	key = adopt(LONG_A, 7, _i == 0 ? 450 : 400);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	if (_i == 0)
		ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	else
		ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

/* The store went back with the queue: a holder has what came after both. */
START_TEST(holder_that_has_more_shows_that_the_queue_went_back)
{
	struct smx_key first = { .incarnation = { 9 }, .counter = 3 };
	struct smx_reply reply = { .listed = listed, .count = 2 };
	struct smx_request q;

	second_run();
	ck_assert(bench_until(0, SMX_REQ_LIST, &q));
	memset(listed, 0, 2 * sizeof(listed[0]));
	for (int i = 0; i < 2; i++) {
		listed[i].key = first;
		listed[i].key.counter += (uint64_t)i;
		listed[i].state = SMX_ROW_SHADOW;
		listed[i].epoch.id[0] = 7;
		snprintf(listed[i].queue_id, sizeof(listed[i].queue_id), "%s",
		    i == 0 ? LONG_A : LONG_B);
	}
	listed[0].epoch.counter = 500;
	listed[1].epoch.counter = _i == 0 ? 510 : 499;
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	if (_i == 0)
		ck_assert_int_eq(bench_query(&first), SMX_ANSWER_LOST);
	else
		ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

/* The look was into the queue that is gone. */
START_TEST(answer_about_the_former_queue_counts_no_more)
{
	struct smx_key key = bench_accepted(LONG_A);
	struct smx_queue_event ev = { .kind = SMX_QUEUE_VERIFIED,
		.presence = SMX_PRESENCE_THERE,
		.id = LONG_A };
	const char *ids[4];

	bench_hint(SMX_QUEUE_COMMITTED, LONG_A);
	bench_hint(SMX_QUEUE_GONE, LONG_A);
	now += 1000;
	ck_assert_uint_eq(engine_verify_next(engine, now, ids, 4, &ev.token),
	    1);
	queue.epoch.counter--;
	engine_queue_state(engine, &queue, now);
	engine_queue_event(engine, &ev, now);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
}
END_TEST

START_TEST(what_came_before_all_that_is_remembered_is_doubtful)
{
	struct smx_key key;

	queue.first = queue.epoch.counter = 4000;
	queue.spans = 1;
	queue.span[0] = (struct smx_queue_span){ 1000, 1100 };
	queue.forgot = 1;
	engine_queue_state(engine, &queue, now);
	key = adopt(LONG_A, 7, 999);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_counts().doubtful, 1);
}
END_TEST

START_TEST(counters_near_their_end_are_compared_right)
{
	const uint64_t end = _i == 0   ? UINT64_C(1) << 32
			     : _i == 1 ? UINT64_C(1) << 63
				       : UINT64_MAX - 10;
	struct smx_key key;

	queue.first = queue.epoch.counter = end + 2;
	queue.spans = 1;
	queue.span[0] = (struct smx_queue_span){ end - 5, end - 3 };
	engine_queue_state(engine, &queue, now);
	key = adopt(LONG_A, 7, end - 1);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	bench_fresh(2, 1000, 1000);
	queue.first = queue.epoch.counter = end + 2;
	queue.spans = 1;
	queue.span[0] = (struct smx_queue_span){ end - 5, end - 3 };
	engine_queue_state(engine, &queue, now);
	(void)adopt(LONG_A, 7, end - 4);
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

START_TEST(message_in_progress_while_the_queue_is_replaced_is_lost)
{
	struct smx_key key = bench_begin(LONG_A);
	struct smx_key seen = bench_begin(LONG_B);

	engine_sent(engine, &key, 0, SMX_OK, now);
	engine_sent(engine, &seen, 0, SMX_OK, now);
	if (_i == 0)
		queue.epoch.id[0] = 8;
	else
		queue.epoch.counter--; /* restored under us */
	engine_queue_state(engine, &queue, now);
	engine_verdict(engine, &key, ENGINE_PROTECTED, NULL, now);
	engine_verdict(engine, &seen, ENGINE_PROTECTED, NULL, now);
	engine_session_end(engine, &key, now);
	engine_session_end(engine, &seen, now);
	bench_shown(LONG_A,
	    SMX_PRESENCE_ABSENT); /* its file went with the queue */
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	bench_shown(LONG_B,
	    SMX_PRESENCE_THERE); /* its file is in the new one */
	bench_shown(LONG_B, SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&seen), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(queue_restored_under_us_is_no_proof)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	queue.epoch.counter--;
	engine_queue_state(engine, &queue, now);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
}
END_TEST

/* It was requeued after the state that came back, which has it in its place. */
START_TEST(requeue_of_a_queue_that_is_gone_is_not_waited_for)
{
	struct smx_key key = bench_accepted(LONG_A);

	bench_hint(SMX_QUEUE_COMMITTED, LONG_A);
	engine_session_end(engine, &key, now);
	bench_hint(SMX_QUEUE_REQUEUED, LONG_A);
	if (_i == 0) {
		queue.epoch.counter--;
		engine_queue_state(engine, &queue, now);
		bench_shown(LONG_A, SMX_PRESENCE_THERE);
	}
	bench_shown(LONG_A, SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key),
	    _i == 0 ? SMX_ANSWER_FINISHED : SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(unclean_stop_makes_absence_doubtful)
{
	struct smx_key key;

	queue.unclean = 4;
	engine_queue_state(engine, &queue, now);
	key = adopt("A", 7, 4);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_counts().doubtful, 1);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

START_TEST(what_came_after_the_unclean_stop_is_not_doubtful)
{
	struct smx_key key;

	queue.unclean = 4;
	engine_queue_state(engine, &queue, now);
	key = adopt("A", 7, 5);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().doubtful, 0);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_int_ne(bench_query(&key), SMX_ANSWER_LOST);
}
END_TEST

/* 5 now, 1 and 2 before: a queue that counted 3 or 4 was another one, grown out
 * of the same past; and so it is after another run. */
START_TEST(counter_that_this_queue_never_had_is_no_proof)
{
	struct smx_key key;

	queue.first = 5;
	queue.spans = 1;
	queue.span[0] = (struct smx_queue_span){ 1, 2 };
	if (_i >= 4) {
		queue.span[queue.spans++] = (struct smx_queue_span){ 5, 8 };
		queue.first = queue.epoch.counter = 20;
	}
	engine_queue_state(engine, &queue, now);
	key = adopt("A", 7, 2 + (uint64_t)_i % 4);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	if (_i % 4 == 1 || _i % 4 == 2)
		ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	else
		ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

START_TEST(requeues_nobody_followed_make_absence_doubtful)
{
	struct smx_key key;

	queue.links_known = 0;
	engine_queue_state(engine, &queue, now);
	key = adopt("A", 7, 4);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().doubtful, 1);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(listed_key_that_ended_is_discarded_again)
{
	struct smx_key key = bench_accepted("A");
	struct smx_request q;
	struct smx_reply reply = { .listed = listed, .count = 1 };

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_shown("A", SMX_PRESENCE_ABSENT);
	now += 100;
	ck_assert(bench_until(0, SMX_REQ_DISCARD, &q));
	bench_push(0, &q, SMX_OK);
	now += 11000;
	ck_assert(bench_until(0, SMX_REQ_LIST, &q));
	memset(&listed[0], 0, sizeof(listed[0]));
	listed[0].key = key;
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

START_TEST(forgetful_holder_leaves_it_unprotected)
{
	struct smx_request q;
	struct smx_reply reply = { .listed = listed };

	(void)bench_accepted("A");
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	ck_assert(bench_until(0, SMX_REQ_LIST, &q));
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert_uint_eq(bench_counts().open, 1);
}
END_TEST

/* ---- peers and takeover ---- */

static int
due(enum engine_cause cause, struct engine_takeover *t)
{
	int64_t wake;

	return engine_takeover_next(engine, now, t, &wake) && t->cause == cause;
}

/* One heartbeat of time in which nobody answers. */
static void
beat_fails(size_t peer)
{
	struct smx_request q;

	now += 1000;
	for (int i = 0; i < 4 && bench_pull(peer, &q) == SMX_OK; i++)
		bench_push(peer, &q, SMX_EUNREACHABLE);
}

static void
greet(size_t peer, uint8_t life, uint8_t epoch)
{
	struct smx_hello theirs = { .incarnation = { life } };
	struct smx_hello ours;

	theirs.epoch.id[0] = epoch;
	engine_hello(engine, peer, &theirs, &ours, now);
	ck_assert_uint_eq(ours.incarnation[0], 1);
}

START_TEST(silence_needs_time_and_failed_probes)
{
	struct engine_takeover t;

	engine_heard(engine, 0, now);
	for (int i = 0; i < 5; i++) {
		beat_fails(0);
		ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
	}
	beat_fails(0);
	beat_fails(0);
	ck_assert(due(ENGINE_CAUSE_SILENT, &t));
	ck_assert_uint_eq(t.peer, 0);
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_SILENT);
	engine_takeover_done(engine, &t);
	ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
}
END_TEST

START_TEST(time_without_probes_is_no_silence)
{
	struct engine_takeover t;

	engine_heard(engine, 0, now);
	for (int i = 0; i < 20; i++) {
		now += 1000;
		ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
	}
}
END_TEST

START_TEST(one_way_failure_is_no_silence)
{
	struct engine_takeover t;

	for (int i = 0; i < 20; i++) {
		beat_fails(0);
		engine_heard(engine, 0, now);
		ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
	}
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_QUIET);
}
END_TEST

/* The link knows from the last greeting what a peer cannot take: so much mail
 * that is too large for it must not keep one alive that is gone. */
START_TEST(refusal_that_needs_no_answer_is_no_sign_of_life)
{
	static const int results[] = { SMX_EREFUSED, SMX_ELIMIT, SMX_EINVAL };
	const struct smx_key key = { .incarnation = { 1 }, .counter = 4711 };
	struct engine_takeover t;

	engine_heard(engine, 0, now);
	for (int i = 0; i < 8; i++) {
		beat_fails(0);
		engine_sent(engine, &key, 0, results[_i], now);
	}
	ck_assert(due(ENGINE_CAUSE_SILENT, &t));
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_SILENT);
}
END_TEST

/* Nor does it ask one that is too old for a verb. */
START_TEST(verb_that_is_not_said_is_no_sign_of_life)
{
	static const enum smx_request_kind kinds[] = { SMX_REQ_AMEND,
		SMX_REQ_SEEN };
	const struct smx_request request = { .kind = kinds[_i] };
	const struct smx_reply reply = { 0 };
	struct engine_takeover t;

	engine_heard(engine, 0, now);
	for (int i = 0; i < 8; i++) {
		beat_fails(0);
		engine_peer_result(engine, 0, &request, SMX_EREFUSED, &reply,
		    now);
	}
	ck_assert(due(ENGINE_CAUSE_SILENT, &t));
}
END_TEST

START_TEST(own_pause_restarts_the_clock)
{
	struct engine_takeover t;

	engine_heard(engine, 0, now);
	for (int i = 0; i < 4; i++)
		beat_fails(0);
	now += 3600000;
	ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
	beat_fails(0);
	ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
}
END_TEST

START_TEST(leaving_peer_gets_its_time)
{
	struct smx_request q = { .kind = SMX_REQ_BEAT };
	struct smx_reply reply = { 0 };
	struct engine_takeover t;
	size_t peers[2];

	q.beat.leaving_ms = 20000;
	greet(0, 5, 0);
	ck_assert_int_eq(engine_request(engine, 0, &q, &reply, now), SMX_OK);
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_LEAVING);
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, peers, 2),
	    1);
	for (int i = 0; i < 25; i++) {
		beat_fails(0);
		ck_assert(!due(ENGINE_CAUSE_SILENT, &t));
	}
	beat_fails(0);
	ck_assert(due(ENGINE_CAUSE_SILENT, &t));
}
END_TEST

START_TEST(another_epoch_is_looked_into_at_once)
{
	struct engine_takeover t;

	greet(0, 5, 55);
	ck_assert(due(ENGINE_CAUSE_EPOCH, &t));
	ck_assert(t.other_epoch);
	engine_takeover_done(engine, &t);
	ck_assert(!due(ENGINE_CAUSE_EPOCH, &t));
	greet(0, 5, 55);
	ck_assert(!due(ENGINE_CAUSE_EPOCH, &t));
	greet(0, 6, 66);
	ck_assert(due(ENGINE_CAUSE_EPOCH, &t));
	ck_assert_uint_eq(t.epoch.id[0], 66);
	engine_takeover_done(engine, &t);
	/* A late word of the former life changes nothing. */
	greet(0, 5, 55);
	ck_assert(!due(ENGINE_CAUSE_EPOCH, &t));
}
END_TEST

START_TEST(lost_keys_are_taken_over_and_finished_ones_dropped)
{
	struct smx_key keys[3] = { { .counter = 1 }, { .counter = 2 },
		{ .counter = 3 } };
	struct smx_key out[3];
	struct smx_request q;
	struct engine_takeover t;
	size_t peer;

	greet(0, 100, 0);
	engine_ask(engine, 0, keys, 3);
	ck_assert(bench_until(0, SMX_REQ_QUERY, &q));
	answers[0] = SMX_ANSWER_LOST;
	answers[1] = SMX_ANSWER_FINISHED;
	answers[2] = SMX_ANSWER_UNKNOWN;
	bench_push(0, &q, SMX_OK);
	ck_assert(due(ENGINE_CAUSE_LOST, &t));
	ck_assert_uint_eq(t.count, 1);
	ck_assert_uint_eq(t.keys[0].counter, 1);
	engine_takeover_done(engine, &t);
	ck_assert(!due(ENGINE_CAUSE_LOST, &t));
	ck_assert_uint_eq(engine_finished_next(engine, &peer, out, 3), 1);
	ck_assert_uint_eq(out[0].counter, 2);
	ck_assert_uint_eq(engine_finished_next(engine, &peer, out, 3), 0);
}
END_TEST

START_TEST(operator_takes_over_whom_he_names)
{
	struct engine_takeover t;

	ck_assert_int_eq(engine_takeover_command(engine, 7), SMX_EINVAL);
	ck_assert_int_eq(engine_takeover_command(engine, 1), SMX_OK);
	ck_assert(due(ENGINE_CAUSE_OPERATOR, &t));
	ck_assert_uint_eq(t.peer, 1);
	engine_takeover_done(engine, &t);
	ck_assert(!due(ENGINE_CAUSE_OPERATOR, &t));
}
END_TEST

START_TEST(failed_peer_pauses_and_a_heartbeat_brings_it_back)
{
	struct smx_key key = bench_begin("A");
	struct smx_request q;
	size_t peers[2];

	greet(0, 100, 0);
	greet(1, 100, 0);
	ck_assert(!bench_until(0, SMX_REQ_QUERY, &q));
	for (int i = 0; i < 4; i++) {
		engine_sent(engine, &key, 0, SMX_EUNSURE, now);
		now += 200;
	}
	now += 300;
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, peers, 2),
	    1);
	ck_assert_uint_eq(peers[0], 1);
	ck_assert(bench_until(0, SMX_REQ_BEAT, &q));
	bench_push(0, &q, SMX_OK);
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, peers, 2),
	    2);
	engine_sent(engine, &key, 0, SMX_EFULL, now);
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, peers, 2),
	    1);
	now += 200;
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, peers, 2),
	    2);
}
END_TEST

START_TEST(keys_of_others_are_nobodys_to_use)
{
	struct smx_hello first = { .incarnation = { 7 } };
	struct smx_hello next = { .incarnation = { 8 } };
	struct smx_hello ours;
	struct smx_key key = { .incarnation = { 7 }, .counter = 1 };

	engine_hello(engine, 0, &first, &ours, now);
	engine_hello(engine, 1, &first, &ours, now); /* an impostor */
	ck_assert(!engine_key_foreign(engine, 0, &key));
	ck_assert(engine_key_foreign(engine, 1, &key));
	engine_hello(engine, 0, &next, &ours, now);
	ck_assert(!engine_key_foreign(engine, 0, &key));
	ck_assert(engine_key_foreign(engine, 1, &key));
	key.incarnation[0] = 8;
	ck_assert(!engine_key_foreign(engine, 0, &key));
	ck_assert(engine_key_foreign(engine, 1, &key));
	memcpy(key.incarnation, ours.incarnation, sizeof(key.incarnation));
	ck_assert(engine_key_foreign(engine, 0, &key));
	key.incarnation[0] = 77;
	ck_assert(!engine_key_foreign(engine, 1, &key));
}
END_TEST

START_TEST(candidates_rotate)
{
	size_t a[2], b[2];

	greet(0, 100, 0);
	greet(1, 100, 0);
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, a, 2), 2);
	ck_assert_uint_eq(engine_candidates(engine, &anybody, now, b, 2), 2);
	ck_assert_uint_ne(a[0], b[0]);
}
END_TEST

static void
add_peers(Suite *s)
{
	TCase *tc = tcase_create("peers");

	tcase_add_checked_fixture(tc, bench_open, bench_close);
	tcase_add_test(tc, discard_is_repeated_until_confirmed);
	tcase_add_test(tc, notices_have_a_ceiling);
	tcase_add_test(tc, unknown_key_is_never_finished);
	tcase_add_test(tc, adopted_key_ends_by_absence_in_the_same_queue);
	tcase_add_test(tc, adopted_key_of_another_epoch_is_lost_not_finished);
	tcase_add_test(tc, queue_restored_from_before_is_no_proof);
	tcase_add_loop_test(tc,
	    message_in_progress_while_the_queue_is_replaced_is_lost, 0, 2);
	tcase_add_test(tc, queue_restored_under_us_is_no_proof);
	tcase_add_loop_test(tc,
	    requeue_of_a_queue_that_is_gone_is_not_waited_for, 0, 2);
	tcase_add_test(tc, unclean_stop_makes_absence_doubtful);
	tcase_add_test(tc, what_came_after_the_unclean_stop_is_not_doubtful);
	tcase_add_loop_test(tc, counter_that_this_queue_never_had_is_no_proof,
	    0, 8);
	tcase_add_test(tc, short_name_in_a_restored_queue_is_no_proof);
	tcase_add_test(tc, stray_in_a_restored_queue_is_not_aborted);
	tcase_add_loop_test(tc, restored_queue_that_counts_higher_is_noticed, 0,
	    2);
	tcase_add_test(tc, what_came_before_all_that_is_remembered_is_doubtful);
	tcase_add_loop_test(tc, what_came_shortly_before_the_copy_is_no_end, 0,
	    2);
	tcase_add_loop_test(tc,
	    holder_that_has_more_shows_that_the_queue_went_back, 0, 2);
	tcase_add_test(tc, answer_about_the_former_queue_counts_no_more);
	tcase_add_loop_test(tc, counters_near_their_end_are_compared_right, 0,
	    3);
	tcase_add_test(tc, requeues_nobody_followed_make_absence_doubtful);
	tcase_add_test(tc, listed_key_that_ended_is_discarded_again);
	tcase_add_test(tc, forgetful_holder_leaves_it_unprotected);
	tcase_add_test(tc, silence_needs_time_and_failed_probes);
	tcase_add_test(tc, time_without_probes_is_no_silence);
	tcase_add_test(tc, one_way_failure_is_no_silence);
	tcase_add_loop_test(tc, refusal_that_needs_no_answer_is_no_sign_of_life,
	    0, 3);
	tcase_add_loop_test(tc, verb_that_is_not_said_is_no_sign_of_life, 0, 2);
	tcase_add_test(tc, own_pause_restarts_the_clock);
	tcase_add_test(tc, leaving_peer_gets_its_time);
	tcase_add_test(tc, another_epoch_is_looked_into_at_once);
	tcase_add_test(tc, lost_keys_are_taken_over_and_finished_ones_dropped);
	tcase_add_test(tc, operator_takes_over_whom_he_names);
	tcase_add_test(tc, failed_peer_pauses_and_a_heartbeat_brings_it_back);
	tcase_add_test(tc, keys_of_others_are_nobodys_to_use);
	tcase_add_test(tc, candidates_rotate);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("engine_peers");
	SRunner *sr = srunner_create(s);
	int failed;

	add_peers(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
