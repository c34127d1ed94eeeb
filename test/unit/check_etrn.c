/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/etrn.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "conf_text_of.h"
#include "folder.h"
#include "glue/backup.h"
#include "glue/backup_books.h"
#include "glue/node.h"
#include "io/backup_flush.h"
#include "io/backup_mail.h"
#include "io/listen.h"
#include "node_world.h"

/* The policy service that hears of ETRN: what Postfix says to it, how many may
 * say it at a time, and what it answers. */

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

#define ETRN(client, domain)                                                   \
	"request=smtpd_access_policy\nprotocol_state=ETRN\n"                   \
	"protocol_name=ESMTP\nclient_address=" client                          \
	"\nclient_name=unknown\nsender=\nsasl_username=\netrn_domain=" domain  \
	"\n\n"

/* ---- a request ---- */

static const struct {
	const char *text;
	int rc;
	enum pfpolicy_etrn etrn;
	const char *domain;
} requests[] = {
	{ ETRN("192.0.2.1", "a.example"), SMX_OK, PFPOLICY_ASKED, "a.example" },
	{ ETRN("192.0.2.1", "A.Example."), SMX_OK, PFPOLICY_ASKED,
	    "a.example" },
	{ ETRN("192.0.2.1", "@a.example"), SMX_OK, PFPOLICY_ASKED,
	    "a.example" },
	{ ETRN("192.0.2.1", "#a.example"), SMX_OK, PFPOLICY_QUEUE, "" },
	{ ETRN("192.0.2.1", "[192.0.2.1]"), SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ ETRN("192.0.2.1", ""), SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ ETRN("192.0.2.1", "a..example"), SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ ETRN("192.0.2.1", "a b"), SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ "request=smtpd_access_policy\nprotocol_state=RCPT\n"
	  "recipient=x@a.example\n\n",
	    SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ "request=another\nprotocol_state=ETRN\netrn_domain=a.example\n\n",
	    SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ "request=smtpd_access_policy\n\n", SMX_OK, PFPOLICY_NO_ETRN, "" },
	/* a name whose beginning is known is another name */
	{ "request=smtpd_access_policy\nprotocol_state=ETRN\n"
	  "etrn_domains=b.example\netrn_domai=c.example\n\n",
	    SMX_OK, PFPOLICY_NO_ETRN, "" },
	{ "\n", SMX_EINVAL, 0, "" },
	{ "protocol_state=ETRN\netrn_domain=a.example\n\n", SMX_EINVAL, 0, "" },
	{ "request=smtpd_access_policy\nhello\n\n", SMX_EINVAL, 0, "" },
	{ "request=smtpd_access_policy\n=x\n\n", SMX_EINVAL, 0, "" },
	{ "request=smtpd_access_policy\netrn_domain=a\netrn_domain=b\n\n",
	    SMX_EINVAL, 0, "" },
	{ "request=smtpd_access_policy\nrequest=smtpd_access_policy\n\n",
	    SMX_EINVAL, 0, "" },
	{ "GET / HTTP/1.0\r\n\r\n", SMX_EINVAL, 0, "" },
	{ "request=smtpd_access_policy\netrn_domain=a", SMX_ETEMP, 0, "" },
	{ "", SMX_ETEMP, 0, "" },
};

static int
feed(struct pfpolicy *r, const char *text, size_t len, size_t piece)
{
	int rc = SMX_ETEMP;
	size_t used;

	pfpolicy_init(r);
	for (size_t at = 0; rc == SMX_ETEMP && at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		used = 0;
		rc = pfpolicy_feed(r, text + at, n, &used);
		if (rc == SMX_ETEMP)
			ck_assert_uint_eq(used, n);
		if (rc == SMX_OK)
			ck_assert_uint_eq(at + used, len);
	}
	return rc;
}

START_TEST(request_is_read_in_whatever_pieces_it_comes)
{
	const char *text = requests[_i].text;

	for (size_t piece = 1; piece < 300; piece += 37) {
		char domain[PFPOLICY_VALUE];
		struct pfpolicy r;

		ck_assert_int_eq(feed(&r, text, strlen(text), piece),
		    requests[_i].rc);
		if (requests[_i].rc != SMX_OK)
			continue;
		ck_assert_int_eq(pfpolicy_etrn(&r, domain), requests[_i].etrn);
		ck_assert_str_eq(domain, requests[_i].domain);
	}
}
END_TEST

START_TEST(what_is_kept_is_whole)
{
	struct pfpolicy r;
	char line[PFPOLICY_LINE + 600];
	struct buf b;

	buf_init(&b, 0);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	/* nobody's value may be as long as it likes */
	buf_fmt(&b, "request=smtpd_access_policy\nhelo_name=%s\n\n", line);
	ck_assert_int_eq(feed(&r, b.data, b.len, 100), SMX_OK);
	buf_clear(&b);
	/* an address that only begins like one is none */
	buf_fmt(&b, "request=smtpd_access_policy\nclient_address=192.0.2.1%s\n",
	    line);
	ck_assert_int_eq(feed(&r, b.data, b.len, 100), SMX_ELIMIT);
	buf_clear(&b);
	buf_fmt(&b, "request=smtpd_access_policy\nclient_address=%.*s\n\n",
	    PFPOLICY_VALUE, line);
	ck_assert_int_eq(feed(&r, b.data, b.len, 100), SMX_ELIMIT);
	buf_clear(&b);
	buf_fmt(&b, "request=smtpd_access_policy\nclient_address=%.*s\n\n",
	    PFPOLICY_VALUE - 1, line);
	ck_assert_int_eq(feed(&r, b.data, b.len, 100), SMX_OK);
	buf_free(&b);
	ck_assert_int_eq(feed(&r, "request=a\0b\n\n", 13, 100), SMX_EINVAL);
}
END_TEST

START_TEST(request_has_an_end)
{
	static const char line[] = "x=0123456789012345678901234567890123456789"
				   "0123456789\n";
	int rc = SMX_ETEMP;
	size_t bytes = 0, used;
	struct pfpolicy r;

	pfpolicy_init(&r);
	for (; rc == SMX_ETEMP; bytes += sizeof(line) - 1)
		rc = pfpolicy_feed(&r, line, sizeof(line) - 1, &used);
	ck_assert_int_eq(rc, SMX_ELIMIT);
	ck_assert_uint_le(bytes, PFPOLICY_BYTES + sizeof(line));
	pfpolicy_init(&r);
	for (bytes = 0, rc = SMX_ETEMP; rc == SMX_ETEMP; bytes++)
		rc = pfpolicy_feed(&r, "x", 1, &used);
	ck_assert_int_eq(rc, SMX_ELIMIT);
	ck_assert_uint_le(bytes, PFPOLICY_BYTES + 1);
}
END_TEST

/* ---- connections ---- */

static int listening;
static struct etrn *service;
static atomic_int answers;
static char path[96];

static void
echo(void *ctx, const struct pfpolicy *r, char out[ETRN_ANSWER])
{
	(void)ctx;
	atomic_fetch_add(&answers, 1);
	snprintf(out, ETRN_ANSWER, "%.100s", r->value[PFPOLICY_DOMAIN]);
}

static void
serve(const struct etrn_options *options)
{
	struct etrn_options o = *options;
	struct listen_options where = { path, 0600, (uid_t)-1, (gid_t)-1 };
	char why[128];

	snprintf(path, sizeof(path), "unix:%s/etrn.sock", folder);
	ck_assert_int_eq(listen_open(&where, &listening, why, sizeof(why)),
	    SMX_OK);
	o.fd = listening;
	if (o.answer == NULL)
		o.answer = echo;
	atomic_store(&answers, 0);
	ck_assert_int_eq(etrn_start(&service, &o), SMX_OK);
}

static void
setup(void)
{
	folder_make();
	service = NULL;
	listening = -1;
}

static void
teardown(void)
{
	etrn_stop(&service);
	if (listening >= 0)
		close(listening);
	folder_remove();
}

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s", path + 5);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	size_t len = strlen(text);

	ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* What comes until an empty line; "" when the connection ends, or nothing does
 * within the time. */
static const char *
hear(int fd, int wait_ms)
{
	static char text[1024];
	int64_t until = clock_mono_ms() + wait_ms;
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - clock_mono_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return "";
		n = recv(fd, text + len, 1, 0);
		if (n <= 0)
			return "";
		len += (size_t)n;
		text[len] = '\0';
		if (len > 1 && text[len - 2] == '\n' && text[len - 1] == '\n')
			return text;
		ck_assert_uint_lt(len, sizeof(text) - 1);
	}
}

static int
is_closed(int fd, int wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	char c;

	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - clock_mono_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return 0;
	} while (recv(fd, &c, 1, 0) > 0);
	return 1;
}

START_TEST(each_request_of_a_connection_is_answered)
{
	const struct etrn_options options = { 0 };
	int fd, other;

	serve(&options);
	fd = dial();
	other = dial();
	say(other, "request=smtpd_acc");
	for (int i = 0; i < 3; i++) {
		say(fd, ETRN("192.0.2.1", "a.example"));
		ck_assert_str_eq(hear(fd, WAIT), "action=a.example\n\n");
	}
	say(other, "ess_policy\netrn_domain=b.example\n\n");
	ck_assert_str_eq(hear(other, WAIT), "action=b.example\n\n");
	/* two that come in one piece */
	say(fd, ETRN("192.0.2.1", "c.example") ETRN("192.0.2.1", "d.example"));
	ck_assert_str_eq(hear(fd, WAIT), "action=c.example\n\n");
	ck_assert_str_eq(hear(fd, WAIT), "action=d.example\n\n");
	close(fd);
	close(other);
}
END_TEST

START_TEST(who_talks_nonsense_is_cut_and_nobody_else)
{
	const struct etrn_options options = { 0 };
	int good, bad;

	serve(&options);
	good = dial();
	bad = dial();
	say(bad, "EHLO there\r\n");
	ck_assert(is_closed(bad, WAIT));
	say(good, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(good, WAIT), "action=a.example\n\n");
	close(good);
	close(bad);
}
END_TEST

START_TEST(half_a_request_has_a_deadline)
{
	const struct etrn_options options = { .request_ms = 100 };
	int fd, idle;

	serve(&options);
	idle = dial();
	fd = dial();
	say(fd, "request=smtpd_access_policy\n");
	ck_assert(is_closed(fd, WAIT));
	/* who has nothing to ask may wait */
	say(idle, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(idle, WAIT), "action=a.example\n\n");
	close(fd);
	close(idle);
}
END_TEST

START_TEST(who_asks_nothing_is_closed_in_the_end)
{
	const struct etrn_options options = { .idle_ms = 100 };
	int fd;

	serve(&options);
	fd = dial();
	ck_assert(is_closed(fd, WAIT));
	close(fd);
}
END_TEST

START_TEST(one_more_takes_the_place_of_who_is_idle_longest)
{
	const struct etrn_options options = { .connections = 2 };
	int first, second, third;

	serve(&options);
	first = dial();
	say(first, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(first, WAIT), "action=a.example\n\n");
	usleep(5000);
	second = dial();
	say(second, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(second, WAIT), "action=a.example\n\n");
	third = dial();
	say(third, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(third, WAIT), "action=a.example\n\n");
	ck_assert(is_closed(first, WAIT));
	ck_assert(!is_closed(second, 50));
	close(first);
	close(second);
	close(third);
}
END_TEST

START_TEST(nobody_is_cut_in_the_middle_for_another_one)
{
	const struct etrn_options options = { .connections = 1 };
	int first, second;

	serve(&options);
	first = dial();
	say(first, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(first, WAIT), "action=a.example\n\n");
	say(first, "request=smtpd_access_policy\n");
	usleep(200000); /* it has been read */
	second = dial();
	ck_assert(is_closed(second, WAIT));
	say(first, "etrn_domain=b.example\n\n");
	ck_assert_str_eq(hear(first, WAIT), "action=b.example\n\n");
	close(first);
	close(second);
}
END_TEST

/* What it does not read is not kept for it without end. */
START_TEST(who_reads_nothing_is_cut)
{
	const struct etrn_options options = { .request_ms = 200 };
	static const char text[] = ETRN("192.0.2.1", "a.example");
	int64_t until = clock_mono_ms() + WAIT;
	ssize_t n = 0;
	int fd;

	serve(&options);
	fd = dial();
	while (clock_mono_ms() < until) {
		n = send(fd, text, sizeof(text) - 1,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			break;
		if (n < 0)
			usleep(10000);
	}
	ck_assert_int_lt(n, 0);
	ck_assert_int_ne(errno, EAGAIN);
	close(fd);
}
END_TEST

START_TEST(stop_does_not_wait_for_who_is_there)
{
	const struct etrn_options options = { 0 };
	int64_t began = clock_mono_ms();
	int fd, half;

	serve(&options);
	fd = dial();
	say(fd, ETRN("192.0.2.1", "a.example"));
	ck_assert_str_eq(hear(fd, WAIT), "action=a.example\n\n");
	half = dial();
	say(half, "request=smtpd");
	etrn_stop(&service);
	ck_assert_int_lt(clock_mono_ms() - began, WAIT);
	ck_assert(is_closed(fd, WAIT));
	close(fd);
	close(half);
}
END_TEST

/* ---- what a node answers ---- */

/* An address that no connection is ever tried to. */
#define PRIMARY "255.255.255.255"

#define BACKED(name, primary)                                                  \
	"{ name = \"" name "\"; match = { domains = ( \"" name "\" ); };"      \
	" acknowledge = { when_unprotected = \"accept\"; };"                   \
	" backup = { primary = ( \"[" primary "]:25\" );"                      \
	" while_up = \"accept\"; }; }"

static struct etrn_asked *asked;

static void
node_setup(void)
{
	char text[2048];

	folder_make();
	snprintf(text, sizeof(text),
	    "milter = { spill = \"/tmp\"; own_networks = ( \"10.1.0.0/16\" ); "
	    "};\n"
	    "defaults = { acknowledge = { when_unprotected = \"accept\"; }; "
	    "};\n"
	    "store = { driver = \"sqlite\"; path = \"%s\"; };\n"
	    "backup = { etrn_clients = ( \"203.0.113.0/24\" ); mx_watch = "
	    "\"0s\";"
	    " };\n"
	    "policies = ( " BACKED("a.example",
		PRIMARY) ", " BACKED("sub.a.example",
		PRIMARY) ", "
			 "" BACKED("other.a.example",
			     "255.255.255.254") " );\n",
	    folder);
	world_prepare(text);
	world_start();
	ck_assert_ptr_nonnull(node_backup(engine));
	ck_assert_int_eq(etrn_asked_new(&asked, engine), SMX_OK);
}

static void
node_teardown(void)
{
	etrn_asked_free(&asked);
	world_end();
	folder_remove();
}

static char said[1024];

static void
keep_log(void *ctx, enum smx_level level, const char *text)
{
	(void)ctx;
	(void)level;
	if (strstr(text, "event=etrn") != NULL)
		snprintf(said, sizeof(said), "%s", text);
}

static const struct {
	const char *text;
	const char *answer;
	const char *log; /* NULL: nothing */
} cases[] = {
	{ ETRN(PRIMARY, "a.example"), "DUNNO",
	    "why=primary domains=2 result=ok" },
	{ ETRN(PRIMARY, "@A.example"), "DUNNO",
	    "why=primary domains=2 result=ok" },
	{ ETRN(PRIMARY, "sub.a.example"), "DUNNO",
	    "why=primary domains=1 result=ok" },
	/* its host is another one */
	{ ETRN(PRIMARY, "other.a.example"), "459", "event=etrn-refused" },
	{ ETRN("255.255.255.254", "a.example"), "DUNNO",
	    "why=primary domains=1 result=ok" },
	{ ETRN("192.0.2.1", "a.example"), "459", "event=etrn-refused" },
	{ ETRN("192.0.2.1", "example"), "459", "event=etrn-refused" },
	{ ETRN("unknown", "a.example"), "459", "event=etrn-refused" },
	{ ETRN("", "a.example"), "459", "event=etrn-refused" },
	{ ETRN("10.1.2.3", "a.example"), "DUNNO", "why=own domains=3" },
	{ ETRN("127.0.0.1", "a.example"), "DUNNO", "why=own domains=3" },
	{ ETRN("203.0.113.9", "a.example"), "DUNNO", "why=listed domains=3" },
	{ "request=smtpd_access_policy\nprotocol_state=ETRN\n"
	  "client_address=192.0.2.1\nsasl_username=joe\n"
	  "etrn_domain=a.example\n\n",
	    "DUNNO", "why=authenticated domains=3" },
	/* not this host's affair */
	{ ETRN(PRIMARY, "b.example"), "DUNNO", NULL },
	{ ETRN("192.0.2.1", "b.example"), "DUNNO", NULL },
	{ ETRN("192.0.2.1", "xa.example"), "DUNNO", NULL },
	{ ETRN(PRIMARY, "#a.example"), "458", NULL },
	{ "request=smtpd_access_policy\nprotocol_state=RCPT\n"
	  "client_address=192.0.2.1\nrecipient=x@a.example\n\n",
	    "DUNNO", NULL },
};

START_TEST(only_a_primary_and_whoever_is_trusted_may_ask)
{
	char answer[ETRN_ANSWER];
	struct pfpolicy r;

	smx_log_set(keep_log, NULL, SMX_LOG_INFO);
	for (size_t i = 0; i < COUNT(cases); i++) {
		said[0] = '\0';
		if (i % 5 == 4)
			usleep(1000000); /* the log says so many a second */
		ck_assert_int_eq(feed(&r, cases[i].text, strlen(cases[i].text),
				     1000),
		    SMX_OK);
		etrn_answer(asked, &r, answer);
		ck_assert_msg(strncmp(answer, cases[i].answer,
				  strlen(cases[i].answer)) == 0,
		    "case %zu: %s", i, answer);
		ck_assert_msg(cases[i].log == NULL
				  ? said[0] == '\0'
				  : strstr(said, cases[i].log) != NULL,
		    "case %zu: %s", i, said);
	}
	smx_log_set(NULL, NULL, SMX_LOG_INFO);
}
END_TEST

static int
is_flushed(void *ctx, const char *domain, int64_t until_ms)
{
	(void)until_ms;
	*(int *)ctx += strcmp(domain, "sub.a.example") == 0 ? 1 : 100;
	return 0;
}

START_TEST(nothing_is_flushed_where_nothing_is_on_hold)
{
	const char *rcpts[] = { "<joe@sub.a.example>" };
	struct books_mail mail = { .queue_id = "4A0001BBBBBBB",
		.sender = "<>",
		.size = 1000,
		.domain = "sub.a.example",
		.state = MX_DOWN,
		.hold = 1,
		.taken_ms = clock_wall_ms(),
		.until_ms = clock_wall_ms() + 86400000,
		.rcpts = rcpts,
		.count = 1 };
	struct books *books = backup_books(node_backup(engine));
	struct backup_mail_row found[2];
	struct backup_mail_page page = { .queue_id = mail.queue_id,
		.rows = found,
		.max = 2 };
	struct backup_db *db = backup_db(node_backup(engine));
	const char text[] = ETRN(PRIMARY, "a.example");
	char answer[ETRN_ANSWER];
	struct pfpolicy r;
	int flushed = 0;

	ck_assert_int_eq(feed(&r, text, strlen(text), 1000), SMX_OK);
	etrn_answer(asked, &r, answer);
	ck_assert_str_eq(answer, "DUNNO");
	ck_assert_int_eq(backup_flush_each(db, is_flushed, &flushed), SMX_OK);
	ck_assert_int_eq(flushed, 0);
	ck_assert_int_eq(books_take(books, &mail), SMX_OK);
	ck_assert_int_eq(backup_mail_look(db, &page), SMX_OK);
	ck_assert_uint_eq(page.count, 1);
	ck_assert_int_eq(books_moved(books, &found[0].id, 1, CUSTODY_HELD),
	    SMX_OK);
	etrn_answer(asked, &r, answer);
	ck_assert_str_eq(answer, "DUNNO");
	ck_assert_int_eq(backup_flush_each(db, is_flushed, &flushed), SMX_OK);
	ck_assert_int_eq(flushed, 1);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, each_request_of_a_connection_is_answered);
	tcase_add_test(tc, who_talks_nonsense_is_cut_and_nobody_else);
	tcase_add_test(tc, half_a_request_has_a_deadline);
	tcase_add_test(tc, who_asks_nothing_is_closed_in_the_end);
	tcase_add_test(tc, one_more_takes_the_place_of_who_is_idle_longest);
	tcase_add_test(tc, nobody_is_cut_in_the_middle_for_another_one);
	tcase_add_test(tc, who_reads_nothing_is_cut);
	tcase_add_test(tc, stop_does_not_wait_for_who_is_there);
}

int
main(void)
{
	Suite *suite = suite_create("etrn");
	TCase *plain = tcase_create("request");
	TCase *tc = tcase_create("connections");
	TCase *node = tcase_create("answers");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(plain, request_is_read_in_whatever_pieces_it_comes,
	    0, COUNT(requests));
	tcase_add_test(plain, what_is_kept_is_whole);
	tcase_add_test(plain, request_has_an_end);
	suite_add_tcase(suite, plain);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(node, node_setup, node_teardown);
	tcase_set_timeout(node, 60);
	tcase_add_test(node, nothing_is_flushed_where_nothing_is_on_hold);
	tcase_add_test(node, only_a_primary_and_whoever_is_trusted_may_ask);
	suite_add_tcase(suite, node);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
