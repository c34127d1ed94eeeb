/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_POLICY_MAP_H
#define CORE_POLICY_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/arena.h"

/*
 * From the text of a recipient or domain to the policies that name it, in the
 * order of the file.  Keys: "user@domain", "user@", "@domain", and "domain" for
 * a domain with what is below it; the '@' tells them apart.
 *
 * The hash runs from the last byte to the first, so that one pass over an
 * address gives the hash of every parent domain on the way.  Keys come from the
 * administrator alone: a stranger can look up, but not fill a chain.
 */
struct policy_use {
	uint32_t policy;
	struct policy_use *next; /* a later policy */
};

struct policy_entry {
	const char *key; /* NULL: free */
	uint32_t hash;
	uint32_t len;
	struct policy_use first;
	struct policy_use *last;
};

struct policy_map {
	struct policy_entry *entries;
	size_t mask; /* entries - 1, entries a power of two */
};

#define POLICY_HASH_BEGIN 2166136261u

static inline uint32_t
policy_hash_step(uint32_t hash, char c)
{
	return (hash ^ (unsigned char)c) * 16777619u;
}

/* Room for count keys at most. */
int policy_map_init(struct policy_map *map, struct arena *arena,
    size_t count) SMX_MUST_USE;
/* key is lent for as long as the map lives; policies come in order. */
int policy_map_add(struct policy_map *map, struct arena *arena, const char *key,
    uint32_t policy) SMX_MUST_USE;
/* NULL when nobody names it. */
const struct policy_use *policy_map_find(const struct policy_map *map,
    uint32_t hash, const char *key, size_t len);

#endif
