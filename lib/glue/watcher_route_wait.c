/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_route.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void
route_places_init(struct route_places *r)
{
	pthread_condattr_t attr;

	memset(r, 0, sizeof(*r));
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (size_t i = 0; i < WATCHER_ROUTES_MAX; i++)
		pthread_cond_init(&r->place[i].changed, &attr);
	pthread_condattr_destroy(&attr);
}

void
route_places_done(struct route_places *r)
{
	for (size_t i = 0; i < WATCHER_ROUTES_MAX; i++)
		pthread_cond_destroy(&r->place[i].changed);
}

struct route_place *
route_begin(struct route_places *r)
{
	for (size_t i = 0; i < WATCHER_ROUTES_MAX; i++) {
		struct route_place *place = &r->place[i];

		if (place->used)
			continue;
		place->used = 1;
		place->answered = 0;
		place->token = ++r->last_token;
		place->routed.result = SMX_EIO;
		place->routed.route.count = 0;
		return place;
	}
	return NULL;
}

int
route_wait(struct route_place *place, pthread_mutex_t *lock,
    int64_t until_mono_ms)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_mono_ms / 1000),
		.tv_nsec = (long)(until_mono_ms % 1000) * 1000000,
	};

	while (!place->answered)
		if (pthread_cond_timedwait(&place->changed, lock, &until) ==
			ETIMEDOUT &&
		    !place->answered)
			return SMX_ETIMEOUT;
	return place->routed.result;
}

void
route_end(struct route_place *place, struct smx_queue_route *out)
{
	*out = place->routed.route;
	place->used = 0;
}

void
route_answer(struct route_places *r, uint64_t token,
    const struct watcher_routed *routed)
{
	for (size_t i = 0; i < WATCHER_ROUTES_MAX; i++) {
		struct route_place *place = &r->place[i];

		if (!place->used || place->answered || place->token != token)
			continue;
		place->routed = *routed;
		place->answered = 1;
		pthread_cond_signal(&place->changed);
		return;
	}
}

void
route_fail_all(struct route_places *r)
{
	for (size_t i = 0; i < WATCHER_ROUTES_MAX; i++) {
		struct route_place *place = &r->place[i];

		if (!place->used || place->answered)
			continue;
		place->answered = 1;
		pthread_cond_signal(&place->changed);
	}
}
