/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/*
 * The conversation with each peer: what to ask it next, what its answer means,
 * and what we answer.  A heartbeat that is due goes first when the last request
 * failed, since only heartbeats end a pause and count towards a takeover.
 */

/* ---- what to ask ---- */

static int
beat_request(struct engine *engine, size_t peer, int64_t now_ms,
    struct smx_request *request)
{
	engine->peers[peer].peer.sent_ms = now_ms;
	request->kind = SMX_REQ_BEAT;
	request->beat.mta =
	    engine->has_queue ? engine->queue.mta : SMX_MTA_UNKNOWN;
	return SMX_OK;
}

static int
notice_is_due(const struct engine *engine, const struct talk *t, int64_t now_ms)
{
	return notice_due(&t->notices, engine->options.batch_delay_ms) <=
	       now_ms;
}

/* Without the queue's state the rows in a LIST could not be judged. */
static int
list_is_due(const struct engine *engine, const struct talk *t, int64_t now_ms)
{
	return engine->has_queue && t->list_wanted &&
	       (t->listing || t->list_ms <= now_ms);
}

static int
ask_is_due(const struct talk *t)
{
	return t->ask.count != 0 && t->finished.count == 0 &&
	       t->lost.count == 0;
}

static int
choose(struct engine *engine, size_t peer, int64_t now_ms,
    struct smx_request *request)
{
	struct engine_peer *ep = &engine->peers[peer];
	struct talk *t = &ep->talk;
	int beat = ep->peer.beat_ms <= now_ms;

	if (beat && (ep->peer.fails != 0 || !ep->peer.has_hello))
		return beat_request(engine, peer, now_ms, request);
	if (ep->peer.again_ms <= now_ms) {
		if (notice_is_due(engine, t, now_ms))
			return notice_batch(&t->notices, request);
		if (list_is_due(engine, t, now_ms)) {
			sweep_next(engine, peer, request);
			return SMX_OK;
		}
		if (ask_is_due(t)) {
			t->asking = t->ask.count;
			request->kind = SMX_REQ_QUERY;
			request->keys = t->ask.keys;
			request->count = t->asking;
			return SMX_OK;
		}
	}
	if (beat)
		return beat_request(engine, peer, now_ms, request);
	return SMX_ENOTFOUND;
}

static int64_t
wake(const struct engine *engine, size_t peer)
{
	const struct engine_peer *ep = &engine->peers[peer];
	const struct talk *t = &ep->talk;
	int64_t at = notice_due(&t->notices, engine->options.batch_delay_ms);

	if (engine->has_queue && t->list_wanted && t->list_ms < at)
		at = t->list_ms;
	if (ask_is_due(t))
		at = 0;
	if (at < ep->peer.again_ms)
		at = ep->peer.again_ms;
	return at < ep->peer.beat_ms ? at : ep->peer.beat_ms;
}

int
engine_peer_next(struct engine *engine, size_t peer, int64_t now_ms,
    struct smx_request *request, int64_t *wake_ms)
{
	struct talk *t;
	int r;

	engine_clock(engine, now_ms);
	*wake_ms = now_ms + engine->options.heartbeat_ms;
	if (peer >= engine->options.peers)
		return SMX_ENOTFOUND;
	t = &engine->peers[peer].talk;
	if (t->busy != 0)
		return SMX_ENOTFOUND;
	engine_show_peer(engine, peer, now_ms);
	memset(request, 0, sizeof(*request));
	r = choose(engine, peer, now_ms, request);
	if (r == SMX_OK) {
		t->busy = (int)request->kind;
		return SMX_OK;
	}
	if (r == SMX_ENOTFOUND && wake(engine, peer) < *wake_ms)
		*wake_ms = wake(engine, peer);
	else if (r != SMX_ENOTFOUND)
		*wake_ms = now_ms + engine->options.retry_ms;
	return SMX_ENOTFOUND;
}

/* ---- what the answer means ---- */

static void
query_answered(struct engine *engine, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply)
{
	struct talk *t = &engine->peers[peer].talk;
	size_t n = request->count < t->asking ? request->count : t->asking;

	for (size_t i = 0; i < n; i++) {
		int r = SMX_OK;

		if (reply->answers[i] == SMX_ANSWER_FINISHED)
			r = pool_add(&t->finished, &t->ask.keys[i]);
		else if (reply->answers[i] == SMX_ANSWER_LOST)
			r = pool_add(&t->lost, &t->ask.keys[i]);
		(void)r; /* not added: glue asks again while the row stays */
	}
	pool_drop(&t->ask, n);
	engine->work++;
}

static void
notices_answered(struct engine *engine, size_t peer,
    const struct smx_reply *reply)
{
	struct log_line l;

	if (reply->foreign != 0) {
		log_begin(&l, SMX_LOG_ERR, NULL, "notices_foreign");
		engine_log_peer(engine, &l, peer);
		log_num(&l, "count", (int64_t)reply->foreign);
		log_end(&l);
	}
	notice_confirmed(&engine->peers[peer].talk.notices);
}

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

static void
hello_news(struct engine *engine, size_t peer, const struct smx_hello *hello,
    int fresh, int64_t now_ms)
{
	struct log_line l;
	char epoch[SMX_EPOCH_TEXT];
	enum peer_news news;

	if (is_impostor(engine, peer, hello)) {
		peer_heard(&engine->peers[peer].peer, now_ms);
		return;
	}
	news = peer_hello(&engine->peers[peer].peer, hello, fresh, now_ms);
	if (news == PEER_NEWS_NONE)
		return;
	smx_epoch_format(&hello->epoch, epoch);
	log_begin(&l, SMX_LOG_NOTICE, NULL,
	    news == PEER_NEWS_BEHIND ? "peer_behind" : "peer_new_life");
	engine_log_peer(engine, &l, peer);
	log_str(&l, "epoch", epoch);
	log_end(&l);
	sweep_failed(engine, peer);
	sweep_want(engine, peer, now_ms);
}

static void
answered(struct engine *engine, size_t peer, const struct smx_request *request,
    const struct smx_reply *reply, int64_t now_ms)
{
	struct peer *p = &engine->peers[peer].peer;

	hello_news(engine, peer, &reply->hello, 0, now_ms);
	switch (request->kind) {
	case SMX_REQ_BEAT:
		p->round_trip_ms = now_ms - p->sent_ms;
		p->ills = 0;
		p->ill_ms = 0;
		peer_beat(p, &reply->beat, now_ms);
		break;
	case SMX_REQ_DISCARD:
	case SMX_REQ_ABORT:
		notices_answered(engine, peer, reply);
		break;
	case SMX_REQ_QUERY:
		query_answered(engine, peer, request, reply);
		break;
	case SMX_REQ_LIST:
		sweep_page(engine, peer, request, reply, now_ms);
		break;
	}
}

void
engine_peer_result(struct engine *engine, size_t peer,
    const struct smx_request *request, int result,
    const struct smx_reply *reply, int64_t now_ms)
{
	struct engine_peer *ep;
	int beat = request->kind == SMX_REQ_BEAT;

	engine_clock(engine, now_ms);
	if (peer >= engine->options.peers)
		return;
	ep = &engine->peers[peer];
	ep->talk.busy = 0;
	if (result == SMX_OK) {
		peer_answered(&ep->peer, &engine->options, now_ms);
		answered(engine, peer, request, reply, now_ms);
	} else {
		/* A no is a sign of life, but no reason to ask again at once.
		 */
		peer_missed(&ep->peer, &engine->options, beat, now_ms);
		if (result == SMX_EREFUSED || result == SMX_ETEMP)
			peer_heard(&ep->peer, now_ms);
		if (request->kind == SMX_REQ_LIST)
			sweep_failed(engine, peer);
	}
	engine_show_peer(engine, peer, now_ms);
	engine->work++;
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
	hello_news(engine, peer, theirs, 1, now_ms);
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
		peer_beat(p, &request->beat, now_ms);
		reply->beat.mta =
		    engine->has_queue ? engine->queue.mta : SMX_MTA_UNKNOWN;
		reply->beat.leaving_ms = 0;
		break;
	case SMX_REQ_QUERY:
		query(engine, peer, request, reply, now_ms);
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
