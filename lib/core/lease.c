/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/lease.h"

#include "base/log.h"
#include "core/fence.h"
#include "core/inside.h"

static uint32_t
bit_of(size_t peer)
{
	return UINT32_C(1) << peer;
}

int
lease_is_over(const struct engine *engine, size_t peer)
{
	return (engine->isolated & bit_of(peer)) != 0;
}

void
lease_init(struct engine *engine, int64_t now_ms)
{
	size_t n = engine->options.peers;

	for (size_t i = 0; i < n; i++) {
		engine->peers[i].lease.from_ms = now_ms;
		engine->unlisted |= bit_of(i);
	}
	engine->lease_ms = now_ms;
}

static int64_t
ends_ms(const struct engine *engine, size_t peer)
{
	const struct engine_options *o = &engine->options;
	const struct engine_peer *ep = &engine->peers[peer];
	int64_t span = o->takeover_after_ms - 2 * o->heartbeat_ms;
	int64_t from = ep->lease.from_ms;

	/* It said that it leaves: until then it takes nothing over. */
	if (ep->peer.leaving_ms > from)
		from = ep->peer.leaving_ms;
	return span > 0 ? from + span : from;
}

/* ---- messages ---- */

static int
is_in_queue(const struct own *own)
{
	return own->state == OWN_ANSWERED || own->state == OWN_COMMITTED ||
	       own->state == OWN_ADOPTED;
}

/*
 * Those that may take it over.  Of one that was found at a holder after our
 * restart nobody knows who else has it, until all have been asked.
 */
static uint32_t
heirs_of(const struct engine *engine, const struct own *own)
{
	uint32_t heirs = own->has | own->may;

	if (own->adopted && !own->ranked)
		heirs |= engine->unlisted;
	return heirs;
}

static int
is_fenced(const struct engine *engine, const struct own *own)
{
	return is_in_queue(own) &&
	       (heirs_of(engine, own) & engine->isolated) != 0;
}

void
lease_message(struct engine *engine, struct own *own, int64_t now_ms)
{
	int fenced;

	if (engine->isolated == 0 && !own->leased)
		return;
	fenced = is_fenced(engine, own);
	if (fenced == (int)own->leased)
		return;
	own->leased = (unsigned)fenced;
	if (fenced)
		fence_want(engine, own, FENCE_LEASE, now_ms);
	else
		fence_lift(engine, own, FENCE_LEASE, now_ms);
}

/* A former life of this process may have fenced it. */
static void
lift_former(struct engine *engine, struct own *own, int64_t now_ms)
{
	uint32_t unknown = engine->isolated | engine->unlisted;

	if (own->adopted && is_in_queue(own) && !own->leased &&
	    (heirs_of(engine, own) & unknown) == 0)
		fence_lift(engine, own, FENCE_LEASE, now_ms);
}

/* ---- the end of a lease ---- */

static void
log_isolated(const struct engine *engine, size_t peer, size_t messages,
    int64_t now_ms)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "isolated");
	engine_log_peer(engine, &l, peer);
	log_num(&l, "messages", (int64_t)messages);
	log_num(&l, "answered_ms_ago",
	    now_ms - engine->peers[peer].lease.from_ms);
	log_end(&l);
}

static int
holds_something(const struct engine *engine, size_t peer)
{
	for (const struct own *o = engine->own.first; o != NULL; o = o->next)
		if (((o->has | o->may) & bit_of(peer)) != 0)
			return 1;
	return 0;
}

static void
isolate(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct lease *lease = &engine->peers[peer].lease;
	size_t messages = 0;

	engine->isolated |= bit_of(peer);
	lease->since_ms = now_ms;
	lease->contact_ms = 0;
	for (struct own *o = engine->own.first; o != NULL; o = o->next) {
		lease_message(engine, o, now_ms);
		messages +=
		    is_in_queue(o) && (heirs_of(engine, o) & bit_of(peer)) != 0;
	}
	log_isolated(engine, peer, messages, now_ms);
	engine->work++;
}

static void
end_isolation(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct log_line l;

	engine->isolated &= ~bit_of(peer);
	engine->unlisted &= ~bit_of(peer);
	log_begin(&l, SMX_LOG_NOTICE, NULL, "isolation_over");
	engine_log_peer(engine, &l, peer);
	log_num(&l, "ms", now_ms - engine->peers[peer].lease.since_ms);
	log_end(&l);
	for (struct own *o = engine->own.first; o != NULL; o = o->next)
		lease_message(engine, o, now_ms);
	engine->work++;
}

static void
look_at(struct engine *engine, size_t peer, int64_t now_ms)
{
	int nothing =
	    engine->peers[peer].peer.drained && !holds_something(engine, peer);

	if (!lease_is_over(engine, peer) && nothing)
		engine->unlisted &= ~bit_of(peer);
	else if (!lease_is_over(engine, peer))
		isolate(engine, peer, now_ms);
	else if (nothing)
		end_isolation(engine, peer, now_ms);
}

void
lease_clock(struct engine *engine, int64_t now_ms)
{
	/* One that leaves after all, or is drained, changes the ends. */
	int64_t next = now_ms + engine->options.heartbeat_ms;

	if (!engine->options.hold_isolated || now_ms < engine->lease_ms)
		return;
	for (size_t i = 0; i < engine->options.peers; i++) {
		int64_t at = ends_ms(engine, i);

		if (lease_is_over(engine, i) || at <= now_ms)
			look_at(engine, i, now_ms);
		else if (at < next)
			next = at;
	}
	engine->lease_ms = next;
}

/* ---- contact ---- */

void
lease_answered(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct lease *lease = &engine->peers[peer].lease;
	int lapsed = ends_ms(engine, peer) <= now_ms;

	lease->from_ms = engine->peers[peer].talk.sent_ms;
	if (!lease_is_over(engine, peer))
		return;
	if (!lapsed && lease->contact_ms != 0)
		return;
	lease->contact_ms = now_ms;
	sweep_want(engine, peer, now_ms + engine->options.heartbeat_ms);
}

void
lease_back(struct engine *engine, size_t peer, int64_t now_ms)
{
	const struct engine_options *o = &engine->options;
	struct lease *lease = &engine->peers[peer].lease;
	int64_t least = now_ms - o->takeover_after_ms + 4 * o->heartbeat_ms;

	if (least > now_ms)
		least = now_ms;
	if (lease->from_ms < least)
		lease->from_ms = least;
}

void
lease_list_begins(struct engine *engine, size_t peer)
{
	engine->peers[peer].lease.list_ms = engine->now_ms;
}

/* Does the LIST that has just ended show all that it has taken over? */
static int
is_current(const struct engine *engine, size_t peer, int64_t now_ms)
{
	const struct lease *lease = &engine->peers[peer].lease;

	return lease->contact_ms != 0 && ends_ms(engine, peer) > now_ms &&
	       lease->list_ms >=
		   lease->contact_ms + engine->options.heartbeat_ms;
}

void
lease_listed(struct engine *engine, size_t peer, int64_t now_ms)
{
	if (!engine->options.hold_isolated)
		return;
	engine->unlisted &= ~bit_of(peer);
	if (lease_is_over(engine, peer)) {
		if (!is_current(engine, peer, now_ms)) {
			sweep_want(engine, peer,
			    now_ms + engine->options.heartbeat_ms);
			return;
		}
		end_isolation(engine, peer, now_ms);
	}
	for (struct own *o = engine->own.first; o != NULL; o = o->next)
		lift_former(engine, o, now_ms);
}
