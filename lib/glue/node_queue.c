/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/splits.h"
#include "glue/backup_books.h"
#include "glue/backup_mark.h"
#include "glue/node_impl.h"
#include "glue/primaries.h"
#include "glue/splitter.h"

/*
 * The queue's thread: events in, questions out.  The core engine (own
 * messages) and the takeover (messages handed to the own MTA) ask and hear, and
 * the books and the splitter of a backup MX; the lowest bits of a token say who
 * asked.
 */
#define EVENTS_MAX 256
#define IDS_MAX    500
#define TURN_MS    100
#define ID_SIZE    64

enum {
	ASKER_ENGINE = 0,
	ASKER_TAKEOVER = 1,
	ASKER_BOOKS = 2,
	ASKER_SPLITTER = 3
};
#define ASKER_BITS 2
#define ASKER_MASK 3u

/* Is the event for this asker?  Its token is as it was given out then. */
static int
is_for(struct smx_queue_event *ev, unsigned asker)
{
	if (ev->kind != SMX_QUEUE_VERIFIED && ev->kind != SMX_QUEUE_READ)
		return 1;
	if ((ev->token & ASKER_MASK) != asker)
		return 0;
	ev->token >>= ASKER_BITS;
	return 1;
}

/* The file does not say by whose doing it is on hold, nor who of it has been
 * handed to somebody else. */
static void
mark_hold(struct books *books, struct smx_queue_event *ev)
{
	size_t count;
	uint64_t *booked = books_booked(books, ev->id, &count);

	if (booked != NULL)
		backup_strike_text(ev->text, booked, count);
	free(booked);
	ev->text = backup_mark_text(ev->text, books_hold_until(books, ev->id));
}

static void
mark_holds(struct smx_engine *node, struct smx_queue_event *events,
    size_t count)
{
	struct backup *backup = node_backup(node);

	for (size_t i = 0; backup != NULL && i < count; i++) {
		struct smx_queue_event *ev = &events[i];

		if (ev->kind == SMX_QUEUE_READ && ev->text != NULL &&
		    ev->held && (ev->token & ASKER_MASK) == ASKER_ENGINE)
			mark_hold(backup_books(backup), ev);
	}
}

static void
tell_engine(struct smx_engine *node, struct smx_queue_event *events,
    size_t count, int64_t now_ms)
{
	struct engine *core = node_enter(node);

	for (size_t i = 0; i < count; i++) {
		struct smx_queue_event ev = events[i];

		if (is_for(&ev, ASKER_ENGINE))
			engine_queue_event(core, &ev, now_ms);
	}
	node_leave(node);
}

static void
tell_takeover(struct smx_engine *node, struct smx_queue_event *events,
    size_t count)
{
	int64_t wall_ms = clock_wall_ms();

	pthread_mutex_lock(&node->takeover_lock);
	for (size_t i = 0; i < count; i++) {
		struct smx_queue_event ev = events[i];

		if (is_for(&ev, ASKER_TAKEOVER))
			takeover_queue_event(node->takeover, &ev, wall_ms);
	}
	pthread_mutex_unlock(&node->takeover_lock);
}

/* Anybody who may log can say such a thing: it counts of messages that are in
 * the books and still on their way. */
static void
tell_primaries(struct backup *backup, const struct smx_queue_event *event)
{
	if (books_know(backup_books(backup), event->id))
		primaries_relay(backup_primaries(backup), event->other,
		    event->kind == SMX_QUEUE_REACHED);
}

/* Who else refuses a recipient on the way does not know who exists there. */
static int
is_of_its_primary(struct backup *backup, const struct smx_queue_event *event)
{
	char domain[BACKUP_DOMAIN_MAX + 1];

	return books_whose(backup_books(backup), event->id, event->token,
		   domain) &&
	       primaries_is_of(backup_primaries(backup), domain, event->other);
}

static void
tell_books(struct smx_engine *node, struct smx_queue_event *events,
    size_t count)
{
	struct backup *backup = node_backup(node);

	for (size_t i = 0; backup != NULL && i < count; i++) {
		struct smx_queue_event ev = events[i];

		if (ev.kind == SMX_QUEUE_REACHED ||
		    ev.kind == SMX_QUEUE_UNREACHED)
			tell_primaries(backup, &ev);
		else if (ev.kind == SMX_QUEUE_REFUSED &&
			 !is_of_its_primary(backup, &ev))
			continue;
		else if (is_for(&ev, ASKER_BOOKS))
			books_event(backup_books(backup), &ev, node_now_ms());
	}
}

static void
tell_splitter(struct smx_engine *node, struct smx_queue_event *events,
    size_t count)
{
	struct backup *backup = node_backup(node);

	for (size_t i = 0; backup != NULL && i < count; i++) {
		struct smx_queue_event ev = events[i];

		if (is_for(&ev, ASKER_SPLITTER))
			splitter_event(backup_splitter(backup), &ev,
			    node_now_ms());
	}
}

void
node_free_events(struct smx_queue_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (events[i].kind == SMX_QUEUE_READ)
			free(events[i].text);
}

/* Ids are lent only under the lock, so they are copied before the port call. */
struct question {
	size_t count;
	uint64_t token;
	char text[IDS_MAX][ID_SIZE];
	const char *ids[IDS_MAX];
};

static void
keep_ids(struct question *q, const char *const *lent, size_t count)
{
	q->count = count;
	for (size_t i = 0; i < count; i++) {
		size_t len = strnlen(lent[i], ID_SIZE - 1);

		memcpy(q->text[i], lent[i], len);
		q->text[i][len] = '\0';
		q->ids[i] = q->text[i];
	}
}

static void
ask(struct smx_engine *node, struct question *q, unsigned asker)
{
	struct smx_queue *queue = node->ports.queue;

	/* A refused question is asked again: the asker gets no answer. */
	if (q->count != 0)
		(void)queue->ops->verify(queue->ctx, q->ids, q->count,
		    q->token << ASKER_BITS | asker);
}

static void
ask_for_engine(struct smx_engine *node, struct question *q)
{
	const char *lent[IDS_MAX];
	size_t n;

	n = engine_verify_next(node_enter(node), node_now_ms(), lent, IDS_MAX,
	    &q->token);
	keep_ids(q, lent, n);
	node_leave(node);
	ask(node, q, ASKER_ENGINE);
}

static void
ask_to_read(struct smx_engine *node, struct question *q, unsigned asker)
{
	struct smx_queue *queue = node->ports.queue;

	if (q->count != 0)
		(void)queue->ops->read(queue->ctx, q->ids, q->count,
		    q->token << ASKER_BITS | asker);
}

static void
read_for_engine(struct smx_engine *node, struct question *q)
{
	const char *lent[SMX_QUEUE_READ_MAX];
	size_t n;

	if (node->ports.queue->ops->read == NULL)
		return;
	n = engine_read_next(node_enter(node), node_now_ms(), lent,
	    SMX_QUEUE_READ_MAX, &q->token);
	keep_ids(q, lent, n);
	node_leave(node);
	ask_to_read(node, q, ASKER_ENGINE);
}

static void
ask_for_takeover(struct smx_engine *node, struct question *q)
{
	const char *lent[IDS_MAX];
	size_t n;

	pthread_mutex_lock(&node->takeover_lock);
	n = takeover_verify_next(node->takeover, node_now_ms(), lent, IDS_MAX,
	    &q->token);
	keep_ids(q, lent, n);
	pthread_mutex_unlock(&node->takeover_lock);
	ask(node, q, ASKER_TAKEOVER);
}

static void
ask_for_books(struct smx_engine *node, struct question *q)
{
	struct backup *backup = node_backup(node);
	const char *lent[IDS_MAX];
	struct books *books;
	size_t n;

	if (backup == NULL)
		return;
	/* Lent until the next call, and nobody else asks. */
	books = backup_books(backup);
	n = books_verify_next(books, node_now_ms(), lent, IDS_MAX, &q->token);
	keep_ids(q, lent, n);
	ask(node, q, ASKER_BOOKS);
	if (node->ports.queue->ops->read == NULL)
		return;
	n = books_read_next(books, node_now_ms(), lent, SMX_QUEUE_READ_MAX,
	    &q->token);
	keep_ids(q, lent, n);
	ask_to_read(node, q, ASKER_BOOKS);
}

static void
ask_for_splitter(struct smx_engine *node, struct question *q)
{
	struct backup *backup = node_backup(node);
	const char *lent[SPLITS_IDS_MAX];
	size_t n;

	if (backup == NULL)
		return;
	n = splitter_verify_next(backup_splitter(backup), node_now_ms(), lent,
	    SPLITS_IDS_MAX, &q->token);
	keep_ids(q, lent, n);
	ask(node, q, ASKER_SPLITTER);
}

/* Mail that waits for pickup has no shadow, and nobody else says that it is
 * there. */
static void
note_local(struct smx_engine *node, uint64_t waiting, int64_t oldest_ms,
    int *told)
{
	struct smx_config *config = node_config(node);
	int64_t bound_ms = config_conf(config)->mta_local_wait_ms;
	struct log_line l;
	int late = waiting != 0 && oldest_ms > bound_ms;

	smx_config_release(&config);
	(void)node_enter(node);
	node->local_waiting = waiting;
	node->local_oldest_ms = oldest_ms;
	node_leave(node);
	if (late == *told)
		return;
	*told = late;
	log_begin(&l, late ? SMX_LOG_WARNING : SMX_LOG_NOTICE, NULL,
	    late ? "local_waiting" : "local_taken");
	log_num(&l, "waiting", (int64_t)waiting);
	log_num(&l, "oldest_ms", oldest_ms);
	log_end(&l);
}

static void
read_state(struct smx_engine *node, int *told_local)
{
	struct smx_queue *queue = node->ports.queue;
	struct smx_queue_state state;
	int rc = queue->ops->state(queue->ctx, &state);
	struct smx_epoch torn;
	struct engine *core;
	int known;

	core = node_enter(node);
	node->mta = rc == SMX_OK ? state.mta : SMX_MTA_UNKNOWN;
	if (rc == SMX_OK) {
		/* A queue that was replaced under us: the core gives up what
		 * was in the former one, new shadows name the new one. */
		node->epoch = state.epoch;
		engine_queue_state(core, &state, node_now_ms());
	}
	node_leave(node);
	if (rc != SMX_OK)
		return;
	if (node_backup(node) != NULL)
		books_state(backup_books(node_backup(node)), &state);
	note_local(node, state.local_waiting, state.local_oldest_ms,
	    told_local);
	pthread_mutex_lock(&node->takeover_lock);
	(void)takeover_queue_state(node->takeover, &state, clock_wall_ms());
	known = takeover_queue_torn(node->takeover, &torn) == SMX_OK;
	pthread_mutex_unlock(&node->takeover_lock);
	if (!known)
		return;
	engine_queue_torn(node_enter(node), &torn);
	node_leave(node);
}

/* What is heard next may be about another queue than the last. */
static int
epoch_moved(struct smx_engine *node)
{
	struct smx_queue *queue = node->ports.queue;
	struct smx_queue_state state;
	struct smx_epoch mine;

	if (queue->ops->state(queue->ctx, &state) != SMX_OK)
		return 0;
	node_epoch(node, &mine);
	return !smx_epoch_same(&state.epoch, &mine) ||
	       state.epoch.counter != mine.counter;
}

void *
node_queuer_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct smx_queue *queue = node->ports.queue;
	struct smx_queue_event *events = calloc(EVENTS_MAX, sizeof(*events));
	struct question *q = calloc(1, sizeof(*q));
	int64_t next_state = 0;
	int told_local = 0;
	size_t count;

	if (events == NULL || q == NULL)
		log_event(SMX_LOG_ERR, "no-memory", "where=queue");
	while (events != NULL && q != NULL && !node_ending(node)) {
		count = 0;
		(void)queue->ops->next(queue->ctx, events, EVENTS_MAX, &count,
		    clock_mono_ms() + TURN_MS);
		if (count != 0) {
			if (epoch_moved(node))
				read_state(node, &told_local);
			mark_holds(node, events, count);
			tell_engine(node, events, count, node_now_ms());
			tell_takeover(node, events, count);
			tell_books(node, events, count);
			tell_splitter(node, events, count);
			node_free_events(events, count);
		}
		ask_for_engine(node, q);
		read_for_engine(node, q);
		ask_for_takeover(node, q);
		ask_for_books(node, q);
		ask_for_splitter(node, q);
		if (clock_mono_ms() >= next_state) {
			read_state(node, &told_local);
			next_state = clock_mono_ms() + 1000;
		}
	}
	free(events);
	free(q);
	return NULL;
}
