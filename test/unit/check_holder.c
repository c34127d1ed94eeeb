/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/holder.h"
#include "row_store.h"

static const struct {
	enum smx_row_state from;
	enum holder_event event;
	int to;
} moves[] = {
	{ SMX_ROW_SHADOW, HOLDER_DISCARD, 0 },
	{ SMX_ROW_SHADOW, HOLDER_ABORT, 0 },
	{ SMX_ROW_SHADOW, HOLDER_CLAIM, SMX_ROW_CLAIMED },
	{ SMX_ROW_SHADOW, HOLDER_HAND, SMX_ESTATE },
	{ SMX_ROW_SHADOW, HOLDER_RETRY, SMX_ESTATE },
	{ SMX_ROW_SHADOW, HOLDER_END, SMX_ESTATE },
	{ SMX_ROW_SHADOW, HOLDER_REFUSE, SMX_ROW_QUARANTINED },
	{ SMX_ROW_CLAIMED, HOLDER_DISCARD, 0 },
	{ SMX_ROW_CLAIMED, HOLDER_RETRY, SMX_ROW_CLAIMED },
	{ SMX_ROW_CLAIMED, HOLDER_HAND, SMX_ROW_HANDED },
	{ SMX_ROW_CLAIMED, HOLDER_REFUSE, SMX_ROW_QUARANTINED },
	{ SMX_ROW_CLAIMED, HOLDER_END, SMX_ESTATE },
	{ SMX_ROW_HANDED, HOLDER_DISCARD, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_ABORT, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_CLAIM, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_RETRY, SMX_ESTATE },
	{ SMX_ROW_HANDED, HOLDER_END, SMX_ROW_DONE },
	{ SMX_ROW_HANDED, HOLDER_EXPIRE, 0 },
	{ SMX_ROW_HANDED, HOLDER_REFUSE, SMX_ROW_QUARANTINED },
	{ SMX_ROW_HANDED, HOLDER_AGAIN, SMX_ROW_CLAIMED },
	{ SMX_ROW_SHADOW, HOLDER_OVER, SMX_ROW_HANDED },
	{ SMX_ROW_CLAIMED, HOLDER_OVER, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_OVER, SMX_ROW_HANDED },
	{ SMX_ROW_QUARANTINED, HOLDER_OVER, SMX_ROW_HANDED },
	{ SMX_ROW_QUARANTINED, HOLDER_RELEASE, SMX_ROW_CLAIMED },
	{ SMX_ROW_QUARANTINED, HOLDER_HAND, SMX_ESTATE },
	{ SMX_ROW_QUARANTINED, HOLDER_END, SMX_ESTATE },
	{ SMX_ROW_SHADOW, HOLDER_RETURN, SMX_ROW_SHADOW },
	{ SMX_ROW_CLAIMED, HOLDER_RETURN, SMX_ROW_SHADOW },
	{ SMX_ROW_HANDED, HOLDER_RETURN, SMX_ROW_HANDED },
	{ SMX_ROW_QUARANTINED, HOLDER_RETURN, SMX_ROW_SHADOW },
	{ SMX_ROW_DONE, HOLDER_RETURN, SMX_ROW_DONE },
	{ SMX_ROW_DONE, HOLDER_DISCARD, 0 },
	{ SMX_ROW_DONE, HOLDER_ABORT, 0 },
	{ SMX_ROW_DONE, HOLDER_FORGET, 0 },
	{ SMX_ROW_DONE, HOLDER_EXPIRE, 0 },
	{ SMX_ROW_DONE, HOLDER_CLAIM, SMX_ESTATE },
	{ SMX_ROW_DONE, HOLDER_RELEASE, SMX_ESTATE },
	{ SMX_ROW_DONE, HOLDER_AGAIN, SMX_ESTATE },
	{ SMX_ROW_DONE, HOLDER_OVER, SMX_ESTATE },
};

START_TEST(moves_follow_the_table)
{
	ck_assert_int_eq(holder_move(moves[_i].from, moves[_i].event),
	    moves[_i].to);
}
END_TEST

/* The safety property: nothing of this host's own drops a row but the proven
 * end of what its MTA took, and a person. */
START_TEST(row_goes_only_by_word_or_proven_end)
{
	for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_DONE; s++)
		for (int e = HOLDER_DISCARD; e < HOLDER_EVENTS; e++) {
			if (holder_move((enum smx_row_state)s,
				(enum holder_event)e) != 0)
				continue;
			ck_assert(
			    e == HOLDER_DISCARD || e == HOLDER_ABORT ||
			    e == HOLDER_FORGET ||
			    (e == HOLDER_EXPIRE &&
				(s == SMX_ROW_HANDED || s == SMX_ROW_DONE)));
		}
	ck_assert_int_eq(holder_move(0, HOLDER_END), SMX_ESTATE);
	ck_assert_int_eq(holder_move(99, HOLDER_END), SMX_ESTATE);
}
END_TEST

static struct row_store store;

static void
setup(void)
{
	row_store_init(&store);
	row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);
	row_store_add(&store, "mx2", 2, SMX_ROW_SHADOW);
	row_store_add(&store, "mx1", 3, SMX_ROW_HANDED);
	row_store_add(&store, "mx1", 4, SMX_ROW_CLAIMED);
}

START_TEST(discard_spares_foreign_and_handed_rows)
{
	struct smx_key keys[5] = { { .counter = 1 }, { .counter = 2 },
		{ .counter = 3 }, { .counter = 4 }, { .counter = 9 } };
	struct smx_request q = { .kind = SMX_REQ_DISCARD,
		.keys = keys,
		.count = 5 };
	struct smx_reply reply = { 0 };

	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply), SMX_OK);
	ck_assert_uint_eq(reply.foreign, 1);
	ck_assert_ptr_null(row_store_find(&store, &keys[0]));
	ck_assert_ptr_nonnull(row_store_find(&store, &keys[1]));
	ck_assert_ptr_nonnull(row_store_find(&store, &keys[2]));
	ck_assert_ptr_null(row_store_find(&store, &keys[3]));
	/* Its shadow may still arrive. */
	ck_assert(row_store_tombed(&store, &keys[4]));
	ck_assert_uint_eq(store.drops, 1);
}
END_TEST

START_TEST(drop_that_fails_is_not_confirmed)
{
	struct smx_key key = { .counter = 1 };
	struct smx_request q = { .kind = SMX_REQ_ABORT,
		.keys = &key,
		.count = 1 };
	struct smx_reply reply = { 0 };

	store.fail = SMX_EUNSURE;
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply),
	    SMX_EUNSURE);
	q.count = SMX_REQ_KEYS_MAX + 1;
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply),
	    SMX_EINVAL);
}
END_TEST

START_TEST(list_pages_and_shows_only_the_askers_rows)
{
	struct smx_listed listed[2];
	struct smx_request q = { .kind = SMX_REQ_LIST, .limit = 2 };
	struct smx_reply reply = { .listed = listed };

	ck_assert_int_eq(holder_list(&store.port, "mx1", &q, &reply, 3000),
	    SMX_OK);
	ck_assert_uint_eq(reply.count, 2);
	ck_assert_uint_eq(listed[0].key.counter, 1);
	ck_assert_uint_eq(listed[1].key.counter, 3);
	ck_assert_int_eq(listed[0].age_ms, 2000);
	ck_assert_str_eq(listed[0].queue_id, "Q1");
	q.after = listed[1].key;
	ck_assert_int_eq(holder_list(&store.port, "mx1", &q, &reply, 500),
	    SMX_OK);
	ck_assert_uint_eq(reply.count, 1);
	ck_assert_uint_eq(listed[0].key.counter, 4);
	ck_assert_int_eq(listed[0].age_ms, 0); /* the clock was set back */
	q.limit = SMX_REQ_KEYS_MAX + 1;
	ck_assert_int_eq(holder_list(&store.port, "mx1", &q, &reply, 0),
	    SMX_EINVAL);
}
END_TEST

START_TEST(old_ones_are_found_and_the_clock_may_jump)
{
	struct smx_key after = { 0 };
	struct smx_key keys[4];

	row_store_find(&store, &(struct smx_key){ .counter = 4 })->stored_ms =
	    2900;
	ck_assert_int_eq(holder_old(&store.port, "mx1", 3000, 1000, &after,
			     keys, 4),
	    1);
	ck_assert_uint_eq(keys[0].counter, 1);
	ck_assert_uint_eq(after.counter, 0); /* the end */
	/* Set back before any of them was stored: ask rather than wait. */
	ck_assert_int_eq(holder_old(&store.port, "mx1", 10, 1000, &after, keys,
			     4),
	    2);
}
END_TEST

/* ---- what was taken over by another member ---- */

static struct smx_row *
row_at(uint64_t counter)
{
	return row_store_find(&store, &(struct smx_key){ .counter = counter });
}

static void
set_holders(struct smx_row *row, const char *holders)
{
	snprintf(row->holders, sizeof(row->holders), "%s", holders);
}

static struct smx_row *
yielded_to(const char *owner, uint64_t counter)
{
	struct smx_row *row =
	    row_store_add(&store, owner, counter, SMX_ROW_SHADOW);

	row->yielded = 1;
	set_holders(row, "mx2 n");
	return row;
}

START_TEST(yielded_rows_are_not_listed_to_their_owner_nor_asked_about)
{
	struct smx_listed listed[2];
	struct smx_request q = { .kind = SMX_REQ_LIST, .limit = 2 };
	struct smx_reply reply = { .listed = listed };
	struct smx_key after = { 0 };
	struct smx_key keys[4];

	row_store_init(&store);
	yielded_to("mx2", 1);
	row_store_add(&store, "mx2", 2, SMX_ROW_SHADOW);
	yielded_to("mx2", 3);
	row_store_add(&store, "mx2", 4, SMX_ROW_SHADOW);
	/* A full page: fewer would mean the end. */
	ck_assert_int_eq(holder_list(&store.port, "mx2", &q, &reply, 3000),
	    SMX_OK);
	ck_assert_uint_eq(reply.count, 2);
	ck_assert_uint_eq(listed[0].key.counter, 2);
	ck_assert_uint_eq(listed[1].key.counter, 4);
	ck_assert_int_eq(holder_old(&store.port, "mx2", 9000, 1000, &after,
			     keys, 4),
	    2);
	ck_assert_uint_eq(keys[1].counter, 4);
	memset(&after, 0, sizeof(after));
	ck_assert_int_eq(holder_yielded(&store.port, "mx2", &after, keys, 1),
	    1);
	ck_assert_uint_eq(keys[0].counter, 1);
	ck_assert_int_eq(holder_yielded(&store.port, "mx2", &after, keys, 4),
	    1);
	ck_assert_uint_eq(keys[0].counter, 3);
}
END_TEST

START_TEST(word_of_the_former_primary_leaves_a_yielded_row_and_is_no_alarm)
{
	struct smx_key key = { .counter = 9 };
	struct smx_request q = { .kind = SMX_REQ_DISCARD,
		.keys = &key,
		.count = 1 };
	struct smx_reply reply = { 0 };

	yielded_to("mx2", 9);
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply), SMX_OK);
	ck_assert_uint_eq(reply.foreign, 0);
	ck_assert_ptr_nonnull(row_at(9));
	ck_assert_int_eq(holder_drop(&store.port, "mx2", &q, &reply), SMX_OK);
	ck_assert_ptr_null(row_at(9));
}
END_TEST

START_TEST(claim_with_others_is_not_dropped_before_they_know)
{
	struct smx_key keys[2] = { { .counter = 4 }, { .counter = 1 } };
	struct smx_request q = { .kind = SMX_REQ_DISCARD,
		.keys = keys,
		.count = 2 };
	struct smx_reply reply = { 0 };

	set_holders(row_at(4), "n mx2");
	set_holders(row_at(1), "n mx2");
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply), SMX_OK);
	ck_assert_int_eq(row_at(4)->state, SMX_ROW_HANDED);
	ck_assert_str_eq(row_at(4)->handed_id, "-");
	ck_assert_ptr_null(row_at(1)); /* a shadow has nobody below it */
}
END_TEST

/* ---- ASK ---- */

static enum smx_answer answers[4];

static void
ask(const char *node, const struct smx_key *keys, size_t count)
{
	struct smx_request q = { .kind = SMX_REQ_ASK,
		.keys = keys,
		.count = count,
		.node = node };
	struct smx_reply reply = { .answers = answers };

	ck_assert_int_eq(holder_ask(&store.port, "n", &q, &reply), SMX_OK);
}

START_TEST(ask_tells_what_is_here)
{
	struct smx_key keys[4] = { { .counter = 1 }, { .counter = 2 },
		{ .counter = 3 }, { .counter = 8 } };

	set_holders(row_at(1), "mx2 n");
	set_holders(row_at(2), "mx2 no nn");
	ask("mx1", keys, 4);
	ck_assert_int_eq(answers[0], SMX_ANSWER_RANKED);
	ck_assert_int_eq(answers[1], SMX_ANSWER_SHADOW);
	ck_assert_int_eq(answers[2], SMX_ANSWER_TAKEN);
	ck_assert_int_eq(answers[3], SMX_ANSWER_NONE);
	row_at(1)->state = SMX_ROW_QUARANTINED;
	ask("mx1", keys, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_TAKEN);
}
END_TEST

START_TEST(ask_tells_who_is_first)
{
	struct smx_key key = { .counter = 1 };

	set_holders(row_at(1), "n mx2");
	ask("mx1", &key, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_FIRST);
	set_holders(row_at(1), "n");
	ask("mx1", &key, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_FIRST);
	set_holders(row_at(1), "nn n");
	ask("mx1", &key, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_RANKED);
}
END_TEST

/* What was ended by word is not what has been delivered. */
START_TEST(ask_tells_what_was_delivered)
{
	struct smx_key keys[2] = { { .counter = 1 }, { .counter = 3 } };
	size_t foreign;

	row_at(3)->state = SMX_ROW_DONE;
	row_at(1)->state = SMX_ROW_HANDED;
	snprintf(row_at(1)->handed_id, sizeof(row_at(1)->handed_id), "-");
	ask("mx1", keys, 2);
	ck_assert_int_eq(answers[0], SMX_ANSWER_TAKEN); /* ended by word */
	ck_assert_int_eq(answers[1], SMX_ANSWER_ENDED);
	ck_assert_int_eq(store.port.ops->drop(store.port.ctx, NULL, &keys[1], 1,
			     &foreign),
	    SMX_OK);
	ask("mx1", keys, 2);
	ck_assert_int_eq(answers[1], SMX_ANSWER_NONE);
}
END_TEST

START_TEST(yielded_row_counts_as_taken_for_who_does_not_know)
{
	struct smx_key key = { .counter = 9 };

	yielded_to("mx2", 9);
	ask("mx1", &key, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_TAKEN);
	ask("mx2", &key, 1); /* whose silence is judged with it */
	ck_assert_int_eq(answers[0], SMX_ANSWER_RANKED);
}
END_TEST

/* ---- CLAIM ---- */

static int
claim(const char *asker, const struct smx_key *keys, size_t count)
{
	const struct smx_epoch epoch = { .id = { 7 }, .counter = 5 };
	struct smx_request q = { .kind = SMX_REQ_CLAIM,
		.keys = keys,
		.count = count,
		.node = "mx1" };
	struct smx_reply reply = { .answers = answers };

	return holder_claim(&store.port, "n", asker, &epoch, &q, &reply);
}

START_TEST(row_is_yielded_to_who_is_named_and_to_nobody_else)
{
	struct smx_key keys[4] = { { .counter = 1 }, { .counter = 2 },
		{ .counter = 3 }, { .counter = 8 } };

	set_holders(row_at(1), "mx3 n");
	set_holders(row_at(2), "n mx33");
	ck_assert_int_eq(claim("mx3", keys, 4), SMX_OK);
	ck_assert_int_eq(answers[0], SMX_ANSWER_YIELDED);
	ck_assert_int_eq(answers[1], SMX_ANSWER_DENIED);
	ck_assert_int_eq(answers[2], SMX_ANSWER_TAKEN);
	ck_assert_int_eq(answers[3], SMX_ANSWER_NONE);
	ck_assert_str_eq(row_at(1)->primary, "mx3");
	ck_assert(row_at(1)->yielded);
	ck_assert_uint_eq(row_at(1)->epoch.id[0], 7);
	ck_assert_str_eq(row_at(2)->primary, "mx2");
	/* Again, with the same result and no further write. */
	store.amends = 0;
	ck_assert_int_eq(claim("mx3", keys, 1), SMX_OK);
	ck_assert_int_eq(answers[0], SMX_ANSWER_YIELDED);
	ck_assert_uint_eq(store.amends, 0);
}
END_TEST

START_TEST(rows_of_several_primaries_are_yielded_in_one_request)
{
	struct smx_key keys[3] = { { .counter = 1 }, { .counter = 2 },
		{ .counter = 5 } };

	row_store_add(&store, "mx1", 5, SMX_ROW_SHADOW);
	set_holders(row_at(1), "mx3 n");
	set_holders(row_at(2), "mx3 n");
	set_holders(row_at(5), "mx3 n");
	ck_assert_int_eq(claim("mx3", keys, 3), SMX_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(answers[i], SMX_ANSWER_YIELDED);
	ck_assert_uint_eq(store.amends, 2);
}
END_TEST

START_TEST(yield_that_is_not_written_is_not_told)
{
	struct smx_key key = { .counter = 1 };

	set_holders(row_at(1), "mx3 n");
	store.fail = SMX_EIO;
	ck_assert_int_eq(claim("mx3", &key, 1), SMX_EIO);
}
END_TEST

START_TEST(yielded_row_may_be_claimed_on_by_the_next_in_rank)
{
	struct smx_key key = { .counter = 9 };

	set_holders(yielded_to("mx2", 9), "mx2 mx3 n");
	ck_assert_int_eq(claim("mx3", &key, 1), SMX_OK);
	ck_assert_int_eq(answers[0], SMX_ANSWER_YIELDED);
	ck_assert_str_eq(row_at(9)->primary, "mx3");
}
END_TEST

/* ---- AMEND ---- */

static int
amend(const char *primary, struct smx_amendment *list, size_t count,
    size_t *foreign)
{
	struct smx_request q = { .kind = SMX_REQ_AMEND,
		.amendments = list,
		.count = count };
	struct smx_reply reply = { 0 };
	int r = holder_amend(&store.port, primary, &q, &reply);

	*foreign = reply.foreign;
	return r;
}

static const char now[] = "MAIL <x@y.example>\r\nRCPT <z@y.example>\r\n";

START_TEST(amended_envelope_is_merged_into_the_old_one)
{
	struct smx_amendment a = { .key = { .counter = 1 },
		.version = 5,
		.envelope = now,
		.envelope_len = sizeof(now) - 1,
		.recipients = 1,
		.held = 1 };
	size_t foreign;

	ck_assert_int_eq(amend("mx1", &a, 1, &foreign), SMX_OK);
	ck_assert_uint_eq(foreign, 0);
	ck_assert_uint_eq(row_at(1)->recipients, 1);
	ck_assert(row_at(1)->amended && row_at(1)->held);
	ck_assert_uint_eq(row_at(1)->version, 5);
	ck_assert_str_eq(row_store_envelope(&store, row_at(1)),
	    "CLIENT HELO=h\r\nMAIL <x@y.example> SIZE=5\r\n"
	    "RCPT <z@y.example>\r\n");
	/* What is older, or the same once more, changes nothing. */
	a.held = 0;
	store.amends = 0;
	ck_assert_int_eq(amend("mx1", &a, 1, &foreign), SMX_OK);
	ck_assert(row_at(1)->held);
	ck_assert_uint_eq(store.amends, 0);
	a.version = 6;
	a.envelope = NULL;
	a.holders = "n mx2";
	ck_assert_int_eq(amend("mx1", &a, 1, &foreign), SMX_OK);
	ck_assert(!row_at(1)->held && row_at(1)->amended);
	ck_assert_str_eq(row_at(1)->holders, "n mx2");
}
END_TEST

START_TEST(amendments_touch_only_the_primarys_own_shadows)
{
	struct smx_amendment a[5] = { { .key = { .counter = 1 } },
		{ .key = { .counter = 2 } }, { .key = { .counter = 4 } },
		{ .key = { .counter = 9 } }, { .key = { .counter = 77 } } };
	size_t foreign;

	yielded_to("mx2", 9);
	for (int i = 0; i < 5; i++) {
		a[i].version = 5;
		a[i].held = 1;
		a[i].envelope = now;
		a[i].envelope_len = sizeof(now) - 1;
	}
	ck_assert_int_eq(amend("mx1", a, 5, &foreign), SMX_OK);
	ck_assert_uint_eq(foreign, 1); /* 2; the yielded 9 is only late */
	ck_assert(row_at(1)->held);
	ck_assert(!row_at(2)->held);
	ck_assert(!row_at(4)->held); /* claimed: left as it was claimed */
	ck_assert(!row_at(9)->held);
}
END_TEST

START_TEST(senseless_amendment_is_not_confirmed_and_stops_no_other)
{
	struct smx_amendment a[2] = { { .key = { .counter = 1 } },
		{ .key = { .counter = 5 } } };
	size_t foreign;

	row_store_add(&store, "mx1", 5, SMX_ROW_SHADOW);
	for (int i = 0; i < 2; i++) {
		a[i].version = 5;
		a[i].held = 1;
	}
	a[0].envelope = "MAIL <x@y.example>\r\n";
	a[0].envelope_len = strlen(a[0].envelope);
	ck_assert_int_eq(amend("mx1", a, 2, &foreign), SMX_EINVAL);
	ck_assert(!row_at(1)->held);
	ck_assert(row_at(5)->held);
	a[0].envelope = NULL;
	store.fail = SMX_EUNSURE;
	ck_assert_int_eq(amend("mx1", a, 1, &foreign), SMX_EUNSURE);
}
END_TEST

static void
add_others(Suite *s)
{
	TCase *tc = tcase_create("others");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc,
	    yielded_rows_are_not_listed_to_their_owner_nor_asked_about);
	tcase_add_test(tc,
	    word_of_the_former_primary_leaves_a_yielded_row_and_is_no_alarm);
	tcase_add_test(tc, claim_with_others_is_not_dropped_before_they_know);
	tcase_add_test(tc, ask_tells_what_is_here);
	tcase_add_test(tc, ask_tells_who_is_first);
	tcase_add_test(tc, ask_tells_what_was_delivered);
	tcase_add_test(tc, yielded_row_counts_as_taken_for_who_does_not_know);
	tcase_add_test(tc, row_is_yielded_to_who_is_named_and_to_nobody_else);
	tcase_add_test(tc,
	    rows_of_several_primaries_are_yielded_in_one_request);
	tcase_add_test(tc, yield_that_is_not_written_is_not_told);
	tcase_add_test(tc, yielded_row_may_be_claimed_on_by_the_next_in_rank);
	tcase_add_test(tc, amended_envelope_is_merged_into_the_old_one);
	tcase_add_test(tc, amendments_touch_only_the_primarys_own_shadows);
	tcase_add_test(tc,
	    senseless_amendment_is_not_confirmed_and_stops_no_other);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("holder");
	TCase *tc = tcase_create("holder");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, moves_follow_the_table, 0,
	    sizeof(moves) / sizeof(*moves));
	tcase_add_test(tc, row_goes_only_by_word_or_proven_end);
	tcase_add_test(tc, discard_spares_foreign_and_handed_rows);
	tcase_add_test(tc, drop_that_fails_is_not_confirmed);
	tcase_add_test(tc, list_pages_and_shows_only_the_askers_rows);
	tcase_add_test(tc, old_ones_are_found_and_the_clock_may_jump);
	suite_add_tcase(s, tc);
	add_others(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
