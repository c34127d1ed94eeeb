/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/fence.h"
#include "glue/node_impl.h"

/*
 * The thread that changes the MTA's queue: what the core wants to be on hold,
 * released or erased, in batches.  What is put on hold is in the book first.
 */
#define CHANGE_MS 30000
#define IDLE_MS   1000

struct changes {
	enum smx_queue_change what;
	size_t count;
	char text[SMX_QUEUE_CHANGE_MAX][SMX_QUEUE_ID_MAX + 1];
	const char *ids[SMX_QUEUE_CHANGE_MAX];
	struct fencebook_entry entry[SMX_QUEUE_CHANGE_MAX];
	size_t entries;
	struct smx_key freed[SMX_QUEUE_CHANGE_MAX];
	size_t free_count;
	int none; /* nothing is on hold by our doing */
};

static void
enter_one(struct engine *core, struct changes *c, const char *id)
{
	struct smx_listed message;
	struct fencebook_entry *e = &c->entry[c->entries];

	if (engine_fence_entry(core, id, &message) != SMX_OK)
		return;
	memset(e, 0, sizeof(*e));
	e->key = message.key;
	e->epoch = message.epoch;
	(void)text_copy(e->queue_id, sizeof(e->queue_id), message.queue_id);
	c->entries++;
}

/* Ids are lent under the lock only. */
static void
keep(struct engine *core, struct changes *c)
{
	c->entries = 0;
	for (size_t i = 0; i < c->count; i++) {
		(void)text_copy(c->text[i], sizeof(c->text[i]), c->ids[i]);
		c->ids[i] = c->text[i];
		if (c->what == SMX_QUEUE_HOLD)
			enter_one(core, c, c->ids[i]);
	}
}

static void
pull_locked(struct smx_engine *node, struct changes *c, int64_t *wake_ms)
{
	struct engine_fence_counts counts;

	*wake_ms = node_now_ms() + IDLE_MS;
	c->count = engine_fence_next(node->core, node_now_ms(), &c->what,
	    c->ids, SMX_QUEUE_CHANGE_MAX, wake_ms);
	keep(node->core, c);
	c->free_count =
	    engine_fence_freed(node->core, c->freed, SMX_QUEUE_CHANGE_MAX);
	engine_fence_counts(node->core, &counts);
	c->none = counts.fenced == 0 && c->count == 0;
}

static void
write_down(struct smx_engine *node, const struct changes *c)
{
	int rc = SMX_OK;

	if (node->fencebook == NULL)
		return;
	if (c->none)
		fencebook_clear(node->fencebook);
	else
		fencebook_free(node->fencebook, c->freed, c->free_count);
	rc = fencebook_hold(node->fencebook, c->entry, c->entries);
	/* After a crash it would be taken for a person's hold, and stay: shown,
	 * and never lost. */
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "fence-not-kept", "result=%s",
		    smx_errname(rc));
}

static void
change(struct smx_engine *node, struct changes *c)
{
	struct smx_queue *queue = node->ports.queue;
	struct engine *core;
	int rc = queue->ops->change(queue->ctx, c->what, c->ids, c->count,
	    clock_mono_ms() + CHANGE_MS);

	core = node_enter(node);
	engine_fence_result(core, c->what, c->ids, c->count, rc, node_now_ms());
	node_leave(node);
}

void *
node_fencer_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct changes *c = calloc(1, sizeof(*c));
	int64_t wake;

	if (c == NULL)
		log_event(SMX_LOG_ERR, "no-memory", "where=fence");
	pthread_mutex_lock(&node->lock);
	while (c != NULL && !node->ending) {
		pull_locked(node, c, &wake);
		pthread_mutex_unlock(&node->lock);
		write_down(node, c);
		if (c->count != 0)
			change(node, c);
		pthread_mutex_lock(&node->lock);
		if (c->count == 0 && c->free_count == 0)
			(void)node_wait_locked(node, wake);
	}
	pthread_mutex_unlock(&node->lock);
	free(c);
	return NULL;
}

/* ---- what an earlier worker put on hold ---- */

static void
before(void *ctx, const struct fencebook_entry *entry)
{
	struct smx_engine *node = ctx;
	struct smx_listed message;

	memset(&message, 0, sizeof(message));
	message.key = entry->key;
	message.epoch = entry->epoch;
	(void)text_copy(message.queue_id, sizeof(message.queue_id),
	    entry->queue_id);
	engine_fence_before(node_enter(node), &message, node_now_ms());
	node_leave(node);
}

void
node_fence_open(struct smx_engine *node, const struct conf *conf)
{
	int rc;

	if (node->ports.queue == NULL || node->ports.queue->ops->change == NULL)
		return;
	engine_fence_able(node_enter(node), 1);
	node_leave(node);
	if (strcmp(conf->store_driver, "sqlite") != 0)
		return;
	rc = fencebook_open(&node->fencebook, conf->store_path);
	if (rc == SMX_OK)
		rc = fencebook_each(node->fencebook, before, node);
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "fence-not-kept", "result=%s",
		    smx_errname(rc));
}
