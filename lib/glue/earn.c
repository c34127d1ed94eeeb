/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/earn.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "core/hold.h"
#include "glue/node.h"

/* The first calls to waiting come soon, so that whatever has to happen while a
 * thread of the milter is blocked happens before anybody notices; most ends of
 * message are over before the very first. */
#define FIRST_WAITING_MS  2
#define SECOND_WAITING_MS 20
#define WAITING_MS        1000

/* Times here are CLOCK_MONOTONIC, as the link wants them; only what goes to the
 * engine is in node_now_ms(). */
struct earning {
	const struct earn_request *request;
	struct earn_result *result;
	const struct smx_link *link;
	struct smx_shadow shadow;
	struct hold hold;
	struct smx_call *call[HOLD_PEERS_MAX];
	size_t peer[HOLD_PEERS_MAX];
	size_t calls;
	int64_t began_ms;
	int64_t waiting_ms; /* when to call waiting next */
};

static int
begin(struct earning *e)
{
	const struct earn_request *request = e->request;
	struct engine_message message;
	size_t peers[HOLD_PEERS_MAX];
	size_t count = 0;
	struct engine *core;
	int rc;

	memset(&message, 0, sizeof(message));
	message.queue_id = request->shadow.queue_id;
	message.size = request->shadow.content->size;
	message.recipients = request->shadow.recipients;
	core = node_enter(request->engine);
	rc = engine_begin(core, &message, node_now_ms(), &e->result->key);
	if (rc == SMX_OK && request->ask)
		count = engine_candidates(core, node_now_ms(), peers,
		    HOLD_PEERS_MAX);
	node_leave(request->engine);
	e->shadow.key = e->result->key;
	if (rc == SMX_OK)
		hold_begin(&e->hold, request->ack, peers, count, e->began_ms);
	return rc;
}

static void
answer(struct earning *e, size_t peer, int result)
{
	struct smx_engine *engine = e->request->engine;
	struct engine *core = node_enter(engine);

	engine_sent(core, &e->result->key, peer, result, node_now_ms());
	node_leave(engine);
	hold_answer(&e->hold, peer, result, clock_mono_ms());
	if (result == SMX_OK) {
		e->result->confirmed++;
		e->result->peer = peer;
	} else {
		e->result->last_error = result;
	}
}

static void
send(struct earning *e, const struct hold_step *step)
{
	struct smx_call *call = NULL;
	int rc;

	e->result->asked++;
	rc = e->link->ops->shadow(e->link->ctx, step->peer, &e->shadow,
	    step->until_ms, &call);
	if (rc != SMX_OK) {
		answer(e, step->peer, rc);
		return;
	}
	e->call[e->calls] = call;
	e->peer[e->calls] = step->peer;
	e->calls++;
}

static void
finish(struct earning *e, size_t which)
{
	size_t peer = e->peer[which];
	int rc = e->link->ops->finish(e->link->ctx, &e->call[which], NULL, 0);

	e->calls--;
	e->call[which] = e->call[e->calls];
	e->peer[which] = e->peer[e->calls];
	answer(e, peer, rc);
}

static void
finish_all(struct earning *e)
{
	while (e->calls > 0)
		finish(e, e->calls - 1);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
wait_for(struct earning *e, int64_t until_ms)
{
	size_t which = 0;
	int64_t left;
	int rc;

	if (e->request->waiting != NULL)
		until_ms = earlier(until_ms, e->waiting_ms);
	if (e->calls == 0) {
		left = until_ms - clock_mono_ms();
		if (left > 0)
			(void)poll(NULL, 0, (int)earlier(left, WAITING_MS));
		return;
	}
	rc = e->link->ops->wait(e->link->ctx, e->call, e->calls, until_ms,
	    &which);
	if (rc == SMX_OK && which < e->calls)
		finish(e, which);
	else if (rc != SMX_ETIMEOUT)
		finish_all(e); /* a link that cannot wait cannot be asked */
}

static void
tell_waiting(struct earning *e)
{
	const struct earn_request *request = e->request;
	int64_t now = clock_mono_ms();

	if (request->waiting == NULL || now < e->waiting_ms)
		return;
	if (now - e->began_ms < SECOND_WAITING_MS)
		e->waiting_ms = e->began_ms + SECOND_WAITING_MS;
	else
		e->waiting_ms =
		    now - (now - e->began_ms) % WAITING_MS + WAITING_MS;
	if (request->waiting(request->waiting_ctx, now - e->began_ms) != 0) {
		e->result->gave_up = 1;
		hold_give_up(&e->hold);
	}
}

/* Nobody is left: is somebody back, or may be soon? */
static void
look_again(struct earning *e)
{
	struct smx_engine *engine = e->request->engine;
	struct engine *core = node_enter(engine);
	size_t peers[HOLD_PEERS_MAX];
	size_t count;
	int64_t left;

	count = engine_candidates(core, node_now_ms(), peers, HOLD_PEERS_MAX);
	left = engine_patience_ms(core, node_now_ms());
	node_leave(engine);
	hold_again(&e->hold, peers, count, left, clock_mono_ms());
}

static void
run(struct earning *e)
{
	struct hold_step step;

	for (;;) {
		if (e->request->ask &&
		    hold_is_starved(&e->hold, clock_mono_ms()))
			look_again(e);
		hold_next(&e->hold, clock_mono_ms(), &step);
		if (step.what == HOLD_DONE)
			return;
		if (step.what == HOLD_SEND && e->calls < HOLD_PEERS_MAX)
			send(e, &step);
		else
			wait_for(e, step.until_ms);
		tell_waiting(e);
	}
}

/* Before the MTA can hear the answer, core knows who may have a copy and what
 * the answer is. */
static void
conclude(struct earning *e)
{
	struct smx_engine *engine = e->request->engine;
	enum engine_verdict verdict = ENGINE_REFUSED;
	struct engine *core;

	finish_all(e);
	e->result->earned = SMX_EARNED_NOTHING;
	if (e->hold.state == HOLD_GRANTED) {
		verdict = ENGINE_PROTECTED;
		e->result->earned = SMX_EARNED_SHADOWED;
	} else if (e->hold.state == HOLD_UNPROTECTED) {
		verdict = ENGINE_UNPROTECTED;
		e->result->earned = SMX_EARNED_UNPROTECTED;
	}
	if (verdict == ENGINE_UNPROTECTED)
		node_unprotected(engine, &e->result->key,
		    e->request->shadow.queue_id);
	core = node_enter(engine);
	engine_verdict(core, &e->result->key, verdict, node_now_ms());
	node_leave(engine);
}

int
earn(const struct earn_request *request, struct earn_result *result)
{
	struct earning e;
	int rc;

	memset(&e, 0, sizeof(e));
	memset(result, 0, sizeof(*result));
	e.request = request;
	e.result = result;
	e.link = node_ports(request->engine)->link;
	e.shadow = request->shadow;
	e.began_ms = clock_mono_ms();
	e.waiting_ms = e.began_ms + FIRST_WAITING_MS;
	rc = begin(&e);
	if (rc != SMX_OK)
		return rc;
	run(&e);
	conclude(&e);
	return SMX_OK;
}
