/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/harvest.h"

#include <stdlib.h>
#include <string.h>

#include "core/idmap.h"

#define SETS   2048 /* a power of two */
#define WAYS   4
#define MINUTE 60000

struct slot {
	uint64_t net; /* hash */
	uint32_t count;
};

struct harvest {
	struct idmap hash; /* lends its seeded hash */
	int64_t minute;
	struct slot slots[SETS][WAYS];
};

int
harvest_new(struct harvest **out, uint64_t seed)
{
	struct harvest *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return SMX_ENOMEM;
	idmap_init(&h->hash, seed);
	*out = h;
	return SMX_OK;
}

void
harvest_free(struct harvest **harvest)
{
	free(*harvest);
	*harvest = NULL;
}

/* The slot of this network, or else the one that it would take. */
static struct slot *
slot_of(struct harvest *h, const struct clientnet *net, int64_t now_ms,
    uint64_t *hash)
{
	struct slot *set, *least;

	if (now_ms / MINUTE != h->minute) {
		memset(h->slots, 0, sizeof(h->slots));
		h->minute = now_ms / MINUTE;
	}
	*hash = idmap_hash(&h->hash, net->octet, sizeof(net->octet));
	set = h->slots[*hash & (SETS - 1)];
	least = set;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].count != 0 && set[i].net == *hash)
			return &set[i];
		if (set[i].count < least->count)
			least = &set[i];
	}
	return least;
}

int
harvest_over(struct harvest *h, const struct clientnet *net, int64_t most,
    int64_t now_ms)
{
	uint64_t hash;
	const struct slot *slot = slot_of(h, net, now_ms, &hash);

	return most > 0 && slot->net == hash && slot->count > most;
}

uint32_t
harvest_count(struct harvest *h, const struct clientnet *net, int64_t now_ms)
{
	uint64_t hash;
	struct slot *slot = slot_of(h, net, now_ms, &hash);

	if (slot->count == 0 || slot->net != hash)
		*slot = (struct slot){ hash, 0 };
	if (slot->count < UINT32_MAX)
		slot->count++;
	return slot->count;
}
