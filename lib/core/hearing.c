/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/* What peers say of themselves, ask us, and what came of what we asked. */

/* ---- whose keys are whose ---- */

static int
is_somebody_elses(const struct engine *engine, size_t peer,
    const uint8_t incarnation[16])
{
	if (memcmp(engine->options.incarnation, incarnation, 16) == 0)
		return 1;
	for (size_t i = 0; i < engine->options.peers; i++)
		if (i != peer &&
		    peer_has_been(&engine->peers[i].peer, incarnation))
			return 1;
	return 0;
}

int
engine_key_foreign(const struct engine *engine, size_t peer,
    const struct smx_key *key)
{
	return is_somebody_elses(engine, peer, key->incarnation);
}

/* A member that calls itself what another one is.  Who said it first has it. */
static int
is_impostor(const struct engine *engine, size_t peer,
    const struct smx_hello *hello)
{
	struct log_line l;

	if (!is_somebody_elses(engine, peer, hello->incarnation))
		return 0;
	log_begin(&l, SMX_LOG_ERR, NULL, "peer_impostor");
	engine_log_peer(engine, &l, peer);
	log_end(&l);
	return 1;
}

/* What it would not be told in its former life, a later version of it may
 * understand: all that has an amendment is told again when it lists it. */
static void
tell_again(struct engine *engine, size_t peer)
{
	struct amend_peer *told = &engine->amends.peer[peer];
	struct own *own = told->refused ? engine->own.first : NULL;

	told->refused = 0;
	for (; own != NULL; own = own->next) {
		if (((own->has | own->may) >> peer & 1) == 0 ||
		    (!own->amended && !own->held && !own->ranked))
			continue;
		own->stale = 1;
		own->sum = 0;
	}
}

void
hearing_hello(struct engine *engine, size_t peer, const struct smx_hello *hello,
    int fresh, int64_t now_ms)
{
	struct log_line l;
	char epoch[SMX_EPOCH_TEXT];
	enum peer_news news;
	int known;
	int left;

	if (is_impostor(engine, peer, hello)) {
		peer_heard(&engine->peers[peer].peer, now_ms);
		return;
	}
	known = engine->peers[peer].peer.has_hello;
	left = engine->peers[peer].peer.leaving_ms != 0;
	news = peer_hello(&engine->peers[peer].peer, hello, fresh, now_ms);
	if (news == PEER_NEWS_NONE)
		return;
	if (left && engine->peers[peer].peer.leaving_ms == 0)
		lease_back(engine, peer, now_ms);
	smx_epoch_format(&hello->epoch, epoch);
	log_begin(&l, SMX_LOG_NOTICE, NULL,
	    news == PEER_NEWS_BEHIND ? "peer_behind" : "peer_new_life");
	engine_log_peer(engine, &l, peer);
	log_str(&l, "epoch", epoch);
	log_end(&l);
	tell_again(engine, peer);
	if (known)
		again_new_life(engine, peer, now_ms);
	sweep_failed(engine, peer);
	sweep_want(engine, peer, now_ms);
}

/* ---- what peers tell and ask us ---- */

void
engine_heard(struct engine *engine, size_t peer, int64_t now_ms)
{
	engine_clock(engine, now_ms);
	if (peer >= engine->options.peers)
		return;
	peer_heard(&engine->peers[peer].peer, now_ms);
	engine_show_peer(engine, peer, now_ms);
}

void
engine_hello(struct engine *engine, size_t peer, const struct smx_hello *theirs,
    struct smx_hello *ours, int64_t now_ms)
{
	engine_clock(engine, now_ms);
	memcpy(ours->incarnation, engine->options.incarnation, 16);
	ours->epoch = engine->options.epoch;
	ours->sequence = engine->last;
	if (peer >= engine->options.peers || theirs == NULL)
		return;
	hearing_hello(engine, peer, theirs, 1, now_ms);
	engine_show_peer(engine, peer, now_ms);
}

void
engine_away(struct engine *engine, size_t peer, int64_t left_ms, int64_t now_ms)
{
	engine_clock(engine, now_ms);
	if (peer >= engine->options.peers)
		return;
	peer_leaves(&engine->peers[peer].peer, left_ms, now_ms);
	engine_show_peer(engine, peer, now_ms);
}

static enum smx_answer
query_one(const struct engine *engine, const struct smx_key *key)
{
	const struct own *own = own_find(&engine->own, key);

	if (own != NULL)
		return own->state == OWN_LOST || own->state == OWN_CORRUPT
			   ? SMX_ANSWER_LOST
			   : SMX_ANSWER_OPEN;
	if (engine_was_ours(engine, key))
		return SMX_ANSWER_FINISHED;
#ifdef MUTANT_UNKNOWN_IS_FINISHED
	return SMX_ANSWER_FINISHED;
#endif
	return SMX_ANSWER_UNKNOWN;
}

static void
query(struct engine *engine, size_t peer, const struct smx_request *request,
    struct smx_reply *reply, int64_t now_ms)
{
	int unknown = 0;

	for (size_t i = 0; i < request->count; i++) {
		reply->answers[i] = query_one(engine, &request->keys[i]);
		unknown |= reply->answers[i] == SMX_ANSWER_UNKNOWN;
	}
	/* It holds what we do not know: ask it for all, but not all the time.
	 */
	if (unknown)
		sweep_want(engine, peer, now_ms + engine->options.heartbeat_ms);
}

int
engine_request(struct engine *engine, size_t peer,
    const struct smx_request *request, struct smx_reply *reply, int64_t now_ms)
{
	struct peer *p;

	engine_clock(engine, now_ms);
	if (peer >= engine->options.peers)
		return SMX_EINVAL;
	p = &engine->peers[peer].peer;
	peer_heard(p, now_ms);
	switch (request->kind) {
	case SMX_REQ_BEAT:
		peer_beat(p, &engine->options, &request->beat, now_ms);
		reply->beat.mta =
		    engine->has_queue ? engine->queue.mta : SMX_MTA_UNKNOWN;
		reply->beat.leaving_ms = 0;
		break;
	case SMX_REQ_QUERY:
		query(engine, peer, request, reply, now_ms);
		break;
	case SMX_REQ_SEEN:
		witness_tell(engine, request, reply, now_ms);
		break;
	default:
		return SMX_EINVAL;
	}
	engine_show_peer(engine, peer, now_ms);
	return SMX_OK;
}

void
engine_ask(struct engine *engine, size_t peer, const struct smx_key *keys,
    size_t count)
{
	struct talk *t;

	if (peer >= engine->options.peers)
		return;
	t = &engine->peers[peer].talk;
	for (size_t i = 0; i < count; i++)
		if (pool_add(&t->ask, &keys[i]) != SMX_OK)
			break; /* glue finds the rest in the store again */
	engine->work++;
}

size_t
engine_finished_next(struct engine *engine, size_t *peer, struct smx_key *keys,
    size_t max)
{
	for (size_t i = 0; i < engine->options.peers; i++) {
		struct key_pool *pool = &engine->peers[i].talk.finished;
		size_t n = pool->count < max ? pool->count : max;

		if (n == 0)
			continue;
		memcpy(keys, pool->keys, n * sizeof(*keys));
		pool_drop(pool, n);
		*peer = i;
		return n;
	}
	return 0;
}
