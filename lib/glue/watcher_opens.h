/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_OPENS_H
#define GLUE_WATCHER_OPENS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "glue/watcher_copy.h"
#include "glue/watcher_wire.h"

/*
 * The worker's side of OPEN: threads that wait for the thread that reads.  All
 * but the last function are called with the lock of the connection.
 */
struct open_place {
	int used;
	int answered;
	uint64_t token; /* never 0, never the same again */
	struct watcher_opened opened;
	pthread_cond_t changed;
};

struct watcher_opens {
	struct open_place place[WATCHER_OPENS_MAX];
	uint64_t last_token;
};

void opens_init(struct watcher_opens *o);
void opens_done(struct watcher_opens *o);
/* NULL: as many as there may be wait already. */
struct open_place *opens_begin(struct watcher_opens *o);
/* SMX_ETIMEOUT, or what was answered. */
int opens_wait(struct open_place *place, pthread_mutex_t *lock,
    int64_t until_mono_ms);
/* Leave; what was answered goes into opened. */
void opens_end(struct open_place *place, struct watcher_opened *opened);
/* The descriptors are taken; for nobody they are closed. */
void opens_answer(struct watcher_opens *o, uint64_t token,
    struct watcher_opened *opened);
/* Nobody will answer. */
void opens_fail(struct watcher_opens *o);

/* Make of an answer what the port gives; descriptors are taken. */
int opened_take(struct watcher_opened *opened, char **envelope,
    size_t *envelope_len, int *fd, uint64_t *size);

#endif
