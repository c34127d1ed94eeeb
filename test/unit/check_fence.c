/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fence.h"
#include "engine_bench.h"

/* What this host's MTA must not deliver for now, on a hand-wound clock. */
#define TEXT  "MAIL <s@x.example>\r\nRCPT <r@y.example>\r\n"
#define EMPTY "MAIL <s@x.example>\r\n"
#define OTHER "MAIL <s@x.example>\r\nRCPT <q@y.example>\r\n"

static const char *changed[SMX_QUEUE_CHANGE_MAX];
static enum smx_queue_change what;

static void
open_able(void)
{
	bench_open();
	engine_fence_able(engine, 1);
}

/* ---- peer 0's LIST ---- */

static struct smx_key
key_of(uint64_t counter)
{
	struct smx_key key = { .incarnation = { 9 }, .counter = counter };

	return key;
}

static void
row(size_t at, const struct smx_key *key, const char *id, int state)
{
	struct smx_listed *r = &listed[at];

	memset(r, 0, sizeof(*r));
	r->key = *key;
	r->state = state;
	r->epoch.id[0] = 7;
	r->epoch.counter = 4;
	snprintf(r->queue_id, sizeof(r->queue_id), "%s", id);
}

static void
say_list(size_t peer, size_t count)
{
	struct smx_reply reply = { .listed = listed, .count = count };
	struct smx_request q;

	for (int i = 0; i < 20; i++) {
		if (bench_until(peer, SMX_REQ_LIST, &q))
			break;
		now += 1000;
	}
	ck_assert_int_eq(q.kind, SMX_REQ_LIST);
	reply.hello.incarnation[0] = 100;
	reply.hello.epoch.id[0] = 101;
	engine_peer_result(engine, peer, &q, SMX_OK, &reply, now);
}

/* This message of a former life is in this state at peer 0. */
static struct smx_key
lists(const char *id, int state)
{
	struct smx_key key = key_of(3);

	row(0, &key, id, state);
	say_list(0, 1);
	return key;
}

static void
list_again(int state)
{
	struct smx_key key = key_of(3);

	now += 11000;
	row(0, &key, "A", state);
	say_list(0, 1);
}

/* ---- the queue ---- */

static void
found(const char *id)
{
	uint64_t token;

	now += 100;
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_seen(id, SMX_PRESENCE_THERE, token, "");
}

static size_t
next(void)
{
	int64_t wake;

	return engine_fence_next(engine, now, &what, changed,
	    SMX_QUEUE_CHANGE_MAX, &wake);
}

static void
result(const char *id, enum smx_queue_change kind, int rc)
{
	const char *ids[] = { id };

	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(what, kind);
	ck_assert_str_eq(changed[0], id);
	engine_fence_result(engine, what, ids, 1, rc, now);
}

static void
nothing_to_change(void)
{
	ck_assert_uint_eq(next(), 0);
}

static void
reads(const char *id, const char *text, int held)
{
	size_t n = 0;
	uint64_t token;

	(void)next(); /* says that it wants to read */
	token = bench_read(&n);
	ck_assert_uint_eq(n, 1);
	bench_text(id, text, held, token);
}

static void
put_on_hold(const char *id)
{
	reads(id, TEXT, 0);
	result(id, SMX_QUEUE_HOLD, SMX_OK);
	reads(id, TEXT, 1);
}

/* A message of a former life that is in the queue, and listed so. */
static struct smx_key
fenced(int state)
{
	struct smx_key key = lists("A", state);

	found("A");
	if (state == SMX_ROW_CLAIMED)
		reads("A", TEXT, 0);
	else
		put_on_hold("A");
	return key;
}

/* ---- RETURN ---- */

static int
asks(size_t peer, struct smx_request *q)
{
	nothing_to_change();
	return bench_until(peer, SMX_REQ_RETURN, q);
}

static void
answers_return(size_t peer, enum smx_answer answer)
{
	struct smx_request q;

	ck_assert(asks(peer, &q));
	ck_assert_uint_eq(q.count, 1);
	answers[0] = answer;
	bench_push(peer, &q, SMX_OK);
	(void)0;
}

static int
is_open(const struct smx_key *key)
{
	struct engine_open open;

	return engine_open_get(engine, key, now, &open) == SMX_OK;
}

static const char *
word(const struct smx_key *key)
{
	struct engine_open open;

	ck_assert_int_eq(engine_open_get(engine, key, now, &open), SMX_OK);
	return open.fence;
}

static struct engine_fence_counts
fence_counts(void)
{
	struct engine_fence_counts c;

	engine_fence_counts(engine, &c);
	return c;
}

/* ---- taken over ---- */

START_TEST(what_a_holder_has_handed_is_put_on_hold)
{
	struct smx_key key = fenced(_i);
	struct smx_request q;

	ck_assert_str_eq(word(&key), "held");
	ck_assert(asks(0, &q));
	ck_assert_uint_eq(q.count, 1);
	ck_assert_int_eq(q.amendments[0].held, 1);
	ck_assert_uint_eq(q.amendments[0].recipients, 1);
	ck_assert_str_eq(q.amendments[0].envelope, TEXT);
	ck_assert_int_eq(smx_key_compare(&q.amendments[0].key, &key), 0);
}
END_TEST

START_TEST(what_is_taken_stays_on_hold_and_is_asked_about_again)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	for (int i = 0; i < 5; i++) {
		answers_return(0, SMX_ANSWER_TAKEN);
		nothing_to_change();
		ck_assert_str_eq(word(&key), "held");
		now += 1000;
	}
	answers_return(0, SMX_ANSWER_UNKNOWN);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "held");
}
END_TEST

/* A look that finds no file, and the marker's next counter. */
static void
not_there(const char *id)
{
	uint64_t token;

	now += 1000;
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_seen(id, SMX_PRESENCE_ABSENT, token, "");
	queue.epoch.counter++;
	engine_queue_state(engine, &queue, now);
}

START_TEST(what_ended_there_is_erased_and_then_discarded)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	answers_return(0, SMX_ANSWER_FINISHED);
	result("A", SMX_QUEUE_ERASE, SMX_OK);
	ck_assert(is_open(&key));
	ck_assert_uint_eq(bench_waiting(0), 0);
	for (int i = 0; i < 3; i++)
		not_there("A");
	ck_assert(!is_open(&key));
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(fence_counts().erased, 1);
	ck_assert_uint_eq(fence_counts().twice, 0);
}
END_TEST

/* Until the marker was synced after it, a power cut may undo the removal. */
START_TEST(erased_file_that_may_come_back_keeps_its_holder_and_its_line)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED), freed[4];
	struct smx_listed entry;

	found("A");
	reads("A", TEXT, 0);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(engine_fence_entry(engine, "A", &entry), SMX_OK);
	engine_fence_result(engine, what, changed, 1, SMX_OK, now);
	reads("A", TEXT, 1);
	answers_return(0, SMX_ANSWER_FINISHED);
	result("A", SMX_QUEUE_ERASE, SMX_OK);
	for (int i = 0; i < 2; i++) {
		not_there("A");
		ck_assert(is_open(&key));
		ck_assert_uint_eq(bench_waiting(0), 0);
		ck_assert_uint_eq(engine_fence_freed(engine, freed, 4), 0);
	}
	now += 60000;
	nothing_to_change();
	not_there("A");
	ck_assert(!is_open(&key));
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(engine_fence_freed(engine, freed, 4), 1);
}
END_TEST

START_TEST(erased_file_that_is_seen_again_is_erased_again)
{
	struct smx_key key = fenced(SMX_ROW_DONE);

	answers_return(0, SMX_ANSWER_FINISHED);
	result("A", SMX_QUEUE_ERASE, SMX_OK);
	for (int i = 0; i < 2; i++)
		not_there("A");
	now += 1000;
	found("A");
	now += 5000;
	result("A", SMX_QUEUE_ERASE, SMX_OK);
	for (int i = 0; i < 2; i++)
		not_there("A");
	ck_assert(is_open(&key));
	not_there("A");
	ck_assert(!is_open(&key));
}
END_TEST

START_TEST(what_cannot_be_erased_is_not_discarded)
{
	struct smx_key key = fenced(SMX_ROW_DONE);

	answers_return(0, SMX_ANSWER_FINISHED);
	result("A", SMX_QUEUE_ERASE, _i == 0 ? SMX_EUNSURE : SMX_EIO);
	nothing_to_change();
	ck_assert(is_open(&key));
	ck_assert_uint_eq(bench_waiting(0), 0);
	now += 1000;
	result("A", SMX_QUEUE_ERASE, SMX_OK);
	/* The file is seen all the same. */
	found("A");
	ck_assert(is_open(&key));
	ck_assert_uint_eq(bench_waiting(0), 0);
	now += 5000;
	result("A", SMX_QUEUE_ERASE, SMX_OK);
}
END_TEST

START_TEST(what_nobody_answers_for_is_released)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	answers_return(0, _i == 0 ? SMX_ANSWER_SHADOW : SMX_ANSWER_NONE);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	ck_assert_str_eq(word(&key), "");
	nothing_to_change();
	ck_assert_uint_eq(fence_counts().fenced, 0);
	ck_assert_uint_eq(fence_counts().given_back, 1);
}
END_TEST

START_TEST(what_was_not_served_for_all_is_released_and_left_alone)
{
	struct smx_key key = fenced(SMX_ROW_DONE);

	answers_return(0, SMX_ANSWER_OPEN);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	ck_assert_str_eq(word(&key), "left");
	list_again(SMX_ROW_DONE);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "left");
}
END_TEST

START_TEST(answer_about_another_text_does_not_erase)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);
	struct smx_request q;
	size_t n;

	ck_assert(asks(0, &q));
	/* A person has added a recipient meanwhile. */
	bench_hint(SMX_QUEUE_MOVED, "A");
	now += 3000;
	bench_text("A", OTHER, 1, bench_read(&n));
	answers[0] = SMX_ANSWER_FINISHED;
	bench_push(0, &q, SMX_OK);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "held");
	/* It is asked about what is there now. */
	ck_assert(asks(0, &q));
	ck_assert_str_eq(q.amendments[0].envelope, OTHER);
}
END_TEST

START_TEST(one_that_is_in_doubt_stays_on_hold_while_another_gives_it_back)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	row(0, &key, "A", SMX_ROW_CLAIMED);
	say_list(1, 1);
	answers_return(1, SMX_ANSWER_SHADOW);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "held");
	answers_return(0, SMX_ANSWER_TAKEN);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "held");
}
END_TEST

/* ---- claimed ---- */

START_TEST(what_is_only_claimed_is_asked_back_without_a_hold)
{
	struct smx_key key = fenced(SMX_ROW_CLAIMED);
	struct smx_request q;

	ck_assert(asks(0, &q));
	ck_assert_int_eq(q.amendments[0].held, 0);
	answers[0] = SMX_ANSWER_SHADOW;
	bench_push(0, &q, SMX_OK);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "");
	ck_assert_uint_eq(fence_counts().held_total, 0);
}
END_TEST

START_TEST(what_is_not_given_back_is_put_on_hold)
{
	struct smx_key key = fenced(SMX_ROW_CLAIMED);
	struct smx_request q;

	switch (_i) {
	case 0: /* taken */
	case 1: /* already ended */
		answers_return(0,
		    _i == 0 ? SMX_ANSWER_TAKEN : SMX_ANSWER_FINISHED);
		break;
	case 2: /* no answer */
		ck_assert(asks(0, &q));
		bench_push(0, &q, SMX_EUNSURE);
		now += 1100;
		break;
	default: /* handed meanwhile */
		list_again(SMX_ROW_HANDED);
		break;
	}
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(what, SMX_QUEUE_HOLD);
	ck_assert_str_eq(word(&key), "hold");
}
END_TEST

/* ---- holds that are not ours ---- */

START_TEST(persons_hold_is_neither_released_nor_erased)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED);

	found("A");
	reads("A", TEXT, 1);
	ck_assert_str_eq(word(&key), "held");
	answers_return(0, SMX_ANSWER_TAKEN);
	now += 1000;
	answers_return(0, _i == 0 ? SMX_ANSWER_FINISHED : SMX_ANSWER_SHADOW);
	nothing_to_change();
	nothing_to_change();
	ck_assert_uint_eq(fence_counts().persons, _i == 0 ? 1 : 0);
}
END_TEST

START_TEST(what_a_person_releases_stays_released)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);
	size_t n;

	answers_return(0, SMX_ANSWER_TAKEN);
	bench_hint(SMX_QUEUE_MOVED, "A");
	now += 3000;
	bench_text("A", TEXT, 0, bench_read(&n));
	nothing_to_change();
	ck_assert_str_eq(word(&key), "left");
	list_again(SMX_ROW_HANDED);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "left");
}
END_TEST

START_TEST(operator_releases_what_is_taken_only_by_force)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	answers_return(0, SMX_ANSWER_TAKEN);
	ck_assert_int_eq(engine_fence_release(engine, &key, 0, now),
	    SMX_ESTATE);
	nothing_to_change();
	ck_assert_int_eq(engine_fence_release(engine, &key, 1, now), SMX_OK);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	ck_assert_str_eq(word(&key), "left");
	list_again(SMX_ROW_HANDED);
	nothing_to_change();
}
END_TEST

START_TEST(our_hold_is_not_told_to_holders)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);
	struct engine_open open;
	struct smx_request q;

	ck_assert_int_eq(engine_open_get(engine, &key, now, &open), SMX_OK);
	ck_assert_int_eq(open.held, 0);
	now += 1000;
	ck_assert(bench_until(0, SMX_REQ_AMEND, &q));
	ck_assert_int_ne(q.amendments[0].held, 1);
}
END_TEST

/* ---- the hold itself ---- */

/* What is fenced may be read again before the answer is there. */
START_TEST(older_read_that_is_answered_last_says_nothing)
{
	uint64_t token[3];
	struct smx_request q;
	size_t n;

	lists("A", SMX_ROW_HANDED);
	found("A");
	for (int i = 0; i < 2; i++) {
		(void)next();
		token[i] = bench_read(&n);
		ck_assert_uint_eq(n, 1);
		now += 3000;
	}
	bench_text("A", OTHER, 0, token[1]);
	result("A", SMX_QUEUE_HOLD, SMX_OK);
	(void)next();
	token[2] = bench_read(&n);
	ck_assert_uint_eq(n, 1);
	bench_text("A", TEXT, 0, token[0]);
	now += 1000;
	ck_assert(bench_until(0, SMX_REQ_AMEND, &q));
	ck_assert_uint_eq(q.count, 1);
	ck_assert_uint_eq(q.amendments[0].envelope_len, strlen(OTHER));
	ck_assert_int_eq(memcmp(q.amendments[0].envelope, OTHER, strlen(OTHER)),
	    0);
}
END_TEST

START_TEST(hold_that_missed_a_moving_file_is_repeated)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED);

	found("A");
	reads("A", TEXT, 0);
	for (int i = 0; i < 3; i++) {
		result("A", SMX_QUEUE_HOLD, SMX_OK);
		reads("A", TEXT, 0);
		nothing_to_change(); /* after a pause */
		now += 10000;
	}
	result("A", SMX_QUEUE_HOLD, SMX_OK);
	reads("A", TEXT, 1);
	ck_assert_str_eq(word(&key), "held");
}
END_TEST

START_TEST(hold_that_is_unsure_is_repeated)
{
	static const int results[] = { SMX_EUNSURE, SMX_EIO, SMX_ETIMEOUT };
	struct smx_key key = lists("A", SMX_ROW_HANDED);

	found("A");
	reads("A", TEXT, 0);
	result("A", SMX_QUEUE_HOLD, results[_i]);
	nothing_to_change();
	ck_assert_int_eq(fence_counts().failing, results[_i]);
	ck_assert_str_eq(word(&key), "hold");
	now += 1000;
	result("A", SMX_QUEUE_HOLD, SMX_OK);
	ck_assert_int_eq(fence_counts().failing, SMX_OK);
}
END_TEST

START_TEST(empty_file_on_hold_is_erased)
{
	lists("A", SMX_ROW_HANDED);
	found("A");
	reads("A", TEXT, 0);
	result("A", SMX_QUEUE_HOLD, SMX_OK);
	/* A delivery was running, and is through. */
	reads("A", EMPTY, 1);
	result("A", SMX_QUEUE_ERASE, SMX_OK);
}
END_TEST

START_TEST(read_from_before_the_hold_proves_nothing)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED);
	uint64_t token;
	size_t n;

	found("A");
	reads("A", TEXT, 0);
	bench_hint(SMX_QUEUE_MOVED, "A");
	now += 3000;
	token = bench_read(&n);
	result("A", SMX_QUEUE_HOLD, SMX_OK);
	bench_text("A", TEXT, 0, token);
	ck_assert_str_eq(word(&key), "wanted");
	reads("A", TEXT, 1);
	ck_assert_str_eq(word(&key), "held");
}
END_TEST

START_TEST(nothing_is_done_to_a_file_that_may_be_anothers)
{
	struct smx_key key = key_of(3);
	struct smx_key mine;

	switch (_i) {
	case 0: /* another queue */
		row(0, &key, "A", SMX_ROW_CLAIMED);
		listed[0].epoch.id[0] = 8;
		say_list(0, 1);
		break;
	case 1: /* an older state of it, where the file was not seen */
		row(0, &key, "A", SMX_ROW_HANDED);
		listed[0].epoch.counter = 6;
		say_list(0, 1);
		break;
	default: /* the id was used again */
		mine = bench_accepted("A");
		bench_hint(SMX_QUEUE_COMMITTED, "A");
		(void)mine;
		lists("A", SMX_ROW_HANDED);
		break;
	}
	for (int i = 0; i < 20; i++) {
		size_t n;

		ck_assert_uint_eq(next(), 0);
		(void)bench_read(&n);
		now += 1000;
	}
}
END_TEST

/* ---- not in the queue ---- */

START_TEST(ended_row_without_a_file_is_discarded)
{
	struct smx_key key = key_of(3);

	row(0, &key, "A", SMX_ROW_DONE);
	if (_i == 0) { /* another queue: at once */
		listed[0].epoch.id[0] = 8;
		say_list(0, 1);
		ck_assert_uint_eq(bench_waiting(0), 1);
		return;
	}
	if (_i == 1) /* an older one */
		listed[0].epoch.counter = 6;
	if (_i == 2) { /* stopped unclean: absence alone proves nothing */
		queue.unclean = 5;
		engine_queue_state(engine, &queue, now);
	}
	say_list(0, 1);
	ck_assert_uint_eq(bench_waiting(0), 0);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert(!is_open(&key));
}
END_TEST

START_TEST(taken_row_without_a_file_is_not_finished_in_another_queue)
{
	struct smx_key key = key_of(3);

	row(0, &key, "A", SMX_ROW_CLAIMED);
	listed[0].epoch.id[0] = 8;
	say_list(0, 1);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	/* It ended there. */
	now += 11000;
	row(0, &key, "A", SMX_ROW_DONE);
	listed[0].epoch.id[0] = 8;
	say_list(0, 1);
	ck_assert(!is_open(&key));
	ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

START_TEST(delivered_here_and_taken_there_is_counted)
{
	lists("A", SMX_ROW_HANDED);
	nothing_to_change();
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(fence_counts().twice, 1);
	ck_assert_uint_eq(bench_waiting(0), 1);
}
END_TEST

/* ---- silence ---- */

static void
goes_silent(size_t peer)
{
	struct smx_request q;

	for (int i = 0; i < 60 && bench_state(peer) != ENGINE_PEER_SILENT;
	     i++) {
		while (bench_pull(peer, &q) == SMX_OK)
			bench_push(peer, &q, SMX_EUNREACHABLE);
		while (bench_pull(1 - peer, &q) == SMX_OK)
			bench_push(1 - peer, &q, SMX_OK);
		now += 500;
	}
	ck_assert_int_eq(bench_state(peer), ENGINE_PEER_SILENT);
}

START_TEST(silent_holder_makes_it_the_second_copy)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	answers_return(0, SMX_ANSWER_TAKEN);
	nothing_to_change();
	goes_silent(0);
	now += 500;
	ck_assert_str_eq(word(&key), "held");
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	ck_assert_str_eq(word(&key), "left");
	ck_assert_uint_eq(fence_counts().second, 1);
	/* It comes back while the message is still open. */
	list_again(SMX_ROW_HANDED);
	put_on_hold("A");
	ck_assert_str_eq(word(&key), "held");
}
END_TEST

START_TEST(short_absence_of_a_holder_changes_nothing)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);
	struct smx_request q;

	answers_return(0, SMX_ANSWER_TAKEN);
	for (int i = 0; i < 8; i++) {
		now += 500;
		while (bench_pull(0, &q) == SMX_OK)
			bench_push(0, &q, SMX_EUNREACHABLE);
		nothing_to_change();
	}
	ck_assert_str_eq(word(&key), "held");
}
END_TEST

START_TEST(recovered_peer_is_listed_at_once)
{
	struct smx_request q;

	say_list(0, 0);
	now += 1000;
	while (bench_pull(0, &q) == SMX_OK)
		bench_push(0, &q, SMX_OK);
	now += 1000;
	ck_assert(bench_until(0, SMX_REQ_BEAT, &q));
	bench_push(0, &q, SMX_EUNREACHABLE);
	ck_assert_int_eq(bench_state(0), ENGINE_PEER_QUIET);
	now += 1000;
	ck_assert(bench_until(0, SMX_REQ_BEAT, &q));
	bench_push(0, &q, SMX_OK);
	ck_assert(bench_until(0, SMX_REQ_LIST, &q));
}
END_TEST

START_TEST(older_holder_is_not_waited_for)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);
	struct smx_request q;

	ck_assert(asks(0, &q));
	bench_push(0, &q, SMX_EREFUSED);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	list_again(SMX_ROW_HANDED);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "");
}
END_TEST

/* ---- lease ---- */

#include "core/inside.h"

static struct own *
own_of(const struct smx_key *key)
{
	return own_find(&engine->own, key);
}

START_TEST(lease_holds_until_it_is_lifted)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	fence_want(engine, own_of(&key), FENCE_LEASE, now);
	fence_want(engine, own_of(&key), FENCE_LEASE, now);
	reads("A", TEXT, 0);
	result("A", SMX_QUEUE_HOLD, SMX_OK);
	reads("A", TEXT, 1);
	nothing_to_change();
	ck_assert_str_eq(word(&key), "held");
	fence_lift(engine, own_of(&key), FENCE_LEASE, now);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	ck_assert_str_eq(word(&key), "");
}
END_TEST

START_TEST(lease_trusts_an_earlier_read)
{
	struct smx_key key = bench_accepted("A");
	size_t n;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 2100;
	bench_text("A", TEXT, _i, bench_read(&n));
	fence_want(engine, own_of(&key), FENCE_LEASE, now);
	if (_i == 0) {
		result("A", SMX_QUEUE_HOLD, SMX_OK);
	} else {
		reads("A", TEXT, 1);
		nothing_to_change();
		ck_assert_uint_eq(fence_counts().persons, 1);
	}
}
END_TEST

START_TEST(released_only_when_the_last_reason_is_gone)
{
	struct smx_key key = fenced(SMX_ROW_HANDED);

	fence_want(engine, own_of(&key), FENCE_LEASE, now);
	answers_return(0, SMX_ANSWER_SHADOW);
	nothing_to_change();
	nothing_to_change();
	ck_assert_str_eq(word(&key), "held");
	fence_lift(engine, own_of(&key), FENCE_LEASE, now);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
}
END_TEST

START_TEST(unable_queue_fences_nothing)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED);

	engine_fence_able(engine, 0);
	found("A");
	ck_assert_uint_eq(next(), 0);
	fence_want(engine, own_of(&key), FENCE_LEASE, now);
	ck_assert_uint_eq(next(), 0);
}
END_TEST

/* ---- an earlier worker ---- */

static struct smx_key
held_before(void)
{
	struct smx_listed message;

	memset(&message, 0, sizeof(message));
	message.key = key_of(3);
	message.epoch.id[0] = 7;
	message.epoch.counter = 4;
	snprintf(message.queue_id, sizeof(message.queue_id), "A");
	engine_fence_before(engine, &message, now);
	return message.key;
}

START_TEST(earlier_workers_hold_is_ours)
{
	struct smx_key key = held_before();

	if (_i == 0)
		lists("A", SMX_ROW_HANDED);
	else { /* nobody answers for it any more */
		say_list(0, 0);
		nothing_to_change();
		ck_assert_str_eq(word(&key), "wanted");
		say_list(1, 0);
		result("A", SMX_QUEUE_RELEASE, SMX_OK);
		ck_assert_str_eq(word(&key), "");
		return;
	}
	found("A");
	reads("A", TEXT, 1);
	answers_return(0, SMX_ANSWER_SHADOW);
	say_list(1, 0);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
}
END_TEST

START_TEST(book_has_what_is_on_hold_by_our_doing)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED), freed[4];
	struct smx_listed entry;

	found("A");
	reads("A", TEXT, 0);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(engine_fence_entry(engine, "A", &entry), SMX_OK);
	ck_assert_int_eq(smx_key_compare(&entry.key, &key), 0);
	ck_assert_uint_eq(entry.epoch.counter, 5);
	ck_assert_int_eq(engine_fence_entry(engine, "A", &entry),
	    SMX_ENOTFOUND);
	engine_fence_result(engine, what, changed, 1, SMX_OK, now);
	ck_assert_uint_eq(engine_fence_freed(engine, freed, 4), 0);
	reads("A", TEXT, 1);
	answers_return(0, SMX_ANSWER_NONE);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
	ck_assert_uint_eq(engine_fence_freed(engine, freed, 4), 1);
	ck_assert_int_eq(smx_key_compare(&freed[0], &key), 0);
}
END_TEST

START_TEST(hold_under_a_new_id_is_in_the_book_too)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED);
	struct smx_listed entry;

	found("A");
	reads("A", TEXT, 0);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(engine_fence_entry(engine, "A", &entry), SMX_OK);
	engine_fence_result(engine, what, changed, 1, SMX_OK, now);
	reads("A", TEXT, 1);
	bench_hint(SMX_QUEUE_REQUEUED, "A");
	now += 600000;
	bench_seen("A", SMX_PRESENCE_LINKED, bench_look(), "B");
	bench_shown("B", SMX_PRESENCE_THERE);
	reads("B", TEXT, 0);
	ck_assert_uint_eq(next(), 1);
	ck_assert_int_eq(what, SMX_QUEUE_HOLD);
	ck_assert_int_eq(engine_fence_entry(engine, "B", &entry), SMX_OK);
	ck_assert_int_eq(smx_key_compare(&entry.key, &key), 0);
	ck_assert_str_eq(entry.queue_id, "B");
}
END_TEST

START_TEST(message_without_a_file_leaves_the_id_to_another)
{
	struct smx_key key = lists("A", SMX_ROW_HANDED), other = key_of(4);

	found("A");
	put_on_hold("A");
	row(0, &other, "A", SMX_ROW_SHADOW);
	listed[0].epoch.id[0] = 8;
	say_list(1, 1);
	ck_assert_str_eq(word(&key), "held");
	answers_return(0, SMX_ANSWER_NONE);
	result("A", SMX_QUEUE_RELEASE, SMX_OK);
}
END_TEST

/* ---- before the MTA starts ---- */

START_TEST(all_are_asked_again_when_told_so)
{
	say_list(0, 0);
	say_list(1, 0);
	ck_assert(engine_fence_listed(engine, 0));
	engine_fence_ask(engine, now);
	ck_assert(!engine_fence_listed(engine, 0));
	say_list(0, 0);
	ck_assert(engine_fence_listed(engine, 0));
	ck_assert(!engine_fence_listed(engine, 1));
	lists("A", SMX_ROW_HANDED);
	ck_assert_uint_eq(fence_counts().pending, 1);
	found("A");
	put_on_hold("A");
	ck_assert_uint_eq(fence_counts().pending, 0);
	ck_assert_uint_eq(fence_counts().fenced, 1);
}
END_TEST

START_TEST(page_from_before_the_order_does_not_count)
{
	struct smx_reply reply = { .listed = listed };
	struct smx_request q;

	ck_assert(bench_until(0, SMX_REQ_LIST, &q));
	engine_fence_ask(engine, now);
	reply.hello.incarnation[0] = 100;
	reply.hello.epoch.id[0] = 101;
	engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	ck_assert(!engine_fence_listed(engine, 0));
	say_list(0, 0);
	ck_assert(engine_fence_listed(engine, 0));
}
END_TEST

START_TEST(many_are_changed_and_asked_about_in_batches)
{
	enum { MANY = 1500 };
	char ids[SMX_QUEUE_CHANGE_MAX][8];
	struct smx_request q;
	size_t held = 0, asked = 0, n;
	uint64_t token;

	bench_fresh(1, 4000, 1000);
	engine_fence_able(engine, 1);
	for (size_t page = 0; page < 2; page++) {
		struct smx_reply reply = { .listed = listed,
			.count = page == 0 ? 1000 : 500 };

		ck_assert(bench_until(0, SMX_REQ_LIST, &q));
		for (size_t i = 0; i < reply.count; i++) {
			struct smx_key key = key_of(1 + page * 1000 + i);
			char id[16];

			snprintf(id, sizeof(id), "Q%zu", page * 1000 + i);
			row(i, &key, id, SMX_ROW_HANDED);
		}
		reply.hello.incarnation[0] = 100;
		reply.hello.epoch.id[0] = 101;
		engine_peer_result(engine, 0, &q, SMX_OK, &reply, now);
	}
	now += 100;
	for (int i = 0; i < 200; i++) {
		const char *look[100], *read[SMX_QUEUE_READ_MAX];

		n = engine_verify_next(engine, now, look, 100, &token);
		for (size_t k = 0; k < n; k++) {
			char id[64];

			snprintf(id, sizeof(id), "%s", look[k]);
			bench_seen(id, SMX_PRESENCE_THERE, token, "");
		}
		n = next();
		ck_assert_uint_le(n, SMX_QUEUE_CHANGE_MAX);
		for (size_t k = 0; k < n; k++)
			snprintf(ids[k], sizeof(ids[k]), "%s", changed[k]);
		for (size_t k = 0; k < n; k++)
			changed[k] = ids[k];
		held += n;
		if (n != 0)
			engine_fence_result(engine, what, changed, n, SMX_OK,
			    now);
		n = engine_read_next(engine, now, read, SMX_QUEUE_READ_MAX,
		    &token);
		for (size_t k = 0; k < n; k++) {
			char id[64];

			snprintf(id, sizeof(id), "%s", read[k]);
			bench_text(id, TEXT, held != 0, token);
		}
		while (bench_until(0, SMX_REQ_RETURN, &q)) {
			ck_assert_uint_le(q.count, SMX_AMEND_MAX);
			asked += q.count;
			for (size_t k = 0; k < q.count; k++)
				answers[k] = SMX_ANSWER_TAKEN;
			bench_push(0, &q, SMX_OK);
		}
		now += 100;
	}
	ck_assert_uint_eq(fence_counts().pending, 0);
	ck_assert_uint_eq(fence_counts().fenced, MANY);
	ck_assert_uint_ge(asked, MANY);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("fence");
	TCase *tc = tcase_create("taken");

	tcase_add_checked_fixture(tc, open_able, bench_close);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_a_holder_has_handed_is_put_on_hold,
	    SMX_ROW_HANDED, SMX_ROW_DONE + 1);
	tcase_add_test(tc,
	    what_is_taken_stays_on_hold_and_is_asked_about_again);
	tcase_add_test(tc, what_ended_there_is_erased_and_then_discarded);
	tcase_add_test(tc,
	    erased_file_that_may_come_back_keeps_its_holder_and_its_line);
	tcase_add_test(tc, erased_file_that_is_seen_again_is_erased_again);
	tcase_add_loop_test(tc, what_cannot_be_erased_is_not_discarded, 0, 2);
	tcase_add_loop_test(tc, what_nobody_answers_for_is_released, 0, 2);
	tcase_add_test(tc,
	    what_was_not_served_for_all_is_released_and_left_alone);
	tcase_add_test(tc, answer_about_another_text_does_not_erase);
	tcase_add_test(tc,
	    one_that_is_in_doubt_stays_on_hold_while_another_gives_it_back);
	tcase_add_test(tc, what_is_only_claimed_is_asked_back_without_a_hold);
	tcase_add_loop_test(tc, what_is_not_given_back_is_put_on_hold, 0, 4);
	tcase_add_loop_test(tc, persons_hold_is_neither_released_nor_erased, 0,
	    2);
	tcase_add_test(tc, what_a_person_releases_stays_released);
	tcase_add_test(tc, operator_releases_what_is_taken_only_by_force);
	tcase_add_test(tc, our_hold_is_not_told_to_holders);
	tcase_add_test(tc, older_read_that_is_answered_last_says_nothing);
	tcase_add_test(tc, hold_that_missed_a_moving_file_is_repeated);
	tcase_add_loop_test(tc, hold_that_is_unsure_is_repeated, 0, 3);
	tcase_add_test(tc, empty_file_on_hold_is_erased);
	tcase_add_test(tc, read_from_before_the_hold_proves_nothing);
	tcase_add_loop_test(tc, nothing_is_done_to_a_file_that_may_be_anothers,
	    0, 3);
	tcase_add_loop_test(tc, ended_row_without_a_file_is_discarded, 0, 4);
	tcase_add_test(tc,
	    taken_row_without_a_file_is_not_finished_in_another_queue);
	tcase_add_test(tc, delivered_here_and_taken_there_is_counted);
	tcase_add_test(tc, silent_holder_makes_it_the_second_copy);
	tcase_add_test(tc, short_absence_of_a_holder_changes_nothing);
	tcase_add_test(tc, recovered_peer_is_listed_at_once);
	tcase_add_test(tc, older_holder_is_not_waited_for);
	tcase_add_test(tc, lease_holds_until_it_is_lifted);
	tcase_add_loop_test(tc, lease_trusts_an_earlier_read, 0, 2);
	tcase_add_test(tc, released_only_when_the_last_reason_is_gone);
	tcase_add_test(tc, unable_queue_fences_nothing);
	tcase_add_loop_test(tc, earlier_workers_hold_is_ours, 0, 2);
	tcase_add_test(tc, book_has_what_is_on_hold_by_our_doing);
	tcase_add_test(tc, hold_under_a_new_id_is_in_the_book_too);
	tcase_add_test(tc, message_without_a_file_leaves_the_id_to_another);
	tcase_add_test(tc, all_are_asked_again_when_told_so);
	tcase_add_test(tc, page_from_before_the_order_does_not_count);
	tcase_add_test(tc, many_are_changed_and_asked_about_in_batches);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
