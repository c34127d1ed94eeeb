/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/herald.h"
#include "glue/node_impl.h"
#include "glue/reload.h"

int
smx_engine_reload(struct smx_engine *node, struct smx_config *config, char *why,
    size_t why_size)
{
	struct smx_config *old, *now, *next;
	char names[200];

	if (reload_needs_restart(node->first_config, config, names,
		sizeof(names)) != 0) {
		snprintf(why, why_size,
		    "changed, but only a restart can change it: %s; the old "
		    "configuration stays in use",
		    names);
		return SMX_ECONFIG;
	}
	/* A database that is damaged just now is used as it was before. */
	now = node_config(node);
	if (source_inherit(config, now, &next) != SMX_OK)
		next = smx_config_hold(config);
	smx_config_release(&now);
	pthread_mutex_lock(&node->config_lock);
	old = node->config;
	node->config = next;
	pthread_mutex_unlock(&node->config_lock);
	courier_change(node->courier, config_conf(config));
	smx_config_release(&old);
	node_backup_open(node);
	node_herald_open(node);
	log_event(SMX_LOG_NOTICE, "reloaded", "result=ok");
	return SMX_OK;
}

/* Not in the way of mail: a message keeps the configuration it has. */
void
node_look(struct smx_engine *node)
{
	struct smx_config *now, *next = NULL, *old = NULL;
	int64_t now_ms = clock_mono_ms();

	if (now_ms < node->look_ms)
		return;
	node->look_ms = now_ms + SOURCE_LOOK_MS;
	now = node_config(node);
	if (source_look(&node->look, now, now_ms, &next) == SMX_OK) {
		pthread_mutex_lock(&node->config_lock);
		/* A reload in between has read the files itself. */
		if (node->config == now) {
			old = node->config;
			node->config = next;
			next = NULL;
		}
		pthread_mutex_unlock(&node->config_lock);
	}
	smx_config_release(&next);
	smx_config_release(&old);
	smx_config_release(&now);
}
