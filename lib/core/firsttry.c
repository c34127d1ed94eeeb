/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/firsttry.h"

#include <stdlib.h>
#include <string.h>

#include "core/idmap.h"

#define NONE      UINT32_MAX
#define FIRST     1024
#define MOST      (UINT32_MAX / 4)
#define SWEEP_ONE 2 /* that are over leave with each that comes */

struct entry {
	uint64_t key;
	int64_t first_ms;
	int64_t until_ms;
	uint32_t next;  /* of its chain, or of the free ones */
	uint32_t place; /* in the heap */
};

struct firsttries {
	struct idmap hash; /* lends its seeded hash; nothing is in it */
	struct entry *entries;
	uint32_t *chains; /* as many as there is room for */
	uint32_t *heap;   /* the one that is over next is on top */
	size_t room;      /* a power of two, or 0 */
	size_t count;
	uint32_t free; /* entries that are free */
	uint64_t pushed_out;
};

int
firsttries_new(struct firsttries **out, uint64_t seed)
{
	struct firsttries *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return SMX_ENOMEM;
	idmap_init(&t->hash, seed);
	t->free = NONE;
	*out = t;
	return SMX_OK;
}

void
firsttries_free(struct firsttries **tries)
{
	struct firsttries *t = *tries;

	if (t == NULL)
		return;
	free(t->entries);
	free(t->chains);
	free(t->heap);
	free(t);
	*tries = NULL;
}

size_t
firsttries_count(const struct firsttries *t)
{
	return t->count;
}

uint64_t
firsttries_pushed_out(const struct firsttries *t)
{
	return t->pushed_out;
}

/* The parts are hashed one by one and then together, so that no part can take
 * bytes from its neighbour. */
static uint64_t
key_of(const struct firsttries *t, const struct clientnet *net,
    const char *sender, const char *rcpt)
{
	uint64_t part[3];

	part[0] = idmap_hash(&t->hash, net->octet, sizeof(net->octet));
	part[1] = idmap_hash(&t->hash, sender, strlen(sender));
	part[2] = idmap_hash(&t->hash, rcpt, strlen(rcpt));
	return idmap_hash(&t->hash, part, sizeof(part));
}

/* ---- the heap ---- */

static int64_t
until(const struct firsttries *t, size_t place)
{
	return t->entries[t->heap[place]].until_ms;
}

static void
put(struct firsttries *t, size_t place, uint32_t index)
{
	t->heap[place] = index;
	t->entries[index].place = (uint32_t)place;
}

static void
swap(struct firsttries *t, size_t a, size_t b)
{
	uint32_t index = t->heap[a];

	put(t, a, t->heap[b]);
	put(t, b, index);
}

static void
rise(struct firsttries *t, size_t place)
{
	while (place != 0 && until(t, place) < until(t, (place - 1) / 2)) {
		swap(t, place, (place - 1) / 2);
		place = (place - 1) / 2;
	}
}

static void
sink(struct firsttries *t, size_t place)
{
	for (;;) {
		size_t least = place, child = 2 * place + 1;

		for (size_t c = child; c < child + 2 && c < t->count; c++)
			if (until(t, c) < until(t, least))
				least = c;
		if (least == place)
			return;
		swap(t, place, least);
		place = least;
	}
}

/* ---- the table ---- */

static uint32_t *
chain(struct firsttries *t, uint64_t key)
{
	return &t->chains[key & (t->room - 1)];
}

static struct entry *
find(struct firsttries *t, uint64_t key)
{
	if (t->room == 0)
		return NULL;
	for (uint32_t i = *chain(t, key); i != NONE; i = t->entries[i].next)
		if (t->entries[i].key == key)
			return &t->entries[i];
	return NULL;
}

static void
link_entry(struct firsttries *t, uint32_t index)
{
	uint32_t *first = chain(t, t->entries[index].key);

	t->entries[index].next = *first;
	*first = index;
}

/* The one on top leaves. */
static void
pop(struct firsttries *t)
{
	uint32_t index = t->heap[0];
	uint32_t *at = chain(t, t->entries[index].key);

	while (*at != index)
		at = &t->entries[*at].next;
	*at = t->entries[index].next;
	t->entries[index].next = t->free;
	t->free = index;
	t->count--;
	if (t->count == 0)
		return;
	put(t, 0, t->heap[t->count]);
	sink(t, 0);
}

/* All are in use: 0 .. count - 1. */
static int
grow(struct firsttries *t)
{
	size_t room = t->room == 0 ? FIRST : t->room * 2;
	struct entry *entries;
	uint32_t *chains, *heap;

	if (room > MOST)
		return SMX_ELIMIT;
	entries = realloc(t->entries, room * sizeof(*entries));
	if (entries != NULL)
		t->entries = entries;
	heap = realloc(t->heap, room * sizeof(*heap));
	if (heap != NULL)
		t->heap = heap;
	if (entries == NULL || heap == NULL)
		return SMX_ENOMEM;
	chains = malloc(room * sizeof(*chains));
	if (chains == NULL)
		return SMX_ENOMEM;
	free(t->chains);
	t->chains = chains;
	memset(chains, 0xff, room * sizeof(*chains));
	for (size_t i = room; i-- > t->room;) {
		entries[i].next = t->free;
		t->free = (uint32_t)i;
	}
	t->room = room;
	for (size_t i = 0; i < t->count; i++)
		link_entry(t, (uint32_t)i);
	return SMX_OK;
}

static void
make_room(struct firsttries *t, size_t most, int64_t now_ms)
{
	for (int i = 0; i < SWEEP_ONE && t->count != 0 && until(t, 0) <= now_ms;
	     i++)
		pop(t);
	while (t->count >= most) {
		t->pushed_out += until(t, 0) > now_ms;
		pop(t);
	}
}

static enum firsttry_word
add(struct firsttries *t, uint64_t key, int64_t grace_ms, size_t most,
    int64_t now_ms)
{
	struct entry *e;
	uint32_t index;

	make_room(t, most == 0 ? 1 : most, now_ms);
	if (t->free == NONE && grow(t) != SMX_OK)
		return FIRSTTRY_NO_MEMORY;
	index = t->free;
	e = &t->entries[index];
	t->free = e->next;
	e->key = key;
	e->first_ms = now_ms;
	e->until_ms = now_ms + grace_ms + FIRSTTRY_WINDOW_MS;
	link_entry(t, index);
	put(t, t->count, index);
	rise(t, t->count++);
	return FIRSTTRY_FIRST;
}

enum firsttry_word
firsttry_ask(struct firsttries *t, const struct clientnet *net,
    const char *sender, const char *rcpt, int64_t grace_ms, size_t most,
    int64_t now_ms)
{
	uint64_t key = key_of(t, net, sender, rcpt);
	struct entry *e = find(t, key);

	if (e == NULL)
		return add(t, key, grace_ms, most, now_ms);
	if (e->until_ms <= now_ms) {
		e->first_ms = now_ms;
		e->until_ms = now_ms + grace_ms + FIRSTTRY_WINDOW_MS;
		sink(t, e->place);
		return FIRSTTRY_FIRST;
	}
	return now_ms - e->first_ms >= grace_ms ? FIRSTTRY_RETRY
						: FIRSTTRY_EARLY;
}
