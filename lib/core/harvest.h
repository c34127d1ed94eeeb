/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HARVEST_H
#define CORE_HARVEST_H

#include <stdint.h>

#include <shadowmx/err.h>

#include "core/clientnet.h"

/*
 * How many recipients that do not exist, or that nobody knows, each client
 * network has named in the minute that began with the first of them.  A table
 * of a fixed size: when too many networks ask at a time, the one with the
 * fewest is forgotten.
 */
struct harvest;

int harvest_new(struct harvest **out, uint64_t seed) SMX_MUST_USE;
void harvest_free(struct harvest **harvest); /* accepts NULL inside */

/* Non-zero: it has named more than `most` of them; most 0: any. */
int harvest_over(struct harvest *harvest, const struct clientnet *net,
    int64_t most, int64_t now_ms);
/* One more; returns how many it has named in its minute. */
uint32_t harvest_count(struct harvest *harvest, const struct clientnet *net,
    int64_t now_ms);

#endif
