/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNIT_ENGINE_BENCH_H
#define UNIT_ENGINE_BENCH_H

#include <shadowmx/store.h>

#include "core/engine.h"

/*
 * One engine with two peers on the bench: heartbeat 1 s, takeover after 6 s,
 * hand-wound clock.  Our incarnation begins with 1, our epoch with 7.
 */
extern struct engine *engine;
/* NULL: two peers without names, nobody is told ranks or asked about others;
 * else three. */
extern const char *const *bench_names;
extern int64_t now;
extern int bench_hold;         /* on_isolation = "hold" */
extern int64_t bench_mta_down; /* mta_down_takeover */
extern uint64_t bench_sum;     /* of the next message's envelope */
extern struct smx_queue_state queue;
extern enum smx_answer answers[SMX_REQ_KEYS_MAX];
extern struct smx_listed listed[SMX_REQ_KEYS_MAX];

/* Three peers, mx2 to mx4. */
void bench_open_named(void);
/* Accepted with these holders, in this order, as they were told or not. */
struct smx_key bench_ranked(const char *id, unsigned copies,
    const uint8_t *peers, size_t count, int told);
/* The number of the read and how many ids it has; 0 when none is due. */
uint64_t bench_read(size_t *count);
void bench_text(const char *id, const char *text, int held, uint64_t token);
void bench_fresh(uint8_t life, size_t max_open, size_t max_notices);
void bench_open(void);
void bench_close(void);
struct smx_key bench_begin(const char *id);
struct smx_key bench_accepted(const char *id);
void bench_hint(enum smx_queue_event_kind kind, const char *id);
uint64_t bench_look(void);
void bench_seen(const char *id, enum smx_presence presence, uint64_t token,
    const char *other);
void bench_shown(const char *id, enum smx_presence presence);
struct engine_counts bench_counts(void);
enum smx_answer bench_query(const struct smx_key *key);
uint64_t bench_waiting(size_t peer);
enum engine_peer_state bench_state(size_t peer);
int bench_pull(size_t peer, struct smx_request *q);
void bench_push(size_t peer, const struct smx_request *q, int result);
int bench_until(size_t peer, enum smx_request_kind kind, struct smx_request *q);

#endif
