/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/holder.h"
#include "core/takeover.h"
#include "row_store.h"

static struct row_store store;
static struct takeover *takeover;

/* This node is "n"; mx1 and mx2 are the primaries of the tests. */
static const char *const names[] = { "mx1", "mx2", "mx3" };
static struct gate_world world; /* empty: nobody else is known */
static size_t ahead;            /* rows prepared beforehand */

static void
reopen(void)
{
	struct takeover_options o = { .store = &store.port,
		.retry_ms = 1000,
		.retry_max_ms = 60000,
		.max_crashes = 3,
		.parallel = 2,
		.ahead = ahead,
		.page = 2,
		.world = world };

	takeover_free(&takeover);
	ck_assert_int_eq(takeover_new(&takeover, &o), SMX_OK);
}

static void
setup(void)
{
	const char *ids[1];
	uint64_t token;

	memset(&world, 0, sizeof(world));
	row_store_init(&store);
	reopen();
	ck_assert_uint_eq(takeover_verify_next(takeover, 0, ids, 1, &token), 0);
}

static void
setup_three(void)
{
	const char *ids[1];
	uint64_t token;

	world = (struct gate_world){ .own = "n", .names = names, .count = 3 };
	row_store_init(&store);
	reopen();
	ck_assert_uint_eq(takeover_verify_next(takeover, 0, ids, 1, &token), 0);
}

static void
setup_ahead(void)
{
	ahead = 6;
	setup();
}

static void
teardown(void)
{
	ahead = 0;
	takeover_free(&takeover);
}

static struct smx_row *
claimed(uint64_t counter)
{
	return row_store_add(&store, "mx1", counter, SMX_ROW_CLAIMED);
}

static int
next(int64_t wall, struct takeover_job *job)
{
	int64_t wake;

	return takeover_next(takeover, wall, job, &wake);
}

/* One attempt at what is due. */
static void
attempt(int64_t wall, int result, const char *states, const char *id)
{
	struct smx_submit_result r = { .text = "the reply" };
	struct takeover_job job;
	char marks[8];

	ck_assert_int_eq(next(wall, &job), SMX_OK);
	snprintf(marks, sizeof(marks), "%s", states);
	r.rcpt_states = marks;
	snprintf(r.queue_id, sizeof(r.queue_id), "%s", id);
	takeover_result(takeover, &job, result, &r, wall);
	ck_assert_ptr_null(job.envelope);
}

/* A look into the own queue and what it finds. */
static void
seen(int64_t now, const char *id, enum smx_presence presence, const char *other)
{
	struct smx_queue_event e = { .kind = SMX_QUEUE_VERIFIED,
		.presence = presence };
	const char *ids[4];

	ck_assert_uint_eq(takeover_verify_next(takeover, now, ids, 4, &e.token),
	    1);
	ck_assert_str_eq(ids[0], id);
	snprintf(e.id, sizeof(e.id), "%s", id);
	snprintf(e.other, sizeof(e.other), "%s", other);
	takeover_queue_event(takeover, &e, now);
}

/* ---- claims ---- */

static struct gate gate;

/* The round's next page, and a claim of all of it. */
static int
claim_page(const char *primary, size_t max)
{
	struct gate_row rows[8];
	struct heir heirs[8];
	int n = takeover_page(takeover, primary, &gate, rows, max);

	ck_assert_int_ge(n, 0);
	return takeover_claim(takeover, primary, gate.cause, rows, (size_t)n,
	    heirs, 50);
}

static void
begin(const struct engine_takeover *why)
{
	gate_close(&gate);
	ck_assert_int_eq(gate_open(&gate, why, 0), SMX_OK);
	gate_round(&gate);
}

START_TEST(claims_come_in_pages_until_none_is_left)
{
	struct engine_takeover why = { .cause = ENGINE_CAUSE_SILENT };

	for (uint64_t i = 1; i <= 5; i++)
		row_store_add(&store, i == 3 ? "mx2" : "mx1", i,
		    SMX_ROW_SHADOW);
	begin(&why);
	ck_assert_int_eq(claim_page("mx1", 2), 2);
	ck_assert(!gate.ended);
	ck_assert_int_eq(claim_page("mx1", 2), 2);
	while (!gate.ended)
		ck_assert_int_eq(claim_page("mx1", 2), 0);
	ck_assert_uint_eq(store.steps, 2); /* each page at once */
	ck_assert_int_eq(store.row[2].state, SMX_ROW_SHADOW);
	ck_assert_uint_eq(takeover_claims(takeover), 4);
}
END_TEST

START_TEST(epoch_claims_only_what_the_new_queue_cannot_have)
{
	struct engine_takeover why = { .cause = ENGINE_CAUSE_EPOCH,
		.other_epoch = 1 };

	row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW)->epoch.id[0] = 2;
	row_store_add(&store, "mx1", 2, SMX_ROW_SHADOW)->epoch.id[0] = 3;
	row_store_add(&store, "mx1", 3, SMX_ROW_SHADOW)->epoch.id[0] = 0;
	why.epoch.id[0] = 3;
	begin(&why);
	ck_assert_int_eq(claim_page("mx1", 8), 1);
	ck_assert(gate.ended);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
	ck_assert_int_eq(store.row[1].state, SMX_ROW_SHADOW);
	ck_assert_int_eq(store.row[2].state, SMX_ROW_SHADOW);
}
END_TEST

START_TEST(lost_keys_are_claimed_alone)
{
	struct smx_key keys[3] = { { .counter = 2 }, { .counter = 3 },
		{ .counter = 99 } };
	struct engine_takeover why = { .cause = ENGINE_CAUSE_LOST,
		.keys = keys,
		.count = 3 };

	row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);
	row_store_add(&store, "mx1", 2, SMX_ROW_SHADOW);
	row_store_add(&store, "mx2", 3, SMX_ROW_SHADOW); /* not its own */
	begin(&why);
	ck_assert_int_eq(claim_page("mx1", 8), 1);
	ck_assert(gate.ended);
	ck_assert_uint_eq(gate.count, 1); /* the others are nobody's here */
	ck_assert_int_eq(store.row[1].state, SMX_ROW_CLAIMED);
	ck_assert_int_eq(store.row[2].state, SMX_ROW_SHADOW);
}
END_TEST

START_TEST(claim_that_fails_is_told)
{
	struct engine_takeover why = { .cause = ENGINE_CAUSE_OPERATOR };

	row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);
	begin(&why);
	store.fail = SMX_EIO;
	ck_assert_int_eq(claim_page("mx1", 8), SMX_EIO);
}
END_TEST

START_TEST(row_given_to_another_while_asking_is_not_claimed)
{
	struct engine_takeover why = { .cause = ENGINE_CAUSE_SILENT };
	struct gate_row rows[8];
	struct heir heirs[8];
	struct smx_row *row = row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);

	begin(&why);
	ck_assert_int_eq(takeover_page(takeover, "mx1", &gate, rows, 8), 1);
	memcpy(row->primary, "mx2", 4);
	row->yielded = 1;
	ck_assert_int_eq(takeover_claim(takeover, "mx1", gate.cause, rows, 1,
			     heirs, 50),
	    0);
	ck_assert_int_eq(row->state, SMX_ROW_SHADOW);
}
END_TEST

START_TEST(finished_copies_go_in_one_step_and_leave_their_keys)
{
	struct engine_takeover why = { .cause = ENGINE_CAUSE_SILENT };
	struct smx_key keys[3] = { { .counter = 1 }, { .counter = 2 },
		{ .counter = 3 } };
	struct gate_row rows[8];

	for (uint64_t i = 1; i <= 3; i++)
		row_store_add(&store, "mx1", i, SMX_ROW_SHADOW);
	begin(&why);
	ck_assert_int_eq(takeover_page(takeover, "mx1", &gate, rows, 8), 3);
	ck_assert_int_eq(takeover_drop(takeover, "mx1", rows, 0), 0);
	/* Its envelope came after the question. */
	row_store_find(&store, &keys[1])->amended = 1;
	ck_assert_int_eq(takeover_drop(takeover, "mx1", rows, 3), 2);
	ck_assert_uint_eq(store.drops, 1);
	ck_assert_ptr_null(row_store_find(&store, &keys[0]));
	ck_assert_ptr_nonnull(row_store_find(&store, &keys[1]));
	ck_assert_ptr_null(row_store_find(&store, &keys[2]));
	ck_assert(row_store_tombed(&store, &keys[0]));
	store.fail = SMX_EIO;
	rows[1].whole = 0;
	ck_assert_int_eq(takeover_drop(takeover, "mx1", rows, 3), SMX_EIO);
}
END_TEST

START_TEST(copy_that_a_stranger_delivered_is_for_a_person)
{
	struct engine_takeover why = { .cause = ENGINE_CAUSE_SILENT };
	struct smx_row *row = row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);
	struct gate_row asked;

	begin(&why);
	ck_assert_int_eq(takeover_page(takeover, "mx1", &gate, &asked, 1), 1);
	row->state = SMX_ROW_CLAIMED; /* an operator was faster */
	ck_assert_int_eq(takeover_aside(takeover, "mx1", &asked, 50), SMX_OK);
	ck_assert_int_eq(row->state, SMX_ROW_CLAIMED);
	row->state = SMX_ROW_SHADOW;
	ck_assert_int_eq(takeover_aside(takeover, "mx1", &asked, 50), SMX_OK);
	ck_assert_int_eq(row->state, SMX_ROW_QUARANTINED);
	ck_assert_ptr_nonnull(strstr(row->reason, "delivered by "));
	/* Both ways are open to that person, and to the primary. */
	ck_assert_int_eq(holder_move(row->state, HOLDER_FORGET), 0);
	ck_assert_int_eq(holder_move(row->state, HOLDER_RELEASE),
	    SMX_ROW_CLAIMED);
	ck_assert_int_eq(holder_move(row->state, HOLDER_DISCARD), 0);
}
END_TEST

/* ---- attempts ---- */

START_TEST(attempt_is_counted_before_the_work)
{
	struct takeover_job job;

	claimed(1);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_uint_eq(store.row[0].attempts, 1);
	ck_assert_uint_eq(job.row.attempts, 1);
	ck_assert_str_eq(job.rcpt_states, "oo");
	takeover_give_back(takeover, &job, 100);
	ck_assert_uint_eq(store.row[0].attempts, 0);
	store.fail = SMX_EIO;
	ck_assert_int_eq(next(100, &job), SMX_EIO);
}
END_TEST

START_TEST(one_job_for_a_row_and_no_more_than_allowed)
{
	struct takeover_job a, b, c;

	claimed(1);
	ck_assert_int_eq(next(100, &a), SMX_OK);
	ck_assert_int_eq(next(100, &b), SMX_ENOTFOUND);
	claimed(2);
	claimed(3);
	ck_assert_int_eq(next(1100, &b), SMX_OK);
	ck_assert_int_eq(next(1100, &c), SMX_ENOTFOUND);
	takeover_give_back(takeover, &a, 100);
	takeover_give_back(takeover, &b, 100);
}
END_TEST

START_TEST(message_that_ends_the_daemon_is_set_aside)
{
	claimed(1);
	for (int i = 0; i < 3; i++) {
		struct takeover_job job;

		ck_assert_int_eq(next(100, &job), SMX_OK);
		free(job.envelope);
		free(job.rcpt_states);
		reopen(); /* it never came back */
	}
	claimed(2);
	attempt(100, SMX_OK, "hh", "N2"); /* others flow */
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	ck_assert_uint_eq(store.row[0].attempts, 3);
	ck_assert_int_eq(store.row[1].state, SMX_ROW_HANDED);
}
END_TEST

START_TEST(attempts_that_return_never_set_aside)
{
	int64_t wall = 100;

	claimed(1);
	for (int i = 0; i < 20; i++) {
		attempt(wall, SMX_ETEMP, "oo", "");
		reopen();
		wall += 60000;
	}
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
	ck_assert_uint_eq(store.row[0].attempts, 20);
}
END_TEST

START_TEST(pauses_double_up_to_the_ceiling)
{
	static const int64_t pause[] = { 1000, 2000, 4000, 8000, 16000, 32000,
		60000, 60000 };
	int64_t wall = 100;

	claimed(1);
	for (size_t i = 0; i < sizeof(pause) / sizeof(*pause); i++) {
		struct takeover_job job;
		int64_t wake;

		attempt(wall, i % 2 ? SMX_ETEMP : SMX_EUNSURE, "oo", "");
		ck_assert_int_eq(takeover_next(takeover, wall, &job, &wake),
		    SMX_ENOTFOUND);
		ck_assert_int_eq(wake, wall + pause[i]);
		wall = wake;
	}
}
END_TEST

START_TEST(clock_set_back_delays_nothing)
{
	struct takeover_job job;

	claimed(1)->next_try_ms = INT64_C(1000) * 86400 * 365;
	ck_assert_int_eq(next(5000, &job), SMX_OK);
	takeover_give_back(takeover, &job, 5000);
}
END_TEST

/* ---- many at a time ---- */

START_TEST(attempts_are_counted_in_one_step_before_the_work)
{
	struct takeover_job job;

	for (uint64_t i = 1; i <= 4; i++)
		claimed(i);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_uint_eq(store.steps, 1);
	ck_assert_uint_eq(store.marks, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(store.row[i].attempts, 1);
		ck_assert_int_lt(store.row[i].next_try_ms, 0);
	}
	ck_assert_uint_eq(job.row.key.counter, 1);
	ck_assert_uint_eq(job.row.attempts, 1);
	takeover_give_back(takeover, &job, 100);
	for (uint64_t i = 2; i <= 4; i++) {
		ck_assert_int_eq(next(100, &job), SMX_OK);
		ck_assert_uint_eq(job.row.key.counter, i);
		takeover_give_back(takeover, &job, 200);
	}
	ck_assert_uint_eq(store.steps, 1);
}
END_TEST

START_TEST(what_was_prepared_and_not_begun_is_as_before)
{
	struct takeover_job job;

	for (uint64_t i = 1; i <= 4; i++)
		claimed(i);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	takeover_give_back(takeover, &job, 100);
	takeover_rest(takeover, 100);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(store.row[i].attempts, 0);
		ck_assert_int_ge(store.row[i].next_try_ms, 0);
	}
	attempt(100, SMX_OK, "hh", "N1");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	takeover_rest(takeover, 100);
}
END_TEST

START_TEST(prepared_row_that_was_discarded_is_not_begun)
{
	struct takeover_job job;
	size_t foreign;

	for (uint64_t i = 1; i <= 3; i++)
		claimed(i);
	attempt(100, SMX_OK, "hh", "N1");
	ck_assert_int_eq(store.port.ops->drop(&store, NULL, &store.row[1].key,
			     1, &foreign),
	    SMX_OK);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_uint_eq(job.row.key.counter, 3);
	takeover_give_back(takeover, &job, 5000);
	ck_assert_int_eq(next(100, &job), SMX_ENOTFOUND);
}
END_TEST

/* The first row ends the process each time. */
START_TEST(crash_is_not_blamed_on_those_that_were_prepared)
{
	struct takeover_job job;

	for (uint64_t i = 1; i <= 5; i++)
		claimed(i);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(next(100, &job), SMX_OK);
		ck_assert_uint_eq(job.row.key.counter, 1);
		free(job.envelope);
		free(job.rcpt_states);
		reopen();
	}
	for (int i = 0; i < 4; i++)
		attempt(100, SMX_OK, "hh", "N");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	for (size_t i = 1; i < 5; i++)
		ck_assert_int_eq(store.row[i].state, SMX_ROW_HANDED);
}
END_TEST

START_TEST(row_is_out_until_its_outcome_is_noted)
{
	struct smx_submit_result r[3];
	struct takeover_outcome o[3], *list[3];
	char marks[3][3] = { "hh", "oo", "rr" };
	struct takeover_job job;

	memset(r, 0, sizeof(r));
	for (uint64_t i = 1; i <= 3; i++)
		claimed(i);
	for (int i = 0; i < 3; i++) {
		r[i].rcpt_states = marks[i];
		snprintf(r[i].queue_id, sizeof(r[i].queue_id), "N%d", i);
		ck_assert_int_eq(next(100, &job), SMX_OK);
		takeover_judge(takeover, &job, SMX_OK, &r[i], 100, &o[i]);
		list[i] = &o[i];
	}
	store.steps = 0;
	takeover_write(takeover, list, 3);
	ck_assert_uint_eq(store.steps, 1);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	ck_assert_str_eq(store.row[0].handed_id, "N0");
	ck_assert_int_eq(store.row[1].next_try_ms, 1100);
	ck_assert_int_eq(store.row[2].state, SMX_ROW_QUARANTINED);
	ck_assert_int_eq(next(1100, &job), SMX_ENOTFOUND);
	for (int i = 0; i < 3; i++)
		takeover_settle(takeover, &o[i]);
	ck_assert_int_eq(next(1100, &job), SMX_OK);
	ck_assert_uint_eq(job.row.key.counter, 2);
	takeover_give_back(takeover, &job, 5000);
}
END_TEST

START_TEST(many_that_wait_are_not_gone_through_again_before_one_is_due)
{
	struct takeover_job job;
	int64_t wake;

	store.rows = 0;
	for (uint64_t i = 1; i <= ROW_STORE_MAX; i++)
		claimed(i)->next_try_ms = 5000 + (int64_t)i;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(takeover_next(takeover, 4500, &job, &wake),
		    SMX_ENOTFOUND);
		ck_assert_int_eq(wake, 5001);
	}
	ck_assert_uint_eq(store.scans, 3); /* one to begin with, two to look */
	/* A person's word, and the time, are heeded at once. */
	ck_assert_int_eq(takeover_hasten(takeover, &store.row[9].key, 4500),
	    SMX_OK);
	ck_assert_int_eq(next(4500, &job), SMX_OK);
	ck_assert_uint_eq(job.row.key.counter, 10);
	takeover_give_back(takeover, &job, 9000);
	ck_assert_int_eq(takeover_next(takeover, 4500, &job, &wake),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(next(5001, &job), SMX_OK);
	ck_assert_uint_eq(job.row.key.counter, 1);
	takeover_give_back(takeover, &job, 9000);
}
END_TEST

START_TEST(refusal_quarantines)
{
	claimed(1);
	attempt(100, SMX_EREFUSED, "oo", "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	ck_assert_str_eq(store.row[0].reason, "the reply");
	ck_assert_uint_eq(store.drops, 0);
}
END_TEST

START_TEST(only_open_recipients_stay_open)
{
	claimed(1);
	attempt(100, SMX_OK, "ho", "N1");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
	ck_assert_str_eq(store.rcpt[0], "ho");
	attempt(5000, SMX_OK, "hh", "N2");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	ck_assert_str_eq(store.row[0].handed_id, "N2");
}
END_TEST

START_TEST(refusal_of_the_last_open_one_is_not_forgotten)
{
	claimed(1);
	attempt(100, SMX_OK, "ho", "N1");
	attempt(5000, SMX_OK, "hr", ""); /* nothing was handed this time */
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	ck_assert_str_eq(store.row[0].handed_id, "N1");
	seen(9000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
}
END_TEST

START_TEST(refusal_beside_an_unknown_id_quarantines_at_once)
{
	claimed(1);
	attempt(100, SMX_OK, "hr", ""); /* its 250 named no id */
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
}
END_TEST

START_TEST(late_discard_cancels_quietly)
{
	struct takeover_job job;
	struct smx_submit_result r = { .queue_id = "N1" };
	char states[] = "hh";
	size_t foreign;

	r.rcpt_states = states;
	claimed(1);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_int_eq(store.port.ops->drop(&store, "mx1", &job.row.key, 1,
			     &foreign),
	    SMX_OK);
	takeover_result(takeover, &job, SMX_OK, &r, 100);
	ck_assert_uint_eq(store.rows, 0);
	claimed(2);
	attempt(100, SMX_OK, "hh", "N2"); /* its place is free again */
}
END_TEST

/* Whoever holds it for this host hears the end; the attempt changes nothing. */
START_TEST(late_discard_is_told_whatever_the_attempt_comes_to)
{
	struct takeover_job job;
	struct smx_submit_result r = { .queue_id = "N1" };
	struct smx_request q = { .kind = SMX_REQ_DISCARD, .count = 1 };
	struct smx_reply reply = { 0 };
	char states[] = "hh";

	r.rcpt_states = states;
	claimed(1);
	snprintf(store.row[0].holders, sizeof(store.row[0].holders), "n mx2");
	ck_assert_int_eq(next(100, &job), SMX_OK);
	q.keys = &store.row[0].key;
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply), SMX_OK);
	takeover_result(takeover, &job, _i == 0 ? SMX_OK : SMX_ETEMP,
	    _i == 0 ? &r : NULL, 100);
	ck_assert_uint_eq(store.rows, 1);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	ck_assert_str_eq(store.row[0].handed_id, "-");
	ck_assert_str_eq(store.rcpt[0], "oo");
}
END_TEST

/* ---- to the end ---- */

START_TEST(row_stays_until_the_end_is_proved)
{
	claimed(1);
	attempt(100, SMX_OK, "hh", "N1");
	seen(2000, "N1", SMX_PRESENCE_THERE, "");
	seen(1000000, "N1", SMX_PRESENCE_UNKNOWN, "");
	ck_assert_uint_eq(store.rows, 1);
	seen(2000000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

START_TEST(gone_is_a_hint_and_old_looks_are_no_proof)
{
	struct smx_queue_event e = { .kind = SMX_QUEUE_GONE, .id = "N1" };

	claimed(1);
	attempt(100, SMX_OK, "hh", "N1");
	takeover_queue_event(takeover, &e, 200);
	e.kind = SMX_QUEUE_VERIFIED;
	e.presence = SMX_PRESENCE_ABSENT;
	takeover_queue_event(takeover, &e, 200);
	e.token = 99;
	takeover_queue_event(takeover, &e, 200);
	ck_assert_uint_eq(store.rows, 1);
}
END_TEST

START_TEST(restart_goes_on_following)
{
	const char *ids[1];
	uint64_t token;

	claimed(1);
	attempt(100, SMX_OK, "hh", "N1");
	reopen();
	ck_assert_uint_eq(takeover_verify_next(takeover, 5000, ids, 1, &token),
	    0); /* it reads the rows first */
	seen(6000, "N1", SMX_PRESENCE_LINKED, "N7");
	ck_assert_str_eq(store.row[0].handed_id, "N7");
	seen(9000, "N7", SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

/* Its MTA was faster than the store. */
START_TEST(returned_before_it_is_written_down_ends_in_quarantine)
{
	struct smx_queue_event e = { .kind = SMX_QUEUE_RETURNED,
		.id = "N1",
		.other = "N2" };

	claimed(1);
	takeover_queue_event(takeover, &e, 90);
	attempt(100, SMX_OK, "hh", "N1");
	seen(8000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
}
END_TEST

/* Also when this process ends between the two. */
START_TEST(returned_to_its_sender_ends_in_quarantine)
{
	struct smx_queue_event e = { .kind = SMX_QUEUE_RETURNED,
		.id = "N1",
		.other = "N2" };

	claimed(1);
	attempt(100, SMX_OK, "hh", "N1");
	takeover_queue_event(takeover, &e, 1000);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	if (_i == 1) {
		const char *ids[1];
		uint64_t token;

		reopen();
		(void)takeover_verify_next(takeover, 5000, ids, 1, &token);
	}
	seen(8000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	ck_assert_str_eq(store.row[0].reason, "returned to its sender by N2");
	ck_assert_int_eq(takeover_release(takeover, &store.row[0].key, 9000),
	    SMX_OK);
	ck_assert_str_eq(store.rcpt[0], "oo");
}
END_TEST

START_TEST(partly_refused_ends_in_quarantine)
{
	claimed(1);
	attempt(100, SMX_OK, "hr", "N1");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	seen(2000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	ck_assert_int_eq(takeover_release(takeover, &store.row[0].key, 3000),
	    SMX_OK);
	ck_assert_str_eq(store.rcpt[0], "ho");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
	ck_assert_int_eq(takeover_release(takeover, &store.row[0].key, 3000),
	    SMX_ESTATE);
}
END_TEST

START_TEST(damage_in_the_own_queue_quarantines)
{
	claimed(1);
	attempt(100, SMX_OK, "hh", "N1");
	seen(2000, "N1", SMX_PRESENCE_CORRUPT, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	ck_assert_int_eq(takeover_release(takeover, &store.row[0].key, 3000),
	    SMX_OK);
	ck_assert_str_eq(store.rcpt[0], "oo");
}
END_TEST

START_TEST(replaced_own_queue_claims_again)
{
	struct smx_queue_state q = { .epoch = { .id = { 5 } } };

	ck_assert_int_eq(takeover_queue_state(takeover, &q, 50), SMX_OK);
	claimed(1);
	attempt(100, SMX_OK, "hr", "N1");
	q.epoch.counter = 9;
	ck_assert_int_eq(takeover_queue_state(takeover, &q, 200), SMX_OK);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	q.epoch.id[0] = 6;
	ck_assert_int_eq(takeover_queue_state(takeover, &q, 300), SMX_OK);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
	ck_assert_str_eq(store.rcpt[0], "or");
}
END_TEST

/* ---- an own queue that is not as it was ---- */

#define LONG_1 "4jXKs073lDz1bkTK"
#define LONG_2 "4jXN4m6MKgz1bY4l"

/* The queue counted 10 when N was handed; the state it is in now. */
static void
handed_at_ten(const char *id)
{
	struct smx_queue_state q = { .epoch = { .id = { 5 }, .counter = 10 },
		.first = 8 };

	ck_assert_int_eq(takeover_queue_state(takeover, &q, 50), SMX_OK);
	claimed(1);
	attempt(100, SMX_OK, "hh", id);
}

static void
queue_now(uint64_t last, uint64_t unclean)
{
	struct smx_queue_state q = { .epoch = { .id = { 5 }, .counter = 200 },
		.first = 200,
		.spans = 1,
		.span = { { 8, last } },
		.unclean = unclean };
	const char *ids[4];
	uint64_t token;

	ck_assert_int_eq(takeover_queue_state(takeover, &q, 200), SMX_OK);
	(void)takeover_verify_next(takeover, 1000, ids, 4, &token);
}

START_TEST(queue_that_went_back_does_not_end_what_was_handed)
{
	handed_at_ten(LONG_1);
	queue_now(9, 0);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	if (_i == 1) {
		reopen(); /* and it is known after a restart */
		queue_now(9, 0);
	}
	seen(9000, LONG_1, SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 1);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
	ck_assert_str_eq(store.rcpt[0], "oo");
}
END_TEST

START_TEST(what_came_back_with_the_queue_is_followed)
{
	handed_at_ten(LONG_1);
	queue_now(9, 0);
	seen(9000, LONG_1, SMX_PRESENCE_THERE, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	seen(90000, LONG_1, SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

START_TEST(doubt_ends_with_the_last_row_in_doubt)
{
	handed_at_ten(LONG_1);
	queue_now(9, 0);
	seen(9000, LONG_1, SMX_PRESENCE_ABSENT, "");
	attempt(10000, SMX_OK, "hh", LONG_2);
	seen(20000, LONG_2, SMX_PRESENCE_THERE, "");
	reopen();
	queue_now(9, 0);
	seen(30000, LONG_2, SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

START_TEST(short_name_in_a_queue_that_went_back_is_no_proof)
{
	handed_at_ten("4B2F71A3C");
	queue_now(9, 0);
	seen(9000, "4B2F71A3C", SMX_PRESENCE_THERE, "");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
}
END_TEST

START_TEST(power_cut_does_not_end_what_was_handed)
{
	handed_at_ten(LONG_1);
	queue_now(10, 10);
	seen(9000, LONG_1, SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 1);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
}
END_TEST

/* An old power cut, and the same queue some runs later. */
START_TEST(queue_that_went_on_ends_what_was_handed)
{
	handed_at_ten(LONG_1);
	queue_now(10, 7);
	seen(9000, LONG_1, SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

/* Nobody can look for a message whose name was not told. */
START_TEST(nameless_one_is_claimed_again)
{
	handed_at_ten("");
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	queue_now(9, 0);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_CLAIMED);
}
END_TEST

/* ---- the members that hold it for this host ---- */

static struct smx_row *
handed(uint64_t counter, const char *holders)
{
	struct smx_row *row = claimed(counter);

	snprintf(row->holders, sizeof(row->holders), "%s", holders);
	attempt(100, SMX_OK, "hh", "N1");
	seen(2000, "N1", SMX_PRESENCE_ABSENT, "");
	return row_store_find(&store, &(struct smx_key){ .counter = counter });
}

/* It has ended, and waits for its primary alone. */
static int
is_done(void)
{
	return store.rows == 1 && store.row[0].state == SMX_ROW_DONE &&
	       takeover_over_count(takeover) == 0;
}

/* One round of telling them; answers[] by member, UNKNOWN does not answer.
 * lets_go: members that confirm the DISCARD. */
static size_t
told(int64_t now, const enum smx_answer answers[3], unsigned lets_go)
{
	struct heir heirs[4];
	size_t n = takeover_over_next(takeover, now, heirs, 4);

	for (size_t i = 0; i < n; i++)
		for (size_t m = 0; m < 3; m++) {
			heir_answer(&heirs[i], &world, m, answers[m]);
			if (lets_go >> m & 1)
				heir_let_go(&heirs[i], m);
		}
	takeover_over_done(takeover, heirs, n, 1000, now, now);
	return n;
}

START_TEST(ended_row_waits_for_those_that_hold_it_for_this_host)
{
	static const enum smx_answer nobody[3] = { 0 };
	static const enum smx_answer yes[3] = { 0, SMX_ANSWER_YIELDED,
		SMX_ANSWER_NONE };
	struct smx_row *row = handed(1, "n mx2 mx3");

	ck_assert_ptr_nonnull(row);
	ck_assert_int_eq(row->state, SMX_ROW_HANDED);
	ck_assert_str_eq(row->handed_id, "-");
	ck_assert_uint_eq(told(3000, nobody, 0), 1);
	ck_assert_uint_eq(told(3500, nobody, 0), 0); /* not all the time */
	ck_assert_uint_eq(told(4000, yes, 0), 1);
	ck_assert_uint_eq(store.rows, 1); /* told, not confirmed */
	ck_assert_uint_eq(told(5000, yes, 1u << 1), 1);
	ck_assert(is_done());
	ck_assert_uint_eq(takeover_over_count(takeover), 0);
}
END_TEST

START_TEST(one_that_is_not_in_the_set_is_asked_but_not_waited_for)
{
	static const enum smx_answer none[3] = { 0, SMX_ANSWER_NONE, 0 };

	(void)handed(1, "n mx2");
	ck_assert_uint_eq(told(3000, none, 0), 1); /* mx3 says nothing */
	ck_assert(is_done());
}
END_TEST

START_TEST(one_that_is_not_in_the_set_may_hold_it_all_the_same)
{
	static const enum smx_answer late[3] = { 0, SMX_ANSWER_NONE,
		SMX_ANSWER_YIELDED };

	(void)handed(1, "n mx2");
	ck_assert_uint_eq(told(3000, late, 0), 1);
	ck_assert_uint_eq(store.rows, 1);
	ck_assert_uint_eq(told(5000, late, 1u << 2), 1);
	ck_assert(is_done());
}
END_TEST

START_TEST(member_that_was_removed_is_not_waited_for)
{
	static const enum smx_answer none[3] = { 0, SMX_ANSWER_NONE, 0 };

	(void)handed(1, "gone n mx2 away");
	ck_assert_uint_eq(told(3000, none, 0), 1);
	ck_assert(is_done());
}
END_TEST

START_TEST(both_that_took_it_go_on)
{
	static const enum smx_answer taken[3] = { 0, SMX_ANSWER_TAKEN,
		SMX_ANSWER_DENIED };

	(void)handed(1, "n mx2 mx3");
	ck_assert_uint_eq(told(3000, taken, 0), 1);
	ck_assert(is_done());
}
END_TEST

START_TEST(over_is_known_after_a_restart_and_in_another_queue)
{
	static const enum smx_answer none[3] = { 0, SMX_ANSWER_NONE,
		SMX_ANSWER_NONE };
	struct smx_queue_state q = { .epoch = { .id = { 5 } } };
	const char *ids[4];
	uint64_t token;

	ck_assert_int_eq(takeover_queue_state(takeover, &q, 50), SMX_OK);
	(void)handed(1, "n mx2");
	reopen();
	q.epoch.id[0] = 6;
	ck_assert_int_eq(takeover_queue_state(takeover, &q, 300), SMX_OK);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_HANDED);
	(void)takeover_verify_next(takeover, 9000, ids, 4, &token);
	ck_assert_uint_eq(takeover_verify_next(takeover, 19000, ids, 4, &token),
	    0); /* no such id is looked for */
	ck_assert_uint_eq(told(20000, none, 0), 1);
	ck_assert(is_done());
}
END_TEST

START_TEST(word_of_the_primary_ends_a_claim_through_the_others)
{
	static const enum smx_answer yes[3] = { 0, SMX_ANSWER_YIELDED,
		SMX_ANSWER_NONE };
	struct smx_row *row = claimed(1);
	struct smx_request q = { .kind = SMX_REQ_DISCARD,
		.keys = &(struct smx_key){ .counter = 1 },
		.count = 1 };
	struct smx_reply reply = { 0 };

	memcpy(row->holders, "n mx2", 6);
	ck_assert_uint_eq(told(100, yes, 0), 0); /* looks for such rows */
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply), SMX_OK);
	ck_assert_uint_eq(reply.foreign, 0);
	ck_assert_int_eq(row->state, SMX_ROW_HANDED);
	ck_assert_int_eq(next(200, &(struct takeover_job){ 0 }), SMX_ENOTFOUND);
	ck_assert_uint_eq(told(200, yes, 0), 0);
	ck_assert_uint_eq(told(9000, yes, 1u << 1), 1);
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

START_TEST(forgotten_row_ends_through_the_others)
{
	static const enum smx_answer yes[3] = { 0, SMX_ANSWER_YIELDED,
		SMX_ANSWER_NONE };
	struct smx_key key = { .counter = 1 };
	struct smx_row *row =
	    row_store_add(&store, "mx1", 1, SMX_ROW_QUARANTINED);

	memcpy(row->holders, "n mx2", 6);
	ck_assert_int_eq(takeover_forget(takeover, &key, 100), SMX_OK);
	ck_assert_uint_eq(store.rows, 1);
	ck_assert_uint_eq(told(200, yes, 1u << 1), 1);
	ck_assert_uint_eq(store.rows, 0);
	row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);
	ck_assert_int_eq(takeover_forget(takeover, &key, 100), SMX_OK);
	ck_assert_uint_eq(store.rows, 0);
	/* Said once more, it waits for nobody. */
	row = row_store_add(&store, "mx1", 1, SMX_ROW_CLAIMED);
	memcpy(row->holders, "n mx2", 6);
	ck_assert_int_eq(takeover_forget(takeover, &key, 100), SMX_OK);
	ck_assert_uint_eq(store.rows, 1);
	ck_assert_int_eq(takeover_forget(takeover, &key, 100), SMX_OK);
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

/* ---- its primary may come back ---- */

static const enum smx_answer nobody_has_it[3] = { SMX_ANSWER_NONE,
	SMX_ANSWER_NONE, SMX_ANSWER_NONE };

START_TEST(only_what_its_primary_may_ask_for_is_kept)
{
	struct smx_key key = { .counter = 1 };
	struct smx_row *row;

	/* Yielded by another one: its key says nothing to this primary. */
	row = claimed(1);
	memcpy(row->holders, "n mx2", 6);
	row->yielded = 1;
	attempt(100, SMX_OK, "hh", "N1");
	seen(2000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(told(3000, nobody_has_it, 0), 1);
	ck_assert_uint_eq(store.rows, 0);
	/* No member. */
	row = row_store_add(&store, "mx9", 2, SMX_ROW_CLAIMED);
	attempt(100, SMX_OK, "hh", "N2");
	seen(9000, "N2", SMX_PRESENCE_ABSENT, "");
	ck_assert_uint_eq(told(9500, nobody_has_it, 0), 1);
	ck_assert_uint_eq(store.rows, 0);
	ck_assert(row_store_tombed(&store, &key));
}
END_TEST

START_TEST(what_is_done_can_be_forgotten)
{
	struct smx_key key = { .counter = 1 };

	(void)handed(1, "n mx2");
	ck_assert_uint_eq(told(3000, nobody_has_it, 0), 1);
	ck_assert(is_done());
	ck_assert_int_eq(takeover_release(takeover, &key, 9), SMX_ESTATE);
	ck_assert_int_eq(takeover_resubmit(takeover, &key, 9), SMX_ESTATE);
	ck_assert_int_eq(takeover_forget(takeover, &key, 9), SMX_OK);
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

/* A person's word is no proof that anybody was served. */
START_TEST(forgotten_row_is_never_done)
{
	struct smx_key key = { .counter = 1 };

	claimed(1);
	memcpy(store.row[0].holders, "n mx2", 6);
	attempt(100, SMX_OK, "hh", "N1");
	ck_assert_int_eq(takeover_forget(takeover, &key, 200), SMX_OK);
	ck_assert_str_eq(row_store_rcpt(&store, &store.row[0]), "oo");
	ck_assert_uint_eq(told(9000, nobody_has_it, 0), 1);
	ck_assert_uint_eq(store.rows, 0);
}
END_TEST

static enum smx_answer
returned(uint64_t counter)
{
	static const char text[] =
	    "MAIL <a@b.example>\r\nRCPT <c@d.example>\r\n";
	struct smx_amendment m = { .key = { .counter = counter },
		.envelope = text,
		.envelope_len = sizeof(text) - 1,
		.recipients = 1,
		.held = 1 };
	struct smx_request q = { .kind = SMX_REQ_RETURN,
		.amendments = &m,
		.count = 1 };
	struct smx_epoch epoch = { .id = { 1 }, .counter = 2 };
	enum smx_answer answer = SMX_ANSWER_UNKNOWN;
	struct smx_reply reply = { .answers = &answer };

	takeover_rest_of(takeover, &m, 1, 300);
	ck_assert_int_eq(holder_return(&store.port, "mx1", &epoch, &q, &reply,
			     300),
	    SMX_OK);
	return answer;
}

START_TEST(prepared_row_is_given_back_and_one_that_is_out_is_not)
{
	struct takeover_job job, other;

	for (uint64_t i = 1; i <= 4; i++)
		claimed(i);
	ck_assert_int_eq(next(100, &job), SMX_OK); /* all are counted */
	ck_assert_uint_eq(job.row.key.counter, 1);
	ck_assert_int_eq(store.row[2].next_try_ms, -1);
	ck_assert_int_eq(returned(1), SMX_ANSWER_TAKEN);
	ck_assert_int_eq(returned(3), SMX_ANSWER_SHADOW);
	ck_assert_int_eq(store.row[2].state, SMX_ROW_SHADOW);
	/* The others of that step are as before, and begun later. */
	ck_assert_int_eq(next(400, &other), SMX_OK);
	ck_assert_uint_eq(other.row.key.counter, 2);
	ck_assert_uint_eq(other.row.attempts, 1);
	takeover_give_back(takeover, &other, 400);
	takeover_give_back(takeover, &job, 400);
	ck_assert_int_eq(returned(1), SMX_ANSWER_SHADOW);
	ck_assert_int_eq(next(500, &job), SMX_OK);
	ck_assert_uint_ne(job.row.key.counter, 1);
	ck_assert_uint_ne(job.row.key.counter, 3);
	takeover_give_back(takeover, &job, 500);
}
END_TEST

START_TEST(attempt_that_was_out_is_answered_for_when_it_is_back)
{
	struct smx_submit_result r = { .queue_id = "N1" };
	struct takeover_job job;
	char marks[] = "hh";

	claimed(1);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_int_eq(returned(1), SMX_ANSWER_TAKEN);
	r.rcpt_states = marks;
	takeover_result(takeover, &job, SMX_OK, &r, 200);
	ck_assert_int_eq(returned(1), SMX_ANSWER_TAKEN);
	seen(2000, "N1", SMX_PRESENCE_ABSENT, "");
	ck_assert_int_eq(returned(1), SMX_ANSWER_FINISHED);
	ck_assert_uint_eq(told(3000, nobody_has_it, 0), 1);
	ck_assert(is_done());
	ck_assert_int_eq(returned(1), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(all_that_was_taken_over_can_be_told_again)
{
	struct smx_key after = { 0 };
	struct heir heirs[2];

	claimed(1);
	row_store_add(&store, "mx1", 2, SMX_ROW_SHADOW);
	memcpy(row_store_add(&store, "mx2", 3, SMX_ROW_HANDED)->holders,
	    "n mx3", 6);
	row_store_add(&store, "mx1", 4, SMX_ROW_QUARANTINED);
	ck_assert_int_eq(takeover_heirs(takeover, &after, heirs, 2), 2);
	ck_assert_uint_eq(heirs[0].key.counter, 1);
	ck_assert_uint_eq(heirs[1].key.counter, 3);
	ck_assert_str_eq(heirs[1].primary, "mx2");
	ck_assert_uint_eq(heirs[1].open, 1u << 0 | 1u << 2);
	ck_assert_uint_eq(heirs[1].named, 1u << 2);
	ck_assert_int_eq(takeover_heirs(takeover, &after, heirs, 2), 1);
	ck_assert_uint_eq(heirs[0].key.counter, 4);
}
END_TEST

/* ---- what the primary said of it later ---- */

START_TEST(marks_follow_the_amended_envelope)
{
	struct takeover_job job;

	claimed(1)->recipients = 3;
	claimed(2)->recipients = 1;
	memcpy(store.rcpt[1], "ohrhrh", 7);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_str_eq(job.rcpt_states, "ooo");
	takeover_give_back(takeover, &job, 5000);
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert_str_eq(job.rcpt_states, "o");
	takeover_give_back(takeover, &job, 100);
}
END_TEST

START_TEST(released_row_is_held_no_more)
{
	struct takeover_job job;

	claimed(1)->held = 1;
	ck_assert_int_eq(next(100, &job), SMX_OK);
	ck_assert(takeover_job_is_held(&job));
	takeover_result(takeover, &job, SMX_EREFUSED, NULL, 100);
	ck_assert_int_eq(store.row[0].state, SMX_ROW_QUARANTINED);
	ck_assert_int_eq(takeover_release(takeover, &store.row[0].key, 200),
	    SMX_OK);
	attempt(200, SMX_ETEMP, "oo", ""); /* nor after a failure */
	ck_assert_ptr_nonnull(strstr(store.row[0].reason, "the reply"));
	reopen();
	ck_assert_int_eq(next(90000, &job), SMX_OK);
	ck_assert(!takeover_job_is_held(&job));
	takeover_give_back(takeover, &job, 90000);
}
END_TEST

/* ---- the Received line ---- */

static struct smx_envelope *
envelope(const char *helo, const char *name, const char *addr, const char *rcpt,
    const char *param)
{
	struct smx_envelope *e;

	ck_assert_int_eq(smx_envelope_new(&e, 10), SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_HELO, helo), SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_CLIENT_NAME, name),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_CLIENT_ADDR, addr),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, "<a@b.example>", &param,
			     param != NULL),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, rcpt, NULL, 0), SMX_OK);
	return e;
}

static void
received(struct smx_envelope *e, int64_t stored_ms, char *out)
{
	struct smx_row row = { .primary = "mx1.example.org",
		.queue_id = "4jXKs0",
		.stored_ms = stored_ms };

	ck_assert_int_eq(takeover_received(&row, e, "mx2.example.org", 0, out,
			     2048),
	    SMX_OK);
}

START_TEST(received_tells_the_first_hop)
{
	struct smx_envelope *e = envelope("client.example", "c.example",
	    "192.0.2.7", "<bob@example.com>", NULL);
	char out[2048];

	received(e, INT64_C(1709210096000), out);
	ck_assert_str_eq(out,
	    "Received: from client.example (c.example [192.0.2.7])\r\n"
	    "\tby mx1.example.org (shadowmx/mx2.example.org) with ESMTP id "
	    "4jXKs0\r\n"
	    "\tfor <bob@example.com>; Thu, 29 Feb 2024 12:34:56 +0000\r\n");
	ck_assert_int_eq(smx_envelope_rcpt(e, "<eve@example.com>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_AUTH_TYPE, "PLAIN"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_CLIENT_ADDR,
			     "2001:db8::7"),
	    SMX_OK);
	received(e, INT64_C(951782400000), out);
	ck_assert_ptr_null(strstr(out, "for <"));
	ck_assert_ptr_nonnull(strstr(out, "with ESMTPA id"));
	ck_assert_ptr_nonnull(strstr(out, "[IPv6:2001:db8::7]"));
	ck_assert_ptr_nonnull(strstr(out, "; Tue, 29 Feb 2000 00:00:00 +0000"));
	smx_envelope_free(&e);
}
END_TEST

START_TEST(strangers_cannot_write_into_received)
{
	struct smx_envelope *e = envelope("a) by evil (x;\\\"", "n\001\177\351",
	    "192.0.2.7", "<\"a(b\"@example.com>", NULL);
	char out[2048];
	size_t open = 0, close = 0;

	received(e, 1, out);
	for (const char *p = out; *p != '\0'; p++) {
		open += *p == '(';
		close += *p == ')';
		ck_assert((unsigned char)*p < 0x7f);
		ck_assert((unsigned char)*p >= 0x20 || *p == '\r' ||
			  *p == '\n' || *p == '\t');
	}
	ck_assert_uint_eq(open, 2);
	ck_assert_uint_eq(close, 2);
	ck_assert_ptr_null(strstr(out, "for <"));
	smx_envelope_free(&e);
	e = envelope("m\303\274nchen.example", "n", "192.0.2.7",
	    "<j\303\274rg@example.com>", "SMTPUTF8");
	received(e, 1, out);
	ck_assert_ptr_nonnull(strstr(out, "m\303\274nchen"));
	ck_assert_ptr_nonnull(strstr(out, "with UTF8SMTP id"));
	ck_assert_ptr_nonnull(strstr(out, "for <j\303\274rg@example.com>"));
	smx_envelope_free(&e);
}
END_TEST

START_TEST(received_lines_stay_short)
{
	char longer[900];
	struct smx_envelope *e;
	char out[2048];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	e = envelope(longer, longer, "192.0.2.7", longer, NULL);
	received(e, 1, out);
	for (const char *p = out; *p != '\0';) {
		const char *end = strstr(p, "\r\n");

		ck_assert_ptr_nonnull(end);
		ck_assert_int_lt(end - p, 998);
		p = end + 2;
	}
	smx_envelope_free(&e);
}
END_TEST

START_TEST(local_mail_has_no_client)
{
	struct smx_envelope *e = envelope("", "", "", "<b@example.com>", NULL);
	char out[2048];

	received(e, 1, out);
	ck_assert_int_eq(strncmp(out, "Received: by mx1.example.org (", 30), 0);
	smx_envelope_free(&e);
}
END_TEST

static void
add_rows(Suite *s)
{
	TCase *tc = tcase_create("rows");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, claims_come_in_pages_until_none_is_left);
	tcase_add_test(tc, epoch_claims_only_what_the_new_queue_cannot_have);
	tcase_add_test(tc, lost_keys_are_claimed_alone);
	tcase_add_test(tc, claim_that_fails_is_told);
	tcase_add_test(tc, row_given_to_another_while_asking_is_not_claimed);
	tcase_add_test(tc, finished_copies_go_in_one_step_and_leave_their_keys);
	tcase_add_test(tc, copy_that_a_stranger_delivered_is_for_a_person);
	tcase_add_test(tc, attempt_is_counted_before_the_work);
	tcase_add_test(tc, one_job_for_a_row_and_no_more_than_allowed);
	tcase_add_test(tc, message_that_ends_the_daemon_is_set_aside);
	tcase_add_test(tc, attempts_that_return_never_set_aside);
	tcase_add_test(tc, pauses_double_up_to_the_ceiling);
	tcase_add_test(tc, clock_set_back_delays_nothing);
	tcase_add_test(tc, refusal_quarantines);
	tcase_add_test(tc, only_open_recipients_stay_open);
	tcase_add_test(tc, refusal_of_the_last_open_one_is_not_forgotten);
	tcase_add_test(tc, refusal_beside_an_unknown_id_quarantines_at_once);
	tcase_add_test(tc, late_discard_cancels_quietly);
	tcase_add_loop_test(tc,
	    late_discard_is_told_whatever_the_attempt_comes_to, 0, 2);
	tcase_add_test(tc, row_stays_until_the_end_is_proved);
	tcase_add_test(tc, gone_is_a_hint_and_old_looks_are_no_proof);
	tcase_add_test(tc, restart_goes_on_following);
	tcase_add_test(tc,
	    returned_before_it_is_written_down_ends_in_quarantine);
	tcase_add_loop_test(tc, returned_to_its_sender_ends_in_quarantine, 0,
	    2);
	tcase_add_test(tc, partly_refused_ends_in_quarantine);
	tcase_add_test(tc, damage_in_the_own_queue_quarantines);
	tcase_add_test(tc, replaced_own_queue_claims_again);
	tcase_add_loop_test(tc,
	    queue_that_went_back_does_not_end_what_was_handed, 0, 2);
	tcase_add_test(tc, what_came_back_with_the_queue_is_followed);
	tcase_add_test(tc, doubt_ends_with_the_last_row_in_doubt);
	tcase_add_test(tc, short_name_in_a_queue_that_went_back_is_no_proof);
	tcase_add_test(tc, power_cut_does_not_end_what_was_handed);
	tcase_add_test(tc, queue_that_went_on_ends_what_was_handed);
	tcase_add_test(tc, nameless_one_is_claimed_again);
	tcase_add_test(tc, marks_follow_the_amended_envelope);
	tcase_add_test(tc, released_row_is_held_no_more);
	suite_add_tcase(s, tc);
}

/* Jobs, several at a time. */
static void
add_ahead(Suite *s)
{
	TCase *tc = tcase_create("ahead");

	tcase_add_checked_fixture(tc, setup_ahead, teardown);
	tcase_add_test(tc, attempts_are_counted_in_one_step_before_the_work);
	tcase_add_test(tc, what_was_prepared_and_not_begun_is_as_before);
	tcase_add_test(tc, prepared_row_that_was_discarded_is_not_begun);
	tcase_add_test(tc, crash_is_not_blamed_on_those_that_were_prepared);
	tcase_add_test(tc, row_is_out_until_its_outcome_is_noted);
	tcase_add_test(tc,
	    prepared_row_is_given_back_and_one_that_is_out_is_not);
	tcase_add_test(tc,
	    many_that_wait_are_not_gone_through_again_before_one_is_due);
	suite_add_tcase(s, tc);
}

static void
add_heirs(Suite *s)
{
	TCase *tc = tcase_create("heirs");

	tcase_add_checked_fixture(tc, setup_three, teardown);
	tcase_add_test(tc,
	    ended_row_waits_for_those_that_hold_it_for_this_host);
	tcase_add_test(tc,
	    one_that_is_not_in_the_set_is_asked_but_not_waited_for);
	tcase_add_test(tc, one_that_is_not_in_the_set_may_hold_it_all_the_same);
	tcase_add_test(tc, member_that_was_removed_is_not_waited_for);
	tcase_add_test(tc, both_that_took_it_go_on);
	tcase_add_test(tc, over_is_known_after_a_restart_and_in_another_queue);
	tcase_add_test(tc, word_of_the_primary_ends_a_claim_through_the_others);
	tcase_add_test(tc, forgotten_row_ends_through_the_others);
	tcase_add_test(tc, all_that_was_taken_over_can_be_told_again);
	tcase_add_test(tc, only_what_its_primary_may_ask_for_is_kept);
	tcase_add_test(tc, what_is_done_can_be_forgotten);
	tcase_add_test(tc, forgotten_row_is_never_done);
	tcase_add_test(tc,
	    attempt_that_was_out_is_answered_for_when_it_is_back);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("takeover");
	TCase *tc = tcase_create("received");
	SRunner *sr = srunner_create(s);
	int failed;

	add_rows(s);
	add_ahead(s);
	add_heirs(s);
	tcase_add_test(tc, received_tells_the_first_hop);
	tcase_add_test(tc, strangers_cannot_write_into_received);
	tcase_add_test(tc, received_lines_stay_short);
	tcase_add_test(tc, local_mail_has_no_client);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
