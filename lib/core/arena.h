/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

/*
 * Memory that lives and dies together: a configuration is built once, then read
 * until its last reference goes.  A failed request sticks (arena_failed), so
 * that a run of them needs one check; each still returns NULL.
 */
struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	int failed;
};

void arena_init(struct arena *arena);
void arena_free(struct arena *arena);
int arena_failed(const struct arena *arena);
/* Zeroed and aligned for everything. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_str(struct arena *arena, const char *text);

#endif
