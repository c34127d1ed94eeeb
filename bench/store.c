/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/store.h>

#include "base/clock.h"
#include "base/key.h"

/*
 * store [THREADS [BYTES [SECONDS [FOLDER [OPEN [NET]]]]]]
 *
 * Every thread stores shadows of BYTES one after the other and drops each one
 * as soon as it is durable, eight to a drop, as a holder does.  FOLDER should
 * lie on the disk that is meant; without it, or with "-", a new one below
 * TMPDIR is used.  OPEN shadows of 1 KiB are there before the measurement
 * begins, and stay. With NET 1 what is dropped goes into a safety net, as
 * delivered; how much of it got there is told, and the ratio of two runs is
 * what a net costs. Beside it: how often a second the disk syncs one block of 4
 * KiB.
 */
struct job {
	struct smx_store *store;
	unsigned number;
	size_t size;
	int64_t until_mono_ms;
	uint64_t stored;
	int64_t *waits_us;
	size_t waits;
	int error;
	uint64_t keep; /* this many and no end, instead of the time */
};

#define OPEN_BYTES 1024
#define FILLERS    200

#define BATCH     8
#define WAITS_MAX 200000

static int
store_one(struct job *job, const struct smx_key *key, const char *bytes)
{
	static const char envelope[] =
	    "CLIENT mail.example.org 192.0.2.7\r\n"
	    "MAIL <sender@example.org> BODY=8BITMIME\r\n"
	    "RCPT <recipient@example.com>\r\n";
	const struct smx_store_ops *ops = job->store->ops;
	struct smx_shadow_head head = { .key = *key,
		.primary = "mx1.example.org",
		.queue_id = "4jXKs0000zABC",
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 1,
		.size = job->size,
		.now_ms = clock_wall_ms() };
	struct smx_draft *draft = NULL;
	int result = ops->begin(job->store->ctx, &head, &draft);

	for (size_t at = 0; result == SMX_OK && at < job->size; at += 65536)
		result = ops->write(job->store->ctx, draft, bytes + at,
		    job->size - at < 65536 ? job->size - at : 65536);
	if (result != SMX_OK)
		return result;
	return ops->commit(job->store->ctx, &draft);
}

static void *
run(void *arg)
{
	struct job *job = arg;
	struct smx_key batch[BATCH];
	char *bytes = calloc(1, job->size + 1);
	size_t held = 0, foreign;
	struct smx_key key;

	memset(&key, 0, sizeof(key));
	key.incarnation[0] = (uint8_t)job->number;
	if (bytes == NULL || key_random(bytes, job->size) != SMX_OK)
		job->error = SMX_ENOMEM;
	while (job->error == SMX_OK && clock_mono_ms() < job->until_mono_ms) {
		struct timespec a, b;

		key.counter++;
		clock_gettime(CLOCK_MONOTONIC, &a);
		job->error = store_one(job, &key, bytes);
		clock_gettime(CLOCK_MONOTONIC, &b);
		if (job->error != SMX_OK)
			break;
		job->stored++;
		if (job->waits < WAITS_MAX)
			job->waits_us[job->waits++] =
			    (b.tv_sec - a.tv_sec) * 1000000 +
			    (b.tv_nsec - a.tv_nsec) / 1000;
		batch[held++] = key;
		if (held == BATCH) {
			job->error = job->store->ops->finish(job->store->ctx,
			    "mx1.example.org", batch, held, &foreign);
			held = 0;
		}
	}
	free(bytes);
	return NULL;
}

static void *
fill_run(void *arg)
{
	struct job *job = arg;
	char bytes[OPEN_BYTES];
	struct smx_key key;

	memset(&key, 0, sizeof(key));
	key.incarnation[0] = (uint8_t)job->number;
	key.incarnation[1] = 1;
	job->error = key_random(bytes, sizeof(bytes));
	while (job->error == SMX_OK && key.counter < job->keep) {
		key.counter++;
		job->error = store_one(job, &key, bytes);
	}
	return NULL;
}

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

/* Many at a time, so that a commit takes many. */
static int
fill(struct smx_store *store, uint64_t open)
{
	struct job jobs[FILLERS];
	pthread_t thread[FILLERS];
	long before = resident_kib();
	int64_t began = clock_mono_ms();

	memset(jobs, 0, sizeof(jobs));
	for (unsigned t = 0; t < FILLERS; t++) {
		jobs[t].store = store;
		jobs[t].number = t;
		jobs[t].size = OPEN_BYTES;
		jobs[t].keep = open / FILLERS;
		if (pthread_create(&thread[t], NULL, fill_run, &jobs[t]) != 0)
			exit(1);
	}
	for (unsigned t = 0; t < FILLERS; t++) {
		pthread_join(thread[t], NULL);
		if (jobs[t].error != SMX_OK)
			return jobs[t].error;
	}
	printf("%llu open in %.1f s, resident memory %ld KiB more\n",
	    (unsigned long long)(open / FILLERS * FILLERS),
	    (double)(clock_mono_ms() - began) / 1000, resident_kib() - before);
	return SMX_OK;
}

static double
syncs_a_second(const char *folder)
{
	char path[512], block[4096] = "";
	int64_t began, ended;
	unsigned count = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/sync.XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		return 0;
	unlink(path);
	began = clock_mono_ms();
	do {
		if (pwrite(fd, block, sizeof(block), 0) < 0 ||
		    fdatasync(fd) != 0)
			break;
		count++;
		ended = clock_mono_ms();
	} while (ended - began < 500);
	close(fd);
	return count / 0.5;
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(struct job *jobs, unsigned threads, struct smx_store *store,
    double seconds, const char *folder, uint64_t commits)
{
	struct smx_store_stats stats;
	int64_t *all = calloc((size_t)threads * WAITS_MAX, sizeof(*all));
	uint64_t stored = 0;
	size_t n = 0;

	if (all == NULL || store->ops->stats(store->ctx, &stats) != SMX_OK)
		exit(1);
	for (unsigned t = 0; t < threads; t++) {
		if (jobs[t].error != SMX_OK)
			printf("thread %u: %s\n", t,
			    smx_errname(jobs[t].error));
		stored += jobs[t].stored;
		memcpy(all + n, jobs[t].waits_us, jobs[t].waits * sizeof(*all));
		n += jobs[t].waits;
	}
	qsort(all, n, sizeof(*all), by_size);
	printf("threads %u bytes %zu: %.0f shadows/s, %.0f commits/s, "
	       "%.1f shadows a commit, wait p50 %.2f ms p99 %.2f ms, "
	       "disk %.0f syncs/s\n",
	    threads, jobs[0].size, (double)stored / seconds,
	    (double)(stats.commits - commits) / seconds,
	    stats.commits == commits
		? 0.0
		: (double)stored / (double)(stats.commits - commits),
	    n == 0 ? 0.0 : (double)all[n / 2] / 1000,
	    n == 0 ? 0.0 : (double)all[n - n / 100 - 1] / 1000,
	    syncs_a_second(folder));
	if (stats.net_on)
		printf("safety net: %llu messages in %llu slices, %llu wait, "
		       "%llu missed\n",
		    (unsigned long long)stats.net_messages,
		    (unsigned long long)stats.net_slices,
		    (unsigned long long)stats.net_waiting,
		    (unsigned long long)stats.net_missed);
	free(all);
}

static int
measure(unsigned threads, size_t size, int64_t seconds, const char *folder,
    uint64_t open, int net)
{
	struct smx_store_stats stats;
	struct smx_store_options options = { .path = folder,
		.body_file_bytes = 256 * 1024,
		.tombstone_ms = (int64_t)86400 * 1000,
		.net_keep_ms = net ? (int64_t)86400 * 1000 : 0,
		.net_slice_ms = (int64_t)3600 * 1000,
		.net_bytes = (uint64_t)10 << 30 };
	struct job *jobs = calloc(threads, sizeof(*jobs));
	pthread_t *thread = calloc(threads, sizeof(*thread));
	struct smx_store store;
	char why[256] = "";
	int64_t began;

	if (jobs == NULL || thread == NULL ||
	    smx_store_open_sqlite(&store, &options, why, sizeof(why)) !=
		SMX_OK) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	if ((open != 0 && fill(&store, open) != SMX_OK) ||
	    store.ops->stats(store.ctx, &stats) != SMX_OK)
		return 1;
	began = clock_mono_ms();
	for (unsigned t = 0; t < threads; t++) {
		jobs[t] = (struct job){ .store = &store,
			.number = t,
			.size = size,
			.until_mono_ms = began + seconds * 1000 };
		jobs[t].waits_us = calloc(WAITS_MAX, sizeof(int64_t));
		if (jobs[t].waits_us == NULL ||
		    pthread_create(&thread[t], NULL, run, &jobs[t]) != 0)
			return 1;
	}
	for (unsigned t = 0; t < threads; t++)
		pthread_join(thread[t], NULL);
	report(jobs, threads, &store, (double)(clock_mono_ms() - began) / 1000,
	    folder, stats.commits);
	smx_store_close(&store);
	for (unsigned t = 0; t < threads; t++)
		free(jobs[t].waits_us);
	free(jobs);
	free(thread);
	return 0;
}

static long
number(const char *text)
{
	uint64_t value;

	if (number_parse(text, strlen(text), 1u << 30, &value) != SMX_OK) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(64);
	}
	return (long)value;
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	char folder[256];

	if (argc > 4 && strcmp(argv[4], "-") != 0)
		snprintf(folder, sizeof(folder), "%s", argv[4]);
	else
		snprintf(folder, sizeof(folder), "%s/bench_store.XXXXXX",
		    tmp != NULL ? tmp : "/tmp");
	if ((argc <= 4 || strcmp(argv[4], "-") == 0) && mkdtemp(folder) == NULL)
		return 1;
	return measure(argc > 1 ? (unsigned)number(argv[1]) : 20,
	    argc > 2 ? (size_t)number(argv[2]) : 4096,
	    argc > 3 ? number(argv[3]) : 3, folder,
	    argc > 5 ? (uint64_t)number(argv[5]) : 0,
	    argc > 6 && number(argv[6]) != 0);
}
