/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_DB_H
#define IO_BACKUP_DB_H

#include <shadowmx/err.h>

#include "io/db_sqlite.h"

/*
 * The books of a backup MX: one database beside the store (backup.db), with one
 * connection and a thread that makes all changes, several callers' in one
 * transaction.  The tables are in doc/STORE; each has a file of its own
 * (backup_*.c) that knows its statements.
 *
 * Threads: any.
 */
struct backup_db;

/* folder: of the store.  SMX_EIO, SMX_EPERM, SMX_ECORRUPT, SMX_EPROTO (of a
 * later program), SMX_ENOMEM, with a sentence in why. */
int backup_db_open(struct backup_db **out, const char *folder, char *why,
    size_t why_size) SMX_MUST_USE;
/* Is there one in which a message is open?  One that cannot be read may have
 * some. */
int backup_db_has_open(const char *folder) SMX_MUST_USE;
/* Nobody uses it any more. */
void backup_db_close(struct backup_db **db);

/*
 * Make a change: fn is called inside a transaction, in the writer's thread, and
 * this returns when that is durable, with what fn returned.  An error of fn
 * takes back what fn did and nothing else.  SMX_EFULL, SMX_EIO: nothing was
 * changed; SMX_EUNSURE: nobody knows.  fn waits for nothing.
 *
 * The disk is waited for, for ten seconds: then SMX_ETIMEOUT, nothing was
 * changed, or SMX_EUNSURE, it may be yet; and until it answers again every
 * other change is SMX_ETIMEOUT at once.
 */
typedef int (*backup_db_fn)(void *ctx, struct db *db);
int backup_db_write(struct backup_db *db, backup_db_fn fn,
    void *ctx) SMX_MUST_USE;
/*
 * The same with a ctx that may outlive the call, so that this waits for no
 * longer whatever fn is at.  *given: SMX_EUNSURE is returned, and late is
 * called in the writer's thread, once, when the result is known; ctx is its
 * own then.  Else late is not called.
 */
typedef void (*backup_db_late_fn)(void *ctx, int result);
int backup_db_give(struct backup_db *db, backup_db_fn fn, void *ctx,
    backup_db_late_fn late, int *given) SMX_MUST_USE;
/* For tests: so long instead. */
void backup_db_patience(struct backup_db *db, int64_t ms);
/* Look: fn is called with a connection of its own that only reads, one at a
 * time; what is durable by now is seen.  Statements that it prepares it
 * finalizes, but for those kept with backup_db_stmt. */
int backup_db_read(struct backup_db *db, backup_db_fn fn,
    void *ctx) SMX_MUST_USE;

/* Inside fn: a prepared statement of this text, made once for each connection;
 * sql is a string constant.  To be db_reset by fn. */
int backup_db_stmt(struct backup_db *db, struct db *on, const char *sql,
    struct db_stmt **out) SMX_MUST_USE;

#endif
