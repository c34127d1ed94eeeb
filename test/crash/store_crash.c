/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/store.h>

/*
 * store_crash run FOLDER               a fixed flow on a store in FOLDER
 * store_crash verify FOLDER PROMISES   does the store keep what was promised?
 *
 * run writes one line for every attempt before it is made, and one for every
 * promise the moment it is given:
 *
 *	TRY n size seed		OK n size seed		AGAIN n size seed
 *	DROP n			DROPPED n
 *	MARK n state		MARKED n state
 *	SET value		WAS_SET value
 *	FAIL what code		anything else that came back
 *	LIE ...			a promise after the store had failed
 */
#define KEYS_MAX  64
#define BODY_FILE 4096

static struct smx_store store;

static void
say(const char *fmt, ...)
{
	char line[128];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* One write: a line is there whole or not at all. */
	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(5);
}

static void
promise(int failed_before, const char *word, unsigned n, const char *rest)
{
	say("%s%s %u%s\n", failed_before ? "LIE " : "", word, n, rest);
}

static struct smx_key
key_of(unsigned n)
{
	struct smx_key key = { .incarnation = "crash", .counter = n };

	return key;
}

static char *
bytes_of(size_t size, unsigned seed)
{
	char *bytes = malloc(size + 1);

	for (size_t i = 0; bytes != NULL && i < size; i++)
		bytes[i] = (char)((i * 31 + seed) ^ (i >> 8));
	return bytes;
}

static int
open_store(const char *folder)
{
	struct smx_store_options options = { .path = folder,
		.body_file_bytes = BODY_FILE,
		.tombstone_ms = (int64_t)86400 * 1000 };
	char why[256] = "";
	int result = smx_store_open_sqlite(&store, &options, why, sizeof(why));

	if (result != SMX_OK)
		fprintf(stderr, "open: %s: %s\n", smx_errname(result), why);
	return result;
}

/* ---- the flow ---- */

static int
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
drop(const unsigned *n, size_t count)
{
	int failed = store.ops->failed(store.ctx);
	struct smx_key key[8];
	size_t foreign;
	int result;

	for (size_t i = 0; i < count; i++) {
		say("DROP %u\n", n[i]);
		key[i] = key_of(n[i]);
	}
	result = store.ops->drop(store.ctx, "mx1", key, count, &foreign);
	for (size_t i = 0; i < count; i++)
		if (result == SMX_OK)
			promise(failed, "DROPPED", n[i], "");
	if (result != SMX_OK)
		say("FAIL drop %s\n", smx_errname(result));
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
	drop((const unsigned[]){ 0 }, 1);
	drop((const unsigned[]){ 2 }, 1);
	drop((const unsigned[]){ 50 }, 1); /* never seen */
	put(0, sizes[0], 0);
	mark(1, SMX_ROW_SHADOW, SMX_ROW_CLAIMED);
	mark(1, SMX_ROW_CLAIMED, SMX_ROW_HANDED);
	mark(5, SMX_ROW_SHADOW, SMX_ROW_CLAIMED);
	give_up(40);
	set(2);
	if (!alone)
		together();
	drop((const unsigned[]){ 1, 4, 51 }, 3);
	put(7, 7000, 7);
	if (store.ops->failed(store.ctx))
		say("FAILED\n");
	smx_store_close(&store);
	say("END\n");
	return 0;
}

/* ---- the check ---- */

struct expect {
	int tried, kept;   /* stored: attempted, promised */
	int drop, dropped; /* the same for the end */
	int mark, marked;  /* the last state attempted, promised */
	size_t size;
	unsigned seed;
};

static struct expect expect[KEYS_MAX];
static unsigned value_tried, value_kept;
static int passed, failed;

static void
claim(int holds, const char *what, unsigned n)
{
	if (holds) {
		passed++;
		return;
	}
	failed++;
	printf("not so: %s (%u)\n", what, n);
}

static void
learn(const char *line)
{
	char word[16];
	unsigned n = 0, seed = 0;
	size_t size = 0;
	struct expect *e;

	if (sscanf(line, "%15s %u %zu %u", word, &n, &size, &seed) < 2 ||
	    n >= KEYS_MAX)
		return;
	e = &expect[n];
	if (strcmp(word, "TRY") == 0)
		e->tried = 1;
	if (strcmp(word, "OK") == 0 || strcmp(word, "AGAIN") == 0) {
		e->kept = 1;
		e->size = size;
		e->seed = seed;
	}
	e->drop |= strcmp(word, "DROP") == 0;
	e->dropped |= strcmp(word, "DROPPED") == 0;
	if (strcmp(word, "MARK") == 0)
		e->mark = (int)size;
	if (strcmp(word, "MARKED") == 0)
		e->marked = (int)size;
	if (strcmp(word, "SET") == 0)
		value_tried = n;
	if (strcmp(word, "WAS_SET") == 0)
		value_kept = n;
	if (strcmp(word, "LIE") == 0)
		claim(0, line, n);
}

static int
same_bytes(unsigned n)
{
	const struct expect *e = &expect[n];
	char *bytes = bytes_of(e->size, e->seed), *back = malloc(e->size + 1);
	struct smx_content content;
	struct smx_key key = key_of(n);
	int same = store.ops->open(store.ctx, &key, &content) == SMX_OK;

	if (same) {
		same = content.size == e->size &&
		       content.read(content.ctx, 0, back, e->size) == SMX_OK &&
		       memcmp(bytes, back, e->size) == 0;
		store.ops->close_content(store.ctx, &content);
	}
	free(bytes);
	free(back);
	return same;
}

static int
never_again(unsigned n)
{
	struct smx_draft *draft = NULL;
	int result = begin(n, 10, &draft);

	if (result == SMX_OK)
		store.ops->abort(store.ctx, &draft);
	return result == SMX_EGONE;
}

static void
check_key(unsigned n)
{
	const struct expect *e = &expect[n];
	struct smx_key key = key_of(n);
	struct smx_row row;
	int there = store.ops->get(store.ctx, &key, &row) == SMX_OK;

	if (!e->tried)
		claim(!there, "nothing comes from nowhere", n);
	if (e->dropped) {
		claim(!there, "dropped stays dropped", n);
		claim(never_again(n), "dropped never comes again", n);
	} else if (e->kept && !e->drop) {
		claim(there, "promised is there", n);
		claim(same_bytes(n), "promised has its bytes", n);
	}
	if (there && e->marked != 0)
		claim((int)row.state == e->marked || (int)row.state == e->mark,
		    "marked stays marked", n);
}

struct state {
	char text[KEYS_MAX * 96];
	size_t len, rows, files;
};

static int
note(void *ctx, const struct smx_row *row)
{
	struct state *state = ctx;

	state->len += (size_t)snprintf(state->text + state->len,
	    sizeof(state->text) - state->len, "%llu %s %d %llu %lld\n",
	    (unsigned long long)row->key.counter, row->primary, (int)row->state,
	    (unsigned long long)row->size, (long long)row->state_ms);
	state->rows++;
	state->files += row->size > BODY_FILE;
	return state->len + 96 > sizeof(state->text);
}

static size_t
body_files(const char *folder)
{
	char path[4096];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bodies", folder);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.' &&
			 strcmp(entry->d_name, "reserve") != 0;
	closedir(dir);
	return count;
}

static void
take_state(const char *folder, struct state *state)
{
	struct smx_store_filter all = { 0 };
	char value[16] = "";

	memset(state, 0, sizeof(*state));
	claim(store.ops->scan(store.ctx, &all, note, state) == 0, "scan", 0);
	(void)!store.ops->meta_get(store.ctx, "epoch", value, sizeof(value));
	state->len += (size_t)snprintf(state->text + state->len,
	    sizeof(state->text) - state->len, "value %s\n", value);
	claim(body_files(folder) == state->files,
	    "as many files as rows that name one",
	    (unsigned)body_files(folder));
	claim(strtoul(value, NULL, 10) == value_kept ||
		  strtoul(value, NULL, 10) == value_tried,
	    "the set value is there", value_kept);
}

static int
verify(const char *folder, const char *promises)
{
	static struct state first, second;
	FILE *file = fopen(promises, "r");
	char line[128];

	if (file == NULL)
		return 2;
	while (fgets(line, sizeof(line), file) != NULL)
		learn(line);
	fclose(file);
	for (int round = 0; round < 2; round++) {
		if (open_store(folder) != SMX_OK) {
			claim(0, "the store opens again", 0);
			break;
		}
		for (unsigned n = 0; n < KEYS_MAX; n++)
			check_key(n);
		take_state(folder, round == 0 ? &first : &second);
		smx_store_close(&store);
	}
	claim(strcmp(first.text, second.text) == 0,
	    "a second recovery changes nothing", 0);
	printf("%d held, %d broken\n", passed, failed);
	return failed == 0 ? 0 : 1;
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
	fprintf(stderr, "usage: store_crash run|alone FOLDER\n"
			"       store_crash verify FOLDER PROMISES\n");
	return 64;
}
