/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_rcpts.h"

#include <string.h>

#include "io/backup_rcpts_in.h"

int
rcpts_count_gone(struct db_stmt *stmt, int64_t *gone)
{
	int rc;

	while ((rc = db_step(stmt)) == SMX_OK)
		++*gone;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

/* ---- learn ---- */

struct learn {
	struct backup_db *db;
	const struct backup_rcpts_news *news;
	size_t count;
	const struct backup_rcpts_limits *limits;
	int64_t had; /* rows before */
	int64_t more;
	size_t unkept;
};

static const char was_sql[] = "SELECT good, source, learned_ms FROM recipient"
			      " WHERE domain = ?1 AND local = ?2";
static const char put_sql[] =
    "INSERT INTO recipient (domain, local, good, source, learned_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (domain, local) DO UPDATE SET"
    " good = excluded.good, source = excluded.source,"
    " learned_ms = excluded.learned_ms";
static const char oldest_sql[] =
    "DELETE FROM recipient WHERE (domain, local) IN (SELECT domain, local FROM"
    " recipient WHERE source <> 4 AND source <> 3 AND good = ?1"
    " AND learned_ms < ?2 ORDER BY learned_ms LIMIT ?3) RETURNING 1";

static int
remove_oldest(struct learn *l, struct db *on, int good, int64_t before_ms,
    int64_t want, int64_t *gone)
{
	struct db_stmt *stmt;
	int rc;

	if (*gone >= want)
		return SMX_OK;
	rc = backup_db_stmt(l->db, on, oldest_sql, &stmt);
	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, good);
	db_bind_int(stmt, 2, before_ms);
	db_bind_int(stmt, 3, want - *gone);
	return rcpts_count_gone(stmt, gone);
}

/* Many at a time, so that the next ones find room.  For a bad one no good one
 * goes: else who guesses enough addresses makes us forget everybody. */
static int
make_room(struct learn *l, struct db *on, int for_good)
{
	const struct backup_rcpts_limits *m = l->limits;
	int64_t over = l->had + l->more - (int64_t)m->most;
	int64_t want = over + 1 + (int64_t)(m->most / 100);
	int64_t gone = 0;
	int rc;

	if (want > over + RCPTS_GONE_ONE)
		want = over + RCPTS_GONE_ONE;
	rc = remove_oldest(l, on, 0, m->now_ms - m->ages.bad_ms, want, &gone);
	if (rc == SMX_OK)
		rc = remove_oldest(l, on, 1, m->now_ms - m->ages.good_ms, want,
		    &gone);
	if (rc == SMX_OK)
		rc = remove_oldest(l, on, 0, INT64_MAX, want, &gone);
	if (rc == SMX_OK && for_good)
		rc = remove_oldest(l, on, 1, INT64_MAX, want, &gone);
	l->more -= gone;
	return rc != SMX_OK ? rc : gone > over ? SMX_OK : SMX_EFULL;
}

static int
is_there(struct learn *l, struct db *on, const struct backup_rcpts_news *news,
    struct rcpt_entry *was, int *there)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, on, was_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, news->domain);
	db_bind_text(stmt, 2, news->local);
	rc = db_step(stmt);
	*there = rc == SMX_OK;
	if (*there)
		*was = (struct rcpt_entry){ db_int(stmt, 0) != 0,
			(enum rcpt_source)db_int(stmt, 1), db_int(stmt, 2) };
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static int
put(struct learn *l, struct db *on, const struct backup_rcpts_news *news)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, on, put_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, news->domain);
	db_bind_text(stmt, 2, news->local);
	db_bind_int(stmt, 3, news->entry.good);
	db_bind_int(stmt, 4, news->entry.source);
	db_bind_int(stmt, 5, news->entry.learned_ms);
	return db_run(stmt);
}

static int
learn_one(struct learn *l, struct db *on, const struct backup_rcpts_news *news)
{
	struct rcpt_entry was;
	int there, rc = is_there(l, on, news, &was, &there);

	if (rc != SMX_OK ||
	    !rcptage_replaces(there ? &was : NULL, &news->entry))
		return rc;
	if (!there && l->had + l->more >= (int64_t)l->limits->most)
		rc = make_room(l, on, news->entry.good);
	if (rc == SMX_EFULL) {
		l->unkept++;
		return SMX_OK;
	}
	if (rc == SMX_OK)
		rc = put(l, on, news);
	if (rc == SMX_OK)
		l->more += !there;
	return rc;
}

static int
learn(void *ctx, struct db *on)
{
	struct learn *l = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < l->count; i++)
		rc = learn_one(l, on, &l->news[i]);
	return rc;
}

int
backup_rcpts_learn(struct backup_rcpts *rcpts,
    const struct backup_rcpts_news *news, size_t count,
    const struct backup_rcpts_limits *limits, size_t *unkept)
{
	struct learn l = { .db = rcpts_db(rcpts),
		.news = news,
		.count = count,
		.limits = limits,
		.had = (int64_t)backup_rcpts_count(rcpts) };
	int rc = rcpts_write(rcpts, learn, &l, &l.more);

	*unkept = rc == SMX_OK ? l.unkept : count;
	return rc;
}

/* ---- what a primary says to everything ---- */

struct all {
	struct backup_db *db;
	const char *domain;
	enum rcpts_all all;
	int64_t now_ms;
};

static const char all_sql[] =
    "INSERT INTO catchall (domain, takes_all, asked_ms) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (domain) DO UPDATE SET takes_all = excluded.takes_all,"
    " asked_ms = excluded.asked_ms"
    " WHERE takes_all < 3 OR excluded.takes_all = 3"
    " OR (takes_all > 3 AND excluded.takes_all > 3)"
    " OR (takes_all > 3 AND excluded.takes_all = 0)";

static int
put_all(void *ctx, struct db *on)
{
	const struct all *a = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(a->db, on, all_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, a->domain);
	db_bind_int(stmt, 2, a->all);
	db_bind_int(stmt, 3, a->now_ms);
	return db_run(stmt);
}

int
backup_rcpts_all(struct backup_rcpts *rcpts, const char *domain,
    enum rcpts_all all, int64_t now_ms)
{
	struct all a = { rcpts_db(rcpts), domain, all, now_ms };

	return backup_db_write(rcpts_db(rcpts), put_all, &a);
}

/* ---- those that go ---- */

struct leave {
	struct backup_db *db;
	const char *domain;
	const char *local;  /* NULL: all */
	int64_t learned_ms; /* of a list; 0: whoever */
	int and_all;        /* and what is known of all */
	int64_t gone, more;
};

static const char forget_one_sql[] =
    "DELETE FROM recipient WHERE domain = ?1 AND local = ?2 RETURNING 1";
static const char forget_domain_sql[] =
    "DELETE FROM recipient WHERE (domain, local) IN (SELECT domain, local FROM"
    " recipient WHERE domain = ?1 LIMIT ?2) RETURNING 1";
static const char renew_sql[] =
    "DELETE FROM recipient WHERE (domain, local) IN (SELECT domain, local FROM"
    " recipient WHERE domain = ?1 AND source = 4 AND learned_ms <> ?3"
    " LIMIT ?2) RETURNING 1";
static const char forget_all_sql[] =
    "DELETE FROM catchall WHERE domain = ?1 AND (?2 = 0 OR takes_all = 3)";

/* Of a list of the primary's own who has gone may be one: it is complete no
 * more, and is said anew. */
static const char unlist_sql[] =
    "DELETE FROM catchall WHERE domain = ?1 AND takes_all > 3";

static int
unlist(const struct leave *l, struct db *on)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, on, unlist_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, l->domain);
	return db_run(stmt);
}

static int
leave_all(const struct leave *l, struct db *on)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, on, forget_all_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, l->domain);
	db_bind_int(stmt, 2, l->learned_ms != 0);
	return db_run(stmt);
}

static int
leave(void *ctx, struct db *on)
{
	struct leave *l = ctx;
	const char *sql = l->local != NULL     ? forget_one_sql
			  : l->learned_ms != 0 ? renew_sql
					       : forget_domain_sql;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(l->db, on, sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	l->gone = 0;
	db_bind_text(stmt, 1, l->domain);
	if (l->local != NULL)
		db_bind_text(stmt, 2, l->local);
	else
		db_bind_int(stmt, 2, RCPTS_GONE_ONE);
	if (l->learned_ms != 0)
		db_bind_int(stmt, 3, l->learned_ms);
	rc = rcpts_count_gone(stmt, &l->gone);
	l->more = -l->gone;
	if (rc == SMX_OK && l->gone != 0)
		rc = unlist(l, on);
	return rc == SMX_OK && l->and_all ? leave_all(l, on) : rc;
}

/* In several changes, so that the books can be written in between. */
static int
leave_in_turn(struct backup_rcpts *rcpts, struct leave *l, size_t *gone)
{
	int rc;

	*gone = 0;
	l->db = rcpts_db(rcpts);
	do {
		rc = rcpts_write(rcpts, leave, l, &l->more);
		if (rc == SMX_OK)
			*gone += (size_t)l->gone;
	} while (rc == SMX_OK && l->gone == RCPTS_GONE_ONE);
	return rc;
}

int
backup_rcpts_renew(struct backup_rcpts *rcpts, const char *domain,
    int64_t learned_ms, int all, size_t *gone)
{
	struct leave l = { .domain = domain,
		.learned_ms = learned_ms,
		.and_all = !all };

	return leave_in_turn(rcpts, &l, gone);
}

int
backup_rcpts_forget(struct backup_rcpts *rcpts, const char *domain,
    const char *local, size_t *gone)
{
	struct leave l = { .domain = domain,
		.local = local,
		.and_all = local == NULL };

	return leave_in_turn(rcpts, &l, gone);
}
