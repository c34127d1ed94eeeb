/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop_in.h"

#include <string.h>

int
hop_is_resolving(const struct hop *hop)
{
	return hop->lookup != NULL;
}

static int
resume(struct hop *hop)
{
	struct hop_kept kept;

	hop->asked_cache = 1;
	if (!hop_cache_take(hop->hops->cache, &hop->to, &kept,
		hop->talk.now_ms))
		return 0;
	hop->conn = kept.conn;
	memcpy(hop->peer, kept.peer, sizeof(hop->peer));
	hoptalk_resumed(&hop->talk, &kept.line);
	hopconn_step(&hop->conn, &hop->talk);
	return 1;
}

static void
resolved(struct hop *hop)
{
	lookup_end(&hop->lookup);
	hop->resolved = 1;
}

static void
nowhere(struct hop *hop, const char *why)
{
	hopanswer_own(&hop->nowhere, HOP_UNREACHABLE, "%s: %s", hop->to.host,
	    why);
	resolved(hop);
}

static void
resolve_begin(struct hop *hop)
{
	if (hop->to.kind == NEXTHOP_MTA) {
		nowhere(hop, "not a host");
	} else if (hop_addrs_literal(&hop->addrs, &hop->to)) {
		resolved(hop);
	} else if (lookup_begin(&hop->lookup, hop->hops->resolver, &hop->to) !=
		   SMX_OK) {
		nowhere(hop, "out of memory or descriptors");
	} else {
		hop->conn.until_ms =
		    hop->talk.now_ms + hop->hops->options.step_ms;
	}
}

/* Non-zero: it is known where to go, or that there is nowhere. */
static int
resolve(struct hop *hop)
{
	if (!hop->resolved && hop->lookup == NULL)
		resolve_begin(hop);
	if (hop->resolved)
		return 1;
	if (lookup_answer(hop->lookup, &hop->addrs, &hop->nowhere))
		resolved(hop);
	else if (hop->talk.now_ms >= hop->conn.until_ms)
		nowhere(hop, "no answer in time to what its address is");
	return hop->resolved;
}

static void
give_up(struct hop *hop)
{
	hop->cursor = 0;
	hoptalk_give_up(&hop->talk,
	    hop->addrs.count == 0 ? &hop->nowhere : &hop->talk.why);
}

void
hop_connect(struct hop *hop)
{
	struct hoptalk *talk = &hop->talk;

	if (talk->connect_from < 0)
		talk->connect_from = talk->now_ms;
	if (!hop->asked_cache && resume(hop))
		return;
	if (!resolve(hop))
		return;
	if (talk->move) {
		talk->move = 0;
		hop->cursor++;
	}
	if (hop->cursor >= hop->addrs.count) {
		give_up(hop);
		return;
	}
	hop_addr_format(&hop->addrs.list[hop->cursor], hop->peer);
	hopconn_open(&hop->conn, &hop->addrs.list[hop->cursor],
	    hop->hops->options.connect_ms, talk);
}

void
hop_secure(struct hop *hop)
{
	const struct hops_options *o = &hop->hops->options;
	const char *also = hop->to.kind == NEXTHOP_MX ? hop->to.host : NULL;
	int64_t ms = o->step_ms;

	/* There has to be time left to do without. */
	if (o->tls == HOP_TLS_MAY && o->connect_ms < ms)
		ms = o->connect_ms;
	hopconn_secure(&hop->conn, hop->hops->tls,
	    hop->addrs.list[hop->cursor].host, also, ms, &hop->talk);
}
