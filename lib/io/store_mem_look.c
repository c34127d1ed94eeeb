/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_mem.h"

#include <stdlib.h>
#include <string.h>

#include "io/digest.h"
#include "io/store_rules.h"

static int
passes(const struct smx_row *row, const struct smx_store_filter *filter)
{
	if (filter->primary != NULL &&
	    strcmp(filter->primary, row->primary) != 0)
		return 0;
	if (filter->states != 0 &&
	    (filter->states & 1u << (unsigned)row->state) == 0)
		return 0;
	return filter->due_ms <= 0 || row->next_try_ms <= filter->due_ms;
}

static int
mem_page(void *ctx, const struct smx_store_filter *filter,
    const struct smx_key *after, struct smx_row *rows, size_t max,
    size_t *count)
{
	struct mem *mem = ctx;
	size_t at = 0;

	*count = 0;
	pthread_mutex_lock(&mem->lock);
	if (after != NULL)
		at = table_place(&mem->table, after);
	if (after != NULL && at < mem->table.count &&
	    smx_key_compare(&mem->table.row[at]->row.key, after) == 0)
		at++;
	for (; at < mem->table.count && *count < max; at++)
		if (passes(&mem->table.row[at]->row, filter))
			rows[(*count)++] = mem->table.row[at]->row;
	pthread_mutex_unlock(&mem->lock);
	return SMX_OK;
}

int
mem_scan(void *ctx, const struct smx_store_filter *filter, smx_row_fn each,
    void *each_ctx)
{
	return rules_scan(filter, mem_page, ctx, each, each_ctx);
}

int
mem_get(void *ctx, const struct smx_key *key, struct smx_row *row)
{
	struct mem *mem = ctx;
	const struct mem_row *found;

	pthread_mutex_lock(&mem->lock);
	found = table_row(&mem->table, key);
	if (found != NULL)
		*row = found->row;
	pthread_mutex_unlock(&mem->lock);
	return found != NULL ? SMX_OK : SMX_ENOTFOUND;
}

static int
envelope_locked(const struct mem_row *row, char **text, size_t *len,
    char **rcpt_states)
{
	char *copy, *states = NULL;

	if (row == NULL)
		return SMX_ENOTFOUND;
	copy = malloc(row->envelope_len + 1);
	if (copy != NULL && rcpt_states != NULL && row->rcpt_states != NULL)
		states = strdup(row->rcpt_states);
	if (copy == NULL || (rcpt_states != NULL && row->rcpt_states != NULL &&
				states == NULL)) {
		free(copy);
		return SMX_ENOMEM;
	}
	memcpy(copy, row->envelope, row->envelope_len + 1);
	*text = copy;
	*len = row->envelope_len;
	if (rcpt_states != NULL)
		*rcpt_states = states;
	return SMX_OK;
}

int
mem_envelope(void *ctx, const struct smx_key *key, char **text, size_t *len,
    char **rcpt_states)
{
	struct mem *mem = ctx;
	int result;

	pthread_mutex_lock(&mem->lock);
	result = envelope_locked(table_row(&mem->table, key), text, len,
	    rcpt_states);
	pthread_mutex_unlock(&mem->lock);
	return result;
}

static int
body_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	const struct mem_body *body = ctx;

	if (offset > body->size || len > body->size - offset)
		return SMX_EINVAL;
	memcpy(buf, body->data + offset, len);
	return SMX_OK;
}

static int
body_check(const struct mem_body *body, const uint8_t *digest)
{
	uint8_t now[SMX_DIGEST_BYTES];
	int result = digest_once(body->data, (size_t)body->size, now);

	if (result != SMX_OK)
		return result;
	return memcmp(now, digest, sizeof(now)) == 0 ? SMX_OK : SMX_ECORRUPT;
}

void
mem_close_content(void *ctx, struct smx_content *content)
{
	struct mem *mem = ctx;

	pthread_mutex_lock(&mem->lock);
	mem_body_unref(content->ctx);
	pthread_mutex_unlock(&mem->lock);
	memset(content, 0, sizeof(*content));
}

int
mem_open(void *ctx, const struct smx_key *key, struct smx_content *content)
{
	struct mem *mem = ctx;
	uint8_t digest[SMX_DIGEST_BYTES];
	struct mem_body *body = NULL;
	struct smx_content opened;
	struct mem_row *row;
	int result;

	pthread_mutex_lock(&mem->lock);
	row = table_row(&mem->table, key);
	if (row != NULL && row->body != NULL) {
		body = row->body;
		body->refs++;
		memcpy(digest, row->row.digest, sizeof(digest));
	}
	pthread_mutex_unlock(&mem->lock);
	if (body == NULL)
		return SMX_ENOTFOUND;
	opened =
	    (struct smx_content){ body, body->size, body->data, body_read };
	result = body_check(body, digest);
	if (result != SMX_OK)
		mem_close_content(ctx, &opened);
	else
		*content = opened;
	return result;
}
