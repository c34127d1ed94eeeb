/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef QUEUE_TREE_H
#define QUEUE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

/*
 * A queue made by hand in a folder of its own, and what Postfix does to files
 * in it.  Paths are relative to the queue ("incoming/ID").
 */
struct tree {
	char dir[64];
	char queue[96];
	char log[96];
};

void tree_make(struct tree *t);
void tree_remove(struct tree *t);
const char *tree_path(const struct tree *t, const char *name); /* static */

void tree_begin(const struct tree *t, const char *id);  /* cleanup creates */
void tree_commit(const struct tree *t, const char *id); /* and closes */
void tree_move(const struct tree *t, const char *from, const char *to);
void tree_delete(const struct tree *t, const char *name);
/* A committed file that appears in this place at once. */
void tree_put(const struct tree *t, const char *name, unsigned mode);
void tree_log(const struct tree *t, const char *text);

/* ---- asking ---- */

/* Fetch events until one of this kind about this id (NULL: any) comes. */
int tree_event(struct smx_queue *q, enum smx_queue_event_kind kind,
    const char *id, struct smx_queue_event *out, int64_t wait_ms);
/* The answer to verify; other may be NULL. */
enum smx_presence tree_verify(struct smx_queue *q, const char *id, char *other);
/* The same, asked again until it is this. */
enum smx_presence tree_until(struct smx_queue *q, const char *id,
    enum smx_presence wanted, int64_t wait_ms);

#endif
