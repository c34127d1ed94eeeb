/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

/*
 * The keeper's thread as glue runs it: takeovers, page by page, through the
 * real gate and heirs.  What it asks takes no time, but may be lost on the way
 * there or back, and may come once more later; between an answer and the claim
 * others go on.
 */
#define PAGE 4

struct said {
	int from;
	enum smx_request_kind kind;
	const char *node;
	struct smx_epoch epoch;
	struct smx_key keys[PAGE];
	size_t count;
};

struct claiming {
	size_t peer;
	enum engine_cause cause;
	struct gate_row rows[PAGE];
	size_t count;
};

void
keeper_start(struct world *w, struct host *h)
{
	memset(&h->keeper, 0, sizeof(h->keeper));
	h->keeper.untold = (1u << (w->hosts - 1)) - 1;
}

void
keeper_stop(struct host *h)
{
	for (int i = 0; i < HOSTS; i++)
		for (int k = 0; k < (int)ENGINE_CAUSES; k++)
			gate_close(&h->keeper.gate[i][k]);
}

/* ---- asking ---- */

static int
gets_through(struct world *w, int from, int to)
{
	return !w->cut[from][to] && !w->host[to].lost && !chance(w, w->loss);
}

static int
perform(struct host *h, const struct said *said, enum smx_answer *answers)
{
	struct smx_request q = { .kind = said->kind,
		.keys = said->keys,
		.count = said->count,
		.node = said->node };
	struct smx_reply reply = { .answers = answers };
	const char *asker = host_name(said->from);

	if (said->kind == SMX_REQ_ASK)
		return holder_ask(&h->store, host_name(h->index), &q, &reply);
	if (said->kind == SMX_REQ_CLAIM)
		return holder_claim(&h->store, host_name(h->index), asker,
		    &said->epoch, &q, &reply);
	return holder_drop(&h->store, asker, &q, &reply);
}

static void
once_more(struct world *w, struct event *e)
{
	enum smx_answer answers[PAGE];

	(void)perform(&w->host[e->host], e->p, answers);
}

static int
ask(struct world *w, struct host *h, int to, enum smx_request_kind kind,
    const char *node, const struct smx_key *keys, size_t count,
    enum smx_answer *answers)
{
	struct said said = { .from = h->index,
		.kind = kind,
		.node = node,
		.epoch = h->mta.state.epoch,
		.count = count };
	struct host *other = &w->host[to];
	int r;

	memcpy(said.keys, keys, count * sizeof(*keys));
	if (!other->up || other->frozen > w->now ||
	    !gets_through(w, h->index, to))
		return SMX_EUNSURE;
	engine_heard(other->engine, peer_of(other, h->index), w->now);
	r = perform(other, &said, answers);
	if (kind != SMX_REQ_ASK && chance(w, w->twice))
		later(w, rnd_in(w, 0, 8000), once_more, to, 0, 0)->p =
		    copy(&said, sizeof(said));
	return gets_through(w, to, h->index) ? r : SMX_EUNSURE;
}

/* ---- what was claimed ---- */

static void
tell(struct world *w, struct host *h, struct heir *heir)
{
	struct gate_world world = { host_name(h->index), h->names,
		(size_t)w->hosts - 1 };

	for (size_t m = 0; m < world.count; m++) {
		enum smx_answer answer = SMX_ANSWER_UNKNOWN;

		if ((heir->open >> m & 1) == 0)
			continue;
		if (ask(w, h, host_of(h, m), SMX_REQ_CLAIM, heir->primary,
			&heir->key, 1, &answer) == SMX_OK)
			heir_answer(heir, &world, m, answer);
		else
			h->keeper.untold |= 1u << m;
	}
}

static void
tell_all(struct world *w, struct host *h)
{
	struct keeper *k = &h->keeper;
	struct smx_key after = { 0 };
	struct heir heirs[PAGE];
	int n;

	if (k->untold == 0 || w->now < k->tell_ms)
		return;
	k->untold = 0;
	k->tell_ms = w->now + HEARTBEAT_MS;
	do {
		n = takeover_heirs(h->takeover, &after, heirs, PAGE);
		for (int i = 0; i < n; i++)
			tell(w, h, &heirs[i]);
	} while (n == PAGE);
}

static void
end_over(struct world *w, struct host *h)
{
	struct heir heirs[PAGE];
	size_t n = takeover_over_next(h->takeover, w->now, heirs, PAGE);

	for (size_t i = 0; i < n; i++) {
		tell(w, h, &heirs[i]);
		for (size_t m = 0; m + 1 < (size_t)w->hosts; m++)
			if ((heirs[i].yielded >> m & 1) != 0 &&
			    ask(w, h, host_of(h, m), SMX_REQ_DISCARD, NULL,
				&heirs[i].key, 1, NULL) == SMX_OK)
				heir_let_go(&heirs[i], m);
	}
	takeover_over_done(h->takeover, heirs, n, HEARTBEAT_MS, w->now, w->now);
}

static void
tell_one(struct world *w, struct event *e)
{
	tell(w, &w->host[e->host], e->p);
}

/* Somebody has taken it over, or had. */
static int
is_known_elsewhere(struct world *w, const struct host *h,
    const struct smx_key *key)
{
	for (int i = 0; i < w->hosts; i++) {
		const struct stored *s = disk_find(&w->host[i], key);

		if (i != h->index && !w->host[i].lost && s != NULL &&
		    s->row.state != SMX_ROW_SHADOW)
			return 1;
	}
	return 0;
}

/* Others hear of it a moment later. */
static void
claim(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct claiming *c = e->p;
	struct heir heirs[PAGE];
	int n = takeover_claim(h->takeover, h->names[c->peer], c->cause,
	    c->rows, c->count, heirs, host_wall(w, h));

	if (n > 0)
		say(w, "%s claims %d of %s (%s)", host_name(h->index), n,
		    h->names[c->peer], engine_cause_name(c->cause));
	for (int i = 0; i < n; i++) {
		struct stored *s = disk_find(h, &heirs[i].key);
		struct event *t =
		    later(w, rnd_in(w, 1, 150), tell_one, h->index, 0, 0);

		w->attempt[s->attempt].claimed_ms = w->now;
		w->attempt[s->attempt].claimer = h->index;
		w->attempt[s->attempt].known =
		    is_known_elsewhere(w, h, &heirs[i].key);
		t->life = h->life;
		t->p = copy(&heirs[i], sizeof(heirs[i]));
	}
	host_pump(w, h);
}

/* ---- a round ---- */

static void
ask_about(struct world *w, struct host *h, struct gate *gate, size_t peer,
    struct gate_row *rows, size_t count)
{
	struct gate_world world = { host_name(h->index), h->names,
		(size_t)w->hosts - 1 };

	for (size_t m = 0; m < world.count; m++)
		for (size_t i = 0; i < count; i++) {
			enum smx_answer answer = SMX_ANSWER_UNKNOWN;

			if ((rows[i].ask >> m & 1) == 0 || rows[i].leave ||
			    rows[i].gone)
				continue;
			if ((gate->deaf >> m & 1) != 0 ||
			    ask(w, h, host_of(h, m), SMX_REQ_ASK,
				h->names[peer], &rows[i].key, 1,
				&answer) != SMX_OK) {
				gate->deaf |= UINT64_C(1) << m;
				answer = SMX_ANSWER_UNKNOWN;
			}
			gate_row_answer(&rows[i], &world, gate, m, answer);
		}
}

static int
is_over(struct world *w, struct host *h, const struct gate *gate, size_t peer)
{
	struct engine_peer_info info;

	engine_peer_info(h->engine, peer, w->now, &info);
	if (gate->cause == ENGINE_CAUSE_MTA_DOWN)
		return info.mta_down_ms < 0;
	if (gate->cause != ENGINE_CAUSE_SILENT)
		return 0;
	return info.state != ENGINE_PEER_SILENT;
}

static void
go_through(struct world *w, struct host *h, struct gate *gate, size_t peer)
{
	gate_round(gate);
	while (!gate->ended) {
		struct claiming c = { .peer = peer, .cause = gate->cause };
		struct gate_row rows[PAGE], gone[PAGE];
		size_t dropped = 0;
		int n = takeover_page(h->takeover, h->names[peer], gate, rows,
		    PAGE);

		ask_about(w, h, gate, peer, rows, (size_t)n);
		for (int i = 0; i < n; i++)
#ifdef MUTANT_RANK_IGNORED
			c.rows[c.count++] = rows[i];
#else
			switch (gate_row_verdict(&rows[i], gate, TAKEOVER_MS,
			    w->now)) {
			case GATE_CLAIM:
				c.rows[c.count++] = rows[i];
				break;
			case GATE_DROP:
				gone[dropped++] = rows[i];
				break;
			case GATE_ASIDE:
				(void)takeover_aside(h->takeover,
				    h->names[peer], &rows[i], host_wall(w, h));
				w->sum.aside++;
				break;
			case GATE_WAIT:
				break;
			}
#endif
		n = takeover_drop(h->takeover, h->names[peer], gone, dropped);
		w->sum.late += n > 0 ? (uint64_t)n : 0;
		if (c.count != 0) {
			struct event *e = later(w, rnd_in(w, 0, CLAIM_MS),
			    claim, h->index, 0, 0);

			e->life = h->life;
			e->p = copy(&c, sizeof(c));
		}
	}
	gate_round_end(gate, w->now, HEARTBEAT_MS);
}

/* Its owner has given them back. */
static void
unyield(struct host *h, const char *owner, const struct smx_key *keys,
    size_t count, const enum smx_answer *answers)
{
	struct smx_key back[PAGE];
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (gate_is_shadow(answers[i]))
			back[n++] = keys[i];
	if (n != 0)
		(void)holder_unyield(&h->store, owner, back, n);
}

/* It has ended there. */
static void
let_go(struct host *h, const char *owner, const struct smx_key *keys,
    size_t count, const enum smx_answer *answers)
{
	struct smx_key gone[PAGE];
	struct smx_request q = { .kind = SMX_REQ_DISCARD, .keys = gone };
	struct smx_reply reply = { 0 };

	for (size_t i = 0; i < count; i++)
		if (answers[i] == SMX_ANSWER_ENDED)
			gone[q.count++] = keys[i];
	if (q.count != 0)
		(void)holder_drop(&h->store, owner, &q, &reply);
}

static void
watch_owners(struct world *w, struct host *h)
{
	struct keeper *k = &h->keeper;

	if (w->now < k->watch_ms)
		return;
	k->watch_ms = w->now + 2 * HEARTBEAT_MS;
	for (size_t i = 0; i + 1 < (size_t)w->hosts; i++) {
		struct smx_key keys[PAGE], lost[PAGE];
		enum smx_answer answers[PAGE];
		struct engine_takeover why = { .peer = i,
			.cause = ENGINE_CAUSE_LOST,
			.keys = lost };
		int n = holder_yielded(&h->store, h->names[i], &k->yielded[i],
		    keys, PAGE);

		if (n < PAGE)
			memset(&k->yielded[i], 0, sizeof(k->yielded[i]));
		if (n <= 0 || ask(w, h, host_of(h, i), SMX_REQ_ASK, h->names[i],
				  keys, (size_t)n, answers) != SMX_OK)
			continue;
		unyield(h, h->names[i], keys, (size_t)n, answers);
		let_go(h, h->names[i], keys, (size_t)n, answers);
		for (int j = 0; j < n; j++)
			if (answers[j] == SMX_ANSWER_NONE)
				lost[why.count++] = keys[j];
		if (why.count != 0)
			(void)gate_open(&k->gate[i][ENGINE_CAUSE_LOST - 1],
			    &why, w->now);
	}
}

void
keeper_turn(struct world *w, struct host *h)
{
	struct engine_takeover why;
	int64_t wake;

	while (engine_takeover_next(h->engine, w->now, &why, &wake)) {
		say(w, "%s: %s is to be taken over (%s)", host_name(h->index),
		    h->names[why.peer], engine_cause_name(why.cause));
		(void)gate_open(&h->keeper.gate[why.peer][why.cause - 1], &why,
		    w->now);
		engine_takeover_done(h->engine, &why);
	}
	for (size_t i = 0; i + 1 < (size_t)w->hosts; i++)
		for (int k = 0; k < (int)ENGINE_CAUSES; k++) {
			struct gate *gate = &h->keeper.gate[i][k];

			if (!gate_is_due(gate, w->now))
				continue;
			if (is_over(w, h, gate, i))
				gate_close(gate);
			else
				go_through(w, h, gate, i);
		}
	tell_all(w, h);
	end_over(w, h);
	watch_owners(w, h);
}
