/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/custody.h"

#define ID    "4jXKs073lDz1bkTK"
#define OTHER "4jXKs073lFz1bkTM"
#define ANN   UINT64_C(0xa1)
#define BOB   UINT64_C(0xb2)
#define LONG  60000

static struct custody_table table;
static int64_t now;
static char deeds[1024];

static void
on_deed(void *ctx, const struct custody_deed *deed)
{
	size_t at = strlen(deeds);
	char *out = deeds + at;
	size_t room = sizeof(deeds) - at;

	(void)ctx;
	switch (deed->kind) {
	case CUSTODY_MOVES:
		snprintf(out, room, "%" PRId64 " moves %d;", deed->mail,
		    (int)deed->custody);
		break;
	case CUSTODY_RENAMES:
		snprintf(out, room, "%" PRId64 " is %s;", deed->mail, deed->id);
		break;
	case CUSTODY_ANSWERS:
		snprintf(out, room, "%" PRId64 " %" PRIx64 "%s ends %d;",
		    deed->mail, deed->hash, deed->rewritten ? " as others" : "",
		    (int)deed->end);
		break;
	case CUSTODY_REFUSES:
		snprintf(out, room, "%" PRId64 " %" PRIx64 " is none;",
		    deed->mail, deed->hash);
		break;
	case CUSTODY_ENDS:
		snprintf(out, room, "%" PRId64 " ends %d;", deed->mail,
		    (int)deed->end);
		break;
	}
}

static void
done(const char *expected)
{
	ck_assert_str_eq(deeds, expected);
	deeds[0] = '\0';
}

static void
fresh(void)
{
	now = 1000000;
	deeds[0] = '\0';
	ck_assert_int_eq(custody_init(&table, 1, 100, on_deed, NULL), SMX_OK);
}

static void
gone(void)
{
	custody_free(&table);
}

static int
enter(int64_t mail, const char *id, enum custody custody, int hold, int taken)
{
	static const uint64_t open[] = { ANN, BOB };
	struct custody_new new = { .mail = mail,
		.queue_id = id,
		.domain = "example.org",
		.size = 1000,
		.custody = custody,
		.hold = hold,
		.fresh = taken,
		.open = open,
		.count = 2 };

	return custody_add(&table, &new, now);
}

static void
tell(enum smx_queue_event_kind kind, const char *id, const char *other)
{
	struct smx_queue_event event = { .kind = kind };

	snprintf(event.id, sizeof(event.id), "%s", id);
	snprintf(event.other, sizeof(event.other), "%s", other);
	custody_event(&table, &event, now);
}

static void
tell_rcpt(enum smx_queue_event_kind kind, uint64_t hash)
{
	char hex[17];

	snprintf(hex, sizeof(hex), "%016" PRIx64, hash);
	tell(kind, ID, hex);
}

/* The token of the next question for it; 0: nothing is asked for long. */
static uint64_t
asked(void)
{
	const char *ids[10];
	uint64_t token = 0;

	for (int64_t until = now + LONG; now < until; now += 50)
		if (custody_verify_next(&table, now, ids, 10, &token) != 0)
			return token;
	return 0;
}

static void
shows(enum smx_presence presence, const char *other, uint64_t token)
{
	struct smx_queue_event event = { .kind = SMX_QUEUE_VERIFIED,
		.presence = presence,
		.token = token };

	snprintf(event.id, sizeof(event.id), "%s", ID);
	snprintf(event.other, sizeof(event.other), "%s", other);
	custody_event(&table, &event, now);
}

static void
is_absent(void)
{
	shows(SMX_PRESENCE_ABSENT, "", asked());
}

static int
read_says(int held)
{
	struct smx_queue_event event = { .kind = SMX_QUEUE_READ,
		.held = held,
		.text = deeds };
	const char *ids[10];

	for (int64_t until = now + LONG; now < until; now += 50)
		if (custody_read_next(&table, now, ids, 10, &event.token) !=
		    0) {
			snprintf(event.id, sizeof(event.id), "%s", ids[0]);
			custody_event(&table, &event, now);
			return 1;
		}
	return 0;
}

START_TEST(what_was_told_to_be_held_is_held_when_it_is_committed)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_TAKEN, 1, 1), SMX_OK);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->held, 1);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->held_bytes,
	    1000);
	tell(SMX_QUEUE_COMMITTED, ID, "");
	done("1 moves 2;");
	ck_assert_uint_eq(custody_domain(&table, "example.org")->held, 1);
}
END_TEST

START_TEST(ordinary_mail_is_on_its_way_when_it_is_committed)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_TAKEN, 0, 1), SMX_OK);
	tell(SMX_QUEUE_COMMITTED, ID, "");
	done("1 moves 4;");
	ck_assert_uint_eq(custody_domain(&table, "example.org")->queued, 1);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->held, 0);
}
END_TEST

START_TEST(what_a_person_had_on_hold_is_held_by_hand_from_the_first)
{
	static const uint64_t open[] = { ANN };
	struct custody_new new = { .mail = 1,
		.queue_id = ID,
		.domain = "example.org",
		.custody = CUSTODY_TAKEN,
		.by_hand = 1,
		.fresh = 1,
		.open = open,
		.count = 1 };

	ck_assert_int_eq(custody_add(&table, &new, now), SMX_OK);
	tell(SMX_QUEUE_COMMITTED, ID, "");
	done("1 moves 3;");
}
END_TEST

START_TEST(who_was_handed_over_does_not_end_again)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	custody_handed(&table, 1, ANN);
	custody_handed(&table, 1, ANN);
	custody_handed(&table, 7, ANN);
	ck_assert_uint_eq(custody_find(&table, 1)->open, 1);
	tell(SMX_QUEUE_DELETED, ID, "");
	is_absent();
	/* Bob was not, and somebody removed his. */
	done("1 ends 4;");
}
END_TEST

START_TEST(handed_to_all_and_gone_is_the_end_at_once)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	custody_handed_all(&table, 1);
	tell(SMX_QUEUE_DELETED, ID, "");
	is_absent();
	done("1 ends 2;");
	ck_assert_uint_eq(custody_domain(&table, "example.org")->delivered, 0);
}
END_TEST

/* The removal of the former file is no end of who goes on under another id. */
START_TEST(who_goes_on_is_not_deleted_with_the_former_file)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	custody_handed(&table, 1, ANN);
	custody_became(&table, 1, OTHER, now);
	tell(SMX_QUEUE_DELETED, ID, "");
	tell(SMX_QUEUE_GONE, ID, "");
	done("");
	ck_assert_uint_eq(custody_domain(&table, "example.org")->queued, 1);
	ck_assert_ptr_nonnull(custody_first_id(&table, OTHER));
	ck_assert_ptr_null(custody_first_id(&table, ID));
	custody_became(&table, 7, OTHER, now);
	custody_became(&table, 1, "no id!", now);
	ck_assert_ptr_nonnull(custody_first_id(&table, OTHER));
}
END_TEST

START_TEST(delivered_to_all_and_gone_is_the_end_at_once)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_TAKEN, 0, 1), SMX_OK);
	tell(SMX_QUEUE_COMMITTED, ID, "");
	tell_rcpt(SMX_QUEUE_SENT, ANN);
	tell_rcpt(SMX_QUEUE_SENT, ANN);
	tell_rcpt(SMX_QUEUE_SENT, BOB);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->delivered, 2);
	done("1 moves 4;1 a1 ends 2;1 b2 ends 2;");
	tell(SMX_QUEUE_GONE, ID, "");
	is_absent();
	done("1 ends 2;");
	ck_assert_uint_eq(custody_domain(&table, "example.org")->queued, 0);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->ended, 1);
	ck_assert_ptr_null(custody_find(&table, 1));
}
END_TEST

START_TEST(with_a_notice_those_that_are_left_were_returned)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	tell_rcpt(SMX_QUEUE_SENT, ANN);
	tell(SMX_QUEUE_RETURNED, ID, OTHER);
	is_absent();
	done("1 a1 ends 2;1 ends 3;");
}
END_TEST

START_TEST(given_up_for_one_without_a_notice_is_returned_too)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	tell_rcpt(SMX_QUEUE_BOUNCED, ANN);
	tell_rcpt(SMX_QUEUE_SENT, BOB);
	is_absent();
	done("1 a1 ends 3;1 b2 ends 2;1 ends 2;");
}
END_TEST

START_TEST(given_up_for_all_that_were_left)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	tell_rcpt(SMX_QUEUE_SENT, ANN);
	tell(SMX_QUEUE_BOUNCED, ID, "");
	is_absent();
	done("1 a1 ends 2;1 ends 3;");
}
END_TEST

/* Asked again until the log has had its time. */
static unsigned
absent_until_it_ends(void)
{
	unsigned looks = 0;

	for (; custody_find(&table, 1) != NULL && looks < 100; looks++)
		is_absent();
	return looks;
}

static const struct {
	const char *ann; /* s, b: of each address that was made of it */
	const char *end;
} rewritten[] = {
	{ "s", "1 b2 ends 2;1 a1 as others ends 2;1 ends 2;" },
	{ "ss", "1 b2 ends 2;1 a1 as others ends 2;1 ends 2;" },
	{ "b", "1 b2 ends 2;1 a1 as others ends 3;1 ends 2;" },
	{ "sb", "1 b2 ends 2;1 a1 as others ends 3;1 ends 2;" },
	{ "bs", "1 b2 ends 2;1 a1 as others ends 3;1 ends 2;" },
	/* a notice of the other one */
	{ "sr", "1 b2 ends 2;1 a1 as others ends 2;1 ends 2;" },
	/* a person removed what was left */
	{ "sd", "1 b2 ends 2;1 ends 4;" },
};

/* Only when it is gone nothing more can come of them. */
START_TEST(rewritten_recipients_end_as_their_addresses_did)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	for (const char *p = rewritten[_i].ann; *p != '\0'; p++)
		switch (*p) {
		case 's':
			tell_rcpt(SMX_QUEUE_SENT_AS, ANN);
			break;
		case 'b':
			tell_rcpt(SMX_QUEUE_BOUNCED_AS, ANN);
			break;
		case 'r':
			tell(SMX_QUEUE_RETURNED, ID, OTHER);
			break;
		default:
			tell(SMX_QUEUE_DELETED, ID, "");
			break;
		}
	tell_rcpt(SMX_QUEUE_SENT, BOB);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->delivered, 1);
	(void)absent_until_it_ends();
	done(rewritten[_i].end);
}
END_TEST

/* The last line is behind the folders. */
START_TEST(the_log_may_lag_when_a_recipient_was_rewritten)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	tell_rcpt(SMX_QUEUE_SENT, BOB);
	tell_rcpt(SMX_QUEUE_SENT_AS, ANN);
	is_absent();
	ck_assert_ptr_nonnull(custody_find(&table, 1));
	tell_rcpt(SMX_QUEUE_BOUNCED_AS, ANN);
	(void)absent_until_it_ends();
	done("1 b2 ends 2;1 a1 as others ends 3;1 ends 2;");
}
END_TEST

START_TEST(a_refusal_is_of_a_recipient_that_is_open)
{
	struct smx_queue_event event = { .kind = SMX_QUEUE_REFUSED,
		.id = ID,
		.token = ANN };

	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	ck_assert_str_eq(custody_whose(&table, ID, ANN), "example.org");
	ck_assert_ptr_null(custody_whose(&table, OTHER, ANN));
	ck_assert_ptr_null(custody_whose(&table, ID, 77));
	custody_event(&table, &event, now);
	tell_rcpt(SMX_QUEUE_BOUNCED, ANN);
	done("1 a1 is none;1 a1 ends 3;");
	custody_event(&table, &event, now);
	ck_assert_ptr_null(custody_whose(&table, ID, ANN));
	done("");
}
END_TEST

static const struct {
	enum custody custody;
	int hold, fresh, committed, deleted;
	const char *end;
} vanish[] = {
	/* nothing says why: unaccounted */
	{ CUSTODY_QUEUED, 0, 0, 0, 0, "1 ends 5;" },
	{ CUSTODY_QUEUED, 0, 0, 0, 1, "1 ends 4;" },
	{ CUSTODY_HELD, 1, 0, 0, 0, "1 ends 4;" },
	{ CUSTODY_HELD_BY, 1, 0, 0, 0, "1 ends 4;" },
	/* never committed */
	{ CUSTODY_TAKEN, 1, 1, 0, 0, "1 ends 4;" },
	{ CUSTODY_TAKEN, 1, 0, 0, 0, "1 ends 4;" },
	{ CUSTODY_TAKEN, 0, 1, 0, 0, "1 ends 4;" },
	{ CUSTODY_TAKEN, 0, 1, 1, 0, "1 moves 4;1 ends 5;" },
};

START_TEST(what_vanished_without_a_word)
{
	int64_t began;

	ck_assert_int_eq(enter(1, ID, vanish[_i].custody, vanish[_i].hold,
			     vanish[_i].fresh),
	    SMX_OK);
	if (vanish[_i].committed)
		tell(SMX_QUEUE_COMMITTED, ID, "");
	if (vanish[_i].deleted)
		tell(SMX_QUEUE_DELETED, ID, "");
	tell(SMX_QUEUE_GONE, ID, "");
	began = now;
	ck_assert_uint_eq(absent_until_it_ends(), vanish[_i].deleted ? 1 : 6);
	ck_assert_int_lt(now - began, 15000);
	done(vanish[_i].end);
}
END_TEST

START_TEST(the_log_may_come_late)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	is_absent();
	is_absent();
	tell_rcpt(SMX_QUEUE_SENT, ANN);
	tell_rcpt(SMX_QUEUE_SENT, BOB);
	is_absent();
	done("1 a1 ends 2;1 b2 ends 2;1 ends 2;");
}
END_TEST

START_TEST(a_look_from_before_it_was_taken_proves_nothing)
{
	uint64_t token;

	ck_assert_int_eq(enter(7, OTHER, CUSTODY_QUEUED, 0, 0), SMX_OK);
	token = asked();
	ck_assert_int_eq(enter(1, ID, CUSTODY_TAKEN, 1, 1), SMX_OK);
	tell(SMX_QUEUE_COMMITTED, ID, "");
	done("1 moves 2;");
	for (int i = 0; i < 20; i++)
		shows(SMX_PRESENCE_ABSENT, "", token);
	/* nor does one that was never asked for */
	shows(SMX_PRESENCE_STRAY, "", 4711);
	ck_assert_ptr_nonnull(custody_find(&table, 1));
	done("");
}
END_TEST

START_TEST(a_person_who_releases_is_noticed)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	ck_assert(read_says(1));
	done("");
	tell(SMX_QUEUE_MOVED, ID, "");
	ck_assert(read_says(0));
	done("1 moves 4;");
}
END_TEST

START_TEST(a_person_who_holds_is_noticed)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	ck_assert(read_says(0));
	tell(SMX_QUEUE_MOVED, ID, "");
	ck_assert(read_says(1));
	done("1 moves 3;");
}
END_TEST

START_TEST(after_a_restart_the_file_tells_what_is_held)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_TAKEN, 1, 0), SMX_OK);
	shows(SMX_PRESENCE_THERE, "", asked());
	done("");
	ck_assert(read_says(_i));
	done(_i ? "1 moves 2;" : "1 moves 4;");
}
END_TEST

START_TEST(our_own_release_is_nobody_elses)
{
	const struct custody_domain *domain;

	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	ck_assert(read_says(1));
	domain = custody_domain(&table, "example.org");
	if (_i) /* the folder was faster than the word */
		tell(SMX_QUEUE_MOVED, ID, "");
	custody_moved(&table, 1, CUSTODY_QUEUED, now);
	if (!_i)
		tell(SMX_QUEUE_MOVED, ID, "");
	ck_assert_uint_eq(domain->deferred, 0);
	ck_assert_uint_eq(domain->queued, 1);
	ck_assert(read_says(0));
	done("");
	tell(SMX_QUEUE_MOVED, ID, "");
	ck_assert_uint_eq(domain->deferred, 1);
}
END_TEST

START_TEST(a_requeue_is_followed)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	ck_assert(read_says(1));
	tell(SMX_QUEUE_REQUEUED, ID, "");
	shows(SMX_PRESENCE_UNKNOWN, "", asked());
	tell(SMX_QUEUE_LINKED, ID, OTHER);
	shows(SMX_PRESENCE_LINKED, OTHER, asked());
	done("1 is " OTHER ";1 moves 4;");
	ck_assert_str_eq(custody_find(&table, 1)->id, OTHER);
	tell(SMX_QUEUE_DELETED, ID, "");
	ck_assert(!custody_find(&table, 1)->deleted);
}
END_TEST

START_TEST(a_requeue_that_nobody_can_follow_is_unaccounted)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_QUEUED, 0, 0), SMX_OK);
	tell(SMX_QUEUE_REQUEUED, ID, "");
	now += LONG;
	for (int i = 0; i < 9; i++) {
		now += 10 * LONG;
		is_absent();
	}
	done("");
	now += 10 * LONG;
	is_absent();
	done("1 ends 5;");
}
END_TEST

START_TEST(what_was_in_a_queue_that_is_gone_was_not_deleted)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	custody_replaced(&table);
	ck_assert_uint_eq(absent_until_it_ends(), 6);
	done("1 ends 5;");
}
END_TEST

START_TEST(a_short_id_that_is_used_again_ends_the_former)
{
	ck_assert_int_eq(enter(1, "4F1A22B3C", CUSTODY_QUEUED, 0, 0), SMX_OK);
	ck_assert_int_eq(enter(2, "4F1A22B3C", CUSTODY_TAKEN, 1, 1), SMX_OK);
	for (int i = 0; i < 20; i++) {
		struct smx_queue_event event = { .kind = SMX_QUEUE_VERIFIED,
			.presence = SMX_PRESENCE_THERE,
			.id = "4F1A22B3C",
			.token = asked() };

		custody_event(&table, &event, now);
	}
	ck_assert_ptr_null(custody_find(&table, 1));
	ck_assert_ptr_nonnull(custody_find(&table, 2));
	done("2 moves 2;1 ends 5;");
}
END_TEST

START_TEST(a_stray_was_never_committed)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_TAKEN, 1, 1), SMX_OK);
	shows(SMX_PRESENCE_STRAY, "", asked());
	done("1 ends 4;");
}
END_TEST

START_TEST(after_lost_hints_all_are_looked_for_and_read)
{
	ck_assert_int_eq(enter(1, ID, CUSTODY_HELD, 1, 0), SMX_OK);
	ck_assert(read_says(1));
	shows(SMX_PRESENCE_THERE, "", asked());
	ck_assert_uint_eq(asked(), 0);
	tell(SMX_QUEUE_RESET, "", "");
	ck_assert_uint_ne(asked(), 0);
	ck_assert(read_says(0));
	done("1 moves 4;");
}
END_TEST

START_TEST(others_are_none_of_its_business)
{
	for (int kind = SMX_QUEUE_COMMITTED; kind <= SMX_QUEUE_REFUSED; kind++)
		if (kind != SMX_QUEUE_VERIFIED && kind != SMX_QUEUE_READ)
			tell((enum smx_queue_event_kind)kind, OTHER, "a1");
	ck_assert_uint_eq(asked(), 0);
	done("");
}
END_TEST

START_TEST(there_is_a_ceiling_and_it_is_told)
{
	char id[32];

	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "4F1A22%03X", (unsigned)i);
		ck_assert_int_eq(enter(i + 1, id, CUSTODY_HELD, 1, 0), SMX_OK);
	}
	ck_assert(!table.unfollowed);
	ck_assert_int_eq(enter(101, ID, CUSTODY_HELD, 1, 0), SMX_EFULL);
	ck_assert(table.unfollowed);
	custody_forget(&table);
	ck_assert(!table.unfollowed);
	ck_assert_uint_eq(custody_domain(&table, "example.org")->held, 0);
}
END_TEST

START_TEST(reads_are_paced)
{
	const char *ids[200];
	uint64_t token;
	size_t n = 0;
	char id[32];

	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "4F1A22%03X", (unsigned)i);
		ck_assert_int_eq(enter(i + 1, id, CUSTODY_HELD, 1, 0), SMX_OK);
	}
	now += LONG;
	for (int i = 0; i < 100; i++) {
		n += custody_read_next(&table, now, ids, 7, &token);
		now += 5;
	}
	ck_assert_uint_eq(n, 100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("custody");
	TCase *tc = tcase_create("evidence");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_add_test(tc,
	    what_was_told_to_be_held_is_held_when_it_is_committed);
	tcase_add_test(tc, ordinary_mail_is_on_its_way_when_it_is_committed);
	tcase_add_test(tc,
	    what_a_person_had_on_hold_is_held_by_hand_from_the_first);
	tcase_add_test(tc, who_was_handed_over_does_not_end_again);
	tcase_add_test(tc, handed_to_all_and_gone_is_the_end_at_once);
	tcase_add_test(tc, who_goes_on_is_not_deleted_with_the_former_file);
	tcase_add_test(tc, delivered_to_all_and_gone_is_the_end_at_once);
	tcase_add_test(tc, with_a_notice_those_that_are_left_were_returned);
	tcase_add_test(tc, given_up_for_one_without_a_notice_is_returned_too);
	tcase_add_test(tc, given_up_for_all_that_were_left);
	tcase_add_loop_test(tc, what_vanished_without_a_word, 0,
	    sizeof(vanish) / sizeof(*vanish));
	tcase_add_loop_test(tc, rewritten_recipients_end_as_their_addresses_did,
	    0, sizeof(rewritten) / sizeof(*rewritten));
	tcase_add_test(tc, the_log_may_lag_when_a_recipient_was_rewritten);
	tcase_add_test(tc, a_refusal_is_of_a_recipient_that_is_open);
	tcase_add_test(tc, the_log_may_come_late);
	tcase_add_test(tc, a_look_from_before_it_was_taken_proves_nothing);
	tcase_add_test(tc, a_person_who_releases_is_noticed);
	tcase_add_test(tc, a_person_who_holds_is_noticed);
	tcase_add_loop_test(tc, after_a_restart_the_file_tells_what_is_held, 0,
	    2);
	tcase_add_loop_test(tc, our_own_release_is_nobody_elses, 0, 2);
	tcase_add_test(tc, a_requeue_is_followed);
	tcase_add_test(tc, a_requeue_that_nobody_can_follow_is_unaccounted);
	tcase_add_test(tc, what_was_in_a_queue_that_is_gone_was_not_deleted);
	tcase_add_test(tc, a_short_id_that_is_used_again_ends_the_former);
	tcase_add_test(tc, a_stray_was_never_committed);
	tcase_add_test(tc, after_lost_hints_all_are_looked_for_and_read);
	tcase_add_test(tc, others_are_none_of_its_business);
	tcase_add_test(tc, there_is_a_ceiling_and_it_is_told);
	tcase_add_test(tc, reads_are_paced);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
