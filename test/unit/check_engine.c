/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_bench.h"

/* ---- when a message is finished ---- */

START_TEST(absence_before_the_verdict_proves_nothing)
{
	struct smx_key key = bench_begin("A");

	engine_sent(engine, &key, 0, SMX_OK, now);
	bench_hint(SMX_QUEUE_GONE, "A");
	now += 1000;
	ck_assert_uint_eq(bench_look(), 0);
	bench_seen("A", SMX_PRESENCE_ABSENT, 1, "");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(hint_alone_finishes_nothing)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_hint(SMX_QUEUE_GONE, "A");
	now += 1000;
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

START_TEST(absence_after_the_commit_finishes)
{
	struct smx_key key = bench_accepted("A");
	uint64_t token;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_hint(SMX_QUEUE_GONE, "A");
	ck_assert_uint_eq(bench_look(), 0); /* hints wait for company */
	now += 60;
	token = bench_look();
	bench_seen("A", SMX_PRESENCE_ABSENT, token, "");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_waiting(1), 0);
	ck_assert_uint_eq(bench_counts().open, 0);
	ck_assert_uint_eq(bench_counts().finished, 1);
}
END_TEST

START_TEST(absence_with_the_session_open_waits_for_its_end)
{
	struct smx_key key = bench_accepted("A");

	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	engine_session_end(engine, &key, now);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(look_from_before_the_session_ended_is_no_proof)
{
	struct smx_key key = bench_accepted("A");
	uint64_t token;

	bench_hint(SMX_QUEUE_GONE, "A");
	now += 60;
	token = bench_look();
	engine_session_end(engine, &key, now);
	bench_seen("A", SMX_PRESENCE_ABSENT, token, "");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	now += 1000;
	token = bench_look();
	bench_seen("A", SMX_PRESENCE_ABSENT, token + 1,
	    ""); /* never given out */
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	bench_seen("A", SMX_PRESENCE_ABSENT, token, "");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(hint_outruns_the_answer_that_was_under_way)
{
	struct smx_key key = bench_accepted("A");
	uint64_t token;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &key, now);
	bench_hint(SMX_QUEUE_GONE, "A");
	now += 60;
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_hint(SMX_QUEUE_GONE, "A"); /* after the folders were read */
	bench_seen("A", SMX_PRESENCE_THERE, token, "");
	now += 300;
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_seen("A", SMX_PRESENCE_ABSENT, token, "");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(present_and_uncommitted_keep_it_open)
{
	struct smx_key key = bench_accepted("A");

	engine_session_end(engine, &key, now);
	bench_shown("A", SMX_PRESENCE_UNCOMMITTED);
	bench_shown("A", SMX_PRESENCE_THERE);
	bench_shown("A", SMX_PRESENCE_UNKNOWN);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_counts().open, 1);
}
END_TEST

START_TEST(stray_was_never_acknowledged)
{
	struct smx_key key = bench_accepted("A");
	struct smx_request q;

	bench_hint(SMX_QUEUE_STRAY, "A");
	bench_shown("A", SMX_PRESENCE_STRAY);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
	now += 100;
	ck_assert(bench_until(0, SMX_REQ_ABORT, &q));
}
END_TEST

/* Its id was free, and a later one stopped half way: that one only is taken
 * back.  With a requeue in the first place, and with a commit that was seen. */
START_TEST(stray_under_an_id_that_is_used_again_is_the_last_ones)
{
	struct smx_key old = bench_accepted("A"), new;

	if ((_i & 1) != 0)
		bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &old, now);
	if ((_i & 2) != 0)
		bench_hint(SMX_QUEUE_REQUEUED, "A");
	new = bench_accepted("A");
	engine_session_end(engine, &new, now);
	bench_shown("A", SMX_PRESENCE_STRAY);
	ck_assert_int_eq(bench_query(&new), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(bench_query(&old),
	    (_i & 2) != 0 ? SMX_ANSWER_OPEN : SMX_ANSWER_FINISHED);
	if ((_i & 2) == 0)
		return;
	bench_shown("A", SMX_PRESENCE_STRAY);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_OPEN);
	/* Nobody can tell any more under which id it is. */
	for (int i = 0; i < 10; i++)
		bench_shown("A", SMX_PRESENCE_STRAY);
	ck_assert_uint_eq(bench_counts().doubtful, 1);
}
END_TEST

START_TEST(unwatched_one_whose_id_is_used_again_is_doubtful_after_a_while)
{
	struct smx_key old = bench_accepted("A");
	enum smx_presence seen =
	    _i == 0 ? SMX_PRESENCE_STRAY : SMX_PRESENCE_THERE;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &old, now);
	bench_hint(SMX_QUEUE_RESET, "");
	(void)bench_accepted("A");
	bench_shown("A", seen);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_counts().doubtful, 0);
	for (int i = 0; i < 10; i++)
		bench_shown("A", seen);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_counts().doubtful, 1);
	/* What it is is known when the other file is gone. */
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(requeue_without_a_new_id_is_doubtful_after_a_while)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &key, now);
	bench_hint(SMX_QUEUE_REQUEUED, "A");
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().doubtful, 0);
	for (int i = 0; i < 10; i++)
		bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(bench_counts().doubtful, 1);
	now += 10 * 60 * 1000;
	bench_seen("A", SMX_PRESENCE_LINKED, bench_look(), "B");
	ck_assert_uint_eq(bench_counts().doubtful, 0);
}
END_TEST

START_TEST(damaged_message_is_for_the_holders)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_hint(SMX_QUEUE_CORRUPT, "A");
	bench_shown("A", SMX_PRESENCE_CORRUPT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_LOST);
	ck_assert_uint_eq(bench_waiting(0), 0);
}
END_TEST

START_TEST(requeued_message_is_followed)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_hint(SMX_QUEUE_REQUEUED, "A");
	bench_shown("A", SMX_PRESENCE_ABSENT); /* the log has yet to tell */
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	now += 600000;
	bench_seen("A", SMX_PRESENCE_LINKED, bench_look(), "B");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
	bench_shown("B", SMX_PRESENCE_THERE);
	bench_shown("B", SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
}
END_TEST

/* It began while nobody watched, and its old id was free at once. */
START_TEST(requeue_of_which_only_the_end_was_seen_is_no_end)
{
	struct smx_key old = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &old, now);
	bench_hint(SMX_QUEUE_LINKED, "A");
	(void)bench_accepted("A");
	bench_shown("A", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_OPEN);
	now += 600000;
	bench_seen("A", SMX_PRESENCE_LINKED, bench_look(), "B");
	bench_shown("B", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(id_used_again_ends_the_older_key_only)
{
	struct smx_key old = bench_accepted("A");
	struct smx_key new;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &old, now);
	new = bench_accepted("A");
	bench_shown("A", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(bench_query(&new), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(look_from_before_the_reuse_ends_nobody)
{
	struct smx_key old = bench_accepted("A");
	struct smx_key new;
	uint64_t token;

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	engine_session_end(engine, &old, now);
	bench_hint(SMX_QUEUE_GONE, "A");
	now += 60;
	token = bench_look();
	new = bench_accepted("A");
	engine_session_end(engine, &new, now);
	bench_seen("A", SMX_PRESENCE_ABSENT, token, "");
	ck_assert_int_eq(bench_query(&old), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(bench_query(&new), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(requeue_that_took_a_used_id_does_not_supersede)
{
	struct smx_key first = bench_accepted("A");
	struct smx_key second = bench_accepted("C");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	bench_hint(SMX_QUEUE_COMMITTED, "C");
	now += 600000;
	{
		uint64_t token = bench_look();

		bench_seen("A", SMX_PRESENCE_LINKED, token, "B");
		bench_seen("C", SMX_PRESENCE_LINKED, token, "B");
	}
	bench_shown("B", SMX_PRESENCE_THERE);
	ck_assert_int_eq(bench_query(&first), SMX_ANSWER_OPEN);
	ck_assert_int_eq(bench_query(&second), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(links_in_a_circle_are_doubtful)
{
	struct smx_key key = bench_accepted("A");

	bench_hint(SMX_QUEUE_COMMITTED, "A");
	for (int i = 0; i < 10; i++) {
		now += 600000;
		bench_seen(i % 2 ? "B" : "A", SMX_PRESENCE_LINKED, bench_look(),
		    i % 2 ? "A" : "B");
	}
	ck_assert_uint_eq(bench_counts().doubtful, 1);
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_OPEN);
}
END_TEST

START_TEST(no_answer_for_a_minute_is_doubtful)
{
	(void)bench_accepted("A");
	bench_hint(SMX_QUEUE_GONE, "A");
	now += 60;
	ck_assert_uint_ne(bench_look(), 0);
	for (int i = 0; i < 3; i++) {
		now += 31000;
		ck_assert_uint_ne(bench_look(), 0);
	}
	ck_assert_uint_eq(bench_counts().doubtful, 1);
	bench_shown("A", SMX_PRESENCE_THERE);
	ck_assert_uint_eq(bench_counts().doubtful, 0);
}
END_TEST

START_TEST(refused_message_is_aborted_everywhere)
{
	struct smx_key key = bench_begin("A");
	struct smx_request q;

	engine_sent(engine, &key, 0, SMX_OK, now);
	engine_sent(engine, &key, 1, SMX_EUNSURE, now);
	engine_verdict(engine, &key, ENGINE_REFUSED, NULL, now);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_waiting(1), 1);
	now += 200;
	ck_assert(bench_until(0, SMX_REQ_ABORT, &q));
	ck_assert_int_eq(smx_key_compare(&q.keys[0], &key), 0);
	ck_assert_uint_eq(bench_counts().refused, 1);
}
END_TEST

START_TEST(copy_that_comes_after_the_end_is_discarded)
{
	struct smx_key key = bench_begin("A");

	engine_verdict(engine, &key, ENGINE_REFUSED, NULL, now);
	ck_assert_uint_eq(bench_waiting(0), 0); /* not before its own answer */
	engine_sent(engine, &key, 0, SMX_EUNSURE, now);
	engine_sent(engine, &key, 1, SMX_EUNREACHABLE, now);
	ck_assert_uint_eq(bench_waiting(0), 1);
	ck_assert_uint_eq(bench_waiting(1), 0);
}
END_TEST

START_TEST(unprotected_is_counted_until_it_ends)
{
	struct smx_key key = bench_begin("A");

	engine_verdict(engine, &key, ENGINE_UNPROTECTED, NULL, now);
	bench_hint(SMX_QUEUE_COMMITTED, "A");
	now += 500;
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	ck_assert_int_eq(bench_counts().unprotected_oldest_ms, 500);
	bench_shown("A", SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_uint_eq(bench_counts().accepted_unprotected, 1);
}
END_TEST

START_TEST(late_copy_protects)
{
	struct smx_key key = bench_begin("A");

	engine_sent(engine, &key, 0, SMX_EUNSURE, now);
	engine_verdict(engine, &key, ENGINE_UNPROTECTED, NULL, now);
	ck_assert_uint_eq(bench_counts().unprotected, 1);
	engine_sent(engine, &key, 0, SMX_OK, now);
	ck_assert_uint_eq(bench_counts().unprotected, 0);
	ck_assert_uint_eq(bench_counts().accepted_unprotected, 1);
}
END_TEST

/* From its first look to its last: what is news is a batch that begins. */
static uint64_t
news_of(const char *id)
{
	uint64_t before = engine_work(engine);
	struct smx_key key = bench_accepted(id);

	engine_session_end(engine, &key, now);
	bench_hint(SMX_QUEUE_COMMITTED, id);
	bench_hint(SMX_QUEUE_GONE, id);
	now += 60;
	bench_seen(id, SMX_PRESENCE_ABSENT, bench_look(), "");
	ck_assert_int_eq(bench_query(&key), SMX_ANSWER_FINISHED);
	return engine_work(engine) - before;
}

START_TEST(usual_message_is_news_to_nobody)
{
	struct smx_reply ok = { .ago_ms = -1 };
	struct smx_request q;
	uint64_t work;

	(void)news_of("A"); /* that the peer answers is news, too */
	ck_assert_uint_eq(news_of("B"), 0);
	ck_assert_uint_eq(bench_waiting(0), 2);
	now += 200;
	ck_assert(bench_until(0, SMX_REQ_DISCARD, &q));
	ck_assert_uint_eq(q.count, 2);
	work = engine_work(engine);
	engine_peer_result(engine, 0, &q, SMX_OK, &ok, now);
	ck_assert_uint_eq(engine_work(engine), work);
	ck_assert_uint_eq(news_of("C"), 1);
}
END_TEST

START_TEST(ceiling_on_open_messages_holds)
{
	struct engine_message m = { .queue_id = "A" };
	struct smx_key key;

	bench_fresh(1, 2, 10);
	(void)bench_begin("A");
	(void)bench_begin("B");
	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_ELIMIT);
}
END_TEST

START_TEST(hundred_thousand_open_messages_are_no_burden)
{
	bench_fresh(1, 200000, 1000);
	for (int i = 0; i < 100000; i++) {
		char id[24];

		snprintf(id, sizeof(id), "ID%d", i);
		(void)bench_accepted(id);
	}
	now += 60;
	for (int i = 0; i < 1000; i++) {
		char id[24];

		snprintf(id, sizeof(id), "ID%d", i * 100);
		bench_hint(SMX_QUEUE_COMMITTED, id);
		bench_hint(SMX_QUEUE_GONE, id);
		now += 60;
		bench_seen(id, SMX_PRESENCE_ABSENT, bench_look(), "");
	}
	ck_assert_uint_eq(bench_counts().open, 99000);
}
END_TEST

static void
add_evidence(Suite *s)
{
	TCase *tc = tcase_create("evidence");

	tcase_add_checked_fixture(tc, bench_open, bench_close);
	tcase_add_test(tc, absence_before_the_verdict_proves_nothing);
	tcase_add_test(tc, hint_alone_finishes_nothing);
	tcase_add_test(tc, absence_after_the_commit_finishes);
	tcase_add_test(tc, absence_with_the_session_open_waits_for_its_end);
	tcase_add_test(tc, look_from_before_the_session_ended_is_no_proof);
	tcase_add_test(tc, hint_outruns_the_answer_that_was_under_way);
	tcase_add_test(tc, present_and_uncommitted_keep_it_open);
	tcase_add_test(tc, stray_was_never_acknowledged);
	tcase_add_loop_test(tc,
	    stray_under_an_id_that_is_used_again_is_the_last_ones, 0, 4);
	tcase_add_loop_test(tc,
	    unwatched_one_whose_id_is_used_again_is_doubtful_after_a_while, 0,
	    2);
	tcase_add_test(tc, requeue_without_a_new_id_is_doubtful_after_a_while);
	tcase_add_test(tc, damaged_message_is_for_the_holders);
	tcase_add_test(tc, requeued_message_is_followed);
	tcase_add_test(tc, requeue_of_which_only_the_end_was_seen_is_no_end);
	tcase_add_test(tc, id_used_again_ends_the_older_key_only);
	tcase_add_test(tc, look_from_before_the_reuse_ends_nobody);
	tcase_add_test(tc, requeue_that_took_a_used_id_does_not_supersede);
	tcase_add_test(tc, links_in_a_circle_are_doubtful);
	tcase_add_test(tc, no_answer_for_a_minute_is_doubtful);
	tcase_add_test(tc, refused_message_is_aborted_everywhere);
	tcase_add_test(tc, copy_that_comes_after_the_end_is_discarded);
	tcase_add_test(tc, unprotected_is_counted_until_it_ends);
	tcase_add_test(tc, late_copy_protects);
	tcase_add_test(tc, usual_message_is_news_to_nobody);
	tcase_add_test(tc, ceiling_on_open_messages_holds);
	tcase_add_test(tc, hundred_thousand_open_messages_are_no_burden);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("engine");
	SRunner *sr = srunner_create(s);
	int failed;

	add_evidence(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
