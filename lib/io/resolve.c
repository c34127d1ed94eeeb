/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/resolve.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/resolve_in.h"

struct known {
	struct nexthop to; /* kind 0: empty */
	int64_t until_ms;
	struct hop_addrs addrs;
	struct hop_answer why;
};

struct lookup {
	struct lookup *next; /* in the queue */
	struct resolver *resolver;
	struct nexthop to;
	int pipe[2]; /* the writing end is closed when there is an answer */
	int asked;   /* a thread has it, or it is in the queue */
	int left;    /* nobody waits for it any more */
	int done;
	struct hop_addrs addrs;
	struct hop_answer why;
};

/* Goes with the last of: its owner, its threads. */
struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t work;
	unsigned references;
	int stop;
	unsigned threads, busy;
	struct lookup *first, **last;
	size_t queued;
	struct known *known[RESOLVE_CACHE];
	size_t known_next;
};

/* ---- answers that are kept ---- */

static int
same(const struct nexthop *a, const struct nexthop *b)
{
	return a->kind == b->kind && a->port == b->port &&
	       strcasecmp(a->host, b->host) == 0;
}

static struct known *
known_find_locked(struct resolver *r, const struct nexthop *to)
{
	for (size_t i = 0; i < RESOLVE_CACHE; i++)
		if (r->known[i] != NULL && same(&r->known[i]->to, to))
			return r->known[i];
	return NULL;
}

static int
known_tell_locked(struct resolver *r, struct lookup *lookup)
{
	const struct known *k = known_find_locked(r, &lookup->to);

	if (k == NULL || k->until_ms <= clock_mono_ms())
		return 0;
	lookup->addrs = k->addrs;
	lookup->why = k->why;
	lookup->done = 1;
	return 1;
}

/* Without memory the next one asks again. */
static void
known_keep_locked(struct resolver *r, const struct lookup *lookup)
{
	struct known *k = known_find_locked(r, &lookup->to);
	struct known **place;

	if (k == NULL) {
		place = &r->known[r->known_next++ % RESOLVE_CACHE];
		if (*place == NULL)
			*place = calloc(1, sizeof(**place));
		k = *place;
		if (k == NULL)
			return;
		k->to = lookup->to;
	}
	k->addrs = lookup->addrs;
	k->why = lookup->why;
	k->until_ms = clock_mono_ms() +
		      (lookup->addrs.count > 0 || lookup->why.class == HOP_NO
			      ? RESOLVE_GOOD_MS
			      : RESOLVE_BAD_MS);
}

void
resolver_forget(struct resolver *r)
{
	(void)pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < RESOLVE_CACHE; i++)
		if (r->known[i] != NULL)
			r->known[i]->until_ms = 0;
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- its life ---- */

int
resolver_new(struct resolver **out)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return SMX_ENOMEM;
	if (pthread_mutex_init(&r->lock, NULL) != 0) {
		free(r);
		return SMX_ENOMEM;
	}
	if (pthread_cond_init(&r->work, NULL) != 0) {
		(void)pthread_mutex_destroy(&r->lock);
		free(r);
		return SMX_ENOMEM;
	}
	r->references = 1;
	r->last = &r->first;
	*out = r;
	return SMX_OK;
}

static void
resolver_destroy(struct resolver *r)
{
	for (size_t i = 0; i < RESOLVE_CACHE; i++)
		free(r->known[i]);
	(void)pthread_cond_destroy(&r->work);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

static void
let_go(struct resolver *r)
{
	unsigned left;

	(void)pthread_mutex_lock(&r->lock);
	left = --r->references;
	(void)pthread_mutex_unlock(&r->lock);
	if (left == 0)
		resolver_destroy(r);
}

void
resolver_free(struct resolver **resolver)
{
	struct resolver *r = *resolver;

	if (r == NULL)
		return;
	*resolver = NULL;
	(void)pthread_mutex_lock(&r->lock);
	r->stop = 1;
	(void)pthread_cond_broadcast(&r->work);
	(void)pthread_mutex_unlock(&r->lock);
	let_go(r);
}

/* ---- threads ---- */

static void
lookup_destroy(struct lookup *lookup)
{
	if (lookup->pipe[0] >= 0)
		(void)close(lookup->pipe[0]);
	if (lookup->pipe[1] >= 0)
		(void)close(lookup->pipe[1]);
	free(lookup);
}

static void
answered_locked(struct lookup *lookup)
{
	lookup->asked = 0;
	lookup->done = 1;
	if (lookup->left) {
		lookup_destroy(lookup);
		return;
	}
	(void)close(lookup->pipe[1]);
	lookup->pipe[1] = -1;
}

static struct lookup *
next_locked(struct resolver *r)
{
	struct lookup *lookup = r->first;

	r->first = lookup->next;
	if (r->first == NULL)
		r->last = &r->first;
	r->queued--;
	return lookup;
}

/* Another one may have asked the same while this one was in the queue. */
static void
serve_locked(struct resolver *r)
{
	struct lookup *lookup = next_locked(r);

	if (!lookup->left && !known_tell_locked(r, lookup)) {
		r->busy++;
		(void)pthread_mutex_unlock(&r->lock);
		resolve_ask(&lookup->to, &lookup->addrs, &lookup->why);
		(void)pthread_mutex_lock(&r->lock);
		r->busy--;
		known_keep_locked(r, lookup);
	}
	answered_locked(lookup);
}

static void *
serve(void *arg)
{
	struct resolver *r = arg;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->stop || r->first != NULL) {
		if (r->first == NULL)
			(void)pthread_cond_wait(&r->work, &r->lock);
		else
			serve_locked(r);
	}
	(void)pthread_mutex_unlock(&r->lock);
	let_go(r);
	return NULL;
}

/* Signals belong to the program's own threads. */
static int
thread_start_locked(struct resolver *r)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return SMX_ENOMEM;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &attr, serve, r);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	if (rc != 0)
		return SMX_ENOMEM;
	r->threads++;
	r->references++;
	return SMX_OK;
}

/* ---- questions ---- */

static void
refuse(struct lookup *lookup, const char *why)
{
	hopanswer_own(&lookup->why, HOP_UNREACHABLE, "%s: %s", lookup->to.host,
	    why);
	lookup->done = 1;
}

static void
queue_locked(struct resolver *r, struct lookup *lookup)
{
	if (r->queued == RESOLVE_QUEUE) {
		refuse(lookup, "too many names are being looked up");
		return;
	}
	if (r->threads < RESOLVE_THREADS && r->busy + r->queued >= r->threads &&
	    thread_start_locked(r) != SMX_OK && r->threads == 0) {
		refuse(lookup, "no thread to look it up");
		return;
	}
	lookup->asked = 1;
	*r->last = lookup;
	r->last = &lookup->next;
	r->queued++;
	(void)pthread_cond_signal(&r->work);
}

int
lookup_begin(struct lookup **out, struct resolver *resolver,
    const struct nexthop *to)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL)
		return SMX_ENOMEM;
	lookup->resolver = resolver;
	lookup->to = *to;
	if (pipe2(lookup->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(lookup);
		return SMX_ENOMEM;
	}
	(void)pthread_mutex_lock(&resolver->lock);
	if (!known_tell_locked(resolver, lookup))
		queue_locked(resolver, lookup);
	(void)pthread_mutex_unlock(&resolver->lock);
	*out = lookup;
	return SMX_OK;
}

int
lookup_fd(const struct lookup *lookup)
{
	return lookup->pipe[0];
}

int
lookup_answer(struct lookup *lookup, struct hop_addrs *out,
    struct hop_answer *why)
{
	int done;

	(void)pthread_mutex_lock(&lookup->resolver->lock);
	done = lookup->done;
	(void)pthread_mutex_unlock(&lookup->resolver->lock);
	if (done) {
		*out = lookup->addrs;
		*why = lookup->why;
	}
	return done;
}

void
lookup_end(struct lookup **lookup)
{
	struct lookup *l = *lookup;
	struct resolver *r;
	int mine;

	if (l == NULL)
		return;
	*lookup = NULL;
	r = l->resolver;
	(void)pthread_mutex_lock(&r->lock);
	mine = !l->asked;
	l->left = 1;
	(void)pthread_mutex_unlock(&r->lock);
	if (mine)
		lookup_destroy(l);
}
