/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/backup_jobs.h"
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

struct backup_db {
	struct side writer; /* the writer's thread alone */
	struct side reader; /* under read_lock */
	pthread_mutex_t read_lock;
	struct backup_jobs jobs;
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
run_job(struct backup_db *db, struct backup_job *job)
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
fail_jobs(struct backup_job *jobs, int result)
{
	for (struct backup_job *job = jobs; job != NULL; job = job->next)
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
run_jobs(struct backup_db *db, struct backup_job *jobs)
{
	int rc = db->failed ? SMX_EIO : db_begin(db->writer.db);

	if (rc != SMX_OK) {
		for (struct backup_job *job = jobs; job != NULL;
		     job = job->next)
			job->result = rc;
		return;
	}
	for (struct backup_job *job = jobs; job != NULL && rc == SMX_OK;
	     job = job->next)
		if (backup_jobs_begin(&db->jobs, job)) {
			rc = run_job(db, job);
			backup_jobs_ran(&db->jobs, job);
		}
	if (rc != SMX_OK) {
		db_rollback(db->writer.db);
		for (struct backup_job *job = jobs; job != NULL;
		     job = job->next)
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

static void *
writer_run(void *ctx)
{
	struct backup_db *db = ctx;
	struct backup_job *jobs;
	int left;

	while ((jobs = backup_jobs_take(&db->jobs, GROUP_MAX)) != NULL) {
		run_jobs(db, jobs);
		backup_jobs_tell(&db->jobs, jobs);
		if (!db->failed && db_log_pages(db->writer.db) >= LOG_PAGES &&
		    db_checkpoint(db->writer.db, &left) != SMX_OK)
			db->failed = 1;
	}
	return NULL;
}

int
backup_db_write(struct backup_db *db, backup_db_fn fn, void *ctx)
{
	int given;

	return backup_jobs_ask(&db->jobs, fn, ctx, NULL, &given);
}

int
backup_db_give(struct backup_db *db, backup_db_fn fn, void *ctx,
    backup_db_late_fn late, int *given)
{
	return backup_jobs_ask(&db->jobs, fn, ctx, late, given);
}

void
backup_db_patience(struct backup_db *db, int64_t ms)
{
	pthread_mutex_lock(&db->jobs.lock);
	db->jobs.patience_ms = ms;
	pthread_mutex_unlock(&db->jobs.lock);
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
	backup_jobs_init(&db->jobs);
	pthread_mutex_init(&db->read_lock, NULL);
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

static int
find_open(struct db *db, int *has)
{
	struct db_stmt *stmt;
	int rc = db_prepare(db, &stmt,
	    "SELECT 1 FROM mail WHERE custody <> 5 LIMIT 1");

	if (rc != SMX_OK)
		return rc;
	rc = db_step(stmt);
	*has = rc == SMX_OK;
	db_finalize(&stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_db_has_open(const char *folder)
{
	struct db *db = NULL;
	char path[4096];
	struct stat st;
	int has = 0, rc;

	if (snprintf(path, sizeof(path), "%s/backup.db", folder) >=
		(int)sizeof(path) ||
	    (stat(path, &st) != 0 && errno == ENOENT))
		return 0;
	rc = db_open_reader(&db, path);
	if (rc == SMX_OK)
		rc = find_open(db, &has);
	db_close(&db);
	return rc != SMX_OK || has;
}

void
backup_db_close(struct backup_db **db)
{
	struct backup_db *d = *db;

	if (d == NULL)
		return;
	backup_jobs_end(&d->jobs);
	if (d->running)
		pthread_join(d->thread, NULL);
	if (d->failed)
		db_distrust(d->writer.db);
	side_close(&d->reader);
	side_close(&d->writer);
	backup_jobs_done(&d->jobs);
	pthread_mutex_destroy(&d->read_lock);
	free(d);
	*db = NULL;
}
