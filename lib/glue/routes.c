/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/routes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BUCKETS 1024

/* The key is the sender, a NUL, and the recipient. */
struct known {
	struct known *next;          /* in its bucket */
	struct known *newer, *older; /* in the order in which they came */
	int64_t until_ms;
	int result;
	size_t count;
	struct nexthop *hops; /* count of them */
	uint32_t hash;
	size_t len;
	char key[];
};

struct routes {
	const struct smx_queue *queue;
	pthread_mutex_t lock;
	struct known *bucket[BUCKETS];
	struct known *newest, *oldest;
	size_t count;
};

int
routes_new(struct routes **out, const struct smx_queue *queue)
{
	struct routes *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return SMX_ENOMEM;
	r->queue = queue;
	pthread_mutex_init(&r->lock, NULL);
	*out = r;
	return SMX_OK;
}

/* ---- what is known ---- */

static void
unlink_known(struct routes *r, struct known *k)
{
	struct known **at = &r->bucket[k->hash % BUCKETS];

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	*(k->newer != NULL ? &k->newer->older : &r->newest) = k->older;
	*(k->older != NULL ? &k->older->newer : &r->oldest) = k->newer;
	r->count--;
	free(k->hops);
	free(k);
}

static void
forget_all(struct routes *r)
{
	while (r->oldest != NULL)
		unlink_known(r, r->oldest);
}

void
routes_forget(struct routes *routes)
{
	pthread_mutex_lock(&routes->lock);
	forget_all(routes);
	pthread_mutex_unlock(&routes->lock);
}

void
routes_free(struct routes **routes)
{
	struct routes *r = *routes;

	if (r == NULL)
		return;
	*routes = NULL;
	forget_all(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static uint32_t
hash_of(const char *key, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)key[i]) * 16777619u;
	return hash;
}

static struct known *
known_new(const char *sender, const char *recipient)
{
	size_t from = strlen(sender) + 1, to = strlen(recipient) + 1;
	struct known *k = calloc(1, sizeof(*k) + from + to);

	if (k == NULL)
		return NULL;
	memcpy(k->key, sender, from);
	memcpy(k->key + from, recipient, to);
	k->len = from + to;
	k->hash = hash_of(k->key, k->len);
	return k;
}

static struct known *
known_find(const struct routes *r, const struct known *like)
{
	struct known *k = r->bucket[like->hash % BUCKETS];

	while (k != NULL && (k->hash != like->hash || k->len != like->len ||
				memcmp(k->key, like->key, k->len) != 0))
		k = k->next;
	return k;
}

/* Taken; what was known of the same before goes, and the oldest where there are
 * too many. */
static void
known_add(struct routes *r, struct known *k)
{
	struct known *before = known_find(r, k);

	if (before != NULL)
		unlink_known(r, before);
	if (r->count == ROUTES_MAX)
		unlink_known(r, r->oldest);
	k->next = r->bucket[k->hash % BUCKETS];
	r->bucket[k->hash % BUCKETS] = k;
	k->newer = NULL;
	k->older = r->newest;
	*(r->newest != NULL ? &r->newest->newer : &r->oldest) = k;
	r->newest = k;
	r->count++;
}

/* Less than all of them are the first of them. */
static int
known_give(const struct known *k, struct nexthop *out, size_t *count)
{
	if (k->result != SMX_OK)
		return k->result;
	if (*count > k->count)
		*count = k->count;
	memcpy(out, k->hops, *count * sizeof(*out));
	return SMX_OK;
}

/* ---- asking ---- */

static int
take_hops(struct known *k, const struct smx_queue_route *route)
{
	k->hops = calloc(route->count + 1, sizeof(*k->hops));
	if (k->hops == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < route->count && i < SMX_QUEUE_HOPS_MAX; i++) {
		if (nexthop_parse(&k->hops[i], route->hop[i]) != SMX_OK ||
		    k->hops[i].kind == NEXTHOP_MTA)
			break;
		k->count++;
	}
	return k->count != 0 ? SMX_OK : SMX_ENOTFOUND;
}

static void
ask(const struct routes *r, struct known *k, const char *sender,
    const char *recipient, int64_t until_mono_ms)
{
	struct smx_queue_route route = { 0 };
	int result = r->queue->ops->route(r->queue->ctx, sender, recipient,
	    &route, until_mono_ms);
	int sure;

	if (result == SMX_OK)
		result = take_hops(k, &route);
	sure = result == SMX_OK || result == SMX_ENOTFOUND;
	k->result = result;
	k->until_ms =
	    clock_mono_ms() + (sure ? ROUTES_KEEP_MS : ROUTES_FAILED_MS);
}

int
routes_find(struct routes *routes, const char *sender, const char *recipient,
    struct nexthop *out, size_t *count, int64_t until_mono_ms)
{
	struct known *k, *found;
	int result = SMX_EINVAL;

	if (routes->queue == NULL || routes->queue->ops == NULL ||
	    routes->queue->ops->route == NULL)
		return SMX_ENOTFOUND;
	k = *count != 0 ? known_new(sender, recipient) : NULL;
	if (k == NULL)
		return *count != 0 ? SMX_ENOMEM : SMX_EINVAL;
	pthread_mutex_lock(&routes->lock);
	found = known_find(routes, k);
	if (found != NULL && clock_mono_ms() >= found->until_ms)
		found = NULL;
	if (found != NULL)
		result = known_give(found, out, count);
	pthread_mutex_unlock(&routes->lock);
	if (found != NULL) {
		free(k);
		return result;
	}
	ask(routes, k, sender, recipient, until_mono_ms);
	pthread_mutex_lock(&routes->lock);
	result = known_give(k, out, count);
	known_add(routes, k);
	pthread_mutex_unlock(&routes->lock);
	return result;
}
