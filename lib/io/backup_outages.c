/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_outages.h"

/* *id 0: there is none. */
static int
find(struct backup_db *db, struct db *on, const struct backup_mail_host *host,
    int64_t ended_ms, int64_t *id)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "SELECT id FROM outage WHERE hop = ? AND (to_ms = 0 OR to_ms >= ?)"
	    " ORDER BY to_ms = 0 DESC, from_ms DESC, id DESC LIMIT 1",
	    &stmt);

	*id = 0;
	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, host->hop);
	db_bind_int(stmt, 2, host->down_ms != 0 ? INT64_MAX : ended_ms);
	rc = db_step(stmt);
	if (rc == SMX_OK)
		*id = db_int(stmt, 0);
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static int
begin(struct backup_db *db, struct db *on, const struct backup_mail_host *host,
    int64_t *id)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "INSERT INTO outage (hop, from_ms, to_ms, why, announced)"
	    " VALUES (?, ?, 0, ?, 0)",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, host->hop);
	db_bind_int(stmt, 2, host->down_ms);
	db_bind_text(stmt, 3, host->why);
	rc = db_run(stmt);
	*id = db_last_id(on);
	return rc;
}

static int
add(struct backup_db *db, struct db *on, int64_t id,
    const struct backup_outage_taken *taken)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "UPDATE outage SET messages = messages + ?,"
	    " recipients = recipients + ?, bytes = bytes + ? WHERE id = ?",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, (int64_t)taken->messages);
	db_bind_int(stmt, 2, (int64_t)taken->recipients);
	db_bind_int(stmt, 3, (int64_t)taken->bytes);
	db_bind_int(stmt, 4, id);
	return db_run(stmt);
}

int
backup_outage_count(struct backup_db *db, struct db *on,
    const struct backup_mail_host *host, int64_t ended_ms,
    const struct backup_outage_taken *taken)
{
	int64_t id;
	int rc = find(db, on, host, ended_ms, &id);

	if (rc == SMX_OK && id == 0 && host->down_ms != 0)
		rc = begin(db, on, host, &id);
	return rc == SMX_OK && id != 0 ? add(db, on, id, taken) : rc;
}

int
backup_outage_lasts(struct backup_db *db, struct db *on,
    const struct backup_mail_host *host)
{
	int64_t id;
	int rc = find(db, on, host, INT64_MAX, &id);

	return rc == SMX_OK && id == 0 ? begin(db, on, host, &id) : rc;
}
