/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_LEASE_H
#define CORE_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include "core/own.h"

/*
 * How long this host may take it that a peer has not begun to deliver its
 * messages: takeover_after less two heartbeats, from the sending of the last
 * heartbeat, or other request, that was answered.  The peer heard this host
 * then or later, and takes nothing over before takeover_after has passed.  The
 * two heartbeats are for putting messages on hold.
 *
 * Only with on_isolation = "hold".  When the lease is over the peer is
 * "isolated" from here, and what it has or may have is fenced.  That ends with
 * a LIST that began a heartbeat after the peer answered again: a claim that was
 * on its way then is in it.
 */
struct lease {
	int64_t from_ms;    /* the last answered request was sent then */
	int64_t since_ms;   /* isolated since then; meaningful when it is */
	int64_t contact_ms; /* answers again since then, 0 it does not */
	int64_t list_ms;    /* the LIST that is running began then */
};

struct engine;

void lease_init(struct engine *engine, int64_t now_ms);
/* Which leases are over by now? */
void lease_clock(struct engine *engine, int64_t now_ms);
/* A request of ours was answered. */
void lease_answered(struct engine *engine, size_t peer, int64_t now_ms);
/* It was away, as it had said, and is back: it has the time of a heartbeat or
 * two to answer before its absence counts. */
void lease_back(struct engine *engine, size_t peer, int64_t now_ms);
void lease_list_begins(struct engine *engine, size_t peer);
/* All of its LIST was read. */
void lease_listed(struct engine *engine, size_t peer, int64_t now_ms);
/* Who holds this message has changed, or its answer was given. */
void lease_message(struct engine *engine, struct own *own, int64_t now_ms);

int lease_is_over(const struct engine *engine, size_t peer);

#endif
