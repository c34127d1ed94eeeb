/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_jobs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

/* A disk under a heavy load takes seconds; a client waits for minutes. */
#define PATIENCE_MS 10000

void
backup_jobs_init(struct backup_jobs *jobs)
{
	pthread_condattr_t attr;

	memset(jobs, 0, sizeof(*jobs));
	jobs->last = &jobs->first;
	jobs->patience_ms = PATIENCE_MS;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->wake, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&jobs->told, &attr);
	pthread_condattr_destroy(&attr);
}

void
backup_jobs_done(struct backup_jobs *jobs)
{
	pthread_mutex_destroy(&jobs->lock);
	pthread_cond_destroy(&jobs->wake);
	pthread_cond_destroy(&jobs->told);
}

void
backup_jobs_end(struct backup_jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->ending = 1;
	pthread_cond_signal(&jobs->wake);
	pthread_mutex_unlock(&jobs->lock);
}

/* ---- who asks ---- */

static int
is_refused(const struct backup_jobs *jobs)
{
	if (jobs->ending)
		return SMX_ECLOSED;
	return jobs->stalled ? SMX_ETIMEOUT : SMX_OK;
}

static void
append(struct backup_jobs *jobs, struct backup_job *job)
{
	*jobs->last = job;
	jobs->last = &job->next;
	pthread_cond_signal(&jobs->wake);
}

/* While fn runs its ctx is in use: with a ctx that is its caller's there is
 * nothing to do but to wait for that.  It waits for no disk but to read. */
static int
must_wait(const struct backup_job *job)
{
	return job->state == JOB_RUNS && job->late == NULL;
}

/* Non-zero: the time is over. */
static int
wait_for(struct backup_jobs *jobs, const struct backup_job *job)
{
	int64_t until = clock_mono_ms() + jobs->patience_ms;
	struct timespec at = { until / 1000, until % 1000 * 1000000L };

	while (job->state != JOB_DONE) {
		if (clock_mono_ms() >= until && !must_wait(job))
			return 1;
		if (clock_mono_ms() < until)
			(void)pthread_cond_timedwait(&jobs->told, &jobs->lock,
			    &at);
		else
			(void)pthread_cond_wait(&jobs->told, &jobs->lock);
	}
	return 0;
}

static void
stall(struct backup_jobs *jobs)
{
	if (jobs->stalled)
		return;
	jobs->stalled = 1;
	log_event(SMX_LOG_ERR, "backup-db-stalled", "waited_ms=%lld",
	    (long long)jobs->patience_ms);
}

/* It stays in the list; the writer passes it over, or tells late. */
static int
leave(struct backup_jobs *jobs, struct backup_job *job, int *given)
{
	stall(jobs);
	job->left = 1;
	if (job->state == JOB_WAITS) {
		job->late = NULL;
		return SMX_ETIMEOUT;
	}
	*given = job->late != NULL;
	return SMX_EUNSURE;
}

int
backup_jobs_ask(struct backup_jobs *jobs, backup_db_fn fn, void *ctx,
    backup_db_late_fn late, int *given)
{
	struct backup_job *job = calloc(1, sizeof(*job));
	int rc;

	*given = 0;
	if (job == NULL)
		return SMX_ENOMEM;
	*job = (struct backup_job){ .fn = fn,
		.ctx = ctx,
		.late = late,
		.state = JOB_WAITS };
	pthread_mutex_lock(&jobs->lock);
	rc = is_refused(jobs);
	if (rc == SMX_OK) {
		append(jobs, job);
		if (wait_for(jobs, job)) {
			rc = leave(jobs, job, given);
			job = NULL;
		} else {
			rc = job->result;
		}
	}
	pthread_mutex_unlock(&jobs->lock);
	free(job);
	return rc;
}

/* ---- the writer ---- */

struct backup_job *
backup_jobs_take(struct backup_jobs *jobs, size_t max)
{
	struct backup_job *list, *job;

	pthread_mutex_lock(&jobs->lock);
	while (jobs->first == NULL && !jobs->ending)
		pthread_cond_wait(&jobs->wake, &jobs->lock);
	list = job = jobs->first;
	for (; job != NULL && job->next != NULL && max > 1; max--)
		job = job->next;
	jobs->first = job != NULL ? job->next : NULL;
	if (jobs->first == NULL)
		jobs->last = &jobs->first;
	if (job != NULL)
		job->next = NULL;
	pthread_mutex_unlock(&jobs->lock);
	return list;
}

int
backup_jobs_begin(struct backup_jobs *jobs, struct backup_job *job)
{
	int left;

	pthread_mutex_lock(&jobs->lock);
	left = job->left;
	if (!left)
		job->state = JOB_RUNS;
	pthread_mutex_unlock(&jobs->lock);
	return !left;
}

/* Who has run out of patience meanwhile need not wait for the disk. */
void
backup_jobs_ran(struct backup_jobs *jobs, struct backup_job *job)
{
	pthread_mutex_lock(&jobs->lock);
	job->state = JOB_RAN;
	if (jobs->stalled)
		pthread_cond_broadcast(&jobs->told);
	pthread_mutex_unlock(&jobs->lock);
}

/* One whose caller has left belongs to nobody else. */
static void
tell_late(struct backup_job *list)
{
	while (list != NULL) {
		struct backup_job *next = list->next;

		if (list->late != NULL)
			list->late(list->ctx, list->result);
		free(list);
		list = next;
	}
}

void
backup_jobs_tell(struct backup_jobs *jobs, struct backup_job *list)
{
	struct backup_job *left = NULL;
	int goes_on;

	pthread_mutex_lock(&jobs->lock);
	while (list != NULL) {
		struct backup_job *next = list->next;

		list->state = JOB_DONE;
		if (list->left) {
			list->next = left;
			left = list;
		}
		list = next;
	}
	goes_on = jobs->stalled;
	jobs->stalled = 0;
	pthread_cond_broadcast(&jobs->told);
	pthread_mutex_unlock(&jobs->lock);
	if (goes_on)
		log_event(SMX_LOG_NOTICE, "backup-db-goes-on", "%s", "");
	tell_late(left);
}
