/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_USAGE_H
#define IO_STORE_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

/*
 * How much is kept, for whom, and whether more may come.  Counted in bytes of
 * content and envelope.  Bytes on their way in (drafts) count from the moment
 * they arrive, not from the moment they are announced, so that announcing much
 * and sending nothing takes no room from others.
 *
 * Threads: any number.
 */
struct usage;

int usage_new(struct usage **out, uint64_t quota_bytes,
    uint64_t peer_quota_bytes) SMX_MUST_USE;
void usage_free(struct usage **usage);

/* A number for the peer, the same for the life of usage. */
int usage_peer(struct usage *usage, const char *primary,
    size_t *peer) SMX_MUST_USE;

/* Would bytes more fit?  SMX_OK or SMX_EFULL; nothing is taken. */
int usage_fits(struct usage *usage, size_t peer, uint64_t bytes) SMX_MUST_USE;
int usage_take(struct usage *usage, size_t peer, uint64_t bytes) SMX_MUST_USE;
void usage_give_back(struct usage *usage, size_t peer, uint64_t bytes);

/* Rows that are durable.  A draft gives its bytes back by itself. */
struct usage_row {
	size_t peer;
	enum smx_row_state state;
	uint64_t rows;
	uint64_t size; /* content */
	uint64_t cost; /* content and envelope */
};
void usage_add(struct usage *usage, const struct usage_row *row);
/* A draft has become a row: what it took is given back in the same moment, so
 * that nobody else gets in between, over the quota. */
void usage_settle(struct usage *usage, const struct usage_row *row,
    size_t draft_peer, uint64_t taken);
void usage_remove(struct usage *usage, const struct usage_row *row);

/* rows, bytes and quota_bytes. */
void usage_stats(struct usage *usage, struct smx_store_stats *stats);

#endif
