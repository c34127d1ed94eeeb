/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "glue/node_impl.h"

struct recorder {
	struct smx_engine *node;
	struct takeover *takeover;
	pthread_mutex_t *takeover_lock;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t more;  /* for the thread */
	pthread_cond_t fewer; /* for submitters */
	struct attempt *first, **last;
	size_t waiting;
	int ending;
};

void
attempt_free(struct attempt **attempt)
{
	if (*attempt == NULL)
		return;
	free((*attempt)->result.rcpt_states);
	free(*attempt);
	*attempt = NULL;
}

/* All that waits, at most max; none: it is the end. */
static size_t
take(struct recorder *r, struct attempt **list, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&r->lock);
	while (r->first == NULL && !r->ending)
		pthread_cond_wait(&r->more, &r->lock);
	for (; r->first != NULL && n < max; n++) {
		list[n] = r->first;
		r->first = list[n]->next;
	}
	if (r->first == NULL)
		r->last = &r->first;
	r->waiting -= n;
	pthread_cond_broadcast(&r->fewer);
	pthread_mutex_unlock(&r->lock);
	return n;
}

/* What this host's MTA has taken is one of its own messages from here on. */
static void
follow(struct recorder *r, const struct takeover_outcome *o)
{
	const struct smx_row_change *change = &o->mark.change;

	if (o->mark.result != SMX_OK || change->to != SMX_ROW_HANDED ||
	    change->handed_id == NULL)
		return;
	engine_resubmitted(node_enter(r->node), change->handed_id,
	    node_now_ms());
	node_leave(r->node);
}

static void
settle(struct recorder *r, struct attempt **list, size_t count)
{
	pthread_mutex_lock(r->takeover_lock);
	for (size_t i = 0; i < count; i++)
		takeover_settle(r->takeover, &list[i]->outcome);
	pthread_mutex_unlock(r->takeover_lock);
	for (size_t i = 0; i < count; i++) {
		follow(r, &list[i]->outcome);
		attempt_free(&list[i]);
	}
}

static void *
recorder_run(void *ctx)
{
	struct recorder *r = ctx;
	struct attempt *list[TAKEOVER_WRITE_MAX];
	struct takeover_outcome *outcomes[TAKEOVER_WRITE_MAX];
	size_t n;

	while ((n = take(r, list, TAKEOVER_WRITE_MAX)) != 0) {
		for (size_t i = 0; i < n; i++)
			outcomes[i] = &list[i]->outcome;
		takeover_write(r->takeover, outcomes, n);
		settle(r, list, n);
	}
	return NULL;
}

int
recorder_new(struct recorder **out, struct smx_engine *node)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return SMX_ENOMEM;
	r->node = node;
	r->takeover = node->takeover;
	r->takeover_lock = &node->takeover_lock;
	r->last = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	pthread_cond_init(&r->fewer, NULL);
	if (node_thread(&r->thread, recorder_run, r) != SMX_OK) {
		free(r);
		return SMX_EIO;
	}
	*out = r;
	return SMX_OK;
}

void
recorder_free(struct recorder **recorder)
{
	struct recorder *r = *recorder;

	*recorder = NULL;
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->ending = 1;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->more);
	pthread_cond_destroy(&r->fewer);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void
recorder_put_take(struct recorder *r, struct attempt *attempt, int result)
{
	takeover_judge(r->takeover, &attempt->job, result, &attempt->result,
	    clock_wall_ms(), &attempt->outcome);
	attempt->next = NULL;
	pthread_mutex_lock(&r->lock);
	/* The store's own deadlines bound this. */
	while (r->waiting >= RECORDER_MAX)
		pthread_cond_wait(&r->fewer, &r->lock);
	*r->last = attempt;
	r->last = &attempt->next;
	r->waiting++;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}
