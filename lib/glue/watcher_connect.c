/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/queue_change.h"
#include "glue/watcher_opens.h"
#include "glue/watcher_route.h"
#include "glue/watcher_wire.h"

#define HELLO_MS 500 /* said again until it is answered */
#define NAP_MS   200 /* with nothing to listen to */

struct connection {
	pthread_mutex_t lock; /* fd, generation, opens and what state tells */
	int fd;               /* -1 after a failure */
	uint64_t generation;
	int known;
	struct smx_queue_state state;
	struct watcher_opens opens;
	struct route_places routes;
	struct helper *helper; /* NULL: the queue cannot be changed */
	int wants;             /* something else than the watcher began with */
	int want_due;          /* and it is to hear that */
	struct watcher_want want;

	/* of the thread that calls next */
	int64_t heard_ms;
	int64_t hello_ms; /* say it again then; 0: was answered */
	int lost;         /* a RESET about the silence was given */
	struct watcher_packet in;
	int reading; /* in holds events that were not given out */
};

static void
set_known(struct connection *c, const struct smx_queue_state *state)
{
	pthread_mutex_lock(&c->lock);
	c->known = state != NULL;
	if (state != NULL)
		c->state = *state;
	pthread_mutex_unlock(&c->lock);
}

static void
give_up(struct connection *c)
{
	pthread_mutex_lock(&c->lock);
	c->fd = -1;
	c->known = 0;
	opens_fail(&c->opens);
	route_fail_all(&c->routes);
	pthread_mutex_unlock(&c->lock);
	log_event(SMX_LOG_ERR, "watcher-lost", "errno=%d", errno);
}

/* A new generation, so that nothing of before is taken for an answer. */
static int
begin(struct connection *c, int fd)
{
	uint64_t generation = 0;

	while (generation == 0)
		if (key_random(&generation, sizeof(generation)) != SMX_OK)
			return SMX_EIO;
	pthread_mutex_lock(&c->lock);
	c->fd = fd;
	c->generation = generation;
	c->known = 0;
	pthread_mutex_unlock(&c->lock);
	return SMX_OK;
}

static void
say_hello(struct connection *c, int64_t now_ms)
{
	struct watcher_packet p = { .fds = 0 };

	wire_begin(&p, WATCHER_HELLO, c->generation, 0);
	/* When it cannot be sent now, it is said again anyway. */
	(void)wire_send(c->fd, &p);
	c->hello_ms = now_ms + HELLO_MS;
}

/* It may be another watcher than the one that has heard what is wanted. */
static void
hear_again(struct connection *c)
{
	pthread_mutex_lock(&c->lock);
	c->want_due = c->wants;
	pthread_mutex_unlock(&c->lock);
}

static void
say_want(struct connection *c)
{
	struct watcher_packet p = { .fds = 0 };

	pthread_mutex_lock(&c->lock);
	if (c->want_due && c->fd >= 0) {
		wire_begin(&p, WATCHER_WANT, c->generation, 0);
		wire_put_want(&p, &c->want);
		c->want_due = wire_send(c->fd, &p) == SMX_ETEMP;
	}
	pthread_mutex_unlock(&c->lock);
}

static void
heard_state(struct connection *c)
{
	struct smx_queue_state state;
	int known;

	if (wire_get_state(&c->in, &state, &known) != SMX_OK)
		return;
	if (c->hello_ms != 0)
		hear_again(c);
	c->hello_ms = 0;
	set_known(c, known ? &state : NULL);
}

/* The watcher has begun anew: what was asked of the other one is not answered
 * any more. */
static void
heard_nobody(struct connection *c, int64_t now_ms)
{
	set_known(c, NULL);
	pthread_mutex_lock(&c->lock);
	opens_fail(&c->opens);
	route_fail_all(&c->routes);
	pthread_mutex_unlock(&c->lock);
	say_hello(c, now_ms);
}

static void
heard_opened(struct connection *c)
{
	struct watcher_opened opened;

	if (wire_get_opened(&c->in, &opened) != SMX_OK)
		return;
	pthread_mutex_lock(&c->lock);
	opens_answer(&c->opens, c->in.token, &opened);
	pthread_mutex_unlock(&c->lock);
}

static void
heard_routed(struct connection *c)
{
	struct watcher_routed routed;

	if (wire_get_routed(&c->in, &routed) != SMX_OK)
		return;
	pthread_mutex_lock(&c->lock);
	route_answer(&c->routes, c->in.token, &routed);
	pthread_mutex_unlock(&c->lock);
}

/* SMX_OK: events are to be read; SMX_ETEMP: nothing now. */
static int
receive(struct connection *c, int64_t now_ms)
{
	for (;;) {
		int result = wire_receive(c->fd, &c->in);

		if (result == SMX_EPROTO)
			continue;
		if (result != SMX_OK)
			return result;
		if (c->in.generation == 0 && c->in.kind == WATCHER_STATE)
			heard_nobody(c, now_ms);
		if (c->in.generation != c->generation)
			continue;
		c->heard_ms = now_ms;
		c->lost = 0;
		if (c->in.kind == WATCHER_STATE)
			heard_state(c);
		else if (c->in.kind == WATCHER_OPENED)
			heard_opened(c);
		else if (c->in.kind == WATCHER_ROUTED)
			heard_routed(c);
		else if (c->in.kind == WATCHER_EVENTS)
			return SMX_OK;
	}
}

static size_t
read_events(struct connection *c, struct smx_queue_event *events, size_t max)
{
	size_t n = 0;

	while (c->reading && n < max)
		if (wire_get_event(&c->in, &events[n]) == SMX_OK)
			n++;
		else
			c->reading = 0;
	return n;
}

/* One RESET for each silence. */
static size_t
silence(struct connection *c, struct smx_queue_event *events, int64_t now_ms)
{
	if (c->lost ||
	    (c->fd >= 0 && now_ms - c->heard_ms < WATCHER_SILENCE_MS))
		return 0;
	c->lost = 1;
	set_known(c, NULL);
	c->hello_ms = now_ms;
	log_event(SMX_LOG_WARNING, "watcher-silent", "for_ms=%lld",
	    (long long)(now_ms - c->heard_ms));
	memset(events, 0, sizeof(*events));
	events->kind = SMX_QUEUE_RESET;
	return 1;
}

static void
rest(struct connection *c, int64_t now_ms, int64_t until_ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int64_t ms = until_ms - now_ms;

	if (c->hello_ms != 0 || ms > NAP_MS)
		ms = ms < NAP_MS ? ms : NAP_MS;
	(void)poll(&p, c->fd < 0 ? 0 : 1, (int)ms);
}

static int
port_next(void *ctx, struct smx_queue_event *events, size_t max, size_t *count,
    int64_t until_mono_ms)
{
	struct connection *c = ctx;

	if (max == 0)
		return SMX_EINVAL;
	for (;;) {
		int64_t now_ms = clock_mono_ms();
		int result = SMX_ETEMP;

		if (c->fd >= 0 && c->hello_ms != 0 && now_ms >= c->hello_ms)
			say_hello(c, now_ms);
		if (c->hello_ms == 0)
			say_want(c);
		*count = read_events(c, events, max);
		if (*count == 0 && c->fd >= 0)
			result = receive(c, now_ms);
		c->reading |= result == SMX_OK;
		if (result != SMX_OK && result != SMX_ETEMP)
			give_up(c);
		if (*count == 0)
			*count = read_events(c, events, max);
		if (*count == 0)
			*count = silence(c, events, now_ms);
		if (*count != 0)
			return SMX_OK;
		if (now_ms >= until_mono_ms)
			return SMX_ETIMEOUT;
		if (result != SMX_OK)
			rest(c, now_ms, until_mono_ms);
	}
}

/* VERIFY or READ, at most so many ids in a packet. */
static int
ask(struct connection *c, enum watcher_kind kind, unsigned max,
    const char *const *ids, size_t count, uint64_t token)
{
	struct watcher_packet p = { .fds = 0 };
	int result = SMX_OK;

	pthread_mutex_lock(&c->lock);
	if (c->fd < 0)
		result = SMX_EUNREACHABLE;
	for (size_t i = 0; result == SMX_OK && i < count;) {
		wire_begin(&p, kind, c->generation, token);
		while (i < count && p.count < max)
			wire_put_id(&p, ids[i++]);
		result = wire_send(c->fd, &p);
	}
	pthread_mutex_unlock(&c->lock);
	return result == SMX_ETEMP ? SMX_ELIMIT : result;
}

static int
port_verify(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	return ask(ctx, WATCHER_VERIFY, WATCHER_VERIFY_MAX, ids, count, token);
}

static int
port_read(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	return count > WATCHER_READ_MAX
		   ? SMX_ELIMIT
		   : ask(ctx, WATCHER_READ, WATCHER_READ_MAX, ids, count,
			 token);
}

static int
ask_open(struct connection *c, const char *id, uint64_t token,
    int64_t until_mono_ms)
{
	struct watcher_packet p = { .fds = 0 };

	if (c->fd < 0 || strlen(id) > WATCHER_ID_MAX)
		return SMX_EIO;
	wire_begin(&p, WATCHER_OPEN, c->generation, token);
	wire_put_open(&p, id, until_mono_ms);
	return wire_send(c->fd, &p) == SMX_OK ? SMX_OK : SMX_EIO;
}

static int
port_open(void *ctx, const char *id, char **envelope, size_t *envelope_len,
    int *fd, uint64_t *size, int *held, int64_t until_mono_ms)
{
	struct connection *c = ctx;
	struct watcher_opened opened;
	struct open_place *place;
	int result = SMX_EIO;

	pthread_mutex_lock(&c->lock);
	place = opens_begin(&c->opens);
	if (place != NULL) {
		result = ask_open(c, id, place->token, until_mono_ms);
		if (result == SMX_OK)
			result = opens_wait(place, &c->lock, until_mono_ms);
		opens_end(place, &opened);
	}
	pthread_mutex_unlock(&c->lock);
	if (result == SMX_OK) {
		*held = opened.held;
		result = opened_take(&opened, envelope, envelope_len, fd, size);
	}
	return result;
}

static int
ask_route(struct connection *c, uint64_t token, const char *sender,
    const char *recipient, int64_t until_mono_ms)
{
	struct watcher_packet p = { .fds = 0 };
	int result;

	if (c->fd < 0)
		return SMX_EIO;
	wire_begin(&p, WATCHER_ROUTE, c->generation, token);
	result = wire_put_route(&p, sender, recipient, until_mono_ms);
	if (result == SMX_OK && wire_send(c->fd, &p) != SMX_OK)
		result = SMX_EIO;
	return result;
}

static int
port_route(void *ctx, const char *sender, const char *recipient,
    struct smx_queue_route *route, int64_t until_mono_ms)
{
	struct connection *c = ctx;
	struct route_place *place;
	int result = SMX_ELIMIT;

	pthread_mutex_lock(&c->lock);
	place = route_begin(&c->routes);
	if (place != NULL) {
		result = ask_route(c, place->token, sender, recipient,
		    until_mono_ms);
		if (result == SMX_OK)
			result = route_wait(place, &c->lock, until_mono_ms);
		route_end(place, route);
	}
	pthread_mutex_unlock(&c->lock);
	return result;
}

static int
port_state(void *ctx, struct smx_queue_state *state)
{
	struct connection *c = ctx;
	int result = SMX_EUNREACHABLE;

	pthread_mutex_lock(&c->lock);
	if (c->known) {
		*state = c->state;
		result = SMX_OK;
	}
	pthread_mutex_unlock(&c->lock);
	return result;
}

static void
port_want(void *ctx, int deliveries, int ends)
{
	struct connection *c = ctx;

	pthread_mutex_lock(&c->lock);
	if (!c->wants || c->want.deliveries != deliveries ||
	    c->want.ends != ends)
		c->want_due = 1;
	c->wants = 1;
	c->want.deliveries = deliveries;
	c->want.ends = ends;
	pthread_mutex_unlock(&c->lock);
}

static void
port_close(void *ctx)
{
	struct connection *c = ctx;
	struct smx_queue_event e;

	while (c->reading && wire_get_event(&c->in, &e) == SMX_OK)
		free(e.text);
	wire_drop(&c->in);
	opens_done(&c->opens);
	route_places_done(&c->routes);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct smx_queue_ops ops = { port_verify, port_read, port_open,
	port_next, port_state, port_close, NULL, port_route, port_want };

static int
port_change(void *ctx, enum smx_queue_change what, const char *const *ids,
    size_t count, int64_t until_mono_ms)
{
	struct connection *c = ctx;

	return queue_change(c->helper, what, ids, count, until_mono_ms);
}

static const struct smx_queue_ops changing = { port_verify, port_read,
	port_open, port_next, port_state, port_close, port_change, port_route,
	port_want };

void
watcher_lend_helper(struct smx_queue *queue, struct helper *helper)
{
	struct connection *c = queue->ctx;

	c->helper = helper;
	queue->ops = &changing;
}

int
watcher_connect(struct smx_queue *out, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int result;

	if (c == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	opens_init(&c->opens);
	route_places_init(&c->routes);
	result = begin(c, fd);
	if (result != SMX_OK) {
		port_close(c);
		return result;
	}
	c->heard_ms = clock_mono_ms();
	say_hello(c, c->heard_ms);
	out->ctx = c;
	out->ops = &ops;
	return SMX_OK;
}
