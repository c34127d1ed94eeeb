/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "flow.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shadowmx/err.h>

#include "base/log.h"
#include "inject.h"

/*
 *	flows KIND MOST [FLOW]
 *
 * Each flow with the first call of KIND (memory, eio, enospc, eintr, short)
 * failing, the second, and so on, MOST of them at most, spread evenly (0: all),
 * one alone, and those that follow it as well.
 */
static const struct flow *const flows[] = { &flow_configuration, &flow_table,
	&flow_postcat, &flow_spill, &flow_fencebook, &flow_onecopy,
	&flow_marker, &flow_key, &flow_store_memory, &flow_store, &flow_hosts,
	&flow_delivery, &flow_delivery_part, NULL };
static const char *const kinds[] = { "memory", "eio", "enospc", "eintr",
	"short" };

#define LONGEST_S 60

struct outcome {
	unsigned long calls;
	int result;
};

static struct outcome *outcome;
static int verbose;
const char *flow_folder;

char *
flow_path(const char *name)
{
	static char path[8][256];
	static unsigned next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", flow_folder, name);
	return p;
}

void
flow_must(int true_that, const char *claim)
{
	if (true_that)
		return;
	inject_disarm();
	fprintf(stderr, "it is not so: %s\n", claim);
	fflush(stderr);
	_exit(3);
}

static void
quiet(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx, (void)level;
	if (verbose)
		fprintf(stderr, "%s\n", line);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

/* ---- in a process of its own ---- */

static void
live(const struct flow *flow, const struct inject *what)
{
	alarm(LONGEST_S);
	smx_log_set(quiet, NULL, SMX_LOG_DEBUG);
	if (flow->sqlite)
		inject_sqlite();
	if (flow->prepare != NULL)
		flow->prepare();
	inject_arm(what);
	outcome->result = flow->act();
	outcome->calls = inject_disarm();
	if (flow->judge != NULL)
		flow->judge();
	flow_must(flow->act() == SMX_OK, "it can be done afterwards");
	if (flow->judge != NULL)
		flow->judge();
}

/* Its exit status. */
static int
run(const struct flow *flow, const struct inject *what)
{
	char folder[] = "/dev/shm/flows.XXXXXX";
	int status = -1;
	pid_t pid;

	if (mkdtemp(folder) == NULL)
		abort();
	flow_folder = folder;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		live(flow, what);
		exit(EXIT_SUCCESS); /* here leaks are looked for */
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return status;
}

/* ---- one after the other ---- */

struct sum {
	unsigned long runs, refused, failed;
};

static void
once(const struct flow *flow, const struct inject *what, struct sum *sum)
{
	int status = run(flow, what);

	sum->runs++;
	sum->refused += outcome->result != SMX_OK;
	if (status == 0)
		return;
	sum->failed++;
	printf("FAIL %s: %s, call %lu and %lu in all: status %#x\n", flow->name,
	    kinds[what->kind], what->from, what->count, (unsigned)status);
}

static int
campaign(const struct flow *flow, enum inject_kind kind, unsigned long most)
{
	struct inject what = { .kind = kind };
	struct sum sum = { 0, 0, 0 };
	unsigned long calls, step;

	once(flow, &what, &sum);
	calls = outcome->calls;
	step = most == 0 || calls <= most ? 1 : (calls + most - 1) / most;
	for (unsigned long at = 1; at <= calls; at += step) {
		/* Somewhere in each step, and elsewhere for each kind. */
		what.from = at + (at / step * 7 + (unsigned)kind) % step;
		what.count = 1;
		once(flow, &what, &sum);
		/* No call is interrupted for ever. */
		what.count = at % 2 != 0 ? 3 : kind == INJECT_EINTR ? 30 : 0;
		once(flow, &what, &sum);
	}
	printf("%s %s, %s: %lu calls, %lu runs, %lu came to an error\n",
	    sum.failed == 0 ? "ok  " : "FAIL", flow->name, kinds[kind], calls,
	    sum.runs, sum.refused);
	return sum.failed == 0;
}

/* One run, told: flows KIND =FROM,COUNT FLOW */
static int
told(const struct flow *flow, enum inject_kind kind, const char *text)
{
	struct inject what = { .kind = kind };
	char *end;
	int status;

	verbose = 1;
	what.from = strtoul(text, &end, 10);
	what.count = *end == ',' ? strtoul(end + 1, NULL, 10) : 1;
	status = run(flow, &what);
	printf("%s: %s, status %#x\n", flow->name, smx_errname(outcome->result),
	    (unsigned)status);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	int kind = 0, passed = 0, failed = 0;

	while (kind < INJECT_KINDS &&
	       (argc < 3 || strcmp(kinds[kind], argv[1]) != 0))
		kind++;
	if (kind == INJECT_KINDS)
		return 64;
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		return EXIT_FAILURE;
	for (size_t i = 0; flows[i] != NULL; i++) {
		if (argc > 3 && strcmp(argv[3], flows[i]->name) != 0)
			continue;
		if (argv[2][0] == '=')
			return told(flows[i], (enum inject_kind)kind,
			    argv[2] + 1);
		if (campaign(flows[i], (enum inject_kind)kind,
			strtoul(argv[2], NULL, 10)))
			passed++;
		else
			failed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return passed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
