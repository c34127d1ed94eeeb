/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_DB_SQLITE_H
#define IO_DB_SQLITE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * A thin statement layer, so that no other file knows the database library.
 *
 * Results: SMX_OK, SMX_ENOTFOUND (no more rows), SMX_EFULL (no room: nothing
 *          was changed once rolled back), SMX_ENOMEM, SMX_EBUSY (another
 *          program holds it), SMX_ECORRUPT, SMX_EIO.  The last two are logged
 *          here and mean that the file must not be trusted.
 * Threads: one at a time per struct db, whatever is open on it.
 *
 * One writer makes every change and every checkpoint: versions up to 3.51.2 can
 * lose commits when two connections do.  Readers are opened read-only.
 */
struct db;
struct db_stmt;

/* path must exist with its final mode; the side files take it over. */
int db_open_writer(struct db **out, const char *path) SMX_MUST_USE;
int db_open_reader(struct db **out, const char *path) SMX_MUST_USE;
void db_close(struct db **db); /* statements must be gone */
/* The file is suspect: db_close must not move anything into it. */
void db_distrust(struct db *db);
/* The number that the last insert into a numbered table was given. */
int64_t db_last_id(const struct db *db);

int db_exec(struct db *db, const char *sql) SMX_MUST_USE;
/* SMX_ECORRUPT also when another program has written since the last one. */
int db_begin(struct db *db) SMX_MUST_USE;
int db_commit(struct db *db) SMX_MUST_USE;
void db_rollback(struct db *db);

/* Move the log into the database as far as readers allow.  *left: pages still
 * in the log. */
int db_checkpoint(struct db *db, int *left) SMX_MUST_USE;
/* Pages in the log after the last commit. */
int db_log_pages(const struct db *db);

/* Pages that the last checkpoint found there, moved or not. */
int db_log_found(const struct db *db);
/* Does a table (NULL: all) hold together with its indexes?  SMX_ECORRUPT with
 * what the library says of it in why. */
int db_check(struct db *db, const char *table, char *why,
    size_t why_size) SMX_MUST_USE;

int db_prepare(struct db *db, struct db_stmt **out,
    const char *sql) SMX_MUST_USE;
void db_finalize(struct db_stmt **stmt);

/* Parameters count from 1.  Bytes are lent until db_reset.  A failure shows at
 * the next db_step. */
void db_bind_int(struct db_stmt *stmt, int index, int64_t value);
void db_bind_text(struct db_stmt *stmt, int index, const char *value);
void db_bind_blob(struct db_stmt *stmt, int index, const void *value,
    size_t len);
void db_bind_null(struct db_stmt *stmt, int index);

int db_step(struct db_stmt *stmt) SMX_MUST_USE;
/* Step a statement that gives no rows, then reset it. */
int db_run(struct db_stmt *stmt) SMX_MUST_USE;
void db_reset(struct db_stmt *stmt); /* and forget the parameters */

/* Columns count from 0; lent until the next step or reset.  Never NULL: a
 * missing text is "", a missing blob has length 0. */
int64_t db_int(struct db_stmt *stmt, int column);
const char *db_text(struct db_stmt *stmt, int column);
const void *db_blob(struct db_stmt *stmt, int column, size_t *len);
int db_is_null(struct db_stmt *stmt, int column);

#endif
