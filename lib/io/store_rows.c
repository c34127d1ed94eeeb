/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/store_rules.h"

enum {
	FIND,
	CONTENT_ADD,
	SHADOW_ADD,
	SHADOW_DROP,
	CONTENT_DROP,
	CHANGE,
	CONTENT_EMPTY,
	FILE_EMPTY,
	ENVELOPE,
	ENVELOPE_SET,
	AMEND,
	META_SET,
	STATEMENTS
};

static const char *const statements[STATEMENTS] = {
	[FIND] = "SELECT " ROW_COLUMNS " FROM shadow WHERE key = ?1",
	[CONTENT_ADD] = "INSERT INTO content(envelope, body) VALUES(?1, ?2)",
	[SHADOW_ADD] = "INSERT INTO shadow(" ROW_COLUMNS ", seal) VALUES("
		       "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
		       "?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, "
		       "?23, ?24, ?25)",
	[SHADOW_DROP] = "DELETE FROM shadow WHERE key = ?1",
	[CONTENT_DROP] = "DELETE FROM content WHERE id = ?1",
	[CHANGE] = "UPDATE shadow SET state = ?2, state_ms = ?3, "
		   "next_try_ms = ?4, attempts = ?5, handed_id = ?6, "
		   "reason = ?7, rcpt_states = coalesce(?8, rcpt_states) "
		   "WHERE key = ?1",
	[CONTENT_EMPTY] = "UPDATE content SET body = NULL WHERE id = ?1",
	[FILE_EMPTY] = "UPDATE shadow SET file = NULL WHERE key = ?1",
	[ENVELOPE] = "SELECT envelope, seal FROM shadow "
		     "JOIN content ON id = content WHERE key = ?1",
	[ENVELOPE_SET] = "UPDATE content SET envelope = ?2, "
			 "original = coalesce(original, ?3) WHERE id = ?1",
	[AMEND] = "UPDATE shadow SET primary_name = ?2, epoch_id = ?3, "
		  "epoch_counter = ?4, recipients = ?5, envelope_len = ?6, "
		  "holders = ?7, version = ?8, held = ?9, amended = ?10, "
		  "yielded = ?11, origin = ?12, seal = ?13, rcpt_states = "
		  "CASE WHEN ?14 THEN NULL ELSE rcpt_states END "
		  "WHERE key = ?1",
	[META_SET] = "REPLACE INTO meta(name, value) VALUES(?1, ?2)",
};

struct rows {
	struct db *db;
	struct db_stmt *stmt[STATEMENTS];
};

int
rows_open(struct rows **out, struct db *db)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	int result = SMX_OK;

	if (rows == NULL)
		return SMX_ENOMEM;
	rows->db = db;
	for (size_t i = 0; result == SMX_OK && i < STATEMENTS; i++)
		result = db_prepare(db, &rows->stmt[i], statements[i]);
	if (result != SMX_OK)
		rows_close(&rows);
	else
		*out = rows;
	return result;
}

void
rows_close(struct rows **rows)
{
	if (*rows == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		db_finalize(&(*rows)->stmt[i]);
	free(*rows);
	*rows = NULL;
}

/* Big endian, so that the order of bytes is the order of keys. */
void
row_number_put(uint8_t out[8], uint64_t number)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(number >> (56 - 8 * i));
}

uint64_t
row_number_get(const uint8_t in[8])
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | in[i];
	return number;
}

void
row_key(const struct smx_key *key, uint8_t out[ROW_KEY_BYTES])
{
	memcpy(out, key->incarnation, 16);
	row_number_put(out + 16, key->counter);
}

int
row_bytes(struct db_stmt *stmt, int column, void *out, size_t want)
{
	size_t len;
	const void *bytes = db_blob(stmt, column, &len);

	if (len != want)
		return 1;
	memcpy(out, bytes, want);
	return 0;
}

static int
row_text(struct db_stmt *stmt, int column, char *out, size_t size)
{
	return text_copy(out, size, db_text(stmt, column));
}

void
row_read(struct db_stmt *stmt, struct row_found *found)
{
	struct smx_row *row = &found->row;
	uint8_t key[ROW_KEY_BYTES] = { 0 };

	memset(found, 0, sizeof(*found));
	found->damaged |= row_bytes(stmt, 0, key, sizeof(key));
	memcpy(row->key.incarnation, key, 16);
	row->key.counter = row_number_get(key + 16);
	found->damaged |= row_text(stmt, 1, row->primary, sizeof(row->primary));
	found->damaged |=
	    row_text(stmt, 2, row->queue_id, sizeof(row->queue_id));
	found->damaged |=
	    row_bytes(stmt, 3, row->epoch.id, sizeof(row->epoch.id));
	row->epoch.counter = (uint64_t)db_int(stmt, 4);
	row->state = row_state_parse(db_text(stmt, 5));
	row->size = (uint64_t)db_int(stmt, 6);
	found->damaged |= row_bytes(stmt, 7, row->digest, sizeof(row->digest));
	found->kept = rules_kept(row);
	row->recipients = (size_t)db_int(stmt, 8);
	row->stored_ms = db_int(stmt, 9);
	row->state_ms = db_int(stmt, 10);
	row->next_try_ms = db_int(stmt, 11);
	row->attempts = (uint32_t)db_int(stmt, 12);
	row_text(stmt, 13, row->handed_id, sizeof(row->handed_id));
	row_text(stmt, 14, row->reason, sizeof(row->reason));
	found->envelope_len = (uint64_t)db_int(stmt, 15);
	found->content = db_int(stmt, 16);
	found->damaged |= row_text(stmt, 17, found->file, sizeof(found->file));
	found->damaged |=
	    row_text(stmt, 18, row->holders, sizeof(row->holders));
	row->version = (uint64_t)db_int(stmt, 19);
	row->held = db_int(stmt, 20) != 0;
	row->amended = db_int(stmt, 21) != 0;
	row->yielded = db_int(stmt, 22) != 0;
	found->damaged |=
	    row_text(stmt, 23, found->origin, sizeof(found->origin));
	if (row->state == 0 || found->damaged) {
		found->damaged = 1;
		row->unsound = 1;
		row->state = SMX_ROW_QUARANTINED;
		text_copy(row->reason, sizeof(row->reason),
		    "the store's row is damaged");
	}
}

int
rows_find(struct rows *rows, const struct smx_key *key, struct row_found *found)
{
	struct db_stmt *stmt = rows->stmt[FIND];
	uint8_t bytes[ROW_KEY_BYTES];
	int result;

	row_key(key, bytes);
	db_bind_blob(stmt, 1, bytes, sizeof(bytes));
	result = db_step(stmt);
	if (result == SMX_OK)
		row_read(stmt, found);
	db_reset(stmt);
	return result;
}

static int
content_add(struct rows *rows, const struct smx_draft *draft)
{
	struct db_stmt *stmt = rows->stmt[CONTENT_ADD];

	db_bind_blob(stmt, 1, draft->envelope, draft->envelope_len);
	if (draft->fd < 0)
		db_bind_blob(stmt, 2, draft->body.data, draft->body.len);
	else
		db_bind_null(stmt, 2);
	return db_run(stmt);
}

int
rows_insert(struct rows *rows, const struct smx_draft *draft)
{
	struct db_stmt *stmt = rows->stmt[SHADOW_ADD];
	const struct smx_row *row = &draft->row;
	uint8_t key[ROW_KEY_BYTES];
	int result = content_add(rows, draft);

	if (result != SMX_OK)
		return result;
	row_key(&row->key, key);
	db_bind_blob(stmt, 1, key, sizeof(key));
	db_bind_text(stmt, 2, row->primary);
	db_bind_text(stmt, 3, row->queue_id);
	db_bind_blob(stmt, 4, row->epoch.id, sizeof(row->epoch.id));
	db_bind_int(stmt, 5, (int64_t)row->epoch.counter);
	db_bind_text(stmt, 6, smx_row_state_name(row->state));
	db_bind_int(stmt, 7, (int64_t)row->size);
	db_bind_blob(stmt, 8, row->digest, sizeof(row->digest));
	db_bind_int(stmt, 9, (int64_t)row->recipients);
	db_bind_int(stmt, 10, row->stored_ms);
	db_bind_int(stmt, 11, row->state_ms);
	db_bind_int(stmt, 12, row->next_try_ms);
	db_bind_int(stmt, 13, row->attempts);
	db_bind_text(stmt, 14, row->handed_id);
	db_bind_text(stmt, 15, row->reason);
	db_bind_int(stmt, 16, (int64_t)draft->envelope_len);
	db_bind_int(stmt, 17, db_last_id(rows->db));
	if (draft->fd >= 0)
		db_bind_text(stmt, 18, draft->file);
	else
		db_bind_null(stmt, 18);
	db_bind_text(stmt, 19, row->holders);
	db_bind_int(stmt, 20, (int64_t)row->version);
	db_bind_int(stmt, 21, row->held);
	db_bind_int(stmt, 22, row->amended);
	db_bind_int(stmt, 23, row->yielded);
	db_bind_text(stmt, 24, draft->origin);
	db_bind_blob(stmt, 25, draft->seal, sizeof(draft->seal));
	return db_run(stmt);
}

int
rows_delete(struct rows *rows, const struct row_found *found)
{
	uint8_t key[ROW_KEY_BYTES];
	int result;

	row_key(&found->row.key, key);
	db_bind_blob(rows->stmt[SHADOW_DROP], 1, key, sizeof(key));
	result = db_run(rows->stmt[SHADOW_DROP]);
	if (result != SMX_OK)
		return result;
	db_bind_int(rows->stmt[CONTENT_DROP], 1, found->content);
	return db_run(rows->stmt[CONTENT_DROP]);
}

int
rows_change(struct rows *rows, const struct smx_row *row,
    const char *rcpt_states)
{
	struct db_stmt *stmt = rows->stmt[CHANGE];
	uint8_t key[ROW_KEY_BYTES];

	row_key(&row->key, key);
	db_bind_blob(stmt, 1, key, sizeof(key));
	db_bind_text(stmt, 2, smx_row_state_name(row->state));
	db_bind_int(stmt, 3, row->state_ms);
	db_bind_int(stmt, 4, row->next_try_ms);
	db_bind_int(stmt, 5, row->attempts);
	db_bind_text(stmt, 6, row->handed_id);
	db_bind_text(stmt, 7, row->reason);
	if (rcpt_states != NULL)
		db_bind_text(stmt, 8, rcpt_states);
	else
		db_bind_null(stmt, 8);
	return db_run(stmt);
}

int
rows_empty(struct rows *rows, const struct row_found *found)
{
	uint8_t key[ROW_KEY_BYTES];
	int result;

	db_bind_int(rows->stmt[CONTENT_EMPTY], 1, found->content);
	result = db_run(rows->stmt[CONTENT_EMPTY]);
	if (result != SMX_OK || found->file[0] == '\0')
		return result;
	row_key(&found->row.key, key);
	db_bind_blob(rows->stmt[FILE_EMPTY], 1, key, sizeof(key));
	return db_run(rows->stmt[FILE_EMPTY]);
}

int
row_seal_check(struct db_stmt *stmt, int column, const struct row_found *found,
    const char *envelope, size_t len)
{
	uint8_t seal[SMX_DIGEST_BYTES], stored[SMX_DIGEST_BYTES];
	int result =
	    rules_seal(&found->row, found->origin, envelope, len, seal);

	if (result != SMX_OK)
		return result;
	if (found->damaged || row_bytes(stmt, column, stored, sizeof(stored)) ||
	    memcmp(stored, seal, sizeof(seal)) != 0)
		return SMX_ECORRUPT;
	return SMX_OK;
}

int
rows_envelope(struct rows *rows, const struct row_found *found, char **envelope,
    size_t *len)
{
	struct db_stmt *stmt = rows->stmt[ENVELOPE];
	uint8_t key[ROW_KEY_BYTES];
	char *copy = NULL;
	int result;

	row_key(&found->row.key, key);
	db_bind_blob(stmt, 1, key, sizeof(key));
	result = db_step(stmt);
	if (result == SMX_OK) {
		const void *text = db_blob(stmt, 0, len);

		copy = malloc(*len + 1);
		if (copy == NULL) {
			result = SMX_ENOMEM;
		} else {
			memcpy(copy, text, *len);
			copy[*len] = '\0';
			result = row_seal_check(stmt, 1, found, copy, *len);
		}
	}
	db_reset(stmt);
	if (result == SMX_OK)
		*envelope = copy;
	else
		free(copy);
	return result == SMX_ENOTFOUND ? SMX_ECORRUPT : result;
}

static int
envelope_set(struct rows *rows, int64_t content, const char *envelope,
    size_t len, const struct rows_original *original)
{
	struct db_stmt *stmt = rows->stmt[ENVELOPE_SET];

	db_bind_int(stmt, 1, content);
	db_bind_blob(stmt, 2, envelope, len);
	if (original->len != 0)
		db_bind_blob(stmt, 3, original->data, original->len);
	else
		db_bind_null(stmt, 3);
	return db_run(stmt);
}

int
rows_amend(struct rows *rows, const struct row_found *found,
    const char *envelope, size_t len, const struct rows_original *original)
{
	struct db_stmt *stmt = rows->stmt[AMEND];
	const struct smx_row *row = &found->row;
	uint8_t key[ROW_KEY_BYTES], seal[SMX_DIGEST_BYTES];
	int result = rules_seal(row, found->origin, envelope, len, seal);

	if (result == SMX_OK && original != NULL)
		result =
		    envelope_set(rows, found->content, envelope, len, original);
	if (result != SMX_OK)
		return result;
	row_key(&row->key, key);
	db_bind_blob(stmt, 1, key, sizeof(key));
	db_bind_text(stmt, 2, row->primary);
	db_bind_blob(stmt, 3, row->epoch.id, sizeof(row->epoch.id));
	db_bind_int(stmt, 4, (int64_t)row->epoch.counter);
	db_bind_int(stmt, 5, (int64_t)row->recipients);
	db_bind_int(stmt, 6, (int64_t)len);
	db_bind_text(stmt, 7, row->holders);
	db_bind_int(stmt, 8, (int64_t)row->version);
	db_bind_int(stmt, 9, row->held);
	db_bind_int(stmt, 10, row->amended);
	db_bind_int(stmt, 11, row->yielded);
	db_bind_text(stmt, 12, found->origin);
	db_bind_blob(stmt, 13, seal, sizeof(seal));
	db_bind_int(stmt, 14, original != NULL);
	return db_run(stmt);
}

int
rows_meta_set(struct rows *rows, const char *name, const char *value)
{
	struct db_stmt *stmt = rows->stmt[META_SET];

	db_bind_text(stmt, 1, name);
	db_bind_text(stmt, 2, value);
	return db_run(stmt);
}
