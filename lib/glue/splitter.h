/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SPLITTER_H
#define GLUE_SPLITTER_H

#include <shadowmx/queue.h>

#include "glue/backup.h"
#include "io/backup_split.h"

/*
 * Parts of messages that were split off because their primary MX is down
 * (intake_part.h): each is written down before the MTA is given it, and
 * followed until it is known that the message it was taken from was committed
 * without it.  One whose message never was is removed again, when that is
 * certain.  What a stop left in between is found in the queue by its trail and
 * put into the books: it may be delivered twice, and says so.
 */
int splitter_new(struct splitter **out, struct backup *backup) SMX_MUST_USE;
int splitter_start(struct splitter *splitter) SMX_MUST_USE;
void splitter_join(struct splitter *splitter); /* after backup_rest's word */
void splitter_free(struct splitter **splitter);

/* A part begins: all but trail and id is given.  Durable. */
int splitter_begin(struct splitter *splitter,
    struct backup_split *split) SMX_MUST_USE;
/* The MTA has it under split->part.  Durable. */
int splitter_named(struct splitter *splitter,
    const struct backup_split *split) SMX_MUST_USE;
/* It is in the books, and the MTA will hear that it is not in the message.
 * SMX_EFULL: too many are followed. */
int splitter_expect(struct splitter *splitter,
    const struct backup_split *split) SMX_MUST_USE;
/* There is no such part (any more). */
void splitter_drop(struct splitter *splitter, const struct backup_split *split);
/* Out of the MTA's queue with it. */
int splitter_erase(struct splitter *splitter, const char *part,
    int64_t until_mono_ms) SMX_MUST_USE;

/* It stays although the message has all of its recipients, or may have: a
 * duplicate, which is said. */
void splitter_kept(const struct backup_split *split, const char *why);

/* From the queue's thread; ids as engine_verify_next. */
void splitter_event(struct splitter *splitter,
    const struct smx_queue_event *event, int64_t now_mono_ms);
size_t splitter_verify_next(struct splitter *splitter, int64_t now_mono_ms,
    const char **ids, size_t max, uint64_t *token);

#endif
