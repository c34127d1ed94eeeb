/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mx.h"

struct row {
	struct backup_db *db;
	const char *domain;
	struct mxnews *news;
	const struct mxnews *saved;
	const char *told;
	int64_t ms;
};

static int
load(void *ctx, struct db *db)
{
	struct row *row = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(row->db, db,
	    "SELECT hosts, sts, alarm, alarm_ms FROM mxset WHERE domain = ?1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, row->domain);
	rc = db_step(stmt);
	if (rc == SMX_OK)
		rc = mxnews_load(row->news, db_text(stmt, 0), db_text(stmt, 1),
		    db_text(stmt, 2), db_int(stmt, 3));
	db_reset(stmt);
	return rc;
}

int
backup_mx_load(struct backup_db *db, const char *domain, struct mxnews *news)
{
	struct row row = { .db = db, .domain = domain, .news = news };

	return backup_db_read(db, load, &row);
}

static int
save(void *ctx, struct db *db)
{
	struct row *row = ctx;
	const struct mxnews *news = row->saved;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(row->db, db,
	    "INSERT INTO mxset (domain, hosts, sts, seen_ms, alarm, alarm_ms)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (domain) DO UPDATE"
	    " SET hosts = ?2, sts = ?3, seen_ms = ?4, alarm = ?5,"
	    " alarm_ms = ?6",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, row->domain);
	db_bind_text(stmt, 2, news->hosts != NULL ? news->hosts : "");
	db_bind_text(stmt, 3, news->sts_id != NULL ? news->sts_id : "");
	db_bind_int(stmt, 4, row->ms);
	db_bind_text(stmt, 5, row->told);
	db_bind_int(stmt, 6, news->told_ms);
	return db_run(stmt);
}

int
backup_mx_save(struct backup_db *db, const char *domain,
    const struct mxnews *news, int64_t now_wall_ms)
{
	struct row row = { .db = db,
		.domain = domain,
		.saved = news,
		.ms = now_wall_ms };
	struct buf told;
	int rc;

	buf_init(&told, 0);
	mxnews_told(news, &told);
	rc = buf_error(&told);
	row.told = told.len != 0 ? told.data : "";
	if (rc == SMX_OK)
		rc = backup_db_write(db, save, &row);
	buf_free(&told);
	return rc;
}

static int
prune(void *ctx, struct db *db)
{
	struct row *row = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(row->db, db,
	    "DELETE FROM mxset WHERE seen_ms < ?1", &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, row->ms);
	return db_run(stmt);
}

int
backup_mx_prune(struct backup_db *db, int64_t before_wall_ms)
{
	struct row row = { .db = db, .ms = before_wall_ms };

	return backup_db_write(db, prune, &row);
}
