/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy_map.h"

#include <string.h>

int
policy_map_init(struct policy_map *map, struct arena *arena, size_t count)
{
	size_t size = 16;

	if (count > SIZE_MAX / 8)
		return SMX_ENOMEM;
	while (size < count * 2)
		size *= 2;
	map->entries = arena_alloc(arena, size, sizeof(*map->entries));
	map->mask = size - 1;
	return map->entries != NULL ? SMX_OK : SMX_ENOMEM;
}

static struct policy_entry *
entry_find(const struct policy_map *map, uint32_t hash, const char *key,
    size_t len)
{
	/* The low bits of this hash alone are weak for short keys. */
	size_t i = hash ^ hash >> 15;

	for (;; i++) {
		struct policy_entry *e = &map->entries[i & map->mask];

		if (e->key == NULL || (e->hash == hash && e->len == len &&
					  memcmp(e->key, key, len) == 0))
			return e;
	}
}

static int
entry_use(struct policy_entry *e, struct arena *arena, uint32_t policy)
{
	struct policy_use *use;

	if (e->last->policy == policy)
		return SMX_OK;
	use = arena_alloc(arena, 1, sizeof(*use));
	if (use == NULL)
		return SMX_ENOMEM;
	use->policy = policy;
	e->last->next = use;
	e->last = use;
	return SMX_OK;
}

int
policy_map_add(struct policy_map *map, struct arena *arena, const char *key,
    uint32_t policy)
{
	size_t len = strlen(key);
	uint32_t hash = POLICY_HASH_BEGIN;
	struct policy_entry *e;

	for (size_t i = len; i > 0; i--)
		hash = policy_hash_step(hash, key[i - 1]);
	e = entry_find(map, hash, key, len);
	if (e->key != NULL)
		return entry_use(e, arena, policy);
	e->key = key;
	e->hash = hash;
	e->len = (uint32_t)len;
	e->first.policy = policy;
	e->last = &e->first;
	return SMX_OK;
}

const struct policy_use *
policy_map_find(const struct policy_map *map, uint32_t hash, const char *key,
    size_t len)
{
	const struct policy_entry *e = entry_find(map, hash, key, len);

	return e->key != NULL ? &e->first : NULL;
}
