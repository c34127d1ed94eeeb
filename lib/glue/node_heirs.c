/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node_gate.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* What the other members hear of this host's takeovers: CLAIM after the claim,
 * DISCARD before the end. */

int
keeper_request(struct keeper *k, size_t peer, enum smx_request_kind kind,
    const char *primary, size_t count)
{
	const struct conf *conf = config_conf(k->node->first_config);
	struct smx_link *link = k->node->ports.link;
	const struct smx_request request = { .kind = kind,
		.keys = k->keys,
		.count = count,
		.node = primary };
	struct smx_reply reply = { .answers = k->answers };

	memset(k->answers, 0, sizeof(k->answers));
	return link->ops->request(link->ctx, peer, &request, &reply,
	    clock_mono_ms() + conf->takeover_ask_ms);
}

/* ---- CLAIM ---- */

/* The keys of this primary's that the member has not answered for. */
static size_t
collect(struct keeper *k, size_t from, size_t count, uint64_t bit)
{
	size_t n = 0;

	for (size_t i = from; i < count; i++)
		if ((k->heirs[i].open & bit) != 0 &&
		    strcmp(k->heirs[i].primary, k->heirs[from].primary) == 0) {
			k->at[n] = i;
			k->keys[n++] = k->heirs[i].key;
		}
	return n;
}

static int
is_first_of_primary(const struct keeper *k, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(k->heirs[i].primary, k->heirs[at].primary) == 0)
			return 0;
	return 1;
}

static int
tell_member(struct keeper *k, size_t member, size_t count)
{
	uint64_t bit = UINT64_C(1) << member;

	for (size_t i = 0; i < count; i++) {
		size_t n;
		int rc;

		if (!is_first_of_primary(k, i))
			continue;
		n = collect(k, i, count, bit);
		if (n == 0)
			continue;
		rc = keeper_request(k, member, SMX_REQ_CLAIM,
		    k->heirs[i].primary, n);
		if (rc != SMX_OK && rc != SMX_EREFUSED)
			return rc;
		/* A member that does not know the verb yields nothing, ever. */
		for (size_t j = 0; j < n; j++)
			heir_answer(&k->heirs[k->at[j]], &k->world, member,
			    rc == SMX_OK ? k->answers[j] : SMX_ANSWER_DENIED);
	}
	return SMX_OK;
}

void
keeper_tell(struct keeper *k, size_t count, uint64_t *deaf)
{
	for (size_t m = 0; m < k->world.count && m < GATE_MEMBERS_MAX; m++) {
		uint64_t bit = UINT64_C(1) << m, open = 0;

		for (size_t i = 0; i < count; i++)
			open |= k->heirs[i].open & bit;
		if (open == 0)
			continue;
		if ((*deaf & bit) == 0 && tell_member(k, m, count) == SMX_OK)
			continue;
		*deaf |= bit;
		k->untold |= bit;
	}
}

uint64_t
keeper_away(struct keeper *k)
{
	struct engine *core = node_enter(k->node);
	uint64_t mask = 0;

	for (size_t m = 0; m < k->world.count && m < GATE_MEMBERS_MAX; m++) {
		struct engine_peer_info info;

		engine_peer_info(core, m, node_now_ms(), &info);
		if (info.state == ENGINE_PEER_SILENT ||
		    info.state == ENGINE_PEER_LEAVING)
			mask |= UINT64_C(1) << m;
	}
	node_leave(k->node);
	return mask;
}

/* To those that have not heard of all: all of it, in pages. */
static void
tell_all(struct keeper *k)
{
	struct smx_engine *node = k->node;
	uint64_t all = k->untold;
	/* They hear it when they are back. */
	uint64_t deaf = keeper_away(k);
	struct smx_key after = { 0 };
	int n;

	k->untold = all & deaf;
	if (k->untold == all)
		return;
	do {
		if (node_ending(node))
			return;
		pthread_mutex_lock(&node->takeover_lock);
		n = takeover_heirs(node->takeover, &after, k->heirs, GATE_PAGE);
		pthread_mutex_unlock(&node->takeover_lock);
		if (n < 0)
			break;
		for (int i = 0; i < n; i++)
			k->heirs[i].open &= all;
		keeper_tell(k, (size_t)n, &deaf);
	} while (n == GATE_PAGE);
	if (n < 0)
		k->untold = all;
}

/* ---- the end ---- */

static void
let_go(struct keeper *k, size_t member, size_t count)
{
	uint64_t bit = UINT64_C(1) << member;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if ((k->heirs[i].yielded & bit) != 0) {
			k->at[n] = i;
			k->keys[n++] = k->heirs[i].key;
		}
	if (n == 0 ||
	    keeper_request(k, member, SMX_REQ_DISCARD, NULL, n) != SMX_OK)
		return;
	for (size_t i = 0; i < n; i++)
		heir_let_go(&k->heirs[k->at[i]], member);
}

static void
end_over(struct keeper *k)
{
	const struct conf *conf = config_conf(k->node->first_config);
	struct smx_engine *node = k->node;
	uint64_t deaf = keeper_away(k);
	size_t n;

	do {
		uint64_t untold = k->untold;

		pthread_mutex_lock(&node->takeover_lock);
		n = takeover_over_next(node->takeover, node_now_ms(), k->heirs,
		    GATE_PAGE);
		pthread_mutex_unlock(&node->takeover_lock);
		if (n == 0)
			return;
		/* An answer to this is what the end is waiting for. */
		keeper_tell(k, n, &deaf);
		k->untold = untold;
		for (size_t m = 0; m < k->world.count && m < GATE_MEMBERS_MAX;
		     m++)
			let_go(k, m, n);
		pthread_mutex_lock(&node->takeover_lock);
		takeover_over_done(node->takeover, k->heirs, n,
		    conf->peers_heartbeat_ms, node_now_ms(), clock_wall_ms());
		pthread_mutex_unlock(&node->takeover_lock);
	} while (n == GATE_PAGE && !node_ending(node));
}

void
keeper_heirs(struct keeper *k)
{
	const struct conf *conf = config_conf(k->node->first_config);
	uint64_t claims;

	pthread_mutex_lock(&k->node->takeover_lock);
	claims = takeover_claims(k->node->takeover);
	pthread_mutex_unlock(&k->node->takeover_lock);
	if (claims != k->claims) { /* an operator's, of single rows */
		k->claims = claims;
		k->untold = gate_others(&k->world, NULL);
		k->tell_ms = 0;
	}
	if (k->untold != 0 && node_now_ms() >= k->tell_ms) {
		tell_all(k);
		k->tell_ms = node_now_ms() + conf->peers_heartbeat_ms;
	}
	end_over(k);
}
