/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/amend.h"
#include "io/smqueue.h"

#define ID    "6AN6eiVh031038"
#define ID2   "6AN6eiOW031058"
#define ID3   "6AN6eiOX031058"
#define WHOLE "V8\nT1\nS<s@x.example>\nRPFD:<b@y.example>\nH??Subject: x\n.\n"
#define HALF  "V8\nT1\nS<s@x.example>\nRPFD:<b@y.example>\n"
#define SAYS  "Nov 23 06:40:44 a.example sendmail[31058]: "
#define SPENT ", delay=00:00:00, mailer=relay, pri=1"
#define WAIT  20000

static char top[64], why[256];
static const char *paths[2];
static struct smqueue_options options;
static struct smx_queue q;

static const char *
in(const char *name)
{
	static char path[8][256];
	static unsigned turn;
	char *out = path[turn++ % 8];

	snprintf(out, sizeof(path[0]), "%s/%s", top, name);
	return out;
}

static void
append(const char *name, const char *text)
{
	FILE *f = fopen(in(name), "a");

	ck_assert_ptr_ne(f, NULL);
	ck_assert(fputs(text, f) >= 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
put(const char *name, const char *text)
{
	(void)unlink(in(name));
	append(name, text);
}

static void
drop(const char *name)
{
	ck_assert_int_eq(unlink(in(name)), 0);
}

static void
move(const char *from, const char *to)
{
	ck_assert_int_eq(rename(in(from), in(to)), 0);
}

static void
folder(const char *name)
{
	ck_assert_int_eq(mkdir(in(name), 0700), 0);
}

static int
start(void)
{
	struct smqueue *inner;
	int result = smqueue_open(&inner, &options, why, sizeof(why));

	if (result == SMX_OK) {
		q.ctx = inner;
		q.ops = &smqueue_ops;
	}
	return result;
}

static void
setup(void)
{
	snprintf(top, sizeof(top), "/tmp/check_smqueue.XXXXXX");
	ck_assert_ptr_ne(mkdtemp(top), NULL);
	folder("mq");
	put("log", "");
	paths[0] = strdup(in("mq"));
	memset(&options, 0, sizeof(options));
	options.paths = paths;
	options.path_count = 1;
	options.log_file = strdup(in("log"));
	options.marker_directory = strdup(in("marker"));
	options.pid_file = "";
	options.domain = "a.example";
	options.boot = "boot";
	options.settle_ms = 50;
	options.stray_ms = 1;
	options.deliveries = options.ends = 1;
	q.ops = NULL;
}

static void
teardown(void)
{
	char command[128];

	smx_queue_close(&q);
	free((char *)paths[0]);
	free((char *)options.log_file);
	free((char *)options.marker_directory);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

/* The next event of that kind about id; its text is freed. */
static int
hear(enum smx_queue_event_kind kind, const char *id,
    struct smx_queue_event *out, int64_t for_ms)
{
	int64_t until = clock_mono_ms() + for_ms;
	size_t n;

	while (q.ops->next(q.ctx, out, 1, &n, until) == SMX_OK) {
		if (out->kind == kind && strcmp(out->id, id) == 0)
			return 1;
		free(out->text);
	}
	return 0;
}

static int
told(enum smx_queue_event_kind kind, const char *id)
{
	struct smx_queue_event e;

	if (!hear(kind, id, &e, WAIT))
		return 0;
	free(e.text);
	return 1;
}

static int
never_told(enum smx_queue_event_kind kind, const char *id)
{
	struct smx_queue_event e;

	return !hear(kind, id, &e, 300);
}

static enum smx_presence
asked(const char *id)
{
	struct smx_queue_event e;

	ck_assert_int_eq(q.ops->verify(q.ctx, &id, 1, 7), SMX_OK);
	ck_assert(hear(SMX_QUEUE_VERIFIED, id, &e, WAIT));
	ck_assert_uint_eq(e.token, 7);
	return e.presence;
}

/* What it comes to after a while. */
static enum smx_presence
in_the_end(const char *id, enum smx_presence wanted)
{
	int64_t until = clock_mono_ms() + WAIT;
	enum smx_presence presence;

	while ((presence = asked(id)) != wanted && clock_mono_ms() < until)
		usleep(10000);
	return presence;
}

static void
open_queue(void)
{
	ck_assert_msg(start() == SMX_OK, "%s", why);
	ck_assert(told(SMX_QUEUE_RESET, ""));
}

/* ---- what is there ---- */

START_TEST(a_whole_file_is_a_committed_message)
{
	open_queue();
	put("mq/df" ID, "x\n");
	append("mq/qf" ID, HALF);
	ck_assert(never_told(SMX_QUEUE_COMMITTED, ID));
	append("mq/qf" ID, "H??Subject: x\n.\n");
	ck_assert(told(SMX_QUEUE_COMMITTED, ID));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
}
END_TEST

/* Its delivery may go on for long, with the file open. */
START_TEST(a_commit_is_told_before_the_file_is_closed)
{
	FILE *f;

	open_queue();
	f = fopen(in("mq/qf" ID), "w");
	ck_assert_ptr_ne(f, NULL);
	fputs(WHOLE, f);
	fflush(f);
	ck_assert(told(SMX_QUEUE_COMMITTED, ID));
	fclose(f);
	ck_assert(never_told(SMX_QUEUE_COMMITTED, ID));
}
END_TEST

START_TEST(what_is_quarantined_at_once_is_committed)
{
	open_queue();
	put("mq/hf" ID, WHOLE);
	ck_assert(told(SMX_QUEUE_COMMITTED, ID));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(a_file_that_is_written_anew_is_always_there)
{
	put("mq/qf" ID, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	for (int i = 0; i < 100; i++) {
		put("mq/tf" ID, WHOLE);
		move("mq/tf" ID, i % 2 == 0 ? "mq/hf" ID : "mq/qf" ID);
		drop(i % 2 == 0 ? "mq/qf" ID : "mq/hf" ID);
		ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
	}
	ck_assert(never_told(SMX_QUEUE_GONE, ID));
}
END_TEST

START_TEST(quarantine_and_release_are_told)
{
	put("mq/qf" ID, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	put("mq/tf" ID, WHOLE);
	move("mq/tf" ID, "mq/hf" ID);
	drop("mq/qf" ID);
	ck_assert(told(SMX_QUEUE_MOVED, ID));
	put("mq/tf" ID, WHOLE);
	move("mq/tf" ID, "mq/qf" ID);
	drop("mq/hf" ID);
	ck_assert(told(SMX_QUEUE_MOVED, ID));
}
END_TEST

START_TEST(what_was_set_aside_is_corrupt)
{
	put("mq/qf" ID, WHOLE);
	open_queue();
	move("mq/qf" ID, "mq/Qf" ID);
	ck_assert(told(SMX_QUEUE_CORRUPT, ID));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_CORRUPT);
	ck_assert(never_told(SMX_QUEUE_GONE, ID));
}
END_TEST

START_TEST(all_that_is_there_is_listed)
{
	struct smx_queue_event e;
	size_t n, found = 0;

	put("mq/qf" ID, WHOLE);
	put("mq/hf" ID2, WHOLE);
	put("mq/qf" ID3, HALF); /* in the making */
	put("mq/df" ID, "x\n");
	put("mq/qfx", WHOLE);
	open_queue();
	do {
		ck_assert_int_eq(q.ops->next(q.ctx, &e, 1, &n,
				     clock_mono_ms() + WAIT),
		    SMX_OK);
		found += e.kind == SMX_QUEUE_FOUND && e.id[0] != '\0';
	} while (e.kind != SMX_QUEUE_FOUND || e.id[0] != '\0');
	ck_assert_uint_eq(found, 2);
}
END_TEST

/* ---- what is not committed ---- */

START_TEST(a_session_that_waits_has_its_body_open)
{
	int fd;

	open_queue();
	put("mq/df" ID, "x\n");
	fd = open(in("mq/df" ID), O_RDONLY);
	ck_assert_int_ge(fd, 0);
	usleep(1100000); /* older than a second: such are times of files */
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNCOMMITTED);
	close(fd);
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_STRAY),
	    SMX_PRESENCE_STRAY);
}
END_TEST

START_TEST(a_file_in_the_making_is_locked)
{
	int fd;

	open_queue();
	put("mq/qf" ID, HALF);
	fd = open(in("mq/qf" ID), O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	usleep(1100000);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNCOMMITTED);
	close(fd);
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_STRAY),
	    SMX_PRESENCE_STRAY);
}
END_TEST

START_TEST(locks_of_both_kinds_are_seen)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ours, theirs;

	put("file", WHOLE);
	ours = open(in("file"), O_RDONLY);
	theirs = open(in("file"), O_RDWR);
	ck_assert(!smqueue_file_busy(ours));
	ck_assert_int_eq(flock(theirs, LOCK_EX | LOCK_NB), 0);
	ck_assert(smqueue_file_busy(ours));
	ck_assert_int_eq(flock(theirs, LOCK_UN), 0);
	ck_assert(!smqueue_file_busy(ours));
	ck_assert_int_eq(fcntl(theirs, F_OFD_SETLK, &all), 0);
	ck_assert(smqueue_file_busy(ours));
	close(theirs);
	/* And ours is given back. */
	theirs = open(in("file"), O_RDWR);
	ck_assert_int_eq(flock(theirs, LOCK_EX | LOCK_NB), 0);
	close(theirs);
	close(ours);
}
END_TEST

START_TEST(a_message_that_is_being_delivered_is_busy)
{
	int fd;

	put("mq/qf" ID, WHOLE);
	put("mq/hf" ID2, WHOLE);
	open_queue();
	ck_assert_int_eq(smqueue_busy(q.ctx, ID), 0);
	fd = open(in("mq/qf" ID), O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(smqueue_busy(q.ctx, ID), 1);
	ck_assert_int_eq(smqueue_busy(q.ctx, ID2), 0);
	ck_assert_int_eq(smqueue_busy(q.ctx, ID3), -1);
	close(fd);
}
END_TEST

/* ---- the end ---- */

START_TEST(neither_file_is_the_end)
{
	put("mq/qf" ID, WHOLE);
	put("mq/df" ID, "x\n");
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	drop("mq/df" ID);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
	drop("mq/qf" ID);
	ck_assert(told(SMX_QUEUE_GONE, ID));
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

/* The line that tells where it lives on may come after its file has gone. */
START_TEST(an_end_is_believed_after_a_while_only)
{
	smx_queue_close(&q);
	options.settle_ms = 3000;
	put("mq/qf" ID, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	usleep(3100000);
	put("mq/qf" ID2, WHOLE);
	drop("mq/qf" ID);
	ck_assert(told(SMX_QUEUE_GONE, ID));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
	append("log", SAYS ID ": " ID2 ": clone: owner=x@y.example\n");
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_THERE),
	    SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(without_a_log_nothing_ends)
{
	free((char *)options.log_file);
	options.log_file = strdup("");
	put("mq/qf" ID, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	drop("mq/qf" ID);
	ck_assert(told(SMX_QUEUE_GONE, ID));
	usleep(200000);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(a_message_taken_out_of_the_queue_has_not_ended)
{
	put("mq/qf" ID, WHOLE);
	open_queue();
	move("mq/qf" ID, "kept");
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
	usleep(1200000);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
	move("kept", "mq/qf" ID);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(no_queue_id_is_unknown)
{
	open_queue();
	ck_assert_int_eq(asked("../x"), SMX_PRESENCE_UNKNOWN);
	ck_assert_int_eq(asked("4jXKs073lDz1bkTK"), SMX_PRESENCE_UNKNOWN);
}
END_TEST

/* ---- what it was divided into ---- */

static const char *const divisions[] = {
	SAYS ID ": " ID2 ": clone: owner=x@y.example\n",
	SAYS ID ": split: count=1, id=" ID2 "\n",
	SAYS ID ": split: maxrcpts=1, rcpts=3, count=2, ids=" ID3 "; " ID2 "\n",
	/* and what was divided again */
	SAYS ID ": " ID3 ": clone: owner=x@y.example\n" SAYS ID3
		": split: count=1, id=" ID2 "\n",
};

START_TEST(a_message_is_there_while_its_parts_are)
{
	put("mq/qf" ID, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	append("log", divisions[_i]);
	put("mq/qf" ID2, WHOLE);
	drop("mq/qf" ID);
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_THERE),
	    SMX_PRESENCE_THERE);
	/* In quarantine, too. */
	put("mq/tf" ID2, WHOLE);
	move("mq/tf" ID2, "mq/hf" ID2);
	drop("mq/qf" ID2);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
	drop("mq/hf" ID2);
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(parts_from_before_the_watch_are_known)
{
	append("log", divisions[_i]);
	put("mq/qf" ID2, WHOLE);
	open_queue();
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_THERE),
	    SMX_PRESENCE_THERE);
	drop("mq/qf" ID2);
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(parts_that_are_not_named_keep_it_unknown)
{
	put("mq/qf" ID, WHOLE);
	open_queue();
	append("log", SAYS ID ": split: count=2, ids=" ID2 "\n");
	drop("mq/qf" ID);
	usleep(400000);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
}
END_TEST

/* A log that says much: what it says of the message may stand at its end. */
START_TEST(an_end_waits_for_all_of_the_log)
{
	struct buf b;

	put("mq/qf" ID, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	usleep(100000);
	buf_init(&b, 0);
	for (int i = 0; i < 4000; i++)
		buf_fmt(&b, SAYS "NOQUEUE: %07000d\n", i);
	buf_str(&b, SAYS ID ": " ID2 ": clone: owner=x@y.example\n");
	put("mq/qf" ID2, WHOLE);
	append("log", b.data);
	buf_free(&b);
	drop("mq/qf" ID);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_ne(asked(ID), SMX_PRESENCE_ABSENT);
		usleep(10000);
	}
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_THERE),
	    SMX_PRESENCE_THERE);
}
END_TEST

/* Its parts were made before the watch, and the log of that is not there. */
START_TEST(a_log_that_comes_later_says_nothing_of_before)
{
	drop("log");
	put("mq/qf" ID, WHOLE);
	put("mq/qf" ID2, WHOLE);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	append("log", SAYS "NOQUEUE: hello\n");
	usleep(1500000);
	drop("mq/qf" ID);
	ck_assert(told(SMX_QUEUE_GONE, ID));
	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
		usleep(10000);
	}
	put("mq/qf" ID3, WHOLE);
	ck_assert(told(SMX_QUEUE_COMMITTED, ID3));
	drop("mq/qf" ID3);
	ck_assert_int_eq(in_the_end(ID3, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

/* The line that tells of its parts may have been cut off with the rest. */
START_TEST(a_log_that_is_cut_in_place_says_nothing_of_before)
{
	append("log", SAYS "NOQUEUE: hello\n");
	open_queue();
	put("mq/qf" ID, WHOLE);
	ck_assert(told(SMX_QUEUE_COMMITTED, ID));
	put("mq/qf" ID2, WHOLE);
	ck_assert_int_eq(truncate(in("log"), 0), 0);
	ck_assert(never_told(SMX_QUEUE_GONE, ID));
	drop("mq/qf" ID);
	ck_assert(told(SMX_QUEUE_GONE, ID));
	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
		usleep(10000);
	}
	put("mq/qf" ID3, WHOLE);
	ck_assert(told(SMX_QUEUE_COMMITTED, ID3));
	drop("mq/qf" ID3);
	ck_assert_int_eq(in_the_end(ID3, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(a_circle_of_parts_comes_to_an_end)
{
	append("log", SAYS ID ": " ID2 ": clone: owner=x\n" SAYS ID2 ": " ID
			      ": clone: owner=x\n");
	open_queue();
	usleep(200000);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
}
END_TEST

/* ---- what the log says ---- */

START_TEST(deliveries_are_told)
{
	struct smx_queue_event e;
	char sum[17];

	open_queue();
	append("log", SAYS ID ": to=<b@y.example>,<c@y.example>" SPENT
			      ", dsn=2.0.0, stat=Sent\n");
	ck_assert(hear(SMX_QUEUE_SENT, ID, &e, WAIT));
	snprintf(sum, sizeof(sum), "%016llx",
	    (unsigned long long)amend_address("b@y.example"));
	ck_assert_str_eq(e.other, sum);
	ck_assert(told(SMX_QUEUE_SENT, ID));
	append("log", SAYS ID ": to=<d@y.example>" SPENT
			      ", dsn=5.1.1, stat=User unknown\n" SAYS ID
			      ": " ID2 ": DSN: User unknown\n");
	ck_assert(told(SMX_QUEUE_BOUNCED, ID));
	ck_assert(hear(SMX_QUEUE_RETURNED, ID, &e, WAIT));
	ck_assert_str_eq(e.other, ID2);
}
END_TEST

START_TEST(what_was_said_before_is_told_before_an_end)
{
	append("log",
	    SAYS ID ": to=<b@y.example>" SPENT ", dsn=2.0.0, stat=Sent\n");
	open_queue();
	usleep(100000);
	ck_assert_int_eq(q.ops->verify(q.ctx, &(const char *){ ID }, 1, 7),
	    SMX_OK);
	ck_assert(told(SMX_QUEUE_SENT, ID));
	ck_assert(told(SMX_QUEUE_VERIFIED, ID));
}
END_TEST

/* ---- reading ---- */

START_TEST(envelopes_are_read)
{
	static const char *const ids[] = { ID, ID2, ID3 };
	struct smx_queue_event e;

	put("mq/qf" ID, WHOLE);
	put("mq/hf" ID2, "V8\nqwhy\nSroot\nRP:joe\n.\n");
	put("mq/qf" ID3, HALF);
	open_queue();
	ck_assert_int_eq(q.ops->read(q.ctx, ids, 3, 9), SMX_OK);
	ck_assert(hear(SMX_QUEUE_READ, ID, &e, WAIT));
	ck_assert_int_eq(e.held, 0);
	ck_assert_uint_eq(e.token, 9);
	ck_assert_str_eq(e.text,
	    "MAIL <s@x.example>\r\nRCPT <b@y.example>\r\n");
	free(e.text);
	ck_assert(hear(SMX_QUEUE_READ, ID2, &e, WAIT));
	ck_assert_int_eq(e.held, 1);
	ck_assert_str_eq(e.text,
	    "MAIL <root@a.example>\r\nRCPT <joe@a.example>\r\n");
	free(e.text);
	ck_assert(hear(SMX_QUEUE_READ, ID3, &e, WAIT));
	ck_assert_ptr_eq(e.text, NULL);
}
END_TEST

static int
copy(const char *id, char *content, size_t size, int *held)
{
	char *envelope;
	size_t len;
	uint64_t bytes;
	ssize_t n;
	int fd, result = q.ops->open(q.ctx, id, &envelope, &len, &fd, &bytes,
		    held, clock_mono_ms() + WAIT);

	if (result != SMX_OK)
		return result;
	n = read(fd, content, size - 1);
	ck_assert_int_ge(n, 0);
	content[n] = '\0';
	ck_assert_uint_eq((uint64_t)n, bytes);
	ck_assert_str_eq(envelope, "CLIENT\r\nMAIL <s@x.example>\r\n"
				   "RCPT <b@y.example>\r\n");
	free(envelope);
	close(fd);
	return result;
}

START_TEST(a_message_is_copied_whole)
{
	char content[256];
	int held;

	put("mq/hf" ID, WHOLE);
	put("mq/df" ID, "one\n.two\n\nthree");
	put("mq/qf" ID2, WHOLE);
	put("mq/qf" ID3, HALF);
	put("mq/df" ID3, "x\n");
	open_queue();
	ck_assert_int_eq(copy(ID, content, sizeof(content), &held), SMX_OK);
	ck_assert_str_eq(content, "Subject: x\n\none\n.two\n\nthree");
	ck_assert_int_eq(held, 1);
	/* Without a body, without an end, without a file. */
	ck_assert_int_eq(copy(ID2, content, sizeof(content), &held),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(copy(ID3, content, sizeof(content), &held), SMX_EIO);
	ck_assert_int_eq(copy("6AN6eiOY031058", content, sizeof(content),
			     &held),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(copy("../" ID, content, sizeof(content), &held),
	    SMX_ENOTFOUND);
}
END_TEST

START_TEST(a_link_is_not_followed)
{
	char content[256];
	int held;

	put("elsewhere", WHOLE);
	ck_assert_int_eq(symlink(in("elsewhere"), in("mq/qf" ID)), 0);
	put("mq/df" ID, "x\n");
	open_queue();
	ck_assert_int_eq(copy(ID, content, sizeof(content), &held), SMX_EIO);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
}
END_TEST

/* ---- folders ---- */

static void
star(void)
{
	folder("many");
	folder("many/q1");
	folder("many/q2");
	folder("many/q2/qf");
	folder("many/q2/df");
	folder("many/other");
	put("many/q3", "no folder\n");
	free((char *)paths[0]);
	paths[0] = strdup(in("many/q*"));
}

START_TEST(all_folders_of_a_queue_are_looked_into)
{
	char content[256];
	int held;

	star();
	put("many/q1/qf" ID, WHOLE);
	put("many/q2/qf/qf" ID2, WHOLE);
	put("many/q1/df" ID2, "the body elsewhere\n");
	put("many/other/qf" ID3, WHOLE);
	open_queue();
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
	ck_assert_int_eq(asked(ID2), SMX_PRESENCE_THERE);
	ck_assert_int_eq(in_the_end(ID3, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(copy(ID2, content, sizeof(content), &held), SMX_OK);
	/* From one of them to another is not away. */
	move("many/q1/qf" ID, "many/q2/qf/qf" ID);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
	usleep(1200000);
	drop("many/q2/qf/qf" ID);
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_ABSENT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(a_folder_that_comes_later_is_watched)
{
	star();
	open_queue();
	folder("many/q4");
	put("many/q4/qf" ID, WHOLE);
	ck_assert(told(SMX_QUEUE_RESET, ""));
	ck_assert_int_eq(in_the_end(ID, SMX_PRESENCE_THERE),
	    SMX_PRESENCE_THERE);
	put("many/q4/qf" ID2, WHOLE);
	ck_assert(told(SMX_QUEUE_COMMITTED, ID2));
}
END_TEST

/* Sendmail follows such a link: what is behind it has not ended. */
START_TEST(a_folder_below_may_be_a_link)
{
	folder("qf.real");
	put("qf.real/qf" ID, WHOLE);
	ck_assert_int_eq(symlink(in("qf.real"), in("mq/qf")), 0);
	open_queue();
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
	usleep(200000);
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(a_folder_below_that_comes_later_is_watched)
{
	open_queue();
	folder("mq/qf");
	put("mq/qf/qf" ID, WHOLE);
	ck_assert(told(SMX_QUEUE_FOUND, ID));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(a_queue_that_goes_leaves_nothing_certain)
{
	struct smx_queue_state state;
	int64_t until = clock_mono_ms() + WAIT;

	open_queue();
	ck_assert_int_eq(q.ops->state(q.ctx, &state), SMX_OK);
	move("mq", "was");
	ck_assert(told(SMX_QUEUE_RESET, ""));
	ck_assert_int_eq(asked(ID), SMX_PRESENCE_UNKNOWN);
	while (q.ops->state(q.ctx, &state) == SMX_OK && clock_mono_ms() < until)
		(void)asked(ID);
	ck_assert_int_eq(q.ops->state(q.ctx, &state), SMX_ESTATE);
	move("was", "mq");
	ck_assert(told(SMX_QUEUE_RESET, ""));
	ck_assert_int_eq(q.ops->state(q.ctx, &state), SMX_OK);
}
END_TEST

START_TEST(the_marker_is_no_queue_of_its_own)
{
	star();
	free((char *)paths[0]);
	paths[0] = strdup(in("many/*"));
	free((char *)options.marker_directory);
	options.marker_directory = strdup("");
	ck_assert_int_eq(start(), SMX_ECONFIG);
	ck_assert_ptr_ne(strstr(why, "marker"), NULL);
}
END_TEST

START_TEST(a_queue_that_is_not_there_says_so)
{
	free((char *)paths[0]);
	paths[0] = strdup(in("none"));
	ck_assert_int_eq(start(), SMX_EIO);
	ck_assert_ptr_ne(strstr(why, "none"), NULL);
}
END_TEST

START_TEST(the_epoch_goes_on_from_one_watch_to_the_next)
{
	struct smx_queue_state before, after;

	open_queue();
	ck_assert_int_eq(q.ops->state(q.ctx, &before), SMX_OK);
	ck_assert_int_eq(before.links_known, 1);
	smx_queue_close(&q);
	open_queue();
	ck_assert_int_eq(q.ops->state(q.ctx, &after), SMX_OK);
	ck_assert_mem_eq(&before.epoch.id, &after.epoch.id,
	    sizeof(before.epoch.id));
	ck_assert(after.epoch.counter > before.epoch.counter);
}
END_TEST

static const struct {
	const char *file;
	enum smx_mta_health health;
} daemons[] = {
	{ NULL, SMX_MTA_DOWN },
	{ "", SMX_MTA_UNKNOWN },
	{ "x\n", SMX_MTA_UNKNOWN },
	{ "1\n/usr/sbin/sendmail -bd\n", SMX_MTA_DOWN }, /* somebody else */
	{ "999999999\n", SMX_MTA_DOWN },
};

START_TEST(another_process_is_no_daemon)
{
	if (daemons[_i].file != NULL)
		put("pid", daemons[_i].file);
	ck_assert_int_eq(smdaemon_health(in("pid")), daemons[_i].health);
	ck_assert_int_eq(smdaemon_health(""), SMX_MTA_UNKNOWN);
}
END_TEST

/* ---- bounds ---- */

START_TEST(more_questions_than_there_is_room_for_are_refused)
{
	static const char *ids[SMQUEUE_VERIFY_MAX];

	open_queue();
	for (size_t i = 0; i < SMQUEUE_VERIFY_MAX; i++)
		ids[i] = ID;
	ck_assert_int_eq(q.ops->verify(q.ctx, ids, SMQUEUE_VERIFY_MAX, 1),
	    SMX_OK);
	ck_assert_int_eq(q.ops->verify(q.ctx, ids, 1, 1), SMX_ELIMIT);
	ck_assert_int_eq(q.ops->read(q.ctx, ids, SMX_QUEUE_READ_MAX + 1, 1),
	    SMX_ELIMIT);
}
END_TEST

START_TEST(pairs_that_were_pushed_out_are_not_taken_for_none)
{
	struct smkin kin;
	char child[SMID_TEXT];
	uint64_t at = 0;

	memset(&kin, 0, sizeof(kin));
	ck_assert_int_eq(smkin_init(&kin), SMX_OK);
	ck_assert_int_eq(smkin_add(&kin, ID, ID2), 1);
	ck_assert_int_eq(smkin_add(&kin, ID, ID2), 0);
	ck_assert_str_eq(smkin_parent(&kin, ID2), ID);
	ck_assert(!smkin_lost(&kin, ID));
	for (unsigned i = 0; i < SMKIN_MAX; i++) {
		snprintf(child, sizeof(child), "6AN6eiOX%06u", i);
		smkin_add(&kin, ID3, child);
	}
	ck_assert_ptr_eq(smkin_child(&kin, ID, &at), NULL);
	ck_assert_ptr_eq(smkin_parent(&kin, ID2), NULL);
	ck_assert(smkin_lost(&kin, ID));
	smkin_done(&kin);
}
END_TEST

static TCase *
there_case(void)
{
	TCase *tc = tcase_create("there");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_whole_file_is_a_committed_message);
	tcase_add_test(tc, a_commit_is_told_before_the_file_is_closed);
	tcase_add_test(tc, what_is_quarantined_at_once_is_committed);
	tcase_add_test(tc, a_file_that_is_written_anew_is_always_there);
	tcase_add_test(tc, quarantine_and_release_are_told);
	tcase_add_test(tc, what_was_set_aside_is_corrupt);
	tcase_add_test(tc, all_that_is_there_is_listed);
	tcase_add_test(tc, a_session_that_waits_has_its_body_open);
	tcase_add_test(tc, a_file_in_the_making_is_locked);
	tcase_add_test(tc, locks_of_both_kinds_are_seen);
	tcase_add_test(tc, a_message_that_is_being_delivered_is_busy);
	return tc;
}

static TCase *
end_case(void)
{
	TCase *tc = tcase_create("end");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, neither_file_is_the_end);
	tcase_add_test(tc, an_end_is_believed_after_a_while_only);
	tcase_add_test(tc, without_a_log_nothing_ends);
	tcase_add_test(tc, a_message_taken_out_of_the_queue_has_not_ended);
	tcase_add_test(tc, no_queue_id_is_unknown);
	tcase_add_loop_test(tc, a_message_is_there_while_its_parts_are, 0,
	    sizeof(divisions) / sizeof(*divisions));
	tcase_add_loop_test(tc, parts_from_before_the_watch_are_known, 0,
	    sizeof(divisions) / sizeof(*divisions));
	tcase_add_test(tc, parts_that_are_not_named_keep_it_unknown);
	tcase_add_test(tc, an_end_waits_for_all_of_the_log);
	tcase_add_test(tc, a_log_that_comes_later_says_nothing_of_before);
	tcase_add_test(tc, a_log_that_is_cut_in_place_says_nothing_of_before);
	tcase_add_test(tc, a_circle_of_parts_comes_to_an_end);
	tcase_add_test(tc, deliveries_are_told);
	tcase_add_test(tc, what_was_said_before_is_told_before_an_end);
	return tc;
}

static TCase *
rest_case(void)
{
	TCase *tc = tcase_create("rest");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, envelopes_are_read);
	tcase_add_test(tc, a_message_is_copied_whole);
	tcase_add_test(tc, a_link_is_not_followed);
	tcase_add_test(tc, all_folders_of_a_queue_are_looked_into);
	tcase_add_test(tc, a_folder_that_comes_later_is_watched);
	tcase_add_test(tc, a_folder_below_may_be_a_link);
	tcase_add_test(tc, a_folder_below_that_comes_later_is_watched);
	tcase_add_test(tc, a_queue_that_goes_leaves_nothing_certain);
	tcase_add_test(tc, the_marker_is_no_queue_of_its_own);
	tcase_add_test(tc, a_queue_that_is_not_there_says_so);
	tcase_add_test(tc, the_epoch_goes_on_from_one_watch_to_the_next);
	tcase_add_loop_test(tc, another_process_is_no_daemon, 0,
	    sizeof(daemons) / sizeof(*daemons));
	tcase_add_test(tc, more_questions_than_there_is_room_for_are_refused);
	tcase_add_test(tc, pairs_that_were_pushed_out_are_not_taken_for_none);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("smqueue");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, there_case());
	suite_add_tcase(s, end_case());
	suite_add_tcase(s, rest_case());
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
