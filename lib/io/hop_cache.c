/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop_cache.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"

/* Next hops of which something is remembered; the oldest goes. */
#define LESSONS 64

struct waiting {
	struct waiting *next; /* the one that came before */
	struct nexthop to;
	struct hop_kept kept;
	int64_t until_ms;
};

struct lesson {
	struct nexthop to;
	unsigned avoid;
	int64_t clear_until_ms, clear_ms; /* for HOPTALK_NO_TLS */
};

struct hop_cache {
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t keeper;
	int keeps; /* there is such a thread */
	int stop;
	int64_t idle_ms;
	size_t idle_max;
	struct waiting *first;
	struct lesson lessons[LESSONS];
	size_t lesson_next;
};

int
nexthop_equal(const struct nexthop *a, const struct nexthop *b)
{
	return a->kind == b->kind && a->lmtp == b->lmtp && a->port == b->port &&
	       strcasecmp(a->host, b->host) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

static void
let_go(struct waiting *w)
{
	hopconn_close(&w->kept.conn, 1);
	free(w);
}

static void
tidy_locked(struct hop_cache *cache, int64_t now_ms)
{
	struct waiting **at = &cache->first;

	while (*at != NULL) {
		struct waiting *w = *at;

		if (w->until_ms > now_ms) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		let_go(w);
	}
}

/* ---- who closes them in time, when no message comes ---- */

static int64_t
first_end_locked(const struct hop_cache *cache)
{
	int64_t at = INT64_MAX;

	for (const struct waiting *w = cache->first; w != NULL; w = w->next)
		if (w->until_ms < at)
			at = w->until_ms;
	return at;
}

static void *
keeper(void *arg)
{
	struct hop_cache *cache = arg;

	(void)pthread_mutex_lock(&cache->lock);
	while (!cache->stop) {
		int64_t at = first_end_locked(cache);
		struct timespec ts = { .tv_sec = (time_t)(at / 1000),
			.tv_nsec = (long)(at % 1000 * 1000000) };

		if (at == INT64_MAX)
			(void)pthread_cond_wait(&cache->change, &cache->lock);
		else
			(void)pthread_cond_timedwait(&cache->change,
			    &cache->lock, &ts);
		tidy_locked(cache, clock_mono_ms());
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return NULL;
}

/* Not before there is something to keep.  Signals are not its business, and
 * without it they are closed when the next message comes. */
static void
keeper_start_locked(struct hop_cache *cache)
{
	sigset_t all, before;

	if (cache->keeps)
		return;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	cache->keeps = pthread_create(&cache->keeper, NULL, keeper, cache) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int
lock_make(struct hop_cache *cache)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_condattr_init(&attr) != 0)
		return SMX_ENOMEM;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&cache->change, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (rc != 0)
		return SMX_ENOMEM;
	if (pthread_mutex_init(&cache->lock, NULL) != 0) {
		(void)pthread_cond_destroy(&cache->change);
		return SMX_ENOMEM;
	}
	return SMX_OK;
}

int
hop_cache_new(struct hop_cache **out, int64_t idle_ms, size_t idle_max)
{
	struct hop_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return SMX_ENOMEM;
	if (lock_make(cache) != SMX_OK) {
		free(cache);
		return SMX_ENOMEM;
	}
	cache->idle_ms = idle_ms;
	cache->idle_max = idle_max;
	*out = cache;
	return SMX_OK;
}

void
hop_cache_free(struct hop_cache **cache)
{
	struct hop_cache *c = *cache;

	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->stop = 1;
	(void)pthread_cond_broadcast(&c->change);
	(void)pthread_mutex_unlock(&c->lock);
	if (c->keeps)
		(void)pthread_join(c->keeper, NULL);
	(void)hop_cache_drop(c, NULL);
	(void)pthread_cond_destroy(&c->change);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	*cache = NULL;
}

/* ---- put and take ---- */

void
hop_cache_tidy(struct hop_cache *cache, int64_t now_ms)
{
	(void)pthread_mutex_lock(&cache->lock);
	tidy_locked(cache, now_ms);
	(void)pthread_mutex_unlock(&cache->lock);
}

int
hop_cache_take(struct hop_cache *cache, const struct nexthop *to,
    struct hop_kept *out, int64_t now_ms)
{
	struct waiting **at;
	int found = 0;

	(void)pthread_mutex_lock(&cache->lock);
	tidy_locked(cache, now_ms);
	at = &cache->first;
	while (*at != NULL && !found) {
		struct waiting *w = *at;

		if (!nexthop_equal(&w->to, to)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		found = hopconn_is_well(&w->kept.conn);
		if (found) {
			*out = w->kept;
			free(w);
		} else {
			let_go(w);
		}
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return found;
}

static size_t
count_locked(const struct hop_cache *cache, const struct nexthop *to)
{
	size_t n = 0;

	for (const struct waiting *w = cache->first; w != NULL; w = w->next)
		n += to == NULL || nexthop_equal(&w->to, to);
	return n;
}

void
hop_cache_put_take(struct hop_cache *cache, const struct nexthop *to,
    struct hop_kept *kept, int64_t now_ms)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int taken = 0;

	if (w != NULL) {
		w->to = *to;
		w->kept = *kept;
		w->until_ms = now_ms + cache->idle_ms;
		(void)pthread_mutex_lock(&cache->lock);
		tidy_locked(cache, now_ms);
		taken = count_locked(cache, to) < cache->idle_max &&
			cache->idle_ms > 0;
		if (taken) {
			w->next = cache->first;
			cache->first = w;
			keeper_start_locked(cache);
			(void)pthread_cond_signal(&cache->change);
		}
		(void)pthread_mutex_unlock(&cache->lock);
	}
	if (!taken) {
		hopconn_close(&kept->conn, 1);
		free(w);
	}
}

size_t
hop_cache_drop(struct hop_cache *cache, const struct nexthop *to)
{
	struct waiting **at = &cache->first;
	size_t n = 0;

	(void)pthread_mutex_lock(&cache->lock);
	while (*at != NULL) {
		struct waiting *w = *at;

		if (to != NULL && !nexthop_equal(&w->to, to)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		let_go(w);
		n++;
	}
	for (size_t i = 0; i < LESSONS; i++)
		if (to == NULL || nexthop_equal(&cache->lessons[i].to, to))
			cache->lessons[i].avoid = 0;
	(void)pthread_mutex_unlock(&cache->lock);
	return n;
}

size_t
hop_cache_count(struct hop_cache *cache, const struct nexthop *to)
{
	size_t n;

	(void)pthread_mutex_lock(&cache->lock);
	n = count_locked(cache, to);
	(void)pthread_mutex_unlock(&cache->lock);
	return n;
}

/* ---- lessons ---- */

static struct lesson *
lesson_find_locked(struct hop_cache *cache, const struct nexthop *to)
{
	for (size_t i = 0; i < LESSONS; i++)
		if (cache->lessons[i].avoid != 0 &&
		    nexthop_equal(&cache->lessons[i].to, to))
			return &cache->lessons[i];
	return NULL;
}

unsigned
hop_cache_avoids(struct hop_cache *cache, const struct nexthop *to,
    int64_t now_ms)
{
	const struct lesson *l;
	unsigned avoid;

	(void)pthread_mutex_lock(&cache->lock);
	l = lesson_find_locked(cache, to);
	avoid = l == NULL ? 0 : l->avoid;
	if (l != NULL && now_ms >= l->clear_until_ms)
		avoid &= ~HOPTALK_NO_TLS;
	(void)pthread_mutex_unlock(&cache->lock);
	return avoid;
}

static struct lesson *
lesson_make_locked(struct hop_cache *cache, const struct nexthop *to)
{
	struct lesson *l = &cache->lessons[cache->lesson_next++ % LESSONS];

	memset(l, 0, sizeof(*l));
	l->to = *to;
	return l;
}

/* Several may have failed at the same time: that is once. */
static int64_t
clear_begin(struct lesson *l, int64_t now_ms)
{
	if (now_ms < l->clear_until_ms)
		return 0;
	l->clear_ms = l->clear_ms == 0 ? HOP_CLEAR_MS : l->clear_ms * 2;
	if (l->clear_ms > HOP_CLEAR_MAX_MS)
		l->clear_ms = HOP_CLEAR_MAX_MS;
	l->clear_until_ms = now_ms + l->clear_ms;
	return l->clear_ms;
}

int64_t
hop_cache_learn(struct hop_cache *cache, const struct nexthop *to,
    unsigned avoid, int64_t now_ms)
{
	struct lesson *l;
	int64_t clear_ms = 0;

	if (avoid == 0)
		return 0;
	(void)pthread_mutex_lock(&cache->lock);
	l = lesson_find_locked(cache, to);
	if (l == NULL)
		l = lesson_make_locked(cache, to);
	l->avoid |= avoid;
	if ((avoid & HOPTALK_NO_TLS) != 0)
		clear_ms = clear_begin(l, now_ms);
	(void)pthread_mutex_unlock(&cache->lock);
	return clear_ms;
}

void
hop_cache_secured(struct hop_cache *cache, const struct nexthop *to)
{
	struct lesson *l;

	(void)pthread_mutex_lock(&cache->lock);
	l = lesson_find_locked(cache, to);
	if (l != NULL) {
		l->avoid &= ~HOPTALK_NO_TLS;
		l->clear_until_ms = l->clear_ms = 0;
	}
	(void)pthread_mutex_unlock(&cache->lock);
}
