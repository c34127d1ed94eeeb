/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/lineage.h"

#include <string.h>

static const uint8_t nothing[16];

static int
has_had(const struct smx_queue_state *state, uint64_t counter)
{
	for (size_t i = 0; i < state->spans; i++)
		if (counter >= state->span[i].first &&
		    counter <= state->span[i].last)
			return 1;
	return 0;
}

enum lineage
lineage_of(const struct smx_queue_state *state, const struct smx_epoch *noted)
{
	if (memcmp(noted->id, nothing, 16) == 0 ||
	    memcmp(state->epoch.id, nothing, 16) == 0)
		return LINEAGE_UNKNOWN;
	if (!smx_epoch_same(noted, &state->epoch))
		return LINEAGE_OTHER;
#ifdef MUTANT_BACK_UNSEEN
	return LINEAGE_SAME;
#endif
	if (noted->counter > state->epoch.counter)
		return LINEAGE_BACK;
	if (state->first == 0 || noted->counter >= state->first ||
	    has_had(state, noted->counter))
		return LINEAGE_SAME;
	if (state->forgot && state->spans != 0 &&
	    noted->counter < state->span[0].first)
		return LINEAGE_UNKNOWN;
	return LINEAGE_BACK;
}
