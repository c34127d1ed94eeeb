/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/done.h"
#include "core/holder.h"
#include "row_store.h"

/* A primary comes back to what this host has taken over from it. */

static struct row_store store;
static enum smx_answer answers[4];

static void
setup(void)
{
	row_store_init(&store);
	row_store_add(&store, "mx1", 1, SMX_ROW_SHADOW);
	row_store_add(&store, "mx2", 2, SMX_ROW_SHADOW);
	row_store_add(&store, "mx1", 3, SMX_ROW_HANDED);
	row_store_add(&store, "mx1", 4, SMX_ROW_CLAIMED);
}

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

static void
yielded_to(const char *owner, uint64_t counter)
{
	struct smx_row *row =
	    row_store_add(&store, owner, counter, SMX_ROW_SHADOW);

	row->yielded = 1;
	set_holders(row, "mx2 n");
}

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

/* ---- RETURN ---- */

#define NAMES_BOTH                                                             \
	"MAIL <a@b.example>\r\nRCPT <c@d.example>\r\nRCPT <e@F.Example>\r\n"
#define NAMES_C "MAIL <a@b.example>\r\nRCPT <c@d.example>\r\n"
#define NAMES_X "MAIL <a@b.example>\r\nRCPT <C@d.example>\r\n"

static struct smx_row *
returning(enum smx_row_state state, const char *states)
{
	struct smx_row *row = row_at(1);

	row->state = state;
	memcpy(store.rcpt[row - store.row], states, 3);
	return row;
}

static enum smx_answer
returns(const char *primary, uint64_t counter, const char *envelope)
{
	const struct smx_epoch epoch = { .id = { 9 }, .counter = 4 };
	struct smx_amendment m = { .key = { .counter = counter },
		.envelope = envelope,
		.envelope_len = strlen(envelope),
		.held = 1 };
	struct smx_request q = { .kind = SMX_REQ_RETURN,
		.amendments = &m,
		.count = 1 };
	struct smx_reply reply = { .answers = answers };

	ck_assert_int_eq(holder_return(&store.port, primary, &epoch, &q, &reply,
			     5000),
	    SMX_OK);
	return answers[0];
}

START_TEST(what_was_not_handed_is_given_back)
{
	struct smx_row *row = returning(SMX_ROW_CLAIMED, "oo");

	row->attempts = 3;
	row->next_try_ms = 7000;
	memcpy(row->reason, "450 later", 10);
	ck_assert_int_eq(returns("mx1", 1, NAMES_C), SMX_ANSWER_SHADOW);
	ck_assert_int_eq(row->state, SMX_ROW_SHADOW);
	ck_assert_uint_eq(row->attempts, 0);
	ck_assert_str_eq(row->reason, "");
	ck_assert_int_gt(row->next_try_ms, 0); /* was taken over */
	/* In the queue that it is in now, and with whom it has to serve. */
	ck_assert_uint_eq(row->epoch.id[0], 9);
	ck_assert(!row->yielded);
	ck_assert(!row->held);
	ck_assert_uint_eq(row->recipients, 1);
	ck_assert_ptr_null(strstr(row_store_envelope(&store, row), "e@f"));
	/* Said twice, it is the same. */
	ck_assert_int_eq(returns("mx1", 1, NAMES_C), SMX_ANSWER_SHADOW);
}
END_TEST

START_TEST(refused_by_all_is_given_back_from_quarantine)
{
	struct smx_row *row = returning(SMX_ROW_QUARANTINED, "rr");

	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_SHADOW);
	ck_assert_int_eq(row->state, SMX_ROW_SHADOW);
	ck_assert_str_eq(row_store_rcpt(&store, row), "oo");
}
END_TEST

START_TEST(what_may_be_in_the_own_mta_is_not_given_back)
{
	struct smx_row *row = returning(SMX_ROW_CLAIMED, "oo");

	row->next_try_ms = -1; /* an attempt is out, or a crash left it so */
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_TAKEN);
	row = returning(SMX_ROW_CLAIMED, "ho"); /* one of two was taken */
	row->next_try_ms = 7000;
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_TAKEN);
	ck_assert_int_eq(row->state, SMX_ROW_CLAIMED);
	returning(SMX_ROW_QUARANTINED, "hr");
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_TAKEN);
	ck_assert_int_eq(row->state, SMX_ROW_QUARANTINED);
	returning(SMX_ROW_HANDED, "hh");
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_TAKEN);
	memcpy(row->handed_id, "N1", 3);
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_TAKEN);
	ck_assert_uint_eq(store.marks, 0);
}
END_TEST

START_TEST(ended_is_told_for_those_that_were_served)
{
	struct smx_row *row = returning(SMX_ROW_DONE, "hh");

	memcpy(row->handed_id, "N1", 3);
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(returns("mx1", 1, NAMES_C), SMX_ANSWER_FINISHED);
	/* Another local part is another mailbox. */
	ck_assert_int_eq(returns("mx1", 1, NAMES_X), SMX_ANSWER_OPEN);
	returning(SMX_ROW_DONE, "hr"); /* a person has forgotten the other */
	ck_assert_int_eq(returns("mx1", 1, NAMES_C), SMX_ANSWER_FINISHED);
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_OPEN);
	returning(SMX_ROW_HANDED, "hh");
	memcpy(row->handed_id, "-", 2);
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_FINISHED);
	returning(SMX_ROW_HANDED, "oo"); /* dropped by word */
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_OPEN);
	ck_assert_uint_eq(store.marks, 0);
}
END_TEST

START_TEST(return_of_what_is_not_theirs_is_none)
{
	ck_assert_int_eq(returns("mx1", 77, NAMES_C), SMX_ANSWER_NONE);
	row_at(2)->state = SMX_ROW_CLAIMED; /* mx2's */
	ck_assert_int_eq(returns("mx1", 2, NAMES_C), SMX_ANSWER_NONE);
	ck_assert_int_eq(row_at(2)->state, SMX_ROW_CLAIMED);
	ck_assert_int_eq(returns("mx1", 1, NAMES_C), SMX_ANSWER_SHADOW);
	ck_assert_uint_eq(store.marks, 0);
}
END_TEST

START_TEST(what_is_not_written_is_not_given_back)
{
	struct smx_row *row = returning(SMX_ROW_CLAIMED, "oo");

	store.fail = SMX_EUNSURE;
	ck_assert_int_eq(returns("mx1", 1, NAMES_C), SMX_ANSWER_UNKNOWN);
	ck_assert_int_eq(row->state, SMX_ROW_CLAIMED);
}
END_TEST

START_TEST(return_of_too_many_or_without_recipients_is_refused)
{
	static struct smx_amendment list[SMX_AMEND_MAX + 1];
	struct smx_request q = { .kind = SMX_REQ_RETURN,
		.amendments = list,
		.count = SMX_AMEND_MAX + 1 };
	struct smx_epoch epoch = { .counter = 1 };
	struct smx_reply reply = { .answers = answers };

	ck_assert_int_eq(holder_return(&store.port, "mx1", &epoch, &q, &reply,
			     1),
	    SMX_EINVAL);
	q.count = 1;
	ck_assert_int_eq(holder_return(&store.port, "mx1", &epoch, &q, &reply,
			     1),
	    SMX_EINVAL);
}
END_TEST

START_TEST(many_are_given_back_in_one_step)
{
	static const char text[] = NAMES_C;
	const struct smx_epoch epoch = { .id = { 9 }, .counter = 4 };
	static const uint64_t counters[] = { 4, 2, 6, 5, 77, 4, 3 };
	static const enum smx_answer want[] = { SMX_ANSWER_SHADOW,
		SMX_ANSWER_NONE, SMX_ANSWER_SHADOW, SMX_ANSWER_SHADOW,
		SMX_ANSWER_NONE, SMX_ANSWER_UNKNOWN, SMX_ANSWER_TAKEN };
	struct smx_amendment list[7];
	enum smx_answer got[7];
	struct smx_request q = { .kind = SMX_REQ_RETURN,
		.amendments = list,
		.count = 7 };
	struct smx_reply reply = { .answers = got };

	row_store_add(&store, "mx1", 5, SMX_ROW_CLAIMED);
	row_store_add(&store, "mx1", 6, SMX_ROW_QUARANTINED);
	for (size_t i = 0; i < 7; i++)
		list[i] = (struct smx_amendment){ .key.counter = counters[i],
			.envelope = text,
			.envelope_len = sizeof(text) - 1 };
	ck_assert_int_eq(holder_return(&store.port, "mx1", &epoch, &q, &reply,
			     5000),
	    SMX_OK);
	for (size_t i = 0; i < 7; i++)
		ck_assert_int_eq(got[i], want[i]);
	ck_assert_uint_eq(store.steps, 1);
	ck_assert_uint_eq(store.amends, 1);
	for (uint64_t n = 4; n <= 6; n++) {
		ck_assert_int_eq(row_at(n)->state, SMX_ROW_SHADOW);
		ck_assert_uint_eq(row_at(n)->recipients, 1);
	}
}
END_TEST

/* Otherwise they would find no row here, take the message for lost, and
 * deliver it. */
START_TEST(given_back_row_ends_through_those_that_hold_it)
{
	struct smx_key key = { .counter = 1 };
	struct smx_request q = { .kind = SMX_REQ_DISCARD,
		.keys = &key,
		.count = 1 };
	struct smx_reply reply = { 0 };
	struct smx_row *row = returning(SMX_ROW_CLAIMED, "oo");

	set_holders(row, "n mx2");
	ck_assert_int_eq(returns("mx1", 1, NAMES_BOTH), SMX_ANSWER_SHADOW);
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &q, &reply), SMX_OK);
	ck_assert_int_eq(row->state, SMX_ROW_HANDED);
	ck_assert_str_eq(row->handed_id, "-");
	ck_assert_str_eq(row_store_rcpt(&store, row), "oo");
	ask("mx1", &key, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_TAKEN);
}
END_TEST

START_TEST(yielded_row_is_its_first_primarys_again)
{
	struct smx_key keys[2] = { { .counter = 9 }, { .counter = 10 } };

	yielded_to("mx2", 9);
	yielded_to("mx3", 10);
	snprintf(store.origin, sizeof(store.origin), "mx1");
	ck_assert_int_eq(holder_unyield(&store.port, "mx2", keys, 2), SMX_OK);
	ck_assert_str_eq(row_at(9)->primary, "mx1");
	ck_assert(!row_at(9)->yielded);
	ck_assert_uint_eq(row_at(9)->epoch.id[0], 0);
	ck_assert_str_eq(row_at(10)->primary, "mx3");
}
END_TEST

/* ---- what is done ---- */

START_TEST(done_row_is_told_and_goes_by_word)
{
	struct smx_key key = { .counter = 1 }, after = { 0 }, keys[4];
	struct smx_request drop = { .kind = SMX_REQ_DISCARD,
		.keys = &key,
		.count = 1 };
	struct smx_listed listed[1];
	struct smx_request q = { .kind = SMX_REQ_LIST, .limit = 1 };
	struct smx_reply reply = { .listed = listed };

	set_holders(returning(SMX_ROW_DONE, "hh"), "n mx2");
	row_at(4)->state = SMX_ROW_DONE;
	ask("mx1", &key, 1);
	ck_assert_int_eq(answers[0], SMX_ANSWER_ENDED);
	ck_assert_int_eq(holder_list(&store.port, "mx1", &q, &reply, 3000),
	    SMX_OK);
	ck_assert_int_eq(listed[0].state, SMX_ROW_DONE);
	ck_assert_int_eq(holder_old(&store.port, "mx1", 9000, 1000, &after,
			     keys, 4),
	    0);
	/* The others have heard of its end before. */
	ck_assert_int_eq(holder_drop(&store.port, "mx1", &drop, &reply),
	    SMX_OK);
	ck_assert_ptr_null(row_at(1));
	ck_assert(row_store_tombed(&store, &key));
}
END_TEST

static struct smx_row *
done_since(uint64_t counter, int64_t since)
{
	struct smx_row *row =
	    row_store_add(&store, "mx1", counter, SMX_ROW_DONE);

	row->state_ms = since;
	return row;
}

START_TEST(done_rows_go_after_their_time_and_the_oldest_of_too_many)
{
	row_store_init(&store);
	row_store_add(&store, "mx1", 1, SMX_ROW_HANDED);
	done_since(2, 5000);
	done_since(3, 1000);
	done_since(4, 3000);
	done_since(5, 2000);
	ck_assert_int_eq(done_tidy(&store.port, 5000, 10, 5999), 0);
	ck_assert_int_eq(done_tidy(&store.port, 5000, 10, 6000), 1);
	ck_assert_ptr_null(row_at(3));
	ck_assert_int_eq(done_tidy(&store.port, 5000, 2, 6000), 1);
	ck_assert_ptr_null(row_at(5));
	ck_assert_int_eq(done_tidy(&store.port, 5000, 2, 500), 0); /* back */
	ck_assert_uint_eq(store.rows, 3);
	ck_assert_int_eq(done_tidy(&store.port, 5000, 2, 99000), 2);
	ck_assert_int_eq(row_at(1)->state, SMX_ROW_HANDED);
	store.fail = SMX_EIO;
	done_since(6, 1);
	ck_assert_int_eq(done_tidy(&store.port, 1, 2, 99000), SMX_EIO);
}
END_TEST

START_TEST(many_done_rows_go_in_steps)
{
	row_store_init(&store);
	for (uint64_t i = 1; i <= 60; i++)
		done_since(i, (int64_t)((i * 37) % 61));
	ck_assert_int_eq(done_tidy(&store.port, 1000, 7, 100), 53);
	for (size_t i = 0; i < store.rows; i++)
		ck_assert_int_ge(store.row[i].state_ms, 54);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("return");
	TCase *tc = tcase_create("return");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, what_was_not_handed_is_given_back);
	tcase_add_test(tc, refused_by_all_is_given_back_from_quarantine);
	tcase_add_test(tc, what_may_be_in_the_own_mta_is_not_given_back);
	tcase_add_test(tc, ended_is_told_for_those_that_were_served);
	tcase_add_test(tc, return_of_what_is_not_theirs_is_none);
	tcase_add_test(tc, what_is_not_written_is_not_given_back);
	tcase_add_test(tc, many_are_given_back_in_one_step);
	tcase_add_test(tc, return_of_too_many_or_without_recipients_is_refused);
	tcase_add_test(tc, given_back_row_ends_through_those_that_hold_it);
	tcase_add_test(tc, yielded_row_is_its_first_primarys_again);
	tcase_add_test(tc, done_row_is_told_and_goes_by_word);
	tcase_add_test(tc,
	    done_rows_go_after_their_time_and_the_oldest_of_too_many);
	tcase_add_test(tc, many_done_rows_go_in_steps);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
