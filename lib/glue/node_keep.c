/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/holder.h"
#include "glue/node_impl.h"

/*
 * The holder's housekeeping: claims when the core says so, asks primaries about
 * shadows that have grown old, drops what they call finished.
 */
#define KEYS_MAX 500

/* 0: all are claimed; a negative error: not all, try again. */
static int
claim_all(struct smx_engine *node, const char *primary,
    const struct engine_takeover *why, int *count)
{
	int claimed, total = 0;

	do {
		pthread_mutex_lock(&node->takeover_lock);
		claimed = takeover_claim(node->takeover, primary, why,
		    clock_wall_ms());
		pthread_mutex_unlock(&node->takeover_lock);
		if (claimed > 0) {
			total += claimed;
			node_kick(node); /* the submitters can begin */
		}
	} while (claimed > 0 && !node_ending(node));
	if (total > 0 || claimed < 0 || why->cause == ENGINE_CAUSE_OPERATOR) {
		struct log_line l;

		log_begin(&l, SMX_LOG_WARNING, NULL, "takeover");
		log_str(&l, "primary", primary);
		log_str(&l, "cause", engine_cause_name(why->cause));
		log_num(&l, "claimed", total);
		log_err(&l, "result", claimed < 0 ? claimed : SMX_OK);
		log_end(&l);
	}
	*count = total;
	return claimed;
}

/* Returns when to look again. */
static int64_t
take_over(struct smx_engine *node)
{
	struct engine_takeover why;
	int64_t wake = node_now_ms() + 1000;
	struct engine *core;
	int due, count;

	core = node_enter(node);
	due = engine_takeover_next(core, node_now_ms(), &why, &wake);
	node_leave(node);
	if (!due)
		return wake;
	/* An end of threads in between, or a full disk, leaves it due. */
	if (claim_all(node, node_peer_name(node, why.peer), &why, &count) != 0)
		return node_now_ms() + 1000;
	engine_takeover_done(node_enter(node), &why);
	node_leave(node);
	return node_now_ms();
}

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
	const struct engine_takeover why = { .cause = ENGINE_CAUSE_OPERATOR };
	int count = 0;
	int rc = claim_all(node, primary, &why, &count);

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

		if (n < KEYS_MAX) /* the next round starts over */
			memset(&node->peer[i].asked, 0,
			    sizeof(node->peer[i].asked));
		if (n > 0) {
			engine_ask(node_enter(node), i, keys, (size_t)n);
			node_leave(node);
		}
	}
}

void *
node_keeper_run(void *ctx)
{
	struct smx_engine *node = ctx;
	const struct conf *conf = config_conf(node->first_config);
	int64_t beat = conf->peers_heartbeat_ms;
	int64_t ask_at = node_now_ms() + beat;
	int64_t wake;

	count_orphans(node);
	while (!node_ending(node)) {
		wake = take_over(node);
		drop_finished(node);
		if (node_now_ms() >= ask_at) {
			ask_about_old(node, 2 * beat);
			node_onecopy_tidy(node);
			ask_at = node_now_ms() + beat;
		}
		if (wake > ask_at)
			wake = ask_at;
		pthread_mutex_lock(&node->lock);
		node_wait_locked(node, wake);
		pthread_mutex_unlock(&node->lock);
	}
	return NULL;
}
