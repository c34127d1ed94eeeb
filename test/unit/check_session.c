/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session_world.h"

static struct smx_session *session;
static struct smx_verdict verdict;

static void
begin(void)
{
	world_reset();
	session = world_session();
}

/* No test may leave a configuration or a place among the held behind. */
static void
end(void)
{
	smx_session_free(&session);
	ck_assert_int_eq(world.configs, 0);
	ck_assert_int_eq(world.held, 0);
	world_free();
}

static void
journal_is(const char *want)
{
	ck_assert_str_eq(world.journal, want);
}

/* The last log line, but for its one number that is a measurement. */
static void
log_is(const char *want)
{
	char *at = strstr(world.log, "delay_ms=");

	ck_assert_ptr_nonnull(at);
	at += strlen("delay_ms=");
	memmove(at + 1, at + strspn(at, "0123456789"),
	    strlen(at + strspn(at, "0123456789")) + 1);
	*at = 'N';
	ck_assert_str_eq(world.log, want);
}

static void
is_accepted(enum smx_earned earned)
{
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_int_eq(verdict.earned, earned);
}

static void
is_refused(const char *code, const char *enhanced)
{
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_NOTHING);
	ck_assert_str_eq(verdict.code, code);
	ck_assert_str_eq(verdict.enhanced, enhanced);
	ck_assert_ptr_null(strchr(verdict.text, '%'));
}

START_TEST(registered_before_the_first_byte_and_judged_before_the_answer)
{
	world_message(session, "ok");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	journal_is("begin shadow:0 sent:0:ok verdict:protected");
	ck_assert_uint_eq(verdict.key.counter, 1);
	ck_assert_str_eq(world.queue_id, "4jXKs0");
	ck_assert_str_eq(world.content, "A: b\r\n\r\nx\r\n");
	ck_assert(world.digest_matches);
}
END_TEST

START_TEST(without_a_copy_the_client_keeps_the_message)
{
	world.peer[0].result = world.peer[1].result = SMX_ETEMP;
	world_message(session, "ok");
	world_end(session, &verdict);
	is_refused("451", "4.3.0");
	ck_assert_str_eq(verdict.text,
	    "No second host has taken a copy yet, please try again later");
	ck_assert_ptr_nonnull(strstr(world.journal, " verdict:refused"));
}
END_TEST

START_TEST(a_holder_that_may_have_it_is_named_before_the_refusal)
{
	world.candidates = 1;
	world.peer[0].after_ms = NEVER;
	world_message(session, "ok");
	world_end(session, &verdict);
	is_refused("451", "4.3.0");
	journal_is("begin shadow:0 sent:0:unsure verdict:refused");
	ck_assert_int_ge(verdict.held_ms, world.max_delay_ms - 1);
	ck_assert_int_le(verdict.held_ms, world.max_delay_ms + 2000);
}
END_TEST

START_TEST(accept_means_unprotected_and_counted)
{
	world.peer[0].begin = world.peer[1].begin = SMX_EUNREACHABLE;
	world_message(session, "accept");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_UNPROTECTED);
	ck_assert_ptr_nonnull(strstr(world.journal, " verdict:unprotected"));
	log_is("4 4jXKs0: event=acknowledged ack=unprotected key="
	       "00000000000000000000000000000000-0000000000000001 peer=\"\" "
	       "copies=0 short=1 rcpts=1 size=11 delay_ms=N policy=strangers "
	       "reason=unreachable");
}
END_TEST

START_TEST(the_next_holder_is_asked_when_one_says_no)
{
	world.peer[0].result = SMX_EREFUSED;
	world_message(session, "ok");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	journal_is("begin shadow:0 sent:0:refused shadow:1 sent:1:ok "
		   "verdict:protected");
	ck_assert_ptr_nonnull(strstr(world.log, " peer=mx3.example.org "));
}
END_TEST

START_TEST(a_silent_holder_does_not_stop_the_next)
{
	world.peer[0].after_ms = NEVER;
	world_message(session, "ok");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	journal_is("begin shadow:0 shadow:1 sent:1:ok sent:0:unsure "
		   "verdict:protected");
}
END_TEST

START_TEST(two_copies_need_two_holders)
{
	world_message(session, "both");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	world.journal[0] = '\0';
	world.peer[1].result = SMX_ETEMP;
	world_message(session, "both");
	world_end(session, &verdict);
	is_refused("451", "4.3.0");
	ck_assert_ptr_nonnull(strstr(world.journal, "sent:0:ok"));
}
END_TEST

START_TEST(nobody_is_asked_when_the_policy_wants_no_shadow)
{
	world_message(session, "none");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_UNASKED);
	journal_is("");
	log_is("6 4jXKs0: event=acknowledged ack=unasked rcpts=1 size=11 "
	       "delay_ms=N policy=strangers");
}
END_TEST

START_TEST(one_recipient_that_asks_is_enough)
{
	const char *const rcpts[] = { "none", "ok", "none", NULL };

	world_envelope(session, rcpts);
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
}
END_TEST

START_TEST(without_recipients_the_defaults_hold)
{
	ck_assert_int_eq(smx_session_mail(session, "<>", NULL, 0), SMX_OK);
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	ck_assert_ptr_nonnull(strstr(world.log, "policy=defaults"));
}
END_TEST

START_TEST(waiting_is_told_soon_and_every_second)
{
	world.max_delay_ms = 5000;
	world.peer[0].after_ms = 2300;
	world.candidates = 1;
	world_message(session, "ok");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	/* At 5, 20 and 100 ms, which fall together on a busy machine. */
	ck_assert_uint_ge(world.waited, 3);
	ck_assert_uint_le(world.waited, 5);
	ck_assert_int_ge(world.waited_ms[0], 2);
	ck_assert_int_le(world.waited_ms[0], 900);
	for (int64_t i = 1; i <= 2; i++) {
		int64_t got = world.waited_ms[world.waited - 3 + (size_t)i];

		ck_assert_int_ge(got, i * 1000);
		ck_assert_int_le(got, i * 1000 + 900);
	}
}
END_TEST

START_TEST(an_mta_that_gave_up_ends_the_wait_and_aborts)
{
	world.max_delay_ms = 10000;
	world.peer[0].after_ms = world.peer[1].after_ms = NEVER;
	world.give_up_at = 1;
	world_message(session, "accept");
	world_end(session, &verdict);
	is_refused("451", "4.3.0");
	ck_assert_int_le(verdict.held_ms, 5000);
	/* Whatever its default action is: the queue shows it. */
	journal_is("begin shadow:0 sent:0:unsure verdict:refused "
		   "passed:4jXKs0");
}
END_TEST

START_TEST(over_the_limit_nobody_is_asked_and_the_policy_decides)
{
	world.held_result = SMX_ELIMIT;
	world_message(session, "ok");
	world_end(session, &verdict);
	is_refused("451", "4.3.2");
	journal_is("begin verdict:refused");
	world.journal[0] = '\0';
	world_message(session, "accept");
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_UNPROTECTED);
	journal_is("begin verdict:unprotected");
	ck_assert_ptr_nonnull(strstr(world.log, "reason=nobody-asked"));
}
END_TEST

START_TEST(what_cannot_be_registered_is_never_accepted)
{
	world.begin_result = SMX_ELIMIT;
	world_message(session, "accept");
	world_end(session, &verdict);
	is_refused("451", "4.3.2");
	journal_is("begin-failed");
}
END_TEST

START_TEST(a_stopping_engine_takes_no_message)
{
	world.held_result = SMX_ECLOSED;
	world_message(session, "accept");
	world_end(session, &verdict);
	is_refused("451", "4.3.2");
	journal_is("");
}
END_TEST

static void
next_mail(void)
{
	ck_assert_int_eq(smx_session_mail(session, "<>", NULL, 0), SMX_OK);
}

static void
next_abort(void)
{
	smx_session_abort(session);
}

static void
next_close(void)
{
	smx_session_free(&session);
}

static void (*const next_steps[])(void) = { next_mail, next_abort, next_close };

START_TEST(the_next_step_shows_that_the_mta_is_past_it_once)
{
	const char *want = "begin shadow:0 sent:0:ok verdict:protected past";

	world_message(session, "ok");
	world_end(session, &verdict);
	next_steps[_i]();
	journal_is(want);
	if (session != NULL)
		smx_session_abort(session);
	journal_is(want);
}
END_TEST

START_TEST(a_refused_message_has_nothing_to_be_past_of)
{
	world.candidates = 0;
	world_message(session, "ok");
	world_end(session, &verdict);
	next_mail();
	journal_is("begin verdict:refused");
}
END_TEST

static const struct {
	const char *type;
	const char *policy;
	const char *protocol;
} logins[] = {
	{ NULL, "policy=strangers", " PROTO=ESMTP" },
	{ "", "policy=strangers", " PROTO=ESMTP" },
	{ "PLAIN", "policy=known", " PROTO=ESMTPA" },
};

/* One session: what the login of one message says is not kept for the next. */
START_TEST(authentication_belongs_to_its_message)
{
	for (size_t i = 0; i < sizeof(logins) / sizeof(*logins) * 2; i++) {
		size_t n = i % (sizeof(logins) / sizeof(*logins));
		const char *line;

		ck_assert_int_eq(smx_session_auth(session, logins[n].type,
				     logins[n].type == NULL ? NULL : ""),
		    SMX_OK);
		world_message(session, "ok");
		world_end(session, &verdict);
		ck_assert_ptr_nonnull(strstr(world.log, logins[n].policy));
		line = strstr(world.envelope, logins[n].protocol);
		ck_assert_ptr_nonnull(line);
		line += strlen(logins[n].protocol);
		ck_assert(*line == ' ' || *line == '\r');
	}
}
END_TEST

START_TEST(a_reload_counts_from_the_next_message_on)
{
	const char *const four[] = { "a", "b", "c", "d", NULL };

	world_envelope(session, four);
	world.conf.milter_max_recipients = 1;
	ck_assert_int_eq(smx_session_rcpt(session, "<e@x>", NULL, 0),
	    SMX_ELIMIT);
	ck_assert_int_eq(smx_session_mail(session, "<>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<a@x>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<b@x>", NULL, 0),
	    SMX_ELIMIT);
	world_end(session, &verdict);
	is_accepted(SMX_EARNED_SHADOWED);
	ck_assert_ptr_nonnull(strstr(world.envelope, "ADDR=192.0.2.7"));
	ck_assert_ptr_nonnull(strstr(world.envelope, "HELO=client.example"));
}
END_TEST

START_TEST(nothing_is_taken_before_mail)
{
	ck_assert_int_eq(smx_session_rcpt(session, "<a@x>", NULL, 0),
	    SMX_ESTATE);
	ck_assert_int_eq(smx_session_header(session, "A", "b"), SMX_ESTATE);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_ESTATE);
	ck_assert_int_eq(smx_session_body(session, "x", 1), SMX_ESTATE);
	ck_assert_int_eq(smx_session_queue_id(session, "4j"), SMX_ESTATE);
	ck_assert_int_eq(smx_session_end(session, NULL, NULL, &verdict),
	    SMX_ESTATE);
	is_refused("451", "4.3.0");
	journal_is("");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session");
	TCase *tc = tcase_create("end of message");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc,
	    registered_before_the_first_byte_and_judged_before_the_answer);
	tcase_add_test(tc, without_a_copy_the_client_keeps_the_message);
	tcase_add_test(tc,
	    a_holder_that_may_have_it_is_named_before_the_refusal);
	tcase_add_test(tc, accept_means_unprotected_and_counted);
	tcase_add_test(tc, the_next_holder_is_asked_when_one_says_no);
	tcase_add_test(tc, a_silent_holder_does_not_stop_the_next);
	tcase_add_test(tc, two_copies_need_two_holders);
	tcase_add_test(tc, nobody_is_asked_when_the_policy_wants_no_shadow);
	tcase_add_test(tc, one_recipient_that_asks_is_enough);
	tcase_add_test(tc, without_recipients_the_defaults_hold);
	tcase_add_test(tc, waiting_is_told_soon_and_every_second);
	tcase_add_test(tc, an_mta_that_gave_up_ends_the_wait_and_aborts);
	tcase_add_test(tc,
	    over_the_limit_nobody_is_asked_and_the_policy_decides);
	tcase_add_test(tc, what_cannot_be_registered_is_never_accepted);
	tcase_add_test(tc, a_stopping_engine_takes_no_message);
	tcase_add_loop_test(tc,
	    the_next_step_shows_that_the_mta_is_past_it_once, 0,
	    sizeof(next_steps) / sizeof(*next_steps));
	tcase_add_test(tc, a_refused_message_has_nothing_to_be_past_of);
	tcase_add_test(tc, authentication_belongs_to_its_message);
	tcase_add_test(tc, a_reload_counts_from_the_next_message_on);
	tcase_add_test(tc, nothing_is_taken_before_mail);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
