/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFCAT_JOB_H
#define IO_PFCAT_JOB_H

#include "core/pfcat.h"
#include "io/pfcat_run.h"

/*
 * The envelopes of some open queue files: a run of postcat, and its output read
 * in slices, so that whoever takes turns has time for other things.
 */
#define PFCAT_OUTPUT_MAX (16u * 1024 * 1024) /* of one run */

struct pfcat_job {
	struct pfcat_run run;
	int out_fd; /* in memory; -1 none */
	int running;
	int result; /* of the run */
	uint64_t at, size;
	struct pfcat cat;
};

/* Files are lent until the end.  Ends with pfcat_job_end, started or not; a job
 * that is all zero with out_fd -1 needs none. */
int pfcat_job_start(struct pfcat_job *job, const struct pfcat_tool *tool,
    const int *files, size_t count, int64_t until_mono_ms) SMX_MUST_USE;
/* SMX_ETEMP: it goes on.  Else job->cat holds what there was, and the result is
 * the run's. */
int pfcat_job_turn(struct pfcat_job *job);
/* How long nothing will be there to do unless run.err_fd is readable. */
int64_t pfcat_job_wait_ms(const struct pfcat_job *job);
void pfcat_job_end(struct pfcat_job *job);

/* The same for a run alone. */
int64_t pfcat_run_wait_ms(const struct pfcat_run *run);

#endif
