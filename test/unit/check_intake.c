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
	size_t at = strlen(booked);

	if (take_result != SMX_OK)
		return take_result;
	snprintf(booked + at, sizeof(booked) - at,
	    "%s%s %s %d %s %lld:", at != 0 ? "; " : "", mail->queue_id,
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

/* ---- what is split off ---- */

/* Of a client that has authenticated itself. */
static void
ours(const char *const *rcpts)
{
	world.conf.mta_submit_held = "127.0.0.1:10028";
	session_guard(session, 1);
	ck_assert_int_eq(smx_session_auth(session, "PLAIN", "joe"), SMX_OK);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
	for (; *rcpts != NULL; rcpts++)
		ck_assert_int_eq(rcpt(*rcpts), SMX_OK);
	end();
	ck_assert(verdict.accept);
}

static const char *
struck(void)
{
	static char text[256];
	char *const *rcpts;
	size_t count = session_struck(session, &rcpts);

	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
		    rcpts[i]);
	return text;
}

static const char *const mixed[] = { "<backup-a@down1.example>",
	"<one@here.example>", "<backup-b@down1.example>", NULL };
static const char *const both[] = { "<backup-a@down1.example>",
	"<backup-b@down2.example>", NULL };
static const char *const three[] = { "<backup-a@down1.example>",
	"<backup-b@down2.example>", "<backup-c@up.example>", NULL };

START_TEST(what_has_to_wait_leaves_the_message)
{
	ours(mixed);
	ck_assert(!verdict.hold);
	ck_assert_str_eq(struck(),
	    "<backup-a@down1.example><backup-b@down1.example>");
	ck_assert_str_eq(booked,
	    "4jXKs1 down1.example 3 hold 5000: <backup-a@down1.example> "
	    "<backup-b@down1.example>");
	ck_assert_ptr_nonnull(strstr(world.envelope, "HOLD="));
	ck_assert_ptr_null(strstr(world.envelope, "here.example"));
	ck_assert_str_eq(world.queue_id, "4jXKs1");
	ck_assert(world.digest_matches);
	ck_assert_int_eq(world.held, 0);
}
END_TEST

START_TEST(a_part_has_its_copy_before_it_is_in_the_books)
{
	const char *order[] = { "begin shadow:0", "verdict:protected",
		"split:4jXKs0:down1.example", "submit:held:4jXKs0",
		"named:4jXKs1", "begin shadow:", "verdict:protected", "expect",
		"past" };
	const char *at;

	ours(mixed);
	at = world.journal;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		at = strstr(at, order[i]);
		ck_assert_msg(at != NULL, "%s in %s", order[i], world.journal);
		at += strlen(order[i]);
	}
}
END_TEST

START_TEST(with_nobody_else_the_message_is_the_first_domains)
{
	ours(both);
	ck_assert(verdict.hold);
	ck_assert_str_eq(verdict.hold_reason,
	    "shadowmx: backup of down1.example");
	ck_assert_str_eq(struck(), "<backup-b@down2.example>");
	ck_assert_str_eq(booked,
	    "4jXKs1 down2.example 3 hold 5000: <backup-b@down2.example>; "
	    "4jXKs0 down1.example 3 hold 5000: <backup-a@down1.example>");
}
END_TEST

START_TEST(each_domain_is_a_part_of_its_own)
{
	ours(three);
	ck_assert(!verdict.hold);
	ck_assert_str_eq(struck(),
	    "<backup-a@down1.example><backup-b@down2.example>");
	ck_assert_str_eq(booked,
	    "4jXKs1 down1.example 3 hold 5000: <backup-a@down1.example>; "
	    "4jXKs1 down2.example 3 hold 5000: <backup-b@down2.example>; "
	    "4jXKs0 up.example 2 pass 0: <backup-c@up.example>");
}
END_TEST

START_TEST(one_domain_alone_is_not_split)
{
	const char *const alone[] = { "<backup-a@down1.example>",
		"<backup-b@down1.example>", NULL };

	ours(alone);
	ck_assert(verdict.hold);
	ck_assert_str_eq(struck(), "");
	ck_assert_ptr_null(strstr(world.journal, "split:"));
}
END_TEST

START_TEST(whom_the_mta_refuses_stays_in_the_message)
{
	world.submit_refuses = "<backup-b@down1.example>";
	ours(mixed);
	ck_assert(!verdict.hold);
	ck_assert_str_eq(struck(), "<backup-a@down1.example>");
	ck_assert_str_eq(booked,
	    "4jXKs1 down1.example 3 hold 5000: <backup-a@down1.example>; "
	    "4jXKs0 down1.example 3 pass 0: <backup-b@down1.example>");
	ck_assert_ptr_null(strstr(world.envelope, "backup-b"));
}
END_TEST

/* As without it: nobody is struck out, all of them are ordinary mail. */
static void
stays(void)
{
	ours(mixed);
	ck_assert(!verdict.hold);
	ck_assert_str_eq(struck(), "");
	ck_assert_str_eq(booked,
	    "4jXKs0 down1.example 3 pass 0: <backup-a@down1.example> "
	    "<backup-b@down1.example>");
}

START_TEST(what_is_not_written_down_first_is_not_submitted)
{
	world.split_add_result = SMX_EIO;
	stays();
	ck_assert_ptr_null(strstr(world.journal, "submit"));
}
END_TEST

START_TEST(what_the_mta_does_not_take_stays)
{
	static const int results[] = { SMX_ETEMP, SMX_EREFUSED,
		SMX_EUNREACHABLE };

	world.submit_result = results[_i];
	stays();
	ck_assert_ptr_nonnull(strstr(world.journal, "drop"));
	ck_assert_ptr_null(strstr(world.journal, "erase"));
}
END_TEST

/* It may be there: who wrote it down must be able to find it. */
START_TEST(what_it_may_have_taken_is_not_forgotten)
{
	if (_i)
		world.submit_id = "";
	else
		world.submit_result = SMX_EUNSURE;
	stays();
	ck_assert_ptr_null(strstr(world.journal, "drop"));
}
END_TEST

START_TEST(what_cannot_be_followed_is_taken_back)
{
	if (_i == 0)
		world.split_name_result = SMX_EIO;
	else
		world.split_expect_result = SMX_EFULL;
	world.conf.mta_submit_held = "127.0.0.1:10028";
	ours(mixed);
	ck_assert_str_eq(struck(), "");
	ck_assert_ptr_nonnull(strstr(world.journal, "erase:4jXKs1"));
	ck_assert_ptr_nonnull(strstr(world.journal, "drop"));
	ck_assert_ptr_nonnull(strstr(booked, "4jXKs0 down1.example 3 pass"));
}
END_TEST

static int
take_message_only(const struct books_mail *mail)
{
	return strcmp(mail->queue_id, "4jXKs1") == 0 ? SMX_EFULL : take(mail);
}

START_TEST(what_the_books_do_not_take_is_taken_back)
{
	world.books_take = take_message_only;
	stays();
	ck_assert_ptr_nonnull(strstr(world.journal, "erase:4jXKs1 drop past"));
}
END_TEST

START_TEST(what_cannot_be_taken_back_is_in_the_books_and_told_of)
{
	world.split_expect_result = SMX_EFULL;
	world.erase_result = SMX_ETIMEOUT;
	ours(mixed);
	ck_assert_str_eq(struck(), "");
	ck_assert_ptr_nonnull(strstr(booked, "4jXKs1 down1.example 3 hold"));
	ck_assert_ptr_nonnull(strstr(world.journal, "kept:not_removed"));
}
END_TEST

/* Copied once, and not a second time. */
static int64_t copies;

static int
one_copy(void *ctx, int64_t waited_ms)
{
	(void)ctx, (void)waited_ms;
	world.peer[0].result = world.peer[1].result = SMX_EIO;
	copies++;
	return 0;
}

START_TEST(a_part_without_its_copy_is_taken_back)
{
	static const char *const rcpts[] = { "<backup-a@down1.example>",
		"<one@here.example>" };

	world.conf.mta_submit_held = "127.0.0.1:10028";
	copies = 0;
	session_guard(session, 1);
	ck_assert_int_eq(smx_session_auth(session, "PLAIN", "joe"), SMX_OK);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(rcpt(rcpts[i]), SMX_OK);
	(void)smx_session_end(session, one_copy, NULL, &verdict);
	ck_assert_int_gt(copies, 0);
	ck_assert(verdict.accept);
	ck_assert_str_eq(struck(), "");
	ck_assert_ptr_nonnull(strstr(world.journal, "verdict:refused"));
	ck_assert_ptr_nonnull(strstr(world.journal, "erase:4jXKs1"));
	ck_assert_ptr_nonnull(strstr(booked, "4jXKs0 down1.example 3 pass"));
}
END_TEST

START_TEST(without_a_way_or_without_striking_out_nothing_is_split)
{
	world.conf.mta_submit_held = _i ? "127.0.0.1:10028" : "";
	session_guard(session, !_i);
	ck_assert_int_eq(smx_session_auth(session, "PLAIN", "joe"), SMX_OK);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
	ck_assert_int_eq(rcpt(mixed[0]), SMX_OK);
	ck_assert_int_eq(rcpt(mixed[1]), SMX_OK);
	end();
	ck_assert(verdict.accept && !verdict.hold);
	ck_assert_ptr_null(strstr(world.journal, "split:"));
}
END_TEST

START_TEST(without_a_shadow_it_is_split_all_the_same)
{
	const char *const rcpts[] = { "<none-backup@down1.example>",
		"<none@here.example>", NULL };

	ours(rcpts);
	ck_assert_str_eq(struck(), "<none-backup@down1.example>");
	ck_assert_ptr_null(strstr(world.journal, "begin"));
	ck_assert_ptr_nonnull(strstr(booked, "4jXKs1 down1.example 3 hold"));
}
END_TEST

START_TEST(a_client_that_waits_no_longer_is_not_kept_waiting)
{
	world.max_delay_ms = 50;
	stays();
	ck_assert_ptr_null(strstr(world.journal, "split:"));
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
	tcase_add_test(tc, what_has_to_wait_leaves_the_message);
	tcase_add_test(tc, a_part_has_its_copy_before_it_is_in_the_books);
	tcase_add_test(tc, with_nobody_else_the_message_is_the_first_domains);
	tcase_add_test(tc, each_domain_is_a_part_of_its_own);
	tcase_add_test(tc, one_domain_alone_is_not_split);
	tcase_add_test(tc, whom_the_mta_refuses_stays_in_the_message);
	tcase_add_test(tc, what_is_not_written_down_first_is_not_submitted);
	tcase_add_loop_test(tc, what_the_mta_does_not_take_stays, 0, 3);
	tcase_add_loop_test(tc, what_it_may_have_taken_is_not_forgotten, 0, 2);
	tcase_add_loop_test(tc, what_cannot_be_followed_is_taken_back, 0, 2);
	tcase_add_test(tc, what_the_books_do_not_take_is_taken_back);
	tcase_add_test(tc,
	    what_cannot_be_taken_back_is_in_the_books_and_told_of);
	tcase_add_test(tc, a_part_without_its_copy_is_taken_back);
	tcase_add_loop_test(tc,
	    without_a_way_or_without_striking_out_nothing_is_split, 0, 2);
	tcase_add_test(tc, without_a_shadow_it_is_split_all_the_same);
	tcase_add_test(tc, a_client_that_waits_no_longer_is_not_kept_waiting);
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
