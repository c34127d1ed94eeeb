/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <string.h>

/* Clients that try again until they have read a 250, and the milter's part: one
 * end of message, from the first look at it to its verdict. */

static void attempt_eom(struct world *w, struct event *e);

static void
attempt_begin(struct world *w, struct event *e)
{
	int m = e->a;
	struct host *h = &w->host[rnd(w) % (uint64_t)w->hosts];
	struct attempt *a = &w->attempt[w->attempts];
	struct file *f;

	if (w->message[m].acked || w->message[m].tries >= TRIES)
		return;
	w->message[m].tries++;
	if (h->lost || !h->mta.up || w->attempts == ATTEMPTS) {
		later(w, rnd_in(w, 500, 3000), attempt_begin, -1, m, 0);
		return;
	}
	f = mta_open(w, h, (int)w->attempts);
	if (f == NULL)
		return;
	memset(a, 0, sizeof(*a));
	a->used = 1;
	a->message = m;
	a->host = h->index;
	a->mta_life = h->mta.life;
	a->began_ms = w->now;
	memcpy(a->id, f->id, ID_SIZE);
	later(w, rnd_in(w, 1, 50), attempt_eom, -1, (int)w->attempts, 0);
	w->attempts++;
}

void
client_start(struct world *w)
{
	for (int m = 0; m < w->messages; m++)
		later(w, rnd_in(w, 0, TRAFFIC_MS), attempt_begin, -1, m, 0);
}

static void
again(struct world *w, const struct attempt *a)
{
	later(w, rnd_in(w, 300, 4000), attempt_begin, -1, a->message, 0);
}

/* Its file, as long as this attempt's MTA has it uncommitted. */
static struct file *
own_file(struct world *w, struct attempt *a)
{
	struct host *h = &w->host[a->host];
	struct file *f = mta_find(h, a->id);

	if (h->lost || h->mta.life != a->mta_life || f == NULL ||
	    f->attempt != (int)(a - w->attempt) || f->state != FILE_OPEN)
		return NULL;
	return f;
}

static void
refuse(struct world *w, struct attempt *a)
{
	struct file *f = own_file(w, a);

	a->answered = 1;
	if (f == NULL)
		return; /* the MTA's end told the client */
	mta_remove(w, &w->host[a->host], f);
	again(w, a);
}

/* The worker or the MTA ended under its sessions. */
void
client_broken(struct world *w, int host, int mta)
{
	for (size_t i = 0; i < w->attempts; i++) {
		struct attempt *a = &w->attempt[i];

		if (a->host != host || a->answered)
			continue;
		if (mta) {
			a->answered = 1;
			again(w, a);
		} else if (a->registered && !a->over) {
			a->over = 1;
			refuse(w, a);
		}
	}
}

/* ---- after the verdict ---- */

static void
acknowledged(struct world *w, struct event *e)
{
	struct attempt *a = &w->attempt[e->a];
	struct host *h = &w->host[a->host];
	struct message *m = &w->message[a->message];

	if (h->lost || h->mta.life != a->mta_life || a->answered)
		return;
	a->answered = 1;
	if (chance(w, 40)) { /* the client had gone */
		again(w, a);
		return;
	}
	say(w, "%s: 250 for m%d (attempt %d%s)", host_name(a->host), a->message,
	    e->a, a->unprotected ? ", unprotected" : "");
	m->acked = 1;
	m->ack_attempt = e->a;
}

static void
accepted(struct world *w, struct event *e)
{
	struct attempt *a = &w->attempt[e->a];
	struct host *h = &w->host[a->host];
	struct file *f = own_file(w, a);

	if (f == NULL)
		return;
	if (chance(w, 20)) { /* cleanup dies */
		f->state = FILE_STRAY;
		a->answered = 1;
		mta_hint(w, h, SMX_QUEUE_STRAY, f->id);
		again(w, a);
	} else if (chance(w, 20)) { /* no room, or a later milter */
		refuse(w, a);
	} else {
		mta_commit(w, h, f);
		later(w, rnd_in(w, 0, 3), acknowledged, -1, e->a, 0);
	}
}

static void
session_end(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];

	engine_session_end(h->engine, &w->attempt[e->a].key, w->now);
	host_pump(w, h);
}

static void
verdict(struct world *w, int attempt)
{
	struct attempt *a = &w->attempt[attempt];
	struct host *h = &w->host[a->host];
	enum engine_verdict v = ENGINE_REFUSED;
	struct event *e;

	for (int i = 0; i < w->hosts; i++) {
		if (!a->calling[i])
			continue;
		a->calling[i] = 0;
		engine_sent(h->engine, &a->key, (size_t)i, SMX_EUNSURE, w->now);
		hold_answer(&a->hold, (size_t)i, SMX_EUNSURE, w->now);
	}
	if (a->hold.state == HOLD_GRANTED)
		v = ENGINE_PROTECTED;
	else if (a->hold.state == HOLD_UNPROTECTED)
		v = ENGINE_UNPROTECTED;
	a->over = 1;
	a->unprotected = v == ENGINE_UNPROTECTED;
	engine_verdict(h->engine, &a->key, v, w->now);
	say(w, "%s: verdict %d for attempt %d", host_name(h->index), (int)v,
	    attempt);
	e = later(w, rnd_in(w, 0, 3000), session_end, h->index, attempt, 0);
	e->life = h->life;
	if (v == ENGINE_REFUSED)
		refuse(w, a);
	else
		later(w, rnd_in(w, 0, 8), accepted, -1, attempt, 0);
}

/* ---- the hold ---- */

static void
timer(struct world *w, struct event *e)
{
	client_step(w, e->a);
}

void
client_step(struct world *w, int attempt)
{
	struct attempt *a = &w->attempt[attempt];
	struct host *h = &w->host[a->host];
	struct hold_step step;
	struct event *e;

	while (!a->over) {
		hold_next(&a->hold, w->now, &step);
		if (step.what == HOLD_DONE) {
			verdict(w, attempt);
			break;
		}
		if (step.what == HOLD_WAIT) {
			if (a->wait_ms == step.until_ms)
				break;
			a->wait_ms = step.until_ms;
			e = later(w, step.until_ms - w->now, timer, h->index,
			    attempt, 0);
			e->life = h->life;
			break;
		}
		a->calling[step.peer] = 1;
		net_shadow(w, a->host, (int)step.peer, attempt, step.until_ms);
	}
	host_pump(w, h);
}

void
client_sent(struct world *w, int attempt, int peer, int result)
{
	struct attempt *a = &w->attempt[attempt];
	struct host *h = &w->host[a->host];

	if (!a->calling[peer])
		return;
	a->calling[peer] = 0;
	engine_sent(h->engine, &a->key, (size_t)peer, result, w->now);
	hold_answer(&a->hold, (size_t)peer, result, w->now);
	client_step(w, attempt);
}

static void
hold_start(struct world *w, struct event *e)
{
	struct attempt *a = &w->attempt[e->a];
	struct host *h = &w->host[a->host];
	struct engine_message m = { .queue_id = a->id,
		.size = 1000,
		.recipients = 1 };
	struct smx_ack ack = { .policy = "p",
		.when = SMX_WHEN_SHADOWED,
		.copies = 1,
		.max_delay_ms = 2000,
		.when_unprotected = w->accept ? SMX_UNPROTECTED_ACCEPT
					      : SMX_UNPROTECTED_TEMPFAIL };
	size_t peers[HOSTS];
	size_t n, k = 0;

	if (engine_begin(h->engine, &m, w->now, &a->key) != SMX_OK) {
		a->over = 1;
		refuse(w, a);
		return;
	}
	judge_key(w, &a->key, e->a);
	n = engine_candidates(h->engine, w->now, peers, HOSTS);
	for (size_t i = 0; i < n; i++)
		if ((int)peers[i] != h->index)
			peers[k++] = peers[i];
	hold_begin(&a->hold, &ack, peers, k, w->now);
	client_step(w, e->a);
}

static void
attempt_eom(struct world *w, struct event *e)
{
	struct attempt *a = &w->attempt[e->a];
	struct host *h = &w->host[a->host];
	struct event *n;

	if (own_file(w, a) == NULL)
		return;
	a->registered = 1;
	if (!h->up) {
		a->over = 1;
		refuse(w, a);
		return;
	}
	a->life = h->life;
	n = later(w, 0, hold_start, h->index, e->a, 0);
	n->life = h->life;
}
