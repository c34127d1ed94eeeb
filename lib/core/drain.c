/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "core/inside.h"

/* A member that is to be emptied before its maintenance: no new copies go
 * there, and what is there already ends as usual. */

void
engine_drain(struct engine *engine, size_t peer, int on)
{
	struct log_line l;

	if (peer >= engine->options.peers)
		return;
	if (engine->peers[peer].peer.drained == (on != 0))
		return;
	engine->peers[peer].peer.drained = on != 0;
	log_begin(&l, SMX_LOG_NOTICE, NULL, on ? "drained" : "undrained");
	engine_log_peer(engine, &l, peer);
	log_end(&l);
	again_peer(engine, peer, engine->now_ms);
}

void
engine_sole(const struct engine *engine, uint64_t *sole)
{
	memset(sole, 0, engine->options.peers * sizeof(*sole));
	for (const struct own *o = engine->own.first; o != NULL; o = o->next) {
		size_t i = 0;

		if (o->has == 0 || (o->has & (o->has - 1)) != 0)
			continue;
		while ((o->has >> i & 1) == 0)
			i++;
		sole[i]++;
	}
}
