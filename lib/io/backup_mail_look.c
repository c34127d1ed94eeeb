/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mail.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* ---- those that are open ---- */

struct opening {
	struct backup_db *db;
	int64_t after_id;
	unsigned most;
	backup_mail_open_fn each;
	void *ctx;
};

#define RCPTS_FIRST 16

struct hashes {
	uint64_t *hash;
	size_t count, room;
};

static int
add_hash(struct hashes *h, const char *text)
{
	size_t room = h->room == 0 ? RCPTS_FIRST : h->room * 2;
	uint64_t *more;

	if (h->count == h->room) {
		more = realloc(h->hash, room * sizeof(*more));
		if (more == NULL)
			return SMX_ENOMEM;
		h->hash = more;
		h->room = room;
	}
	h->hash[h->count++] = strtoull(text, NULL, 16);
	return SMX_OK;
}

static int
open_hashes(struct backup_db *bdb, struct db *db, int64_t id, struct hashes *h)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(bdb, db,
	    "SELECT hash FROM mail_rcpt WHERE mail = ?1 AND outcome = 1",
	    &stmt);

	h->count = 0;
	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, id);
	while ((rc = db_step(stmt)) == SMX_OK)
		if ((rc = add_hash(h, db_text(stmt, 0))) != SMX_OK)
			break;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static int
open_one(const struct opening *o, struct db *db, struct db_stmt *stmt,
    struct hashes *h)
{
	struct custody_new mail = { .mail = db_int(stmt, 0),
		.queue_id = db_text(stmt, 1),
		.domain = db_text(stmt, 2),
		.size = (uint64_t)db_int(stmt, 3),
		.custody = (enum custody)db_int(stmt, 4),
		.hold = db_int(stmt, 5) != 0 };
	int rc = open_hashes(o->db, db, mail.mail, h);

	mail.open = h->hash;
	mail.count = h->count;
	return rc == SMX_OK ? o->each(o->ctx, &mail) : rc;
}

static int
each_open(void *ctx, struct db *db)
{
	const struct opening *o = ctx;
	struct hashes hashes = { 0 };
	struct db_stmt *stmt;
	int rc = backup_db_stmt(o->db, db,
	    "SELECT id, queue_id, domain, size, custody, until_ms FROM mail"
	    " WHERE custody <> 5 AND id > ?1 ORDER BY id LIMIT ?2",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, o->after_id);
	db_bind_int(stmt, 2, o->most);
	while ((rc = db_step(stmt)) == SMX_OK)
		if ((rc = open_one(o, db, stmt, &hashes)) != 0)
			break;
	db_reset(stmt);
	free(hashes.hash);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_mail_each_open(struct backup_db *db, int64_t after_id, unsigned most,
    backup_mail_open_fn each, void *ctx)
{
	struct opening opening = { db, after_id, most, each, ctx };

	return backup_db_read(db, each_open, &opening);
}

/* ---- rows ---- */

struct looking {
	struct backup_db *db;
	struct backup_mail_page *page;
};

#define COLUMNS                                                                \
	"SELECT id, queue_id, domain, sender, size, taken_ms, until_ms,"       \
	" released_ms, ended_ms, warned_ms, primary_state, custody,"           \
	" (SELECT count(*) FROM hand_rcpt JOIN hand USING (mail)"              \
	" WHERE mail = mail.id AND former = ''),"                              \
	" (SELECT next_ms FROM hand WHERE mail = mail.id) FROM mail "
#define AFTER                                                                  \
	" AND taken_ms >= ?2 AND (taken_ms > ?2 OR id > ?3)"                   \
	" AND (?4 = 0 OR until_ms <> 0) ORDER BY taken_ms, id LIMIT ?5"

static const char *
sql_of(const struct backup_mail_page *page)
{
	if (page->queue_id != NULL)
		return COLUMNS "WHERE queue_id = ?1" AFTER;
	if (page->domain != NULL)
		return COLUMNS "WHERE domain = ?1 AND custody <> 5" AFTER;
	return COLUMNS "WHERE custody <> 5 AND ?1 = ''" AFTER;
}

static void
row_of(struct db_stmt *stmt, struct backup_mail_row *row)
{
	memset(row, 0, sizeof(*row));
	row->id = db_int(stmt, 0);
	text_copy(row->queue_id, sizeof(row->queue_id), db_text(stmt, 1));
	text_copy(row->domain, sizeof(row->domain), db_text(stmt, 2));
	text_copy(row->sender, sizeof(row->sender), db_text(stmt, 3));
	row->size = (uint64_t)db_int(stmt, 4);
	row->taken_ms = db_int(stmt, 5);
	row->until_ms = db_int(stmt, 6);
	row->released_ms = db_int(stmt, 7);
	row->ended_ms = db_int(stmt, 8);
	row->warned_ms = db_int(stmt, 9);
	row->state = (enum mx_state)db_int(stmt, 10);
	row->custody = (enum custody)db_int(stmt, 11);
	row->handed = (uint64_t)db_int(stmt, 12);
	row->hand_next_ms = db_int(stmt, 13);
}

static int
look(void *ctx, struct db *db)
{
	const struct looking *l = ctx;
	struct backup_mail_page *page = l->page;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, db, sql_of(page), &stmt);

	page->count = 0;
	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1,
	    page->queue_id != NULL ? page->queue_id
	    : page->domain != NULL ? page->domain
				   : "");
	db_bind_int(stmt, 2, page->after_taken_ms);
	db_bind_int(stmt, 3, page->after_id);
	db_bind_int(stmt, 4, page->held);
	db_bind_int(stmt, 5, (int64_t)page->max);
	while (page->count < page->max && (rc = db_step(stmt)) == SMX_OK)
		row_of(stmt, &page->rows[page->count++]);
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_mail_look(struct backup_db *db, struct backup_mail_page *page)
{
	struct looking looking = { db, page };

	return backup_db_read(db, look, &looking);
}

/* ---- recipients ---- */

struct naming {
	struct backup_db *db;
	int64_t id;
	backup_mail_rcpt_fn each;
	void *ctx;
};

static int
rcpts(void *ctx, struct db *db)
{
	const struct naming *n = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(n->db, db,
	    "SELECT address, outcome, at_ms FROM mail_rcpt WHERE mail = ?1"
	    " ORDER BY n",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, n->id);
	while ((rc = db_step(stmt)) == SMX_OK)
		if (n->each(n->ctx, db_text(stmt, 0),
			(enum custody_end)db_int(stmt, 1),
			db_int(stmt, 2)) != 0)
			break;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_mail_rcpts(struct backup_db *db, int64_t id, backup_mail_rcpt_fn each,
    void *ctx)
{
	struct naming naming = { db, id, each, ctx };

	return backup_db_read(db, rcpts, &naming);
}

/* ---- sums ---- */

struct summing {
	struct backup_db *db;
	const struct backup_mail_range *range;
	struct backup_mail_sums *out;
};

#define CHOSEN " WHERE taken_ms >= ?2 AND (?3 = 0 OR taken_ms < ?3)"
#define HELD   "custody IN (2, 3) OR (custody = 1 AND until_ms <> 0)"
#define SUM_MAILS                                                              \
	"SELECT count(*), total(primary_state = 2), total(primary_state = 3)," \
	" total(primary_state = 1), total(" HELD "),"                          \
	" total(CASE WHEN " HELD " THEN size ELSE 0 END),"                     \
	" min(CASE WHEN custody <> 5 THEN taken_ms END),"                      \
	" min(CASE WHEN " HELD " THEN until_ms END) FROM mail"
#define SUM_RCPTS                                                              \
	"SELECT outcome, " HELD ", count(*) FROM mail JOIN mail_rcpt"          \
	" ON mail_rcpt.mail = mail.id"
#define ONE   " AND domain = ?1"
#define ALL   " AND ?1 = ''"
#define OPEN  " AND custody <> 5"
#define GROUP " GROUP BY 1, 2"

static const char *
sql_mails(const struct backup_mail_range *r)
{
	if (r->domain == NULL)
		return r->open ? SUM_MAILS CHOSEN ALL OPEN
			       : SUM_MAILS CHOSEN ALL;
	return r->open ? SUM_MAILS CHOSEN ONE OPEN : SUM_MAILS CHOSEN ONE;
}

static const char *
sql_rcpts(const struct backup_mail_range *r)
{
	if (r->domain == NULL)
		return r->open ? SUM_RCPTS CHOSEN ALL OPEN GROUP
			       : SUM_RCPTS CHOSEN ALL GROUP;
	return r->open ? SUM_RCPTS CHOSEN ONE OPEN GROUP
		       : SUM_RCPTS CHOSEN ONE GROUP;
}

static void
bind(const struct summing *s, struct db_stmt *stmt)
{
	const struct backup_mail_range *r = s->range;

	db_bind_text(stmt, 1, r->domain == NULL ? "" : r->domain);
	db_bind_int(stmt, 2, r->from_ms);
	db_bind_int(stmt, 3, r->to_ms);
}

static int
sum_mails(const struct summing *s, struct db *db)
{
	struct db_stmt *stmt;
	struct backup_mail_sums *out = s->out;
	int rc = backup_db_stmt(s->db, db, sql_mails(s->range), &stmt);

	if (rc != SMX_OK)
		return rc;
	bind(s, stmt);
	rc = db_step(stmt);
	if (rc == SMX_OK) {
		out->messages = (uint64_t)db_int(stmt, 0);
		out->while_up = (uint64_t)db_int(stmt, 1);
		out->while_down = (uint64_t)db_int(stmt, 2);
		out->while_unknown = (uint64_t)db_int(stmt, 3);
		out->held_messages = (uint64_t)db_int(stmt, 4);
		out->held_bytes = (uint64_t)db_int(stmt, 5);
		out->oldest_ms = db_int(stmt, 6);
		out->end_ms = db_int(stmt, 7);
	}
	db_reset(stmt);
	return rc;
}

static void
add_rcpts(struct backup_mail_sums *out, enum custody_end outcome, int held,
    uint64_t count)
{
	out->taken += count;
	switch (outcome) {
	case CUSTODY_OPEN:
		out->held += held ? count : 0;
		out->queued += held ? 0 : count;
		break;
	case CUSTODY_DELIVERED:
		out->delivered += count;
		break;
	case CUSTODY_RETURNED:
		out->returned += count;
		break;
	case CUSTODY_DELETED:
		out->deleted += count;
		break;
	case CUSTODY_HANDED:
		out->handed += count;
		break;
	case CUSTODY_UNKNOWN:
	default:
		out->unaccounted += count;
		break;
	}
}

static int
sum(void *ctx, struct db *db)
{
	const struct summing *s = ctx;
	struct db_stmt *stmt;
	int rc = sum_mails(s, db);

	if (rc == SMX_OK)
		rc = backup_db_stmt(s->db, db, sql_rcpts(s->range), &stmt);
	if (rc != SMX_OK)
		return rc;
	bind(s, stmt);
	while ((rc = db_step(stmt)) == SMX_OK)
		add_rcpts(s->out, (enum custody_end)db_int(stmt, 0),
		    db_int(stmt, 1) != 0, (uint64_t)db_int(stmt, 2));
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_mail_sum(struct backup_db *db, const struct backup_mail_range *range,
    struct backup_mail_sums *out)
{
	struct summing summing = { db, range, out };

	memset(out, 0, sizeof(*out));
	return backup_db_read(db, sum, &summing);
}

/* ---- domains ---- */

struct domains {
	struct backup_db *db;
	backup_mail_domain_fn each;
	void *ctx;
};

static int
domains(void *ctx, struct db *db)
{
	const struct domains *d = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(d->db, db,
	    "SELECT DISTINCT domain FROM mail WHERE custody <> 5"
	    " ORDER BY domain",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	while ((rc = db_step(stmt)) == SMX_OK)
		if (d->each(d->ctx, db_text(stmt, 0)) != 0)
			break;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
backup_mail_domains(struct backup_db *db, backup_mail_domain_fn each, void *ctx)
{
	struct domains d = { db, each, ctx };

	return backup_db_read(db, domains, &d);
}
