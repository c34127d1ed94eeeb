/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "glue/watcher.h"
#include "glue/watcher_wire.h"
#include "queue_tree.h"

#define ID   "4jXKs073lDz1bkTK"
#define ID2  "4jXN4m6MKgz1bY4l"
#define WAIT 5000

static struct tree t;
static struct smx_queue q;
static int pair[2]; /* [0] the worker's, [1] the watcher's; both stay open */
static pid_t watcher;
static volatile sig_atomic_t stop;

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void
watcher_start(void)
{
	const struct smx_queue_postfix_options options = { t.queue, "", "" };

	watcher = fork();
	ck_assert_int_ge(watcher, 0);
	if (watcher == 0) {
		signal(SIGTERM, on_term);
		_exit(watcher_main(pair[1], &options, &stop));
	}
}

static int
watcher_end(int sig)
{
	int status = -1;

	if (watcher > 0) {
		kill(watcher, sig);
		kill(watcher, SIGCONT);
		waitpid(watcher, &status, 0);
	}
	watcher = 0;
	return status;
}

static void
setup(void)
{
	tree_make(&t);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			     pair),
	    0);
	watcher_start();
	ck_assert_int_eq(watcher_connect(&q, pair[0]), SMX_OK);
}

static void
teardown(void)
{
	smx_queue_close(&q);
	watcher_end(SIGKILL);
	close(pair[0]);
	close(pair[1]);
	tree_remove(&t);
}

static int
event(enum smx_queue_event_kind kind, const char *id)
{
	return tree_event(&q, kind, id, NULL, WAIT);
}

/* The beginning may give more than one RESET: fetch what there is. */
static void
begun(void)
{
	struct smx_queue_event e[16];
	size_t n;

	ck_assert(event(SMX_QUEUE_RESET, NULL));
	while (q.ops->next(q.ctx, e, 16, &n, clock_mono_ms() + 400) == SMX_OK)
		;
}

static int
state_within(int64_t ms, struct smx_queue_state *s)
{
	int64_t until = clock_mono_ms() + ms;
	struct smx_queue_event e[16];
	size_t n;

	while (q.ops->state(q.ctx, s) != SMX_OK) {
		if (clock_mono_ms() >= until)
			return 0;
		(void)q.ops->next(q.ctx, e, 16, &n, clock_mono_ms() + 50);
	}
	return 1;
}

START_TEST(worker_sees_what_the_watcher_sees)
{
	struct smx_queue_state s;

	ck_assert_int_eq(q.ops->state(q.ctx, &s), SMX_EUNREACHABLE);
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	ck_assert_int_eq(q.ops->state(q.ctx, &s), SMX_OK);
	ck_assert_uint_ge(s.epoch.counter, 1);
	ck_assert_int_eq(s.mta, SMX_MTA_DOWN);
	tree_begin(&t, ID);
	ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_UNCOMMITTED);
	tree_commit(&t, ID);
	ck_assert(event(SMX_QUEUE_COMMITTED, ID));
	ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
	tree_delete(&t, "incoming/" ID);
	ck_assert(event(SMX_QUEUE_GONE, ID));
	ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(many_questions_are_all_answered)
{
	enum { COUNT = 1000 };
	static char text[COUNT][16];
	static const char *ids[COUNT];
	struct smx_queue_event e;
	int answers = 0;

	ck_assert(event(SMX_QUEUE_RESET, NULL));
	for (int i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof(text[i]), "%08X", i);
		ids[i] = text[i];
	}
	tree_put(&t, "deferred/0/00000007", 0700);
	ck_assert_int_eq(q.ops->verify(q.ctx, ids, COUNT, 42), SMX_OK);
	while (answers < COUNT) {
		ck_assert(tree_event(&q, SMX_QUEUE_VERIFIED, NULL, &e, WAIT));
		ck_assert_uint_eq(e.token, 42);
		ck_assert_int_eq(e.presence, strcmp(e.id, "00000007") == 0
						 ? SMX_PRESENCE_THERE
						 : SMX_PRESENCE_UNKNOWN);
		answers++;
	}
}
END_TEST

START_TEST(restart_of_the_watcher_is_a_reset)
{
	struct smx_queue_state a, b;

	begun();
	ck_assert_int_eq(q.ops->state(q.ctx, &a), SMX_OK);
	tree_put(&t, "active/" ID, 0700);
	watcher_end(SIGKILL);
	watcher_start();
	begun();
	ck_assert_int_eq(tree_until(&q, ID, SMX_PRESENCE_THERE, WAIT),
	    SMX_PRESENCE_THERE);
	ck_assert(state_within(WAIT, &b));
	ck_assert(smx_epoch_same(&a.epoch, &b.epoch));
	ck_assert_uint_gt(b.epoch.counter, a.epoch.counter);
}
END_TEST

START_TEST(next_worker_gets_no_answer_of_the_last_one)
{
	static const char *const ids[] = { ID };
	int64_t until = clock_mono_ms() + 1500;
	struct smx_queue_event e[16];
	int resets = 0;
	size_t n;

	begun();
	ck_assert_int_eq(q.ops->verify(q.ctx, ids, 1, 77), SMX_OK);
	usleep(_i == 0 ? 300000 : 0); /* on its way, or not yet sent */
	/* The worker ends, another one begins with the same descriptor. */
	smx_queue_close(&q);
	ck_assert_int_eq(watcher_connect(&q, pair[0]), SMX_OK);
	while (clock_mono_ms() < until) {
		if (q.ops->next(q.ctx, e, 16, &n, until) != SMX_OK)
			continue;
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_ne(e[i].kind, SMX_QUEUE_VERIFIED);
			resets += e[i].kind == SMX_QUEUE_RESET;
		}
	}
	ck_assert_int_ge(resets, 1);
	ck_assert_int_ne(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(silent_watcher_is_a_reset_and_unknown)
{
	struct smx_queue_event e;
	struct smx_queue_state s;
	int64_t began;
	size_t n;

	begun();
	kill(watcher, SIGSTOP);
	began = clock_mono_ms();
	ck_assert(tree_event(&q, SMX_QUEUE_RESET, NULL, NULL, 15000));
	ck_assert_int_ge(clock_mono_ms() - began, 7000);
	ck_assert_int_eq(q.ops->state(q.ctx, &s), SMX_EUNREACHABLE);
	/* Once, not for ever. */
	ck_assert_int_eq(q.ops->next(q.ctx, &e, 1, &n, clock_mono_ms() + 300),
	    SMX_ETIMEOUT);
	kill(watcher, SIGCONT);
	ck_assert(state_within(WAIT, &s));
}
END_TEST

START_TEST(worker_that_does_not_read_misses_events_but_not_the_reset)
{
	char path[64];

	begun();
	for (int i = 0; i < 22000; i++) {
		snprintf(path, sizeof(path), "hold/%08X", i);
		ck_assert_int_eq(mknod(tree_path(&t, path), S_IFREG | 0700, 0),
		    0);
		tree_delete(&t, path);
		if (i % 1000 == 0)
			usleep(20000);
	}
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	tree_put(&t, "active/" ID, 0700);
	ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(queue_that_appears_later_is_watched)
{
	struct smx_queue_state s;

	begun();
	watcher_end(SIGKILL);
	ck_assert_int_eq(rename(t.queue, t.log), 0);
	watcher_start();
	begun();
	ck_assert_int_eq(q.ops->state(q.ctx, &s), SMX_EUNREACHABLE);
	ck_assert_int_eq(rename(t.log, t.queue), 0);
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	ck_assert(state_within(WAIT, &s));
	tree_put(&t, "active/" ID, 0700);
	ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
}
END_TEST

/* Answers about the new queue, taken for answers about the former one, would
 * end everything that was in that. */
START_TEST(replaced_queue_is_known_before_the_reset_is_read)
{
	struct smx_queue_state a, b;
	struct tree other;
	char old[128];
	int resets = 0;

	begun();
	ck_assert_int_eq(q.ops->state(q.ctx, &a), SMX_OK);
	tree_make(&other);
	snprintf(old, sizeof(old), "%s/old", t.dir);
	ck_assert_int_eq(rename(t.queue, old), 0);
	ck_assert_int_eq(rename(other.queue, t.queue), 0);
	do {
		ck_assert(event(SMX_QUEUE_RESET, NULL));
		resets++;
		if (q.ops->state(q.ctx, &b) != SMX_OK)
			continue;
		ck_assert(!smx_epoch_same(&a.epoch, &b.epoch));
		break;
	} while (resets < 3);
	ck_assert_int_lt(resets, 3);
	tree_remove(&other);
}
END_TEST

START_TEST(strange_packets_mean_nothing)
{
	unsigned char junk[300];
	unsigned seed = 1;

	ck_assert(event(SMX_QUEUE_RESET, NULL));
	for (int i = 0; i < 3000; i++) {
		size_t len = (size_t)(rand_r(&seed) % 299) + 1;

		for (size_t k = 0; k < len; k++)
			junk[k] = (unsigned char)rand_r(&seed);
		if (i % 2 == 0 && len > 6) {
			memcpy(junk, "smxW\1", 5);
			junk[5] = (unsigned char)(i % 6);
		}
		/* towards the watcher, and towards the worker */
		(void)!send(pair[0], junk, len, MSG_DONTWAIT);
		(void)!send(pair[1], junk, len, MSG_DONTWAIT);
		if (i % 50 == 0) {
			struct smx_queue_event e[16];
			size_t n;

			(void)q.ops->next(q.ctx, e, 16, &n,
			    clock_mono_ms() + 5);
		}
	}
	tree_put(&t, "active/" ID, 0700);
	ck_assert_int_eq(tree_until(&q, ID, SMX_PRESENCE_THERE, WAIT),
	    SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(stopped_watcher_leaves_a_clean_marker)
{
	char text[512];
	FILE *f;
	size_t n;

	ck_assert(event(SMX_QUEUE_RESET, NULL));
	ck_assert_int_eq(watcher_end(SIGTERM), 0);
	f = fopen(tree_path(&t, "shadowmx/shadowmx.epoch"), "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	ck_assert_ptr_nonnull(strstr(text, "clean 1\n"));
}
END_TEST

START_TEST(closed_descriptor_is_unknown_for_ever)
{
	struct smx_queue_state s;
	struct smx_queue_event e;
	int64_t began;
	size_t n;

	begun();
	watcher_end(SIGKILL);
	shutdown(pair[0], SHUT_RDWR);
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	ck_assert_int_eq(q.ops->state(q.ctx, &s), SMX_EUNREACHABLE);
	began = clock_mono_ms();
	ck_assert_int_eq(q.ops->next(q.ctx, &e, 1, &n, began + 300),
	    SMX_ETIMEOUT);
	ck_assert_int_ge(clock_mono_ms() - began, 290);
}
END_TEST

/* ---- packets alone ---- */

START_TEST(packet_carries_every_field)
{
	struct smx_queue_event in = { .kind = SMX_QUEUE_VERIFIED,
		.presence = SMX_PRESENCE_LINKED,
		.id = ID,
		.other = ID2,
		.token = UINT64_MAX - 1 };
	struct smx_queue_event out;
	static struct watcher_packet p;

	wire_begin(&p, WATCHER_EVENTS, 5, 0);
	for (int i = 0; i < WATCHER_EVENTS_MAX; i++)
		wire_put_event(&p, &in);
	ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
	ck_assert_int_eq(wire_receive(pair[1], &p), SMX_OK);
	ck_assert_uint_eq(p.generation, 5);
	for (int i = 0; i < WATCHER_EVENTS_MAX; i++) {
		ck_assert_int_eq(wire_get_event(&p, &out), SMX_OK);
		ck_assert_int_eq(memcmp(&in, &out, sizeof(in)), 0);
	}
	ck_assert_int_eq(wire_get_event(&p, &out), SMX_ENOTFOUND);
}
END_TEST

static void
setup_pair(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			     pair),
	    0);
}

int
main(void)
{
	Suite *s = suite_create("watcher");
	TCase *tc = tcase_create("pair");
	TCase *wire = tcase_create("wire");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 40);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, worker_sees_what_the_watcher_sees);
	tcase_add_test(tc, many_questions_are_all_answered);
	tcase_add_test(tc, restart_of_the_watcher_is_a_reset);
	tcase_add_loop_test(tc, next_worker_gets_no_answer_of_the_last_one, 0,
	    2);
	tcase_add_test(tc, silent_watcher_is_a_reset_and_unknown);
	tcase_add_test(tc,
	    worker_that_does_not_read_misses_events_but_not_the_reset);
	tcase_add_test(tc, queue_that_appears_later_is_watched);
	tcase_add_test(tc, replaced_queue_is_known_before_the_reset_is_read);
	tcase_add_test(tc, strange_packets_mean_nothing);
	tcase_add_test(tc, stopped_watcher_leaves_a_clean_marker);
	tcase_add_test(tc, closed_descriptor_is_unknown_for_ever);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(wire, setup_pair, NULL);
	tcase_add_test(wire, packet_carries_every_field);
	suite_add_tcase(s, wire);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
