/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdlib.h>
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

static unsigned
look_at(const struct engine_peer_info *info)
{
	unsigned look = 0;

	if (info->drained)
		look |= LOOK_PEER_DRAINED;
	if (info->state == ENGINE_PEER_SILENT)
		look |= LOOK_PEER_DOWN;
	else if (info->state == ENGINE_PEER_QUIET)
		look |= LOOK_PEER;
	if (info->mta == SMX_MTA_DOWN)
		look |= LOOK_PEER_MTA;
	if (info->isolated_ms >= 0)
		look |= LOOK_PEER_ISOLATED;
	return look;
}

unsigned
command_peer(struct smx_engine *node, size_t peer, uint64_t sole, struct buf *b)
{
	struct engine_peer_info info;
	char epoch[SMX_EPOCH_TEXT] = "";

	engine_peer_info(node_enter(node), peer, node_now_ms(), &info);
	node_leave(node);
	if (info.has_epoch)
		smx_epoch_format(&info.epoch, epoch);
	json_str(b, "name", node_peer_name(node, peer));
	json_str(b, "state", engine_peer_state_name(info.state));
	json_bool(b, "drained", info.drained);
	json_num(b, "heard_ago_ms", info.heard_ago_ms);
	json_num(b, "round_trip_ms", info.round_trip_ms);
	json_str(b, "mta", mta_word(info.mta));
	json_num(b, "mta_down_ms", info.mta_down_ms);
	json_num(b, "isolated_ms", info.isolated_ms);
	json_num(b, "copies", (long long)info.copies);
	json_num(b, "sole", (long long)sole);
	json_num(b, "notices", (long long)info.notices);
	json_str(b, "epoch", epoch);
	return look_at(&info);
}

struct picture {
	struct engine_counts own;
	struct engine_fence_counts fence;
	struct smx_store_stats store;
	uint64_t held[NODE_BUCKETS];
	uint64_t orphans;
	enum smx_mta_health mta;
	unsigned look; /* of the peers */
	int draining;
	int64_t leaving_ms;
	uint64_t local_waiting;
	int64_t local_oldest_ms, local_wait_ms;
};

static void
own(struct buf *b, const struct picture *p)
{
	const struct engine_counts *n = &p->own;

	json_object(b, "own");
	json_num(b, "open", (long long)n->open);
	json_num(b, "holding", (long long)n->holding);
	json_num(b, "unprotected", (long long)n->unprotected);
	json_num(b, "short", (long long)n->short_copies);
	json_num(b, "to_copy", (long long)n->to_copy);
	json_num(b, "unprotected_oldest_ms", n->unprotected_oldest_ms);
	json_num(b, "doubtful", (long long)n->doubtful);
	json_num(b, "isolated", (long long)n->isolated);
	json_num(b, "accepted", (long long)n->accepted);
	json_num(b, "accepted_unprotected", (long long)n->accepted_unprotected);
	json_num(b, "accepted_short", (long long)n->accepted_short);
	json_num(b, "passed", (long long)n->passed);
	json_num(b, "copied", (long long)n->copied);
	json_num(b, "amended", (long long)n->amended);
	json_num(b, "refused", (long long)n->refused);
	json_num(b, "finished", (long long)n->finished);
	json_num(b, "resends", (long long)n->resends);
	json_num(b, "resent", (long long)n->resent);
	json_num(b, "local_waiting", (long long)p->local_waiting);
	json_num(b, "local_oldest_ms", p->local_oldest_ms);
	json_close(b);
}

static void
fence(struct buf *b, const struct engine_fence_counts *n)
{
	json_object(b, "fence");
	command_fence_members(b, n);
	json_close(b);
}

static void
store(struct buf *b, const struct smx_store_stats *s, uint64_t orphans)
{
	int64_t age = s->oldest_ms == 0 ? 0 : clock_wall_ms() - s->oldest_ms;

	json_object(b, "store");
	for (int i = SMX_ROW_SHADOW; i <= SMX_ROW_DONE; i++)
		json_num(b, smx_row_state_name((enum smx_row_state)i),
		    (long long)s->rows[i]);
	json_num(b, "orphaned", (long long)orphans);
	json_num(b, "damaged", (long long)s->damaged);
	json_bool(b, "suspect", s->suspect);
	json_num(b, "bytes", (long long)s->bytes);
	json_num(b, "quota_bytes", (long long)s->quota_bytes);
	json_num(b, "oldest_age_ms", age < 0 ? 0 : age);
	json_num(b, "stored", (long long)s->committed);
	json_num(b, "commits", (long long)s->commits);
	json_close(b);
}

static void
net(struct buf *b, const struct smx_store_stats *s)
{
	int64_t age =
	    s->net_oldest_ms == 0 ? 0 : clock_wall_ms() - s->net_oldest_ms;

	json_object(b, "net");
	json_bool(b, "on", s->net_on);
	json_num(b, "slices", (long long)s->net_slices);
	json_num(b, "messages", (long long)s->net_messages);
	json_num(b, "bytes", (long long)s->net_bytes);
	json_num(b, "oldest_age_ms", age < 0 ? 0 : age);
	json_num(b, "waiting", (long long)s->net_waiting);
	json_num(b, "missed", (long long)s->net_missed);
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

/* What earned the yes, and after how long. */
static void
acknowledged(struct smx_engine *node, struct buf *b)
{
	static const char *const names[SMX_EARNED_DELIVERED + 1] = {
		[SMX_EARNED_UNASKED] = "unasked",
		[SMX_EARNED_SHADOWED] = "shadowed",
		[SMX_EARNED_SHORT] = "short",
		[SMX_EARNED_UNPROTECTED] = "unprotected",
		[SMX_EARNED_RESENT] = "resent",
		[SMX_EARNED_DELIVERED] = "delivered",
	};

	json_list(b, "acknowledged");
	for (size_t i = 0; i < NODE_ACK_BUCKETS; i++) {
		buf_str(b, i == 0 ? "{" : ",{");
		/* -1: no upper bound */
		json_num(b, "below_ms",
		    node_ack_bucket_ms[i] == INT64_MAX ? -1
						       : node_ack_bucket_ms[i]);
		for (size_t e = SMX_EARNED_UNASKED; e <= SMX_EARNED_DELIVERED;
		     e++)
			json_num(b, names[e],
			    (long long)atomic_load_explicit(&node->acks[e][i],
				memory_order_relaxed));
		json_close(b);
	}
	json_end(b);
}

static void
delivery(struct smx_engine *node, struct buf *b)
{
	json_object(b, "delivery");
	courier_members(node->courier, b);
	json_close(b);
}

static unsigned
peers(struct smx_engine *node, struct buf *b)
{
	uint64_t *sole = command_sole(node);
	unsigned look = 0;

	json_list(b, "peers");
	for (size_t i = 0; sole != NULL && i < node->peers; i++) {
		buf_str(b, i == 0 ? "{" : ",{");
		look |= command_peer(node, i, sole[i], b);
		json_close(b);
	}
	json_end(b);
	free(sole);
	return look;
}

/*
 * Why a person should look, in two lists: "critical" needs an operator, as a
 * line of the log with that level does, "warning" may need one.  Both together
 * are "attention".  The same words as in the manual.
 */
struct reason {
	int critical;
	int here;
	const char *word;
};

#define REASONS 20

static void
find_reasons(const struct picture *p, struct reason out[REASONS])
{
	const struct reason all[REASONS] = {
		{ 1, p->store.rows[SMX_ROW_QUARANTINED] != 0, "quarantined" },
		{ 1, p->store.damaged != 0, "damaged" },
		{ 1, p->orphans != 0, "orphaned" },
		{ 1, (p->look & LOOK_PEER_DOWN) != 0, "peer_silent" },
		{ 1, (p->look & LOOK_PEER_MTA) != 0, "peer_mta" },
		{ 1, p->mta == SMX_MTA_DOWN, "mta" },
		{ 1, p->fence.failing != SMX_OK, "fence" },
		{ 0, p->fence.fenced != 0, "fenced" },
		{ 1, (p->look & LOOK_PEER_ISOLATED) != 0, "isolated" },
		{ 0, p->own.unprotected != 0, "unprotected" },
		{ 0, p->own.doubtful != 0, "doubtful" },
		{ 0, p->own.short_copies != 0, "short" },
		{ 0, p->store.rows[SMX_ROW_CLAIMED] != 0, "claimed" },
		{ 0, p->store.suspect, "suspect" },
		{ 0, (p->look & LOOK_PEER) != 0, "peer" },
		{ 0, (p->look & LOOK_PEER_DRAINED) != 0, "peer_drained" },
		{ 0, (p->look & LOOK_PRIMARY_MX) != 0, "primary_mx" },
		{ 0, p->draining, "draining" },
		{ 0, p->leaving_ms > 0, "leaving" },
		{ 0, p->local_oldest_ms > p->local_wait_ms, "local_waiting" },
	};

	memcpy(out, all, sizeof(all));
}

static void
attention(struct buf *b, const struct picture *p)
{
	struct reason reasons[REASONS];

	find_reasons(p, reasons);
	for (int critical = 1; critical >= 0; critical--) {
		json_list(b, critical ? "critical" : "warning");
		for (size_t i = 0; i < REASONS; i++)
			if (reasons[i].here && reasons[i].critical == critical)
				json_item(b, reasons[i].word);
		json_end(b);
	}
	json_list(b, "attention");
	for (size_t i = 0; i < REASONS; i++)
		if (reasons[i].here)
			json_item(b, reasons[i].word);
	json_end(b);
}

static int
take_picture(struct smx_engine *node, struct picture *p)
{
	struct smx_store *port = node->ports.store;
	struct smx_config *config;
	int rc = port->ops->stats(port->ctx, &p->store);

	if (rc != SMX_OK)
		return rc;
	engine_counts(node_enter(node), node_now_ms(), &p->own);
	engine_fence_counts(node->core, &p->fence);
	memcpy(p->held, node->histogram, sizeof(p->held));
	p->mta = node->mta;
	p->orphans = node->orphans;
	p->leaving_ms = node->leave_until_ms - node_now_ms();
	p->local_waiting = node->local_waiting;
	p->local_oldest_ms = node->local_oldest_ms;
	node_leave(node);
	config = node_config(node);
	p->local_wait_ms = config_conf(config)->mta_local_wait_ms;
	smx_config_release(&config);
	p->draining = atomic_load(&node->draining);
	p->look = 0;
	return SMX_OK;
}

int
command_status(struct command *c)
{
	struct smx_engine *node = c->node;
	char epoch[SMX_EPOCH_TEXT];
	struct smx_epoch mine;
	struct picture p;
	struct buf b;
	int rc = take_picture(node, &p);

	if (rc != SMX_OK)
		return command_fail(c, rc, "the store does not answer", "");
	node_epoch(node, &mine);
	smx_epoch_format(&mine, epoch);
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "node", node->node_name);
	json_str(&b, "version", smx_version());
	json_num(&b, "uptime_ms", clock_wall_ms() - node->started_ms);
	json_str(&b, "epoch", epoch);
	json_str(&b, "mta", mta_word(p.mta));
	json_bool(&b, "draining", p.draining);
	json_num(&b, "leaving_ms", p.leaving_ms > 0 ? p.leaving_ms : 0);
	own(&b, &p);
	fence(&b, &p.fence);
	store(&b, &p.store, p.orphans);
	net(&b, &p.store);
	p.look = peers(node, &b);
	histogram(&b, p.held);
	delivery(node, &b);
	p.look |= command_backup_status(node, &b);
	acknowledged(node, &b);
	attention(&b, &p);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	return rc;
}
