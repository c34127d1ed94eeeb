/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_net.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/digest.h"

#define SEALED ROW_COLUMNS ", seal"

enum {
	KEEP,
	SHADOW_DROP,
	FIND,
	DROP,
	CONTENT_DROP,
	NAMES,
	COUNT,
	CLEAR_CONTENT,
	CLEAR,
	STATEMENTS
};

static const char *const statements[STATEMENTS] = {
	[KEEP] = "INSERT INTO net(" SEALED ", ended_ms) SELECT " SEALED
		 ", ?2 FROM shadow WHERE key = ?1",
	[SHADOW_DROP] = "DELETE FROM shadow WHERE key = ?1",
	[FIND] = "SELECT content, file, size + envelope_len FROM net "
		 "WHERE seq = ?1",
	[DROP] = "DELETE FROM net WHERE seq = ?1",
	[CONTENT_DROP] = "DELETE FROM content WHERE id = ?1",
	[NAMES] = "SELECT 1 FROM net WHERE file = ?1",
	[COUNT] = "SELECT count(*), sum(size + envelope_len) FROM net",
	[CLEAR_CONTENT] = "DELETE FROM content WHERE id IN "
			  "(SELECT content FROM net)",
	[CLEAR] = "DELETE FROM net",
};

struct netrows {
	struct db *db;
	struct db_stmt *stmt[STATEMENTS];
};

void
net_tally_count(struct net_tally *tally, struct net_gate *gate)
{
	atomic_fetch_add(&gate->rows, tally->rows);
	atomic_fetch_add(&gate->bytes, tally->bytes);
	atomic_fetch_add(&gate->missed, tally->missed);
	atomic_fetch_sub(&gate->rows, tally->gone_rows);
	atomic_fetch_sub(&gate->bytes, tally->gone_bytes);
	memset(tally, 0, sizeof(*tally));
}

int
netrows_open(struct netrows **out, struct db *db)
{
	struct netrows *rows = calloc(1, sizeof(*rows));
	int result = SMX_OK;

	if (rows == NULL)
		return SMX_ENOMEM;
	rows->db = db;
	for (size_t i = 0; result == SMX_OK && i < STATEMENTS; i++)
		result = db_prepare(db, &rows->stmt[i], statements[i]);
	if (result != SMX_OK)
		netrows_close(&rows);
	else
		*out = rows;
	return result;
}

void
netrows_close(struct netrows **rows)
{
	if (*rows == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		db_finalize(&(*rows)->stmt[i]);
	free(*rows);
	*rows = NULL;
}

int
netrows_keep(struct netrows *rows, const struct row_found *found,
    int64_t ended_ms)
{
	uint8_t key[ROW_KEY_BYTES];
	int result;

	row_key(&found->row.key, key);
	db_bind_blob(rows->stmt[KEEP], 1, key, sizeof(key));
	db_bind_int(rows->stmt[KEEP], 2, ended_ms);
	result = db_run(rows->stmt[KEEP]);
	if (result != SMX_OK)
		return result;
	db_bind_blob(rows->stmt[SHADOW_DROP], 1, key, sizeof(key));
	return db_run(rows->stmt[SHADOW_DROP]);
}

static int
run_number(struct db_stmt *stmt, int64_t number)
{
	db_bind_int(stmt, 1, number);
	return db_run(stmt);
}

int
netrows_let_go(struct netrows *rows, int64_t seq, char file[BODY_NAME_MAX],
    uint64_t *bytes)
{
	struct db_stmt *find = rows->stmt[FIND];
	int64_t content = 0;
	int result;

	db_bind_int(find, 1, seq);
	result = db_step(find);
	if (result == SMX_OK) {
		content = db_int(find, 0);
		text_copy(file, BODY_NAME_MAX, db_text(find, 1));
		*bytes = (uint64_t)db_int(find, 2);
	}
	db_reset(find);
	if (result == SMX_OK)
		result = run_number(rows->stmt[DROP], seq);
	if (result == SMX_OK)
		result = run_number(rows->stmt[CONTENT_DROP], content);
	return result;
}

int
netrows_names(struct netrows *rows, const char *file, int *named)
{
	struct db_stmt *stmt = rows->stmt[NAMES];
	int result;

	db_bind_text(stmt, 1, file);
	result = db_step(stmt);
	*named = result == SMX_OK;
	db_reset(stmt);
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

int
netrows_count(struct netrows *rows, struct net_gate *gate)
{
	struct db_stmt *stmt = rows->stmt[COUNT];
	int result = db_step(stmt);

	if (result == SMX_OK) {
		atomic_store(&gate->rows, (uint64_t)db_int(stmt, 0));
		atomic_store(&gate->bytes, (uint64_t)db_int(stmt, 1));
	}
	db_reset(stmt);
	return result;
}

int
netrows_clear(struct netrows *rows)
{
	int result = db_begin(rows->db);

	if (result != SMX_OK)
		return result;
	result = db_run(rows->stmt[CLEAR_CONTENT]);
	if (result == SMX_OK)
		result = db_run(rows->stmt[CLEAR]);
	if (result == SMX_OK)
		result = db_commit(rows->db);
	if (result != SMX_OK)
		db_rollback(rows->db);
	return result;
}

/* ---- the envelope of before ---- */

int
net_original_make(const char *envelope, size_t len, uint8_t **out,
    size_t *out_len)
{
	uint8_t *made = malloc(len + SMX_DIGEST_BYTES);
	int result;

	if (made == NULL)
		return SMX_ENOMEM;
	memcpy(made, envelope, len);
	result = digest_once(envelope, len, made + len);
	if (result != SMX_OK) {
		free(made);
		return result;
	}
	*out = made;
	*out_len = len + SMX_DIGEST_BYTES;
	return SMX_OK;
}

/* ---- looking ---- */

struct netview {
	struct db *db;
	struct db_stmt *next;
};

enum {
	COLUMN_SEAL = ROW_COLUMN_COUNT,
	COLUMN_SEQ,
	COLUMN_ENDED,
	COLUMN_ENVELOPE,
	COLUMN_ORIGINAL,
	COLUMN_BODY
};

int
netview_open(struct netview **out, const char *path)
{
	struct netview *view = calloc(1, sizeof(*view));
	int result;

	if (view == NULL)
		return SMX_ENOMEM;
	result = db_open_reader(&view->db, path);
	if (result == SMX_OK)
		result = db_prepare(view->db, &view->next,
		    "SELECT " SEALED ", seq, ended_ms, envelope, original, "
		    "body FROM net LEFT JOIN content ON id = content "
		    "WHERE seq > ?1 ORDER BY seq LIMIT 1");
	if (result != SMX_OK)
		netview_close(&view);
	else
		*out = view;
	return result;
}

void
netview_close(struct netview **view)
{
	if (*view == NULL)
		return;
	db_finalize(&(*view)->next);
	db_close(&(*view)->db);
	free(*view);
	*view = NULL;
}

static int
copy(const void *bytes, size_t len, void *out_pointer)
{
	char *made = malloc(len + 1);

	if (made == NULL)
		return SMX_ENOMEM;
	memcpy(made, bytes, len);
	made[len] = '\0';
	memcpy(out_pointer, &made, sizeof(made));
	return SMX_OK;
}

/* The first envelope, with which its amendment counts for nothing. */
static int
take_envelope(struct db_stmt *stmt, struct net_waiting *out)
{
	size_t len, original_len;
	const char *text = db_blob(stmt, COLUMN_ENVELOPE, &len);
	const uint8_t *original = db_blob(stmt, COLUMN_ORIGINAL, &original_len);
	uint8_t sum[SMX_DIGEST_BYTES];
	int result = row_seal_check(stmt, COLUMN_SEAL, &out->found, text, len);

	if (result == SMX_OK && original_len >= sizeof(sum)) {
		len = original_len - sizeof(sum);
		text = (const char *)original;
		result = digest_once(text, len, sum);
		if (result == SMX_OK &&
		    memcmp(sum, original + len, sizeof(sum)) != 0)
			result = SMX_ECORRUPT;
		out->found.row.amended = 0;
	}
	if (result == SMX_OK)
		result = copy(text, len, &out->envelope);
	out->envelope_len = len;
	return result;
}

static int
take_body(struct db_stmt *stmt, struct net_waiting *out)
{
	const void *body = db_blob(stmt, COLUMN_BODY, &out->body_len);

	if (out->found.file[0] != '\0')
		return SMX_OK;
	if (out->body_len != out->found.row.size)
		return SMX_ECORRUPT;
	return copy(body, out->body_len, &out->body);
}

int
netview_next(struct netview *view, int64_t *seq, struct net_waiting *out)
{
	struct db_stmt *stmt = view->next;
	int result;

	memset(out, 0, sizeof(*out));
	db_bind_int(stmt, 1, *seq);
	result = db_step(stmt);
	if (result == SMX_OK) {
		row_read(stmt, &out->found);
		*seq = db_int(stmt, COLUMN_SEQ);
		out->ended_ms = db_int(stmt, COLUMN_ENDED);
		result = take_envelope(stmt, out);
		if (result == SMX_OK)
			result = take_body(stmt, out);
	}
	db_reset(stmt);
	if (result != SMX_OK)
		net_waiting_free(out);
	return result;
}

void
net_waiting_free(struct net_waiting *waiting)
{
	free(waiting->envelope);
	free(waiting->body);
	waiting->envelope = NULL;
	waiting->body = NULL;
}
