/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "glue/helper.h"
#include "glue/queue_change.h"
#include "glue/helper_wire.h"

#define ID  "4jXKs073lDz1bkTK"
#define ID2 "4jXN4m6MKgz1bY4l"

/*
 * A stand-in for postsuper and postqueue: writes down how it was called, then
 * says what the file "says" holds, the next time what "next" holds, and ends as
 * the file "fails" tells.
 */
static const char script[] =
    "#!/bin/sh\n"
    "d=${0%/*}\n"
    "{ echo \"$0 $*\"; env | sort; ls /proc/self/fd; cat; } >>$d/calls\n"
    "[ ! -f $d/says ] || cat $d/says >&2\n"
    "[ ! -f $d/next ] || mv $d/next $d/says\n"
    "[ ! -f $d/sleeps ] || sleep 30\n"
    "[ ! -f $d/fails ] || exit 1\n";

static char dir[64];
static int pair[2];
static pid_t process;
static struct helper *helper;
static const char *const two[] = { ID, ID2 };

static const char *
path(const char *name)
{
	static char out[2][128];
	static int turn;

	turn = !turn;
	snprintf(out[turn], sizeof(out[turn]), "%s/%s", dir, name);
	return out[turn];
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd =
	    open(path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static const char *
calls(void)
{
	static char text[65536];
	FILE *f = fopen(path("calls"), "re");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static int
has(const char *line)
{
	return strstr(calls(), line) != NULL;
}

static void
process_start(void)
{
	static volatile sig_atomic_t stop;
	char postsuper[128], postqueue[128], postkick[128];
	struct helper_options options = { "/etc/postfix-test", postsuper,
		postqueue, postkick, 1500 };

	snprintf(postsuper, sizeof(postsuper), "%s", path("postsuper"));
	snprintf(postqueue, sizeof(postqueue), "%s", path("postqueue"));
	snprintf(postkick, sizeof(postkick), "%s", path("postkick"));
	process = fork();
	ck_assert_int_ge(process, 0);
	if (process == 0) {
		setenv("SECRET", "1", 1);
		_exit(helper_main(pair[1], &options, &stop));
	}
}

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/shadowmx-helper.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put("postsuper", script, 0755);
	put("postqueue", script, 0755);
	put("postkick", script, 0755);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			     pair),
	    0);
	process_start();
	ck_assert_int_eq(helper_new(&helper, pair[0]), SMX_OK);
}

static int
remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(name);
}

static void
process_end(void)
{
	kill(process, SIGKILL);
	waitpid(process, NULL, 0);
}

static void
teardown(void)
{
	helper_free(&helper);
	process_end();
	close(pair[0]);
	close(pair[1]);
	nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static int
ask(enum helper_verb verb, const char *const *ids, size_t count, size_t *done)
{
	return helper_ask(helper, verb, ids, count, clock_mono_ms() + 5000,
	    done);
}

static const struct {
	enum helper_verb verb;
	const char *call;
	const char *says;
} verbs[] = {
	{ HELPER_HOLD, "postsuper -c /etc/postfix-test -h -\n",
	    "postsuper: Placed on hold: 2 messages\n" },
	{ HELPER_RELEASE, "postsuper -c /etc/postfix-test -H -\n",
	    "postsuper: Released from hold: 2 messages\n" },
	{ HELPER_REQUEUE, "postsuper -c /etc/postfix-test -r -\n",
	    "postsuper: Requeued: 2 messages\n" },
	{ HELPER_DELETE, "postsuper -c /etc/postfix-test -d -\n",
	    "postsuper: Deleted: 2 messages\n" },
	{ HELPER_EXPIRE, "postsuper -c /etc/postfix-test -f -\n",
	    "postsuper: Force-expired: 2 messages\n"
	    "postsuper: Released from hold: 1 message\n" },
};

START_TEST(verb_is_one_fixed_command)
{
	size_t done = 99;

	put("says", verbs[_i].says, 0644);
	ck_assert_int_eq(ask(verbs[_i].verb, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 2);
	ck_assert(has(verbs[_i].call));
	ck_assert(has(ID "\n" ID2 "\n"));
}
END_TEST

START_TEST(flush_is_one_command_for_each_id)
{
	size_t done = 0;

	ck_assert_int_eq(ask(HELPER_FLUSH, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 2);
	ck_assert(has("postqueue -c /etc/postfix-test -i " ID "\n"));
	ck_assert(has("postqueue -c /etc/postfix-test -i " ID2 "\n"));
}
END_TEST

/* pickup would find it within a minute. */
START_TEST(requeued_mail_is_picked_up_at_once)
{
	ck_assert_int_eq(ask(HELPER_REQUEUE, two, 2, NULL), SMX_OK);
	ck_assert(!has("postkick"));
	put("says", "postsuper: Requeued: 2 messages\n", 0644);
	ck_assert_int_eq(ask(HELPER_REQUEUE, two, 2, NULL), SMX_OK);
	ck_assert(has("postkick -c /etc/postfix-test public pickup W\n"));
}
END_TEST

/* postsuper -f says of a message on hold two things. */
START_TEST(lines_of_expired_mail_are_counted_once)
{
	size_t done = 0;

	put("fails", "", 0644);
	put("says",
	    "postsuper: " ID ": expired\n"
	    "postsuper: " ID ": released from hold\npostsuper: fatal: log\n",
	    0644);
	put("next",
	    "postsuper: Force-expired: 1 message\n"
	    "postsuper: Released from hold: 1 message\n",
	    0644);
	ck_assert_int_eq(ask(HELPER_EXPIRE, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 2);
}
END_TEST

static const struct {
	enum smx_queue_change what;
	const char *call;
	int flushed;
} changes[] = {
	{ SMX_QUEUE_HOLD, " -h -\n", 0 },
	{ SMX_QUEUE_RELEASE, " -H -\n", 1 },
	{ SMX_QUEUE_ERASE, " -d -\n", 0 },
	{ SMX_QUEUE_REQUEUE, " -r -\n", 0 },
	{ SMX_QUEUE_EXPIRE, " -f -\n", 1 },
};

START_TEST(change_of_the_queue_is_one_verb_of_the_helper)
{
	ck_assert_int_eq(queue_change(helper, changes[_i].what, two, 2,
			     clock_mono_ms() + 5000),
	    SMX_OK);
	ck_assert(has(changes[_i].call));
	ck_assert_int_eq(has("postqueue -c /etc/postfix-test -i " ID2 "\n"),
	    changes[_i].flushed);
}
END_TEST

START_TEST(strange_change_of_the_queue_is_refused)
{
	ck_assert_int_eq(queue_change(helper, (enum smx_queue_change)0, two, 2,
			     clock_mono_ms() + 5000),
	    SMX_EINVAL);
	ck_assert_int_eq(queue_change(helper, (enum smx_queue_change)6, two, 2,
			     clock_mono_ms() + 5000),
	    SMX_EINVAL);
	ck_assert_str_eq(calls(), "");
}
END_TEST

START_TEST(command_inherits_nothing)
{
	ck_assert_int_eq(ask(HELPER_HOLD, two, 1, NULL), SMX_OK);
	ck_assert(has("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
	ck_assert(!has("SECRET"));
	ck_assert(!has("HOME="));
	/* 3 is the folder that ls reads */
	ck_assert(has("\n0\n1\n2\n3\n" ID));
}
END_TEST

START_TEST(silence_of_the_command_is_zero_messages)
{
	size_t done = 99;

	ck_assert_int_eq(ask(HELPER_DELETE, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 0);
}
END_TEST

START_TEST(sum_after_many_lines_is_found)
{
	static char text[70000];
	size_t len = 0, done = 0;

	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "postsuper: %s: placed on hold, or so\n", ID);
	snprintf(text + len, sizeof(text) - len,
	    "postsuper: Placed on hold: 1000 messages\n");
	put("says", text, 0644);
	ck_assert_int_eq(ask(HELPER_HOLD, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 1000);
}
END_TEST

START_TEST(failed_command_is_an_error)
{
	size_t done = 99;

	put("fails", "", 0644);
	put("says", "postsuper: fatal: \033[31mbad\n", 0644);
	ck_assert_int_eq(ask(HELPER_DELETE, two, 2, &done), SMX_EIO);
	ck_assert_uint_eq(done, 0);
}
END_TEST

/* postsuper ends when it cannot write its log, after what it has done. */
START_TEST(command_that_gets_on_is_run_again)
{
	size_t done = 0;

	put("fails", "", 0644);
	put("says",
	    "postsuper: " ID ": placed on hold\npostsuper: fatal: log\n", 0644);
	put("next",
	    "postsuper: Placed on hold: 1 messages\npostsuper: fatal: log\n",
	    0644);
	ck_assert_int_eq(ask(HELPER_HOLD, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 2);
}
END_TEST

START_TEST(endless_command_is_killed_at_its_limit)
{
	int64_t began = clock_mono_ms();

	put("sleeps", "", 0644);
	ck_assert_int_eq(ask(HELPER_HOLD, two, 2, NULL), SMX_EIO);
	ck_assert_int_ge(clock_mono_ms() - began, 1400);
	ck_assert_int_lt(clock_mono_ms() - began, 15000);
	unlink(path("sleeps"));
	ck_assert_int_eq(ask(HELPER_HOLD, two, 2, NULL), SMX_OK);
}
END_TEST

static const char *const bad[] = { "", "ALL", "-", "-h", "../ABCDEF",
	"ABCDEF;id", "ABCDEF ABCDEF", "ABCDEF\nABCDEF", "4jX",
	"ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789" };

START_TEST(only_queue_ids_are_sent)
{
	const char *const ids[] = { ID, bad[_i] };

	ck_assert_int_eq(ask(HELPER_DELETE, ids, 2, NULL), SMX_EINVAL);
	ck_assert_str_eq(calls(), "");
}
END_TEST

START_TEST(only_known_verbs_and_counts_are_sent)
{
	static const char *many[HELPER_IDS_MAX + 1];

	for (size_t i = 0; i <= HELPER_IDS_MAX; i++)
		many[i] = ID;
	ck_assert_int_eq(ask((enum helper_verb)0, two, 2, NULL), SMX_EINVAL);
	ck_assert_int_eq(ask((enum helper_verb)7, two, 2, NULL), SMX_EINVAL);
	ck_assert_int_eq(ask(HELPER_HOLD, two, 0, NULL), SMX_EINVAL);
	ck_assert_int_eq(ask(HELPER_HOLD, many, HELPER_IDS_MAX + 1, NULL),
	    SMX_EINVAL);
	ck_assert_int_eq(ask(HELPER_HOLD, many, HELPER_IDS_MAX, NULL), SMX_OK);
}
END_TEST

/* What a worker gone mad, or somebody in its place, could send. */
static const char *const packets[] = {
	"x",
	"shadowmx-helper 2 ask 0123456789abcdef 1 99999999999999 hold 1\n" ID
	"\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 exec 1\n" ID
	"\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 hold 2\n" ID
	"\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 hold 1\n" ID
	"\n" ID2 "\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 hold 1\nALL\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 delete 1\n" ID,
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 hold 0\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 99999999999999 hold -1\n" ID
	"\n",
	"shadowmx-helper 1 ask 0123456789abcdef 1 -5 hold 1\n" ID "\n",
	/* well-formed, and too late */
	"shadowmx-helper 1 ask 0123456789abcdef 1 1 hold 1\n" ID "\n",
};

START_TEST(helper_runs_nothing_for_a_strange_packet)
{
	ck_assert_int_eq(send(pair[0], packets[_i], strlen(packets[_i]), 0),
	    (ssize_t)strlen(packets[_i]));
	ck_assert_int_eq(ask(HELPER_HOLD, &two[1], 1, NULL), SMX_OK);
	ck_assert(has(ID2));
	ck_assert(!has(ID "\n"));
	ck_assert(!has("\nALL\n"));
}
END_TEST

START_TEST(answer_for_another_worker_is_ignored)
{
	static const char late[] =
	    "shadowmx-helper 1 answer 0123456789abcdef 1 9 0\n";
	size_t done = 0;

	put("says", "postsuper: Placed on hold: 2 messages\n", 0644);
	ck_assert_int_eq(send(pair[1], late, sizeof(late) - 1, 0),
	    (ssize_t)sizeof(late) - 1);
	ck_assert_int_eq(ask(HELPER_HOLD, two, 2, &done), SMX_OK);
	ck_assert_uint_eq(done, 2);
}
END_TEST

START_TEST(no_answer_in_time_is_unsure)
{
	int64_t began = clock_mono_ms();

	kill(process, SIGSTOP);
	ck_assert_int_eq(helper_ask(helper, HELPER_HOLD, two, 2, began + 300,
			     NULL),
	    SMX_EUNSURE);
	ck_assert_int_lt(clock_mono_ms() - began, 10000);
	kill(process, SIGCONT);
	/* Found late, it is not run. */
	ck_assert_int_eq(ask(HELPER_RELEASE, two, 2, NULL), SMX_OK);
	ck_assert(!has(" -h -"));
	ck_assert(has(" -H -"));
}
END_TEST

START_TEST(helper_can_be_started_again)
{
	process_end();
	process_start();
	ck_assert_int_eq(ask(HELPER_HOLD, two, 2, NULL), SMX_OK);
}
END_TEST

/* The helper says that it begins when it has been asked already. */
START_TEST(word_of_a_start_is_no_answer)
{
	static const char started[] =
	    "shadowmx-helper 1 answer 0000000000000000 0 8 0\n";
	struct timespec pause = { .tv_nsec = 10000000 };
	pid_t other;
	int status;

	put("postsuper",
	    "#!/bin/sh\necho >$0.began\nsleep 1\n"
	    "echo 'postsuper: Placed on hold: 2 messages'\n",
	    0755);
	other = fork();
	ck_assert_int_ge(other, 0);
	if (other == 0)
		_exit(ask(HELPER_HOLD, two, 2, NULL) != SMX_OK);
	while (access(path("postsuper.began"), F_OK) != 0)
		nanosleep(&pause, NULL);
	ck_assert_int_eq(send(pair[1], started, sizeof(started) - 1, 0),
	    (ssize_t)sizeof(started) - 1);
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Nobody waits for the answer of a process that has ended. */
START_TEST(end_of_the_helper_is_unsure_at_once)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int64_t began = clock_mono_ms();
	pid_t other;
	int status;

	put("postsuper", "#!/bin/sh\necho >$0.began\nexec sleep 1\n", 0755);
	other = fork();
	ck_assert_int_ge(other, 0);
	if (other == 0)
		_exit(helper_ask(helper, HELPER_HOLD, two, 2, began + 15000,
			  NULL) != SMX_EUNSURE);
	while (access(path("postsuper.began"), F_OK) != 0)
		nanosleep(&pause, NULL);
	process_end();
	process_start();
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	ck_assert_int_eq(status, 0);
	ck_assert_int_lt(clock_mono_ms() - began, 15000);
}
END_TEST

static void *
ask_often(void *ctx)
{
	int *wrong = ctx;

	for (int i = 0; i < 5; i++)
		*wrong += ask(HELPER_HOLD, two, 2, NULL) != SMX_OK;
	return NULL;
}

START_TEST(threads_wait_for_each_other)
{
	pthread_t thread[4];
	int wrong[4] = { 0 };

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, ask_often, &wrong[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		ck_assert_int_eq(wrong[i], 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("helper");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, verb_is_one_fixed_command, 0,
	    sizeof(verbs) / sizeof(*verbs));
	tcase_add_test(tc, flush_is_one_command_for_each_id);
	tcase_add_test(tc, requeued_mail_is_picked_up_at_once);
	tcase_add_test(tc, lines_of_expired_mail_are_counted_once);
	tcase_add_loop_test(tc, change_of_the_queue_is_one_verb_of_the_helper,
	    0, sizeof(changes) / sizeof(*changes));
	tcase_add_test(tc, strange_change_of_the_queue_is_refused);
	tcase_add_test(tc, command_inherits_nothing);
	tcase_add_test(tc, silence_of_the_command_is_zero_messages);
	tcase_add_test(tc, sum_after_many_lines_is_found);
	tcase_add_test(tc, failed_command_is_an_error);
	tcase_add_test(tc, command_that_gets_on_is_run_again);
	tcase_add_test(tc, endless_command_is_killed_at_its_limit);
	tcase_add_loop_test(tc, only_queue_ids_are_sent, 0,
	    sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, only_known_verbs_and_counts_are_sent);
	tcase_add_loop_test(tc, helper_runs_nothing_for_a_strange_packet, 0,
	    sizeof(packets) / sizeof(*packets));
	tcase_add_test(tc, answer_for_another_worker_is_ignored);
	tcase_add_test(tc, no_answer_in_time_is_unsure);
	tcase_add_test(tc, helper_can_be_started_again);
	tcase_add_test(tc, word_of_a_start_is_no_answer);
	tcase_add_test(tc, end_of_the_helper_is_unsure_at_once);
	tcase_add_test(tc, threads_wait_for_each_other);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
