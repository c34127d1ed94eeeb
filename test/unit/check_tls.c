/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/tls.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD 16384
#define QUEUED 98304 /* what the link's sender lets wait */

static char folder[64];
static char path[96];
static struct identity identity;
static struct tls_context *context;
static struct tls *client, *server;

/* At most so many bytes from one side to the other; how many it were. */
static size_t
carry(struct tls *from, struct tls *to, size_t most)
{
	size_t len, room;
	const void *data = tls_output(from, &len);
	void *space = tls_space(to, &room);

	if (len > most)
		len = most;
	if (len > room)
		len = room;
	if (len == 0)
		return 0;
	memcpy(space, data, len);
	tls_received(to, len);
	tls_sent(from, len);
	return len;
}

static void
shake_hands(void)
{
	int one = TLS_AGAIN, two = TLS_AGAIN;

	for (int i = 0; i < 20 && (one != SMX_OK || two != SMX_OK); i++) {
		if (one != SMX_OK)
			one = tls_handshake(client);
		(void)carry(client, server, SIZE_MAX);
		if (two != SMX_OK)
			two = tls_handshake(server);
		(void)carry(server, client, SIZE_MAX);
	}
	ck_assert_int_eq(one, SMX_OK);
	ck_assert_int_eq(two, SMX_OK);
}

static void
setup(void)
{
	struct tls_pin pin = { .peer = 0 };
	char why[256];

	snprintf(folder, sizeof(folder), "/tmp/smxtls.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/node.key", folder);
	ck_assert_int_eq(smx_identity_generate(path, why, sizeof(why)), SMX_OK);
	ck_assert_int_eq(identity_load(&identity, path, why, sizeof(why)),
	    SMX_OK);
	ck_assert_int_eq(smx_identity_pin(path, pin.text, NULL, 0), SMX_OK);
	ck_assert_int_eq(tls_context_new(&context, &identity, "test/1", &pin,
			     1),
	    SMX_OK);
	ck_assert_int_eq(tls_connect(&client, context, 0), SMX_OK);
	ck_assert_int_eq(tls_accept(&server, context), SMX_OK);
	shake_hands();
}

static void
teardown(void)
{
	tls_free(&client);
	tls_free(&server);
	tls_context_free(&context);
	identity_free(&identity);
	unlink(path);
	rmdir(folder);
}

static void
fill(char *piece, unsigned seed)
{
	for (size_t i = 0; i < RECORD; i++)
		piece[i] = (char)(seed * 31 + i * 7 + (i >> 8));
}

static size_t
take(size_t at)
{
	static char piece[RECORD], expected[RECORD];
	size_t n;

	while (tls_read(server, piece, sizeof(piece), &n) == SMX_OK) {
		ck_assert_uint_le(at % RECORD + n, RECORD);
		fill(expected, (unsigned)(at / RECORD));
		ck_assert_mem_eq(piece, expected + at % RECORD, n);
		at += n;
	}
	return at;
}

/* A network that takes a little at a time leaves a rest each time: what was
 * sent must not count against the ceiling of what waits. */
START_TEST(a_socket_that_never_takes_all_stops_nothing)
{
	static char piece[RECORD];
	const size_t records = 64;
	size_t written = 0, got = 0, queued;

	while (got < records * RECORD) {
		tls_output(client, &queued);
		while (written < records && queued < QUEUED) {
			fill(piece, (unsigned)written++);
			ck_assert_int_eq(tls_write(client, piece, RECORD),
			    SMX_OK);
			tls_output(client, &queued);
		}
		ck_assert_uint_ne(carry(client, server, 5000), 0);
		got = take(got);
	}
	ck_assert_uint_eq(got, records * RECORD);
}
END_TEST

/* And who does not look at what waits meets it. */
START_TEST(what_waits_has_a_ceiling)
{
	static char piece[RECORD];
	int error = SMX_OK;

	for (int i = 0; i < 20 && error == SMX_OK; i++)
		error = tls_write(client, piece, RECORD);
	ck_assert_int_eq(error, SMX_EPROTO);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls");
	TCase *c = tcase_create("bytes");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_socket_that_never_takes_all_stops_nothing);
	tcase_add_test(c, what_waits_has_a_ceiling);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
