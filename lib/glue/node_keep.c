/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/done.h"
#include "core/holder.h"
#include "glue/node_gate.h"

/*
 * The holder's housekeeping: claims when the core says so, asks primaries about
 * shadows that have grown old, drops what they call finished, tells the other
 * holders.
 */
#define KEYS_MAX 500
#define TURN_MS  1000

/* ---- what is kept for hosts that are no members (any more) ---- */

struct orphans {
	struct smx_engine *node;
	uint64_t seen;
	uint64_t count;
	char first[SMX_NAME_MAX + 1];
};

static int
orphan_row(void *ctx, const struct smx_row *row)
{
	struct orphans *o = ctx;
	size_t peer;

	if (++o->seen % 1024 == 0 && node_ending(o->node))
		return 1;
	if (node_peer_find(o->node, row->primary, &peer) != SMX_OK &&
	    o->count++ == 0)
		text_copy(o->first, sizeof(o->first), row->primary);
	return 0;
}

/* A host that was renamed or taken out of the configuration can neither finish
 * its messages here nor fall silent: only a person can decide.  Members change
 * by a restart only, so one look is enough. */
static void
count_orphans(struct smx_engine *node)
{
	const struct smx_store_filter filter = { .states = 1u
							   << SMX_ROW_SHADOW };
	struct orphans o = { .node = node };
	struct smx_store *store = node->ports.store;
	struct log_line l;

	if (store->ops->scan(store->ctx, &filter, orphan_row, &o) != SMX_OK)
		return;
	pthread_mutex_lock(&node->lock);
	node->orphans = o.count;
	pthread_mutex_unlock(&node->lock);
	if (o.count == 0)
		return;
	log_begin(&l, SMX_LOG_ERR, NULL, "orphaned");
	log_num(&l, "shadows", (int64_t)o.count);
	log_str(&l, "primary", o.first);
	log_str(&l, "cause", "no such member in the configuration");
	log_end(&l);
}

int
node_take_orphans(struct smx_engine *node, const char *primary)
{
	struct keeper *k = keeper_new(node);
	int count = 0;
	int rc;

	if (k == NULL)
		return SMX_ENOMEM;
	rc = keeper_take_now(k, primary, &count);
	keeper_free(&k);
	if (count != 0)
		count_orphans(node);
	if (rc < 0)
		return rc;
	return count != 0 ? SMX_OK : SMX_ENOTFOUND;
}

/* ---- the thread ---- */

static void
drop_finished(struct smx_engine *node)
{
	struct smx_key keys[KEYS_MAX];
	struct smx_store *store = node->ports.store;
	size_t peer, n;

	for (;;) {
		struct smx_request request = { .kind = SMX_REQ_DISCARD };
		struct smx_reply reply = { 0 };

		n = engine_finished_next(node_enter(node), &peer, keys,
		    KEYS_MAX);
		node_leave(node);
		if (n == 0)
			return;
		request.keys = keys;
		request.count = n;
		if (holder_drop(store, node_peer_name(node, peer), &request,
			&reply) != SMX_OK)
			return;
		log_event(SMX_LOG_INFO, "finished-asked", "keys=%zu", n);
	}
}

static void
ask_about_old(struct smx_engine *node, int64_t age_ms)
{
	struct smx_key keys[KEYS_MAX];

	for (size_t i = 0; i < node->peers; i++) {
		int n = holder_old(node->ports.store, node->peer[i].name,
		    clock_wall_ms(), age_ms, &node->peer[i].asked, keys,
		    KEYS_MAX);

		if (n > 0) {
			engine_ask(node_enter(node), i, keys, (size_t)n);
			node_leave(node);
		}
	}
}

/* Until the next question: a heartbeat, or less when a peer has lost its queue
 * and there may be more than was asked about. */
static int64_t
ask_pause(struct smx_engine *node, int64_t beat)
{
	int loses = engine_loses(node_enter(node));

	node_leave(node);
	return loses && beat > TURN_MS ? TURN_MS : beat;
}

static void
keep(struct keeper *k)
{
	struct smx_engine *node = k->node;
	const struct conf *conf = config_conf(node->first_config);
	int64_t beat = conf->peers_heartbeat_ms;
	int64_t ask_at = node_now_ms() + beat;
	int64_t watch_at = node_now_ms() + 2 * beat;
	int64_t wake;

	while (!node_ending(node)) {
		wake = keeper_take_over(k);
		keeper_heirs(k);
		drop_finished(node);
		node_look(node);
		courier_tidy(node->courier);
		if (node_now_ms() >= ask_at) {
			ask_about_old(node, 2 * beat);
			node_onecopy_tidy(node);
			(void)done_tidy(node->ports.store,
			    conf->takeover_keep_done_ms, DONE_MAX,
			    clock_wall_ms());
			ask_at = node_now_ms() + ask_pause(node, beat);
		}
		if (node_now_ms() >= watch_at) {
			keeper_watch_owners(k);
			watch_at = node_now_ms() + 2 * beat;
		}
		if (wake > ask_at)
			wake = ask_at;
		if (wake > node_now_ms() + TURN_MS) /* ends, claims by hand */
			wake = node_now_ms() + TURN_MS;
		pthread_mutex_lock(&node->lock);
		node_wait_locked(node, wake);
		pthread_mutex_unlock(&node->lock);
	}
}

void *
node_keeper_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct keeper *k = keeper_new(node);

	count_orphans(node);
	if (k == NULL)
		log_event(SMX_LOG_ERR, "no-memory", "where=keeper");
	else
		keep(k);
	keeper_free(&k);
	return NULL;
}
