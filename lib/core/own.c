/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/own.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "none", "holding", "answered", "committed",
	"adopted", "lost", "corrupt" };
static_assert(sizeof(names) / sizeof(*names) == OWN_STATES, "names[]");

const char *
own_state_name(const struct own *own)
{
	if (own->doubtful)
		return "doubtful";
	return own->state < OWN_STATES ? names[own->state] : "?";
}

void
own_init(struct own_table *table, uint64_t seed)
{
	memset(table, 0, sizeof(*table));
	idmap_init(&table->keys, seed);
	idmap_init(&table->ids, seed);
}

void
own_free(struct own_table *table)
{
	while (table->first != NULL)
		own_remove(table, table->first);
	idmap_free(&table->keys);
	idmap_free(&table->ids);
	free(table->heap);
	memset(table, 0, sizeof(*table));
}

/* ---- its id ---- */

const char *
own_id(const struct own *own)
{
	char *far;

	if (!own->far_id)
		return own->id;
	memcpy(&far, own->id, sizeof(far));
	return far;
}

static void
id_free(struct own *own)
{
	char *far;

	if (!own->far_id)
		return;
	memcpy(&far, own->id, sizeof(far));
	free(far);
	own->far_id = 0;
}

/* The former one stays on SMX_ENOMEM. */
static int
id_set(struct own *own, const char *id)
{
	size_t size = strlen(id) + 1;
	char *far;

	if (size <= sizeof(own->id)) {
		id_free(own);
		memcpy(own->id, id, size);
		return SMX_OK;
	}
	far = malloc(size);
	if (far == NULL)
		return SMX_ENOMEM;
	memcpy(far, id, size);
	id_free(own);
	memcpy(own->id, &far, sizeof(far));
	own->far_id = 1;
	return SMX_OK;
}

/* ---- its holders ---- */

unsigned
own_copies(const struct own *own)
{
	unsigned n = 0;

	for (uint32_t has = own->has; has != 0; has &= has - 1)
		n++;
	return n;
}

void
own_rank_add(struct own *own, size_t peer)
{
	for (unsigned i = 0; i < own->ranks; i++)
		if (own->rank[i] == peer)
			return;
	if (own->ranks < OWN_RANKS_MAX)
		own->rank[own->ranks++] = (uint8_t)peer;
}

int
own_rank_drop(struct own *own, size_t peer)
{
	unsigned i = 0;

	while (i < own->ranks && own->rank[i] != peer)
		i++;
	if (i == own->ranks)
		return 0;
	own->ranks--;
	memmove(own->rank + i, own->rank + i + 1, own->ranks - i);
	return 1;
}

/* ---- finding it ---- */

static uint64_t
key_hash(const struct own_table *table, const struct smx_key *key)
{
	return idmap_hash(&table->keys, key, sizeof(*key));
}

static uint64_t
id_hash(const struct own_table *table, const char *id)
{
	return idmap_hash(&table->ids, id, strlen(id));
}

static struct own *
from_key(struct idnode *node)
{
	return (void *)((char *)node - offsetof(struct own, by_key));
}

static struct own *
from_id(struct idnode *node)
{
	return (void *)((char *)node - offsetof(struct own, by_id));
}

/* ---- when to look ---- */

static void
heap_put(struct own_table *t, size_t at, struct own *own)
{
	t->heap[at] = own;
	own->at = (uint32_t)at;
}

static void
heap_settle(struct own_table *t, size_t at, struct own *own)
{
	while (at > 1 && t->heap[at / 2]->due_ms > own->due_ms) {
		heap_put(t, at, t->heap[at / 2]);
		at /= 2;
	}
	for (;;) {
		size_t child = at * 2;

		if (child > t->heap_count)
			break;
		if (child < t->heap_count &&
		    t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
			child++;
		if (t->heap[child]->due_ms >= own->due_ms)
			break;
		heap_put(t, at, t->heap[child]);
		at = child;
	}
	heap_put(t, at, own);
}

static void
heap_remove(struct own_table *t, struct own *own)
{
	size_t at = own->at;
	struct own *last;

	if (at == 0)
		return;
	own->at = 0;
	last = t->heap[t->heap_count--];
	if (last != own)
		heap_settle(t, at, last);
}

/* Every message can have a place, so that own_due cannot fail. */
static int
heap_reserve(struct own_table *t)
{
	size_t size = t->heap_size == 0 ? 64 : t->heap_size * 2;
	struct own **heap;

	if (t->count + 1 < t->heap_size)
		return SMX_OK;
	heap = realloc(t->heap, size * sizeof(struct own *));
	if (heap == NULL)
		return SMX_ENOMEM;
	t->heap = heap;
	t->heap_size = size;
	return SMX_OK;
}

void
own_due(struct own_table *table, struct own *own, int64_t due_ms)
{
	own->due_ms = due_ms;
	if (own->at == 0)
		own->at = (uint32_t)++table->heap_count;
	heap_settle(table, own->at, own);
}

void
own_sooner(struct own_table *table, struct own *own, int64_t due_ms)
{
	if (own->at == 0 || own->due_ms > due_ms)
		own_due(table, own, due_ms);
}

struct own *
own_earliest(const struct own_table *table)
{
	return table->heap_count == 0 ? NULL : table->heap[1];
}

/* ---- members ---- */

struct own *
own_add(struct own_table *table, const struct smx_key *key, const char *id)
{
	struct own *own;

	if (idmap_reserve(&table->keys) != SMX_OK ||
	    idmap_reserve(&table->ids) != SMX_OK ||
	    heap_reserve(table) != SMX_OK)
		return NULL;
	own = calloc(1, sizeof(*own));
	if (own == NULL)
		return NULL;
	if (id_set(own, id) != SMX_OK) {
		free(own);
		return NULL;
	}
	own->key = *key;
	idmap_add(&table->keys, &own->by_key, key_hash(table, key));
	idmap_add(&table->ids, &own->by_id, id_hash(table, id));
	own->next = table->first;
	if (own->next != NULL)
		own->next->prev = own;
	table->first = own;
	table->count++;
	return own;
}

void
own_remove(struct own_table *table, struct own *own)
{
	heap_remove(table, own);
	idmap_remove(&table->keys, &own->by_key);
	idmap_remove(&table->ids, &own->by_id);
	if (own->prev != NULL)
		own->prev->next = own->next;
	else
		table->first = own->next;
	if (own->next != NULL)
		own->next->prev = own->prev;
	table->count--;
	id_free(own);
	free(own);
}

struct own *
own_find(const struct own_table *table, const struct smx_key *key)
{
	struct idnode *n = idmap_first(&table->keys, key_hash(table, key));

	while (n != NULL && smx_key_compare(&from_key(n)->key, key) != 0)
		n = idmap_next(n);
	return n == NULL ? NULL : from_key(n);
}

static struct own *
with_id(struct idnode *n, const char *id)
{
	while (n != NULL && strcmp(own_id(from_id(n)), id) != 0)
		n = idmap_next(n);
	return n == NULL ? NULL : from_id(n);
}

struct own *
own_first_id(const struct own_table *table, const char *id)
{
	return with_id(idmap_first(&table->ids, id_hash(table, id)), id);
}

struct own *
own_next_id(const struct own *own)
{
	return with_id(idmap_next(&own->by_id), own_id(own));
}

int
own_rename(struct own_table *table, struct own *own, const char *id)
{
	int r;

	/* Out of the way first: its hash is that of the former id. */
	idmap_remove(&table->ids, &own->by_id);
	r = id_set(own, id);
	if (r == SMX_OK)
		own->moved = 1;
	idmap_add(&table->ids, &own->by_id, id_hash(table, own_id(own)));
	return r;
}

int
own_older(const struct own *a, const struct own *b)
{
	if (memcmp(a->key.incarnation, b->key.incarnation, 16) == 0)
		return a->key.counter < b->key.counter;
	/* Between two former lives nothing tells the order for certain. */
	return a->adopted && !b->adopted;
}

/*
 * An id is free again only after its file was removed.  So when a later message
 * was registered under it, an earlier one is no longer the file that was seen:
 * it ended, or it was requeued, which only a watch without a gap can exclude.
 * The order of registration says nothing about an id that came by a requeue.
 */
int
own_outlived(const struct own_table *table, const struct own *own,
    uint64_t token)
{
	for (struct own *o = own_first_id(table, own_id(own)); o != NULL;
	     o = own_next_id(o))
		if (o != own && !own->moved && !o->moved &&
		    o->looked_after < token && own_older(own, o))
			return 1;
	return 0;
}
