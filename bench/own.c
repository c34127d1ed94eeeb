/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/key.h"
#include "core/engine.h"

/*
 * own [COUNT]: what an own open message costs at the primary.  COUNT messages
 * are taken, acknowledged with one copy each and stay open; then as many more
 * are taken and finished one by one while they are there.
 */
static long
resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
take(struct engine *engine, unsigned long number, struct smx_key *key)
{
	char id[32];
	struct engine_message message = { .queue_id = id,
		.size = 4096,
		.recipients = 1,
		.copies = 1,
		.envelope_sum = number + 1 };

	snprintf(id, sizeof(id), "4jXK%08lxz1bk", number);
	if (engine_begin(engine, &message, 1, key) != SMX_OK) {
		fprintf(stderr, "own: message %lu was not taken\n", number);
		exit(1);
	}
	engine_sent(engine, key, 0, SMX_OK, 1);
	engine_verdict(engine, key, ENGINE_PROTECTED, NULL, 1);
}

static void
finish(struct engine *engine, unsigned long number, const struct smx_key *key)
{
	struct smx_queue_event event = { .kind = SMX_QUEUE_COMMITTED };
	const char *ids[64];
	uint64_t token = 0;

	snprintf(event.id, sizeof(event.id), "4jXK%08lxz1bk", number);
	engine_queue_event(engine, &event, 2);
	event.kind = SMX_QUEUE_GONE;
	engine_queue_event(engine, &event, 2);
	engine_session_end(engine, key, 2);
	for (int64_t at = 3; at < 3000; at += 100) {
		if (engine_verify_next(engine, at, ids, 64, &token) == 0)
			continue;
		event.kind = SMX_QUEUE_VERIFIED;
		event.presence = SMX_PRESENCE_ABSENT;
		event.token = token;
		engine_queue_event(engine, &event, at);
		return;
	}
}

int
main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	struct engine_options options = { .peers = 1,
		.heartbeat_ms = 3600000,
		.takeover_after_ms = 3600000,
		.probes = 3,
		.retry_ms = 500,
		.amend_ms = 3600000,
		.max_open = 2 * count + 1,
		.max_notices = 1000 };
	struct smx_queue_state state = { .links_known = 1 };
	struct smx_key *keys = calloc(count, sizeof(*keys));
	struct engine_counts counts;
	struct engine *engine;
	int64_t began;
	long before;

	if (count == 0 || keys == NULL ||
	    key_random(options.incarnation, 16) != SMX_OK ||
	    key_random(options.epoch.id, 16) != SMX_OK)
		return 64;
	options.epoch.counter = 1;
	state.epoch = options.epoch;
	if (engine_new(&engine, &options, 0) != SMX_OK)
		return 1;
	engine_queue_state(engine, &state, 0);
	memset(keys, 1, count * sizeof(*keys));
	before = resident_kib();
	began = clock_mono_ms();
	for (unsigned long i = 0; i < count; i++)
		take(engine, i, &keys[i]);
	printf("%lu open in %.2f s, %.0f bytes each\n", count,
	    (double)(clock_mono_ms() - began) / 1000,
	    (double)(resident_kib() - before) * 1024 / (double)count);
	began = clock_mono_ms();
	for (unsigned long i = 0; i < 10000; i++) {
		struct smx_key key;

		take(engine, count + i, &key);
		finish(engine, count + i, &key);
	}
	engine_counts(engine, 4000, &counts);
	printf("10000 more taken and finished beside them: %.1f us each%s\n",
	    (double)(clock_mono_ms() - began) / 10,
	    counts.finished >= 10000 ? "" : ", NOT ALL FINISHED");
	engine_free(&engine);
	free(keys);
	return 0;
}
