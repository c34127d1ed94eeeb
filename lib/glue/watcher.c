/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/watcher_copy.h"
#include "glue/watcher_route.h"
#include "glue/watcher_wire.h"
#include "io/pfqueue.h"

#define RETRY_MS 1000
/* Events come in bunches and nobody waits for them: a pause after the first
 * lets one turn, and one packet, serve many messages. */
#define GATHER_MS 50
#define WHY_SIZE  512
#define WAITS_MAX (2 + WATCHER_COPIES_MAX + WATCHER_ROUTES_BUSY_MAX)

/*
 * The watch comes first: every turn drains inotify, whether or not the worker
 * reads.  At most one packet waits to be sent; further events wait in the
 * queue's own ring, which replaces them by a RESET when it is full.
 */
struct watcher {
	int fd;
	struct pfqueue *queue; /* NULL: cannot be watched yet */
	int64_t retry_ms;
	int told;            /* the reason has been logged */
	uint64_t generation; /* 0: nobody has said hello */
	int64_t beat_ms;
	int told_known; /* what the last word about the state said */
	struct smx_epoch told_epoch;
	int waiting; /* out is to be sent */
	int reset;   /* tell it before anything else */
	int wants;   /* the worker has said what it wants to be told: */
	struct watcher_want wanted;
	struct watcher_copies copies;
	struct watcher_routes routes;
	struct watcher_packet out;
	struct watcher_packet in;
};

static void
open_queue(struct watcher *w, const struct pfqueue_options *options,
    int64_t now_ms)
{
	char why[WHY_SIZE] = "";
	struct log_line l;

	if (w->queue != NULL || now_ms < w->retry_ms)
		return;
	w->retry_ms = now_ms + RETRY_MS;
	if (pfqueue_open(&w->queue, options, why, sizeof(why)) == SMX_OK) {
		if (w->wants)
			pfqueue_ops.want(w->queue, w->wanted.deliveries,
			    w->wanted.ends);
		w->told = 0;
		w->beat_ms = 0;
		return;
	}
	w->queue = NULL;
	if (w->told)
		return;
	w->told = 1;
	log_begin(&l, SMX_LOG_ERR, NULL, "queue-not-watched");
	log_str(&l, "cause", why);
	log_end(&l);
}

/* Too many are waiting to be looked for. */
static void
refuse_verify(struct watcher *w, const char *const *ids, size_t count)
{
	struct pfpending asked = { .token = w->in.token };

	for (size_t i = 0; i < count; i++) {
		text_copy(asked.given, sizeof(asked.given), ids[i]);
		pfqueue_answer(w->queue, &asked, SMX_PRESENCE_UNKNOWN, "");
	}
}

static void
refuse_read(struct watcher *w, const char *const *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pfqueue_answer_read(w->queue, ids[i], w->in.token, 0, NULL);
}

/* VERIFY and READ.  While there is no watch the RESET at its beginning is the
 * answer. */
static void
ask(struct watcher *w)
{
	char id[WATCHER_VERIFY_MAX][WATCHER_ID_MAX + 1];
	const char *ids[WATCHER_VERIFY_MAX];
	size_t n = 0;

	while (n < WATCHER_VERIFY_MAX && wire_get_id(&w->in, id[n]) == SMX_OK) {
		ids[n] = id[n];
		n++;
	}
	if (n == 0 || w->queue == NULL)
		return;
	if (w->in.kind == WATCHER_VERIFY) {
		if (pfqueue_ops.verify(w->queue, ids, n, w->in.token) != SMX_OK)
			refuse_verify(w, ids, n);
	} else if (pfqueue_ops.read(w->queue, ids, n, w->in.token) != SMX_OK) {
		refuse_read(w, ids, n);
	}
}

static void
ask_copy(struct watcher *w)
{
	char id[WATCHER_ID_MAX + 1];
	int64_t until_ms;

	if (wire_get_open(&w->in, id, &until_ms) == SMX_OK)
		copies_ask(&w->copies, id, w->in.token, until_ms);
}

static void
ask_route(struct watcher *w)
{
	struct watcher_route_asked asked;

	if (wire_get_route(&w->in, &asked) == SMX_OK)
		watcher_routes_ask(&w->routes, &asked);
}

/* A watch that begins anew is to tell as much. */
static void
want(struct watcher *w)
{
	struct watcher_want want;

	if (wire_get_want(&w->in, &want) != SMX_OK)
		return;
	w->wanted = want;
	w->wants = 1;
	if (w->queue != NULL)
		pfqueue_ops.want(w->queue, want.deliveries, want.ends);
}

static void
hello(struct watcher *w)
{
	if (w->in.generation == 0)
		return;
	/* Repeated when our answer was late; then nothing begins anew. */
	if (w->in.generation != w->generation) {
		w->reset = 1;
		/* Its numbers for questions begin anew. */
		if (w->queue != NULL)
			pfqueue_new_reader(w->queue);
		copies_drop(&w->copies);
		watcher_routes_drop(&w->routes);
	}
	w->generation = w->in.generation;
	w->waiting = 0;
	wire_drop(&w->out);
	w->beat_ms = 0;
}

/* Non-zero when the descriptor is of no more use. */
static int
receive(struct watcher *w)
{
	for (int i = 0; i < 64; i++) {
		int result = wire_receive(w->fd, &w->in);

		if (result == SMX_ETEMP)
			return 0;
		if (result == SMX_ECLOSED || result == SMX_EIO)
			return 1;
		if (result != SMX_OK)
			continue;
		if (w->in.kind == WATCHER_HELLO)
			hello(w);
		else if (w->in.generation != w->generation)
			continue;
		else if (w->in.kind == WATCHER_VERIFY ||
			 w->in.kind == WATCHER_READ)
			ask(w);
		else if (w->in.kind == WATCHER_OPEN)
			ask_copy(w);
		else if (w->in.kind == WATCHER_ROUTE)
			ask_route(w);
		else if (w->in.kind == WATCHER_WANT)
			want(w);
	}
	return 0;
}

static int
state_now(struct watcher *w, struct smx_queue_state *state)
{
	memset(state, 0, sizeof(*state));
	return w->queue != NULL && pfqueue_ops.state(w->queue, state) == SMX_OK;
}

/* An answer must never be read with the epoch of another queue. */
static int
state_is_due(struct watcher *w, int64_t now_ms)
{
	struct smx_queue_state state;
	int known = state_now(w, &state);

	return now_ms >= w->beat_ms || known != w->told_known ||
	       !smx_epoch_same(&state.epoch, &w->told_epoch) ||
	       state.epoch.counter != w->told_epoch.counter;
}

static void
make_state(struct watcher *w, int64_t now_ms)
{
	struct smx_queue_state state;
	int known = state_now(w, &state);

	wire_begin(&w->out, WATCHER_STATE, w->generation, 0);
	wire_put_state(&w->out, known ? &state : NULL);
	w->beat_ms = now_ms + WATCHER_BEAT_MS;
	w->told_known = known;
	w->told_epoch = state.epoch;
}

static void
make_events(struct watcher *w)
{
	static const struct smx_queue_event reset = { .kind = SMX_QUEUE_RESET };
	struct smx_queue_event events[WATCHER_EVENTS_MAX];
	size_t n = w->queue == NULL || w->reset
		       ? 0
		       : pfqueue_take(w->queue, events, WATCHER_EVENTS_MAX);

	wire_begin(&w->out, WATCHER_EVENTS, w->generation, 0);
	for (size_t i = 0; i < n; i++) {
		wire_put_event(&w->out, &events[i]);
		free(events[i].text);
	}
	if (w->reset)
		wire_put_event(&w->out, &reset);
	w->reset = 0;
}

static int
make_packet(struct watcher *w, int64_t now_ms)
{
	if (state_is_due(w, now_ms)) {
		make_state(w, now_ms);
	} else if (w->generation == 0) {
		return 0;
	} else if (w->reset ||
		   (!copies_take(&w->copies, &w->out, w->generation) &&
		       !watcher_routes_take(&w->routes, &w->out,
			   w->generation))) {
		make_events(w);
	}
	return w->out.count != 0;
}

/* State first, so that a RESET is read with the state that goes with it. */
static int
send_some(struct watcher *w, int64_t now_ms)
{
	for (int i = 0; i < 64; i++) {
		if (!w->waiting) {
			if (!make_packet(w, now_ms))
				return 0;
		}
		switch (wire_send(w->fd, &w->out)) {
		case SMX_OK:
			w->waiting = 0;
			break;
		case SMX_ETEMP:
			/* A word to nobody need not be kept. */
			w->waiting = w->generation != 0;
			if (!w->waiting)
				wire_drop(&w->out);
			return 0;
		default:
			return 1;
		}
	}
	return 0;
}

/* What others wait for: a message to be opened, a route. */
static int64_t
waited_for_ms(const struct watcher *w, int64_t otherwise_ms)
{
	return watcher_routes_wait_ms(&w->routes,
	    copies_wait_ms(&w->copies, otherwise_ms));
}

/* Who waits for one of these waits for nothing else. */
static void
gather(const struct watcher *w, struct pollfd p[WAITS_MAX])
{
	int64_t ms = waited_for_ms(w, INT64_MAX);

	if (ms == INT64_MAX) {
		(void)poll(NULL, 0, GATHER_MS);
		return;
	}
	p[1].fd = -1;
	(void)poll(p, WAITS_MAX, ms < GATHER_MS ? (int)ms : GATHER_MS);
}

static void
wait(struct watcher *w)
{
	int fds[WATCHER_COPIES_MAX + WATCHER_ROUTES_BUSY_MAX];
	struct pollfd p[WAITS_MAX] = {
		{ .fd = w->fd,
		    .events = (short)(POLLIN | (w->waiting ? POLLOUT : 0)) },
		{ .fd = w->queue == NULL ? -1 : pfqueue_fd(w->queue),
		    .events = POLLIN },
	};
	int64_t ms = w->queue == NULL ? 250 : pfqueue_wait_ms(w->queue);

	ms = waited_for_ms(w, ms);
	copies_fds(&w->copies, fds);
	watcher_routes_fds(&w->routes, fds + WATCHER_COPIES_MAX);
	for (size_t i = 2; i < WAITS_MAX; i++)
		p[i] = (struct pollfd){ .fd = fds[i - 2], .events = POLLIN };
	if (poll(p, WAITS_MAX, (int)ms) > 0 && (p[1].revents & POLLIN) != 0)
		gather(w, p);
}

int
watcher_main(int fd, const struct smx_queue_postfix_options *options,
    volatile sig_atomic_t *stop)
{
	const struct pfqueue_options inner = { .postfix = *options };

	return watcher_serve(fd, &inner, stop);
}

int
watcher_serve(int fd, const struct pfqueue_options *options,
    volatile sig_atomic_t *stop)
{
	struct watcher *w = calloc(1, sizeof(*w));
	int failed = 0;

	if (w == NULL)
		return EX_OSERR;
	w->fd = fd;
	watcher_routes_init(&w->routes);
	while (!*stop && !failed) {
		int64_t now_ms = clock_mono_ms();

		open_queue(w, options, now_ms);
		if (w->queue != NULL)
			pfqueue_turn(w->queue);
		failed = receive(w);
		copies_turn(&w->copies, w->queue);
		watcher_routes_turn(&w->routes, w->queue);
		failed = failed || send_some(w, now_ms);
		if (!failed && !*stop)
			wait(w);
	}
	copies_drop(&w->copies);
	watcher_routes_drop(&w->routes);
	wire_drop(&w->in);
	wire_drop(&w->out);
	pfqueue_close(&w->queue);
	free(w);
	if (failed)
		log_event(SMX_LOG_WARNING, "watcher-alone", "errno=%d", errno);
	return failed ? EX_IOERR : EX_OK;
}
