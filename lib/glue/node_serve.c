/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/holder.h"
#include "glue/node_impl.h"
#include "glue/spoken.h"

/* What peers ask of us: the link's server table, translated to store and core.
 */
struct smx_inbound {
	struct smx_draft *draft;
	struct smx_key key;
	uint64_t size;
	size_t recipients;
	size_t peer;
	char queue_id[SMX_QUEUE_ID_MAX + 1];
};

static void
serve_hello(void *ctx, size_t peer, const struct smx_hello *theirs,
    struct smx_hello *ours)
{
	struct smx_engine *node = ctx;

	engine_hello(node_enter(node), peer, theirs, ours, node_now_ms());
	node_leave(node);
}

static void
serve_heard(void *ctx, size_t peer)
{
	struct smx_engine *node = ctx;

	engine_heard(node_enter(node), peer, node_now_ms());
	node_leave(node);
}

/* A copy that is not even begun.  Another content under a key, or a key of
 * somebody else, is an attack or worse; a repetition is neither. */
static void
log_refused(struct smx_engine *node, size_t peer,
    const struct smx_shadow_announced *s, int rc)
{
	int alarm = rc == SMX_ECONFLICT || rc == SMX_EREFUSED;
	struct log_line l;

	log_begin(&l,
	    alarm              ? SMX_LOG_ERR
	    : rc == SMX_EEXIST ? SMX_LOG_INFO
			       : SMX_LOG_WARNING,
	    s->queue_id, "not-stored");
	log_key(&l, "key", &s->key);
	log_str(&l, "primary", node_peer_name(node, peer));
	log_err(&l, "result", rc);
	log_end(&l);
}

static int
key_is_foreign(struct smx_engine *node, size_t peer, const struct smx_key *key)
{
	int foreign = engine_key_foreign(node_enter(node), peer, key);

	node_leave(node);
	return foreign;
}

/* The operator wants this host to be empty.  What is here already may be told
 * again. */
static int
is_draining(struct smx_engine *node, const struct smx_key *key)
{
	struct smx_store *store = node->ports.store;
	struct smx_row row;

	return atomic_load(&node->draining) &&
	       store->ops->get(store->ctx, key, &row) == SMX_ENOTFOUND;
}

static int
serve_begin(void *ctx, size_t peer, const struct smx_shadow_announced *s,
    struct smx_inbound **out)
{
	struct smx_engine *node = ctx;
	struct smx_store *store = node->ports.store;
	struct smx_inbound *in = calloc(1, sizeof(*in));
	struct smx_shadow_head head;
	int rc;

	if (in == NULL)
		return SMX_ENOMEM;
	if (is_draining(node, &s->key)) {
		free(in);
		return SMX_ETEMP;
	}
	memset(&head, 0, sizeof(head));
	head.key = in->key = s->key;
	head.primary = node_peer_name(node, peer);
	head.queue_id = s->queue_id;
	head.epoch = s->epoch;
	head.envelope = s->envelope;
	head.envelope_len = s->envelope_len;
	head.recipients = in->recipients = s->recipients;
	head.size = in->size = s->size;
	head.digest = s->digest;
	head.holders = s->holders;
	head.amended = s->amended;
	head.held = s->held;
	head.now_ms = clock_wall_ms();
	in->peer = peer;
	memcpy(in->queue_id, s->queue_id,
	    strnlen(s->queue_id, sizeof(in->queue_id) - 1));
	rc = SMX_EREFUSED;
	if (!key_is_foreign(node, peer, &s->key))
		rc = store->ops->begin(store->ctx, &head, &in->draft);
	if (rc != SMX_OK) {
		log_refused(node, peer, s, rc);
		free(in);
		return rc;
	}
	*out = in;
	return SMX_OK;
}

static int
serve_data(void *ctx, struct smx_inbound *in, const void *data, size_t len)
{
	struct smx_engine *node = ctx;
	struct smx_store *store = node->ports.store;

	return store->ops->write(store->ctx, in->draft, data, len);
}

static int
serve_commit(void *ctx, struct smx_inbound **inbound)
{
	struct smx_engine *node = ctx;
	struct smx_store *store = node->ports.store;
	struct smx_inbound *in = *inbound;
	struct log_line l;
	int rc;

	rc = store->ops->commit(store->ctx, &in->draft);
	log_begin(&l,
	    rc == SMX_OK || rc == SMX_EEXIST ? SMX_LOG_INFO : SMX_LOG_WARNING,
	    in->queue_id, "stored");
	log_key(&l, "key", &in->key);
	log_str(&l, "primary", node_peer_name(node, in->peer));
	log_num(&l, "rcpts", (int64_t)in->recipients);
	log_num(&l, "size", (int64_t)in->size);
	log_err(&l, "result", rc);
	log_end(&l);
	free(in);
	*inbound = NULL;
	return rc;
}

static void
serve_cancel(void *ctx, struct smx_inbound **inbound)
{
	struct smx_engine *node = ctx;
	struct smx_store *store = node->ports.store;

	if (*inbound == NULL)
		return;
	store->ops->abort(store->ctx, &(*inbound)->draft);
	free(*inbound);
	*inbound = NULL;
}

static void
log_drop(struct smx_engine *node, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply, int rc)
{
	struct log_line l;
	int foreign = rc == SMX_OK && reply->foreign != 0;

	log_begin(&l, foreign ? SMX_LOG_ERR : SMX_LOG_INFO, NULL,
	    request->kind == SMX_REQ_ABORT ? "aborted" : "discarded");
	log_str(&l, "primary", node_peer_name(node, peer));
	log_num(&l, "keys", (int64_t)request->count);
	if (foreign)
		log_num(&l, "not_theirs", (int64_t)reply->foreign);
	log_err(&l, "result", rc);
	log_end(&l);
}

static void
log_amended(struct smx_engine *node, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply, int rc)
{
	int foreign = rc == SMX_OK && reply->foreign != 0;
	struct log_line l;

	log_begin(&l, foreign ? SMX_LOG_ERR : SMX_LOG_INFO, NULL, "amended");
	log_str(&l, "primary", node_peer_name(node, peer));
	log_num(&l, "keys", (int64_t)request->count);
	if (request->count == 1)
		log_key(&l, "key", &request->amendments[0].key);
	if (foreign)
		log_num(&l, "not_theirs", (int64_t)reply->foreign);
	log_err(&l, "result", rc);
	log_end(&l);
}

static void
log_asked(struct smx_engine *node, size_t peer,
    const struct smx_request *request, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_DEBUG, NULL, "asked");
	log_str(&l, "by", node_peer_name(node, peer));
	log_str(&l, "primary", request->node);
	log_num(&l, "keys", (int64_t)request->count);
	log_err(&l, "result", rc);
	log_end(&l);
}

size_t
node_count_answers(const struct smx_request *request,
    const struct smx_reply *reply, enum smx_answer which)
{
	size_t n = 0;

	for (size_t i = 0; i < request->count; i++)
		n += reply->answers[i] == which;
	return n;
}

/* Denied: it takes over what its primary never gave it. */
static void
log_yielded(struct smx_engine *node, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply, int rc)
{
	size_t denied = 0, yielded = 0;
	struct log_line l;

	if (rc == SMX_OK) {
		denied = node_count_answers(request, reply, SMX_ANSWER_DENIED);
		yielded =
		    node_count_answers(request, reply, SMX_ANSWER_YIELDED);
	}
	/* All members are asked, and again before the end. */
	log_begin(&l,
	    denied != 0    ? SMX_LOG_ERR
	    : yielded != 0 ? SMX_LOG_NOTICE
			   : SMX_LOG_DEBUG,
	    NULL, "yielded");
	log_str(&l, "to", node_peer_name(node, peer));
	log_str(&l, "primary", request->node);
	log_num(&l, "keys", (int64_t)yielded);
	log_num(&l, "of", (int64_t)request->count);
	if (request->count == 1)
		log_key(&l, "key", &request->keys[0]);
	if (denied != 0)
		log_num(&l, "denied", (int64_t)denied);
	log_err(&l, "result", rc);
	log_end(&l);
}

static int
serve_claim(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	struct engine_peer_info info;
	int rc;

	memset(&info, 0, sizeof(info));
	engine_peer_info(node_enter(node), peer, node_now_ms(), &info);
	node_leave(node);
	/* The keeper, which looks at a row and claims it, is kept out. */
	pthread_mutex_lock(&node->takeover_lock);
	rc = holder_claim(node->ports.store, node->node_name,
	    node_peer_name(node, peer), &info.epoch, request, reply);
	pthread_mutex_unlock(&node->takeover_lock);
	log_yielded(node, peer, request, reply, rc);
	return rc;
}

/* What the store answers, without the core. */
static int
serve_rows(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	const char *name = node_peer_name(node, peer);
	struct smx_store *store = node->ports.store;
	int rc;

	switch (request->kind) {
	case SMX_REQ_LIST:
		return holder_list(store, name, request, reply,
		    clock_wall_ms());
	case SMX_REQ_AMEND:
		rc = holder_amend(store, name, request, reply);
		log_amended(node, peer, request, reply, rc);
		return rc;
	case SMX_REQ_ASK:
		rc = holder_ask(store, node->node_name, request, reply);
		log_asked(node, peer, request, rc);
		return rc;
	case SMX_REQ_CLAIM:
		return serve_claim(node, peer, request, reply);
	case SMX_REQ_RETURN:
		return node_serve_return(node, peer, request, reply);
	default:
		rc = holder_drop(store, name, request, reply);
		log_drop(node, peer, request, reply, rc);
		return rc;
	}
}

static int
serve_core(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	int rc = engine_request(node_enter(node), peer, request, reply,
	    node_now_ms());

	if (request->kind == SMX_REQ_BEAT)
		node_beat_fill(node, &reply->beat);
	node_leave(node);
	if (request->kind == SMX_REQ_BEAT)
		node_away_note(node, peer, &request->beat);
	return rc;
}

static int
serve_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply)
{
	struct smx_engine *node = ctx;

	switch (request->kind) {
	case SMX_REQ_DISCARD:
	case SMX_REQ_ABORT:
	case SMX_REQ_LIST:
	case SMX_REQ_AMEND:
	case SMX_REQ_ASK:
	case SMX_REQ_CLAIM:
	case SMX_REQ_RETURN:
		return serve_rows(node, peer, request, reply);
	case SMX_REQ_BEAT:
	case SMX_REQ_QUERY:
	case SMX_REQ_SEEN:
		return serve_core(node, peer, request, reply);
	case SMX_REQ_DRAIN:
	case SMX_REQ_MAINTAIN:
	case SMX_REQ_LISTED:
	case SMX_REQ_PUSH:
		return spoken_serve(node, peer, request, reply);
	}
	return SMX_EPROTO;
}

void
node_server_fill(struct smx_engine *node, struct smx_link_server *server)
{
	memset(server, 0, sizeof(*server));
	server->ctx = node;
	server->hello = serve_hello;
	server->heard = serve_heard;
	server->shadow_begin = serve_begin;
	server->shadow_data = serve_data;
	server->shadow_commit = serve_commit;
	server->shadow_cancel = serve_cancel;
	server->request = serve_request;
}
