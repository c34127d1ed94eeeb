/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/splits.h"

#define ID    "4jXKs073lDz1bkTK"
#define PART  "4jXKs073lFz1bkTM"
#define OTHER "4jXKs073lGz1bkTN"
#define LONG  60000

static struct splits splits;
static int64_t now;
static char ends[256];

static void
on_end(void *ctx, const struct split *split, enum splits_end how)
{
	static const char *const words[] = { "?", "stands", "falls",
		"doubtful" };
	size_t at = strlen(ends);

	(void)ctx;
	snprintf(ends + at, sizeof(ends) - at, "%" PRId64 " %s %s;", split->id,
	    split->part, words[how]);
}

static void
done(const char *expected)
{
	ck_assert_str_eq(ends, expected);
	ends[0] = '\0';
}

static void
fresh(void)
{
	now = 1000000;
	ends[0] = '\0';
	ck_assert_int_eq(splits_init(&splits, on_end, NULL), SMX_OK);
	ck_assert_int_eq(splits_add(&splits, 7, ID, PART, now), SMX_OK);
}

static void
gone(void)
{
	splits_free(&splits);
}

static void
event(enum smx_queue_event_kind kind, const char *id)
{
	struct smx_queue_event ev = { .kind = kind };

	snprintf(ev.id, sizeof(ev.id), "%s", id);
	splits_event(&splits, &ev, now);
}

/* The token of a look, 0: there is nothing to look for. */
static uint64_t
look(void)
{
	const char *ids[SPLITS_IDS_MAX];
	uint64_t token = 0;
	size_t n =
	    splits_verify_next(&splits, now, ids, SPLITS_IDS_MAX, &token);

	for (size_t i = 0; i < n; i++)
		ck_assert(
		    strcmp(ids[i], ID) == 0 || strcmp(ids[i], OTHER) == 0);
	return n == 0 ? 0 : token;
}

static void
answer(uint64_t token, enum smx_presence presence)
{
	struct smx_queue_event ev = { .kind = SMX_QUEUE_VERIFIED,
		.presence = presence,
		.token = token };

	snprintf(ev.id, sizeof(ev.id), "%s", ID);
	splits_event(&splits, &ev, now);
}

/* Looks until it has ended or so many have been answered. */
static unsigned
look_for(enum smx_presence presence, unsigned most)
{
	unsigned n = 0;

	while (n < most && ends[0] == '\0') {
		uint64_t token;

		now += LONG;
		token = look();
		ck_assert_uint_ne(token, 0);
		answer(token, presence);
		n++;
	}
	return n;
}

START_TEST(commit_of_the_message_lets_the_part_stand)
{
	event(SMX_QUEUE_COMMITTED, OTHER);
	done("");
	event(SMX_QUEUE_COMMITTED, ID);
	done("7 " PART " stands;");
	ck_assert_uint_eq(splits.count, 0);
	now += LONG;
	ck_assert_uint_eq(look(), 0);
}
END_TEST

START_TEST(what_is_told_of_committed_mail_alone_says_so)
{
	static const enum smx_queue_event_kind kinds[] = { SMX_QUEUE_SENT,
		SMX_QUEUE_BOUNCED, SMX_QUEUE_RETURNED, SMX_QUEUE_DELETED,
		SMX_QUEUE_REQUEUED, SMX_QUEUE_LINKED, SMX_QUEUE_CORRUPT,
		SMX_QUEUE_FOUND };

	event(kinds[_i], ID);
	done("7 " PART " stands;");
}
END_TEST

START_TEST(a_look_is_not_wanted_at_once)
{
	ck_assert_uint_eq(look(), 0);
	now += LONG;
	ck_assert_uint_ne(look(), 0);
}
END_TEST

START_TEST(found_in_the_queue_it_stands)
{
	static const enum smx_presence there[] = { SMX_PRESENCE_THERE,
		SMX_PRESENCE_LINKED, SMX_PRESENCE_CORRUPT };

	ck_assert_uint_eq(look_for(there[_i], 5), 1);
	done("7 " PART " stands;");
}
END_TEST

START_TEST(what_was_never_committed_falls_at_once_when_it_is_seen)
{
	ck_assert_uint_eq(look_for(SMX_PRESENCE_STRAY, 5), 1);
	done("7 " PART " falls;");
}
END_TEST

START_TEST(absence_counts_only_after_the_log_had_its_time)
{
	ck_assert_uint_gt(look_for(SMX_PRESENCE_ABSENT, 100), 4);
	done("7 " PART " falls;");
}
END_TEST

START_TEST(a_word_of_a_commit_ends_absence)
{
	(void)look_for(SMX_PRESENCE_ABSENT, 4);
	done("");
	event(SMX_QUEUE_SENT, ID);
	done("7 " PART " stands;");
}
END_TEST

START_TEST(a_hint_begins_the_count_anew)
{
	(void)look_for(SMX_PRESENCE_ABSENT, 4);
	event(SMX_QUEUE_GONE, ID);
	(void)look_for(SMX_PRESENCE_ABSENT, 4);
	done("");
}
END_TEST

START_TEST(hints_that_were_lost_leave_it_in_doubt)
{
	event(SMX_QUEUE_RESET, "");
	(void)look_for(_i ? SMX_PRESENCE_STRAY : SMX_PRESENCE_ABSENT, 100);
	done("7 " PART " doubtful;");
}
END_TEST

START_TEST(lost_hints_and_a_file_that_is_there)
{
	event(SMX_QUEUE_RESET, "");
	(void)look_for(SMX_PRESENCE_THERE, 5);
	done("7 " PART " stands;");
}
END_TEST

START_TEST(an_answer_of_before_the_last_hint_proves_nothing)
{
	uint64_t token;

	now += LONG;
	token = look();
	event(_i ? SMX_QUEUE_RESET : SMX_QUEUE_GONE, _i ? "" : ID);
	answer(token, SMX_PRESENCE_STRAY);
	done("");
	answer(token + 1, SMX_PRESENCE_STRAY); /* never given out */
	answer(0, SMX_PRESENCE_STRAY);
	done("");
}
END_TEST

START_TEST(an_answer_for_an_earlier_message_proves_nothing)
{
	uint64_t token;

	now += LONG;
	token = look();
	splits.count = 0;
	ck_assert_int_eq(splits_add(&splits, 8, ID, PART, now), SMX_OK);
	answer(token, SMX_PRESENCE_STRAY);
	done("");
}
END_TEST

START_TEST(what_nobody_can_see_is_given_up_after_minutes)
{
	unsigned looks =
	    look_for(_i ? SMX_PRESENCE_UNKNOWN : SMX_PRESENCE_UNCOMMITTED,
		1000);

	ck_assert_uint_gt(looks, 5);
	ck_assert_uint_lt(looks, 20);
	done("7 " PART " doubtful;");
}
END_TEST

START_TEST(all_parts_of_one_message_share_its_fate)
{
	ck_assert_int_eq(splits_add(&splits, 8, ID, OTHER, now), SMX_OK);
	ck_assert_int_eq(splits_add(&splits, 9, OTHER, PART, now), SMX_OK);
	event(SMX_QUEUE_COMMITTED, ID);
	ck_assert_ptr_nonnull(strstr(ends, "7 " PART " stands;"));
	ck_assert_ptr_nonnull(strstr(ends, "8 " OTHER " stands;"));
	ck_assert_ptr_null(strstr(ends, "9 "));
	ck_assert_uint_eq(splits.count, 1);
}
END_TEST

START_TEST(there_is_a_ceiling)
{
	while (splits.count < SPLITS_MAX)
		ck_assert_int_eq(splits_add(&splits, 8, OTHER, PART, now),
		    SMX_OK);
	ck_assert_int_eq(splits_add(&splits, 9, ID, PART, now), SMX_EFULL);
	now += LONG;
	ck_assert_uint_ne(look(), 0);
}
END_TEST

START_TEST(no_queue_id_no_part)
{
	static const char *const bad[] = { "", "../x",
		"4jXKs073lDz1bkTK4jXKs0"
		"73lDz1bkTK" };

	ck_assert_int_eq(splits_add(&splits, 8, bad[_i], PART, now),
	    SMX_EINVAL);
	ck_assert_int_eq(splits_add(&splits, 8, ID, bad[_i], now), SMX_EINVAL);
	ck_assert_uint_eq(splits.count, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("splits");
	TCase *tc = tcase_create("core");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc, commit_of_the_message_lets_the_part_stand);
	tcase_add_loop_test(tc, what_is_told_of_committed_mail_alone_says_so, 0,
	    8);
	tcase_add_test(tc, a_look_is_not_wanted_at_once);
	tcase_add_loop_test(tc, found_in_the_queue_it_stands, 0, 3);
	tcase_add_test(tc,
	    what_was_never_committed_falls_at_once_when_it_is_seen);
	tcase_add_test(tc, absence_counts_only_after_the_log_had_its_time);
	tcase_add_test(tc, a_word_of_a_commit_ends_absence);
	tcase_add_test(tc, a_hint_begins_the_count_anew);
	tcase_add_loop_test(tc, hints_that_were_lost_leave_it_in_doubt, 0, 2);
	tcase_add_test(tc, lost_hints_and_a_file_that_is_there);
	tcase_add_loop_test(tc,
	    an_answer_of_before_the_last_hint_proves_nothing, 0, 2);
	tcase_add_test(tc, an_answer_for_an_earlier_message_proves_nothing);
	tcase_add_loop_test(tc, what_nobody_can_see_is_given_up_after_minutes,
	    0, 2);
	tcase_add_test(tc, all_parts_of_one_message_share_its_fate);
	tcase_add_test(tc, there_is_a_ceiling);
	tcase_add_loop_test(tc, no_queue_id_no_part, 0, 3);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
