/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

/*
 * The link: everything that is sent may be lost, come late, come twice, or
 * overtake, and each direction fails by itself.  Who asked and hears nothing
 * until its deadline cannot know.
 */
#define KEYS       500 /* no more are ever open here */
#define AMENDMENTS 100

struct flight {
	int from, to;
	unsigned from_life;
	int attempt;     /* a shadow, else -1 */
	unsigned serial; /* of a request */
	struct smx_hello hello;
	struct smx_shadow_announced shadow;
	char queue_id[ID_SIZE];
	char holders[NAMES_SIZE];
	struct smx_request request;
	struct smx_amendment amendments[AMENDMENTS];
	char amended[AMENDMENTS][200];
	char ranked[AMENDMENTS][NAMES_SIZE];
	struct smx_key keys[KEYS];
	int result;
	struct smx_reply reply;
	enum smx_answer answers[KEYS];
	struct smx_listed listed[64];
};

static int64_t
delay(struct world *w)
{
	if (chance(w, w->slow))
		return rnd_in(w, 100, 6000);
	return rnd_in(w, 0, 4);
}

static int
gets_through(struct world *w, int from, int to)
{
	return !w->cut[from][to] && !w->host[to].lost && !chance(w, w->loss);
}

/* ---- the way back ---- */

static void
back(struct world *w, struct event *e)
{
	struct flight *f = e->p;
	struct host *h = &w->host[f->from];
	struct asked *asked = &h->asked[f->to];

	if (f->attempt >= 0) {
		client_sent(w, f->attempt, f->to, f->result);
		return;
	}
	if (!asked->open || asked->serial != f->serial)
		return;
	asked->open = 0;
	f->reply.answers = f->answers;
	f->reply.listed = f->listed;
	engine_peer_result(h->engine, peer_of(h, f->to), &asked->request,
	    f->result, &f->reply, w->now);
	host_pump(w, h);
}

static void
send_back(struct world *w, const struct flight *f)
{
	struct event *e;

	if (!gets_through(w, f->to, f->from))
		return;
	e = later(w, delay(w), back, f->from, 0, 0);
	e->life = f->from_life;
	e->p = copy(f, sizeof(*f));
}

/* ---- at the other side ---- */

static void
commit(struct world *w, struct event *e)
{
	struct flight *f = e->p;
	struct host *h = &w->host[f->to];

	f->shadow.queue_id = f->queue_id;
	f->shadow.holders = f->holders;
	f->result =
	    disk_commit(h, &f->shadow, f->from, f->attempt, host_wall(w, h));
	if (f->result == SMX_OK)
		w->attempt[f->attempt].stored_ms[f->to] = w->now;
	say(w, "%s stores attempt %d: %s", host_name(f->to), f->attempt,
	    smx_errname(f->result));
	if (chance(w, 5))
		f->result = SMX_EUNSURE;
	send_back(w, f);
}

/* What an amendment points to has flown with it. */
static void
point(struct flight *f)
{
	f->request.amendments = f->amendments;
	for (size_t i = 0; i < f->request.count; i++) {
		struct smx_amendment *a = &f->amendments[i];

		if (a->envelope != NULL)
			a->envelope = f->amended[i];
		if (a->holders != NULL)
			a->holders = f->ranked[i];
	}
}

static void
answer(struct world *w, struct host *h, struct flight *f)
{
	size_t from = peer_of(h, f->from);

	f->request.keys = f->keys;
	f->reply.answers = f->answers;
	f->reply.listed = f->listed;
	switch (f->request.kind) {
	case SMX_REQ_DISCARD:
	case SMX_REQ_ABORT:
		for (size_t i = 0; i < f->request.count; i++) {
			struct stored *s = disk_find(h, &f->keys[i]);

			say(w, "%s is told %s of attempt %d by %s",
			    host_name(f->to),
			    f->request.kind == SMX_REQ_ABORT ? "abort"
							     : "discard",
			    s == NULL ? -1 : s->attempt, host_name(f->from));
		}
		f->result = holder_drop(&h->store, host_name(f->from),
		    &f->request, &f->reply);
		break;
	case SMX_REQ_AMEND:
		point(f);
		f->result = holder_amend(&h->store, host_name(f->from),
		    &f->request, &f->reply);
		break;
	case SMX_REQ_RETURN:
		point(f);
		takeover_rest_of(h->takeover, f->amendments, f->request.count,
		    host_wall(w, h));
		f->result = holder_return(&h->store, host_name(f->from),
		    &w->host[f->from].mta.state.epoch, &f->request, &f->reply,
		    host_wall(w, h));
		break;
	case SMX_REQ_LIST:
		f->result = holder_list(&h->store, host_name(f->from),
		    &f->request, &f->reply, host_wall(w, h));
		break;
	default:
		f->result = engine_request(h->engine, from, &f->request,
		    &f->reply, w->now);
		break;
	}
	engine_hello(h->engine, from, NULL, &f->reply.hello, w->now);
	send_back(w, f);
}

static void
arrive(struct world *w, struct event *e)
{
	struct flight *f = e->p;
	struct host *h = &w->host[f->to];
	struct smx_hello ours;

	if (!h->up)
		return;
	if (h->heard[f->from] != f->from_life)
		engine_hello(h->engine, peer_of(h, f->from), &f->hello, &ours,
		    w->now);
	else
		engine_heard(h->engine, peer_of(h, f->from), w->now);
	h->heard[f->from] = f->from_life;
	if (f->attempt >= 0) {
		struct event *n = later(w,
		    chance(w, 20) ? rnd_in(w, 100, 3000) : rnd_in(w, 1, 8),
		    commit, f->to, 0, 0);

		n->life = h->life;
		n->p = copy(f, sizeof(*f));
	} else
		answer(w, h, f);
	host_pump(w, h);
}

/* ---- the way out ---- */

static void
send_out(struct world *w, const struct flight *f, int64_t deadline)
{
	struct event *e;

	if (!w->cut[f->from][f->to] && !w->host[f->to].up) {
		/* The connection is refused: nothing was sent. */
		e = later(w, 1, back, f->from, 0, 0);
		e->life = f->from_life;
		e->p = copy(f, sizeof(*f));
		((struct flight *)e->p)->result = SMX_EUNREACHABLE;
		return;
	}
	e = later(w, deadline - w->now, back, f->from, 0, 0);
	e->life = f->from_life;
	e->p = copy(f, sizeof(*f));
	((struct flight *)e->p)->result = SMX_EUNSURE;
	for (int n = chance(w, w->twice) ? 2 : 1; n > 0; n--) {
		if (!gets_through(w, f->from, f->to))
			continue;
		e = later(w, delay(w) + (n == 2 ? rnd_in(w, 0, 8000) : 0),
		    arrive, f->to, 0, 0);
		e->p = copy(f, sizeof(*f));
	}
}

static struct flight *
flight(struct world *w, int from, int to)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	f->from = from;
	f->to = to;
	f->from_life = w->host[from].life;
	f->attempt = -1;
	engine_hello(w->host[from].engine, peer_of(&w->host[from], to), NULL,
	    &f->hello, w->now);
	return f;
}

void
net_shadow(struct world *w, int from, int to, int attempt, int64_t deadline)
{
	struct attempt *a = &w->attempt[attempt];
	struct flight *f = flight(w, from, to);

	f->attempt = attempt;
	f->shadow.key = a->key;
	f->shadow.epoch = w->host[from].mta.state.epoch;
	memcpy(f->queue_id, a->id, ID_SIZE);
	memcpy(f->holders, a->told[to], NAMES_SIZE);
	send_out(w, f, deadline);
	free(f);
}

static void
pack(struct flight *f, const struct smx_amendment *list)
{
	if (f->request.count > AMENDMENTS)
		abort();
	for (size_t i = 0; i < f->request.count; i++) {
		f->amendments[i] = list[i];
		if (list[i].envelope_len > sizeof(f->amended[i]))
			abort();
		if (list[i].envelope != NULL)
			memcpy(f->amended[i], list[i].envelope,
			    list[i].envelope_len);
		if (list[i].holders != NULL)
			memcpy(f->ranked[i], list[i].holders,
			    strlen(list[i].holders) + 1);
	}
}

void
net_request(struct world *w, int from, int to)
{
	struct asked *asked = &w->host[from].asked[to];
	struct flight *f = flight(w, from, to);

	f->serial = asked->serial;
	/* Few rows on a page, so that there are several. */
	if (asked->request.kind == SMX_REQ_LIST)
		asked->request.limit = 3 + f->serial % 60;
	f->request = asked->request;
	if (f->request.count > KEYS)
		abort();
	if (f->request.kind == SMX_REQ_AMEND ||
	    f->request.kind == SMX_REQ_RETURN)
		pack(f, asked->request.amendments);
	else if (f->request.count != 0)
		memcpy(f->keys, asked->request.keys,
		    f->request.count * sizeof(f->keys[0]));
	send_out(w, f, w->now + REQUEST_MS);
	free(f);
}
