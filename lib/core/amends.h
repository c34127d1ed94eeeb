/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_AMENDS_H
#define CORE_AMENDS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>

#include "core/idmap.h"
#include "core/own.h"

/*
 * What the holders of open messages have still to be told of them: one entry
 * for each message, which gathers what is new until all holders have confirmed
 * it.  Each change gives the entry a new version, and all are told again.
 * Ceilings on the number and on the bytes; above them the oldest entry goes,
 * and its message is marked stale: it is read and told anew when a holder lists
 * it.
 */
struct amend_text {
	unsigned refs;
	size_t len;
	size_t recipients;
	char text[];
};

struct amend {
	struct idnode by_key;
	struct amend *prev, *next; /* oldest first */
	struct smx_key key;
	uint64_t version;
	struct amend_text *text; /* NULL: as before */
	uint32_t untold;         /* peers that have not confirmed it */
	int held;                /* -1: as before */
	int confirmed;           /* this version, by one peer at least */
};

/* What one peer is being told; lent to the request. */
struct amend_batch {
	struct smx_amendment list[SMX_AMEND_MAX];
	struct amend_text *text[SMX_AMEND_MAX];
	char *holders[SMX_AMEND_MAX];
	size_t count;
};

struct amend_peer {
	struct amend_batch *batch; /* made when needed */
	uint64_t waiting;          /* entries that it has not confirmed */
	int64_t since_ms;          /* when waiting stopped being 0 */
	size_t single;             /* so many are sent one by one */
	int refused;               /* it did not take one, see hearing.c */
};

struct amends {
	struct idmap keys;
	struct amend *first, *last;
	size_t count;
	size_t bytes;
	size_t max;
	uint64_t version; /* the last given out */
	struct amend_peer peer[OWN_PEERS_MAX];
	uint64_t confirmed;
	uint64_t dropped; /* over a ceiling, or no memory */
};

/* What is new; members that say "unchanged" keep what the entry has. */
struct amend_news {
	const char *text; /* NULL: unchanged */
	size_t len;
	size_t recipients;
	int held; /* -1 unchanged */
};

struct engine;
struct engine_options;

void amends_init(struct amends *amends, uint64_t seed);
void amends_free(struct amends *amends);
/* A holder has listed an amendment of this version: the next is above it. */
void amends_seen(struct engine *engine, uint64_t version);
/* Tell these peers; own is marked amending, or stale when there is no room. */
void amends_add(struct engine *engine, struct own *own, uint32_t peers,
    const struct amend_news *news, int64_t now_ms);
/* The message ended. */
void amends_drop(struct engine *engine, struct own *own);
/* This peer has no copy any more. */
void amends_skip(struct engine *engine, struct own *own, size_t peer);
/* When a batch for this peer should go, INT64_MAX: none waits. */
int64_t amends_due(const struct engine *engine, size_t peer);
int amends_batch(struct engine *engine, size_t peer,
    struct smx_request *request);
void amends_answered(struct engine *engine, size_t peer, int result);

#endif
