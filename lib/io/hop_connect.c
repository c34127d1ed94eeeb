/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop_in.h"

#include <string.h>

int
hop_is_resolving(const struct hop *hop)
{
	(void)hop;
	return 0;
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
resolve(struct hop *hop)
{
	hop->resolved = 1;
	(void)hop_addrs_literal(&hop->addrs, &hop->to);
}

static void
give_up(struct hop *hop)
{
	struct hop_answer how;

	if (hop->addrs.count == 0)
		hopanswer_own(&how, HOP_UNREACHABLE, "no address for %s",
		    hop->to.host);
	else
		how = hop->talk.why;
	hop->cursor = 0;
	hoptalk_give_up(&hop->talk, &how);
}

void
hop_connect(struct hop *hop)
{
	struct hoptalk *talk = &hop->talk;

	if (talk->connect_from < 0)
		talk->connect_from = talk->now_ms;
	if (!hop->asked_cache && resume(hop))
		return;
	if (!hop->resolved)
		resolve(hop);
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
