/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/idmap.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64

void
idmap_init(struct idmap *map, uint64_t seed)
{
	memset(map, 0, sizeof(*map));
	map->seed = seed;
}

void
idmap_free(struct idmap *map)
{
	free(map->slots);
	idmap_init(map, map->seed);
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

uint64_t
idmap_hash(const struct idmap *map, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = mix(map->seed ^ len);

	while (len != 0) {
		uint64_t word = 0;
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(&word, p, n);
		h = mix(h ^ word) + map->seed;
		p += n;
		len -= n;
	}
	return h;
}

static void
put(struct idnode **slots, size_t size, struct idnode *node)
{
	struct idnode **slot = &slots[node->hash & (size - 1)];

	node->next = *slot;
	*slot = node;
}

int
idmap_reserve(struct idmap *map)
{
	size_t size = map->size == 0 ? FIRST_SIZE : map->size * 2;
	struct idnode **slots;

	if (map->count < map->size)
		return SMX_OK;
	slots = calloc(size, sizeof(*slots));
	if (slots == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < map->size; i++) {
		struct idnode *node = map->slots[i];

		while (node != NULL) {
			struct idnode *next = node->next;

			put(slots, size, node);
			node = next;
		}
	}
	free(map->slots);
	map->slots = slots;
	map->size = size;
	return SMX_OK;
}

void
idmap_add(struct idmap *map, struct idnode *node, uint64_t hash)
{
	node->hash = hash;
	put(map->slots, map->size, node);
	map->count++;
}

void
idmap_remove(struct idmap *map, struct idnode *node)
{
	struct idnode **at = &map->slots[node->hash & (map->size - 1)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
	map->count--;
}

static struct idnode *
same(struct idnode *node, uint64_t hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

struct idnode *
idmap_first(const struct idmap *map, uint64_t hash)
{
	if (map->size == 0)
		return NULL;
	return same(map->slots[hash & (map->size - 1)], hash);
}

struct idnode *
idmap_next(const struct idnode *node)
{
	return same(node->next, node->hash);
}
