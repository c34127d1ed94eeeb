/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_JOBS_H
#define IO_BACKUP_JOBS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "io/backup_db.h"

/*
 * Changes on their way to the writer of backup_db.h, for backup_db.c only.  Who
 * asks waits for so long: a disk that does not answer holds up nobody for ever.
 * A change that has not begun by then is taken back; one that waits for the
 * disk may be made after all.  Meanwhile nobody else is let in.
 */
enum backup_job_state { JOB_WAITS = 1, JOB_RUNS, JOB_RAN, JOB_DONE };

struct backup_job {
	struct backup_job *next;
	backup_db_fn fn;
	void *ctx;
	backup_db_late_fn late; /* NULL: ctx is its caller's all the time */
	enum backup_job_state state;
	int result;
	int left; /* its caller does not wait any more */
};

struct backup_jobs {
	pthread_mutex_t lock;
	pthread_cond_t wake, told;
	struct backup_job *first, **last; /* under lock, like the rest */
	int ending;
	int stalled; /* somebody has waited in vain, and nothing came since */
	int64_t patience_ms;
};

void backup_jobs_init(struct backup_jobs *jobs);
void backup_jobs_done(struct backup_jobs *jobs);
void backup_jobs_end(struct backup_jobs *jobs); /* no more are let in */

int backup_jobs_ask(struct backup_jobs *jobs, backup_db_fn fn, void *ctx,
    backup_db_late_fn late, int *given) SMX_MUST_USE;

/* The writer's.  Waits for some, at most so many; NULL: there will be none. */
struct backup_job *backup_jobs_take(struct backup_jobs *jobs, size_t max);
/* Zero: it was taken back. */
int backup_jobs_begin(struct backup_jobs *jobs, struct backup_job *job);
void backup_jobs_ran(struct backup_jobs *jobs, struct backup_job *job);
/* All of them, with their results. */
void backup_jobs_tell(struct backup_jobs *jobs, struct backup_job *list);

#endif
