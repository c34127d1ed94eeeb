/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_copy.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

/* Nobody waits for these any more, while the worker may have asked for as many
 * again.  The first one may be at work. */
static void
forget_expired(struct watcher_copies *c)
{
	int64_t now_ms = clock_mono_ms();
	size_t kept = 1;

	for (size_t i = 1; i < c->count; i++) {
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
finish(struct watcher_copies *c, int result)
{
	struct watcher_opened *o = &c->opened;

	o->envelope_fd = o->content_fd = -1;
	o->envelope_len = o->size = 0;
	if (result == SMX_OK) {
		o->envelope_fd = wire_text_file();
		if (o->envelope_fd < 0 ||
		    wire_text_write(o->envelope_fd, 0, c->copy.envelope,
			c->copy.envelope_len) != SMX_OK)
			result = SMX_EIO;
	}
	if (result == SMX_OK) {
		o->envelope_len = c->copy.envelope_len;
		o->size = c->copy.size;
		o->content_fd = c->copy.content_fd;
		c->copy.content_fd = -1;
	} else if (o->envelope_fd >= 0) {
		close(o->envelope_fd);
		o->envelope_fd = -1;
	}
	o->result = result;
	pfcopy_end(&c->copy);
	c->busy = 0;
	c->done = 1;
}

static int
begin(struct watcher_copies *c, struct pfqueue *q)
{
	if (clock_mono_ms() >= c->asked[c->first].until_mono_ms)
		return SMX_ETIMEOUT;
	if (q == NULL)
		return SMX_EIO;
	return pfcopy_start(&c->copy, &q->tool, q->queue_directory,
	    q->marker_directory, c->asked[c->first].id,
	    c->asked[c->first].until_mono_ms);
}

void
copies_turn(struct watcher_copies *c, struct pfqueue *queue)
{
	int result;

	if (c->done || c->count == 0)
		return;
	result = c->busy ? pfcopy_turn(&c->copy) : begin(c, queue);
	if (!c->busy && result == SMX_OK)
		c->busy = 1;
	else if (result != SMX_ETEMP)
		finish(c, result);
}

int
copies_take(struct watcher_copies *c, struct watcher_packet *out,
    uint64_t generation)
{
	if (!c->done)
		return 0;
	wire_begin(out, WATCHER_OPENED, generation, c->asked[c->first].token);
	wire_put_opened(out, &c->opened);
	c->first = (c->first + 1) % WATCHER_OPENS_ASKED_MAX;
	c->count--;
	c->done = 0;
	return 1;
}

int
copies_fd(const struct watcher_copies *c)
{
	return c->busy ? pfcopy_fd(&c->copy) : -1;
}

int64_t
copies_wait_ms(const struct watcher_copies *c, int64_t otherwise_ms)
{
	int64_t ms = otherwise_ms;

	if (c->busy)
		ms = pfcopy_wait_ms(&c->copy);
	else if (c->count != 0 && !c->done)
		ms = 0;
	return ms < otherwise_ms ? ms : otherwise_ms;
}

void
copies_drop(struct watcher_copies *c)
{
	if (c->done && c->opened.result == SMX_OK) {
		close(c->opened.envelope_fd);
		close(c->opened.content_fd);
	}
	pfcopy_end(&c->copy);
	c->busy = c->done = 0;
	c->count = 0;
}
