/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

/*
 * A queue as Postfix keeps it: files that exist before they are committed, ids
 * that are free again when their file is gone, and removal that a power cut can
 * undo.
 */

struct file *
mta_find(struct host *h, const char *id)
{
	for (size_t i = 0; i < FILES; i++)
		if (h->mta.file[i].state != FILE_NONE &&
		    strcmp(h->mta.file[i].id, id) == 0)
			return &h->mta.file[i];
	return NULL;
}

/* Short ids come from the inode: the lowest one that is free. */
static void
new_id(struct world *w, struct host *h, struct file *f, size_t slot)
{
	if (w->long_ids)
		snprintf(f->id, sizeof(f->id), "L%d.%lluz", h->index,
		    (unsigned long long)++h->mta.serial);
	else
		snprintf(f->id, sizeof(f->id), "S%zu", slot);
}

/* An id that a message without a session of ours takes is not used again here:
 * nobody tells the worker of it. */
void
mta_rename(struct host *h, struct file *f)
{
	snprintf(f->id, sizeof(f->id), "U%d.%lluz", h->index,
	    (unsigned long long)++h->mta.serial);
}

static struct file *
new_file(struct world *w, struct host *h, int attempt, enum file_state state)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		if (f->state != FILE_NONE)
			continue;
		memset(f, 0, sizeof(*f));
		new_id(w, h, f, i);
		f->attempt = attempt;
		f->state = state;
		if (h->mta.first[i] == 0)
			h->mta.first[i] = attempt + 1;
		return f;
	}
	return NULL;
}

struct file *
mta_open(struct world *w, struct host *h, int attempt)
{
	return new_file(w, h, attempt, FILE_OPEN);
}

/* ---- delivery ---- */

static void deliver(struct world *w, struct event *e);

static struct file *
still(struct world *w, const struct event *e, struct host **h)
{
	struct file *f;

	*h = &w->host[e->b / FILES];
	f = &(*h)->mta.file[e->b % FILES];
	if ((*h)->lost || !(*h)->mta.up || (*h)->mta.life != (unsigned)e->a ||
	    f->state != FILE_THERE)
		return NULL;
	return f;
}

static void
try_later(struct world *w, struct host *h, struct file *f, int64_t in)
{
	later(w, in, deliver, -1, (int)h->mta.life,
	    h->index * FILES + (int)(f - h->mta.file));
}

void
mta_remove(struct world *w, struct host *h, struct file *f)
{
	f->state = FILE_NONE;
	f->gone_ms = w->now;
	mta_hint(w, h, SMX_QUEUE_GONE, f->id);
}

static void
remove_sent(struct world *w, struct event *e)
{
	struct host *h;
	struct file *f = still(w, e, &h);

	if (f == NULL || !f->delivering)
		return;
	if (!f->held) {
		mta_remove(w, h, f);
		return;
	}
	/* Put on hold meanwhile: it stays, with nobody left to serve. */
	f->delivering = 0;
	f->served = 1;
	mta_hint(w, h, SMX_QUEUE_MOVED, f->id);
}

static void
deliver(struct world *w, struct event *e)
{
	struct host *h;
	struct file *f = still(w, e, &h);
	struct attempt *a;

	if (f == NULL || f->delivering || f->held)
		return;
	if (f->served) {
		mta_remove(w, h, f);
		return;
	}
	if (w->now < w->hop_down || (!w->quiet && chance(w, 200))) {
		/* Moves between folders look like an end for a moment. */
		if (chance(w, 400))
			mta_hint(w, h, SMX_QUEUE_GONE, f->id);
		mta_hint(w, h, SMX_QUEUE_MOVED, f->id);
		try_later(w, h, f, rnd_in(w, 500, 4000));
		return;
	}
	a = &w->attempt[f->attempt];
	a->delivered++;
	if (h->index != a->host) {
		a->takers |= 1u << h->index;
		if (a->taken_ms == 0)
			a->taken_ms = w->now;
	}
	a->delivered_ms = w->now;
	w->message[a->message].delivered++;
	say(w, "%s delivers m%d (attempt %d, %s)", host_name(h->index),
	    a->message, f->attempt, f->id);
	f->delivering = 1;
	resender_sent(w, h, f);
	later(w, rnd_in(w, 0, 30), remove_sent, -1, e->a, e->b);
}

void
mta_commit(struct world *w, struct host *h, struct file *f)
{
	f->state = FILE_THERE;
	/* Other filters, aliases, automatic copies. */
	if (w->attempt[f->attempt].host == h->index && f->variant == 0)
		f->variant = chance(w, 250);
	mta_hint(w, h, SMX_QUEUE_COMMITTED, f->id);
	try_later(w, h, f, rnd_in(w, 1, 3000));
}

/* The worker's resubmission reaches the own MTA. */
void
mta_taken(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct takeover_job *job = e->p;
	struct stored *s = disk_find(h, &job->row.key);
	struct smx_submit_result r;
	char states[VARIANTS + 1];
	int result = SMX_OK;
	struct file *f = NULL;

	memset(&r, 0, sizeof(r));
	memset(states, SMX_RCPT_HANDED, (size_t)e->b + 1);
	states[e->b + 1] = '\0';
	r.rcpt_states = states;
	if (!h->mta.up)
		result = SMX_EUNREACHABLE;
	else if (!w->quiet && chance(w, 150))
		result = SMX_ETEMP;
	else
		f = new_file(w, h, e->a, FILE_OPEN);
	(void)s;
	if (f != NULL) {
		mta_rename(h, f);
		f->variant = e->b;
		f->held = takeover_job_is_held(job) && !w->quiet;
		memcpy(r.queue_id, f->id, sizeof(r.queue_id));
		mta_commit(w, h, f);
		if (!w->quiet && chance(w, 30)) {
			result = SMX_EUNSURE;
			w->attempt[e->a].unsure++;
		}
	}
	say(w, "%s resubmits attempt %d: %s %s", host_name(h->index), e->a,
	    smx_errname(result), r.queue_id);
	takeover_result(h->takeover, job, result, &r, host_wall(w, h));
	host_pump(w, h);
}

/* ---- operator and damage ---- */

static void
picked_up(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->b / FILES];
	struct file *f = &h->mta.file[e->b % FILES];
	struct link_made *l = &h->mta.link[h->mta.links];
	struct file *n;

	if (h->lost || f->state != FILE_MAILDROP)
		return;
	if (!h->mta.up || h->mta.links == LINKS) {
		later(w, 1000, picked_up, -1, 0, e->b);
		return;
	}
	n = new_file(w, h, f->attempt, FILE_OPEN);
	if (n == NULL)
		return;
	n->requeued = 1;
	n->variant = f->variant;
	n->held = f->held && !f->fenced;
	memcpy(l->old, f->id, ID_SIZE);
	memcpy(l->new, n->id, ID_SIZE);
	h->mta.links++;
	say(w, "%s requeued %s as %s", host_name(h->index), f->id, n->id);
	f->state = FILE_NONE;
	mta_hint(w, h, SMX_QUEUE_LINKED, f->id);
	mta_commit(w, h, n);
}

static void
mta_pick_up(struct world *w, struct host *h, struct file *f)
{
	later(w, rnd_in(w, 10, 3000), picked_up, -1, 0,
	    h->index * FILES + (int)(f - h->mta.file));
}

void
mta_requeue(struct world *w, struct host *h)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		if (f->state != FILE_THERE || f->delivering)
			continue;
		f->state = FILE_MAILDROP;
		mta_hint(w, h, SMX_QUEUE_REQUEUED, f->id);
		mta_pick_up(w, h, f);
		return;
	}
}

void
mta_corrupt(struct world *w, struct host *h)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		if (f->state != FILE_THERE || f->delivering)
			continue;
		say(w, "%s damages %s (attempt %d)", host_name(h->index), f->id,
		    f->attempt);
		f->state = FILE_CORRUPT;
		mta_hint(w, h, SMX_QUEUE_CORRUPT, f->id);
		return;
	}
}

void
mta_change(struct world *w, struct host *h, int hold)
{
	size_t from = (size_t)(rnd(w) % FILES);

	for (size_t k = 0; k < FILES; k++) {
		struct file *f = &h->mta.file[(from + k) % FILES];

		if (f->state != FILE_THERE || f->delivering ||
		    w->attempt[f->attempt].host != h->index)
			continue;
		if (hold)
			f->held = 1;
		else if (f->variant + 1 < VARIANTS)
			f->variant++;
		say(w, "%s: %s is %s", host_name(h->index), f->id,
		    hold ? "put on hold" : "changed");
		mta_hint(w, h, SMX_QUEUE_MOVED, f->id);
		return;
	}
}

void
mta_release(struct world *w, struct host *h)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		if (!f->held || f->fenced)
			continue;
		f->held = 0;
		mta_hint(w, h, SMX_QUEUE_MOVED, f->id);
		if (f->state == FILE_THERE)
			try_later(w, h, f, rnd_in(w, 1, 2000));
	}
}

void
mta_fence(struct world *w, struct host *h, enum smx_queue_change what,
    const char *id)
{
	struct file *f = mta_find(h, id);

	/* One that is on its way between two folders is missed. */
	if (f == NULL || f->state != FILE_THERE || !mta_is_its_own(w, h, f) ||
	    (what == SMX_QUEUE_HOLD && chance(w, 30)))
		return;
	say(w, "%s: %s (attempt %d) is %s", host_name(h->index), f->id,
	    f->attempt,
	    what == SMX_QUEUE_HOLD      ? "fenced"
	    : what == SMX_QUEUE_RELEASE ? "released"
					: "erased");
	if (what == SMX_QUEUE_ERASE) {
		mta_remove(w, h, f);
		return;
	}
	f->fenced = what == SMX_QUEUE_HOLD && (f->fenced || !f->held);
	f->held = what == SMX_QUEUE_HOLD;
	mta_hint(w, h, SMX_QUEUE_MOVED, f->id);
	if (!f->held)
		try_later(w, h, f, rnd_in(w, 1, 500));
}

/* ---- stop and start ---- */

void
mta_crash(struct world *w, struct host *h)
{
	h->mta.up = 0;
	h->mta.life++;
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		if (f->state == FILE_OPEN) {
			f->state = FILE_STRAY;
			mta_hint(w, h, SMX_QUEUE_STRAY, f->id);
		}
		f->delivering = 0;
	}
}

void
mta_power(struct world *w, struct host *h)
{
	mta_crash(w, h);
	h->mta.state.unclean = h->mta.state.epoch.counter;
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		if (f->state == FILE_STRAY && chance(w, 500))
			f->state = FILE_NONE;
		/* Removal is not synced; what was delivered comes back. */
		else if (f->state == FILE_NONE && f->gone_ms != 0 &&
			 w->now - f->gone_ms < 1000 &&
			 w->attempt[f->attempt].delivered && chance(w, 500)) {
			say(w, "%s: %s came back", host_name(h->index), f->id);
			f->state = FILE_THERE;
		}
	}
}

void
mta_start(struct world *w, struct host *h)
{
	if (h->mta.up || h->lost)
		return;
	h->mta.up = 1;
	h->mta.life++;
	for (size_t i = 0; i < FILES; i++)
		if (h->mta.file[i].state == FILE_THERE)
			try_later(w, h, &h->mta.file[i], rnd_in(w, 1, 2000));
}

void
mta_wipe(struct world *w, struct host *h)
{
	unsigned life = h->mta.life;

	memset(&h->mta, 0, sizeof(h->mta));
	h->mta.life = life + 1;
	for (int i = 0; i < 16; i++)
		h->mta.state.epoch.id[i] = (uint8_t)rnd(w);
	h->mta.state.epoch.counter = h->mta.state.first = 1;
	h->mta.state.links_known = 1;
}

/* ---- the marker ---- */

void
mta_watch(struct world *w, struct host *h)
{
	struct smx_queue_state *s = &h->mta.state;

	if (s->spans == SMX_QUEUE_SPANS_MAX) {
		memmove(s->span, s->span + 1,
		    (SMX_QUEUE_SPANS_MAX - 1) * sizeof(*s->span));
		s->spans--;
		s->forgot = 1;
	}
	s->span[s->spans++] =
	    (struct smx_queue_span){ s->first, s->epoch.counter };
	s->epoch.counter += 1 + (rnd(w) & 0xffffffff);
	s->first = s->epoch.counter;
}

void
mta_keep(struct world *w, struct host *h)
{
	say(w, "%s: a copy is made of the queue", host_name(h->index));
	w->kept[h->index] = h->mta;
	w->is_kept[h->index] = 1;
}

void
mta_back(struct world *w, struct host *h)
{
	const struct mta *kept = &w->kept[h->index];

	say(w, "%s: the queue goes back", host_name(h->index));
	memcpy(h->mta.file, kept->file, sizeof(kept->file));
	h->mta.state = kept->state;
	for (size_t i = 0; i < FILES; i++) {
		struct file *f = &h->mta.file[i];

		f->delivering = 0;
		/* Nobody knows any more who had put it on hold. */
		f->fenced = 0;
		if (f->state == FILE_OPEN)
			f->state = FILE_STRAY;
		if (f->state == FILE_MAILDROP)
			mta_pick_up(w, h, f);
	}
}
