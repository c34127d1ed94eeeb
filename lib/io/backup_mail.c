/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mail.h"

#include "base/crash.h"

/* ---- what the releaser has done ---- */

struct moving {
	struct backup_db *db;
	const int64_t *ids;
	size_t count;
	enum custody custody;
	int64_t wall_ms;
};

static int
move_all(void *ctx, struct db *db)
{
	const struct moving *m = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(m->db, db,
	    "UPDATE mail SET custody = ?2, released_ms = ?3"
	    " WHERE id = ?1 AND custody <> 5",
	    &stmt);

	for (size_t i = 0; rc == SMX_OK && i < m->count; i++) {
		db_bind_int(stmt, 1, m->ids[i]);
		db_bind_int(stmt, 2, m->custody);
		db_bind_int(stmt, 3,
		    m->custody == CUSTODY_QUEUED ? m->wall_ms : 0);
		rc = db_run(stmt);
	}
	return rc;
}

int
backup_mail_move(struct backup_db *db, const int64_t *ids, size_t count,
    enum custody custody, int64_t wall_ms)
{
	struct moving moving = { db, ids, count, custody, wall_ms };
	int rc;

	crash_point("books-move");
	rc = backup_db_write(db, move_all, &moving);
	crash_point("books-moved");
	return rc;
}

struct ending {
	struct backup_db *db;
	int64_t id, until_ms, warned_ms;
};

static int
set_until(void *ctx, struct db *db)
{
	const struct ending *e = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(e->db, db,
	    "UPDATE mail SET until_ms = ?2, warned_ms = ?3 WHERE id = ?1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, e->id);
	db_bind_int(stmt, 2, e->until_ms);
	db_bind_int(stmt, 3, e->warned_ms);
	return db_run(stmt);
}

int
backup_mail_until(struct backup_db *db, int64_t id, int64_t until_ms,
    int64_t warned_ms)
{
	struct ending ending = { db, id, until_ms, warned_ms };

	return backup_db_write(db, set_until, &ending);
}

/* ---- what is old goes ---- */

struct pruning {
	struct backup_db *db;
	int64_t before_ms;
	unsigned most;
};

#define OLDEST                                                                 \
	"(SELECT id FROM mail WHERE custody = 5 AND ended_ms < ?1"             \
	" ORDER BY ended_ms, id LIMIT ?2)"

static int
prune(void *ctx, struct db *db)
{
	static const char *const sql[] = {
		"DELETE FROM mail_rcpt WHERE mail IN " OLDEST,
		"DELETE FROM hand WHERE mail IN " OLDEST,
		"DELETE FROM hand_rcpt WHERE mail IN " OLDEST,
		"DELETE FROM mail WHERE id IN " OLDEST,
	};
	const struct pruning *p = ctx;
	struct db_stmt *stmt;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < sizeof(sql) / sizeof(*sql);
	     i++) {
		rc = backup_db_stmt(p->db, db, sql[i], &stmt);
		if (rc != SMX_OK)
			break;
		db_bind_int(stmt, 1, p->before_ms);
		db_bind_int(stmt, 2, p->most);
		rc = db_run(stmt);
	}
	return rc;
}

int
backup_mail_prune(struct backup_db *db, int64_t before_ms, unsigned most)
{
	struct pruning pruning = { db, before_ms, most };

	return backup_db_write(db, prune, &pruning);
}
