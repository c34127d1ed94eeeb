/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "core/frozen.h"
#include "core/policy.h"
#include "glue/node_impl.h"

/* The queue's marker must be known before the first shadow goes out. */
#define STATE_WAIT_MS 10000

/* A worker is back within two seconds of its crash, a daemon that is restarted
 * some seconds later, for libmilter takes five to stop.  After that nobody
 * waits for a holder that is down. */
#define PATIENCE_MS 15000

/* Most messages are delivered by then; what is open after it is read in the
 * queue. */
#define AMEND_MS 2000

/* The epoch of a host without a queue watch: kept in its store. */
static int
store_epoch(struct smx_store *store, struct smx_epoch *epoch)
{
	char text[SMX_EPOCH_TEXT];
	int rc;

	rc = store->ops->meta_get(store->ctx, "epoch", text, sizeof(text));
	if (rc == SMX_OK)
		return smx_epoch_parse(text, strlen(text), epoch);
	if (rc != SMX_ENOTFOUND)
		return rc;
	rc = key_random(epoch->id, sizeof(epoch->id));
	if (rc != SMX_OK)
		return rc;
	epoch->counter = 1;
	smx_epoch_format(epoch, text);
	return store->ops->meta_set(store->ctx, "epoch", text);
}

static int
first_epoch(struct smx_engine *node, struct smx_queue_state *state)
{
	struct smx_queue *queue = node->ports.queue;
	struct smx_queue_event hints[16];
	int64_t until = clock_mono_ms() + STATE_WAIT_MS;
	size_t count;
	int rc;

	memset(state, 0, sizeof(*state));
	if (queue == NULL)
		return store_epoch(node->ports.store, &node->epoch);
	/* The state may come with the events; hints this early concern no
	 * message of ours. */
	while ((rc = queue->ops->state(queue->ctx, state)) != SMX_OK &&
	       clock_mono_ms() < until) {
		count = 0;
		(void)queue->ops->next(queue->ctx, hints, 16, &count,
		    clock_mono_ms() + 50);
		node_free_events(hints, count);
	}
	if (rc != SMX_OK) {
		log_event(SMX_LOG_ERR, "no-queue-state", "wait_ms=%d",
		    STATE_WAIT_MS);
		return rc;
	}
	node->epoch = state->epoch;
	node->mta = state->mta;
	return SMX_OK;
}

static int
make_core(struct smx_engine *node, const struct conf *conf)
{
	struct engine_options o;
	struct smx_queue_state state;
	int rc;

	memset(&o, 0, sizeof(o));
	rc = first_epoch(node, &state);
	if (rc == SMX_OK)
		rc = key_random(o.incarnation, sizeof(o.incarnation));
	if (rc != SMX_OK)
		return rc;
	o.epoch = node->epoch;
	o.peers = node->peers;
	o.names = node->peer_names;
	o.wall_ms = clock_wall_ms();
	o.amend_ms = AMEND_MS;
	o.heartbeat_ms = conf->peers_heartbeat_ms;
	o.takeover_after_ms = conf->peers_takeover_after_ms;
	o.mta_down_ms = conf->peers_mta_down_takeover_ms;
	o.hold_isolated = conf->peers_on_isolation == CONF_ISOLATION_HOLD;
	o.probes = 3;
	o.batch_delay_ms = 100;
	o.retry_ms = 500;
	o.patience_ms = PATIENCE_MS;
	o.max_open = 4000000;
	o.max_notices = 1000000;
	rc = engine_new(&node->core, &o, node_now_ms());
	if (rc == SMX_OK)
		engine_copies_most(node->core, policy_copies(node->config));
	if (rc == SMX_OK && node->ports.queue != NULL)
		engine_queue_state(node->core, &state, node_now_ms());
	return rc;
}

/* Rows prepared in one step, so that submitters seldom wait for the disk. */
#define AHEAD 32

static int
make_takeover(struct smx_engine *node, const struct conf *conf)
{
	struct takeover_options o;

	memset(&o, 0, sizeof(o));
	o.store = node->ports.store;
	o.retry_ms = conf->takeover_retry_ms;
	o.retry_max_ms = conf->takeover_retry_max_ms;
	o.max_crashes = 3;
	o.parallel = (size_t)conf->takeover_parallel;
	o.ahead = RECORDER_MAX + AHEAD;
	o.page = 100;
	o.world.own = node->node_name;
	o.world.names = node->peer_names;
	o.world.count = node->peers;
	return takeover_new(&node->takeover, &o);
}

/* What the store knows of the queue's past. */
static int
compare_queue(struct smx_engine *node)
{
	struct smx_queue *queue = node->ports.queue;
	struct smx_queue_state state;
	struct smx_epoch torn;
	int rc;

	if (queue == NULL || queue->ops->state(queue->ctx, &state) != SMX_OK)
		return SMX_OK;
	rc = takeover_queue_state(node->takeover, &state, clock_wall_ms());
	if (rc == SMX_OK &&
	    takeover_queue_torn(node->takeover, &torn) == SMX_OK)
		engine_queue_torn(node->core, &torn);
	return rc;
}

static int
make_peers(struct smx_engine *node, const struct conf *conf)
{
	node->peers = conf->member_count;
	node->peer = calloc(node->peers + 1, sizeof(*node->peer));
	node->peer_names = calloc(node->peers + 1, sizeof(*node->peer_names));
	if (node->peer == NULL || node->peer_names == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < node->peers; i++) {
		node->peer[i].node = node;
		node->peer[i].index = i;
		node->peer[i].name = conf->members[i].name;
		node->peer_names[i] = conf->members[i].name;
	}
	return SMX_OK;
}

static void
make_locks(struct smx_engine *node)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&node->lock, NULL);
	pthread_mutex_init(&node->config_lock, NULL);
	pthread_mutex_init(&node->tick_lock, NULL);
	pthread_mutex_init(&node->takeover_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&node->wake, &attr);
	pthread_cond_init(&node->jobs, &attr);
	pthread_cond_init(&node->tick, NULL);
	pthread_condattr_destroy(&attr);
}

int
smx_engine_new(struct smx_engine **out, struct smx_config *config,
    const struct smx_engine_ports *ports)
{
	static const struct sources none;
	const struct conf *conf = config_conf(config);
	struct smx_engine *node;
	int rc;

	if (ports->store == NULL || ports->link == NULL)
		return SMX_EINVAL;
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return SMX_ENOMEM;
	make_locks(node);
	node->ports = *ports;
	node->config = smx_config_hold(config);
	node->started_ms = clock_wall_ms();
	text_copy(node->node_name, sizeof(node->node_name), conf->node);
	rc = frozen_renew(&node->first_config, config, &none);
	if (rc == SMX_OK)
		rc = make_peers(node, conf);
	if (rc == SMX_OK)
		rc = make_core(node, conf);
	if (rc == SMX_OK)
		rc = make_takeover(node, conf);
	if (rc == SMX_OK)
		rc = compare_queue(node);
	if (rc == SMX_OK)
		rc = node_courier_make(node, config_conf(node->first_config));
	if (rc == SMX_OK) {
		node_fence_open(node, conf);
		node_onecopy_open(node, conf);
		node_drain_load(node);
		node_leave_load(node);
	}
	if (rc != SMX_OK) {
		smx_engine_free(&node);
		return rc;
	}
	*out = node;
	return SMX_OK;
}
