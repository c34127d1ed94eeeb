/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFCAT_RUN_H
#define IO_PFCAT_RUN_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/err.h>

#include "core/pfcat.h"

/*
 * Postfix's postcat(1), run without a shell, a search path or an environment.
 * It is given files that are open already, so nothing can be moved away under
 * it or put in their place, and writes into a file: nobody needs to read while
 * it runs.  What it may write and how long it may take are limited; it is
 * reaped in any case.
 *
 * The owner of the queue may run it: it needs no privilege beyond reading the
 * files, and the folder of the configuration need not be one that Postfix
 * knows.  One run over a hundred files takes little longer than over one.
 */
#define PFCAT_WORDS 512 /* kept of what it says on standard error */

/* Read by any thread once it was found. */
struct pfcat_tool {
	char program[PATH_MAX]; /* "": there is none */
	char config_directory[PATH_MAX];
};

/* By the configuration in config_directory.  SMX_ENOTFOUND.  Forks. */
int pfcat_tool_find(struct pfcat_tool *tool, char *why,
    size_t why_size) SMX_MUST_USE;

/* PFCAT_WHOLE: of one file, the content between the records. */
enum pfcat_part { PFCAT_ENVELOPE, PFCAT_WHOLE };

struct pfcat_run {
	pid_t pid;  /* 0: none */
	int err_fd; /* readable when there is something to do; -1 closed */
	int64_t until_mono_ms;
	char words[PFCAT_WORDS];
	size_t words_len;
};

/* "/proc/self/fd/N": what a file is called in the output. */
#define PFCAT_NAME 32
void pfcat_name(int fd, char out[PFCAT_NAME]);
/* The same file by a name with 128 random bits in it, see pfcat_split.h.
 * SMX_EIO. */
int pfcat_secret_name(int fd, char out[PFCAT_LABEL]) SMX_MUST_USE;

/* SMX_EIO.  files and out are lent until the end of the run.  name: what the
 * only file is called, NULL: pfcat_name. */
int pfcat_run_start(struct pfcat_run *run, const struct pfcat_tool *tool,
    enum pfcat_part part, const int *files, size_t count, const char *name,
    int out, uint64_t out_max, int64_t until_mono_ms) SMX_MUST_USE;
/* SMX_ETEMP: it goes on.  Else it has ended and is reaped: SMX_OK, SMX_EIO (its
 * own failure, or over out_max), SMX_ETIMEOUT. */
int pfcat_run_turn(struct pfcat_run *run);
void pfcat_run_kill(struct pfcat_run *run);

#endif
