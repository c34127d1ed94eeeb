/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/policy.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct smx_ack none = { .policy = "none", .max_delay_ms = 1000 };
static const struct smx_ack soft = { .policy = "soft",
	.when = SMX_WHEN_SHADOWED,
	.copies = 1,
	.min_copies = 1,
	.max_delay_ms = 5000,
	.when_unprotected = SMX_UNPROTECTED_ACCEPT,
	.holders = 7 };
static const struct smx_ack hard = { .policy = "hard",
	.when = SMX_WHEN_SHADOWED,
	.copies = 1,
	.min_copies = 1,
	.max_delay_ms = 9000,
	.when_unprotected = SMX_UNPROTECTED_TEMPFAIL,
	.holders = 7 };
static const struct smx_ack many = { .policy = "many",
	.when = SMX_WHEN_SHADOWED,
	.copies = 3,
	.min_copies = 2,
	.max_delay_ms = 7000,
	.when_unprotected = SMX_UNPROTECTED_ACCEPT,
	.holders = 7,
	.preferred = 4 };
static const struct smx_ack trial = { .policy = "trial",
	.when = SMX_WHEN_SHADOWED,
	.copies = 1,
	.min_copies = 1,
	.max_delay_ms = 5000,
	.when_unprotected = SMX_UNPROTECTED_TEMPFAIL,
	.tempfail_ms = 600000,
	.holders = 3,
	.preferred = 3 };
static const struct smx_ack longer = { .policy = "longer",
	.when = SMX_WHEN_SHADOWED,
	.copies = 1,
	.min_copies = 1,
	.max_delay_ms = 5000,
	.when_unprotected = SMX_UNPROTECTED_TEMPFAIL,
	.tempfail_ms = 900000,
	.holders = 6 };

/* Waits for the next hop, and asks for no shadow. */
static const char *const hops[] = { "mta" };
static const struct smx_ack hop = { .policy = "hop",
	.when = SMX_WHEN_DELIVERED,
	.max_delay_ms = 20000,
	.when_unprotected = SMX_UNPROTECTED_TEMPFAIL,
	.next_hops = hops,
	.next_hop_count = 1 };
static const struct smx_ack both = { .policy = "both",
	.when = SMX_WHEN_DELIVERED | SMX_WHEN_SHADOWED,
	.copies = 2,
	.min_copies = 1,
	.max_delay_ms = 4000,
	.when_unprotected = SMX_UNPROTECTED_ACCEPT,
	.holders = 3,
	.preferred = 1,
	.next_hops = hops,
	.next_hop_count = 1 };

/* policy, when, copies, min_copies, max_delay, unprotected, tempfail, holders,
 * preferred, next hops */
static const struct {
	const struct smx_ack *wishes[3];
	struct smx_ack message;
} folds[] = {
	{ { &none, &none },
	    { "none", 0, 0, 0, 1000, 0, 0, 0, 0, NULL, 0, NULL } },
	{ { &soft, &none }, { "soft", 1, 1, 1, 5000, SMX_UNPROTECTED_ACCEPT, 0,
				7, 0, NULL, 0, NULL } },
	{ { &soft, &hard }, { "hard", 1, 1, 1, 5000, SMX_UNPROTECTED_TEMPFAIL,
				0, 7, 0, NULL, 0, NULL } },
	{ { &soft, &many, &none },
	    { "soft", 1, 3, 2, 5000, SMX_UNPROTECTED_ACCEPT, 0, 7, 4, NULL, 0,
		NULL } },
	{ { &many, &hard, &soft },
	    { "hard", 1, 3, 2, 5000, SMX_UNPROTECTED_TEMPFAIL, 0, 7, 4, NULL, 0,
		NULL } },
	/* the longer time of refusing; for ever is the longest */
	{ { &trial, &longer, &soft },
	    { "longer", 1, 1, 1, 5000, SMX_UNPROTECTED_TEMPFAIL, 900000, 2, 2,
		NULL, 0, NULL } },
	{ { &trial, &hard, &soft },
	    { "hard", 1, 1, 1, 5000, SMX_UNPROTECTED_TEMPFAIL, 0, 3, 3, NULL, 0,
		NULL } },
	{ { &trial, &soft }, { "trial", 1, 1, 1, 5000, SMX_UNPROTECTED_TEMPFAIL,
				 600000, 3, 3, NULL, 0, NULL } },
	/* who asks for no shadow says nothing about holders */
	{ { &hop, &none }, { "hop", 2, 0, 0, 20000, SMX_UNPROTECTED_TEMPFAIL, 0,
			       0, 0, NULL, 0, NULL } },
	{ { &soft, &hop, &none },
	    { "hop", 3, 1, 1, 5000, SMX_UNPROTECTED_TEMPFAIL, 0, 7, 0, NULL, 0,
		NULL } },
	{ { &many, &hop, &both },
	    { "hop", 3, 3, 2, 4000, SMX_UNPROTECTED_TEMPFAIL, 0, 3, 1, NULL, 0,
		NULL } },
	{ { &both, &soft }, { "both", 3, 2, 1, 4000, SMX_UNPROTECTED_ACCEPT, 0,
				3, 1, NULL, 0, NULL } },
	{ { &trial, &many }, { "trial", 1, 3, 2, 5000, SMX_UNPROTECTED_TEMPFAIL,
				 600000, 3, 3, NULL, 0, NULL } },
};

/* In whatever order the recipients come. */
START_TEST(strictest_wish_holds_for_the_message)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (size_t o = 0; o < COUNT(orders); o++) {
		const struct smx_ack *want = &folds[_i].message;
		struct smx_ack message = { 0 };

		for (size_t i = 0; i < 3; i++)
			if (folds[_i].wishes[orders[o][i]] != NULL)
				ck_assert_int_eq(smx_policy_combine(&message,
						     folds[_i]
							 .wishes[orders[o][i]],
						     0),
				    SMX_OK);
		ck_assert_uint_eq(message.when, want->when);
		ck_assert_uint_eq(message.copies, want->copies);
		ck_assert_uint_eq(message.min_copies, want->min_copies);
		ck_assert_int_eq(message.max_delay_ms, want->max_delay_ms);
		ck_assert_int_eq(message.when_unprotected,
		    want->when_unprotected);
		ck_assert_int_eq(message.tempfail_ms, want->tempfail_ms);
		ck_assert_uint_eq(message.holders, want->holders);
		ck_assert_uint_eq(message.preferred, want->preferred);
		ck_assert_ptr_null(message.next_hops);
		ck_assert_uint_eq(message.next_hop_count, 0);
		if (o == 0)
			ck_assert_str_eq(message.policy, want->policy);
	}
}
END_TEST

static struct smx_ack
wish(unsigned min_copies, uint64_t holders)
{
	struct smx_ack ack = soft;

	ack.copies = ack.min_copies = min_copies;
	ack.holders = holders;
	return ack;
}

/* the two, and is it a conflict? */
static const struct {
	unsigned a_min;
	uint64_t a_holders;
	unsigned b_min;
	uint64_t b_holders;
	int result;
	uint64_t holders;
} pairs[] = {
	{ 1, 1, 1, 2, SMX_ECONFLICT, 0 },
	{ 1, 1, 1, 3, SMX_OK, 1 },
	{ 2, 3, 1, 2, SMX_ECONFLICT, 2 },
	{ 2, 7, 2, 14, SMX_OK, 6 },
	{ 2, 7, 3, 14, SMX_ECONFLICT, 6 },
	/* one alone has too few: nothing is won by splitting */
	{ 2, 1, 1, 2, SMX_OK, 0 },
	{ 1, 2, 2, 1, SMX_OK, 0 },
	{ 1, 0, 1, 0, SMX_OK, 0 },
};

START_TEST(conflict_is_what_each_alone_could_have)
{
	struct smx_ack a = wish(pairs[_i].a_min, pairs[_i].a_holders);
	struct smx_ack b = wish(pairs[_i].b_min, pairs[_i].b_holders);
	struct smx_ack message = { 0 };

	ck_assert_int_eq(smx_policy_combine(&message, &a, 1), SMX_OK);
	ck_assert_int_eq(smx_policy_combine(&message, &b, 1), pairs[_i].result);
	if (pairs[_i].result != SMX_OK) {
		ck_assert_int_eq(memcmp(&message, &a, sizeof(a)), 0);
		ck_assert_int_eq(smx_policy_combine(&message, &b, 0),
		    SMX_ECONFLICT);
	}
	ck_assert_uint_eq(message.holders, pairs[_i].holders);
	ck_assert_uint_eq(message.min_copies, pairs[_i].a_min > pairs[_i].b_min
						  ? pairs[_i].a_min
						  : pairs[_i].b_min);
}
END_TEST

/* Recipients that ask for nothing are in nobody's way. */
START_TEST(recipient_without_a_wish_conflicts_with_none)
{
	struct smx_ack a = wish(1, 1), message = { 0 };

	ck_assert_int_eq(smx_policy_combine(&message, &none, 1), SMX_OK);
	ck_assert_int_eq(smx_policy_combine(&message, &a, 1), SMX_OK);
	ck_assert_int_eq(smx_policy_combine(&message, &none, 1), SMX_OK);
	ck_assert_int_eq(memcmp(&message, &a, sizeof(a)), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("combine");
	TCase *tc = tcase_create("fold");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, strictest_wish_holds_for_the_message, 0,
	    COUNT(folds));
	tcase_add_loop_test(tc, conflict_is_what_each_alone_could_have, 0,
	    COUNT(pairs));
	tcase_add_test(tc, recipient_without_a_wish_conflicts_with_none);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
