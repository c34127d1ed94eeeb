/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_hosts.h"

#include <string.h>

#include "base/buf.h"

/* ---- states ---- */

struct put {
	struct backup_db *db;
	const struct backup_host *hosts;
	size_t count;
	enum backup_outage_step step;
	int announced;
	int mends;
};

static int
put_one(struct backup_db *db, struct db *on, const struct backup_host *host)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "INSERT INTO host (hop, state, since_ms, why, seen_ms)"
	    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (hop) DO UPDATE SET"
	    " state = excluded.state, since_ms = excluded.since_ms,"
	    " why = excluded.why, seen_ms = excluded.seen_ms",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, host->hop);
	db_bind_int(stmt, 2, host->state);
	db_bind_int(stmt, 3, host->since_ms);
	db_bind_text(stmt, 4, host->why);
	db_bind_int(stmt, 5, host->seen_ms);
	return db_run(stmt);
}

/* A wall clock that went back does not make it end before it began. */
static int
outage_end(struct backup_db *db, struct db *on, const struct backup_host *host)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "UPDATE outage SET to_ms = max(from_ms + 1, ?)"
	    " WHERE hop = ? AND to_ms = 0",
	    &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, host->since_ms);
	db_bind_text(stmt, 2, host->hop);
	return db_run(stmt);
}

/* What was taken in it may have begun it. */
static int
outage_known(struct backup_db *db, struct db *on,
    const struct backup_host *host, int announced, int *known)
{
	struct db_stmt *stmt;
	int rc = backup_db_stmt(db, on,
	    "UPDATE outage SET why = ?, announced = ?"
	    " WHERE hop = ? AND from_ms = ? AND to_ms = 0 RETURNING id",
	    &stmt);

	*known = 0;
	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, host->why);
	db_bind_int(stmt, 2, announced);
	db_bind_text(stmt, 3, host->hop);
	db_bind_int(stmt, 4, host->since_ms);
	while ((rc = db_step(stmt)) == SMX_OK)
		*known = 1;
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static int
outage_begin(struct backup_db *db, struct db *on,
    const struct backup_host *host, int announced)
{
	struct db_stmt *stmt;
	int known;
	int rc = outage_known(db, on, host, announced, &known);

	if (rc == SMX_OK && known)
		return SMX_OK;
	if (rc == SMX_OK)
		rc = outage_end(db, on, host);
	if (rc == SMX_OK)
		rc = backup_db_stmt(db, on,
		    "INSERT INTO outage (hop, from_ms, to_ms, why, announced)"
		    " VALUES (?, ?, 0, ?, ?)",
		    &stmt);
	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, host->hop);
	db_bind_int(stmt, 2, host->since_ms);
	db_bind_text(stmt, 3, host->why);
	db_bind_int(stmt, 4, announced);
	return db_run(stmt);
}

/* A disk that did not answer, or a stop: what is written of its outages may not
 * be what it is. */
static int
outage_mend(struct backup_db *db, struct db *on, const struct backup_host *host)
{
	struct backup_mail_host down = { .down_ms = host->since_ms };

	if (host->state == MX_UP)
		return outage_end(db, on, host);
	if (host->state != MX_DOWN)
		return SMX_OK;
	memcpy(down.hop, host->hop, sizeof(down.hop));
	memcpy(down.why, host->why, sizeof(down.why));
	return backup_outage_lasts(db, on, &down);
}

static int
put(void *ctx, struct db *on)
{
	const struct put *p = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; i < p->count && rc == SMX_OK; i++) {
		rc = put_one(p->db, on, &p->hosts[i]);
		if (rc == SMX_OK && p->mends)
			rc = outage_mend(p->db, on, &p->hosts[i]);
	}
	if (rc == SMX_OK && p->step == OUTAGE_BEGINS)
		rc = outage_begin(p->db, on, p->hosts, p->announced);
	if (rc == SMX_OK && p->step == OUTAGE_ENDS)
		rc = outage_end(p->db, on, p->hosts);
	return rc;
}

int
backup_hosts_put(struct backup_db *db, const struct backup_host *hosts,
    size_t count)
{
	struct put p = { .db = db, .hosts = hosts, .count = count, .mends = 1 };

	return count == 0 ? SMX_OK : backup_db_write(db, put, &p);
}

int
backup_host_change(struct backup_db *db, const struct backup_host *host,
    enum backup_outage_step step, int announced)
{
	struct put p = { db, host, 1, step, announced, 0 };

	return backup_db_write(db, put, &p);
}

/* ---- looking ---- */

struct look {
	struct backup_db *db;
	const char *hop;
	int64_t since_ms;
	void *ctx;
	int (*host)(void *ctx, const struct backup_host *host);
	int (*outage)(void *ctx, const struct backup_outage *outage);
	int (*maintenance)(void *ctx, const char *domain, int64_t from_ms,
	    int64_t until_ms);
};

static int
ended(struct db_stmt *stmt, int rc)
{
	db_reset(stmt);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

static int
hosts_look(void *ctx, struct db *on)
{
	const struct look *look = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(look->db, on,
	    "SELECT hop, state, since_ms, seen_ms, why FROM host", &stmt);

	if (rc != SMX_OK)
		return rc;
	while ((rc = db_step(stmt)) == SMX_OK) {
		struct backup_host host = { .state =
						(enum mx_state)db_int(stmt, 1),
			.since_ms = db_int(stmt, 2),
			.seen_ms = db_int(stmt, 3) };

		(void)text_copy(host.hop, sizeof(host.hop), db_text(stmt, 0));
		(void)text_copy(host.why, sizeof(host.why), db_text(stmt, 4));
		if (look->host(look->ctx, &host) != 0)
			break;
	}
	return ended(stmt, rc);
}

int
backup_hosts_each(struct backup_db *db,
    int (*each)(void *ctx, const struct backup_host *host), void *ctx)
{
	struct look look = { .db = db, .ctx = ctx, .host = each };

	return backup_db_read(db, hosts_look, &look);
}

#define OUTAGES                                                                \
	"SELECT hop, from_ms, to_ms, announced, why, messages, recipients,"    \
	" bytes FROM outage WHERE "
#define NEWEST "(to_ms = 0 OR to_ms >= ?1) ORDER BY from_ms DESC, id DESC"

static int
outages_look(void *ctx, struct db *on)
{
	const struct look *look = ctx;
	struct db_stmt *stmt;
	int rc = look->hop == NULL
		     ? backup_db_stmt(look->db, on, OUTAGES NEWEST, &stmt)
		     : backup_db_stmt(look->db, on,
			   OUTAGES "hop = ?2 AND " NEWEST, &stmt);

	if (rc != SMX_OK)
		return rc;
	db_bind_int(stmt, 1, look->since_ms);
	if (look->hop != NULL)
		db_bind_text(stmt, 2, look->hop);
	while ((rc = db_step(stmt)) == SMX_OK) {
		struct backup_outage o = { .from_ms = db_int(stmt, 1),
			.to_ms = db_int(stmt, 2),
			.announced = db_int(stmt, 3) != 0,
			.taken = { (uint64_t)db_int(stmt, 5),
			    (uint64_t)db_int(stmt, 6),
			    (uint64_t)db_int(stmt, 7) } };

		(void)text_copy(o.hop, sizeof(o.hop), db_text(stmt, 0));
		(void)text_copy(o.why, sizeof(o.why), db_text(stmt, 4));
		if (look->outage(look->ctx, &o) != 0)
			break;
	}
	return ended(stmt, rc);
}

int
backup_outages_each(struct backup_db *db, const char *hop, int64_t since_ms,
    int (*each)(void *ctx, const struct backup_outage *outage), void *ctx)
{
	struct look look = { .db = db,
		.hop = hop,
		.since_ms = since_ms,
		.ctx = ctx,
		.outage = each };

	return backup_db_read(db, outages_look, &look);
}

/* ---- maintenance ---- */

struct announced {
	struct backup_db *db;
	const char *domain;
	int64_t from_ms, until_ms;
};

static int
maintenance_put(void *ctx, struct db *on)
{
	const struct announced *a = ctx;
	struct db_stmt *stmt;
	int rc;

	if (a->until_ms == 0)
		rc = backup_db_stmt(a->db, on,
		    "DELETE FROM maintenance WHERE domain = ?", &stmt);
	else
		rc = backup_db_stmt(a->db, on,
		    "INSERT INTO maintenance (domain, from_ms, until_ms)"
		    " VALUES (?, ?, ?) ON CONFLICT (domain) DO UPDATE SET"
		    " from_ms = excluded.from_ms,"
		    " until_ms = excluded.until_ms",
		    &stmt);
	if (rc != SMX_OK)
		return rc;
	db_bind_text(stmt, 1, a->domain);
	if (a->until_ms != 0) {
		db_bind_int(stmt, 2, a->from_ms);
		db_bind_int(stmt, 3, a->until_ms);
	}
	return db_run(stmt);
}

int
backup_maintenance_put(struct backup_db *db, const char *domain,
    int64_t from_ms, int64_t until_ms)
{
	struct announced a = { db, domain, from_ms, until_ms };

	return backup_db_write(db, maintenance_put, &a);
}

static int
maintenances_look(void *ctx, struct db *on)
{
	const struct look *look = ctx;
	struct db_stmt *stmt;
	int rc = backup_db_stmt(look->db, on,
	    "SELECT domain, from_ms, until_ms FROM maintenance", &stmt);

	if (rc != SMX_OK)
		return rc;
	while ((rc = db_step(stmt)) == SMX_OK)
		if (look->maintenance(look->ctx, db_text(stmt, 0),
			db_int(stmt, 1), db_int(stmt, 2)) != 0)
			break;
	return ended(stmt, rc);
}

int
backup_maintenances_each(struct backup_db *db,
    int (*each)(void *ctx, const char *domain, int64_t from_ms,
	int64_t until_ms),
    void *ctx)
{
	struct look look = { .db = db, .ctx = ctx, .maintenance = each };

	return backup_db_read(db, maintenances_look, &look);
}

/* ---- what is old ---- */

static int
prune(void *ctx, struct db *on)
{
	static const char *const texts[] = {
		"DELETE FROM outage WHERE to_ms <> 0 AND to_ms < ?",
		"DELETE FROM maintenance WHERE until_ms < ?",
		"DELETE FROM host WHERE seen_ms < ? AND hop NOT IN"
		" (SELECT hop FROM outage WHERE to_ms = 0)"
	};
	const struct announced *a = ctx;
	int rc = SMX_OK;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && rc == SMX_OK;
	     i++) {
		struct db_stmt *stmt;

		rc = backup_db_stmt(a->db, on, texts[i], &stmt);
		if (rc != SMX_OK)
			return rc;
		db_bind_int(stmt, 1, a->until_ms);
		rc = db_run(stmt);
	}
	return rc;
}

int
backup_hosts_prune(struct backup_db *db, int64_t before_ms)
{
	struct announced a = { db, NULL, 0, before_ms };

	return backup_db_write(db, prune, &a);
}
