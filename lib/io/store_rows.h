/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_ROWS_H
#define IO_STORE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "io/db_sqlite.h"
#include "io/store_body.h"
#include "io/store_draft.h"

/*
 * The writer's statements: every change to rows and values (doc/STORE).  All
 * run inside a transaction of the caller.  Results as in db_sqlite.h.
 */
struct rows;

int rows_open(struct rows **out, struct db *db) SMX_MUST_USE;
void rows_close(struct rows **rows);

/* A row and where its parts are. */
struct row_found {
	struct smx_row row;
	uint64_t envelope_len;
	uint64_t kept;                 /* bytes of content */
	int64_t content;               /* number in table content */
	char file[BODY_NAME_MAX];      /* "" when the body is in the table */
	char origin[SMX_NAME_MAX + 1]; /* rules_creator */
	int damaged;                   /* a member cannot be what was written */
};

/* How row_read expects the columns. */
#define ROW_COLUMNS                                                            \
	"key, primary_name, queue_id, epoch_id, epoch_counter, state, size, "  \
	"digest, recipients, stored_ms, state_ms, next_try_ms, attempts, "     \
	"handed_id, reason, envelope_len, content, file, holders, version, "   \
	"held, amended, yielded, origin"
#define ROW_COLUMN_COUNT 24
void row_read(struct db_stmt *stmt, struct row_found *found);

#define ROW_KEY_BYTES 24
/* Eight bytes, big endian: the order of bytes is the order of numbers. */
void row_number_put(uint8_t out[8], uint64_t number);
uint64_t row_number_get(const uint8_t in[8]);
/* Exactly want bytes of a column, or non-zero. */
int row_bytes(struct db_stmt *stmt, int column, void *out, size_t want);
/* Do row, envelope and the seal in that column belong together?  SMX_ECORRUPT
 * when not. */
int row_seal_check(struct db_stmt *stmt, int column,
    const struct row_found *found, const char *envelope,
    size_t len) SMX_MUST_USE;
void row_key(const struct smx_key *key, uint8_t out[ROW_KEY_BYTES]);

int rows_find(struct rows *rows, const struct smx_key *key,
    struct row_found *found) SMX_MUST_USE;
int rows_insert(struct rows *rows, const struct smx_draft *draft) SMX_MUST_USE;
int rows_delete(struct rows *rows, const struct row_found *found) SMX_MUST_USE;
/* rcpt_states NULL: unchanged */
int rows_change(struct rows *rows, const struct smx_row *row,
    const char *rcpt_states) SMX_MUST_USE;
/* Its content goes, from the table or (the file's name) from the row. */
int rows_empty(struct rows *rows, const struct row_found *found) SMX_MUST_USE;
/* The envelope, malloc'ed; SMX_ECORRUPT unless row, envelope and seal belong
 * together. */
int rows_envelope(struct rows *rows, const struct row_found *found,
    char **envelope, size_t *len) SMX_MUST_USE;
/* What is kept of the envelope that another one replaces; length 0: nothing. */
struct rows_original {
	uint8_t *data;
	size_t len;
};
/* After rules_amend; original NULL: the envelope is the same. */
int rows_amend(struct rows *rows, const struct row_found *found,
    const char *envelope, size_t len,
    const struct rows_original *original) SMX_MUST_USE;
int rows_meta_set(struct rows *rows, const char *name,
    const char *value) SMX_MUST_USE;

#endif
