/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node_world.h"

/* The engine's threads and locks as a whole: what ends a message, and what is
 * kept for whom. */

static void
setup(void)
{
	world_prepare(NULL);
	world_start();
}

static enum smx_answer
asked(const struct smx_key *key)
{
	const struct smx_request q = { .kind = SMX_REQ_QUERY,
		.keys = key,
		.count = 1 };
	enum smx_answer answer = SMX_ANSWER_UNKNOWN;
	struct smx_reply reply = { .answers = &answer };

	ck_assert_int_eq(there.ops->request(there.ctx, 0, &q, &reply,
			     clock_mono_ms() + WAIT),
	    SMX_OK);
	return answer;
}

static enum smx_answer
until_not_open(const struct smx_key *key)
{
	int64_t until = clock_mono_ms() + WAIT;

	while (asked(key) == SMX_ANSWER_OPEN && clock_mono_ms() < until)
		usleep(20000);
	return asked(key);
}

/* ---- the tests ---- */

START_TEST(absence_after_the_session_ends_a_message)
{
	struct smx_key key = world_acknowledged("4jXKs073lDz1bkTK");

	ck_assert_int_eq(until_not_open(&key), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(answer_about_another_queue_ends_nothing)
{
	struct smx_key key;

	mta.replace = 1;
	key = world_acknowledged("4jXKs073lDz1bkTK");
	ck_assert_int_eq(until_not_open(&key), SMX_ANSWER_LOST);
	usleep(300000);
	ck_assert_uint_eq(peer.discards, 0);
}
END_TEST

START_TEST(shadow_of_a_host_that_is_no_member_is_not_forgotten)
{
	static char text[8192];
	struct smx_key key;
	struct smx_row row;

	world_prepare(NULL);
	key = world_kept_for("gone.example.org");
	world_start();
	ck_assert(world_status("\"orphaned\":1"));
	ck_assert(world_status("\"orphaned\"]"));
	ck_assert_int_eq(world_command("takeover other.example.org", text),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(world_command("takeover gone.example.org", text),
	    SMX_OK);
	ck_assert_int_eq(store.ops->get(store.ctx, &key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_CLAIMED);
	ck_assert(world_status("\"orphaned\":0"));
	world_end();
}
END_TEST

START_TEST(shadow_of_a_member_is_no_orphan)
{
	static char text[8192];

	world_prepare(NULL);
	(void)world_kept_for("mx2.example.org");
	world_start();
	usleep(200000);
	ck_assert_int_eq(world_command("status", text), SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "\"orphaned\":0"));
	world_end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("node");
	TCase *tc = tcase_create("node");
	TCase *kept = tcase_create("kept");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, world_end);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, absence_after_the_session_ends_a_message);
	tcase_add_test(tc, answer_about_another_queue_ends_nothing);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(kept, 30);
	tcase_add_test(kept,
	    shadow_of_a_host_that_is_no_member_is_not_forgotten);
	tcase_add_test(kept, shadow_of_a_member_is_no_orphan);
	suite_add_tcase(suite, kept);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
