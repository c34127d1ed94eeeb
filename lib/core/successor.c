/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/* When this host becomes answerable for what it holds for a peer. */

static const char *const causes[] = { "none", "silent", "epoch", "operator",
	"lost", "mta_down" };
static_assert(sizeof(causes) / sizeof(*causes) == ENGINE_CAUSES + 1,
    "causes[]");

const char *
engine_cause_name(enum engine_cause cause)
{
	return (unsigned)cause <= ENGINE_CAUSES ? causes[cause] : "?";
}

static int
is_due(struct engine *engine, size_t i, int64_t now_ms,
    struct engine_takeover *out)
{
	struct peer *p = &engine->peers[i].peer;
	struct key_pool *lost = &engine->peers[i].talk.lost;

	memset(out, 0, sizeof(*out));
	out->peer = i;
	if (lost->count != 0) {
		out->cause = ENGINE_CAUSE_LOST;
		out->keys = lost->keys;
		out->count = lost->count;
	} else if (p->operator_due) {
		out->cause = ENGINE_CAUSE_OPERATOR;
	} else if (p->epoch_due) {
		out->cause = ENGINE_CAUSE_EPOCH;
		out->other_epoch = 1;
		out->epoch = p->hello.epoch;
	} else if (!p->silent_done && witness_silent(engine, i, now_ms)) {
		out->cause = ENGINE_CAUSE_SILENT;
	} else if (peer_mta_lost(p, &engine->options, now_ms)) {
		out->cause = ENGINE_CAUSE_MTA_DOWN;
	} else
		return 0;
	return 1;
}

int
engine_takeover_next(struct engine *engine, int64_t now_ms,
    struct engine_takeover *out, int64_t *wake_ms)
{
	engine_clock(engine, now_ms);
	*wake_ms = now_ms + engine->options.heartbeat_ms;
	/* One that cannot be done yet must not hide the next peer's. */
	for (size_t k = 0; k < engine->options.peers; k++) {
		size_t i = (engine->cause + k) % engine->options.peers;
		struct peer *p = &engine->peers[i].peer;
		int64_t at = peer_silent_ms(p, &engine->options);

		engine_show_peer(engine, i, now_ms);
		if (is_due(engine, i, now_ms, out)) {
			engine->cause = (i + 1) % engine->options.peers;
			return 1;
		}
		if (!p->silent_done && at > now_ms && at < *wake_ms)
			*wake_ms = at;
		at = p->mta_down_ms + engine->options.mta_down_ms;
		if (p->mta_down_ms != 0 && at > now_ms && at < *wake_ms)
			*wake_ms = at;
	}
	if (engine->options.hold_isolated && engine->lease_ms < *wake_ms)
		*wake_ms = engine->lease_ms;
	return 0;
}

void
engine_takeover_done(struct engine *engine,
    const struct engine_takeover *takeover)
{
	struct engine_peer *ep;

	if (takeover->peer >= engine->options.peers)
		return;
	ep = &engine->peers[takeover->peer];
	switch (takeover->cause) {
	case ENGINE_CAUSE_LOST:
		pool_drop(&ep->talk.lost, takeover->count < ep->talk.lost.count
					      ? takeover->count
					      : ep->talk.lost.count);
		break;
	case ENGINE_CAUSE_OPERATOR:
		ep->peer.operator_due = 0;
		break;
	case ENGINE_CAUSE_EPOCH:
		/* Unless it changed once more meanwhile. */
		if (smx_epoch_same(&takeover->epoch, &ep->peer.hello.epoch))
			ep->peer.epoch_due = 0;
		break;
	case ENGINE_CAUSE_SILENT:
		ep->peer.silent_done = 1;
		break;
	case ENGINE_CAUSE_MTA_DOWN:
		/* Again later: copies may still come in. */
		ep->peer.mta_again_ms =
		    engine->now_ms + engine->options.mta_down_ms;
		break;
	}
	engine->work++;
}

int
engine_takeover_command(struct engine *engine, size_t peer)
{
	struct log_line l;

	if (peer >= engine->options.peers)
		return SMX_EINVAL;
	engine->peers[peer].peer.operator_due = 1;
	engine->work++;
	log_begin(&l, SMX_LOG_NOTICE, NULL, "takeover_command");
	engine_log_peer(engine, &l, peer);
	log_end(&l);
	return SMX_OK;
}
