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

static void
mark(struct smx_engine *node, int what)
{
	if (atomic_fetch_or(&node->dirty, what) == 0) {
		pthread_mutex_lock(&node->tick_lock);
		pthread_cond_signal(&node->tick);
		pthread_mutex_unlock(&node->tick_lock);
	}
}

void
node_kick(struct smx_engine *node)
{
	mark(node, NODE_WORK | NODE_JOBS);
}

void
node_leave(struct smx_engine *node)
{
	uint64_t work = engine_work(node->core);
	int changed = work != node->seen_work;

	node->seen_work = work;
	pthread_mutex_unlock(&node->lock);
	if (changed)
		mark(node, NODE_WORK);
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
	if (held_ms >= 0)
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

static int
wait_locked(struct smx_engine *node, pthread_cond_t *what, int64_t until_ms)
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
	pthread_cond_timedwait(what, &node->lock, &ts);
	return node->ending;
}

int
node_wait_locked(struct smx_engine *node, int64_t until_ms)
{
	return wait_locked(node, &node->wake, until_ms);
}

int
node_wait_jobs_locked(struct smx_engine *node, int64_t until_ms)
{
	return wait_locked(node, &node->jobs, until_ms);
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
