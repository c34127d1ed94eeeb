/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/node_impl.h"

/*
 * One thread per peer holds the conversation with it: the core says what to ask
 * next, the link asks, the core hears the answer.
 */
#define REQUEST_MS 10000

struct talk {
	enum smx_answer answers[SMX_REQ_KEYS_MAX];
	struct smx_listed listed[SMX_REQ_KEYS_MAX];
};

static int64_t
request_deadline(const struct conf *conf)
{
	int64_t ms = conf->peers_heartbeat_ms;

	/* A frozen peer must not cost more than a heartbeat. */
	if (ms > REQUEST_MS)
		ms = REQUEST_MS;
	if (ms < 1000)
		ms = 1000;
	return clock_mono_ms() + ms;
}

static void
converse(struct node_peer *peer, struct smx_request *request, struct talk *talk)
{
	struct smx_engine *node = peer->node;
	struct smx_link *link = node->ports.link;
	struct smx_reply reply;
	int rc;

	memset(&reply, 0, sizeof(reply));
	reply.answers = talk->answers;
	reply.listed = talk->listed;
	rc = link->ops->request(link->ctx, peer->index, request, &reply,
	    request_deadline(config_conf(node->first_config)));
	engine_peer_result(node_enter(node), peer->index, request, rc, &reply,
	    node_now_ms());
	node_leave(node);
	if (rc == SMX_OK && request->kind == SMX_REQ_BEAT)
		node_away_note(node, peer->index, &reply.beat);
}

void *
node_peer_run(void *ctx)
{
	struct node_peer *peer = ctx;
	struct smx_engine *node = peer->node;
	struct talk *talk = malloc(sizeof(*talk));
	struct smx_request request;
	int64_t wake;

	if (talk == NULL)
		log_event(SMX_LOG_ERR, "no-memory", "where=peer");
	pthread_mutex_lock(&node->lock);
	while (talk != NULL && !node->ending) {
		memset(&request, 0, sizeof(request));
		wake = node_now_ms() + 1000;
		if (engine_peer_next(node->core, peer->index, node_now_ms(),
			&request, &wake) != SMX_OK) {
			node_wait_locked(node, wake);
			continue;
		}
		node_beat_fill(node, &request.beat);
		pthread_mutex_unlock(&node->lock);
		converse(peer, &request, talk);
		pthread_mutex_lock(&node->lock);
	}
	pthread_mutex_unlock(&node->lock);
	free(talk);
	return NULL;
}
