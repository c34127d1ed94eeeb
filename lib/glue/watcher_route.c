/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_route.h"

#include <string.h>

#include "base/clock.h"

void
watcher_routes_init(struct watcher_routes *r)
{
	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < WATCHER_ROUTES_BUSY_MAX; i++)
		r->work[i].ask.fd = -1;
}

/* Nobody waits for these any more, while the worker may have asked for as many
 * again. */
static void
forget_expired(struct watcher_routes *r)
{
	int64_t now_ms = clock_mono_ms();
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		size_t from = (r->first + i) % WATCHER_ROUTES_ASKED_MAX;
		size_t to = (r->first + kept) % WATCHER_ROUTES_ASKED_MAX;

		if (r->asked[from].until_mono_ms <= now_ms)
			continue;
		if (to != from)
			r->asked[to] = r->asked[from];
		kept++;
	}
	r->count = kept;
}

void
watcher_routes_ask(struct watcher_routes *r,
    const struct watcher_route_asked *asked)
{
	if (r->count == WATCHER_ROUTES_ASKED_MAX)
		forget_expired(r);
	if (r->count == WATCHER_ROUTES_ASKED_MAX)
		return;
	r->asked[(r->first + r->count) % WATCHER_ROUTES_ASKED_MAX] = *asked;
	r->count++;
}

/* The one that has waited longest. */
static int
begin(struct watcher_routes *r, struct watcher_route_work *w,
    struct pfqueue *queue)
{
	const struct watcher_route_asked *asked = &r->asked[r->first];

	r->first = (r->first + 1) % WATCHER_ROUTES_ASKED_MAX;
	r->count--;
	w->token = asked->token;
	if (clock_mono_ms() >= asked->until_mono_ms)
		return SMX_ETIMEOUT;
	if (queue == NULL || queue->transports.config_directory == NULL)
		return SMX_EIO;
	return pfroute_start(&w->ask, queue->queue_directory, asked->sender,
	    asked->recipient, asked->until_mono_ms);
}

static void
work(struct watcher_routes *r, struct watcher_route_work *w,
    struct pfqueue *queue)
{
	int result;

	if (!w->busy) {
		result = begin(r, w, queue);
		w->busy = 1;
	} else {
		result = SMX_OK;
	}
	if (result == SMX_OK)
		result = queue == NULL
			     ? SMX_EIO
			     : pfroute_turn(&w->ask, &queue->transports,
				   queue->queue_directory, &w->routed.route);
	if (result == SMX_ETEMP)
		return;
	pfroute_end(&w->ask);
	w->routed.result = result;
	w->busy = 0;
	w->done = 1;
}

void
watcher_routes_turn(struct watcher_routes *r, struct pfqueue *queue)
{
	for (size_t i = 0; i < WATCHER_ROUTES_BUSY_MAX; i++) {
		struct watcher_route_work *w = &r->work[i];

		if (!w->done && (w->busy || r->count != 0))
			work(r, w, queue);
	}
}

int
watcher_routes_take(struct watcher_routes *r, struct watcher_packet *out,
    uint64_t generation)
{
	for (size_t i = 0; i < WATCHER_ROUTES_BUSY_MAX; i++) {
		struct watcher_route_work *w = &r->work[i];

		if (!w->done)
			continue;
		wire_begin(out, WATCHER_ROUTED, generation, w->token);
		wire_put_routed(out, &w->routed);
		w->done = 0;
		return 1;
	}
	return 0;
}

void
watcher_routes_fds(const struct watcher_routes *r,
    int fds[WATCHER_ROUTES_BUSY_MAX])
{
	for (size_t i = 0; i < WATCHER_ROUTES_BUSY_MAX; i++)
		fds[i] = r->work[i].busy ? r->work[i].ask.fd : -1;
}

int64_t
watcher_routes_wait_ms(const struct watcher_routes *r, int64_t otherwise_ms)
{
	int64_t ms = otherwise_ms;

	for (size_t i = 0; i < WATCHER_ROUTES_BUSY_MAX; i++) {
		const struct watcher_route_work *w = &r->work[i];
		int64_t mine = otherwise_ms;

		if (w->busy)
			mine = pfroute_wait_ms(&w->ask);
		else if (r->count != 0 && !w->done)
			mine = 0;
		if (mine < ms)
			ms = mine;
	}
	return ms;
}

void
watcher_routes_drop(struct watcher_routes *r)
{
	for (size_t i = 0; i < WATCHER_ROUTES_BUSY_MAX; i++) {
		pfroute_end(&r->work[i].ask);
		r->work[i].busy = r->work[i].done = 0;
	}
	r->count = 0;
}
