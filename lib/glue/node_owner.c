/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <string.h>

#include "base/clock.h"
#include "core/heirs.h"
#include "glue/node_impl.h"

/*
 * A message that this host took over and gave to its own MTA: the members that
 * hold it for this host are a copy of it already.  They are asked (CLAIM), for
 * their answers are not kept anywhere.
 */
static void
ask_member(struct smx_engine *node, struct heir *heir,
    const struct gate_world *world, size_t member)
{
	const struct conf *conf = config_conf(node->first_config);
	struct smx_link *link = node->ports.link;
	const struct smx_request request = { .kind = SMX_REQ_CLAIM,
		.keys = &heir->key,
		.count = 1,
		.node = heir->primary };
	enum smx_answer answer = SMX_ANSWER_UNKNOWN;
	struct smx_reply reply = { .answers = &answer };

	if (link->ops->request(link->ctx, member, &request, &reply,
		clock_mono_ms() + conf->takeover_ask_ms) == SMX_OK)
		heir_answer(heir, world, member, answer);
}

int
node_owner_is_safe(struct smx_engine *node, const char *queue_id,
    uint64_t *former)
{
	const struct gate_world world = { node->node_name, node->peer_names,
		node->peers };
	struct smx_store *store = node->ports.store;
	struct smx_row row;
	struct smx_key key;
	struct heir heir;
	size_t peer;
	int rc;

	*former = 0;
	pthread_mutex_lock(&node->takeover_lock);
	rc = takeover_find(node->takeover, queue_id, &key);
	pthread_mutex_unlock(&node->takeover_lock);
	if (rc != SMX_OK || store->ops->get(store->ctx, &key, &row) != SMX_OK)
		return 0;
	if (node_peer_find(node, row.primary, &peer) == SMX_OK)
		*former = UINT64_C(1) << peer;
	heir_begin(&heir, &world, &row);
	for (size_t m = 0; m < node->peers && heir.yielded == 0; m++)
		if ((heir.open >> m & 1) != 0)
			ask_member(node, &heir, &world, m);
	return heir.yielded != 0;
}
