/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/rcptlearn.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "core/idmap.h"

#define WAITING_MAX 4096
#define ENOUGH      256 /* to write before the second is over */
#define EVERY_MS    1000

struct item {
	struct idnode node;
	struct item *next;
	struct rcpt_entry entry;
	int writing; /* not in the list any more, and not to be changed */
	const char *local;
	char domain[]; /* and local behind it */
};

struct rcptlearn {
	struct backup_rcpts *rcpts;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct idmap items; /* under lock, and what follows */
	struct item *first, **last;
	size_t count; /* of those in the list; others are being written */
	struct backup_rcpts_limits limits;
	uint64_t unkept; /* that nobody was told of */
	int ending;
	/* One at a time writes: who forgets waits for it. */
	pthread_mutex_t writing;
	pthread_t thread;
	int running;
};

static void
make_lock(struct rcptlearn *learn)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&learn->lock, NULL);
	pthread_mutex_init(&learn->writing, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&learn->wake, &attr);
	pthread_condattr_destroy(&attr);
}

int
rcptlearn_new(struct rcptlearn **out, struct backup_rcpts *rcpts)
{
	struct rcptlearn *learn = calloc(1, sizeof(*learn));
	uint64_t seed;

	if (learn == NULL)
		return SMX_ENOMEM;
	if (key_random(&seed, sizeof(seed)) != SMX_OK) {
		free(learn);
		return SMX_EIO;
	}
	make_lock(learn);
	learn->rcpts = rcpts;
	learn->last = &learn->first;
	idmap_init(&learn->items, seed);
	*out = learn;
	return SMX_OK;
}

void
rcptlearn_limits(struct rcptlearn *learn,
    const struct backup_rcpts_limits *limits)
{
	pthread_mutex_lock(&learn->lock);
	learn->limits = *limits;
	pthread_mutex_unlock(&learn->lock);
}

/* ---- what waits; under lock ---- */

static uint64_t
hash_of(const struct rcptlearn *learn, const char *domain, const char *local)
{
	uint64_t part[2];

	part[0] = idmap_hash(&learn->items, domain, strlen(domain));
	part[1] = idmap_hash(&learn->items, local, strlen(local));
	return idmap_hash(&learn->items, part, sizeof(part));
}

static struct item *
find(const struct rcptlearn *learn, uint64_t hash, const char *domain,
    const char *local)
{
	struct idnode *node = idmap_first(&learn->items, hash);

	for (; node != NULL; node = idmap_next(node)) {
		struct item *item = (struct item *)(void *)node;

		if (strcmp(item->domain, domain) == 0 &&
		    strcmp(item->local, local) == 0)
			return item;
	}
	return NULL;
}

static int
add(struct rcptlearn *learn, uint64_t hash, const struct addr *addr,
    const struct rcpt_entry *entry)
{
	struct item *item;

	if (learn->items.count >= WAITING_MAX)
		return SMX_EFULL;
	item =
	    malloc(sizeof(*item) + addr->domain_len + 1 + addr->local_len + 1);
	if (item == NULL || idmap_reserve(&learn->items) != SMX_OK) {
		free(item);
		return SMX_ENOMEM;
	}
	memcpy(item->domain, addr->domain, addr->domain_len + 1);
	item->local = item->domain + addr->domain_len + 1;
	memcpy(item->domain + addr->domain_len + 1, addr->local,
	    addr->local_len + 1);
	item->entry = *entry;
	item->next = NULL;
	*learn->last = item;
	learn->last = &item->next;
	learn->count++;
	idmap_add(&learn->items, &item->node, hash);
	return SMX_OK;
}

int
rcptlearn_put(struct rcptlearn *learn, const struct addr *addr,
    const struct rcpt_entry *entry)
{
	struct item *item;
	uint64_t hash;
	int rc = SMX_OK;

	pthread_mutex_lock(&learn->lock);
	hash = hash_of(learn, addr->domain, addr->local);
	item = find(learn, hash, addr->domain, addr->local);
	if (learn->ending)
		rc = SMX_ECLOSED;
	else if (item != NULL && !item->writing)
		item->entry = *entry;
	else
		rc = add(learn, hash, addr, entry);
	learn->unkept += rc == SMX_EFULL || rc == SMX_ENOMEM;
	if (learn->count >= ENOUGH)
		pthread_cond_signal(&learn->wake);
	pthread_mutex_unlock(&learn->lock);
	return rc;
}

int
rcptlearn_look(struct rcptlearn *learn, const struct addr *addr,
    struct backup_rcpts_sight *out)
{
	struct rcpt_entry entry = { 0 };
	const struct item *item;
	int rc, waits;

	pthread_mutex_lock(&learn->lock);
	item = learn->items.count == 0
		   ? NULL
		   : find(learn, hash_of(learn, addr->domain, addr->local),
			 addr->domain, addr->local);
	waits = item != NULL;
	if (waits)
		entry = item->entry;
	pthread_mutex_unlock(&learn->lock);
	rc = backup_rcpts_look(learn->rcpts, addr, out);
	/* A list of the administrator knows it already, and for longer. */
	if (rc == SMX_OK && waits &&
	    rcptage_replaces(out->found ? &out->entry : NULL, &entry)) {
		out->found = 1;
		out->entry = entry;
	}
	return rc;
}

/* ---- writing it down ---- */

static struct item *
take_list(struct rcptlearn *learn, struct backup_rcpts_limits *limits,
    size_t *count, uint64_t *unkept)
{
	struct item *list;

	pthread_mutex_lock(&learn->lock);
	list = learn->first;
	*count = learn->count;
	*unkept = learn->unkept;
	*limits = learn->limits;
	for (struct item *item = list; item != NULL; item = item->next)
		item->writing = 1;
	learn->first = NULL;
	learn->last = &learn->first;
	learn->count = 0;
	learn->unkept = 0;
	pthread_mutex_unlock(&learn->lock);
	return list;
}

static void
drop_list(struct rcptlearn *learn, struct item *list)
{
	pthread_mutex_lock(&learn->lock);
	while (list != NULL) {
		struct item *next = list->next;

		idmap_remove(&learn->items, &list->node);
		free(list);
		list = next;
	}
	pthread_mutex_unlock(&learn->lock);
}

static int
write_list(struct rcptlearn *learn, const struct item *list, size_t count,
    struct backup_rcpts_limits *limits, size_t *unkept)
{
	struct backup_rcpts_news *news = calloc(count, sizeof(*news));
	size_t n = 0;
	int rc;

	*unkept = count;
	if (news == NULL)
		return SMX_ENOMEM;
	for (; list != NULL; list = list->next)
		news[n++] = (struct backup_rcpts_news){ list->domain,
			list->local, list->entry };
	limits->now_ms = clock_wall_ms();
	rc = backup_rcpts_learn(learn->rcpts, news, n, limits, unkept);
	free(news);
	return rc;
}

static void
tell_unkept(struct rcptlearn *learn, uint64_t unkept, int rc)
{
	struct log_line l;

	if (unkept == 0)
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "recipients-unkept");
	log_num(&l, "count", (int64_t)unkept);
	log_num(&l, "known", (int64_t)backup_rcpts_count(learn->rcpts));
	if (rc != SMX_OK)
		log_err(&l, "result", rc);
	log_end(&l);
}

/* Under writing. */
static int
flush(struct rcptlearn *learn)
{
	struct backup_rcpts_limits limits;
	size_t count, unkept = 0;
	uint64_t before;
	struct item *list = take_list(learn, &limits, &count, &before);
	int rc = SMX_OK;

	if (list != NULL)
		rc = write_list(learn, list, count, &limits, &unkept);
	drop_list(learn, list);
	tell_unkept(learn, before + unkept, rc);
	return rc;
}

int
rcptlearn_flush(struct rcptlearn *learn)
{
	int rc;

	pthread_mutex_lock(&learn->writing);
	rc = flush(learn);
	pthread_mutex_unlock(&learn->writing);
	return rc;
}

int
rcptlearn_forget(struct rcptlearn *learn, const char *domain, const char *local,
    size_t *gone)
{
	int rc;

	pthread_mutex_lock(&learn->writing);
	rc = flush(learn);
	if (rc == SMX_OK)
		rc = backup_rcpts_forget(learn->rcpts, domain, local, gone);
	pthread_mutex_unlock(&learn->writing);
	return rc;
}

/* ---- the thread ---- */

static int
rest(struct rcptlearn *learn)
{
	int64_t until = clock_mono_ms() + EVERY_MS;
	struct timespec at = { until / 1000, until % 1000 * 1000000L };
	int ending;

	pthread_mutex_lock(&learn->lock);
	while (!learn->ending && learn->count < ENOUGH &&
	       pthread_cond_timedwait(&learn->wake, &learn->lock, &at) == 0)
		;
	ending = learn->ending;
	pthread_mutex_unlock(&learn->lock);
	return ending;
}

static void *
run(void *ctx)
{
	struct rcptlearn *learn = ctx;
	int ending;

	do {
		ending = rest(learn);
		(void)rcptlearn_flush(learn);
	} while (!ending);
	return NULL;
}

int
rcptlearn_start(struct rcptlearn *learn)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&learn->thread, NULL, run, learn);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	learn->running = rc == 0;
	return rc == 0 ? SMX_OK : SMX_EIO;
}

void
rcptlearn_stop(struct rcptlearn *learn)
{
	pthread_mutex_lock(&learn->lock);
	learn->ending = 1;
	pthread_cond_signal(&learn->wake);
	pthread_mutex_unlock(&learn->lock);
	if (learn->running)
		pthread_join(learn->thread, NULL);
	learn->running = 0;
}

void
rcptlearn_free(struct rcptlearn **learn)
{
	struct rcptlearn *l = *learn;

	if (l == NULL)
		return;
	rcptlearn_stop(l);
	drop_list(l, l->first);
	idmap_free(&l->items);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->writing);
	pthread_cond_destroy(&l->wake);
	free(l);
	*learn = NULL;
}
