/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hop_server.h"

#define SOON 20000 /* ms: a loaded machine gets there */

static const char text[] = "Subject: x\r\n\r\n.dot\r\nline\r\n";
static const char received[] = "Received: by here; now\r\n";

static struct hops *hops;
static struct smx_envelope *envelope;
static struct hop_server server;
static struct smx_content content = { .size = sizeof(text) - 1, .bytes = text };
static const struct hop_body body = { .content = &content,
	.received = received };

static struct hops_options options = { .helo = "here.example.org",
	.tls = HOP_TLS_NONE,
	.tls_ca = "",
	.connect_ms = SOON,
	.step_ms = SOON,
	.idle_ms = 60000,
	.idle_max = 2 };

static void
hops_open(void)
{
	char why[256];

	ck_assert_int_eq(hops_new(&hops, &options, why, sizeof(why)), SMX_OK);
}

static void
setup(void)
{
	hops_open();
	ck_assert_int_eq(smx_envelope_new(&envelope, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<a@example.org>", NULL,
			     0),
	    SMX_OK);
	memset(&server, 0, sizeof(server));
	server.offers = "PIPELINING\nCHUNKING\n8BITMIME";
}

static void
teardown(void)
{
	hops_free(&hops);
	smx_envelope_free(&envelope);
	hop_server_free(&server);
}

static void
rcpt(struct hop *hop, const char *address)
{
	size_t n = smx_envelope_recipients(envelope);

	ck_assert_int_eq(smx_envelope_rcpt(envelope, address, NULL, 0), SMX_OK);
	ck_assert_int_eq(hop_rcpt(hop, n), SMX_OK);
}

static struct hop *
begin(void)
{
	struct hop *hop;

	ck_assert_int_eq(hop_begin(&hop, hops, &server.to, envelope), SMX_OK);
	return hop;
}

static int
run(struct hop *hop)
{
	return hop_run(&hop, 1, clock_mono_ms() + SOON, NULL, NULL);
}

static void
must_be(const struct hop_answer *answer, enum hop_class class, int code)
{
	ck_assert_ptr_nonnull(answer);
	ck_assert_msg(answer->class == class && answer->code == code,
	    "class %d, code %d, %s", (int)answer->class, answer->code,
	    answer->text);
}

/* Everything a friendly server needs. */
static void
deliver(void)
{
	struct hop *hop = begin();

	rcpt(hop, "<one@example.org>");
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_rcpt_answer(hop, 0), HOP_YES, 250);
	ck_assert_int_eq(hop_content(hop, &body), SMX_OK);
	ck_assert_int_eq(run(hop), SMX_OK);
	must_be(hop_final_answer(hop, 0), HOP_YES, 250);
	hop_end(&hop);
}

static void
body_must_be_ours(void)
{
	ck_assert_uint_eq(server.body_len,
	    sizeof(text) - 1 + sizeof(received) - 1);
	ck_assert_mem_eq(server.body, received, sizeof(received) - 1);
	ck_assert_mem_eq(server.body + sizeof(received) - 1, text,
	    sizeof(text) - 1);
}

START_TEST(a_message_gets_there)
{
	static const char *const offers[] = { NULL, "PIPELINING", "CHUNKING",
		"PIPELINING\nCHUNKING\nSIZE 1000\n8BITMIME\nDSN" };

	server.offers = offers[_i % 4];
	server.unix_socket = _i / 4 == 1;
	server.lmtp = _i / 4 >= 1;
	server.six = _i / 4 == 3;
	hop_server_start(&server);
	deliver();
	hop_server_stop(&server);
	body_must_be_ours();
	ck_assert_int_eq(server.messages, 1);
	ck_assert_int_eq(hop_server_heard(&server, "BDAT"), _i % 4 >= 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hop");
	TCase *c = tcase_create("hop");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, a_message_gets_there, 0, 16);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
