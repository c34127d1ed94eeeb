/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

void
arena_init(struct arena *arena)
{
	arena->chunks = NULL;
	arena->failed = 0;
}

void
arena_free(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;

	while (chunk != NULL) {
		struct arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	arena_init(arena);
}

int
arena_failed(const struct arena *arena)
{
	return arena->failed;
}

/* A large request gets a chunk of its own behind the current one, so that the
 * room left in that one stays in use. */
static struct arena_chunk *
chunk_new(struct arena *arena, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (chunk == NULL)
		return NULL;
	chunk->size = size;
	if (size > CHUNK_BYTES && arena->chunks != NULL) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

static void *
take(struct arena *arena, size_t bytes, size_t align)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t at = 0;

	if (arena->failed)
		return NULL;
	if (chunk != NULL)
		at = (chunk->used + align - 1) / align * align;
	if (chunk == NULL || at > chunk->size || bytes > chunk->size - at) {
		chunk = chunk_new(arena, bytes);
		at = 0;
	}
	if (chunk == NULL) {
		arena->failed = 1;
		return NULL;
	}
	chunk->used = at + bytes;
	return chunk->data + at;
}

void *
arena_alloc(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / 4 / size) {
		arena->failed = 1;
		return NULL;
	}
	return take(arena, count * size + 1, alignof(max_align_t));
}

char *
arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = NULL;

	if (len < SIZE_MAX / 4)
		copy = take(arena, len + 1, 1);
	if (copy == NULL) {
		arena->failed = 1;
		return NULL;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
arena_str(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}
