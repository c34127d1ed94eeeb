/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/node_impl.h"

/* The queue's marker must be known before the first shadow goes out. */
#define STATE_WAIT_MS 10000

const int64_t node_bucket_ms[NODE_BUCKETS] = { 1, 2, 5, 10, 20, 50, 100, 200,
	500, 1000, 2000, 5000, 10000, INT64_MAX };

int64_t
node_now_ms(void)
{
	return clock_boot_ms();
}

struct engine *
node_enter(struct smx_engine *node)
{
	pthread_mutex_lock(&node->lock);
	return node->core;
}

void
node_kick(struct smx_engine *node)
{
	if (atomic_exchange(&node->dirty, 1) == 0) {
		pthread_mutex_lock(&node->tick_lock);
		pthread_cond_signal(&node->tick);
		pthread_mutex_unlock(&node->tick_lock);
	}
}

void
node_leave(struct smx_engine *node)
{
	uint64_t work = engine_work(node->core);
	int changed = work != node->seen_work;

	node->seen_work = work;
	pthread_mutex_unlock(&node->lock);
	if (changed)
		node_kick(node);
}

struct smx_config *
node_config(struct smx_engine *node)
{
	struct smx_config *config;

	pthread_mutex_lock(&node->config_lock);
	config = smx_config_hold(node->config);
	pthread_mutex_unlock(&node->config_lock);
	return config;
}

const struct smx_engine_ports *
node_ports(const struct smx_engine *node)
{
	return &node->ports;
}

void
node_epoch(struct smx_engine *node, struct smx_epoch *epoch)
{
	pthread_mutex_lock(&node->lock);
	*epoch = node->epoch;
	pthread_mutex_unlock(&node->lock);
}

int
node_held_enter(struct smx_engine *node, int64_t max_held)
{
	int rc = SMX_OK;

	pthread_mutex_lock(&node->lock);
	if (node->stopping || !node->serving)
		rc = SMX_ECLOSED;
	else if (node->held >= max_held)
		rc = SMX_ELIMIT;
	else
		node->held++;
	pthread_mutex_unlock(&node->lock);
	return rc;
}

void
node_held_leave(struct smx_engine *node, int64_t held_ms)
{
	size_t i = 0;

	while (i < NODE_BUCKETS - 1 && held_ms > node_bucket_ms[i])
		i++;
	pthread_mutex_lock(&node->lock);
	node->held--;
	node->histogram[i]++;
	pthread_mutex_unlock(&node->lock);
}

const char *
node_peer_name(const struct smx_engine *node, size_t peer)
{
	return peer < node->peers ? node->peer[peer].name : "?";
}

int
node_peer_find(const struct smx_engine *node, const char *name, size_t *peer)
{
	for (size_t i = 0; i < node->peers; i++)
		if (strcmp(node->peer[i].name, name) == 0) {
			*peer = i;
			return SMX_OK;
		}
	return SMX_ENOTFOUND;
}

int
node_ending(struct smx_engine *node)
{
	int ending;

	pthread_mutex_lock(&node->lock);
	ending = node->ending;
	pthread_mutex_unlock(&node->lock);
	return ending;
}

int
node_wait_locked(struct smx_engine *node, int64_t until_ms)
{
	int64_t wait = until_ms - node_now_ms();
	struct timespec ts;

	if (node->ending)
		return 1;
	if (wait <= 0)
		return 0;
	if (wait > 3600000)
		wait = 3600000;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += wait / 1000;
	ts.tv_nsec += (wait % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&node->wake, &node->lock, &ts);
	return node->ending;
}

int
node_thread(pthread_t *out, void *(*run)(void *), void *ctx)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	/* A fault must end the process loudly, not silently. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(out, NULL, run, ctx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		log_event(SMX_LOG_ERR, "no-thread", "errno=%d", rc);
	return rc == 0 ? SMX_OK : SMX_EIO;
}

/* Turns "there is work" into one broadcast for many messages. */
static void *
ticker_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct timespec pause = { 0, NODE_TICK_MS * 1000000L };
	int ending = 0;

	while (!ending) {
		pthread_mutex_lock(&node->tick_lock);
		while (atomic_load(&node->dirty) == 0)
			pthread_cond_wait(&node->tick, &node->tick_lock);
		pthread_mutex_unlock(&node->tick_lock);
		nanosleep(&pause, NULL);
		atomic_store(&node->dirty, 0);
		pthread_mutex_lock(&node->lock);
		ending = node->ending;
		pthread_cond_broadcast(&node->wake);
		pthread_mutex_unlock(&node->lock);
	}
	return NULL;
}

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
	       clock_mono_ms() < until)
		(void)queue->ops->next(queue->ctx, hints, 16, &count,
		    clock_mono_ms() + 50);
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
	o.heartbeat_ms = conf->peers_heartbeat_ms;
	o.takeover_after_ms = conf->peers_takeover_after_ms;
	o.probes = 3;
	o.batch_delay_ms = 100;
	o.retry_ms = 500;
	o.max_open = 4000000;
	o.max_notices = 1000000;
	rc = engine_new(&node->core, &o, node_now_ms());
	if (rc == SMX_OK && node->ports.queue != NULL)
		engine_queue_state(node->core, &state, node_now_ms());
	return rc;
}

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
	o.page = 100;
	return takeover_new(&node->takeover, &o);
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
	pthread_cond_init(&node->tick, NULL);
	pthread_condattr_destroy(&attr);
}

int
smx_engine_new(struct smx_engine **out, struct smx_config *config,
    const struct smx_engine_ports *ports)
{
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
	node->first_config = smx_config_hold(config);
	node->started_ms = clock_wall_ms();
	text_copy(node->node_name, sizeof(node->node_name), conf->node);
	rc = make_peers(node, conf);
	if (rc == SMX_OK)
		rc = make_core(node, conf);
	if (rc == SMX_OK)
		rc = make_takeover(node, conf);
	if (rc == SMX_OK)
		node_onecopy_open(node, conf);
	if (rc != SMX_OK) {
		smx_engine_free(&node);
		return rc;
	}
	*out = node;
	return SMX_OK;
}

static int
start_threads(struct smx_engine *node, const struct conf *conf)
{
	size_t submitters = (size_t)conf->takeover_parallel;
	int rc;

	rc = node_thread(&node->ticker, ticker_run, node);
	node->ticker_on = rc == SMX_OK;
	if (rc == SMX_OK) {
		rc = node_thread(&node->keeper, node_keeper_run, node);
		node->keeper_on = rc == SMX_OK;
	}
	if (rc == SMX_OK && node->ports.queue != NULL) {
		rc = node_thread(&node->queuer, node_queuer_run, node);
		node->queuer_on = rc == SMX_OK;
	}
	for (size_t i = 0; rc == SMX_OK && i < node->peers; i++) {
		rc = node_thread(&node->peer[i].thread, node_peer_run,
		    &node->peer[i]);
		node->peer[i].running = rc == SMX_OK;
	}
	if (node->ports.submit == NULL)
		submitters = 0;
	while (rc == SMX_OK && node->submitters < submitters &&
	       node->submitters < NODE_SUBMIT_MAX) {
		rc = node_thread(&node->submitter[node->submitters],
		    node_submit_run, node);
		node->submitters += rc == SMX_OK;
	}
	return rc;
}

int
smx_engine_start(struct smx_engine *node)
{
	struct smx_link *link = node->ports.link;
	int rc;

	node_server_fill(node, &node->server);
	pthread_mutex_lock(&node->lock);
	rc = node->serving || node->ending ? SMX_ESTATE : SMX_OK;
	node->serving = rc == SMX_OK;
	pthread_mutex_unlock(&node->lock);
	if (rc != SMX_OK)
		return rc;
	rc = link->ops->serve(link->ctx, &node->server);
	if (rc == SMX_OK)
		rc = start_threads(node, config_conf(node->first_config));
	if (rc != SMX_OK)
		smx_engine_stop(node, 0, 0);
	return rc;
}

/* Refuse new ends of message, wait for those in progress. */
static void
drain(struct smx_engine *node, int64_t leaving_ms, int64_t drain_ms)
{
	struct timespec pause = { 0, 10000000L };
	int64_t until = clock_mono_ms() + drain_ms;
	int64_t held;

	do {
		pthread_mutex_lock(&node->lock);
		node->stopping = 1;
		node->leaving_ms = leaving_ms;
		held = node->held;
		pthread_mutex_unlock(&node->lock);
		if (held == 0)
			break;
		nanosleep(&pause, NULL);
	} while (clock_mono_ms() < until);
}

/* Tell every peer that we go; best effort within two seconds. */
static void
say_leaving(struct smx_engine *node, int64_t leaving_ms)
{
	struct smx_link *link = node->ports.link;
	int64_t until = clock_mono_ms() + 2000;

	for (size_t i = 0; i < node->peers; i++) {
		struct smx_request request = { .kind = SMX_REQ_BEAT };
		struct smx_reply reply = { 0 };

		request.beat.mta = node->mta;
		request.beat.leaving_ms = leaving_ms;
		(void)link->ops->request(link->ctx, i, &request, &reply, until);
	}
}

static void
join_threads(struct smx_engine *node)
{
	for (size_t i = 0; i < node->peers; i++)
		if (node->peer[i].running)
			pthread_join(node->peer[i].thread, NULL);
	for (size_t i = 0; i < node->submitters; i++)
		pthread_join(node->submitter[i], NULL);
	if (node->queuer_on)
		pthread_join(node->queuer, NULL);
	if (node->keeper_on)
		pthread_join(node->keeper, NULL);
	if (node->ticker_on)
		pthread_join(node->ticker, NULL);
	for (size_t i = 0; i < node->peers; i++)
		node->peer[i].running = 0;
	node->submitters = 0;
	node->queuer_on = node->keeper_on = node->ticker_on = 0;
}

void
smx_engine_stop(struct smx_engine *node, int64_t leaving_ms, int64_t drain_ms)
{
	int serving;

	pthread_mutex_lock(&node->lock);
	serving = node->serving && !node->ending;
	pthread_mutex_unlock(&node->lock);
	if (!serving)
		return;
	drain(node, leaving_ms, drain_ms);
	if (leaving_ms > 0)
		say_leaving(node, leaving_ms);
	node->ports.link->ops->stop(node->ports.link->ctx);
	pthread_mutex_lock(&node->lock);
	node->ending = 1;
	pthread_cond_broadcast(&node->wake);
	pthread_mutex_unlock(&node->lock);
	node_kick(node);
	join_threads(node);
	log_event(SMX_LOG_NOTICE, "stopped", "%s", "");
}

void
smx_engine_free(struct smx_engine **engine)
{
	struct smx_engine *node = *engine;

	if (node == NULL)
		return;
	smx_engine_stop(node, 0, 0);
	onecopy_close(&node->onecopy);
	takeover_free(&node->takeover);
	engine_free(&node->core);
	smx_config_release(&node->config);
	smx_config_release(&node->first_config);
	free(node->peer);
	free(node->peer_names);
	pthread_cond_destroy(&node->wake);
	pthread_cond_destroy(&node->tick);
	pthread_mutex_destroy(&node->lock);
	pthread_mutex_destroy(&node->config_lock);
	pthread_mutex_destroy(&node->tick_lock);
	pthread_mutex_destroy(&node->takeover_lock);
	free(node);
	*engine = NULL;
}
