/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/earn.h"

#include <poll.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/hold.h"
#include "glue/node.h"
#include "glue/plan.h"

/* The first calls to waiting come soon, so that whatever has to happen while a
 * thread of the milter is blocked happens before anybody notices; most ends of
 * message are over before the very first. */
#define FIRST_WAITING_MS  5
#define SECOND_WAITING_MS 20
#define THIRD_WAITING_MS  100
#define WAITING_MS        1000
/* What has become of those that have confirmed, while others are waited for. */
#define LOOK_MS 100

/* Times here are CLOCK_MONOTONIC, as the link wants them; only what goes to the
 * engine is in node_now_ms(). */
struct earning {
	const struct earn_request *request;
	struct earn_result *result;
	const struct smx_link *link;
	struct smx_shadow shadow;
	struct smx_ack ack;
	struct hold hold;
	struct plans plans;
	struct smx_call *call[HOLD_PEERS_MAX];
	size_t peer[HOLD_PEERS_MAX];
	size_t calls;
	int64_t began_ms;
	int64_t since_ms;   /* the same, as core counts */
	int64_t waiting_ms; /* when to call waiting next */
	int64_t look_ms;    /* when to ask core about the holders next */
};

static unsigned
wanted(const struct smx_ack *ack)
{
	if ((ack->when & SMX_WHEN_SHADOWED) == 0)
		return 0;
	return ack->copies == 0 ? 1 : ack->copies;
}

/* "tempfail" for a time, then "accept". */
static void
look_at_trouble(struct earning *e, struct engine *core)
{
	int64_t lasted;

	e->ack = *e->request->ack;
	if (e->ack.when_unprotected != SMX_UNPROTECTED_TEMPFAIL ||
	    e->ack.tempfail_ms <= 0)
		return;
	lasted = engine_trouble_ms(core, e->request->ack, node_now_ms());
	if (lasted >= e->ack.tempfail_ms) {
		e->ack.when_unprotected = SMX_UNPROTECTED_ACCEPT;
		e->result->trouble_ms = lasted;
	}
}

/* Only what is missing, and of those that can have it. */
static void
look_at_copies(struct earning *e, struct engine *core)
{
	e->result->enough = !engine_copy_ask(core, e->request->known, &e->ack,
	    &e->plans.there, node_now_ms());
	e->result->there = e->plans.there.count;
	if (e->result->enough)
		e->ack.when = 0;
}

static int
begin(struct earning *e)
{
	const struct earn_request *request = e->request;
	struct engine_message message;
	size_t peers[HOLD_PEERS_MAX];
	size_t count = 0;
	struct engine *core;
	int rc = SMX_OK;

	memset(&message, 0, sizeof(message));
	message.queue_id = request->shadow.queue_id;
	message.size = request->shadow.content->size;
	message.recipients = request->shadow.recipients;
	message.copies = e->result->wanted = wanted(request->ack);
	message.envelope_sum = request->envelope_sum;
	message.hold_until_ms = request->hold_until_ms;
	core = node_enter(request->engine);
	if (request->known != NULL)
		e->result->key = *request->known;
	else
		rc = engine_begin(core, &message, node_now_ms(),
		    &e->result->key);
	look_at_trouble(e, core);
	if (request->known != NULL)
		look_at_copies(e, core);
	if (rc == SMX_OK && request->ask && !e->result->enough)
		count = engine_candidates(core, &e->ack, node_now_ms(), peers,
		    HOLD_PEERS_MAX);
	node_leave(request->engine);
	e->shadow.key = e->result->key;
	if (rc == SMX_OK)
		hold_begin(&e->hold, &e->ack, peers, count, e->began_ms);
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
	plan_answer(&e->plans, peer, result);
	if (result != SMX_OK && result != SMX_EEXIST)
		e->result->last_error = result;
}

static void
send(struct earning *e, const struct hold_step *step)
{
	const struct smx_shadow *shadow = plan_shadow(&e->plans,
	    e->request->engine, &e->shadow, &e->hold, step->peer);
	struct smx_call *call = NULL;
	int rc = SMX_ENOMEM;

	e->result->asked++;
	if (shadow != NULL)
		rc = e->link->ops->shadow(e->link->ctx, step->peer, shadow,
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
	if (e->look_ms > clock_mono_ms())
		until_ms = earlier(until_ms, e->look_ms);
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
	else if (now - e->began_ms < THIRD_WAITING_MS)
		e->waiting_ms = e->began_ms + THIRD_WAITING_MS;
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
	int64_t now = node_now_ms();
	uint64_t awaited;
	size_t count;

	count = engine_candidates(core, &e->ack, now, peers, HOLD_PEERS_MAX);
	awaited = engine_may_return(core, &e->ack, e->since_ms, now);
	node_leave(engine);
	hold_again(&e->hold, peers, count, awaited, clock_mono_ms());
}

static void
look_at_holders(struct earning *e)
{
	struct smx_engine *engine = e->request->engine;
	int64_t now = clock_mono_ms();

	if (now < e->look_ms)
		return;
	e->look_ms = now + LOOK_MS;
	(void)engine_hold_look(node_enter(engine), &e->result->key, &e->hold);
	node_leave(engine);
}

static void
run(struct earning *e)
{
	struct hold_step step;

	e->look_ms = clock_mono_ms() + LOOK_MS;
	for (;;) {
		look_at_holders(e);
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

static enum smx_earned
earned(const struct earning *e)
{
	if (e->hold.state == HOLD_REFUSED || e->hold.state == HOLD_ASKING)
		return SMX_EARNED_NOTHING;
	if (e->hold.copies >= e->result->wanted)
		return SMX_EARNED_SHADOWED;
	return e->hold.copies > 0 ? SMX_EARNED_SHORT : SMX_EARNED_UNPROTECTED;
}

static int
too_few(const struct earning *e)
{
	unsigned least = e->request->ack->min_copies;

	return e->hold.copies < (least == 0 ? 1 : least);
}

static enum engine_verdict
verdict(enum smx_earned earned)
{
	switch (earned) {
	case SMX_EARNED_SHADOWED:
	case SMX_EARNED_SHORT:
		return ENGINE_PROTECTED;
	case SMX_EARNED_UNPROTECTED:
		return ENGINE_UNPROTECTED;
	default:
		return ENGINE_REFUSED;
	}
}

/* An MTA that gave up, or too many at a time, says nothing about the holders;
 * nor does what core knew before. */
static void
tell_core(struct earning *e, struct engine *core)
{
	const struct earn_request *request = e->request;
	struct earn_result *result = e->result;

	if (request->known != NULL)
		return;
	if (request->ask && !result->gave_up)
		engine_trouble(core, request->ack, too_few(e), node_now_ms());
	engine_verdict(core, &result->key, verdict(result->earned),
	    &result->ranks, node_now_ms());
}

/* Before the MTA can hear the answer, core knows who may have a copy and what
 * the answer is, and nobody has lost it.  Zero: somebody has, and there is time
 * left. */
static int
conclude(struct earning *e)
{
	const struct earn_request *request = e->request;
	struct smx_engine *engine = request->engine;
	struct earn_result *result = e->result;
	struct engine *core;
	int changed;

	finish_all(e);
	result->earned = earned(e);
	if (result->earned == SMX_EARNED_UNPROTECTED && request->known == NULL)
		node_unprotected(engine, &result->key,
		    request->shadow.queue_id);
	core = node_enter(engine);
	changed = engine_hold_look(core, &result->key, &e->hold);
	if (!changed) {
		plan_ranks(&e->plans, &e->hold, &result->ranks);
		tell_core(e, core);
	}
	node_leave(engine);
	return !changed;
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
	e.since_ms = node_now_ms();
	e.waiting_ms = e.began_ms + FIRST_WAITING_MS;
	rc = begin(&e);
	if (rc != SMX_OK)
		return rc;
	do
		run(&e);
	while (!conclude(&e));
	plans_free(&e.plans);
	return SMX_OK;
}

void
earn_names(const struct smx_engine *engine, const struct engine_ranks *ranks,
    char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ranks->count; i++) {
		if (i > 0 && at + 1 < size)
			out[at++] = ',';
		if (text_copy(out + at, size - at,
			node_peer_name(engine, ranks->peer[i])))
			return;
		at += strlen(out + at);
	}
}
