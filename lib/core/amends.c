/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/amends.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/inside.h"

#define AMENDS_MAX       10000
#define AMENDS_BYTES_MAX ((size_t)16 * 1024 * 1024)

void
amends_init(struct amends *amends, uint64_t seed)
{
	memset(amends, 0, sizeof(*amends));
	idmap_init(&amends->keys, seed);
}

static void
text_release(struct amend_text *text)
{
	if (text != NULL && --text->refs == 0)
		free(text);
}

static void
batch_clear(struct amend_batch *b)
{
	for (size_t i = 0; b != NULL && i < b->count; i++) {
		text_release(b->text[i]);
		free(b->holders[i]);
	}
	if (b != NULL)
		b->count = 0;
}

/* ---- the entries ---- */

static struct amend *
find(const struct amends *amends, const struct smx_key *key)
{
	struct idnode *n = idmap_first(&amends->keys,
	    idmap_hash(&amends->keys, key, sizeof(*key)));

	for (; n != NULL; n = idmap_next(n)) {
		struct amend *a =
		    (void *)((char *)n - offsetof(struct amend, by_key));

		if (smx_key_compare(&a->key, key) == 0)
			return a;
	}
	return NULL;
}

static void
set_untold(struct amends *amends, struct amend *a, uint32_t peers,
    int64_t now_ms)
{
	for (size_t i = 0; i < OWN_PEERS_MAX; i++) {
		struct amend_peer *p = &amends->peer[i];
		int was = a->untold >> i & 1, is = peers >> i & 1;

		if (is && !was && p->waiting++ == 0)
			p->since_ms = now_ms;
		if (was && !is)
			p->waiting--;
	}
	a->untold = peers;
}

static void
set_text(struct amends *amends, struct amend *a, struct amend_text *text)
{
	if (a->text != NULL)
		amends->bytes -= a->text->len;
	text_release(a->text);
	a->text = text;
	if (text != NULL)
		amends->bytes += text->len;
}

static void
entry_free(struct amends *amends, struct amend *a)
{
	set_untold(amends, a, 0, 0);
	set_text(amends, a, NULL);
	idmap_remove(&amends->keys, &a->by_key);
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		amends->first = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	else
		amends->last = a->prev;
	amends->count--;
	free(a);
}

void
amends_free(struct amends *amends)
{
	while (amends->first != NULL)
		entry_free(amends, amends->first);
	for (size_t i = 0; i < OWN_PEERS_MAX; i++) {
		batch_clear(amends->peer[i].batch);
		free(amends->peer[i].batch);
	}
	idmap_free(&amends->keys);
	memset(amends, 0, sizeof(*amends));
}

static struct amend *
entry_new(struct amends *amends, const struct own *own)
{
	struct amend *a;

	if (idmap_reserve(&amends->keys) != SMX_OK)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->key = own->key;
	a->held = -1;
	idmap_add(&amends->keys, &a->by_key,
	    idmap_hash(&amends->keys, &a->key, sizeof(a->key)));
	a->prev = amends->last;
	if (a->prev != NULL)
		a->prev->next = a;
	else
		amends->first = a;
	amends->last = a;
	amends->count++;
	return a;
}

static struct amend_text *
text_new(const struct amend_news *news)
{
	struct amend_text *t = malloc(sizeof(*t) + news->len);

	if (t == NULL)
		return NULL;
	t->refs = 1;
	t->len = news->len;
	t->recipients = news->recipients;
	memcpy(t->text, news->text, news->len);
	return t;
}

/* ---- what is new ---- */

static void
not_told(struct engine *engine, struct own *own, const char *why)
{
	struct amends *amends = &engine->amends;
	struct log_line l;

	own->stale = 1;
	own->sum = 0;
	amends->dropped++;
	if ((amends->dropped & (amends->dropped - 1)) != 0)
		return;
	log_begin(&l, SMX_LOG_WARNING, own_id(own), "amend_not_told");
	log_key(&l, "key", &own->key);
	log_str(&l, "why", why);
	log_num(&l, "count", (int64_t)amends->dropped);
	log_end(&l);
}

static void
make_room(struct engine *engine, size_t bytes)
{
	struct amends *amends = &engine->amends;

	while (amends->first != NULL &&
	       (amends->count >= AMENDS_MAX ||
		   amends->bytes + bytes > AMENDS_BYTES_MAX)) {
		struct own *own = own_find(&engine->own, &amends->first->key);

		if (own != NULL) {
			own->amending = 0;
			not_told(engine, own, "too_many");
		}
		entry_free(amends, amends->first);
	}
}

/* Versions grow over restarts as the wall clock does, and when it was set back
 * because holders list the last one that they have heard. */
static uint64_t
next_version(struct engine *engine, int64_t now_ms)
{
	int64_t wall = engine->options.wall_ms + (now_ms - engine->born_ms);
	uint64_t *last = &engine->amends.version;

	*last = wall > 0 && (uint64_t)wall > *last ? (uint64_t)wall : *last + 1;
	return *last;
}

void
amends_seen(struct engine *engine, uint64_t version)
{
	/* Far beyond any clock: a mistake that must not become ours. */
	if (version > engine->amends.version && version < INT64_MAX / 2)
		engine->amends.version = version;
}

void
amends_add(struct engine *engine, struct own *own, uint32_t peers,
    const struct amend_news *news, int64_t now_ms)
{
	struct amends *amends = &engine->amends;
	const struct amend_news rest = { .held = news->held };
	struct amend_text *text = NULL;
	struct amend *a = find(amends, &own->key);

	if (peers == 0)
		return;
	/* A mass mailing that was stopped must not be sent by its holders. */
	if (news->text != NULL && news->len > SMX_AMEND_BYTES_MAX) {
		not_told(engine, own, "too_long");
		news = &rest;
	}
	if (a == NULL)
		make_room(engine, news->len);
	if (news->text != NULL)
		text = text_new(news);
	if (a == NULL && (news->text == NULL || text != NULL))
		a = entry_new(amends, own);
	if (a == NULL || (news->text != NULL && text == NULL)) {
		text_release(text);
		not_told(engine, own, "no_memory");
		return;
	}
	own->amending = 1;
	if (text != NULL)
		set_text(amends, a, text);
	if (news->held >= 0)
		a->held = news->held;
	a->version = next_version(engine, now_ms);
	a->confirmed = 0;
	set_untold(amends, a, peers, now_ms);
	engine->work++;
}

void
amends_drop(struct engine *engine, struct own *own)
{
	struct amend *a;

	if (!own->amending)
		return;
	own->amending = 0;
	a = find(&engine->amends, &own->key);
	if (a != NULL)
		entry_free(&engine->amends, a);
}

/* This peer is not to be told any more; the entry goes with the last one. */
static void
done(struct engine *engine, struct amend *a, size_t peer)
{
	struct own *own;
	struct log_line l;

	set_untold(&engine->amends, a, a->untold & ~(UINT32_C(1) << peer), 0);
	if (a->untold != 0)
		return;
	own = own_find(&engine->own, &a->key);
	if (own != NULL)
		own->amending = 0;
	if (own != NULL && a->confirmed) {
		engine->amends.confirmed++;
		log_begin(&l, SMX_LOG_INFO, own_id(own), "amended");
		log_key(&l, "key", &own->key);
		log_num(&l, "version", (int64_t)a->version);
		log_end(&l);
	}
	entry_free(&engine->amends, a);
}

void
amends_skip(struct engine *engine, struct own *own, size_t peer)
{
	struct amend *a;

	if (!own->amending)
		return;
	a = find(&engine->amends, &own->key);
	if (a != NULL && (a->untold >> peer & 1) != 0)
		done(engine, a, peer);
}

/* ---- telling ---- */

int64_t
amends_due(const struct engine *engine, size_t peer)
{
	const struct amend_peer *p = &engine->amends.peer[peer];

	if (p->waiting == 0)
		return INT64_MAX;
	if (p->waiting >= SMX_AMEND_MAX)
		return 0;
	return p->since_ms + engine->options.batch_delay_ms;
}

static int
batch_add(const struct engine *engine, struct amend_batch *b,
    const struct amend *a)
{
	struct smx_amendment *m = &b->list[b->count];
	struct own *own = own_find(&engine->own, &a->key);

	memset(m, 0, sizeof(*m));
	b->text[b->count] = a->text;
	b->holders[b->count] = NULL;
	if (own != NULL && own->ranked && own->ranks != 0) {
		b->holders[b->count] = engine_holders(engine, own);
		if (b->holders[b->count] == NULL)
			return 0;
	}
	m->key = a->key;
	m->version = a->version;
	m->holders = b->holders[b->count];
	m->held = a->held;
	if (a->text != NULL) {
		a->text->refs++;
		m->envelope = a->text->text;
		m->envelope_len = a->text->len;
		m->recipients = a->text->recipients;
	}
	b->count++;
	return 1;
}

int
amends_batch(struct engine *engine, size_t peer, struct smx_request *request)
{
	struct amend_peer *p = &engine->amends.peer[peer];
	size_t most = p->single != 0 ? 1 : SMX_AMEND_MAX;
	size_t bytes = 0;

	if (p->batch == NULL)
		p->batch = calloc(1, sizeof(*p->batch));
	if (p->batch == NULL)
		return SMX_ENOMEM;
	batch_clear(p->batch);
	for (struct amend *a = engine->amends.first;
	     a != NULL && p->batch->count < most; a = a->next) {
		if ((a->untold >> peer & 1) == 0)
			continue;
		bytes += a->text != NULL ? a->text->len : 0;
		if (bytes > SMX_AMEND_BYTES_MAX ||
		    !batch_add(engine, p->batch, a))
			break;
	}
	if (p->batch->count == 0)
		return SMX_ENOMEM;
	request->kind = SMX_REQ_AMEND;
	request->amendments = p->batch->list;
	request->count = p->batch->count;
	return SMX_OK;
}

/* A host that does not know AMEND, or one amendment that it does not take:
 * find out which, and do not say that one again. */
static void
refused(struct engine *engine, size_t peer, struct amend_peer *p)
{
	struct amend *a;
	struct log_line l;

	if (p->batch->count > 1) {
		p->single = p->batch->count;
		return;
	}
	log_begin(&l, SMX_LOG_WARNING, NULL, "amend_refused");
	engine_log_peer(engine, &l, peer);
	log_key(&l, "key", &p->batch->list[0].key);
	log_end(&l);
	p->refused = 1;
	a = find(&engine->amends, &p->batch->list[0].key);
	if (a != NULL && a->version == p->batch->list[0].version)
		done(engine, a, peer);
}

void
amends_answered(struct engine *engine, size_t peer, int result)
{
	struct amend_peer *p = &engine->amends.peer[peer];

	if (p->batch == NULL)
		return;
	/* What the link gives for all of these is the first. */
	if (result == SMX_EINVAL || result == SMX_ECORRUPT)
		result = SMX_EREFUSED;
	if (result == SMX_EREFUSED)
		refused(engine, peer, p);
	for (size_t i = 0; result == SMX_OK && i < p->batch->count; i++) {
		struct amend *a = find(&engine->amends, &p->batch->list[i].key);

		/* It may have changed meanwhile: then it is told again. */
		if (a == NULL || a->version != p->batch->list[i].version)
			continue;
		a->confirmed = 1;
		done(engine, a, peer);
	}
	if (p->single != 0 && p->batch->count == 1 &&
	    (result == SMX_OK || result == SMX_EREFUSED))
		p->single--;
	batch_clear(p->batch);
}
