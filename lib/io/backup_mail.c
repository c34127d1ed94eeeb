/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mail.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/crash.h"

/* ---- adding ---- */

struct adding {
	struct backup_db *db;
	const struct backup_mail_new *mails;
	size_t count;
	int64_t *ids;
};

static int
add_rcpt(struct db_stmt *stmt, int64_t id, const struct backup_mail_new *mail,
    size_t n)
{
	char hash[17];

	snprintf(hash, sizeof(hash), "%016" PRIx64, mail->hashes[n]);
	db_bind_int(stmt, 1, id);
	db_bind_int(stmt, 2, (int64_t)n);
	db_bind_text(stmt, 3, mail->rcpts[n]);
	db_bind_text(stmt, 4, hash);
	db_bind_int(stmt, 5, CUSTODY_OPEN);
	return db_run(stmt);
}

static int
add_rcpts(struct backup_db *bdb, struct db *db, int64_t id,
    const struct backup_mail_new *mail)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(bdb, db,
	    "INSERT INTO mail_rcpt (mail, n, address, hash, outcome, at_ms)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, 0)",
	    &stmt);

	for (size_t i = 0; rc == SMX_OK && i < mail->count; i++)
		rc = add_rcpt(stmt, id, mail, i);
	return rc;
}

static int
add_mail(struct backup_db *bdb, struct db *db,
    const struct backup_mail_new *mail, int64_t *id)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(bdb, db,
	    "INSERT INTO mail (queue_id, domain, sender, size, taken_ms,"
	    " until_ms, primary_state, custody, released_ms, ended_ms,"
	    " warned_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, 0)",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, mail->queue_id);
	db_bind_text(stmt, 2, mail->domain);
	db_bind_text(stmt, 3, mail->sender);
	db_bind_int(stmt, 4, (int64_t)mail->size);
	db_bind_int(stmt, 5, mail->taken_ms);
	db_bind_int(stmt, 6, mail->until_ms);
	db_bind_int(stmt, 7, mail->state);
	db_bind_int(stmt, 8, CUSTODY_TAKEN);
	rc = db_run(stmt);
	if (rc != SMX_OK)
		return rc;
	*id = db_last_id(db);
	return add_rcpts(bdb, db, *id, mail);
}

static int
add_all(void *ctx, struct db *db)
{
	struct adding *a = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < a->count; i++)
		rc = add_mail(a->db, db, &a->mails[i], &a->ids[i]);
	return rc;
}

int
backup_mail_add(struct backup_db *db, const struct backup_mail_new *mails,
    size_t count, int64_t *ids)
{
	struct adding adding = { db, mails, count, ids };
	int rc;

	crash_point("books-take");
	rc = backup_db_write(db, add_all, &adding);
	crash_point("books-taken");
	return rc;
}

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
