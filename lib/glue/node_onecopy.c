/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/node_impl.h"

static void
add(struct smx_engine *node, const struct smx_key *key, const char *queue_id,
    int passed)
{
	struct onecopy_entry entry;

	if (node->onecopy == NULL || queue_id[0] == '\0')
		return;
	memset(&entry, 0, sizeof(entry));
	entry.key = *key;
	node_epoch(node, &entry.epoch);
	entry.accepted_ms = clock_wall_ms();
	entry.passed = passed;
	text_copy(entry.queue_id, sizeof(entry.queue_id), queue_id);
	onecopy_add(node->onecopy, &entry);
}

void
node_unprotected(struct smx_engine *node, const struct smx_key *key,
    const char *queue_id)
{
	add(node, key, queue_id, 0);
}

void
node_passed(struct smx_engine *node, const struct smx_key *key,
    const char *queue_id)
{
	add(node, key, queue_id, 1);
}

static void
adopt(void *ctx, const struct onecopy_entry *entry)
{
	struct smx_engine *node = ctx;
	struct smx_listed message;
	struct engine *core;
	int64_t age = clock_wall_ms() - entry->accepted_ms;

	memset(&message, 0, sizeof(message));
	message.key = entry->key;
	message.epoch = entry->epoch;
	message.age_ms = age < 0 ? 0 : age;
	text_copy(message.queue_id, sizeof(message.queue_id), entry->queue_id);
	core = node_enter(node);
	engine_adopt_unprotected(core, &message, node_now_ms());
	if (entry->passed)
		engine_adopt_passed(core, &entry->key);
	node_leave(node);
}

void
node_onecopy_open(struct smx_engine *node, const struct conf *conf)
{
	int rc;

	/* Without a queue watch nothing could ever end them. */
	if (node->ports.queue == NULL || strcmp(conf->store_driver, "sqlite"))
		return;
	rc = onecopy_open(&node->onecopy, conf->store_path);
	if (rc == SMX_OK)
		onecopy_each(node->onecopy, adopt, node);
	else
		log_event(SMX_LOG_WARNING, "unprotected-not-kept", "result=%s",
		    smx_errname(rc));
}

static int
none_unprotected(void *ctx)
{
	struct smx_engine *node = ctx;
	struct engine_counts counts;

	engine_counts(node_enter(node), node_now_ms(), &counts);
	node_leave(node);
	/* One that is being judged may have been written down already. */
	return counts.unprotected == 0 && counts.holding == 0;
}

void
node_onecopy_tidy(struct smx_engine *node)
{
	if (node->onecopy != NULL)
		onecopy_clear(node->onecopy, none_unprotected, node);
}
