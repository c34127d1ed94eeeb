/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_bench.h"

/*
 * When this host must not deliver because others may have begun to, and when
 * others deliver because this host's MTA does not.  Heartbeat 1 s, takeover
 * after 6 s: a lease lasts 4 s.
 */
#define LEASE_MS 4000
#define STEP_MS  100

/* What each peer lists. */
static struct {
	struct smx_key key;
	int state;
	char id[8];
} rows[3][8];
static size_t row_count[3];
static size_t lists[3], beats[3];
static int deaf[3];

static void
open_bench(int hold, int64_t mta_down)
{
	bench_hold = hold;
	bench_mta_down = mta_down;
	memset(row_count, 0, sizeof(row_count));
	memset(lists, 0, sizeof(lists));
	memset(beats, 0, sizeof(beats));
	memset(deaf, 0, sizeof(deaf));
	bench_open_named();
}

static void
open_hold(void)
{
	open_bench(1, 0);
}

static void
open_deliver(void)
{
	open_bench(0, 0);
}

static void
open_mta(void)
{
	open_bench(0, 10000);
}

static void
keeps(size_t peer, const struct smx_key *key, const char *id)
{
	rows[peer][row_count[peer]].key = *key;
	rows[peer][row_count[peer]].state = SMX_ROW_SHADOW;
	snprintf(rows[peer][row_count[peer]].id, sizeof(rows[0][0].id), "%s",
	    id);
	row_count[peer]++;
}

static void
answer(size_t peer, const struct smx_request *q, int64_t at_ms)
{
	struct smx_reply reply = { .answers = answers,
		.listed = listed,
		.ago_ms = -1 };

	reply.hello.incarnation[0] = (uint8_t)(100 + peer);
	beats[peer] += q->kind == SMX_REQ_BEAT;
	if (q->kind == SMX_REQ_LIST) {
		lists[peer]++;
		reply.count = row_count[peer];
		memset(listed, 0, 8 * sizeof(listed[0]));
		for (size_t i = 0; i < row_count[peer]; i++) {
			listed[i].key = rows[peer][i].key;
			listed[i].state = rows[peer][i].state;
			listed[i].epoch = queue.epoch;
			memcpy(listed[i].queue_id, rows[peer][i].id,
			    sizeof(rows[0][0].id));
		}
	}
	engine_peer_result(engine, peer, q, SMX_OK, &reply, at_ms);
}

static void
pump(size_t peer)
{
	static const struct smx_reply nothing;
	struct smx_request q;

	for (int i = 0; i < 20 && bench_pull(peer, &q) == SMX_OK; i++) {
		if (deaf[peer])
			engine_peer_result(engine, peer, &q, SMX_EUNSURE,
			    &nothing, now);
		else
			answer(peer, &q, now);
	}
}

static void
pass(int64_t ms)
{
	for (int64_t end = now + ms; now < end;) {
		now += STEP_MS;
		for (size_t i = 0; i < 3; i++)
			pump(i);
	}
}

/* Everything else is answered until one does. */
static void
beat_goes_out(size_t peer, struct smx_request *q)
{
	while (bench_pull(peer, q) != SMX_OK || q->kind != SMX_REQ_BEAT) {
		if (q->kind != 0)
			answer(peer, q, now);
		memset(q, 0, sizeof(*q));
		now += STEP_MS;
	}
}

static int
is_fenced(const struct smx_key *key)
{
	struct engine_open open;

	ck_assert_int_eq(engine_open_get(engine, key, now, &open), SMX_OK);
	return open.isolated;
}

static int
is_isolated(size_t peer)
{
	struct engine_peer_info info;

	engine_peer_info(engine, peer, now, &info);
	return info.isolated_ms >= 0;
}

/* Accepted, with copies at these. */
static struct smx_key
message(const char *id, unsigned peers)
{
	struct smx_key key = bench_begin(id);

	for (size_t i = 0; i < 3; i++)
		if ((peers >> i & 1) != 0) {
			engine_sent(engine, &key, i, SMX_OK, now);
			keeps(i, &key, id);
		}
	engine_verdict(engine, &key, ENGINE_PROTECTED, NULL, now);
	return key;
}

/* ---- the end of a lease ---- */

START_TEST(by_default_everything_is_delivered)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	deaf[0] = 1;
	pass(20000);
	ck_assert(!is_fenced(&key));
	ck_assert(!is_isolated(0));
}
END_TEST

START_TEST(lease_ends_two_heartbeats_before_a_takeover)
{
	struct smx_request q;
	struct smx_key key;
	int64_t sent;

	pass(2000);
	key = message("A", 1);
	memset(&q, 0, sizeof(q));
	beat_goes_out(0, &q);
	sent = now;
	/* It came back late: what counts is when it was sent. */
	now += 900;
	answer(0, &q, now);
	deaf[0] = 1;
	pass(sent + LEASE_MS - STEP_MS - now);
	ck_assert(!is_fenced(&key));
	pass(STEP_MS);
	ck_assert(is_fenced(&key));
	ck_assert(is_isolated(0));
	ck_assert_uint_eq(bench_counts().isolated, 1);
}
END_TEST

START_TEST(peer_that_answers_has_a_lease_for_ever)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 7);
	for (int i = 0; i < 60; i++) {
		pass(1000);
		ck_assert(!is_fenced(&key));
	}
}
END_TEST

/* It is heard, so it does not take over; but that is for it to know. */
START_TEST(peer_that_is_only_heard_is_isolated)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	deaf[0] = 1;
	for (int i = 0; i < 60; i++) {
		engine_heard(engine, 0, now);
		pass(STEP_MS);
	}
	ck_assert(is_fenced(&key));
	ck_assert_int_ne(bench_state(0), ENGINE_PEER_SILENT);
}
END_TEST

START_TEST(only_what_the_peer_may_have_is_fenced)
{
	struct smx_key at_0, at_1, may, held;

	pass(2000);
	at_0 = message("A", 1);
	at_1 = message("B", 2);
	may = bench_begin("C");
	engine_sent(engine, &may, 0, SMX_EUNSURE, now);
	engine_verdict(engine, &may, ENGINE_UNPROTECTED, NULL, now);
	held = bench_begin("D"); /* nobody has said yes to it */
	engine_sent(engine, &held, 0, SMX_OK, now);
	deaf[0] = 1;
	pass(6000);
	ck_assert(is_fenced(&at_0));
	ck_assert(!is_fenced(&at_1));
	ck_assert(is_fenced(&may));
	ck_assert(!is_fenced(&held));
	engine_verdict(engine, &held, ENGINE_PROTECTED, NULL, now);
	ck_assert(is_fenced(&held));
	ck_assert_uint_eq(bench_counts().isolated, 3);
}
END_TEST

START_TEST(mail_of_the_isolation_is_not_concerned)
{
	struct smx_key key;

	pass(2000);
	deaf[0] = 1;
	pass(6000);
	ck_assert(is_isolated(0));
	key = message("A", 2);
	ck_assert(!is_fenced(&key));
	/* Its copy may have arrived there after all. */
	engine_sent(engine, &key, 0, SMX_EUNSURE, now);
	ck_assert(is_fenced(&key));
}
END_TEST

/* Who is asked about a third host every heartbeat is told no less often how
 * this one is. */
START_TEST(other_words_do_not_take_the_place_of_heartbeats)
{
	deaf[2] = 1;
	pass(10000);
	beats[0] = 0;
	pass(20000);
	ck_assert_uint_ge(beats[0], 9);
}
END_TEST

/* ---- its return ---- */

START_TEST(nothing_is_lifted_before_its_list_was_read)
{
	struct smx_key key;
	size_t before;

	pass(2000);
	key = message("A", 1);
	deaf[0] = 1;
	pass(6000);
	before = lists[0];
	deaf[0] = 0;
	for (int i = 0; i < 50 && is_fenced(&key); i++)
		pass(STEP_MS);
	ck_assert(!is_fenced(&key));
	ck_assert(!is_isolated(0));
	ck_assert_uint_gt(lists[0], before);
}
END_TEST

/* A claim may be on its way while the first answer is. */
START_TEST(list_begins_a_heartbeat_after_the_first_answer)
{
	struct smx_request q;
	struct smx_key key;
	size_t before;

	pass(2000);
	key = message("A", 1);
	deaf[0] = 1;
	pass(6000);
	deaf[0] = 0;
	memset(&q, 0, sizeof(q));
	beat_goes_out(0, &q);
	answer(0, &q, now);
	/* One that is wanted for another reason begins at once. */
	before = lists[0];
	queue.mta = SMX_MTA_DOWN;
	engine_queue_state(engine, &queue, now);
	queue.mta = SMX_MTA_UP;
	engine_queue_state(engine, &queue, now);
	for (int i = 0; i < 9; i++) {
		pass(STEP_MS);
		ck_assert(is_fenced(&key));
	}
	ck_assert_uint_gt(lists[0], before);
	pass(2000);
	ck_assert(!is_fenced(&key));
}
END_TEST

START_TEST(list_of_before_proves_nothing)
{
	struct smx_request list;
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	/* Due, asked, and the answer takes longer than the lease. */
	while (bench_pull(0, &list) != SMX_OK || list.kind != SMX_REQ_LIST) {
		if (list.kind != 0)
			answer(0, &list, now);
		memset(&list, 0, sizeof(list));
		now += STEP_MS;
	}
	for (int i = 0; i < 60; i++) {
		now += STEP_MS;
		pump(1);
		pump(2);
	}
	ck_assert(is_fenced(&key));
	answer(0, &list, now);
	ck_assert(is_fenced(&key));
	pass(3000);
	ck_assert(!is_fenced(&key));
}
END_TEST

START_TEST(all_that_may_have_it_must_be_back)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 3);
	deaf[0] = deaf[1] = 1;
	pass(6000);
	deaf[0] = 0;
	pass(10000);
	ck_assert(!is_isolated(0));
	ck_assert(is_fenced(&key));
	deaf[1] = 0;
	pass(10000);
	ck_assert(!is_fenced(&key));
}
END_TEST

START_TEST(copy_that_is_gone_concerns_nobody)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 3);
	deaf[0] = 1;
	pass(6000);
	ck_assert(is_fenced(&key));
	/* It comes back empty: it has taken nothing over. */
	row_count[0] = 0;
	deaf[0] = 0;
	pass(5000);
	ck_assert(!is_fenced(&key));
}
END_TEST

START_TEST(isolation_comes_again)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	for (int i = 0; i < 3; i++) {
		deaf[0] = 1;
		pass(6000);
		ck_assert(is_fenced(&key));
		deaf[0] = 0;
		pass(8000);
		ck_assert(!is_fenced(&key));
	}
}
END_TEST

/* ---- who is away on purpose ---- */

static void
says_leaving(size_t peer, int64_t for_ms)
{
	struct smx_request q = { .kind = SMX_REQ_BEAT };
	struct smx_reply reply = { 0 };

	q.beat.mta = SMX_MTA_UP;
	q.beat.leaving_ms = for_ms;
	ck_assert_int_eq(engine_request(engine, peer, &q, &reply, now), SMX_OK);
}

START_TEST(peer_that_leaves_is_not_isolated)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	says_leaving(0, 60000);
	deaf[0] = 1;
	pass(59000);
	ck_assert(!is_fenced(&key));
	pass(1000 + LEASE_MS);
	ck_assert(is_fenced(&key));
}
END_TEST

START_TEST(peer_that_comes_back_from_leave_is_not_isolated)
{
	struct smx_hello next = { .incarnation = { 200 } };
	struct smx_hello ours;
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	says_leaving(0, 60000);
	deaf[0] = 1;
	pass(30000);
	engine_hello(engine, 0, &next, &ours, now);
	pass(500);
	ck_assert(!is_fenced(&key));
	deaf[0] = 0;
	pass(10000);
	ck_assert(!is_fenced(&key));
	/* As long as it stays. */
	deaf[0] = 1;
	pass(6000);
	ck_assert(is_fenced(&key));
}
END_TEST

START_TEST(drained_peer_without_copies_is_not_isolated)
{
	struct smx_key key;

	pass(2000);
	engine_drain(engine, 0, 1);
	deaf[0] = 1;
	pass(10000);
	ck_assert(!is_isolated(0));
	key = message("A", 2);
	ck_assert(!is_fenced(&key));
	engine_drain(engine, 0, 0);
	pass(1000);
	ck_assert(is_isolated(0));
}
END_TEST

START_TEST(drained_peer_with_a_copy_is_isolated)
{
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	engine_drain(engine, 0, 1);
	deaf[0] = 1;
	pass(6000);
	ck_assert(is_fenced(&key));
	/* The file went all the same: a delivery was running. */
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_shown("A", SMX_PRESENCE_ABSENT);
	pass(3000);
	ck_assert(!is_isolated(0));
}
END_TEST

/* ---- our own pauses and restarts ---- */

START_TEST(after_a_pause_of_our_own_everything_is_fenced_first)
{
	uint64_t token = 0;
	const char *ids[8];
	struct smx_key key;

	pass(2000);
	key = message("A", 1);
	now += 3600000;
	(void)engine_verify_next(engine, now, ids, 8, &token);
	ck_assert(is_fenced(&key));
	pass(5000);
	ck_assert(!is_fenced(&key));
}
END_TEST

START_TEST(after_a_pause_of_our_own_all_are_asked_what_they_took)
{
	size_t before;

	if (_i == 0)
		open_deliver();
	pass(4000);
	before = lists[0];
	pass(2000);
	ck_assert_uint_eq(lists[0], before);
	now += 3000;
	pass(200);
	ck_assert_uint_gt(lists[0], before);
	ck_assert_uint_gt(lists[1], 1);
	if (_i == 0)
		bench_close();
}
END_TEST

/* After a restart a message is found at one holder; another one that cannot be
 * reached may have it, too. */
START_TEST(who_was_never_asked_may_have_it)
{
	struct smx_key key = { .incarnation = { 9 }, .counter = 3 };

	keeps(0, &key, "A");
	deaf[1] = 1;
	pass(3000);
	ck_assert(!is_fenced(&key));
	pass(3000);
	ck_assert(is_fenced(&key));
	deaf[1] = 0;
	pass(5000);
	ck_assert(!is_fenced(&key));
}
END_TEST

START_TEST(drained_stranger_is_not_waited_for)
{
	struct smx_key key = { .incarnation = { 9 }, .counter = 3 };

	keeps(0, &key, "A");
	deaf[1] = 1;
	pass(6000);
	ck_assert(is_fenced(&key));
	engine_drain(engine, 1, 1);
	pass(2000);
	ck_assert(!is_fenced(&key));
}
END_TEST

/* ---- an MTA that is down ---- */

static void
says_mta(size_t peer, enum smx_mta_health mta, int64_t for_ms)
{
	struct smx_request q = { .kind = SMX_REQ_BEAT, .beat.mta = mta };
	struct smx_reply reply = { 0 };

	for (int64_t end = now + for_ms; now < end; now += 1000)
		ck_assert_int_eq(engine_request(engine, peer, &q, &reply, now),
		    SMX_OK);
}

static int
is_due(void)
{
	struct engine_takeover t;
	int64_t wake = 0;

	if (!engine_takeover_next(engine, now, &t, &wake)) {
		ck_assert_int_gt(wake, now);
		return 0;
	}
	ck_assert_int_eq(t.cause, ENGINE_CAUSE_MTA_DOWN);
	ck_assert_uint_eq(t.peer, 0);
	engine_takeover_done(engine, &t);
	return 1;
}

START_TEST(mta_that_is_down_for_long_is_taken_over)
{
	says_mta(0, SMX_MTA_DOWN, 9000);
	ck_assert(!is_due());
	says_mta(0, SMX_MTA_DOWN, 2000);
	ck_assert(is_due());
	ck_assert(!is_due());
	/* Copies that come in later. */
	says_mta(0, SMX_MTA_DOWN, 10000);
	ck_assert(is_due());
	ck_assert_str_eq(engine_cause_name(ENGINE_CAUSE_MTA_DOWN), "mta_down");
}
END_TEST

START_TEST(by_default_nobody_cares_for_the_mta)
{
	open_deliver();
	says_mta(0, SMX_MTA_DOWN, 3600000);
	ck_assert(!is_due());
	bench_close();
}
END_TEST

START_TEST(another_word_of_the_mta_resets_the_clock)
{
	struct engine_peer_info info;

	says_mta(0, SMX_MTA_DOWN, 8000);
	says_mta(0, _i == 0 ? SMX_MTA_UP : SMX_MTA_UNKNOWN, 1000);
	engine_peer_info(engine, 0, now, &info);
	ck_assert_int_lt(info.mta_down_ms, 0);
	says_mta(0, SMX_MTA_DOWN, 9000);
	ck_assert(!is_due());
	says_mta(0, SMX_MTA_DOWN, 2000);
	ck_assert(is_due());
}
END_TEST

START_TEST(what_was_not_heard_does_not_count)
{
	says_mta(0, SMX_MTA_DOWN, 5000);
	for (int i = 0; i < 6; i++) {
		now += 1000;
		ck_assert(!is_due());
	}
	says_mta(0, SMX_MTA_DOWN, 9000);
	ck_assert(!is_due());
	says_mta(0, SMX_MTA_DOWN, 2000);
	ck_assert(is_due());
}
END_TEST

START_TEST(own_pause_restarts_the_mta_clock)
{
	says_mta(0, SMX_MTA_DOWN, 9000);
	now += 3000;
	says_mta(0, SMX_MTA_DOWN, 9000);
	ck_assert(!is_due());
	says_mta(0, SMX_MTA_DOWN, 2000);
	ck_assert(is_due());
}
END_TEST

START_TEST(mta_of_a_host_that_leaves_is_left_alone)
{
	struct smx_request q = { .kind = SMX_REQ_BEAT,
		.beat = { SMX_MTA_DOWN, 100000 } };
	struct smx_reply reply = { 0 };

	for (int i = 0; i < 30; i++) {
		now += 1000;
		ck_assert_int_eq(engine_request(engine, 0, &q, &reply, now),
		    SMX_OK);
		ck_assert(!is_due());
	}
	/* It stays after all: the time begins then. */
	says_mta(0, SMX_MTA_DOWN, 9000);
	ck_assert(!is_due());
	says_mta(0, SMX_MTA_DOWN, 3000);
	ck_assert(is_due());
}
END_TEST

START_TEST(mta_of_a_drained_host_is_left_alone)
{
	engine_drain(engine, 0, 1);
	says_mta(0, SMX_MTA_DOWN, 30000);
	ck_assert(!is_due());
	engine_drain(engine, 0, 0);
	ck_assert(is_due());
}
END_TEST

/* Others may be delivering what waits here. */
START_TEST(own_mta_that_is_down_makes_lists_come_often)
{
	size_t before;

	pass(4000);
	queue.mta = SMX_MTA_DOWN;
	engine_queue_state(engine, &queue, now);
	pass(12000);
	before = lists[0];
	pass(10000);
	ck_assert_uint_ge(lists[0], before + 3);
	queue.mta = SMX_MTA_UP;
	before = lists[0];
	engine_queue_state(engine, &queue, now);
	pass(100);
	ck_assert_uint_eq(lists[0], before + 1);
	pass(8000);
	ck_assert_uint_eq(lists[0], before + 1);
}
END_TEST

static void
add_lease(Suite *s)
{
	TCase *tc = tcase_create("lease");

	tcase_add_checked_fixture(tc, open_hold, bench_close);
	tcase_add_test(tc, lease_ends_two_heartbeats_before_a_takeover);
	tcase_add_test(tc, peer_that_answers_has_a_lease_for_ever);
	tcase_add_test(tc, peer_that_is_only_heard_is_isolated);
	tcase_add_test(tc, only_what_the_peer_may_have_is_fenced);
	tcase_add_test(tc, mail_of_the_isolation_is_not_concerned);
	tcase_add_test(tc, other_words_do_not_take_the_place_of_heartbeats);
	tcase_add_test(tc, nothing_is_lifted_before_its_list_was_read);
	tcase_add_test(tc, list_begins_a_heartbeat_after_the_first_answer);
	tcase_add_test(tc, list_of_before_proves_nothing);
	tcase_add_test(tc, all_that_may_have_it_must_be_back);
	tcase_add_test(tc, copy_that_is_gone_concerns_nobody);
	tcase_add_test(tc, isolation_comes_again);
	tcase_add_test(tc, peer_that_leaves_is_not_isolated);
	tcase_add_test(tc, peer_that_comes_back_from_leave_is_not_isolated);
	tcase_add_test(tc, drained_peer_without_copies_is_not_isolated);
	tcase_add_test(tc, drained_peer_with_a_copy_is_isolated);
	tcase_add_test(tc, after_a_pause_of_our_own_everything_is_fenced_first);
	tcase_add_loop_test(tc,
	    after_a_pause_of_our_own_all_are_asked_what_they_took, 0, 2);
	tcase_add_test(tc, who_was_never_asked_may_have_it);
	tcase_add_test(tc, drained_stranger_is_not_waited_for);
	suite_add_tcase(s, tc);
	tc = tcase_create("deliver");
	tcase_add_checked_fixture(tc, open_deliver, bench_close);
	tcase_add_test(tc, by_default_everything_is_delivered);
	suite_add_tcase(s, tc);
}

static void
add_mta(Suite *s)
{
	TCase *tc = tcase_create("mta");

	tcase_add_checked_fixture(tc, open_mta, bench_close);
	tcase_add_test(tc, mta_that_is_down_for_long_is_taken_over);
	tcase_add_test(tc, by_default_nobody_cares_for_the_mta);
	tcase_add_loop_test(tc, another_word_of_the_mta_resets_the_clock, 0, 2);
	tcase_add_test(tc, what_was_not_heard_does_not_count);
	tcase_add_test(tc, own_pause_restarts_the_mta_clock);
	tcase_add_test(tc, mta_of_a_host_that_leaves_is_left_alone);
	tcase_add_test(tc, mta_of_a_drained_host_is_left_alone);
	tcase_add_test(tc, own_mta_that_is_down_makes_lists_come_often);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("lease");
	SRunner *sr = srunner_create(s);
	int failed;

	add_lease(s);
	add_mta(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
