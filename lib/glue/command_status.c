/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include <shadowmx/shadowmx.h>

#include "base/clock.h"
#include "glue/node_impl.h"

static const char *
mta_word(enum smx_mta_health health)
{
	switch (health) {
	case SMX_MTA_UP:
		return "up";
	case SMX_MTA_DOWN:
		return "down";
	case SMX_MTA_UNKNOWN:
		break;
	}
	return "unknown";
}

int
command_peer(struct smx_engine *node, size_t peer, struct buf *b)
{
	struct engine_peer_info info;
	char epoch[SMX_EPOCH_TEXT] = "";

	engine_peer_info(node_enter(node), peer, node_now_ms(), &info);
	node_leave(node);
	if (info.has_epoch)
		smx_epoch_format(&info.epoch, epoch);
	json_str(b, "name", node_peer_name(node, peer));
	json_str(b, "state", engine_peer_state_name(info.state));
	json_num(b, "heard_ago_ms", info.heard_ago_ms);
	json_num(b, "round_trip_ms", info.round_trip_ms);
	json_str(b, "mta", mta_word(info.mta));
	json_num(b, "copies", (long long)info.copies);
	json_num(b, "notices", (long long)info.notices);
	json_str(b, "epoch", epoch);
	return info.state == ENGINE_PEER_SILENT ||
	       info.state == ENGINE_PEER_QUIET || info.mta == SMX_MTA_DOWN;
}

static void
own(struct buf *b, const struct engine_counts *n)
{
	json_object(b, "own");
	json_num(b, "open", (long long)n->open);
	json_num(b, "holding", (long long)n->holding);
	json_num(b, "unprotected", (long long)n->unprotected);
	json_num(b, "unprotected_oldest_ms", n->unprotected_oldest_ms);
	json_num(b, "doubtful", (long long)n->doubtful);
	json_num(b, "accepted", (long long)n->accepted);
	json_num(b, "accepted_unprotected", (long long)n->accepted_unprotected);
	json_num(b, "refused", (long long)n->refused);
	json_num(b, "finished", (long long)n->finished);
	json_close(b);
}

static void
store(struct buf *b, const struct smx_store_stats *s, uint64_t orphans)
{
	int64_t age = s->oldest_ms == 0 ? 0 : clock_wall_ms() - s->oldest_ms;

	json_object(b, "store");
	for (int i = SMX_ROW_SHADOW; i <= SMX_ROW_QUARANTINED; i++)
		json_num(b, smx_row_state_name((enum smx_row_state)i),
		    (long long)s->rows[i]);
	json_num(b, "orphaned", (long long)orphans);
	json_num(b, "bytes", (long long)s->bytes);
	json_num(b, "quota_bytes", (long long)s->quota_bytes);
	json_num(b, "oldest_age_ms", age < 0 ? 0 : age);
	json_num(b, "stored", (long long)s->committed);
	json_num(b, "commits", (long long)s->commits);
	json_close(b);
}

static void
histogram(struct buf *b, const uint64_t *counts)
{
	json_list(b, "delays");
	for (size_t i = 0; i < NODE_BUCKETS; i++) {
		buf_str(b, i == 0 ? "{" : ",{");
		/* -1: no upper bound */
		json_num(b, "up_to_ms",
		    node_bucket_ms[i] == INT64_MAX ? -1 : node_bucket_ms[i]);
		json_num(b, "count", (long long)counts[i]);
		json_close(b);
	}
	json_end(b);
}

static int
peers(struct smx_engine *node, struct buf *b)
{
	int bad = 0;

	json_list(b, "peers");
	for (size_t i = 0; i < node->peers; i++) {
		buf_str(b, i == 0 ? "{" : ",{");
		bad |= command_peer(node, i, b);
		json_close(b);
	}
	json_end(b);
	return bad;
}

/* Why a person should look; the same words as in the manual. */
static void
attention(struct buf *b, const struct engine_counts *n,
    const struct smx_store_stats *s, uint64_t orphans, int peer_bad,
    enum smx_mta_health mta)
{
	json_list(b, "attention");
	if (n->unprotected != 0)
		json_item(b, "unprotected");
	if (n->doubtful != 0)
		json_item(b, "doubtful");
	if (s->rows[SMX_ROW_CLAIMED] != 0)
		json_item(b, "claimed");
	if (s->rows[SMX_ROW_QUARANTINED] != 0)
		json_item(b, "quarantined");
	if (orphans != 0)
		json_item(b, "orphaned");
	if (peer_bad)
		json_item(b, "peer");
	if (mta == SMX_MTA_DOWN)
		json_item(b, "mta");
	json_end(b);
}

int
command_status(struct command *c)
{
	struct smx_engine *node = c->node;
	struct smx_store *port = node->ports.store;
	struct smx_store_stats stats;
	struct engine_counts counts;
	uint64_t held[NODE_BUCKETS];
	enum smx_mta_health mta;
	uint64_t orphans;
	char epoch[SMX_EPOCH_TEXT];
	struct smx_epoch mine;
	struct buf b;
	int rc, bad;

	rc = port->ops->stats(port->ctx, &stats);
	if (rc != SMX_OK)
		return command_fail(c, rc, "the store does not answer", "");
	engine_counts(node_enter(node), node_now_ms(), &counts);
	memcpy(held, node->histogram, sizeof(held));
	mta = node->mta;
	orphans = node->orphans;
	node_leave(node);
	node_epoch(node, &mine);
	smx_epoch_format(&mine, epoch);
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "node", node->node_name);
	json_str(&b, "version", smx_version());
	json_num(&b, "uptime_ms", clock_wall_ms() - node->started_ms);
	json_str(&b, "epoch", epoch);
	json_str(&b, "mta", mta_word(mta));
	own(&b, &counts);
	store(&b, &stats, orphans);
	bad = peers(node, &b);
	histogram(&b, held);
	attention(&b, &counts, &stats, orphans, bad, mta);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	return rc;
}
