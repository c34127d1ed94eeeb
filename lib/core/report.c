/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/* What the engine tells people: states, counts, the open messages. */

void
engine_log_peer(const struct engine *engine, struct log_line *line, size_t peer)
{
	if (engine->options.names != NULL)
		log_str(line, "peer", engine->options.names[peer]);
	else
		log_num(line, "peer", (int64_t)peer);
}

void
engine_show_peer(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct peer *p = &engine->peers[peer].peer;
	enum engine_peer_state state;
	struct log_line l;

	witness_look(engine, peer, now_ms);
	state = engine_state(engine, peer, now_ms);
	/* Whoever takes it over stops then, and has to be told again. */
	if (state != ENGINE_PEER_SILENT)
		p->silent_done = 0;
	if (state == p->shown)
		return;
	log_begin(&l,
	    state == ENGINE_PEER_SILENT ? SMX_LOG_WARNING : SMX_LOG_NOTICE,
	    NULL, "peer_state");
	engine_log_peer(engine, &l, peer);
	log_str(&l, "from", engine_peer_state_name(p->shown));
	log_str(&l, "to", engine_peer_state_name(state));
	log_end(&l);
	if (state == ENGINE_PEER_UP &&
	    (p->shown == ENGINE_PEER_QUIET || p->shown == ENGINE_PEER_SILENT))
		sweep_recovered(engine, peer, now_ms);
	p->shown = state;
	again_peer(engine, peer, now_ms);
}

void
engine_peer_info(const struct engine *engine, size_t peer, int64_t now_ms,
    struct engine_peer_info *info)
{
	const struct engine_peer *ep;

	memset(info, 0, sizeof(*info));
	if (peer >= engine->options.peers)
		return;
	ep = &engine->peers[peer];
	info->state = engine_state(engine, peer, now_ms);
	info->heard_ago_ms = -1;
	if (ep->peer.heard)
		info->heard_ago_ms =
		    now_ms > ep->peer.heard_ms ? now_ms - ep->peer.heard_ms : 0;
	info->round_trip_ms = ep->peer.round_trip_ms;
	info->notices = notice_waiting(&ep->talk.notices);
	info->copies = ep->copies;
	info->drained = ep->peer.drained;
	info->mta = ep->peer.mta;
	info->mta_down_ms = -1;
	if (ep->peer.mta_down_ms != 0)
		info->mta_down_ms = now_ms - ep->peer.mta_down_ms;
	info->isolated_ms = -1;
	if (lease_is_over(engine, peer))
		info->isolated_ms = now_ms - ep->lease.since_ms;
	info->has_epoch = peer_has_epoch(&ep->peer);
	info->epoch = ep->peer.hello.epoch;
}

void
engine_counts(const struct engine *engine, int64_t now_ms,
    struct engine_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->open = engine->own.count;
	counts->accepted = engine->accepted;
	counts->accepted_unprotected = engine->accepted_unprotected;
	counts->accepted_short = engine->accepted_short;
	counts->passed = engine->passed_by;
	counts->amended = engine->amends.confirmed;
	counts->refused = engine->refused;
	counts->finished = engine->finished;
	counts->resends = engine->resends.messages;
	counts->resent = engine->resends.recipients;
	counts->to_copy = engine->again.count;
	counts->copied = engine->copied;
	for (const struct own *o = engine->own.first; o != NULL; o = o->next) {
		int64_t age = now_ms - o->began_ms;

		counts->holding += o->state == OWN_HOLDING;
		counts->doubtful += o->doubtful;
		counts->isolated += o->leased;
		counts->short_copies += o->short_copies;
		if (!o->unprotected)
			continue;
		counts->unprotected++;
		if (age > counts->unprotected_oldest_ms)
			counts->unprotected_oldest_ms = age;
	}
}

static void
open_fill(const struct engine *engine, const struct own *own, int64_t now_ms,
    struct engine_open *open)
{
	memset(open, 0, sizeof(*open));
	open->key = own->key;
	open->queue_id = own_id(own);
	open->state = own_state_name(own);
	open->unprotected = own->unprotected;
	open->short_copies = own->short_copies;
	open->held = own->held;
	open->fence = engine_fence_word(engine, own);
	open->isolated = own->leased;
	open->age_ms = now_ms > own->began_ms ? now_ms - own->began_ms : 0;
	for (unsigned i = 0; i < own->ranks; i++)
		open->holders[open->holder_count++] = own->rank[i];
	/* Found after a restart: in no promised order. */
	for (size_t i = 0; !own->ranked && i < engine->options.peers; i++)
		if ((own->has >> i & 1) != 0 &&
		    open->holder_count < OWN_RANKS_MAX)
			open->holders[open->holder_count++] = i;
}

int
engine_open_get(const struct engine *engine, const struct smx_key *key,
    int64_t now_ms, struct engine_open *open)
{
	const struct own *own = own_find(&engine->own, key);

	if (own == NULL)
		return SMX_ENOTFOUND;
	open_fill(engine, own, now_ms, open);
	return SMX_OK;
}

size_t
engine_open_by_id(const struct engine *engine, const char *id, int64_t now_ms,
    struct engine_open *list, size_t max)
{
	size_t n = 0;

	for (const struct own *o = own_first_id(&engine->own, id);
	     o != NULL && n < max; o = own_next_id(o))
		open_fill(engine, o, now_ms, &list[n++]);
	return n;
}

int
engine_each_open(struct engine *engine, int64_t now_ms,
    int (*each)(void *ctx, const struct engine_open *open), void *ctx)
{
	for (struct own *o = engine->own.first; o != NULL; o = o->next) {
		struct engine_open open;
		int r;

		open_fill(engine, o, now_ms, &open);
		r = each(ctx, &open);
		if (r != 0)
			return r;
	}
	return 0;
}
