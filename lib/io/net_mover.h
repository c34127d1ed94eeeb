/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_NET_MOVER_H
#define IO_NET_MOVER_H

#include <stdint.h>

#include <shadowmx/store.h>

#include "io/net.h"
#include "io/store_body.h"
#include "io/store_net.h"
#include "io/store_work.h"

/*
 * Moves what has ended from the store into the net: a thread that nobody waits
 * for.  A row goes only after the slice that has it is synced; a stop between
 * the two leaves it in both, and the next run adds it once more.
 */
struct mover;

struct mover_options {
	const char *path; /* of the database */
	struct bodies bodies;
	struct workq *queue;
	struct net_gate *gate;
	struct net *net;
};

int mover_start(struct mover **out,
    const struct mover_options *options) SMX_MUST_USE;
void mover_stop(struct mover **mover);
/* Wait until all that had ended by now is in the net, or was lost to it; at
 * most so long.  SMX_ETIMEOUT. */
int mover_flush(struct mover *mover, int64_t wait_ms) SMX_MUST_USE;

#endif
