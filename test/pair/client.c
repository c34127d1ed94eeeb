/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"

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

		if (a->host != host)
			continue;
		if (a->copying && !mta)
			a->copying = 0, a->over = 1;
		if (a->answered)
			continue;
		if (mta) {
			a->answered = 1;
			again(w, a);
		} else if (a->registered && !a->over && !a->passed) {
			a->over = 1;
			refuse(w, a);
		}
	}
}

static void
plan_text(const struct host *h, const size_t *peers, size_t count,
    char names[NAMES_SIZE])
{
	size_t len = 0;

	names[0] = '\0';
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(names + len, NAMES_SIZE - len, "%s%s",
		    i == 0 ? "" : " ", h->names[peers[i]]);
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

/* Those that had it before stand first. */
static size_t
meant(struct world *w, const struct attempt *a, size_t peers[OWN_RANKS_MAX])
{
	size_t n = 0;

	for (; n < a->there.count; n++)
		peers[n] = a->there.peer[n];
	return n + hold_plan(&a->hold, w->now, peers + n, OWN_RANKS_MAX - n);
}

/* Who has it, and was each told so that has it or may have it? */
static void
rank(struct world *w, struct attempt *a, struct engine_ranks *ranks)
{
	const struct host *h = &w->host[a->host];
	size_t peers[OWN_RANKS_MAX];
	unsigned who = a->may;
	char names[NAMES_SIZE];

	memset(ranks, 0, sizeof(*ranks));
	a->has = 1u << a->host;
	ranks->count = meant(w, a, peers);
	plan_text(h, peers, ranks->count, names);
	for (size_t i = 0; i < ranks->count; i++) {
		ranks->peer[i] = (uint8_t)peers[i];
		a->has |= 1u << host_of(h, peers[i]);
	}
	who |= a->has;
	ranks->told = a->there.count == 0;
	for (int i = 0; i < w->hosts; i++)
		if (i != a->host && (who >> i & 1) != 0 &&
		    strcmp(a->told[i], names) != 0)
			ranks->told = 0;
}

/* It has been copied from its file, or not. */
static void
copied(struct world *w, struct host *h, struct attempt *a)
{
	struct engine_ranks ranks;
	unsigned gained = a->hold.copies;
	unsigned had = a->has;

	rank(w, a, &ranks);
	/* Who had the copies that could not be replaced had them. */
	if (gained == 0)
		a->has |= had;
	ranks.wanted = (unsigned)w->copies;
	say(w, "%s: attempt %d has %u more copies", host_name(h->index),
	    (int)(a - w->attempt), gained);
	a->copying = 0;
	if (gained != 0) {
		a->unprotected = 0;
		a->promised = ranks.count < (size_t)w->copies
				  ? (unsigned)ranks.count
				  : (unsigned)w->copies;
	}
	w->sum.copied += gained;
	engine_copy_result(h->engine, &a->key,
	    gained != 0 || a->enough ? SMX_OK : SMX_EUNREACHABLE, &ranks,
	    w->now);
}

static void
verdict(struct world *w, int attempt)
{
	struct attempt *a = &w->attempt[attempt];
	struct host *h = &w->host[a->host];
	enum engine_verdict v = ENGINE_REFUSED;
	struct engine_ranks ranks;
	struct event *e;

	if (engine_hold_look(h->engine, &a->key, &a->hold))
		return; /* somebody has lost it again */
	for (int i = 0; i < w->hosts; i++) {
		if (!a->calling[i])
			continue;
		a->calling[i] = 0;
		a->may |= 1u << i;
		engine_sent(h->engine, &a->key, peer_of(h, i), SMX_EUNSURE,
		    w->now);
		hold_answer(&a->hold, peer_of(h, i), SMX_EUNSURE, w->now);
	}
	if (a->hold.state == HOLD_GRANTED || a->hold.state == HOLD_SHORT)
		v = ENGINE_PROTECTED;
	else if (a->hold.state == HOLD_UNPROTECTED)
		v = ENGINE_UNPROTECTED;
	a->over = 1;
	if (a->copying) {
		copied(w, h, a);
		return;
	}
	if (a->hold.state == HOLD_GRANTED)
		a->promised = (unsigned)w->copies;
	else if (a->hold.state == HOLD_SHORT)
		a->promised = (unsigned)w->min_copies;
	rank(w, a, &ranks);
	a->unprotected = ranks.count == 0;
	w->sum.several += ranks.count > 1;
	engine_verdict(h->engine, &a->key, v, &ranks, w->now);
	say(w, "%s: verdict %d for attempt %d", host_name(h->index), (int)v,
	    attempt);
	resender_note(w, attempt);
	e = later(w, rnd_in(w, 0, 3000), session_end, h->index, attempt, 0);
	e->life = h->life;
	if (v == ENGINE_REFUSED)
		refuse(w, a);
	else
		later(w, rnd_in(w, 0, 8), accepted, -1, attempt, 0);
}

/* ---- the hold ---- */

static void
ask(struct world *w, const struct host *h, struct attempt *a,
    const struct hold_step *step)
{
	size_t plan[OWN_RANKS_MAX];
	size_t n = meant(w, a, plan);
	int to = host_of(h, step->peer);

	plan_text(h, plan, n, a->told[to]);
	a->calling[to] = 1;
	net_shadow(w, a->host, to, (int)(a - w->attempt), step->until_ms);
}

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
			continue;
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
		ask(w, h, a, &step);
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
	if (result == SMX_EUNSURE)
		a->may |= 1u << peer;
	engine_sent(h->engine, &a->key, peer_of(h, peer), result, w->now);
	hold_answer(&a->hold, peer_of(h, peer), result, w->now);
	client_step(w, attempt);
}

static void
hold_run(struct world *w, struct host *h, struct attempt *a)
{
	struct smx_ack ack = { .policy = "p",
		.when = SMX_WHEN_SHADOWED,
		.copies = (unsigned)w->copies,
		.min_copies = (unsigned)w->min_copies,
		.max_delay_ms = 2000,
		.when_unprotected = w->accept || a->copying
					? SMX_UNPROTECTED_ACCEPT
					: SMX_UNPROTECTED_TEMPFAIL,
		.holders = UINT64_MAX };
	size_t peers[HOSTS];
	size_t n = 0;

	memset(&a->there, 0, sizeof(a->there));
	a->enough = a->copying && !engine_copy_ask(h->engine, &a->key, &ack,
				      &a->there, w->now);
	if (a->enough)
		ack.when = 0;
	else
		n = engine_candidates(h->engine, &ack, w->now, peers, HOSTS);
	hold_begin(&a->hold, &ack, peers, n, w->now);
	client_step(w, (int)(a - w->attempt));
}

void
client_hold(struct world *w, int attempt)
{
	struct attempt *a = &w->attempt[attempt];
	struct host *h = &w->host[a->host];
	char *text = disk_text(attempt, 0);
	struct engine_message m = { .queue_id = a->id,
		.size = 1000,
		.recipients = 1,
		.copies = (unsigned)w->copies,
		.envelope_sum = amend_sum(text, strlen(text)) };

	free(text);
	if (engine_begin(h->engine, &m, w->now, &a->key) != SMX_OK) {
		a->over = 1;
		refuse(w, a);
		return;
	}
	judge_key(w, &a->key, attempt);
	hold_run(w, h, a);
}

static void
hold_start(struct world *w, struct event *e)
{
	if (w->guard)
		resender_begin(w, e->a);
	else
		client_hold(w, e->a);
}

/* A 250 for what stands for it; the client may be gone again. */
void
client_resent(struct world *w, int attempt, int first)
{
	struct attempt *a = &w->attempt[attempt];
	struct message *m = &w->message[a->message];
	struct file *f = own_file(w, a);

	a->over = a->answered = 1;
	if (f == NULL)
		return;
	mta_remove(w, &w->host[a->host], f);
	if (first < 0) {
		fail(w, "m%d was taken for a message that never was",
		    a->message);
		return;
	}
	w->sum.resent++;
	say(w, "%s: attempt %d stands for attempt %d", host_name(a->host),
	    first, attempt);
	if (chance(w, 40)) {
		again(w, a);
		return;
	}
	m->acked = 1;
	m->ack_attempt = first;
}

/* ---- what passes us by ---- */

static void
aborted(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];

	engine_passed(h->engine, w->attempt[e->a].id, w->now);
	host_pump(w, h);
}

/* An earlier filter puts it on hold: we see no more of it than an ABORT. */
static void
pass_by(struct world *w, struct attempt *a)
{
	struct host *h = &w->host[a->host];
	struct file *f = own_file(w, a);
	int attempt = (int)(a - w->attempt);
	struct event *e;

	a->passed = a->over = a->registered = 1;
	a->unprotected = 1;
	a->has = 1u << a->host;
	f->held = !w->quiet;
	mta_rename(h, f);
	memcpy(a->id, f->id, ID_SIZE);
	mta_commit(w, h, f);
	w->sum.passed++;
	later(w, rnd_in(w, 0, 3), acknowledged, -1, attempt, 0);
	e = later(w, rnd_in(w, 0, 3000), aborted, h->index, attempt, 0);
	e->life = h->life;
}

static struct attempt *
with_file(struct world *w, struct host *h, const char *id)
{
	struct file *f = mta_find(h, id);

	return f == NULL ? NULL : &w->attempt[f->attempt];
}

/* From its file; one that this host took over is left to those that hold it
 * for it. */
void
client_copy(struct world *w, struct host *h)
{
	struct engine_copy what;
	int64_t wake;

	while (engine_copy_next(h->engine, w->now, &what, &wake) == SMX_OK) {
		struct attempt *a = with_file(w, h, what.id);

		if (a == NULL || a->host != h->index || !a->over) {
			engine_copy_result(h->engine, &what.key, SMX_ENOTFOUND,
			    NULL, w->now);
			continue;
		}
		a->key = what.key;
		a->life = h->life;
		a->over = 0;
		a->copying = 1;
		a->may = 0;
		a->wait_ms = 0;
		memset(a->told, 0, sizeof(a->told));
		memset(a->calling, 0, sizeof(a->calling));
		hold_run(w, h, a);
	}
}

static void
attempt_eom(struct world *w, struct event *e)
{
	struct attempt *a = &w->attempt[e->a];
	struct host *h = &w->host[a->host];
	struct event *n;

	if (own_file(w, a) == NULL)
		return;
	if (chance(w, 50)) {
		pass_by(w, a);
		return;
	}
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
