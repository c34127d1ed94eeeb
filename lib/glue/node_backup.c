/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup.h"

#include <string.h>

#include "core/policy.h"
#include "glue/mxwatch.h"
#include "glue/node_impl.h"

struct backup *
node_backup(struct smx_engine *node)
{
	return atomic_load(&node->backup);
}

void
node_backup_hush(struct smx_engine *node)
{
	struct backup *backup = node_backup(node);

	if (backup != NULL)
		mxwatch_hush(backup_mxwatch(backup));
}

/* Mail of a policy that is not there any more has still to be followed, and let
 * go. */
static int
is_needed(const struct smx_config *config, const struct conf *conf)
{
	return strcmp(conf->store_driver, "sqlite") == 0 &&
	       (policy_backs_up(config) ||
		   backup_db_has_open(conf->store_path));
}

/* The watch over the queue has begun with an earlier configuration. */
static void
want(struct smx_engine *node, const struct conf *conf)
{
	struct smx_queue *queue = node->ports.queue;
	int ends = atomic_load(&node->backup) != NULL;

	if (queue != NULL && queue->ops->want != NULL)
		queue->ops->want(queue->ctx,
		    ends || conf->milter_resend_guard_ms > 0, ends);
}

void
node_backup_open(struct smx_engine *node)
{
	struct smx_config *config = node_config(node);
	const struct conf *conf = config_conf(config);
	struct backup *backup;

	if (atomic_load(&node->backup) == NULL && is_needed(config, conf) &&
	    backup_new(&backup, node, conf->store_path) == SMX_OK)
		atomic_store(&node->backup, backup);
	want(node, conf);
	smx_config_release(&config);
}
