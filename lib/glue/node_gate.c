/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node_gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/holder.h"

/*
 * Takeovers under way: the core says that one is due, the other members are
 * asked, and what may be claimed is claimed, page by page.
 */
#define CLAIMS_MAX 100 /* rows, each a durable step, under one lock */
#define AGAIN_MS   1000

struct keeper *
keeper_new(struct smx_engine *node)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->node = node;
	k->world.own = node->node_name;
	k->world.names = node->peer_names;
	k->world.count = node->peers;
	k->gates = calloc(node->peers * GATE_CAUSES + 1, sizeof(*k->gates));
	k->yielded = calloc(node->peers + 1, sizeof(*k->yielded));
	/* What a former life of this process has claimed may be untold. */
	k->untold = gate_others(&k->world, NULL);
	if (k->gates == NULL || k->yielded == NULL)
		keeper_free(&k);
	return k;
}

void
keeper_free(struct keeper **keeper)
{
	struct keeper *k = *keeper;

	*keeper = NULL;
	if (k == NULL)
		return;
	for (size_t i = 0; k->gates != NULL && i < k->world.count * GATE_CAUSES;
	     i++)
		gate_close(&k->gates[i]);
	free(k->gates);
	free(k->yielded);
	free(k);
}

static struct gate *
gate_of(struct keeper *k, size_t peer, enum engine_cause cause)
{
	return &k->gates[peer * GATE_CAUSES + (size_t)cause - 1];
}

/* ---- a page ---- */

/* One that is away is asked only where it matters that it does not answer. */
static int
is_to_ask(const struct keeper *k, const struct gate_row *row, uint64_t bit)
{
	if ((row->ask & bit) == 0 || row->leave || row->gone)
		return 0;
	return (row->wait & bit) != 0 || (k->away & bit) == 0;
}

static void
ask_member(struct keeper *k, struct gate *gate, const char *primary,
    size_t member, size_t count)
{
	uint64_t bit = UINT64_C(1) << member;
	int answered;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (is_to_ask(k, &k->rows[i], bit)) {
			k->at[n] = i;
			k->keys[n++] = k->rows[i].key;
		}
	if (n == 0)
		return;
	answered = (gate->deaf & bit) == 0 &&
		   keeper_request(k, member, SMX_REQ_ASK, primary, n) == SMX_OK;
	if (!answered)
		gate->deaf |= bit;
	for (size_t i = 0; i < n; i++)
		gate_row_answer(&k->rows[k->at[i]], &k->world, gate, member,
		    answered ? k->answers[i] : SMX_ANSWER_UNKNOWN);
}

/* What may be claimed comes to the front; what is to be delivered by nobody
 * goes to the others. */
static size_t
judge(struct keeper *k, struct gate *gate, size_t count, size_t *gone)
{
	const struct conf *conf = config_conf(k->node->first_config);
	int64_t now_ms = node_now_ms();
	size_t n = 0;

	*gone = 0;
	for (size_t i = 0; i < count; i++)
		switch (gate_row_verdict(&k->rows[i], gate,
		    conf->peers_takeover_after_ms, now_ms)) {
		case GATE_CLAIM:
			k->rows[n++] = k->rows[i];
			break;
		case GATE_DROP:
		case GATE_ASIDE:
			k->gone[(*gone)++] = k->rows[i];
			break;
		case GATE_WAIT:
			break;
		}
	return n;
}

static int
drop(struct keeper *k, const char *primary, size_t count)
{
	struct smx_engine *node = k->node;
	size_t n = 0;
	int r = SMX_OK;

	if (count == 0)
		return SMX_OK;
	pthread_mutex_lock(&node->takeover_lock);
	for (size_t i = 0; r == SMX_OK && i < count; i++)
		if (k->gone[i].gone)
			k->gone[n++] = k->gone[i];
		else
			r = takeover_aside(node->takeover, primary, &k->gone[i],
			    clock_wall_ms());
	if (r == SMX_OK)
		r = takeover_drop(node->takeover, primary, k->gone, n);
	pthread_mutex_unlock(&node->takeover_lock);
	return r < 0 ? r : SMX_OK;
}

static int
claim(struct keeper *k, struct gate *gate, const char *primary, size_t count)
{
	struct smx_engine *node = k->node;
	size_t total = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i += CLAIMS_MAX) {
		size_t n = count - i < CLAIMS_MAX ? count - i : CLAIMS_MAX;
		uint64_t before;

		pthread_mutex_lock(&node->takeover_lock);
		before = takeover_claims(node->takeover);
		r = takeover_claim(node->takeover, primary, gate->cause,
		    &k->rows[i], n, &k->heirs[total], clock_wall_ms());
		k->claims += takeover_claims(node->takeover) - before;
		pthread_mutex_unlock(&node->takeover_lock);
		if (r > 0) {
			total += (size_t)r;
			node_kick(node); /* the submitters can begin */
		}
	}
	/* Of those before an error not all are told; they are in the round of
	 * all members. */
	if (r < 0)
		k->untold = gate_others(&k->world, NULL);
	keeper_tell(k, total, &gate->deaf);
	return r < 0 ? r : (int)total;
}

/* ---- a round ---- */

/*
 * Is its cause still there?  SMX_ESTATE: a primary that has been heard again,
 * or whose MTA is up, delivers itself.  SMX_ETEMP: another member hears it, or
 * this host stood still; that may end, and the silence begins anew then.
 */
static int
still_so(struct keeper *k, struct gate *gate, size_t peer)
{
	struct engine_peer_info info;
	int64_t now_ms = node_now_ms();

	if (gate->cause != ENGINE_CAUSE_SILENT &&
	    gate->cause != ENGINE_CAUSE_MTA_DOWN)
		return SMX_OK;
	engine_peer_info(node_enter(k->node), peer, now_ms, &info);
	node_leave(k->node);
	if (gate->cause == ENGINE_CAUSE_MTA_DOWN)
		return info.mta_down_ms < 0 ? SMX_ESTATE : SMX_OK;
	if (info.heard_ago_ms >= 0 &&
	    now_ms - info.heard_ago_ms > gate->since_ms)
		return SMX_ESTATE;
	if (info.state == ENGINE_PEER_SILENT)
		return SMX_OK;
	gate->since_ms = now_ms;
	return SMX_ETEMP;
}

static void
log_round(const char *primary, const struct gate *gate, int claimed, int result)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "takeover");
	log_str(&l, "primary", primary);
	log_str(&l, "cause", engine_cause_name(gate->cause));
	log_num(&l, "claimed", claimed);
	log_num(&l, "left", (int64_t)gate->left);
	log_err(&l, "result", result);
	log_end(&l);
}

/* peer: of the primary; a number that no peer has when it is no member. */
static int
round_pages(struct keeper *k, struct gate *gate, const char *primary,
    size_t peer, int *claimed)
{
	struct smx_engine *node = k->node;

	gate_round(gate);
	k->away = keeper_away(k);
	while (!gate->ended) {
		int n, rc = still_so(k, gate, peer);
		size_t gone;

		if (rc != SMX_OK)
			return rc;
		if (node_ending(node))
			return SMX_ECLOSED;
		pthread_mutex_lock(&node->takeover_lock);
		n = takeover_page(node->takeover, primary, gate, k->rows,
		    GATE_PAGE);
		pthread_mutex_unlock(&node->takeover_lock);
		if (n < 0)
			return n;
		for (size_t m = 0; m < k->world.count && m < GATE_MEMBERS_MAX;
		     m++)
			ask_member(k, gate, primary, m, (size_t)n);
		/* That took its time. */
		rc = still_so(k, gate, peer);
		if (rc != SMX_OK)
			return rc;
		n = claim(k, gate, primary, judge(k, gate, (size_t)n, &gone));
		if (n < 0)
			return n;
		*claimed += n;
		n = drop(k, primary, gone);
		if (n < 0)
			return n;
	}
	return SMX_OK;
}

static int
round_run(struct keeper *k, struct gate *gate, const char *primary, size_t peer,
    int *claimed)
{
	const struct conf *conf = config_conf(k->node->first_config);
	int rc = round_pages(k, gate, primary, peer, claimed);

	if (*claimed > 0 || gate->cause == ENGINE_CAUSE_OPERATOR ||
	    (rc != SMX_OK && rc != SMX_ESTATE && rc != SMX_ETEMP))
		log_round(primary, gate, *claimed, rc);
	if (rc == SMX_OK)
		gate_round_end(gate, node_now_ms(), conf->peers_heartbeat_ms);
	else if (rc == SMX_ESTATE)
		gate_close(gate);
	else if (rc == SMX_ETEMP)
		gate_again(gate, node_now_ms() + conf->peers_heartbeat_ms);
	else /* a full disk, or the end of threads, leaves it due */
		gate_again(gate, node_now_ms() + AGAIN_MS);
	return rc;
}

int64_t
keeper_take_over(struct keeper *k)
{
	struct engine_takeover why;
	int64_t now_ms = node_now_ms();
	int64_t wake = now_ms + AGAIN_MS;
	struct engine *core = node_enter(k->node);

	/* What is due is kept here from now on, so that one primary does not
	 * stand in the way of another.  A restart finds it again. */
	while (
	    engine_takeover_next(core, now_ms, &why, &wake) &&
	    gate_open(gate_of(k, why.peer, why.cause), &why, now_ms) == SMX_OK)
		engine_takeover_done(core, &why);
	node_leave(k->node);
	for (size_t i = 0; i < k->world.count * GATE_CAUSES; i++) {
		size_t peer = i / GATE_CAUSES;
		struct gate *gate = &k->gates[i];
		int claimed = 0;

		if (gate_is_due(gate, now_ms))
			(void)round_run(k, gate, node_peer_name(k->node, peer),
			    peer, &claimed);
		if (gate->cause != 0 && gate->look_ms < wake)
			wake = gate->look_ms;
	}
	return wake;
}

int
keeper_take_now(struct keeper *k, const char *primary, int *claimed)
{
	const struct engine_takeover why = { .cause = ENGINE_CAUSE_OPERATOR };
	struct gate gate = { 0 };
	int rc = gate_open(&gate, &why, node_now_ms());

	if (rc == SMX_OK)
		rc = round_run(k, &gate, primary, k->world.count, claimed);
	gate_close(&gate);
	return rc;
}

/* ---- what is held for those that took it over ---- */

/* Its owner has only a shadow: it gave the message back to its primary. */
static void
unyield(struct keeper *k, const char *owner, size_t count)
{
	struct smx_engine *node = k->node;
	struct log_line l;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < count; i++)
		if (gate_is_shadow(k->answers[i]))
			k->back[n++] = k->keys[i];
	if (n == 0)
		return;
	pthread_mutex_lock(&node->takeover_lock);
	rc = holder_unyield(node->ports.store, owner, k->back, n);
	pthread_mutex_unlock(&node->takeover_lock);
	log_begin(&l, SMX_LOG_NOTICE, NULL, "unyielded");
	log_str(&l, "from", owner);
	log_num(&l, "keys", (int64_t)n);
	if (n == 1)
		log_key(&l, "key", &k->back[0]);
	log_err(&l, "result", rc);
	log_end(&l);
}

/* It has ended at its owner, and that did not say so here, or was not heard. */
static void
let_go(struct keeper *k, const char *owner, size_t count)
{
	struct smx_request request = { .kind = SMX_REQ_DISCARD,
		.keys = k->back };
	struct smx_reply reply = { 0 };
	struct log_line l;
	int rc;

	for (size_t i = 0; i < count; i++)
		if (k->answers[i] == SMX_ANSWER_ENDED)
			k->back[request.count++] = k->keys[i];
	if (request.count == 0)
		return;
	rc = holder_drop(k->node->ports.store, owner, &request, &reply);
	log_begin(&l, SMX_LOG_NOTICE, NULL, "finished_elsewhere");
	log_str(&l, "peer", owner);
	log_num(&l, "keys", (int64_t)request.count);
	if (request.count == 1)
		log_key(&l, "key", &k->back[0]);
	log_err(&l, "result", rc);
	log_end(&l);
}

/* Returns 0 when there may be more of this owner's. */
static int
watch_page(struct keeper *k, size_t owner)
{
	struct smx_engine *node = k->node;
	const char *name = node_peer_name(node, owner);
	struct engine_takeover why = { .peer = owner,
		.cause = ENGINE_CAUSE_LOST };
	int n = holder_yielded(node->ports.store, name, &k->yielded[owner],
	    k->keys, GATE_PAGE);
	static const struct smx_key start;
	int all = n < 0 || smx_key_compare(&k->yielded[owner], &start) == 0;

	if (n <= 0)
		return all;
	/* No answer is for its silence to judge. */
	if (keeper_request(k, owner, SMX_REQ_ASK, name, (size_t)n) != SMX_OK)
		return 1;
	unyield(k, name, (size_t)n);
	let_go(k, name, (size_t)n);
	for (int i = 0; i < n; i++)
		if (k->answers[i] == SMX_ANSWER_NONE)
			k->keys[why.count++] = k->keys[i];
	why.keys = k->keys;
	if (why.count != 0)
		(void)gate_open(gate_of(k, owner, ENGINE_CAUSE_LOST), &why,
		    node_now_ms());
	return all;
}

void
keeper_watch_owners(struct keeper *k)
{
	for (size_t i = 0; i < k->world.count && !node_ending(k->node); i++) {
		int64_t until = node_now_ms() + AGAIN_MS;

		while (!watch_page(k, i) && node_now_ms() < until)
			;
	}
}
