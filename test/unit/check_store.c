/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/digest.h"
#include "store_world.h"

/* The claims about a store that both back ends have to meet; _i is the kind. */
static struct world world;

static void
setup(void)
{
	/* Loop index is not known here: each test opens its own. */
	memset(&world, 0, sizeof(world));
}

static void
teardown(void)
{
	world_close(&world);
}

static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 300000 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

START_TEST(what_was_promised_comes_back)
{
	struct smx_row row;

	world_open(&world, _i);
	for (unsigned n = 0; n < SIZES; n++)
		ck_assert_int_eq(world_store(&world, "mx1", world_key(1, n),
				     sizes[n], n),
		    SMX_OK);
	for (unsigned n = 0; n < SIZES; n++) {
		ck_assert_int_eq(world_check(&world, world_key(1, n), sizes[n],
				     n),
		    SMX_OK);
		ck_assert_int_eq(world_get(&world, world_key(1, n), &row),
		    SMX_OK);
		ck_assert_str_eq(row.primary, "mx1");
		ck_assert_str_eq(row.queue_id, "4jXKs0000zABC");
		ck_assert_uint_eq(row.epoch.counter, 7);
		ck_assert_uint_eq(row.epoch.id[2], 3);
		ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
		ck_assert_uint_eq(row.size, sizes[n]);
		ck_assert_uint_eq(row.recipients, 2);
		ck_assert_int_eq(row.stored_ms, 1000000 + (int64_t)n);
		ck_assert_int_eq(row.state_ms, row.stored_ms);
	}
	ck_assert_int_eq(world_get(&world, world_key(2, 0), &row),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(world_check(&world, world_key(2, 0), 0, 0),
	    SMX_ENOTFOUND);
}
END_TEST

START_TEST(envelope_comes_back)
{
	struct smx_key key = world_key(1, 1), none = world_key(1, 2);
	struct smx_shadow_head head = world_head("mx1", key, 0);
	char *text = NULL, *states = NULL;
	size_t len = 0;

	world_open(&world, _i);
	ck_assert_int_eq(world_put(&world, &head, ""), SMX_OK);
	ck_assert_int_eq(world.store.ops->envelope(world.store.ctx, &none,
			     &text, &len, &states),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(world.store.ops->envelope(world.store.ctx, &key, &text,
			     &len, &states),
	    SMX_OK);
	ck_assert_uint_eq(len, head.envelope_len);
	ck_assert_mem_eq(text, head.envelope, len);
	ck_assert_ptr_null(states);
	free(text);
}
END_TEST

START_TEST(same_copy_again_is_told_as_there)
{
	struct smx_key key = world_key(1, 1);

	world_open(&world, _i);
	for (unsigned n = 0; n < SIZES; n++) {
		key.counter = n;
		ck_assert_int_eq(world_store(&world, "mx1", key, sizes[n], 5),
		    SMX_OK);
		ck_assert_int_eq(world_store(&world, "mx1", key, sizes[n], 5),
		    SMX_EEXIST);
		ck_assert_int_eq(world_check(&world, key, sizes[n], 5), SMX_OK);
	}
	/* Nothing of the second ones is left. */
	ck_assert_uint_eq(world_bodies(&world, _i == WORLD_MEMORY ? 0 : 2),
	    _i == WORLD_MEMORY ? 0 : 2);
}
END_TEST

START_TEST(same_key_with_other_content_or_owner_is_refused)
{
	struct smx_key small = world_key(1, 1), large = world_key(1, 2);

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", small, 100, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", large, 9000, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", small, 100, 2),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_store(&world, "mx3", small, 100, 1),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_store(&world, "mx1", large, 9000, 2),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_store(&world, "mx3", large, 9000, 1),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_check(&world, small, 100, 1), SMX_OK);
	ck_assert_int_eq(world_check(&world, large, 9000, 1), SMX_OK);
}
END_TEST

START_TEST(announced_digest_decides_early_and_late)
{
	struct smx_key key = world_key(1, 1);
	struct smx_shadow_head head = world_head("mx1", key, 5);
	struct smx_draft *draft = NULL;
	uint8_t digest[SMX_DIGEST_BYTES], other[SMX_DIGEST_BYTES];

	world_open(&world, _i);
	ck_assert_int_eq(digest_once("hello", 5, digest), SMX_OK);
	ck_assert_int_eq(digest_once("world", 5, other), SMX_OK);
	head.digest = digest;
	ck_assert_int_eq(world_put(&world, &head, "world"), SMX_ECORRUPT);
	ck_assert_int_eq(world_put(&world, &head, "hello"), SMX_OK);
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_EEXIST);
	head.digest = other;
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_ECONFLICT);
}
END_TEST

START_TEST(content_must_have_the_announced_size)
{
	struct smx_shadow_head head =
	    world_head("mx1", world_key(1, 1), sizes[_i / 2] + 1);
	char *bytes = world_bytes(sizes[_i / 2] + 2, 1);
	struct smx_draft *draft = NULL;
	struct smx_row row;

	world_open(&world, _i % 2);
	/* one byte short */
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->write(world.store.ctx, draft, bytes,
			     sizes[_i / 2]),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->commit(world.store.ctx, &draft),
	    SMX_ECORRUPT);
	ck_assert_ptr_null(draft);
	/* one byte over */
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_OK);
	ck_assert_int_ne(world.store.ops->write(world.store.ctx, draft, bytes,
			     sizes[_i / 2] + 2),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->commit(world.store.ctx, &draft),
	    SMX_ECORRUPT);
	ck_assert_int_eq(world_get(&world, head.key, &row), SMX_ENOTFOUND);
	ck_assert_uint_eq(world_bodies(&world, 0), 0);
	free(bytes);
}
END_TEST

START_TEST(dropped_key_is_gone_for_ever)
{
	struct smx_store_stats stats;
	struct smx_row row;

	world_open(&world, _i);
	for (unsigned n = 0; n < SIZES; n++) {
		struct smx_key key = world_key(1, n);

		ck_assert_int_eq(world_store(&world, "mx1", key, sizes[n], n),
		    SMX_OK);
		ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
		ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
		ck_assert_int_eq(world_get(&world, key, &row), SMX_ENOTFOUND);
		ck_assert_int_eq(world_store(&world, "mx1", key, sizes[n], n),
		    SMX_EGONE);
	}
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 0);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 0);
	ck_assert_uint_eq(stats.committed, SIZES);
}
END_TEST

START_TEST(key_dropped_before_it_came_never_comes)
{
	world_open(&world, _i);
	ck_assert_int_eq(world_drop(&world, "mx1", world_key(9, 77)), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(9, 77), 10, 1),
	    SMX_EGONE);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(9, 78), 10, 1),
	    SMX_OK);
	/* this host's own word counts for everybody */
	ck_assert_int_eq(world_drop(&world, NULL, world_key(9, 80)), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(9, 80), 10, 1),
	    SMX_EGONE);
}
END_TEST

START_TEST(nobody_finishes_a_strangers_shadow)
{
	struct smx_key keys[3] = { world_key(1, 1), world_key(2, 1),
		world_key(1, 2) };
	size_t foreign = 99;
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", keys[0], 10, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx2", keys[1], 10, 1), SMX_OK);
	ck_assert_int_eq(world.store.ops->drop(world.store.ctx, "mx2", keys, 3,
			     &foreign),
	    SMX_OK);
	ck_assert_uint_eq(foreign, 1);
	ck_assert_int_eq(world_get(&world, keys[0], &row), SMX_OK);
	ck_assert_int_eq(world_get(&world, keys[1], &row), SMX_ENOTFOUND);
	/* mx2's word about a key that mx1 has yet to send is worth nothing */
	ck_assert_int_eq(world_store(&world, "mx1", keys[2], 10, 1), SMX_OK);
	/* the host itself may */
	ck_assert_int_eq(world_drop(&world, NULL, keys[0]), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", keys[0], 10, 1), SMX_EGONE);
}
END_TEST

static const struct smx_row_change to_claimed = {
	.from = SMX_ROW_SHADOW,
	.to = SMX_ROW_CLAIMED,
	.now_ms = 5000,
	.next_try_ms = 6000,
	.attempts = 1,
	.rcpt_states = "oh",
	.reason = "the primary is silent",
};

START_TEST(mark_moves_a_row_once)
{
	struct smx_key key = world_key(1, 1), none = world_key(1, 2);
	struct smx_row_change back = { .from = SMX_ROW_CLAIMED,
		.to = SMX_ROW_CLAIMED,
		.now_ms = 9000,
		.next_try_ms = 9500,
		.attempts = 2,
		.handed_id = "4jNEW" };
	struct smx_store_stats stats;
	struct smx_row row;
	char *text, *states;
	size_t len;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &none,
			     &to_claimed),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key,
			     &to_claimed),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key,
			     &to_claimed),
	    SMX_ESTATE);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key, &back),
	    SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_CLAIMED);
	ck_assert_int_eq(row.state_ms, 5000);
	ck_assert_int_eq(row.next_try_ms, 9500);
	ck_assert_uint_eq(row.attempts, 2);
	ck_assert_str_eq(row.handed_id, "4jNEW");
	ck_assert_str_eq(row.reason, "the primary is silent");
	ck_assert_int_eq(world.store.ops->envelope(world.store.ctx, &key, &text,
			     &len, &states),
	    SMX_OK);
	ck_assert_str_eq(states, "oh");
	free(text);
	free(states);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 0);
	ck_assert_uint_eq(stats.rows[SMX_ROW_CLAIMED], 1);
}
END_TEST

START_TEST(mark_refuses_what_makes_no_sense)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_change change = to_claimed;
	struct smx_row row;
	char reason[400];

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	change.rcpt_states = "o"; /* of two recipients */
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key, &change),
	    SMX_EINVAL);
	change.rcpt_states = "ox";
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key, &change),
	    SMX_EINVAL);
	change.rcpt_states = "oo";
	change.to = (enum smx_row_state)9;
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key, &change),
	    SMX_EINVAL);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_SHADOW);
	change.to = SMX_ROW_QUARANTINED;
	memset(reason, 'r', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	change.reason = reason;
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key, &change),
	    SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_uint_eq(strlen(row.reason), 255);
}
END_TEST

START_TEST(many_marks_have_each_their_own_result)
{
	enum { KEYS = 300 };
	static struct smx_row_mark list[KEYS];
	struct smx_row_change wrong = to_claimed;
	struct smx_store_stats before, after;
	struct smx_row row;

	world_open(&world, _i);
	if (world.store.ops->marks == NULL)
		return;
	wrong.rcpt_states = "ox";
	for (uint64_t i = 0; i < KEYS; i++) {
		list[i].key = world_key(1, i + 1);
		list[i].change = i % 4 == 3 ? wrong : to_claimed;
		list[i].result = 77;
		if (i % 4 != 1)
			ck_assert_int_eq(world_store(&world, "mx1", list[i].key,
					     10, 1),
			    SMX_OK);
		if (i % 4 == 2)
			ck_assert_int_eq(world.store.ops->mark(world.store.ctx,
					     &list[i].key, &to_claimed),
			    SMX_OK);
	}
	world_stats(&world, &before);
	world.store.ops->marks(world.store.ctx, list, KEYS);
	world_stats(&world, &after);
	ck_assert_uint_lt(after.commits - before.commits, 20);
	for (size_t i = 0; i < KEYS; i++) {
		static const int want[] = { SMX_OK, SMX_ENOTFOUND, SMX_ESTATE,
			SMX_EINVAL };

		ck_assert_int_eq(list[i].result, want[i % 4]);
		if (i % 4 == 1)
			continue;
		ck_assert_int_eq(world_get(&world, list[i].key, &row), SMX_OK);
		ck_assert_int_eq(row.state,
		    i % 4 == 3 ? SMX_ROW_SHADOW : SMX_ROW_CLAIMED);
	}
}
END_TEST

struct seen {
	size_t count, stop;
	struct smx_key last;
	int ordered;
};

static int
see(void *ctx, const struct smx_row *row)
{
	struct seen *seen = ctx;

	if (seen->count != 0 && smx_key_compare(&seen->last, &row->key) >= 0)
		seen->ordered = 0;
	seen->last = row->key;
	seen->count++;
	return seen->count == seen->stop ? 17 : 0;
}

static size_t
count(const struct smx_store_filter *filter)
{
	struct seen seen = { .ordered = 1 };

	ck_assert_int_eq(world.store.ops->scan(world.store.ctx, filter, see,
			     &seen),
	    0);
	ck_assert(seen.ordered);
	return seen.count;
}

START_TEST(scan_finds_what_the_filter_asks_for)
{
	struct smx_key after = world_key(1, 1ull << 32);
	struct seen seen = { .ordered = 1, .stop = 3 };
	struct smx_row_change change = to_claimed;

	world_open(&world, _i);
	/* More than two pages, stored out of order, two primaries. */
	for (unsigned n = 0; n < 150; n++) {
		struct smx_key key =
		    world_key(n % 3, ((uint64_t)(n * 37 % 150)) << 28);

		ck_assert_int_eq(world_store(&world, n % 3 == 0 ? "mx1" : "mx2",
				     key, 1, 1),
		    SMX_OK);
		change.next_try_ms = 1000 + n;
		if (n % 5 == 0)
			ck_assert_int_eq(world.store.ops->mark(world.store.ctx,
					     &key, &change),
			    SMX_OK);
	}
	ck_assert_uint_eq(count(&(struct smx_store_filter){ 0 }), 150);
	ck_assert_uint_eq(count(&(struct smx_store_filter){ .primary = "mx1" }),
	    50);
	ck_assert_uint_eq(count(&(struct smx_store_filter){ .primary = "mx9" }),
	    0);
	ck_assert_uint_eq(count(&(struct smx_store_filter){
			      .states = 1u << SMX_ROW_CLAIMED }),
	    30);
	ck_assert_uint_eq(count(&(struct smx_store_filter){
			      .states = 1u << SMX_ROW_CLAIMED |
					1u << SMX_ROW_HANDED }),
	    30);
	ck_assert_uint_eq(count(&(struct smx_store_filter){ .primary = "mx2",
			      .states = 1u << SMX_ROW_SHADOW }),
	    80);
	ck_assert_uint_eq(count(&(struct smx_store_filter){
			      .states = 1u << SMX_ROW_CLAIMED,
			      .due_ms = 1010 }),
	    3);
	ck_assert_uint_eq(count(&(struct smx_store_filter){ .limit = 70 }), 70);
	ck_assert_uint_eq(count(&(struct smx_store_filter){ .after = &after,
			      .limit = 5 }),
	    5);
	ck_assert_int_eq(world.store.ops->scan(world.store.ctx,
			     &(struct smx_store_filter){ 0 }, see, &seen),
	    17);
	ck_assert_uint_eq(seen.count, 3);
}
END_TEST

START_TEST(pages_joined_are_the_whole)
{
	struct smx_key after;
	size_t total = 0, got;

	world_open(&world, _i);
	for (unsigned n = 0; n < 90; n++)
		ck_assert_int_eq(world_store(&world, "mx1",
				     world_key(n / 40, n), 1, 1),
		    SMX_OK);
	for (int first = 1;; first = 0) {
		struct seen seen = { .ordered = 1 };
		struct smx_store_filter filter = { .primary = "mx1",
			.after = first ? NULL : &after,
			.limit = 7 };

		ck_assert_int_eq(world.store.ops->scan(world.store.ctx, &filter,
				     see, &seen),
		    0);
		got = seen.count;
		total += got;
		after = seen.last;
		if (got < 7)
			break;
	}
	ck_assert_uint_eq(total, 90);
}
END_TEST

START_TEST(quota_refuses_and_makes_room_again)
{
	struct smx_shadow_head head = world_head("mx1", world_key(1, 9), 6000);
	struct smx_draft *one = NULL, *two = NULL;
	char *bytes = world_bytes(6000, 1);

	world_open(&world, _i);
	world.options.quota_bytes = 20000;
	world.options.peer_quota_bytes = 10000;
	world_reopen(&world);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 6000, 1),
	    SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 6000, 1),
	    SMX_EFULL);
	ck_assert_int_eq(world_store(&world, "mx2", world_key(2, 1), 6000, 1),
	    SMX_OK);
	/* all peers together */
	ck_assert_int_eq(world_store(&world, "mx3", world_key(3, 1), 8000, 1),
	    SMX_EFULL);
	ck_assert_int_eq(world_drop(&world, "mx1", world_key(1, 1)), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 6000, 1),
	    SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", world_key(1, 2)), SMX_OK);
	/* Two on their way: what is announced takes no room, what has come
	 * does, and gives it back. */
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &one),
	    SMX_OK);
	head.key.counter++;
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &two),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->write(world.store.ctx, one, bytes,
			     6000),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->write(world.store.ctx, two, bytes,
			     6000),
	    SMX_EFULL);
	ck_assert_int_eq(world.store.ops->commit(world.store.ctx, &two),
	    SMX_EFULL);
	world.store.ops->abort(world.store.ctx, &one);
	ck_assert_ptr_null(one);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 30), 6000, 1),
	    SMX_OK);
	free(bytes);
}
END_TEST

START_TEST(full_quota_still_lets_drop_and_mark)
{
	world_open(&world, _i);
	world.options.quota_bytes = 7000;
	world_reopen(&world);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 6800, 1),
	    SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 6800, 1),
	    SMX_EFULL);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx,
			     &(struct smx_key){ .incarnation = { [15] = 1 },
				 .counter = 1 },
			     &to_claimed),
	    SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", world_key(1, 1)), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 6800, 1),
	    SMX_OK);
}
END_TEST

START_TEST(abort_leaves_nothing)
{
	struct smx_shadow_head head = world_head("mx1", world_key(1, 1), 9000);
	struct smx_draft *draft = NULL;
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->write(world.store.ctx, draft, "abc",
			     3),
	    SMX_OK);
	world.store.ops->abort(world.store.ctx, &draft);
	ck_assert_ptr_null(draft);
	world.store.ops->abort(world.store.ctx, &draft);
	ck_assert_int_eq(world_get(&world, head.key, &row), SMX_ENOTFOUND);
	ck_assert_uint_eq(world_bodies(&world, 0), 0);
	/* and it is no tombstone */
	ck_assert_int_eq(world_store(&world, "mx1", head.key, 9000, 1), SMX_OK);
}
END_TEST

START_TEST(open_content_outlives_its_row)
{
	struct smx_key key = world_key(1, 1);
	size_t size = _i / 2 == 0 ? 1000 : 9000;
	char *bytes = world_bytes(size, 3), *back = malloc(size);
	struct smx_content content;

	world_open(&world, _i % 2);
	ck_assert_int_eq(world_store(&world, "mx1", key, size, 3), SMX_OK);
	ck_assert_int_eq(world.store.ops->open(world.store.ctx, &key, &content),
	    SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
	ck_assert_int_eq(content.read(content.ctx, 0, back, size), SMX_OK);
	ck_assert_mem_eq(bytes, back, size);
	world.store.ops->close_content(world.store.ctx, &content);
	free(bytes);
	free(back);
}
END_TEST

START_TEST(hostile_heads_are_refused)
{
	struct smx_shadow_head head = world_head("mx1", world_key(1, 1), 1);
	struct smx_draft *draft = NULL;
	char name[400];

	world_open(&world, _i);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	head.primary = name;
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_EINVAL);
	head.primary = "";
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_EINVAL);
	head.primary = "mx1";
	head.queue_id = name;
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_EINVAL);
	head.queue_id = "";
	head.size = UINT64_MAX;
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_ELIMIT);
	ck_assert_int_eq(world_drop(&world, "", head.key), SMX_EINVAL);
}
END_TEST

static const uint64_t high[] = { ((uint64_t)1 << 31) - 1, (uint64_t)1 << 31,
	UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX,
	(uint64_t)INT64_MAX + 1, UINT64_MAX - 1 };
#define HIGHS (sizeof(high) / sizeof(*high))

static int
next_high(void *ctx, const struct smx_row *row)
{
	size_t *i = ctx;

	ck_assert_uint_eq(row->key.counter, high[*i]);
	ck_assert_uint_eq(row->epoch.counter, high[*i]);
	(*i)++;
	return 0;
}

/* Of keys and of epochs, also where a signed number ends. */
START_TEST(counters_keep_all_their_bits)
{
	const struct smx_store_filter all = { 0 };
	size_t seen = 0;

	world_open(&world, _i);
	for (size_t i = HIGHS; i-- > 0;) {
		struct smx_shadow_head head =
		    world_head("mx1", world_key(1, high[i]), 3);

		head.epoch.counter = high[i];
		head.now_ms = 5;
		ck_assert_int_eq(world_put(&world, &head, "abc"), SMX_OK);
	}
	ck_assert_int_eq(world.store.ops->scan(world.store.ctx, &all, next_high,
			     &seen),
	    0);
	ck_assert_uint_eq(seen, HIGHS);
	for (size_t i = 0; i < HIGHS; i++) {
		ck_assert_int_eq(world_drop(&world, "mx1",
				     world_key(1, high[i])),
		    SMX_OK);
		ck_assert_int_eq(world_store(&world, "mx1",
				     world_key(1, high[i]), 3, 1),
		    SMX_EGONE);
	}
	ck_assert_int_eq(world_store(&world, "mx1",
			     world_key(1, (uint64_t)INT64_MAX + 5), 3, 1),
	    SMX_OK);
}
END_TEST

START_TEST(meta_keeps_the_last_value)
{
	char value[8];

	world_open(&world, _i);
	ck_assert_int_eq(world.store.ops->meta_get(world.store.ctx, "epoch",
			     value, sizeof(value)),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(world.store.ops->meta_set(world.store.ctx, "epoch",
			     "one"),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->meta_set(world.store.ctx, "epoch",
			     "seven77"),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->meta_get(world.store.ctx, "epoch",
			     value, sizeof(value)),
	    SMX_OK);
	ck_assert_str_eq(value, "seven77");
	ck_assert_int_eq(world.store.ops->meta_get(world.store.ctx, "epoch",
			     value, 7),
	    SMX_ELIMIT);
	ck_assert_int_eq(world.store.ops->meta_set(world.store.ctx, "", "x"),
	    SMX_EINVAL);
}
END_TEST

START_TEST(stats_count_what_is_there)
{
	struct smx_store_stats stats;

	world_open(&world, _i);
	world_stats(&world, &stats);
	ck_assert_int_eq(stats.oldest_ms, 0);
	for (unsigned n = 5; n > 0; n--)
		ck_assert_int_eq(world_store(&world, "mx1", world_key(1, n),
				     100, n),
		    SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", world_key(1, 1)), SMX_OK);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 4);
	ck_assert_uint_eq(stats.bytes, 400);
	ck_assert_int_eq(stats.oldest_ms, 1000002);
	ck_assert_uint_eq(stats.committed, 5);
	ck_assert_uint_ge(stats.commits, 5);
}
END_TEST

#define THREADS 8
#define EACH    40

static void *
work_one(void *arg)
{
	unsigned thread = *(unsigned *)arg;

	for (unsigned n = 0; n < EACH; n++) {
		struct smx_key key = world_key(thread, n);
		size_t size = n % 7 == 0 ? 5000 : 200;

		if (world_store(&world, "mx1", key, size, n) != SMX_OK)
			return (void *)(uintptr_t)1;
		if (world_check(&world, key, size, n) != SMX_OK)
			return (void *)(uintptr_t)2;
		if (n % 2 == 0 && world_drop(&world, "mx1", key) != SMX_OK)
			return (void *)(uintptr_t)3;
		/* all threads fight for this one; it is there once */
		(void)!world_store(&world, "mx1", world_key(99, n), 300, n);
	}
	return NULL;
}

START_TEST(many_threads_lose_nothing)
{
	pthread_t thread[THREADS];
	unsigned number[THREADS];
	struct smx_store_stats stats;
	void *failed;

	world_open(&world, _i);
	for (unsigned t = 0; t < THREADS; t++) {
		number[t] = t;
		ck_assert_int_eq(pthread_create(&thread[t], NULL, work_one,
				     &number[t]),
		    0);
	}
	for (unsigned t = 0; t < THREADS; t++) {
		pthread_join(thread[t], &failed);
		ck_assert_ptr_null(failed);
	}
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW],
	    THREADS * EACH / 2 + EACH);
	ck_assert_uint_eq(stats.committed, THREADS * EACH + EACH);
	for (unsigned n = 0; n < EACH; n++)
		ck_assert_int_eq(world_check(&world, world_key(99, n), 300, n),
		    SMX_OK);
}
END_TEST

static TCase *
claims(void)
{
	TCase *tc = tcase_create("both");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
#define BOTH(claim) tcase_add_loop_test(tc, claim, 0, WORLD_KINDS)
	BOTH(what_was_promised_comes_back);
	BOTH(envelope_comes_back);
	BOTH(same_copy_again_is_told_as_there);
	BOTH(same_key_with_other_content_or_owner_is_refused);
	BOTH(announced_digest_decides_early_and_late);
	tcase_add_loop_test(tc, content_must_have_the_announced_size, 0,
	    2 * SIZES);
	BOTH(dropped_key_is_gone_for_ever);
	BOTH(key_dropped_before_it_came_never_comes);
	BOTH(nobody_finishes_a_strangers_shadow);
	BOTH(mark_moves_a_row_once);
	BOTH(many_marks_have_each_their_own_result);
	BOTH(mark_refuses_what_makes_no_sense);
	BOTH(scan_finds_what_the_filter_asks_for);
	BOTH(pages_joined_are_the_whole);
	BOTH(quota_refuses_and_makes_room_again);
	BOTH(full_quota_still_lets_drop_and_mark);
	BOTH(abort_leaves_nothing);
	tcase_add_loop_test(tc, open_content_outlives_its_row, 0, 4);
	BOTH(hostile_heads_are_refused);
	BOTH(meta_keeps_the_last_value);
	BOTH(counters_keep_all_their_bits);
	BOTH(stats_count_what_is_there);
	BOTH(many_threads_lose_nothing);
#undef BOTH
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("store");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, claims());
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
