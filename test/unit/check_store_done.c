/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/db_sqlite.h"
#include "io/store_rules.h"
#include "store_world.h"

/* Rows that are done: their content is gone, the rest of them is there. */

static struct world world;

static void
teardown(void)
{
	world_close(&world);
}

static int
mark(struct smx_key key, enum smx_row_state from, enum smx_row_state to)
{
	const struct smx_row_change change = { .from = from,
		.to = to,
		.now_ms = 9000,
		.attempts = 1,
		.rcpt_states = "hr" };

	return world.store.ops->mark(world.store.ctx, &key, &change);
}

static void
hand(struct smx_key key, size_t size, unsigned seed)
{
	ck_assert_int_eq(world_store(&world, "mx1", key, size, seed), SMX_OK);
	ck_assert_int_eq(mark(key, SMX_ROW_SHADOW, SMX_ROW_CLAIMED), SMX_OK);
	ck_assert_int_eq(mark(key, SMX_ROW_CLAIMED, SMX_ROW_HANDED), SMX_OK);
}

static void
finish(struct smx_key key, size_t size, unsigned seed)
{
	hand(key, size, seed);
	ck_assert_int_eq(mark(key, SMX_ROW_HANDED, SMX_ROW_DONE), SMX_OK);
}

static int
opens(struct smx_key key)
{
	struct smx_content content;
	int r = world.store.ops->open(world.store.ctx, &key, &content);

	if (r == SMX_OK)
		world.store.ops->close_content(world.store.ctx, &content);
	return r;
}

static size_t sizes[] = { 100, 9000 }; /* in the row, and in a file */

static void
assert_done(struct smx_key key)
{
	struct smx_row row;
	char *text = NULL, *states = NULL;
	size_t len;

	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_DONE);
	ck_assert_int_eq(row.state_ms, 9000);
	ck_assert_int_eq(opens(key), SMX_ENOTFOUND);
	ck_assert_int_eq(world.store.ops->envelope(world.store.ctx, &key, &text,
			     &len, &states),
	    SMX_OK);
	ck_assert_str_eq(states, "hr");
	ck_assert_uint_eq(len, strlen(text));
	free(text);
	free(states);
}

START_TEST(content_goes_and_the_rest_stays)
{
	struct smx_key key = world_key(1, 1);

	world_open(&world, _i % 2);
	finish(key, sizes[_i / 2], 1);
	assert_done(key);
	ck_assert_uint_eq(world_bodies(&world, 0), 0);
	if (world.kind == WORLD_SQLITE) {
		world_reopen(&world);
		assert_done(key);
	}
}
END_TEST

START_TEST(done_counts_for_no_content)
{
	struct smx_key key = world_key(1, 1);
	struct smx_store_stats stats;

	world_open(&world, _i);
	world.options.quota_bytes = 12000;
	world_reopen(&world);
	for (uint64_t n = 1; n <= 5; n++)
		finish(world_key(1, n), 9000, 1); /* two have no room */
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 0);
	ck_assert_uint_eq(stats.rows[SMX_ROW_DONE], 5);
	ck_assert_uint_eq(stats.rows[SMX_ROW_HANDED], 0);
	ck_assert_int_eq(stats.oldest_ms, 0); /* no mail */
	if (world.kind == WORLD_SQLITE) {
		world_reopen(&world);
		world_stats(&world, &stats);
		ck_assert_uint_eq(stats.bytes, 0);
		ck_assert_uint_eq(stats.rows[SMX_ROW_DONE], 5);
	}
	for (uint64_t n = 1; n <= 5; n++) {
		key.counter = n;
		ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
	}
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.rows[SMX_ROW_DONE], 0);
	/* Nothing was given back twice: all of the quota, and no more. */
	ck_assert_int_eq(world_store(&world, "mx1", world_key(2, 1), 11000, 1),
	    SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(2, 2), 11000, 1),
	    SMX_EFULL);
}
END_TEST

START_TEST(late_copy_of_what_is_done_is_gone)
{
	struct smx_key key = world_key(1, 1);

	world_open(&world, _i);
	finish(key, 100, 1);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 1), SMX_EGONE);
	ck_assert_int_eq(world_store(&world, "mx1", key, 50, 2), SMX_EGONE);
	ck_assert_int_eq(world_store(&world, "mx2", key, 100, 1),
	    SMX_ECONFLICT);
	assert_done(key);
	ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 1), SMX_EGONE);
}
END_TEST

/* A copy that was begun while its message was still on its way to the end. */
START_TEST(copy_under_way_when_it_is_done_is_gone)
{
	struct smx_key key = world_key(1, 1);
	struct smx_shadow_head head = world_head("mx1", key, 100);
	char *bytes = world_bytes(100, 7);
	struct smx_draft *draft = NULL;

	world_open(&world, _i);
	head.digest = NULL;
	ck_assert_int_eq(world.store.ops->begin(world.store.ctx, &head, &draft),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->write(world.store.ctx, draft, bytes,
			     100),
	    SMX_OK);
	finish(key, 100, 7);
	ck_assert_int_eq(world.store.ops->commit(world.store.ctx, &draft),
	    SMX_EGONE);
	assert_done(key);
	free(bytes);
}
END_TEST

START_TEST(only_what_is_handed_becomes_done_and_nothing_leaves_it)
{
	struct smx_key key = world_key(1, 1);

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 1), SMX_OK);
	for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_DONE; s++)
		if (s != SMX_ROW_HANDED)
			ck_assert_int_eq(mark(key, (enum smx_row_state)s,
					     SMX_ROW_DONE),
			    SMX_EINVAL);
	ck_assert_int_eq(mark(key, SMX_ROW_HANDED, SMX_ROW_DONE), SMX_ESTATE);
	ck_assert_int_eq(world_check(&world, key, 100, 1), SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
	key.counter = 2;
	finish(key, 100, 1);
	for (int s = SMX_ROW_SHADOW; s < SMX_ROW_DONE; s++)
		ck_assert_int_eq(mark(key, SMX_ROW_DONE, (enum smx_row_state)s),
		    SMX_ESTATE);
	assert_done(key);
}
END_TEST

static int
count(void *ctx, const struct smx_row *row)
{
	size_t *n = ctx;

	(void)row;
	++*n;
	return 0;
}

static size_t
found(unsigned states)
{
	const struct smx_store_filter filter = { .states = states };
	size_t n = 0;

	ck_assert_int_eq(world.store.ops->scan(world.store.ctx, &filter, count,
			     &n),
	    SMX_OK);
	return n;
}

START_TEST(done_rows_are_found_apart)
{
	const unsigned done = 1u << SMX_ROW_DONE;

	world_open(&world, _i);
	finish(world_key(1, 1), 10, 1);
	finish(world_key(1, 2), 10, 1);
	hand(world_key(1, 3), 10, 1);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 4), 10, 1),
	    SMX_OK);
	ck_assert_uint_eq(found(0), 4);
	ck_assert_uint_eq(found(done), 2);
	ck_assert_uint_eq(found(done | 1u << SMX_ROW_HANDED), 3);
	ck_assert_uint_eq(found(done | 1u << SMX_ROW_QUARANTINED), 2);
	ck_assert_uint_eq(found(~done), 2);
	ck_assert_uint_eq(found(1u << SMX_ROW_QUARANTINED), 0);
}
END_TEST

/* Its content is read while it becomes done. */
START_TEST(open_content_outlives_the_end)
{
	struct smx_key key = world_key(1, 1);
	struct smx_content content;
	char *want = world_bytes(sizes[_i / 2], 3);
	char *got = malloc(sizes[_i / 2]);

	world_open(&world, _i % 2);
	hand(key, sizes[_i / 2], 3);
	ck_assert_int_eq(world.store.ops->open(world.store.ctx, &key, &content),
	    SMX_OK);
	ck_assert_int_eq(mark(key, SMX_ROW_HANDED, SMX_ROW_DONE), SMX_OK);
	ck_assert_int_eq(content.read(content.ctx, 0, got, sizes[_i / 2]),
	    SMX_OK);
	ck_assert_mem_eq(got, want, sizes[_i / 2]);
	world.store.ops->close_content(world.store.ctx, &content);
	ck_assert_int_eq(opens(key), SMX_ENOTFOUND);
	free(want);
	free(got);
}
END_TEST

static int
amend(const char *owner, struct smx_row_amendment m)
{
	size_t foreign = 0;
	int r = world.store.ops->amend(world.store.ctx, owner, &m, 1, &foreign);

	return r == SMX_OK && foreign != 0 ? SMX_EPERM : r;
}

START_TEST(yielded_row_goes_back_to_whom_it_came_from)
{
	struct smx_row_amendment m = { .key = world_key(1, 1),
		.held = -1,
		.primary = "mx2",
		.epoch = { .id = { 2 } } };
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", m.key, 9000, 1), SMX_OK);
	ck_assert_int_eq(amend("mx1", m), SMX_OK);
	m.primary = "mx3";
	ck_assert_int_eq(amend("mx2", m), SMX_OK);
	m.primary = "";
	memset(&m.epoch, 0, sizeof(m.epoch));
	ck_assert_int_eq(amend("mx1", m), SMX_EPERM); /* not its any more */
	ck_assert_int_eq(amend("mx3", m), SMX_OK);
	ck_assert_int_eq(world_get(&world, m.key, &row), SMX_OK);
	ck_assert_str_eq(row.primary, "mx1");
	ck_assert(!row.yielded);
	ck_assert_uint_eq(row.epoch.id[0], 0);
	ck_assert_int_eq(world_check(&world, m.key, 9000, 1), SMX_OK);
	ck_assert_int_eq(amend("mx1", m), SMX_OK); /* said again: the same */
	ck_assert_int_eq(world_get(&world, m.key, &row), SMX_OK);
	ck_assert_str_eq(row.primary, "mx1");
	ck_assert_int_eq(world_drop(&world, "mx1", m.key), SMX_OK);
	ck_assert_int_eq(world_get(&world, m.key, &row), SMX_ENOTFOUND);
}
END_TEST

/* ---- on disk ---- */

static void
sql(const char *text)
{
	char path[128];
	struct db *db = NULL;

	smx_store_close(&world.store);
	snprintf(path, sizeof(path), "%s/shadows.db", world.path);
	ck_assert_int_eq(db_open_writer(&db, path), SMX_OK);
	ck_assert_int_eq(db_exec(db, text), SMX_OK);
	db_close(&db);
}

/* What is damaged is shown, counted once, and can be dropped. */
START_TEST(damaged_row_that_was_done_does_not_spoil_the_quota)
{
	struct smx_key key = world_key(1, 1);
	struct smx_store_stats stats;
	struct smx_row row;

	world_open(&world, WORLD_SQLITE);
	world.options.quota_bytes = 12000;
	world_reopen(&world);
	finish(key, 9000, 1);
	sql("UPDATE shadow SET digest = x'00'");
	world_reopen(&world);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_QUARANTINED);
	ck_assert_int_eq(world_drop(&world, NULL, key), SMX_OK);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 0);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 9000, 1),
	    SMX_OK);
}
END_TEST

START_TEST(a_store_of_an_earlier_version_keeps_all)
{
	const char *dir = getenv("srcdir");
	static char text[65536];
	char path[4200];
	FILE *file;

	world_open(&world, WORLD_SQLITE);
	snprintf(path, sizeof(path), "%s/test/data/store-%d.sql",
	    dir != NULL ? dir : ".", 2 + _i);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	sql("DROP TABLE shadow; DROP TABLE content; DROP TABLE finished;"
	    "DROP TABLE meta; DROP TABLE net;");
	sql(text);
	for (unsigned round = 0; round < 2; round++) {
		struct smx_row row;

		world_reopen(&world);
		for (unsigned n = 1; n <= 3; n++) {
			struct smx_key key = world_key(256, n);
			int done = n == 2 && round == 1;

			ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
			ck_assert_str_eq(row.queue_id, "4jXKs0000zABC");
			ck_assert_int_eq(row.state, done     ? SMX_ROW_DONE
						    : n == 2 ? SMX_ROW_HANDED
							     : SMX_ROW_SHADOW);
			ck_assert_int_eq(opens(key),
			    done ? SMX_ENOTFOUND : SMX_OK);
		}
		if (round == 0)
			ck_assert_int_eq(mark(world_key(256, 2), SMX_ROW_HANDED,
					     SMX_ROW_DONE),
			    SMX_OK);
	}
	ck_assert_int_eq(world_store(&world, "mx1", world_key(256, 4), 1, 1),
	    SMX_EGONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_done");
	TCase *tc = tcase_create("done");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 60);
#define BOTH(claim) tcase_add_loop_test(tc, claim, 0, WORLD_KINDS)
	tcase_add_loop_test(tc, content_goes_and_the_rest_stays, 0, 4);
	BOTH(done_counts_for_no_content);
	BOTH(late_copy_of_what_is_done_is_gone);
	BOTH(copy_under_way_when_it_is_done_is_gone);
	BOTH(only_what_is_handed_becomes_done_and_nothing_leaves_it);
	BOTH(done_rows_are_found_apart);
	tcase_add_loop_test(tc, open_content_outlives_the_end, 0, 4);
	BOTH(yielded_row_goes_back_to_whom_it_came_from);
#undef BOTH
	tcase_add_test(tc, damaged_row_that_was_done_does_not_spoil_the_quota);
	tcase_add_loop_test(tc, a_store_of_an_earlier_version_keeps_all, 0, 2);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
