/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_rcpts.h"

#include "io/backup_rcpts_in.h"

/* What goes from the list that a primary has said by itself. */

struct strike {
	struct backup_db *db;
	const char *domain;
	const char *const *locals;
	size_t count;
	int64_t learned_ms;
	int64_t gone, more;
};

static const char strike_sql[] =
    "DELETE FROM recipient WHERE domain = ?1 AND local = ?2 AND source <> 4"
    " RETURNING 1";
static const char settle_sql[] =
    "DELETE FROM recipient WHERE (domain, local) IN (SELECT domain, local FROM"
    " recipient WHERE domain = ?1 AND source = 3 AND learned_ms <> ?2"
    " LIMIT ?3) RETURNING 1";

static int
strike(void *ctx, struct db *on)
{
	struct strike *s = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(s->db, on, strike_sql, &stmt);

	s->gone = 0;
	for (size_t i = 0; rc == SMX_OK && i < s->count; i++) {
		db_bind_text(stmt, 1, s->domain);
		db_bind_text(stmt, 2, s->locals[i]);
		rc = rcpts_count_gone(stmt, &s->gone);
	}
	s->more = -s->gone;
	return rc;
}

int
backup_rcpts_strike(struct backup_rcpts *rcpts, const char *domain,
    const char *const *locals, size_t count, size_t *gone)
{
	struct strike s = { .db = rcpts_db(rcpts),
		.domain = domain,
		.locals = locals,
		.count = count };
	int rc = rcpts_write(rcpts, strike, &s, &s.more);

	*gone = rc == SMX_OK ? (size_t)s.gone : 0;
	return rc;
}

static int
settle(void *ctx, struct db *on)
{
	struct strike *s = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(s->db, on, settle_sql, &stmt);

	s->gone = 0;
	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, s->domain);
	db_bind_int(stmt, 2, s->learned_ms);
	db_bind_int(stmt, 3, RCPTS_GONE_ONE);
	rc = rcpts_count_gone(stmt, &s->gone);
	s->more = -s->gone;
	return rc;
}

/* In several changes, so that the books can be written in between. */
int
backup_rcpts_settle(struct backup_rcpts *rcpts, const char *domain,
    int64_t learned_ms, size_t *gone)
{
	struct strike s = { .db = rcpts_db(rcpts),
		.domain = domain,
		.learned_ms = learned_ms };
	int rc;

	*gone = 0;
	do {
		rc = rcpts_write(rcpts, settle, &s, &s.more);
		if (rc == SMX_OK)
			*gone += (size_t)s.gone;
	} while (rc == SMX_OK && s.gone == RCPTS_GONE_ONE);
	return rc;
}
