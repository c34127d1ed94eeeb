/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_graves.h"

#include <stdlib.h>
#include <string.h>

#include "io/store_rows.h"

enum { TOMB_PUT, TOMB_REMOVE, TOMB_FORGET, LIVE, STATEMENTS };

static const char *const statements[STATEMENTS] = {
	[TOMB_PUT] = "REPLACE INTO finished(primary_name, incarnation, lo, hi, "
		     "changed_ms) VALUES(?1, ?2, ?3, ?4, ?5)",
	[TOMB_REMOVE] = "DELETE FROM finished WHERE primary_name = ?1 AND "
			"incarnation = ?2 AND lo = ?3",
	[TOMB_FORGET] = "DELETE FROM finished WHERE primary_name = ?1 AND "
			"incarnation = ?2",
	[LIVE] = "SELECT 1 FROM shadow WHERE key >= ?1 AND key <= ?2 LIMIT 1",
};

struct graves {
	struct db_stmt *stmt[STATEMENTS];
};

int
graves_open(struct graves **out, struct db *db)
{
	struct graves *graves = calloc(1, sizeof(*graves));
	int result = SMX_OK;

	if (graves == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; result == SMX_OK && i < STATEMENTS; i++)
		result = db_prepare(db, &graves->stmt[i], statements[i]);
	if (result != SMX_OK)
		graves_close(&graves);
	else
		*out = graves;
	return result;
}

void
graves_close(struct graves **graves)
{
	if (*graves == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		db_finalize(&(*graves)->stmt[i]);
	free(*graves);
	*graves = NULL;
}

static int
tomb_forget(void *ctx, const char *primary, const uint8_t incarnation[16])
{
	struct graves *graves = ctx;
	struct db_stmt *stmt = graves->stmt[TOMB_FORGET];

	db_bind_text(stmt, 1, primary);
	db_bind_blob(stmt, 2, incarnation, 16);
	return db_run(stmt);
}

static int
tomb_remove(void *ctx, const char *primary, const uint8_t incarnation[16],
    uint64_t lo)
{
	struct graves *graves = ctx;
	struct db_stmt *stmt = graves->stmt[TOMB_REMOVE];
	uint8_t from[8];

	row_number_put(from, lo);
	db_bind_text(stmt, 1, primary);
	db_bind_blob(stmt, 2, incarnation, 16);
	db_bind_blob(stmt, 3, from, sizeof(from));
	return db_run(stmt);
}

static int
tomb_put(void *ctx, const char *primary, const uint8_t incarnation[16],
    uint64_t lo, uint64_t hi, int64_t changed_ms)
{
	struct graves *graves = ctx;
	struct db_stmt *stmt = graves->stmt[TOMB_PUT];
	uint8_t from[8], to[8];

	row_number_put(from, lo);
	row_number_put(to, hi);
	db_bind_text(stmt, 1, primary);
	db_bind_blob(stmt, 2, incarnation, 16);
	db_bind_blob(stmt, 3, from, sizeof(from));
	db_bind_blob(stmt, 4, to, sizeof(to));
	db_bind_int(stmt, 5, changed_ms);
	return db_run(stmt);
}

static int
tomb_live(void *ctx, const uint8_t incarnation[16], int *live)
{
	struct graves *graves = ctx;
	struct db_stmt *stmt = graves->stmt[LIVE];
	struct smx_key key;
	uint8_t first[ROW_KEY_BYTES], last[ROW_KEY_BYTES];
	int result;

	memcpy(key.incarnation, incarnation, 16);
	key.counter = 0;
	row_key(&key, first);
	key.counter = UINT64_MAX;
	row_key(&key, last);
	db_bind_blob(stmt, 1, first, sizeof(first));
	db_bind_blob(stmt, 2, last, sizeof(last));
	result = db_step(stmt);
	db_reset(stmt);
	*live = result == SMX_OK;
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

void
graves_sink(struct graves *graves, struct tombs_sink *sink)
{
	sink->ctx = graves;
	sink->forget = tomb_forget;
	sink->remove = tomb_remove;
	sink->put = tomb_put;
	sink->live = tomb_live;
}

static int
load_range(struct db_stmt *stmt, struct tombs *tombs)
{
	uint8_t incarnation[16], lo[8], hi[8];

	if (row_bytes(stmt, 1, incarnation, sizeof(incarnation)) ||
	    row_bytes(stmt, 2, lo, sizeof(lo)) ||
	    row_bytes(stmt, 3, hi, sizeof(hi)))
		return SMX_ECORRUPT;
	return tombs_load(tombs, db_text(stmt, 0), incarnation,
	    row_number_get(lo), row_number_get(hi), db_int(stmt, 4));
}

int
graves_load(struct db *db, struct tombs *tombs)
{
	struct db_stmt *stmt = NULL;
	int result = db_prepare(db, &stmt,
	    "SELECT primary_name, incarnation, lo, hi, changed_ms FROM finished"
	    " ORDER BY primary_name, incarnation, lo");

	while (result == SMX_OK) {
		result = db_step(stmt);
		if (result == SMX_OK)
			result = load_range(stmt, tombs);
	}
	db_finalize(&stmt);
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}
