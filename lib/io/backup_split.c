/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_split.h"

#include "base/buf.h"
#include "base/crash.h"

struct adding {
	struct backup_db *db;
	struct backup_split *split;
};

static int
add(void *ctx, struct db *db)
{
	const struct adding *a = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(a->db, db,
	    "INSERT INTO split (trail, original, part, domain, primary_state,"
	    " made_ms, until_ms) VALUES (?1, ?2, '', ?3, ?4, ?5, ?6)",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, a->split->trail);
	db_bind_text(stmt, 2, a->split->original);
	db_bind_text(stmt, 3, a->split->domain);
	db_bind_int(stmt, 4, a->split->state);
	db_bind_int(stmt, 5, a->split->made_ms);
	db_bind_int(stmt, 6, a->split->until_ms);
	rc = db_run(stmt);
	if (rc == SMX_OK)
		a->split->id = db_last_id(db);
	return rc;
}

int
backup_split_add(struct backup_db *db, struct backup_split *split)
{
	struct adding adding = { db, split };
	int rc;

	crash_point("split-add");
	rc = backup_db_write(db, add, &adding);
	crash_point("split-added");
	return rc;
}

struct naming {
	struct backup_db *db;
	int64_t id;
	const char *part;
};

static int
name(void *ctx, struct db *db)
{
	const struct naming *n = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(n->db, db,
	    "UPDATE split SET part = ?2 WHERE id = ?1", &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, n->id);
	db_bind_text(stmt, 2, n->part);
	return db_run(stmt);
}

int
backup_split_name(struct backup_db *db, int64_t id, const char *part)
{
	struct naming naming = { db, id, part };
	int rc;

	crash_point("split-name");
	rc = backup_db_write(db, name, &naming);
	crash_point("split-named");
	return rc;
}

struct dropping {
	struct backup_db *db;
	const int64_t *ids;
	size_t count;
};

static int
drop(void *ctx, struct db *db)
{
	const struct dropping *d = ctx;
	struct db_stmt *stmt;
	int rc =
	    backup_db_stmt(d->db, db, "DELETE FROM split WHERE id = ?1", &stmt);

	for (size_t i = 0; rc == SMX_OK && i < d->count; i++) {
		db_bind_int(stmt, 1, d->ids[i]);
		rc = db_run(stmt);
	}
	return rc;
}

int
backup_split_drop(struct backup_db *db, const int64_t *ids, size_t count)
{
	struct dropping dropping = { db, ids, count };

	return count == 0 ? SMX_OK : backup_db_write(db, drop, &dropping);
}

struct looking {
	struct backup_db *db;
	int64_t after;
	struct backup_split *out;
	size_t max, count;
};

static void
take(struct db_stmt *stmt, struct backup_split *out)
{
	out->id = db_int(stmt, 0);
	(void)text_copy(out->trail, sizeof(out->trail), db_text(stmt, 1));
	(void)text_copy(out->original, sizeof(out->original), db_text(stmt, 2));
	(void)text_copy(out->part, sizeof(out->part), db_text(stmt, 3));
	(void)text_copy(out->domain, sizeof(out->domain), db_text(stmt, 4));
	out->state = (enum mx_state)db_int(stmt, 5);
	out->made_ms = db_int(stmt, 6);
	out->until_ms = db_int(stmt, 7);
}

static int
look(void *ctx, struct db *db)
{
	struct looking *l = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, db,
	    "SELECT id, trail, original, part, domain, primary_state, made_ms,"
	    " until_ms FROM split WHERE id > ?1 ORDER BY id LIMIT ?2",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, l->after);
	db_bind_int(stmt, 2, (int64_t)l->max);
	while (l->count < l->max && (rc = db_step(stmt)) == SMX_OK)
		take(stmt, &l->out[l->count++]);
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_split_look(struct backup_db *db, int64_t after, struct backup_split *out,
    size_t max, size_t *count)
{
	struct looking looking = { db, after, out, max, 0 };
	int rc = backup_db_read(db, look, &looking);

	*count = rc == SMX_OK ? looking.count : 0;
	return rc;
}
