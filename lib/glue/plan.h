/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_PLAN_H
#define GLUE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/link.h>

#include "core/engine.h"
#include "core/hold.h"

/*
 * Who a shadow says is meant to hold it.  The set can change while holders are
 * asked, and a shadow on its way still points at what it says: so each wording
 * is a plan of its own, kept until all calls of the message are over.
 */
struct plan {
	struct plan *next;
	size_t count;
	size_t peer[HOLD_PEERS_MAX];
	struct smx_shadow shadow; /* with holders */
	char names[];
};

/* What each holder was told, in the order in which they were asked. */
struct plans {
	struct engine_ranks there; /* who had it before anybody was asked */
	struct plan *all;          /* the latest first */
	size_t told;
	struct plan_told {
		size_t peer;
		const struct plan *plan; /* NULL: two different ones */
		int may;                 /* it has the copy, or may */
	} by[HOLD_PEERS_MAX];
};

/* The shadow to send to peer now, as hold means it.  NULL: no memory. */
const struct smx_shadow *plan_shadow(struct plans *plans,
    const struct smx_engine *node, const struct smx_shadow *shadow,
    const struct hold *hold, size_t peer);
/* What peer answered. */
void plan_answer(struct plans *plans, size_t peer, int result);
/* Who has it in the end, once all have answered. */
void plan_ranks(const struct plans *plans, const struct hold *hold,
    struct engine_ranks *ranks);
void plans_free(struct plans *plans);

#endif
