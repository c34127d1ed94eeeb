/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_IDMAP_H
#define CORE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * A hash table of nodes that live inside the caller's structs, so that adding
 * needs no memory once idmap_reserve said yes.  Equal keys may be in it more
 * than once.  The hash is seeded: keys come from peers, who must not be able to
 * choose what collides.
 */
struct idnode {
	struct idnode *next;
	uint64_t hash;
};

struct idmap {
	struct idnode **slots;
	size_t size; /* a power of two, or 0 */
	size_t count;
	uint64_t seed;
};

void idmap_init(struct idmap *map, uint64_t seed);
/* Frees the table, not the nodes. */
void idmap_free(struct idmap *map);
uint64_t idmap_hash(const struct idmap *map, const void *data, size_t len);
/* Room for one more node: SMX_OK or SMX_ENOMEM. */
int idmap_reserve(struct idmap *map) SMX_MUST_USE;
void idmap_add(struct idmap *map, struct idnode *node, uint64_t hash);
void idmap_remove(struct idmap *map, struct idnode *node);
/* Nodes with this hash; the caller compares. */
struct idnode *idmap_first(const struct idmap *map, uint64_t hash);
struct idnode *idmap_next(const struct idnode *node);

#endif
