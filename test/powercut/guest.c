/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "guest.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

/*
 * The only program of a guest without a power switch (test/powercut.sh): it
 * mounts the disk, judges the store on it by what was promised before, and
 * writes on until somebody kills the guest.  From the environment:
 *
 *	POWERCUT_DISK    the device, nothing: the folder is there already
 *	POWERCUT_FOLDER  where it is mounted
 *	POWERCUT_SAID    all that was said until now
 *	POWERCUT_SEED    of what is done
 *
 * One line for every attempt before it is made, and one for every promise the
 * moment it is given:
 *
 *	PUT n      KEPT n       a shadow
 *	AMEND n v  AMENDED n v  another envelope
 *	CLAIM n    CLAIMED n
 *	DROP n     DROPPED n
 *	THERE n    GONE n       the judge about what nobody was told of
 *	NOT text   WRITING      JUDGED ...
 */
#define WRITERS 4
/* Shadows that one writer has at a time; the disk is small. */
#define OPEN_MAX 24

struct smx_store store;
static atomic_uint next_key;
static unsigned seed;

void
say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* One write: a line is there whole or not at all. */
	if (len < (int)sizeof(line) && write(STDOUT_FILENO, line, (size_t)len))
		return;
}

struct smx_key
key_of(unsigned n)
{
	struct smx_key key = { .incarnation = "powercut", .counter = n };

	return key;
}

size_t
size_of(unsigned n)
{
	unsigned x = n * 2654435761u >> 8;

	return n % 7 == 3 ? BODY_FILE + 1 + x % 20000 : x % 3000;
}

char *
bytes_of(unsigned n)
{
	uint32_t x = n * 2246822519u + 1;
	char *bytes = malloc(size_of(n) + 1);

	for (size_t i = 0; bytes != NULL && i < size_of(n); i++) {
		x = x * 1664525u + 1013904223u;
		bytes[i] = (char)(x >> 24);
	}
	return bytes;
}

void
envelope_of(unsigned n, unsigned version, char out[128])
{
	snprintf(out, 128, "MAIL <s%u@a.example>\r\nRCPT <r%u@v%u.example>\r\n",
	    n, n, version);
}

int
begin(unsigned n, struct smx_draft **draft)
{
	char envelope[128];
	struct smx_shadow_head head = { .key = key_of(n),
		.primary = PRIMARY,
		.queue_id = "4jXKs0",
		.envelope = envelope,
		.recipients = 1,
		.size = size_of(n),
		.now_ms = 1000 };

	envelope_of(n, 0, envelope);
	head.envelope_len = strlen(envelope);
	return store.ops->begin(store.ctx, &head, draft);
}

static int
put(unsigned n)
{
	char *bytes = bytes_of(n);
	struct smx_draft *draft = NULL;
	int result;

	say("PUT %u\n", n);
	result = begin(n, &draft);
	if (result == SMX_OK)
		result = store.ops->write(store.ctx, draft, bytes, size_of(n));
	if (draft != NULL) {
		int committed = store.ops->commit(store.ctx, &draft);

		result = result == SMX_OK ? committed : result;
	}
	free(bytes);
	if (result == SMX_OK)
		say("KEPT %u\n", n);
	return result;
}

static void
amend(unsigned n, unsigned version)
{
	char envelope[128];
	struct smx_row_amendment m = { .key = key_of(n),
		.version = version,
		.envelope = envelope,
		.recipients = 1,
		.held = -1 };
	size_t foreign;

	envelope_of(n, version, envelope);
	m.envelope_len = strlen(envelope);
	say("AMEND %u %u\n", n, version);
	if (store.ops->amend(store.ctx, PRIMARY, &m, 1, &foreign) == SMX_OK)
		say("AMENDED %u %u\n", n, version);
}

static void
claim(unsigned n)
{
	struct smx_row_change change = { .from = SMX_ROW_SHADOW,
		.to = SMX_ROW_CLAIMED,
		.now_ms = 9000,
		.rcpt_states = "o" };
	struct smx_key key = key_of(n);

	say("CLAIM %u\n", n);
	if (store.ops->mark(store.ctx, &key, &change) == SMX_OK)
		say("CLAIMED %u\n", n);
}

static void
drop(unsigned n)
{
	struct smx_key key = key_of(n);
	size_t foreign;

	say("DROP %u\n", n);
	if (store.ops->drop(store.ctx, PRIMARY, &key, 1, &foreign) == SMX_OK)
		say("DROPPED %u\n", n);
}

/* ---- writing on ---- */

static unsigned
random_below(unsigned *state, unsigned limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % limit;
}

static void *
writer(void *arg)
{
	unsigned state = (seed + (unsigned)(uintptr_t)arg) * 2654435761u | 1;
	unsigned open[OPEN_MAX], count = 0;
	int claimed[OPEN_MAX] = { 0 };

	while (next_key < KEYS_MAX) {
		unsigned what = random_below(&state, 10);

		if (count == 0 || (what < 5 && count < OPEN_MAX)) {
			claimed[count] = 0;
			open[count] = atomic_fetch_add(&next_key, 1);
			if (open[count] < KEYS_MAX &&
			    put(open[count]) == SMX_OK)
				count++;
		} else {
			unsigned at = random_below(&state, count);

			/* A claimed one is not amended any more. */
			if (what < 7 && !claimed[at]) {
				amend(open[at], 1 + random_below(&state, 9));
			} else if (what == 7 && !claimed[at]) {
				claim(open[at]);
				claimed[at] = 1;
			} else {
				drop(open[at]);
				open[at] = open[--count];
				claimed[at] = claimed[count];
			}
		}
		if (store.ops->failed(store.ctx))
			break;
	}
	return NULL;
}

static void
write_on(void)
{
	pthread_t thread[WRITERS];

	say("WRITING\n");
	for (uintptr_t i = 0; i < WRITERS; i++)
		if (pthread_create(&thread[i], NULL, writer, (void *)i) != 0)
			say("NOT a thread\n");
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	say("NOT killed\n");
}

static const char *
text_of(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? text : "";
}

int
main(void)
{
	const char *disk = text_of("POWERCUT_DISK");
	const char *folder = text_of("POWERCUT_FOLDER");
	const char *said = text_of("POWERCUT_SAID");
	char path[512], why[256] = "";
	struct smx_store_options options = { .path = path,
		.body_file_bytes = BODY_FILE,
		.tombstone_ms = (int64_t)86400 * 1000 };
	struct timespec pause = { .tv_sec = 1 };

	seed = (unsigned)strtoul(text_of("POWERCUT_SEED"), NULL, 10);
	snprintf(path, sizeof(path), "%s/store", folder);
	if (disk[0] != '\0' && mount(disk, folder, "ext4", 0, "") != 0) {
		judge_refused(said, "the disk cannot be mounted");
	} else if (smx_store_open_sqlite(&store, &options, why, sizeof(why)) !=
		   SMX_OK) {
		judge_refused(said, why);
	} else {
		next_key = judge(said);
		write_on();
	}
	/* Process 1 does not end. */
	while (disk[0] != '\0')
		nanosleep(&pause, NULL);
	return 0;
}
