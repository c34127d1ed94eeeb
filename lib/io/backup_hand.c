/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_hand.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/backup.h"
#include "core/hand.h"

#define BOOKED_MOST 100000 /* recipients of one message */

/* ---- looking ---- */

struct looking {
	struct backup_db *db;
	int64_t mail;
	struct backup_hand *hand;
	uint64_t *hashes;
	size_t count;
};

static int
look(void *ctx, struct db *db)
{
	const struct looking *l = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, db,
	    "SELECT tries, lost, out, next_ms, why, former FROM hand"
	    " WHERE mail = ?1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, l->mail);
	rc = db_step(stmt);
	if (rc == SMX_OK) {
		l->hand->tries = (unsigned)db_int(stmt, 0);
		l->hand->lost = (unsigned)db_int(stmt, 1);
		l->hand->out = db_int(stmt, 2) != 0;
		l->hand->next_ms = db_int(stmt, 3);
		(void)text_copy(l->hand->why, sizeof(l->hand->why),
		    db_text(stmt, 4));
		(void)text_copy(l->hand->former, sizeof(l->hand->former),
		    db_text(stmt, 5));
	}
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_hand_look(struct backup_db *db, int64_t mail, struct backup_hand *out)
{
	struct looking looking = { .db = db, .mail = mail, .hand = out };

	memset(out, 0, sizeof(*out));
	return backup_db_read(db, look, &looking);
}

static int
count_booked(const struct looking *l, struct db *db, size_t *count)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, db,
	    "SELECT count(*) FROM hand_rcpt WHERE mail = ?1", &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, l->mail);
	rc = db_step(stmt);
	*count = rc == SMX_OK ? (size_t)db_int(stmt, 0) : 0;
	db_reset(stmt);
	return *count > BOOKED_MOST ? SMX_ELIMIT : rc;
}

static int
booked(void *ctx, struct db *db)
{
	struct looking *l = ctx;
	struct db_stmt *stmt;
	size_t room;
	int rc = count_booked(l, db, &room);

	if (rc == SMX_OK)
		rc = backup_db_stmt(l->db, db,
		    "SELECT hash FROM hand_rcpt WHERE mail = ?1", &stmt);
	if (rc != SMX_OK)
		return rc;
	l->hashes = calloc(room + 1, sizeof(*l->hashes));
	if (l->hashes == NULL)
		return SMX_ENOMEM;
	db_bind_int(stmt, 1, l->mail);
	while (l->count < room && (rc = db_step(stmt)) == SMX_OK)
		l->hashes[l->count++] = strtoull(db_text(stmt, 0), NULL, 16);
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_hand_booked(struct backup_db *db, int64_t mail, uint64_t **hashes,
    size_t *count)
{
	struct looking looking = { .db = db, .mail = mail };
	int rc = backup_db_read(db, booked, &looking);

	if (rc != SMX_OK) {
		free(looking.hashes);
		looking.hashes = NULL;
		looking.count = 0;
	}
	*hashes = looking.hashes;
	*count = looking.count;
	return rc;
}

struct formers {
	struct backup_db *db;
	struct backup_hand_former *out;
	size_t most, count;
};

static int
formers(void *ctx, struct db *db)
{
	struct formers *f = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(f->db, db,
	    "SELECT hand.mail, hand.former, mail.sender FROM hand JOIN mail"
	    " ON mail.id = hand.mail WHERE hand.former <> ''"
	    " ORDER BY hand.mail LIMIT ?1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, (int64_t)f->most);
	while (f->count < f->most && (rc = db_step(stmt)) == SMX_OK) {
		struct backup_hand_former *out = &f->out[f->count++];

		out->mail = db_int(stmt, 0);
		(void)text_copy(out->queue_id, sizeof(out->queue_id),
		    db_text(stmt, 1));
		(void)text_copy(out->sender, sizeof(out->sender),
		    db_text(stmt, 2));
	}
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_hand_formers(struct backup_db *db, struct backup_hand_former *out,
    size_t most, size_t *count)
{
	struct formers f = { .db = db, .out = out, .most = most };
	int rc = backup_db_read(db, formers, &f);

	*count = rc == SMX_OK ? f.count : 0;
	return rc;
}

/* ---- an attempt ---- */

struct attempt {
	struct backup_db *db;
	int64_t mail;
	const struct backup_hand_end *end;
};

static int
begin(void *ctx, struct db *db)
{
	const struct attempt *a = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(a->db, db,
	    "INSERT INTO hand (mail, tries, lost, out, next_ms, why, former)"
	    " VALUES (?1, 0, 0, 1, 0, '', '')"
	    " ON CONFLICT (mail) DO UPDATE SET out = 1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, a->mail);
	return db_run(stmt);
}

int
backup_hand_begin(struct backup_db *db, int64_t mail)
{
	struct attempt attempt = { db, mail, NULL };

	return backup_db_write(db, begin, &attempt);
}

/* For each of them; sql has ?1 for the message and ?2 for the recipient. */
static int
each_taken(const struct attempt *a, struct db *db, const char *sql)
{
	const struct backup_hand_end *end = a->end;
	struct db_stmt *stmt;
	char hash[17];
	int rc = backup_db_stmt(a->db, db, sql, &stmt);

	for (size_t i = 0; rc == SMX_OK && i < end->count; i++) {
		snprintf(hash, sizeof(hash), "%016" PRIx64, end->taken[i]);
		db_bind_int(stmt, 1, end->mail);
		db_bind_text(stmt, 2, hash);
		db_bind_int(stmt, 3, end->wall_ms);
		rc = db_run(stmt);
	}
	return rc;
}

static int
note_handed(const struct attempt *a, struct db *db)
{
	struct db_stmt *stmt;
	int rc = each_taken(a, db,
	    "UPDATE mail_rcpt SET outcome = 6, at_ms = ?3"
	    " WHERE mail = ?1 AND hash = ?2 AND outcome = 1");

	if (rc != SMX_OK || !a->end->all)
		return rc;
	rc = backup_db_stmt(a->db, db,
	    "UPDATE mail_rcpt SET outcome = 6, at_ms = ?2"
	    " WHERE mail = ?1 AND outcome = 1",
	    &stmt);
	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, a->end->mail);
	db_bind_int(stmt, 2, a->end->wall_ms);
	return db_run(stmt);
}

static int
note_moved(const struct attempt *a, struct db *db)
{
	const struct backup_hand_end *end = a->end;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(a->db, db,
	    "UPDATE mail SET queue_id = ?2, custody = 4, released_ms = ?3"
	    " WHERE id = ?1 AND custody <> 5",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, end->mail);
	db_bind_text(stmt, 2, end->new_id);
	db_bind_int(stmt, 3, end->wall_ms);
	return db_run(stmt);
}

static int
note_attempt(const struct attempt *a, struct db *db)
{
	const struct backup_hand_end *end = a->end;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(a->db, db,
	    "UPDATE hand SET out = 0, tries = tries + ?2, lost = lost + ?3,"
	    " next_ms = ?4, why = ?5, former = ?6 WHERE mail = ?1",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, end->mail);
	db_bind_int(stmt, 2, end->in_vain != 0);
	db_bind_int(stmt, 3, end->lost != 0);
	db_bind_int(stmt, 4, end->next_ms);
	db_bind_text(stmt, 5, end->why);
	db_bind_text(stmt, 6, end->new_id != NULL ? end->queue_id : "");
	return db_run(stmt);
}

static int
ended(void *ctx, struct db *db)
{
	const struct attempt *a = ctx;
	int rc = each_taken(a, db,
	    "INSERT OR IGNORE INTO hand_rcpt (mail, hash)"
	    " SELECT ?1, ?2 WHERE ?3 IS NOT NULL");

	if (rc == SMX_OK)
		rc = a->end->new_id != NULL ? note_moved(a, db)
					    : note_handed(a, db);
	return rc == SMX_OK ? note_attempt(a, db) : rc;
}

int
backup_hand_ended(struct backup_db *db, const struct backup_hand_end *end)
{
	struct attempt attempt = { db, end->mail, end };

	return backup_db_write(db, ended, &attempt);
}

/* ---- the end ---- */

struct losing {
	struct backup_db *db;
	int64_t
	    mail; /* 0: all; they keep their pause unless it is a long one */
	int64_t next_ms;
	const char *why;
};

static int
lose(void *ctx, struct db *db)
{
	const struct losing *l = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, db,
	    "UPDATE hand SET out = 0, tries = tries + 1, lost = lost + 1,"
	    " next_ms = CASE WHEN ?1 <> 0 OR lost + 1 >= ?2 THEN ?3"
	    " ELSE next_ms END, why = ?4"
	    " WHERE out <> 0 AND (?1 = 0 OR mail = ?1)",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, l->mail);
	db_bind_int(stmt, 2, HAND_LOST_MOST);
	db_bind_int(stmt, 3, l->next_ms);
	db_bind_text(stmt, 4, l->why);
	return db_run(stmt);
}

int
backup_hand_lost(struct backup_db *db, int64_t mail, int64_t next_ms)
{
	struct losing losing = { db, mail, next_ms,
		"what came of it could not be written down" };

	return backup_db_write(db, lose, &losing);
}

int
backup_hand_restart(struct backup_db *db, int64_t wall_ms)
{
	struct losing losing = { db, 0, wall_ms + HAND_LOST_MS,
		"the process ended meanwhile" };

	return backup_db_write(db, lose, &losing);
}

static int
forget(void *ctx, struct db *db)
{
	static const char *const sql[] = {
		"DELETE FROM hand WHERE mail = ?1",
		"DELETE FROM hand_rcpt WHERE mail = ?1",
	};
	const struct attempt *a = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < 2; i++) {
		struct db_stmt *stmt;

		rc = backup_db_stmt(a->db, db, sql[i], &stmt);
		if (rc != SMX_OK)
			break;
		db_bind_int(stmt, 1, a->mail);
		rc = db_run(stmt);
	}
	return rc;
}

int
backup_hand_forget(struct backup_db *db, int64_t mail)
{
	struct attempt attempt = { db, mail, NULL };

	return backup_db_write(db, forget, &attempt);
}
