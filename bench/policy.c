/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Policy at scale: how long a table of recipients takes to load, what it costs
 * in memory and how long a recipient is looked up.
 *
 *	policy [RECIPIENTS] [TURNS]
 *
 * Prints one line: load_s, bytes_each (growth of the process, slots and all),
 * hit_ns, miss_ns, reload_peak_bytes_each (old and new one together).
 */
#include "config.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/policy.h>

#define NAME_BYTES 64
#define ASKED      65536

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long
resident_bytes(void)
{
	long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

/* Spread over domains as those of a large host are. */
static void
recipient(char out[NAME_BYTES], size_t i, const char *what)
{
	snprintf(out, NAME_BYTES, "%s.%zu@customer-%zu.example", what, i,
	    i * 2654435761u % 20011);
}

static int
table_write(const char *path, size_t count)
{
	FILE *f = fopen(path, "w");
	char name[NAME_BYTES];

	if (f == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		recipient(name, i, "user");
		fprintf(f, "%s\tOK\n", name);
	}
	return fclose(f);
}

static void
report(void *ctx, const struct smx_config_problem *problem)
{
	char line[1024];

	(void)ctx;
	smx_config_problem_format(problem, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
}

static struct smx_config *
load(const char *table)
{
	struct smx_config *config = NULL;
	char text[1024];

	snprintf(text, sizeof(text),
	    "node = \"bench.example\";\n"
	    "defaults = { acknowledge = { when = (); }; };\n"
	    "policies = ( { name = \"listed\";\n"
	    " match = { recipient_tables = \"%s\"; }; } );\n",
	    table);
	if (smx_config_parse(&config, text, "bench", report, NULL) != SMX_OK)
		exit(1);
	return config;
}

/* The names are made before, so that only the look-up counts; they are spread
 * over the table, so that caches help no more than they would. */
static double
look_up_ns(const struct smx_config *config, size_t count, size_t turns,
    const char *what, const char *policy)
{
	struct smx_client client = { .address = "192.0.2.1" };
	char(*names)[NAME_BYTES] = calloc(ASKED, sizeof(*names));
	struct smx_ack ack;
	double began;

	if (names == NULL)
		exit(1);
	for (size_t i = 0; i < ASKED; i++)
		recipient(names[i], i * 7919u % count, what);
	began = seconds();
	for (size_t i = 0; i < turns; i++)
		if (smx_policy_recipient(config, &client, names[i % ASKED],
			SMX_SIZE_UNKNOWN, &ack) != SMX_OK ||
		    strcmp(ack.policy, policy) != 0) {
			fprintf(stderr, "%s: %s\n", names[i % ASKED],
			    ack.policy);
			exit(1);
		}
	free(names);
	return (seconds() - began) * 1e9 / (double)turns;
}

int
main(int argc, char **argv)
{
	size_t count = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000000;
	size_t turns = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 2000000;
	char path[] = "/tmp/shadowmx-bench-policy.XXXXXX";
	int fd = mkstemp(path);
	struct smx_config *config, *again;
	double began, took, hit, miss;
	long before, after, both;

	if (fd < 0 || count == 0 || table_write(path, count) != 0)
		return 1;
	close(fd);
	malloc_trim(0);
	before = resident_bytes();
	began = seconds();
	config = load(path);
	took = seconds() - began;
	after = resident_bytes();
	hit = look_up_ns(config, count, turns, "user", "listed");
	miss = look_up_ns(config, count, turns, "nobody", "defaults");
	again = load(path);
	both = resident_bytes();
	printf("recipients=%zu load_s=%.2f bytes_each=%.1f hit_ns=%.0f "
	       "miss_ns=%.0f reload_peak_bytes_each=%.1f\n",
	    count, took, (double)(after - before) / (double)count, hit, miss,
	    (double)(both - before) / (double)count);
	smx_config_release(&again);
	smx_config_release(&config);
	(void)unlink(path);
	return 0;
}
