/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_schema.h"

#include <stdio.h>

/* Step n makes version n of version n - 1, which is 0 for a new file.  One that
 * was released is never changed. */
static const char *const steps[BACKUP_SCHEMA_VERSION] = {
	/* primary MX hosts, and when they were away */
	"CREATE TABLE host (hop TEXT PRIMARY KEY, state INTEGER NOT NULL,"
	" since_ms INTEGER NOT NULL, why TEXT NOT NULL,"
	" seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE outage (id INTEGER PRIMARY KEY, hop TEXT NOT NULL,"
	" from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, why TEXT NOT NULL,"
	" announced INTEGER NOT NULL);"
	"CREATE INDEX outage_hop ON outage (hop, from_ms);"
	"CREATE TABLE maintenance (domain TEXT PRIMARY KEY,"
	" from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;"
	/* what was taken */
	"CREATE TABLE mail (id INTEGER PRIMARY KEY, queue_id TEXT NOT NULL,"
	" domain TEXT NOT NULL, sender TEXT NOT NULL, size INTEGER NOT NULL,"
	" taken_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
	" primary_state INTEGER NOT NULL, custody INTEGER NOT NULL,"
	" released_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
	" warned_ms INTEGER NOT NULL);"
	"CREATE INDEX mail_open ON mail (domain, taken_ms) WHERE custody <> 5;"
	"CREATE INDEX mail_queue ON mail (queue_id) WHERE custody <> 5;"
	"CREATE INDEX mail_domain ON mail (domain, taken_ms);"
	"CREATE INDEX mail_ended ON mail (ended_ms) WHERE custody = 5;"
	"CREATE TABLE mail_rcpt (mail INTEGER NOT NULL, n INTEGER NOT NULL,"
	" address TEXT NOT NULL, hash TEXT NOT NULL, outcome INTEGER NOT NULL,"
	" at_ms INTEGER NOT NULL, PRIMARY KEY (mail, n)) WITHOUT ROWID;"
	/* who exists */
	"CREATE TABLE recipient (domain TEXT NOT NULL, local TEXT NOT NULL,"
	" good INTEGER NOT NULL, source INTEGER NOT NULL,"
	" learned_ms INTEGER NOT NULL, PRIMARY KEY (domain, local)) WITHOUT "
	"ROWID;"
	"CREATE INDEX recipient_age ON recipient (good, learned_ms)"
	" WHERE source <> 4;"
	"CREATE TABLE catchall (domain TEXT PRIMARY KEY, takes_all INTEGER NOT"
	" NULL, asked_ms INTEGER NOT NULL) WITHOUT ROWID;"
	/* MX records as last seen */
	"CREATE TABLE mxset (domain TEXT PRIMARY KEY, hosts TEXT NOT NULL,"
	" sts TEXT NOT NULL, seen_ms INTEGER NOT NULL, alarm TEXT NOT NULL,"
	" alarm_ms INTEGER NOT NULL) WITHOUT ROWID;",
	/* 2: what is being split off */
	"CREATE TABLE split (id INTEGER PRIMARY KEY, trail TEXT NOT NULL,"
	" original TEXT NOT NULL, part TEXT NOT NULL, domain TEXT NOT NULL,"
	" primary_state INTEGER NOT NULL, made_ms INTEGER NOT NULL,"
	" until_ms INTEGER NOT NULL);",
	/* 3: what is on its way to somebody else at the end of its hold, and
	 * whose release was asked for */
	"CREATE TABLE hand (mail INTEGER PRIMARY KEY, tries INTEGER NOT NULL,"
	" lost INTEGER NOT NULL, out INTEGER NOT NULL,"
	" next_ms INTEGER NOT NULL, why TEXT NOT NULL, former TEXT NOT NULL);"
	"CREATE INDEX hand_open ON hand (mail) WHERE out <> 0 OR former <> '';"
	"CREATE TABLE hand_rcpt (mail INTEGER NOT NULL, hash TEXT NOT NULL,"
	" PRIMARY KEY (mail, hash)) WITHOUT ROWID;"
	"CREATE TABLE flush (domain TEXT PRIMARY KEY,"
	" until_ms INTEGER NOT NULL) WITHOUT ROWID;",
	/* 4: what was taken while an outage lasted */
	"ALTER TABLE outage ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE outage ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE outage ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;",
};

static int
version_of(struct db *db, int64_t *version)
{
	struct db_stmt *stmt;
	int rc = db_prepare(db, &stmt, "PRAGMA user_version");

	if (rc != SMX_OK)
		return rc;
	rc = db_step(stmt);
	*version = rc == SMX_OK ? db_int(stmt, 0) : 0;
	db_finalize(&stmt);
	return rc;
}

/* All of it or nothing: an older program that comes after a stop in between
 * finds its own version. */
static int
upgrade(struct db *db, int64_t version)
{
	char pragma[64];
	int rc = db_begin(db);

	if (rc != SMX_OK)
		return rc;
	for (; rc == SMX_OK && version < BACKUP_SCHEMA_VERSION; version++)
		rc = db_exec(db, steps[version]);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d",
	    BACKUP_SCHEMA_VERSION);
	if (rc == SMX_OK)
		rc = db_exec(db, pragma);
	if (rc == SMX_OK)
		rc = db_commit(db);
	if (rc != SMX_OK)
		db_rollback(db);
	return rc;
}

int
backup_schema(struct db *db)
{
	int64_t version;
	int rc = version_of(db, &version);

	if (rc != SMX_OK || version == BACKUP_SCHEMA_VERSION)
		return rc;
	if (version < 0 || version > BACKUP_SCHEMA_VERSION)
		return SMX_EPROTO;
	return upgrade(db, version);
}
