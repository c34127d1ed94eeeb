/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/keyset.h"

#define UNIVERSE 512

/* What a store would hold after every save: ranges by their lo. */
struct saved {
	uint64_t hi[UNIVERSE];
	int there[UNIVERSE];
};

static void
save(struct keyset *set, struct saved *saved)
{
	for (size_t i = 0; i < set->gone_count; i++)
		saved->there[set->gone[i]] = 0;
	for (size_t i = 0; i < set->count; i++)
		if (set->range[i].dirty) {
			saved->there[set->range[i].lo] = 1;
			saved->hi[set->range[i].lo] = set->range[i].hi;
		}
	keyset_saved(set);
	ck_assert(!keyset_changed(set));
}

static void
load(struct keyset *set, const struct saved *saved)
{
	for (uint64_t lo = 0; lo < UNIVERSE; lo++)
		if (saved->there[lo])
			ck_assert_int_eq(keyset_load(set, lo, saved->hi[lo]),
			    SMX_OK);
}

static void
check_form(const struct keyset *set)
{
	ck_assert(set->count <= set->max);
	for (size_t i = 0; i < set->count; i++) {
		ck_assert(set->range[i].lo <= set->range[i].hi);
		if (i > 0)
			ck_assert(set->range[i - 1].hi + 1 < set->range[i].lo);
	}
}

/* _i is the seed; a small ceiling makes the floor rise in half of them. */
START_TEST(finished_stays_finished_whatever_the_order)
{
	size_t max = _i % 2 == 0 ? UNIVERSE : 8;
	struct keyset set, again;
	static struct saved saved;
	int member[UNIVERSE] = { 0 };

	memset(&saved, 0, sizeof(saved));
	keyset_init(&set, max);
	srand((unsigned)_i + 1);
	for (int n = 0; n < 400; n++) {
		uint64_t counter = (uint64_t)(rand() % UNIVERSE);

		ck_assert_int_eq(keyset_add(&set, counter), SMX_OK);
		member[counter] = 1;
		check_form(&set);
		if (rand() % 3 == 0)
			save(&set, &saved);
	}
	save(&set, &saved);
	keyset_init(&again, max);
	load(&again, &saved);
	ck_assert_uint_eq(again.count, set.count);
	for (uint64_t c = 0; c < UNIVERSE; c++) {
		ck_assert(keyset_has(&set, c) == keyset_has(&again, c));
		if (member[c])
			ck_assert(keyset_has(&set, c));
		else if (max == UNIVERSE)
			ck_assert(!keyset_has(&set, c));
	}
	keyset_free(&set);
	keyset_free(&again);
}
END_TEST

START_TEST(keys_in_order_take_one_range)
{
	struct keyset set;

	keyset_init(&set, 4096);
	for (uint64_t c = 100; c < 10100; c++)
		ck_assert_int_eq(keyset_add(&set, c), SMX_OK);
	ck_assert_uint_eq(set.count, 1);
	ck_assert(!keyset_has(&set, 99));
	ck_assert(keyset_has(&set, 100));
	ck_assert(keyset_has(&set, 10099));
	ck_assert(!keyset_has(&set, 10100));
	keyset_free(&set);
}
END_TEST

START_TEST(ceiling_raises_the_floor_and_nothing_else)
{
	struct keyset set;

	keyset_init(&set, 100);
	for (uint64_t c = 1000; c < 1000 + 2 * 101; c += 2)
		ck_assert_int_eq(keyset_add(&set, c), SMX_OK);
	check_form(&set);
	ck_assert(set.range[0].lo == 0);
	ck_assert(keyset_has(&set, 0));
	ck_assert(keyset_has(&set, 1001));
	ck_assert(!keyset_has(&set, 1000 + 2 * 101 - 3));
	ck_assert(!keyset_has(&set, UINT64_MAX));
	keyset_free(&set);
}
END_TEST

START_TEST(ends_of_the_number_line_hold)
{
	struct keyset set;

	keyset_init(&set, 16);
	ck_assert_int_eq(keyset_add(&set, UINT64_MAX), SMX_OK);
	ck_assert_int_eq(keyset_add(&set, 0), SMX_OK);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_int_eq(keyset_add(&set, UINT64_MAX - 1), SMX_OK);
	ck_assert_int_eq(keyset_add(&set, 1), SMX_OK);
	ck_assert_int_eq(keyset_add(&set, UINT64_MAX), SMX_OK);
	ck_assert_uint_eq(set.count, 2);
	ck_assert(!keyset_has(&set, 2));
	ck_assert(!keyset_has(&set, (uint64_t)1 << 63));
	ck_assert(keyset_has(&set, UINT64_MAX - 1));
	keyset_free(&set);
}
END_TEST

START_TEST(damaged_ranges_are_not_loaded)
{
	struct keyset set;

	keyset_init(&set, 16);
	ck_assert_int_eq(keyset_load(&set, 5, 4), SMX_EINVAL);
	ck_assert_int_eq(keyset_load(&set, 5, 9), SMX_OK);
	ck_assert_int_eq(keyset_load(&set, 9, 12), SMX_EINVAL);
	ck_assert_int_eq(keyset_load(&set, 1, 2), SMX_EINVAL);
	keyset_free(&set);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keyset");
	TCase *tc = tcase_create("keyset");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, finished_stays_finished_whatever_the_order, 0,
	    40);
	tcase_add_test(tc, keys_in_order_take_one_range);
	tcase_add_test(tc, ceiling_raises_the_floor_and_nothing_else);
	tcase_add_test(tc, ends_of_the_number_line_hold);
	tcase_add_test(tc, damaged_ranges_are_not_loaded);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
