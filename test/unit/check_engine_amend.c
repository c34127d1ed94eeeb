/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"
#include "engine_bench.h"

#define MAIL "MAIL <a@x.example>\r\n"
#define SEEN MAIL "RCPT <r@y.example>\r\n"
#define HELD_UNTIL(ms)                                                         \
	"MAIL <a@x.example> HOLD=" ms "\r\nRCPT <r@y.example>\r\n"
#define MORE SEEN "RCPT <s@y.example>\r\n"

static const uint8_t first_two[] = { 0, 1 };

static uint64_t
sum(const char *text)
{
	return amend_sum(text, strlen(text));
}

static void
open_seen(void)
{
	bench_open_named();
	bench_sum = sum(SEEN);
}

/* ---- a peer that still has all that it was given ---- */

struct page {
	size_t peer;
	const struct smx_request *request;
	size_t count;
};

static int
by_key(const void *a, const void *b)
{
	const struct smx_listed *x = a, *y = b;

	return smx_key_compare(&x->key, &y->key);
}

static struct smx_listed all[20000];

static int
put(void *ctx, const struct engine_open *open)
{
	struct page *p = ctx;

	for (size_t i = 0; i < open->holder_count; i++)
		if (open->holders[i] == p->peer &&
		    smx_key_compare(&open->key, &p->request->after) > 0) {
			memset(&all[p->count], 0, sizeof(all[0]));
			all[p->count++].key = open->key;
		}
	return 0;
}

static void
lists(size_t peer, const struct smx_request *q)
{
	struct page p = { .peer = peer, .request = q };
	struct smx_reply reply = { .listed = all };

	(void)engine_each_open(engine, now, put, &p);
	qsort(all, p.count, sizeof(all[0]), by_key);
	reply.count = p.count < q->limit ? p.count : q->limit;
	engine_peer_result(engine, peer, q, SMX_OK, &reply, now);
}

/* Answers everything else.  0: no such request. */
static int
until(size_t peer, enum smx_request_kind kind, struct smx_request *q)
{
	while (bench_pull(peer, q) == SMX_OK) {
		if (q->kind == kind)
			return 1;
		if (q->kind == SMX_REQ_LIST)
			lists(peer, q);
		else
			bench_push(peer, q, SMX_OK);
	}
	return 0;
}

/* The next AMEND for this peer; 0: none. */
static size_t
amendments(size_t peer, struct smx_request *q)
{
	now += 100;
	return until(peer, SMX_REQ_AMEND, q) ? q->count : 0;
}

/* Committed, and open for as long as it takes. */
static struct smx_key
committed(const char *id)
{
	struct smx_key key = bench_ranked(id, 2, first_two, 2, 1);

	bench_hint(SMX_QUEUE_COMMITTED, id);
	engine_session_end(engine, &key, now);
	now += 2000;
	return key;
}

static void
read_as(const char *id, const char *text, int held)
{
	size_t n;
	uint64_t token = bench_read(&n);

	ck_assert_uint_ne(token, 0);
	bench_text(id, text, held, token);
}

static struct engine_open
shown(const struct smx_key *key)
{
	struct engine_open open;

	ck_assert_int_eq(engine_open_get(engine, key, now, &open), SMX_OK);
	return open;
}

/* ---- ranks ---- */

START_TEST(what_holders_were_told_is_not_told_again)
{
	struct smx_key key = bench_ranked("A", 2, first_two, 2, 1);
	struct smx_request q;

	ck_assert_uint_eq(amendments(0, &q), 0);
	ck_assert_uint_eq(amendments(1, &q), 0);
	ck_assert_uint_eq(shown(&key).holder_count, 2);
}
END_TEST

START_TEST(final_set_goes_to_all_that_have_it_or_may)
{
	static const uint8_t ranks[] = { 2, 0 };
	struct engine_message m = { .queue_id = "A", .copies = 2 };
	struct engine_ranks r = { .count = 2, .peer = { 2, 0 } };
	struct smx_key key;
	struct smx_request q;

	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_OK);
	engine_sent(engine, &key, 1, SMX_EUNSURE, now);
	engine_sent(engine, &key, ranks[0], SMX_OK, now);
	engine_sent(engine, &key, ranks[1], SMX_OK, now);
	engine_verdict(engine, &key, ENGINE_PROTECTED, &r, now);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(amendments(i, &q), 1);
		ck_assert_str_eq(q.amendments[0].holders, "mx4 mx2");
		ck_assert_ptr_null(q.amendments[0].envelope);
		ck_assert_int_eq(q.amendments[0].held, -1);
		ck_assert_int_eq(smx_key_compare(&q.amendments[0].key, &key),
		    0);
		ck_assert_uint_ge(q.amendments[0].version, 1000000);
		ck_assert_uint_eq(bench_counts().amended, 0);
		bench_push(i, &q, SMX_OK);
		ck_assert_uint_eq(amendments(i, &q), 0);
	}
	ck_assert_uint_eq(bench_counts().amended, 1);
}
END_TEST

START_TEST(set_that_lost_one_before_the_answer_is_told)
{
	struct engine_message m = { .queue_id = "A", .copies = 2 };
	struct engine_ranks r = { .count = 2, .peer = { 0, 1 }, .told = 1 };
	struct smx_key key;
	struct smx_request q;

	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_OK);
	engine_sent(engine, &key, 1, SMX_OK, now);
	engine_verdict(engine, &key, ENGINE_PROTECTED, &r, now);
	ck_assert_uint_eq(bench_counts().short_copies, 1);
	ck_assert_uint_eq(bench_counts().accepted_short, 1);
	ck_assert_uint_eq(amendments(1, &q), 1);
	ck_assert_str_eq(q.amendments[0].holders, "mx3");
}
END_TEST

START_TEST(late_copy_takes_the_last_rank_and_ends_the_shortage)
{
	struct smx_key key = bench_ranked("A", 3, first_two, 2, 1);
	struct smx_request q;

	ck_assert_uint_eq(bench_counts().short_copies, 1);
	engine_sent(engine, &key, 2, SMX_OK, now);
	ck_assert_uint_eq(bench_counts().short_copies, 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(amendments(i, &q), 1);
		ck_assert_str_eq(q.amendments[0].holders, "mx2 mx3 mx4");
	}
}
END_TEST

/* The peer lists nothing of ours. */
static void
forgets(size_t peer)
{
	struct smx_reply reply = { .listed = listed };
	struct smx_request q;

	now += 20000;
	ck_assert(until(peer, SMX_REQ_LIST, &q));
	engine_peer_result(engine, peer, &q, SMX_OK, &reply, now);
}

START_TEST(copy_that_a_holder_lost_makes_it_short_and_changes_the_ranks)
{
	struct smx_key key = bench_ranked("A", 2, first_two, 2, 1);
	struct smx_request q;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	forgets(0);
	ck_assert_uint_eq(bench_counts().short_copies, 1);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_uint_eq(shown(&key).holder_count, 1);
	ck_assert_uint_eq(amendments(1, &q), 1);
	ck_assert_str_eq(q.amendments[0].holders, "mx3");
	bench_push(1, &q, SMX_OK);
	forgets(1);
	ck_assert_uint_eq(bench_counts().short_copies, 0);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
}
END_TEST

START_TEST(versions_grow_with_every_change_and_never_with_the_clock_back)
{
	struct smx_key key = bench_ranked("A", 3, first_two, 1, 0);
	struct smx_request q;
	uint64_t last;

	ck_assert_uint_eq(amendments(0, &q), 1);
	last = q.amendments[0].version;
	engine_sent(engine, &key, 1, SMX_OK, now);
	bench_push(0, &q, SMX_OK); /* of the former one */
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_uint_gt(q.amendments[0].version, last);
	ck_assert_str_eq(q.amendments[0].holders, "mx2 mx3");
	last = q.amendments[0].version;
	engine_sent(engine, &key, 2, SMX_OK, now);
	bench_push(0, &q, SMX_EUNSURE);
	/* Twice in one moment, and from a clock that was set back. */
	bench_fresh(1, 10, 10);
	key = bench_ranked("A", 3, first_two, 1, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
	last = q.amendments[0].version;
	now -= 100;
	engine_sent(engine, &key, 1, SMX_OK, now);
	ck_assert_uint_eq(amendments(0, &q), 0); /* the former is out */
	bench_push(0, &q, SMX_EUNSURE);
	now += 10000;
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_uint_gt(q.amendments[0].version, last);
}
END_TEST

/* ---- reading ---- */

START_TEST(what_ends_in_time_is_never_read)
{
	struct smx_key key = bench_ranked("A", 2, first_two, 2, 1);
	size_t n;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 1999;
	ck_assert_uint_eq(bench_read(&n), 0);
	engine_session_end(engine, &key, now);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_read(&n), 0);
	ck_assert_uint_eq(bench_counts().open, 0);
}
END_TEST

START_TEST(equal_envelope_is_nothing_to_tell)
{
	struct smx_request q;
	size_t n;

	(void)committed("A");
	read_as("A", "MAIL a@X.example\r\nRCPT r@Y.example\r\n", 0);
	ck_assert_uint_eq(amendments(0, &q), 0);
	now += 600000;
	ck_assert_uint_eq(bench_read(&n), 0); /* and not read again */
}
END_TEST

START_TEST(message_without_holders_is_not_read)
{
	struct smx_key key = bench_ranked("A", 2, first_two, 0, 1);
	size_t n;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &key, now);
	now += 60000;
	ck_assert_uint_eq(bench_read(&n), 0);
	/* One that turns up makes it worth it. */
	engine_sent(engine, &key, 0, SMX_OK, now);
	ck_assert_uint_ne(bench_read(&n), 0);
}
END_TEST

START_TEST(other_recipients_go_to_all_holders)
{
	struct smx_key key = committed("A");
	struct smx_request q;

	read_as("A", MORE, 0);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(amendments(i, &q), 1);
		ck_assert_uint_eq(q.amendments[0].recipients, 2);
		ck_assert_uint_eq(q.amendments[0].envelope_len, strlen(MORE));
		ck_assert_int_eq(memcmp(q.amendments[0].envelope, MORE,
				     strlen(MORE)),
		    0);
		ck_assert_str_eq(q.amendments[0].holders, "mx2 mx3");
		ck_assert_int_eq(q.amendments[0].held, 0);
		bench_push(i, &q, SMX_OK);
	}
	ck_assert_uint_eq(amendments(2, &q), 0);
	ck_assert_uint_eq(bench_counts().amended, 1);
	(void)key;
}
END_TEST

START_TEST(hold_and_release_are_told)
{
	struct smx_key key = committed("A");
	struct smx_request q;

	read_as("A", SEEN, 1);
	ck_assert(shown(&key).held);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_int_eq(q.amendments[0].held, 1);
	ck_assert_ptr_null(q.amendments[0].envelope);
	bench_push(0, &q, SMX_OK);
	now += 3000;
	bench_hint(SMX_QUEUE_MOVED, "A");
	read_as("A", SEEN, 0);
	ck_assert(!shown(&key).held);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_int_eq(q.amendments[0].held, 0);
}
END_TEST

/* The first has been asked. */
static void
both_confirm(struct smx_request *q)
{
	bench_push(0, q, SMX_OK);
	ck_assert_uint_eq(amendments(1, q), 1);
	bench_push(1, q, SMX_OK);
}

/* Whose hold it is: told when that changes, and not otherwise. */
START_TEST(whose_hold_it_is_is_told)
{
	struct smx_key key = committed("A");
	struct smx_request q;

	read_as("A", HELD_UNTIL("7000"), 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_ptr_nonnull(q.amendments[0].envelope);
	both_confirm(&q);
	ck_assert(shown(&key).held);
	now += 3000;
	bench_hint(SMX_QUEUE_MOVED, "A");
	read_as("A", SEEN, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_ptr_null(q.amendments[0].envelope);
	both_confirm(&q);
	now += 5000;
	bench_hint(SMX_QUEUE_MOVED, "A");
	read_as("A", HELD_UNTIL("7000"), 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_ptr_null(q.amendments[0].envelope);
	both_confirm(&q);
	now += 9000;
	bench_hint(SMX_QUEUE_MOVED, "A");
	read_as("A", HELD_UNTIL("0"), 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_int_eq(q.amendments[0].held, 1);
	ck_assert_ptr_nonnull(strstr(q.amendments[0].envelope, "HOLD=0"));
}
END_TEST

START_TEST(hold_that_its_shadow_says_is_not_told_again)
{
	struct engine_message m = { .queue_id = "A",
		.copies = 2,
		.envelope_sum = amend_sum(SEEN, strlen(SEEN)),
		.hold_until_ms = 7000 };
	struct engine_ranks r = { .count = 2, .peer = { 0, 1 } };
	struct smx_key key;
	struct smx_request q;

	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_OK);
	engine_sent(engine, &key, 0, SMX_OK, now);
	engine_sent(engine, &key, 1, SMX_OK, now);
	engine_verdict(engine, &key, ENGINE_PROTECTED, &r, now);
	while (amendments(0, &q) != 0)
		bench_push(0, &q, SMX_OK);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &key, now);
	now += 2000;
	read_as("A", HELD_UNTIL("7000"), 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_int_eq(q.amendments[0].held, 1);
	ck_assert_ptr_null(q.amendments[0].envelope);
}
END_TEST

START_TEST(what_is_not_confirmed_yet_is_in_the_next_version_too)
{
	struct smx_request q;

	(void)committed("A");
	read_as("A", MORE, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
	bench_push(0, &q, SMX_EUNSURE); /* it may come late */
	now += 3000;
	bench_hint(SMX_QUEUE_MOVED, "A");
	read_as("A", MORE, 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_int_eq(q.amendments[0].held, 1);
	ck_assert_ptr_nonnull(q.amendments[0].envelope);
}
END_TEST

START_TEST(nobody_left_to_serve_is_never_told)
{
	struct smx_request q;

	(void)committed("A");
	read_as("A", MAIL, 0);
	ck_assert_uint_eq(amendments(0, &q), 0);
}
END_TEST

START_TEST(end_takes_back_what_was_to_be_told)
{
	struct smx_request q;

	(void)committed("A");
	read_as("A", MORE, 0);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
	now += 1000;
	ck_assert_uint_eq(amendments(0, &q), 0);
}
END_TEST

START_TEST(end_while_it_is_told_leaves_the_request_alone)
{
	struct smx_request q;

	(void)committed("A");
	read_as("A", MORE, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(memcmp(q.amendments[0].envelope, MORE, strlen(MORE)),
	    0);
	ck_assert_str_eq(q.amendments[0].holders, "mx2 mx3");
	bench_push(0, &q, SMX_OK);
}
END_TEST

START_TEST(read_that_a_hint_overtook_is_done_again)
{
	struct smx_request q;
	uint64_t token;
	size_t n;

	(void)committed("A");
	token = bench_read(&n);
	bench_hint(SMX_QUEUE_GONE, "A"); /* its id may be another's by now */
	bench_text("A", MORE, 0, token);
	ck_assert_uint_eq(amendments(0, &q), 0);
	now += 2000;
	read_as("A", MORE, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
}
END_TEST

START_TEST(file_of_a_shared_id_amends_nobody)
{
	struct smx_request q;

	(void)committed("A");
	(void)committed("A");
	read_as("A", MORE, 0);
	ck_assert_uint_eq(amendments(0, &q), 0);
}
END_TEST

START_TEST(answer_that_nobody_asked_for_amends_nobody)
{
	struct smx_request q;
	uint64_t token;
	size_t n;

	(void)committed("A");
	bench_text("A", MORE, 0, 1);
	bench_text("A", MORE, 0, 99);
	token = bench_read(&n);
	bench_text("A", SEEN, 0, token);
	bench_text("A", MORE, 0, token); /* once more */
	ck_assert_uint_eq(amendments(0, &q), 0);
}
END_TEST

START_TEST(what_cannot_be_read_is_read_again_later_each_time)
{
	int64_t last = 0;

	(void)committed("A");
	for (int i = 0; i < 6; i++) {
		int64_t began = now;
		uint64_t token;
		size_t n;

		while ((token = bench_read(&n)) == 0)
			now += 100;
		ck_assert_int_ge(now - began, i == 0 ? 0 : 2000);
		ck_assert_int_ge(now - began, last);
		last = now - began;
		bench_text("A", _i == 0 ? NULL : "garbage", 0, token);
		if (_i == 1) /* that is an answer, and says nothing */
			bench_hint(SMX_QUEUE_MOVED, "A");
	}
}
END_TEST

START_TEST(read_without_an_answer_is_repeated)
{
	size_t n;

	(void)committed("A");
	ck_assert_uint_ne(bench_read(&n), 0);
	now += 29000;
	ck_assert_uint_eq(bench_read(&n), 0);
	now += 1000;
	ck_assert_uint_ne(bench_read(&n), 0);
}
END_TEST

START_TEST(requeued_message_is_read_under_its_new_id)
{
	struct smx_request q;

	(void)committed("A");
	read_as("A", SEEN, 0);
	bench_hint(SMX_QUEUE_REQUEUED, "A");
	now += 60000;
	bench_seen("A", SMX_PRESENCE_LINKED, bench_look(), "B");
	read_as("B", MORE, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
}
END_TEST

START_TEST(adopted_message_is_read_once_and_told_in_any_case)
{
	struct smx_reply reply = { .listed = listed, .count = 1 };
	struct smx_request q;
	size_t n;

	ck_assert(until(0, SMX_REQ_LIST, &q));
	memset(&listed[0], 0, sizeof(listed[0]));
	listed[0].key.incarnation[0] = 9;
	listed[0].key.counter = 3;
	listed[0].state = SMX_ROW_SHADOW;
	listed[0].epoch.id[0] = 7;
	snprintf(listed[0].queue_id, sizeof(listed[0].queue_id), "A");
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	ck_assert_uint_eq(bench_read(&n), 0); /* not before it is seen there */
	bench_shown("A", SMX_PRESENCE_THERE);
	read_as("A", SEEN, 0);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_ptr_nonnull(q.amendments[0].envelope);
	ck_assert_ptr_null(
	    q.amendments[0].holders); /* the order is forgotten */
	bench_push(0, &q, SMX_OK);
	now += 600000;
	ck_assert_uint_eq(bench_read(&n), 0);
}
END_TEST

/* The wall clock was set back while the host was down. */
START_TEST(next_version_is_above_all_that_are_listed)
{
	const uint64_t listed_version = UINT64_C(1) << 50;
	struct smx_reply reply = { .listed = listed, .count = 2 };
	struct smx_request q;

	ck_assert(until(0, SMX_REQ_LIST, &q));
	memset(listed, 0, 2 * sizeof(listed[0]));
	for (size_t i = 0; i < 2; i++) {
		listed[i].key.incarnation[0] = 9;
		listed[i].key.counter = 3 + i;
		listed[i].state = SMX_ROW_SHADOW;
		listed[i].epoch.id[0] = 7;
	}
	listed[0].version = listed_version;
	listed[1].version = INT64_MAX; /* nobody's clock */
	snprintf(listed[0].queue_id, sizeof(listed[0].queue_id), "A");
	snprintf(listed[1].queue_id, sizeof(listed[1].queue_id), "B");
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	bench_shown("A", SMX_PRESENCE_THERE);
	read_as("A", SEEN, 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_uint_eq(q.amendments[0].version, listed_version + 1);
}
END_TEST

START_TEST(late_holder_is_told_the_whole_envelope)
{
	struct smx_key key = committed("A");
	struct smx_request q;

	read_as("A", MORE, 0);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(amendments(i, &q), 1);
		bench_push(i, &q, SMX_OK);
	}
	engine_sent(engine, &key, 2, SMX_OK, now);
	now += 5000;
	read_as("A", MORE, 0);
	ck_assert_uint_eq(amendments(2, &q), 1);
	ck_assert_ptr_nonnull(q.amendments[0].envelope);
}
END_TEST

/* ---- ceilings ---- */

START_TEST(reads_are_paced)
{
	size_t n, in_a_second = 0;

	bench_fresh(1, 5000, 10);
	for (int i = 0; i < 1000; i++) {
		char id[16];

		snprintf(id, sizeof(id), "P%d", i);
		(void)bench_ranked(id, 2, first_two, 2, 1);
		bench_hint(SMX_QUEUE_COMMITTED, id);
	}
	now += 2000;
	ck_assert_uint_ne(bench_read(&n), 0);
	ck_assert_uint_le(n, SMX_QUEUE_READ_MAX);
	for (int i = 0; i < 100; i++) {
		now += 10;
		if (bench_read(&n) != 0)
			in_a_second += n;
	}
	ck_assert_uint_ge(in_a_second, 50);
	ck_assert_uint_le(in_a_second, 101);
}
END_TEST

START_TEST(fresh_ones_are_not_starved_by_those_that_move)
{
	const char *ids[SMX_QUEUE_READ_MAX];
	uint64_t token;
	size_t fresh = 0, n;

	bench_fresh(1, 5000, 10);
	for (int i = 0; i < 600; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%c%d", i < 300 ? 'O' : 'N', i);
		(void)bench_ranked(id, 2, first_two, 2, 1);
		bench_hint(SMX_QUEUE_COMMITTED, id);
		if (i != 299)
			continue;
		for (int k = 0; k < 40; k++) {
			now += 1000;
			n = engine_read_next(engine, now, ids,
			    SMX_QUEUE_READ_MAX, &token);
			for (size_t j = 0; j < n; j++)
				bench_text(ids[j], SEEN, 0, token);
		}
		for (int k = 0; k < 300; k++) {
			snprintf(id, sizeof(id), "O%d", k);
			bench_hint(SMX_QUEUE_MOVED, id);
		}
	}
	now += 2000;
	n = engine_read_next(engine, now, ids, SMX_QUEUE_READ_MAX, &token);
	ck_assert_uint_eq(n, SMX_QUEUE_READ_MAX);
	for (size_t i = 0; i < n; i++)
		fresh += ids[i][0] == 'N';
	ck_assert_uint_ge(fresh, 70);
	ck_assert_uint_lt(fresh, n);
}
END_TEST

START_TEST(batch_is_bounded_in_number_and_bytes)
{
	size_t size = 300000, told = 0;
	char *big = malloc(size);
	struct smx_request q;

	ck_assert_ptr_nonnull(big);
	memset(big, 'r', size);
	memcpy(big, MAIL, strlen(MAIL));
	for (size_t at = strlen(MAIL); at + 1000 < size; at += 1000) {
		memcpy(big + at, "RCPT ", 5);
		memcpy(big + at + 998, "\r\n", 2);
		big[at + 1000] = '\0';
	}
	for (int i = 0; i < 8; i++) {
		char id[16];

		snprintf(id, sizeof(id), "B%d", i);
		(void)committed(id);
		read_as(id, big, 0);
	}
	now += 1000;
	while (amendments(0, &q) != 0) {
		size_t bytes = 0;

		for (size_t i = 0; i < q.count; i++)
			bytes += q.amendments[i].envelope_len;
		ck_assert_uint_le(bytes, SMX_AMEND_BYTES_MAX);
		ck_assert_uint_le(q.count, SMX_AMEND_MAX);
		told += q.count;
		bench_push(0, &q, SMX_OK);
	}
	ck_assert_uint_eq(told, 8);
	free(big);
}
END_TEST

/* A mass mailing that somebody has stopped in time. */
START_TEST(what_is_too_long_to_be_told_is_on_hold_all_the_same)
{
	size_t line = strlen(SEEN) - strlen(MAIL);
	size_t count = SMX_AMEND_BYTES_MAX / line + 1;
	char *big = malloc(strlen(MAIL) + count * line + 1);
	struct smx_request q;

	ck_assert_ptr_nonnull(big);
	memcpy(big, MAIL, strlen(MAIL));
	for (size_t i = 0; i < count; i++)
		memcpy(big + strlen(MAIL) + i * line, &SEEN[strlen(MAIL)],
		    line + 1);
	memcpy(strstr(big, "RCPT <r"), "RCPT <x", 7);
	(void)committed("A");
	read_as("A", big, 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_int_eq(q.amendments[0].held, 1);
	ck_assert_ptr_null(q.amendments[0].envelope);
	free(big);
}
END_TEST

START_TEST(what_waits_for_a_dead_peer_does_not_block_the_others)
{
	struct smx_request q;
	size_t told = 0;

	bench_fresh(1, 20000, 10);
	for (int i = 0; i < 12000; i++) {
		char id[16];

		snprintf(id, sizeof(id), "W%d", i);
		(void)bench_ranked(id, 2, first_two, 2, 0);
	}
	for (size_t n; (n = amendments(0, &q)) != 0; told += n)
		bench_push(0, &q, SMX_OK);
	ck_assert_uint_eq(told, 10000);
	/* The rest is told when the holder lists it. */
	for (int i = 0; i < 100; i++) {
		char id[16];

		snprintf(id, sizeof(id), "X%d", i);
		(void)bench_ranked(id, 2, first_two, 2, 0);
	}
	told = 0;
	for (size_t n; (n = amendments(0, &q)) != 0; told += n)
		bench_push(0, &q, SMX_OK);
	ck_assert_uint_eq(told, 100);
}
END_TEST

START_TEST(stale_message_is_read_and_told_when_it_is_listed)
{
	struct smx_key key;
	struct smx_reply reply = { .listed = listed, .count = 1 };
	struct smx_request q;

	bench_fresh(1, 20000, 10);
	key = committed("A");
	read_as("A", MORE, 0);
	for (int i = 0; i < 10000; i++) {
		char id[16];

		snprintf(id, sizeof(id), "W%d", i);
		(void)bench_ranked(id, 2, first_two, 2, 0);
	}
	now += 20000;
	ck_assert(until(1, SMX_REQ_LIST, &q));
	memset(&listed[0], 0, sizeof(listed[0]));
	listed[0].key = key;
	engine_peer_result(engine, 1, &q, SMX_OK, &reply, now);
	read_as("A", MORE, 0);
	while (amendments(0, &q) != 0) {
		for (size_t i = 0; i < q.count; i++)
			if (q.amendments[i].envelope != NULL)
				return;
		bench_push(0, &q, SMX_OK);
	}
	ck_abort_msg("never told");
}
END_TEST

START_TEST(host_that_does_not_know_the_verb_is_left_in_peace)
{
	struct smx_request q;
	int asked = 0;

	for (int i = 0; i < 3; i++) {
		char id[16];

		snprintf(id, sizeof(id), "R%d", i);
		(void)bench_ranked(id, 2, first_two, 2, 0);
	}
	while (amendments(0, &q) != 0) {
		ck_assert_int_lt(asked++, 5);
		bench_push(0, &q, SMX_EREFUSED);
	}
	ck_assert_int_eq(asked, 4); /* all, then one by one */
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_UP);
	ck_assert_uint_eq(amendments(1, &q), 3);
}
END_TEST

/* A holder of the former version is upgraded while messages are open. */
START_TEST(what_was_refused_is_told_again_in_the_peers_next_life)
{
	struct smx_hello ours, theirs = { .incarnation = { 77 } };
	struct smx_key key = committed("A");
	struct smx_reply reply = { .listed = listed, .count = 1 };
	struct smx_request q;

	engine_hello(engine, 0, &theirs, &ours, now);
	read_as("A", MORE, 1);
	while (amendments(0, &q) != 0)
		bench_push(0, &q, SMX_EREFUSED);
	theirs.incarnation[0] = 78;
	engine_hello(engine, 0, &theirs, &ours, now);
	ck_assert(until(0, SMX_REQ_LIST, &q));
	memset(&listed[0], 0, sizeof(listed[0]));
	listed[0].key = key;
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	now += 20000;
	read_as("A", MORE, 1);
	ck_assert_uint_eq(amendments(0, &q), 1);
	ck_assert_ptr_nonnull(q.amendments[0].envelope);
	ck_assert_int_eq(q.amendments[0].held, 1);
}
END_TEST

static void
add_cases(TCase *tc)
{
	tcase_add_test(tc, what_holders_were_told_is_not_told_again);
	tcase_add_test(tc, final_set_goes_to_all_that_have_it_or_may);
	tcase_add_test(tc, set_that_lost_one_before_the_answer_is_told);
	tcase_add_test(tc, late_copy_takes_the_last_rank_and_ends_the_shortage);
	tcase_add_test(tc,
	    copy_that_a_holder_lost_makes_it_short_and_changes_the_ranks);
	tcase_add_test(tc,
	    versions_grow_with_every_change_and_never_with_the_clock_back);
	tcase_add_test(tc, what_ends_in_time_is_never_read);
	tcase_add_test(tc, equal_envelope_is_nothing_to_tell);
	tcase_add_test(tc, message_without_holders_is_not_read);
	tcase_add_test(tc, other_recipients_go_to_all_holders);
	tcase_add_test(tc, hold_and_release_are_told);
	tcase_add_test(tc, whose_hold_it_is_is_told);
	tcase_add_test(tc, hold_that_its_shadow_says_is_not_told_again);
	tcase_add_test(tc,
	    what_is_not_confirmed_yet_is_in_the_next_version_too);
	tcase_add_test(tc, nobody_left_to_serve_is_never_told);
	tcase_add_test(tc, end_takes_back_what_was_to_be_told);
	tcase_add_test(tc, end_while_it_is_told_leaves_the_request_alone);
	tcase_add_test(tc, read_that_a_hint_overtook_is_done_again);
	tcase_add_test(tc, file_of_a_shared_id_amends_nobody);
	tcase_add_test(tc, answer_that_nobody_asked_for_amends_nobody);
	tcase_add_loop_test(tc,
	    what_cannot_be_read_is_read_again_later_each_time, 0, 2);
	tcase_add_test(tc, read_without_an_answer_is_repeated);
	tcase_add_test(tc, requeued_message_is_read_under_its_new_id);
	tcase_add_test(tc, adopted_message_is_read_once_and_told_in_any_case);
	tcase_add_test(tc, next_version_is_above_all_that_are_listed);
	tcase_add_test(tc, late_holder_is_told_the_whole_envelope);
	tcase_add_test(tc, reads_are_paced);
	tcase_add_test(tc, fresh_ones_are_not_starved_by_those_that_move);
	tcase_add_test(tc, batch_is_bounded_in_number_and_bytes);
	tcase_add_test(tc, what_is_too_long_to_be_told_is_on_hold_all_the_same);
	tcase_add_test(tc,
	    what_waits_for_a_dead_peer_does_not_block_the_others);
	tcase_add_test(tc, stale_message_is_read_and_told_when_it_is_listed);
	tcase_add_test(tc, host_that_does_not_know_the_verb_is_left_in_peace);
	tcase_add_test(tc,
	    what_was_refused_is_told_again_in_the_peers_next_life);
}

int
main(void)
{
	Suite *s = suite_create("engine_amend");
	TCase *tc = tcase_create("amend");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, open_seen, bench_close);
	add_cases(tc);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
