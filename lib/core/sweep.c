/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include <shadowmx/store.h>

#include "base/log.h"
#include "core/inside.h"

/*
 * LIST: what a peer holds for us, page by page.  After our own restart it gives
 * back the table of open messages, which nothing on disk keeps; after the
 * peer's it shows what it forgot; and now and then it finds what a lost notice
 * left behind.
 */
#define SWEEP_BEATS 10
#define NEVER_TRIES 10 /* looks for it, four minutes */
#define DOWN_BEATS  2

void
sweep_want(struct engine *engine, size_t peer, int64_t at_ms)
{
	struct talk *t = &engine->peers[peer].talk;

	if (!t->list_wanted || t->list_ms > at_ms)
		t->list_ms = at_ms;
	t->list_wanted = 1;
	engine->work++;
}

void
sweep_next(struct engine *engine, size_t peer, struct smx_request *request)
{
	struct talk *t = &engine->peers[peer].talk;
	uint32_t bit = UINT32_C(1) << peer;

	if (!t->listing) {
		t->listing = 1;
		lease_list_begins(engine, peer);
		memset(&t->list_after, 0, sizeof(t->list_after));
		for (struct own *o = engine->own.first; o != NULL; o = o->next)
#ifdef MUTANT_SESSIONS_LEFT_OUT
			if (o->state != OWN_HOLDING)
#endif
				o->unseen = (o->unseen & ~bit) |
					    ((o->has | o->may) & bit);
	}
	request->kind = SMX_REQ_LIST;
	request->after = t->list_after;
	request->limit = SMX_REQ_KEYS_MAX;
}

/* NULL: no room. */
static struct own *
adopt_own(struct engine *engine, const struct smx_listed *row, int64_t now_ms)
{
	struct own *own;

	/* Room stays for new mail, whatever a peer makes up. */
	if (engine->adopted >= engine->options.max_open / 2 ||
	    engine->own.count >= engine->options.max_open)
		return NULL;
	own = own_add(&engine->own, &row->key, row->queue_id);
	if (own == NULL)
		return NULL;
	engine->adopted++;
	own->adopted = 1;
	own->ended = 1;
	own->unwatched = 1;
	own->state = OWN_ADOPTED;
	own->wanted = 1; /* that is not known any more */
	own->unlearnt = 1;
	own->began_ms = now_ms - (row->age_ms > 0 ? row->age_ms : 0);
	own->looked_after = engine->token;
	evidence_adopt(engine, own, &row->epoch);
	if (own->epoch == OWN_EPOCH_OTHER)
		own->state = OWN_LOST;
	if (own_id(own)[0] == '\0')
		own->doubtful = 1;
	evidence_soon(engine, own, now_ms);
	return own;
}

void
engine_adopt_unprotected(struct engine *engine,
    const struct smx_listed *message, int64_t now_ms)
{
	struct own *own;

	engine_clock(engine, now_ms);
	if (own_find(&engine->own, &message->key) != NULL)
		return;
	own = adopt_own(engine, message, now_ms);
	if (own != NULL)
		copies_count(engine, own);
}

static void
adopt(struct engine *engine, size_t peer, const struct smx_listed *row,
    int64_t now_ms)
{
	struct own *own = adopt_own(engine, row, now_ms);
	struct log_line l;

	if (own == NULL)
		return;
	copies_gain(engine, own, peer, now_ms);
	passer_listed(engine, own, now_ms);
	log_begin(&l, SMX_LOG_INFO, own_id(own), "adopted");
	log_key(&l, "key", &own->key);
	engine_log_peer(engine, &l, peer);
	log_str(&l, "state", own_state_name(own));
	log_end(&l);
}

/*
 * What a holder's MTA has or had is ours to care for only while our queue may
 * have it too.
 */
static void
of_former_life(struct engine *engine, size_t peer, const struct smx_listed *row,
    int64_t now_ms)
{
	int elsewhere = row->queue_id[0] == '\0' ||
			evidence_epoch(engine, &row->epoch) == OWN_EPOCH_OTHER;
	struct own *own;

	if (elsewhere && row->state == SMX_ROW_DONE)
		engine_notify(engine, peer, NOTICE_DISCARD, &row->key, now_ms);
	if (elsewhere &&
	    (row->state == SMX_ROW_DONE || row->state == SMX_ROW_HANDED))
		return;
	adopt(engine, peer, row, now_ms);
	own = own_find(&engine->own, &row->key);
	if (own != NULL)
		fence_listed(engine, peer, own, row->state, now_ms);
}

static void
listed(struct engine *engine, size_t peer, const struct smx_listed *row,
    int64_t now_ms)
{
	struct talk *t = &engine->peers[peer].talk;
	struct own *own = own_find(&engine->own, &row->key);

	amends_seen(engine, row->version);
	if (own != NULL) {
		copies_gain(engine, own, peer, now_ms);
		own->unseen &= ~(UINT32_C(1) << peer);
		if (own->stale)
			reading_want(engine, own, now_ms);
		fence_listed(engine, peer, own, row->state, now_ms);
		return;
	}
	if (memcmp(row->key.incarnation, engine->options.incarnation, 16) !=
	    0) {
		of_former_life(engine, peer, row, now_ms);
		return;
	}
	if (row->state == SMX_ROW_HANDED)
		return; /* the holder's MTA has it: nothing we say changes it */
	/* Finished, and the notice was lost or is on its way. */
	if (engine_was_ours(engine, &row->key) &&
	    notice_waiting(&t->notices) == 0)
		engine_notify(engine, peer, NOTICE_DISCARD, &row->key, now_ms);
}

static int
is_nobodys(const struct own *own)
{
	return own->has == 0 && own->may == 0 && !own->copy_out;
}

/* The peer no longer has it, and no word of ours made it go. */
static void
missing(struct engine *engine, size_t peer, struct own *own, int64_t now_ms)
{
	struct log_line l;

	copies_lose(engine, own, peer, now_ms);
	log_begin(&l, is_nobodys(own) ? SMX_LOG_WARNING : SMX_LOG_NOTICE,
	    own_id(own), "copy_missing");
	log_key(&l, "key", &own->key);
	engine_log_peer(engine, &l, peer);
	log_str(&l, "state", own_state_name(own));
	log_num(&l, "left", own_copies(own));
	log_end(&l);
	/* Taken over and ended there, or never more than a row here. */
	if (is_nobodys(own) &&
	    (own->state == OWN_LOST || own->state == OWN_CORRUPT ||
		(own->adopted && !own->committed)))
		engine_forget(engine, own);
}

/*
 * A lost message of which this peer may have a copy: a copy that was on its way
 * when the question failed has come by now, or never will.
 */
static int
never_came(const struct own *own, size_t peer)
{
	return (own->state == OWN_LOST || own->state == OWN_CORRUPT) &&
	       (own->may >> peer & 1) != 0 && own->tries >= NEVER_TRIES;
}

/* With its own MTA down a host must hear soon what others have taken over. */
static int64_t
pause_beats(const struct engine *engine)
{
	return engine->queue.mta == SMX_MTA_DOWN ? DOWN_BEATS : SWEEP_BEATS;
}

static void
sweep_end(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct talk *t = &engine->peers[peer].talk;
	uint32_t bit = UINT32_C(1) << peer;
	struct own *own = engine->own.first;

	while (own != NULL) {
		struct own *next = own->next;
		int gone = (own->unseen & bit) != 0;

		own->unseen &= ~bit;
		if (gone && (own->has & bit) != 0)
			missing(engine, peer, own, now_ms);
		else if (never_came(own, peer)) {
			own->may &= ~bit;
			missing(engine, peer, own, now_ms);
		} else if (gone && (own->may & bit) != 0) {
			/* It may come late, and hears of the end. */
			own->absent |= bit;
			again_want(engine, own, now_ms);
		}
		own = next;
	}
	t->listing = 0;
	t->list_wanted = 0;
	t->listed = 1;
	t->listed_ms = now_ms;
	engine->fences.dirty = 1;
	engine->peers[peer].listed_once = 1;
	sweep_want(engine, peer,
	    again_listed(engine, peer)
		? now_ms
		: now_ms + pause_beats(engine) * engine->options.heartbeat_ms);
	lease_listed(engine, peer, now_ms);
}

void
sweep_page(struct engine *engine, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply,
    int64_t now_ms)
{
	struct talk *t = &engine->peers[peer].talk;

	if (!t->listing || reply->count > request->limit)
		return;
	for (size_t i = 0; i < reply->count; i++) {
		const struct smx_listed *row = &reply->listed[i];

		/* Keys grow, or the peer leads us in circles. */
		if (smx_key_compare(&row->key, &t->list_after) <= 0)
			continue;
		t->list_after = row->key;
		if (memchr(row->queue_id, '\0', sizeof(row->queue_id)) != NULL)
			listed(engine, peer, row, now_ms);
	}
	if (reply->count < request->limit ||
	    smx_key_compare(&t->list_after, &request->after) <= 0)
		sweep_end(engine, peer, now_ms);
}

/* Begin anew: pages of before and after a break do not make a whole. */
void
sweep_failed(struct engine *engine, size_t peer)
{
	engine->peers[peer].talk.listing = 0;
}

/* Within a heartbeat nothing can have been taken over. */
void
sweep_recovered(struct engine *engine, size_t peer, int64_t now_ms)
{
	struct talk *t = &engine->peers[peer].talk;
	int64_t at = now_ms;

	if (t->listed && t->listed_ms + engine->options.heartbeat_ms > at)
		at = t->listed_ms + engine->options.heartbeat_ms;
	sweep_want(engine, peer, at);
}
