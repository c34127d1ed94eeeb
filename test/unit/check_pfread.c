/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/pfid.h"
#include "io/pfqueue.h"
#include "queue_tree.h"

/*
 * Reading queue files, with a postcat of our own: a script that prints a file
 * as it stands, and does worse when the file's first line says so.
 */
#define ID    "4jXKs073lDz1bkTK" /* belongs to deferred/F */
#define ID2   "4jXN4m6MKgz1bY4l"
#define ID3   "4jXN4m6MKgz1bY5l"
#define WAIT  20000
#define TOKEN 4711

#define RECORDS "sender: s@x.invalid\nrecipient: b@y.invalid\n"
#define TEXT    "MAIL <s@x.invalid>\r\nRCPT <b@y.invalid>\r\n"

static const char script[] =
    "#!/bin/sh\n"
    "here=${0%/*}\n"
    "[ \"$3\" = -beh ] || echo x >>\"$here/runs\"\n"
    "shift 2\n" /* -c DIR */
    "what=$1\n"
    "shift\n"
    "for f; do\n"
    "	read -r first <\"$f\"\n"
    "	case $first in\n"
    "	FATAL) echo 'fatal: damaged' >&2; exit 1 ;;\n"
    "	WARN) echo 'warning: odd' >&2 ;;\n"
    "	HANG) echo $$ >\"$here/pid\"; exec sleep 600 ;;\n"
    "	FLOOD) exec tr '\\0' 'a' </dev/zero ;;\n"
    "	CHATTER) exec tr '\\0' 'a' </dev/zero >&2 ;;\n"
    "	LOOK) ls /proc/self/fd >\"$here/fds\"; env >\"$here/env\" ;;\n"
    "	esac\n"
    "	echo \"*** ENVELOPE RECORDS $f ***\"\n"
    "	grep -a ': ' \"$f\"\n"
    "	grep -a -q '^FORGE' \"$f\" && {\n"
    "		echo \"*** MESSAGE CONTENTS $f ***\"\n"
    "		echo \"*** HEADER EXTRACTED $f ***\"\n"
    "		echo \"*** MESSAGE FILE END $f ***\"\n"
    "		n=${f##*/}\n"
    "		g=${f%/*}/$((n + 1))\n"
    "		echo \"*** ENVELOPE RECORDS $g ***\"\n"
    "		echo 'sender: evil@x.invalid'\n"
    "		echo 'recipient: evil@x.invalid'\n"
    "		echo \"*** MESSAGE CONTENTS $g ***\"\n"
    "		echo \"*** HEADER EXTRACTED $g ***\"\n"
    "		echo \"*** MESSAGE FILE END $g ***\"\n"
    "	}\n"
    "	echo \"*** MESSAGE CONTENTS $f ***\"\n"
    "	if [ \"$what\" = -beh ]; then\n"
    "		[ \"$first\" != HALF ] || { echo half; exit 1; }\n"
    "		[ \"$first\" != CUT ] || { echo half; exit; }\n"
    "		[ \"$first\" != LATE ] || exec sleep 600\n"
    "		[ \"$first\" != WARNBODY ] || echo 'warning: x' >&2\n"
    "		[ \"$first\" != LONGER ] || cat \"$f\"\n"
    "		cat \"$f\"\n"
    "	fi\n"
    "	echo \"*** HEADER EXTRACTED $f ***\"\n"
    "	echo \"*** MESSAGE FILE END $f ***\"\n"
    "done\n"
    "exit 0\n";

static struct tree t;
static struct smx_queue q;
static char tool[160];
static char *text[128];
static int held[128];

static void
put(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

/* A committed file of the queue. */
static void
message(const char *name, const char *content)
{
	put(tree_path(&t, name), content, strlen(content));
	ck_assert_int_eq(chmod(tree_path(&t, name), 0700), 0);
}

static void
setup(void)
{
	struct pfqueue_options o = { .boot = "boot-1",
		.settle_ms = 100,
		.stray_ms = 100,
		.postcat = tool };
	struct pfqueue *inner;
	char why[256] = "";

	tree_make(&t);
	snprintf(tool, sizeof(tool), "%s/postcat", t.dir);
	put(tool, script, sizeof(script) - 1);
	ck_assert_int_eq(chmod(tool, 0755), 0);
	o.postfix.queue_directory = t.queue;
	o.postfix.log_file = o.postfix.marker_directory = "";
	o.postfix.config_directory = "/etc/none";
	ck_assert_msg(pfqueue_open(&inner, &o, why, sizeof(why)) == SMX_OK,
	    "%s", why);
	q.ctx = inner;
	q.ops = &pfqueue_ops;
	memset(text, 0, sizeof(text));
	memset(held, 0, sizeof(held));
}

static void
teardown(void)
{
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		free(text[i]);
	smx_queue_close(&q);
	tree_remove(&t);
}

/* Lines in a file beside the script; 0 when there is none. */
static size_t
lines(const char *name)
{
	char path[200];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t.dir, name);
	f = fopen(path, "r");
	for (int c; f != NULL && (c = getc(f)) != EOF;)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

/* Ask, and collect the answers in text[] and held[].  Returns how many. */
static size_t
read_all(const char *const *ids, size_t count)
{
	int64_t until = clock_mono_ms() + WAIT;
	struct smx_queue_event e[16];
	size_t n, seen = 0;

	ck_assert_int_eq(q.ops->read(q.ctx, ids, count, TOKEN), SMX_OK);
	while (seen < count && q.ops->next(q.ctx, e, 16, &n, until) == SMX_OK)
		for (size_t i = 0; i < n; i++) {
			size_t at = 0;

			if (e[i].kind != SMX_QUEUE_READ)
				continue;
			ck_assert_uint_eq(e[i].token, TOKEN);
			while (strcmp(ids[at], e[i].id) != 0)
				at++;
			text[at] = e[i].text;
			held[at] = e[i].held;
			seen++;
		}
	return seen;
}

static const char *
read_one(const char *id)
{
	ck_assert_uint_eq(read_all(&id, 1), 1);
	return text[0];
}

/* ---- read ---- */

static const struct {
	const char *name;
	int held;
} places[] = {
	{ "incoming/" ID, 0 },
	{ "active/" ID, 0 },
	{ "deferred/F/" ID, 0 },
	{ "deferred/" ID, 0 },
	{ "hold/" ID, 1 },
};

START_TEST(open_recipients_are_read_wherever_it_is)
{
	message(places[_i].name, RECORDS);
	ck_assert_pstr_eq(read_one(ID), TEXT);
	ck_assert_int_eq(held[0], places[_i].held);
}
END_TEST

START_TEST(what_is_not_committed_is_not_read)
{
	static const char *const where[] = { "incoming/" ID, "hold/" ID };

	message(where[_i], RECORDS);
	ck_assert_int_eq(chmod(tree_path(&t, where[_i]), 0600), 0);
	ck_assert_ptr_null(read_one(ID));
	ck_assert_uint_eq(lines("runs"), 0);
}
END_TEST

START_TEST(what_is_not_there_has_its_answer_without_a_run)
{
	static const char *const bad[] = { ID, "../../etc/passwd", "", "-e" };

	ck_assert_ptr_null(read_one(bad[_i]));
	ck_assert_uint_eq(lines("runs"), 0);
}
END_TEST

START_TEST(link_in_the_queue_is_not_followed)
{
	char secret[200];

	snprintf(secret, sizeof(secret), "%s/secret", t.dir);
	put(secret, RECORDS, strlen(RECORDS));
	ck_assert_int_eq(symlink(secret, tree_path(&t, "active/" ID)), 0);
	ck_assert_ptr_null(read_one(ID));
}
END_TEST

/* One was refused for good and is marked as done; the bounce is yet to be sent,
 * and would never be if the others were taken over without that one. */
START_TEST(recipient_is_not_done_before_its_sender_was_told)
{
	static const char *const notes[] = { "bounce/" ID, "trace/" ID,
		"bounce/F/" ID };
	const char *note = notes[_i];
	char folder[32];

	snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(note, "/"), note);
	ck_assert_int_eq(mkdir(tree_path(&t, folder), 0700), 0);
	if (strchr(strchr(note, '/') + 1, '/') != NULL)
		ck_assert_int_eq(mkdir(tree_path(&t, "bounce/F"), 0700), 0);
	message("active/" ID, RECORDS "done_recipient: no@y.invalid\n");
	message(note, "<no@y.invalid>: unknown\n");
	ck_assert_ptr_null(read_one(ID));
	ck_assert_int_eq(unlink(tree_path(&t, note)), 0);
	ck_assert_pstr_eq(read_one(ID), TEXT);
}
END_TEST

/* ids of a hundred files, in deferred without subfolders */
static char many[SMX_QUEUE_READ_MAX][PFID_TEXT];
static const char *manies[SMX_QUEUE_READ_MAX];

static void
make_many(void)
{
	char name[64];

	for (size_t i = 0; i < SMX_QUEUE_READ_MAX; i++) {
		snprintf(many[i], sizeof(many[i]), "0BCDE1%04zX", i + 1);
		manies[i] = many[i];
		snprintf(name, sizeof(name), "deferred/%s", many[i]);
		message(name, RECORDS);
	}
}

static size_t
right_of_many(void)
{
	size_t right = 0;

	for (size_t i = 0; i < SMX_QUEUE_READ_MAX; i++)
		right += text[i] != NULL && strcmp(text[i], TEXT) == 0;
	return right;
}

START_TEST(hundred_files_take_one_run)
{
	make_many();
	ck_assert_uint_eq(read_all(manies, SMX_QUEUE_READ_MAX),
	    SMX_QUEUE_READ_MAX);
	ck_assert_uint_eq(right_of_many(), SMX_QUEUE_READ_MAX);
	ck_assert_uint_eq(lines("runs"), 1);
}
END_TEST

/* The run before it, its own, and one for those behind it. */
START_TEST(damaged_file_costs_the_others_nothing)
{
	char name[64];

	make_many();
	snprintf(name, sizeof(name), "deferred/%s", many[40]);
	message(name, "FATAL\n" RECORDS);
	ck_assert_uint_eq(read_all(manies, SMX_QUEUE_READ_MAX),
	    SMX_QUEUE_READ_MAX);
	ck_assert_ptr_null(text[40]);
	ck_assert_uint_eq(right_of_many(), SMX_QUEUE_READ_MAX - 1);
	ck_assert_uint_eq(lines("runs"), 3);
}
END_TEST

START_TEST(flooding_file_costs_the_others_nothing)
{
	const char *ids[] = { ID, ID2, ID3 };

	message("active/" ID, RECORDS);
	message("active/" ID2, "FLOOD\n");
	message("active/" ID3, RECORDS);
	ck_assert_uint_eq(read_all(ids, 3), 3);
	ck_assert_pstr_eq(text[0], TEXT);
	ck_assert_ptr_null(text[1]);
	ck_assert_pstr_eq(text[2], TEXT);
}
END_TEST

/* What one message says in another one's name is not believed. */
START_TEST(no_file_speaks_for_another)
{
	const char *ids[] = { ID, ID2, ID3 };

	message("active/" ID, "FORGE\n" RECORDS);
	message("active/" ID2, RECORDS);
	message("active/" ID3, RECORDS);
	ck_assert_uint_eq(read_all(ids, 3), 3);
	ck_assert_ptr_null(text[0]);
	ck_assert_pstr_eq(text[1], TEXT);
	ck_assert_pstr_eq(text[2], TEXT);
}
END_TEST

START_TEST(it_gets_no_environment_and_no_descriptor_of_ours)
{
	message("active/" ID, "LOOK\n" RECORDS);
	ck_assert_pstr_eq(read_one(ID), TEXT);
	/* 0 1 2, the file, and the folder that ls itself reads. */
	ck_assert_uint_le(lines("fds"), 5);
	/* PWD, SHLVL and _ are the shell's own. */
	ck_assert_uint_le(lines("env"), 3);
}
END_TEST

static pid_t
hanging(void)
{
	int64_t until = clock_mono_ms() + WAIT;
	char path[200];
	int pid = 0;

	snprintf(path, sizeof(path), "%s/pid", t.dir);
	while (pid == 0 && clock_mono_ms() < until) {
		struct smx_queue_event e[16];
		FILE *f = fopen(path, "r");
		size_t n;

		if (f != NULL && fscanf(f, "%d", &pid) != 1)
			pid = 0;
		if (f != NULL)
			fclose(f);
		(void)q.ops->next(q.ctx, e, 16, &n, clock_mono_ms() + 20);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

START_TEST(verify_is_answered_while_a_run_hangs)
{
	const char *id = ID2;
	pid_t pid;

	message("active/" ID, RECORDS);
	message("active/" ID2, "HANG\n");
	ck_assert_int_eq(q.ops->read(q.ctx, &id, 1, TOKEN), SMX_OK);
	pid = hanging();
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
	ck_assert_int_eq(kill(pid, 0), 0);
	/* And whoever closes the watch leaves nothing running behind. */
	smx_queue_close(&q);
	ck_assert_int_ne(kill(pid, 0), 0);
}
END_TEST

START_TEST(words_without_end_do_not_keep_us)
{
	const char *id = ID2;

	message("active/" ID, RECORDS);
	message("active/" ID2, "CHATTER\n");
	ck_assert_int_eq(q.ops->read(q.ctx, &id, 1, TOKEN), SMX_OK);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(tree_verify(&q, ID, NULL), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(more_than_may_wait_are_refused)
{
	const char *ids[SMX_QUEUE_READ_MAX + 1];
	int taken = 0;

	for (size_t i = 0; i <= SMX_QUEUE_READ_MAX; i++)
		ids[i] = ID;
	ck_assert_int_eq(q.ops->read(q.ctx, ids, SMX_QUEUE_READ_MAX + 1, TOKEN),
	    SMX_ELIMIT);
	while (q.ops->read(q.ctx, ids, SMX_QUEUE_READ_MAX, TOKEN) == SMX_OK)
		taken++;
	ck_assert_int_eq(taken, PFREAD_WAITING_MAX / SMX_QUEUE_READ_MAX);
}
END_TEST

/* Nobody fetches answers: what waits stays within its bounds. */
START_TEST(texts_that_nobody_fetches_do_not_pile_up)
{
	struct pfqueue *inner = q.ctx;
	char *big = malloc(2u << 20);
	const char *id = ID;
	size_t len = 0;

	len += (size_t)sprintf(big, "sender: s@x.invalid\n");
	while (len < (1u << 20))
		len += (size_t)sprintf(big + len,
		    "recipient: %080zu@y.invalid\n", len);
	message("active/" ID, big);
	free(big);
	for (int i = 0; i < 400; i++) {
		struct pollfd p = { .fd = -1 };

		(void)q.ops->read(q.ctx, &id, 1, TOKEN);
		pfqueue_turn(inner);
		(void)poll(&p, 1, 5);
	}
	ck_assert_uint_gt(inner->ring_text, 0);
	ck_assert_uint_le(inner->ring_text, 2 * PFREAD_TEXTS_MAX);
}
END_TEST

/* ---- open ---- */

static char *envelope;
static size_t envelope_len;
static int fd;
static uint64_t size;
static int was_held;

static int
open_it(const char *id, int64_t ms)
{
	envelope = NULL;
	fd = -1;
	return q.ops->open(q.ctx, id, &envelope, &envelope_len, &fd, &size,
	    &was_held, clock_mono_ms() + ms);
}

START_TEST(whole_message_is_opened)
{
	static const char content[] =
	    RECORDS "\nb\303\266dy\0with nul\r\rand more\n\n";
	char got[sizeof(content) + 10];

	put(tree_path(&t, "active/" ID), content, sizeof(content) - 1);
	ck_assert_int_eq(chmod(tree_path(&t, "active/" ID), 0700), 0);
	ck_assert_int_eq(open_it(ID, WAIT), SMX_OK);
	ck_assert_pstr_eq(envelope, "CLIENT\r\n" TEXT);
	ck_assert_uint_eq(envelope_len, strlen(envelope));
	ck_assert_uint_eq(size, sizeof(content) - 1);
	ck_assert_int_eq(read(fd, got, sizeof(got)), sizeof(content) - 1);
	ck_assert_mem_eq(got, content, sizeof(content) - 1);
	ck_assert_int_eq(read(fd, got, sizeof(got)), 0);
	free(envelope);
	close(fd);
}
END_TEST

START_TEST(opening_tells_what_is_on_hold)
{
	for (int on_hold = 0; on_hold < 2; on_hold++) {
		const char *name = on_hold ? "hold/" ID : "deferred/" ID;

		put(tree_path(&t, name), RECORDS, strlen(RECORDS));
		ck_assert_int_eq(chmod(tree_path(&t, name), 0700), 0);
		ck_assert_int_eq(open_it(ID, WAIT), SMX_OK);
		ck_assert_int_eq(was_held, on_hold);
		free(envelope);
		close(fd);
		tree_delete(&t, name);
	}
}
END_TEST

static const struct {
	const char *content;
	int result;
} failures[] = {
	{ NULL, SMX_ENOTFOUND },
	{ "FATAL\n" RECORDS, SMX_EIO },
	{ "HALF\n" RECORDS, SMX_EIO },
	{ "CUT\n" RECORDS, SMX_EIO },
	{ "WARNBODY\n" RECORDS, SMX_EIO },
	{ "LONGER\n" RECORDS, SMX_EIO },
	{ "FLOOD\n" RECORDS, SMX_EIO },
	{ "FORGE\n" RECORDS, SMX_EIO },
	{ "sender: s\n", SMX_OK },
	{ "recipient: b@y\n", SMX_EIO },
	{ "LATE\n" RECORDS, SMX_ETIMEOUT },
	{ "HANG\n" RECORDS, SMX_ETIMEOUT },
	{ "CHATTER\n" RECORDS, SMX_ETIMEOUT },
};

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

/* All of the message or nothing of it, in time, and nothing left open. */
START_TEST(what_cannot_be_had_whole_is_not_had)
{
	size_t before = descriptors();
	int64_t ms = failures[_i].result == SMX_ETIMEOUT ? 700 : WAIT;
	int64_t began = clock_mono_ms();

	if (failures[_i].content != NULL)
		message("active/" ID, failures[_i].content);
	ck_assert_int_eq(open_it(ID, ms), failures[_i].result);
	ck_assert_int_lt(clock_mono_ms() - began, WAIT);
	if (failures[_i].result == SMX_OK) {
		free(envelope);
		close(fd);
	} else {
		ck_assert_ptr_null(envelope);
		ck_assert_int_eq(fd, -1);
	}
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

START_TEST(uncommitted_message_is_not_opened)
{
	message("incoming/" ID, RECORDS);
	ck_assert_int_eq(chmod(tree_path(&t, "incoming/" ID), 0600), 0);
	ck_assert_int_eq(open_it(ID, WAIT), SMX_ENOTFOUND);
}
END_TEST

START_TEST(opening_leaves_no_file_behind)
{
	DIR *dir;
	size_t n = 0;

	message("active/" ID, RECORDS);
	ck_assert_int_eq(open_it(ID, WAIT), SMX_OK);
	dir = opendir(tree_path(&t, "shadowmx"));
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += strncmp(e->d_name, "copy", 4) == 0;
	closedir(dir);
	ck_assert_uint_eq(n, 0);
	free(envelope);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pfread");
	TCase *tc = tcase_create("pfread");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, open_recipients_are_read_wherever_it_is, 0,
	    sizeof(places) / sizeof(*places));
	tcase_add_loop_test(tc, what_is_not_committed_is_not_read, 0, 2);
	tcase_add_loop_test(tc, what_is_not_there_has_its_answer_without_a_run,
	    0, 4);
	tcase_add_test(tc, link_in_the_queue_is_not_followed);
	tcase_add_loop_test(tc,
	    recipient_is_not_done_before_its_sender_was_told, 0, 3);
	tcase_add_test(tc, hundred_files_take_one_run);
	tcase_add_test(tc, damaged_file_costs_the_others_nothing);
	tcase_add_test(tc, flooding_file_costs_the_others_nothing);
	tcase_add_test(tc, no_file_speaks_for_another);
	tcase_add_test(tc, it_gets_no_environment_and_no_descriptor_of_ours);
	tcase_add_test(tc, verify_is_answered_while_a_run_hangs);
	tcase_add_test(tc, words_without_end_do_not_keep_us);
	tcase_add_test(tc, more_than_may_wait_are_refused);
	tcase_add_test(tc, texts_that_nobody_fetches_do_not_pile_up);
	tcase_add_test(tc, whole_message_is_opened);
	tcase_add_test(tc, opening_tells_what_is_on_hold);
	tcase_add_loop_test(tc, what_cannot_be_had_whole_is_not_had, 0,
	    sizeof(failures) / sizeof(*failures));
	tcase_add_test(tc, uncommitted_message_is_not_opened);
	tcase_add_test(tc, opening_leaves_no_file_behind);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
