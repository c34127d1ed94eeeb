/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/*
 * The conversation with each peer: what to ask it next, and what its answer
 * means.  A heartbeat that is due goes first when the last request failed,
 * since only heartbeats end a pause and count towards a takeover.
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
	       t->lost.count < SMX_REQ_KEYS_MAX;
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
		if (witness_next(engine, peer, now_ms, request) == SMX_OK)
			return SMX_OK;
		if (notice_is_due(engine, t, now_ms))
			return notice_batch(&t->notices, request);
		if (amends_due(engine, peer) <= now_ms)
			return amends_batch(engine, peer, request);
		if (list_is_due(engine, t, now_ms)) {
			sweep_next(engine, peer, request);
			return SMX_OK;
		}
		if (fence_batch(engine, peer, request) == SMX_OK)
			return SMX_OK;
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

	if (amends_due(engine, peer) < at)
		at = amends_due(engine, peer);
	if (witness_due(engine, peer) < at)
		at = witness_due(engine, peer);
	if (engine->has_queue && t->list_wanted && t->list_ms < at)
		at = t->list_ms;
	if (ask_is_due(t) || engine->fences.peer[peer].todo != 0)
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
		t->sent_ms = now_ms;
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

	t->loses = 0;
	for (size_t i = 0; i < n; i++) {
		int r = SMX_OK;

		t->loses |= reply->answers[i] == SMX_ANSWER_LOST;

		if (reply->answers[i] == SMX_ANSWER_FINISHED)
			r = pool_add(&t->finished, &t->ask.keys[i]);
		else if (reply->answers[i] == SMX_ANSWER_LOST)
			r = pool_add_new(&t->lost, &t->ask.keys[i]);
		(void)r; /* not added: glue asks again while the row stays */
	}
	pool_drop(&t->ask, n);
	engine->work++;
}

int
engine_loses(const struct engine *engine)
{
	for (size_t i = 0; i < engine->options.peers; i++)
		if (engine->peers[i].talk.loses)
			return 1;
	return 0;
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

/* ---- outcomes ---- */

static void
answered(struct engine *engine, size_t peer, const struct smx_request *request,
    const struct smx_reply *reply, int64_t now_ms)
{
	struct peer *p = &engine->peers[peer].peer;

	hearing_hello(engine, peer, &reply->hello, 0, now_ms);
	switch (request->kind) {
	case SMX_REQ_BEAT:
		p->round_trip_ms = now_ms - p->sent_ms;
		p->ills = 0;
		p->ill_ms = 0;
		peer_beat(p, &engine->options, &reply->beat, now_ms);
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
	case SMX_REQ_AMEND:
		amends_answered(engine, peer, SMX_OK);
		break;
	case SMX_REQ_SEEN:
		witness_answered(engine, peer, reply, now_ms);
		break;
	case SMX_REQ_RETURN:
		fence_answered(engine, peer, reply, now_ms);
		break;
	default:
		break; /* not said here */
	}
}

/* An older host says no to verbs that it does not know: no reason for a pause,
 * and no sign of life, for the link knows it from the last greeting. */
static int
is_unknown_verb(const struct smx_request *request, int result)
{
	return result == SMX_EREFUSED && (request->kind == SMX_REQ_AMEND ||
					     request->kind == SMX_REQ_SEEN ||
					     request->kind == SMX_REQ_RETURN);
}

static void
failed(struct engine *engine, size_t peer, const struct smx_request *request,
    int result, int64_t now_ms)
{
	struct peer *p = &engine->peers[peer].peer;

	if (!is_unknown_verb(request, result)) {
		/* A no is a sign of life, but no reason to ask again at once.
		 */
		peer_missed(p, &engine->options, request->kind == SMX_REQ_BEAT,
		    now_ms);
		if (result == SMX_EREFUSED || result == SMX_ETEMP)
			peer_heard(p, now_ms);
	}
	if (request->kind == SMX_REQ_LIST)
		sweep_failed(engine, peer);
	if (request->kind == SMX_REQ_AMEND)
		amends_answered(engine, peer, result);
	if (request->kind == SMX_REQ_RETURN)
		fence_refused(engine, peer, result, now_ms);
}

/* Notices were confirmed: what is to be said next its caller asks for anyway,
 * and there is nothing in it for anybody else. */
static int
is_routine(const struct smx_request *request, int result)
{
	return result == SMX_OK && (request->kind == SMX_REQ_DISCARD ||
				       request->kind == SMX_REQ_ABORT);
}

void
engine_peer_result(struct engine *engine, size_t peer,
    const struct smx_request *request, int result,
    const struct smx_reply *reply, int64_t now_ms)
{
	struct engine_peer *ep;

	engine_clock(engine, now_ms);
	if (peer >= engine->options.peers)
		return;
	ep = &engine->peers[peer];
	ep->talk.busy = 0;
	if (result == SMX_OK) {
		peer_answered(&ep->peer, &engine->options, now_ms);
		lease_answered(engine, peer, now_ms);
		answered(engine, peer, request, reply, now_ms);
	} else
		failed(engine, peer, request, result, now_ms);
	engine_show_peer(engine, peer, now_ms);
	choice_recovered(engine, now_ms);
	if (!is_routine(request, result))
		engine->work++;
}
