/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_NET_H
#define IO_NET_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "core/netplan.h"
#include "io/net_slice.h"

/*
 * The slices of the safety net, in the folder "net" of the store.  One thread
 * adds and drops (the mover); any may look.  Whoever reads a slice goes on
 * reading it when it is dropped.
 */
struct net;

int net_open(struct net **out, int store_folder,
    const struct netplan *plan) SMX_MUST_USE;
void net_close(struct net **net);
/* There is to be no net: what is left of one goes. */
void net_remove(int store_folder);

/* Into the slice of now.  After a failure that one is closed, and the next call
 * begins another; what was added to it since the last net_sync counts as not
 * added. */
int net_add(struct net *net, const struct slice_item *item,
    const struct smx_content *content, int64_t now_ms) SMX_MUST_USE;
int net_sync(struct net *net) SMX_MUST_USE;

/* Drop what is old, or too much, or stands in the way of mail.  Non-zero: the
 * disk is short, and nothing is left here that could go. */
int net_tidy(struct net *net, int64_t now_ms);

/* net_slices, net_messages, net_bytes, net_oldest_ms. */
void net_stats(struct net *net, struct smx_store_stats *stats);
/* Count what earlier runs have left; may take its time.  stop: asked now and
 * then, non-zero ends it. */
void net_count(struct net *net, int (*stop)(void *ctx), void *ctx);

/* As smx_store_ops.kept. */
int net_each(struct net *net, int64_t since_ms, int64_t until_ms,
    smx_kept_fn each, void *each_ctx) SMX_MUST_USE;

#endif
