/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_EFFECTS_H
#define IO_STORE_EFFECTS_H

#include <stddef.h>

#include "io/store_body.h"
#include "io/store_usage.h"

/*
 * What a transaction means outside of the database: counts, and body files that
 * no row names any more.  Collected while it is made, done once it is durable,
 * thrown away when it fails.
 */
struct effect {
	struct usage_row row;
	int removed;
	size_t draft_peer; /* a draft took so much for it */
	uint64_t taken;
	char file[BODY_NAME_MAX]; /* to be removed as well, "" none */
};

struct effects {
	struct effect *effect;
	size_t count, size;
};

int effects_add(struct effects *effects, int removed,
    const struct usage_row *row, const char *file) SMX_MUST_USE;
/* The last one added is a draft's, which took so much. */
void effects_taken(struct effects *effects, size_t draft_peer, uint64_t taken);
void effects_count(const struct effects *effects, struct usage *usage);
/* Removes the files and forgets all. */
void effects_clean(struct effects *effects, struct bodies *bodies);
void effects_free(struct effects *effects);

#endif
