/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNIT_ROW_STORE_H
#define UNIT_ROW_STORE_H

#include <shadowmx/store.h>

/* A store of a few rows for tests of what is decided about rows.  fail: the
 * next changes answer with that. */
#define ROW_STORE_MAX 64

#define ROW_META_MAX 8

struct row_store {
	struct smx_store port;
	struct smx_row row[ROW_STORE_MAX];
	char rcpt[ROW_STORE_MAX][8];
	char envelope[ROW_STORE_MAX][256];
	size_t rows;
	struct smx_key tomb[ROW_STORE_MAX];
	size_t tombs;
	struct {
		char name[64], value[128];
	} meta[ROW_META_MAX];
	char origin[64]; /* of yielded rows that are given back */
	int fail;
	unsigned drops, marks, amends;
	unsigned scans;
	unsigned steps; /* many marks at once are one */
};

void row_store_init(struct row_store *s);
struct smx_row *row_store_add(struct row_store *s, const char *primary,
    uint64_t counter, enum smx_row_state state);
struct smx_row *row_store_find(struct row_store *s, const struct smx_key *key);
const char *row_store_rcpt(struct row_store *s, const struct smx_row *row);
const char *row_store_envelope(struct row_store *s, const struct smx_row *row);
int row_store_tombed(const struct row_store *s, const struct smx_key *key);

#endif
