/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_LINEAGE_H
#define CORE_LINEAGE_H

#include <shadowmx/queue.h>

/*
 * Where a queue comes from, and whether something that was noted with an epoch
 * belongs to its past.
 */
enum lineage {
	LINEAGE_SAME = 0, /* this queue, without a break */
	LINEAGE_BACK,     /* this queue was brought back to before that */
	LINEAGE_OTHER,    /* another queue */
	LINEAGE_UNKNOWN
};
enum lineage lineage_of(const struct smx_queue_state *state,
    const struct smx_epoch *noted);

#endif
