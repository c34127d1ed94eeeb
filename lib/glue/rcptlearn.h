/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RCPTLEARN_H
#define GLUE_RCPTLEARN_H

#include "core/addr.h"
#include "io/backup_rcpts.h"

/*
 * What has been learned of recipients and is not in the ledger yet: a delivery
 * or a RCPT does not wait for the disk.  A thread writes it down every second,
 * or when there is much of it; a crash forgets what came since.  Bounded: what
 * does not fit is not learned, and is counted.
 *
 * Threads: any.
 */
struct rcptlearn;

int rcptlearn_new(struct rcptlearn **out,
    struct backup_rcpts *rcpts) SMX_MUST_USE;
int rcptlearn_start(struct rcptlearn *learn) SMX_MUST_USE;
/* Writes down what is left; nothing is learned any more. */
void rcptlearn_stop(struct rcptlearn *learn);
void rcptlearn_free(struct rcptlearn **learn); /* accepts NULL inside */

/* For all that is written from now on; now_ms in it is not used. */
void rcptlearn_limits(struct rcptlearn *learn,
    const struct backup_rcpts_limits *limits);

/* SMX_OK: remembered; SMX_EFULL, SMX_ENOMEM, SMX_ECLOSED. */
int rcptlearn_put(struct rcptlearn *learn, const struct addr *addr,
    const struct rcpt_entry *entry);
/* What is known of it, learned or written. */
int rcptlearn_look(struct rcptlearn *learn, const struct addr *addr,
    struct backup_rcpts_sight *out) SMX_MUST_USE;
/* Nothing that waits comes back after it was forgotten. */
int rcptlearn_forget(struct rcptlearn *learn, const char *domain,
    const char *local, size_t *gone) SMX_MUST_USE;
/* Write down what waits, now. */
int rcptlearn_flush(struct rcptlearn *learn);

#endif
