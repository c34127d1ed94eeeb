/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_hop.h"
#include "folder.h"
#include "glue/courier.h"
#include "glue/session.h"
#include "session_world.h"

/*
 * A whole session before next hops that do everything: which recipients are
 * where in the end, and what the client was told.  It comes again when it is
 * told to.
 */

static struct smx_session *session;
static struct smx_verdict verdict;
static char *const *struck;
static size_t struck_count;
static const char *rcpts[8];
static int taken_in[8]; /* at RCPT */
static size_t count;

static void
open_courier(int with_book)
{
	struct courier_options options = { .conf = &world.conf,
		.folder = with_book ? folder : NULL };

	ck_assert_int_eq(courier_new(&world.courier, &options), SMX_OK);
}

static void
begin(void)
{
	struct conf *conf = &world.conf;

	folder_make();
	world_reset();
	memset(&fake_hop, 0, sizeof(fake_hop));
	world.max_delay_ms = 24;
	conf->node = "mx1.example.org";
	conf->store_path = folder;
	conf->delivery_helo = conf->delivery_tls_ca = "";
	conf->delivery_rcpt_wait_ms = 2;
	conf->delivery_max_held = 10;
	conf->delivery_max_held_client = 3;
	conf->delivery_backoff_ms = 10000;
	conf->delivery_backoff_max_ms = 10000;
	open_courier(1);
	session = world_session();
	session_guard(session, 1);
}

static void
end(void)
{
	smx_session_free(&session);
	ck_assert_uint_eq(fake_hop.open, 0);
	courier_free(&world.courier);
	ck_assert_int_eq(world.held, 0);
	world_free();
	folder_remove();
}

/* No next hop is down for what an earlier message met. */
static void
arrives(const char *id, unsigned names)
{
	size_t closed;

	(void)courier_reset(world.courier, NULL, &closed);
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	for (size_t i = 0; i < count; i++) {
		int rc = smx_session_rcpt(session, rcpts[i], NULL, 0);

		ck_assert(
		    rc == SMX_OK || rc == SMX_EREFUSED || rc == SMX_ETEMP);
		taken_in[i] = rc == SMX_OK;
	}
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
	ck_assert_int_eq(smx_session_header(session, "X-Test", id), SMX_OK);
	for (; names != 0; names--)
		ck_assert_int_eq(smx_session_header(session, "Message-ID", id),
		    SMX_OK);
	ck_assert_int_eq(smx_session_body(session, "x\r\n", 3), SMX_OK);
	world_end(session, &verdict);
	struck_count = session_struck(session, &struck);
}

static int
is_struck(const char *rcpt)
{
	for (size_t i = 0; i < struck_count; i++)
		if (strcmp(struck[i], rcpt) == 0)
			return 1;
	return 0;
}

static int
is_discarded(void)
{
	return verdict.accept && (verdict.earned == SMX_EARNED_DELIVERED ||
				     verdict.earned == SMX_EARNED_RESENT);
}

static int
all_taken_in_are(const char *word)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (taken_in[i]) {
			if (strncmp(rcpts[i] + 1, word, strlen(word)) != 0)
				return 0;
			n++;
		}
	return n != 0;
}

static void
judge(void)
{
	for (size_t i = 0; i < count; i++) {
		int here =
		    verdict.accept && !is_discarded() && !is_struck(rcpts[i]);

		if (!taken_in[i])
			continue;
		/* Nobody is lost. */
		ck_assert_msg(!verdict.accept || here ||
				  fake_hop.delivered[i] != 0,
		    "%s is nowhere", rcpts[i]);
		/* Nobody gets it from the MTA whom a next hop has served. */
		ck_assert_msg(!here || fake_hop.delivered[i] == 0,
		    "%s gets it twice", rcpts[i]);
		ck_assert_uint_le(fake_hop.delivered[i], 1);
	}
	if (!verdict.accept && verdict.code[0] == '5')
		ck_assert(all_taken_in_are("no"));
}

static int
any_delivered(void)
{
	for (size_t i = 0; i < count; i++)
		if (fake_hop.delivered[i] != 0)
			return 1;
	return 0;
}

/* What comes next is tried until it is taken: copies can be had again. */
static void
play(const char *id, int with_copies, int with_book)
{
	size_t closed;

	memset(fake_hop.delivered, 0, sizeof(fake_hop.delivered));
	world.candidates = with_copies ? 2 : 0;
	arrives(id, with_book ? 1 : 2);
	judge();
	if (verdict.accept || verdict.code[0] == '5')
		return;
	ck_assert_msg(with_book || !any_delivered(), "refused, unrecorded");
	/* Also by another worker. */
	courier_free(&world.courier);
	open_courier(1);
	(void)courier_reset(world.courier, NULL, &closed);
	world.candidates = 2;
	arrives(id, with_book ? 1 : 2);
	judge();
}

static const char *const kinds[] = { "yes", "no", "temp", "unsure", "slow",
	"lost", "rno", "rtemp", "rslow", "gone", "plain" };
static const char *const wishes[] = { "hop", "hop-accept", "only",
	"only-accept" };
#define KINDS  (sizeof(kinds) / sizeof(*kinds))
#define WISHES (sizeof(wishes) / sizeof(*wishes))

static char text[8][64];

/* Which next hop: the first and the third share one. */
static void
recipient(size_t at, const char *kind, const char *wish)
{
	snprintf(text[at], sizeof(text[at]), "<%s%zu-%s-%c@example.com>", kind,
	    at, strcmp(kind, "plain") == 0 ? "later" : wish,
	    at % 2 == 0 ? 'a' : 'b');
	rcpts[at] = text[at];
}

START_TEST(two_recipients_end_where_they_should_in_every_combination)
{
	char id[32];
	int n = 0;

	count = 2;
	for (size_t a = 0; a < KINDS * WISHES; a++)
		for (size_t b = 0; b < KINDS * WISHES; b++) {
			recipient(0, kinds[a % KINDS], wishes[a / KINDS]);
			recipient(1, kinds[b % KINDS], wishes[b / KINDS]);
			snprintf(id, sizeof(id), " <%d.%d@x>", _i, n++);
			play(id, _i & 1, _i >> 1);
		}
}
END_TEST

START_TEST(three_recipients_end_where_they_should_in_every_combination)
{
	static const size_t some[] = { 0, 1, 2, 3, 5, 9, 10 };
	const size_t most = sizeof(some) / sizeof(*some);
	char id[32];
	int n = 0;

	count = 3;
	for (size_t a = 0; a < most; a++)
		for (size_t b = 0; b < most; b++)
			for (size_t c = 0; c < most; c++) {
				recipient(0, kinds[some[a]], "hop");
				recipient(1, kinds[some[b]], "only");
				recipient(2, kinds[some[c]], "hop");
				snprintf(id, sizeof(id), " <%d.%d@y>", _i, n++);
				play(id, _i & 1, _i >> 1);
			}
}
END_TEST

static void
to(const char *first, const char *second)
{
	rcpts[0] = first;
	rcpts[1] = second;
	count = second == NULL ? 1 : 2;
}

START_TEST(all_delivered_is_discarded_and_nobody_is_asked_for_a_copy)
{
	to("<yes0-hop-a@x>", "<yes1-hop-b@x>");
	arrives(" <1@x>", 1);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_DELIVERED);
	ck_assert_str_eq(world.journal, "");
	ck_assert_ptr_nonnull(strstr(world.log, "ack=delivered"));
	ck_assert_ptr_nonnull(strstr(world.log, "delivered=2 rest=0"));
}
END_TEST

START_TEST(the_next_hops_words_are_the_answer)
{
	to("<no0-hop-a@x>", NULL);
	arrives(" <1@x>", 1);
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_str_eq(verdict.code, "554");
	ck_assert_str_eq(verdict.enhanced, "5.7.1");
	ck_assert_str_eq(verdict.text, "Not wanted");
	ck_assert_ptr_nonnull(strstr(world.log, "reason=next-hop"));
	to("<temp0-only-a@x>", NULL);
	arrives(" <2@x>", 1);
	ck_assert_str_eq(verdict.code, "452");
	ck_assert_str_eq(verdict.text, "Full");
}
END_TEST

START_TEST(delivery_alone_is_refused_for_a_while_and_then_accepted)
{
	to("<temp0-only-later-a@x>", NULL);
	world.trouble_ms = 599999;
	arrives(" <1@x>", 1);
	ck_assert_int_eq(verdict.accept, 0);
	ck_assert_int_eq(world.trouble_told, 1);
	world.trouble_ms = 600000;
	arrives(" <2@x>", 1);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_UNPROTECTED);
	to("<yes0-only-later-a@x>", NULL);
	arrives(" <3@x>", 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_DELIVERED);
	ck_assert_int_eq(world.trouble_told, 0);
}
END_TEST

START_TEST(who_is_refused_at_rcpt_is_not_in_the_message)
{
	to("<rno0-hop-a@x>", "<yes1-hop-b@x>");
	arrives(" <1@x>", 1);
	ck_assert(!taken_in[0] && taken_in[1]);
	session_reply(session, &verdict);
	ck_assert_str_eq(verdict.code, "554");
	ck_assert_uint_eq(fake_hop.delivered[1], 1);
}
END_TEST

START_TEST(the_rest_is_held_with_its_own_wish)
{
	to("<yes0-hop-a@x>", "<slow1-hop-b@x>");
	arrives(" <1@x>", 1);
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
	ck_assert_uint_eq(struck_count, 1);
	ck_assert_str_eq(struck[0], "<yes0-hop-a@x>");
	ck_assert_uint_eq(world.registered.recipients, 1);
	ck_assert_ptr_null(strstr(world.envelope, "yes0"));
}
END_TEST

START_TEST(too_many_that_wait_go_on_with_the_other_proofs)
{
	world.conf.delivery_max_held = 0;
	to("<yes0-hop-a@x>", NULL);
	arrives(" <1@x>", 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
	ck_assert_uint_eq(fake_hop.asked, 0);
	/* One client's share is used up; another one's is not. */
	world.conf.delivery_max_held = 10;
	world.conf.delivery_max_held_client = 1;
	ck_assert_int_eq(courier_enter(world.courier, &world.conf, "192.0.2.7"),
	    SMX_OK);
	arrives(" <2@x>", 1);
	ck_assert_uint_eq(fake_hop.asked, 0);
	courier_leave(world.courier, "192.0.2.7");
	ck_assert_int_eq(courier_enter(world.courier, &world.conf, "192.0.2.8"),
	    SMX_OK);
	arrives(" <3@x>", 1);
	ck_assert_uint_eq(fake_hop.asked, 1);
	courier_leave(world.courier, "192.0.2.8");
}
END_TEST

START_TEST(who_cannot_strike_out_is_not_delivered_for)
{
	session_guard(session, 0);
	to("<yes0-hop-a@x>", NULL);
	arrives(" <1@x>", 1);
	ck_assert_int_eq(verdict.earned, SMX_EARNED_SHADOWED);
	session_guard(session, 1);
	session_whole(session, 1);
	arrives(" <2@x>", 1);
	ck_assert_uint_eq(fake_hop.asked, 0);
}
END_TEST

START_TEST(a_message_that_is_given_up_leaves_no_transaction)
{
	ck_assert_int_eq(smx_session_mail(session, "<s@example.net>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<yes0-hop-a@x>", NULL, 0),
	    SMX_OK);
	ck_assert_uint_eq(fake_hop.open, 1);
	smx_session_abort(session);
	ck_assert_uint_eq(fake_hop.open, 0);
	ck_assert_uint_eq(fake_hop.delivered[0], 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("handover");
	TCase *tc = tcase_create("session");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc,
	    two_recipients_end_where_they_should_in_every_combination, 0, 4);
	tcase_add_loop_test(tc,
	    three_recipients_end_where_they_should_in_every_combination, 0, 4);
	tcase_add_test(tc,
	    all_delivered_is_discarded_and_nobody_is_asked_for_a_copy);
	tcase_add_test(tc, the_next_hops_words_are_the_answer);
	tcase_add_test(tc,
	    delivery_alone_is_refused_for_a_while_and_then_accepted);
	tcase_add_test(tc, who_is_refused_at_rcpt_is_not_in_the_message);
	tcase_add_test(tc, the_rest_is_held_with_its_own_wish);
	tcase_add_test(tc, too_many_that_wait_go_on_with_the_other_proofs);
	tcase_add_test(tc, who_cannot_strike_out_is_not_delivered_for);
	tcase_add_test(tc, a_message_that_is_given_up_leaves_no_transaction);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
