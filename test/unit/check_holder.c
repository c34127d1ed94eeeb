/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
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
	{ SMX_ROW_CLAIMED, HOLDER_DISCARD, 0 },
	{ SMX_ROW_CLAIMED, HOLDER_RETRY, SMX_ROW_CLAIMED },
	{ SMX_ROW_CLAIMED, HOLDER_HAND, SMX_ROW_HANDED },
	{ SMX_ROW_CLAIMED, HOLDER_REFUSE, SMX_ROW_QUARANTINED },
	{ SMX_ROW_CLAIMED, HOLDER_END, SMX_ESTATE },
	{ SMX_ROW_HANDED, HOLDER_DISCARD, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_ABORT, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_CLAIM, SMX_ROW_HANDED },
	{ SMX_ROW_HANDED, HOLDER_RETRY, SMX_ESTATE },
	{ SMX_ROW_HANDED, HOLDER_END, 0 },
	{ SMX_ROW_HANDED, HOLDER_REFUSE, SMX_ROW_QUARANTINED },
	{ SMX_ROW_HANDED, HOLDER_AGAIN, SMX_ROW_CLAIMED },
	{ SMX_ROW_QUARANTINED, HOLDER_RELEASE, SMX_ROW_CLAIMED },
	{ SMX_ROW_QUARANTINED, HOLDER_HAND, SMX_ESTATE },
	{ SMX_ROW_QUARANTINED, HOLDER_END, SMX_ESTATE },
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
	for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_QUARANTINED; s++)
		for (int e = HOLDER_DISCARD; e < HOLDER_EVENTS; e++) {
			if (holder_move((enum smx_row_state)s,
				(enum holder_event)e) != 0)
				continue;
			ck_assert(e == HOLDER_DISCARD || e == HOLDER_ABORT ||
				  e == HOLDER_FORGET ||
				  (e == HOLDER_END && s == SMX_ROW_HANDED));
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
	ck_assert_uint_eq(after.counter, 4);
	memset(&after, 0, sizeof(after));
	/* Set back before any of them was stored: ask rather than wait. */
	ck_assert_int_eq(holder_old(&store.port, "mx1", 10, 1000, &after, keys,
			     4),
	    2);
}
END_TEST

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
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
