/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hold.h"
#include "engine_bench.h"

/* Copies that are missing: which messages are copied again, when, and to whom;
 * three peers, hand-wound clock. */

static int64_t wake;
static uint8_t life[3];

static void
greet(size_t peer)
{
	struct smx_hello theirs = { .incarnation = { (uint8_t)(50 + peer),
					life[peer] } };
	struct smx_hello ours;

	engine_hello(engine, peer, &theirs, &ours, now);
}

static void
answer(size_t peer, const struct smx_request *q, int result, size_t rows)
{
	struct smx_reply reply = { .answers = answers,
		.listed = listed,
		.count = rows,
		.ago_ms = -1 };

	reply.hello.incarnation[0] = (uint8_t)(50 + peer);
	reply.hello.incarnation[1] = life[peer];
	engine_peer_result(engine, peer, q, result, &reply, now);
}

/* What this peer holds for us is what stands in listed. */
static int
lists(size_t peer, size_t rows)
{
	struct smx_request q;

	for (int i = 0; i < 20 && bench_pull(peer, &q) == SMX_OK; i++) {
		if (q.kind == SMX_REQ_LIST) {
			answer(peer, &q, SMX_OK, rows);
			return 1;
		}
		answer(peer, &q, SMX_OK, 0);
	}
	return 0;
}

static void
row(size_t i, const struct smx_key *key, const char *id)
{
	memset(&listed[i], 0, sizeof(listed[i]));
	listed[i].key = *key;
	listed[i].state = SMX_ROW_SHADOW;
	listed[i].epoch = queue.epoch;
	snprintf(listed[i].queue_id, sizeof(listed[i].queue_id), "%s", id);
}

static void
setup(void)
{
	memset(life, 0, sizeof(life));
	bench_open_named();
	for (size_t i = 0; i < 3; i++) {
		greet(i);
		ck_assert(lists(i, 0));
	}
}

static struct smx_key
committed(const char *id, unsigned copies, const uint8_t *peers, size_t count)
{
	struct smx_key key = bench_ranked(id, copies, peers, count, 1);

	bench_hint(SMX_QUEUE_COMMITTED, id);
	engine_session_end(engine, &key, now);
	return key;
}

static int
to_copy(struct engine_copy *what)
{
	return engine_copy_next(engine, now, what, &wake) == SMX_OK;
}

/* The policy wants so many; who may be asked? */
static uint64_t
askable(const struct smx_key *key, unsigned copies)
{
	struct smx_ack ack = { .copies = copies, .holders = UINT64_MAX };
	struct engine_ranks there;

	return engine_copy_ask(engine, key, &ack, &there, now) ? ack.holders
							       : 0;
}

static void
copied_to(const struct smx_key *key, size_t peer, unsigned wanted)
{
	struct engine_ranks ranks = { .count = 1,
		.peer = { (uint8_t)peer },
		.wanted = wanted };

	engine_sent(engine, key, peer, SMX_OK, now);
	engine_copy_result(engine, key, SMX_OK, &ranks, now);
}

/* These answer, the others do not, for so long. */
static void
pass(int64_t ms, unsigned alive)
{
	struct smx_request q;

	for (int64_t until = now + ms; now < until; now += 500)
		for (size_t i = 0; i < 3; i++)
			while (bench_pull(i, &q) == SMX_OK) {
				if ((alive >> i & 1) != 0 &&
				    q.kind == SMX_REQ_LIST)
					break;
				answer(i, &q,
				    (alive >> i & 1) != 0 ? SMX_OK
							  : SMX_EUNREACHABLE,
				    0);
			}
}

static const uint8_t first[] = { 0, 1, 2 };

/* ---- which, and when ---- */

START_TEST(short_message_is_copied_once_it_has_lasted)
{
	struct smx_key key = committed("A", 2, first, 1);
	struct engine_copy what;

	ck_assert_uint_eq(bench_counts().short_copies, 1);
	ck_assert_uint_eq(bench_counts().to_copy, 1);
	ck_assert(!to_copy(&what));
	now += 2000;
	ck_assert(to_copy(&what));
	ck_assert_str_eq(what.id, "A");
	ck_assert_int_eq(what.held, 0);
	ck_assert_int_eq(what.passed, 0);
	/* Never one that has it. */
	ck_assert_uint_eq(askable(&key, 2), 6);
	copied_to(&key, 1, 2);
	ck_assert_uint_eq(bench_counts().short_copies, 0);
	ck_assert_uint_eq(bench_counts().to_copy, 0);
	ck_assert_uint_eq(bench_counts().copied, 1);
}
END_TEST

START_TEST(what_is_not_in_the_queue_is_not_copied)
{
	struct engine_copy what;

	(void)bench_ranked("A", 1, NULL, 0, 1);
	now += 100000;
	ck_assert(!to_copy(&what));
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	ck_assert(to_copy(&what));
}
END_TEST

START_TEST(what_no_policy_wants_copied_is_left_alone)
{
	struct engine_message m = { .queue_id = "A", .envelope_sum = 7 };
	struct engine_copy what;
	struct smx_key key;

	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_OK);
	engine_verdict(engine, &key, ENGINE_PROTECTED, NULL, now);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 100000;
	ck_assert(!to_copy(&what));
	ck_assert_uint_eq(bench_counts().to_copy, 0);
}
END_TEST

START_TEST(without_anybody_to_hold_it_no_file_is_opened)
{
	struct smx_key key = committed("A", 1, NULL, 0);
	struct engine_copy what;

	for (size_t i = 0; i < 3; i++)
		engine_drain(engine, i, 1);
	for (int i = 0; i < 100; i++) {
		now += 1000;
		ck_assert(!to_copy(&what));
	}
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	engine_drain(engine, 2, 0);
	ck_assert(to_copy(&what));
	ck_assert_uint_eq(askable(&key, 1), 4);
}
END_TEST

START_TEST(unprotected_one_is_copied_as_soon_as_a_holder_is_up)
{
	struct smx_key key = committed("A", 1, NULL, 0);
	struct engine_copy what;

	for (int i = 0; i < 20; i++) {
		now += 300000;
		if (!to_copy(&what))
			break;
		engine_copy_result(engine, &key, SMX_EUNREACHABLE, NULL, now);
	}
	pass(10000, 0);
	ck_assert(!to_copy(&what));
	greet(1);
	pass(2000, 2);
	ck_assert(to_copy(&what));
	copied_to(&key, 1, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
}
END_TEST

START_TEST(what_cannot_be_had_is_tried_later_each_time)
{
	struct smx_key key = committed("A", 1, NULL, 0);
	struct engine_copy what;
	int64_t last = 0;

	now += 2000;
	for (int i = 0; i < 6; i++) {
		int64_t began = now;

		while (!to_copy(&what)) {
			ck_assert_int_gt(wake, now);
			now = wake;
		}
		ck_assert_int_ge(now - began, last);
		last = now - began;
		engine_copy_result(engine, &key, SMX_EREFUSED, NULL, now);
	}
	ck_assert_int_ge(last, 16000);
}
END_TEST

START_TEST(one_that_is_out_is_not_given_out_twice)
{
	struct engine_copy what;

	(void)committed("A", 1, NULL, 0);
	(void)committed("B", 1, NULL, 0);
	now += 2000;
	ck_assert(to_copy(&what));
	ck_assert(to_copy(&what));
	ck_assert(!to_copy(&what));
}
END_TEST

START_TEST(what_was_requeued_is_copied_under_its_new_id)
{
	struct engine_copy what;

	(void)committed("A", 1, NULL, 0);
	bench_hint(SMX_QUEUE_REQUEUED, "A");
	now += 2000;
	ck_assert(!to_copy(&what));
	bench_seen("A", SMX_PRESENCE_LINKED, bench_look(), "B");
	now += 2000;
	ck_assert(to_copy(&what));
	ck_assert_str_eq(what.id, "B");
}
END_TEST

/* A peer that comes up is no reason to make two of one. */
START_TEST(one_that_is_out_stays_out_when_a_peer_comes_up)
{
	struct smx_key key = committed("A", 2, first, 1);
	struct engine_copy what;

	now += 2000;
	ck_assert(to_copy(&what));
	life[1]++;
	greet(1);
	ck_assert(lists(1, 0));
	ck_assert(!to_copy(&what));
	copied_to(&key, 1, 2);
	/* By which of its lives?  It is read once more. */
	row(0, &key, "A");
	ck_assert(lists(1, 1));
	ck_assert_uint_eq(bench_counts().short_copies, 0);
	ck_assert_uint_eq(bench_counts().to_copy, 0);
}
END_TEST

/* What is learnt with the copy is not lost by that either. */
START_TEST(who_came_up_during_a_copy_in_vain_is_asked_at_once)
{
	struct smx_key key = committed("A", 2, first, 1);
	struct engine_copy what;

	now += 2000;
	ck_assert(to_copy(&what));
	if (_i == 0) {
		life[1]++;
		greet(1);
	} else {
		life[0]++;
		greet(0);
		ck_assert(lists(0, 0));
		ck_assert_uint_eq(bench_counts().unprotected, 1);
	}
	ck_assert(!to_copy(&what));
	engine_copy_result(engine, &key, SMX_EUNREACHABLE, NULL, now);
	ck_assert(to_copy(&what));
	ck_assert_uint_eq(askable(&key, 2), _i == 0 ? 6 : 7);
	/* Once. */
	engine_copy_result(engine, &key, SMX_EUNREACHABLE, NULL, now);
	ck_assert(!to_copy(&what));
}
END_TEST

START_TEST(those_that_are_out_keep_their_place_among_the_others)
{
	struct engine_copy what[8];

	for (int i = 0; i < 8; i++) {
		char id[8];

		snprintf(id, sizeof(id), "Q%d", i);
		(void)committed(id, 1, NULL, 0);
	}
	now += 2000;
	for (int i = 0; i < 4; i++)
		ck_assert(to_copy(&what[i]));
	greet(0);
	life[1]++;
	greet(1);
	for (int i = 4; i < 8; i++)
		ck_assert(to_copy(&what[i]));
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < i; k++)
			ck_assert_int_ne(smx_key_compare(&what[i].key,
					     &what[k].key),
			    0);
	ck_assert(!to_copy(&what[0]));
}
END_TEST

START_TEST(file_under_an_id_that_is_used_again_is_the_last_ones)
{
	struct smx_key last;
	struct engine_copy what;

	(void)bench_ranked("A", 1, NULL, 0, 1);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	last = committed("A", 1, NULL, 0);
	now += 5000;
	ck_assert(to_copy(&what));
	ck_assert_int_eq(smx_key_compare(&what.key, &last), 0);
	ck_assert(!to_copy(&what));
}
END_TEST

/* ---- the holder ---- */

START_TEST(holder_that_is_away_for_a_while_still_counts)
{
	struct engine_copy what;

	(void)committed("A", 1, first, 1);
	pass(4000, 6);
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_QUIET);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert(!to_copy(&what));
}
END_TEST

START_TEST(copies_of_a_lost_holder_are_made_elsewhere)
{
	struct smx_key key = committed("A", 1, first, 1);
	struct engine_copy what;
	struct engine_open open;

	pass(12000, 6);
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_SILENT);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert(to_copy(&what));
	ck_assert_uint_eq(askable(&key, 1), 6);
	copied_to(&key, 1, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert(!to_copy(&what));
	/* Who lives comes first. */
	ck_assert_int_eq(engine_open_get(engine, &key, now, &open), SMX_OK);
	ck_assert_uint_eq(open.holder_count, 2);
	ck_assert_uint_eq(open.holders[0], 1);
	/* The lost one may be back some day: it has to hear of the end. */
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_waiting(1), 1);
}
END_TEST

START_TEST(lost_holder_that_returns_with_its_copies_counts_again)
{
	struct engine_copy what;

	(void)committed("A", 1, first, 1);
	pass(12000, 6);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	engine_heard(engine, 0, now);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_uint_eq(bench_counts().to_copy, 0);
	ck_assert(!to_copy(&what));
}
END_TEST

START_TEST(what_a_holder_forgot_is_copied_at_once)
{
	struct smx_key keys[3];
	struct engine_copy what;

	keys[0] = committed("A", 1, first, 1);
	keys[1] = committed("B", 1, first, 1);
	keys[2] = committed("C", 1, first, 1);
	now += 5000;
	life[0]++;
	greet(0);
	row(0, &keys[1], "B");
	ck_assert(lists(0, 1));
	ck_assert_uint_eq(bench_counts().unprotected, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(to_copy(&what));
		ck_assert_int_ne(smx_key_compare(&what.key, &keys[1]), 0);
		/* The same one may have it anew. */
		ck_assert_uint_eq(askable(&what.key, 1), 7);
		copied_to(&what.key, 0, 1);
	}
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert(!to_copy(&what));
}
END_TEST

/* These live, and nothing else changes. */
static void
heard_for(int64_t ms, unsigned alive)
{
	for (int64_t until = now + ms; now < until; now += 500)
		for (size_t i = 0; i < 3; i++)
			if ((alive >> i & 1) != 0)
				engine_heard(engine, i, now);
}

/* It had waited long for a second copy, and loses the first. */
START_TEST(lost_copy_is_made_without_regard_to_a_pause)
{
	struct smx_key key = committed("A", 2, first, 1);
	struct engine_copy what;

	for (int i = 0; i < 8; i++) {
		while (!to_copy(&what))
			heard_for(1000, 7);
		engine_copy_result(engine, &key, SMX_EREFUSED, NULL, now);
	}
	heard_for(10000, 7);
	ck_assert(!to_copy(&what));
	if (_i == 0) { /* a LIST like any other tells */
		while (!lists(0, 0))
			heard_for(1000, 7);
	} else {
		struct smx_request q;

		while (bench_state(0) != ENGINE_PEER_SILENT) {
			heard_for(1000, 6);
			while (bench_pull(0, &q) == SMX_OK)
				answer(0, &q, SMX_EUNREACHABLE, 0);
		}
	}
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert(to_copy(&what));
}
END_TEST

/* Its file is gone by then, and the copy all there is. */
START_TEST(copy_under_way_while_the_queue_goes_back_is_taken_over)
{
	struct smx_key key = committed("A", 1, NULL, 0);
	struct engine_copy what;

	now += 2000;
	ck_assert(to_copy(&what));
	queue.epoch.counter--;
	engine_queue_state(engine, &queue, now);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	if (_i == 0) {
		copied_to(&key, 0, 1);
		ck_assert_uint_eq(bench_waiting(0), 0);
		ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
		return;
	}
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	engine_copy_result(engine, &key, SMX_EUNREACHABLE, NULL, now);
	ck_assert(!to_copy(&what));
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
}
END_TEST

START_TEST(copy_that_was_confirmed_after_the_list_began_is_not_missed)
{
	struct smx_request q;
	struct smx_key key;

	life[0]++;
	greet(0);
	while (bench_pull(0, &q) == SMX_OK && q.kind != SMX_REQ_LIST)
		answer(0, &q, SMX_OK, 0);
	ck_assert_int_eq(q.kind, SMX_REQ_LIST);
	key = bench_accepted("A");
	(void)key;
	answer(0, &q, SMX_OK, 0);
	ck_assert_uint_eq(bench_counts().short_copies, 0);
	/* It is asked once more at once, since it has just had another life. */
	row(0, &key, "A");
	ck_assert(lists(0, 1));
	ck_assert_uint_eq(bench_counts().unprotected, 0);
}
END_TEST

START_TEST(host_that_has_discarded_it_is_not_asked_again)
{
	struct smx_key key = committed("A", 1, NULL, 0);
	struct engine_copy what;

	now += 2000;
	ck_assert(to_copy(&what));
	engine_sent(engine, &key, 0, SMX_EGONE, now);
	engine_copy_result(engine, &key, SMX_EGONE, NULL, now);
	ck_assert_uint_eq(askable(&key, 1), 6);
	now += 10000;
	ck_assert(to_copy(&what));
}
END_TEST

START_TEST(one_that_may_have_it_is_asked_what_it_has_first)
{
	struct smx_key key = bench_begin("A");
	struct engine_copy what;

	engine_sent(engine, &key, 0, SMX_EUNSURE, now);
	engine_verdict(engine, &key, ENGINE_UNPROTECTED, NULL, now);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 3000;
	ck_assert(to_copy(&what));
	ck_assert_uint_eq(askable(&key, 1), 6);
	engine_copy_result(engine, &key, SMX_EUNREACHABLE, NULL, now);
	now += 10000; /* ten heartbeats */
	ck_assert(lists(0, 0));
	ck_assert_uint_eq(askable(&key, 1), 7);
	/* It hears of the end all the same. */
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

START_TEST(one_that_may_have_it_says_so_soon_when_it_is_the_only_one)
{
	struct smx_key key = bench_begin("A");
	struct engine_copy what;

	engine_drain(engine, 1, 1);
	engine_drain(engine, 2, 1);
	engine_sent(engine, &key, 0, SMX_EUNSURE, now);
	engine_verdict(engine, &key, ENGINE_UNPROTECTED, NULL, now);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 2000;
	ck_assert(!to_copy(&what));
	if (_i == 0)
		row(0, &key, "A");
	ck_assert(lists(0, _i == 0));
	now += 1000; /* far less than ten heartbeats */
	ck_assert_int_eq(to_copy(&what), _i);
	ck_assert_uint_eq(bench_counts().unprotected, _i);
}
END_TEST

START_TEST(drained_holders_copies_are_made_elsewhere_and_count_till_then)
{
	struct smx_key key = committed("A", 1, first, 1);
	struct engine_copy what;

	now += 3000;
	ck_assert(!to_copy(&what));
	engine_drain(engine, 0, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_uint_eq(bench_counts().to_copy, 1);
	ck_assert(to_copy(&what));
	ck_assert_uint_eq(askable(&key, 1), 6);
	copied_to(&key, 2, 1);
	ck_assert_uint_eq(bench_counts().to_copy, 0);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_waiting(2), 1);
}
END_TEST

START_TEST(thousands_are_copied_again)
{
	struct engine_copy what;
	char id[32];
	int n = 0;

	bench_fresh(1, 20000, 1000);
	for (size_t i = 0; i < 3; i++) {
		greet(i);
		ck_assert(lists(i, 0));
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(id, sizeof(id), "A%d", i);
		(void)committed(id, 1, first, 1);
	}
	now += 5000;
	life[0]++;
	greet(0);
	ck_assert(lists(0, 0));
	ck_assert_uint_eq(bench_counts().unprotected, 10000);
	for (; to_copy(&what); n++)
		copied_to(&what.key, 1, 1);
	ck_assert_int_eq(n, 10000);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_uint_eq(bench_counts().to_copy, 0);
}
END_TEST

/* ---- sessions that wait for their answer ---- */

static void
hold_of(struct hold *hold, unsigned copies, size_t confirmed)
{
	struct smx_ack ack = { .when = SMX_WHEN_SHADOWED,
		.copies = copies,
		.min_copies = 1,
		.max_delay_ms = 10000,
		.when_unprotected = SMX_UNPROTECTED_ACCEPT };
	const size_t peers[] = { 0, 1, 2 };
	struct hold_step step;

	hold_begin(hold, &ack, peers, 3, now);
	for (size_t i = 0; i < confirmed; i++) {
		hold_next(hold, now, &step);
		ck_assert_int_eq(step.what, HOLD_SEND);
		hold_answer(hold, step.peer, SMX_OK, now);
	}
}

START_TEST(copy_that_was_lost_before_the_answer_does_not_count)
{
	struct smx_key key = bench_begin("A");
	struct hold_step step;
	struct hold hold;

	hold_of(&hold, 2, 1);
	engine_sent(engine, &key, 0, SMX_OK, now);
	ck_assert(!engine_hold_look(engine, &key, &hold));
	now += 100;
	life[0]++;
	greet(0);
	ck_assert(engine_hold_look(engine, &key, &hold));
	ck_assert_uint_eq(hold.copies, 0);
	ck_assert(lists(0, 0));
	ck_assert(engine_hold_look(engine, &key, &hold));
	hold_next(&hold, now, &step);
	ck_assert_int_eq(step.what, HOLD_SEND);
	ck_assert_uint_eq(step.peer, 1);
	hold_answer(&hold, 1, SMX_OK, now);
	engine_sent(engine, &key, 1, SMX_OK, now);
	/* And the first is asked again: it is there. */
	for (int i = 0; i < 2; i++) {
		hold_next(&hold, now, &step);
		ck_assert_int_eq(step.what, HOLD_SEND);
		hold_answer(&hold, step.peer, SMX_EFULL, now);
	}
	ck_assert_uint_eq(step.peer, 0);
	hold_next(&hold, now, &step);
	ck_assert_int_eq(hold.state, HOLD_SHORT);
}
END_TEST

START_TEST(copy_of_a_former_life_counts_once_it_is_listed)
{
	struct smx_key key = bench_begin("A");
	struct hold_step step;
	struct hold hold;

	hold_of(&hold, 1, 1);
	engine_sent(engine, &key, 0, SMX_OK, now);
	life[0]++;
	greet(0);
	hold_next(&hold, now, &step);
	ck_assert_int_eq(step.what, HOLD_DONE);
	ck_assert(engine_hold_look(engine, &key, &hold));
	ck_assert_int_eq(hold.state, HOLD_ASKING);
	hold_next(&hold, now, &step);
	ck_assert_int_eq(step.what, HOLD_WAIT);
	row(0, &key, "A");
	ck_assert(lists(0, 1));
	ck_assert(engine_hold_look(engine, &key, &hold));
	hold_next(&hold, now, &step);
	ck_assert_int_eq(step.what, HOLD_DONE);
	ck_assert_int_eq(hold.state, HOLD_GRANTED);
}
END_TEST

/* Said before the holder began anew, and heard after all of its LIST. */
START_TEST(answer_of_a_life_that_is_over_counts_once_it_is_listed)
{
	struct smx_key key = bench_begin("A"), other;
	struct hold hold;

	hold_of(&hold, 1, 1);
	life[0]++;
	greet(0);
	ck_assert(lists(0, 0));
	engine_sent(engine, &key, 0, SMX_OK, now);
	ck_assert(engine_hold_look(engine, &key, &hold));
	ck_assert_int_eq(hold.state, HOLD_ASKING);
	ck_assert_uint_eq(hold.copies, 0);
	/* It is asked what it has, at once; what came after that counts. */
	row(0, &key, "A");
	ck_assert(lists(0, _i == 0));
	ck_assert_int_eq(engine_hold_look(engine, &key, &hold), 1);
	ck_assert_uint_eq(hold.copies, _i == 0);
	other = bench_begin("B");
	hold_of(&hold, 1, 1);
	engine_sent(engine, &other, 0, SMX_OK, now);
	ck_assert(!engine_hold_look(engine, &other, &hold));
	ck_assert_uint_eq(hold.copies, 1);
}
END_TEST

START_TEST(copy_of_a_life_that_is_over_is_made_once_more)
{
	struct engine_ranks ranks = { .count = 1, .wanted = 1 };
	struct smx_key key = committed("A", 1, first, 0);
	struct engine_copy what;

	now += 2000;
	ck_assert(to_copy(&what));
	life[0]++;
	greet(0);
	ck_assert(lists(0, 0));
	engine_sent(engine, &key, 0, SMX_OK, now);
	engine_copy_result(engine, &key, SMX_OK, &ranks, now);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert(lists(0, 0));
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert(to_copy(&what));
}
END_TEST

START_TEST(in_doubt_at_the_deadline_is_no_copy)
{
	struct smx_key key = bench_begin("A");
	struct hold_step step;
	struct hold hold;

	hold_of(&hold, 1, 1);
	engine_sent(engine, &key, 0, SMX_OK, now);
	life[0]++;
	greet(0);
	ck_assert(engine_hold_look(engine, &key, &hold));
	now += 10000;
	hold_next(&hold, now, &step);
	ck_assert_int_eq(hold.state, HOLD_UNPROTECTED);
	ck_assert(!engine_hold_look(engine, &key, &hold));
	engine_verdict(engine, &key, ENGINE_UNPROTECTED, NULL, now);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	row(0, &key, "A");
	ck_assert(lists(0, 1));
	ck_assert_uint_eq(bench_counts().unprotected, 0);
}
END_TEST

START_TEST(what_was_forgotten_between_answer_and_commit_is_copied)
{
	struct smx_key key = bench_accepted("A");
	struct engine_copy what;

	life[0]++;
	greet(0);
	ck_assert(lists(0, 0));
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 2000;
	ck_assert(to_copy(&what));
	ck_assert_int_eq(smx_key_compare(&what.key, &key), 0);
}
END_TEST

/* ---- after a restart ---- */

START_TEST(restart_learns_how_many_were_wanted)
{
	struct smx_key key = { .incarnation = { 99 }, .counter = 4 };
	struct engine_ranks none = { .wanted = 1 };
	struct engine_copy what;

	engine_copies_most(engine, (unsigned)_i + 1);
	now += 10000;
	row(0, &key, "A");
	ck_assert(lists(0, 1));
	bench_shown("A", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().short_copies, 0);
	ck_assert_int_eq(to_copy(&what), _i == 1);
	if (_i == 0)
		return;
	engine_copy_result(engine, &key, SMX_OK, &none, now);
	ck_assert_uint_eq(bench_counts().to_copy, 0);
	ck_assert_uint_eq(bench_counts().open, 1);
}
END_TEST

static void
found(const char *id)
{
	bench_hint(SMX_QUEUE_FOUND, id);
}

START_TEST(what_nobody_lists_is_unprotected_and_copied)
{
	struct smx_key key = { .incarnation = { 99 }, .counter = 4 };
	struct engine_copy what;
	uint64_t token;

	bench_fresh(2, 1000, 1000);
	found("4jXKs0Qw0000z1b");
	found("4jXKs0Qw0001z1b");
	found("");
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(bench_look(), 0);
		greet(i);
		row(0, &key, "4jXKs0Qw0000z1b");
		ck_assert(lists(i, i == 1));
	}
	ck_assert_uint_eq(bench_counts().open, 1);
	now += 60;
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_seen("4jXKs0Qw0001z1b", SMX_PRESENCE_THERE, token, "");
	ck_assert_uint_eq(bench_counts().open, 2);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert_uint_eq(bench_counts().passed, 0);
	ck_assert(to_copy(&what));
	ck_assert_str_eq(what.id, "4jXKs0Qw0001z1b");
	ck_assert_int_eq(what.held, -1);
}
END_TEST

START_TEST(late_list_of_a_found_message_makes_one_of_two)
{
	struct smx_key key = { .incarnation = { 99 }, .counter = 4 };
	struct engine_copy what;
	uint64_t token;

	bench_fresh(2, 1000, 1000);
	found("4jXKs0Qw0001z1b");
	found("");
	for (size_t i = 0; i < 2; i++) {
		greet(i);
		ck_assert(lists(i, 0));
	}
	ck_assert_uint_eq(bench_look(), 0);
	pass(12000, 3);
	ck_assert_int_eq(bench_state(2), ENGINE_PEER_SILENT);
	token = bench_look();
	bench_seen("4jXKs0Qw0001z1b", SMX_PRESENCE_THERE, token, "");
	ck_assert(to_copy(&what));
	copied_to(&what.key, 0, 1);
	life[2]++;
	greet(2);
	row(0, &key, "4jXKs0Qw0001z1b");
	ck_assert(lists(2, 1));
	ck_assert_uint_eq(bench_counts().open, 1);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_waiting(2), 0);
}
END_TEST

/* What the former life of this daemon answered, and the MTA commits only now.
 */
START_TEST(commit_of_a_former_lifes_answer_is_found)
{
	static const char id[] = "4jXKs0Qw0001z1b";
	struct engine_copy what;
	uint64_t token;

	bench_fresh(2, 1000, 1000);
	if (_i == 0)
		bench_hint(SMX_QUEUE_COMMITTED, id); /* before all is read */
	found("");
	for (size_t i = 0; i < 3; i++) {
		greet(i);
		ck_assert(lists(i, 0));
	}
	if (_i == 1)
		bench_hint(SMX_QUEUE_COMMITTED, id);
	now += 4000; /* it may be one that this host resubmits */
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_seen(id, SMX_PRESENCE_THERE, token, "");
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert_uint_eq(bench_counts().passed, 0);
	ck_assert(to_copy(&what));
	ck_assert_str_eq(what.id, id);
}
END_TEST

/* Mail of which no policy says anything is not looked for all the time. */
START_TEST(commit_that_no_former_life_answered_is_not_found)
{
	bench_fresh(2, 1000, 1000);
	found("");
	for (size_t i = 0; i < 3; i++) {
		greet(i);
		ck_assert(lists(i, 0));
	}
	/* This host's own doing, which is known soon. */
	bench_hint(SMX_QUEUE_COMMITTED, "4jXKs0Qw0001z1b");
	now += 100;
	engine_resubmitted(engine, "4jXKs0Qw0001z1b", now);
	ck_assert_uint_eq(bench_counts().open, 1);
	now += 4000;
	bench_shown("4jXKs0Qw0001z1b", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().open, 1);
	now += 60000;
	bench_hint(SMX_QUEUE_COMMITTED, "4jXKs0Qw0002z1b");
	now += 4000;
	bench_shown("4jXKs0Qw0002z1b", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().open, 1);
}
END_TEST

START_TEST(what_was_found_is_not_looked_for_twice)
{
	bench_fresh(2, 1000, 1000);
	found("");
	found("4jXKs0Qw0001z1b");
	for (size_t i = 0; i < 3; i++) {
		greet(i);
		ck_assert(lists(i, 0));
	}
	now += 60;
	ck_assert_uint_eq(bench_look(), 0);
}
END_TEST

START_TEST(what_was_resubmitted_is_protected_again)
{
	struct engine_copy what;

	engine_resubmitted(engine, "A", now);
	engine_resubmitted(engine, "A", now);
	ck_assert_uint_eq(bench_counts().open, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert(!to_copy(&what));
	now += 2000;
	ck_assert(to_copy(&what));
	copied_to(&what.key, 1, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
	ck_assert_uint_eq(bench_waiting(1), 1);
}
END_TEST

static void
add_which(TCase *tc)
{
	tcase_add_test(tc, short_message_is_copied_once_it_has_lasted);
	tcase_add_test(tc, what_is_not_in_the_queue_is_not_copied);
	tcase_add_test(tc, what_no_policy_wants_copied_is_left_alone);
	tcase_add_test(tc, without_anybody_to_hold_it_no_file_is_opened);
	tcase_add_test(tc, unprotected_one_is_copied_as_soon_as_a_holder_is_up);
	tcase_add_test(tc, what_cannot_be_had_is_tried_later_each_time);
	tcase_add_test(tc, one_that_is_out_is_not_given_out_twice);
	tcase_add_test(tc, what_was_requeued_is_copied_under_its_new_id);
	tcase_add_test(tc, one_that_is_out_stays_out_when_a_peer_comes_up);
	tcase_add_loop_test(tc,
	    who_came_up_during_a_copy_in_vain_is_asked_at_once, 0, 2);
	tcase_add_test(tc,
	    those_that_are_out_keep_their_place_among_the_others);
	tcase_add_test(tc,
	    file_under_an_id_that_is_used_again_is_the_last_ones);
}

static void
add_holders(TCase *tc)
{
	tcase_add_test(tc, holder_that_is_away_for_a_while_still_counts);
	tcase_add_test(tc, copies_of_a_lost_holder_are_made_elsewhere);
	tcase_add_test(tc,
	    lost_holder_that_returns_with_its_copies_counts_again);
	tcase_add_test(tc, what_a_holder_forgot_is_copied_at_once);
	tcase_add_loop_test(tc, lost_copy_is_made_without_regard_to_a_pause, 0,
	    2);
	tcase_add_loop_test(tc,
	    copy_under_way_while_the_queue_goes_back_is_taken_over, 0, 2);
	tcase_add_test(tc,
	    copy_that_was_confirmed_after_the_list_began_is_not_missed);
	tcase_add_test(tc, host_that_has_discarded_it_is_not_asked_again);
	tcase_add_test(tc, one_that_may_have_it_is_asked_what_it_has_first);
	tcase_add_loop_test(tc,
	    one_that_may_have_it_says_so_soon_when_it_is_the_only_one, 0, 2);
	tcase_add_test(tc,
	    drained_holders_copies_are_made_elsewhere_and_count_till_then);
	tcase_add_test(tc, thousands_are_copied_again);
}

static void
add_sessions(TCase *tc)
{
	tcase_add_test(tc, copy_that_was_lost_before_the_answer_does_not_count);
	tcase_add_test(tc, copy_of_a_former_life_counts_once_it_is_listed);
	tcase_add_loop_test(tc,
	    answer_of_a_life_that_is_over_counts_once_it_is_listed, 0, 2);
	tcase_add_test(tc, copy_of_a_life_that_is_over_is_made_once_more);
	tcase_add_test(tc, in_doubt_at_the_deadline_is_no_copy);
	tcase_add_test(tc,
	    what_was_forgotten_between_answer_and_commit_is_copied);
}

static void
add_restart(TCase *tc)
{
	tcase_add_loop_test(tc, restart_learns_how_many_were_wanted, 0, 2);
	tcase_add_test(tc, what_nobody_lists_is_unprotected_and_copied);
	tcase_add_test(tc, late_list_of_a_found_message_makes_one_of_two);
	tcase_add_loop_test(tc, commit_of_a_former_lifes_answer_is_found, 0, 2);
	tcase_add_test(tc, commit_that_no_former_life_answered_is_not_found);
	tcase_add_test(tc, what_was_found_is_not_looked_for_twice);
	tcase_add_test(tc, what_was_resubmitted_is_protected_again);
}

int
main(void)
{
	static void (*const add[])(
	    TCase *) = { add_which, add_holders, add_sessions, add_restart };
	static const char *const names[] = { "which", "holders", "sessions",
		"restart" };
	Suite *suite = suite_create("again");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(add) / sizeof(*add); i++) {
		TCase *tc = tcase_create(names[i]);

		tcase_add_checked_fixture(tc, setup, bench_close);
		tcase_set_timeout(tc, 60);
		add[i](tc);
		suite_add_tcase(suite, tc);
	}
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
