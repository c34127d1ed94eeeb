/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_copy.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

/* Nobody waits for these any more, while the worker may have asked for as many
 * again. */
static void
forget_expired(struct watcher_copies *c)
{
	int64_t now_ms = clock_mono_ms();
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		size_t from = (c->first + i) % WATCHER_OPENS_ASKED_MAX;
		size_t to = (c->first + kept) % WATCHER_OPENS_ASKED_MAX;

		if (c->asked[from].until_mono_ms <= now_ms)
			continue;
		c->asked[to] = c->asked[from];
		kept++;
	}
	if (c->count > kept)
		c->count = kept;
}

void
copies_ask(struct watcher_copies *c, const char *id, uint64_t token,
    int64_t until_mono_ms)
{
	size_t n;

	if (c->count == WATCHER_OPENS_ASKED_MAX)
		forget_expired(c);
	if (c->count == WATCHER_OPENS_ASKED_MAX)
		return;
	n = (c->first + c->count) % WATCHER_OPENS_ASKED_MAX;
	c->count++;
	text_copy(c->asked[n].id, sizeof(c->asked[n].id), id);
	c->asked[n].token = token;
	c->asked[n].until_mono_ms = until_mono_ms;
}

static void
finish(struct watcher_work *w, int result)
{
	struct watcher_opened *o = &w->opened;

	o->envelope_fd = o->content_fd = -1;
	o->envelope_len = o->size = 0;
	o->held = w->copy.file.folder == PF_HOLD;
	if (result == SMX_OK) {
		o->envelope_fd = wire_text_file();
		if (o->envelope_fd < 0 ||
		    wire_text_write(o->envelope_fd, 0, w->copy.envelope,
			w->copy.envelope_len) != SMX_OK)
			result = SMX_EIO;
	}
	if (result == SMX_OK) {
		o->envelope_len = w->copy.envelope_len;
		o->size = w->copy.size;
		o->content_fd = w->copy.content_fd;
		w->copy.content_fd = -1;
	} else if (o->envelope_fd >= 0) {
		close(o->envelope_fd);
		o->envelope_fd = -1;
	}
	o->result = result;
	pfcopy_end(&w->copy);
	w->busy = 0;
	w->done = 1;
}

/* The one that has waited longest. */
static int
begin(struct watcher_copies *c, struct watcher_work *w, struct pfqueue *q)
{
	size_t n = c->first;

	c->first = (c->first + 1) % WATCHER_OPENS_ASKED_MAX;
	c->count--;
	w->token = c->asked[n].token;
	if (clock_mono_ms() >= c->asked[n].until_mono_ms)
		return SMX_ETIMEOUT;
	if (q == NULL)
		return SMX_EIO;
	return pfcopy_start(&w->copy, &q->tool, q->queue_directory,
	    q->marker_directory, c->asked[n].id, c->asked[n].until_mono_ms);
}

static void
work(struct watcher_copies *c, struct watcher_work *w, struct pfqueue *queue)
{
	int result;

	if (w->done || (!w->busy && c->count == 0))
		return;
	result = w->busy ? pfcopy_turn(&w->copy) : begin(c, w, queue);
	if (!w->busy && result == SMX_OK)
		w->busy = 1;
	else if (result != SMX_ETEMP)
		finish(w, result);
}

void
copies_turn(struct watcher_copies *c, struct pfqueue *queue)
{
	for (size_t i = 0; i < WATCHER_COPIES_MAX; i++)
		work(c, &c->work[i], queue);
}

int
copies_take(struct watcher_copies *c, struct watcher_packet *out,
    uint64_t generation)
{
	for (size_t i = 0; i < WATCHER_COPIES_MAX; i++) {
		struct watcher_work *w = &c->work[i];

		if (!w->done)
			continue;
		wire_begin(out, WATCHER_OPENED, generation, w->token);
		wire_put_opened(out, &w->opened);
		w->done = 0;
		return 1;
	}
	return 0;
}

void
copies_fds(const struct watcher_copies *c, int fds[WATCHER_COPIES_MAX])
{
	for (size_t i = 0; i < WATCHER_COPIES_MAX; i++)
		fds[i] = c->work[i].busy ? pfcopy_fd(&c->work[i].copy) : -1;
}

int64_t
copies_wait_ms(const struct watcher_copies *c, int64_t otherwise_ms)
{
	int64_t ms = otherwise_ms;

	for (size_t i = 0; i < WATCHER_COPIES_MAX; i++) {
		const struct watcher_work *w = &c->work[i];
		int64_t mine = otherwise_ms;

		if (w->busy)
			mine = pfcopy_wait_ms(&w->copy);
		else if (c->count != 0 && !w->done)
			mine = 0;
		if (mine < ms)
			ms = mine;
	}
	return ms;
}

void
copies_drop(struct watcher_copies *c)
{
	for (size_t i = 0; i < WATCHER_COPIES_MAX; i++) {
		struct watcher_work *w = &c->work[i];

		if (w->done && w->opened.result == SMX_OK) {
			close(w->opened.envelope_fd);
			close(w->opened.content_fd);
		}
		pfcopy_end(&w->copy);
		w->busy = w->done = 0;
	}
	c->count = 0;
}
