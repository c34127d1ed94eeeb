/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/* An accepted message is looked for this often, whatever the hints said. */
#define LOOK_MS ((int64_t)5 * 60 * 1000)
/* After the session ended without a sign of the commit. */
#define COMMIT_MS 1000

/* ---- the engine ---- */

static int
options_check(const struct engine_options *o)
{
	if (o->peers > OWN_PEERS_MAX)
		return SMX_ELIMIT;
	if (o->heartbeat_ms <= 0 || o->takeover_after_ms <= 0 ||
	    o->batch_delay_ms < 0 || o->retry_ms <= 0 || o->max_open == 0)
		return SMX_EINVAL;
	return SMX_OK;
}

/* One more, so that no host's peers are a NULL. */
static int
make_peers(struct engine *e, int64_t now_ms)
{
	size_t n = e->options.peers;

	e->peers = calloc(n + 1, sizeof(*e->peers));
	if (e->peers == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		peer_init(&e->peers[i].peer, now_ms);
		notice_init(&e->peers[i].talk.notices, e->options.max_notices);
		sweep_want(e, i, now_ms);
		/* Who has no name cannot be asked about. */
		if (e->options.names == NULL || n < 2)
			continue;
		e->peers[i].of = calloc(n, sizeof(*e->peers[i].of));
		if (e->peers[i].of == NULL)
			return SMX_ENOMEM;
	}
	return SMX_OK;
}

int
engine_new(struct engine **out, const struct engine_options *options,
    int64_t now_ms)
{
	struct engine *e;
	uint64_t seed;
	int r = options_check(options);

	if (r != SMX_OK)
		return r;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return SMX_ENOMEM;
	e->options = *options;
	e->now_ms = e->born_ms = now_ms;
	memcpy(&seed, options->incarnation, sizeof(seed));
	own_init(&e->own, seed);
	reads_init(&e->reads, now_ms);
	amends_init(&e->amends, seed);
	passed_init(&e->passed, seed);
	fences_init(&e->fences, seed);
	resends_init(&e->resends, seed);
	r = make_peers(e, now_ms);
	if (r == SMX_OK)
		lease_init(e, now_ms);
	if (r != SMX_OK) {
		engine_free(&e);
		return r;
	}
	*out = e;
	return SMX_OK;
}

void
engine_free(struct engine **engine)
{
	struct engine *e = *engine;

	*engine = NULL;
	if (e == NULL)
		return;
	for (size_t i = 0; e->peers != NULL && i < e->options.peers; i++) {
		struct talk *t = &e->peers[i].talk;

		notice_free(&t->notices);
		free(t->ask.keys);
		free(t->finished.keys);
		free(t->lost.keys);
		free(e->peers[i].of);
	}
	own_free(&e->own);
	reads_free(&e->reads);
	amends_free(&e->amends);
	passed_free(&e->passed);
	free(e->sequels.list);
	fences_free(&e->fences);
	resends_free(&e->resends);
	found_free(&e->found);
	again_free(&e->again);
	free(e->peers);
	free(e);
}

/*
 * Glue calls at least once a heartbeat.  A longer gap means that this process
 * stood still, and what it did not hear in that time proves nothing.
 */
void
engine_clock(struct engine *engine, int64_t now_ms)
{
	int64_t gap = now_ms - engine->now_ms;

	if (gap <= 0)
		return;
	engine->now_ms = now_ms;
	lease_clock(engine, now_ms);
	if (gap <= 2 * engine->options.heartbeat_ms)
		return;
	log_event(SMX_LOG_NOTICE, "clock_gap", "ms=%lld", (long long)gap);
	for (size_t i = 0; i < engine->options.peers; i++) {
		peer_restart_clock(&engine->peers[i].peer, now_ms);
		/* What have they taken over meanwhile? */
		sweep_failed(engine, i);
		sweep_want(engine, i, now_ms);
	}
	engine->work++;
}

uint64_t
engine_work(const struct engine *engine)
{
	return engine->work;
}

int
pool_add(struct key_pool *pool, const struct smx_key *key)
{
	if (pool->count >= SMX_REQ_KEYS_MAX)
		return SMX_ELIMIT;
	if (pool->keys == NULL)
		pool->keys = malloc(SMX_REQ_KEYS_MAX * sizeof(*pool->keys));
	if (pool->keys == NULL)
		return SMX_ENOMEM;
	pool->keys[pool->count++] = *key;
	return SMX_OK;
}

int
pool_add_new(struct key_pool *pool, const struct smx_key *key)
{
	for (size_t i = 0; i < pool->count; i++)
		if (smx_key_compare(&pool->keys[i], key) == 0)
			return SMX_OK;
	return pool_add(pool, key);
}

void
pool_drop(struct key_pool *pool, size_t front)
{
	pool->count -= front;
	if (pool->count != 0)
		memmove(pool->keys, pool->keys + front,
		    pool->count * sizeof(*pool->keys));
}

/* ---- the life of an own message ---- */

void
engine_notify(struct engine *engine, size_t peer, enum notice_kind kind,
    const struct smx_key *key, int64_t now_ms)
{
	struct notices *n = &engine->peers[peer].talk.notices;
	int64_t delay_ms = engine->options.batch_delay_ms;
	int64_t due_ms = notice_due(n, delay_ms);
	uint64_t dropped = n->dropped;
	struct log_line l;

	notice_add(n, kind, key, now_ms);
	/* One more of a batch that waits for company is no news. */
	if (notice_due(n, delay_ms) != due_ms)
		engine->work++;
	if (n->dropped != dropped && (dropped & (dropped + 1)) == 0) {
		log_begin(&l, SMX_LOG_WARNING, NULL, "notices_dropped");
		engine_log_peer(engine, &l, peer);
		log_num(&l, "count", (int64_t)n->dropped);
		log_end(&l);
	}
}

/* Leave the table without a word to anybody. */
void
engine_forget(struct engine *engine, struct own *own)
{
	fence_drop(engine, own, 1);
	resends_gone(engine, own);
	copies_forget(engine, own);
	engine->adopted -= own->adopted;
	own_remove(&engine->own, own);
}

void
engine_end(struct engine *engine, struct own *own, enum notice_kind kind,
    const char *why, int64_t now_ms)
{
	uint32_t told = own->has | own->may;
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, own_id(own),
	    kind == NOTICE_ABORT ? "aborted" : "finished");
	log_key(&l, "key", &own->key);
	log_str(&l, "why", why);
	log_num(&l, "age_ms", now_ms - own->began_ms);
	log_end(&l);
	for (size_t i = 0; i < engine->options.peers; i++)
		if ((told >> i & 1) != 0)
			engine_notify(engine, i, kind, &own->key, now_ms);
	engine_forget(engine, own);
}

int
engine_was_ours(const struct engine *engine, const struct smx_key *key)
{
	return memcmp(key->incarnation, engine->options.incarnation, 16) == 0 &&
	       key->counter != 0 && key->counter <= engine->last;
}

void
engine_next_key(struct engine *engine, const char *queue_id,
    struct smx_key *key)
{
	memcpy(key->incarnation, engine->options.incarnation, 16);
	key->counter = ++engine->last;
#ifdef MUTANT_KEY_IS_QUEUE_ID
	memset(key->incarnation, 0, 16);
	key->counter = 1;
	for (const char *p = queue_id; *p != '\0'; p++)
		key->counter = key->counter * 131 + (unsigned char)*p;
#else
	(void)queue_id;
#endif
}

int
engine_begin(struct engine *engine, const struct engine_message *message,
    int64_t now_ms, struct smx_key *key)
{
	struct passed_id *passed;
	struct own *own;

	engine_clock(engine, now_ms);
	if (engine->own.count >= engine->options.max_open)
		return SMX_ELIMIT;
	if (strlen(message->queue_id) > SMX_QUEUE_ID_MAX)
		return SMX_EINVAL;
	engine_next_key(engine, message->queue_id, key);
	own = own_add(&engine->own, key, message->queue_id);
	if (own == NULL)
		return SMX_ENOMEM;
	own->state = OWN_HOLDING;
	own->began_ms = now_ms;
	own->looked_after = engine->token;
	own->sum = message->envelope_sum;
	own->mark_s = (uint32_t)(message->hold_until_ms / 1000);
	own->wanted =
	    (uint8_t)(message->copies < OWN_RANKS_MAX ? message->copies
						      : OWN_RANKS_MAX);
	/* The id is another message's now. */
	passed = passed_find(&engine->passed, message->queue_id);
	if (passed != NULL)
		passed_forget(&engine->passed, passed);
	return SMX_OK;
}

/* A copy that may exist although its key has ended already. */
static void
sent_late(struct engine *engine, const struct smx_key *key, size_t peer,
    int result, int64_t now_ms)
{
	if (result == SMX_OK || result == SMX_EEXIST || result == SMX_EUNSURE)
		engine_notify(engine, peer, NOTICE_DISCARD, key, now_ms);
}

void
engine_sent(struct engine *engine, const struct smx_key *key, size_t peer,
    int result, int64_t now_ms)
{
	struct own *own = own_find(&engine->own, key);
	struct peer *p;

	engine_clock(engine, now_ms);
	if (peer >= engine->options.peers)
		return;
	p = &engine->peers[peer].peer;
	peer_sent(p, &engine->options, result, now_ms);
	engine_show_peer(engine, peer, now_ms);
	if (p->ills != 0 || p->fails != 0)
		engine->work++;
	if (own == NULL) {
		sent_late(engine, key, peer, result, now_ms);
		return;
	}
	if (result == SMX_OK || result == SMX_EEXIST) {
		copies_gain(engine, own, peer, now_ms);
		again_confirmed(engine, own, peer, now_ms);
	} else if (result == SMX_EUNSURE || result == SMX_ETIMEOUT) {
		own->may |= UINT32_C(1) << peer;
		own->absent &= ~(UINT32_C(1) << peer);
	} else if (result == SMX_EGONE || result == SMX_ECONFLICT)
		own->denied |= UINT32_C(1) << peer;
	lease_message(engine, own, now_ms);
}

static void
log_accepted(const struct own *own, int64_t now_ms)
{
	const char *event = "accepted";
	enum smx_level level = SMX_LOG_DEBUG;
	struct log_line l;

	/* The milter's line says more about what went well. */
	if (own->unprotected || own->short_copies) {
		event = own->unprotected ? "unprotected" : "short";
		level = own->unprotected ? SMX_LOG_WARNING : SMX_LOG_INFO;
	}
	log_begin(&l, level, own_id(own), event);
	log_key(&l, "key", &own->key);
	log_num(&l, "copies", own_copies(own));
	log_num(&l, "delay_ms", now_ms - own->began_ms);
	log_end(&l);
}

static void
accepted(struct engine *engine, struct own *own, enum engine_verdict verdict,
    const struct engine_ranks *ranks, int64_t now_ms)
{
	own->state = OWN_ANSWERED;
	if (verdict == ENGINE_UNPROTECTED && own->wanted == 0)
		own->wanted = 1;
	/* A holder may have lost it again before we could say so. */
	copies_count(engine, own);
	own->looked_after = engine->token;
	engine->accepted++;
	engine->accepted_unprotected += own->unprotected;
	engine->accepted_short += own->short_copies;
	log_accepted(own, now_ms);
	copies_rank(engine, own, ranks, now_ms);
	lease_message(engine, own, now_ms);
	reading_plan(engine, own);
	if (own_id(own)[0] == '\0')
		own->doubtful = 1; /* nothing can ever be seen of it */
	else
		own_due(&engine->own, own, now_ms + LOOK_MS);
}

void
engine_verdict(struct engine *engine, const struct smx_key *key,
    enum engine_verdict verdict, const struct engine_ranks *ranks,
    int64_t now_ms)
{
	struct own *own = own_find(&engine->own, key);

	engine_clock(engine, now_ms);
	if (own == NULL || own->state != OWN_HOLDING)
		return;
	if (verdict == ENGINE_REFUSED) {
		engine->refused++;
		engine_end(engine, own, NOTICE_ABORT, "refused", now_ms);
		return;
	}
	accepted(engine, own, verdict, ranks, now_ms);
#ifdef MUTANT_DISCARD_EARLY
	engine_end(engine, own, NOTICE_DISCARD, "early", now_ms);
#endif
}

void
engine_session_end(struct engine *engine, const struct smx_key *key,
    int64_t now_ms)
{
	struct own *own = own_find(&engine->own, key);

	engine_clock(engine, now_ms);
	if (own == NULL || own->ended)
		return;
	if (own->state == OWN_HOLDING) {
		/* Ended without a verdict: nobody was told yes. */
		engine_verdict(engine, key, ENGINE_REFUSED, NULL, now_ms);
		return;
	}
	own->ended = 1;
	if (own->committed || own_id(own)[0] == '\0')
		return;
	own->looked_after = engine->token;
	own->tries = 0;
	own_sooner(&engine->own, own, now_ms + COMMIT_MS);
}
