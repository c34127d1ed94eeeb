/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "mutate.h"

/*
 *	fuzz SECONDS [TARGET [SEED]]	change good input, and look at what
 *comes fuzz -r TARGET FILE		run one input again
 *
 * FUZZ_CORPUS names a folder of input to begin with, in a file for each target;
 * FUZZ_KEEP one where some of what came to something new is left.
 *
 * A child of its own does the work.  When it dies, the input that it was at is
 * left in the present folder.
 */
/* For 256 inputs, each of which takes less than a millisecond: of the
 * processor, which others may have, and by the clock, in case one waits for
 * ever. */
#define EACH_CPU_S 10
#define EACH_S     120

struct shared {
	unsigned long runs;
	size_t kept;
	size_t len;
	char data[FUZZ_LEN_MAX];
};

static struct shared *shared;
static unsigned char seen[1 << 16];
static int fresh;

void
fuzz_saw(unsigned what)
{
	unsigned char *at = &seen[(what ^ what >> 16) & 0xffff];

	fresh |= *at == 0;
	*at = 1;
}

static void
quiet(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The input is at the end of its memory, where the next byte is nobody's. */
static void
run_one(const struct fuzz_target *target, const char *data, size_t len)
{
	char *copy = malloc(len == 0 ? 1 : len);

	if (copy == NULL)
		abort();
	memcpy(copy, data, len);
	fresh = 0;
	target->run(copy, len);
	free(copy);
}

static void
work(const struct fuzz_target *target, double seconds, uint64_t seed)
{
	struct corpus corpus;
	const struct itimerval limit = { { 0, 0 }, { EACH_S, 0 } };
	const struct itimerval limit_cpu = { { 0, 0 }, { EACH_CPU_S, 0 } };
	const char *saved = getenv("FUZZ_CORPUS"), *keep = getenv("FUZZ_KEEP");
	double until = now() + seconds;
	size_t given;

	corpus_open(&corpus, target, seed);
	if (saved != NULL)
		corpus_load(&corpus, saved, target->name);
	given = corpus.count;
	do {
		shared->len = corpus_next(&corpus, shared->data, FUZZ_LEN_MAX);
		if (shared->runs++ % 256 == 0) {
			setitimer(ITIMER_REAL, &limit, NULL);
			setitimer(ITIMER_PROF, &limit_cpu, NULL);
		}
		run_one(target, shared->data, shared->len);
		if (fresh)
			corpus_keep(&corpus, shared->data, shared->len);
		shared->kept = corpus.count;
	} while (
	    corpus.unchanged > 0 || shared->runs % 64 != 0 || now() < until);
	if (keep != NULL)
		corpus_save(&corpus, given, keep, target->name);
	corpus_close(&corpus);
}

static void
leave_input(const struct fuzz_target *target, int status)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "crash-%s.XXXXXX", target->name);
	f = fdopen(mkstemp(path), "w");
	if (f == NULL)
		return;
	fwrite(shared->data, 1, shared->len, f);
	fclose(f);
	printf("FAIL %s: status %#x, input in %s\n", target->name,
	    (unsigned)status, path);
}

/* How many failed: none or one. */
static int
campaign(const struct fuzz_target *target, double seconds, uint64_t seed)
{
	pid_t pid;
	int status = -1;

	memset(shared, 0, sizeof(*shared));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		work(target, seconds, seed);
		exit(EXIT_SUCCESS); /* here leaks are looked for */
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0) {
		leave_input(target, status);
		return 1;
	}
	printf("ok   %s: %lu inputs, %zu kept, seed %llu\n", target->name,
	    shared->runs, shared->kept, (unsigned long long)seed);
	return 0;
}

static int
again(const char *name, const char *path)
{
	const struct fuzz_target *target = fuzz_target_find(name);
	static char data[FUZZ_LEN_MAX];
	FILE *f = fopen(path, "r");
	size_t len;

	if (target == NULL || f == NULL) {
		fprintf(stderr, "no such target or file\n");
		return 64;
	}
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	run_one(target, data, len);
	return EXIT_SUCCESS;
}

static FILE *
file_open(const char *folder, const char *name, size_t n)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s%s%zu", folder, name, n);
	if (n == 0)
		path[strlen(path) - 1] = '\0';
	return fopen(path, "w");
}

/* For clang's fuzzer, which takes both: good input and what was saved, and the
 * words. */
static int
write_seeds(const char *name, const char *folder)
{
	const struct fuzz_target *target = fuzz_target_find(name);
	const char *saved = getenv("FUZZ_CORPUS");
	struct corpus corpus;
	FILE *f;

	if (target == NULL)
		return 64;
	corpus_open(&corpus, target, 1);
	if (saved != NULL)
		corpus_load(&corpus, saved, name);
	for (size_t i = 0; i < corpus.count; i++) {
		f = file_open(folder, "/seed", i + 1);
		if (f == NULL)
			return EXIT_FAILURE;
		fwrite(corpus.kept[i].data, 1, corpus.kept[i].len, f);
		if (fclose(f) != 0)
			return EXIT_FAILURE;
	}
	corpus_close(&corpus);
	f = file_open(folder, ".dict", 0);
	if (f == NULL)
		return EXIT_FAILURE;
	for (size_t i = 0; target->words[i] != NULL; i++) {
		fputc('"', f);
		for (const char *p = target->words[i]; *p != '\0'; p++)
			fprintf(f, "\\x%02x", (unsigned char)*p);
		fputs("\"\n", f);
	}
	return fclose(f) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)time(NULL);
	int passed = 0, failed = 0;
	double seconds;

	smx_log_set(quiet, NULL, SMX_LOG_ERR);
	if (argc == 4 && strcmp(argv[1], "-r") == 0)
		return again(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "-s") == 0)
		return write_seeds(argv[2], argv[3]);
	seconds = argc > 1 ? strtod(argv[1], NULL) : 0;
	if (seconds <= 0)
		return 64;
	if (argc > 3)
		seed = strtoull(argv[3], NULL, 10);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return EXIT_FAILURE;
	for (size_t i = 0; fuzz_targets[i] != NULL; i++) {
		if (argc > 2 && argv[2][0] != '\0' &&
		    strcmp(argv[2], fuzz_targets[i]->name) != 0)
			continue;
		failed += campaign(fuzz_targets[i], seconds, seed);
		passed++;
	}
	passed -= failed;
	printf("%d passed, %d failed\n", passed, failed);
	return passed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
