/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/holder.h"
#include "glue/node_impl.h"

/* A primary is back and asks who delivers what it has in its queue. */

static void
log_returned(struct smx_engine *node, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, NULL, "returned");
	log_str(&l, "primary", node_peer_name(node, peer));
	log_num(&l, "keys", (int64_t)request->count);
	if (request->count == 1)
		log_key(&l, "key", &request->amendments[0].key);
	if (rc == SMX_OK) {
		log_num(&l, "theirs",
		    (int64_t)node_count_answers(request, reply,
			SMX_ANSWER_SHADOW));
		log_num(&l, "taken",
		    (int64_t)node_count_answers(request, reply,
			SMX_ANSWER_TAKEN));
		log_num(&l, "finished",
		    (int64_t)node_count_answers(request, reply,
			SMX_ANSWER_FINISHED));
	}
	log_err(&l, "result", rc);
	log_end(&l);
}

int
node_serve_return(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	struct engine_peer_info info;
	int rc;

	memset(&info, 0, sizeof(info));
	engine_peer_info(node_enter(node), peer, node_now_ms(), &info);
	node_leave(node);
	/* No attempt begins, and no row is claimed, while these are judged. */
	pthread_mutex_lock(&node->takeover_lock);
	takeover_rest_of(node->takeover, request->amendments, request->count,
	    clock_wall_ms());
	rc = holder_return(node->ports.store, node_peer_name(node, peer),
	    &info.epoch, request, reply, clock_wall_ms());
	pthread_mutex_unlock(&node->takeover_lock);
	log_returned(node, peer, request, reply, rc);
	return rc;
}
