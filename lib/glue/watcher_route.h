/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_ROUTE_H
#define GLUE_WATCHER_ROUTE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "glue/watcher_wire.h"
#include "io/pfqueue.h"
#include "io/pfroute.h"

/*
 * ROUTE on both sides of the channel: where the MTA would send a recipient.
 */
#define WATCHER_ROUTES_MAX       64 /* asked for at a time */
#define WATCHER_ROUTES_BUSY_MAX  4  /* of these, asked of the MTA */
#define WATCHER_ROUTES_ASKED_MAX (WATCHER_ROUTES_MAX + 1)

/* ---- packets (watcher_wire_route.c) ---- */

struct watcher_route_asked {
	uint64_t token;
	int64_t until_mono_ms;
	char sender[PFROUTE_ADDRESS];
	char recipient[PFROUTE_ADDRESS];
};
/* SMX_ELIMIT: an address is too long. */
int wire_put_route(struct watcher_packet *p, const char *sender,
    const char *recipient, int64_t until_mono_ms) SMX_MUST_USE;
int wire_get_route(struct watcher_packet *p, struct watcher_route_asked *asked);

struct watcher_routed {
	int result; /* as smx_queue_ops.route */
	struct smx_queue_route route;
};
void wire_put_routed(struct watcher_packet *p,
    const struct watcher_routed *routed);
int wire_get_routed(struct watcher_packet *p, struct watcher_routed *routed);

/* ---- the watcher's side (watcher_route.c) ---- */

struct watcher_route_work {
	int busy;
	int done; /* and this is what became of it */
	uint64_t token;
	struct pfroute ask;
	struct watcher_routed routed;
};

struct watcher_routes {
	struct watcher_route_asked asked[WATCHER_ROUTES_ASKED_MAX];
	size_t first, count; /* not begun */
	struct watcher_route_work work[WATCHER_ROUTES_BUSY_MAX];
};

void watcher_routes_init(struct watcher_routes *r);
/* More than there is room for are not answered. */
void watcher_routes_ask(struct watcher_routes *r,
    const struct watcher_route_asked *asked);
/* queue NULL: nothing is known. */
void watcher_routes_turn(struct watcher_routes *r, struct pfqueue *queue);
/* Non-zero: there is an answer, put into the packet. */
int watcher_routes_take(struct watcher_routes *r, struct watcher_packet *out,
    uint64_t generation);
/* What to poll for reading: WATCHER_ROUTES_BUSY_MAX of them, -1 for none. */
void watcher_routes_fds(const struct watcher_routes *r,
    int fds[WATCHER_ROUTES_BUSY_MAX]);
int64_t watcher_routes_wait_ms(const struct watcher_routes *r,
    int64_t otherwise_ms);
void watcher_routes_drop(struct watcher_routes *r);

/* ---- the worker's: threads that wait for the thread that reads
 * (watcher_route_wait.c); called with the lock of the connection ---- */

struct route_place {
	int used;
	int answered;
	uint64_t token; /* never 0, never the same again */
	struct watcher_routed routed;
	pthread_cond_t changed;
};

struct route_places {
	struct route_place place[WATCHER_ROUTES_MAX];
	uint64_t last_token;
};

void route_places_init(struct route_places *r);
void route_places_done(struct route_places *r);
/* NULL: as many as there may be wait already. */
struct route_place *route_begin(struct route_places *r);
/* SMX_ETIMEOUT, or what was answered. */
int route_wait(struct route_place *place, pthread_mutex_t *lock,
    int64_t until_mono_ms);
void route_end(struct route_place *place, struct smx_queue_route *out);
void route_answer(struct route_places *r, uint64_t token,
    const struct watcher_routed *routed);
/* Nobody will answer. */
void route_fail_all(struct route_places *r);

#endif
