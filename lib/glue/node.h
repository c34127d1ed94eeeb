/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_NODE_H
#define GLUE_NODE_H

#include <stdint.h>

#include <shadowmx/engine.h>

#include "core/engine.h"

/*
 * What the parts of glue share of a running struct smx_engine.  The core engine
 * is entered by one thread at a time: between node_enter and node_leave call
 * engine_* functions only, never a port, never anything that waits.
 */
struct engine *node_enter(struct smx_engine *node);
/* Also wakes the threads for which there is new work. */
void node_leave(struct smx_engine *node);

/* now for engine_*: CLOCK_BOOTTIME.  Ports take CLOCK_MONOTONIC. */
int64_t node_now_ms(void);

/* The configuration of this moment, held; smx_config_release() it. */
struct smx_config *node_config(struct smx_engine *node);
const struct smx_engine_ports *node_ports(const struct smx_engine *node);
/* As the configuration names it; "?" when there is none of this number. */
const char *node_peer_name(const struct smx_engine *node, size_t peer);
struct courier;
/* What delivers to next hops; NULL: nothing does. */
struct courier *node_courier(const struct smx_engine *node);
/* This host's epoch, for the shadows it sends out. */
void node_epoch(struct smx_engine *node, struct smx_epoch *epoch);

/* To be called before engine_verdict says ENGINE_UNPROTECTED, so that a worker
 * that follows this one still counts the message. */
void node_unprotected(struct smx_engine *node, const struct smx_key *key,
    const char *queue_id);

/* Count an end of message in progress.  SMX_ELIMIT over max_held,
 * SMX_ECLOSED while stopping; leave only after SMX_OK. */
/* Which delay has earned which yes, for status. */
#define NODE_ACK_BUCKETS 7
void node_acknowledged(struct smx_engine *node, enum smx_earned earned,
    int64_t held_ms);
int node_held_enter(struct smx_engine *node, int64_t max_held);
/* held_ms goes into the delay histogram of status; negative: it was counted. */
void node_held_leave(struct smx_engine *node, int64_t held_ms);

#endif
