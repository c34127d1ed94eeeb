/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_heir.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf_text_of.h"
#include "folder.h"
#include "glue/backup_books.h"
#include "glue/backup_mark.h"
#include "glue/node.h"
#include "glue/primaries.h"
#include "hop_server.h"
#include "io/backup_mail.h"
#include "node_world.h"

/* A message taken over, on its way into the own MTA: which way that is, and
 * what the books have of it.  Engine, books, database and releaser are real;
 * the primary is the test's own and the queue notes what it is told. */

#define DAY      INT64_C(86400000)
#define HOUR     INT64_C(3600000)
#define HELD_WAY "submit_held = \"127.0.0.1:1\";"
#define ID       "4A0001BBBBBBB"

static struct hop_server server;
static struct smx_envelope *envelope;
static struct smx_submission submission;
static struct backup_heir heir;
static char states[8];

static const struct rule closes[] = {
	{ .on = "", .say = "421 4.3.2 not now\r\n", .act = RULE_CLOSE }
};

static void
setup(void)
{
	folder_make();
	memset(&server, 0, sizeof(server));
	server.offers = "PIPELINING";
	memset(&submission, 0, sizeof(submission));
	ck_assert_int_eq(smx_envelope_new(&envelope, 10), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<a@client.example>", NULL,
			     0),
	    SMX_OK);
}

static void
teardown(void)
{
	smx_envelope_free(&envelope);
	if (engine != NULL)
		world_end();
	hop_server_stop(&server);
	hop_server_free(&server);
	folder_remove();
}

static struct primaries *
primaries(void)
{
	return backup_primaries(node_backup(engine));
}

static void
state_comes(const char *domain, enum mx_state state)
{
	int64_t until = clock_mono_ms() + 3 * WAIT;

	while (primaries_state(primaries(), NULL, domain, NULL) != state &&
	       clock_mono_ms() < until)
		usleep(20000);
	ck_assert_int_eq(primaries_state(primaries(), NULL, domain, NULL),
	    state);
}

/* This host is the secondary of one.example and two.example. */
static void
begin(const char *way, enum mx_state state)
{
	static char text[4096];

	server.rules = state == MX_DOWN ? closes : NULL;
	server.rule_count = state == MX_DOWN;
	hop_server_start(&server);
	snprintf(text, sizeof(text),
	    "defaults = { acknowledge = { when_unprotected = \"accept\"; }; "
	    "};\n"
	    "mta = { %s };\n"
	    "milter = { spill = \"/tmp\"; };\n"
	    "store = { driver = \"sqlite\"; path = \"%s\"; };\n"
	    "backup = { probe = \"1s\"; probe_down = \"1s\";"
	    " up_after = 1; down_after = 1;"
	    " probe_wait = \"5s\"; };\n"
	    "policies = ( { name = \"b\"; match = { domains ="
	    " ( \"one.example\", \"two.example\" ); };"
	    " backup = { primary = ( \"[127.0.0.1]:%u\" ); hold = \"2d\";"
	    " while_up = \"accept\"; }; } );\n",
	    way, folder, (unsigned)server.to.port);
	world_prepare(text);
	mta.presence = SMX_PRESENCE_THERE;
	mta.changing = 1;
	world_start();
	ck_assert_ptr_nonnull(node_backup(engine));
	state_comes("one.example", state);
	state_comes("two.example", state);
}

static void
for_one(const char *rcpt)
{
	ck_assert_int_eq(smx_envelope_rcpt(envelope, rcpt, NULL, 0), SMX_OK);
}

/* ---- the attempt ---- */

static struct takeover_job
job_of(int64_t stored_ms)
{
	struct takeover_job job = { .rcpt_states = states };

	job.row.size = 1000;
	job.row.stored_ms = stored_ms;
	return job;
}

/* open: a state for each recipient; result: what the MTA said of each. */
static void
attempt_of(const char *open, const char *taken, int result)
{
	struct takeover_job job = job_of(clock_wall_ms() - HOUR);
	struct smx_submit_result submitted = { .queue_id = ID };
	char answers[8];

	snprintf(states, sizeof(states), "%s", open);
	snprintf(answers, sizeof(answers), "%s", taken);
	submitted.rcpt_states = answers;
	backup_heir_begin(&heir, engine, &job, envelope, &submission);
	backup_heir_end(&heir, result, &submitted);
}

static void
attempt(void)
{
	attempt_of("oooo", "hhhh", SMX_OK);
}

static void
was_held(int64_t until_ms)
{
	submission.held = 1;
	ck_assert_int_eq(backup_mark(envelope, until_ms), SMX_OK);
}

/* ---- what the books have ---- */

static size_t
rows(struct backup_mail_row found[4])
{
	struct backup_mail_page page = { .queue_id = ID,
		.rows = found,
		.max = 4 };

	ck_assert_int_eq(backup_mail_look(backup_db(node_backup(engine)),
			     &page),
	    SMX_OK);
	return page.count;
}

static struct backup_mail_row
row(void)
{
	struct backup_mail_row found[4];

	ck_assert_uint_eq(rows(found), 1);
	return found[0];
}

static int
becomes(enum custody custody)
{
	int64_t until = clock_mono_ms() + 3 * WAIT;

	while (row().custody != custody && clock_mono_ms() < until)
		usleep(20000);
	return row().custody == custody;
}

static size_t
changes(enum smx_queue_change what)
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < mta.changes; i++)
		n += mta.changed[i].what == what &&
		     strcmp(mta.changed[i].id, ID) == 0;
	pthread_mutex_unlock(&lock);
	return n;
}

static int
come(enum smx_queue_change what)
{
	int64_t until = clock_mono_ms() + 3 * WAIT;

	while (changes(what) == 0 && clock_mono_ms() < until)
		usleep(20000);
	return changes(what) != 0;
}

/* Steps of the releaser and of the books, that they could have done what they
 * do not. */
static void
pass(void)
{
	usleep(4 * 500 * 1000);
}

static void
is_ordinary(void)
{
	ck_assert_int_eq(submission.held, 0);
	ck_assert_int_eq(submission.released, 0);
	ck_assert_int_eq(row().until_ms, 0);
	ck_assert(becomes(CUSTODY_QUEUED));
}

/* On hold until then, give or take what the test took. */
static void
is_held_until(int64_t until_ms)
{
	ck_assert_int_eq(submission.held, 1);
	ck_assert_int_eq(submission.released, 1);
	ck_assert_int_ge(row().until_ms, until_ms);
	ck_assert_int_lt(row().until_ms, until_ms + HOUR);
	ck_assert(becomes(CUSTODY_HELD));
}

/* ---- by the primary's state ---- */

START_TEST(mail_for_a_primary_that_is_down_goes_on_hold)
{
	int64_t now = clock_wall_ms();

	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@One.Example>");
	attempt();
	is_held_until(now + 2 * DAY);
	ck_assert_int_eq(row().state, MX_DOWN);
	ck_assert_str_eq(row().domain, "one.example");
	ck_assert_str_eq(row().sender, "<a@client.example>");
	ck_assert_uint_eq(row().size, 1000);
	/* as old as it was at its former host */
	ck_assert_int_lt(row().taken_ms, now);
}
END_TEST

START_TEST(mail_for_a_primary_that_is_up_is_ordinary)
{
	begin(HELD_WAY, MX_UP);
	for_one("<joe@one.example>");
	attempt();
	is_ordinary();
	ck_assert_int_eq(row().state, MX_UP);
}
END_TEST

START_TEST(announced_maintenance_is_as_good_as_down)
{
	int64_t now = clock_wall_ms();

	begin(HELD_WAY, MX_UP);
	ck_assert_int_eq(primaries_maintain(primaries(), "one.example",
			     now + HOUR),
	    SMX_OK);
	for_one("<joe@one.example>");
	attempt();
	is_held_until(now + 2 * DAY);
}
END_TEST

/* ---- several domains ---- */

START_TEST(with_a_recipient_that_is_not_ours_it_does_not_wait)
{
	begin(HELD_WAY, MX_DOWN);
	for_one(_i == 0 ? "<joe@one.example>" : "<x@other.example>");
	for_one(_i == 0 ? "<x@other.example>" : "<joe@one.example>");
	attempt();
	is_ordinary();
	ck_assert_str_eq(row().domain, "one.example");
}
END_TEST

START_TEST(for_two_domains_it_does_not_wait_and_is_in_the_books_of_both)
{
	struct backup_mail_row found[4];

	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@one.example>");
	for_one("<jim@two.example>");
	attempt();
	ck_assert_int_eq(submission.held, 0);
	ck_assert_uint_eq(rows(found), 2);
	ck_assert_int_eq(found[0].until_ms, 0);
	ck_assert_int_eq(found[1].until_ms, 0);
}
END_TEST

START_TEST(recipients_that_have_ended_do_not_count)
{
	begin(HELD_WAY, MX_DOWN);
	for_one("<x@other.example>");
	for_one("<joe@one.example>");
	for_one("<jim@two.example>");
	attempt_of("hor", "hhr", SMX_OK);
	is_held_until(clock_wall_ms() + 2 * DAY - HOUR / 2);
	ck_assert_str_eq(row().domain, "one.example");
}
END_TEST

/* ---- who put it on hold ---- */

START_TEST(what_a_person_has_on_hold_stays_a_persons)
{
	begin(HELD_WAY, _i == 0 ? MX_DOWN : MX_UP);
	for_one("<joe@one.example>");
	submission.held = 1;
	attempt();
	/* only where there is a way into the hold queue */
	ck_assert_int_eq(submission.held, 1);
	ck_assert_int_eq(submission.released, 0);
	ck_assert_int_eq(row().until_ms, 0);
	pass();
	ck_assert_int_ne(row().custody, CUSTODY_HELD);
	ck_assert_uint_eq(mta.changes, 0);
}
END_TEST

START_TEST(what_says_nothing_good_of_its_hold_is_a_persons)
{
	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@one.example>");
	submission.held = 1;
	ck_assert_int_eq(smx_envelope_set(envelope, SMX_FIELD_HOLD, "soon"),
	    SMX_OK);
	attempt();
	ck_assert_int_eq(submission.released, 0);
	ck_assert_int_eq(row().until_ms, 0);
}
END_TEST

START_TEST(a_marked_hold_keeps_its_end)
{
	int64_t until_ms = clock_wall_ms() + 5 * HOUR + 123;

	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@one.example>");
	was_held(until_ms);
	attempt();
	is_held_until(until_ms);
	ck_assert_int_eq(row().until_ms, until_ms);
	pass();
	ck_assert_uint_eq(mta.changes, 0);
}
END_TEST

START_TEST(a_marked_hold_is_let_go_by_the_primary_that_is_up)
{
	int64_t until_ms = clock_wall_ms() + 5 * HOUR;

	begin(HELD_WAY, MX_UP);
	for_one("<joe@one.example>");
	was_held(until_ms);
	attempt();
	ck_assert_int_eq(submission.held, 1);
	ck_assert_int_eq(row().until_ms, until_ms);
	ck_assert(come(SMX_QUEUE_RELEASE));
	ck_assert(becomes(CUSTODY_QUEUED));
}
END_TEST

START_TEST(what_was_let_go_before_waits_only_for_a_primary_that_is_down)
{
	begin(HELD_WAY, MX_UP);
	for_one("<joe@one.example>");
	was_held(clock_wall_ms() + 5 * HOUR);
	submission.held = 0;
	attempt();
	is_ordinary();
}
END_TEST

/* ---- no way into the hold queue ---- */

START_TEST(without_a_way_it_is_put_on_hold_behind_the_queue)
{
	int64_t until_ms = clock_wall_ms() + 2 * DAY;

	begin("", MX_DOWN);
	for_one("<joe@one.example>");
	if (_i == 1)
		was_held(until_ms);
	attempt();
	/* an ordinary submission, or one that may become one */
	ck_assert(!submission.held || submission.released);
	ck_assert_int_ge(row().until_ms, until_ms);
	ck_assert(come(SMX_QUEUE_HOLD));
	ck_assert(becomes(CUSTODY_HELD));
}
END_TEST

/* ---- a disk that does not answer ---- */

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;

static int
wait_for_disk(void *ctx, struct db *db)
{
	(void)ctx;
	(void)db;
	pthread_mutex_lock(&disk);
	pthread_mutex_unlock(&disk);
	return SMX_OK;
}

static void
nobody_cares(void *ctx, int result)
{
	(void)ctx;
	(void)result;
}

static void
stand_still(void)
{
	struct backup_db *db = backup_db(node_backup(engine));
	int given = 0;

	pthread_mutex_lock(&disk);
	backup_db_patience(db, 200);
	(void)!backup_db_give(db, wait_for_disk, NULL, nobody_cares, &given);
	ck_assert(given);
}

/* Nobody would ever let it go: the hold is ours, and in no books. */
START_TEST(what_cannot_be_booked_does_not_stay_on_hold)
{
	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@one.example>");
	if (_i == 1)
		was_held(clock_wall_ms() + DAY);
	stand_still();
	attempt();
	ck_assert_int_eq(submission.held, 1);
	ck_assert(come(SMX_QUEUE_RELEASE));
	pthread_mutex_unlock(&disk);
}
END_TEST

START_TEST(what_a_person_has_on_hold_stays_there_without_the_books)
{
	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@one.example>");
	was_held(0);
	stand_still();
	attempt();
	ck_assert_int_eq(submission.held, 1);
	ck_assert_uint_eq(changes(SMX_QUEUE_RELEASE), 0);
	pthread_mutex_unlock(&disk);
}
END_TEST

/* ---- what the MTA has not taken ---- */

START_TEST(what_the_mta_did_not_take_is_not_in_the_books)
{
	struct backup_mail_row found[4];

	begin(HELD_WAY, MX_DOWN);
	for_one("<joe@one.example>");
	attempt_of("o", "o", SMX_ETEMP);
	attempt_of("o", "r", SMX_OK);
	attempt_of("o", "h", SMX_EUNSURE);
	ck_assert_uint_eq(rows(found), 0);
}
END_TEST

START_TEST(mail_that_is_nobodys_is_not_in_the_books)
{
	struct backup_mail_row found[4];

	begin(HELD_WAY, MX_DOWN);
	for_one("<x@other.example>");
	attempt();
	ck_assert_int_eq(submission.held, 0);
	ck_assert_uint_eq(rows(found), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_heir");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 150);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mail_for_a_primary_that_is_down_goes_on_hold);
	tcase_add_test(tc, mail_for_a_primary_that_is_up_is_ordinary);
	tcase_add_test(tc, announced_maintenance_is_as_good_as_down);
	tcase_add_loop_test(tc,
	    with_a_recipient_that_is_not_ours_it_does_not_wait, 0, 2);
	tcase_add_test(tc,
	    for_two_domains_it_does_not_wait_and_is_in_the_books_of_both);
	tcase_add_test(tc, recipients_that_have_ended_do_not_count);
	tcase_add_loop_test(tc, what_a_person_has_on_hold_stays_a_persons, 0,
	    2);
	tcase_add_test(tc, what_says_nothing_good_of_its_hold_is_a_persons);
	tcase_add_test(tc, a_marked_hold_keeps_its_end);
	tcase_add_test(tc, a_marked_hold_is_let_go_by_the_primary_that_is_up);
	tcase_add_test(tc,
	    what_was_let_go_before_waits_only_for_a_primary_that_is_down);
	tcase_add_loop_test(tc,
	    without_a_way_it_is_put_on_hold_behind_the_queue, 0, 2);
	tcase_add_loop_test(tc, what_cannot_be_booked_does_not_stay_on_hold, 0,
	    2);
	tcase_add_test(tc,
	    what_a_person_has_on_hold_stays_there_without_the_books);
	tcase_add_test(tc, what_the_mta_did_not_take_is_not_in_the_books);
	tcase_add_test(tc, mail_that_is_nobodys_is_not_in_the_books);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
