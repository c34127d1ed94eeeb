/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdio.h>

#include "base/log.h"
#include "glue/node_impl.h"
#include "glue/reload.h"

int
smx_engine_reload(struct smx_engine *node, struct smx_config *config, char *why,
    size_t why_size)
{
	struct smx_config *old;
	char names[200];

	if (reload_needs_restart(node->first_config, config, names,
		sizeof(names)) != 0) {
		snprintf(why, why_size,
		    "changed, but only a restart can change it: %s; the old "
		    "configuration stays in use",
		    names);
		return SMX_ECONFIG;
	}
	pthread_mutex_lock(&node->config_lock);
	old = node->config;
	node->config = smx_config_hold(config);
	pthread_mutex_unlock(&node->config_lock);
	smx_config_release(&old);
	log_event(SMX_LOG_NOTICE, "reloaded", "result=ok");
	return SMX_OK;
}
