/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
rnd(struct world *w)
{
	uint64_t z = w->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int64_t
rnd_in(struct world *w, int64_t from, int64_t to)
{
	return from + (int64_t)(rnd(w) % (uint64_t)(to - from + 1));
}

int
chance(struct world *w, unsigned of_1000)
{
	return rnd(w) % 1000 < of_1000;
}

void *
copy(const void *data, size_t len)
{
	void *p = malloc(len);

	if (p == NULL)
		abort();
	memcpy(p, data, len);
	return p;
}

static void line(const struct world *w, const char *fmt, va_list ap)
    SMX_PRINTF(2, 0);

static void
line(const struct world *w, const char *fmt, va_list ap)
{
	fprintf(stderr, "%8lld  ", (long long)w->now);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
say(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	va_start(ap, fmt);
	line(w, fmt, ap);
	va_end(ap);
}

/* Only the first is kept: what follows comes of it. */
void
fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (w->wrong[0] == '\0')
		vsnprintf(w->wrong, sizeof(w->wrong), fmt, ap);
	va_end(ap);
	if (w->trace) {
		va_start(ap, fmt);
		line(w, fmt, ap);
		va_end(ap);
	}
}

void
fault_note(struct world *w, int kind, unsigned hosts, int64_t for_ms)
{
	if (w->faults < sizeof(w->fault) / sizeof(w->fault[0]))
		w->fault[w->faults++] =
		    (struct fault){ w->now, w->now + for_ms, kind, hosts };
}

/* ---- events in the order of time, then of birth ---- */

static int
sooner(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static struct event *
push(struct world *w, const struct event *e)
{
	size_t i = w->events++;

	if (w->events > w->event_size) {
		w->event_size = w->event_size == 0 ? 256 : w->event_size * 2;
		w->heap = realloc(w->heap, w->event_size * sizeof(*w->heap));
		if (w->heap == NULL)
			abort();
	}
	while (i > 0 && sooner(e, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = *e;
	return &w->heap[i];
}

static struct event
pop(struct world *w)
{
	struct event top = w->heap[0];
	struct event last = w->heap[--w->events];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= w->events)
			break;
		if (c + 1 < w->events && sooner(&w->heap[c + 1], &w->heap[c]))
			c++;
		if (!sooner(&w->heap[c], &last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = last;
	return top;
}

/* The result is good until the next call. */
struct event *
later(struct world *w, int64_t in_ms,
    void (*fn)(struct world *w, struct event *e), int host, int a, int b)
{
	struct event e = { .at = w->now + (in_ms > 0 ? in_ms : 0),
		.seq = ++w->seq,
		.fn = fn,
		.host = host,
		.a = a,
		.b = b };

	return push(w, &e);
}

static void
run_event(struct world *w, struct event *e)
{
	struct host *h = e->host < 0 ? NULL : &w->host[e->host];

	if (h != NULL && h->up && h->frozen > w->now) {
		e->at = h->frozen;
		e->seq = ++w->seq;
		push(w, e);
		return;
	}
	if (h == NULL ||
	    (h->up && !h->lost && (e->life == 0 || e->life == h->life)))
		e->fn(w, e);
	free(e->p);
}

/* ---- one run ---- */

static void
turn(struct world *w, struct event *e)
{
	for (int i = 0; i < w->hosts; i++)
		if (!w->host[i].lost)
			host_pump(w, &w->host[i]);
	if (w->quiet && e->a++ % 20 == 0 && judge_settled(w)) {
		w->now = INT64_MAX / 2;
		return;
	}
	later(w, w->quiet ? 200 : 25, turn, -1, e->a, 0);
}

static void
heal(struct world *w, struct event *e)
{
	(void)e;
	fault_heal(w);
}

static void
person(struct world *w, struct event *e)
{
	(void)e;
	for (int i = 0; i < w->hosts; i++)
		fencer_release(w, &w->host[i]);
}

static void
build(struct world *w)
{
	w->hosts = chance(w, 350) ? 2 : 3;
	w->copies = w->hosts == 3 && chance(w, 700) ? 2 : 1;
	w->min_copies = w->copies == 2 && chance(w, 300) ? 2 : 1;
	w->most = w->copies == 2 && chance(w, 400) ? 2 : 1;
	w->messages = (int)rnd_in(w, 5, MESSAGES);
	w->accept = chance(w, 300);
	w->long_ids = chance(w, 400);
	w->hold = chance(w, 300);
	w->mta_down = chance(w, 400) ? 3 * HEARTBEAT_MS : 0;
	for (int i = 0; i < w->hosts; i++) {
		struct host *h = &w->host[i];

		h->index = i;
		disk_open(w, h);
		mta_wipe(w, h);
		mta_start(w, h);
		host_start(w, h);
	}
	client_start(w);
	fault_plan(w);
	later(w, FAULTS_MS, heal, -1, 0, 0);
	later(w, FAULTS_MS + DRAIN_MS / 3, person, -1, 0, 0);
	later(w, 0, turn, -1, 0, 0);
}

static void
tear_down(struct world *w)
{
	while (w->events > 0)
		free(w->heap[--w->events].p);
	free(w->heap);
	for (int i = 0; i < w->hosts; i++) {
		engine_free(&w->host[i].engine);
		takeover_free(&w->host[i].takeover);
		keeper_stop(&w->host[i]);
		free(w->host[i].disk.tomb);
		disk_drop(&w->host[i]);
	}
}

int
world_run(struct world *w, uint64_t seed)
{
	w->seed = seed;
	w->rng = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	build(w);
	while (w->events > 0 && w->now < FAULTS_MS + DRAIN_MS) {
		struct event e = pop(w);

		w->now = e.at;
		run_event(w, &e);
	}
	if (w->now > FAULTS_MS + DRAIN_MS)
		say(w, "at rest");
	judge(w);
	for (int i = 0; i < w->hosts; i++)
		if (w->host[i].up)
			fencer_count(w, &w->host[i]);
	tear_down(w);
	return w->wrong[0] == '\0' ? 0 : -1;
}
