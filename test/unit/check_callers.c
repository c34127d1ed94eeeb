/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/wire.h"
#include "linktest.h"
#include "rogue.h"

/*
 * The side that answers, over TLS, when strangers knock and peers do not keep
 * to the protocol.  Host 1 answers; host 0 is a rogue.
 */
#define EPOCH   "ffffffffffffffffffffffffffffffff.7"
#define KEY     "000102030405060708090a0b0c0d0e0f-00000000000000ff"
#define EHLO    "EHLO mx0 VERSION=1.0\r\n"
#define LATE_MS 5000 /* of a machine that is busy */

static struct net net;
static struct recorder at_1;

static void
setup(void)
{
	recorder_init(&at_1);
	net_open(&net);
}

static void
teardown(void)
{
	net_close(&net);
}

static struct smx_link *
asking(void)
{
	net_link(&net, 0);
	return &net.link[0];
}

static void
answering(void)
{
	net_link(&net, 1);
	ck_assert_int_eq(net.link[1].ops->serve(net.link[1].ctx, &at_1.table),
	    SMX_OK);
}

/* ---- strangers at the door ---- */

static const struct {
	int key; /* host whose key is shown, 3: a stranger's, -1: none */
	const char *alpn;
	int old_version;
	int welcome;
} callers[] = {
	{ 0, WIRE_ALPN, 0, 1 },
	{ 2, WIRE_ALPN, 0, 1 },
	{ 3, WIRE_ALPN, 0, 0 },
	{ 1, WIRE_ALPN, 0, 0 }, /* our own key is no peer's */
	{ -1, WIRE_ALPN, 0, 0 },
	{ 0, "shadowmx/2", 0, 0 },
	{ 0, "http/1.1", 0, 0 },
	{ 0, NULL, 0, 0 },
	{ 0, WIRE_ALPN, 1, 0 },
};

static const char *
key_file(int which, char path[128])
{
	if (which < 0)
		return NULL;
	if (which < 3)
		return net.key_file[which];
	snprintf(path, 128, "%.60s/stranger.key", net.folder);
	ck_assert_int_eq(smx_identity_generate(path, NULL, 0), SMX_OK);
	return path;
}

START_TEST(only_a_pinned_key_is_let_in)
{
	char path[128] = "", line[256] = "";
	struct rogue_setup how = { .key_file = key_file(callers[_i].key, path),
		.alpn = callers[_i].alpn,
		.old_version = callers[_i].old_version };
	struct rogue r;
	int in;

	answering();
	in = rogue_dial(&r, net.port[1], &how) == 0 &&
	     rogue_line(&r, line, sizeof(line)) == 0;
	ck_assert_int_eq(in, callers[_i].welcome);
	if (in) {
		ck_assert_str_eq(line, "220 self.example.org shadowmx 1.4");
		rogue_say(&r, EHLO "NOOP\r\n");
		ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
		ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
		ck_assert_uint_eq(at_1.peer, callers[_i].key / 2);
	}
	ck_assert_uint_eq(at_1.hellos + at_1.asked, in ? 1 : 0);
	rogue_close(&r);
	if (path[0] != '\0')
		unlink(path);
}
END_TEST

START_TEST(plain_text_is_not_answered)
{
	char got[512];
	int fd;
	ssize_t n;

	answering();
	fd = rogue_connect(net.port[1]);
	ck_assert_int_eq(send(fd, EHLO, strlen(EHLO), 0), strlen(EHLO));
	n = recv(fd, got, sizeof(got), 0);
	/* Nothing, or a TLS alert record. */
	ck_assert(n <= 0 || got[0] == 21);
	close(fd);
	ck_assert_uint_eq(at_1.hellos + at_1.asked, 0);
}
END_TEST

static char endless[200000];

/* ---- clients that are not what they should be ---- */

#define ENVELOPE "CLIENT\r\nMAIL <>\r\nRCPT <a@b>\r\n"
#define SHADOW(size, envelope)                                                 \
	"SHADOW " KEY " SIZE=" size " ENVELOPE=" envelope " RCPTS=1 DIGEST="   \
	"0000000000000000000000000000000000000000000000000000000000000000"     \
	" EPOCH=" EPOCH "\r\n"
#define WHOLE SHADOW("3", "29") ENVELOPE "BDAT 3 LAST\r\nabc"

static const struct {
	const char *text;
	int codes[6];
	int closed;
} callings[] = {
	{ EHLO "NOOP\r\n", { 250, 250 }, 0 },
	{ EHLO "QUIT\r\n", { 250, 221 }, 1 },
	{ EHLO WHOLE WHOLE "NOOP\r\n", { 250, 250, 250, 250 }, 0 },
	{ EHLO "XYZ\r\nNOOP\r\n", { 250, 500, 250 }, 0 },
	{ "EHLO mx0 VERSION=2.0\r\n", { 556 }, 1 },
	{ WHOLE, { 503 }, 1 },
	{ EHLO EHLO, { 250, 503 }, 1 },
	{ EHLO "DISCARD 1001\r\n", { 250, 552 }, 1 },
	{ EHLO "DISCARD 1\r\nx\r\n", { 250, 501 }, 1 },
	{ EHLO SHADOW("100001", "29"), { 250, 552 }, 1 },
	{ EHLO SHADOW("3", "5001"), { 250, 552 }, 1 },
	{ EHLO SHADOW("3", "29") ENVELOPE "BDAT 4 LAST\r\nabcd", { 250, 501 },
	    1 },
};

START_TEST(a_client_gets_what_the_table_says)
{
	struct rogue_setup how = { .key_file = net.key_file[0],
		.alpn = WIRE_ALPN };
	char line[4096];
	struct rogue r;

	net.options.max_content = 100000;
	net.options.max_envelope = 5000;
	answering();
	ck_assert_int_eq(rogue_dial(&r, net.port[1], &how), 0);
	ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
	ck_assert_int_eq(rogue_say(&r, callings[_i].text), 0);
	for (int i = 0; callings[_i].codes[i] != 0; i++) {
		ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
		ck_assert_int_eq(atoi(line), callings[_i].codes[i]);
	}
	if (callings[_i].closed)
		ck_assert_int_ne(rogue_line(&r, line, sizeof(line)), 0);
	rogue_close(&r);
}
END_TEST

START_TEST(a_line_without_end_is_refused)
{
	struct rogue_setup how = { .key_file = net.key_file[0],
		.alpn = WIRE_ALPN };
	char line[4096];
	struct rogue r;

	memset(endless, 'x', sizeof(endless) - 1);
	answering();
	ck_assert_int_eq(rogue_dial(&r, net.port[1], &how), 0);
	ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
	rogue_say(&r, EHLO);
	ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
	rogue_say(&r, endless);
	ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
	ck_assert_int_eq(atoi(line), 552);
	ck_assert_int_ne(rogue_line(&r, line, sizeof(line)), 0);
	rogue_close(&r);
}
END_TEST

/* How long the server bears with somebody who says this and then one byte
 * every drip_ms (0: nothing more). */
static int64_t
patience(const char *text, int drip_ms)
{
	struct rogue_setup how = { .key_file = net.key_file[0],
		.alpn = WIRE_ALPN };
	char line[4096];
	struct rogue r;
	int64_t began;

	net.options.step_ms = 300;
	/* Longer than any delay here, where it is not what is looked for. */
	net.options.idle_ms = *text == '\0' ? 900 : 12000;
	answering();
	ck_assert_int_eq(rogue_dial(&r, net.port[1], &how), 0);
	ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
	rogue_say(&r, EHLO);
	ck_assert_int_eq(rogue_line(&r, line, sizeof(line)), 0);
	began = now_ms();
	rogue_say(&r, text);
	while (drip_ms != 0 && now_ms() - began < 4000) {
		struct recorder *rec = &at_1;

		sleep_ms(drip_ms);
		pthread_mutex_lock(&rec->lock);
		if (rec->cancelled != 0)
			drip_ms = 0;
		pthread_mutex_unlock(&rec->lock);
		if (rogue_write(&r, "x", 1) != 0)
			break;
	}
	ck_assert_int_ne(rogue_line(&r, line, sizeof(line)), 0);
	rogue_close(&r);
	return now_ms() - began;
}

START_TEST(an_idle_connection_ends)
{
	int64_t took = patience("", 0);

	ck_assert_int_ge(took, 890);
	ck_assert_int_le(took, 900 + 300 + LATE_MS);
}
END_TEST

static const char *const stops[] = { "NOO", "SHADOW ", SHADOW("3", "29"),
	SHADOW("3", "29") "CLIENT\r\n", SHADOW("3", "29") ENVELOPE,
	SHADOW("3", "29") ENVELOPE "BDAT 3 LAST\r\na",
	"DISCARD 2\r\n" KEY "\r\n" };

START_TEST(a_peer_that_stops_inside_a_verb_is_dropped)
{
	int64_t took = patience(stops[_i], 0);

	ck_assert_int_ge(took, 290);
	ck_assert_int_le(took, 600 + LATE_MS);
	ck_assert_uint_eq(at_1.begun, at_1.cancelled);
	ck_assert_uint_eq(at_1.committed, 0);
}
END_TEST

START_TEST(a_peer_that_drips_is_dropped)
{
	int64_t took =
	    patience(SHADOW("3000", "29") ENVELOPE "BDAT 3000 LAST\r\na", 50);

	ck_assert_int_ge(took, 290);
	ck_assert_int_le(took, 3500);
	ck_assert_uint_eq(at_1.cancelled, 1);
}
END_TEST

START_TEST(silence_before_the_handshake_is_short_and_bounded)
{
	char byte;
	int fd[3];
	int64_t began = now_ms();

	net.options.step_ms = 3000;
	net.options.max_pending = 2;
	answering();
	fd[0] = rogue_connect(net.port[1]);
	fd[1] = rogue_connect(net.port[1]);
	sleep_ms(100);
	/* The oldest one makes room. */
	fd[2] = rogue_connect(net.port[1]);
	ck_assert_int_le(recv(fd[0], &byte, 1, 0), 0);
	ck_assert_int_lt(now_ms() - began, 2900);
	ck_assert_int_le(recv(fd[1], &byte, 1, 0), 0);
	ck_assert_int_ge(now_ms() - began, 2990);
	ck_assert_int_le(recv(fd[2], &byte, 1, 0), 0);
	ck_assert_int_lt(now_ms() - began, 3100 + LATE_MS);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	sleep_ms(50);
	ck_assert_int_eq(beat(asking(), 0, 10000), SMX_OK);
}
END_TEST

START_TEST(strangers_cannot_keep_a_member_out)
{
	int fd[8];

	net.options.max_pending = 2;
	answering();
	for (int i = 0; i < 8; i++) {
		fd[i] = rogue_connect(net.port[1]);
		sleep_ms(20);
	}
	ck_assert_int_eq(beat(asking(), 0, 10000), SMX_OK);
	for (int i = 0; i < 8; i++)
		close(fd[i]);
}
END_TEST

START_TEST(one_peer_cannot_take_all_connections)
{
	struct rogue_setup how = { .key_file = net.key_file[2],
		.alpn = WIRE_ALPN };
	char line[4096];
	struct rogue r[2];

	net.options.max_connections = 1;
	answering();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(rogue_dial(&r[i], net.port[1], &how), 0);
		ck_assert_int_eq(rogue_line(&r[i], line, sizeof(line)), 0);
		ck_assert_int_eq(atoi(line), i == 0 ? 220 : 421);
	}
	ck_assert_int_eq(beat(asking(), 0, 10000), SMX_OK);
	rogue_close(&r[0]);
	rogue_close(&r[1]);
}
END_TEST
#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

int
main(void)
{
	Suite *s = suite_create("callers");
	TCase *tc = tcase_create("rogues");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, only_a_pinned_key_is_let_in, 0, COUNT(callers));
	tcase_add_test(tc, plain_text_is_not_answered);
	tcase_add_loop_test(tc, a_client_gets_what_the_table_says, 0,
	    COUNT(callings));
	tcase_add_test(tc, a_line_without_end_is_refused);
	tcase_add_test(tc, an_idle_connection_ends);
	tcase_add_loop_test(tc, a_peer_that_stops_inside_a_verb_is_dropped, 0,
	    COUNT(stops));
	tcase_add_test(tc, a_peer_that_drips_is_dropped);
	tcase_add_test(tc, silence_before_the_handshake_is_short_and_bounded);
	tcase_add_test(tc, strangers_cannot_keep_a_member_out);
	tcase_add_test(tc, one_peer_cannot_take_all_connections);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
