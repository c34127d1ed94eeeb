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

void
node_backup_open(struct smx_engine *node)
{
	struct smx_config *config = node_config(node);
	const struct conf *conf = config_conf(config);
	struct backup *backup;

	if (atomic_load(&node->backup) == NULL && policy_backs_up(config) &&
	    strcmp(conf->store_driver, "sqlite") == 0 &&
	    backup_new(&backup, node, conf->store_path) == SMX_OK)
		atomic_store(&node->backup, backup);
	smx_config_release(&config);
}
