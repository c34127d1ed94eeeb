/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_view.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/store_rules.h"

/* Looking for the oldest row reads all rows, some at a time, so that nobody
 * else waits for it; the answer is kept this many times as long as it took. */
#define OLDEST_ROWS "5000"
#define OLDEST_KEPT 50

enum {
	PAGE_ALL,     /* in key order, whatever */
	PAGE_PRIMARY, /* of one primary */
	PAGE_STATE,   /* in one state, not shadow */
	PAGE_TAKEN,   /* in several states, shadow not among them */
	FIND,
	ENVELOPE,
	BODY,
	META,
	OLDEST,
	STATEMENTS
};

/* ?1 after, ?2 primary or NULL, ?3 state, ?4 bits of states, ?5 due or 0,
 * ?6 rows.  The index is named, so that the planner's guess cannot turn a page
 * into a sort of the whole table. */
#define PAGE(index, where)                                                     \
	"SELECT " ROW_COLUMNS " FROM shadow " index                            \
	" WHERE key > ?1 AND " where                                           \
	" AND (?4 & CASE state WHEN 'shadow' THEN 2 WHEN 'claimed' "           \
	"THEN 4 WHEN 'handed' THEN 8 WHEN 'done' THEN 32 ELSE 16 END) <> 0 "   \
	"AND (?5 = 0 OR next_try_ms <= ?5) ORDER BY key LIMIT ?6"
#define OF_PRIMARY "(?2 IS NULL OR primary_name = ?2)"

static const char *const statements[STATEMENTS] = {
	[PAGE_ALL] = PAGE("NOT INDEXED", OF_PRIMARY " AND ?3 IS NOT NULL"),
	[PAGE_PRIMARY] = PAGE("INDEXED BY shadow_primary",
	    "primary_name = ?2 AND ?3 IS NOT NULL"),
	[PAGE_STATE] = PAGE("INDEXED BY shadow_state",
	    "state <> 'shadow' AND state = ?3 AND " OF_PRIMARY),
	[PAGE_TAKEN] = PAGE("INDEXED BY shadow_taken",
	    "state <> 'shadow' AND ?3 IS NOT NULL AND " OF_PRIMARY),
	[FIND] = "SELECT " ROW_COLUMNS " FROM shadow WHERE key = ?1",
	[ENVELOPE] = "SELECT " ROW_COLUMNS ", envelope, seal, rcpt_states "
		     "FROM shadow LEFT JOIN content ON id = content "
		     "WHERE key = ?1",
	[BODY] = "SELECT " ROW_COLUMNS ", envelope, seal, body "
		 "FROM shadow LEFT JOIN content ON id = content "
		 "WHERE key = ?1",
	[META] = "SELECT value FROM meta WHERE name = ?1",
	[OLDEST] = "SELECT min(CASE state WHEN 'done' THEN NULL "
		   "ELSE stored_ms END), max(key) FROM "
		   "(SELECT state, stored_ms, key FROM shadow WHERE key > ?1 "
		   "ORDER BY key LIMIT " OLDEST_ROWS ")",
};

enum { COLUMN_ENVELOPE = ROW_COLUMN_COUNT, COLUMN_SEAL, COLUMN_REST };

struct view {
	pthread_mutex_t lock;
	struct db *db;
	struct db_stmt *stmt[STATEMENTS];
	int64_t oldest_ms, oldest_until_ms;
};

int
view_open(struct view **out, const char *path)
{
	struct view *view = calloc(1, sizeof(*view));
	int result;

	if (view == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&view->lock, NULL);
	result = db_open_reader(&view->db, path);
	for (size_t i = 0; result == SMX_OK && i < STATEMENTS; i++)
		result = db_prepare(view->db, &view->stmt[i], statements[i]);
	if (result != SMX_OK)
		view_close(&view);
	else
		*out = view;
	return result;
}

void
view_close(struct view **view)
{
	if (*view == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		db_finalize(&(*view)->stmt[i]);
	db_close(&(*view)->db);
	pthread_mutex_destroy(&(*view)->lock);
	free(*view);
	*view = NULL;
}

static unsigned
bit(enum smx_row_state state)
{
	return 1u << (unsigned)state;
}

static struct db_stmt *
page_statement(struct view *view, const struct smx_store_filter *filter)
{
	unsigned states = filter->states;

	if (states == 0 || (states & bit(SMX_ROW_SHADOW)) != 0)
		return view
		    ->stmt[filter->primary != NULL ? PAGE_PRIMARY : PAGE_ALL];
	/* The quarantined include rows whose state no longer is a word. */
	if (states == bit(SMX_ROW_CLAIMED) || states == bit(SMX_ROW_HANDED) ||
	    states == bit(SMX_ROW_DONE))
		return view->stmt[PAGE_STATE];
	return view->stmt[PAGE_TAKEN];
}

static void
page_bind(struct db_stmt *stmt, const struct smx_store_filter *filter,
    const uint8_t *after, size_t after_len, size_t max)
{
	unsigned states = filter->states;

	db_bind_blob(stmt, 1, after, after_len);
	if (filter->primary != NULL)
		db_bind_text(stmt, 2, filter->primary);
	else
		db_bind_null(stmt, 2);
	db_bind_text(stmt, 3,
	    smx_row_state_name(states == bit(SMX_ROW_CLAIMED) ? SMX_ROW_CLAIMED
			       : states == bit(SMX_ROW_DONE)  ? SMX_ROW_DONE
							     : SMX_ROW_HANDED));
	db_bind_int(stmt, 4, states == 0 ? 0xff : states);
	db_bind_int(stmt, 5, filter->due_ms > 0 ? filter->due_ms : 0);
	db_bind_int(stmt, 6, (int64_t)max);
}

int
view_page(void *ctx, const struct smx_store_filter *filter,
    const struct smx_key *after, struct smx_row *rows, size_t max,
    size_t *count)
{
	struct view *view = ctx;
	struct db_stmt *stmt = page_statement(view, filter);
	uint8_t from[ROW_KEY_BYTES];
	struct row_found found;
	int result = SMX_OK;

	if (after != NULL)
		row_key(after, from);
	pthread_mutex_lock(&view->lock);
	page_bind(stmt, filter, from, after != NULL ? sizeof(from) : 0, max);
	for (*count = 0; result == SMX_OK && *count < max;) {
		result = db_step(stmt);
		if (result == SMX_OK) {
			row_read(stmt, &found);
			rows[(*count)++] = found.row;
		}
	}
	db_reset(stmt);
	pthread_mutex_unlock(&view->lock);
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

/* Step to the row of this key; the lock is held, db_reset is the caller's. */
static int
look_locked(struct db_stmt *stmt, const struct smx_key *key,
    uint8_t bytes[ROW_KEY_BYTES], struct row_found *found)
{
	int result;

	row_key(key, bytes);
	db_bind_blob(stmt, 1, bytes, ROW_KEY_BYTES);
	result = db_step(stmt);
	if (result == SMX_OK)
		row_read(stmt, found);
	return result;
}

int
view_find(struct view *view, const struct smx_key *key, struct row_found *found)
{
	uint8_t bytes[ROW_KEY_BYTES];
	int result;

	pthread_mutex_lock(&view->lock);
	result = look_locked(view->stmt[FIND], key, bytes, found);
	db_reset(view->stmt[FIND]);
	pthread_mutex_unlock(&view->lock);
	return result;
}

static int
copy_blob(struct db_stmt *stmt, int column, uint8_t **out, size_t *len)
{
	const void *blob = db_blob(stmt, column, len);
	uint8_t *copy = malloc(*len + 1);

	if (copy == NULL)
		return SMX_ENOMEM;
	memcpy(copy, blob, *len);
	copy[*len] = '\0';
	*out = copy;
	return SMX_OK;
}

/* The row, its envelope and its seal belong together.  A key that a flipped bit
 * has made another's is found here, too. */
static int
seal_check(struct db_stmt *stmt, const struct smx_key *key,
    const struct row_found *found)
{
	size_t len;
	const void *text = db_blob(stmt, COLUMN_ENVELOPE, &len);

	if (smx_key_compare(key, &found->row.key) != 0)
		return SMX_ECORRUPT;
	return row_seal_check(stmt, COLUMN_SEAL, found, text, len);
}

static int
copy_states(struct db_stmt *stmt, const struct row_found *found, char **states)
{
	const char *text = db_text(stmt, COLUMN_REST);

	if (db_is_null(stmt, COLUMN_REST))
		return SMX_OK;
	if (rules_rcpt_states(text, found->row.recipients) != SMX_OK)
		return SMX_ECORRUPT;
	*states = strdup(text);
	return *states != NULL ? SMX_OK : SMX_ENOMEM;
}

static int
envelope_locked(struct db_stmt *stmt, const struct smx_key *key, uint8_t **text,
    size_t *len, char **states)
{
	uint8_t bytes[ROW_KEY_BYTES];
	struct row_found found;
	int result = look_locked(stmt, key, bytes, &found);

	if (result == SMX_OK)
		result = seal_check(stmt, key, &found);
	if (result == SMX_OK)
		result = copy_states(stmt, &found, states);
	if (result == SMX_OK)
		result = copy_blob(stmt, COLUMN_ENVELOPE, text, len);
	return result;
}

int
view_envelope(struct view *view, const struct smx_key *key, char **text,
    size_t *len, char **rcpt_states)
{
	struct db_stmt *stmt = view->stmt[ENVELOPE];
	uint8_t *envelope = NULL;
	char *states = NULL;
	size_t envelope_len = 0;
	int result;

	pthread_mutex_lock(&view->lock);
	result = envelope_locked(stmt, key, &envelope, &envelope_len, &states);
	db_reset(stmt);
	pthread_mutex_unlock(&view->lock);
	if (result != SMX_OK) {
		free(envelope);
		free(states);
		return result;
	}
	*text = (char *)envelope;
	*len = envelope_len;
	if (rcpt_states != NULL)
		*rcpt_states = states;
	else
		free(states);
	return SMX_OK;
}

int
view_body(struct view *view, const struct smx_key *key, struct row_found *found,
    uint8_t **body, size_t *len)
{
	struct db_stmt *stmt = view->stmt[BODY];
	uint8_t bytes[ROW_KEY_BYTES];
	int result;

	*body = NULL;
	pthread_mutex_lock(&view->lock);
	result = look_locked(stmt, key, bytes, found);
	if (result == SMX_OK)
		result = seal_check(stmt, key, found);
	if (result == SMX_OK && found->file[0] == '\0')
		result = copy_blob(stmt, COLUMN_REST, body, len);
	db_reset(stmt);
	pthread_mutex_unlock(&view->lock);
	return result;
}

int
view_meta(struct view *view, const char *name, char *value, size_t size)
{
	struct db_stmt *stmt = view->stmt[META];
	int result;

	pthread_mutex_lock(&view->lock);
	db_bind_text(stmt, 1, name);
	result = db_step(stmt);
	if (result == SMX_OK && strlen(db_text(stmt, 0)) >= size)
		result = SMX_ELIMIT;
	if (result == SMX_OK)
		text_copy(value, size, db_text(stmt, 0));
	db_reset(stmt);
	pthread_mutex_unlock(&view->lock);
	return result;
}

/* One page; *len 0: it was the last. */
static int
oldest_page(struct view *view, uint8_t after[ROW_KEY_BYTES], size_t *len,
    int64_t *oldest_ms)
{
	struct db_stmt *stmt = view->stmt[OLDEST];
	int result;

	pthread_mutex_lock(&view->lock);
	db_bind_blob(stmt, 1, after, *len);
	result = db_step(stmt);
	*len = 0;
	if (result == SMX_OK && !db_is_null(stmt, 1)) {
		if (!db_is_null(stmt, 0) &&
		    (*oldest_ms == 0 || db_int(stmt, 0) < *oldest_ms))
			*oldest_ms = db_int(stmt, 0);
		if (row_bytes(stmt, 1, after, ROW_KEY_BYTES) == 0)
			*len = ROW_KEY_BYTES;
	}
	db_reset(stmt);
	pthread_mutex_unlock(&view->lock);
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

static int
oldest_known(struct view *view, int64_t now_ms, int64_t *stored_ms)
{
	int known;

	pthread_mutex_lock(&view->lock);
	known = now_ms < view->oldest_until_ms;
	*stored_ms = view->oldest_ms;
	pthread_mutex_unlock(&view->lock);
	return known;
}

int
view_oldest(struct view *view, int64_t *stored_ms)
{
	int64_t began_ms = clock_mono_ms(), oldest_ms = 0, took_ms;
	uint8_t after[ROW_KEY_BYTES];
	size_t len = 0;
	int result;

	if (oldest_known(view, began_ms, stored_ms))
		return SMX_OK;
	do
		result = oldest_page(view, after, &len, &oldest_ms);
	while (result == SMX_OK && len != 0);
	if (result != SMX_OK)
		return result;
	took_ms = clock_mono_ms() - began_ms;
	pthread_mutex_lock(&view->lock);
	view->oldest_ms = *stored_ms = oldest_ms;
	/* A quick answer need not be kept. */
	view->oldest_until_ms =
	    took_ms > 5 ? began_ms + took_ms * OLDEST_KEPT : 0;
	pthread_mutex_unlock(&view->lock);
	return SMX_OK;
}
