/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <string.h>

#include "core/policy.h"
#include "glue/node_impl.h"

const int64_t node_ack_bucket_ms[NODE_ACK_BUCKETS] = { 10, 100, 1000, 5000,
	10000, 30000, INT64_MAX };

int
node_courier_make(struct smx_engine *node, const struct conf *conf)
{
	struct courier_options options = { .conf = conf,
		.folder = strcmp(conf->store_driver, "sqlite") == 0
			      ? conf->store_path
			      : NULL,
		.queue = node->ports.queue };
	int rc = courier_new(&node->courier, &options);

	/* What is wrong with the way out shows at the start. */
	if (rc == SMX_OK && policy_delivers(node->config))
		(void)courier_hops(node->courier);
	return rc;
}

struct courier *
node_courier(const struct smx_engine *node)
{
	return node->courier;
}

void
node_acknowledged(struct smx_engine *node, enum smx_earned earned,
    int64_t held_ms)
{
	size_t i = 0;

	while (i < NODE_ACK_BUCKETS - 1 && held_ms >= node_ack_bucket_ms[i])
		i++;
	atomic_fetch_add_explicit(&node->acks[earned][i], 1,
	    memory_order_relaxed);
}
