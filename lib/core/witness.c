/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/*
 * A peer that is not heard from here may be heard elsewhere: before it is
 * called silent the others are asked (SEEN), and again as long as it stays so.
 */

static int64_t
answer_counts_ms(const struct engine *engine)
{
	return 2 * engine->options.heartbeat_ms;
}

static int
is_overdue(const struct engine *engine, size_t peer, int64_t now_ms)
{
	return peer_overdue(&engine->peers[peer].peer, &engine->options,
	    now_ms);
}

static int
says_it_lives(const struct engine *engine, const struct testimony *t,
    int64_t now_ms)
{
	return t->heard &&
	       now_ms - t->heard_ms < engine->options.takeover_after_ms;
}

/* Nothing of what this one says, or does not say, is in the way. */
static int
agrees(const struct engine *engine, size_t other, size_t peer, int64_t now_ms)
{
	const struct testimony *t = engine->peers[other].of;
	int64_t since = engine->peers[peer].overdue_ms;

	if (t == NULL)
		return 1;
	t += peer;
	if (t->answered && now_ms - t->answered_ms <= answer_counts_ms(engine))
		return !says_it_lives(engine, t, now_ms);
	return is_overdue(engine, other, now_ms) ||
	       (since != 0 && now_ms - since >= answer_counts_ms(engine));
}

int
witness_silent(const struct engine *engine, size_t peer, int64_t now_ms)
{
	if (!is_overdue(engine, peer, now_ms))
		return 0;
#ifdef MUTANT_SEEN_IGNORED
	return 1;
#endif
	for (size_t i = 0; i < engine->options.peers; i++)
		if (i != peer && !agrees(engine, i, peer, now_ms))
			return 0;
	return 1;
}

void
witness_look(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct engine_peer *ep = &engine->peers[peer];

	if (!is_overdue(engine, peer, now_ms)) {
		ep->overdue_ms = 0;
		return;
	}
	if (ep->overdue_ms != 0)
		return;
	ep->overdue_ms = now_ms == 0 ? 1 : now_ms;
	for (size_t i = 0; i < engine->options.peers; i++)
		if (engine->peers[i].of != NULL)
			memset(&engine->peers[i].of[peer], 0,
			    sizeof(struct testimony));
	engine->work++;
}

enum engine_peer_state
engine_state(const struct engine *engine, size_t peer, int64_t now_ms)
{
	enum engine_peer_state state =
	    peer_state(&engine->peers[peer].peer, &engine->options, now_ms);

	if (state == ENGINE_PEER_SILENT &&
	    !witness_silent(engine, peer, now_ms))
		return ENGINE_PEER_QUIET;
	return state;
}

/* ---- asking ---- */

int64_t
witness_due(const struct engine *engine, size_t peer)
{
	const struct testimony *t = engine->peers[peer].of;
	int64_t at = INT64_MAX;

	for (size_t i = 0; t != NULL && i < engine->options.peers; i++)
		if (i != peer && engine->peers[i].overdue_ms != 0 &&
		    t[i].next_ms < at)
			at = t[i].next_ms;
	return at;
}

int
witness_next(struct engine *engine, size_t peer, int64_t now_ms,
    struct smx_request *request)
{
	struct testimony *t = engine->peers[peer].of;

	for (size_t i = 0; t != NULL && i < engine->options.peers; i++) {
		if (i == peer || engine->peers[i].overdue_ms == 0 ||
		    t[i].next_ms > now_ms)
			continue;
		t[i].next_ms = now_ms + engine->options.heartbeat_ms;
		engine->peers[peer].asked_of = i;
		request->kind = SMX_REQ_SEEN;
		request->node = engine->options.names[i];
		return SMX_OK;
	}
	return SMX_ENOTFOUND;
}

/* Once for each silence: nothing is taken over as long as this is so. */
static void
log_seen(const struct engine *engine, size_t peer, size_t by)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "takeover_waits");
	engine_log_peer(engine, &l, peer);
	log_str(&l, "seen_by", engine->options.names[by]);
	log_end(&l);
}

void
witness_answered(struct engine *engine, size_t peer,
    const struct smx_reply *reply, int64_t now_ms)
{
	struct testimony *t = engine->peers[peer].of;

	if (t == NULL)
		return;
	t += engine->peers[peer].asked_of;
	t->answered = 1;
	t->answered_ms = now_ms;
	t->heard = reply->ago_ms >= 0;
	t->heard_ms = now_ms - reply->ago_ms;
	if (!t->told && says_it_lives(engine, t, now_ms) &&
	    is_overdue(engine, engine->peers[peer].asked_of, now_ms)) {
		t->told = 1;
		log_seen(engine, engine->peers[peer].asked_of, peer);
	}
}

/* ---- being asked ---- */

void
witness_tell(const struct engine *engine, const struct smx_request *request,
    struct smx_reply *reply, int64_t now_ms)
{
	reply->ago_ms = -1;
	if (engine->options.names == NULL || request->node == NULL)
		return;
	for (size_t i = 0; i < engine->options.peers; i++) {
		const struct peer *p = &engine->peers[i].peer;

		if (p->heard &&
		    strcmp(engine->options.names[i], request->node) == 0)
			reply->ago_ms =
			    now_ms > p->heard_ms ? now_ms - p->heard_ms : 0;
	}
}
