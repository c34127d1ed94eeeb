/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "glue/session.h"
#include "session_world.h"

/* The resend guard at the end of message: what becomes of a message some of
 * whose recipients were taken before. */

static struct smx_session *session;
static struct smx_verdict verdict;
static char *const *struck;

static void
begin(void)
{
	world_reset();
	world.conf.milter_resend_guard_ms = 1000;
	session = world_session();
	session_guard(session, 1);
}

static void
end(void)
{
	smx_session_free(&session);
	ck_assert_int_eq(world.configs, 0);
	ck_assert_int_eq(world.held, 0);
	world_free();
}

/* To ok1 and ok2, with so many names of its own. */
static void
arrives(unsigned message_ids)
{
	static const char *const rcpts[] = { "ok1", "ok2", NULL };

	world_envelope(session, rcpts);
	for (; message_ids != 0; message_ids--)
		ck_assert_int_eq(smx_session_header(session, "message-id",
				     " <1@x>"),
		    SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, "x\r\n", 3), SMX_OK);
	world_end(session, &verdict);
}

static size_t
struck_out(void)
{
	return session_struck(session, &struck);
}

START_TEST(all_taken_before_makes_no_shadow)
{
	world.resent = 3;
	arrives(1);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_RESENT);
	ck_assert_uint_eq(verdict.key.counter, 77);
	ck_assert_str_eq(world.journal, "kept-out:2");
	ck_assert_str_eq(world.log, "5 4jXKs0: event=resend "
				    "key=00000000000000000000000000000000-"
				    "000000000000004d first=4jXKfirst rcpts=2 "
				    "left=0");
	/* Nothing of it is followed. */
	smx_session_abort(session);
	ck_assert_str_eq(world.journal, "kept-out:2");
}
END_TEST

START_TEST(some_taken_before_are_in_no_copy)
{
	world.resent = 1;
	arrives(1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
	ck_assert_str_eq(world.journal,
	    "begin shadow:0 sent:0:ok verdict:protected kept-out:1 note");
	ck_assert_uint_eq(world.registered.recipients, 1);
	ck_assert_uint_eq(world.resend_noted, 1);
	ck_assert_ptr_null(strstr(world.envelope, "ok1"));
	ck_assert_ptr_nonnull(strstr(world.envelope, "RCPT <ok2@example.org>"));
	ck_assert_ptr_nonnull(strstr(world.envelope, "ADDR=192.0.2.7"));
	ck_assert_uint_eq(struck_out(), 1);
	ck_assert_str_eq(struck[0], "<ok1@example.org>");
}
END_TEST

START_TEST(refused_rest_keeps_nobody_out)
{
	world.resent = 1;
	world.peer[0].result = world.peer[1].result = SMX_ETEMP;
	arrives(1);
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_ptr_null(strstr(world.journal, "kept-out"));
	ck_assert_ptr_null(strstr(world.journal, "note"));
}
END_TEST

START_TEST(new_message_is_remembered_whole)
{
	arrives(1);
	ck_assert_str_eq(world.journal,
	    "begin shadow:0 sent:0:ok verdict:protected note");
	ck_assert_uint_eq(world.resend_noted, 2);
	ck_assert_uint_eq(struck_out(), 0);
}
END_TEST

START_TEST(struck_out_is_forgotten_with_the_next_message)
{
	world.resent = 1;
	arrives(1);
	world.resent = 0;
	arrives(1);
	ck_assert_uint_eq(struck_out(), 0);
	ck_assert_ptr_nonnull(strstr(world.envelope, "ok1"));
}
END_TEST

START_TEST(the_queue_is_waited_for_within_the_delay)
{
	world.resent = 3;
	world.resend_asks = 3;
	arrives(1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_RESENT);
	world.journal[0] = '\0';
	world.resend_asks = 1000000;
	arrives(1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
	ck_assert_int_ge(verdict.held_ms, world.max_delay_ms / 4 - 1);
	ck_assert_uint_ne(world.waited, 0);
}
END_TEST

START_TEST(mta_that_gives_up_meanwhile_is_believed)
{
	world.resend_asks = 1000000;
	world.give_up_at = 1;
	arrives(1);
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_str_eq(world.journal, "passed:4jXKs0");
}
END_TEST

/* ---- without a guard ---- */

static void
is_ordinary(void)
{
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
	ck_assert_str_eq(world.journal,
	    "begin shadow:0 sent:0:ok verdict:protected");
	ck_assert_uint_eq(struck_out(), 0);
}

START_TEST(off_is_off)
{
	world.conf.milter_resend_guard_ms = 0;
	world.resent = 3;
	arrives(1);
	is_ordinary();
}
END_TEST

START_TEST(caller_that_cannot_strike_out_is_not_asked_to)
{
	session_guard(session, 0);
	world.resent = 3;
	arrives(1);
	is_ordinary();
}
END_TEST

START_TEST(message_without_a_name_of_its_own_is_ordinary)
{
	world.resent = 3;
	arrives(0);
	is_ordinary();
	world.journal[0] = '\0';
	arrives(2);
	ck_assert_ptr_null(strstr(world.journal, "kept-out"));
	ck_assert_ptr_null(strstr(world.journal, "note"));
}
END_TEST

START_TEST(nobody_is_asked_for_over_the_limit)
{
	world.resent = 3;
	world.held_result = SMX_ELIMIT;
	arrives(1);
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_ptr_null(strstr(world.journal, "kept-out"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guard");
	TCase *tc = tcase_create("end of message");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, all_taken_before_makes_no_shadow);
	tcase_add_test(tc, some_taken_before_are_in_no_copy);
	tcase_add_test(tc, refused_rest_keeps_nobody_out);
	tcase_add_test(tc, new_message_is_remembered_whole);
	tcase_add_test(tc, struck_out_is_forgotten_with_the_next_message);
	tcase_add_test(tc, the_queue_is_waited_for_within_the_delay);
	tcase_add_test(tc, mta_that_gives_up_meanwhile_is_believed);
	tcase_add_test(tc, off_is_off);
	tcase_add_test(tc, caller_that_cannot_strike_out_is_not_asked_to);
	tcase_add_test(tc, message_without_a_name_of_its_own_is_ordinary);
	tcase_add_test(tc, nobody_is_asked_for_over_the_limit);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
