/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/fence.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/* RETURN: who delivers what is in this host's queue again? */

static uint32_t
bit_of(size_t peer)
{
	return UINT32_C(1) << peer;
}

/* A host of an older version answers nothing until it begins a new life. */
int
fence_is_deaf(const struct engine *engine, size_t peer)
{
	const struct fence_peer *p = &engine->fences.peer[peer];

	return p->deaf &&
	       memcmp(p->life, engine->peers[peer].peer.hello.incarnation,
		   sizeof(p->life)) == 0;
}

/* ---- asking ---- */

static void
clear(struct fence_batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->text[i]);
	b->count = 0;
}

static int
add(struct fence_batch *b, const struct fenced *f)
{
	struct smx_amendment *m = &b->list[b->count];
	char *text = malloc(f->len + 1);

	if (text == NULL)
		return 0;
	memcpy(text, f->text, f->len + 1);
	memset(m, 0, sizeof(*m));
	m->key = f->own->key;
	m->envelope = text;
	m->envelope_len = f->len;
	m->recipients = f->recipients;
	m->held = f->state == FENCED_HELD;
	b->text[b->count] = text;
	b->serial[b->count++] = f->serial;
	return 1;
}

/* To the end of the list: who has waited longest is asked about first. */
static void
to_end(struct fences *fs, struct fenced *f)
{
	if (f->next == NULL)
		return;
	f->next->prev = f->prev;
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		fs->first = f->next;
	f->prev = fs->last;
	f->next = NULL;
	fs->last->next = f;
	fs->last = f;
}

static void
fill(struct engine *engine, size_t peer, struct fence_batch *b)
{
	struct fences *fs = &engine->fences;
	size_t most = fs->peer[peer].single != 0 ? 1 : SMX_AMEND_MAX;
	size_t left = fs->count, bytes = 0;
	struct fenced *f = fs->first;

	while (f != NULL && left-- > 0 && b->count < most) {
		struct fenced *next = f->next;

		if ((f->todo & bit_of(peer)) != 0) {
			if (f->text == NULL ||
			    bytes + f->len > SMX_AMEND_BYTES_MAX || !add(b, f))
				break;
			bytes += f->len;
			fence_todo(engine, f, f->todo & ~bit_of(peer));
			f->out |= bit_of(peer);
			to_end(fs, f);
		}
		f = next;
	}
}

int
fence_batch(struct engine *engine, size_t peer, struct smx_request *request)
{
	struct fence_peer *p = &engine->fences.peer[peer];

	if (p->todo == 0)
		return SMX_ENOTFOUND;
	if (p->batch == NULL)
		p->batch = calloc(1, sizeof(*p->batch));
	if (p->batch == NULL)
		return SMX_ENOTFOUND;
	clear(p->batch);
	fill(engine, peer, p->batch);
	if (p->batch->count == 0)
		return SMX_ENOTFOUND;
	request->kind = SMX_REQ_RETURN;
	request->amendments = p->batch->list;
	request->count = p->batch->count;
	return SMX_OK;
}

/* ---- what was answered ---- */

/* The entry that this was asked about, if its text is still the same. */
static struct fenced *
asked(struct engine *engine, size_t peer, size_t i)
{
	const struct fence_batch *b = engine->fences.peer[peer].batch;
	struct own *own = own_find(&engine->own, &b->list[i].key);
	struct fenced *f = own == NULL ? NULL : fence_find(engine, own);

	if (f == NULL)
		return NULL;
	f->out &= ~bit_of(peer);
	return f->serial == b->serial[i] ? f : NULL;
}

static const char *
word_of(enum smx_answer answer)
{
	switch (answer) {
	case SMX_ANSWER_SHADOW:
		return "shadow";
	case SMX_ANSWER_TAKEN:
		return "taken";
	case SMX_ANSWER_FINISHED:
		return "finished";
	case SMX_ANSWER_OPEN:
		return "open";
	case SMX_ANSWER_NONE:
		return "none";
	default:
		return "unknown";
	}
}

static void
log_answer(const struct engine *engine, const struct fenced *f, size_t peer,
    enum smx_answer answer)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, own_id(f->own), "fence_answer");
	log_key(&l, "key", &f->own->key);
	engine_log_peer(engine, &l, peer);
	log_str(&l, "answer", word_of(answer));
	log_end(&l);
}

static void
heard(struct engine *engine, struct fenced *f, size_t peer,
    enum smx_answer answer)
{
	uint32_t bit = bit_of(peer), taken = f->taken;

	if ((f->by & bit) == 0)
		return; /* listed as a shadow meanwhile */
	f->taken &= ~bit;
	f->ended &= ~bit;
	f->partly &= ~bit;
	switch (answer) {
	case SMX_ANSWER_SHADOW:
	case SMX_ANSWER_NONE:
		f->by &= ~bit;
		break;
	case SMX_ANSWER_TAKEN:
		f->taken |= bit;
		break;
	case SMX_ANSWER_FINISHED:
		f->ended |= bit;
		break;
	case SMX_ANSWER_OPEN:
		f->partly |= bit;
		break;
	default: /* cannot know: as before, if that was known */
		f->taken |= taken & bit;
		return;
	}
	/* Said again and again while it is being delivered. */
	if (answer != SMX_ANSWER_TAKEN || (taken & bit) == 0)
		log_answer(engine, f, peer, answer);
}

void
fence_answered(struct engine *engine, size_t peer,
    const struct smx_reply *reply, int64_t now_ms)
{
	struct fence_peer *p = &engine->fences.peer[peer];

	(void)now_ms;
	if (p->batch == NULL)
		return;
	p->spoke = 1;
	if (p->single != 0)
		p->single--;
	for (size_t i = 0; i < p->batch->count; i++) {
		struct fenced *f = asked(engine, peer, i);

		if (f != NULL)
			heard(engine, f, peer, reply->answers[i]);
	}
	clear(p->batch);
	fence_stir(engine);
}

/* One that cannot be said spoils a batch: find out which. */
static void
cannot_say(struct engine *engine, size_t peer, int result)
{
	struct fence_peer *p = &engine->fences.peer[peer];
	struct fenced *f;
	struct log_line l;

	if (p->batch->count > 1) {
		p->single = p->batch->count;
		return;
	}
	if (p->single != 0)
		p->single--;
	if (result == SMX_EREFUSED && !p->spoke) {
		p->deaf = 1;
		memcpy(p->life, engine->peers[peer].peer.hello.incarnation,
		    sizeof(p->life));
	}
	f = asked(engine, peer, 0);
	if (f != NULL && !p->deaf)
		f->unsaid = 1;
	log_begin(&l, SMX_LOG_WARNING, f == NULL ? NULL : own_id(f->own),
	    "return_refused");
	engine_log_peer(engine, &l, peer);
	log_err(&l, "result", result);
	log_end(&l);
}

void
fence_refused(struct engine *engine, size_t peer, int result, int64_t now_ms)
{
	struct fence_peer *p = &engine->fences.peer[peer];

	if (p->batch == NULL)
		return;
	if (result == SMX_EREFUSED || result == SMX_EINVAL ||
	    result == SMX_ECORRUPT)
		cannot_say(engine, peer, result);
	for (size_t i = 0; i < p->batch->count; i++) {
		struct fenced *f = asked(engine, peer, i);

		if (f == NULL)
			continue;
		/* Nobody says that it is given back: it waits on hold. */
		if (f->asks < UINT8_MAX)
			f->asks++;
		if (p->single != 0)
			f->ask_ms = now_ms;
	}
	clear(p->batch);
	fence_stir(engine);
}
