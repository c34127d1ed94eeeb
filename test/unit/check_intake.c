/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glue/backup.h"
#include "glue/session.h"
#include "session_world.h"

/*
 * Domains whose names begin with "down" have a primary that is down, with "up"
 * one that is up, with "no" one that refuses everybody.
 */
static const struct smx_backup policy = { .hold_ms = 5000,
	.quota = 100,
	.quota_messages = 7 };

static struct smx_session *session;
static struct smx_verdict verdict;
static char booked[1024];
static int take_result;

static int
decide(const struct backup_ask *ask, struct backup_word *out,
    struct hop_answer *words)
{
	const char *at = strchr(ask->rcpt, '@');

	ck_assert_ptr_eq(ask->backup, &policy);
	snprintf(out->domain, sizeof(out->domain), "%.*s",
	    (int)strcspn(at + 1, ">"), at + 1);
	if (strncmp(out->domain, "no", 2) == 0) {
		hopanswer_own(words, HOP_NO, "no such recipient");
		words->code = 550;
		snprintf(words->enhanced, sizeof(words->enhanced), "5.1.1");
		return SMX_EREFUSED;
	}
	out->state = strncmp(out->domain, "down", 4) == 0 ? MX_DOWN : MX_UP;
	out->hold = out->state == MX_DOWN;
	return SMX_OK;
}

static int
take(const struct books_mail *mail)
{
	size_t at;

	if (take_result != SMX_OK)
		return take_result;
	snprintf(booked, sizeof(booked), "%s %s %d %s %lld:", mail->queue_id,
	    mail->domain, (int)mail->state, mail->hold ? "hold" : "pass",
	    mail->hold ? (long long)(mail->until_ms - mail->taken_ms) : 0);
	for (size_t i = 0; i < mail->count; i++) {
		at = strlen(booked);
		snprintf(booked + at, sizeof(booked) - at, " %s",
		    mail->rcpts[i]);
	}
	return SMX_OK;
}

static void
fresh(void)
{
	world_reset();
	world.backup = (struct backup *)&world;
	world.policy = &policy;
	world.backup_rcpt = decide;
	world.books_take = take;
	take_result = SMX_OK;
	booked[0] = '\0';
	session = world_session();
	session_backup(session, 1, 1);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
}

static void
gone(void)
{
	smx_session_free(&session);
	ck_assert_int_eq(world.configs, 0);
	world_free();
}

static int
rcpt(const char *address)
{
	return smx_session_rcpt(session, address, NULL, 0);
}

static void
end(void)
{
	ck_assert_int_eq(smx_session_header(session, "A", " b"), SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, "x\r\n", 3), SMX_OK);
	world_end(session, &verdict);
}

START_TEST(mail_for_a_primary_that_is_down_is_booked_and_held)
{
	ck_assert_int_eq(rcpt("<backup-a@down.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<backup-b@down.example>"), SMX_OK);
	end();
	ck_assert(verdict.accept);
	ck_assert(verdict.hold);
	ck_assert_str_eq(verdict.hold_reason,
	    "shadowmx: backup of down.example");
	ck_assert_str_eq(booked,
	    "4jXKs0 down.example 3 hold 5000: <backup-a@down.example> "
	    "<backup-b@down.example>");
	/* as any mail it has its copy first */
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
}
END_TEST

START_TEST(mail_for_a_primary_that_is_up_is_booked_and_passes)
{
	ck_assert_int_eq(rcpt("<backup-a@up.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<other@here.example>"), SMX_OK);
	end();
	ck_assert(verdict.accept);
	ck_assert(!verdict.hold);
	ck_assert_str_eq(booked,
	    "4jXKs0 up.example 2 pass 0: <backup-a@up.example>");
}
END_TEST

START_TEST(without_a_shadow_the_end_is_waited_for_all_the_same)
{
	ck_assert_int_eq(rcpt("<none-backup@down.example>"), SMX_OK);
	ck_assert(!session_unasked(session));
	end();
	ck_assert(verdict.accept);
	ck_assert(verdict.hold);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_UNASKED);
}
END_TEST

START_TEST(what_cannot_be_booked_is_not_held)
{
	take_result = _i ? SMX_EFULL : SMX_EIO;
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
	end();
	ck_assert(verdict.accept);
	ck_assert(!verdict.hold);
	ck_assert_ptr_nonnull(strstr(world.log, "backup-not-booked"));
}
END_TEST

START_TEST(what_is_refused_at_the_end_is_not_booked)
{
	world.peer[0].result = world.peer[1].result = SMX_EIO;
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
	end();
	ck_assert(!verdict.accept);
	ck_assert(!verdict.hold);
	ck_assert_str_eq(booked, "");
}
END_TEST

START_TEST(a_refusal_is_told_in_its_words)
{
	ck_assert_int_eq(rcpt("<backup@no.example>"), SMX_EREFUSED);
	session_reply(session, &verdict);
	ck_assert_str_eq(verdict.code, "550");
	ck_assert_str_eq(verdict.enhanced, "5.1.1");
	/* and the recipient is in no message */
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
	end();
	ck_assert_str_eq(booked,
	    "4jXKs0 down.example 3 hold 5000: <backup@down.example>");
}
END_TEST

static const struct {
	const char *first, *second;
	int conflict;
} pairs[] = {
	{ "<backup@down1.example>", "<backup@down2.example>", 1 },
	{ "<backup@down1.example>", "<backup@up.example>", 1 },
	{ "<backup@up.example>", "<backup@down1.example>", 1 },
	{ "<backup@down1.example>", "<one@here.example>", 1 },
	{ "<one@here.example>", "<backup@down1.example>", 1 },
	{ "<backup@up.example>", "<backup@up2.example>", 0 },
	{ "<backup@up.example>", "<one@here.example>", 0 },
	{ "<backup-a@down1.example>", "<backup-b@down1.example>", 0 },
};
#define PAIRS (int)(sizeof(pairs) / sizeof(*pairs))

START_TEST(what_is_held_goes_alone)
{
	ck_assert_int_eq(rcpt(pairs[_i].first), SMX_OK);
	ck_assert_int_eq(rcpt(pairs[_i].second),
	    pairs[_i].conflict ? SMX_ELIMIT : SMX_OK);
	end();
	ck_assert(verdict.accept);
	if (strstr(pairs[_i].first, "@here") != NULL)
		ck_assert_str_eq(booked, "");
	else
		ck_assert_ptr_nonnull(strstr(booked, pairs[_i].first));
}
END_TEST

START_TEST(who_cannot_split_has_it_queued_and_counted)
{
	ck_assert_int_eq(smx_session_auth(session, "PLAIN", "joe"), SMX_OK);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
	ck_assert_int_eq(rcpt(pairs[_i].first), SMX_OK);
	ck_assert_int_eq(rcpt(pairs[_i].second), SMX_OK);
	end();
	ck_assert(verdict.accept);
	ck_assert_int_eq(verdict.hold, strstr(pairs[_i].first, "-a@down") != 0);
	if (!pairs[_i].conflict)
		return;
	ck_assert_ptr_nonnull(strstr(booked, " down1.example 3 pass 0:"));
	ck_assert_ptr_nonnull(strstr(booked, "<backup@down1.example>"));
}
END_TEST

START_TEST(over_a_quota_a_stranger_comes_again_and_our_own_mail_passes)
{
	world.books_full = 1;
	if (_i) {
		ck_assert_int_eq(smx_session_auth(session, "PLAIN", "joe"),
		    SMX_OK);
		ck_assert_int_eq(smx_session_mail(session, "<s@example.net>",
				     NULL, 0),
		    SMX_OK);
		ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
		end();
		ck_assert(verdict.accept && !verdict.hold);
		return;
	}
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_ETEMP);
	session_reply(session, &verdict);
	ck_assert_str_eq(verdict.code, "452");
	ck_assert_int_eq(rcpt("<backup@up.example>"), SMX_OK);
}
END_TEST

START_TEST(a_caller_that_cannot_hold_books_it_as_passed)
{
	session_backup(session, 1, 0);
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
	end();
	ck_assert(verdict.accept && !verdict.hold);
	ck_assert_str_eq(booked,
	    "4jXKs0 down.example 3 pass 0: <backup@down.example>");
}
END_TEST

START_TEST(other_callers_hear_nothing_of_it)
{
	session_backup(session, 0, 0);
	ck_assert_int_eq(rcpt("<backup@no.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
	end();
	ck_assert(verdict.accept && !verdict.hold);
	ck_assert_str_eq(booked, "");
}
END_TEST

START_TEST(one_message_says_nothing_of_the_next)
{
	ck_assert_int_eq(rcpt("<backup@down.example>"), SMX_OK);
	smx_session_abort(session);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<one@here.example>"), SMX_OK);
	end();
	ck_assert(verdict.accept && !verdict.hold);
	ck_assert_str_eq(booked, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("intake");
	TCase *tc = tcase_create("backup");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc, mail_for_a_primary_that_is_down_is_booked_and_held);
	tcase_add_test(tc, mail_for_a_primary_that_is_up_is_booked_and_passes);
	tcase_add_test(tc, without_a_shadow_the_end_is_waited_for_all_the_same);
	tcase_add_loop_test(tc, what_cannot_be_booked_is_not_held, 0, 2);
	tcase_add_test(tc, what_is_refused_at_the_end_is_not_booked);
	tcase_add_test(tc, a_refusal_is_told_in_its_words);
	tcase_add_loop_test(tc, what_is_held_goes_alone, 0, PAIRS);
	tcase_add_loop_test(tc, who_cannot_split_has_it_queued_and_counted, 0,
	    PAIRS);
	tcase_add_loop_test(tc,
	    over_a_quota_a_stranger_comes_again_and_our_own_mail_passes, 0, 2);
	tcase_add_test(tc, a_caller_that_cannot_hold_books_it_as_passed);
	tcase_add_test(tc, other_callers_hear_nothing_of_it);
	tcase_add_test(tc, one_message_says_nothing_of_the_next);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
