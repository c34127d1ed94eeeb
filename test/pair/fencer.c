/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <string.h>

#include "core/fence.h"

/*
 * What a worker does to its MTA's queue: through a helper, which may be slow,
 * fail, or do it while its answer is lost.
 */
#define CHANGES 50

struct change {
	enum smx_queue_change what;
	size_t count;
	int result;
	unsigned life;
	char id[CHANGES][ID_SIZE];
};

void
fencer_start(struct world *w, struct host *h)
{
	if (!w->fencing)
		return;
	engine_fence_able(h->engine, 1);
	h->unread = 1;
}

/* What an earlier life wrote down; when the queue's epoch is known. */
static void
read_book(struct world *w, struct host *h)
{
	h->unread = 0;
	for (size_t i = 0; i < h->booked; i++)
		engine_fence_before(h->engine, &h->book[i], w->now);
}

struct isolated {
	struct smx_key key[FILES];
	size_t count;
};

static int
note_isolated(void *ctx, const struct engine_open *open)
{
	struct isolated *all = ctx;

	if (open->isolated && all->count < FILES)
		all->key[all->count++] = open->key;
	return 0;
}

/* A host that is gone for ever answers for nothing any more: that is for a
 * person to know, who releases what is kept back because of it. */
void
fencer_release(struct world *w, struct host *h)
{
	struct isolated all = { .count = 0 };

	if (h->lost || h->engine == NULL)
		return;
	engine_each_open(h->engine, w->now, note_isolated, &all);
	for (size_t i = 0; i < all.count; i++)
		(void)engine_fence_release(h->engine, &all.key[i], 0, w->now);
	if (all.count != 0)
		say(w, "%s: a person releases %zu", host_name(h->index),
		    all.count);
	host_pump(w, h);
}

static void
answered(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct change *c = e->p;
	const char *ids[CHANGES];

	for (size_t i = 0; i < c->count; i++)
		ids[i] = c->id[i];
	engine_fence_result(h->engine, c->what, ids, c->count, c->result,
	    w->now);
	host_pump(w, h);
}

/* The helper goes on when the worker has died. */
static void
change(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->a];
	struct change *c = e->p;
	size_t done = c->count;
	struct event *n;

	if (h->lost)
		return;
	c->result = SMX_OK;
	if (chance(w, 30)) {
		done = 0;
		c->result = SMX_ETIMEOUT;
	} else if (chance(w, 30)) {
		done = (size_t)rnd_in(w, 0, (int64_t)c->count);
		c->result = SMX_EIO;
	} else if (chance(w, 30))
		c->result = SMX_EUNSURE;
	for (size_t i = 0; i < done; i++)
		mta_fence(w, h, c->what, c->id[i]);
	n = later(w, rnd_in(w, 0, 20), answered, h->index, 0, 0);
	n->life = c->life;
	n->p = copy(c, sizeof(*c));
}

static void
enter(struct host *h, const char *id)
{
	struct smx_listed entry;
	size_t i = 0;

	if (h->booked == FILES ||
	    engine_fence_entry(h->engine, id, &entry) != SMX_OK)
		return;
	/* The last word about a key counts. */
	while (
	    i < h->booked && smx_key_compare(&h->book[i].key, &entry.key) != 0)
		i++;
	h->book[i] = entry;
	h->booked += i == h->booked;
}

static void
strike_out(struct host *h)
{
	struct smx_key key;

	while (engine_fence_freed(h->engine, &key, 1) != 0)
		for (size_t i = 0; i < h->booked; i++)
			if (smx_key_compare(&h->book[i].key, &key) == 0) {
				h->book[i] = h->book[--h->booked];
				break;
			}
}

void
fencer_turn(struct world *w, struct host *h)
{
	const char *ids[CHANGES];
	struct change c;
	struct event *e;
	int64_t wake;

	if (!w->fencing)
		return;
	if (h->unread)
		read_book(w, h);
	memset(&c, 0, sizeof(c));
	c.count =
	    engine_fence_next(h->engine, w->now, &c.what, ids, CHANGES, &wake);
	c.life = h->life;
	strike_out(h);
	if (c.count == 0)
		return;
	for (size_t i = 0; i < c.count; i++) {
		memcpy(c.id[i], ids[i], strlen(ids[i]) + 1);
		if (c.what == SMX_QUEUE_HOLD)
			enter(h, c.id[i]);
	}
	e = later(w, rnd_in(w, 5, 80), change, -1, h->index, 0);
	e->p = copy(&c, sizeof(c));
}

void
fencer_count(struct world *w, const struct host *h)
{
	struct engine_fence_counts n;

	engine_fence_counts(h->engine, &n);
	w->sum.fenced += n.held_total;
	w->sum.erased += n.erased;
	w->sum.given_back += n.given_back;
	w->sum.second += n.second;
}
