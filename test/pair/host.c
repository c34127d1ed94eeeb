/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

/* A worker: pulls work out of the real core and hands outcomes back. */

int
host_of(const struct host *h, size_t peer)
{
	return (int)peer + ((int)peer >= h->index);
}

size_t
peer_of(const struct host *h, int host)
{
	return (size_t)(host - (host > h->index));
}

int64_t
host_wall(struct world *w, const struct host *h)
{
	return INT64_C(1700000000000) + w->now + h->wall;
}

/* What there was no memory for is started again. */
static void
once_more(struct world *w, struct event *e)
{
	host_start(w, &w->host[e->a]);
}

void
host_start(struct world *w, struct host *h)
{
	struct engine_options o = { .peers = (size_t)w->hosts - 1,
		.names = h->names,
		.wall_ms = host_wall(w, h),
		.amend_ms = 2000,
		.heartbeat_ms = HEARTBEAT_MS,
		.takeover_after_ms = TAKEOVER_MS,
		.mta_down_ms = w->mta_down,
		.hold_isolated = w->hold,
		.probes = 3,
		.batch_delay_ms = 100,
		.retry_ms = 200,
		.max_open = 1000,
		.max_notices = 500 };
	struct takeover_options t = { .store = &h->store,
		.retry_ms = 300,
		.retry_max_ms = 5000,
		.max_crashes = 1000,
		.parallel = 3,
		.page = 4,
		.world = { host_name(h->index), h->names,
		    (size_t)w->hosts - 1 } };

	if (h->up || h->lost)
		return;
	for (size_t i = 0; i < o.peers; i++)
		h->names[i] = host_name(host_of(h, i));
	for (int i = 0; i < 16; i++)
		o.incarnation[i] = (uint8_t)rnd(w);
	mta_watch(w, h);
	o.epoch = h->mta.state.epoch;
	if (engine_new(&h->engine, &o, w->now) != SMX_OK ||
	    takeover_new(&h->takeover, &t) != SMX_OK) {
		engine_free(&h->engine);
		later(w, 1000, once_more, -1, h->index, 0);
		return;
	}
	h->up = 1;
	h->life++;
	fencer_start(w, h);
	keeper_start(w, h);
	h->state_ms = h->old_ms = 0;
	memset(h->asked, 0, sizeof(h->asked));
	memset(h->heard, 0, sizeof(h->heard));
	memset(h->old_after, 0, sizeof(h->old_after));
	say(w, "%s: worker starts (life %u)", host_name(h->index), h->life);
}

void
host_stop(struct world *w, struct host *h)
{
	if (!h->up)
		return;
	say(w, "%s: worker ends", host_name(h->index));
	fencer_count(w, h);
	h->up = 0;
	h->frozen = 0;
	engine_free(&h->engine);
	takeover_free(&h->takeover);
	keeper_stop(h);
	client_broken(w, h->index, 0);
}

void
host_see_queue(struct world *w, struct host *h)
{
	struct smx_queue_state *s = &h->mta.state;
	struct smx_epoch torn;

	s->mta = h->mta.up ? SMX_MTA_UP : SMX_MTA_DOWN;
	engine_queue_state(h->engine, s, w->now);
	(void)takeover_queue_state(h->takeover, s, host_wall(w, h));
	if (takeover_queue_torn(h->takeover, &torn) == SMX_OK)
		engine_queue_torn(h->engine, &torn);
}

/* The marker counts on with each look at it. */
static void
see_queue(struct world *w, struct host *h)
{
	if (w->now < h->state_ms)
		return;
	h->state_ms = w->now + HEARTBEAT_MS;
	h->mta.state.epoch.counter++;
	host_see_queue(w, h);
}

static void
talk(struct world *w, struct host *h)
{
	for (int i = 0; i < w->hosts; i++) {
		struct asked *a = &h->asked[i];
		int64_t wake;

		if (i == h->index || a->open)
			continue;
		if (engine_peer_next(h->engine, peer_of(h, i), w->now,
			&a->request, &wake) != SMX_OK)
			continue;
		a->open = 1;
		a->serial++;
		net_request(w, h->index, i);
	}
}

static void
verify(struct world *w, struct host *h)
{
	const char *ids[50];
	uint64_t token;
	size_t n = engine_verify_next(h->engine, w->now, ids, 50, &token);

	for (size_t i = 0; i < n; i++)
		mta_verify(w, h, ids[i], token, 0);
	n = takeover_verify_next(h->takeover, w->now, ids, 50, &token);
	for (size_t i = 0; i < n; i++)
		mta_verify(w, h, ids[i], token, 1);
	n = engine_read_next(h->engine, w->now, ids, 50, &token);
	for (size_t i = 0; i < n; i++)
		mta_read(w, h, ids[i], token);
}

static void
keep(struct world *w, struct host *h)
{
	struct smx_key keys[20];
	size_t peer, n;

	while ((n = engine_finished_next(h->engine, &peer, keys, 20)) != 0) {
		struct smx_request r = { .kind = SMX_REQ_DISCARD,
			.keys = keys,
			.count = n };
		struct smx_reply reply;

		for (size_t i = 0; i < n; i++) {
			struct stored *s = disk_find(h, &keys[i]);

			say(w, "%s learns that attempt %d is finished",
			    host_name(h->index), s == NULL ? -1 : s->attempt);
		}
		(void)holder_drop(&h->store, h->names[peer], &r, &reply);
	}
	if (w->now < h->old_ms)
		return;
	h->old_ms = w->now + HEARTBEAT_MS;
	for (size_t i = 0; i + 1 < (size_t)w->hosts; i++) {
		int got = holder_old(&h->store, h->names[i], host_wall(w, h),
		    2 * HEARTBEAT_MS, &h->old_after[i], keys, 20);

		if (got < 20)
			memset(&h->old_after[i], 0, sizeof(h->old_after[i]));
		if (got > 0)
			engine_ask(h->engine, i, keys, (size_t)got);
	}
}

static void
resubmit(struct world *w, struct host *h)
{
	struct takeover_job job;
	int64_t wake;

	while (takeover_next(h->takeover, host_wall(w, h), &job, &wake) ==
	       SMX_OK) {
		struct stored *s = disk_find(h, &job.row.key);
		struct event *e = later(w, rnd_in(w, 1, 300), mta_taken,
		    h->index, s->attempt, s->variant);

		free(job.envelope);
		free(job.rcpt_states);
		job.envelope = job.rcpt_states = NULL;
		e->life = h->life;
		e->p = copy(&job, sizeof(job));
	}
}

void
host_pump(struct world *w, struct host *h)
{
	if (!h->up || h->frozen > w->now)
		return;
	see_queue(w, h);
	talk(w, h);
	verify(w, h);
	keep(w, h);
	fencer_turn(w, h);
	keeper_turn(w, h);
	resubmit(w, h);
	client_copy(w, h);
}
