/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shadowmx/daemon.h>

#include "base/buf.h"
#include "base/clock.h"
#include "glue/control.h"
#include "io/listen.h"

#define STRANGER 54321 /* an id that nobody here has */

static char folder[64], path[96];
static int listen_fd;
static struct control *control;
static atomic_int commands_run;
static atomic_int stopped_with;
static atomic_llong asked_by;

/* What the daemon would do; the verbs are the test's. */
static int
fake(void *ctx, int64_t uid, const char *command, smx_line_fn line,
    void *line_ctx, char *why, size_t why_size)
{
	(void)ctx;
	atomic_store(&asked_by, uid);
	atomic_fetch_add(&commands_run, 1);
	if (strcmp(command, "status") == 0) {
		(void)line(line_ctx, "{\"n\":1}", 7);
		(void)line(line_ctx, "{\"n\":2}", 7);
		return SMX_OK;
	}
	if (strcmp(command, "peer list") == 0) {
		snprintf(why, why_size, "a \"peer\"\n\x1b[2J\xff");
		return SMX_ESTATE;
	}
	if (strcmp(command, "queue list") == 0) {
		static char big[4096];
		int rc = 0;

		memset(big, 'x', sizeof(big));
		while (rc == 0)
			rc = line(line_ctx, big, sizeof(big));
		atomic_store(&stopped_with, rc);
		return SMX_ECLOSED;
	}
	return SMX_OK;
}

static void
open_folder(void)
{
	struct listen_options o = { path, 0666, (uid_t)-1, (gid_t)-1 };
	char why[200];

	snprintf(folder, sizeof(folder), "/tmp/check_control.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/s", folder);
	ck_assert_int_eq(listen_open(&o, &listen_fd, why, sizeof(why)), SMX_OK);
	commands_run = 0;
	stopped_with = 0;
}

static void
start(struct control_options o)
{
	o.fd = listen_fd;
	o.command = fake;
	if (o.request_ms == 0)
		o.request_ms = 5000;
	ck_assert_int_eq(control_start(&control, &o), SMX_OK);
}

static void
start_mine(void)
{
	start((struct control_options){ .owner = geteuid(),
	    .reader = geteuid(),
	    .group = (gid_t)-1 });
}

static void
finish(void)
{
	control_stop(&control);
	close(listen_fd);
	unlink(path);
	rmdir(folder);
}

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	text_copy(sun.sun_path, sizeof(sun.sun_path), path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* All that comes until the end of the connection. */
static char *
read_all(int fd)
{
	static char text[8192];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

static char *
say(const char *text)
{
	int fd = dial();

	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	return read_all(fd);
}

static int
collect(void *ctx, const char *json, size_t len)
{
	return buf_add(ctx, json, len) == SMX_OK ? buf_str(ctx, "|") : 1;
}

START_TEST(lines_come_in_order_and_end_with_the_result)
{
	struct buf b;
	char why[64];

	buf_init(&b, 0);
	open_folder();
	start_mine();
	ck_assert_int_eq(smx_control_ask(path, "status", 5000, collect, &b, why,
			     sizeof(why)),
	    SMX_OK);
	ck_assert_str_eq(b.data, "{\"n\":1}|{\"n\":2}|");
	ck_assert_str_eq(say("status\n"),
	    "{\"n\":1}\n{\"n\":2}\n{\"result\":\"ok\"}\n");
	ck_assert_int_eq(atomic_load(&asked_by), geteuid());
	finish();
	buf_free(&b);
}
END_TEST

START_TEST(refusal_keeps_its_words_and_loses_its_teeth)
{
	char why[200];

	open_folder();
	start_mine();
	ck_assert_int_eq(smx_control_ask(path, "peer list", 5000, NULL, NULL,
			     why, sizeof(why)),
	    SMX_ESTATE);
	ck_assert_str_eq(why, "a \"peer\"\\x0a\\x1b[2J\\xff");
	finish();
}
END_TEST

/* Another user's view, by a process of its own: the exit status is the result
 * of the command, negated. */
static int
as_stranger(const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 &&
		    (setresgid(STRANGER, STRANGER, STRANGER) ||
			setresuid(STRANGER, STRANGER, STRANGER)))
			_exit(99);
		_exit(
		    -smx_control_ask(path, command, 5000, NULL, NULL, NULL, 0));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static uid_t
stranger(void)
{
	return geteuid() == 0 ? STRANGER : geteuid();
}

START_TEST(reader_may_look_and_not_change)
{
	open_folder();
	start((struct control_options){ .owner = 0,
	    .reader = stranger(),
	    .group = (gid_t)-1 });
	ck_assert_int_eq(as_stranger("status"), SMX_OK);
	ck_assert_int_eq(as_stranger("takeover mx1"), SMX_EPERM);
	ck_assert_int_eq(as_stranger("queue cat x"), SMX_EPERM);
	ck_assert_int_eq(as_stranger("reload"), SMX_EPERM);
	ck_assert_int_eq(commands_run, 1);
	finish();
}
END_TEST

START_TEST(group_may_look_and_not_change)
{
	open_folder();
	start((struct control_options){ .owner = 0,
	    .reader = 0,
	    .group = geteuid() == 0 ? STRANGER : getegid() });
	ck_assert_int_eq(as_stranger("status"), SMX_OK);
	ck_assert_int_eq(as_stranger("reload"), SMX_EPERM);
	finish();
}
END_TEST

START_TEST(owner_may_change)
{
	open_folder();
	start((struct control_options){ .owner = stranger(),
	    .reader = 0,
	    .group = (gid_t)-1 });
	ck_assert_int_eq(as_stranger("takeover mx1"), SMX_OK);
	finish();
}
END_TEST

START_TEST(stranger_gets_nothing)
{
	open_folder();
	start((struct control_options){ .owner = 0,
	    .reader = 0,
	    .group = (gid_t)-1 });
	ck_assert_int_eq(as_stranger("status"), SMX_EPERM);
	ck_assert_int_eq(commands_run, 0);
	finish();
}
END_TEST

static const struct {
	const char *command;
	int looks;
} verbs[] = {
	{ "status", 1 },
	{ "peer list", 1 },
	{ "queue list own", 1 },
	{ "queue show k", 1 },
	{ "config show", 1 },
	{ "queue cat k", 0 },
	{ "queue forget k", 0 },
	{ "queue release k", 0 },
	{ "takeover h", 0 },
	{ "reload", 0 },
	{ "statusx", 0 },
	{ " status", 0 },
	{ "peer listen", 0 },
	{ "", 0 },
};

START_TEST(only_known_verbs_look)
{
	ck_assert_int_eq(control_only_looks(verbs[_i].command),
	    verbs[_i].looks);
}
END_TEST

START_TEST(silent_client_is_cut)
{
	int64_t began = clock_mono_ms();

	open_folder();
	start((struct control_options){ .owner = geteuid(),
	    .group = (gid_t)-1,
	    .request_ms = 150 });
	ck_assert_ptr_nonnull(strstr(read_all(dial()), "\"timeout\""));
	/* Neither does a line that never ends keep a place. */
	ck_assert_ptr_nonnull(strstr(say("stat"), "\"timeout\""));
	ck_assert_int_ge(clock_mono_ms() - began, 300);
	ck_assert_int_eq(commands_run, 0);
	finish();
}
END_TEST

START_TEST(overlong_request_is_refused)
{
	static char text[CONTROL_MAX_REQUEST + 100];

	memset(text, 'a', sizeof(text) - 1);
	open_folder();
	start_mine();
	ck_assert_ptr_nonnull(strstr(say(text), "\"limit\""));
	ck_assert_int_eq(commands_run, 0);
	finish();
}
END_TEST

START_TEST(control_bytes_are_refused)
{
	open_folder();
	start_mine();
	ck_assert_ptr_nonnull(strstr(say("status\tx\n"), "\"invalid\""));
	ck_assert_ptr_nonnull(strstr(say("status\xe9\n"), "\"invalid\""));
	ck_assert_int_eq(commands_run, 0);
	ck_assert_int_eq(smx_control_ask(path, "a\nb", 5000, NULL, NULL, NULL,
			     0),
	    SMX_EINVAL);
	finish();
}
END_TEST

START_TEST(one_too_many_is_turned_away_and_the_rest_served)
{
	int fd[CONTROL_MAX_CONNECTIONS];

	open_folder();
	start_mine();
	for (int i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
		fd[i] = dial();
	ck_assert_ptr_nonnull(strstr(read_all(dial()), "\"limit\""));
	for (int i = 0; i < CONTROL_MAX_CONNECTIONS; i++) {
		ck_assert_int_eq(write(fd[i], "status\n", 7), 7);
		ck_assert_ptr_nonnull(strstr(read_all(fd[i]), "\"ok\""));
	}
	ck_assert_ptr_nonnull(strstr(say("status\n"), "\"ok\""));
	finish();
}
END_TEST

START_TEST(reader_that_stops_ends_the_command)
{
	int fd;

	open_folder();
	start((struct control_options){ .owner = geteuid(),
	    .group = (gid_t)-1,
	    .progress_ms = 150 });
	fd = dial();
	ck_assert_int_eq(write(fd, "queue list\n", 11), 11);
	for (int i = 0; i < 500 && stopped_with == 0; i++)
		(void)poll(NULL, 0, 10);
	ck_assert_int_eq(stopped_with, SMX_ETIMEOUT);
	close(fd);
	finish();
}
END_TEST

START_TEST(reader_that_leaves_ends_the_command)
{
	int fd;

	open_folder();
	start_mine();
	fd = dial();
	ck_assert_int_eq(write(fd, "queue list\n", 11), 11);
	(void)poll(NULL, 0, 20);
	close(fd);
	for (int i = 0; i < 500 && stopped_with == 0; i++)
		(void)poll(NULL, 0, 10);
	ck_assert_int_eq(stopped_with, SMX_ECLOSED);
	finish();
}
END_TEST

START_TEST(stop_does_not_wait_for_idle_clients)
{
	int64_t began;
	int fd;

	open_folder();
	start((struct control_options){ .owner = geteuid(),
	    .group = (gid_t)-1,
	    .request_ms = 30000 });
	fd = dial();
	(void)poll(NULL, 0, 50);
	began = clock_mono_ms();
	finish();
	ck_assert_int_lt(clock_mono_ms() - began, 5000);
	close(fd);
}
END_TEST

START_TEST(nobody_there_is_unreachable)
{
	char why[200];

	open_folder();
	close(listen_fd);
	ck_assert_int_eq(smx_control_ask(path, "status", 1000, NULL, NULL, why,
			     sizeof(why)),
	    SMX_EUNREACHABLE);
	ck_assert_ptr_nonnull(strstr(why, path));
	unlink(path);
	ck_assert_int_eq(smx_control_ask(path, "status", 1000, NULL, NULL, why,
			     sizeof(why)),
	    SMX_EUNREACHABLE);
	rmdir(folder);
}
END_TEST

START_TEST(daemon_that_hangs_is_a_timeout)
{
	int64_t began = clock_mono_ms();

	open_folder(); /* listens, and nobody accepts */
	ck_assert_int_eq(smx_control_ask(path, "status", 200, NULL, NULL, NULL,
			     0),
	    SMX_ETIMEOUT);
	ck_assert_int_ge(clock_mono_ms() - began, 200);
	close(listen_fd);
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(answer_cut_short_is_no_success)
{
	int fd, status;
	pid_t pid;

	open_folder();
	pid = fork();
	if (pid == 0) {
		fd = accept(listen_fd, NULL, NULL);
		_exit(fd < 0 || write(fd, "{\"n\":1}\n{\"resu", 14) != 14);
	}
	ck_assert_int_eq(smx_control_ask(path, "status", 5000, NULL, NULL, NULL,
			     0),
	    SMX_ECLOSED);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(listen_fd);
	unlink(path);
	rmdir(folder);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control");
	TCase *tc = tcase_create("control");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, lines_come_in_order_and_end_with_the_result);
	tcase_add_test(tc, refusal_keeps_its_words_and_loses_its_teeth);
	/* Rights are the same for everybody when the tester is not root and
	 * owns the socket: then root's cases are what can be shown. */
	if (geteuid() == 0) {
		tcase_add_test(tc, reader_may_look_and_not_change);
		tcase_add_test(tc, group_may_look_and_not_change);
		tcase_add_test(tc, stranger_gets_nothing);
	}
	tcase_add_test(tc, owner_may_change);
	tcase_add_loop_test(tc, only_known_verbs_look, 0,
	    sizeof(verbs) / sizeof(*verbs));
	tcase_add_test(tc, silent_client_is_cut);
	tcase_add_test(tc, overlong_request_is_refused);
	tcase_add_test(tc, control_bytes_are_refused);
	tcase_add_test(tc, one_too_many_is_turned_away_and_the_rest_served);
	tcase_add_test(tc, reader_that_stops_ends_the_command);
	tcase_add_test(tc, reader_that_leaves_ends_the_command);
	tcase_add_test(tc, stop_does_not_wait_for_idle_clients);
	tcase_add_test(tc, nobody_there_is_unreachable);
	tcase_add_test(tc, daemon_that_hangs_is_a_timeout);
	tcase_add_test(tc, answer_cut_short_is_no_success);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
