/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_flush.h"

struct flush {
	struct backup_db *db;
	const char *domain;
	int64_t until_ms, most_ms, keep_ms;
	backup_flush_fn each;
	void *ctx;
};

static int
set(void *ctx, struct db *db)
{
	const struct flush *f = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(f->db, db,
	    "INSERT INTO flush (domain, until_ms) VALUES (?1, ?2)"
	    " ON CONFLICT (domain) DO UPDATE SET until_ms = ?2"
	    " WHERE until_ms < ?2 OR until_ms > ?3",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, f->domain);
	db_bind_int(stmt, 2, f->until_ms);
	db_bind_int(stmt, 3, f->keep_ms);
	return db_run(stmt);
}

int
backup_flush_set(struct backup_db *db, const char *domain, int64_t until_ms,
    int64_t keep_ms)
{
	struct flush f = { .db = db,
		.domain = domain,
		.until_ms = until_ms,
		.keep_ms = keep_ms };

	return backup_db_write(db, set, &f);
}

static int
end(void *ctx, struct db *db)
{
	const struct flush *f = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(f->db, db,
	    "DELETE FROM flush WHERE domain = ?1 AND until_ms = ?2", &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, f->domain);
	db_bind_int(stmt, 2, f->until_ms);
	return db_run(stmt);
}

int
backup_flush_end(struct backup_db *db, const char *domain, int64_t until_ms)
{
	struct flush f = { .db = db, .domain = domain, .until_ms = until_ms };

	return backup_db_write(db, end, &f);
}

static int
each(void *ctx, struct db *db)
{
	const struct flush *f = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(f->db, db,
	    "SELECT domain, until_ms FROM flush ORDER BY domain", &stmt);

	if (rc != SMX_OK)
		return rc;
	while ((rc = db_step(stmt)) == SMX_OK)
		if (f->each(f->ctx, db_text(stmt, 0), db_int(stmt, 1)) != 0)
			break;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_flush_each(struct backup_db *db, backup_flush_fn fn, void *ctx)
{
	struct flush f = { .db = db, .each = fn, .ctx = ctx };

	return backup_db_read(db, each, &f);
}

static int
prune(void *ctx, struct db *db)
{
	const struct flush *f = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(f->db, db,
	    "DELETE FROM flush WHERE until_ms <= ?1 OR until_ms > ?1 + ?2",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, f->until_ms);
	db_bind_int(stmt, 2, f->most_ms);
	return db_run(stmt);
}

int
backup_flush_prune(struct backup_db *db, int64_t wall_ms, int64_t most_ms)
{
	struct flush f = { .db = db, .until_ms = wall_ms, .most_ms = most_ms };

	return backup_db_write(db, prune, &f);
}
