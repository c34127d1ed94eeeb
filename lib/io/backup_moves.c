/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_moves.h"

#include "base/buf.h"

/* ---- domains ---- */

struct domains {
	struct backup_db *db;
	const char *after;
	struct backup_moves_domain *out;
	size_t max, count;
};

/* From one to the next with one step in the index, however much is between. */
static int
next_domain(const struct domains *d, struct db *db, const char *after,
    struct backup_moves_domain *out)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(d->db, db,
	    "SELECT domain, (SELECT address FROM mail_rcpt WHERE mail = mail.id"
	    " ORDER BY n LIMIT 1) FROM mail WHERE custody <> 5 AND domain > ?1"
	    " ORDER BY domain, taken_ms LIMIT 1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, after);
	rc = db_step(stmt);
	if (rc == SMX_OK) {
		(void)text_copy(out->name, sizeof(out->name), db_text(stmt, 0));
		(void)text_copy(out->address, sizeof(out->address),
		    db_text(stmt, 1));
	}
	db_reset(stmt);
	return rc;
}

static int
has_held(const struct domains *d, struct db *db,
    struct backup_moves_domain *out)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(d->db, db,
	    "SELECT 1 FROM mail WHERE custody <> 5 AND domain = ?1"
	    " AND custody = 2 LIMIT 1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, out->name);
	rc = db_step(stmt);
	out->held = rc == SMX_OK;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static int
read_domains(void *ctx, struct db *db)
{
	struct domains *d = ctx;
	const char *after = d->after;

	while (d->count < d->max) {
		struct backup_moves_domain *out = &d->out[d->count];
		int rc = next_domain(d, db, after, out);

		if (rc == SMX_ENOTFOUND)
			return SMX_OK;
		if (rc == SMX_OK)
			rc = has_held(d, db, out);
		if (rc != SMX_OK)
			return rc;
		after = out->name;
		d->count++;
	}
	return SMX_OK;
}

int
backup_moves_domains(struct backup_db *db, const char *after,
    struct backup_moves_domain *out, size_t max, size_t *count)
{
	struct domains domains = { db, after, out, max, 0 };
	int rc = backup_db_read(db, read_domains, &domains);

	*count = rc == SMX_OK ? domains.count : 0;
	return rc;
}

/* ---- messages ---- */

struct mails {
	struct backup_db *db;
	struct backup_moves_mail *mails;
	const int64_t *ids;
	size_t count;
	int64_t wall_ms;
};

static int
find_all(void *ctx, struct db *db)
{
	const struct mails *m = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(m->db, db,
	    "SELECT custody, queue_id FROM mail WHERE id = ?1", &stmt);

	for (size_t i = 0; rc == SMX_OK && i < m->count; i++) {
		struct backup_moves_mail *mail = &m->mails[i];

		mail->custody = CUSTODY_ENDED;
		mail->queue_id[0] = '\0';
		db_bind_int(stmt, 1, mail->id);
		rc = db_step(stmt);
		if (rc == SMX_OK) {
			mail->custody = (enum custody)db_int(stmt, 0);
			(void)text_copy(mail->queue_id, sizeof(mail->queue_id),
			    db_text(stmt, 1));
		} else if (rc == SMX_ENOTFOUND) {
			rc = SMX_OK;
		}
		db_reset(stmt);
	}
	return rc;
}

int
backup_moves_find(struct backup_db *db, struct backup_moves_mail *mails,
    size_t count)
{
	struct mails m = { .db = db, .mails = mails, .count = count };

	return backup_db_read(db, find_all, &m);
}

static int
warn_all(void *ctx, struct db *db)
{
	const struct mails *m = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(m->db, db,
	    "UPDATE mail SET warned_ms = ?2 WHERE id = ?1 AND custody <> 5",
	    &stmt);

	for (size_t i = 0; rc == SMX_OK && i < m->count; i++) {
		db_bind_int(stmt, 1, m->ids[i]);
		db_bind_int(stmt, 2, m->wall_ms);
		rc = db_run(stmt);
	}
	return rc;
}

int
backup_moves_warned(struct backup_db *db, const int64_t *ids, size_t count,
    int64_t wall_ms)
{
	struct mails m = { .db = db,
		.ids = ids,
		.count = count,
		.wall_ms = wall_ms };

	return backup_db_write(db, warn_all, &m);
}
