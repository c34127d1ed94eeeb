/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "glue/watcher.h"
#include "glue/watcher_copy.h"
#include "glue/watcher_opens.h"
#include "glue/watcher_route.h"
#include "glue/watcher_wire.h"
#include "io/pfqueue.h"
#include "queue_tree.h"

#define ID   "4jXKs073lDz1bkTK"
#define ID2  "4jXN4m6MKgz1bY4l"
#define WAIT 5000

static struct tree t;
static struct smx_queue q;
static int pair[2]; /* [0] the worker's, [1] the watcher's; both stay open */
static pid_t watcher;
static volatile sig_atomic_t stop;
static char tool[160];

/* A postcat: the file as it is, after a pause when its first line is a number
 * of seconds. */
static const char script[] =
    "#!/bin/sh\n"
    "shift 2\n"
    "what=$1\n"
    "shift\n"
    "for f; do\n"
    "	read -r first <\"$f\"\n"
    "	case $first in [0-9]*) sleep \"$first\" ;; esac\n"
    "	echo \"*** ENVELOPE RECORDS $f ***\"\n"
    "	grep ': ' \"$f\"\n"
    "	echo \"*** MESSAGE CONTENTS $f ***\"\n"
    "	[ \"$what\" != -beh ] || cat \"$f\"\n"
    "	echo \"*** HEADER EXTRACTED $f ***\"\n"
    "	echo \"*** MESSAGE FILE END $f ***\"\n"
    "done\n";

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static const char *log_file = "";

static void
watcher_start(void)
{
	const struct pfqueue_options options = {
		.postfix = { .queue_directory = t.queue,
		    .log_file = log_file,
		    .marker_directory = "",
		    .config_directory = "/etc/none" },
		.postcat = tool,
	};

	watcher = fork();
	ck_assert_int_ge(watcher, 0);
	if (watcher == 0) {
		signal(SIGTERM, on_term);
		_exit(watcher_serve(pair[1], &options, &stop));
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
put(const char *path, const char *text, unsigned mode)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, (mode_t)mode), 0);
}

static void
setup(void)
{
	tree_make(&t);
	snprintf(tool, sizeof(tool), "%s/postcat", t.dir);
	put(tool, script, 0755);
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

#define SENT(id)                                                               \
	"smtp[7]: " id ": to=<r@y>, relay=x, delay=1, delays=0/0/0/1, "        \
	"dsn=2.0.0, status=sent (ok)"

/* What is logged before the watcher has heard of the wish is the past. */
static int
sent_is_told(void)
{
	for (int i = 0; i < 60; i++) {
		tree_log(&t, SENT(ID2));
		if (tree_event(&q, SMX_QUEUE_SENT, ID2, NULL, 500))
			return 1;
	}
	return 0;
}

/* It began with the settings of before, and so does the one that follows it. */
START_TEST(what_the_worker_wants_is_told_and_the_next_watcher_hears_it)
{
	tree_log(&t, "postsuper[6]: " ID ": requeued");
	watcher_end(SIGKILL);
	log_file = t.log;
	watcher_start();
	begun();
	q.ops->want(q.ctx, 1, 1);
	ck_assert(sent_is_told());
	watcher_end(SIGKILL);
	watcher_start();
	log_file = "";
	begun();
	ck_assert(sent_is_told());
}
END_TEST

START_TEST(packet_carries_what_is_wanted)
{
	struct watcher_want in = { 0, 1 }, out;
	static struct watcher_packet p;

	for (int bad = 0; bad < 3; bad++) {
		wire_begin(&p, WATCHER_WANT, 5, 0);
		wire_put_want(&p, &in);
		if (bad == 1)
			wire_put_want(&p, &in);
		if (bad == 2)
			p.data[p.len - 1] = 2;
		ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
		ck_assert_int_eq(wire_receive(pair[1], &p), SMX_OK);
		ck_assert_int_eq(wire_get_want(&p, &out),
		    bad != 0 ? SMX_EPROTO : SMX_OK);
	}
	ck_assert_int_eq(out.deliveries, 0);
	ck_assert_int_eq(out.ends, 1);
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
			memcpy(junk, "smxW\3", 5);
			junk[5] = (unsigned char)(2 + i / 2 % 9);
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

/* ---- files ---- */

#define RECORDS "sender: s@x.invalid\nrecipient: b@y.invalid\n"
#define TEXT    "MAIL <s@x.invalid>\r\nRCPT <b@y.invalid>\r\n"

START_TEST(what_is_read_comes_through)
{
	static const char *const ids[] = { ID, "4jXKs073lDz1bkTJ", ID2 };
	struct smx_queue_event e;

	put(tree_path(&t, "hold/" ID), RECORDS, 0700);
	put(tree_path(&t, "active/" ID2), RECORDS "recipient: c@y.invalid\n",
	    0700);
	begun();
	ck_assert_int_eq(q.ops->read(q.ctx, ids, 3, 42), SMX_OK);
	/* What needs no run is answered first. */
	ck_assert(tree_event(&q, SMX_QUEUE_READ, NULL, &e, WAIT));
	ck_assert_str_eq(e.id, ids[1]);
	ck_assert_uint_eq(e.token, 42);
	ck_assert_ptr_null(e.text);
	ck_assert(tree_event(&q, SMX_QUEUE_READ, NULL, &e, WAIT));
	ck_assert_str_eq(e.id, ID);
	ck_assert_int_eq(e.held, 1);
	ck_assert_str_eq(e.text, TEXT);
	free(e.text);
	ck_assert(tree_event(&q, SMX_QUEUE_READ, NULL, &e, WAIT));
	ck_assert_str_eq(e.id, ID2);
	ck_assert_int_eq(e.held, 0);
	ck_assert_str_eq(e.text, TEXT "RCPT <c@y.invalid>\r\n");
	free(e.text);
}
END_TEST

/* Each of these is longer than many packets. */
START_TEST(long_envelopes_come_through)
{
	enum { FILES = 20, RECIPIENTS = 5000 };
	static char text[FILES][16], records[RECIPIENTS * 32 + 64];
	static const char *ids[FILES];
	size_t len = (size_t)sprintf(records, "sender: s@x.invalid\n");
	char path[64];

	for (int i = 0; i < RECIPIENTS; i++)
		len += (size_t)sprintf(records + len, "recipient: r%d@y\n", i);
	for (int i = 0; i < FILES; i++) {
		snprintf(text[i], sizeof(text[i]), "%08X", i);
		snprintf(path, sizeof(path), "active/%s", text[i]);
		put(tree_path(&t, path), records, 0700);
		ids[i] = text[i];
	}
	begun();
	ck_assert_int_eq(q.ops->read(q.ctx, ids, FILES, 42), SMX_OK);
	for (int i = 0; i < FILES; i++) {
		struct smx_queue_event e;

		ck_assert(tree_event(&q, SMX_QUEUE_READ, ids[i], &e, WAIT));
		ck_assert_ptr_nonnull(e.text);
		ck_assert_ptr_nonnull(strstr(e.text, "RCPT <r0@y>\r\n"));
		ck_assert_ptr_nonnull(strstr(e.text, "RCPT <r4999@y>\r\n"));
		free(e.text);
	}
}
END_TEST

/* Somebody must call next while others wait in open. */
static atomic_int pumping;
static pthread_t pump_thread;

static void *
pump(void *arg)
{
	(void)arg;
	while (pumping) {
		struct smx_queue_event e[16];
		size_t n;

		(void)q.ops->next(q.ctx, e, 16, &n, clock_mono_ms() + 50);
	}
	return NULL;
}

static void
pump_start(void)
{
	pumping = 1;
	ck_assert_int_eq(pthread_create(&pump_thread, NULL, pump, NULL), 0);
}

static void
pump_stop(void)
{
	pumping = 0;
	pthread_join(pump_thread, NULL);
}

static int was_held;

static int
open_within(const char *id, int64_t ms)
{
	char *envelope = NULL, got[256];
	int fd = -1;
	size_t len;
	uint64_t size;
	int result = q.ops->open(q.ctx, id, &envelope, &len, &fd, &size,
	    &was_held, clock_mono_ms() + ms);

	if (result != SMX_OK) {
		ck_assert_ptr_null(envelope);
		ck_assert_int_eq(fd, -1);
		return result;
	}
	ck_assert_str_eq(envelope, "CLIENT\r\n" TEXT);
	ck_assert_uint_eq(len, strlen(envelope));
	ck_assert_int_eq(read(fd, got, sizeof(got)), size);
	ck_assert_ptr_nonnull(memmem(got, size, RECORDS, strlen(RECORDS)));
	free(envelope);
	close(fd);
	return result;
}

static size_t
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

START_TEST(what_is_opened_comes_through)
{
	size_t before;

	put(tree_path(&t, "deferred/F/" ID), RECORDS, 0700);
	begun();
	before = descriptors();
	pump_start();
	ck_assert_int_eq(open_within(ID, WAIT), SMX_OK);
	ck_assert_int_eq(was_held, 0);
	tree_move(&t, "deferred/F/" ID, "hold/" ID);
	ck_assert_int_eq(open_within(ID, WAIT), SMX_OK);
	ck_assert_int_eq(was_held, 1);
	ck_assert_int_eq(open_within(ID2, WAIT), SMX_ENOTFOUND);
	ck_assert_int_eq(open_within("", WAIT), SMX_ENOTFOUND);
	pump_stop();
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

static void *
open_many(void *arg)
{
	int *result = arg;

	*result = open_within(ID, 30000);
	return NULL;
}

START_TEST(more_opens_than_may_wait_are_refused)
{
	static struct watcher_opens opens;

	opens_init(&opens);
	for (int i = 0; i < WATCHER_OPENS_MAX; i++)
		ck_assert_ptr_nonnull(opens_begin(&opens));
	ck_assert_ptr_null(opens_begin(&opens));
	opens_done(&opens);
}
END_TEST

/* As many as there may be, together; those that nobody waits for any more take
 * nobody's place. */
START_TEST(opens_wait_for_each_other)
{
	pthread_t thread[WATCHER_OPENS_MAX];
	int result[WATCHER_OPENS_MAX];

	put(tree_path(&t, "deferred/F/" ID), "0.05\n" RECORDS, 0700);
	begun();
	pump_start();
	for (int i = 0; i < WATCHER_OPENS_MAX; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, open_many,
				     &result[i]),
		    0);
	usleep(500000);
	for (int i = 0; i < 100; i++)
		ck_assert_int_ne(open_within(ID2, 2), SMX_OK);
	for (int i = 0; i < WATCHER_OPENS_MAX; i++) {
		pthread_join(thread[i], NULL);
		ck_assert_int_eq(result[i], SMX_OK);
	}
	pump_stop();
}
END_TEST

/* ---- routes ---- */

/* The MTA's resolver, which says the same to everybody. */
static void *
resolve(void *arg)
{
	static const char says[] = "protocol\0trivial_rewrite_protocol\0\0"
				   "flags\0000\0transport\0error\0nexthop\0"
				   "no\0recipient\0a@b.example\0flags\0"
				   "4096\0\0";
	int listener = *(int *)arg, fd;
	char question[256];

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		(void)!recv(fd, question, sizeof(question), 0);
		(void)!send(fd, says, sizeof(says) - 1, MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static int
route_within(int64_t ms)
{
	struct smx_queue_route route;

	return q.ops->route(q.ctx, "<>", "<a@b.example>", &route,
	    clock_mono_ms() + ms);
}

static void *
route_many(void *arg)
{
	*(int *)arg = route_within(WAIT);
	return NULL;
}

/* There is no postconf for this queue, so what a service speaks is not known;
 * but the MTA was asked, and was not before. */
START_TEST(route_is_asked_of_the_mta)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	pthread_t server, thread[WATCHER_ROUTES_MAX];
	int result[WATCHER_ROUTES_MAX], listener;

	begun();
	pump_start();
	ck_assert_int_eq(route_within(WAIT), SMX_EIO);
	(void)mkdir(tree_path(&t, "private"), 0700);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s",
	    tree_path(&t, "private/rewrite"));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	/* nobody takes the connection: it waits to the end */
	ck_assert_int_eq(route_within(100), SMX_ETIMEOUT);
	pthread_create(&server, NULL, resolve, &listener);
	for (int i = 0; i < WATCHER_ROUTES_MAX; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, route_many,
				     &result[i]),
		    0);
	for (int i = 0; i < WATCHER_ROUTES_MAX; i++) {
		pthread_join(thread[i], NULL);
		ck_assert_int_eq(result[i], SMX_EIO);
	}
	pump_stop();
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(listener);
}
END_TEST

START_TEST(more_routes_than_may_wait_are_refused)
{
	static struct route_places places;

	route_places_init(&places);
	for (int i = 0; i < WATCHER_ROUTES_MAX; i++)
		ck_assert_ptr_nonnull(route_begin(&places));
	ck_assert_ptr_null(route_begin(&places));
	route_places_done(&places);
}
END_TEST

START_TEST(route_to_a_watcher_that_hangs_is_given_up)
{
	begun();
	pump_start();
	kill(watcher, SIGSTOP);
	ck_assert_int_eq(route_within(200), SMX_ETIMEOUT);
	kill(watcher, SIGCONT);
	pump_stop();
}
END_TEST

static const struct watcher_routed routeds[] = {
	{ SMX_OK, { 2, { "smtp:[192.0.2.1]:25", "lmtp:unix:/run/l" } } },
	{ SMX_ENOTFOUND, { 0 } },
	{ SMX_ETIMEOUT, { 0 } },
};

START_TEST(packet_carries_a_route)
{
	static struct watcher_packet p, in;
	static struct watcher_route_asked asked;
	struct watcher_routed got;

	wire_begin(&p, WATCHER_ROUTE, 7, 9);
	ck_assert_int_eq(wire_put_route(&p, "<x@y>", "<\"a b\"@c>", 12345),
	    SMX_OK);
	ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
	ck_assert_int_eq(wire_receive(pair[1], &in), SMX_OK);
	ck_assert_int_eq(in.kind, WATCHER_ROUTE);
	ck_assert_int_eq(wire_get_route(&in, &asked), SMX_OK);
	ck_assert_uint_eq(asked.token, 9);
	ck_assert_int_eq(asked.until_mono_ms, 12345);
	ck_assert_str_eq(asked.sender, "<x@y>");
	ck_assert_str_eq(asked.recipient, "<\"a b\"@c>");
	wire_begin(&p, WATCHER_ROUTED, 7, 9);
	wire_put_routed(&p, &routeds[_i]);
	ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
	ck_assert_int_eq(wire_receive(pair[1], &in), SMX_OK);
	memset(&got, 0, sizeof(got));
	ck_assert_int_eq(wire_get_routed(&in, &got), SMX_OK);
	ck_assert_int_eq(got.result, routeds[_i].result);
	ck_assert_uint_eq(got.route.count, routeds[_i].route.count);
	for (size_t i = 0; i < got.route.count; i++)
		ck_assert_str_eq(got.route.hop[i], routeds[_i].route.hop[i]);
	/* cut anywhere it is none */
	for (size_t cut = 24; cut < p.len; cut++) {
		in.at = 24;
		in.count = 1;
		in.len = cut;
		ck_assert_int_eq(wire_get_routed(&in, &got), SMX_EPROTO);
	}
}
END_TEST

START_TEST(late_answer_is_for_nobody_and_stays_open_nowhere)
{
	size_t before;
	int64_t began;

	put(tree_path(&t, "active/" ID), "1\n" RECORDS, 0700);
	put(tree_path(&t, "active/" ID2), RECORDS, 0700);
	begun();
	before = descriptors();
	pump_start();
	began = clock_mono_ms();
	ck_assert_int_eq(open_within(ID, 300), SMX_ETIMEOUT);
	ck_assert_int_lt(clock_mono_ms() - began, WAIT);
	/* The watcher goes on with the next one. */
	ck_assert_int_eq(open_within(ID2, WAIT), SMX_OK);
	pump_stop();
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

static void *
restart_watcher(void *arg)
{
	(void)arg;
	usleep(400000);
	watcher_end(SIGKILL);
	watcher_start();
	return NULL;
}

START_TEST(opens_fail_when_the_watcher_begins_anew)
{
	int64_t began = clock_mono_ms();
	pthread_t thread;

	put(tree_path(&t, "active/" ID), "600\n" RECORDS, 0700);
	begun();
	pump_start();
	pthread_create(&thread, NULL, restart_watcher, NULL);
	ck_assert_int_eq(open_within(ID, 30000), SMX_EIO);
	ck_assert_int_lt(clock_mono_ms() - began, 25000);
	pthread_join(thread, NULL);
	pump_stop();
}
END_TEST

START_TEST(verify_does_not_wait_for_files)
{
	static const char *const ids[] = { ID };
	int64_t began;

	put(tree_path(&t, "active/" ID), "600\n" RECORDS, 0700);
	begun();
	ck_assert_int_eq(q.ops->read(q.ctx, ids, 1, 42), SMX_OK);
	usleep(300000);
	began = clock_mono_ms();
	ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
	ck_assert_int_lt(clock_mono_ms() - began, WAIT);
}
END_TEST

/* The next worker gets neither answers nor descriptors of the last one. */
START_TEST(next_worker_gets_no_file_of_the_last_one)
{
	static const char *const ids[] = { ID };
	int64_t until;
	struct smx_queue_event e[16];
	size_t n, before;

	put(tree_path(&t, "active/" ID), RECORDS, 0700);
	begun();
	before = descriptors();
	ck_assert_int_eq(q.ops->read(q.ctx, ids, 1, 42), SMX_OK);
	ck_assert_int_eq(open_within(ID, 1), SMX_ETIMEOUT);
	usleep(_i == 0 ? 500000 : 0);
	smx_queue_close(&q);
	ck_assert_int_eq(watcher_connect(&q, pair[0]), SMX_OK);
	until = clock_mono_ms() + 1500;
	while (clock_mono_ms() < until)
		if (q.ops->next(q.ctx, e, 16, &n, until) == SMX_OK)
			for (size_t i = 0; i < n; i++)
				ck_assert_int_ne(e[i].kind, SMX_QUEUE_READ);
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* ---- packets alone ---- */

/* Sizes and descriptors that do not go together; what came is closed. */
START_TEST(packet_that_lies_about_its_texts_means_nothing)
{
	static struct watcher_packet p;
	struct smx_queue_event in = { .kind = SMX_QUEUE_READ, .id = ID }, out;
	struct watcher_opened opened = { .envelope_fd = -1, .content_fd = -1 };
	size_t before = descriptors();
	char text[] = TEXT;

	in.text = text;
	for (int lie = 0; lie < 4; lie++) {
		wire_begin(&p, WATCHER_EVENTS, 5, 0);
		wire_put_event(&p, &in);
		if (lie == 1)
			wire_drop(&p); /* none where one should be */
		if (lie == 2)
			ck_assert_int_eq(ftruncate(p.fd[0], 3), 0);
		if (lie == 3)
			memset(p.data + p.len - 4, 0xff, 4);
		ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
		ck_assert_int_eq(wire_receive(pair[1], &p), SMX_OK);
		if (lie == 0) {
			ck_assert_int_eq(wire_get_event(&p, &out), SMX_OK);
			ck_assert_str_eq(out.text, TEXT);
			free(out.text);
		} else if (lie == 2) {
			ck_assert_int_eq(wire_get_event(&p, &out), SMX_OK);
			ck_assert_ptr_null(out.text);
		} else {
			ck_assert_int_eq(wire_get_event(&p, &out), SMX_EPROTO);
		}
	}
	/* Success without descriptors, failure with. */
	for (int lie = 0; lie < 2; lie++) {
		wire_begin(&p, WATCHER_OPENED, 5, 7);
		opened.result = SMX_OK;
		if (lie == 1) {
			opened.result = SMX_EIO;
			p.fd[0] = dup(pair[0]);
			p.fds = 1;
		}
		wire_put_opened(&p, &opened);
		if (lie == 0)
			p.fds = 0;
		ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
		ck_assert_int_eq(wire_receive(pair[1], &p), SMX_OK);
		ck_assert_int_eq(wire_get_opened(&p, &opened), SMX_EPROTO);
	}
	wire_drop(&p);
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

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

START_TEST(packet_carries_the_whole_state)
{
	struct smx_queue_state in = { .epoch = { .id = { 1, 2, 3 },
					  .counter = UINT64_MAX - 3 },
		.first = UINT64_MAX - 5,
		.unclean = (uint64_t)1 << 63,
		.forgot = 1,
		.links_known = 1,
		.mta = SMX_MTA_UP,
		.spans = SMX_QUEUE_SPANS_MAX,
		.local_waiting = 10000,
		.local_oldest_ms = INT64_MAX };
	static struct watcher_packet p;
	struct smx_queue_state out;
	int known;

	for (size_t i = 0; i < in.spans; i++)
		in.span[i] = (struct smx_queue_span){ i << 33, (i << 33) + 7 };
	wire_begin(&p, WATCHER_STATE, 5, 0);
	wire_put_state(&p, &in);
	ck_assert_int_eq(wire_send(pair[0], &p), SMX_OK);
	ck_assert_int_eq(wire_receive(pair[1], &p), SMX_OK);
	ck_assert_int_eq(wire_get_state(&p, &out, &known), SMX_OK);
	ck_assert_int_eq(known, 1);
	ck_assert(smx_epoch_same(&in.epoch, &out.epoch));
	ck_assert_uint_eq(out.epoch.counter, in.epoch.counter);
	ck_assert_uint_eq(out.first, in.first);
	ck_assert_uint_eq(out.unclean, in.unclean);
	ck_assert_int_eq(out.forgot, 1);
	ck_assert_uint_eq(out.spans, in.spans);
	ck_assert_mem_eq(out.span, in.span, sizeof(in.span));
	ck_assert_uint_eq(out.local_waiting, in.local_waiting);
	ck_assert_int_eq(out.local_oldest_ms, in.local_oldest_ms);
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
	tcase_add_test(tc,
	    what_the_worker_wants_is_told_and_the_next_watcher_hears_it);
	tcase_add_test(tc, silent_watcher_is_a_reset_and_unknown);
	tcase_add_test(tc,
	    worker_that_does_not_read_misses_events_but_not_the_reset);
	tcase_add_test(tc, queue_that_appears_later_is_watched);
	tcase_add_test(tc, replaced_queue_is_known_before_the_reset_is_read);
	tcase_add_test(tc, strange_packets_mean_nothing);
	tcase_add_test(tc, stopped_watcher_leaves_a_clean_marker);
	tcase_add_test(tc, closed_descriptor_is_unknown_for_ever);
	tcase_add_test(tc, what_is_read_comes_through);
	tcase_add_test(tc, long_envelopes_come_through);
	tcase_add_test(tc, what_is_opened_comes_through);
	tcase_add_test(tc, opens_wait_for_each_other);
	tcase_add_test(tc, late_answer_is_for_nobody_and_stays_open_nowhere);
	tcase_add_test(tc, opens_fail_when_the_watcher_begins_anew);
	tcase_add_test(tc, verify_does_not_wait_for_files);
	tcase_add_loop_test(tc, next_worker_gets_no_file_of_the_last_one, 0, 2);
	tcase_add_test(tc, route_is_asked_of_the_mta);
	tcase_add_test(tc, route_to_a_watcher_that_hangs_is_given_up);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(wire, setup_pair, NULL);
	tcase_add_test(wire, packet_carries_what_is_wanted);
	tcase_add_test(wire, packet_carries_every_field);
	tcase_add_test(wire, packet_carries_the_whole_state);
	tcase_add_test(wire, more_routes_than_may_wait_are_refused);
	tcase_add_loop_test(wire, packet_carries_a_route, 0,
	    sizeof(routeds) / sizeof(*routeds));
	tcase_add_test(wire, more_opens_than_may_wait_are_refused);
	tcase_add_test(wire, packet_that_lies_about_its_texts_means_nothing);
	suite_add_tcase(s, wire);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
