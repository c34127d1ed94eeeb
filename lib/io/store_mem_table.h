/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_MEM_TABLE_H
#define IO_STORE_MEM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "io/store_draft.h"

/* The memory store's rows in key order.  All under the store's lock. */
#define MEM_ROWS_MAX ((size_t)1 << 17) /* of about 2 KiB, and the content */

/* Outlives its row while somebody reads it. */
struct mem_body {
	int refs;
	uint64_t size;
	char *data;
};

struct mem_row {
	struct smx_row row;
	char *envelope;
	size_t envelope_len;
	char *rcpt_states;
	char origin[SMX_NAME_MAX + 1]; /* rules_creator */
	struct mem_body *body;
};

struct mem_table {
	struct mem_row **row;
	size_t count, size;
};

/* The place of the first row at or above key. */
size_t table_place(const struct mem_table *table, const struct smx_key *key);
struct mem_row *table_row(const struct mem_table *table,
    const struct smx_key *key);
/* Takes envelope and body out of the draft.  SMX_EFULL over MEM_ROWS_MAX. */
int table_insert(struct mem_table *table, struct smx_draft *draft,
    struct mem_row **out) SMX_MUST_USE;
void table_remove(struct mem_table *table, const struct smx_key *key);
void table_free(struct mem_table *table);
void mem_body_unref(struct mem_body *body);

#endif
