/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_pool.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/link_call.h"

/* A connection that rested longer is looked at before it is used: a peer that
 * was restarted since must not make a shadow's fate unsure. */
#define LOOK_AFTER_MS 100
#define SWEEP_MS      1000

static void
free_list(struct smx_call *call)
{
	while (call != NULL) {
		struct smx_call *next = call->next;

		call_free(call);
		call = next;
	}
}

/* Cut off what has rested too long; they lie at the bottom.  The peer would
 * close them at idle_ms, and half of that leaves no race. */
static struct smx_call *
sweep_locked(struct client_peer *peer, int64_t now_ms)
{
	struct smx_call **at = &peer->idle;
	int64_t oldest = now_ms - peer->client->idle_ms / 2;
	struct smx_call *old;
	size_t kept = 0;

	if (now_ms - peer->swept_ms < SWEEP_MS && peer->idle != NULL &&
	    peer->idle->idle_since_ms > oldest)
		return NULL;
	peer->swept_ms = now_ms;
	for (; *at != NULL && (*at)->idle_since_ms > oldest; at = &(*at)->next)
		kept++;
	old = *at;
	*at = NULL;
	peer->open -= peer->idle_count - kept;
	peer->idle_count = kept;
	return old;
}

/* ---- the line ---- */

static void
line_enter(struct client_peer *peer, struct smx_call *call)
{
	call->next = NULL;
	if (peer->line_last != NULL)
		peer->line_last->next = call;
	else
		peer->line = call;
	peer->line_last = call;
}

static void
line_leave(struct client_peer *peer, struct smx_call *call)
{
	struct smx_call *before = NULL, *at = peer->line;

	while (at != NULL && at != call) {
		before = at;
		at = at->next;
	}
	if (at == NULL)
		return;
	if (before != NULL)
		before->next = call->next;
	else
		peer->line = call->next;
	if (peer->line_last == call)
		peer->line_last = before;
	call->next = NULL;
}

static size_t
ceiling(const struct client_peer *peer, int request)
{
	size_t pool = peer->client->pool;
	size_t kept = pool < POOL_REQUESTS ? pool : POOL_REQUESTS;

	return request ? 2 * pool : 2 * pool - kept;
}

/* A connection that rests, or the right to open one: 0 when neither is to be
 * had. */
static int
place_locked(struct client_peer *peer, int request, struct smx_call **idle)
{
	*idle = NULL;
	if (peer->open - peer->idle_count >= ceiling(peer, request))
		return 0;
	if (peer->idle != NULL) {
		*idle = peer->idle;
		peer->idle = (*idle)->next;
		peer->idle_count--;
	} else
		peer->open++;
	return 1;
}

/* Whatever is free goes to the first in the line. */
static void
serve_locked(struct client_peer *peer)
{
	struct smx_call *first;
	uint64_t one = 1;

	while ((first = peer->line) != NULL &&
	       place_locked(peer, first->urgent, &first->given)) {
		first->place = 1;
		line_leave(peer, first);
		/* Cannot fail: the counter is at its beginning. */
		(void)!write(first->turn_fd, &one, sizeof(one));
	}
}

/* ---- taking ---- */

static int
pop(struct client_peer *peer, int request, int64_t now_ms,
    struct smx_call **idle)
{
	struct smx_call *old;
	int place;

	pthread_mutex_lock(&peer->lock);
	old = sweep_locked(peer, now_ms);
	*idle = NULL;
	place = peer->line == NULL || request
		    ? place_locked(peer, request, idle)
		    : 0;
	pthread_mutex_unlock(&peer->lock);
	free_list(old);
	return place;
}

static void
place_lost(struct client_peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	peer->open--;
	serve_locked(peer);
	pthread_mutex_unlock(&peer->lock);
}

static int
queue(struct client_peer *peer, int request, struct smx_call *call)
{
	call->state = CALL_QUEUED;
	call->urgent = request;
	call->turn_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (call->turn_fd < 0)
		return SMX_ENOMEM;
	pthread_mutex_lock(&peer->lock);
	line_enter(peer, call);
	serve_locked(peer); /* one may have come free since the look */
	pthread_mutex_unlock(&peer->lock);
	return SMX_OK;
}

int
pool_take(struct client_peer *peer, int request, int64_t now_ms,
    struct smx_call **out)
{
	struct smx_call *call;
	int place;

	while (
	    (place = pop(peer, request, now_ms, &call)) != 0 && call != NULL) {
		if (now_ms - call->idle_since_ms < LOOK_AFTER_MS ||
		    tcp_silent(call->conn.fd)) {
			*out = call;
			return SMX_OK;
		}
		call_free(call);
		place_lost(peer);
	}
	call = call_new(peer);
	if (call == NULL) {
		if (place)
			place_lost(peer);
		return SMX_ENOMEM;
	}
	call->place = place;
	if (!place && queue(peer, request, call) != SMX_OK) {
		call_free(call);
		return SMX_ENOMEM;
	}
	*out = call;
	return SMX_OK;
}

int
pool_turn(struct smx_call *call)
{
	struct client_peer *peer = call->peer;
	struct smx_call *given;
	int mine;

	pthread_mutex_lock(&peer->lock);
	mine = call->place;
	given = call->given;
	call->given = NULL;
	pthread_mutex_unlock(&peer->lock);
	if (given != NULL) {
		call_adopt(call, given);
		call_free(given);
	}
	return mine;
}

/* ---- giving back ---- */

/* Put it where the next call finds it, or close it: *over is then to be freed.
 */
static void
rest_locked(struct client_peer *peer, struct smx_call *call,
    struct smx_call **over)
{
	call->next = NULL;
	if (call->state == CALL_DONE && call->reusable) {
		call->idle_since_ms = clock_mono_ms();
		call->next = peer->idle;
		peer->idle = call;
		peer->idle_count++;
		call = NULL;
	} else
		peer->open--;
	serve_locked(peer);
	if (call == NULL && peer->idle_count > peer->client->pool) {
		call = peer->idle;
		peer->idle = call->next;
		peer->idle_count--;
		peer->open--;
		call->next = NULL;
	}
	*over = call;
}

void
pool_give(struct smx_call *call)
{
	struct client_peer *peer = call->peer;
	struct smx_call *old = NULL, *over = NULL;

	pthread_mutex_lock(&peer->lock);
	if (!call->place) {
		line_leave(peer, call);
		over = call;
	} else if (call->given != NULL) {
		/* Its turn came when it had ended already. */
		rest_locked(peer, call->given, &over);
		call->next = over;
		over = call;
	} else
		rest_locked(peer, call, &over);
	old = sweep_locked(peer, clock_mono_ms());
	pthread_mutex_unlock(&peer->lock);
	free_list(over);
	free_list(old);
}

void
pool_close(struct client_peer *peer)
{
	free_list(peer->idle);
	peer->idle = NULL;
}
