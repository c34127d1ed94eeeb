/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_ROUTES_H
#define GLUE_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

#include "core/nexthop.h"

/*
 * What "mta" among the next hops of a policy stands for: where the MTA itself
 * would send mail to this recipient.  Answers are kept for a minute, each for
 * its sender and recipient (transport tables may name single addresses), at
 * most ROUTES_MAX; a failure for a second, so that a silent MTA does not cost
 * every recipient its time.  Any thread.
 */
#define ROUTES_MAX       4096
#define ROUTES_KEEP_MS   60000
#define ROUTES_FAILED_MS 1000

struct routes;
/* queue: lent until routes_free; NULL, or without route: nothing is found. */
int routes_new(struct routes **out, const struct smx_queue *queue) SMX_MUST_USE;
void routes_free(struct routes **routes);
/* Forget all: the MTA's tables are another one's. */
void routes_forget(struct routes *routes);

/*
 * The next hops in the order in which the MTA would try them; *count: room in,
 * how many out, at least one with SMX_OK.  None of them is NEXTHOP_MTA.
 * SMX_ENOTFOUND: the MTA delivers this itself, by a program, or not at all, and
 * nobody but it can; SMX_ETIMEOUT, SMX_EUNREACHABLE, SMX_EIO: it did not say,
 * which is no reason to refuse.  Blocks until then at most.
 */
int routes_find(struct routes *routes, const char *sender,
    const char *recipient, struct nexthop *out, size_t *count,
    int64_t until_mono_ms) SMX_MUST_USE;

#endif
