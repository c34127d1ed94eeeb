/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/fences.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/amend.h"
#include "core/backoff.h"
#include "core/inside.h"

/* The table of fenced messages. */
#define BYTES_MAX                                                              \
	((size_t)64 * 1024 * 1024) /* of texts; more are read again            \
				    */
#define FREED_MAX 100000

static const char *const names[] = { "none", "wanted", "asked", "hold", "held",
	"release", "erase", "left" };
static_assert(sizeof(names) / sizeof(*names) == FENCED_STATES, "names[]");

void
fences_init(struct fences *fences, uint64_t seed)
{
	memset(fences, 0, sizeof(*fences));
	idmap_init(&fences->keys, seed);
}

static void
entry_free(struct fences *fences, struct fenced *f)
{
	idmap_remove(&fences->keys, &f->by_key);
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		fences->first = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	else
		fences->last = f->prev;
	fences->count--;
	fences->bytes -= f->len;
	free(f->text);
	free(f);
}

void
fences_free(struct fences *fences)
{
	while (fences->first != NULL)
		entry_free(fences, fences->first);
	for (size_t i = 0; i < OWN_PEERS_MAX; i++) {
		struct fence_batch *b = fences->peer[i].batch;

		for (size_t k = 0; b != NULL && k < b->count; k++)
			free(b->text[k]);
		free(b);
	}
	idmap_free(&fences->keys);
	free(fences->freed);
	free(fences->ids);
	memset(fences, 0, sizeof(*fences));
}

static struct fenced *
from_key(struct idnode *node)
{
	return (void *)((char *)node - offsetof(struct fenced, by_key));
}

struct fenced *
fence_find(const struct engine *engine, const struct own *own)
{
	const struct idmap *keys = &engine->fences.keys;
	struct idnode *n;

	if (!own->fenced)
		return NULL;
	n = idmap_first(keys, idmap_hash(keys, &own->key, sizeof(own->key)));
	while (n != NULL && from_key(n)->own != own)
		n = idmap_next(n);
	return n == NULL ? NULL : from_key(n);
}

struct fenced *
fence_add(struct engine *engine, struct own *own, int64_t now_ms)
{
	struct fences *fs = &engine->fences;
	struct fenced *f;

	if (idmap_reserve(&fs->keys) != SMX_OK)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->own = own;
	f->state = FENCED_WANTED;
	f->token = engine->token;
	f->ask_ms = f->due_ms = now_ms;
	idmap_add(&fs->keys, &f->by_key,
	    idmap_hash(&fs->keys, &own->key, sizeof(own->key)));
	f->prev = fs->last;
	if (fs->last != NULL)
		fs->last->next = f;
	else
		fs->first = f;
	fs->last = f;
	fs->count++;
	own->fenced = 1;
	/* Whether it is there at all is to be known soon. */
	if (!own->committed)
		evidence_soon(engine, own, now_ms);
	return f;
}

static void
note_freed(struct fences *fs, const struct smx_key *key)
{
	if (fs->freed_count == fs->freed_size) {
		size_t size = fs->freed_size == 0 ? 64 : fs->freed_size * 2;
		struct smx_key *list;

		/* The book keeps a line too many: it is judged by the next
		 * worker, which finds nothing on hold. */
		if (size > FREED_MAX)
			return;
		list = realloc(fs->freed, size * sizeof(*list));
		if (list == NULL)
			return;
		fs->freed = list;
		fs->freed_size = size;
	}
	fs->freed[fs->freed_count++] = *key;
}

static void
log_twice(struct engine *engine, const struct fenced *f)
{
	struct log_line l;

	engine->fences.twice++;
	log_begin(&l, SMX_LOG_WARNING, own_id(f->own), "maybe_twice");
	log_key(&l, "key", &f->own->key);
	for (size_t i = 0; i < engine->options.peers; i++)
		if ((f->by >> i & 1) != 0)
			engine_log_peer(engine, &l, i);
	log_end(&l);
}

void
fence_drop(struct engine *engine, struct own *own, int ended)
{
	struct fenced *f = fence_find(engine, own);

	if (f == NULL)
		return;
	/* It ended here, and whoever has it delivers it, or did. */
	if (ended && f->state != FENCED_ERASE &&
	    ((f->by & ~f->claimed) | f->taken) != 0)
		log_twice(engine, f);
	fence_todo(engine, f, 0);
	if (f->booked)
		note_freed(&engine->fences, &own->key);
	own->fenced = 0;
	entry_free(&engine->fences, f);
	engine->work++;
}

static void
log_state(const struct engine *engine, const struct fenced *f)
{
	enum smx_level level =
	    f->state == FENCED_HELD || f->state == FENCED_RELEASE ||
		    f->state == FENCED_ERASE || f->state == FENCED_LEFT
		? SMX_LOG_NOTICE
		: SMX_LOG_DEBUG;
	struct log_line l;

	log_begin(&l, level, own_id(f->own), "fence");
	log_key(&l, "key", &f->own->key);
	log_str(&l, "state", names[f->state]);
	for (size_t i = 0; i < engine->options.peers; i++)
		if ((f->by >> i & 1) != 0)
			engine_log_peer(engine, &l, i);
	if (f->state == FENCED_HELD && !f->ours)
		log_str(&l, "why", "a_person");
	else if (f->state == FENCED_LEFT || f->state == FENCED_RELEASE)
		log_str(&l, "why",
		    f->person   ? "a_person"
		    : f->second ? "holder_silent"
				: "ours");
	log_end(&l);
}

void
fence_become(struct engine *engine, struct fenced *f, enum fenced_state state)
{
	if (f->state == (uint8_t)state)
		return;
	f->state = (uint8_t)state;
	f->due_ms = 0;
	if (state == FENCED_HOLD && f->tries != 0)
		f->due_ms =
		    engine->now_ms + backoff_ms(CHANGE_AGAIN_MS,
					 CHANGE_AGAIN_MAX_MS, f->tries - 1u);
	f->token = engine->token;
	if (state == FENCED_HELD) {
		/* What was said of it while it was free may have changed. */
		f->taken = f->ended = f->partly = 0;
		f->asks = 0;
		f->ask_ms = 0;
		f->serial = ++engine->fences.serial;
		engine->fences.held_total += f->ours;
	}
	if (state != FENCED_ASKED && state != FENCED_HELD)
		fence_todo(engine, f, 0);
	log_state(engine, f);
	fence_stir(engine);
}

void
fence_text(struct engine *engine, struct fenced *f, const char *text)
{
	struct fences *fs = &engine->fences;
	size_t len = strlen(text);
	uint64_t sum = amend_sum(text, len);
	char *now;

	if (f->text != NULL && sum != 0 && sum == f->sum)
		return;
	fs->bytes -= f->len;
	free(f->text);
	f->text = NULL;
	f->len = 0;
	f->serial = ++fs->serial;
	f->taken = f->ended = f->partly = 0;
	f->ask_ms = 0;
	f->unsaid = len > SMX_AMEND_BYTES_MAX;
	if (f->unsaid || sum == 0 || fs->bytes + len > BYTES_MAX)
		return;
	now = strdup(text);
	if (now == NULL)
		return;
	f->text = now;
	f->len = len;
	f->sum = sum;
	fs->bytes += len;
	f->recipients = 0;
	for (const char *p = strchr(text, '\n'); p != NULL && p[1] != '\0';
	     p = strchr(p + 1, '\n'))
		f->recipients++;
}

void
fence_todo(struct engine *engine, struct fenced *f, uint32_t peers)
{
	for (size_t i = 0; i < engine->options.peers; i++) {
		struct fence_peer *p = &engine->fences.peer[i];

		p->todo += (peers >> i & 1);
		p->todo -= (f->todo >> i & 1);
	}
	f->todo = peers;
	if (peers != 0)
		engine->work++;
}

const char *
engine_fence_word(const struct engine *engine, const struct own *own)
{
	const struct fenced *f = fence_find(engine, own);

	return f == NULL ? "" : names[f->state];
}
