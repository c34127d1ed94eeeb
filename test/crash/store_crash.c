/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "store_crash.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * store_crash run FOLDER               a fixed flow on a store in FOLDER
 * store_crash verify FOLDER PROMISES   does the store keep what was promised?
 * store_crash old FOLDER SQL           a store of the first version, from SQL
 * store_crash upgrade FOLDER           open it; is all there?
 *
 * run writes one line for every attempt before it is made, and one for every
 * promise the moment it is given:
 *
 *	TRY n size seed		OK n size seed		AGAIN n size seed
 *	DROP n			DROPPED n
 *	FINISH n size seed	FINISHED n size seed
 *	MISSED 0		what was finished need not be in the net
 *	MARK n state		MARKED n state
 *	SET value		WAS_SET value
 *	AMEND n version		AMENDED n version
 *	YIELD n			YIELDED n
 *	FAIL what code		anything else that came back
 *	LIE ...			a promise after the store had failed
 */
struct smx_store store;

static void say(const char *fmt, ...) SMX_PRINTF(1, 2);

static void
say(const char *fmt, ...)
{
	char line[128];
	struct iovec iov = { .iov_base = line };
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* One call: a line is there whole or not at all; and one that the store
	 * does not use, so that its own can be made to fail. */
	iov.iov_len = (size_t)len;
	if (writev(STDOUT_FILENO, &iov, 1) != len)
		_exit(5);
}

static void
promise(int failed_before, const char *word, unsigned n, const char *rest)
{
	say("%s%s %u%s\n", failed_before ? "LIE " : "", word, n, rest);
}

struct smx_key
key_of(unsigned n)
{
	struct smx_key key = { .incarnation = "crash", .counter = n };

	return key;
}

char *
bytes_of(size_t size, unsigned seed)
{
	char *bytes = malloc(size + 1);

	for (size_t i = 0; bytes != NULL && i < size; i++)
		bytes[i] = (char)((i * 31 + seed) ^ (i >> 8));
	return bytes;
}

int
open_store(const char *folder)
{
	struct smx_store_options options = { .path = folder,
		.body_file_bytes = BODY_FILE,
		.tombstone_ms = (int64_t)86400 * 1000,
		.net_keep_ms = (int64_t)86400 * 1000,
		.net_slice_ms = 3600000,
		.net_bytes = (uint64_t)1 << 30 };
	char why[256] = "";
	int result = smx_store_open_sqlite(&store, &options, why, sizeof(why));

	if (result != SMX_OK)
		fprintf(stderr, "open: %s: %s\n", smx_errname(result), why);
	return result;
}

/* ---- the flow ---- */

int
begin(unsigned n, size_t size, struct smx_draft **draft)
{
	static const char envelope[] = "MAIL <a@b>\r\nRCPT <c@d>\r\n";
	struct smx_shadow_head head = { .key = key_of(n),
		.primary = "mx1",
		.queue_id = "4jXKs0",
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 1,
		.size = size,
		.now_ms = 1000 };

	return store.ops->begin(store.ctx, &head, draft);
}

static void
put(unsigned n, size_t size, unsigned seed)
{
	char *bytes = bytes_of(size, seed), rest[64];
	int failed = store.ops->failed(store.ctx);
	struct smx_draft *draft = NULL;
	int result;

	snprintf(rest, sizeof(rest), " %zu %u", size, seed);
	say("TRY %u%s\n", n, rest);
	result = begin(n, size, &draft);
	for (size_t at = 0; result == SMX_OK && at < size; at += 3000)
		result = store.ops->write(store.ctx, draft, bytes + at,
		    size - at < 3000 ? size - at : 3000);
	if (draft != NULL) {
		int committed = store.ops->commit(store.ctx, &draft);

		result = result == SMX_OK ? committed : result;
	}
	if (result == SMX_OK)
		promise(failed, "OK", n, rest);
	else if (result == SMX_EEXIST)
		promise(failed, "AGAIN", n, rest);
	else
		say("FAIL put %s\n", smx_errname(result));
	free(bytes);
}

static void
drop(const char *primary, const unsigned *n, size_t count)
{
	int failed = store.ops->failed(store.ctx);
	struct smx_key key[8];
	size_t foreign;
	int result;

	for (size_t i = 0; i < count; i++) {
		say("DROP %u\n", n[i]);
		key[i] = key_of(n[i]);
	}
	result = store.ops->drop(store.ctx, primary, key, count, &foreign);
	for (size_t i = 0; i < count; i++)
		if (result == SMX_OK)
			promise(failed, "DROPPED", n[i], "");
	if (result != SMX_OK)
		say("FAIL drop %s\n", smx_errname(result));
}

/* Delivered: the store has it no more, the net does. */
static void
finish(unsigned n, size_t size, unsigned seed)
{
	int failed = store.ops->failed(store.ctx);
	struct smx_key key = key_of(n);
	char rest[64];
	size_t foreign;
	int result;

	snprintf(rest, sizeof(rest), " %zu %u", size, seed);
	say("FINISH %u%s\n", n, rest);
	result = store.ops->finish(store.ctx, "mx1", &key, 1, &foreign);
	if (result == SMX_OK)
		promise(failed, "FINISHED", n, rest);
	else
		say("FAIL finish %s\n", smx_errname(result));
}

/* What has ended by now is moved. */
static int
nothing(void *ctx, struct smx_kept *kept)
{
	(void)ctx;
	(void)kept;
	return 0;
}

static void
move(void)
{
	struct smx_store_stats stats;

	(void)!store.ops->kept(store.ctx, 0, INT64_MAX, nothing, NULL);
	if (store.ops->stats(store.ctx, &stats) != SMX_OK ||
	    stats.net_missed != 0)
		say("MISSED 0\n");
}

static void
mark(unsigned n, enum smx_row_state from, enum smx_row_state to)
{
	struct smx_row_change change = { .from = from,
		.to = to,
		.now_ms = 2000,
		.rcpt_states = "o" };
	int failed = store.ops->failed(store.ctx);
	struct smx_key key = key_of(n);
	char rest[16];
	int result;

	snprintf(rest, sizeof(rest), " %d", (int)to);
	say("MARK %u%s\n", n, rest);
	result = store.ops->mark(store.ctx, &key, &change);
	if (result == SMX_OK)
		promise(failed, "MARKED", n, rest);
	else
		say("FAIL mark %s\n", smx_errname(result));
}

void
amendment_of(unsigned version, char envelope[64], char holders[16])
{
	snprintf(envelope, 64, "MAIL <a@b>\r\nRCPT <c@v%u.d>\r\n", version);
	snprintf(holders, 16, "mx%u", version);
}

static void
amend(const char *primary, unsigned n, unsigned version)
{
	int failed = store.ops->failed(store.ctx);
	char envelope[64], holders[16], rest[16];
	struct smx_row_amendment m = { .key = key_of(n),
		.version = version,
		.holders = holders,
		.envelope = envelope,
		.recipients = 1,
		.held = (int)(version % 2) };
	size_t foreign;
	int result;

	amendment_of(version, envelope, holders);
	m.envelope_len = strlen(envelope);
	snprintf(rest, sizeof(rest), " %u", version);
	say("AMEND %u%s\n", n, rest);
	result = store.ops->amend(store.ctx, primary, &m, 1, &foreign);
	if (result == SMX_OK && foreign == 0)
		promise(failed, "AMENDED", n, rest);
	else
		say("FAIL amend %s\n", smx_errname(result));
}

static void
yield(unsigned n)
{
	int failed = store.ops->failed(store.ctx);
	struct smx_row_amendment m = { .key = key_of(n),
		.held = -1,
		.primary = "mx2" };
	size_t foreign;
	int result;

	say("YIELD %u\n", n);
	result = store.ops->amend(store.ctx, "mx1", &m, 1, &foreign);
	if (result == SMX_OK && foreign == 0)
		promise(failed, "YIELDED", n, "");
	else
		say("FAIL yield %s\n", smx_errname(result));
}

static void
set(unsigned value)
{
	int failed = store.ops->failed(store.ctx);
	char text[16];
	int result;

	snprintf(text, sizeof(text), "%u", value);
	say("SET %u\n", value);
	result = store.ops->meta_set(store.ctx, "epoch", text);
	if (result == SMX_OK)
		promise(failed, "WAS_SET", value, "");
	else
		say("FAIL set %s\n", smx_errname(result));
}

static void
give_up(unsigned n)
{
	struct smx_draft *draft = NULL;

	if (begin(n, 9000, &draft) != SMX_OK)
		return;
	(void)!store.ops->write(store.ctx, draft, "abc", 3);
	store.ops->abort(store.ctx, &draft);
}

static void *
neighbour(void *arg)
{
	(void)arg;
	for (unsigned n = 30; n < 34; n++)
		put(n, n % 2 == 0 ? 6000 : 60, n);
	for (unsigned version = 20; version < 24; version++)
		amend("mx2", 8, version);
	return NULL;
}

/* The store is used from two threads, so that groups of several form. */
static void
together(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, neighbour, NULL) != 0)
		exit(5);
	for (unsigned n = 20; n < 24; n++)
		put(n, n % 2 == 0 ? 60 : 6000, n);
	pthread_join(other, NULL);
}

static int
run(const char *folder, int alone)
{
	static const size_t sizes[] = { 10, 4096, 5000, 100, 200000, 0 };

	if (open_store(folder) != SMX_OK)
		return 3;
	set(1);
	for (unsigned n = 0; n < 6; n++)
		put(n, sizes[n], n);
	put(1, sizes[1], 1);
	put(4, sizes[4], 4);
	put(3, 100, 77); /* other content */
	put(8, 5000, 8);
	amend("mx1", 3, 5);
	amend("mx1", 4, 6);
	amend("mx1", 8, 7);
	amend("mx1", 3, 8);
	yield(3);
	yield(8);
	drop("mx1", (const unsigned[]){ 0 }, 1);
	drop("mx1", (const unsigned[]){ 2 }, 1);
	drop("mx1", (const unsigned[]){ 50 }, 1); /* never seen */
	drop("mx2", (const unsigned[]){ 3 }, 1);
	put(0, sizes[0], 0);
	mark(1, SMX_ROW_SHADOW, SMX_ROW_CLAIMED);
	mark(1, SMX_ROW_CLAIMED, SMX_ROW_HANDED);
	mark(5, SMX_ROW_SHADOW, SMX_ROW_CLAIMED);
	put(9, 6000, 9);
	put(10, 60, 10);
	for (unsigned n = 9; n <= 10; n++) {
		mark(n, SMX_ROW_SHADOW, SMX_ROW_CLAIMED);
		mark(n, SMX_ROW_CLAIMED, SMX_ROW_HANDED);
		mark(n, SMX_ROW_HANDED, SMX_ROW_DONE);
	}
	for (unsigned n = 11; n < 15; n++)
		put(n, n % 2 == 0 ? 6000 : 60, n);
	for (unsigned n = 11; n < 14; n++)
		finish(n, n % 2 == 0 ? 6000 : 60, n);
	move();
	finish(14, 6000, 14);
	give_up(40);
	set(2);
	if (!alone)
		together();
	drop("mx1", (const unsigned[]){ 1, 4, 51 }, 3);
	put(7, 7000, 7);
	move();
	if (store.ops->failed(store.ctx))
		say("FAILED\n");
	smx_store_close(&store);
	say("END\n");
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "run") == 0)
		return run(argv[2], 0);
	if (argc == 3 && strcmp(argv[1], "alone") == 0)
		return run(argv[2], 1);
	if (argc == 4 && strcmp(argv[1], "verify") == 0)
		return verify(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "old") == 0)
		return old(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "upgrade") == 0)
		return upgrade(argv[2]);
	fprintf(stderr, "usage: store_crash run|alone|upgrade FOLDER\n"
			"       store_crash verify FOLDER PROMISES\n"
			"       store_crash old FOLDER SQL\n");
	return 64;
}
