/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_FENCE_H
#define CORE_FENCE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

#include "core/own.h"

/*
 * Own messages that this host's MTA must not deliver for now: another host may
 * be delivering them.  Decides which are put on hold, released and erased; glue
 * does it (smx_queue_ops.change) and says what came of it.
 *
 *	FREE --a holder answers for it, or the lease is over--> WANTED
 *	WANTED --on hold--> FENCED --asked (RETURN)-->
 *	     TAKEN       stays FENCED, asked again
 *	     FINISHED    ERASE, then the end of the message (DISCARD)
 *	     SHADOW, OPEN, NONE of all that could be asked: RELEASE, then FREE
 *
 * It stays FENCED while one that answers for it lives; when that one is silent
 * for takeover_after, or has no row of it any more, it is RELEASEd: this host's
 * file is the second copy.  What a person had put on hold before stays on hold.
 */
enum fence_why {
	FENCE_TAKEN = 1, /* a holder has taken it over */
	FENCE_LEASE      /* no holder can be reached: it may be taken over */
};

struct engine;

/* Both may be said as often as one likes; a message is released when the last
 * reason is gone. */
void fence_want(struct engine *engine, struct own *own, enum fence_why why,
    int64_t now_ms);
void fence_lift(struct engine *engine, struct own *own, enum fence_why why,
    int64_t now_ms);

/*
 * What is to be done now: ids lent until the next call; at most one batch of a
 * kind is out until its result.  Returns how many, 0: none until *wake_ms.
 */
size_t engine_fence_next(struct engine *engine, int64_t now_ms,
    enum smx_queue_change *what, const char **ids, size_t max,
    int64_t *wake_ms);
void engine_fence_result(struct engine *engine, enum smx_queue_change what,
    const char *const *ids, size_t count, int result, int64_t now_ms);

#endif
