/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/release_in.h"

#include <stdlib.h>
#include <string.h>

/* Which domains there are, and which host is the primary of each. */

static struct domain *
domain_of(struct idnode *node)
{
	return (struct domain *)(void *)((char *)node -
					 offsetof(struct domain, node));
}

static struct lane *
lane_of(struct idnode *node)
{
	return (
	    struct lane *)(void *)((char *)node - offsetof(struct lane, node));
}

struct domain *
book_find(const struct release *r, const char *name)
{
	struct idnode *n = idmap_first(&r->by_name,
	    idmap_hash(&r->by_name, name, strlen(name)));

	while (n != NULL && strcmp(domain_of(n)->name, name) != 0)
		n = idmap_next(n);
	return n != NULL ? domain_of(n) : NULL;
}

static struct lane *
find_lane(const struct release *r, const char *host)
{
	struct idnode *n = idmap_first(&r->by_host,
	    idmap_hash(&r->by_host, host, strlen(host)));

	while (n != NULL && strcmp(lane_of(n)->host, host) != 0)
		n = idmap_next(n);
	return n != NULL ? lane_of(n) : NULL;
}

/* Room for one pointer more; NULL: there is none. */
static void *
grown(void *list, size_t count, size_t *room)
{
	size_t size = *room != 0 ? *room * 2 : 16;

	if (count < *room)
		return list;
	list = reallocarray(list, size, sizeof(void *));
	if (list != NULL)
		*room = size;
	return list;
}

static void
leave_lane(struct domain *d)
{
	struct lane *lane = d->lane;

	if (lane == NULL)
		return;
	*(d->prev != NULL ? &d->prev->next : &lane->first) = d->next;
	*(d->next != NULL ? &d->next->prev : &lane->last) = d->prev;
	d->prev = d->next = NULL;
	d->lane = NULL;
}

static void
join_lane(struct domain *d, struct lane *lane)
{
	d->lane = lane;
	d->prev = lane->last;
	d->next = NULL;
	*(lane->last != NULL ? &lane->last->next : &lane->first) = d;
	lane->last = d;
}

void
lane_turn(struct domain *d)
{
	struct lane *lane = d->lane;

	leave_lane(d);
	join_lane(d, lane);
}

struct domain *
book_domain(struct release *r, const char *name)
{
	struct domain *d = book_find(r, name), **list;

	if (d != NULL)
		return d;
	list = grown(r->domain, r->domains, &r->domains_room);
	if (list == NULL)
		return NULL;
	r->domain = list;
	if (idmap_reserve(&r->by_name) != SMX_OK)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (d != NULL)
		d->name = strdup(name);
	if (d == NULL || d->name == NULL) {
		free(d);
		return NULL;
	}
	idmap_add(&r->by_name, &d->node,
	    idmap_hash(&r->by_name, name, strlen(name)));
	r->domain[r->domains++] = d;
	return d;
}

static struct lane *
make_lane(struct release *r, const char *host)
{
	struct lane *lane, **list;

	list = grown(r->lane, r->lanes, &r->lanes_room);
	if (list == NULL)
		return NULL;
	r->lane = list;
	if (idmap_reserve(&r->by_host) != SMX_OK)
		return NULL;
	lane = calloc(1, sizeof(*lane));
	if (lane != NULL)
		lane->host = strdup(host);
	if (lane == NULL || lane->host == NULL) {
		free(lane);
		return NULL;
	}
	pace_reset(&lane->pace, &r->conf.pace, r->now_ms);
	idmap_add(&r->by_host, &lane->node,
	    idmap_hash(&r->by_host, host, strlen(host)));
	r->lane[r->lanes++] = lane;
	return lane;
}

int
book_place(struct release *r, struct domain *d, const char *host)
{
	struct lane *lane = d->lane;

	if (lane != NULL && strcmp(lane->host, host) == 0)
		return SMX_OK;
	lane = find_lane(r, host);
	if (lane == NULL)
		lane = make_lane(r, host);
	if (lane == NULL)
		return SMX_ENOMEM;
	leave_lane(d);
	join_lane(d, lane);
	return SMX_OK;
}

static void
free_domain(struct release *r, size_t at)
{
	struct domain *d = r->domain[at];

	leave_lane(d);
	idmap_remove(&r->by_name, &d->node);
	r->domain[at] = r->domain[--r->domains];
	free(d->name);
	free(d);
}

static void
free_lane(struct release *r, size_t at)
{
	struct lane *lane = r->lane[at];

	idmap_remove(&r->by_host, &lane->node);
	r->lane[at] = r->lane[--r->lanes];
	free(lane->host);
	free(lane);
}

void
book_tidy(struct release *r)
{
	/* A flush is for what is there: when that has gone, what comes later is
	 * held as ever. */
	for (size_t i = r->domains; i-- > 0;)
		if (!r->domain[i]->here &&
		    (r->domain[i]->flush_until_ms <= r->now_ms ||
			r->domain[i]->flush_seen))
			free_domain(r, i);
	for (size_t i = r->lanes; i-- > 0;)
		if (r->lane[i]->first == NULL)
			free_lane(r, i);
}

void
book_clear(struct release *r)
{
	while (r->domains != 0)
		free_domain(r, r->domains - 1);
	while (r->lanes != 0)
		free_lane(r, r->lanes - 1);
	free(r->domain);
	free(r->lane);
	idmap_free(&r->by_name);
	idmap_free(&r->by_host);
}
