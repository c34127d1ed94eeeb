/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/store.h>

#include "io/store_content.h"
#include "io/store_repeat.h"
#include "io/store_rules.h"
#include "io/store_shelf.h"

/* A disk that takes longer has failed as far as a waiting session goes. */
#define DURABLE_WAIT_MS 60000

/* A failed look: the disk's trouble is told as such, the rest as it is. */
static int
looked(int result)
{
	return result == SMX_EBUSY || result == SMX_EFULL ? SMX_EIO : result;
}

/* ---- a shadow comes in ---- */

static int
op_begin(void *ctx, const struct smx_shadow_head *head, struct smx_draft **out)
{
	struct shelf *shelf = ctx;
	struct smx_draft *draft;
	int replace, result;

	if (shelf_down(shelf))
		return SMX_EIO;
	result = rules_head(head);
	if (result == SMX_OK)
		result = repeat_check(shelf, head, &replace);
	if (result == SMX_OK)
		result = draft_new(&draft, head, shelf->group.usage);
	if (result != SMX_OK)
		return result;
	draft->replace = replace;
	if (head->size > shelf->body_file_bytes)
		result = draft_to_file(draft, &shelf->dir.bodies);
	if (result != SMX_OK) {
		draft_free(&draft);
		return result == SMX_EEXIST ? SMX_EIO : result;
	}
	*out = draft;
	return SMX_OK;
}

static int
op_write(void *ctx, struct smx_draft *draft, const void *data, size_t len)
{
	struct shelf *shelf = ctx;
	int result;

	if (shelf_down(shelf))
		return SMX_EIO;
	result = draft_write(draft, data, len);
	if (result == SMX_EIO)
		group_distrust(&shelf->group, result);
	return result;
}

static int
sync_draft(struct shelf *shelf, struct smx_draft *draft)
{
	int result = draft_finish(draft);

	if (result == SMX_OK && draft->fd >= 0) {
		result = body_sync(draft->fd);
		if (result == SMX_EIO)
			group_distrust(&shelf->group, result);
	}
	return result;
}

static int
op_commit(void *ctx, struct smx_draft **draft_ref)
{
	struct shelf *shelf = ctx;
	struct smx_draft *draft = *draft_ref;
	const struct smx_key key = draft->row.key;
	struct work *work = NULL;
	int result = SMX_EIO;

	*draft_ref = NULL;
	if (!shelf_down(shelf))
		result = sync_draft(shelf, draft);
	if (result == SMX_OK) {
		work = work_commit_take(draft);
		if (work == NULL)
			result = SMX_ENOMEM;
	}
	if (result != SMX_OK) {
		draft_free(&draft);
		return result;
	}
	result = workq_ask(shelf->group.queue, work, DURABLE_WAIT_MS, NULL);
	if (result == SMX_OK)
		damage_mended(shelf->group.damage, &key);
	return result;
}

static void
op_abort(void *ctx, struct smx_draft **draft)
{
	(void)ctx;
	draft_free(draft);
}

/* ---- changes ---- */

static int
ask(struct shelf *shelf, struct work *work, size_t *foreign)
{
	if (work == NULL)
		return SMX_ENOMEM;
	return workq_ask(shelf->group.queue, work, DURABLE_WAIT_MS, foreign);
}

static int
drop(void *ctx, const char *primary, const struct smx_key *keys, size_t count,
    size_t *foreign, int delivered)
{
	struct work *work;
	struct shelf *shelf = ctx;
	size_t left;
	int result;

	if (shelf_down(shelf))
		return SMX_EIO;
	if (primary != NULL &&
	    (primary[0] == '\0' || strlen(primary) > SMX_NAME_MAX))
		return SMX_EINVAL;
	if (count > STORE_DROP_KEYS_MAX)
		return SMX_ELIMIT;
	work = work_drop(primary, keys, count);
	if (work != NULL)
		work->delivered = delivered;
	result = ask(shelf, work, &left);
	for (size_t i = 0; result == SMX_OK && left == 0 && i < count; i++)
		damage_mended(shelf->group.damage, &keys[i]);
	if (result == SMX_OK && foreign != NULL)
		*foreign = left;
	return result;
}

static int
op_drop(void *ctx, const char *primary, const struct smx_key *keys,
    size_t count, size_t *foreign)
{
	return drop(ctx, primary, keys, count, foreign, 0);
}

static int
op_finish(void *ctx, const char *primary, const struct smx_key *keys,
    size_t count, size_t *foreign)
{
	return drop(ctx, primary, keys, count, foreign, 1);
}

/* Who asks for what has been delivered does not want to wait for ever. */
#define FLUSH_MS 10000

static int
op_kept(void *ctx, int64_t since_ms, int64_t until_ms, smx_kept_fn each,
    void *each_ctx)
{
	struct shelf *shelf = ctx;

	if (shelf_down(shelf))
		return SMX_EIO;
	if (shelf->net == NULL)
		return SMX_ESTATE;
	/* What it has not in time is behind, and is shown so. */
	(void)!mover_flush(shelf->mover, FLUSH_MS);
	return net_each(shelf->net, since_ms, until_ms, each, each_ctx);
}

static int
op_mark(void *ctx, const struct smx_key *key,
    const struct smx_row_change *change)
{
	int result = rules_change(change);

	if (result != SMX_OK)
		return result;
	return shelf_down(ctx) ? SMX_EIO
			       : ask(ctx, work_mark(key, change), NULL);
}

/* As many at a time as make a group that nobody else waits long for. */
#define MARKS_MAX 128

static void
mark_some(struct shelf *shelf, struct smx_row_mark *list, size_t count)
{
	struct work *works[MARKS_MAX];
	int results[MARKS_MAX];

	for (size_t i = 0; i < count; i++)
		works[i] = list[i].result == SMX_OK
			       ? work_mark(&list[i].key, &list[i].change)
			       : NULL;
	workq_ask_all(shelf->group.queue, works, count, DURABLE_WAIT_MS,
	    results);
	for (size_t i = 0; i < count; i++)
		if (list[i].result == SMX_OK)
			list[i].result = results[i];
}

static void
op_marks(void *ctx, struct smx_row_mark *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		list[i].result =
		    shelf_down(ctx) ? SMX_EIO : rules_change(&list[i].change);
	for (size_t i = 0; i < count; i += MARKS_MAX)
		mark_some(ctx, list + i,
		    count - i < MARKS_MAX ? count - i : MARKS_MAX);
}

static int
op_amend(void *ctx, const char *primary, const struct smx_row_amendment *list,
    size_t count, size_t *foreign)
{
	int result = rules_amendments(primary, list, count);
	size_t ignored;

	if (result != SMX_OK)
		return result;
	return shelf_down(ctx) ? SMX_EIO
			       : ask(ctx, work_amend(primary, list, count),
				     foreign != NULL ? foreign : &ignored);
}

static int
op_meta_set(void *ctx, const char *name, const char *value)
{
	int result = rules_meta(name, value);

	if (result != SMX_OK)
		return result;
	return shelf_down(ctx) ? SMX_EIO
			       : ask(ctx, work_meta(name, value), NULL);
}

/* ---- looking ---- */

/* A page of rows with the store's word on each. */
static int
vouched_page(void *ctx, const struct smx_store_filter *filter,
    const struct smx_key *after, struct smx_row *rows, size_t max,
    size_t *count)
{
	struct shelf *shelf = ctx;
	int result = view_page(shelf->view, filter, after, rows, max, count);

	for (size_t i = 0; result == SMX_OK && i < *count; i++)
		rows[i].unsound |=
		    !damage_vouches(shelf->group.damage, &rows[i]);
	return result;
}

static int
op_scan(void *ctx, const struct smx_store_filter *filter, smx_row_fn each,
    void *each_ctx)
{
	struct shelf *shelf = ctx;

	if (shelf_down(shelf))
		return SMX_EIO;
	return rules_scan(filter, vouched_page, shelf, each, each_ctx);
}

static int
op_get(void *ctx, const struct smx_key *key, struct smx_row *row)
{
	struct shelf *shelf = ctx;
	struct row_found found;
	int result;

	if (shelf_down(shelf))
		return SMX_EIO;
	result = view_find(shelf->view, key, &found);
	if (result == SMX_OK) {
		*row = found.row;
		row->unsound |= !damage_vouches(shelf->group.damage, row);
	}
	return looked(result);
}

static int
op_envelope(void *ctx, const struct smx_key *key, char **text, size_t *len,
    char **rcpt_states)
{
	struct shelf *shelf = ctx;
	int result;

	if (shelf_down(shelf))
		return SMX_EIO;
	result = view_envelope(shelf->view, key, text, len, rcpt_states);
	if (result == SMX_ECORRUPT)
		(void)damage_found(shelf->group.damage, key);
	return looked(result);
}

static int
op_open(void *ctx, const struct smx_key *key, struct smx_content *content)
{
	struct shelf *shelf = ctx;
	int result;

	if (shelf_down(shelf))
		return SMX_EIO;
	result = stored_open(shelf->view, &shelf->dir.bodies, key, content);
	if (result == SMX_ECORRUPT)
		(void)damage_found(shelf->group.damage, key);
	return looked(result);
}

static void
op_close_content(void *ctx, struct smx_content *content)
{
	(void)ctx;
	stored_close(content);
}

static int
op_meta_get(void *ctx, const char *name, char *value, size_t size)
{
	struct shelf *shelf = ctx;

	if (shelf_down(shelf))
		return SMX_EIO;
	return looked(view_meta(shelf->view, name, value, size));
}

static int
op_stats(void *ctx, struct smx_store_stats *stats)
{
	struct shelf *shelf = ctx;
	struct smx_store_stats now = { .commits = shelf->group.commits,
		.committed = shelf->group.committed };
	int result;

	if (shelf_down(shelf))
		return SMX_EIO;
	usage_stats(shelf->group.usage, &now);
	damage_stats(shelf->group.damage, &now);
	if (shelf->net != NULL) {
		now.net_on = 1;
		net_stats(shelf->net, &now);
		now.net_waiting = atomic_load(&shelf->gate.rows);
		now.net_missed = atomic_load(&shelf->gate.missed);
	}
	result = view_oldest(shelf->view, &now.oldest_ms);
	if (result == SMX_OK)
		*stats = now;
	return looked(result);
}

static int
op_failed(void *ctx)
{
	return shelf_down(ctx);
}

/* ---- opening and closing ---- */

static void
op_close(void *ctx)
{
	shelf_close(ctx);
}

static const struct smx_store_ops sqlite_ops = {
	.begin = op_begin,
	.write = op_write,
	.commit = op_commit,
	.abort = op_abort,
	.drop = op_drop,
	.mark = op_mark,
	.marks = op_marks,
	.amend = op_amend,
	.scan = op_scan,
	.get = op_get,
	.envelope = op_envelope,
	.open = op_open,
	.close_content = op_close_content,
	.meta_get = op_meta_get,
	.meta_set = op_meta_set,
	.stats = op_stats,
	.failed = op_failed,
	.close = op_close,
	.finish = op_finish,
	.kept = op_kept,
};

int
smx_store_open_sqlite(struct smx_store *out,
    const struct smx_store_options *options, char *why, size_t why_size)
{
	struct shelf *shelf = NULL;
	int result;

	if (options->path == NULL || options->path[0] == '\0')
		return SMX_EINVAL;
	result = shelf_open(&shelf, options, why, why_size);
	if (result != SMX_OK)
		return result;
	out->ctx = shelf;
	out->ops = &sqlite_ops;
	return SMX_OK;
}
