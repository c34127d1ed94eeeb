/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/db_sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

/* Long enough for a person who looks at the file with another program. */
#define BUSY_WAIT_MS 5000

struct db {
	sqlite3 *handle;
	struct db_stmt *begin, *commit, *rollback, *version;
	int64_t version_seen; /* 0: not yet */
	int log_pages;
	int log_found; /* by the last checkpoint */
};

struct db_stmt {
	struct db *db;
	sqlite3_stmt *handle;
	int bind_error;
};

static void
db_log(struct db *db, int code)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, "store_error");
	log_num(&l, "code", code);
	log_str(&l, "text",
	    db->handle != NULL ? sqlite3_errmsg(db->handle) : "");
	if (db->handle != NULL && sqlite3_system_errno(db->handle) != 0)
		log_errno(&l, sqlite3_system_errno(db->handle));
	log_end(&l);
}

static int
db_is_full(struct db *db, int code)
{
	int error = sqlite3_system_errno(db->handle);

	if ((code & 0xff) == SQLITE_FULL)
		return 1;
	/* A sync that failed for lack of room is no mere lack of room: the
	 * pages may be gone from the cache. */
	return (code & 0xff) == SQLITE_IOERR && code != SQLITE_IOERR_FSYNC &&
	       code != SQLITE_IOERR_DIR_FSYNC &&
	       (error == ENOSPC || error == EDQUOT);
}

static int
db_result(struct db *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
		return SMX_OK;
	case SQLITE_DONE:
		return SMX_ENOTFOUND;
	case SQLITE_NOMEM:
		return SMX_ENOMEM;
	default:
		break;
	}
	if (db_is_full(db, code))
		return SMX_EFULL;
	db_log(db, code);
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return SMX_EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return SMX_ECORRUPT;
	default:
		return SMX_EIO;
	}
}

static int
db_count_log(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	struct db *db = ctx;

	(void)handle;
	(void)name;
	db->log_pages = pages;
	return SQLITE_OK;
}

static int
db_open(struct db **out, const char *path, int flags)
{
	struct db *db = calloc(1, sizeof(*db));
	int result;

	if (db == NULL)
		return SMX_ENOMEM;
	result = db_result(db,
	    sqlite3_open_v2(path, &db->handle,
		flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL));
	if (result != SMX_OK) {
		db_close(&db);
		return result;
	}
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_WAIT_MS);
	/* What stands in the file is data, not trusted code. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	*out = db;
	return SMX_OK;
}

#ifdef MUTANT_NO_FSYNC
#define SYNCHRONOUS "PRAGMA synchronous=OFF;"
#elif defined(MUTANT_SYNC_NORMAL)
#define SYNCHRONOUS "PRAGMA synchronous=NORMAL;"
#else
/* NORMAL loses acknowledged rows in a power cut. */
#define SYNCHRONOUS "PRAGMA synchronous=FULL;"
#endif

static int
db_prepare_transaction(struct db *db)
{
	int result = db_prepare(db, &db->begin, "BEGIN IMMEDIATE");

	if (result == SMX_OK)
		result = db_prepare(db, &db->commit, "COMMIT");
	if (result == SMX_OK)
		result = db_prepare(db, &db->rollback, "ROLLBACK");
	if (result == SMX_OK)
		result = db_prepare(db, &db->version, "PRAGMA data_version");
	return result;
}

int
db_open_writer(struct db **out, const char *path)
{
	struct db *db = NULL;
	int result = db_open(&db, path, SQLITE_OPEN_READWRITE);

	if (result != SMX_OK)
		return result;
	/* Checkpoints are the writer's own, at a moment when nobody waits and
	 * with their errors seen: hence no automatic ones. */
	result = db_exec(db, "PRAGMA page_size=4096;"
			     "PRAGMA journal_mode=WAL;" SYNCHRONOUS
			     "PRAGMA wal_autocheckpoint=0;"
			     "PRAGMA journal_size_limit=67108864;"
			     "PRAGMA secure_delete=FAST;"
			     "PRAGMA temp_store=MEMORY;"
			     "PRAGMA mmap_size=0;"
			     "PRAGMA cache_size=-16000;");
	if (result == SMX_OK)
		result = db_prepare_transaction(db);
	if (result != SMX_OK) {
		db_close(&db);
		return result;
	}
	sqlite3_wal_hook(db->handle, db_count_log, db);
	*out = db;
	return SMX_OK;
}

int
db_open_reader(struct db **out, const char *path)
{
	struct db *db = NULL;
	int result = db_open(&db, path, SQLITE_OPEN_READONLY);

	if (result != SMX_OK)
		return result;
	result = db_exec(db, "PRAGMA query_only=1;"
			     "PRAGMA mmap_size=0;"
			     "PRAGMA temp_store=MEMORY;"
			     "PRAGMA cache_size=-4000;");
	if (result != SMX_OK) {
		db_close(&db);
		return result;
	}
	*out = db;
	return SMX_OK;
}

void
db_close(struct db **db)
{
	if (*db == NULL)
		return;
	db_finalize(&(*db)->begin);
	db_finalize(&(*db)->commit);
	db_finalize(&(*db)->rollback);
	db_finalize(&(*db)->version);
	sqlite3_close((*db)->handle);
	free(*db);
	*db = NULL;
}

void
db_distrust(struct db *db)
{
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    NULL);
}

int64_t
db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int
db_exec(struct db *db, const char *sql)
{
	return db_result(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

void
db_rollback(struct db *db)
{
	/* Some failures have rolled back already. */
	if (!sqlite3_get_autocommit(db->handle))
		(void)!db_run(db->rollback);
}

/* Has another connection changed the file since the last look?  Its own changes
 * a connection does not see in this number. */
static int
db_changed_by_others(struct db *db)
{
	int result = db_step(db->version);
	int64_t version = result == SMX_OK ? db_int(db->version, 0) : 0;

	db_reset(db->version);
	if (result != SMX_OK)
		return result;
	if (db->version_seen != 0 && version != db->version_seen) {
		log_event(SMX_LOG_ERR, "store_foreign",
		    "text=\"another program wrote to the database\"");
		result = SMX_ECORRUPT;
	}
	db->version_seen = version;
	return result;
}

int
db_begin(struct db *db)
{
	int result = db_run(db->begin);

	if (result != SMX_OK)
		return result;
	result = db_changed_by_others(db);
	if (result != SMX_OK)
		db_rollback(db);
	return result;
}

int
db_commit(struct db *db)
{
	return db_run(db->commit);
}

int
db_checkpoint(struct db *db, int *left)
{
	int all = 0, done = 0;
	int code = sqlite3_wal_checkpoint_v2(db->handle, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, &all, &done);

	if (code == SQLITE_BUSY)
		code = SQLITE_OK; /* a reader is in the way; next time */
	else if (code == SQLITE_OK)
		db->log_pages = all - done;
	db->log_found = all;
	*left = db->log_pages;
	return db_result(db, code);
}

int
db_log_pages(const struct db *db)
{
	return db->log_pages;
}

int
db_log_found(const struct db *db)
{
	return db->log_found;
}

int
db_check(struct db *db, const char *table, char *why, size_t why_size)
{
	struct db_stmt *stmt = NULL;
	char sql[80];
	int result;

	snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%s)",
	    table != NULL ? table : "1");
	result = db_prepare(db, &stmt, sql);
	if (result == SMX_OK)
		result = db_step(stmt);
	if (result == SMX_OK && strcmp(db_text(stmt, 0), "ok") != 0) {
		text_copy(why, why_size, db_text(stmt, 0));
		result = SMX_ECORRUPT;
	} else if (result == SMX_ECORRUPT) {
		text_copy(why, why_size, sqlite3_errmsg(db->handle));
	}
	db_finalize(&stmt);
	return result;
}

int
db_prepare(struct db *db, struct db_stmt **out, const char *sql)
{
	struct db_stmt *stmt = calloc(1, sizeof(*stmt));
	int result;

	if (stmt == NULL)
		return SMX_ENOMEM;
	stmt->db = db;
	result =
	    db_result(db, sqlite3_prepare_v3(db->handle, sql, -1,
			      SQLITE_PREPARE_PERSISTENT, &stmt->handle, NULL));
	if (result != SMX_OK) {
		free(stmt);
		return result;
	}
	*out = stmt;
	return SMX_OK;
}

void
db_finalize(struct db_stmt **stmt)
{
	if (*stmt == NULL)
		return;
	sqlite3_finalize((*stmt)->handle);
	free(*stmt);
	*stmt = NULL;
}

static void
db_bound(struct db_stmt *stmt, int code)
{
	if (code != SQLITE_OK && stmt->bind_error == SQLITE_OK)
		stmt->bind_error = code;
}

void
db_bind_int(struct db_stmt *stmt, int index, int64_t value)
{
	db_bound(stmt, sqlite3_bind_int64(stmt->handle, index, value));
}

void
db_bind_text(struct db_stmt *stmt, int index, const char *value)
{
	db_bound(stmt,
	    sqlite3_bind_text(stmt->handle, index, value, -1, SQLITE_STATIC));
}

void
db_bind_blob(struct db_stmt *stmt, int index, const void *value, size_t len)
{
	/* A NULL pointer would bind SQL's NULL, whatever the length. */
	db_bound(stmt, sqlite3_bind_blob64(stmt->handle, index,
			   len == 0 ? "" : value, len, SQLITE_STATIC));
}

void
db_bind_null(struct db_stmt *stmt, int index)
{
	db_bound(stmt, sqlite3_bind_null(stmt->handle, index));
}

int
db_step(struct db_stmt *stmt)
{
	if (stmt->bind_error != SQLITE_OK)
		return db_result(stmt->db, stmt->bind_error);
	return db_result(stmt->db, sqlite3_step(stmt->handle));
}

int
db_run(struct db_stmt *stmt)
{
	int result = db_step(stmt);

	db_reset(stmt);
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

void
db_reset(struct db_stmt *stmt)
{
	sqlite3_reset(stmt->handle);
	sqlite3_clear_bindings(stmt->handle);
	stmt->bind_error = SQLITE_OK;
}

int64_t
db_int(struct db_stmt *stmt, int column)
{
	return sqlite3_column_int64(stmt->handle, column);
}

const char *
db_text(struct db_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt->handle, column);

	return text != NULL ? (const char *)text : "";
}

const void *
db_blob(struct db_stmt *stmt, int column, size_t *len)
{
	const void *blob = sqlite3_column_blob(stmt->handle, column);

	*len = (size_t)sqlite3_column_bytes(stmt->handle, column);
	return *len != 0 && blob != NULL ? blob : "";
}

int
db_is_null(struct db_stmt *stmt, int column)
{
	return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}
