/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <string.h>

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
claim_all(struct smx_engine *node, const struct engine_takeover *why)
{
	const char *primary = node_peer_name(node, why->peer);
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
	return claimed;
}

/* Returns when to look again. */
static int64_t
take_over(struct smx_engine *node)
{
	struct engine_takeover why;
	int64_t wake = node_now_ms() + 1000;
	struct engine *core;
	int due;

	core = node_enter(node);
	due = engine_takeover_next(core, node_now_ms(), &why, &wake);
	node_leave(node);
	if (!due)
		return wake;
	/* An end of threads in between, or a full disk, leaves it due. */
	if (claim_all(node, &why) != 0)
		return node_now_ms() + 1000;
	engine_takeover_done(node_enter(node), &why);
	node_leave(node);
	return node_now_ms();
}

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

	while (!node_ending(node)) {
		wake = take_over(node);
		drop_finished(node);
		if (node_now_ms() >= ask_at) {
			ask_about_old(node, 2 * beat);
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
