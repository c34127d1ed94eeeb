/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/rcptask.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define THREADS_MAX 16
#define QUEUE_MAX   64

struct job {
	struct job *next;
	rcptask_fn fn;
	void *question;
	int begun, done;
	pthread_cond_t told;
};

struct rcptask {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first; /* under lock, as all that follows */
	size_t queued;
	size_t idle;
	int ending;
	pthread_t threads[THREADS_MAX];
	size_t count;
};

static void
make_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int
rcptask_new(struct rcptask **out)
{
	struct rcptask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&ask->lock, NULL);
	make_cond(&ask->wake);
	*out = ask;
	return SMX_OK;
}

static void *
run(void *ctx)
{
	struct rcptask *ask = ctx;

	pthread_mutex_lock(&ask->lock);
	for (;;) {
		struct job *job;

		while (ask->first == NULL && !ask->ending) {
			ask->idle++;
			pthread_cond_wait(&ask->wake, &ask->lock);
			ask->idle--;
		}
		if (ask->ending)
			break;
		job = ask->first;
		ask->first = job->next;
		ask->queued--;
		job->begun = 1;
		pthread_mutex_unlock(&ask->lock);
		job->fn(job->question);
		pthread_mutex_lock(&ask->lock);
		job->done = 1;
		pthread_cond_signal(&job->told);
	}
	pthread_mutex_unlock(&ask->lock);
	return NULL;
}

/* Under lock; without a thread more, the others do it. */
static void
one_more(struct rcptask *ask)
{
	sigset_t all, before;

	if (ask->idle >= ask->queued || ask->count == THREADS_MAX)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&ask->threads[ask->count], NULL, run, ask) == 0)
		ask->count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
put(struct rcptask *ask, struct job *job)
{
	struct job **at = &ask->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = job;
	ask->queued++;
	one_more(ask);
	pthread_cond_signal(&ask->wake);
}

static void
take_back(struct rcptask *ask, struct job *job)
{
	struct job **at = &ask->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	ask->queued--;
}

/* When the MTA's library is told: after 5, 20, 100 ms, and every second. */
static int64_t
next_ms(int64_t waited_ms)
{
	static const int64_t early[] = { 5, 20, 100 };

	for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++)
		if (waited_ms < early[i])
			return early[i];
	return (waited_ms / 1000 + 1) * 1000;
}

struct wait {
	int64_t began_ms, until_ms, due_ms;
	smx_waiting_fn waiting;
	void *ctx;
};

/* Under lock, which is let go while it waits or tells. */
static void
wait_once(struct rcptask *ask, struct job *job, struct wait *w)
{
	int64_t at = w->began_ms + w->due_ms, now;
	struct timespec t;

	if (!job->begun && at > w->until_ms)
		at = w->until_ms;
	t = (struct timespec){ at / 1000, at % 1000 * 1000000L };
	(void)pthread_cond_timedwait(&job->told, &ask->lock, &t);
	now = clock_mono_ms();
	if (job->done || now < w->began_ms + w->due_ms)
		return;
	w->due_ms = next_ms(now - w->began_ms);
	if (w->waiting == NULL)
		return;
	pthread_mutex_unlock(&ask->lock);
	(void)w->waiting(w->ctx, now - w->began_ms);
	pthread_mutex_lock(&ask->lock);
}

int
rcptask_run(struct rcptask *ask, rcptask_fn fn, void *question,
    int64_t until_mono_ms, smx_waiting_fn waiting, void *waiting_ctx)
{
	struct job job = { .fn = fn, .question = question };
	struct wait w = { clock_mono_ms(), until_mono_ms, next_ms(0), waiting,
		waiting_ctx };

	make_cond(&job.told);
	pthread_mutex_lock(&ask->lock);
	if (!ask->ending && ask->queued < QUEUE_MAX) {
		put(ask, &job);
		while (!job.done &&
		       (job.begun || (!ask->ending && ask->count != 0 &&
					 clock_mono_ms() < until_mono_ms)))
			wait_once(ask, &job, &w);
		if (!job.begun)
			take_back(ask, &job);
	}
	pthread_mutex_unlock(&ask->lock);
	pthread_cond_destroy(&job.told);
	return job.done ? SMX_OK : SMX_ELIMIT;
}

void
rcptask_stop(struct rcptask *ask)
{
	size_t count;

	pthread_mutex_lock(&ask->lock);
	ask->ending = 1;
	pthread_cond_broadcast(&ask->wake);
	for (struct job *job = ask->first; job != NULL; job = job->next)
		pthread_cond_signal(&job->told);
	count = ask->count;
	ask->count = 0;
	pthread_mutex_unlock(&ask->lock);
	while (count-- > 0)
		pthread_join(ask->threads[count], NULL);
}

void
rcptask_free(struct rcptask **ask)
{
	struct rcptask *a = *ask;

	if (a == NULL)
		return;
	rcptask_stop(a);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->wake);
	free(a);
	*ask = NULL;
}
