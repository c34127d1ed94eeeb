/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_H
#define GLUE_WATCHER_H

#include <signal.h>

#include <shadowmx/queue.h>

/*
 * The watcher: a process that runs as the owner of the queue, holds a
 * smx_queue_open_postfix() and serves it to the worker over a SOCK_SEQPACKET
 * pair.  The supervisor keeps both ends open, so neither side sees the other
 * one end: each conversation has a random generation of the worker's choice,
 * packets of another one mean nothing, and silence is told by a clock.
 */

/* The process, with its final rights already.  Returns an exit status when
 * *stop is set or fd is of no use; a queue that cannot be watched yet is tried
 * again for ever. */
int watcher_main(int fd, const struct smx_queue_postfix_options *options,
    volatile sig_atomic_t *stop);

/* The same for tests. */
struct pfqueue_options;
int watcher_serve(int fd, const struct pfqueue_options *options,
    volatile sig_atomic_t *stop);

/*
 * The worker's end as a port.  fd is lent until close.  verify, read, open,
 * route and state may be called by any thread, next by one; open and route wait
 * for what next brings, so somebody must be calling it.  Until the watcher has
 * answered, and after ten seconds without a word, state is SMX_EUNREACHABLE and
 * next gives a RESET; the same for ever after the descriptor has failed.
 */
int watcher_connect(struct smx_queue *out, int fd) SMX_MUST_USE;
/* From now on the queue can be changed, too; lent until close. */
struct helper;
void watcher_lend_helper(struct smx_queue *queue, struct helper *helper);

#endif
