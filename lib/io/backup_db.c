/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_db.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/backup_schema.h"
#include "io/fsutil.h"

#define STMTS_MAX 128
#define GROUP_MAX 256
#define LOG_PAGES 2048

struct kept {
	const char *sql; /* by its place: a constant */
	struct db_stmt *stmt;
};

struct side {
	struct db *db;
	struct kept kept[STMTS_MAX];
	size_t count;
};

struct job {
	struct job *next;
	backup_db_fn fn;
	void *ctx;
	int result;
	int done;
};

struct backup_db {
	struct side writer; /* the writer's thread alone */
	struct side reader; /* under read_lock */
	pthread_mutex_t read_lock;
	pthread_mutex_t lock;
	pthread_cond_t wake, told;
	struct job *first, **last; /* under lock */
	int ending;                /* under lock */
	int failed; /* the writer's: the file must not be trusted */
	pthread_t thread;
	int running;
};

static void
side_close(struct side *side)
{
	for (size_t i = 0; i < side->count; i++)
		db_finalize(&side->kept[i].stmt);
	side->count = 0;
	db_close(&side->db);
}

int
backup_db_stmt(struct backup_db *db, struct db *on, const char *sql,
    struct db_stmt **out)
{
	struct side *side = on == db->writer.db ? &db->writer : &db->reader;
	int rc;

	for (size_t i = 0; i < side->count; i++) {
		if (side->kept[i].sql == sql) {
			*out = side->kept[i].stmt;
			return SMX_OK;
		}
	}
	if (side->count == STMTS_MAX)
		return SMX_ELIMIT;
	rc = db_prepare(on, out, sql);
	if (rc == SMX_OK)
		side->kept[side->count++] = (struct kept){ sql, *out };
	return rc;
}

/* ---- the writer ---- */

/* One caller's change; what it did alone is taken back when it fails. */
static int
run_job(struct backup_db *db, struct job *job)
{
	int rc = db_exec(db->writer.db, "SAVEPOINT one");

	if (rc != SMX_OK) {
		job->result = rc;
		return rc;
	}
	job->result = job->fn(job->ctx, db->writer.db);
	if (job->result != SMX_OK)
		rc = db_exec(db->writer.db, "ROLLBACK TO one");
	if (rc == SMX_OK)
		rc = db_exec(db->writer.db, "RELEASE one");
	return rc;
}

static void
fail_jobs(struct job *jobs, int result)
{
	for (struct job *job = jobs; job != NULL; job = job->next)
		if (job->result == SMX_OK)
			job->result = result;
}

static int
is_room(int rc)
{
	return rc == SMX_EFULL || rc == SMX_ENOMEM || rc == SMX_EBUSY;
}

/* A commit that failed for another reason than room may stand after all, and
 * nothing is written on top of it. */
static void
run_jobs(struct backup_db *db, struct job *jobs)
{
	int rc = db->failed ? SMX_EIO : db_begin(db->writer.db);

	if (rc != SMX_OK) {
		for (struct job *job = jobs; job != NULL; job = job->next)
			job->result = rc;
		return;
	}
	for (struct job *job = jobs; job != NULL && rc == SMX_OK;
	     job = job->next)
		rc = run_job(db, job);
	if (rc != SMX_OK) {
		db_rollback(db->writer.db);
		for (struct job *job = jobs; job != NULL; job = job->next)
			job->result = rc;
		return;
	}
	rc = db_commit(db->writer.db);
	if (rc == SMX_OK)
		return;
	db_rollback(db->writer.db);
	db->failed = !is_room(rc);
	fail_jobs(jobs, is_room(rc) ? rc : SMX_EUNSURE);
}

static struct job *
take_jobs(struct backup_db *db, int *ending)
{
	struct job *jobs, *job;
	size_t count = 1;

	pthread_mutex_lock(&db->lock);
	while (db->first == NULL && !db->ending)
		pthread_cond_wait(&db->wake, &db->lock);
	*ending = db->ending;
	jobs = job = db->first;
	for (; job != NULL && job->next != NULL && count < GROUP_MAX; count++)
		job = job->next;
	db->first = job != NULL ? job->next : NULL;
	if (db->first == NULL)
		db->last = &db->first;
	if (job != NULL)
		job->next = NULL;
	pthread_mutex_unlock(&db->lock);
	return jobs;
}

/* A job belongs to its caller's stack, which goes with `done`. */
static void
tell_jobs(struct backup_db *db, struct job *jobs)
{
	pthread_mutex_lock(&db->lock);
	while (jobs != NULL) {
		struct job *next = jobs->next;

		jobs->done = 1;
		jobs = next;
	}
	pthread_cond_broadcast(&db->told);
	pthread_mutex_unlock(&db->lock);
}

static void *
writer_run(void *ctx)
{
	struct backup_db *db = ctx;
	int ending = 0, left;

	for (;;) {
		struct job *jobs = take_jobs(db, &ending);

		if (jobs == NULL && ending)
			return NULL;
		if (jobs == NULL)
			continue;
		run_jobs(db, jobs);
		tell_jobs(db, jobs);
		if (!db->failed && db_log_pages(db->writer.db) >= LOG_PAGES &&
		    db_checkpoint(db->writer.db, &left) != SMX_OK)
			db->failed = 1;
	}
}

int
backup_db_write(struct backup_db *db, backup_db_fn fn, void *ctx)
{
	struct job job = { .fn = fn, .ctx = ctx };

	pthread_mutex_lock(&db->lock);
	if (db->ending) {
		pthread_mutex_unlock(&db->lock);
		return SMX_ECLOSED;
	}
	*db->last = &job;
	db->last = &job.next;
	pthread_cond_signal(&db->wake);
	while (!job.done)
		pthread_cond_wait(&db->told, &db->lock);
	pthread_mutex_unlock(&db->lock);
	return job.result;
}

int
backup_db_read(struct backup_db *db, backup_db_fn fn, void *ctx)
{
	int rc;

	pthread_mutex_lock(&db->read_lock);
	rc = fn(ctx, db->reader.db);
	pthread_mutex_unlock(&db->read_lock);
	return rc;
}

/* ---- open and close ---- */

static int
start_writer(struct backup_db *db)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&db->thread, NULL, writer_run, db);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	db->running = rc == 0;
	return rc == 0 ? SMX_OK : SMX_EIO;
}

static int
make_file(const char *folder)
{
	int at = -1, fd = -1;
	int rc = fs_open_folder(AT_FDCWD, folder, &at);

	if (rc == SMX_OK)
		rc = fs_open_or_create(at, "backup.db", &fd);
	if (rc == SMX_OK)
		rc = fs_sync(at);
	fs_close(&fd);
	fs_close(&at);
	return rc;
}

static int
open_file(struct backup_db *db, const char *folder)
{
	char path[4096];
	int rc;

	if (snprintf(path, sizeof(path), "%s/backup.db", folder) >=
	    (int)sizeof(path))
		return SMX_EINVAL;
	rc = make_file(folder);
	if (rc == SMX_OK)
		rc = db_open_writer(&db->writer.db, path);
	if (rc == SMX_OK)
		rc = backup_schema(db->writer.db);
	if (rc == SMX_OK)
		rc = db_open_reader(&db->reader.db, path);
	return rc;
}

int
backup_db_open(struct backup_db **out, const char *folder, char *why,
    size_t why_size)
{
	struct backup_db *db = calloc(1, sizeof(*db));
	int rc;

	if (db == NULL)
		return SMX_ENOMEM;
	db->last = &db->first;
	pthread_mutex_init(&db->lock, NULL);
	pthread_mutex_init(&db->read_lock, NULL);
	pthread_cond_init(&db->wake, NULL);
	pthread_cond_init(&db->told, NULL);
	rc = open_file(db, folder);
	if (rc == SMX_OK)
		rc = start_writer(db);
	if (rc != SMX_OK) {
		snprintf(why, why_size, "%s/backup.db: %s", folder,
		    rc == SMX_EPROTO ? "made by a later version"
				     : smx_strerror(rc));
		backup_db_close(&db);
		return rc;
	}
	*out = db;
	return SMX_OK;
}

void
backup_db_close(struct backup_db **db)
{
	struct backup_db *d = *db;

	if (d == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	d->ending = 1;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	if (d->running)
		pthread_join(d->thread, NULL);
	if (d->failed)
		db_distrust(d->writer.db);
	side_close(&d->reader);
	side_close(&d->writer);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->read_lock);
	pthread_cond_destroy(&d->wake);
	pthread_cond_destroy(&d->told);
	free(d);
	*db = NULL;
}
