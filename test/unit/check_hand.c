/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"
#include "core/hand.h"
#include "core/handto.h"
#include "core/release.h"

/* ---- to whom ---- */

static const struct {
	const char *text, *address, *hop;
} good[] = {
	{ "postmaster@other.example", "postmaster@other.example", "" },
	{ "a+b@sub.other.example", "a+b@sub.other.example", "" },
	{ "smtp:[192.0.2.1]", "", "smtp:[192.0.2.1]:25" },
	{ "smtp:[mx.other.example]:2525", "", "smtp:[mx.other.example]:2525" },
	{ "smtp:other.example", "", "smtp:other.example:25" },
	{ "lmtp:[192.0.2.1]:24", "", "lmtp:[192.0.2.1]:24" },
	{ "unix:/run/lmtp", "", "lmtp:unix:/run/lmtp" },
	/* a path may have one */
	{ "unix:/run/lmtp@2", "", "lmtp:unix:/run/lmtp@2" },
	{ "lmtp:unix:/run/a@b", "", "lmtp:unix:/run/a@b" },
};

START_TEST(address_or_host)
{
	char name[NEXTHOP_TEXT] = "";
	struct handto to;

	ck_assert_int_eq(handto_parse(&to, good[_i].text), SMX_OK);
	ck_assert_str_eq(to.address, good[_i].address);
	if (to.address[0] == '\0')
		nexthop_format(&to.hop, name);
	ck_assert_str_eq(name, good[_i].hop);
}
END_TEST

static const char *const bad[] = { "mta", "other.example", "[192.0.2.1]:25",
	"@other.example", "user@", "a b@other.example", "<a@other.example>",
	"a@other.example\r\nRCPT TO:<b@x>", "a\x01@other.example",
	"smtp:[192.0.2.1]:0", "smtp:", "unix:relative" };

START_TEST(what_is_neither_is_refused_with_a_sentence)
{
	struct handto to;
	const char *wrong = handto_check(&to, bad[_i]);

	ck_assert_ptr_nonnull(wrong);
	ck_assert_uint_gt(strlen(wrong), 10);
}
END_TEST

/* ---- who gets it ---- */

START_TEST(who_has_it_is_nobodys_any_more)
{
	uint64_t booked[] = { amend_address("<ann@c.example>"),
		amend_address("x@elsewhere.example") };

	ck_assert_int_eq(hand_part_of("<ann@C.example>", "c.example", booked,
			     2),
	    HAND_BOOKED);
	ck_assert_int_eq(hand_part_of("ann@c.example", "c.example", booked, 2),
	    HAND_BOOKED);
	ck_assert_int_eq(hand_part_of("<bob@c.EXAMPLE>", "c.example", booked,
			     2),
	    HAND_OURS);
	ck_assert_int_eq(hand_part_of("<x@elsewhere.example>", "c.example",
			     booked, 2),
	    HAND_BOOKED);
	ck_assert_int_eq(hand_part_of("<y@elsewhere.example>", "c.example",
			     booked, 2),
	    HAND_OTHERS);
	/* a domain below it is another one */
	ck_assert_int_eq(hand_part_of("<y@sub.c.example>", "c.example", booked,
			     2),
	    HAND_OTHERS);
	ck_assert_int_eq(hand_part_of("<>", "c.example", booked, 2),
	    HAND_OTHERS);
}
END_TEST

static const struct {
	unsigned char parts[3];
	int whole;
	enum hand_step step;
} steps[] = {
	{ { HAND_OURS, HAND_OURS, HAND_OURS }, 0, HAND_DELIVER },
	{ { HAND_BOOKED, HAND_BOOKED, HAND_OURS }, 0, HAND_DELIVER },
	{ { HAND_BOOKED, HAND_OTHERS, HAND_OURS }, 0, HAND_DELIVER },
	{ { HAND_BOOKED, HAND_OTHERS, HAND_BOOKED }, 0, HAND_REST },
	{ { HAND_BOOKED, HAND_BOOKED, HAND_BOOKED }, 0, HAND_ERASE },
	{ { HAND_BOOKED, HAND_BOOKED, HAND_BOOKED }, 1, HAND_ERASE },
	{ { HAND_BOOKED, HAND_BOOKED, HAND_OURS }, 1, HAND_REST },
	{ { HAND_BOOKED, HAND_OTHERS, HAND_BOOKED }, 1, HAND_REST },
};

/* The file goes when it names nobody who has not got it elsewhere, and never
 * before. */
START_TEST(file_goes_when_nobody_is_left)
{
	ck_assert_int_eq(hand_next(steps[_i].parts, 3, steps[_i].whole),
	    steps[_i].step);
}
END_TEST

/* ---- when ---- */

START_TEST(attempts_become_rare)
{
	int64_t last = 0;

	for (unsigned tries = 1; tries < 40; tries++) {
		int64_t ms = hand_pause_ms(tries, 0);

		ck_assert_int_ge(ms, last);
		ck_assert_int_le(ms, HAND_PAUSE_MAX);
		last = ms;
	}
	ck_assert_int_eq(hand_pause_ms(1, 0), HAND_PAUSE_MS);
	ck_assert_int_eq(last, HAND_PAUSE_MAX);
}
END_TEST

/* Each of those may be a duplicate. */
START_TEST(doubtful_attempts_become_rarer)
{
	ck_assert_int_eq(hand_pause_ms(2, 2), 2 * HAND_PAUSE_MS);
	ck_assert_int_eq(hand_pause_ms(3, 3), HAND_LOST_MS);
	ck_assert_int_eq(hand_pause_ms(100, 50), HAND_LOST_MS);
}
END_TEST

START_TEST(clock_set_back_stops_nothing_for_long)
{
	ck_assert(hand_is_due(0, 1000, 0));
	ck_assert(hand_is_due(1000, 1000, 0));
	ck_assert(!hand_is_due(1001, 1000, 0));
	ck_assert(!hand_is_due(HAND_LOST_MS, 0, 0));
	ck_assert(hand_is_due(HAND_LOST_MS + 1, 0, 0));
	/* The primary is back: the pauses of the other host are not its. */
	ck_assert(!hand_is_due(HAND_REST_MS, 0, 1));
	ck_assert(hand_is_due(HAND_REST_MS + 1, 0, 1));
}
END_TEST

START_TEST(at_the_end_it_is_handed_and_not_before)
{
	struct smx_backup policy = { .at_end = BACKUP_END_HAND,
		.hold_ms = 10000,
		.warn_ms = 2000,
		.hand_to = "a@b.example" };
	struct release_conf conf = { .pace = { 10, 100 },
		.queue_lifetime_ms = 100000 };
	struct release_hold hold = { .until_ms = 1010000 };
	struct release *r;

	ck_assert_int_eq(release_new(&r, &conf, 1), SMX_OK);
	release_begin(r, 1000, 1007000);
	ck_assert_int_eq(release_end(r, &hold, &policy), RELEASE_END_NOT_YET);
	release_begin(r, 2000, 1008000);
	ck_assert_int_eq(release_end(r, &hold, &policy), RELEASE_END_WARN);
	hold.warned_ms = 1008000;
	release_begin(r, 3000, 1009000);
	ck_assert_int_eq(release_end(r, &hold, &policy), RELEASE_END_NOT_YET);
	release_begin(r, 4000, 1010000);
	ck_assert_int_eq(release_end(r, &hold, &policy), RELEASE_END_HAND);
	release_free(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hand");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, address_or_host, 0,
	    (int)(sizeof(good) / sizeof(*good)));
	tcase_add_loop_test(tc, what_is_neither_is_refused_with_a_sentence, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(tc, who_has_it_is_nobodys_any_more);
	tcase_add_loop_test(tc, file_goes_when_nobody_is_left, 0,
	    (int)(sizeof(steps) / sizeof(*steps)));
	tcase_add_test(tc, attempts_become_rare);
	tcase_add_test(tc, doubtful_attempts_become_rarer);
	tcase_add_test(tc, clock_set_back_stops_nothing_for_long);
	tcase_add_test(tc, at_the_end_it_is_handed_and_not_before);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
