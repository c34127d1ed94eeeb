/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_COPY_H
#define GLUE_WATCHER_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "glue/watcher_wire.h"
#include "io/pfqueue.h"
#include "io/pfqueue_copy.h"

/* The watcher's side of OPEN: some messages are copied at a time, the others
 * wait until theirs is past the time when anybody wants it. */
#define WATCHER_OPENS_MAX       16 /* asked for at a time */
#define WATCHER_COPIES_MAX      3  /* of these, at work */
#define WATCHER_OPENS_ASKED_MAX (WATCHER_OPENS_MAX + 1)

struct watcher_work {
	int busy;
	int done; /* and this is what became of it */
	uint64_t token;
	struct pfcopy copy;
	struct watcher_opened opened;
};

struct watcher_copies {
	struct {
		char id[WATCHER_ID_MAX + 1];
		uint64_t token;
		int64_t until_mono_ms;
	} asked[WATCHER_OPENS_ASKED_MAX]; /* and not begun */
	size_t first, count;
	struct watcher_work work[WATCHER_COPIES_MAX];
};

/* More than there is room for are not answered. */
void copies_ask(struct watcher_copies *c, const char *id, uint64_t token,
    int64_t until_mono_ms);
/* queue NULL: nothing can be opened. */
void copies_turn(struct watcher_copies *c, struct pfqueue *queue);
/* Non-zero: there is an answer, put into the packet. */
int copies_take(struct watcher_copies *c, struct watcher_packet *out,
    uint64_t generation);
/* What to poll for reading: WATCHER_COPIES_MAX of them, -1 for none. */
void copies_fds(const struct watcher_copies *c, int fds[WATCHER_COPIES_MAX]);
int64_t copies_wait_ms(const struct watcher_copies *c, int64_t otherwise_ms);
void copies_drop(struct watcher_copies *c);

#endif
