/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/* Whom to ask for a copy, whom to wait for, and for how long nobody could be
 * found. */

uint64_t
engine_may_return(struct engine *engine, const struct smx_ack *ack,
    int64_t since_ms, int64_t now_ms)
{
	uint64_t found = 0;

	engine_clock(engine, now_ms);
	for (size_t i = 0; i < engine->options.peers; i++)
		if (peer_may_return(&engine->peers[i].peer, &engine->options,
			since_ms, now_ms))
			found |= UINT64_C(1) << i;
	return found & ack->holders;
}

/* Among those that are as well as each other the preferred ones come first; in
 * each group they take turns. */
static int
standing(const struct engine *engine, const struct smx_ack *ack, size_t peer,
    int64_t now_ms)
{
	uint64_t bit = UINT64_C(1) << peer;
	int rank;

	if ((ack->holders & bit) == 0)
		return -1;
	rank = peer_rank(&engine->peers[peer].peer, &engine->options, now_ms);
	if (rank < 0)
		return -1;
	return 2 * rank + ((ack->preferred & bit) == 0);
}

size_t
engine_candidates(struct engine *engine, const struct smx_ack *ack,
    int64_t now_ms, size_t *peers, size_t max)
{
	size_t n = engine->options.peers;
	size_t found = 0;

	engine_clock(engine, now_ms);
	for (int want = 0; want <= 5; want++)
		for (size_t k = 0; k < n && found < max; k++) {
			size_t i = (engine->turn + k) % n;

			if (standing(engine, ack, i, now_ms) == want)
				peers[found++] = i;
		}
	if (n != 0)
		engine->turn = (engine->turn + 1) % n;
	return found;
}

/* ---- trouble ---- */

static unsigned
needed(const struct smx_ack *ack)
{
	return ack->min_copies == 0 ? 1 : ack->min_copies;
}

int64_t
engine_trouble_ms(struct engine *engine, const struct smx_ack *ack,
    int64_t now_ms)
{
	engine_clock(engine, now_ms);
	choice_recovered(engine, now_ms);
	return trouble_ms(&engine->troubles, ack->holders, needed(ack), now_ms);
}

void
engine_trouble(struct engine *engine, const struct smx_ack *ack, int began,
    int64_t now_ms)
{
	int changed;

	engine_clock(engine, now_ms);
	if (began)
		changed = trouble_begin(&engine->troubles, ack->holders,
		    needed(ack), now_ms);
	else
		changed =
		    trouble_end(&engine->troubles, ack->holders, needed(ack));
	if (changed && needed(ack) == ENGINE_TROUBLE_DELIVERY)
		log_event(began ? SMX_LOG_WARNING : SMX_LOG_NOTICE,
		    began ? "trouble" : "trouble_over", "of=delivery");
	else if (changed)
		log_event(began ? SMX_LOG_WARNING : SMX_LOG_NOTICE,
		    began ? "trouble" : "trouble_over", "min_copies=%u",
		    needed(ack));
}

/*
 * "Worth asking" says only that a pause is over.  A peer ends a trouble when it
 * is up and has neither failed nor refused a shadow since the last it took.
 */
void
choice_recovered(struct engine *engine, int64_t now_ms)
{
	uint64_t sound = 0;

	if (engine->troubles.count == 0)
		return;
	for (size_t i = 0; i < engine->options.peers; i++) {
		const struct peer *p = &engine->peers[i].peer;

		if (!p->drained && p->ills == 0 && p->full_ms == 0 &&
		    !p->refuses &&
		    engine_state(engine, i, now_ms) == ENGINE_PEER_UP)
			sound |= UINT64_C(1) << i;
	}
	trouble_recovered(&engine->troubles, sound);
}
