/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_schema.h"

#include "base/crash.h"
#include "io/store_rules.h"

#define FORMAT_VERSION 4

/*
 * Rows are small and lie in key order, which is nearly the order of arrival;
 * bytes lie apart, so that looking at rows reads no mail.  Most rows never
 * leave state shadow: the last two indexes do not hold those and cost nothing.
 */
#define NET                                                                    \
	"CREATE TABLE net("                                                    \
	" seq INTEGER PRIMARY KEY, key BLOB NOT NULL,"                         \
	" primary_name TEXT NOT NULL,"                                         \
	" queue_id TEXT NOT NULL, epoch_id BLOB NOT NULL,"                     \
	" epoch_counter INTEGER NOT NULL, state TEXT NOT NULL,"                \
	" size INTEGER NOT NULL, digest BLOB NOT NULL,"                        \
	" recipients INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"            \
	" state_ms INTEGER NOT NULL, next_try_ms INTEGER NOT NULL,"            \
	" attempts INTEGER NOT NULL, handed_id TEXT NOT NULL,"                 \
	" reason TEXT NOT NULL, envelope_len INTEGER NOT NULL,"                \
	" content INTEGER NOT NULL, file TEXT, seal BLOB NOT NULL,"            \
	" holders TEXT NOT NULL, version INTEGER NOT NULL,"                    \
	" held INTEGER NOT NULL, amended INTEGER NOT NULL,"                    \
	" yielded INTEGER NOT NULL, origin TEXT NOT NULL,"                     \
	" ended_ms INTEGER NOT NULL);"                                         \
	"CREATE INDEX net_file ON net(file) WHERE file IS NOT NULL;"

static const char schema[] =
    "CREATE TABLE shadow("
    " key BLOB PRIMARY KEY, primary_name TEXT NOT NULL,"
    " queue_id TEXT NOT NULL, epoch_id BLOB NOT NULL,"
    " epoch_counter INTEGER NOT NULL, state TEXT NOT NULL,"
    " size INTEGER NOT NULL, digest BLOB NOT NULL,"
    " recipients INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"
    " state_ms INTEGER NOT NULL, next_try_ms INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " handed_id TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',"
    " envelope_len INTEGER NOT NULL, content INTEGER NOT NULL,"
    " file TEXT, rcpt_states TEXT, seal BLOB NOT NULL,"
    " holders TEXT NOT NULL DEFAULT '', version INTEGER NOT NULL DEFAULT 0,"
    " held INTEGER NOT NULL DEFAULT 0, amended INTEGER NOT NULL DEFAULT 0,"
    " yielded INTEGER NOT NULL DEFAULT 0, origin TEXT NOT NULL DEFAULT '')"
    " WITHOUT ROWID;"
    "CREATE INDEX shadow_primary ON shadow(primary_name, key);"
    "CREATE INDEX shadow_state ON shadow(state, key, next_try_ms)"
    " WHERE state <> 'shadow';"
    "CREATE INDEX shadow_taken ON shadow(key, state, next_try_ms)"
    " WHERE state <> 'shadow';"
    "CREATE TABLE content("
    " id INTEGER PRIMARY KEY, envelope BLOB NOT NULL, body BLOB,"
    " original BLOB);"
    "CREATE TABLE finished("
    " primary_name TEXT NOT NULL, incarnation BLOB NOT NULL,"
    " lo BLOB NOT NULL, hi BLOB NOT NULL, changed_ms INTEGER NOT NULL,"
    " PRIMARY KEY(primary_name, incarnation, lo)) WITHOUT ROWID;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL)"
    " WITHOUT ROWID;" NET "PRAGMA application_id=1397577777;"
    "PRAGMA user_version=4;";

/* What each version had not yet; the rows themselves are not touched. */
static const char *const later[FORMAT_VERSION] = {
	[1] = "ALTER TABLE shadow ADD COLUMN holders TEXT NOT NULL DEFAULT '';"
	      "ALTER TABLE shadow ADD COLUMN version INTEGER NOT NULL DEFAULT "
	      "0;"
	      "ALTER TABLE shadow ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE shadow ADD COLUMN amended INTEGER NOT NULL DEFAULT "
	      "0;"
	      "ALTER TABLE shadow ADD COLUMN yielded INTEGER NOT NULL DEFAULT "
	      "0;"
	      "ALTER TABLE shadow ADD COLUMN origin TEXT NOT NULL DEFAULT '';"
	      "PRAGMA user_version=2;",
	/* The state "done", which an older program would take for damage. */
	[2] = "PRAGMA user_version=3;",
	/* The safety net, and the envelope that an amendment replaced. */
	[3] = "ALTER TABLE content ADD COLUMN original BLOB;" NET
	      "PRAGMA user_version=4;",
};

static int
schema_version(struct db *db, int64_t *version)
{
	struct db_stmt *stmt = NULL;
	int result = db_prepare(db, &stmt, "PRAGMA user_version");

	if (result != SMX_OK)
		return result;
	result = db_step(stmt);
	if (result == SMX_OK)
		*version = db_int(stmt, 0);
	db_finalize(&stmt);
	return result;
}

int
schema_make(struct db *db)
{
	int64_t version = 0;
	int result = schema_version(db, &version);

	if (result != SMX_OK || version == FORMAT_VERSION)
		return result;
	if (version < 0 || version > FORMAT_VERSION)
		return SMX_ECONFIG;
	result = db_begin(db);
	if (result == SMX_OK && version == 0)
		result = db_exec(db, schema);
	for (; result == SMX_OK && version != 0 && version < FORMAT_VERSION;
	     version++)
		result = db_exec(db, later[version]);
	crash_point("before the tables' COMMIT");
	if (result == SMX_OK)
		result = db_commit(db);
	crash_point("after the tables' COMMIT");
	if (result != SMX_OK)
		db_rollback(db);
	return result;
}

static int
load_sum(struct db_stmt *stmt, struct usage *usage)
{
	struct usage_row row = {
		.state = row_state_parse(db_text(stmt, 1)),
		.rows = (uint64_t)db_int(stmt, 2),
		.size = (uint64_t)db_int(stmt, 3),
		.cost = (uint64_t)db_int(stmt, 4),
	};
	int result = usage_peer(usage, db_text(stmt, 0), &row.peer);

	if (row.state == 0)
		row.state = SMX_ROW_QUARANTINED;
	if (row.state == SMX_ROW_DONE) {
		row.cost -= row.size;
		row.size = 0;
	}
	if (result == SMX_OK)
		usage_add(usage, &row);
	return result;
}

int
schema_count(struct db *db, struct usage *usage)
{
	struct db_stmt *stmt = NULL;
	int result = db_prepare(db, &stmt,
	    "SELECT primary_name, state, count(*), sum(size),"
	    " sum(size + envelope_len) FROM shadow GROUP BY 1, 2");

	while (result == SMX_OK) {
		result = db_step(stmt);
		if (result == SMX_OK)
			result = load_sum(stmt, usage);
	}
	db_finalize(&stmt);
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}
