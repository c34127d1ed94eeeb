/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <string.h>

/* What goes wrong, and how it ends. */

static struct host *
some_host(struct world *w)
{
	return &w->host[rnd(w) % (uint64_t)w->hosts];
}

static void
worker_up(struct world *w, struct event *e)
{
	host_start(w, &w->host[e->a]);
	host_pump(w, &w->host[e->a]);
}

static void
mta_up(struct world *w, struct event *e)
{
	mta_start(w, &w->host[e->a]);
}

static void
mta_end(struct world *w, struct host *h)
{
	if (!h->mta.up)
		return;
	say(w, "%s: MTA ends", host_name(h->index));
	client_broken(w, h->index, 1);
	mta_crash(w, h);
}

static void
power_cut(struct world *w, struct host *h, int64_t off)
{
	say(w, "%s: power cut", host_name(h->index));
	host_stop(w, h);
	client_broken(w, h->index, 1);
	mta_power(w, h);
	later(w, off + rnd_in(w, 0, 2000), worker_up, -1, h->index, 0);
	later(w, off + rnd_in(w, 0, 2000), mta_up, -1, h->index, 0);
}

static void
come_back_empty(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->a];

	say(w, "%s comes back with an empty disk", host_name(h->index));
	h->lost = 0;
	mta_wipe(w, h);
	disk_wipe(h);
	mta_start(w, h);
	host_start(w, h);
	host_pump(w, h);
}

static void
lose(struct world *w, struct host *h)
{
	if (w->disasters >= w->most || h->lost)
		return;
	w->disasters++;
	w->wiped_ms[h->index] = w->now + 1;
	say(w, "%s is lost with its disk", host_name(h->index));
	host_stop(w, h);
	client_broken(w, h->index, 1);
	mta_crash(w, h);
	h->lost = 1;
	w->sum.lost_hosts++;
	fault_note(w, HOST_LOST, 1u << h->index, DRAIN_MS);
	if (chance(w, 600))
		later(w, rnd_in(w, 500, 12000), come_back_empty, -1, h->index,
		    0);
}

/* It comes back with nothing of what it held, or with what it held before. */
static void
forget(struct world *w, struct host *h)
{
	say(w, "%s forgets what it held%s", host_name(h->index),
	    h->kept != NULL ? " since a while" : "");
	host_stop(w, h);
	if (h->kept != NULL)
		disk_back(h);
	else
		disk_wipe(h);
	later(w, rnd_in(w, 200, 1500), worker_up, -1, h->index, 0);
}

static void
forget_event(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->a];

	if (!h->lost)
		forget(w, h);
}

static void
forgetful(struct world *w, struct host *h, int kind)
{
	if (w->disasters >= w->most)
		return;
	w->disasters++;
	w->wiped_ms[h->index] = w->now + 6000;
	if (kind == ROLLBACK)
		disk_keep(h);
	later(w, kind == ROLLBACK ? rnd_in(w, 500, 6000) : 0, forget_event, -1,
	    h->index, 0);
}

static void
reset_watch(struct world *w, struct host *h)
{
	struct smx_queue_event q = { .kind = SMX_QUEUE_RESET };

	if (h->up && h->frozen <= w->now)
		engine_queue_event(h->engine, &q, w->now);
}

static void
make_copy(struct world *w, struct event *e)
{
	if (!w->host[e->a].lost && !w->is_kept[e->a])
		mta_keep(w, &w->host[e->a]);
}

/* The queue's file system is brought back, with its daemon stopped or not. */
static void
go_back(struct world *w, struct host *h)
{
	int stopped = chance(w, 500) || !h->up || h->frozen > w->now;

	/* One that its marker cannot tell from the present is no other. */
	if (w->disasters >= w->most || !w->is_kept[h->index] ||
	    w->kept[h->index].state.epoch.counter + 1 >=
		h->mta.state.epoch.counter)
		return;
	w->disasters++;
	w->wiped_ms[h->index] = w->now + 1;
	fault_note(w, QUEUE_BACK, 1u << h->index, DRAIN_MS);
	if (stopped)
		host_stop(w, h);
	client_broken(w, h->index, 1);
	mta_crash(w, h);
	mta_back(w, h);
	later(w, rnd_in(w, 0, 2000), mta_up, -1, h->index, 0);
	if (stopped) {
		later(w, rnd_in(w, 0, 3000), worker_up, -1, h->index, 0);
		return;
	}
	mta_watch(w, h);
	host_see_queue(w, h);
	reset_watch(w, h);
	host_pump(w, h);
}

static void
cut_end(struct world *w, struct event *e)
{
	w->cut[e->a][e->b] = 0;
}

static void
cut(struct world *w, int from, int to, int64_t ms)
{
	say(w, "no way from %s to %s", host_name(from), host_name(to));
	w->cut[from][to] = 1;
	later(w, ms, cut_end, -1, from, to);
}

static void
room_again(struct world *w, struct event *e)
{
	w->host[e->a].disk.full = 0;
}

static void
link_good(struct world *w, struct event *e)
{
	(void)e;
	w->loss = w->twice = w->slow = 0;
}

static void
between(struct world *w, int kind, int64_t ms)
{
	int a = some_host(w)->index;
	int b = (a + 1 + (int)(rnd(w) % (uint64_t)(w->hosts - 1))) % w->hosts;

	fault_note(w, kind, 1u << a | 1u << b, ms);
	cut(w, a, b, ms);
	if (kind == PARTITION)
		cut(w, b, a, ms);
}

static void
strike_host(struct world *w, int kind, struct host *h, int64_t ms)
{
	switch (kind) {
	case WORKER_CRASH:
		host_stop(w, h);
		later(w, rnd_in(w, 200, 4000), worker_up, -1, h->index, 0);
		break;
	case MTA_CRASH:
		mta_end(w, h);
		later(w, rnd_in(w, 500, 5000), mta_up, -1, h->index, 0);
		break;
	case POWER_CUT:
		power_cut(w, h, ms);
		break;
	case FREEZE:
		say(w, "%s: frozen for %lld", host_name(h->index),
		    (long long)ms);
		h->frozen = w->now + ms;
		break;
	case DISK_FULL:
		h->disk.full = 1;
		later(w, ms, room_again, -1, h->index, 0);
		break;
	case REQUEUE:
		mta_requeue(w, h);
		break;
	case CLOCK_JUMP:
		h->wall += rnd_in(w, -7200000, 7200000);
		break;
	case WATCH_RESET:
		reset_watch(w, h);
		break;
	case FORGET:
	case ROLLBACK:
		forgetful(w, h, kind);
		break;
	case HOST_LOST:
		lose(w, h);
		break;
	case QUEUE_BACK:
		go_back(w, h);
		break;
	case DAMAGE:
		if (w->disasters == 0)
			mta_corrupt(w, h);
		w->disasters = w->most;
		break;
	default:
		break;
	}
}

static void
strike(struct world *w, struct event *e)
{
	struct host *h = some_host(w);
	int64_t ms = rnd_in(w, 500, 14000);

	if (e->b != 0)
		ms = e->b;
	w->sum.faults++;
	if (e->a != PARTITION && e->a != ONE_WAY)
		fault_note(w, e->a, e->a == BAD_LINK ? ~0u : 1u << h->index,
		    ms);
	switch (e->a) {
	case CHANGE:
	case HOLD:
		w->sum.faults--;
		w->faults--;
		mta_change(w, h, e->a == HOLD);
		break;
	case PARTITION:
	case ONE_WAY:
		between(w, e->a, ms);
		break;
	case HOP_DOWN:
		w->hop_down = w->now + ms;
		break;
	case BAD_LINK:
		say(w, "the link is bad for %lld", (long long)ms);
		w->loss = (unsigned)rnd_in(w, 0, 300);
		w->twice = (unsigned)rnd_in(w, 0, 500);
		w->slow = (unsigned)rnd_in(w, 0, 300);
		later(w, ms, link_good, -1, 0, 0);
		break;
	default:
		if (!h->lost)
			strike_host(w, e->a, h, ms);
		break;
	}
}

/*
 * One kind of fault and nothing else, long enough for a takeover, while mail
 * waits for its next hop: here it is known exactly who may take over what.
 */
static void
plain_plan(struct world *w)
{
	int kind = chance(w, 500)   ? HOST_LOST
		   : chance(w, 700) ? PARTITION
				    : ONE_WAY;

	later(w, rnd_in(w, 1000, 8000), strike, -1, HOP_DOWN,
	    chance(w, 700) ? 30000 : 0);
	later(w, rnd_in(w, 4000, 10000), strike, -1, kind,
	    (int)rnd_in(w, 15000, 25000));
}

/* ---- a holder forgets, and then its primary is lost ---- */

/*
 * By then all that it forgot has been copied again: no excuse for a loss. Where
 * the third host cannot be reached, what waits for a second copy is held for an
 * answer while the first one is forgotten.
 */
#define SETTLE_MS 8500

static void
keep_event(struct world *w, struct event *e)
{
	disk_keep(&w->host[e->a]);
}

static void
begin_forgetting(struct world *w, struct event *e)
{
	w->sum.faults++;
	fault_note(w, FORGET, 1u << e->a, 2000);
	forget_event(w, e);
}

static void
lose_event(struct world *w, struct event *e)
{
	w->sum.faults++;
	judge_copied(w, e->a, SETTLE_MS - 1000);
	w->most = w->disasters + 1;
	lose(w, &w->host[e->a]);
}

static void
cut_off(struct world *w, struct event *e)
{
	w->sum.faults++;
	fault_note(w, PARTITION, 1u << e->a | 1u << e->b, DRAIN_MS);
	cut(w, e->a, e->b, FAULTS_MS);
	cut(w, e->b, e->a, FAULTS_MS);
}

static void
again_plan(struct world *w)
{
	int64_t at = rnd_in(w, 6000, 14000);
	int holder = (int)(rnd(w) % (uint64_t)w->hosts);
	int primary =
	    (holder + 1 + (int)(rnd(w) % (uint64_t)(w->hosts - 1))) % w->hosts;

	later(w, 500, strike, -1, HOP_DOWN, FAULTS_MS);
	if (chance(w, 400))
		later(w, at - rnd_in(w, 500, 4000), keep_event, -1, holder, 0);
	if (w->hosts == 3 && chance(w, 600))
		later(w, at - 2500, cut_off, -1, primary, 3 - holder - primary);
	later(w, at, begin_forgetting, -1, holder, 0);
	later(w, at + SETTLE_MS, lose_event, -1, primary, 0);
}

void
fault_plan(struct world *w)
{
	int n = chance(w, 100) ? 0 : (int)rnd_in(w, 1, 6);

	for (int i = (int)rnd_in(w, 0, 20); i > 0; i--)
		later(w, rnd_in(w, 500, FAULTS_MS - 1000), strike, -1,
		    chance(w, 700) ? CHANGE : HOLD, 0);
	if (chance(w, 250)) {
		plain_plan(w);
		return;
	}
	if (chance(w, 200)) {
		again_plan(w);
		return;
	}
	for (int i = 0; i < n; i++)
		later(w, rnd_in(w, 500, FAULTS_MS - 1000), strike, -1,
		    (int)(rnd(w) % CHANGE), 0);
	if (n == 0)
		return;
	if (chance(w, 150))
		later(w, rnd_in(w, 1000, TRAFFIC_MS), strike, -1,
		    chance(w, 500) ? FORGET : ROLLBACK, 0);
	/* Most runs lose something for ever while mail is still moving. */
	if (chance(w, 700))
		for (int i = 0; i < w->most; i++)
			later(w, rnd_in(w, 1000, TRAFFIC_MS), strike, -1,
			    HOST_LOST, 0);
	else if (chance(w, 200))
		later(w, rnd_in(w, 1000, TRAFFIC_MS), strike, -1, DAMAGE, 0);
	/* A third of all runs have copies of their queues. */
	if (chance(w, 300)) {
		for (int i = 0; i < w->hosts; i++)
			later(w, rnd_in(w, 500, FAULTS_MS - 2000), make_copy,
			    -1, i, 0);
		for (int i = 0; i < 2; i++)
			later(w, rnd_in(w, 1000, FAULTS_MS - 500), strike, -1,
			    QUEUE_BACK, 0);
	}
	/* A slow next hop keeps many messages open. */
	if (chance(w, 500))
		later(w, rnd_in(w, 500, TRAFFIC_MS), strike, -1, HOP_DOWN, 0);
}

void
fault_heal(struct world *w)
{
	memset(w->cut, 0, sizeof(w->cut));
	w->loss = w->twice = w->slow = 0;
	w->hop_down = 0;
	w->quiet = 1;
	for (int i = 0; i < w->hosts; i++) {
		w->host[i].disk.full = 0;
		w->host[i].frozen = 0;
		mta_release(w, &w->host[i]);
		mta_start(w, &w->host[i]);
		host_start(w, &w->host[i]);
	}
	say(w, "faults are over");
}
