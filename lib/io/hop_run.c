/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "io/hop_in.h"

/* Steps of one transaction before the others have their turn. */
#define TURN 64

/* ---- one of them ---- */

static int
is_through(const struct hop *hop)
{
	return hoptalk_need(&hop->talk) == HOPTALK_IDLE;
}

static int
is_late(struct hop *hop)
{
	char why[64];

	if (hop->talk.now_ms < hop->conn.until_ms)
		return 0;
	snprintf(why, sizeof(why), "no answer in time");
	hoptalk_failed(&hop->talk, why);
	return 1;
}

/* Non-zero: there is something to go on with at once. */
static int
step(struct hop *hop)
{
	struct hoptalk *talk = &hop->talk;

	talk->now_ms = clock_mono_ms();
	switch (hoptalk_need(talk)) {
	case HOPTALK_CLOSE:
		hopconn_close(&hop->conn, 0);
		hoptalk_closed(talk);
		return 1;
	case HOPTALK_CONNECT:
		hop_connect(hop);
		return !hop_is_resolving(hop);
	case HOPTALK_SECURE:
		if (hop->conn.tls == NULL) {
			hop_secure(hop);
			return 1;
		}
		return hopconn_pump(&hop->conn, talk) || is_late(hop);
	case HOPTALK_TALK:
		return hopconn_pump(&hop->conn, talk) || is_late(hop);
	case HOPTALK_IDLE:
		break;
	}
	return 0;
}

/* Non-zero: its turn ended before it had to wait. */
static int
advance(struct hop *hop)
{
	int more = 1;

	if (hop->idle && !is_through(hop) && hop->conn.fd >= 0) {
		hop->talk.now_ms = clock_mono_ms();
		hopconn_step(&hop->conn, &hop->talk);
	}
	for (int i = 0; i < TURN && more; i++)
		more = step(hop);
	hop->idle = is_through(hop);
	return more;
}

/* ---- all of them ---- */

struct run {
	struct hop *const *hops;
	size_t count;
	struct pollfd *fds;
	int64_t from_ms;
	int64_t until_ms;
	int64_t waiting_ms; /* waiting is to be called then */
	unsigned calls;
};

/* When the MTA is told: after 5, 20, 100 ms, and then every second. */
static void
waiting_plan(struct run *run, int64_t waited)
{
	static const int64_t early[] = { 5, 20, 100 };

	if (run->calls < sizeof(early) / sizeof(*early))
		run->waiting_ms = run->from_ms + early[run->calls];
	else
		run->waiting_ms = run->from_ms + (waited / 1000 + 1) * 1000;
	run->calls++;
}

/* The next moment at which something is due, whatever comes. */
static int64_t
due(const struct run *run)
{
	int64_t at = run->until_ms;

	if (run->waiting_ms < at)
		at = run->waiting_ms;
	for (size_t i = 0; i < run->count; i++) {
		const struct hop *hop = run->hops[i];

		if (run->fds[i].fd >= 0 && hop->conn.until_ms < at)
			at = hop->conn.until_ms;
	}
	return at;
}

static void
watch(struct run *run, size_t i)
{
	struct hop *hop = run->hops[i];

	run->fds[i].fd = -1;
	run->fds[i].events = 0;
	run->fds[i].revents = 0;
	if (is_through(hop))
		return;
	if (hop_is_resolving(hop)) {
		run->fds[i].fd = lookup_fd(hop->lookup);
		run->fds[i].events = POLLIN;
		return;
	}
	if (hop->conn.fd < 0)
		return;
	run->fds[i].fd = hop->conn.fd;
	run->fds[i].events = hopconn_events(&hop->conn, &hop->talk);
}

static void
rest(struct run *run, int more)
{
	int64_t left;

	for (size_t i = 0; i < run->count; i++)
		watch(run, i);
	left = due(run) - clock_mono_ms();
	if (more || left < 0)
		left = 0;
	(void)poll(run->fds, (nfds_t)run->count,
	    left > 60000 ? 60000 : (int)left);
}

static int
go(struct run *run, smx_waiting_fn waiting, void *ctx)
{
	for (;;) {
		int more = 0, open = 0;
		int64_t now;

		for (size_t i = 0; i < run->count; i++) {
			more |= advance(run->hops[i]);
			open |= !is_through(run->hops[i]);
		}
		now = clock_mono_ms();
		if (!open)
			return SMX_OK;
		if (waiting != NULL && now >= run->waiting_ms) {
			if (waiting(ctx, now - run->from_ms) != 0)
				return SMX_ECLOSED;
			waiting_plan(run, now - run->from_ms);
		}
		if (now >= run->until_ms)
			return SMX_ETIMEOUT;
		rest(run, more);
	}
}

int
hop_run(struct hop *const *hops, size_t count, int64_t until_mono_ms,
    smx_waiting_fn waiting, void *waiting_ctx)
{
	struct run run = { .hops = hops,
		.count = count,
		.from_ms = clock_mono_ms(),
		.until_ms = until_mono_ms };
	int rc;

	run.fds = calloc(count + 1, sizeof(*run.fds));
	if (run.fds == NULL)
		return SMX_ENOMEM;
	waiting_plan(&run, 0);
	if (waiting == NULL)
		run.waiting_ms = INT64_MAX;
	rc = go(&run, waiting, waiting_ctx);
	free(run.fds);
	return rc;
}
