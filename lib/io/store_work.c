/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* No result yet. */
#define WORK_ASKED 1

struct workq {
	pthread_mutex_t lock;
	pthread_cond_t more; /* for the writer */
	struct work *first, **last;
	size_t waiting;
	int closed;
};

static void
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static int
cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_mono_ms)
{
	struct timespec ts = { .tv_sec = (time_t)(until_mono_ms / 1000),
		.tv_nsec = (long)(until_mono_ms % 1000) * 1000000 };

	return pthread_cond_timedwait(cond, lock, &ts) == ETIMEDOUT;
}

static void
work_free(struct work *work)
{
	draft_free(&work->draft);
	free(work->owner);
	free(work->keys);
	free(work->seqs);
	free(work->amendments);
	free(work->texts);
	free(work->handed_id);
	free(work->rcpt_states);
	free(work->reason);
	free(work->name);
	free(work->value);
	pthread_cond_destroy(&work->told_cond);
	free(work);
}

static struct work *
work_new(enum work_kind kind)
{
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->kind = kind;
	work->refs = 2; /* the session's and the writer's */
	cond_init(&work->told_cond);
	return work;
}

struct work *
work_commit_take(struct smx_draft *draft)
{
	struct work *work = work_new(WORK_COMMIT);

	if (work != NULL)
		work->draft = draft;
	return work;
}

static int
copy_text(char **out, const char *text)
{
	if (text == NULL)
		return 1;
	*out = strdup(text);
	return *out != NULL;
}

static int
copy_keys(struct work *work, const struct smx_key *keys, size_t count)
{
	work->keys = calloc(count == 0 ? 1 : count, sizeof(*keys));
	if (work->keys == NULL)
		return 0;
	if (count != 0)
		memcpy(work->keys, keys, count * sizeof(*keys));
	work->count = count;
	return 1;
}

struct work *
work_drop(const char *owner, const struct smx_key *keys, size_t count)
{
	struct work *work = work_new(WORK_DROP);

	if (work != NULL && (!copy_text(&work->owner, owner) ||
				!copy_keys(work, keys, count))) {
		work_free(work);
		return NULL;
	}
	return work;
}

struct work *
work_mark(const struct smx_key *key, const struct smx_row_change *change)
{
	struct work *work = work_new(WORK_MARK);

	if (work == NULL)
		return NULL;
	if (!copy_keys(work, key, 1) ||
	    !copy_text(&work->handed_id, change->handed_id) ||
	    !copy_text(&work->rcpt_states, change->rcpt_states) ||
	    !copy_text(&work->reason, change->reason)) {
		work_free(work);
		return NULL;
	}
	work->change = *change;
	work->change.handed_id = work->handed_id;
	work->change.rcpt_states = work->rcpt_states;
	work->change.reason = work->reason;
	return work;
}

static size_t
text_room(const char *text, size_t len)
{
	return text != NULL ? len + 1 : 0;
}

static size_t
name_length(const char *name)
{
	return name != NULL ? strlen(name) : 0;
}

static const char *
text_keep(char **at, const char *text, size_t len)
{
	char *copy = *at;

	if (text == NULL)
		return NULL;
	if (len != 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	*at += len + 1;
	return copy;
}

static int
copy_amendments(struct work *work, const struct smx_row_amendment *list,
    size_t count)
{
	char *at;

	for (size_t i = 0; i < count; i++)
		work->text_bytes +=
		    text_room(list[i].holders, name_length(list[i].holders)) +
		    text_room(list[i].primary, name_length(list[i].primary)) +
		    text_room(list[i].envelope, list[i].envelope_len);
	work->amendments = calloc(count + 1, sizeof(*work->amendments));
	work->texts = at = malloc(work->text_bytes + 1);
	if (work->amendments == NULL || work->texts == NULL)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct smx_row_amendment *m = &work->amendments[i];

		*m = list[i];
		m->holders =
		    text_keep(&at, m->holders, name_length(m->holders));
		m->primary =
		    text_keep(&at, m->primary, name_length(m->primary));
		m->envelope = text_keep(&at, m->envelope, m->envelope_len);
	}
	work->count = count;
	return 1;
}

struct work *
work_amend(const char *owner, const struct smx_row_amendment *amendments,
    size_t count)
{
	struct work *work = work_new(WORK_AMEND);

	if (work != NULL && (!copy_text(&work->owner, owner) ||
				!copy_amendments(work, amendments, count))) {
		work_free(work);
		return NULL;
	}
	return work;
}

struct work *
work_meta(const char *name, const char *value)
{
	struct work *work = work_new(WORK_META);

	if (work != NULL && (!copy_text(&work->name, name) ||
				!copy_text(&work->value, value))) {
		work_free(work);
		return NULL;
	}
	return work;
}

struct work *
work_let_go(const int64_t *seqs, size_t count)
{
	struct work *work = work_new(WORK_LET_GO);

	if (work == NULL)
		return NULL;
	work->seqs = calloc(count + 1, sizeof(*seqs));
	if (work->seqs == NULL) {
		work_free(work);
		return NULL;
	}
	memcpy(work->seqs, seqs, count * sizeof(*seqs));
	work->count = count;
	return work;
}

int
workq_new(struct workq **out)
{
	struct workq *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&queue->lock, NULL);
	cond_init(&queue->more);
	queue->last = &queue->first;
	*out = queue;
	return SMX_OK;
}

void
workq_free(struct workq **queue)
{
	if (*queue == NULL)
		return;
	pthread_cond_destroy(&(*queue)->more);
	pthread_mutex_destroy(&(*queue)->lock);
	free(*queue);
	*queue = NULL;
}

/* Non-zero when nobody has taken it yet: then it never will be. */
static int
withdraw_locked(struct workq *queue, struct work *work)
{
	for (struct work **p = &queue->first; *p != NULL; p = &(*p)->next)
		if (*p == work) {
			*p = work->next;
			if (work->next == NULL)
				queue->last = p;
			queue->waiting--;
			return 1;
		}
	return 0;
}

static int
wait_locked(struct workq *queue, struct work *work, int64_t until)
{
	while (!work->told)
		if (cond_wait(&work->told_cond, &queue->lock, until) &&
		    !work->told) {
			if (!withdraw_locked(queue, work))
				return SMX_EUNSURE;
			work->refs--;
			return SMX_EIO;
		}
	return work->result;
}

/* Non-zero when it waits in the queue now. */
static int
put_locked(struct workq *queue, struct work *work, int *result)
{
	if (queue->closed || queue->waiting == WORK_WAITING_MAX) {
		*result = queue->closed ? SMX_ECLOSED : SMX_EFULL;
		work->refs--;
		return 0;
	}
	*queue->last = work;
	queue->last = &work->next;
	queue->waiting++;
	return 1;
}

int
workq_ask(struct workq *queue, struct work *work, int64_t wait_ms,
    size_t *foreign)
{
	int64_t until = clock_mono_ms() + wait_ms;
	int result, last;

	pthread_mutex_lock(&queue->lock);
	if (put_locked(queue, work, &result)) {
		pthread_cond_signal(&queue->more);
		result = wait_locked(queue, work, until);
	}
	if (result == SMX_OK && foreign != NULL)
		*foreign = work->foreign;
	last = --work->refs == 0;
	pthread_mutex_unlock(&queue->lock);
	/* Not under the lock: it may have a large file to remove. */
	if (last)
		work_free(work);
	return result;
}

void
workq_ask_all(struct workq *queue, struct work **works, size_t count,
    int64_t wait_ms, int *results)
{
	int64_t until = clock_mono_ms() + wait_ms;

	pthread_mutex_lock(&queue->lock);
	for (size_t i = 0; i < count; i++) {
		results[i] = WORK_ASKED;
		if (works[i] == NULL)
			results[i] = SMX_ENOMEM;
		else
			(void)put_locked(queue, works[i], &results[i]);
	}
	pthread_cond_signal(&queue->more);
	for (size_t i = 0; i < count; i++) {
		if (works[i] == NULL)
			continue;
		if (results[i] == WORK_ASKED)
			results[i] = wait_locked(queue, works[i], until);
		if (--works[i]->refs == 0)
			work_free(works[i]);
	}
	pthread_mutex_unlock(&queue->lock);
}

static size_t
work_bytes(const struct work *work)
{
	return work->draft != NULL ? work->draft->body.len : work->text_bytes;
}

static struct work *
take_locked(struct workq *queue, size_t max, size_t max_bytes)
{
	struct work *list = queue->first, **end = &queue->first;
	size_t bytes = 0;

	for (; *end != NULL && max > 0 && bytes < max_bytes; max--) {
		bytes += work_bytes(*end);
		end = &(*end)->next;
		queue->waiting--;
	}
	queue->first = *end;
	*end = NULL;
	if (queue->first == NULL)
		queue->last = &queue->first;
	return list;
}

struct work *
workq_take(struct workq *queue, size_t max, size_t max_bytes, int64_t idle_ms,
    int *stopped)
{
	int64_t until = clock_mono_ms() + idle_ms;
	struct work *list;

	pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->closed)
		if (cond_wait(&queue->more, &queue->lock, until))
			break;
	*stopped = queue->first == NULL && queue->closed;
	list = take_locked(queue, max, max_bytes);
	pthread_mutex_unlock(&queue->lock);
	return list;
}

void
workq_tell(struct workq *queue, struct work *list)
{
	pthread_mutex_lock(&queue->lock);
	for (struct work *work = list; work != NULL; work = work->next)
		work->told = 1;
	pthread_mutex_unlock(&queue->lock);
	/* They want the lock when they wake; the writer's reference keeps the
	 * works until then. */
	for (; list != NULL; list = list->next)
		pthread_cond_signal(&list->told_cond);
}

void
workq_release(struct workq *queue, struct work *list)
{
	while (list != NULL) {
		struct work *next = list->next;
		int last;

		pthread_mutex_lock(&queue->lock);
		last = --list->refs == 0;
		pthread_mutex_unlock(&queue->lock);
		if (last)
			work_free(list);
		list = next;
	}
}

void
workq_close(struct workq *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = 1;
	pthread_cond_broadcast(&queue->more);
	pthread_mutex_unlock(&queue->lock);
}
