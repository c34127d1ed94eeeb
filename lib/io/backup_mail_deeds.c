/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mail.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/crash.h"

struct doing {
	struct backup_db *db;
	const struct custody_deed *deeds;
	size_t count;
	int64_t wall_ms;
};

static int
move(const struct doing *d, struct db *db, const struct custody_deed *deed)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(d->db, db,
	    "UPDATE mail SET custody = ?2, released_ms = CASE WHEN ?2 = 4 AND"
	    " until_ms <> 0 THEN ?3 ELSE 0 END WHERE id = ?1 AND custody <> 5",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, deed->mail);
	db_bind_int(stmt, 2, deed->custody);
	db_bind_int(stmt, 3, d->wall_ms);
	return db_run(stmt);
}

static int
rename_to(const struct doing *d, struct db *db, const struct custody_deed *deed)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(d->db, db,
	    "UPDATE mail SET queue_id = ?2 WHERE id = ?1 AND custody <> 5",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, deed->mail);
	db_bind_text(stmt, 2, deed->id);
	return db_run(stmt);
}

static int
answer(const struct doing *d, struct db *db, const struct custody_deed *deed)
{
	struct db_stmt *stmt;
	char hash[17];
	int rc = backup_db_stmt(d->db, db,
	    "UPDATE mail_rcpt SET outcome = ?3, at_ms = ?4"
	    " WHERE mail = ?1 AND hash = ?2 AND outcome = 1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	snprintf(hash, sizeof(hash), "%016" PRIx64, deed->hash);
	db_bind_int(stmt, 1, deed->mail);
	db_bind_text(stmt, 2, hash);
	db_bind_int(stmt, 3, deed->end);
	db_bind_int(stmt, 4, d->wall_ms);
	return db_run(stmt);
}

static int
end(const struct doing *d, struct db *db, const struct custody_deed *deed)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(d->db, db,
	    "UPDATE mail_rcpt SET outcome = ?2, at_ms = ?3"
	    " WHERE mail = ?1 AND outcome = 1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, deed->mail);
	db_bind_int(stmt, 2, deed->end);
	db_bind_int(stmt, 3, d->wall_ms);
	rc = db_run(stmt);
	if (rc == SMX_OK)
		rc = backup_db_stmt(d->db, db,
		    "UPDATE mail SET custody = 5, ended_ms = ?2"
		    " WHERE id = ?1 AND custody <> 5",
		    &stmt);
	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, deed->mail);
	db_bind_int(stmt, 2, d->wall_ms);
	return db_run(stmt);
}

static int
do_all(void *ctx, struct db *db)
{
	const struct doing *d = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < d->count; i++) {
		const struct custody_deed *deed = &d->deeds[i];

		switch (deed->kind) {
		case CUSTODY_MOVES:
			rc = move(d, db, deed);
			break;
		case CUSTODY_RENAMES:
			rc = rename_to(d, db, deed);
			break;
		case CUSTODY_ANSWERS:
			rc = answer(d, db, deed);
			break;
		case CUSTODY_ENDS:
			rc = end(d, db, deed);
			break;
		case CUSTODY_REFUSES:
			break;
		}
	}
	return rc;
}

int
backup_mail_do(struct backup_db *db, const struct custody_deed *deeds,
    size_t count, int64_t wall_ms)
{
	struct doing doing = { db, deeds, count, wall_ms };
	int rc;

	crash_point("books-do");
	rc = backup_db_write(db, do_all, &doing);
	crash_point("books-done");
	return rc;
}
