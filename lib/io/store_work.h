/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_WORK_H
#define IO_STORE_WORK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "io/store_draft.h"

/*
 * Changes on their way to the one thread that makes them.  A session puts its
 * work in and waits; the writer takes everything that waits, makes it durable
 * as one group, then tells each.
 *
 *	WAITING --taken--> TAKEN --told--> TOLD
 *	   |                 |
 *	   | deadline        | deadline: the session leaves with SMX_EUNSURE,
 *the v                 v work goes on without it (never happened)  (nobody
 *knows)
 *
 * A work owns all it needs, since its session may leave before it is done.
 */
#define WORK_WAITING_MAX 4096

enum work_kind {
	WORK_COMMIT = 1,
	WORK_DROP,
	WORK_MARK,
	WORK_META,
	WORK_AMEND,
	WORK_LET_GO
};

struct work {
	enum work_kind kind;
	int result;  /* what the session is told */
	int outcome; /* what it will be once the group is durable */
	/* WORK_COMMIT */
	struct smx_draft *draft;
	/* WORK_DROP, WORK_AMEND; owner NULL: this host */
	char *owner;
	struct smx_key *keys;
	size_t count;
	size_t foreign;
	int delivered; /* WORK_DROP: the safety net may have it */
	/* WORK_LET_GO: count of these, which the net has, or never will */
	int64_t *seqs;
	/* WORK_AMEND: count of these; their texts are own copies */
	struct smx_row_amendment *amendments;
	char *texts;
	size_t text_bytes;
	/* WORK_MARK: keys[0]; the change's texts are own copies */
	struct smx_row_change change;
	char *handed_id, *rcpt_states, *reason;
	/* WORK_META */
	char *name, *value;

	struct work *next; /* the rest is the queue's */
	pthread_cond_t told_cond;
	int told;
	int refs;
};

/* Each takes a copy, WORK_COMMIT the draft itself.  NULL: no memory. */
struct work *work_commit_take(struct smx_draft *draft);
struct work *work_drop(const char *owner, const struct smx_key *keys,
    size_t count);
struct work *work_mark(const struct smx_key *key,
    const struct smx_row_change *change);
struct work *work_amend(const char *owner,
    const struct smx_row_amendment *amendments, size_t count);
struct work *work_meta(const char *name, const char *value);
struct work *work_let_go(const int64_t *seqs, size_t count);

struct workq;

int workq_new(struct workq **out) SMX_MUST_USE;
void workq_free(struct workq **queue); /* empty, and nobody waits */

/* Session: wait until told, at most wait_ms.  The work is gone afterwards.
 * *foreign is filled in for a WORK_DROP or
 * WORK_AMEND that succeeded. */
int workq_ask(struct workq *queue, struct work *work, int64_t wait_ms,
    size_t *foreign) SMX_MUST_USE;

/* The same for many at once, NULL ones left out: they wait together, at most
 * wait_ms in all.  results has room for count. */
void workq_ask_all(struct workq *queue, struct work **works, size_t count,
    int64_t wait_ms, int *results);

/* Writer: all that waits, at most max with about max_bytes of content, as a
 * list; NULL after idle_ms without any, or (*stopped) when the queue is closed
 * and empty. */
struct work *workq_take(struct workq *queue, size_t max, size_t max_bytes,
    int64_t idle_ms, int *stopped);
/* Tell each its result; told twice, the first one counts. */
void workq_tell(struct workq *queue, struct work *list);
/* The writer is done with them. */
void workq_release(struct workq *queue, struct work *list);
/* Take nothing new from now on: SMX_ECLOSED. */
void workq_close(struct workq *queue);

#endif
