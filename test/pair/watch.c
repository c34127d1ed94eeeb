/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The watch over a queue: hints, which come late, twice or not at all, and
 * answers to those who look or read. */

/* Whose file it was, and what of it, stand in other until it is told. */
static char *
read_text(const struct smx_queue_event *q)
{
	uint64_t n = 0;
	char *text, *cut;

	if (q->other[0] == '-')
		return copy("MAIL <a@x.example>\r\n", 21);

	for (const char *p = q->other; *p != '\0'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	text = disk_text((int)(n / VARIANTS), (int)(n % VARIANTS));
	cut = strstr(text, "MAIL");
	memmove(text, cut, strlen(cut) + 1);
	return text;
}

static void
tell(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct smx_queue_event *q = e->p;

	if (q->kind == SMX_QUEUE_READ && q->other[0] != '\0')
		q->text = read_text(q);
	if (e->a == 0)
		engine_queue_event(h->engine, q, w->now);
	free(q->text);
	q->text = NULL;
	if (q->kind == SMX_QUEUE_READ || q->kind == SMX_QUEUE_MOVED)
		host_pump(w, h);
	else if (e->a == 1 || q->kind != SMX_QUEUE_VERIFIED)
		takeover_queue_event(h->takeover, q, host_wall(w, h));
	host_pump(w, h);
}

static void
send_event(struct world *w, struct host *h, const struct smx_queue_event *q,
    int asker, int64_t in)
{
	struct event *e = later(w, in, tell, h->index, asker, 0);

	e->life = h->life;
	e->p = copy(q, sizeof(*q));
}

void
mta_hint(struct world *w, struct host *h, enum smx_queue_event_kind kind,
    const char *id)
{
	mta_tell(w, h, kind, id, "");
}

void
mta_tell(struct world *w, struct host *h, enum smx_queue_event_kind kind,
    const char *id, const char *other)
{
	struct smx_queue_event q;

	/* A requeue is a hint too, but a watch that misses one says RESET. */
	if (!h->up || (kind != SMX_QUEUE_REQUEUED && chance(w, 20)))
		return;
	memset(&q, 0, sizeof(q));
	q.kind = kind;
	memcpy(q.id, id, strlen(id) + 1);
	memcpy(q.other, other, strlen(other) + 1);
	/* It is told before the answer to any look that follows it. */
	if (kind == SMX_QUEUE_REQUEUED)
		send_event(w, h, &q, 0, 0);
	else
		send_event(w, h, &q, 0,
		    rnd_in(w, 0, chance(w, 30) ? 3000 : 20));
	if (chance(w, 10))
		send_event(w, h, &q, 0, rnd_in(w, 0, 5000));
}

static const char *
link_of(const struct host *h, const char *id)
{
	for (size_t i = h->mta.links; i-- > 0;)
		if (strcmp(h->mta.link[i].old, id) == 0)
			return h->mta.link[i].new;
	return NULL;
}

static void
look(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct smx_queue_event *q = e->p;
	struct file *f = mta_find(h, q->id);
	const char *other = link_of(h, q->id);

	q->presence = SMX_PRESENCE_ABSENT;
	if (chance(w, 30))
		q->presence = SMX_PRESENCE_UNKNOWN;
	else if (f != NULL) {
		static const enum smx_presence seen[] = {
			[FILE_OPEN] = SMX_PRESENCE_UNCOMMITTED,
			[FILE_STRAY] = SMX_PRESENCE_STRAY,
			[FILE_THERE] = SMX_PRESENCE_THERE,
			[FILE_MAILDROP] = SMX_PRESENCE_THERE,
			[FILE_CORRUPT] = SMX_PRESENCE_CORRUPT,
		};

		q->presence = seen[f->state];
	} else if (other != NULL) {
		q->presence = SMX_PRESENCE_LINKED;
		memcpy(q->other, other, strlen(other) + 1);
	}
	if (w->trace)
		say(w, "%s looked for %s: %d", host_name(h->index), q->id,
		    (int)q->presence);
	/* Seen now, told later. */
	if (!chance(w, 10))
		send_event(w, h, q, e->a, rnd_in(w, 0, 40));
}

void
mta_verify(struct world *w, struct host *h, const char *id, uint64_t token,
    int asker)
{
	struct smx_queue_event q;
	struct event *e;

	memset(&q, 0, sizeof(q));
	q.kind = SMX_QUEUE_VERIFIED;
	q.token = token;
	memcpy(q.id, id, strlen(id) + 1);
	e = later(w, rnd_in(w, 0, 40), look, h->index, asker, 0);
	e->life = h->life;
	e->p = copy(&q, sizeof(q));
}

/*
 * Short ids are used again here all the time, which the looks have to cope
 * with.  With Postfix they carry the microsecond, so that a file of another
 * message, of which no session ever told, does not come to be read in place of
 * the one that is meant; such reads fail.
 */
int
mta_is_its_own(const struct world *w, const struct host *h,
    const struct file *f)
{
	return w->long_ids || f->id[0] == 'U' ||
	       (!f->requeued &&
		   h->mta.first[f - h->mta.file] == f->attempt + 1);
}

static void
look_into(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct smx_queue_event *q = e->p;
	struct file *f = mta_find(h, q->id);

	if (f != NULL && f->state == FILE_THERE && mta_is_its_own(w, h, f) &&
	    !chance(w, 50)) {
		q->held = f->held;
		snprintf(q->other, sizeof(q->other), "%s%d",
		    f->served ? "-" : "", f->attempt * VARIANTS + f->variant);
	}
	if (!chance(w, 20))
		send_event(w, h, q, 0, rnd_in(w, 0, 300));
}

void
mta_read(struct world *w, struct host *h, const char *id, uint64_t token)
{
	struct smx_queue_event q;
	struct event *e;

	memset(&q, 0, sizeof(q));
	q.kind = SMX_QUEUE_READ;
	q.token = token;
	memcpy(q.id, id, strlen(id) + 1);
	e = later(w, rnd_in(w, 0, 100), look_into, h->index, 0, 0);
	e->life = h->life;
	e->p = copy(&q, sizeof(q));
}
