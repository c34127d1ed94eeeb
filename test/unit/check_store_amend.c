/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/db_sqlite.h"
#include "store_world.h"

/*
 * What becomes of a shadow after it was stored: amended, yielded to another
 * primary, and what of that the store must never mix up.  _i is the kind.
 */
static struct world world;

static void
setup(void)
{
	memset(&world, 0, sizeof(world));
}

static void
teardown(void)
{
	world_close(&world);
}

static const char committed[] = "CLIENT HELO=h\r\nMAIL <x@example.org>\r\n"
				"RCPT <d@example.net>\r\n";

static struct smx_row_amendment
amendment(struct smx_key key, uint64_t version)
{
	struct smx_row_amendment m = { .key = key,
		.version = version,
		.held = -1 };

	return m;
}

static struct smx_row_amendment
new_envelope(struct smx_key key, uint64_t version)
{
	struct smx_row_amendment m = amendment(key, version);

	m.envelope = committed;
	m.envelope_len = sizeof(committed) - 1;
	m.recipients = 1;
	return m;
}

static struct smx_row_amendment
claim_of(struct smx_key key, const char *primary)
{
	struct smx_row_amendment m = amendment(key, 0);

	m.primary = primary;
	m.epoch.id[0] = 9;
	m.epoch.counter = 90;
	return m;
}

static int
amend(const char *primary, const struct smx_row_amendment *list, size_t count,
    size_t *foreign)
{
	return world.store.ops->amend(world.store.ctx, primary, list, count,
	    foreign);
}

/* One, which must be taken as the primary's own. */
static int
amend_one(const char *primary, struct smx_row_amendment m)
{
	size_t foreign = 77;
	int result = amend(primary, &m, 1, &foreign);

	if (result == SMX_OK && foreign != 0)
		return foreign == 1 ? SMX_EPERM : SMX_ESTATE;
	return result;
}

static void
assert_envelope(struct smx_key key, const char *want, size_t len)
{
	char *text = NULL;
	size_t got = 0;

	ck_assert_int_eq(world.store.ops->envelope(world.store.ctx, &key, &text,
			     &got, NULL),
	    SMX_OK);
	ck_assert_uint_eq(got, len);
	ck_assert_mem_eq(text, want, len);
	free(text);
}

static void
assert_amended(struct smx_key key)
{
	struct smx_row row;

	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_uint_eq(row.version, 5);
	ck_assert_int_eq(row.held, 1);
	ck_assert_int_eq(row.amended, 1);
	ck_assert_int_eq(row.yielded, 0);
	ck_assert_uint_eq(row.recipients, 1);
	ck_assert_str_eq(row.holders, "mx2 mx3");
	ck_assert_str_eq(row.primary, "mx1");
	assert_envelope(key, committed, sizeof(committed) - 1);
}

START_TEST(an_amended_row_is_as_it_was_said)
{
	static const size_t sizes[] = { 100, 9000 };
	struct smx_store_stats stats;

	world_open(&world, _i);
	for (unsigned n = 0; n < 2; n++) {
		struct smx_key key = world_key(1, n);
		struct smx_row_amendment m = new_envelope(key, 5);

		m.holders = "mx2 mx3";
		m.held = 1;
		ck_assert_int_eq(world_store(&world, "mx1", key, sizes[n], n),
		    SMX_OK);
		ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
		assert_amended(key);
		ck_assert_int_eq(world_check(&world, key, sizes[n], n), SMX_OK);
	}
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 9100);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 2);
	if (_i == WORLD_MEMORY)
		return;
	world_reopen(&world);
	for (unsigned n = 0; n < 2; n++) {
		assert_amended(world_key(1, n));
		ck_assert_int_eq(world_check(&world, world_key(1, n), sizes[n],
				     n),
		    SMX_OK);
	}
}
END_TEST

START_TEST(the_planned_holders_come_with_the_shadow)
{
	struct smx_key key = world_key(1, 1);
	struct smx_shadow_head head = world_head("mx1", key, 1);
	char longest[SMX_HOLDERS_MAX + 2];
	struct smx_row row;

	world_open(&world, _i);
	memset(longest, 'x', sizeof(longest));
	longest[SMX_HOLDERS_MAX + 1] = '\0';
	head.holders = longest;
	ck_assert_int_eq(world_put(&world, &head, "x"), SMX_EINVAL);
	longest[SMX_HOLDERS_MAX] = '\0';
	ck_assert_int_eq(world_put(&world, &head, "x"), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_str_eq(row.holders, longest);
	ck_assert_int_eq(row.held | row.amended | row.yielded, 0);
	ck_assert_uint_eq(row.version, 0);
	ck_assert_int_eq(world_check(&world, key, 1, 0), SMX_ECORRUPT);
	head.key.counter = 2;
	head.holders = NULL;
	ck_assert_int_eq(world_put(&world, &head, "x"), SMX_OK);
	ck_assert_int_eq(world_get(&world, head.key, &row), SMX_OK);
	ck_assert_str_eq(row.holders, "");
	head.key.counter = 3;
	head.amended = head.held = 1;
	ck_assert_int_eq(world_put(&world, &head, "x"), SMX_OK);
	ck_assert_int_eq(world_get(&world, head.key, &row), SMX_OK);
	ck_assert_int_eq(row.amended & row.held, 1);
	ck_assert_int_eq(row.yielded, 0);
}
END_TEST

START_TEST(only_a_higher_version_changes_anything)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_amendment m = amendment(key, 5);
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	m.holders = "mx2";
	ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
	for (uint64_t version = 1; version <= 5; version++) {
		m = new_envelope(key, version);
		m.holders = "mx9";
		m.held = 1;
		ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
		ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
		ck_assert_uint_eq(row.version, 5);
		ck_assert_str_eq(row.holders, "mx2");
		ck_assert_int_eq(row.held | row.amended, 0);
		ck_assert_uint_eq(row.recipients, 2);
	}
	/* What it does not name stays as it is. */
	m = amendment(key, UINT64_MAX >> 1);
	m.held = 1;
	ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_uint_eq(row.version, UINT64_MAX >> 1);
	ck_assert_str_eq(row.holders, "mx2");
	ck_assert_int_eq(row.held, 1);
	ck_assert_int_eq(row.amended, 0);
	m = amendment(key, UINT64_MAX);
	m.held = 0;
	m.holders = "";
	ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_uint_eq(row.version, UINT64_MAX);
	ck_assert_str_eq(row.holders, "");
	ck_assert_int_eq(row.held, 0);
	m.version = 7;
	m.held = 1;
	ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_int_eq(row.held, 0);
}
END_TEST

START_TEST(in_one_list_the_highest_version_stays)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_amendment list[] = { amendment(key, 9),
		amendment(key, 11), amendment(key, 10) };
	struct smx_row row;
	size_t foreign;

	world_open(&world, _i);
	list[0].holders = "nine";
	list[1].holders = "eleven";
	list[2].holders = "ten";
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	ck_assert_int_eq(amend("mx1", list, 3, &foreign), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_str_eq(row.holders, "eleven");
}
END_TEST

START_TEST(what_is_not_the_primarys_is_left_alone)
{
	struct smx_row_change taken = { .from = SMX_ROW_SHADOW,
		.to = SMX_ROW_CLAIMED };
	struct smx_row_amendment list[4];
	struct smx_key key[4];
	struct smx_row row;
	size_t foreign = 77;

	world_open(&world, _i);
	for (unsigned n = 0; n < 4; n++) {
		key[n] = world_key(1, n);
		list[n] = new_envelope(key[n], 5);
	}
	ck_assert_int_eq(world_store(&world, "mx1", key[0], 10, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx3", key[1], 10, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", key[2], 10, 1), SMX_OK);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key[2],
			     &taken),
	    SMX_OK);
	/* key[3] was never seen */
	ck_assert_int_eq(amend("mx1", list, 4, &foreign), SMX_OK);
	ck_assert_uint_eq(foreign, 1);
	for (unsigned n = 0; n < 3; n++) {
		ck_assert_int_eq(world_get(&world, key[n], &row), SMX_OK);
		ck_assert_int_eq(row.amended, n == 0);
		ck_assert_uint_eq(row.version, n == 0 ? 5 : 0);
	}
	ck_assert_int_eq(world_get(&world, key[3], &row), SMX_ENOTFOUND);
	/* An amendment leaves no tombstone. */
	ck_assert_int_eq(world_store(&world, "mx1", key[3], 10, 1), SMX_OK);
	/* This host's own decision. */
	list[1].holders = "mx5";
	ck_assert_int_eq(amend(NULL, &list[1], 1, &foreign), SMX_OK);
	ck_assert_uint_eq(foreign, 0);
	ck_assert_int_eq(world_get(&world, key[1], &row), SMX_OK);
	ck_assert_str_eq(row.holders, "mx5");
}
END_TEST

START_TEST(hostile_amendments_are_refused)
{
	static char name[SMX_NAME_MAX + 2], holders[SMX_HOLDERS_MAX + 2];
	struct smx_key key = world_key(1, 1);
	struct smx_row_amendment m, *many;
	struct smx_row row;
	size_t foreign;

	world_open(&world, _i);
	memset(name, 'n', SMX_NAME_MAX + 1);
	memset(holders, 'h', SMX_HOLDERS_MAX + 1);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	m = amendment(key, 1);
	ck_assert_int_eq(amend_one("", m), SMX_EINVAL);
	ck_assert_int_eq(amend_one(name, m), SMX_EINVAL);
	m.held = 2;
	ck_assert_int_eq(amend_one("mx1", m), SMX_EINVAL);
	m = amendment(key, 1);
	m.holders = holders;
	ck_assert_int_eq(amend_one("mx1", m), SMX_EINVAL);
	m = amendment(key, 1);
	m.primary = name;
	ck_assert_int_eq(amend_one("mx1", m), SMX_EINVAL);
	m = new_envelope(key, 1);
	m.envelope_len = SIZE_MAX;
	ck_assert_int_eq(amend_one("mx1", m), SMX_ELIMIT);
	m = new_envelope(key, 1);
	m.recipients = SIZE_MAX;
	ck_assert_int_eq(amend_one("mx1", m), SMX_ELIMIT);
	many = calloc(1001, sizeof(*many));
	ck_assert_int_eq(amend("mx1", many, 1001, &foreign), SMX_ELIMIT);
	ck_assert_int_eq(amend("mx1", many, 1000, NULL), SMX_OK);
	free(many);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_uint_eq(row.version, 0);
}
END_TEST

/* ---- yielded ---- */

static int
count_row(void *ctx, const struct smx_row *row)
{
	(void)row;
	++*(unsigned *)ctx;
	return 0;
}

static unsigned
rows_of(const char *primary)
{
	struct smx_store_filter filter = { .primary = primary };
	unsigned count = 0;

	ck_assert_int_eq(world.store.ops->scan(world.store.ctx, &filter,
			     count_row, &count),
	    SMX_OK);
	return count;
}

START_TEST(a_yielded_row_is_its_new_primarys)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_amendment m = amendment(key, 1000);
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_OK);
	m.holders = "mx2 mx3";
	m.held = 1;
	ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
	/* twice, as when the answer was lost */
	for (int round = 0; round < 2; round++)
		ck_assert_int_eq(amend_one(round == 0 ? "mx1" : "mx2",
				     claim_of(key, "mx2")),
		    SMX_OK);
	if (_i == WORLD_SQLITE)
		world_reopen(&world);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_str_eq(row.primary, "mx2");
	ck_assert_uint_eq(row.epoch.counter, 90);
	ck_assert_uint_eq(row.epoch.id[0], 9);
	ck_assert_int_eq(row.yielded, 1);
	ck_assert_int_eq(row.held, 1);
	ck_assert_str_eq(row.holders, "mx2 mx3");
	ck_assert_str_eq(row.queue_id, "4jXKs0000zABC");
	ck_assert_int_eq(world_check(&world, key, 9000, 1), SMX_OK);
	ck_assert_uint_eq(rows_of("mx1"), 0);
	ck_assert_uint_eq(rows_of("mx2"), 1);
	/* The old one has no say any more, */
	ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_EPERM);
	ck_assert_int_eq(amend_one("mx1", new_envelope(key, 5000)), SMX_EPERM);
	ck_assert_int_eq(amend_one("mx1", claim_of(key, "mx7")), SMX_EPERM);
	/* and the new one's clock is another. */
	ck_assert_int_eq(amend_one("mx2", new_envelope(key, 3)), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_uint_eq(row.version, 3);
	ck_assert_int_eq(row.amended, 1);
	ck_assert_int_eq(world_drop(&world, "mx2", key), SMX_OK);
	ck_assert_uint_eq(rows_of(NULL), 0);
}
END_TEST

/* The key is the first one's: whoever finished it, it is finished for him. */
START_TEST(a_late_shadow_of_what_was_yielded_and_finished_is_gone)
{
	struct smx_key key[3];

	world_open(&world, _i);
	for (unsigned n = 0; n < 3; n++) {
		key[n] = world_key(1, n);
		ck_assert_int_eq(world_store(&world, "mx1", key[n], 9000, n),
		    SMX_OK);
		ck_assert_int_eq(amend_one("mx1", claim_of(key[n], "mx2")),
		    SMX_OK);
	}
	ck_assert_int_eq(amend_one("mx2", claim_of(key[1], "mx3")), SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx2", key[0]), SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx3", key[1]), SMX_OK);
	ck_assert_int_eq(world_drop(&world, NULL, key[2]), SMX_OK);
	for (int round = 0; round < 2; round++) {
		for (unsigned n = 0; n < 3; n++)
			ck_assert_int_eq(world_store(&world, "mx1", key[n],
					     9000, n),
			    SMX_EGONE);
		if (_i == WORLD_MEMORY)
			return;
		world_reopen(&world);
	}
}
END_TEST

START_TEST(a_late_shadow_of_what_is_yielded_is_told_as_there)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_OK);
	ck_assert_int_eq(amend_one("mx1", claim_of(key, "mx2")), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_EEXIST);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 2),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_store(&world, "mx2", key, 9000, 1),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_str_eq(row.primary, "mx2");
	ck_assert_int_eq(row.yielded, 1);
}
END_TEST

START_TEST(what_is_handed_back_is_as_it_was)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row row;

	world_open(&world, _i);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	ck_assert_int_eq(amend_one("mx1", claim_of(key, "mx2")), SMX_OK);
	ck_assert_int_eq(amend_one("mx2", claim_of(key, "mx1")), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_str_eq(row.primary, "mx1");
	ck_assert_int_eq(row.yielded, 0);
	ck_assert_int_eq(world_check(&world, key, 10, 1), SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_EGONE);
}
END_TEST

/* ---- quota ---- */

static struct smx_row_amendment
padded(struct smx_key key, uint64_t version, char *text, size_t size)
{
	struct smx_row_amendment m = amendment(key, version);

	memset(text, 'x', size);
	m.envelope = text;
	m.envelope_len = size;
	m.recipients = 1;
	return m;
}

START_TEST(a_larger_envelope_needs_room)
{
	static char text[2][20000];
	struct smx_key one = world_key(1, 1), two = world_key(1, 2);
	struct smx_row_amendment list[2];
	struct smx_row row;
	size_t foreign;

	world_open(&world, _i);
	world.options.peer_quota_bytes = 20000;
	world_reopen(&world);
	ck_assert_int_eq(world_store(&world, "mx1", one, 5000, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", two, 5000, 1), SMX_OK);
	list[0] = padded(one, 1, text[0], 12000);
	list[1] = padded(two, 1, text[1], 2000);
	ck_assert_int_eq(amend("mx1", list, 2, &foreign), SMX_EFULL);
	ck_assert_int_eq(world_get(&world, one, &row), SMX_OK);
	ck_assert_int_eq(row.amended, 0);
	ck_assert_uint_eq(row.version, 0);
	ck_assert_int_eq(world_get(&world, two, &row), SMX_OK);
	ck_assert_int_eq(row.amended, 1);
	/* What makes no envelope larger needs none, */
	list[0] = amendment(one, 2);
	list[0].held = 1;
	ck_assert_int_eq(amend_one("mx1", list[0]), SMX_OK);
	/* a full peer is refused, others are not, */
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 3), 9000, 1),
	    SMX_EFULL);
	ck_assert_int_eq(world_store(&world, "mx4", world_key(1, 4), 9000, 1),
	    SMX_OK);
	/* and a smaller one makes room again, also after a restart. */
	list[1] = padded(two, 3, text[1], 100);
	ck_assert_int_eq(amend_one("mx1", list[1]), SMX_OK);
	if (_i == WORLD_SQLITE)
		world_reopen(&world);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 3), 9000, 1),
	    SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 5), 900, 1),
	    SMX_EFULL);
}
END_TEST

START_TEST(a_claim_moves_the_bytes_and_is_never_refused)
{
	struct smx_key one = world_key(1, 1), two = world_key(1, 2);

	world_open(&world, _i);
	world.options.peer_quota_bytes = 10000;
	world_reopen(&world);
	ck_assert_int_eq(world_store(&world, "mx1", one, 9000, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx2", two, 9000, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 3), 9000, 1),
	    SMX_EFULL);
	ck_assert_int_eq(amend_one("mx1", claim_of(one, "mx2")), SMX_OK);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(world_store(&world, "mx2", world_key(1, 4), 10,
				     1),
		    SMX_EFULL);
		if (_i == WORLD_MEMORY)
			break;
		world_reopen(&world);
	}
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 3), 9000, 1),
	    SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx2", one), SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx2", two), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx2", world_key(1, 5), 9000, 1),
	    SMX_OK);
}
END_TEST

/* ---- many at a time ---- */

#define ROUNDS 40

struct amender {
	pthread_t thread;
	unsigned which;
	int failed;
};

static void *
amend_many(void *ctx)
{
	struct amender *a = ctx;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		struct smx_row_amendment list[8];
		size_t foreign = 0;

		for (unsigned n = 0; n < 8; n++) {
			list[n] = i % 2 == 0 ? new_envelope(world_key(1, n),
						   i * 4 + a->which + 1)
					     : amendment(world_key(1, n),
						   i * 4 + a->which + 1);
			list[n].held = (int)(a->which & 1);
		}
		a->failed += amend("mx1", list, 8, &foreign) != SMX_OK;
		a->failed += foreign != 0;
		a->failed +=
		    world_store(&world, "mx1", world_key(2 + a->which, i), 300,
			(unsigned)i) != SMX_OK;
	}
	return NULL;
}

START_TEST(amendments_from_many_threads_end_with_the_highest)
{
	struct amender amenders[4];
	struct smx_row row;

	world_open(&world, _i);
	for (unsigned n = 0; n < 8; n++)
		ck_assert_int_eq(world_store(&world, "mx1", world_key(1, n), 50,
				     n),
		    SMX_OK);
	for (unsigned k = 0; k < 4; k++) {
		amenders[k] = (struct amender){ .which = k };
		ck_assert_int_eq(pthread_create(&amenders[k].thread, NULL,
				     amend_many, &amenders[k]),
		    0);
	}
	for (unsigned k = 0; k < 4; k++) {
		pthread_join(amenders[k].thread, NULL);
		ck_assert_int_eq(amenders[k].failed, 0);
	}
	for (unsigned n = 0; n < 8; n++) {
		ck_assert_int_eq(world_get(&world, world_key(1, n), &row),
		    SMX_OK);
		ck_assert_uint_eq(row.version, (ROUNDS - 1) * 4 + 4);
		ck_assert_int_eq(row.held, 1);
		ck_assert_int_eq(row.amended, 1);
		assert_envelope(world_key(1, n), committed,
		    sizeof(committed) - 1);
		ck_assert_int_eq(world_check(&world, world_key(1, n), 50, n),
		    SMX_OK);
	}
}
END_TEST

#define CROWD 6
#define QUOTA 40000

struct sender {
	pthread_t thread;
	unsigned which;
	unsigned stored, full, other;
};

/* The last one is another peer, which stays far below its quota. */
static void *
send_many(void *ctx)
{
	struct sender *s = ctx;
	const char *primary = s->which == CROWD - 1 ? "mx9" : "mx1";

	for (unsigned i = 0; i < 30; i++) {
		size_t size = primary[2] == '9' ? 500 : 1800 + 100 * (i % 40);
		int result = world_store(&world, primary,
		    world_key(10 + s->which, i), size, i);

		s->stored += result == SMX_OK;
		s->full += result == SMX_EFULL;
		s->other += result != SMX_OK && result != SMX_EFULL;
	}
	return NULL;
}

static int
add_cost(void *ctx, const struct smx_row *row)
{
	struct smx_shadow_head head = world_head("", row->key, 0);

	*(uint64_t *)ctx += row->size + head.envelope_len;
	return 0;
}

START_TEST(a_peers_quota_holds_for_all_its_threads_together)
{
	struct smx_store_filter of_mx1 = { .primary = "mx1" };
	struct sender senders[CROWD];
	unsigned stored = 0, full = 0;
	uint64_t cost = 0;

	world_open(&world, _i);
	world.options.peer_quota_bytes = QUOTA;
	world_reopen(&world);
	for (unsigned k = 0; k < CROWD; k++) {
		senders[k] = (struct sender){ .which = k };
		ck_assert_int_eq(pthread_create(&senders[k].thread, NULL,
				     send_many, &senders[k]),
		    0);
	}
	for (unsigned k = 0; k < CROWD; k++) {
		pthread_join(senders[k].thread, NULL);
		ck_assert_uint_eq(senders[k].other, 0);
		if (k == CROWD - 1)
			break;
		stored += senders[k].stored;
		full += senders[k].full;
	}
	ck_assert_uint_eq(senders[CROWD - 1].stored, 30);
	ck_assert_uint_gt(stored, 5);
	ck_assert_uint_gt(full, 5);
	ck_assert_int_eq(world.store.ops->scan(world.store.ctx, &of_mx1,
			     add_cost, &cost),
	    SMX_OK);
	ck_assert_uint_le(cost, QUOTA);
	ck_assert_uint_gt(cost, QUOTA / 2);
}
END_TEST

/* ---- on a disk ---- */

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

static char *
data_text(const char *name)
{
	const char *dir = getenv("srcdir");
	char *text = calloc(1, 65536);
	char path[4200];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/test/data/%s", dir != NULL ? dir : ".",
	    name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	len = fread(text, 1, 65535, file);
	ck_assert_uint_gt(len, 0);
	fclose(file);
	return text;
}

/* A file that the first version has left, in place of the store's own. */
static void
first_version(void)
{
	char *text = data_text("store-1.sql");

	sql("DROP TABLE shadow; DROP TABLE content; DROP TABLE finished;"
	    "DROP TABLE meta; DROP TABLE net;");
	sql(text);
	free(text);
}

static void
assert_content(struct smx_key key, const char *want)
{
	struct smx_content content;
	char text[64] = "";

	ck_assert_int_eq(world.store.ops->open(world.store.ctx, &key, &content),
	    SMX_OK);
	ck_assert_uint_eq(content.size, strlen(want));
	ck_assert_int_eq(content.read(content.ctx, 0, text, strlen(want)),
	    SMX_OK);
	ck_assert_str_eq(text, want);
	world.store.ops->close_content(world.store.ctx, &content);
}

START_TEST(a_store_of_the_first_version_keeps_all)
{
	static const char *const bodies[] = { "Subject: one\r\n\r\nfirst\r\n",
		"Subject: two\r\n\r\nsecond\r\n",
		"Subject: three\r\n\r\nthird\r\n" };
	struct smx_row_amendment m = new_envelope(world_key(1, 1), 5);
	struct smx_store_stats stats;
	struct smx_row row;
	char value[16] = "";

	world_open(&world, WORLD_SQLITE);
	first_version();
	for (unsigned round = 0; round < 3; round++) {
		world_reopen(&world);
		for (unsigned n = 1; n <= 3; n++) {
			struct smx_key key = world_key(256, n);

			ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
			ck_assert_str_eq(row.primary, n == 3 ? "mx3" : "mx1");
			ck_assert_str_eq(row.queue_id, "4jXKs0000zABC");
			ck_assert_int_eq(row.state,
			    n == 2 ? SMX_ROW_CLAIMED : SMX_ROW_SHADOW);
			ck_assert_int_eq(row.stored_ms, 1700000000000 + n);
			ck_assert_int_eq(row.amended, n == 1 && round == 2);
			assert_content(key, bodies[n - 1]);
		}
		world_stats(&world, &stats);
		ck_assert_uint_eq(stats.bytes, 72);
		ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 2);
		if (round == 1) {
			m.key = world_key(256, 1);
			m.holders = "mx2";
			ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
		}
	}
	assert_envelope(m.key, committed, sizeof(committed) - 1);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(256, 4), 1, 1),
	    SMX_EGONE);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(256, 5), 1, 1),
	    SMX_OK);
	ck_assert_int_eq(world.store.ops->meta_get(world.store.ctx, "epoch",
			     value, sizeof(value)),
	    SMX_OK);
	ck_assert_str_eq(value, "seven");
}
END_TEST

/* Each changes something of an amended row that decides what becomes of it. */
static const char *const flips[] = {
	"UPDATE shadow SET held = 0",
	"UPDATE shadow SET amended = 0",
	"UPDATE shadow SET yielded = 0",
	"UPDATE shadow SET version = 0",
	"UPDATE shadow SET holders = 'mx3'",
	"UPDATE shadow SET origin = 'mx3'",
	"UPDATE shadow SET primary_name = 'mx3'",
	"UPDATE shadow SET epoch_counter = 1",
	"UPDATE shadow SET recipients = 2",
	"UPDATE shadow SET held = 0, amended = 0, yielded = 0, version = 0,"
	" holders = '', origin = ''",
	"UPDATE content SET envelope = CAST(replace(CAST(envelope AS TEXT),"
	" 'd@', 'e@') AS BLOB)",
};

START_TEST(a_flipped_amendment_is_noticed_and_not_sealed_anew)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_amendment m;
	char *text = NULL;
	size_t len;

	world_open(&world, WORLD_SQLITE);
	ck_assert_int_eq(world_store(&world, "mx1", key, 10, 1), SMX_OK);
	ck_assert_int_eq(amend_one("mx1", claim_of(key, "mx2")), SMX_OK);
	m = new_envelope(key, 5);
	m.holders = "mx2";
	m.held = 1;
	ck_assert_int_eq(amend_one("mx2", m), SMX_OK);
	ck_assert_int_eq(world_check(&world, key, 10, 1), SMX_OK);
	sql(flips[_i]);
	world_reopen(&world);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(world.store.ops->envelope(world.store.ctx,
				     &key, &text, &len, NULL),
		    SMX_ECORRUPT);
		ck_assert_int_eq(world_check(&world, key, 10, 1), SMX_ECORRUPT);
		m.version = 6;
		ck_assert_int_eq(amend(NULL, &m, 1, NULL), SMX_OK);
	}
}
END_TEST

START_TEST(a_new_copy_mends_the_content_and_keeps_the_amendment)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_amendment m = new_envelope(key, 5);
	struct smx_row row;

	world_open(&world, WORLD_SQLITE);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 1), SMX_OK);
	m.holders = "mx2 mx3";
	m.held = 1;
	ck_assert_int_eq(amend_one("mx1", m), SMX_OK);
	ck_assert_int_eq(amend_one("mx1", claim_of(key, "mx2")), SMX_OK);
	sql("UPDATE content SET body = zeroblob(100)");
	world_reopen(&world);
	ck_assert_int_eq(world_check(&world, key, 100, 1), SMX_ECORRUPT);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 1), SMX_OK);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(world_check(&world, key, 100, 1), SMX_OK);
		assert_envelope(key, committed, sizeof(committed) - 1);
		ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
		ck_assert_str_eq(row.primary, "mx2");
		ck_assert_str_eq(row.holders, "mx2 mx3");
		ck_assert_int_eq(row.yielded & row.held & row.amended, 1);
		world_reopen(&world);
	}
	ck_assert_int_eq(world_drop(&world, "mx2", key), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 1), SMX_EGONE);
}
END_TEST

#define BOTH(test)  tcase_add_loop_test(tc, test, 0, WORLD_KINDS)
#define COUNT(list) (int)(sizeof(list) / sizeof(*(list)))

int
main(void)
{
	Suite *s = suite_create("store_amend");
	TCase *tc = tcase_create("amend");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	BOTH(an_amended_row_is_as_it_was_said);
	BOTH(the_planned_holders_come_with_the_shadow);
	BOTH(only_a_higher_version_changes_anything);
	BOTH(in_one_list_the_highest_version_stays);
	BOTH(what_is_not_the_primarys_is_left_alone);
	BOTH(hostile_amendments_are_refused);
	BOTH(a_yielded_row_is_its_new_primarys);
	BOTH(a_late_shadow_of_what_was_yielded_and_finished_is_gone);
	BOTH(a_late_shadow_of_what_is_yielded_is_told_as_there);
	BOTH(what_is_handed_back_is_as_it_was);
	BOTH(a_larger_envelope_needs_room);
	BOTH(a_claim_moves_the_bytes_and_is_never_refused);
	BOTH(amendments_from_many_threads_end_with_the_highest);
	BOTH(a_peers_quota_holds_for_all_its_threads_together);
	tcase_add_test(tc, a_store_of_the_first_version_keeps_all);
	tcase_add_loop_test(tc,
	    a_flipped_amendment_is_noticed_and_not_sealed_anew, 0,
	    COUNT(flips));
	tcase_add_test(tc,
	    a_new_copy_mends_the_content_and_keeps_the_amendment);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
