/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/fences.h"

#include <string.h>

#include "core/inside.h"

/* What the queue shows of fenced messages: on hold or not, and by whom. */

static void
read_free(struct engine *engine, struct fenced *f, int empty)
{
	if (f->state == FENCED_HELD && f->seen) {
		/* Somebody released it, past us: that is a decision. */
		f->person = 1;
		f->ours = f->seen = 0;
		fence_become(engine, f, FENCED_LEFT);
	} else if (f->state == FENCED_WANTED && !empty) {
		f->ours = 0; /* the hold missed it, or came to nothing */
		fence_become(engine, f, FENCED_ASKED);
	} else if (f->state == FENCED_HELD)
		fence_become(engine, f, FENCED_HOLD);
}

static void
read_held(struct engine *engine, struct fenced *f, int empty)
{
	if (f->ours)
		f->seen = 1;
	f->tries = 0;
	/* A delivery that was running at the hold leaves it so for good. */
	if (empty && f->ours)
		fence_become(engine, f, FENCED_ERASE);
	else if (f->state == FENCED_WANTED || f->state == FENCED_ASKED ||
		 f->state == FENCED_HOLD)
		fence_become(engine, f, FENCED_HELD);
}

static int
is_empty(const char *text)
{
	const char *end = strchr(text, '\n');

	return end == NULL || end[1] == '\0';
}

int
fence_read(struct engine *engine, struct own *own,
    const struct smx_queue_event *event, int64_t now_ms)
{
	struct fenced *f = fence_find(engine, own);
	int ours, empty;

	if (f == NULL)
		return 0;
	ours = f->ours != 0;
	if (event->token <= f->token || f->changing ||
	    f->state == FENCED_RELEASE || f->state == FENCED_ERASE)
		return ours;
	f->due_ms = now_ms;
	empty = is_empty(event->text);
	if (!empty)
		fence_text(engine, f, event->text);
	if (event->held)
		read_held(engine, f, empty);
	else
		read_free(engine, f, empty);
	fence_stir(engine);
	return ours;
}

/*
 * Nobody syncs a removal.  A file that comes back is on hold still, by our
 * doing; it needs its line in the book, and the row of who delivered it.  The
 * marker is synced in the same file system: once that has begun and ended after
 * the look, the file stays away.
 */
#define MARKER_STEPS 2

int
fence_may_return(struct engine *engine, struct own *own)
{
	struct fenced *f = fence_find(engine, own);
	uint64_t counter = engine->queue.epoch.counter;

	if (f == NULL || !f->ours || !engine->has_queue)
		return 0;
	if (f->gone_at == 0 || f->gone_at > counter)
		f->gone_at = counter;
	return counter - f->gone_at < MARKER_STEPS;
}

void
fence_seen(struct engine *engine, struct own *own)
{
	struct fenced *f = fence_find(engine, own);

	if (f == NULL)
		return;
	f->gone_at = 0;
	if (f->state == FENCED_WANTED)
		f->due_ms = 0;
	fence_stir(engine);
}

void
fence_renamed(struct engine *engine, struct own *own)
{
	struct fenced *f = fence_find(engine, own);

	if (f == NULL || f->state == FENCED_LEFT)
		return;
	/* The book knows it by the former id, and a hold of that one is gone.
	 */
	f->ours = f->seen = f->booked = 0;
	fence_become(engine, f, FENCED_WANTED);
}
