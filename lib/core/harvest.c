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
	int64_t since_ms;
	uint32_t count;
};

struct harvest {
	struct idmap hash; /* lends its seeded hash */
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

/* Guesses that count: those of a minute from the first. */
static uint32_t
guesses(const struct slot *slot, int64_t now_ms)
{
	return now_ms - slot->since_ms < MINUTE ? slot->count : 0;
}

/* The slot of this network, or else the one that it would take. */
static struct slot *
slot_of(struct harvest *h, const struct clientnet *net, int64_t now_ms,
    uint64_t *hash)
{
	struct slot *set, *least;

	*hash = idmap_hash(&h->hash, net->octet, sizeof(net->octet));
	set = h->slots[*hash & (SETS - 1)];
	least = set;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].count != 0 && set[i].net == *hash)
			return &set[i];
		if (guesses(&set[i], now_ms) < guesses(least, now_ms))
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

	return most > 0 && slot->net == hash && guesses(slot, now_ms) > most;
}

uint32_t
harvest_count(struct harvest *h, const struct clientnet *net, int64_t now_ms)
{
	uint64_t hash;
	struct slot *slot = slot_of(h, net, now_ms, &hash);

	if (slot->net != hash || guesses(slot, now_ms) == 0)
		*slot = (struct slot){ hash, now_ms, 0 };
	if (slot->count < UINT32_MAX)
		slot->count++;
	return slot->count;
}
