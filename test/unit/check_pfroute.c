/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/nexthop.h"
#include "core/pfroute_reply.h"
#include "glue/routes.h"
#include "io/pfroute.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define WAIT     20000

#define GREETING "protocol\0trivial_rewrite_protocol\0\0"
#define REPLY                                                                  \
	"flags\0"                                                              \
	"0\0transport\0smtp\0nexthop\0[192.0.2.1]\0"                           \
	"recipient\0a@b.example\0flags\0"                                      \
	"4096\0\0"

/* ---- the question ---- */

static const struct {
	const char *sender, *recipient;
	const char *from, *to;
} questions[] = {
	{ "<x@y.example>", "<A.b@C.Example>", "x@y.example", "A.b@c.example" },
	{ "<>", "a@b.example", "", "a@b.example" },
	{ "", "<\"a b\"@c.example>", "", "a b@c.example" },
	{ "<x@y>", "<postmaster>", "x@y", "postmaster" },
	{ "x@y", "<@relay.example:a@b.example.>", "x@y", "a@b.example" },
};

START_TEST(question_has_addresses_as_the_mta_has_them_inside)
{
	char out[PFROUTE_QUESTION_MAX], want[PFROUTE_QUESTION_MAX];
	size_t len = 0;
	int n;

	ck_assert_int_eq(pfroute_question(questions[_i].sender,
			     questions[_i].recipient, out, &len),
	    SMX_OK);
	n = snprintf(want, sizeof(want),
	    "request%cresolve%csender%c%s%caddress%c%s%c", 0, 0, 0,
	    questions[_i].from, 0, 0, questions[_i].to, 0);
	ck_assert_uint_eq(len, (size_t)n + 1);
	ck_assert_int_eq(memcmp(out, want, (size_t)n + 1), 0);
}
END_TEST

START_TEST(question_about_an_overlong_address_is_none)
{
	char out[PFROUTE_QUESTION_MAX], text[4000];
	size_t len;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(pfroute_question("", text, out, &len), SMX_ELIMIT);
	ck_assert_int_eq(pfroute_question(text, "a@b", out, &len), SMX_ELIMIT);
}
END_TEST

/* ---- the answer ---- */

static const char whole[] = GREETING REPLY;

START_TEST(answer_is_read_in_pieces)
{
	struct pfroute_reply reply;
	size_t greeting = sizeof(GREETING) - 1, len = sizeof(whole) - 1;

	for (size_t n = 0; n < len; n++)
		ck_assert_int_eq(pfroute_reply_parse(&reply, whole, n),
		    SMX_ETEMP);
	ck_assert_int_eq(pfroute_reply_parse(&reply, whole, len), SMX_OK);
	ck_assert_str_eq(reply.transport, "smtp");
	ck_assert_str_eq(reply.nexthop, "[192.0.2.1]");
	ck_assert_str_eq(reply.recipient, "a@b.example");
	ck_assert_uint_eq(reply.flags, 4096);
	/* before 3.6 nothing is said first */
	ck_assert_int_eq(pfroute_reply_parse(&reply, whole + greeting,
			     len - greeting),
	    SMX_OK);
}
END_TEST

#define ODD(t)                                                                 \
	{                                                                      \
		t, sizeof(t) - 1                                               \
	}
static const struct {
	const char *data;
	size_t len;
} odd[] = {
	ODD("protocol\0other_protocol\0\0" REPLY),
	ODD("protocol\0trivial_rewrite_protocol\0x\0y\0\0" REPLY),
	ODD("\0"),
	ODD("status\0"),
	ODD(REPLY "x"),
	ODD(REPLY "\0"),
	ODD("flags\0000\0transport\0smtp\0recipient\0"),
	ODD("flags\0000\0transport\0smtp\0nexthop\0x\0recipient\0a\0flags\0x\0"
	    "\0"),
	ODD("flags\0000\0transport\0smtp\0nexthop\0x\0recipient\0a\0flags\0-1\0"
	    "\0"),
	ODD("flags\0000\0transport\0smtp\0nexthop\0x\0recipient\0a\0flags\0"
	    "99999999999\0\0"),
	ODD("flags\0000\0transport\0smtp\0nexthop\0x\0recipient\0a\0flags\0001"
	    "\0"
	    "more\0"),
	ODD("flags\0000\0transport\0"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "\0nexthop\0x\0recipient\0a\0flags\0001\0\0"),
};

START_TEST(what_is_no_answer_is_refused)
{
	struct pfroute_reply reply;

	ck_assert_int_eq(pfroute_reply_parse(&reply, odd[_i].data, odd[_i].len),
	    SMX_EPROTO);
}
END_TEST

START_TEST(endless_answer_is_refused)
{
	static char data[PFROUTE_REPLY_MAX];
	struct pfroute_reply reply;

	memset(data, 'x', sizeof(data));
	ck_assert_int_eq(pfroute_reply_parse(&reply, data, sizeof(data)),
	    SMX_EPROTO);
	memcpy(data, "flags\0000\0transport\0", 18);
	ck_assert_int_eq(pfroute_reply_parse(&reply, data, sizeof(data)),
	    SMX_EPROTO);
}
END_TEST

/* Bytes of a whole answer changed, cut and put in: never more than a refusal,
 * and what is taken is whole text. */
START_TEST(broken_answers_break_nothing)
{
	unsigned seed = 7;

	for (int i = 0; i < 200000; i++) {
		char *data = malloc(sizeof(whole));
		size_t len = (size_t)rand_r(&seed) % sizeof(whole);
		struct pfroute_reply reply;
		struct smx_queue_route route;
		const struct pftransport t = { "smtp", rand_r(&seed) % 2, 0,
			25 };

		memcpy(data, whole, len);
		if (i % 4 == 0)
			len = sizeof(whole) - 1, memcpy(data, whole, len);
		for (int k = rand_r(&seed) % 4; len != 0 && k > 0; k--)
			data[(size_t)rand_r(&seed) % len] = (char)rand_r(&seed);
		if (pfroute_reply_parse(&reply, data, len) == SMX_OK)
			(void)!pfroute_hops(&route, &reply, &t, "a@b.example",
			    "/spool");
		free(data);
	}
}
END_TEST

/* ---- in our words ---- */

static const struct pftransport smtp = { "smtp", 0, 0, 25 };
static const struct pftransport smtp26 = { "odd", 0, 0, 26 };
static const struct pftransport lmtp = { "lmtp", 1, 0, 24 };
static const struct pftransport jailed = { "jail", 1, 1, 24 };

static const struct {
	const struct pftransport *transport;
	const char *nexthop;
	const char *recipient; /* of the answer */
	unsigned flags;
	int result;
	const char *hops[3];
} maps[] = {
	{ &smtp, "b.example", "a@b.example", 4096, SMX_OK,
	    { "smtp:b.example:25" } },
	{ &smtp, "[B.example]", "a@b.example", 2048, SMX_OK,
	    { "smtp:[b.example]:25" } },
	{ &smtp, "[192.0.2.1]:2525", "A@B.example", 0, SMX_OK,
	    { "smtp:[192.0.2.1]:2525" } },
	{ &smtp26, "b.example", "a@b.example", 0, SMX_OK,
	    { "smtp:b.example:26" } },
	{ &smtp26, "b.example:smtp", "a@b.example", 0, SMX_OK,
	    { "smtp:b.example:25" } },
	{ &smtp, "[::1]:submission", "a@b.example", 0, SMX_OK,
	    { "smtp:[::1]:587" } },
	{ &smtp, "[a.example], b.example:26 [c.example]", "a@b.example", 0,
	    SMX_OK,
	    { "smtp:[a.example]:25", "smtp:b.example:26",
		"smtp:[c.example]:25" } },
	/* nothing is tried behind what cannot be */
	{ &smtp, "[a.example], [b_c.example], [d.example]", "a@b.example", 0,
	    SMX_OK, { "smtp:[a.example]:25" } },
	{ &smtp, "[b_c.example], [d.example]", "a@b.example", 0, SMX_ENOTFOUND,
	    { NULL } },
	{ &smtp, "[a.example]:x400", "a@b.example", 0, SMX_ENOTFOUND,
	    { NULL } },
	{ &smtp, "unix:/run/x", "a@b.example", 0, SMX_ENOTFOUND, { NULL } },
	{ &smtp, "", "a@b.example", 0, SMX_ENOTFOUND, { NULL } },
	{ &lmtp, "unix:/run/lmtp", "a@b.example", 0, SMX_OK,
	    { "lmtp:unix:/run/lmtp" } },
	{ &lmtp, "unix:private/lmtp", "a@b.example", 0, SMX_OK,
	    { "lmtp:unix:/spool/private/lmtp" } },
	{ &jailed, "unix:/run/lmtp", "a@b.example", 0, SMX_OK,
	    { "lmtp:unix:/spool/run/lmtp" } },
	{ &lmtp, "inet:mail.example:2003", "a@b.example", 0, SMX_OK,
	    { "lmtp:[mail.example]:2003" } },
	{ &lmtp, "mail.example", "a@b.example", 0, SMX_OK,
	    { "lmtp:[mail.example]:24" } },
	/* not ours */
	{ NULL, "b.example", "a@b.example", 0, SMX_ENOTFOUND, { NULL } },
	{ &smtp, "b.example", "c@b.example", 0, SMX_ENOTFOUND, { NULL } },
	{ &smtp, "b.example", "a@b.example", 2, SMX_ENOTFOUND, { NULL } },
	{ &smtp, "b.example", "a@b.example", 4, SMX_ENOTFOUND, { NULL } },
	{ &smtp, "b.example", "a@b.example", 8, SMX_EIO, { NULL } },
};

START_TEST(next_hop_of_the_mta_is_one_of_ours)
{
	struct smx_queue_route route;
	struct pfroute_reply reply = { .flags = maps[_i].flags };
	size_t n = 0;

	snprintf(reply.nexthop, sizeof(reply.nexthop), "%s", maps[_i].nexthop);
	snprintf(reply.recipient, sizeof(reply.recipient), "%s",
	    maps[_i].recipient);
	ck_assert_int_eq(pfroute_hops(&route, &reply, maps[_i].transport,
			     "<a@b.example>", "/spool"),
	    maps[_i].result);
	for (; n < 3 && maps[_i].hops[n] != NULL; n++) {
		ck_assert_uint_lt(n, route.count);
		ck_assert_str_eq(route.hop[n], maps[_i].hops[n]);
	}
	ck_assert_uint_eq(route.count, n);
}
END_TEST

/* ---- the conversation ---- */

static char dir[64], etc[80], socket_path[100];
static int listener = -1;
static pthread_t server;
static atomic_int served;
static const char *answer;
static size_t answer_len;
static int hang_up; /* the first so many conversations */

static void
put_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", etc, name);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
setup(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(dir, sizeof(dir), "/tmp/shadowmx-route.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(etc, sizeof(etc), "%s/etc", dir);
	mkdir(etc, 0700);
	snprintf(socket_path, sizeof(socket_path), "%s/private", dir);
	mkdir(socket_path, 0700);
	snprintf(socket_path, sizeof(socket_path), "%s/private/rewrite", dir);
	put_file("main.cf", "compatibility_level = 3.6\n");
	put_file("master.cf",
	    "smtp unix - - n - - smtp\n"
	    "login unix - - n - - smtp -o smtp_sasl_auth_enable=yes\n"
	    "wrapped unix - - n - - smtp -o smtp_tls_wrappermode=yes\n"
	    "box unix - - y - - lmtp -o lmtp_tcp_port=2003\n"
	    "local unix - n n - - local\n");
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(a.sun_path, socket_path, strlen(socket_path) + 1);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	served = 0;
	hang_up = 0;
}

static void
teardown(void)
{
	char command[128];

	close(listener);
	unlink(socket_path);
	for (int i = 0; i < 2; i++) {
		snprintf(command, sizeof(command), "%s/%s", etc,
		    i == 0 ? "main.cf" : "master.cf");
		unlink(command);
	}
	snprintf(command, sizeof(command), "%s/private", dir);
	rmdir(command);
	rmdir(etc);
	rmdir(dir);
}

/* Answers until the listener is shut down. */
static void *
serve(void *arg)
{
	char question[512];
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		int n = served++;

		if (n >= hang_up) {
			(void)!send(fd, GREETING, sizeof(GREETING) - 1,
			    MSG_NOSIGNAL);
			(void)!recv(fd, question, sizeof(question), 0);
			for (size_t i = 0; i < answer_len; i += 7)
				(void)!send(fd, answer + i,
				    answer_len - i < 7 ? answer_len - i : 7,
				    MSG_NOSIGNAL);
			if (answer_len == 0)
				(void)!recv(fd, question, sizeof(question), 0);
		}
		close(fd);
	}
	return NULL;
}

static int
ask(const char *data, size_t len, struct smx_queue_route *route, int64_t ms)
{
	struct pftransports t;
	int result;

	answer = data;
	answer_len = len;
	ck_assert_int_eq(pftransports_init(&t, etc), SMX_OK);
	pthread_create(&server, NULL, serve, NULL);
	result = pfroute_ask(&t, dir, "<>", "<a@b.example>", route,
	    clock_mono_ms() + ms);
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	pftransports_done(&t);
	return result;
}

static int
postconf_missing(void)
{
	return access("/usr/sbin/postconf", X_OK) != 0;
}

#define TO(t, h)                                                               \
	"flags\0000\0transport\0" t "\0nexthop\0" h                            \
	"\0recipient\0a@b.example\0flags\0004096\0\0"
#define SAYS(t, h) TO(t, h), sizeof(TO(t, h)) - 1

static const struct {
	const char *data;
	size_t len;
	int result;
	const char *hop;
} services[] = {
	{ SAYS("smtp", "[192.0.2.1]"), SMX_OK, "smtp:[192.0.2.1]:25" },
	{ SAYS("box", "mail.example"), SMX_OK, "lmtp:[mail.example]:2003" },
	{ SAYS("box", "unix:/run/l"), SMX_OK, "/run/l" },
	{ SAYS("login", "[192.0.2.1]"), SMX_ENOTFOUND, NULL },
	{ SAYS("wrapped", "[192.0.2.1]"), SMX_ENOTFOUND, NULL },
	{ SAYS("local", "b.example"), SMX_ENOTFOUND, NULL },
	{ SAYS("error", "5.1.1 no"), SMX_ENOTFOUND, NULL },
	{ SAYS("nowhere", "b.example"), SMX_ENOTFOUND, NULL },
};

START_TEST(services_of_the_mta_are_known)
{
	struct smx_queue_route route = { 0 };

	if (postconf_missing())
		return;
	ck_assert_int_eq(ask(services[_i].data, services[_i].len, &route, WAIT),
	    services[_i].result);
	if (services[_i].hop != NULL) {
		ck_assert_uint_eq(route.count, 1);
		ck_assert_ptr_nonnull(strstr(route.hop[0], services[_i].hop));
		/* in a chroot the path begins at the queue */
		if (services[_i].hop[0] == '/')
			ck_assert_ptr_nonnull(strstr(route.hop[0], dir));
	}
}
END_TEST

START_TEST(changed_services_are_read_again)
{
	struct pftransports t;
	struct pftransport found;

	if (postconf_missing())
		return;
	ck_assert_int_eq(pftransports_init(&t, etc), SMX_OK);
	ck_assert_int_eq(pftransports_find(&t, "later", &found), SMX_ENOTFOUND);
	put_file("master.cf", "later unix - - n - - smtp\n");
	t.look_ms = 0;
	ck_assert_int_eq(pftransports_find(&t, "later", &found), SMX_OK);
	ck_assert_int_eq(pftransports_find(&t, "smtp", &found), SMX_ENOTFOUND);
	pftransports_done(&t);
}
END_TEST

START_TEST(conversation_that_ends_is_begun_again)
{
	struct smx_queue_route route = { 0 };

	if (postconf_missing())
		return;
	hang_up = 2;
	ck_assert_int_eq(ask(SAYS("smtp", "[192.0.2.1]"), &route, WAIT),
	    SMX_OK);
	ck_assert_int_eq(served, 3);
}
END_TEST

START_TEST(conversation_that_always_ends_is_given_up)
{
	struct smx_queue_route route = { 0 };

	hang_up = 100;
	ck_assert_int_eq(ask(SAYS("smtp", "[192.0.2.1]"), &route, WAIT),
	    SMX_EIO);
	ck_assert_int_eq(served, 3);
}
END_TEST

START_TEST(nonsense_is_not_asked_for_again)
{
	struct smx_queue_route route = { 0 };

	ck_assert_int_eq(ask("status\0000\0\0", 10, &route, WAIT), SMX_EIO);
	ck_assert_int_eq(served, 1);
}
END_TEST

START_TEST(silence_has_an_end)
{
	struct smx_queue_route route = { 0 };
	int64_t began = clock_mono_ms();

	ck_assert_int_eq(ask("", 0, &route, 200), SMX_ETIMEOUT);
	ck_assert_int_lt(clock_mono_ms() - began, WAIT);
}
END_TEST

START_TEST(nobody_there_is_an_error)
{
	struct smx_queue_route route = { 0 };
	struct pftransports t;

	ck_assert_int_eq(pftransports_init(&t, etc), SMX_OK);
	ck_assert_int_eq(pfroute_ask(&t, "/nowhere/at/all", "", "a@b.example",
			     &route, clock_mono_ms() + WAIT),
	    SMX_EIO);
	pftransports_done(&t);
}
END_TEST

/* ---- what is remembered ---- */

static int asked, fails;

static int
port_route(void *ctx, const char *sender, const char *recipient,
    struct smx_queue_route *route, int64_t until_mono_ms)
{
	(void)ctx;
	(void)until_mono_ms;
	asked++;
	if (fails != SMX_OK)
		return fails;
	if (strstr(recipient, "local") != NULL)
		return SMX_ENOTFOUND;
	route->count = strstr(recipient, "two") != NULL ? 2 : 1;
	snprintf(route->hop[0], sizeof(route->hop[0]), "smtp:[%s.example]:25",
	    sender[0] != '\0' ? sender : "null");
	snprintf(route->hop[1], sizeof(route->hop[1]), "lmtp:unix:/run/l");
	return SMX_OK;
}

static const struct smx_queue_ops ops = { .route = port_route };
static struct smx_queue queue = { NULL, &ops };

static int
find(struct routes *r, const char *sender, const char *recipient,
    struct nexthop *hops, size_t *count)
{
	return routes_find(r, sender, recipient, hops, count,
	    clock_mono_ms() + WAIT);
}

START_TEST(answer_is_asked_for_once)
{
	struct nexthop hops[NEXTHOPS_MAX];
	struct routes *r;
	size_t count;

	ck_assert_int_eq(routes_new(&r, &queue), SMX_OK);
	for (int i = 0; i < 3; i++) {
		count = NEXTHOPS_MAX;
		ck_assert_int_eq(find(r, "x", "a@two", hops, &count), SMX_OK);
		ck_assert_uint_eq(count, 2);
		ck_assert_str_eq(hops[0].host, "x.example");
		ck_assert_str_eq(hops[1].path, "/run/l");
		count = NEXTHOPS_MAX;
		ck_assert_int_eq(find(r, "", "a@local", hops, &count),
		    SMX_ENOTFOUND);
	}
	ck_assert_int_eq(asked, 2);
	/* another sender, and another address of the same domain, may have
	 * another way */
	count = 1;
	ck_assert_int_eq(find(r, "", "a@two", hops, &count), SMX_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(hops[0].host, "null.example");
	ck_assert_int_eq(find(r, "x", "b@two", hops, &count), SMX_OK);
	ck_assert_int_eq(asked, 4);
	routes_forget(r);
	ck_assert_int_eq(find(r, "x", "a@two", hops, &count), SMX_OK);
	ck_assert_int_eq(asked, 5);
	routes_free(&r);
}
END_TEST

START_TEST(failure_is_remembered_for_a_moment_only)
{
	struct nexthop hops[NEXTHOPS_MAX];
	int64_t until = clock_mono_ms() + WAIT;
	struct routes *r;
	size_t count = NEXTHOPS_MAX;
	int result;

	ck_assert_int_eq(routes_new(&r, &queue), SMX_OK);
	fails = SMX_ETIMEOUT;
	ck_assert_int_eq(find(r, "x", "a@b", hops, &count), SMX_ETIMEOUT);
	fails = SMX_OK;
	do {
		count = NEXTHOPS_MAX;
		result = find(r, "x", "a@b", hops, &count);
		usleep(50000);
	} while (result != SMX_OK && clock_mono_ms() < until);
	ck_assert_int_eq(result, SMX_OK);
	ck_assert_int_eq(asked, 2);
	routes_free(&r);
}
END_TEST

START_TEST(memory_has_a_ceiling)
{
	struct nexthop hops[NEXTHOPS_MAX];
	struct routes *r;
	char name[32];
	size_t count;

	ck_assert_int_eq(routes_new(&r, &queue), SMX_OK);
	for (int i = 0; i <= ROUTES_MAX; i++) {
		count = NEXTHOPS_MAX;
		snprintf(name, sizeof(name), "u%d@b", i);
		ck_assert_int_eq(find(r, "x", name, hops, &count), SMX_OK);
	}
	asked = 0;
	/* the oldest has gone, and no other */
	ck_assert_int_eq(find(r, "x", "u1@b", hops, &count), SMX_OK);
	ck_assert_int_eq(asked, 0);
	ck_assert_int_eq(find(r, "x", "u0@b", hops, &count), SMX_OK);
	ck_assert_int_eq(asked, 1);
	routes_free(&r);
}
END_TEST

START_TEST(without_a_queue_nothing_is_found)
{
	static const struct smx_queue_ops mute = { .route = NULL };
	struct smx_queue dumb = { NULL, &mute };
	struct nexthop hops[1];
	struct routes *r;
	size_t count = 1;

	ck_assert_int_eq(routes_new(&r, NULL), SMX_OK);
	ck_assert_int_eq(find(r, "", "a@b", hops, &count), SMX_ENOTFOUND);
	routes_free(&r);
	ck_assert_int_eq(routes_new(&r, &dumb), SMX_OK);
	ck_assert_int_eq(find(r, "", "a@b", hops, &count), SMX_ENOTFOUND);
	routes_free(&r);
	routes_free(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("pfroute");
	TCase *text = tcase_create("text");
	TCase *talk = tcase_create("talk");
	TCase *memory = tcase_create("memory");

	tcase_add_loop_test(text,
	    question_has_addresses_as_the_mta_has_them_inside, 0,
	    COUNT(questions));
	tcase_add_test(text, question_about_an_overlong_address_is_none);
	tcase_add_test(text, answer_is_read_in_pieces);
	tcase_add_loop_test(text, what_is_no_answer_is_refused, 0, COUNT(odd));
	tcase_add_test(text, endless_answer_is_refused);
	tcase_add_test(text, broken_answers_break_nothing);
	tcase_add_loop_test(text, next_hop_of_the_mta_is_one_of_ours, 0,
	    COUNT(maps));
	tcase_set_timeout(text, 60);
	suite_add_tcase(s, text);
	tcase_set_timeout(talk, 60);
	tcase_add_checked_fixture(talk, setup, teardown);
	tcase_add_loop_test(talk, services_of_the_mta_are_known, 0,
	    COUNT(services));
	tcase_add_test(talk, changed_services_are_read_again);
	tcase_add_test(talk, conversation_that_ends_is_begun_again);
	tcase_add_test(talk, conversation_that_always_ends_is_given_up);
	tcase_add_test(talk, nonsense_is_not_asked_for_again);
	tcase_add_test(talk, silence_has_an_end);
	tcase_add_test(talk, nobody_there_is_an_error);
	suite_add_tcase(s, talk);
	tcase_set_timeout(memory, 60);
	tcase_add_test(memory, answer_is_asked_for_once);
	tcase_add_test(memory, failure_is_remembered_for_a_moment_only);
	tcase_add_test(memory, memory_has_a_ceiling);
	tcase_add_test(memory, without_a_queue_nothing_is_found);
	suite_add_tcase(s, memory);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
