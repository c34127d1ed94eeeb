/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_mem_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

void
mem_body_unref(struct mem_body *body)
{
	if (body == NULL || --body->refs != 0)
		return;
	free(body->data);
	free(body);
}

static void
row_free(struct mem_row *row)
{
	mem_body_unref(row->body);
	free(row->envelope);
	free(row->rcpt_states);
	free(row);
}

size_t
table_place(const struct mem_table *table, const struct smx_key *key)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (smx_key_compare(&table->row[middle]->row.key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct mem_row *
table_row(const struct mem_table *table, const struct smx_key *key)
{
	size_t at = table_place(table, key);

	if (at == table->count ||
	    smx_key_compare(&table->row[at]->row.key, key) != 0)
		return NULL;
	return table->row[at];
}

static int
table_room(struct mem_table *table)
{
	size_t size = table->size == 0 ? 64 : table->size * 2;
	struct mem_row **grown;

	if (table->count == MEM_ROWS_MAX)
		return SMX_EFULL;
	if (table->count < table->size)
		return SMX_OK;
	grown = realloc(table->row, size * sizeof(*grown));
	if (grown == NULL)
		return SMX_ENOMEM;
	table->row = grown;
	table->size = size;
	return SMX_OK;
}

static struct mem_row *
row_new(struct smx_draft *draft)
{
	struct mem_row *row = calloc(1, sizeof(*row));
	struct mem_body *body = calloc(1, sizeof(*body));

	if (row == NULL || body == NULL) {
		free(row);
		free(body);
		return NULL;
	}
	row->row = draft->row;
	row->envelope = draft->envelope;
	row->envelope_len = draft->envelope_len;
	draft->envelope = NULL;
	body->refs = 1;
	body->size = draft->row.size;
	body->data = buf_take(&draft->body, NULL);
	row->body = body;
	return row;
}

int
table_insert(struct mem_table *table, struct smx_draft *draft,
    struct mem_row **out)
{
	size_t at = table_place(table, &draft->row.key);
	int result = table_room(table);
	struct mem_row *row;

	/* So that taking the body later on cannot fail. */
	if (result == SMX_OK)
		result = buf_add(&draft->body, "", 0);
	if (result != SMX_OK)
		return result;
	row = row_new(draft);
	if (row == NULL)
		return SMX_ENOMEM;
	memmove(&table->row[at + 1], &table->row[at],
	    (table->count - at) * sizeof(struct mem_row *));
	table->row[at] = row;
	table->count++;
	*out = row;
	return SMX_OK;
}

void
table_remove(struct mem_table *table, const struct smx_key *key)
{
	size_t at = table_place(table, key);

	row_free(table->row[at]);
	table->count--;
	memmove(&table->row[at], &table->row[at + 1],
	    (table->count - at) * sizeof(struct mem_row *));
}

void
table_free(struct mem_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		row_free(table->row[i]);
	free(table->row);
	memset(table, 0, sizeof(*table));
}
