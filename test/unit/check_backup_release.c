/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_hand.h"
#include "glue/backup_release.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf_text_of.h"
#include "folder.h"
#include "glue/backup_books.h"
#include "glue/node.h"
#include "glue/primaries.h"
#include "hop_server.h"
#include "io/backup_hand.h"
#include "io/backup_mail.h"
#include "node_world.h"

/* The releaser as a whole: its thread, the books, the database and an engine,
 * a primary of the test's own and a queue that only notes what it is told. */

#define DAY    INT64_C(86400000)
#define DOMAIN "example.org"

static struct hop_server server;
static int64_t ids[64];

static const struct rule closes[] = {
	{ .on = "", .say = "421 4.3.2 not now\r\n", .act = RULE_CLOSE }
};

static void
rules(const struct rule *list, size_t count)
{
	pthread_mutex_lock(&server.lock);
	server.rules = list;
	server.rule_count = count;
	pthread_mutex_unlock(&server.lock);
}

static void
begin(const char *policy)
{
	static char text[4096];

	hop_server_start(&server);
	snprintf(text, sizeof(text),
	    "defaults = { acknowledge = { when_unprotected = \"accept\"; }; "
	    "};\n"
	    "milter = { spill = \"/tmp\"; };\n"
	    "store = { driver = \"sqlite\"; path = \"%s\"; };\n"
	    "backup = { probe = \"1s\"; probe_down = \"1s\"; rate = 50;"
	    " probe_wait = \"5s\"; };\n"
	    "policies = ( { name = \"b\"; match = { domains = ( \"" DOMAIN
	    "\" ); };"
	    " backup = { primary = ( \"[127.0.0.1]:%u\" );"
	    " while_up = \"accept\"; %s }; } );\n",
	    folder, (unsigned)server.to.port, policy);
	world_prepare(text);
	mta.presence = SMX_PRESENCE_THERE;
	mta.changing = 1;
	world_start();
	ck_assert_ptr_nonnull(node_backup(engine));
}

static void
setup(void)
{
	folder_make();
	memset(&server, 0, sizeof(server));
	server.offers = "PIPELINING";
}

static void
teardown(void)
{
	if (engine != NULL)
		world_end();
	hop_server_stop(&server);
	hop_server_free(&server);
	folder_remove();
}

/* ---- mail ---- */

static const char *
name(int i)
{
	static char text[4][32];
	static unsigned turn;
	char *out = text[turn++ % 4];

	snprintf(out, 32, "4A%04dBBBBBBB", i);
	return out;
}

static struct backup_mail_row
row(int i)
{
	struct backup_mail_row found[2];
	struct backup_mail_page page = { .queue_id = name(i),
		.rows = found,
		.max = 2 };

	ck_assert_int_eq(backup_mail_look(backup_db(node_backup(engine)),
			     &page),
	    SMX_OK);
	ck_assert_uint_eq(page.count, 1);
	return found[0];
}

static void
held_since(int i, int64_t taken_ms, int64_t until_ms, enum custody custody)
{
	const char *rcpts[] = { "<joe@" DOMAIN ">" };
	struct books_mail mail = { .queue_id = name(i),
		.sender = "<>",
		.size = 1000,
		.domain = DOMAIN,
		.state = MX_DOWN,
		.hold = 1,
		.taken_ms = taken_ms,
		.until_ms = until_ms,
		.rcpts = rcpts,
		.count = 1 };
	struct books *books = backup_books(node_backup(engine));

	ck_assert_int_eq(books_take(books, &mail), SMX_OK);
	ids[i] = row(i).id;
	ck_assert_int_eq(books_moved(books, &ids[i], 1, custody), SMX_OK);
}

static void
held(int count)
{
	int64_t now = clock_wall_ms();

	for (int i = 0; i < count; i++)
		held_since(i, now - 100000 + i, now + DAY, CUSTODY_HELD);
}

static size_t
changes(enum smx_queue_change what, const char *id)
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < mta.changes; i++)
		n += mta.changed[i].what == what &&
		     (id == NULL || strcmp(mta.changed[i].id, id) == 0);
	pthread_mutex_unlock(&lock);
	return n;
}

static int
come(enum smx_queue_change what, size_t count)
{
	int64_t until = clock_mono_ms() + 3 * WAIT;

	while (changes(what, NULL) < count && clock_mono_ms() < until)
		usleep(20000);
	return changes(what, NULL) >= count;
}

static int
becomes(int i, enum custody custody)
{
	int64_t until = clock_mono_ms() + 3 * WAIT;

	while (row(i).custody != custody && clock_mono_ms() < until)
		usleep(20000);
	return row(i).custody == custody;
}

static void
state_comes(enum mx_state state)
{
	struct primaries *p = backup_primaries(node_backup(engine));
	int64_t until = clock_mono_ms() + 3 * WAIT;

	while (primaries_state(p, NULL, DOMAIN, NULL) != state &&
	       clock_mono_ms() < until)
		usleep(20000);
	ck_assert_int_eq(primaries_state(p, NULL, DOMAIN, NULL), state);
}

static void
begin_down(const char *policy)
{
	server.rules = closes;
	server.rule_count = 1;
	begin(policy);
	state_comes(MX_DOWN);
}

/* Three of its steps, so that it could have done what it does not. */
static void
pass(void)
{
	usleep(4 * 500 * 1000);
}

/* ---- the tests ---- */

START_TEST(held_mail_is_let_go_in_order_when_the_primary_is_up)
{
	begin_down("");
	held(40);
	pass();
	ck_assert_uint_eq(mta.changes, 0);
	rules(NULL, 0);
	ck_assert(come(SMX_QUEUE_RELEASE, 40));
	for (int i = 0; i < 40; i++) {
		ck_assert_str_eq(mta.changed[i].id, name(i));
		ck_assert(becomes(i, CUSTODY_QUEUED));
		ck_assert_int_ne(row(i).released_ms, 0);
	}
	pass();
	ck_assert_uint_eq(changes(SMX_QUEUE_RELEASE, NULL), 40);
	ck_assert_uint_lt(mta.change_calls, 20);
}
END_TEST

START_TEST(mail_older_than_half_the_lifetime_is_requeued)
{
	int64_t now = clock_wall_ms();

	begin("");
	held_since(0, now - 3 * DAY, now + DAY, CUSTODY_HELD);
	held_since(1, now - 1 * DAY, now + DAY, CUSTODY_HELD);
	ck_assert(come(SMX_QUEUE_REQUEUE, 1));
	ck_assert(come(SMX_QUEUE_RELEASE, 1));
	ck_assert_uint_eq(changes(SMX_QUEUE_REQUEUE, name(0)), 1);
	ck_assert_uint_eq(changes(SMX_QUEUE_RELEASE, name(1)), 1);
	ck_assert(becomes(0, CUSTODY_QUEUED));
}
END_TEST

START_TEST(what_a_person_holds_only_a_person_releases)
{
	char out[8192], text[64];

	begin("");
	held(1);
	held_since(1, clock_wall_ms() - DAY, 1, CUSTODY_HELD_BY);
	ck_assert(come(SMX_QUEUE_RELEASE, 1));
	pass();
	ck_assert_uint_eq(changes(SMX_QUEUE_RELEASE, name(1)), 0);
	ck_assert_int_eq(row(1).custody, CUSTODY_HELD_BY);
	snprintf(text, sizeof(text), "backup release %s", name(1));
	ck_assert_int_eq(world_command(text, out), SMX_OK);
	ck_assert_ptr_nonnull(strstr(out, "\"custody\":\"held-by-hand\""));
	ck_assert_uint_eq(changes(SMX_QUEUE_RELEASE, name(1)), 1);
	ck_assert_int_eq(row(1).custody, CUSTODY_QUEUED);
}
END_TEST

START_TEST(what_was_let_go_is_put_back_when_the_primary_falls)
{
	char out[8192], text[64];

	begin_down("");
	held(3);
	snprintf(text, sizeof(text), "backup release %s", name(2));
	ck_assert_int_eq(world_command(text, out), SMX_OK);
	rules(NULL, 0);
	ck_assert(come(SMX_QUEUE_RELEASE, 3));
	ck_assert(becomes(1, CUSTODY_QUEUED));
	rules(closes, 1);
	ck_assert(come(SMX_QUEUE_HOLD, 2));
	ck_assert(becomes(0, CUSTODY_HELD));
	ck_assert(becomes(1, CUSTODY_HELD));
	/* but not what a person let go */
	ck_assert_uint_eq(changes(SMX_QUEUE_HOLD, name(2)), 0);
	ck_assert_int_eq(row(2).custody, CUSTODY_QUEUED);
	rules(NULL, 0);
	ck_assert(come(SMX_QUEUE_RELEASE, 5));
	ck_assert(becomes(0, CUSTODY_QUEUED));
}
END_TEST

START_TEST(flush_begins_while_it_is_down)
{
	char out[8192];

	begin_down("");
	held(10);
	ck_assert_int_eq(world_command("backup flush Example.ORG", out),
	    SMX_OK);
	ck_assert_ptr_nonnull(strstr(out, "\"held_messages\":10"));
	ck_assert(come(SMX_QUEUE_RELEASE, 10));
	ck_assert_int_eq(world_command("backup flush example.com", out),
	    SMX_ENOTFOUND);
}
END_TEST

/* Both reach the releaser in one step, as a rule. */
START_TEST(of_two_orders_the_later_counts)
{
	char out[8192];

	begin_down("");
	held(10);
	ck_assert_int_eq(world_command("backup flush " DOMAIN, out), SMX_OK);
	ck_assert_int_eq(world_command("maintenance start " DOMAIN " 3600000",
			     out),
	    SMX_OK);
	pass();
	for (int i = 0; i < 10; i++)
		ck_assert(becomes(i, CUSTODY_HELD));
	/* nor is it ended by what is no order */
	ck_assert_int_eq(world_command("backup flush " DOMAIN, out), SMX_OK);
	ck_assert_int_eq(world_command("maintenance start " DOMAIN, out),
	    SMX_EINVAL);
	ck_assert(becomes(9, CUSTODY_QUEUED));
}
END_TEST

START_TEST(what_cannot_be_changed_is_tried_again)
{
	begin_down("");
	held(5);
	pthread_mutex_lock(&lock);
	mta.change_result = SMX_EIO;
	pthread_mutex_unlock(&lock);
	rules(NULL, 0);
	state_comes(MX_UP);
	pass();
	ck_assert_uint_ge(mta.change_calls, 1);
	ck_assert_uint_le(mta.change_calls, 2);
	ck_assert_int_eq(row(0).custody, CUSTODY_HELD);
	pthread_mutex_lock(&lock);
	mta.change_result = SMX_OK;
	pthread_mutex_unlock(&lock);
	ck_assert(come(SMX_QUEUE_RELEASE, 5));
	ck_assert(becomes(0, CUSTODY_QUEUED));
}
END_TEST

START_TEST(end_of_the_hold_is_told_of_and_then_it_goes_back)
{
	begin_down("hold = \"4s\"; warn = \"2s\";");
	held_since(0, clock_wall_ms(), clock_wall_ms() + 4000, CUSTODY_HELD);
	ck_assert_int_eq(row(0).warned_ms, 0);
	ck_assert(come(SMX_QUEUE_EXPIRE, 1));
	ck_assert_int_ne(row(0).warned_ms, 0);
	ck_assert_int_ge(clock_wall_ms(), row(0).until_ms);
	ck_assert(becomes(0, CUSTODY_QUEUED));
	/* and is not put back */
	pass();
	ck_assert_uint_eq(changes(SMX_QUEUE_HOLD, NULL), 0);
}
END_TEST

START_TEST(kept_mail_stays_on_hold)
{
	begin_down("hold = \"1s\"; at_end = \"keep\";");
	held_since(0, clock_wall_ms() - 9000, clock_wall_ms() - 8000,
	    CUSTODY_HELD);
	for (int i = 0; i < 1500 && row(0).warned_ms == 0; i++)
		usleep(20000);
	ck_assert_int_ne(row(0).warned_ms, 0);
	pass();
	ck_assert_uint_eq(mta.changes, 0);
	ck_assert_int_eq(row(0).custody, CUSTODY_HELD);
}
END_TEST

static int
claims_whole(const char *queue_id)
{
	struct hander *hander = backup_hander(node_backup(engine));
	int64_t id = row(0).id;
	int rc = hander_claim_whole(hander, id, queue_id);

	if (rc == SMX_OK) {
		ck_assert_int_eq(hander_claim_whole(hander, id, queue_id),
		    SMX_EBUSY);
		hander_unclaim(hander, id);
	}
	/* what could not be claimed is nobody's */
	ck_assert_int_eq(hander_claim(hander, id), SMX_OK);
	hander_unclaim(hander, id);
	return rc;
}

/* The row that it is done by may be from before an attempt that has ended. */
START_TEST(what_has_been_handed_in_part_is_not_let_go_whole)
{
	static const uint64_t one[] = { 1 };
	struct backup_hand_end end = { .taken = one,
		.count = 1,
		.why = "",
		.wall_ms = clock_wall_ms() };
	struct backup_db *db;

	begin_down("");
	held(1);
	db = backup_db(node_backup(engine));
	end.mail = row(0).id;
	end.queue_id = name(0);
	ck_assert_int_eq(claims_whole(name(0)), SMX_OK);
	ck_assert_int_eq(backup_hand_begin(db, end.mail), SMX_OK);
	ck_assert_int_eq(backup_hand_ended(db, &end), SMX_OK);
	ck_assert_int_eq(claims_whole(name(0)), SMX_ESTATE);
	/* who was left has gone on: the former file is nobody's, too */
	end.new_id = "4ZZZZZBBBBBB";
	ck_assert_int_eq(backup_hand_begin(db, end.mail), SMX_OK);
	ck_assert_int_eq(backup_hand_ended(db, &end), SMX_OK);
	ck_assert_int_eq(hander_claim_whole(backup_hander(node_backup(engine)),
			     end.mail, name(0)),
	    SMX_ESTATE);
	ck_assert_int_eq(hander_claim_whole(backup_hander(node_backup(engine)),
			     end.mail, end.new_id),
	    SMX_OK);
}
END_TEST

START_TEST(orders_say_what_became_of_each)
{
	char out[8192], text[8192];

	begin_down("");
	held(3);
	snprintf(text, sizeof(text), "backup hold %s", name(0));
	ck_assert_int_eq(world_command(text, out), SMX_OK);
	ck_assert_uint_eq(mta.changes, 0);
	ck_assert_int_eq(row(0).custody, CUSTODY_HELD_BY);
	ck_assert_int_eq(world_command("backup release " DOMAIN, out), SMX_OK);
	ck_assert_uint_eq(changes(SMX_QUEUE_RELEASE, NULL), 3);
	ck_assert_int_eq(row(2).custody, CUSTODY_QUEUED);
	ck_assert_int_eq(world_command("backup hold " DOMAIN, out), SMX_OK);
	ck_assert_uint_eq(changes(SMX_QUEUE_HOLD, NULL), 3);
	ck_assert_int_eq(row(2).custody, CUSTODY_HELD_BY);
	ck_assert_ptr_nonnull(strstr(out, "\"outcome\":\"ok\""));
	snprintf(text, sizeof(text), "backup release 4Q0000 %s", name(1));
	ck_assert_int_eq(world_command(text, out), SMX_OK);
	ck_assert_int_eq(world_command("backup release 4Q0000", out),
	    SMX_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(out, "\"item\":\"4Q0000\""));
	ck_assert_int_eq(world_command("backup release", out), SMX_EINVAL);
	ck_assert_int_eq(world_command("backup flush", out), SMX_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backup_release");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 150);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, held_mail_is_let_go_in_order_when_the_primary_is_up);
	tcase_add_test(tc, mail_older_than_half_the_lifetime_is_requeued);
	tcase_add_test(tc, what_a_person_holds_only_a_person_releases);
	tcase_add_test(tc, what_was_let_go_is_put_back_when_the_primary_falls);
	tcase_add_test(tc, flush_begins_while_it_is_down);
	tcase_add_test(tc, of_two_orders_the_later_counts);
	tcase_add_test(tc, what_cannot_be_changed_is_tried_again);
	tcase_add_test(tc, end_of_the_hold_is_told_of_and_then_it_goes_back);
	tcase_add_test(tc, kept_mail_stays_on_hold);
	tcase_add_test(tc, what_has_been_handed_in_part_is_not_let_go_whole);
	tcase_add_test(tc, orders_say_what_became_of_each);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
