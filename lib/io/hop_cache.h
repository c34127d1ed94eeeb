/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_HOP_CACHE_H
#define IO_HOP_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "core/hoptalk.h"
#include "core/nexthop.h"
#include "io/hop_addr.h"
#include "io/hop_conn.h"

/* Connections that wait for their next message, and what was learned of their
 * next hops (HOPTALK_NO_*).  Any thread. */
struct hop_cache;

struct hop_kept {
	struct hopconn conn;
	struct hopline line;
	char peer[HOP_ADDR_TEXT];
};

int hop_cache_new(struct hop_cache **out, int64_t idle_ms,
    size_t idle_max) SMX_MUST_USE;
void hop_cache_free(struct hop_cache **cache);

/* Both are for the same next hop. */
int nexthop_equal(const struct nexthop *a, const struct nexthop *b);

/* The one that came last and is well: non-zero. */
int hop_cache_take(struct hop_cache *cache, const struct nexthop *to,
    struct hop_kept *out, int64_t now_ms);
/* It is closed when there are too many. */
void hop_cache_put_take(struct hop_cache *cache, const struct nexthop *to,
    struct hop_kept *kept, int64_t now_ms);
/* Close those that have waited for too long. */
void hop_cache_tidy(struct hop_cache *cache, int64_t now_ms);
/* to NULL: all. */
size_t hop_cache_drop(struct hop_cache *cache, const struct nexthop *to);
size_t hop_cache_count(struct hop_cache *cache, const struct nexthop *to);

/* TLS that fails is done without for as long, and twice as long each time that
 * it fails again. */
#define HOP_CLEAR_MS     60000
#define HOP_CLEAR_MAX_MS 3600000

unsigned hop_cache_avoids(struct hop_cache *cache, const struct nexthop *to,
    int64_t now_ms);
/* For how long TLS is done without from now on; 0: nothing new of that. */
int64_t hop_cache_learn(struct hop_cache *cache, const struct nexthop *to,
    unsigned avoid, int64_t now_ms);
/* Its TLS is good. */
void hop_cache_secured(struct hop_cache *cache, const struct nexthop *to);

#endif
