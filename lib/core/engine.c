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
	/* One more, so that no host's peers are a NULL. */
	e->peers = calloc(options->peers + 1, sizeof(*e->peers));
	if (e->peers == NULL) {
		free(e);
		return SMX_ENOMEM;
	}
	e->options = *options;
	e->now_ms = now_ms;
	memcpy(&seed, options->incarnation, sizeof(seed));
	own_init(&e->own, seed);
	for (size_t i = 0; i < options->peers; i++) {
		peer_init(&e->peers[i].peer, now_ms);
		notice_init(&e->peers[i].talk.notices, options->max_notices);
		sweep_want(e, i, now_ms);
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
	for (size_t i = 0; i < e->options.peers; i++) {
		struct talk *t = &e->peers[i].talk;

		notice_free(&t->notices);
		free(t->ask.keys);
		free(t->finished.keys);
		free(t->lost.keys);
	}
	own_free(&e->own);
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
	if (gap <= 2 * engine->options.heartbeat_ms)
		return;
	log_event(SMX_LOG_NOTICE, "clock_gap", "ms=%lld", (long long)gap);
	for (size_t i = 0; i < engine->options.peers; i++)
		peer_restart_clock(&engine->peers[i].peer, now_ms);
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
engine_has(struct engine *engine, struct own *own, size_t peer)
{
	uint32_t bit = UINT32_C(1) << peer;

	if ((own->has & bit) == 0)
		engine->peers[peer].copies++;
	own->has |= bit;
	own->may &= ~bit;
	/* Whenever it came: one copy is all that can be asked for. */
	own->unprotected = 0;
}

void
engine_has_not(struct engine *engine, struct own *own, size_t peer)
{
	uint32_t bit = UINT32_C(1) << peer;

	if ((own->has & bit) != 0)
		engine->peers[peer].copies--;
	own->has &= ~bit;
}

void
engine_notify(struct engine *engine, size_t peer, enum notice_kind kind,
    const struct smx_key *key, int64_t now_ms)
{
	struct notices *n = &engine->peers[peer].talk.notices;
	uint64_t dropped = n->dropped;
	struct log_line l;

	notice_add(n, kind, key, now_ms);
	if (n->dropped != dropped && (dropped & (dropped + 1)) == 0) {
		log_begin(&l, SMX_LOG_WARNING, NULL, "notices_dropped");
		engine_log_peer(engine, &l, peer);
		log_num(&l, "count", (int64_t)n->dropped);
		log_end(&l);
	}
	engine->work++;
}

/* Leave the table without a word to anybody. */
void
engine_forget(struct engine *engine, struct own *own)
{
	for (size_t i = 0; i < engine->options.peers; i++)
		engine_has_not(engine, own, i);
	engine->adopted -= own->adopted;
	own_remove(&engine->own, own);
}

void
engine_end(struct engine *engine, struct own *own, enum notice_kind kind,
    const char *why, int64_t now_ms)
{
	uint32_t told = own->has | own->may;
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, own->id,
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

static void
next_key(struct engine *engine, const struct engine_message *message,
    struct smx_key *key)
{
	memcpy(key->incarnation, engine->options.incarnation, 16);
	key->counter = ++engine->last;
#ifdef MUTANT_KEY_IS_QUEUE_ID
	memset(key->incarnation, 0, 16);
	key->counter = 1;
	for (const char *p = message->queue_id; *p != '\0'; p++)
		key->counter = key->counter * 131 + (unsigned char)*p;
#else
	(void)message;
#endif
}

int
engine_begin(struct engine *engine, const struct engine_message *message,
    int64_t now_ms, struct smx_key *key)
{
	struct own *own;

	engine_clock(engine, now_ms);
	if (engine->own.count >= engine->options.max_open)
		return SMX_ELIMIT;
	if (strlen(message->queue_id) > SMX_QUEUE_ID_MAX)
		return SMX_EINVAL;
	next_key(engine, message, key);
	own = own_add(&engine->own, key, message->queue_id);
	if (own == NULL)
		return SMX_ENOMEM;
	own->state = OWN_HOLDING;
	own->began_ms = now_ms;
	own->looked_after = engine->token;
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
	if (p->ills != 0)
		engine->work++;
	if (own == NULL) {
		sent_late(engine, key, peer, result, now_ms);
		return;
	}
	if (result == SMX_OK || result == SMX_EEXIST)
		engine_has(engine, own, peer);
	else if (result == SMX_EUNSURE)
		own->may |= UINT32_C(1) << peer;
}

static void
log_accepted(const struct engine *engine, const struct own *own, int64_t now_ms)
{
	struct log_line l;
	unsigned copies = 0;

	for (size_t i = 0; i < engine->options.peers; i++)
		copies += own->has >> i & 1;
	/* The milter's line says more about what went well. */
	log_begin(&l, own->unprotected ? SMX_LOG_WARNING : SMX_LOG_DEBUG,
	    own->id, own->unprotected ? "unprotected" : "accepted");
	log_key(&l, "key", &own->key);
	log_num(&l, "copies", copies);
	log_num(&l, "delay_ms", now_ms - own->began_ms);
	log_end(&l);
}

void
engine_verdict(struct engine *engine, const struct smx_key *key,
    enum engine_verdict verdict, int64_t now_ms)
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
	own->state = OWN_ANSWERED;
	/* A holder may have lost it again before we could say so. */
	own->unprotected = verdict == ENGINE_UNPROTECTED || own->has == 0;
	own->looked_after = engine->token;
	engine->accepted++;
	engine->accepted_unprotected += own->unprotected;
	log_accepted(engine, own, now_ms);
#ifdef MUTANT_DISCARD_EARLY
	engine_end(engine, own, NOTICE_DISCARD, "early", now_ms);
	return;
#endif
	if (own->id[0] == '\0')
		own->doubtful = 1; /* nothing can ever be seen of it */
	else
		own_due(&engine->own, own, now_ms + LOOK_MS);
	engine->work++;
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
		engine_verdict(engine, key, ENGINE_REFUSED, now_ms);
		return;
	}
	own->ended = 1;
	if (own->committed || own->id[0] == '\0')
		return;
	own->looked_after = engine->token;
	own->tries = 0;
	own_sooner(&engine->own, own, now_ms + COMMIT_MS);
	engine->work++;
}

/* ---- whom to ask for a copy ---- */

int64_t
engine_patience_ms(struct engine *engine, int64_t now_ms)
{
	int64_t most = 0;

	engine_clock(engine, now_ms);
	for (size_t i = 0; i < engine->options.peers; i++) {
		int64_t left = peer_patience_ms(&engine->peers[i].peer,
		    &engine->options, now_ms);

		if (left > most)
			most = left;
	}
	return most;
}

size_t
engine_candidates(struct engine *engine, int64_t now_ms, size_t *peers,
    size_t max)
{
	size_t n = engine->options.peers;
	size_t found = 0;

	engine_clock(engine, now_ms);
	for (int rank = 0; rank <= 2; rank++)
		for (size_t k = 0; k < n && found < max; k++) {
			size_t i = (engine->turn + k) % n;

			if (peer_rank(&engine->peers[i].peer, &engine->options,
				now_ms) == rank)
				peers[found++] = i;
		}
	if (n != 0)
		engine->turn = (engine->turn + 1) % n;
	return found;
}
