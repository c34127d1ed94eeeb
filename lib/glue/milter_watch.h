/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_MILTER_WATCH_H
#define GLUE_MILTER_WATCH_H

#include "glue/selfping.h"
#include "glue/unread.h"

/*
 * Looks after libmilter from outside: whether threads can be had, and what it
 * has lost for want of one (unread.h).
 */
struct milter_watch {
	struct unread unread;
	struct selfping self;
	int no_threads;
	int64_t no_threads_ms; /* since when, CLOCK_MONOTONIC */
};

/* listening: the milter's socket; listen: its address as configured */
void milter_watch_init(struct milter_watch *watch, int listening,
    const char *listen);
void milter_watch_free(struct milter_watch *watch);
/* To be called about twice a second.  Non-zero: so much was lost that a new
 * process is wanted, and it could have its threads. */
int milter_watch_tick(struct milter_watch *watch, int64_t now_ms);

#endif
