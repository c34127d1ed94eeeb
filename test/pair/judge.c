/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <string.h>

/* What must hold when all is over, and what must hold always. */

struct shown {
	struct world *w;
	const struct smx_key *key;
	int doubtful;
	size_t others; /* open, and not said to be doubtful or damaged */
};

/* Who took it over waits for a host that never comes back, or is that host. */
static int
waits_for_the_dead(const struct shown *s, const struct engine_open *open)
{
	int dead = 0;

	for (int i = 0; i < s->w->hosts; i++)
		dead |= s->w->host[i].lost;
	return dead && strcmp(open->state, "lost") == 0;
}

/* Who has it waits for a person. */
static int
is_aside(struct world *w, const struct smx_key *key)
{
	int aside = 0;

	for (int i = 0; i < w->hosts; i++) {
		const struct stored *s = disk_find(&w->host[i], key);

		aside |= s != NULL && s->row.state == SMX_ROW_QUARANTINED;
	}
	return aside;
}

/* So does its primary, without it, or with the second copy on hold. */
static int
waits_for_a_person(const struct shown *s, const struct engine_open *open)
{
	return (strcmp(open->state, "lost") == 0 ||
		   strcmp(open->fence, "held") == 0) &&
	       is_aside(s->w, &open->key);
}

static int
look_at(void *ctx, const struct engine_open *open)
{
	struct shown *s = ctx;
	int special = strcmp(open->state, "doubtful") == 0 ||
		      strcmp(open->state, "corrupt") == 0 ||
		      waits_for_the_dead(s, open) ||
		      waits_for_a_person(s, open);

	if (s->key != NULL && smx_key_compare(&open->key, s->key) == 0)
		s->doubtful = special;
	s->others += !special;
	return 0;
}

/* The primary of this row lives, and shows that it cannot know. */
static int
shown_as_doubtful(struct world *w, const struct smx_row *row)
{
	struct shown s = { .w = w, .key = &row->key };

	for (int i = 0; i < w->hosts; i++)
		if (strcmp(row->primary, host_name(i)) == 0 && w->host[i].up)
			engine_each_open(w->host[i].engine, w->now, look_at,
			    &s);
	return s.doubtful;
}

/* Who took it over waits for a person. */
static int
owner_shows(struct world *w, const struct smx_row *row)
{
	for (int i = 0; i < w->hosts && row->yielded; i++) {
		const struct stored *s = disk_find(&w->host[i], &row->key);

		if (strcmp(row->primary, host_name(i)) == 0 && s != NULL &&
		    s->row.state == SMX_ROW_QUARANTINED)
			return 1;
	}
	return 0;
}

/* A person sees it. */
static int
row_is_shown(struct world *w, const struct smx_row *row)
{
	return row->state == SMX_ROW_QUARANTINED || shown_as_doubtful(w, row) ||
	       owner_shows(w, row);
}

/* Or it is over, but for a member that cannot say that it lets go, or a primary
 * that does not come back. */
static int
row_is_settled(struct world *w, const struct smx_row *row)
{
	int dead = 0;

	for (int i = 0; i < w->hosts; i++)
		dead |= w->host[i].lost;
	return row_is_shown(w, row) || (dead && row->state == SMX_ROW_DONE) ||
	       (dead && row->state == SMX_ROW_HANDED &&
		   strcmp(row->handed_id, HOLDER_OVER_ID) == 0);
}

static int
host_settled(struct world *w, struct host *h)
{
	struct shown s = { .w = w };

	for (size_t i = 0; i < FILES; i++) {
		const struct file *file = &h->mta.file[i];
		enum file_state f = file->state;

		if (f == FILE_THERE && file->fenced &&
		    is_aside(w, &w->attempt[file->attempt].key))
			continue;
		if (f == FILE_OPEN || f == FILE_THERE || f == FILE_MAILDROP)
			return 0;
	}
	for (size_t i = 0; i < h->disk.rows; i++)
		if (!row_is_settled(w, &h->disk.row[i].row))
			return 0;
	engine_each_open(h->engine, w->now, look_at, &s);
	return s.others == 0;
}

int
judge_settled(struct world *w)
{
	for (int m = 0; m < w->messages; m++)
		if (!w->message[m].acked && w->message[m].tries < TRIES)
			return 0;
	for (int i = 0; i < w->hosts; i++)
		if (!w->host[i].lost && !host_settled(w, &w->host[i]))
			return 0;
	return 1;
}

void
judge_key(struct world *w, const struct smx_key *key, int attempt)
{
	for (int i = 0; i < attempt; i++)
		if (w->attempt[i].registered &&
		    smx_key_compare(&w->attempt[i].key, key) == 0)
			fail(w, "attempts %d and %d have the same key", i,
			    attempt);
}

/* ---- copies come back ---- */

static unsigned
copies_of(struct world *w, const struct attempt *a)
{
	unsigned n = 0;

	for (int i = 0; i < w->hosts; i++)
		n += i != a->host && !w->host[i].lost &&
		     disk_find(&w->host[i], &a->key) != NULL;
	return n;
}

void
judge_copied(struct world *w, int host, int64_t settled_ms)
{
	struct host *h = &w->host[host];
	unsigned want = (unsigned)w->copies;

	for (int i = 0; i < w->hosts; i++)
		if (w->cut[host][i])
			want = 1;
	for (size_t i = 0; i < w->attempts; i++) {
		struct attempt *a = &w->attempt[i];
		struct file *f = mta_find(h, a->id);

		if (a->host == host && f != NULL && f->attempt == (int)i &&
		    f->state == FILE_THERE && !f->delivering &&
		    a->began_ms < w->now - settled_ms && copies_of(w, a) < want)
			fail(w, "attempt %d has %u copies of %u", (int)i,
			    copies_of(w, a), want);
	}
}

/* ---- I1 ---- */

static int
is_kept(struct world *w, int m)
{
	for (int i = 0; i < w->hosts; i++) {
		struct host *h = &w->host[i];

		if (h->lost)
			continue;
		for (size_t k = 0; k < h->disk.rows; k++)
			if (w->attempt[h->disk.row[k].attempt].message == m &&
			    h->disk.row[k].row.state != SMX_ROW_DONE &&
			    row_is_shown(w, &h->disk.row[k].row))
				return 1;
		for (size_t k = 0; k < FILES; k++)
			if (h->mta.file[k].state == FILE_CORRUPT &&
			    w->attempt[h->mta.file[k].attempt].message == m)
				return 1;
	}
	return 0;
}

/* Every host that said it had a copy has lost its disk since then. */
static int
all_wiped(const struct world *w, const struct attempt *a)
{
	unsigned copies = 0;

	for (int i = 0; i < w->hosts; i++) {
		copies += a->has >> i & 1;
		if ((a->has >> i & 1) != 0 && w->wiped_ms[i] <= a->began_ms)
			return 0;
	}
	return copies > a->promised;
}

static void
judge_message(struct world *w, int m)
{
	const struct message *msg = &w->message[m];
	const struct attempt *a = &w->attempt[msg->ack_attempt];

	w->sum.messages++;
	if (!msg->acked) {
		w->sum.given_up++;
		return;
	}
	w->sum.acked++;
	w->sum.unprotected += (uint64_t)a->unprotected;
	if (msg->delivered > 0)
		w->sum.delivered++;
	else if (is_kept(w, m))
		w->sum.kept++;
	else if (all_wiped(w, a))
		w->sum.excused++;
	else {
		w->sum.lost++;
		fail(w, "m%d was acknowledged (attempt %d) and is lost", m,
		    msg->ack_attempt);
	}
}

/* ---- I2 ---- */

static int
met_a_fault(const struct world *w, const struct attempt *a)
{
	for (size_t i = 0; i < w->faults; i++)
		if (w->fault[i].from <= a->delivered_ms &&
		    w->fault[i].to + 6 * TAKEOVER_MS >= a->began_ms)
			return 1;
	return 0;
}

/*
 * Nothing but this was wrong in the whole run: the primary itself was struck,
 * or its ways.  The others reach each other, so that only one of them takes it
 * over, and none while one of them hears the primary.
 */
static int
only_primary_struck(const struct world *w, const struct attempt *a)
{
	for (size_t i = 0; i < w->faults; i++)
		if (w->fault[i].kind != HOP_DOWN &&
		    (w->fault[i].hosts >> a->host & 1) == 0)
			return 0;
	return w->hosts == 3 && a->may == 0;
}

static int
one_way_was_cut(const struct world *w)
{
	unsigned hosts = 0;

	for (size_t i = 0; i < w->faults; i++) {
		const struct fault *f = &w->fault[i];

		if (f->kind == HOP_DOWN)
			continue;
		if ((f->kind != PARTITION && f->kind != ONE_WAY) ||
		    (hosts != 0 && hosts != f->hosts))
			return 0;
		hosts = f->hosts;
	}
	return w->hosts == 3;
}

/*
 * A bad link loses what the others ask each other, too, once or as often as it
 * likes: while it is bad they do not reach each other.  So only a last claim
 * whose questions were asked then is excused: when the link was good, whoever
 * had the message said so.
 */
static int
asked_in_vain(const struct world *w, const struct attempt *a)
{
	for (size_t i = 0; i < w->faults; i++)
		if (w->fault[i].kind == BAD_LINK &&
		    w->fault[i].from <= a->claimed_ms &&
		    w->fault[i].to + CLAIM_MS >= a->claimed_ms)
			return 1;
	return 0;
}

/*
 * Its copy came when the message had been taken over and delivered.  Who did
 * that says so as long as its row stands; a primary that is back without its
 * queue ends that row as soon as it is DONE (doc/STATES 5).
 */
static int
came_after_the_end(const struct attempt *a)
{
	return a->taken_ms != 0 && a->stored_ms[a->claimer] > a->taken_ms &&
	       !a->known;
}

static void
judge_takers(struct world *w, int i)
{
	const struct attempt *a = &w->attempt[i];
	int twice =
	    only_primary_struck(w, a) && (a->takers & (a->takers - 1)) != 0;

	w->sum.taken += a->takers != 0;
	if (twice && (asked_in_vain(w, a) || came_after_the_end(a)))
		w->sum.in_vain++;
	else if (twice)
		fail(w,
		    "attempt %d was taken over by two that reach each "
		    "other",
		    i);
	if (one_way_was_cut(w) && a->takers != 0)
		fail(w,
		    "attempt %d was taken over while another host heard "
		    "%s",
		    i, host_name(a->host));
}

static void
judge_attempt(struct world *w, int i)
{
	const struct attempt *a = &w->attempt[i];
	int bound = 1 + (w->hosts - 1) + (int)w->sum.faults + a->unsure;

	w->sum.deliveries += (uint64_t)a->delivered;
	if (a->delivered <= 1)
		return;
	w->sum.repeated++;
	w->sum.over += a->delivered > bound || !met_a_fault(w, a);
	w->sum.duplicates += (uint64_t)a->delivered - 1;
	if (!met_a_fault(w, a))
		fail(w, "attempt %d was delivered %d times without a fault", i,
		    a->delivered);
	if (a->delivered > bound)
		fail(w, "attempt %d was delivered %d times, over %d", i,
		    a->delivered, bound);
}

/* ---- nothing stays for ever ---- */

static int
name_open(void *ctx, const struct engine_open *open)
{
	struct world *w = ctx;

	say(w, "still open: %s %s holders=%zu fence=%s isolated=%d",
	    open->queue_id, open->state, open->holder_count, open->fence,
	    open->isolated);
	return 0;
}

/* What the others have of it. */
static void
name_copies(struct world *w, const struct smx_key *key)
{
	for (int i = 0; i < w->hosts; i++) {
		struct stored *s = disk_find(&w->host[i], key);

		if (s != NULL)
			say(w, "%s has attempt %d of %s: state %d%s id '%s'",
			    host_name(i), s->attempt, s->row.primary,
			    (int)s->row.state,
			    s->row.yielded ? ", yielded," : "",
			    s->row.handed_id);
	}
}

/* Its client sent it again, and both came through. */
static void
count_again(struct world *w, int m)
{
	int delivered = 0;

	for (size_t i = 0; i < w->attempts; i++)
		delivered +=
		    w->attempt[i].message == m && w->attempt[i].delivered != 0;
	w->sum.again += delivered > 1;
}

static void
judge_rest(struct world *w)
{
	for (int i = 0; i < w->hosts; i++) {
		struct host *h = &w->host[i];

		if (h->lost || host_settled(w, h))
			continue;
		engine_each_open(h->engine, w->now, name_open, w);
		for (size_t k = 0; k < h->disk.rows; k++) {
			struct stored *s = &h->disk.row[k];

			if (row_is_settled(w, &s->row))
				continue;
			name_copies(w, &s->row.key);
			fail(w, "%s keeps attempt %d of %s for ever (%d)",
			    host_name(i), s->attempt, s->row.primary,
			    (int)s->row.state);
		}
		fail(w, "%s never comes to rest", host_name(i));
	}
}

void
judge(struct world *w)
{
	for (int m = 0; m < w->messages; m++) {
		judge_message(w, m);
		count_again(w, m);
	}
	for (size_t i = 0; i < w->attempts; i++) {
		judge_takers(w, (int)i);
		judge_attempt(w, (int)i);
	}
	judge_rest(w);
}
