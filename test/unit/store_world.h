/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STORE_WORLD_H
#define STORE_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

/*
 * A store to try claims on: memory or SQLite in a folder of its own, which can
 * be closed and opened again (the memory store then is an empty new one).
 */
enum { WORLD_MEMORY, WORLD_SQLITE, WORLD_KINDS };

#define WORLD_BODY_FILE 4096

struct world {
	int kind;
	char folder[64]; /* holds "store" */
	char path[80];
	struct smx_store_options options;
	struct smx_store store;
};

/* Opened with body_file_bytes = WORLD_BODY_FILE and two days of tombstones;
 * world_reopen applies changed options. */
void world_open(struct world *world, int kind);
void world_reopen(struct world *world);
void world_close(struct world *world);

struct smx_key world_key(unsigned incarnation, uint64_t counter);
/* A head for size bytes; texts are static. */
struct smx_shadow_head world_head(const char *primary, struct smx_key key,
    size_t size);
/* Bytes that depend on seed; malloc'ed. */
char *world_bytes(size_t size, unsigned seed);

/* Begin, write in uneven pieces, commit; the first error. */
int world_put(struct world *world, const struct smx_shadow_head *head,
    const char *bytes);
/* The same with a head and bytes made of size and seed. */
int world_store(struct world *world, const char *primary, struct smx_key key,
    size_t size, unsigned seed);
/* SMX_OK when exactly these bytes come back, read whole and in pieces. */
int world_check(struct world *world, struct smx_key key, size_t size,
    unsigned seed);
int world_drop(struct world *world, const char *primary, struct smx_key key);
int world_get(struct world *world, struct smx_key key, struct smx_row *row);
/* Files of bodies there are; waits a little for them to become want, since a
 * file goes after its row, when everybody has been told. */
size_t world_bodies(const struct world *world, size_t want);
void world_stats(struct world *world, struct smx_store_stats *stats);

#endif
