/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/amend.h"
#include "core/lineage.h"
#include "io/logtail.h"
#include "io/master.h"
#include "io/pfqueue.h"
#include "queue_tree.h"

#define LONG  "4jXKs073lDz1bkTK" /* belongs to deferred/F */
#define LONG2 "4jXN4m6MKgz1bY4l"
#define SHORT "0BCDE12345"
#define WAIT  3000

static struct tree t;
static struct smx_queue q;
static char why[256];
static int64_t heartbeat_ms;
static int deliveries, ends;

static int
open_with(const char *log, const char *boot)
{
	struct pfqueue_options o = { .postfix = { t.queue, log, "", "" },
		.boot = boot,
		.settle_ms = 100,
		.stray_ms = 100 };
	struct pfqueue *inner;
	int result;

	o.postfix.heartbeat_ms = heartbeat_ms;
	o.postfix.deliveries = deliveries;
	o.postfix.ends = ends;
	result = pfqueue_open(&inner, &o, why, sizeof(why));
	if (result == SMX_OK) {
		q.ctx = inner;
		q.ops = &pfqueue_ops;
	}
	return result;
}

static void
reopen(const char *log)
{
	smx_queue_close(&q);
	ck_assert_msg(open_with(log, "boot-1") == SMX_OK, "%s", why);
	ck_assert(tree_event(&q, SMX_QUEUE_RESET, NULL, NULL, WAIT));
}

static void
setup(void)
{
	tree_make(&t);
	reopen("");
}

static void
setup_log(void)
{
	tree_make(&t);
	tree_log(&t, "master[1]: daemon started");
	reopen(t.log);
}

static void
teardown(void)
{
	smx_queue_close(&q);
	tree_remove(&t);
}

static int
event(enum smx_queue_event_kind kind, const char *id)
{
	return tree_event(&q, kind, id, NULL, WAIT);
}

static int
no_event(enum smx_queue_event_kind kind, const char *id)
{
	return !tree_event(&q, kind, id, NULL, 300);
}

static enum smx_presence
verify(const char *id)
{
	return tree_verify(&q, id, NULL);
}

/* A message that is in the queue, watched from its first byte. */
static void
receive(const char *id)
{
	tree_begin(&t, id);
	tree_commit(&t, id);
	ck_assert(event(SMX_QUEUE_COMMITTED, id));
}

/* ---- a message's life ---- */

START_TEST(delivered_message_is_committed_gone_absent)
{
	const char *id = _i == 0 ? LONG : SHORT;
	char in[64], active[64];

	snprintf(in, sizeof(in), "incoming/%s", id);
	snprintf(active, sizeof(active), "active/%s", id);
	tree_begin(&t, id);
	ck_assert_int_eq(verify(id), SMX_PRESENCE_UNCOMMITTED);
	tree_commit(&t, id);
	ck_assert(event(SMX_QUEUE_COMMITTED, id));
	ck_assert_int_eq(verify(id), SMX_PRESENCE_THERE);
	tree_move(&t, in, active);
	ck_assert_int_eq(verify(id), SMX_PRESENCE_THERE);
	tree_delete(&t, active);
	ck_assert(event(SMX_QUEUE_GONE, id));
	ck_assert_int_eq(verify(id), SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(refused_message_is_never_committed)
{
	tree_begin(&t, LONG);
	tree_commit(&t, NULL);
	tree_delete(&t, "incoming/" LONG);
	ck_assert(no_event(SMX_QUEUE_COMMITTED, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(refused_message_is_no_stray)
{
	tree_begin(&t, LONG);
	tree_commit(&t, NULL);
	tree_delete(&t, "incoming/" LONG);
	ck_assert(no_event(SMX_QUEUE_STRAY, LONG));
}
END_TEST

START_TEST(file_of_a_dead_writer_is_a_stray)
{
	tree_begin(&t, LONG);
	tree_commit(&t, NULL);
	ck_assert(event(SMX_QUEUE_STRAY, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_STRAY);
	/* Of one that was there before us nobody knows who writes it. */
	reopen("");
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNCOMMITTED);
}
END_TEST

START_TEST(file_taken_by_qmgr_early_is_committed_at_its_close)
{
	tree_begin(&t, LONG);
	ck_assert_int_eq(chmod(tree_path(&t, "incoming/" LONG), 0700), 0);
	tree_move(&t, "incoming/" LONG, "active/" LONG);
	ck_assert(no_event(SMX_QUEUE_COMMITTED, LONG));
	tree_commit(&t, LONG);
	ck_assert(event(SMX_QUEUE_COMMITTED, LONG));
}
END_TEST

/* As it looks when the watch comes late: both events are read together. */
START_TEST(file_moved_right_after_its_close_is_committed)
{
	tree_begin(&t, LONG);
	tree_commit(&t, LONG);
	tree_move(&t, "incoming/" LONG, "active/" LONG);
	ck_assert(event(SMX_QUEUE_COMMITTED, LONG));
}
END_TEST

START_TEST(quarantined_message_is_committed)
{
	tree_begin(&t, LONG);
	tree_move(&t, "incoming/" LONG, "hold/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNCOMMITTED);
	tree_commit(&t, LONG);
	ck_assert(event(SMX_QUEUE_COMMITTED, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(commit_is_told_once)
{
	int fd;

	receive(LONG);
	tree_move(&t, "incoming/" LONG, "active/" LONG);
	/* A delivery agent marks a recipient. */
	fd = open(tree_path(&t, "active/" LONG), O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "D", 1), 1);
	close(fd);
	ck_assert(no_event(SMX_QUEUE_COMMITTED, LONG));
}
END_TEST

/* ---- put aside ---- */

static const struct {
	const char *from, *to;
	int told;
} moves[] = {
	{ "incoming/" LONG, "active/" LONG, 0 },
	{ "active/" LONG, "deferred/F/" LONG, 1 },
	{ "deferred/F/" LONG, "active/" LONG, 0 },
	{ "active/" LONG, "hold/" LONG, 1 },
	{ "deferred/F/" LONG, "hold/" LONG, 1 },
	{ "incoming/" LONG, "hold/" LONG, 1 },
	{ "incoming/" LONG, "deferred/F/" LONG, 0 }, /* nothing was tried */
	{ "hold/" LONG, "deferred/F/" LONG, 1 },
	{ "hold/" LONG, "incoming/" LONG, 1 },
	{ "active/" LONG, "incoming/" LONG, 0 },
	{ "active/" LONG, "deferred/B/" LONG, 1 }, /* a new folder */
	{ "active/" LONG, "corrupt/" LONG, 0 },
	{ "hold/" LONG, "maildrop/" LONG, 0 },
};

START_TEST(what_is_put_aside_is_told)
{
	receive(LONG);
	if (strncmp(moves[_i].from, "incoming", 8) != 0) {
		tree_move(&t, "incoming/" LONG, moves[_i].from);
		(void)verify(LONG);
		reopen("");
		ck_assert(no_event(SMX_QUEUE_MOVED, LONG));
	}
	if (strstr(moves[_i].to, "/B/") != NULL)
		ck_assert_int_eq(mkdir(tree_path(&t, "deferred/B"), 0700), 0);
	tree_move(&t, moves[_i].from, moves[_i].to);
	ck_assert(moves[_i].told ? event(SMX_QUEUE_MOVED, LONG)
				 : no_event(SMX_QUEUE_MOVED, LONG));
}
END_TEST

START_TEST(what_cleanup_holds_is_committed_and_not_put_aside)
{
	tree_begin(&t, LONG);
	tree_move(&t, "incoming/" LONG, "hold/" LONG);
	tree_commit(&t, LONG);
	ck_assert(no_event(SMX_QUEUE_MOVED, LONG));
	tree_move(&t, "hold/" LONG, "deferred/F/" LONG);
	ck_assert(event(SMX_QUEUE_MOVED, LONG));
}
END_TEST

START_TEST(held_deferred_and_released_message_is_there)
{
	receive(LONG);
	tree_move(&t, "incoming/" LONG, "active/" LONG);
	tree_move(&t, "active/" LONG, "deferred/F/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	tree_move(&t, "deferred/F/" LONG, "hold/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	tree_move(&t, "hold/" LONG, "deferred/F/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(damaged_message_is_corrupt)
{
	receive(LONG);
	tree_move(&t, "incoming/" LONG, "active/" LONG);
	tree_move(&t, "active/" LONG, "corrupt/" LONG);
	ck_assert(event(SMX_QUEUE_CORRUPT, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_CORRUPT);
}
END_TEST

START_TEST(new_hash_folder_is_watched)
{
	tree_put(&t, "deferred/F/" LONG, 0700);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	/* incoming becomes hashed while we watch; two levels at once */
	ck_assert_int_eq(mkdir(tree_path(&t, "incoming/F"), 0700), 0);
	ck_assert_int_eq(mkdir(tree_path(&t, "incoming/F/2"), 0700), 0);
	tree_move(&t, "deferred/F/" LONG, "incoming/F/2/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	tree_delete(&t, "incoming/F/2/" LONG);
	ck_assert(event(SMX_QUEUE_GONE, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(misplaced_file_is_there)
{
	tree_put(&t, "deferred/0/" LONG, 0700); /* belongs to F */
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	reopen("");
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(temporary_names_mean_nothing)
{
	const char *id = "631338.4711";

	tree_put(&t, "incoming/631338.4711", 0600);
	tree_delete(&t, "incoming/631338.4711");
	ck_assert(no_event(SMX_QUEUE_GONE, id));
	ck_assert_int_eq(verify(id), SMX_PRESENCE_UNKNOWN);
	ck_assert_int_eq(verify("../spool/active"), SMX_PRESENCE_UNKNOWN);
}
END_TEST

/* ---- requeue ---- */

static void
requeue(void)
{
	receive(LONG);
	tree_move(&t, "incoming/" LONG, "maildrop/" LONG);
	ck_assert(event(SMX_QUEUE_REQUEUED, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	tree_delete(&t, "maildrop/" LONG);
	ck_assert(event(SMX_QUEUE_GONE, LONG));
}

START_TEST(requeued_message_without_log_stays_unknown)
{
	requeue();
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(requeued_message_is_linked_by_the_log)
{
	struct smx_queue_event e;
	char other[64];

	requeue();
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
	tree_log(&t, "pickup[7]: " LONG2 ": uid=102 from=<a@b> orig_id=" LONG);
	ck_assert(tree_event(&q, SMX_QUEUE_LINKED, LONG, &e, WAIT));
	ck_assert_str_eq(e.other, LONG2);
	ck_assert_int_eq(tree_verify(&q, LONG, other), SMX_PRESENCE_LINKED);
	ck_assert_str_eq(other, LONG2);
}
END_TEST

START_TEST(requeue_before_the_watch_is_linked_by_the_log)
{
	char other[64];

	smx_queue_close(&q);
	tree_log(&t, "postsuper[6]: " LONG ": requeued");
	tree_log(&t, "postsuper[6]: " SHORT ": requeued");
	tree_log(&t, "pickup[7]: " LONG2 ": uid=102 from=<a@b> orig_id=" LONG);
	reopen(t.log);
	ck_assert_int_eq(tree_verify(&q, LONG, other), SMX_PRESENCE_LINKED);
	ck_assert_str_eq(other, LONG2);
	ck_assert_int_eq(verify(SHORT), SMX_PRESENCE_UNKNOWN);
}
END_TEST

#define SENT                                                                   \
	": to=<r@y>, relay=x, delay=1, delays=0/0/0/1, dsn=2.0.0, "            \
	"status=sent (ok)"

START_TEST(delivery_is_told_to_who_asked_for_it)
{
	struct smx_queue_event e = { 0 };
	char address[17];
	size_t n;

	snprintf(address, sizeof(address), "%016llx",
	    (unsigned long long)amend_address("<r@Y>"));
	tree_log(&t, "smtp[7]: " LONG SENT);
	tree_log(&t, "postsuper[6]: " SHORT ": requeued");
	while (e.kind != SMX_QUEUE_REQUEUED) {
		ck_assert_int_eq(q.ops->next(q.ctx, &e, 1, &n,
				     clock_mono_ms() + WAIT),
		    SMX_OK);
		ck_assert_int_ne(e.kind, SMX_QUEUE_SENT);
	}
	deliveries = 1;
	reopen(t.log);
	/* What was there before the watch is not told. */
	tree_log(&t, "smtp[7]: " LONG2 SENT);
	ck_assert(tree_event(&q, SMX_QUEUE_SENT, NULL, &e, WAIT));
	deliveries = 0;
	ck_assert_str_eq(e.id, LONG2);
	ck_assert_str_eq(e.other, address);
}
END_TEST

/* All that is told of this id before it is answered ABSENT. */
static void
ends_of(const char *id, char *out, size_t size)
{
	int64_t until = clock_mono_ms() + 5000;
	struct smx_queue_event e = { 0 };
	size_t n, at = 0;

	out[0] = '\0';
	ck_assert_int_eq(q.ops->verify(q.ctx, &id, 1, 4711), SMX_OK);
	while (e.kind != SMX_QUEUE_VERIFIED && clock_mono_ms() < until) {
		if (q.ops->next(q.ctx, &e, 1, &n, until) != SMX_OK || n != 1 ||
		    strcmp(e.id, id) != 0)
			continue;
		at += (size_t)snprintf(out + at, size - at, "%s%s;",
		    e.kind == SMX_QUEUE_SENT       ? "sent "
		    : e.kind == SMX_QUEUE_BOUNCED  ? "bounced "
		    : e.kind == SMX_QUEUE_DELETED  ? "deleted"
		    : e.kind == SMX_QUEUE_VERIFIED ? "answer"
						   : "?",
		    e.kind == SMX_QUEUE_VERIFIED || e.other[0] == '\0' ? ""
								       : "x");
	}
}

START_TEST(what_the_log_said_of_an_end_is_told_before_the_answer)
{
	char told[256];

	tree_log(&t, "smtp[7]: " LONG SENT);
	tree_log(&t,
	    "smtp[7]: " LONG ": to=<s@y>, relay=x, delay=1, delays=0/0/0/1, "
	    "dsn=5.1.1, status=bounced (no)");
	tree_log(&t, "postsuper[7]: " LONG2 ": removed");
	ends = 1;
	reopen(t.log);
	ends = 0;
	ck_assert_int_eq(tree_until(&q, LONG, SMX_PRESENCE_ABSENT, WAIT),
	    SMX_PRESENCE_ABSENT);
	ends_of(LONG, told, sizeof(told));
	ck_assert_str_eq(told, "bounced x;sent x;answer;");
	ends_of(LONG2, told, sizeof(told));
	ck_assert_str_eq(told, "deleted;answer;");
	/* What comes later is told at once, and again. */
	tree_log(&t,
	    "qmgr[7]: " LONG2 ": from=<a@b>, status=expired, returned to "
	    "sender");
	ck_assert(event(SMX_QUEUE_BOUNCED, LONG2));
	ends_of(LONG2, told, sizeof(told));
	ck_assert_str_eq(told, "bounced ;deleted;answer;");
}
END_TEST

static void
n_between(size_t n, size_t least, size_t most)
{
	ck_assert_uint_ge(n, least);
	ck_assert_uint_le(n, most);
}

#define TOOK                                                                   \
	": to=<r@y>, relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/1, "         \
	"dsn=2.0.0, status=sent (250 ok)"
#define AWAY                                                                   \
	": to=<r@y>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, "         \
	"status=deferred (connect to x[192.0.2.1]:25: Connection refused)"

/* How often until this id was requeued, which the log says last. */
static size_t
relays_told(enum smx_queue_event_kind kind, const char *id)
{
	struct smx_queue_event e = { 0 };
	size_t n, told = 0;

	while (e.kind != SMX_QUEUE_REQUEUED || strcmp(e.id, id) != 0) {
		ck_assert_int_eq(q.ops->next(q.ctx, &e, 1, &n,
				     clock_mono_ms() + WAIT),
		    SMX_OK);
		if (e.kind != kind)
			continue;
		ck_assert_str_eq(e.other, "[192.0.2.1]:25");
		told++;
	}
	return told;
}

START_TEST(host_that_mail_went_to_is_told_now_and_then)
{
	tree_log(&t, "smtp[7]: " LONG TOOK);
	tree_log(&t, "postsuper[6]: " LONG ": requeued");
	ck_assert_uint_eq(relays_told(SMX_QUEUE_REACHED, LONG), 0);
	ends = 1;
	reopen(t.log); /* what was there before the watch is not told */
	ends = 0;
	for (int i = 0; i < 200; i++)
		tree_log(&t, "smtp[7]: " LONG TOOK);
	for (int i = 0; i < 200; i++)
		tree_log(&t, "smtp[7]: " LONG2 SENT); /* no address */
	tree_log(&t, "postsuper[6]: " LONG2 ": requeued");
	n_between(relays_told(SMX_QUEUE_REACHED, LONG2), 1, 20);
	for (int i = 0; i < 200; i++)
		tree_log(&t, "smtp[7]: " LONG AWAY);
	tree_log(&t, "postsuper[6]: " SHORT ": requeued");
	n_between(relays_told(SMX_QUEUE_UNREACHED, SHORT), 1, 20);
}
END_TEST

/* Whoever asks for it later hears of what the log said before, too. */
START_TEST(what_is_told_can_be_changed)
{
	char told[256];

	reopen(t.log);
	tree_log(&t, "smtp[7]: " LONG SENT);
	tree_log(&t, "postsuper[6]: " LONG2 ": requeued");
	ck_assert(event(SMX_QUEUE_REQUEUED, LONG2));
	q.ops->want(q.ctx, 1, 1);
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	ck_assert_int_eq(tree_until(&q, LONG, SMX_PRESENCE_ABSENT, WAIT),
	    SMX_PRESENCE_ABSENT);
	ends_of(LONG, told, sizeof(told));
	ck_assert_str_eq(told, "sent x;answer;");
	tree_log(&t, "smtp[7]: " LONG2 SENT);
	ck_assert(event(SMX_QUEUE_SENT, LONG2));
	q.ops->want(q.ctx, 0, 0);
	ends_of(LONG, told, sizeof(told));
	ck_assert_str_eq(told, "answer;");
}
END_TEST

#define NO_USER                                                                \
	": to=<r@y>, relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/1, "         \
	"dsn=5.1.1, status=bounced (host x[192.0.2.1] said: 550 5.1.1 who? "   \
	"(in reply to RCPT TO command))"

START_TEST(who_refused_a_recipient_is_told_before_it_is_given_up)
{
	uint64_t sum = amend_address("r@y");
	struct smx_queue_event e = { 0 };
	size_t n;

	ends = 1;
	tree_log(&t, "smtp[7]: " LONG NO_USER);
	reopen(t.log); /* of the past it is not told */
	ends = 0;
	tree_log(&t, "smtp[7]: " LONG2 NO_USER);
	tree_log(&t,
	    "smtp[7]: " LONG2 ": to=<c@d>, orig_to=<r@y>, relay=x, delay=1, "
	    "delays=0/0/0/1, dsn=2.0.0, status=sent (ok)");
	while (e.kind != SMX_QUEUE_REFUSED)
		ck_assert_int_eq(q.ops->next(q.ctx, &e, 1, &n,
				     clock_mono_ms() + WAIT),
		    SMX_OK);
	ck_assert_str_eq(e.id, LONG2);
	ck_assert_str_eq(e.other, "[192.0.2.1]:25");
	ck_assert_uint_eq(e.token, sum);
	ck_assert(event(SMX_QUEUE_BOUNCED, LONG2));
	ck_assert(event(SMX_QUEUE_SENT_AS, LONG2));
}
END_TEST

START_TEST(a_short_id_that_begins_anew_has_no_end_of_its_former_message)
{
	char told[256];

	ends = 1;
	reopen(t.log);
	ends = 0;
	tree_log(&t, "smtp[7]: " SHORT SENT);
	tree_log(&t, "postsuper[6]: " LONG ": requeued");
	ck_assert(event(SMX_QUEUE_REQUEUED, LONG));
	ends_of(SHORT, told, sizeof(told));
	ck_assert_ptr_nonnull(strstr(told, "sent"));
	receive(SHORT);
	ck_assert_int_eq(verify(SHORT), SMX_PRESENCE_THERE);
	tree_delete(&t, "incoming/" SHORT);
	ck_assert(event(SMX_QUEUE_GONE, SHORT));
	ends_of(SHORT, told, sizeof(told));
	ck_assert_ptr_null(strstr(told, "sent"));
}
END_TEST

START_TEST(two_links_for_one_message_are_unknown)
{
	requeue();
	tree_log(&t, "pickup[7]: " LONG2 ": uid=102 from=<a@b> orig_id=" LONG);
	ck_assert(event(SMX_QUEUE_LINKED, LONG));
	tree_log(&t, "pickup[7]: " SHORT ": uid=102 from=<a@b> orig_id=" LONG);
	ck_assert_int_eq(tree_until(&q, LONG, SMX_PRESENCE_UNKNOWN, WAIT),
	    SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(link_of_a_message_that_is_there_changes_nothing)
{
	receive(LONG);
	tree_log(&t, "pickup[7]: " LONG2 ": uid=102 from=<a@b> orig_id=" LONG);
	ck_assert(event(SMX_QUEUE_LINKED, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
}
END_TEST

START_TEST(submission_is_no_requeue)
{
	tree_put(&t, "maildrop/99.1", 0700);
	tree_move(&t, "maildrop/99.1", "maildrop/" LONG);
	tree_delete(&t, "maildrop/" LONG);
	ck_assert(no_event(SMX_QUEUE_REQUEUED, LONG));
}
END_TEST

/* After a turn in which the folder is looked at. */
static uint64_t
waiting_for_pickup(int64_t *oldest_ms)
{
	struct smx_queue_event events[16];
	struct smx_queue_state state;
	size_t count;

	for (int i = 0; i < 12; i++)
		(void)q.ops->next(q.ctx, events, 16, &count,
		    clock_mono_ms() + 100);
	ck_assert_int_eq(q.ops->state(q.ctx, &state), SMX_OK);
	*oldest_ms = state.local_oldest_ms;
	return state.local_waiting;
}

static void
submit(const char *id, int ago_s)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	char name[64], path[256];

	snprintf(name, sizeof(name), "maildrop/%s", id);
	tree_put(&t, "maildrop/99.1", 0700);
	snprintf(path, sizeof(path), "%s/maildrop/99.1", t.queue);
	times[1].tv_sec = clock_wall_ms() / 1000 - ago_s;
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	tree_move(&t, "maildrop/99.1", name);
}

START_TEST(submissions_are_counted_until_they_are_taken)
{
	int64_t age_ms;

	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 0);
	ck_assert_int_eq(age_ms, 0);
	submit(LONG, 600);
	submit(LONG2, 60);
	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 2);
	ck_assert(age_ms >= 600000 && age_ms < 700000);
	tree_delete(&t, "maildrop/" LONG);
	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 1);
	ck_assert(age_ms >= 60000 && age_ms < 160000);
	tree_delete(&t, "maildrop/" LONG2);
	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 0);
	ck_assert_int_eq(age_ms, 0);
}
END_TEST

START_TEST(requeued_or_unfinished_is_no_submission)
{
	int64_t age_ms;

	tree_put(&t, "maildrop/" LONG2, 0600);
	tree_put(&t, "maildrop/99.1", 0700);
	tree_put(&t, "incoming/" LONG, 0700);
	tree_move(&t, "incoming/" LONG, "maildrop/" LONG);
	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 0);
}
END_TEST

START_TEST(submission_from_before_the_watch_is_counted)
{
	int64_t age_ms;

	submit(LONG, 5);
	reopen("");
	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 1);
	tree_delete(&t, "maildrop/" LONG);
	ck_assert_uint_eq(waiting_for_pickup(&age_ms), 0);
}
END_TEST

START_TEST(file_taken_away_is_unknown)
{
	char away[160];

	receive(LONG);
	snprintf(away, sizeof(away), "%s/" LONG, t.dir);
	ck_assert_int_eq(rename(tree_path(&t, "incoming/" LONG), away), 0);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
	ck_assert_int_eq(rename(away, tree_path(&t, "active/" LONG)), 0);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	tree_delete(&t, "active/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_ABSENT);
}
END_TEST

/* postsuper renames short ids after their inode. */
START_TEST(file_under_another_name_is_unknown)
{
	receive(SHORT);
	tree_move(&t, "incoming/" SHORT, "incoming/0BCDE54321");
	ck_assert_int_eq(verify(SHORT), SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(short_id_used_again_is_a_new_message)
{
	receive(SHORT);
	tree_move(&t, "incoming/" SHORT, "maildrop/" SHORT);
	tree_delete(&t, "maildrop/" SHORT);
	ck_assert_int_eq(verify(SHORT), SMX_PRESENCE_UNKNOWN);
	receive(SHORT);
	tree_delete(&t, "incoming/" SHORT);
	ck_assert_int_eq(verify(SHORT), SMX_PRESENCE_ABSENT);
}
END_TEST

/* ---- what was before the watch ---- */

START_TEST(old_message_without_log_is_absent_only_when_its_end_was_seen)
{
	tree_put(&t, "active/" LONG, 0700);
	reopen("");
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	ck_assert_int_eq(verify(LONG2), SMX_PRESENCE_UNKNOWN);
	tree_delete(&t, "active/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(old_message_with_log_is_absent_after_the_log_had_its_time)
{
	struct smx_queue_state s;

	ck_assert_int_eq(q.ops->state(q.ctx, &s), SMX_OK);
	ck_assert_int_eq(s.links_known, 1);
	ck_assert_int_eq(tree_until(&q, LONG2, SMX_PRESENCE_ABSENT, WAIT),
	    SMX_PRESENCE_ABSENT);
}
END_TEST

START_TEST(file_in_maildrop_at_the_start_may_be_a_requeue)
{
	tree_put(&t, "maildrop/" LONG, 0700);
	reopen(t.log);
	tree_delete(&t, "maildrop/" LONG);
	usleep(200000);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(forgotten_requeue_is_never_absent)
{
	struct pfqueue *inner = q.ctx;
	struct pfentry lost;
	char id[16];

	requeue();
	for (unsigned i = 0; i < PFQUEUE_FACTS_MAX; i++) {
		snprintf(id, sizeof(id), "%08X", i);
		pftable_put(&inner->facts, id, &lost);
		if (lost.id[0] != '\0')
			pfbloom_add(&inner->forgotten, lost.id);
	}
	ck_assert_ptr_null(pftable_find(&inner->facts, LONG));
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
}
END_TEST

/* ---- losing sight ---- */

START_TEST(overflow_begins_anew)
{
	char path[64];

	receive(LONG);
	/* More events than the kernel keeps (16384 by default). */
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "hold/%08X", i);
		ck_assert_int_eq(mknod(tree_path(&t, path), S_IFREG | 0700, 0),
		    0);
		tree_delete(&t, path);
	}
	tree_delete(&t, "incoming/" LONG);
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	/* Its end was lost among the others. */
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(replaced_queue_is_another_epoch)
{
	struct smx_queue_state before, after;
	char old[128];

	receive(LONG);
	ck_assert_int_eq(q.ops->state(q.ctx, &before), SMX_OK);
	snprintf(old, sizeof(old), "%s/old", t.dir);
	ck_assert_int_eq(rename(t.queue, old), 0);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
	ck_assert(event(SMX_QUEUE_RESET, NULL));
	ck_assert_int_eq(q.ops->state(q.ctx, &after), SMX_ESTATE);
	tree_remove(&t);
	tree_make(&t);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(lost_folder_is_watched_again)
{
	receive(LONG);
	ck_assert_int_eq(rmdir(tree_path(&t, "hold")), 0);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
	ck_assert_int_eq(mkdir(tree_path(&t, "hold"), 0700), 0);
	ck_assert_int_eq(tree_until(&q, LONG, SMX_PRESENCE_THERE, WAIT),
	    SMX_PRESENCE_THERE);
	tree_move(&t, "incoming/" LONG, "hold/" LONG);
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_THERE);
	tree_delete(&t, "hold/" LONG);
	ck_assert(event(SMX_QUEUE_GONE, LONG));
}
END_TEST

/* And only what was made permanent. */
START_TEST(what_is_in_the_queue_is_told_to_every_reader)
{
	struct smx_queue_event e;
	unsigned seen = 0;

	receive(LONG);
	tree_move(&t, "incoming/" LONG, "hold/" LONG);
	ck_assert(event(SMX_QUEUE_MOVED, LONG));
	tree_begin(&t, SHORT);
	if (_i == 0)
		reopen("");
	else
		pfqueue_new_reader(q.ctx);
	do {
		ck_assert(tree_event(&q, SMX_QUEUE_FOUND, NULL, &e, WAIT));
		ck_assert_str_ne(e.id, SHORT);
		seen += strcmp(e.id, LONG) == 0;
	} while (e.id[0] != '\0');
	ck_assert_uint_eq(seen, 1);
	ck_assert(no_event(SMX_QUEUE_FOUND, NULL));
}
END_TEST

START_TEST(unfetched_events_become_one_reset)
{
	struct pfqueue *inner = q.ctx;
	struct smx_queue_event e[2];

	while (pfqueue_take(inner, e, 2) != 0)
		; /* what was there at the beginning */
	for (int i = 0; i <= PFQUEUE_EVENTS_MAX; i++)
		pfqueue_emit(inner, SMX_QUEUE_GONE, LONG, "");
	ck_assert_uint_eq(pfqueue_take(inner, e, 2), 2);
	ck_assert_int_eq(e[0].kind, SMX_QUEUE_RESET);
	ck_assert_int_eq(e[1].kind, SMX_QUEUE_GONE);
	ck_assert_uint_eq(pfqueue_take(inner, e, 2), 0);
}
END_TEST

START_TEST(too_many_questions_are_refused_whole)
{
	static const char *ids[PFQUEUE_VERIFY_MAX];
	struct pfqueue *inner = q.ctx;

	for (size_t i = 0; i < PFQUEUE_VERIFY_MAX; i++)
		ids[i] = LONG;
	ck_assert_int_eq(pfqueue_ask(inner, ids, PFQUEUE_VERIFY_MAX - 1, 7),
	    SMX_OK);
	ck_assert_int_eq(pfqueue_ask(inner, ids, 2, 8), SMX_ELIMIT);
	ck_assert_uint_eq(inner->pending_count, PFQUEUE_VERIFY_MAX - 1);
}
END_TEST

/* ---- a file that moves all the time ---- */

static atomic_int moving;

static void *
mover(void *ctx)
{
	(void)ctx;
	while (moving) {
		tree_move(&t, "active/" LONG, "deferred/F/" LONG);
		tree_move(&t, "deferred/F/" LONG, "hold/" LONG);
		tree_move(&t, "hold/" LONG, "active/" LONG);
	}
	return NULL;
}

START_TEST(moving_file_is_never_reported_absent)
{
	int64_t until = clock_mono_ms() + 1500;
	pthread_t thread;
	int absent = 0;

	tree_put(&t, "active/" LONG, 0700);
	moving = 1;
	pthread_create(&thread, NULL, mover, NULL);
	while (clock_mono_ms() < until)
		absent += verify(LONG) == SMX_PRESENCE_ABSENT;
	moving = 0;
	pthread_join(thread, NULL);
	ck_assert_int_eq(absent, 0);
}
END_TEST

/* ---- the marker ---- */

static void
state_of(const char *boot, struct smx_queue_state *s)
{
	smx_queue_close(&q);
	ck_assert_msg(open_with("", boot) == SMX_OK, "%s", why);
	ck_assert_int_eq(q.ops->state(q.ctx, s), SMX_OK);
}

START_TEST(epoch_stays_and_its_counter_grows)
{
	struct smx_queue_state a, b;

	state_of("boot-1", &a);
	state_of("boot-1", &b);
	ck_assert(smx_epoch_same(&a.epoch, &b.epoch));
	ck_assert_uint_gt(b.epoch.counter, a.epoch.counter);
	ck_assert_uint_eq(b.spans, a.spans + 1);
	ck_assert_uint_eq(b.span[a.spans].first, a.first);
	ck_assert_uint_eq(b.span[a.spans].last, a.epoch.counter);
	ck_assert_int_eq(lineage_of(&b, &a.epoch), LINEAGE_SAME);
	ck_assert_uint_eq(b.unclean, 0);
}
END_TEST

START_TEST(clean_stop_is_clean_after_a_boot)
{
	struct smx_queue_state s;

	state_of("boot-2", &s);
	ck_assert_uint_eq(s.unclean, 0);
}
END_TEST

/* A host brought back to a clean stop counts on from there, as it did before;
 * what it counted then must not be taken for what it counts now. */
START_TEST(restored_marker_does_not_count_the_same_again)
{
	struct smx_queue_state s, once, again, later;
	char path[256], kept[256];
	int same = 0;

	snprintf(path, sizeof(path), "%s",
	    tree_path(&t, "shadowmx/shadowmx.epoch"));
	snprintf(kept, sizeof(kept), "%s/kept", t.dir);
	for (int i = 0; i < 3; i++) {
		state_of("boot-1", &s);
		smx_queue_close(&q);
		ck_assert_int_eq(link(path, kept), 0);
		state_of("boot-2", &once);
		smx_queue_close(&q);
		ck_assert_int_eq(rename(kept, path), 0);
		state_of("boot-3", &again);
		ck_assert(smx_epoch_same(&once.epoch, &again.epoch));
		ck_assert_int_eq(lineage_of(&again, &s.epoch), LINEAGE_SAME);
		ck_assert_int_eq(lineage_of(&again, &once.epoch), LINEAGE_BACK);
		/* And so it stays. */
		state_of("boot-3", &later);
		ck_assert_int_eq(lineage_of(&later, &once.epoch), LINEAGE_BACK);
		same += once.epoch.counter == again.epoch.counter;
	}
	ck_assert_int_lt(same, 3);
}
END_TEST

/* Close without the clean mark, as a power cut does. */
static void
cut_power(void)
{
	struct pfqueue *inner = q.ctx;

	pfmarker_close(&inner->marker, 0);
}

START_TEST(power_cut_stays_unclean_for_what_came_before)
{
	struct smx_queue_state a, s;

	ck_assert_int_eq(q.ops->state(q.ctx, &a), SMX_OK);
	cut_power();
	state_of("boot-2", &s);
	ck_assert_uint_eq(s.unclean, a.epoch.counter);
	ck_assert_uint_gt(s.epoch.counter, s.unclean);
	state_of("boot-2", &s);
	ck_assert_uint_eq(s.unclean, a.epoch.counter);
	/* A clean stop later proves nothing about the one before. */
	state_of("boot-3", &s);
	ck_assert_uint_eq(s.unclean, a.epoch.counter);
}
END_TEST

START_TEST(crash_of_the_watch_alone_is_clean)
{
	struct smx_queue_state s;

	cut_power();
	state_of("boot-1", &s);
	ck_assert_uint_eq(s.unclean, 0);
}
END_TEST

static int
count_bad(void)
{
	DIR *dir = opendir(tree_path(&t, "shadowmx"));
	struct dirent *e;
	int n = 0;

	while ((e = readdir(dir)) != NULL)
		n += strncmp(e->d_name, "shadowmx.epoch.bad.", 19) == 0;
	closedir(dir);
	return n;
}

START_TEST(damaged_marker_is_kept_and_begins_an_epoch)
{
	const char *path = tree_path(&t, "shadowmx/shadowmx.epoch");
	struct smx_queue_state a, b;
	int fd;

	state_of("boot-1", &a);
	smx_queue_close(&q);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (_i == 0)
		ck_assert_int_eq(ftruncate(fd, 30), 0);
	else
		ck_assert_int_eq(pwrite(fd, "!", 1, 40), 1);
	close(fd);
	state_of("boot-1", &b);
	ck_assert(!smx_epoch_same(&a.epoch, &b.epoch));
	ck_assert_int_eq(count_bad(), 1);
}
END_TEST

/* The marker's words, or new ones in another file. */
static void
copy_marker(const char *words)
{
	char text[8192], path[256], old[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s",
	    tree_path(&t, "shadowmx/shadowmx.epoch"));
	snprintf(old, sizeof(old), "%s/old-marker", t.dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ck_assert_int_ge(n, 100);
	if (words != NULL)
		n = snprintf(text, sizeof(text), "%s", words);
	/* The old one is kept: its inode is not given to the copy. */
	ck_assert_int_eq(rename(path, old), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, text, (size_t)n), n);
	close(fd);
}

/* A copy says where it comes from, and proves nothing: nobody knows how long
 * the copying took. */
START_TEST(copied_marker_proves_nothing)
{
	struct smx_queue_state first, a, b;

	state_of("boot-1", &first);
	state_of("boot-1", &a);
	smx_queue_close(&q);
	copy_marker(NULL);
	state_of("boot-1", &b);
	ck_assert(smx_epoch_same(&a.epoch, &b.epoch));
	ck_assert_int_eq(lineage_of(&b, &a.epoch), LINEAGE_BACK);
	ck_assert_int_eq(lineage_of(&b, &first.epoch), LINEAGE_BACK);
	ck_assert_int_eq(lineage_of(&b, &b.epoch), LINEAGE_SAME);
	/* Not after another run either. */
	state_of("boot-1", &first);
	ck_assert_int_eq(lineage_of(&first, &a.epoch), LINEAGE_BACK);
	ck_assert_int_eq(lineage_of(&first, &b.epoch), LINEAGE_SAME);
}
END_TEST

START_TEST(marker_of_the_first_version_is_read)
{
	char path[256], words[512];
	struct smx_queue_state s;
	struct smx_epoch old;
	struct stat st;
	int fd;

	smx_queue_close(&q);
	snprintf(path, sizeof(path), "%s",
	    tree_path(&t, "shadowmx/shadowmx.epoch"));
	ck_assert_int_eq(stat(path, &st), 0);
	snprintf(words, sizeof(words),
	    "shadowmx-epoch 1\nid 00112233445566778899aabbccddeeff\n"
	    "counter 77\nboot boot-1\ninode %llu\nunclean 5\nclean 0\nend\n",
	    (unsigned long long)st.st_ino);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_eq(write(fd, words, strlen(words)),
	    (ssize_t)strlen(words));
	close(fd);
	state_of("boot-1", &s);
	ck_assert_uint_eq(s.epoch.id[1], 0x11);
	ck_assert_uint_eq(s.unclean, 5);
	old = s.epoch;
	old.counter = 77;
	ck_assert_int_eq(lineage_of(&s, &old), LINEAGE_SAME);
	old.counter = 78;
	ck_assert_int_eq(lineage_of(&s, &old), LINEAGE_BACK);
	ck_assert_int_eq(count_bad(), 0);
}
END_TEST

START_TEST(many_runs_are_remembered_and_then_not_guessed)
{
	struct smx_queue_state first, s;

	state_of("boot-1", &first);
	for (int i = 0; i < SMX_QUEUE_SPANS_MAX - 1; i++)
		state_of("boot-1", &s);
	ck_assert_int_eq(lineage_of(&s, &first.epoch), LINEAGE_SAME);
	state_of("boot-1", &s);
	state_of("boot-1", &s);
	ck_assert_uint_eq(s.spans, SMX_QUEUE_SPANS_MAX);
	ck_assert_int_eq(s.forgot, 1);
	ck_assert_int_eq(lineage_of(&s, &first.epoch), LINEAGE_UNKNOWN);
}
END_TEST

static int
state_until(int (*reached)(const struct smx_queue_state *,
		const struct smx_queue_state *),
    const struct smx_queue_state *was)
{
	int64_t until = clock_mono_ms() + WAIT;
	struct smx_queue_event ev;
	struct smx_queue_state s;
	size_t n;

	do {
		(void)q.ops->next(q.ctx, &ev, 1, &n, clock_mono_ms() + 20);
		if (q.ops->state(q.ctx, &s) == SMX_OK && reached(&s, was))
			return 1;
	} while (clock_mono_ms() < until);
	return 0;
}

static int
counted_on(const struct smx_queue_state *s, const struct smx_queue_state *was)
{
	return s->epoch.counter > was->epoch.counter + 2 &&
	       s->first == was->first;
}

static int
began_anew(const struct smx_queue_state *s, const struct smx_queue_state *was)
{
	return lineage_of(s, &was->epoch) != LINEAGE_SAME;
}

/* A copy made between two heartbeats is behind what is taken after the next. */
START_TEST(counter_goes_on_with_the_heartbeat)
{
	struct smx_queue_state a, b;

	heartbeat_ms = 50;
	state_of("boot-1", &a);
	ck_assert(state_until(counted_on, &a));
	ck_assert_int_eq(q.ops->state(q.ctx, &a), SMX_OK);
	heartbeat_ms = 0;
	cut_power();
	state_of("boot-1", &b);
	ck_assert_int_eq(lineage_of(&b, &a.epoch), LINEAGE_SAME);
}
END_TEST

START_TEST(marker_exchanged_under_the_watch_is_noticed)
{
	struct smx_queue_state a;

	ck_assert_int_eq(q.ops->state(q.ctx, &a), SMX_OK);
	receive(LONG);
	if (_i == 0)
		copy_marker(NULL);
	else
		unlink(tree_path(&t, "shadowmx/shadowmx.epoch"));
	tree_delete(&t, "incoming/" LONG);
	/* Not even when it is asked for at once. */
	ck_assert_int_eq(verify(LONG), SMX_PRESENCE_UNKNOWN);
	ck_assert(state_until(began_anew, &a));
}
END_TEST

START_TEST(counting_comes_to_an_end_and_begins_anew)
{
	struct smx_queue_state s;
	char words[512];

	smx_queue_close(&q);
	snprintf(words, sizeof(words),
	    "shadowmx-epoch 1\nid 00112233445566778899aabbccddeeff\n"
	    "counter %s\nboot boot-1\ninode 1\nunclean 0\nclean 0\nend\n",
	    _i == 0 ? "9223372036854775806" : "18446744073709551610");
	copy_marker(words);
	state_of("boot-1", &s);
	if (_i == 0) {
		ck_assert_uint_eq(s.epoch.id[1], 0x11);
		ck_assert_uint_gt(s.epoch.counter, (uint64_t)INT64_MAX);
	} else {
		ck_assert_uint_ne(s.epoch.id[1], 0x11);
		ck_assert_uint_lt(s.epoch.counter, (uint64_t)1 << 33);
	}
}
END_TEST

START_TEST(second_watch_is_refused)
{
	struct smx_queue first = q;

	ck_assert_int_eq(open_with("", "boot-1"), SMX_EBUSY);
	q = first;
}
END_TEST

START_TEST(marker_elsewhere_is_refused)
{
	struct pfqueue_options o = {
		.postfix = { t.queue, "", "/dev/shm/shadowmx-check", "" },
		.boot = "b",
	};
	struct pfqueue *inner;
	struct stat shm, here;

	if (stat("/dev/shm", &shm) != 0 || stat(t.queue, &here) != 0 ||
	    shm.st_dev == here.st_dev)
		return;
	ck_assert_int_eq(pfqueue_open(&inner, &o, why, sizeof(why)),
	    SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(why, "file system"));
	rmdir("/dev/shm/shadowmx-check");
}
END_TEST

START_TEST(queue_without_folders_cannot_be_opened)
{
	smx_queue_close(&q);
	ck_assert_int_eq(rmdir(tree_path(&t, "corrupt")), 0);
	ck_assert_int_ne(open_with("", "boot-1"), SMX_OK);
	ck_assert_ptr_nonnull(strstr(why, "corrupt"));
}
END_TEST

/* ---- the master process ---- */

START_TEST(master_is_up_while_its_pid_file_is_locked)
{
	int queue_fd = open(t.queue, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_DOWN);
	tree_put(&t, "pid/master.pid", 0600);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_DOWN);
	fd = open(tree_path(&t, "pid/master.pid"), O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_UP);
	close(fd);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_DOWN);
	close(queue_fd);
}
END_TEST

/* The lock outlives it; its work does not. */
START_TEST(master_that_is_stopped_is_down)
{
	int queue_fd = open(t.queue, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ready[2], status;
	pid_t pid;
	char c;

	tree_put(&t, "pid/master.pid", 0600);
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd =
		    open(tree_path(&t, "pid/master.pid"), O_RDWR | O_CLOEXEC);

		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_UP);
	kill(pid, SIGSTOP);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_DOWN);
	kill(pid, SIGCONT);
	ck_assert_int_eq(waitpid(pid, &status, WCONTINUED), pid);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_UP);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_DOWN);
	close(ready[0]);
	close(ready[1]);
	close(queue_fd);
}
END_TEST

/* Where the list of locks does not show it. */
START_TEST(master_is_up_while_its_sockets_live)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int queue_fd = open(t.queue, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%.80s",
	    tree_path(&t, "public/qmgr"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_UP);
	/* Nobody was called. */
	ck_assert_int_eq(accept4(fd, NULL, NULL, SOCK_CLOEXEC), -1);
	close(fd);
	ck_assert_int_eq(master_health(queue_fd), SMX_MTA_DOWN);
	close(queue_fd);
}
END_TEST

/* ---- following a log ---- */

static char got[4096];

static void
collect(void *ctx, const char *line, size_t len)
{
	size_t at = strlen(got);

	(void)ctx;
	snprintf(got + at, sizeof(got) - at, "%.*s|", (int)len, line);
}

static void
append(const char *text)
{
	int fd = open(t.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static const char *
lines(struct logtail *tail)
{
	int result;

	got[0] = '\0';
	do
		result = logtail_read(tail, 4096, collect, NULL);
	while (result > 0 || result == SMX_EGONE);
	ck_assert_int_eq(result, 0);
	return got;
}

START_TEST(log_is_followed_through_rotation)
{
	struct logtail *tail;
	char old[128];

	append("one\ntwo\nhal");
	ck_assert_int_eq(logtail_open(&tail, t.log, 1000), SMX_OK);
	ck_assert_str_eq(lines(tail), "one|two|");
	append("f\n");
	ck_assert_str_eq(lines(tail), "half|");
	/* The writer goes on in the renamed file for a while. */
	snprintf(old, sizeof(old), "%s.1", t.log);
	append("a\n");
	ck_assert_int_eq(rename(t.log, old), 0);
	append("");
	ck_assert_str_eq(lines(tail), "a|");
	{
		int fd = open(old, O_WRONLY | O_APPEND | O_CLOEXEC);

		ck_assert_int_eq(write(fd, "b\n", 2), 2);
		close(fd);
	}
	append("c\n");
	ck_assert_str_eq(lines(tail), "b|c|");
	ck_assert_int_eq(truncate(t.log, 0), 0);
	ck_assert_str_eq(lines(tail), "");
	append("d\n");
	ck_assert_str_eq(lines(tail), "d|");
	logtail_close(&tail);
}
END_TEST

START_TEST(log_begins_at_a_line_near_its_end)
{
	struct logtail *tail;

	append("first\nsecond\nthird\n");
	ck_assert_int_eq(logtail_open(&tail, t.log, 9), SMX_OK);
	ck_assert_str_eq(lines(tail), "third|");
	logtail_close(&tail);
}
END_TEST

START_TEST(endless_line_is_left_out)
{
	struct logtail *tail;
	static char text[200001];

	memset(text, 'x', 200000);
	append("one\n");
	append(text);
	append("\ntwo\n");
	ck_assert_int_eq(logtail_open(&tail, t.log, 1000000), SMX_OK);
	ck_assert_str_eq(lines(tail), "one|two|");
	logtail_close(&tail);
}
END_TEST

static TCase *
tcase(Suite *s, const char *name, void (*before)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, before, teardown);
	tcase_set_timeout(tc, 30);
	suite_add_tcase(s, tc);
	return tc;
}

static void
add_life(TCase *tc)
{
	tcase_add_loop_test(tc, delivered_message_is_committed_gone_absent, 0,
	    2);
	tcase_add_test(tc, refused_message_is_never_committed);
	tcase_add_test(tc, refused_message_is_no_stray);
	tcase_add_test(tc, file_of_a_dead_writer_is_a_stray);
	tcase_add_test(tc, file_taken_by_qmgr_early_is_committed_at_its_close);
	tcase_add_test(tc, file_moved_right_after_its_close_is_committed);
	tcase_add_test(tc, quarantined_message_is_committed);
	tcase_add_test(tc, commit_is_told_once);
	tcase_add_test(tc, held_deferred_and_released_message_is_there);
	tcase_add_loop_test(tc, what_is_put_aside_is_told, 0,
	    sizeof(moves) / sizeof(*moves));
	tcase_add_test(tc, what_cleanup_holds_is_committed_and_not_put_aside);
	tcase_add_test(tc, damaged_message_is_corrupt);
	tcase_add_test(tc, new_hash_folder_is_watched);
	tcase_add_test(tc, misplaced_file_is_there);
	tcase_add_test(tc, temporary_names_mean_nothing);
	tcase_add_test(tc, moving_file_is_never_reported_absent);
}

static void
add_requeue(TCase *plain, TCase *logged)
{
	tcase_add_test(plain, requeued_message_without_log_stays_unknown);
	tcase_add_test(plain, submission_is_no_requeue);
	tcase_add_test(plain, submissions_are_counted_until_they_are_taken);
	tcase_add_test(plain, requeued_or_unfinished_is_no_submission);
	tcase_add_test(plain, submission_from_before_the_watch_is_counted);
	tcase_add_test(plain, file_taken_away_is_unknown);
	tcase_add_test(plain, file_under_another_name_is_unknown);
	tcase_add_test(plain, short_id_used_again_is_a_new_message);
	tcase_add_test(plain,
	    old_message_without_log_is_absent_only_when_its_end_was_seen);
	tcase_add_test(plain, forgotten_requeue_is_never_absent);
	tcase_add_test(logged, requeued_message_is_linked_by_the_log);
	tcase_add_test(logged, requeue_before_the_watch_is_linked_by_the_log);
	tcase_add_test(logged, delivery_is_told_to_who_asked_for_it);
	tcase_add_test(logged, host_that_mail_went_to_is_told_now_and_then);
	tcase_add_test(logged, what_is_told_can_be_changed);
	tcase_add_test(logged,
	    who_refused_a_recipient_is_told_before_it_is_given_up);
	tcase_add_test(logged,
	    what_the_log_said_of_an_end_is_told_before_the_answer);
	tcase_add_test(logged,
	    a_short_id_that_begins_anew_has_no_end_of_its_former_message);
	tcase_add_test(logged, two_links_for_one_message_are_unknown);
	tcase_add_test(logged, link_of_a_message_that_is_there_changes_nothing);
	tcase_add_test(logged,
	    old_message_with_log_is_absent_after_the_log_had_its_time);
	tcase_add_test(logged, file_in_maildrop_at_the_start_may_be_a_requeue);
}

static void
add_sight(TCase *tc)
{
	tcase_add_test(tc, overflow_begins_anew);
	tcase_add_test(tc, replaced_queue_is_another_epoch);
	tcase_add_test(tc, lost_folder_is_watched_again);
	tcase_add_loop_test(tc, what_is_in_the_queue_is_told_to_every_reader, 0,
	    2);
	tcase_add_test(tc, unfetched_events_become_one_reset);
	tcase_add_test(tc, too_many_questions_are_refused_whole);
	tcase_add_test(tc, master_is_up_while_its_pid_file_is_locked);
	tcase_add_test(tc, master_that_is_stopped_is_down);
	tcase_add_test(tc, master_is_up_while_its_sockets_live);
	tcase_add_test(tc, log_is_followed_through_rotation);
	tcase_add_test(tc, log_begins_at_a_line_near_its_end);
	tcase_add_test(tc, endless_line_is_left_out);
}

static void
add_marker(TCase *tc)
{
	tcase_add_test(tc, epoch_stays_and_its_counter_grows);
	tcase_add_test(tc, clean_stop_is_clean_after_a_boot);
	tcase_add_test(tc, power_cut_stays_unclean_for_what_came_before);
	tcase_add_test(tc, restored_marker_does_not_count_the_same_again);
	tcase_add_test(tc, crash_of_the_watch_alone_is_clean);
	tcase_add_loop_test(tc, damaged_marker_is_kept_and_begins_an_epoch, 0,
	    2);
	tcase_add_test(tc, copied_marker_proves_nothing);
	tcase_add_test(tc, marker_of_the_first_version_is_read);
	tcase_add_test(tc, many_runs_are_remembered_and_then_not_guessed);
	tcase_add_test(tc, counter_goes_on_with_the_heartbeat);
	tcase_add_loop_test(tc, marker_exchanged_under_the_watch_is_noticed, 0,
	    2);
	tcase_add_loop_test(tc, counting_comes_to_an_end_and_begins_anew, 0, 2);
	tcase_add_test(tc, second_watch_is_refused);
	tcase_add_test(tc, marker_elsewhere_is_refused);
	tcase_add_test(tc, queue_without_folders_cannot_be_opened);
}

int
main(void)
{
	Suite *s = suite_create("pfqueue");
	SRunner *sr = srunner_create(s);
	int failed;

	add_life(tcase(s, "life", setup));
	add_requeue(tcase(s, "requeue", setup), tcase(s, "log", setup_log));
	add_sight(tcase(s, "sight", setup));
	add_marker(tcase(s, "marker", setup));
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
