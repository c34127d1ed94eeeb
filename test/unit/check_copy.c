/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node_world.h"

/*
 * What the milter did not see: messages that were committed without our yes,
 * and what became of a message in the queue.
 */
#define ID "4jXKs073lDz1bkTK"

static const char envelope[] = "CLIENT ADDR=192.0.2.7\r\n"
			       "MAIL <a@b.example>\r\nRCPT <c@d.example>\r\n";
static const char content[] = "Received: x\nSubject: y\n\nz\n";
static const char content_sent[] = "Received: x\r\nSubject: y\r\n\r\nz\r\n";

static void
prepare(const char *settings)
{
	world_prepare(settings);
	mta.presence = SMX_PRESENCE_THERE;
	mta.envelope = envelope;
	mta.content = content;
	mta.size = strlen(content);
}

static void
setup(void)
{
	prepare(NULL);
	world_start();
}

/* The milter session forgets it, and the MTA commits it all the same. */
static void
passed(const char *id)
{
	struct smx_session *session = world_session(id);

	smx_session_abort(session);
	smx_session_free(&session);
	pthread_mutex_lock(&lock);
	mta.hint.kind = SMX_QUEUE_COMMITTED;
	snprintf(mta.hint.id, sizeof(mta.hint.id), "%s", id);
	pthread_mutex_unlock(&lock);
}

static int
is_stored(void)
{
	return peer.stored;
}

static int
is_opened(void)
{
	return mta.opens >= 1;
}

static int
is_opened_again(void)
{
	return mta.opens >= 2;
}

static int
is_looked_for(void)
{
	return mta.id[0] != '\0';
}

START_TEST(what_was_committed_without_our_yes_is_copied)
{
	passed(ID);
	ck_assert(world_comes(is_stored));
	ck_assert_str_eq(peer.queue_id, ID);
	ck_assert_str_eq(peer.envelope, envelope);
	ck_assert_str_eq(peer.content, content_sent);
	ck_assert_str_eq(peer.holders, "mx2.example.org");
	ck_assert_uint_eq(peer.shadow.size, strlen(content_sent));
	ck_assert_int_eq(peer.shadow.amended, 1);
	ck_assert_int_eq(peer.shadow.held, 0);
	ck_assert(world_status("\"unprotected\":0"));
}
END_TEST

/* An earlier filter may have put it aside; nobody is to deliver it then. */
START_TEST(what_is_on_hold_is_so_from_its_copy_on)
{
	mta.held = 1;
	passed(ID);
	ck_assert(world_comes(is_stored));
	ck_assert_int_eq(peer.shadow.amended, 1);
	ck_assert_int_eq(peer.shadow.held, 1);
}
END_TEST

START_TEST(without_a_holder_it_is_counted_and_tried_again)
{
	peer.refuses = 1;
	passed(ID);
	ck_assert(world_status("\"unprotected\":1"));
	ck_assert(world_comes(is_opened_again));
	pthread_mutex_lock(&lock);
	peer.refuses = 0;
	pthread_mutex_unlock(&lock);
	ck_assert(world_comes(is_stored));
	ck_assert(world_status("\"unprotected\":0"));
}
END_TEST

static int
cut(void)
{
	mta.size = strlen(content);
	return 1;
}

START_TEST(a_file_that_ends_too_soon_is_not_copied)
{
	mta.size = strlen(content) + 1;
	passed(ID);
	ck_assert(world_comes(is_opened_again));
	ck_assert_int_eq(peer.stored, 0);
	ck_assert(world_comes(cut));
	ck_assert(world_comes(is_stored));
	ck_assert_str_eq(peer.content, content_sent);
}
END_TEST

/* Neither its file, nor its end, is evidence of anything by then. */
START_TEST(what_cannot_be_opened_stays_counted)
{
	mta.envelope = NULL;
	passed(ID);
	ck_assert(world_comes(is_opened_again));
	ck_assert(world_status("\"unprotected\":1"));
	ck_assert_int_eq(peer.stored, 0);
}
END_TEST

START_TEST(a_file_that_makes_no_sense_is_not_copied)
{
	mta.envelope = "MAIL <a@b.example>\r\n";
	passed(ID);
	ck_assert(world_comes(is_opened_again));
	ck_assert_int_eq(peer.stored, 0);
}
END_TEST

/* The file names who is served in the end, and they have a policy. */
START_TEST(the_file_decides_on_the_policy)
{
	static const char unasked[] = "CLIENT\r\nMAIL <a@b.example>\r\n"
				      "RCPT <c@none.example>\r\n";

	prepare("defaults = { acknowledge = { when_unprotected = \"accept\"; "
		"}; };\npolicies = ( { name = \"none\"; match = { domains = ( "
		"\"none.example\" ); }; acknowledge = { when = (); }; } );\n");
	mta.envelope = unasked;
	world_start();
	passed(ID);
	ck_assert(world_comes(is_opened));
	ck_assert(world_status("\"unprotected\":0"));
	usleep(300000);
	ck_assert_int_eq(peer.stored, 0);
	world_end();
}
END_TEST

static int
is_refused(void)
{
	return peer.refuses && peer.queue_id[0] != '\0';
}

START_TEST(a_restart_does_not_forget_what_is_to_be_copied)
{
	char folder[] = "/tmp/check_copy.XXXXXX", settings[512], file[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(settings, sizeof(settings),
	    "store = { path = \"%s\"; };\nmilter = { spill = \"%s\"; };\n"
	    "defaults = { acknowledge = { when_unprotected = \"accept\"; }; "
	    "};\n",
	    folder, folder);
	prepare(settings);
	peer.refuses = 1;
	world_start();
	passed(ID);
	ck_assert(world_comes(is_refused));
	smx_engine_free(&engine);
	world_start();
	ck_assert(world_status("\"unprotected\":1"));
	pthread_mutex_lock(&lock);
	peer.refuses = 0;
	pthread_mutex_unlock(&lock);
	ck_assert(world_comes(is_stored));
	ck_assert_str_eq(peer.content, content_sent);
	ck_assert(world_status("\"unprotected\":0"));
	world_end();
	snprintf(file, sizeof(file), "%s/unprotected", folder);
	(void)unlink(file);
	snprintf(file, sizeof(file), "%s/served", folder);
	(void)unlink(file);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(an_abort_that_ended_in_nothing_is_nothing)
{
	struct smx_session *session;

	mta.presence = SMX_PRESENCE_ABSENT;
	session = world_session(ID);
	smx_session_free(&session);
	ck_assert(world_comes(is_looked_for));
	usleep(300000);
	ck_assert(world_status("\"unprotected\":0"));
	ck_assert_uint_eq(mta.opens, 0);
}
END_TEST

/* ---- what became of it ---- */

static int
is_amended(void)
{
	return peer.amended[0] != '\0';
}

static int
is_held(void)
{
	return peer.amended_held == 1;
}

START_TEST(what_the_mta_made_of_it_goes_to_the_holder)
{
	mta.text = "MAIL <a@b.example>\r\nRCPT <list@d.example>\r\n";
	(void)world_acknowledged(ID);
	ck_assert(world_comes(is_amended));
	ck_assert_str_eq(peer.amended, mta.text);
}
END_TEST

START_TEST(a_message_on_hold_is_told)
{
	mta.text = "MAIL <a@b.example>\r\nRCPT <c@d.example>\r\n";
	mta.held = 1;
	(void)world_acknowledged(ID);
	ck_assert(world_comes(is_held));
}
END_TEST

static int
is_read(void)
{
	return mta.reads >= 1;
}

START_TEST(what_is_as_it_was_is_not_told)
{
	mta.text = "MAIL <a@b.example>\r\nRCPT <c@d.example>\r\n";
	(void)world_acknowledged(ID);
	ck_assert(world_comes(is_read));
	usleep(500000);
	ck_assert_uint_eq(peer.amends, 0);
}
END_TEST

START_TEST(a_queue_that_cannot_be_read_is_enough)
{
	prepare(NULL);
	mta.bare = 1;
	mta.text = "MAIL <a@b.example>\r\nRCPT <list@d.example>\r\n";
	world_start();
	(void)world_acknowledged(ID);
	passed("4jXKs073lDz1bkTL");
	ck_assert(world_status("\"unprotected\":1"));
	usleep(300000);
	ck_assert_uint_eq(mta.reads, 0);
	ck_assert_uint_eq(mta.opens, 0);
	world_end();
}
END_TEST

/* ---- what peers ask ---- */

static int
ask(struct smx_request *request, enum smx_answer *answer,
    struct smx_reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	*answer = SMX_ANSWER_UNKNOWN;
	reply->answers = answer;
	request->node = "mx2.example.org";
	return there.ops->request(there.ctx, 0, request, reply,
	    clock_mono_ms() + WAIT);
}

START_TEST(a_holder_answers_for_its_rows)
{
	struct smx_key key;
	struct smx_request request = { .keys = &key, .count = 1 };
	struct smx_amendment amendment = { .version = 7, .held = 1 };
	enum smx_answer answer;
	struct smx_reply reply;
	struct smx_row row;

	key = world_kept_for("mx2.example.org");
	request.kind = SMX_REQ_ASK;
	ck_assert_int_eq(ask(&request, &answer, &reply), SMX_OK);
	ck_assert_int_eq(answer, SMX_ANSWER_SHADOW);

	amendment.key = key;
	amendment.holders = "mx1.example.org mx2.example.org";
	request.kind = SMX_REQ_AMEND;
	request.amendments = &amendment;
	ck_assert_int_eq(ask(&request, &answer, &reply), SMX_OK);
	ck_assert_uint_eq(reply.foreign, 0);
	ck_assert_int_eq(store.ops->get(store.ctx, &key, &row), SMX_OK);
	ck_assert_int_eq(row.held, 1);
	ck_assert_str_eq(row.holders, amendment.holders);

	request.kind = SMX_REQ_ASK;
	ck_assert_int_eq(ask(&request, &answer, &reply), SMX_OK);
	ck_assert_int_eq(answer, SMX_ANSWER_FIRST);
	key.counter++;
	ck_assert_int_eq(ask(&request, &answer, &reply), SMX_OK);
	ck_assert_int_eq(answer, SMX_ANSWER_NONE);
}
END_TEST

START_TEST(a_row_is_yielded_to_a_named_member)
{
	struct smx_key key;
	struct smx_request request = { .kind = SMX_REQ_CLAIM,
		.keys = &key,
		.count = 1 };
	const struct smx_row_amendment set = { .version = 1,
		.holders = "mx2.example.org mx1.example.org",
		.held = -1 };
	struct smx_row_amendment change = set;
	enum smx_answer answer;
	struct smx_reply reply;
	struct smx_row row;
	size_t foreign;

	key = world_kept_for("mx9.example.org");
	request.node = "mx9.example.org";
	memset(&reply, 0, sizeof(reply));
	reply.answers = &answer;
	answer = SMX_ANSWER_UNKNOWN;
	change.key = key;
	ck_assert_int_eq(store.ops->amend(store.ctx, "mx9.example.org", &change,
			     1, &foreign),
	    SMX_OK);
	ck_assert_int_eq(there.ops->request(there.ctx, 0, &request, &reply,
			     clock_mono_ms() + WAIT),
	    SMX_OK);
	ck_assert_int_eq(answer, SMX_ANSWER_YIELDED);
	ck_assert_int_eq(store.ops->get(store.ctx, &key, &row), SMX_OK);
	ck_assert_int_eq(row.yielded, 1);
	ck_assert_str_eq(row.primary, "mx2.example.org");
	/* Of the asker, as it said in this conversation. */
	ck_assert_int_eq(row.epoch.id[0], 9);
}
END_TEST

START_TEST(a_member_is_told_when_another_was_heard)
{
	struct smx_request request = { .kind = SMX_REQ_SEEN };
	enum smx_answer answer;
	struct smx_reply reply;

	ck_assert_int_eq(ask(&request, &answer, &reply), SMX_OK);
	ck_assert_int_ge(reply.ago_ms, 0);
	request.node = "mx7.example.org";
	ck_assert_int_eq(there.ops->request(there.ctx, 0, &request, &reply,
			     clock_mono_ms() + WAIT),
	    SMX_OK);
	ck_assert_int_eq(reply.ago_ms, -1);
}
END_TEST

static void
add_copies(TCase *tc)
{
	tcase_add_test(tc, what_was_committed_without_our_yes_is_copied);
	tcase_add_test(tc, what_is_on_hold_is_so_from_its_copy_on);
	tcase_add_test(tc, without_a_holder_it_is_counted_and_tried_again);
	tcase_add_test(tc, a_file_that_ends_too_soon_is_not_copied);
	tcase_add_test(tc, what_cannot_be_opened_stays_counted);
	tcase_add_test(tc, a_file_that_makes_no_sense_is_not_copied);
	tcase_add_test(tc, an_abort_that_ended_in_nothing_is_nothing);
}

static void
add_amendments(TCase *tc)
{
	tcase_add_test(tc, what_the_mta_made_of_it_goes_to_the_holder);
	tcase_add_test(tc, a_message_on_hold_is_told);
	tcase_add_test(tc, what_is_as_it_was_is_not_told);
	tcase_add_test(tc, a_holder_answers_for_its_rows);
	tcase_add_test(tc, a_row_is_yielded_to_a_named_member);
	tcase_add_test(tc, a_member_is_told_when_another_was_heard);
}

int
main(void)
{
	Suite *suite = suite_create("copy");
	TCase *copies = tcase_create("copies");
	TCase *amendments = tcase_create("amendments");
	TCase *other = tcase_create("other settings");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(copies, setup, world_end);
	tcase_set_timeout(copies, 60);
	add_copies(copies);
	suite_add_tcase(suite, copies);
	tcase_add_checked_fixture(amendments, setup, world_end);
	tcase_set_timeout(amendments, 60);
	add_amendments(amendments);
	suite_add_tcase(suite, amendments);
	tcase_set_timeout(other, 60);
	tcase_add_test(other, the_file_decides_on_the_policy);
	tcase_add_test(other, a_restart_does_not_forget_what_is_to_be_copied);
	tcase_add_test(other, a_queue_that_cannot_be_read_is_enough);
	suite_add_tcase(suite, other);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
