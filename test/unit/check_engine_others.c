/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_bench.h"

/* Three peers: whom to ask for a copy, since when nobody could be found, what
 * others say of a silent one, and what the MTA commits without our yes. */

static void
greet(size_t peer)
{
	struct smx_hello theirs = { .incarnation = { (uint8_t)(50 + peer) } };
	struct smx_hello ours;

	engine_hello(engine, peer, &theirs, &ours, now);
}

static void
open_greeted(void)
{
	bench_open_named();
	for (size_t i = 0; i < 3; i++)
		greet(i);
}

/* ---- candidates ---- */

static size_t
ask_whom(uint64_t holders, uint64_t preferred, size_t peers[3])
{
	struct smx_ack ack = { .holders = holders, .preferred = preferred };

	return engine_candidates(engine, &ack, now, peers, 3);
}

START_TEST(only_allowed_members_are_asked)
{
	size_t peers[3];

	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(ask_whom(4, 0, peers), 1);
		ck_assert_uint_eq(peers[0], 2);
	}
	ck_assert_uint_eq(ask_whom(0, 7, peers), 0);
}
END_TEST

START_TEST(preferred_members_come_first_while_they_are_well)
{
	struct smx_key key = bench_begin("A");
	size_t peers[3];

	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(ask_whom(7, 2, peers), 3);
		ck_assert_uint_eq(peers[0], 1);
	}
	engine_sent(engine, &key, 1, SMX_EUNSURE, now);
	now += 1000; /* its pause is over */
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(ask_whom(7, 2, peers), 3);
		ck_assert_uint_eq(peers[2], 1);
	}
}
END_TEST

START_TEST(drained_member_is_not_asked)
{
	size_t peers[3];

	engine_drain(engine, 1, 1);
	ck_assert_uint_eq(ask_whom(7, 2, peers), 2);
	engine_drain(engine, 1, 0);
	ck_assert_uint_eq(ask_whom(7, 2, peers), 3);
}
END_TEST

/* ---- who is waited for ---- */

static uint64_t
waited_for(int64_t since)
{
	struct smx_ack ack = { .holders = 7 };

	return engine_may_return(engine, &ack, since, now);
}

static void
misses_a_beat(size_t peer)
{
	struct smx_request q;
	int tries = 0;

	while (!bench_until(peer, SMX_REQ_BEAT, &q)) {
		ck_assert_int_lt(tries++, 20);
		now += 100;
	}
	bench_push(peer, &q, SMX_EUNREACHABLE);
}

static void
fails(size_t peer)
{
	struct smx_key key = bench_begin("A");

	engine_sent(engine, &key, peer, SMX_EUNREACHABLE, now);
}

static void
takes_a_copy(size_t peer)
{
	struct smx_key key = bench_begin("A");

	engine_sent(engine, &key, peer, SMX_OK, now);
}

/* Many wait; the first that is answered must not turn the others away. */
START_TEST(one_that_takes_a_copy_can_be_asked_by_all)
{
	size_t peers[3];

	for (int i = 0; i < 4; i++)
		misses_a_beat(2);
	fails(2);
	ck_assert_uint_eq(ask_whom(4, 0, peers), 0);
	ck_assert_uint_eq(waited_for(now) & 4, 4);
	takes_a_copy(2);
	ck_assert_uint_eq(waited_for(now) & 4, 4);
	ck_assert_uint_eq(ask_whom(4, 0, peers), 1);
}
END_TEST

/* While heartbeats do not say so, an answer to anything else is no end of the
 * pause for shadows. */
START_TEST(one_that_answers_is_waited_for_through_its_pause)
{
	struct smx_request q = { .kind = SMX_REQ_DISCARD };
	struct smx_reply reply = { 0 };
	size_t peers[3];

	fails(2);
	engine_peer_result(engine, 2, &q, SMX_OK, &reply, now);
	ck_assert_uint_eq(ask_whom(4, 0, peers), 0);
	ck_assert_uint_eq(waited_for(now) & 4, 4);
	now += 200;
	ck_assert_uint_eq(ask_whom(4, 0, peers), 1);
}
END_TEST

START_TEST(failures_together_are_one)
{
	size_t peers[3];

	for (int i = 0; i < 60; i++)
		fails(2);
	now += 200;
	ck_assert_uint_eq(ask_whom(4, 0, peers), 1);
	fails(2);
	now += 399;
	ck_assert_uint_eq(ask_whom(4, 0, peers), 0);
	now += 1;
	ck_assert_uint_eq(ask_whom(4, 0, peers), 1);
}
END_TEST

/* Not before its deadline does an end of message stop waiting for one that was
 * there when it began. */
START_TEST(who_began_before_it_was_away_for_long_waits_on)
{
	int64_t went = now;

	fails(2);
	now += 60000;
	fails(2);
	ck_assert_uint_eq(waited_for(went - 1000) & 4, 4);
	ck_assert_uint_eq(waited_for(went + 14999) & 4, 4);
	ck_assert_uint_eq(waited_for(went + 15000) & 4, 0);
	ck_assert_uint_eq(waited_for(now) & 4, 0);
	ck_assert_uint_eq(waited_for(now) & 3, 3);
	takes_a_copy(2);
	ck_assert_uint_eq(waited_for(now) & 4, 4);
}
END_TEST

START_TEST(nobody_waits_for_one_that_takes_no_copies)
{
	struct smx_key key = bench_begin("A");
	struct smx_ack ack = { .holders = 3 };

	ck_assert_uint_eq(engine_may_return(engine, &ack, now, now), 3);
	engine_sent(engine, &key, 0, SMX_EFULL, now);
	engine_drain(engine, 1, 1);
	ck_assert_uint_eq(waited_for(now), 4);
	fails(1);
	ck_assert_uint_eq(waited_for(now), 4);
}
END_TEST

/* ---- trouble ---- */

static const struct smx_ack two_of_all = { .holders = 7, .min_copies = 2 };
static const struct smx_ack one_of_all = { .holders = 7, .min_copies = 1 };
static const struct smx_ack one_of_last = { .holders = 4, .min_copies = 1 };

static void
breaks(size_t peer)
{
	struct smx_key key = bench_begin("A");

	engine_sent(engine, &key, peer, SMX_EUNREACHABLE, now);
	engine_verdict(engine, &key, ENGINE_REFUSED, NULL, now);
}

static void
answers_a_beat(size_t peer)
{
	struct smx_request q;
	int tries = 0;

	while (!bench_until(peer, SMX_REQ_BEAT, &q)) {
		ck_assert_int_lt(tries++, 20);
		now += 100;
	}
	bench_push(peer, &q, SMX_OK);
}

START_TEST(trouble_lasts_until_a_message_gets_through)
{
	breaks(0);
	breaks(1);
	ck_assert_int_eq(engine_trouble_ms(engine, &two_of_all, now), 0);
	engine_trouble(engine, &two_of_all, 1, now);
	ck_assert_int_gt(engine_trouble_ms(engine, &two_of_all, now), 0);
	now += 1500;
	engine_trouble(engine, &two_of_all, 1, now);
	now += 500;
	ck_assert_int_eq(engine_trouble_ms(engine, &two_of_all, now), 2000);
	engine_trouble(engine, &two_of_all, 0, now);
	ck_assert_int_eq(engine_trouble_ms(engine, &two_of_all, now), 0);
}
END_TEST

START_TEST(trouble_of_one_kind_is_not_another_ones)
{
	breaks(0);
	breaks(1);
	engine_trouble(engine, &two_of_all, 1, now);
	now += 100;
	ck_assert_int_eq(engine_trouble_ms(engine, &one_of_all, now), 0);
	ck_assert_int_eq(engine_trouble_ms(engine, &one_of_last, now), 0);
}
END_TEST

START_TEST(trouble_ends_when_enough_members_are_well_again)
{
	breaks(0);
	breaks(1);
	engine_trouble(engine, &two_of_all, 1, now);
	now += 1000;
	/* Its pause is over, and it is worth asking: that is no recovery. */
	ck_assert_int_eq(engine_trouble_ms(engine, &two_of_all, now), 1000);
	answers_a_beat(0);
	ck_assert_int_eq(engine_trouble_ms(engine, &two_of_all, now), 0);
}
END_TEST

/* A full store answers every heartbeat. */
START_TEST(full_members_do_not_end_a_trouble_by_being_there)
{
	struct smx_key key = bench_begin("A");

	for (size_t i = 0; i < 2; i++)
		engine_sent(engine, &key, i, SMX_EFULL, now);
	engine_trouble(engine, &two_of_all, 1, now);
	for (int i = 0; i < 5; i++)
		for (size_t k = 0; k < 3; k++)
			answers_a_beat(k);
	ck_assert_int_ge(engine_trouble_ms(engine, &two_of_all, now), 3000);
}
END_TEST

/* So does one that refuses every shadow for a reason of its own. */
START_TEST(refusing_members_do_not_end_a_trouble_by_being_there)
{
	struct smx_key key = bench_begin("A");

	for (size_t i = 0; i < 2; i++)
		engine_sent(engine, &key, i, SMX_EREFUSED, now);
	engine_trouble(engine, &two_of_all, 1, now);
	for (int i = 0; i < 5; i++)
		for (size_t k = 0; k < 3; k++)
			answers_a_beat(k);
	ck_assert_int_ge(engine_trouble_ms(engine, &two_of_all, now), 3000);
	engine_sent(engine, &key, 1, SMX_OK, now);
	ck_assert_int_eq(engine_trouble_ms(engine, &two_of_all, now), 0);
}
END_TEST

START_TEST(kinds_of_trouble_have_a_ceiling)
{
	for (size_t i = 0; i < 3; i++)
		breaks(i);
	for (unsigned i = 0; i < 100; i++) {
		struct smx_ack ack = { .holders = 7, .min_copies = i + 1 };

		engine_trouble(engine, &ack, 1, now);
		now++;
		ck_assert_int_gt(engine_trouble_ms(engine, &ack, now), 0);
	}
	ck_assert_int_eq(engine_trouble_ms(engine, &one_of_all, now), 0);
}
END_TEST

/* ---- what others say of a silent one ---- */

static int
silent(size_t peer)
{
	struct engine_takeover t;
	int64_t wake;

	for (int i = 0; i < 3; i++)
		if (engine_takeover_next(engine, now, &t, &wake) &&
		    t.cause == ENGINE_CAUSE_SILENT && t.peer == peer)
			return 1;
	return 0;
}

/* A second: peer 0 answers nobody; the others answer, and say of it what ago_ms
 * says; below -1 they do not answer SEEN. */
static unsigned
second(int64_t ago_ms)
{
	struct smx_request q;
	unsigned asked = 0;

	now += 1000;
	for (size_t i = 0; i < 3; i++)
		while (bench_pull(i, &q) == SMX_OK) {
			struct smx_reply reply = { .answers = answers,
				.listed = listed,
				.ago_ms = ago_ms };
			int r = i == 0 ? SMX_EUNREACHABLE : SMX_OK;

			if (q.kind == SMX_REQ_SEEN) {
				ck_assert_str_eq(q.node, "mx2");
				asked++;
				if (ago_ms < -1)
					r = SMX_EUNSURE;
			}
			engine_peer_result(engine, i, &q, r, &reply, now);
		}
	return asked;
}

START_TEST(nobody_is_asked_about_one_that_is_heard)
{
	for (int i = 0; i < 20; i++) {
		engine_heard(engine, 0, now);
		ck_assert_uint_eq(second(0), 0);
	}
}
END_TEST

START_TEST(one_that_somebody_hears_is_not_silent)
{
	for (int i = 0; i < 30; i++) {
		(void)second(1000);
		ck_assert(!silent(0));
		ck_assert_int_ne(bench_state(0), ENGINE_PEER_SILENT);
	}
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_QUIET);
}
END_TEST

START_TEST(silence_is_agreed_on_as_soon_as_all_have_answered)
{
	int i = 0;

	/* Heard too long ago, or never. */
	while (!silent(0) && i < 30) {
		(void)second(_i == 0 ? -1 : 6000);
		i++;
	}
	ck_assert_int_le(i, 7);
	ck_assert_int_ge(i, 6);
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_SILENT);
}
END_TEST

START_TEST(who_does_not_answer_is_waited_for_two_heartbeats)
{
	int overdue = 0;

	for (int i = 0; i < 30 && !silent(0); i++)
		overdue += second(-2) != 0;
	ck_assert(silent(0));
	ck_assert_int_ge(overdue, 1);
	ck_assert_int_le(overdue, 3);
}
END_TEST

START_TEST(word_that_it_lives_counts_for_two_heartbeats)
{
	int more = 0;

	for (int i = 0; i < 10; i++)
		(void)second(1000);
	ck_assert(!silent(0));
	while (!silent(0) && more < 10) {
		(void)second(-2);
		more++;
	}
	ck_assert_int_ge(more, 2);
	ck_assert_int_le(more, 4);
}
END_TEST

START_TEST(one_that_comes_back_is_asked_about_no_more)
{
	for (int i = 0; i < 10; i++)
		(void)second(-1);
	ck_assert(silent(0));
	engine_heard(engine, 0, now);
	ck_assert(!silent(0));
	ck_assert_uint_eq(second(-1), 0);
}
END_TEST

/* Whoever takes it over has stopped when it was not silent for a while. */
START_TEST(silence_that_was_broken_off_is_told_anew)
{
	struct engine_takeover t;
	int64_t at;

	for (int i = 0; i < 10; i++)
		(void)second(-1);
	ck_assert(engine_takeover_next(engine, now, &t, &at));
	engine_takeover_done(engine, &t);
	ck_assert(!silent(0));
	if (_i == 0) {
		now += 60000; /* this process stood still */
		(void)second(-1);
	} else {
		for (int i = 0; i < 5; i++)
			(void)second(100);
	}
	ck_assert_int_ne(bench_state(0), ENGINE_PEER_SILENT);
	for (int i = 0; i < 20 && !silent(0); i++)
		(void)second(-1);
	ck_assert(silent(0));
}
END_TEST

START_TEST(asked_when_it_was_heard_we_say_so)
{
	struct smx_request q = { .kind = SMX_REQ_SEEN, .node = "mx2" };
	struct smx_reply reply = { 0 };

	engine_heard(engine, 0, now);
	now += 700;
	ck_assert_int_eq(engine_request(engine, 1, &q, &reply, now), SMX_OK);
	ck_assert_int_eq(reply.ago_ms, 700);
	q.node = "stranger";
	ck_assert_int_eq(engine_request(engine, 1, &q, &reply, now), SMX_OK);
	ck_assert_int_eq(reply.ago_ms, -1);
	bench_open_named();
	q.node = "mx3";
	ck_assert_int_eq(engine_request(engine, 0, &q, &reply, now), SMX_OK);
	ck_assert_int_eq(reply.ago_ms, -1);
}
END_TEST

START_TEST(one_takeover_that_waits_does_not_hide_another)
{
	struct engine_takeover t;
	unsigned seen = 0;
	int64_t wake;

	ck_assert_int_eq(engine_takeover_command(engine, 0), SMX_OK);
	ck_assert_int_eq(engine_takeover_command(engine, 2), SMX_OK);
	for (int i = 0; i < 4; i++) {
		ck_assert(engine_takeover_next(engine, now, &t, &wake));
		seen |= 1u << t.peer;
	}
	ck_assert_uint_eq(seen, 5);
}
END_TEST

/* ---- what the MTA commits without our yes ---- */

static int64_t wake;

static int
to_copy(struct smx_key *key, char id[64])
{
	struct engine_copy what;
	int r = engine_copy_next(engine, now, &what, &wake);

	if (r == SMX_OK) {
		*key = what.key;
		memcpy(id, what.id, sizeof(what.id));
	}
	return r;
}

static void
passed(const char *id)
{
	engine_passed(engine, id, now);
	now += 60;
}

static void
found(const char *id, enum smx_presence presence)
{
	uint64_t token = bench_look();

	ck_assert_uint_ne(token, 0);
	bench_seen(id, presence, token, "");
}

START_TEST(aborted_message_that_is_gone_was_nothing)
{
	struct smx_key key;
	char id[64];

	passed("A");
	found("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
	ck_assert_uint_eq(bench_counts().passed, 0);
	now += 60000;
	ck_assert_uint_eq(bench_look(), 0);
	ck_assert_int_eq(to_copy(&key, id), SMX_ENOTFOUND);
}
END_TEST

START_TEST(aborted_message_in_the_queue_is_counted_and_copied)
{
	struct engine_ranks ranks = { .count = 1, .peer = { 1 }, .told = 1 };
	struct smx_key key, again;
	char id[64];
	size_t n;

	passed("A");
	if (_i == 0)
		found("A", SMX_PRESENCE_THERE);
	else
		bench_hint(SMX_QUEUE_COMMITTED, "A");
	ck_assert_uint_eq(bench_counts().passed, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert_int_eq(to_copy(&key, id), SMX_OK);
	ck_assert_str_eq(id, "A");
	ck_assert_int_eq(to_copy(&again, id), SMX_ENOTFOUND);
	engine_sent(engine, &key, 1, SMX_OK, now);
	engine_copy_result(engine, &key, SMX_OK, &ranks, now);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_int_eq(to_copy(&again, id), SMX_ENOTFOUND);
	/* That it is on hold, and final as it is, has still to be told. */
	ck_assert_uint_ne(bench_read(&n), 0);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
	ck_assert_uint_eq(bench_waiting(1), 1);
}
END_TEST

START_TEST(file_that_is_still_written_is_looked_for_again)
{
	passed("A");
	found("A", SMX_PRESENCE_UNCOMMITTED);
	ck_assert_uint_eq(bench_counts().open, 0);
	now += 5000;
	found("A", SMX_PRESENCE_UNKNOWN);
	now += 10000;
	found("A", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().open, 1);
}
END_TEST

START_TEST(look_from_before_the_abort_makes_nothing)
{
	uint64_t token;

	passed("X");
	token = bench_look();
	engine_passed(engine, "A", now);
	bench_seen("A", SMX_PRESENCE_THERE, token, "");
	ck_assert_uint_eq(bench_counts().open, 0);
}
END_TEST

START_TEST(id_that_is_a_new_messages_is_not_passed_by)
{
	passed("A");
	(void)bench_accepted("A");
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	ck_assert_uint_eq(bench_counts().passed, 0);
	ck_assert_uint_eq(bench_counts().open, 1);
	bench_shown("A", SMX_PRESENCE_THERE);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	now += 5000;
	ck_assert_uint_eq(bench_look(), 0); /* nothing is left of either */
}
END_TEST

START_TEST(message_that_is_followed_already_is_not_followed_twice)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	passed("A");
	engine_session_end(engine, &key, now);
	passed("A");
	now += 60000;
	found("A", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().open, 1);
	ck_assert_uint_eq(bench_counts().passed, 0);
}
END_TEST

START_TEST(copy_that_failed_is_tried_again_later_each_time)
{
	struct smx_key key;
	int64_t last = 0;
	char id[64];

	passed("A");
	found("A", SMX_PRESENCE_THERE);
	for (int i = 0; i < 5; i++) {
		int64_t began = now;

		while (to_copy(&key, id) != SMX_OK)
			now = wake;
		ck_assert_int_ge(now - began, last);
		last = now - began;
		engine_copy_result(engine, &key,
		    i == 0 ? SMX_ENOTFOUND : SMX_EUNREACHABLE, NULL, now);
	}
	ck_assert_int_ge(last, 8000);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
}
END_TEST

START_TEST(copy_that_no_policy_asks_for_is_not_missed)
{
	struct smx_key key;
	char id[64];

	passed("A");
	found("A", SMX_PRESENCE_THERE);
	ck_assert_int_eq(to_copy(&key, id), SMX_OK);
	engine_copy_result(engine, &key, SMX_OK, NULL, now);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	now += 600000;
	ck_assert_int_eq(to_copy(&key, id), SMX_ENOTFOUND);
	bench_shown("A", SMX_PRESENCE_THERE);
	ck_assert_int_eq(to_copy(&key, id), SMX_ENOTFOUND);
}
END_TEST

START_TEST(copy_of_what_has_ended_is_discarded)
{
	struct smx_key key;
	char id[64];

	passed("A");
	found("A", SMX_PRESENCE_THERE);
	ck_assert_int_eq(to_copy(&key, id), SMX_OK);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
	engine_sent(engine, &key, 0, SMX_OK, now);
	engine_copy_result(engine, &key, SMX_OK, NULL, now);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_int_eq(to_copy(&key, id), SMX_ENOTFOUND);
}
END_TEST

START_TEST(remembered_ids_have_a_ceiling_and_an_end)
{
	const char *ids[512];
	uint64_t token;
	size_t n, looked = 0;

	for (int i = 0; i < 10000; i++) {
		char id[16];

		snprintf(id, sizeof(id), "F%d", i);
		engine_passed(engine, id, now);
	}
	now += 60;
	while ((n = engine_verify_next(engine, now, ids, 512, &token)) != 0)
		looked += n;
	ck_assert_uint_eq(looked, 4096);
	now += 600000;
	ck_assert_uint_eq(bench_look(), 0);
}
END_TEST

/* ---- notices to senders ---- */

/* A message that peer 1 has, given up by the MTA: its notice is "N". */
static struct smx_key
given_up(void)
{
	static const uint8_t peers[] = { 1 };
	struct smx_queue_event e = { .kind = SMX_QUEUE_RETURNED,
		.id = "A",
		.other = "N" };
	struct smx_key key = bench_ranked("A", 1, peers, 1, 1);

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &key, now);
	engine_queue_event(engine, &e, now);
	return key;
}

/* Ids that passed by are not looked for after ten minutes. */
static void
shown_soon(const char *id, enum smx_presence presence)
{
	uint64_t token = 0;

	for (int i = 0; i < 100 && token == 0; i++) {
		now += 500;
		token = bench_look();
	}
	ck_assert_uint_ne(token, 0);
	bench_seen(id, presence, token, "");
}

START_TEST(returned_message_is_kept_until_its_notice_is_copied)
{
	struct engine_ranks ranks = { .count = 1, .peer = { 1 }, .told = 1 };
	struct smx_key key, notice;
	char id[64];

	key = given_up();
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	shown_soon("N", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	ck_assert_int_eq(to_copy(&notice, id), SMX_OK);
	ck_assert_str_eq(id, "N");
	engine_sent(engine, &notice, 1, SMX_OK, now);
	engine_copy_result(engine, &notice, SMX_OK, &ranks, now);
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(bench_query(&notice), SMX_ANSWER_OPEN);
}
END_TEST

/* What a backup MX gives to somebody else by way of the own MTA. */
START_TEST(what_goes_on_under_another_id_keeps_its_copies_until_it_is_copied)
{
	static const uint8_t peers[] = { 1 };
	struct engine_ranks ranks = { .count = 1, .peer = { 1 }, .told = 1 };
	struct smx_key key = bench_ranked("A", 1, peers, 1, 1), other;
	char id[64];

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &key, now);
	engine_goes_on(engine, "A", "N", now);
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	shown_soon("N", SMX_PRESENCE_THERE);
	ck_assert_int_eq(to_copy(&other, id), SMX_OK);
	ck_assert_str_eq(id, "N");
	engine_sent(engine, &other, 1, SMX_OK, now);
	engine_copy_result(engine, &other, SMX_OK, &ranks, now);
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(bench_query(&other), SMX_ANSWER_OPEN);
	/* nobody's message, and no id */
	engine_goes_on(engine, "X", "", now);
	engine_goes_on(engine, "X", "Y", now);
}
END_TEST

/* The notice cannot be delivered, and the postmaster is told of that. */
START_TEST(returned_message_is_kept_until_the_last_notice_is_copied)
{
	struct engine_ranks ranks = { .count = 1, .peer = { 1 }, .told = 1 };
	struct smx_queue_event e = { .kind = SMX_QUEUE_RETURNED,
		.id = "N",
		.other = "P" };
	struct smx_key key, notice;
	char id[64];

	key = given_up();
	if (_i == 1)
		shown_soon("N", SMX_PRESENCE_THERE); /* an own one by now */
	engine_queue_event(engine, &e, now);
	shown_soon("N", SMX_PRESENCE_ABSENT);
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	shown_soon("P", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	/* The first notice has not ended either, before this one is safe. */
	if (_i == 1)
		ck_assert_int_eq(to_copy(&notice, id), SMX_OK);
	ck_assert_int_eq(to_copy(&notice, id), SMX_OK);
	ck_assert_str_eq(id, "P");
	engine_sent(engine, &notice, 1, SMX_OK, now);
	engine_copy_result(engine, &notice, SMX_OK, &ranks, now);
	if (_i == 1)
		shown_soon("N", SMX_PRESENCE_ABSENT);
	shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(bench_query(&notice), SMX_ANSWER_OPEN);
}
END_TEST

/* It was delivered, or came through our milter, or nobody wants it copied, or
 * somebody wrote into the log what is not true. */
START_TEST(returned_message_ends_when_its_notice_needs_no_copy)
{
	static const uint8_t peers[] = { 0 };
	struct smx_key key, notice;
	char id[64];

	if (_i == 1)
		(void)bench_ranked("N", 1, peers, 1, 1);
	key = given_up();
	if (_i == 1)
		bench_shown("A", SMX_PRESENCE_ABSENT);
	else
		shown_soon("A", SMX_PRESENCE_ABSENT);
	if (_i == 0)
		shown_soon("N", SMX_PRESENCE_ABSENT);
	if (_i == 2) {
		shown_soon("N", SMX_PRESENCE_THERE);
		ck_assert_int_eq(to_copy(&notice, id), SMX_OK);
		engine_copy_result(engine, &notice, SMX_OK, NULL, now);
	}
	if (_i == 3) {
		shown_soon("N", SMX_PRESENCE_THERE);
		shown_soon("N", SMX_PRESENCE_ABSENT);
	}
	if (_i != 1)
		shown_soon("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(message_whose_notice_has_gone_stays_as_long_as_it_is_there)
{
	struct smx_key key = given_up();

	shown_soon("N", SMX_PRESENCE_ABSENT);
	bench_shown("A", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
}
END_TEST

static void
add_whom(Suite *s)
{
	TCase *tc = tcase_create("whom to ask");

	tcase_add_checked_fixture(tc, open_greeted, bench_close);
	tcase_add_test(tc, only_allowed_members_are_asked);
	tcase_add_test(tc, preferred_members_come_first_while_they_are_well);
	tcase_add_test(tc, drained_member_is_not_asked);
	tcase_add_test(tc, one_that_takes_a_copy_can_be_asked_by_all);
	tcase_add_test(tc, one_that_answers_is_waited_for_through_its_pause);
	tcase_add_test(tc, failures_together_are_one);
	tcase_add_test(tc, who_began_before_it_was_away_for_long_waits_on);
	tcase_add_test(tc, nobody_waits_for_one_that_takes_no_copies);
	tcase_add_test(tc, trouble_lasts_until_a_message_gets_through);
	tcase_add_test(tc, trouble_of_one_kind_is_not_another_ones);
	tcase_add_test(tc, trouble_ends_when_enough_members_are_well_again);
	tcase_add_test(tc, full_members_do_not_end_a_trouble_by_being_there);
	tcase_add_test(tc,
	    refusing_members_do_not_end_a_trouble_by_being_there);
	tcase_add_test(tc, kinds_of_trouble_have_a_ceiling);
	suite_add_tcase(s, tc);
}

static void
add_silence(Suite *s)
{
	TCase *tc = tcase_create("silence");

	tcase_add_checked_fixture(tc, open_greeted, bench_close);
	tcase_add_test(tc, nobody_is_asked_about_one_that_is_heard);
	tcase_add_test(tc, one_that_somebody_hears_is_not_silent);
	tcase_add_loop_test(tc,
	    silence_is_agreed_on_as_soon_as_all_have_answered, 0, 2);
	tcase_add_test(tc, who_does_not_answer_is_waited_for_two_heartbeats);
	tcase_add_test(tc, word_that_it_lives_counts_for_two_heartbeats);
	tcase_add_test(tc, one_that_comes_back_is_asked_about_no_more);
	tcase_add_loop_test(tc, silence_that_was_broken_off_is_told_anew, 0, 2);
	tcase_add_test(tc, asked_when_it_was_heard_we_say_so);
	tcase_add_test(tc, one_takeover_that_waits_does_not_hide_another);
	suite_add_tcase(s, tc);
}

static void
add_passed(Suite *s)
{
	TCase *tc = tcase_create("passed by");

	tcase_add_checked_fixture(tc, open_greeted, bench_close);
	tcase_add_test(tc, aborted_message_that_is_gone_was_nothing);
	tcase_add_loop_test(tc,
	    aborted_message_in_the_queue_is_counted_and_copied, 0, 2);
	tcase_add_test(tc, file_that_is_still_written_is_looked_for_again);
	tcase_add_test(tc, look_from_before_the_abort_makes_nothing);
	tcase_add_test(tc, id_that_is_a_new_messages_is_not_passed_by);
	tcase_add_test(tc,
	    message_that_is_followed_already_is_not_followed_twice);
	tcase_add_test(tc, copy_that_failed_is_tried_again_later_each_time);
	tcase_add_test(tc, copy_that_no_policy_asks_for_is_not_missed);
	tcase_add_test(tc, copy_of_what_has_ended_is_discarded);
	tcase_add_test(tc, remembered_ids_have_a_ceiling_and_an_end);
	suite_add_tcase(s, tc);
}

static void
add_returned(Suite *s)
{
	TCase *tc = tcase_create("returned");

	tcase_add_checked_fixture(tc, open_greeted, bench_close);
	tcase_add_test(tc, returned_message_is_kept_until_its_notice_is_copied);
	tcase_add_test(tc,
	    what_goes_on_under_another_id_keeps_its_copies_until_it_is_copied);
	tcase_add_loop_test(tc,
	    returned_message_is_kept_until_the_last_notice_is_copied, 0, 2);
	tcase_add_loop_test(tc,
	    returned_message_ends_when_its_notice_needs_no_copy, 0, 4);
	tcase_add_test(tc,
	    message_whose_notice_has_gone_stays_as_long_as_it_is_there);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("engine_others");
	SRunner *sr = srunner_create(s);
	int failed;

	add_whom(s);
	add_silence(s);
	add_passed(s);
	add_returned(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
