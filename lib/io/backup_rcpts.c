/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_rcpts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/backup_rcpts_in.h"

struct backup_rcpts {
	struct backup_db *db;
	atomic_int_least64_t count;
};

static const char count_sql[] = "SELECT count(*) FROM recipient";

static int
count_all(void *ctx, struct db *on)
{
	struct backup_rcpts *rcpts = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(rcpts->db, on, count_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	rc = db_step(stmt);
	if (rc == SMX_OK)
		atomic_store(&rcpts->count, db_int(stmt, 0));
	db_reset(stmt);
	return rc;
}

int
backup_rcpts_open(struct backup_rcpts **out, struct backup_db *db)
{
	struct backup_rcpts *rcpts = calloc(1, sizeof(*rcpts));
	int rc;

	if (rcpts == NULL)
		return SMX_ENOMEM;
	rcpts->db = db;
	atomic_init(&rcpts->count, 0);
	rc = backup_db_read(db, count_all, rcpts);
	if (rc != SMX_OK) {
		backup_rcpts_close(&rcpts);
		return rc;
	}
	*out = rcpts;
	return SMX_OK;
}

void
backup_rcpts_close(struct backup_rcpts **rcpts)
{
	free(*rcpts);
	*rcpts = NULL;
}

uint64_t
backup_rcpts_count(struct backup_rcpts *rcpts)
{
	int64_t count = atomic_load(&rcpts->count);

	return count > 0 ? (uint64_t)count : 0;
}

struct backup_db *
rcpts_db(struct backup_rcpts *rcpts)
{
	return rcpts->db;
}

/* In the writer's thread, which has all changes one after the other; what it
 * did is known to stand only later. */
int
rcpts_write(struct backup_rcpts *rcpts, backup_db_fn fn, void *ctx,
    const int64_t *more)
{
	int rc = backup_db_write(rcpts->db, fn, ctx);

	if (rc == SMX_OK)
		atomic_fetch_add(&rcpts->count, *more);
	return rc;
}

/* ---- looks ---- */

struct look {
	struct backup_db *db;
	const struct addr *addr;
	struct backup_rcpts_sight *out;
};

/* One statement for both: each costs a lock on the file. */
static const char look_sql[] =
    "SELECT r.good, r.source, r.learned_ms, c.takes_all, c.asked_ms"
    " FROM (SELECT 1) LEFT JOIN recipient r ON r.domain = ?1 AND r.local = ?2"
    " LEFT JOIN catchall c ON c.domain = ?1";

static int
look(void *ctx, struct db *on)
{
	const struct look *l = ctx;
	struct backup_rcpts_sight *out = l->out;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, on, look_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, l->addr->domain);
	db_bind_text(stmt, 2, l->addr->local);
	rc = db_step(stmt);
	if (rc == SMX_OK) {
		out->found = !db_is_null(stmt, 0);
		out->entry.good = db_int(stmt, 0) != 0;
		out->entry.source = (enum rcpt_source)db_int(stmt, 1);
		out->entry.learned_ms = db_int(stmt, 2);
		out->all = (enum rcpts_all)db_int(stmt, 3);
		out->all_asked_ms = db_int(stmt, 4);
	}
	db_reset(stmt);
	return rc;
}

int
backup_rcpts_look(struct backup_rcpts *rcpts, const struct addr *addr,
    struct backup_rcpts_sight *out)
{
	struct look l = { rcpts->db, addr, out };

	memset(out, 0, sizeof(*out));
	return backup_db_read(rcpts->db, look, &l);
}

/* ---- a page of them after the other ---- */

#define PAGE 500

struct page {
	struct backup_db *db;
	const char *domain; /* NULL: all */
	char at_domain[ADDR_MAX + 1], at_local[ADDR_MAX + 1];
	size_t count;
	struct row {
		char *domain, *local; /* one allocation, domain's */
		struct rcpt_entry entry;
	} rows[PAGE];
};

static const char page_one_sql[] =
    "SELECT domain, local, good, source, learned_ms FROM recipient"
    " WHERE domain = ?1 AND local > ?2 ORDER BY local LIMIT ?3";
static const char page_all_sql[] =
    "SELECT domain, local, good, source, learned_ms FROM recipient"
    " WHERE (domain, local) > (?1, ?2) ORDER BY domain, local LIMIT ?3";

static int
page_row(struct page *p, struct db_stmt *stmt)
{
	struct row *row = &p->rows[p->count];
	const char *domain = db_text(stmt, 0);
	const char *local = db_text(stmt, 1);
	size_t n = strlen(domain) + 1, m = strlen(local) + 1;

	if (n > sizeof(p->at_domain) || m > sizeof(p->at_local))
		return SMX_ECORRUPT;
	row->domain = malloc(n + m);
	if (row->domain == NULL)
		return SMX_ENOMEM;
	row->local = row->domain + n;
	memcpy(row->domain, domain, n);
	memcpy(row->local, local, m);
	row->entry.good = db_int(stmt, 2) != 0;
	row->entry.source = (enum rcpt_source)db_int(stmt, 3);
	row->entry.learned_ms = db_int(stmt, 4);
	p->count++;
	return SMX_OK;
}

static int
page_read(void *ctx, struct db *on)
{
	struct page *p = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(p->db, on,
	    p->domain != NULL ? page_one_sql : page_all_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, p->at_domain);
	db_bind_text(stmt, 2, p->at_local);
	db_bind_int(stmt, 3, PAGE);
	while (p->count < PAGE && (rc = db_step(stmt)) == SMX_OK)
		if ((rc = page_row(p, stmt)) != SMX_OK)
			break;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

/* Hand the page out and leave the place behind it. */
static int
page_give(struct page *p, backup_rcpts_fn each, void *ctx)
{
	int rc = SMX_OK;

	for (size_t i = 0; i < p->count; i++) {
		struct row *row = &p->rows[i];

		if (rc == SMX_OK && each != NULL)
			rc = each(ctx, row->domain, row->local, &row->entry);
		if (i + 1 == p->count) {
			memcpy(p->at_domain, row->domain,
			    strlen(row->domain) + 1);
			memcpy(p->at_local, row->local, strlen(row->local) + 1);
		}
		free(row->domain);
	}
	return rc;
}

int
backup_rcpts_each(struct backup_rcpts *rcpts, const char *domain,
    backup_rcpts_fn each, void *ctx)
{
	struct page *p = calloc(1, sizeof(*p));
	int rc = SMX_OK, more = 1;

	if (p == NULL)
		return SMX_ENOMEM;
	p->db = rcpts->db;
	p->domain = domain;
	if (domain != NULL && strlen(domain) <= ADDR_MAX)
		memcpy(p->at_domain, domain, strlen(domain) + 1);
	while (rc == SMX_OK && more) {
		int given;

		p->count = 0;
		rc = backup_db_read(rcpts->db, page_read, p);
		more = p->count == PAGE;
		given = page_give(p, rc == SMX_OK ? each : NULL, ctx);
		rc = rc == SMX_OK ? given : rc;
	}
	free(p);
	return rc;
}

struct turn {
	struct backup_db *db;
	const char *domain; /* NULL: all */
	char at[ADDR_MAX + 1];
	enum rcpts_all all;
	int64_t asked_ms;
};

static const char all_one_sql[] =
    "SELECT domain, takes_all, asked_ms FROM catchall WHERE domain = ?1";
static const char all_next_sql[] =
    "SELECT domain, takes_all, asked_ms FROM catchall WHERE domain > ?1"
    " ORDER BY domain LIMIT 1";

static int
turn_read(void *ctx, struct db *on)
{
	struct turn *t = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(t->db, on,
	    t->domain != NULL ? all_one_sql : all_next_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, t->domain != NULL ? t->domain : t->at);
	rc = db_step(stmt);
	if (rc == SMX_OK) {
		t->all = (enum rcpts_all)db_int(stmt, 1);
		t->asked_ms = db_int(stmt, 2);
		if (t->domain == NULL &&
		    text_copy(t->at, sizeof(t->at), db_text(stmt, 0)))
			rc = SMX_ECORRUPT;
	}
	db_reset(stmt);
	return rc;
}

int
backup_rcpts_each_all(struct backup_rcpts *rcpts, const char *domain,
    backup_rcpts_all_fn each, void *ctx)
{
	struct turn t = { .db = rcpts->db, .domain = domain };
	int rc;

	do {
		rc = backup_db_read(rcpts->db, turn_read, &t);
		if (rc == SMX_OK)
			rc = each(ctx, domain != NULL ? domain : t.at, t.all,
			    t.asked_ms);
	} while (rc == SMX_OK && domain == NULL);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}
