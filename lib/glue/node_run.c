/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/herald.h"
#include "glue/node_impl.h"

#define LEAVE_SAY_MS 2000 /* best effort */

/* Turns "there is work" into one broadcast for many messages. */
static void *
ticker_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct timespec pause = { 0, NODE_TICK_MS * 1000000L };
	int ending = 0;
	int what;

	while (!ending) {
		pthread_mutex_lock(&node->tick_lock);
		while (atomic_load(&node->dirty) == 0)
			pthread_cond_wait(&node->tick, &node->tick_lock);
		pthread_mutex_unlock(&node->tick_lock);
		nanosleep(&pause, NULL);
		what = atomic_exchange(&node->dirty, 0);
		pthread_mutex_lock(&node->lock);
		ending = node->ending;
		pthread_mutex_unlock(&node->lock);
		/* Who looked before the lock was taken waits by now; those that
		 * are woken find it free. */
		pthread_cond_broadcast(&node->wake);
		if ((what & NODE_JOBS) != 0)
			pthread_cond_broadcast(&node->jobs);
	}
	return NULL;
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
	if (rc == SMX_OK && node->ports.queue != NULL &&
	    node->ports.queue->ops->open != NULL) {
		while (rc == SMX_OK && node->copiers < NODE_COPIERS) {
			rc = node_thread(&node->copier[node->copiers],
			    node_copier_run, node);
			node->copiers += rc == SMX_OK;
		}
	}
	if (rc == SMX_OK && node->ports.queue != NULL &&
	    node->ports.queue->ops->change != NULL) {
		rc = node_thread(&node->fencer, node_fencer_run, node);
		node->fencer_on = rc == SMX_OK;
	}
	for (size_t i = 0; rc == SMX_OK && i < node->peers; i++) {
		rc = node_thread(&node->peer[i].thread, node_peer_run,
		    &node->peer[i]);
		node->peer[i].running = rc == SMX_OK;
	}
	if (node->ports.submit == NULL)
		submitters = 0;
	if (rc == SMX_OK && submitters != 0)
		rc = recorder_new(&node->recorder, node);
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
	/* What the queue tells once, at its beginning, is for the backup MX's
	 * books, too. */
	if (rc == SMX_OK) {
		node_backup_open(node);
		rc = start_threads(node, config_conf(node->first_config));
	}
	if (rc == SMX_OK)
		node_herald_open(node);
	if (rc != SMX_OK)
		smx_engine_stop(node, 0, 0);
	return rc;
}

/* Refuse new ends of message, wait for those in progress. */
static void
drain(struct smx_engine *node, int64_t drain_ms)
{
	struct timespec pause = { 0, 10000000L };
	int64_t until = clock_mono_ms() + drain_ms;
	int64_t held;

	do {
		pthread_mutex_lock(&node->lock);
		node->stopping = 1;
		held = node->held;
		pthread_mutex_unlock(&node->lock);
		if (held == 0)
			break;
		nanosleep(&pause, NULL);
	} while (clock_mono_ms() < until);
}

/* An operator may have said more.  From here on every heartbeat says it. */
static void
leave_for(struct smx_engine *node, int64_t leaving_ms)
{
	int64_t until_ms = node_now_ms() + leaving_ms;

	pthread_mutex_lock(&node->lock);
	if (node->leave_until_ms < until_ms)
		node->leave_until_ms = until_ms;
	pthread_mutex_unlock(&node->lock);
	node_leave_say(node, LEAVE_SAY_MS, NULL);
}

static void
join_threads(struct smx_engine *node)
{
	for (size_t i = 0; i < node->peers; i++)
		if (node->peer[i].running)
			pthread_join(node->peer[i].thread, NULL);
	for (size_t i = 0; i < node->submitters; i++)
		pthread_join(node->submitter[i], NULL);
	recorder_free(&node->recorder);
	if (node_backup(node) != NULL)
		backup_stop(node_backup(node));
	if (node_herald(node) != NULL)
		herald_stop(node_herald(node));
	pthread_mutex_lock(&node->takeover_lock);
	takeover_rest(node->takeover, clock_wall_ms());
	pthread_mutex_unlock(&node->takeover_lock);
	if (node->queuer_on)
		pthread_join(node->queuer, NULL);
	for (size_t i = 0; i < node->copiers; i++)
		pthread_join(node->copier[i], NULL);
	if (node->fencer_on)
		pthread_join(node->fencer, NULL);
	if (node->keeper_on)
		pthread_join(node->keeper, NULL);
	if (node->ticker_on)
		pthread_join(node->ticker, NULL);
	for (size_t i = 0; i < node->peers; i++)
		node->peer[i].running = 0;
	node->submitters = node->copiers = 0;
	node->queuer_on = node->fencer_on = 0;
	node->keeper_on = node->ticker_on = 0;
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
	drain(node, drain_ms);
	if (leaving_ms > 0)
		leave_for(node, leaving_ms);
	node->ports.link->ops->stop(node->ports.link->ctx);
	pthread_mutex_lock(&node->lock);
	node->ending = 1;
	pthread_cond_broadcast(&node->wake);
	pthread_cond_broadcast(&node->jobs);
	pthread_mutex_unlock(&node->lock);
	node_kick(node);
	join_threads(node);
	/* A stop that was asked for: the next start is the return. */
	if (leaving_ms > 0)
		node_leave_forget(node);
	log_event(SMX_LOG_NOTICE, "stopped", "%s", "");
}

void
smx_engine_free(struct smx_engine **engine)
{
	struct smx_engine *node = *engine;
	struct backup *backup;
	struct herald *herald;

	if (node == NULL)
		return;
	smx_engine_stop(node, 0, 0);
	backup = node_backup(node);
	backup_free(&backup);
	herald = node_herald(node);
	herald_free(&herald);
	onecopy_close(&node->onecopy);
	fencebook_close(&node->fencebook);
	courier_free(&node->courier);
	takeover_free(&node->takeover);
	engine_free(&node->core);
	smx_config_release(&node->config);
	smx_config_release(&node->first_config);
	free(node->peer);
	free(node->peer_names);
	pthread_cond_destroy(&node->wake);
	pthread_cond_destroy(&node->jobs);
	pthread_cond_destroy(&node->tick);
	pthread_mutex_destroy(&node->lock);
	pthread_mutex_destroy(&node->config_lock);
	pthread_mutex_destroy(&node->tick_lock);
	pthread_mutex_destroy(&node->takeover_lock);
	free(node);
	*engine = NULL;
}
