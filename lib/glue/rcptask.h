/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RCPTASK_H
#define GLUE_RCPTASK_H

#include "core/rcptrule.h"
#include "glue/primaries.h"

/*
 * A primary MX host is asked about a recipient while its client waits.  Threads
 * of its own ask, so that whoever waits can tell the MTA's library so; a few at
 * a time, and not many more can wait for a thread.
 */
struct rcptask;

/* Runs in a thread of these. */
typedef void (*rcptask_fn)(void *question);

int rcptask_new(struct rcptask **out) SMX_MUST_USE;
/* Those who wait are sent away; the threads end with what they are at. */
void rcptask_stop(struct rcptask *ask);
void rcptask_free(struct rcptask **ask); /* accepts NULL inside */

/* Run fn, and wait until it has returned, which it does by until.  SMX_OK;
 * SMX_ELIMIT: too many want to ask, fn was not and will not be called. */
int rcptask_run(struct rcptask *ask, rcptask_fn fn, void *question,
    int64_t until_mono_ms, smx_waiting_fn waiting,
    void *waiting_ctx) SMX_MUST_USE;

#endif
