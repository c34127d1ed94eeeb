/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"
#include "session_world.h"

/* Several holders: who is asked, what they are told, and what core hears. */
#define A "mx2.example.org"
#define B "mx3.example.org"
#define C "mx4.example.org"

static struct smx_session *session;
static struct smx_verdict verdict;

static void
begin(void)
{
	world_reset();
	world.candidates = 3;
	session = world_session();
}

static void
end(void)
{
	smx_session_free(&session);
	ck_assert_int_eq(world.configs, 0);
	ck_assert_int_eq(world.held, 0);
	world_free();
}

static void
message(const char *rcpt)
{
	world.journal[0] = '\0';
	world_message(session, rcpt);
	world_end(session, &verdict);
}

static void
earned_is(enum smx_earned earned, unsigned copies, unsigned wanted)
{
	ck_assert_int_eq(verdict.earned, earned);
	ck_assert_int_eq(verdict.accept, earned != SMX_EARNED_NOTHING);
	ck_assert_uint_eq(verdict.copies, copies);
	ck_assert_uint_eq(verdict.wanted, wanted);
}

static void
ranks_are(const char *want)
{
	char got[64] = "";

	for (size_t i = 0; i < world.ranks.count; i++)
		got[i] = (char)('0' + world.ranks.peer[i]);
	ck_assert_str_eq(got, want);
}

START_TEST(core_knows_what_is_wanted_before_the_first_byte)
{
	message("two");
	ck_assert_uint_eq(world.registered.copies, 2);
	ck_assert(world.registered.envelope_sum != 0);
	ck_assert(world.registered.envelope_sum ==
		  amend_sum(world.envelope, strlen(world.envelope)));
}
END_TEST

START_TEST(one_copy_needs_no_second_word)
{
	message("ok");
	earned_is(SMX_EARNED_SHADOWED, 1, 1);
	ck_assert_str_eq(world.peer[0].told, A);
	ranks_are("0");
	ck_assert(world.ranks.told);
}
END_TEST

START_TEST(two_are_asked_together_and_told_of_each_other)
{
	world.max_delay_ms = 8000;
	world.peer[0].after_ms = 1500;
	world.peer[1].after_ms = 100;
	message("two");
	earned_is(SMX_EARNED_SHADOWED, 2, 2);
	ck_assert_str_eq(world.journal, "begin shadow:0 shadow:1 sent:1:ok "
					"sent:0:ok verdict:protected");
	ck_assert_str_eq(world.peer[0].told, A " " B);
	ck_assert_str_eq(world.peer[1].told, A " " B);
	ranks_are("01");
	ck_assert(world.ranks.told);
	ck_assert_ptr_nonnull(strstr(world.log, " peer=" A "," B " copies=2 "));
}
END_TEST

START_TEST(another_set_than_was_told_is_told_later)
{
	world.peer[0].result = SMX_EREFUSED;
	message("two");
	earned_is(SMX_EARNED_SHADOWED, 2, 2);
	ck_assert_str_eq(world.peer[1].told, A " " B);
	ck_assert_str_eq(world.peer[2].told, B " " C);
	ranks_are("12");
	ck_assert(!world.ranks.told);
}
END_TEST

/* Told the same words, but there are more of them than say so. */
START_TEST(one_that_may_have_it_has_to_hear_who_has)
{
	world.candidates = 2;
	world.peer[0].after_ms = NEVER;
	message("ok");
	earned_is(SMX_EARNED_SHADOWED, 1, 1);
	ranks_are("1");
	ck_assert(!world.ranks.told);
}
END_TEST

START_TEST(the_third_is_asked_when_one_of_two_is_frozen)
{
	world.max_delay_ms = 4000;
	world.peer[0].after_ms = NEVER;
	message("two");
	earned_is(SMX_EARNED_SHADOWED, 2, 2);
	ck_assert_str_eq(world.journal,
	    "begin shadow:0 shadow:1 sent:1:ok shadow:2 sent:2:ok "
	    "sent:0:unsure verdict:protected");
	ck_assert_int_lt(verdict.held_ms, world.max_delay_ms);
	ranks_are("12");
	ck_assert(!world.ranks.told);
}
END_TEST

START_TEST(a_late_answer_is_a_copy_all_the_same)
{
	world.max_delay_ms = 4000;
	world.candidates = 2;
	world.peer[0].after_ms = world.max_delay_ms * 3 / 4;
	world.peer[1].after_ms = NEVER;
	message("ok");
	earned_is(SMX_EARNED_SHADOWED, 1, 1);
	ranks_are("0");
}
END_TEST

START_TEST(who_loses_it_before_the_answer_is_asked_again)
{
	world.candidates = 1;
	world.forgets = 1;
	message("ok");
	earned_is(SMX_EARNED_SHADOWED, 1, 1);
	ranks_are("0");
	ck_assert_str_eq(world.journal, "begin shadow:0 sent:0:ok shadow:0 "
					"sent:0:ok verdict:protected");
}
END_TEST

START_TEST(with_nobody_left_to_ask_the_answer_is_given_at_once)
{
	world.max_delay_ms = 20000;
	world.candidates = 1;
	message("two");
	earned_is(SMX_EARNED_SHORT, 1, 2);
	ck_assert_int_lt(verdict.held_ms, 10000);
	ranks_are("0");
	ck_assert_str_eq(world.journal,
	    "begin shadow:0 sent:0:ok verdict:protected");
	ck_assert_int_eq(world.noted, 0);
	ck_assert_ptr_nonnull(strstr(world.log, "4 4jXKs0: "));
	ck_assert_ptr_nonnull(strstr(world.log, " ack=short "));
	ck_assert_ptr_nonnull(
	    strstr(world.log, " peer=" A " copies=1 short=1 "));
}
END_TEST

START_TEST(a_second_copy_is_waited_for_to_the_end)
{
	world.candidates = 2;
	world.peer[1].after_ms = NEVER;
	message("two");
	earned_is(SMX_EARNED_SHORT, 1, 2);
	ck_assert_int_ge(verdict.held_ms, world.max_delay_ms - 1);
	ranks_are("0");
	ck_assert(!world.ranks.told);
}
END_TEST

START_TEST(fewer_than_the_least_is_refused)
{
	world.candidates = 2;
	world.peer[1].result = SMX_ETEMP;
	message("both");
	earned_is(SMX_EARNED_NOTHING, 0, 0);
	ck_assert_str_eq(verdict.code, "451");
	ck_assert_ptr_nonnull(strstr(world.journal, "verdict:refused"));
	ck_assert_ptr_nonnull(strstr(world.log, " copies=1 "));
	ck_assert_int_eq(world.trouble_told, 1);
}
END_TEST

/* One copy is not none: only the number is below the least. */
START_TEST(fewer_than_the_least_may_be_accepted_and_is_short)
{
	world.candidates = 2;
	world.peer[1].result = SMX_ETEMP;
	message("both-accept");
	earned_is(SMX_EARNED_SHORT, 1, 2);
	ck_assert_int_eq(world.noted, 0);
	ck_assert_int_eq(world.trouble_told, 1);
}
END_TEST

START_TEST(only_a_message_without_any_copy_is_unprotected)
{
	world.candidates = 0;
	message("two-accept");
	earned_is(SMX_EARNED_UNPROTECTED, 0, 2);
	ck_assert_int_eq(world.noted, 1);
	ck_assert_ptr_nonnull(strstr(world.log, " copies=0 short=2 "));
	ranks_are("");
}
END_TEST

/* ---- tempfail for a time ---- */

START_TEST(trouble_is_refused_until_it_has_lasted)
{
	world.candidates = 0;
	world.trouble_ms = 599999;
	message("later");
	earned_is(SMX_EARNED_NOTHING, 0, 0);
	ck_assert_int_eq(world.trouble_told, 1);
	world.trouble_ms = 600000;
	message("later");
	earned_is(SMX_EARNED_UNPROTECTED, 0, 1);
	ck_assert_ptr_nonnull(strstr(world.log, " trouble_ms=600000"));
	ck_assert_int_eq(world.trouble_told, 1);
}
END_TEST

START_TEST(trouble_changes_nothing_for_who_refuses_always)
{
	world.candidates = 0;
	world.trouble_ms = INT64_MAX;
	message("ok");
	earned_is(SMX_EARNED_NOTHING, 0, 0);
}
END_TEST

START_TEST(a_copy_ends_the_trouble)
{
	world.trouble_ms = 600000;
	message("later");
	earned_is(SMX_EARNED_SHADOWED, 1, 1);
	ck_assert_int_eq(world.trouble_told, 0);
}
END_TEST

START_TEST(who_was_not_asked_is_no_trouble)
{
	world.held_result = SMX_ELIMIT;
	message("accept");
	earned_is(SMX_EARNED_UNPROTECTED, 0, 1);
	ck_assert_int_eq(world.trouble_told, -1);
	world.held_result = SMX_OK;
	world.peer[0].after_ms = world.peer[1].after_ms =
	    world.peer[2].after_ms = NEVER;
	world.give_up_at = 1;
	message("accept");
	earned_is(SMX_EARNED_NOTHING, 0, 0);
	ck_assert_int_eq(world.trouble_told, -1);
}
END_TEST

/* ---- back again ---- */

START_TEST(one_that_is_back_is_told_anew)
{
	world.max_delay_ms = 5000;
	world.awaited = 3;
	world.candidates = world.back = 2;
	world.peer[1].begin = SMX_EUNREACHABLE;
	message("both");
	earned_is(SMX_EARNED_SHADOWED, 2, 2);
	ranks_are("01");
	ck_assert_str_eq(world.peer[1].told, A " " B);
	ck_assert_str_eq(world.peer[0].told, A " " B);
	ck_assert(world.ranks.told);
}
END_TEST

/* It keeps what it was told the first time, if it has kept that. */
START_TEST(one_that_was_told_two_sets_has_to_hear_the_right_one)
{
	world.max_delay_ms = 3000;
	world.awaited = 3;
	world.candidates = world.back = 2;
	world.peer[0].result = SMX_EUNSURE;
	world.peer[0].heals = 1;
	world.peer[1].result = SMX_EREFUSED;
	message("both-accept");
	earned_is(SMX_EARNED_SHORT, 1, 2);
	ck_assert_str_eq(world.peer[0].told, A);
	ranks_are("0");
	ck_assert(!world.ranks.told);
}
END_TEST

/* ---- passed by ---- */

START_TEST(what_is_forgotten_may_be_committed)
{
	world_message(session, "ok");
	smx_session_abort(session);
	ck_assert_str_eq(world.journal, "passed:4jXKs0");
	smx_session_abort(session);
	ck_assert_str_eq(world.journal, "passed:4jXKs0");
	world_message(session, "ok");
	smx_session_free(&session);
	ck_assert_str_eq(world.journal, "passed:4jXKs0 passed:4jXKs0");
}
END_TEST

START_TEST(the_next_mail_forgets_as_well)
{
	world_message(session, "ok");
	ck_assert_int_eq(smx_session_mail(session, "<>", NULL, 0), SMX_OK);
	ck_assert_str_eq(world.journal, "passed:4jXKs0");
}
END_TEST

START_TEST(a_message_without_an_id_cannot_be_found_again)
{
	ck_assert_int_eq(smx_session_mail(session, "<>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<ok@x>", NULL, 0), SMX_OK);
	smx_session_abort(session);
	ck_assert_str_eq(world.journal, "");
}
END_TEST

START_TEST(what_was_judged_was_not_passed_by)
{
	message("ok");
	smx_session_abort(session);
	ck_assert_ptr_null(strstr(world.journal, "passed"));
	world.candidates = 0;
	message("ok");
	smx_session_abort(session);
	ck_assert_ptr_null(strstr(world.journal, "passed"));
}
END_TEST

START_TEST(what_needs_no_shadow_is_not_looked_for)
{
	world_message(session, "none");
	smx_session_abort(session);
	ck_assert_str_eq(world.journal, "");
	/* Its size could still bring it one. */
	world.by_size = 1;
	world_message(session, "none");
	smx_session_abort(session);
	ck_assert_str_eq(world.journal, "passed:4jXKs0");
}
END_TEST

static void
add_holders(TCase *tc)
{
	tcase_add_test(tc, core_knows_what_is_wanted_before_the_first_byte);
	tcase_add_test(tc, one_copy_needs_no_second_word);
	tcase_add_test(tc, two_are_asked_together_and_told_of_each_other);
	tcase_add_test(tc, another_set_than_was_told_is_told_later);
	tcase_add_test(tc, one_that_may_have_it_has_to_hear_who_has);
	tcase_add_test(tc, the_third_is_asked_when_one_of_two_is_frozen);
	tcase_add_test(tc, a_late_answer_is_a_copy_all_the_same);
	tcase_add_test(tc, with_nobody_left_to_ask_the_answer_is_given_at_once);
	tcase_add_test(tc, a_second_copy_is_waited_for_to_the_end);
	tcase_add_test(tc, fewer_than_the_least_is_refused);
	tcase_add_test(tc, fewer_than_the_least_may_be_accepted_and_is_short);
	tcase_add_test(tc, only_a_message_without_any_copy_is_unprotected);
	tcase_add_test(tc, one_that_is_back_is_told_anew);
	tcase_add_test(tc,
	    one_that_was_told_two_sets_has_to_hear_the_right_one);
}

static void
add_trouble(TCase *tc)
{
	tcase_add_test(tc, trouble_is_refused_until_it_has_lasted);
	tcase_add_test(tc, trouble_changes_nothing_for_who_refuses_always);
	tcase_add_test(tc, a_copy_ends_the_trouble);
	tcase_add_test(tc, who_was_not_asked_is_no_trouble);
}

static void
add_passed(TCase *tc)
{
	tcase_add_test(tc, what_is_forgotten_may_be_committed);
	tcase_add_test(tc, the_next_mail_forgets_as_well);
	tcase_add_test(tc, who_loses_it_before_the_answer_is_asked_again);
	tcase_add_test(tc, a_message_without_an_id_cannot_be_found_again);
	tcase_add_test(tc, what_was_judged_was_not_passed_by);
	tcase_add_test(tc, what_needs_no_shadow_is_not_looked_for);
}

static const struct {
	const char *name;
	void (*add)(TCase *tc);
} cases[] = { { "several holders", add_holders }, { "trouble", add_trouble },
	{ "passed by", add_passed } };

int
main(void)
{
	Suite *s = suite_create("earn");
	SRunner *sr = srunner_create(s);
	int failed;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		TCase *tc = tcase_create(cases[i].name);

		tcase_add_checked_fixture(tc, begin, end);
		tcase_set_timeout(tc, 30);
		cases[i].add(tc);
		suite_add_tcase(s, tc);
	}
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
