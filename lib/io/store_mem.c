/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/store_draft.h"
#include "io/store_rules.h"

/*
 * The store without a disk: same rules, same answers, nothing survives.  Used
 * where no quota was set, the ceilings keep a forgotten one from taking all
 * memory.
 */
#define MEM_BYTES_MAX ((uint64_t)256 << 20)

void
mem_usage(struct mem *mem, const struct mem_row *row, struct usage_row *out)
{
	out->state = row->row.state;
	out->rows = 1;
	out->size = rules_kept(&row->row);
	out->cost = out->size + row->envelope_len;
	/* Known since its draft was begun, or since it was yielded. */
	(void)!usage_peer(mem->usage, row->row.primary, &out->peer);
}

/* ---- a shadow comes in ---- */

static int
standing_locked(struct mem *mem, const char *primary, const struct smx_key *key,
    const uint8_t *digest)
{
	const struct mem_row *row = table_row(&mem->table, key);

	if (row == NULL)
		return tombs_has(mem->tombs, primary, key) ? SMX_EGONE : SMX_OK;
	return rules_repeat(&row->row, row->origin, primary, digest);
}

static int
mem_begin(void *ctx, const struct smx_shadow_head *head, struct smx_draft **out)
{
	struct mem *mem = ctx;
	int result = rules_head(head);

	if (result != SMX_OK)
		return result;
	pthread_mutex_lock(&mem->lock);
	result = standing_locked(mem, head->primary, &head->key, head->digest);
	pthread_mutex_unlock(&mem->lock);
	return result == SMX_OK ? draft_new(out, head, mem->usage) : result;
}

static int
mem_write(void *ctx, struct smx_draft *draft, const void *data, size_t len)
{
	(void)ctx;
	return draft_write(draft, data, len);
}

static int
insert_locked(struct mem *mem, struct smx_draft *draft)
{
	struct usage_row usage;
	struct mem_row *row;
	int result = table_insert(&mem->table, draft, &row);

	if (result != SMX_OK)
		return result;
	mem->commits++;
	mem_usage(mem, row, &usage);
	usage_settle(mem->usage, &usage, draft->peer, draft->taken);
	draft_settle(draft);
	return SMX_OK;
}

static int
mem_commit(void *ctx, struct smx_draft **draft)
{
	struct mem *mem = ctx;
	int result = draft_finish(*draft);

	pthread_mutex_lock(&mem->lock);
	if (result == SMX_OK)
		result = standing_locked(mem, (*draft)->row.primary,
		    &(*draft)->row.key, (*draft)->row.digest);
	if (result == SMX_OK)
		result = insert_locked(mem, *draft);
	pthread_mutex_unlock(&mem->lock);
	draft_free(draft);
	return result;
}

static void
mem_abort(void *ctx, struct smx_draft **draft)
{
	(void)ctx;
	draft_free(draft);
}

/* ---- changes ---- */

static void
remove_locked(struct mem *mem, const struct mem_row *row,
    const struct smx_key *key)
{
	struct usage_row usage;

	mem_usage(mem, row, &usage);
	usage_remove(mem->usage, &usage);
	table_remove(&mem->table, key);
}

static int
drop_locked(struct mem *mem, const char *primary, const struct smx_key *key,
    size_t *foreign)
{
	struct mem_row *row = table_row(&mem->table, key);
	const char *owner = primary != NULL ? primary : "";
	int result;

	if (row != NULL && !rules_may_drop(&row->row, primary)) {
		++*foreign;
		return SMX_OK;
	}
	if (row != NULL)
		owner = rules_creator(&row->row, row->origin);
	result = tombs_add(mem->tombs, owner, key, clock_wall_ms());
	if (result == SMX_OK && row != NULL)
		remove_locked(mem, row, key);
	return result;
}

static int
mem_drop(void *ctx, const char *primary, const struct smx_key *keys,
    size_t count, size_t *foreign)
{
	struct mem *mem = ctx;
	size_t others = 0;
	int result = SMX_OK;

	if (primary != NULL &&
	    (primary[0] == '\0' || strlen(primary) > SMX_NAME_MAX))
		return SMX_EINVAL;
	if (count > STORE_DROP_KEYS_MAX)
		return SMX_ELIMIT;
	pthread_mutex_lock(&mem->lock);
	for (size_t i = 0; result == SMX_OK && i < count; i++)
		result = drop_locked(mem, primary, &keys[i], &others);
	tombs_saved(mem->tombs);
	pthread_mutex_unlock(&mem->lock);
	if (result == SMX_OK && foreign != NULL)
		*foreign = others;
	return result;
}

static int
mark_locked(struct mem *mem, struct mem_row *row,
    const struct smx_row_change *change)
{
	struct usage_row before, after;
	char *states = NULL;
	int result =
	    row->row.state == change->from && row->row.state != SMX_ROW_DONE
		? SMX_OK
		: SMX_ESTATE;

	if (result == SMX_OK && change->rcpt_states != NULL) {
		result =
		    rules_rcpt_states(change->rcpt_states, row->row.recipients);
		if (result == SMX_OK &&
		    (states = strdup(change->rcpt_states)) == NULL)
			result = SMX_ENOMEM;
	}
	if (result != SMX_OK)
		return result;
	mem_usage(mem, row, &before);
	result = rules_apply(&row->row, change);
	if (row->row.state == SMX_ROW_DONE) {
		mem_body_unref(row->body);
		row->body = NULL;
	}
	mem_usage(mem, row, &after);
	usage_remove(mem->usage, &before);
	usage_add(mem->usage, &after);
	if (states != NULL) {
		free(row->rcpt_states);
		row->rcpt_states = states;
	}
	return result;
}

static int
mem_mark(void *ctx, const struct smx_key *key,
    const struct smx_row_change *change)
{
	struct mem *mem = ctx;
	struct mem_row *row;
	int result = rules_change(change);

	if (result != SMX_OK)
		return result;
	pthread_mutex_lock(&mem->lock);
	row = table_row(&mem->table, key);
	result = row == NULL ? SMX_ENOTFOUND : mark_locked(mem, row, change);
	pthread_mutex_unlock(&mem->lock);
	return result;
}

static int
mem_meta_get(void *ctx, const char *name, char *value, size_t size)
{
	struct mem *mem = ctx;
	int result;

	pthread_mutex_lock(&mem->lock);
	result = metas_get(&mem->metas, name, value, size);
	pthread_mutex_unlock(&mem->lock);
	return result;
}

static int
mem_meta_set(void *ctx, const char *name, const char *value)
{
	struct mem *mem = ctx;
	int result = rules_meta(name, value);

	if (result != SMX_OK)
		return result;
	pthread_mutex_lock(&mem->lock);
	result = metas_set(&mem->metas, name, value);
	pthread_mutex_unlock(&mem->lock);
	return result;
}

static int
mem_stats(void *ctx, struct smx_store_stats *stats)
{
	struct mem *mem = ctx;

	memset(stats, 0, sizeof(*stats));
	usage_stats(mem->usage, stats);
	pthread_mutex_lock(&mem->lock);
	stats->commits = stats->committed = mem->commits;
	for (size_t i = 0; i < mem->table.count; i++) {
		const struct smx_row *row = &mem->table.row[i]->row;

		if (row->state != SMX_ROW_DONE &&
		    (stats->oldest_ms == 0 ||
			row->stored_ms < stats->oldest_ms))
			stats->oldest_ms = row->stored_ms;
	}
	pthread_mutex_unlock(&mem->lock);
	return SMX_OK;
}

static int
mem_failed(void *ctx)
{
	(void)ctx;
	return 0;
}

static void
mem_close(void *ctx)
{
	struct mem *mem = ctx;

	table_free(&mem->table);
	metas_free(&mem->metas);
	tombs_free(&mem->tombs);
	usage_free(&mem->usage);
	pthread_mutex_destroy(&mem->lock);
	free(mem);
}

static const struct smx_store_ops mem_ops = {
	.begin = mem_begin,
	.write = mem_write,
	.commit = mem_commit,
	.abort = mem_abort,
	.drop = mem_drop,
	.mark = mem_mark,
	.amend = mem_amend,
	.scan = mem_scan,
	.get = mem_get,
	.envelope = mem_envelope,
	.open = mem_open,
	.close_content = mem_close_content,
	.meta_get = mem_meta_get,
	.meta_set = mem_meta_set,
	.stats = mem_stats,
	.failed = mem_failed,
	.close = mem_close,
};

int
smx_store_open_memory(struct smx_store *out,
    const struct smx_store_options *options)
{
	struct mem *mem = calloc(1, sizeof(*mem));
	int result;

	if (mem == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&mem->lock, NULL);
	result = usage_new(&mem->usage,
	    options->quota_bytes != 0 ? options->quota_bytes : MEM_BYTES_MAX,
	    options->peer_quota_bytes);
	if (result == SMX_OK)
		result = tombs_new(&mem->tombs);
	if (result != SMX_OK) {
		mem_close(mem);
		return result;
	}
	out->ctx = mem;
	out->ops = &mem_ops;
	return SMX_OK;
}
