/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"
#include "core/resend.h"
#include "engine_bench.h"

/* The resend guard: what stands for a message that is sent again, and all that
 * does not. */

#define ID     "4jXKs073lDz1bkTK"
#define NEW    "4jXN4m6MKgz1bY4l"
#define SHORT  "ABCDE12345"
#define A      "<a@y.example>"
#define B      "<b@y.example>"
#define HOUR   INT64_C(3600000)
#define OPEN_A "MAIL <s@x.example>\r\nRCPT " A "\r\n"
#define OPEN_B "MAIL <s@x.example>\r\nRCPT " B "\r\n"
#define OPEN   OPEN_A "RCPT " B "\r\n"

/* What a client says of one attempt; NULL: as always. */
struct said {
	const char *sender, *sender_param;
	const char *address, *port, *helo, *type, *login;
	const char *rcpt[3];
	const char *param;
	uint8_t digest;
};

static unsigned char taken[1000];
static struct resend_question question;
static struct resend_message message;

static void
set(struct smx_envelope *e, enum smx_field field, const char *value)
{
	ck_assert_int_eq(smx_envelope_set(e, field, value), SMX_OK);
}

static void
describe(const struct said *s, struct resend_message *out)
{
	const char *sender = s->sender != NULL ? s->sender : "<s@x.example>";
	const char *address = s->address != NULL ? s->address : "192.0.2.7";
	uint8_t digest[SMX_DIGEST_BYTES] = { 7, s->digest };
	struct smx_envelope *e;

	ck_assert_int_eq(smx_envelope_new(&e, 3), SMX_OK);
	set(e, SMX_FIELD_CLIENT_ADDR, address);
	set(e, SMX_FIELD_CLIENT_PORT, s->port);
	set(e, SMX_FIELD_HELO, s->helo);
	set(e, SMX_FIELD_AUTH_TYPE, s->type);
	set(e, SMX_FIELD_AUTH_NAME, s->login);
	ck_assert_int_eq(smx_envelope_mail(e, sender, &s->sender_param,
			     s->sender_param != NULL),
	    SMX_OK);
	for (size_t i = 0; i < 3 && s->rcpt[i] != NULL; i++)
		ck_assert_int_eq(smx_envelope_rcpt(e, s->rcpt[i], &s->param,
				     s->param != NULL && i == 0),
		    SMX_OK);
	ck_assert_int_eq(resend_describe(out, e, digest), SMX_OK);
	smx_envelope_free(&e);
}

static const struct said to_a = { .rcpt = { A } };
static const struct said to_both = { .rcpt = { A, B } };

static void
note(const struct smx_key *key, const struct said *said)
{
	struct resend_message m;

	describe(said, &m);
	engine_resend_note(engine, key, &m, HOUR, now);
	resend_message_free(&m);
}

/* An attempt that was answered with yes, one copy. */
static struct smx_key
answered(const char *id, const struct said *said)
{
	struct smx_key key = bench_accepted(id);

	note(&key, said);
	return key;
}

static struct smx_key
committed(const char *id, const struct said *said)
{
	struct smx_key key = answered(id, said);

	bench_hint(SMX_QUEUE_COMMITTED, id);
	engine_session_end(engine, &key, now);
	return key;
}

static void
begin(const struct said *said)
{
	resend_message_free(&message);
	describe(said, &message);
	memset(&question, 0, sizeof(question));
	question.message = &message;
	question.min_copies = 1;
	question.taken = taken;
	engine_resend_ask(engine, &question, now);
}

/* A resend, with the queue's answer when it is asked; how many are taken. */
static size_t
resend(const struct said *said, const char *id, const char *text, int held)
{
	uint64_t token;
	size_t count;

	begin(said);
	if (question.waiting != 0) {
		token = bench_read(&count);
		ck_assert_uint_eq(count, 1);
		bench_text(id, text, held, token);
		engine_resend_ask(engine, &question, now);
		ck_assert_uint_eq(question.waiting, 0);
	}
	return question.count;
}

static void
sent(const char *id, const char *address)
{
	struct smx_queue_event e = { .kind = SMX_QUEUE_SENT };

	snprintf(e.id, sizeof(e.id), "%s", id);
	snprintf(e.other, sizeof(e.other), "%016" PRIx64,
	    amend_address(address));
	engine_queue_event(engine, &e, now);
}

static void
ended(const char *id)
{
	bench_shown(id, SMX_PRESENCE_ABSENT);
	ck_assert_uint_eq(bench_counts().open, 0);
}

static void
open_bench(void)
{
	bench_open();
}

static void
close_bench(void)
{
	resend_message_free(&message);
	bench_close();
}

/* ---- what stands ---- */

START_TEST(open_in_the_queue_it_stands)
{
	struct smx_key key = committed(ID, &to_a);

	begin(&to_a);
	ck_assert_uint_eq(question.count, 0);
	ck_assert_uint_eq(question.waiting, 1);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 1);
	ck_assert_int_eq(taken[0], 1);
	ck_assert_int_eq(smx_key_compare(&question.first, &key), 0);
	ck_assert_str_eq(question.first_id, ID);
	engine_resend_kept_out(engine, &question);
	ck_assert_uint_eq(bench_counts().resends, 1);
	ck_assert_uint_eq(bench_counts().resent, 1);
}
END_TEST

START_TEST(delivered_it_stands_without_a_copy)
{
	(void)committed(ID, &to_a);
	sent(ID, "a@Y.example");
	ended(ID);
	begin(&to_a);
	ck_assert_uint_eq(question.waiting, 0);
	ck_assert_uint_eq(question.count, 1);
}
END_TEST

START_TEST(delivered_to_one_and_open_for_the_other_it_stands_for_both)
{
	(void)committed(ID, &to_both);
	sent(ID, A);
	ck_assert_uint_eq(resend(&to_both, ID, OPEN_B, 0), 2);
}
END_TEST

START_TEST(each_recipient_has_the_attempt_that_took_it)
{
	(void)committed(ID, &to_a);
	(void)committed(NEW, &(struct said){ .rcpt = { B } });
	sent(ID, A);
	sent(NEW, B);
	begin(&to_both);
	ck_assert_uint_eq(question.count, 2);
}
END_TEST

START_TEST(what_the_client_may_change_does_not_matter)
{
	(void)committed(ID, &to_a);
	ck_assert_uint_eq(resend(&(struct said){ .rcpt = { A },
				     .port = "4711",
				     .helo = "other.example" },
			      ID, OPEN_A, 0),
	    1);
}
END_TEST

START_TEST(short_id_stands_while_it_is_open)
{
	(void)committed(SHORT, &to_a);
	ck_assert_uint_eq(resend(&to_a, SHORT, OPEN_A, 0), 1);
}
END_TEST

/* ---- what does not ---- */

START_TEST(accepted_without_a_commit_proves_nothing)
{
	struct smx_key key = answered(ID, &to_a);

	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	engine_session_end(engine, &key, now);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	ended(ID);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	sent(ID, A);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(held_proves_nothing)
{
	struct smx_key key = bench_begin(ID);

	note(&key, &to_a);
	engine_sent(engine, &key, 0, SMX_OK, now);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	engine_verdict(engine, &key, ENGINE_PROTECTED, NULL, now);
	bench_hint(SMX_QUEUE_COMMITTED, ID);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(stray_proves_nothing)
{
	struct smx_key key = answered(ID, &to_a);

	engine_session_end(engine, &key, now);
	bench_shown(ID, SMX_PRESENCE_STRAY);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(only_a_read_after_the_question_counts)
{
	uint64_t token;
	size_t count;

	(void)committed(ID, &to_a);
	now += 3000;
	token = bench_read(&count);
	ck_assert_uint_eq(count, 1);
	begin(&to_a);
	bench_text(ID, OPEN_A, 0, token);
	engine_resend_ask(engine, &question, now);
	ck_assert_uint_eq(question.count, 0);
	ck_assert_uint_eq(question.waiting, 1);
}
END_TEST

START_TEST(read_in_vain_is_asked_for_once)
{
	(void)committed(ID, &to_a);
	ck_assert_uint_eq(resend(&to_a, ID, NULL, 0), 0);
	/* The next resend asks anew. */
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 1);
}
END_TEST

START_TEST(recipient_that_is_not_open_any_more_is_not_taken)
{
	(void)committed(ID, &to_both);
	/* B has bounced, or was struck out, or is another address now. */
	ck_assert_uint_eq(resend(&to_both, ID, OPEN_A, 0), 1);
	ck_assert_int_eq(taken[0], 1);
	ck_assert_int_eq(taken[1], 0);
}
END_TEST

START_TEST(ended_without_a_delivery_is_not_taken)
{
	(void)committed(ID, &to_both);
	sent(ID, B);
	ended(ID);
	ck_assert_uint_eq(resend(&to_both, ID, OPEN, 0), 1);
	ck_assert_int_eq(taken[0], 0);
}
END_TEST

START_TEST(on_hold_is_not_taken)
{
	(void)committed(ID, &to_a);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 1), 0);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(requeued_is_not_taken)
{
	uint64_t token;

	(void)committed(ID, &to_a);
	bench_hint(SMX_QUEUE_REQUEUED, ID);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	now += 1000;
	token = bench_look();
	bench_seen(ID, SMX_PRESENCE_LINKED, token, NEW);
	ck_assert_uint_eq(resend(&to_a, NEW, OPEN_A, 0), 0);
}
END_TEST

START_TEST(corrupt_is_not_taken)
{
	(void)committed(ID, &to_a);
	bench_shown(ID, SMX_PRESENCE_CORRUPT);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(unprotected_is_not_taken)
{
	struct smx_key key = bench_begin(ID);

	engine_verdict(engine, &key, ENGINE_UNPROTECTED, NULL, now);
	note(&key, &to_a);
	bench_hint(SMX_QUEUE_COMMITTED, ID);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	sent(ID, A);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 1);
}
END_TEST

START_TEST(fewer_copies_than_the_policy_needs_are_not_enough)
{
	(void)committed(ID, &to_a);
	begin(&to_a);
	question.min_copies = 2;
	engine_resend_ask(engine, &question, now);
	ck_assert_uint_eq(question.waiting, 0);
	ck_assert_uint_eq(question.count, 0);
}
END_TEST

START_TEST(short_id_does_not_tell_whose_delivery_it_was)
{
	(void)committed(SHORT, &to_a);
	sent(SHORT, A);
	ended(SHORT);
	ck_assert_uint_eq(resend(&to_a, SHORT, OPEN_A, 0), 0);
}
END_TEST

START_TEST(delivery_of_another_message_or_to_another_proves_nothing)
{
	(void)committed(ID, &to_a);
	sent(NEW, A);
	sent(ID, B);
	ended(ID);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(after_the_window_it_is_another_message)
{
	(void)committed(ID, &to_a);
	sent(ID, A);
	now += HOUR - 1;
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 1);
	now++;
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

START_TEST(after_a_restart_nothing_is_remembered)
{
	(void)committed(ID, &to_a);
	sent(ID, A);
	bench_fresh(2, 1000, 1000);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
}
END_TEST

static const struct said others[] = {
	{ .rcpt = { A }, .sender = "<t@x.example>" },
	{ .rcpt = { A }, .sender = "<>" },
	{ .rcpt = { A }, .sender_param = "ENVID=1" },
	{ .rcpt = { A }, .sender_param = "RET=HDRS" },
	{ .rcpt = { A }, .sender_param = "BODY=8BITMIME" },
	{ .rcpt = { A }, .address = "192.0.2.8" },
	{ .rcpt = { A }, .type = "PLAIN" },
	{ .rcpt = { A }, .login = "joe" },
	{ .rcpt = { A }, .param = "NOTIFY=NEVER" },
	{ .rcpt = { A }, .param = "ORCPT=rfc822;q@y.example" },
	{ .rcpt = { B } },
	{ .rcpt = { A }, .digest = 1 },
};

START_TEST(another_message_is_another_message)
{
	(void)committed(ID, &to_a);
	sent(ID, A);
	ck_assert_uint_eq(resend(&others[_i], ID, OPEN, 0), 0);
	ck_assert_uint_eq(resend(&to_a, ID, OPEN, 0), 1);
}
END_TEST

START_TEST(address_that_is_asked_for_twice_is_not_struck_out_for_one)
{
	(void)committed(ID,
	    &(struct said){ .rcpt = { A }, .param = "NOTIFY=NEVER" });
	sent(ID, A);
	ck_assert_uint_eq(resend(&(struct said){ .rcpt = { A, A, B },
				     .param = "NOTIFY=NEVER" },
			      ID, OPEN, 0),
	    0);
}
END_TEST

/* ---- its bounds ---- */

START_TEST(what_is_remembered_has_a_ceiling)
{
	struct resend_message m = { .count = RESEND_RCPTS_ONE };
	const size_t attempts = RESEND_RCPTS_MAX / RESEND_RCPTS_ONE;
	char id[SMX_QUEUE_ID_MAX + 1];

	m.rcpts = calloc(m.count, sizeof(*m.rcpts));
	ck_assert_ptr_nonnull(m.rcpts);
	(void)committed(ID, &to_a);
	sent(ID, A);
	for (size_t i = 0; i <= attempts; i++) {
		struct smx_key key;

		if (i == attempts - 1)
			ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 1);
		for (size_t r = 0; r < m.count; r++)
			m.rcpts[r].line = i * m.count + r;
		snprintf(id, sizeof(id), "4jXKs073lDz1%zu", i);
		key = bench_accepted(id);
		engine_resend_note(engine, &key, &m, HOUR, now);
	}
	ck_assert_uint_eq(resend(&to_a, ID, OPEN_A, 0), 0);
	free(m.rcpts);
}
END_TEST

START_TEST(too_many_recipients_are_not_remembered)
{
	const uint8_t digest[SMX_DIGEST_BYTES] = { 0 };
	struct resend_message m;
	struct smx_envelope *e;
	char address[32];

	ck_assert_int_eq(smx_envelope_new(&e, RESEND_RCPTS_ONE + 1), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, "<>", NULL, 0), SMX_OK);
	ck_assert_int_eq(resend_describe(&m, e, digest), SMX_ELIMIT);
	for (int i = 0; i <= RESEND_RCPTS_ONE; i++) {
		snprintf(address, sizeof(address), "<r%d@y.example>", i);
		ck_assert_int_eq(smx_envelope_rcpt(e, address, NULL, 0),
		    SMX_OK);
	}
	ck_assert_int_eq(resend_describe(&m, e, digest), SMX_ELIMIT);
	smx_envelope_free(&e);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resend");
	TCase *t = tcase_create("guard");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, open_bench, close_bench);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, open_in_the_queue_it_stands);
	tcase_add_test(t, delivered_it_stands_without_a_copy);
	tcase_add_test(t,
	    delivered_to_one_and_open_for_the_other_it_stands_for_both);
	tcase_add_test(t, each_recipient_has_the_attempt_that_took_it);
	tcase_add_test(t, what_the_client_may_change_does_not_matter);
	tcase_add_test(t, short_id_stands_while_it_is_open);
	tcase_add_test(t, accepted_without_a_commit_proves_nothing);
	tcase_add_test(t, held_proves_nothing);
	tcase_add_test(t, stray_proves_nothing);
	tcase_add_test(t, only_a_read_after_the_question_counts);
	tcase_add_test(t, read_in_vain_is_asked_for_once);
	tcase_add_test(t, recipient_that_is_not_open_any_more_is_not_taken);
	tcase_add_test(t, ended_without_a_delivery_is_not_taken);
	tcase_add_test(t, on_hold_is_not_taken);
	tcase_add_test(t, requeued_is_not_taken);
	tcase_add_test(t, corrupt_is_not_taken);
	tcase_add_test(t, unprotected_is_not_taken);
	tcase_add_test(t, fewer_copies_than_the_policy_needs_are_not_enough);
	tcase_add_test(t, short_id_does_not_tell_whose_delivery_it_was);
	tcase_add_test(t,
	    delivery_of_another_message_or_to_another_proves_nothing);
	tcase_add_test(t, after_the_window_it_is_another_message);
	tcase_add_test(t, after_a_restart_nothing_is_remembered);
	tcase_add_loop_test(t, another_message_is_another_message, 0,
	    sizeof(others) / sizeof(*others));
	tcase_add_test(t,
	    address_that_is_asked_for_twice_is_not_struck_out_for_one);
	tcase_add_test(t, what_is_remembered_has_a_ceiling);
	tcase_add_test(t, too_many_recipients_are_not_remembered);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
