/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The ledger of recipients of a backup MX at its size: how long one is looked
 * up, alone and while others are being learned.
 *
 *	ledger [RECIPIENTS] [TURNS]
 *
 * Prints one line: load_s and bytes_each (of the file), bare_us (a look into
 * a table without a row, the yardstick), hit_us, miss_us (means), half_us and
 * p99_us (of hits),
 * learning_us (hits while a batch is written every 10 ms), open_s (it counts
 * them), and of a table of as many first tries first_ns, again_ns and
 * first_bytes_each.
 */
#include "config.h"

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/firsttry.h"
#include "io/backup_rcpts.h"

#define DOMAINS 1009
#define BATCH   10000
#define NOW     INT64_C(1800000000000)
#define DAY     INT64_C(86400000)

static char folder[] = "/tmp/shadowmx-bench-ledger.XXXXXX";
static struct backup_db *db;
static struct backup_rcpts *rcpts;
static struct backup_rcpts_limits limits = { UINT64_MAX / 4,
	{ 31 * DAY, 7 * DAY, 3 * DAY, DAY / 8 }, NOW };
static size_t count;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(int rc, const char *what)
{
	if (rc == SMX_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, smx_strerror(rc));
	exit(1);
}

static void
name(struct addr *out, size_t i, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "%s.%zu@customer-%zu.example", what, i,
	    i * 2654435761u % DOMAINS);
	must(addr_read(out, text), text);
}

static void
open_ledger(void)
{
	char why[256] = "";

	if (backup_db_open(&db, folder, why, sizeof(why)) != SMX_OK) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	must(backup_rcpts_open(&rcpts, db), "count");
}

static void
close_ledger(void)
{
	backup_rcpts_close(&rcpts);
	backup_db_close(&db);
}

/* In the order of a stranger's, not of the index. */
static void
learn(size_t from, size_t n, const char *what)
{
	struct backup_rcpts_news *news = calloc(n, sizeof(*news));
	struct addr *names = calloc(n, sizeof(*names));
	size_t unkept;

	if (news == NULL || names == NULL)
		exit(1);
	for (size_t i = 0; i < n; i++) {
		name(&names[i], from + i, what);
		news[i] = (struct backup_rcpts_news){ names[i].domain,
			names[i].local, { 1, RCPT_FROM_PROBE, NOW } };
	}
	must(backup_rcpts_learn(rcpts, news, n, &limits, &unkept), "learn");
	free(news);
	free(names);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Seconds for one; half and p99 may be NULL. */
static double
look(size_t turns, const char *what, int found, double *half, double *p99)
{
	double *took = calloc(turns, sizeof(*took)), sum = 0;
	struct backup_rcpts_sight sight;
	struct addr addr;

	if (took == NULL)
		exit(1);
	for (size_t i = 0; i < turns; i++) {
		double began;

		name(&addr, i * 7919u % count, what);
		began = seconds();
		must(backup_rcpts_look(rcpts, &addr, &sight), "look");
		took[i] = seconds() - began;
		sum += took[i];
		if (sight.found != found)
			must(SMX_ENOTFOUND, addr.local);
	}
	qsort(took, turns, sizeof(*took), compare);
	if (half != NULL)
		*half = took[turns / 2];
	if (p99 != NULL)
		*p99 = took[turns * 99 / 100];
	free(took);
	return sum / (double)turns;
}

static const char empty_sql[] =
    "SELECT takes_all FROM catchall WHERE domain = ''";

static int
nothing(void *ctx, struct db *on)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(ctx, on, empty_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	rc = db_step(stmt);
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static double
bare(size_t turns)
{
	double began = seconds();

	for (size_t i = 0; i < turns; i++)
		must(backup_db_read(db, nothing, db), "bare");
	return (seconds() - began) / (double)turns;
}

static atomic_int enough;

static void *
learner(void *ctx)
{
	const struct timespec pause = { 0, 10000000 };

	(void)ctx;
	for (size_t i = 0; !atomic_load(&enough); i++) {
		learn(i * 100, 100, "more");
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static double
look_while_learning(size_t turns)
{
	pthread_t thread;
	double one;

	if (pthread_create(&thread, NULL, learner, NULL) != 0)
		exit(1);
	one = look(turns, "user", 1, NULL, NULL);
	atomic_store(&enough, 1);
	pthread_join(thread, NULL);
	return one;
}

static void
first_tries(void)
{
	struct firsttries *tries;
	struct clientnet net;
	char sender[64];
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	double took[2];

	must(firsttries_new(&tries, 1), "first tries");
	must(clientnet_of("192.0.2.1", &net), "network");
	for (int turn = 0; turn < 2; turn++) {
		took[turn] = seconds();
		for (size_t i = 0; i < count; i++) {
			snprintf(sender, sizeof(sender), "%zu@example.org", i);
			(void)firsttry_ask(tries, &net, sender,
			    "somebody@customer-1.example", 900000, count, 0);
		}
		took[turn] = seconds() - took[turn];
	}
	printf(" first_ns=%.0f again_ns=%.0f first_bytes_each=%.1f\n",
	    took[0] * 1e9 / (double)count, took[1] * 1e9 / (double)count,
	    (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) /
		(double)count);
	firsttries_free(&tries);
}

static void
clean(void)
{
	static const char *const names[] = { "backup.db", "backup.db-wal",
		"backup.db-shm" };
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

int
main(int argc, char **argv)
{
	size_t turns = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 200000;
	double began, load, opened, hit, half, p99, miss;
	char path[256];
	struct stat st;

	count = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000000;
	if (count == 0 || turns == 0 || mkdtemp(folder) == NULL)
		return 1;
	atexit(clean);
	open_ledger();
	began = seconds();
	for (size_t i = 0; i < count; i += BATCH)
		learn(i, count - i < BATCH ? count - i : BATCH, "user");
	load = seconds() - began;
	close_ledger();
	snprintf(path, sizeof(path), "%s/backup.db", folder);
	if (stat(path, &st) != 0)
		return 1;
	began = seconds();
	open_ledger();
	opened = seconds() - began;
	hit = look(turns, "user", 1, &half, &p99);
	miss = look(turns, "nobody", 0, NULL, NULL);
	printf("recipients=%zu load_s=%.1f bytes_each=%.1f open_s=%.2f "
	       "bare_us=%.2f hit_us=%.2f miss_us=%.2f half_us=%.2f p99_us=%.2f",
	    count, load, (double)st.st_size / (double)count, opened,
	    bare(turns) * 1e6, hit * 1e6, miss * 1e6, half * 1e6, p99 * 1e6);
	printf(" learning_us=%.2f", look_while_learning(turns) * 1e6);
	fflush(stdout);
	first_tries();
	close_ledger();
	return 0;
}
