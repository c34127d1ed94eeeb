/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_COPY_H
#define GLUE_WATCHER_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "glue/watcher_wire.h"
#include "io/pfqueue.h"
#include "io/pfqueue_copy.h"

/* The watcher's side of OPEN: one message is copied at a time, the others wait
 * until theirs is past the time when anybody wants it. */
#define WATCHER_OPENS_MAX       16                      /* at a time */
#define WATCHER_OPENS_ASKED_MAX (WATCHER_OPENS_MAX + 1) /* one at work */

struct watcher_copies {
	struct {
		char id[WATCHER_ID_MAX + 1];
		uint64_t token;
		int64_t until_mono_ms;
	} asked[WATCHER_OPENS_ASKED_MAX];
	size_t first, count;
	int busy; /* copy is the first one's */
	struct pfcopy copy;
	int done; /* and this is what became of it */
	struct watcher_opened opened;
};

/* More than there is room for are not answered. */
void copies_ask(struct watcher_copies *c, const char *id, uint64_t token,
    int64_t until_mono_ms);
/* queue NULL: nothing can be opened. */
void copies_turn(struct watcher_copies *c, struct pfqueue *queue);
/* Non-zero: there is an answer, put into the packet. */
int copies_take(struct watcher_copies *c, struct watcher_packet *out,
    uint64_t generation);
int copies_fd(const struct watcher_copies *c);
int64_t copies_wait_ms(const struct watcher_copies *c, int64_t otherwise_ms);
void copies_drop(struct watcher_copies *c);

#endif
