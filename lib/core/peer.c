/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/peer.h"

#include <assert.h>
#include <string.h>

#include "core/backoff.h"

#define LEAVING_MAX_MS ((int64_t)24 * 3600 * 1000)

static const char *const states[] = { "none", "strange", "up", "quiet",
	"leaving", "silent" };
static_assert(sizeof(states) / sizeof(*states) == ENGINE_PEER_SILENT + 1,
    "states[]");

static const uint8_t nobody[16];

const char *
engine_peer_state_name(enum engine_peer_state state)
{
	return (unsigned)state <= ENGINE_PEER_SILENT ? states[state] : "?";
}

void
peer_init(struct peer *peer, int64_t now_ms)
{
	memset(peer, 0, sizeof(*peer));
	peer->since_ms = now_ms;
	peer->beat_ms = now_ms;
	peer->round_trip_ms = -1;
	peer->shown = ENGINE_PEER_STRANGE;
}

void
peer_restart_clock(struct peer *peer, int64_t now_ms)
{
	peer->since_ms = now_ms;
	peer->missed = 0;
	peer->beat_ms = now_ms;
	peer->mta_down_ms = 0;
}

void
peer_heard(struct peer *peer, int64_t now_ms)
{
	peer->heard = 1;
	peer->heard_ms = now_ms;
	peer->missed = 0;
	peer->silent_done = 0;
}

/* Several heartbeats fit into takeover_after, whatever was configured. */
static int64_t
beat_pause(const struct engine_options *o)
{
	int64_t most = o->takeover_after_ms / ((int64_t)o->probes + 1);

	return most > 0 && most < o->heartbeat_ms ? most : o->heartbeat_ms;
}

/* retry_ms, doubled with each failure, up to a heartbeat. */
static int64_t
pause_after(const struct engine_options *o, unsigned fails)
{
	return backoff_ms(o->retry_ms, o->heartbeat_ms,
	    fails > 1 ? fails - 1 : 0);
}

void
peer_answered(struct peer *peer, const struct engine_options *options,
    int64_t now_ms)
{
	peer_heard(peer, now_ms);
	peer->fails = 0;
	peer->again_ms = 0;
	peer->away = peer->away && peer->leaving_ms > now_ms;
	peer->beat_ms = now_ms + beat_pause(options);
	/* Other words tell that it lives, but not how it is. */
	if (peer->beat_ms > peer->sent_ms + 2 * beat_pause(options))
		peer->beat_ms = peer->sent_ms + 2 * beat_pause(options);
}

static void
goes_away(struct peer *peer, int64_t now_ms)
{
	if (peer->away)
		return;
	peer->away = 1;
	peer->away_ms = now_ms;
}

int
peer_may_return(const struct peer *peer, const struct engine_options *options,
    int64_t since_ms, int64_t now_ms)
{
	if (peer->drained)
		return 0;
	if (peer->away)
		return since_ms - peer->away_ms < options->patience_ms;
	return peer->full_ms <= now_ms && peer->leaving_ms <= now_ms;
}

void
peer_missed(struct peer *peer, const struct engine_options *options, int beat,
    int64_t now_ms)
{
	if (peer->fails < 64)
		peer->fails++;
	peer->again_ms = now_ms + pause_after(options, peer->fails);
	goes_away(peer, now_ms);
	if (!beat)
		return;
	peer->missed++;
	peer->beat_ms = now_ms + beat_pause(options);
}

void
peer_leaves(struct peer *peer, int64_t for_ms, int64_t now_ms)
{
	if (for_ms > LEAVING_MAX_MS)
		for_ms = LEAVING_MAX_MS;
	peer->leaving_ms = for_ms > 0 ? now_ms + for_ms : 0;
}

/* What is heard "without a break" may miss as many heartbeats as a silence. */
static int64_t
mta_break_ms(const struct engine_options *o)
{
	return ((int64_t)o->probes + 1) * o->heartbeat_ms;
}

static void
hears_mta(struct peer *peer, const struct engine_options *o,
    const struct smx_beat *beat, int64_t now_ms)
{
	peer->mta = beat->mta;
	/* Of one that leaves it is as it should be. */
	if (beat->mta != SMX_MTA_DOWN || beat->leaving_ms > 0) {
		peer->mta_down_ms = 0;
		return;
	}
	if (peer->mta_down_ms == 0 ||
	    now_ms - peer->mta_heard_ms > mta_break_ms(o)) {
		peer->mta_down_ms = now_ms == 0 ? 1 : now_ms;
		peer->mta_again_ms = 0;
	}
	peer->mta_heard_ms = now_ms;
}

void
peer_beat(struct peer *peer, const struct engine_options *options,
    const struct smx_beat *beat, int64_t now_ms)
{
	peer_leaves(peer, beat->leaving_ms, now_ms);
	if (beat->leaving_ms > 0)
		goes_away(peer, now_ms);
	hears_mta(peer, options, beat, now_ms);
}

int
peer_mta_lost(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms)
{
	return options->mta_down_ms > 0 && peer->mta_down_ms != 0 &&
	       peer->mta_again_ms <= now_ms && !peer->drained &&
	       peer->leaving_ms <= now_ms &&
	       now_ms - peer->mta_heard_ms <= mta_break_ms(options) &&
	       now_ms - peer->mta_down_ms >= options->mta_down_ms;
}

static void
new_life(struct peer *peer, const struct smx_hello *hello)
{
	if (peer->has_hello &&
	    memcmp(peer->hello.incarnation, hello->incarnation, 16) != 0) {
		memcpy(peer->former, peer->hello.incarnation, 16);
		peer->has_former = 1;
	}
	peer->hello = *hello;
	peer->has_hello = 1;
	peer->epoch_due = peer_has_epoch(peer);
	/* It came back: nothing of what failed before says anything now. */
	peer->leaving_ms = 0;
	peer->fails = peer->ills = 0;
	peer->again_ms = peer->ill_ms = 0;
	peer->away = 0;
}

int
peer_has_been(const struct peer *peer, const uint8_t incarnation[16])
{
	return (peer->has_hello &&
		   memcmp(peer->hello.incarnation, incarnation, 16) == 0) ||
	       (peer->has_former && memcmp(peer->former, incarnation, 16) == 0);
}

enum peer_news
peer_hello(struct peer *peer, const struct smx_hello *hello, int fresh,
    int64_t now_ms)
{
	int behind;

	if (memcmp(hello->incarnation, nobody, 16) == 0)
		return PEER_NEWS_NONE;
	peer_heard(peer, now_ms);
	if (peer->has_former &&
	    memcmp(peer->former, hello->incarnation, 16) == 0)
		return PEER_NEWS_NONE;
	if (!peer->has_hello ||
	    memcmp(peer->hello.incarnation, hello->incarnation, 16) != 0 ||
	    (fresh && !smx_epoch_same(&peer->hello.epoch, &hello->epoch))) {
		new_life(peer, hello);
		return PEER_NEWS_CHANGED;
	}
	behind = fresh && hello->sequence < peer->hello.sequence;
	if (hello->sequence > peer->hello.sequence || behind)
		peer->hello.sequence = hello->sequence;
	if (hello->epoch.counter > peer->hello.epoch.counter)
		peer->hello.epoch = hello->epoch;
	return behind ? PEER_NEWS_BEHIND : PEER_NEWS_NONE;
}

/* Find out soon whether it lives. */
static void
beat_soon(struct peer *peer, const struct engine_options *o, int64_t now_ms)
{
	if (peer->beat_ms > now_ms + o->retry_ms)
		peer->beat_ms = now_ms + o->retry_ms;
}

static void
took(struct peer *peer, const struct engine_options *o, int64_t now_ms)
{
	peer_heard(peer, now_ms);
	peer->ills = 0;
	peer->ill_ms = peer->full_ms = 0;
	peer->refuses = 0;
	peer->away = peer->away && peer->leaving_ms > now_ms;
	if (peer->fails != 0)
		beat_soon(peer, o, now_ms);
}

/* Those that were under way together and fail together are one failure. */
static void
is_ill(struct peer *peer, const struct engine_options *o, int64_t now_ms)
{
	if (peer->ill_ms <= now_ms) {
		if (peer->ills < 64)
			peer->ills++;
		peer->ill_ms = now_ms + pause_after(o, peer->ills);
	}
	goes_away(peer, now_ms);
	beat_soon(peer, o, now_ms);
}

void
peer_sent(struct peer *peer, const struct engine_options *options, int result,
    int64_t now_ms)
{
	switch (result) {
	case SMX_OK:
	case SMX_EEXIST:
		took(peer, options, now_ms);
		break;
	case SMX_EFULL:
	case SMX_ETEMP:
	case SMX_EIO:
		peer_heard(peer, now_ms);
		peer->full_ms = now_ms + options->retry_ms;
		break;
	/* About this message, not about the peer: a stranger who can make one
	 * message be refused must not turn the others away.  No sign of life
	 * either: the link may have known the answer without asking. */
	case SMX_EREFUSED:
	case SMX_EGONE:
	case SMX_ECONFLICT:
	case SMX_ECORRUPT:
	case SMX_EINVAL:
	case SMX_ELIMIT:
		peer->refuses = 1;
		break;
	default:
		is_ill(peer, options, now_ms);
		break;
	}
}

int64_t
peer_silent_ms(const struct peer *peer, const struct engine_options *options)
{
	int64_t from = peer->since_ms;

	if (peer->heard && peer->heard_ms > from)
		from = peer->heard_ms;
	if (peer->leaving_ms > from)
		from = peer->leaving_ms;
	return from + options->takeover_after_ms;
}

int
peer_overdue(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms)
{
	return peer->missed >= options->probes &&
	       now_ms >= peer_silent_ms(peer, options);
}

enum engine_peer_state
peer_state(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms)
{
	if (peer_overdue(peer, options, now_ms))
		return ENGINE_PEER_SILENT;
	if (peer->leaving_ms > now_ms)
		return ENGINE_PEER_LEAVING;
	if (!peer->heard)
		return ENGINE_PEER_STRANGE;
	if (peer->fails != 0 || peer->ills != 0 ||
	    now_ms - peer->heard_ms > 2 * options->heartbeat_ms)
		return ENGINE_PEER_QUIET;
	return ENGINE_PEER_UP;
}

int
peer_rank(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms)
{
	if (peer->drained || peer->ill_ms > now_ms || peer->full_ms > now_ms)
		return -1;
	/* It may have taken a copy since, and others wait to be asked. */
	if (peer->away && peer->again_ms > now_ms)
		return -1;
	switch (peer_state(peer, options, now_ms)) {
	case ENGINE_PEER_UP:
		return 0;
	case ENGINE_PEER_STRANGE:
	case ENGINE_PEER_QUIET:
		return 1;
	case ENGINE_PEER_SILENT:
		return 2;
	case ENGINE_PEER_LEAVING:
		break;
	}
	return -1;
}

int
peer_has_epoch(const struct peer *peer)
{
	return peer->has_hello && memcmp(peer->hello.epoch.id, nobody, 16) != 0;
}
