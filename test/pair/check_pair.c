/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/key.h"

/*
 * check_pair FIRST LAST: run these seeds and report.  PAIR_TRACE=1 tells the
 * course of events of each, PAIR_FENCE=0 runs them without fencing,
 * PAIR_GUARD=1 with a guard against resends.  Exit 0: every seed held; 1: one
 * did not.
 */
static void
add(struct figures *sum, const struct figures *f)
{
	uint64_t *a = (uint64_t *)sum;
	const uint64_t *b = (const uint64_t *)f;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*a); i++)
		a[i] += b[i];
}

static void
report(const struct figures *f)
{
	printf("messages %llu, acknowledged %llu (unprotected %llu), "
	       "given up by their clients %llu\n",
	    (unsigned long long)f->messages, (unsigned long long)f->acked,
	    (unsigned long long)f->unprotected,
	    (unsigned long long)f->given_up);
	printf("delivered %llu, kept and shown %llu, lost as they were "
	       "unprotected %llu, duplicates %llu\n",
	    (unsigned long long)f->delivered, (unsigned long long)f->kept,
	    (unsigned long long)f->excused, (unsigned long long)f->duplicates);
	printf("faults %llu, hosts lost %llu, shadows claimed %llu, yielded "
	       "%llu, delivered by others %llu\n",
	    (unsigned long long)f->faults, (unsigned long long)f->lost_hosts,
	    (unsigned long long)f->claimed, (unsigned long long)f->yielded,
	    (unsigned long long)f->taken);
	printf("with several holders %llu, amended %llu, passed by %llu, "
	       "copied from the queue %llu\n",
	    (unsigned long long)f->several, (unsigned long long)f->amended,
	    (unsigned long long)f->passed, (unsigned long long)f->copied);
	printf("late copies that were dropped %llu, put aside %llu; taken over "
	       "by two in the dark %llu\n",
	    (unsigned long long)f->late, (unsigned long long)f->aside,
	    (unsigned long long)f->in_vain);
	printf("resends kept out %llu, messages delivered for two attempts "
	       "%llu\n",
	    (unsigned long long)f->resent, (unsigned long long)f->again);
	printf("deliveries %llu, of a message more than once %llu (without a "
	       "fault, or too often %llu), lost %llu\n",
	    (unsigned long long)f->deliveries, (unsigned long long)f->repeated,
	    (unsigned long long)f->over, (unsigned long long)f->lost);
	printf("fenced %llu, erased %llu, given back %llu, released as second "
	       "copies %llu\n",
	    (unsigned long long)f->fenced, (unsigned long long)f->erased,
	    (unsigned long long)f->given_back, (unsigned long long)f->second);
}

static int
one(uint64_t seed, int trace, struct figures *sum)
{
	const char *fence = getenv("PAIR_FENCE");
	const char *guard = getenv("PAIR_GUARD");
	struct world *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL)
		abort();
	w->trace = trace;
	w->fencing = fence == NULL || *fence != '0';
	w->guard = guard != NULL && *guard == '1';
	r = world_run(w, seed);
	if (r != 0)
		printf("seed %llu: %s\n", (unsigned long long)seed, w->wrong);
	add(sum, &w->sum);
	free(w);
	return r;
}

int
main(int argc, char **argv)
{
	const char *trace = getenv("PAIR_TRACE");
	uint64_t first = 1, last = 1000, passed = 0, failed = 0;
	struct figures sum;

	if ((argc > 1 && number_parse(argv[1], strlen(argv[1]), UINT64_MAX,
			     &first) != SMX_OK) ||
	    (argc > 2 && number_parse(argv[2], strlen(argv[2]), UINT64_MAX,
			     &last) != SMX_OK))
		return 2;
	memset(&sum, 0, sizeof(sum));
	for (uint64_t seed = first; seed <= last; seed++) {
		if (one(seed, trace != NULL && *trace == '1', &sum) == 0)
			passed++;
		else
			failed++;
		if (failed == 10)
			break; /* enough to look at */
	}
	report(&sum);
	printf("%llu passed, %llu failed\n", (unsigned long long)passed,
	    (unsigned long long)failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
