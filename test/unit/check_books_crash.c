/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash.h"
#include "folder.h"
#include "io/backup_mail.h"

/*
 * A process that keeps the books ends at each of its durable steps in turn.
 * What stands in the queue and in its log by then is told to a table that
 * begins anew: the books have to come out right.
 */
#define NOW    INT64_C(1800000000000)
#define POINTS 35 /* and the last is none */
#define ANN    UINT64_C(0xa1)

/* In the queue of an MTA that is made up; what it does is kept by a pipe. */
enum { STAYS, REFUSED, LET_GO, PUT_BACK, MAILS };
static const char *const ids[MAILS] = { "4jXKs073lDz1bkTK", "4jXKs073lFz1bkTM",
	"4jXKs073lGz1bkTN", "4jXKs073lHz1bkTP" };

static struct queue {
	int booked; /* its books were said to be written */
	int there, held, sent;
} queue[MAILS];

static struct backup_db *db;
static int truth[2];

static void
open_db(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
}

/* ---- the one that ends ---- */

static void
say(int mail, char what)
{
	char word[2] = { (char)('0' + mail), what };

	if (write(truth[1], word, 2) != 2)
		_exit(3);
}

static int64_t
take(int mail)
{
	static const char *const rcpts[] = { "<ann@example.org>" };
	static const uint64_t hashes[] = { ANN };
	struct backup_mail_new new = { .queue_id = ids[mail],
		.domain = "example.org",
		.sender = "<s@example.net>",
		.size = 1000,
		.state = MX_DOWN,
		.taken_ms = NOW,
		.until_ms = NOW + 1000000,
		.rcpts = rcpts,
		.hashes = hashes,
		.count = 1 };
	int64_t row;

	if (backup_mail_add(db, &new, 1, &row, NULL, NULL) != SMX_OK)
		_exit(4);
	say(mail, 'b');
	crash_point("books-hold");
	crash_point("books-held");
	if (mail != REFUSED)
		say(mail, 'c');
	return row;
}

static void
becomes(int64_t row, enum custody_deed_kind kind, int how)
{
	struct custody_deed deed = { .kind = kind,
		.mail = row,
		.custody = (enum custody)how,
		.end = (enum custody_end)how,
		.hash = ANN };

	if (backup_mail_do(db, &deed, 1, NOW) != SMX_OK)
		_exit(5);
}

static void
moved(int64_t row, enum custody custody)
{
	if (backup_mail_move(db, &row, 1, custody, NOW) != SMX_OK)
		_exit(6);
}

static void
live(void)
{
	int64_t row[MAILS];

	open_db();
	for (int i = 0; i < MAILS; i++) {
		row[i] = take(i);
		if (i != REFUSED)
			becomes(row[i], CUSTODY_MOVES, CUSTODY_HELD);
	}
	becomes(row[REFUSED], CUSTODY_ENDS, CUSTODY_DELETED);
	say(LET_GO, 'r');
	moved(row[LET_GO], CUSTODY_QUEUED);
	say(PUT_BACK, 'r');
	moved(row[PUT_BACK], CUSTODY_QUEUED);
	say(LET_GO, 's');
	becomes(row[LET_GO], CUSTODY_ANSWERS, CUSTODY_DELIVERED);
	becomes(row[LET_GO], CUSTODY_ENDS, CUSTODY_DELIVERED);
	moved(row[PUT_BACK], CUSTODY_HELD);
	say(PUT_BACK, 'h');
	_exit(0);
}

static void
hear(void)
{
	char word[2];

	while (read(truth[0], word, 2) == 2) {
		struct queue *q = &queue[word[0] - '0'];

		q->booked |= word[1] == 'b';
		q->there |= word[1] == 'c';
		if (word[1] == 'c' || word[1] == 'h')
			q->held = 1;
		if (word[1] == 'r')
			q->held = 0;
		if (word[1] == 's') {
			q->there = 0;
			q->sent = 1;
		}
	}
}

/* ---- the one that comes after ---- */

static struct custody_table table;
static int64_t now = 1000000;

static void
on_deed(void *ctx, const struct custody_deed *deed)
{
	(void)ctx;
	ck_assert_int_eq(backup_mail_do(db, deed, 1, NOW), SMX_OK);
}

static int
on_open(void *ctx, const struct custody_new *mail)
{
	(void)ctx;
	return custody_add(&table, mail, now);
}

static const struct queue *
find(const char *id)
{
	int i = 0;

	while (strcmp(ids[i], id) != 0)
		i++;
	return &queue[i];
}

static void
tell(enum smx_queue_event_kind kind, const char *id, uint64_t token)
{
	const struct queue *q = find(id);
	struct smx_queue_event event = { .kind = kind,
		.token = token,
		.held = q->held,
		.text = q->there ? folder : NULL,
		.presence =
		    q->there ? SMX_PRESENCE_THERE : SMX_PRESENCE_ABSENT };

	snprintf(event.id, sizeof(event.id), "%s", id);
	if (kind == SMX_QUEUE_SENT)
		snprintf(event.other, sizeof(event.other), "%016" PRIx64, ANN);
	custody_event(&table, &event, now);
}

static void
look_for_all(void)
{
	const char *asked[MAILS];
	uint64_t token;
	size_t n;

	for (int64_t until = now + 60000; now < until; now += 50) {
		n = custody_verify_next(&table, now, asked, MAILS, &token);
		for (size_t i = 0; i < n; i++) {
			if (find(asked[i])->sent)
				tell(SMX_QUEUE_SENT, asked[i], 0);
			tell(SMX_QUEUE_VERIFIED, asked[i], token);
		}
		n = custody_read_next(&table, now, asked, MAILS, &token);
		for (size_t i = 0; i < n; i++)
			tell(SMX_QUEUE_READ, asked[i], token);
	}
}

static enum custody
custody_of(int mail, size_t *count)
{
	struct backup_mail_row row[2];
	struct backup_mail_page page = { .queue_id = ids[mail],
		.rows = row,
		.max = 2 };

	ck_assert_int_eq(backup_mail_look(db, &page), SMX_OK);
	*count = page.count;
	return page.count == 0 ? 0 : row[0].custody;
}

static void
books_are_right(void)
{
	struct backup_mail_range range = { .domain = "example.org" };
	struct backup_mail_sums sums;
	uint64_t sent = 0;
	size_t count;

	for (int i = 0; i < MAILS; i++) {
		const struct queue *q = &queue[i];
		enum custody custody = custody_of(i, &count);

		ck_assert_uint_le(count, 1);
		ck_assert(!q->booked || count == 1);
		sent += q->sent != 0;
		if (count != 0)
			ck_assert_int_eq(custody, !q->there ? CUSTODY_ENDED
						  : q->held ? CUSTODY_HELD
							    : CUSTODY_QUEUED);
	}
	ck_assert_int_eq(backup_mail_sum(db, &range, &sums), SMX_OK);
	ck_assert_uint_eq(sums.unaccounted, 0);
	ck_assert_uint_eq(sums.delivered, sent);
	ck_assert_uint_eq(sums.returned, 0);
	ck_assert_uint_eq(sums.taken,
	    sums.delivered + sums.deleted + sums.held + sums.queued);
}

START_TEST(the_books_come_out_right_after_an_end_at_any_step)
{
	char at[16];
	int status;
	pid_t pid;

	folder_make();
	ck_assert_int_eq(pipe(truth), 0);
	snprintf(at, sizeof(at), "%d", _i);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(truth[0]);
		(void)setenv("SMX_CRASH_AT", at, 1);
		live();
	}
	close(truth[1]);
	hear();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert(WEXITSTATUS(status) == (_i < POINTS ? 100 : 0));
	open_db();
	ck_assert_int_eq(custody_init(&table, 1, 100, on_deed, NULL), SMX_OK);
	ck_assert_int_eq(backup_mail_each_open(db, 0, 100, on_open, NULL),
	    SMX_OK);
	look_for_all();
	books_are_right();
	custody_free(&table);
	backup_db_close(&db);
	folder_remove();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("books_crash");
	TCase *tc = tcase_create("points");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc,
	    the_books_come_out_right_after_an_end_at_any_step, 1, POINTS + 1);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
