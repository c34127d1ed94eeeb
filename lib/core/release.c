/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/release_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MESSAGE 1000000 /* in tokens */

int
release_new(struct release **out, const struct release_conf *conf,
    uint64_t seed)
{
	struct release *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return SMX_ENOMEM;
	r->conf = *conf;
	idmap_init(&r->by_name, seed);
	idmap_init(&r->by_host, seed);
	*out = r;
	return SMX_OK;
}

void
release_free(struct release **release)
{
	struct release *r = *release;

	*release = NULL;
	if (r == NULL)
		return;
	book_clear(r);
	free(r);
}

void
release_change(struct release *r, const struct release_conf *conf)
{
	r->conf = *conf;
}

int
release_flush(struct release *r, const char *domain, int64_t until_mono_ms)
{
	struct domain *d = book_domain(r, domain);

	if (d == NULL)
		return SMX_ENOMEM;
	if (until_mono_ms == 0 || until_mono_ms > d->flush_until_ms)
		d->flush_until_ms = until_mono_ms;
	d->flush_seen = 0;
	return SMX_OK;
}

void
release_unflush(struct release *r, const char *domain, int64_t until_mono_ms)
{
	struct domain *d = book_find(r, domain);

	if (d != NULL && d->flush_until_ms == until_mono_ms)
		d->flush_until_ms = 0;
}

int
release_flushing(const struct release *r, const char *domain)
{
	const struct domain *d = book_find(r, domain);

	return d != NULL && d->flush_until_ms > r->now_ms;
}

/* ---- what is seen ---- */

/* A hold ends by the wall clock.  Nobody's mail goes back because that was set
 * wrong for a moment, or because this host slept. */
static void
look_at_clocks(struct release *r, int64_t now_ms, int64_t wall_ms)
{
	int64_t offset = wall_ms - now_ms;
	int64_t jump = offset - r->offset_ms;

	if (r->now_ms != 0 &&
	    (jump > RELEASE_JUMP_MS || jump < -RELEASE_JUMP_MS)) {
		r->settle_ms = now_ms + RELEASE_SETTLE_MS;
		log_event(SMX_LOG_WARNING, "backup-clock-jumped", "by_ms=%lld",
		    (long long)jump);
	}
	r->offset_ms = offset;
}

void
release_begin(struct release *r, int64_t now_ms, int64_t wall_ms)
{
	int64_t ms = now_ms - r->now_ms;
	int64_t full = r->conf.pace.rate_max * MESSAGE;

	look_at_clocks(r, now_ms, wall_ms);
	if (r->now_ms == 0)
		r->began_ms = now_ms;
	if (r->now_ms != 0 && ms > 0)
		r->tokens +=
		    r->conf.pace.rate_max * 1000 * (ms < 1000 ? ms : 1000);
	if (r->tokens > full)
		r->tokens = full;
	r->now_ms = now_ms;
	r->wall_ms = wall_ms;
	for (size_t i = 0; i < r->domains; i++)
		r->domain[i]->here = 0;
	for (size_t i = 0; i < r->lanes; i++) {
		memset(&r->lane[i]->news, 0, sizeof(r->lane[i]->news));
		r->lane[i]->going = 0;
	}
}

static int
is_going(const struct release *r, const struct domain *d)
{
	if (d->flush_until_ms > r->now_ms)
		return 1;
	if (d->seen.unwatched)
		return r->now_ms - d->state_ms >= RELEASE_UNKNOWN_MS;
	return d->seen.state == MX_UP;
}

static void
log_going(const struct domain *d)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL,
	    d->going ? "backup-release-begins" : "backup-release-stops");
	log_str(&l, "domain", d->name);
	log_str(&l, "host", d->lane->host);
	log_end(&l);
}

static uint64_t
grew(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* What a domain's mail does counts for its host while it is let go only: what
 * was given up is no answer of the host. */
static void
tell_lane(struct domain *d, const struct release_flow *before)
{
	const struct release_flow *now = &d->seen.flow;
	struct pace_news *news = &d->lane->news;

	news->in_queue += now->in_queue;
	if (!d->going)
		return;
	news->left += grew(before->left, now->left);
	news->delivered += grew(before->delivered, now->delivered);
	news->returned += grew(before->returned, now->returned);
	news->deferred += grew(before->deferred, now->deferred);
	d->lane->going += d->seen.held != 0;
}

int
release_see(struct release *r, const char *name,
    const struct release_seen *seen)
{
	struct domain *d = book_domain(r, name);
	struct release_flow before;
	int was;

	if (d == NULL || book_place(r, d, seen->host) != SMX_OK)
		return SMX_ENOMEM;
	before = d->seen.state != 0 ? d->seen.flow : seen->flow;
	/* It was there, and is not any more: a flush was of that time. */
	if (d->seen.state == MX_UP && seen->state == MX_DOWN)
		d->flush_until_ms = 0;
	d->flush_seen = 1;
	if (d->seen.state != seen->state ||
	    d->seen.unwatched != seen->unwatched) {
		d->state_ms = r->now_ms;
		d->back_ms = d->ends_ms = 0;
	}
	d->seen = *seen;
	d->seen.host = NULL;
	d->here = 1;
	was = d->going;
	d->going = is_going(r, d);
	if (was != d->going && (was || d->seen.held))
		log_going(d);
	tell_lane(d, &before);
	return SMX_OK;
}

/* ---- who may have what ---- */

/* An equal part for each host, and what one leaves to those after it. */
static void
share_out(struct release *r)
{
	size_t all = (size_t)(r->tokens / MESSAGE), wanting = 0;

	for (size_t i = 0; i < r->lanes; i++)
		wanting += r->lane[i]->going != 0;
	for (size_t i = 0; i < r->lanes; i++) {
		struct lane *lane = r->lane[(r->next_lane + i) % r->lanes];
		size_t part;

		lane->left = 0;
		if (lane->going == 0)
			continue;
		part = (all + wanting - 1) / wanting;
		lane->left = pace_may(&lane->pace, r->now_ms);
		if (lane->left > part)
			lane->left = part;
		all -= lane->left;
		wanting--;
	}
}

void
release_plan(struct release *r)
{
	book_tidy(r);
	for (size_t i = 0; i < r->lanes; i++) {
		struct lane *lane = r->lane[i];

		/* The next time it is up it begins anew. */
		if (lane->going == 0)
			pace_reset(&lane->pace, &r->conf.pace, r->now_ms);
		else
			pace_step(&lane->pace, &r->conf.pace, &lane->news,
			    r->now_ms);
		/* Where all had their turn, who was first is last now, or the
		 * odd ones would always be for the same. */
		if (lane->turns == 0 && lane->first != NULL)
			lane_turn(lane->first);
		lane->turns = lane->going;
	}
	r->next_domain = 0;
	r->asked_ends = 0;
	r->turn = NULL;
	r->lanes_left = r->now_ms < r->pause_ms ? 0 : r->lanes;
	r->next_lane = r->lanes != 0 ? (r->next_lane + 1) % r->lanes : 0;
	share_out(r);
}

void
release_failed(struct release *r)
{
	r->pause_ms = r->now_ms + RELEASE_BACK_MS;
	r->lanes_left = 0;
}

/* ---- turns ---- */

static int
goes_back(const struct release *r, struct domain *d)
{
	return d->here && !d->going && d->seen.state == MX_DOWN &&
	       !d->seen.unwatched && d->seen.flow.in_queue != 0 &&
	       r->now_ms >= d->back_ms;
}

/* Rarely for a hold of days, often for one of seconds. */
static int64_t
ends_every(const struct domain *d)
{
	int64_t ms = d->seen.hold_ms / 100;

	return ms < RELEASE_STEP_MS ? RELEASE_STEP_MS : ms > 60000 ? 60000 : ms;
}

/* While the primary takes mail, what is too old is let go like all of it. */
static int
may_end(const struct release *r, const struct domain *d)
{
	return d->here && !d->going && d->seen.held && !d->seen.unwatched &&
	       r->now_ms >= r->settle_ms && r->now_ms >= d->ends_ms &&
	       (d->seen.state == MX_DOWN ||
		   r->now_ms - d->state_ms >= RELEASE_UNKNOWN_MS);
}

static int
turn_of_domain(struct release *r, struct release_turn *turn)
{
	struct domain *d = r->domain[r->next_domain];

	turn->domain = d->name;
	turn->count = 0;
	if (!r->asked_ends && goes_back(r, d)) {
		r->asked_ends = 1;
		d->back_ms = r->now_ms + RELEASE_BACK_MS;
		turn->what = RELEASE_BACK;
		return SMX_OK;
	}
	r->asked_ends = 0;
	r->next_domain++;
	if (!may_end(r, d))
		return SMX_ENOTFOUND;
	d->ends_ms = r->now_ms + ends_every(d);
	turn->what = RELEASE_ENDS;
	return SMX_OK;
}

/* Whose turn it is in this lane: the one that waited longest. */
static struct domain *
next_in_lane(struct lane *lane)
{
	while (lane->turns != 0 && lane->left != 0) {
		struct domain *d = lane->first;

		lane_turn(d);
		if (d->here && d->going && d->seen.held)
			return d;
	}
	return NULL;
}

/* Once each time. */
static int
turned_sour(struct lane *lane)
{
	int was = lane->told_sour;

	lane->told_sour = lane->going != 0 && pace_is_sour(&lane->pace);
	return lane->told_sour && !was;
}

static int
turn_of_lane(struct release *r, struct release_turn *turn)
{
	struct lane *lane =
	    r->lane[(r->next_lane + r->lanes_left - 1) % r->lanes];
	struct domain *d;

	if (turned_sour(lane)) {
		turn->what = RELEASE_SOUR;
		turn->domain = lane->first->name;
		turn->count = 0;
		return SMX_OK;
	}
	d = next_in_lane(lane);
	if (d == NULL) {
		r->lanes_left--;
		return SMX_ENOTFOUND;
	}
	turn->what = RELEASE_GO;
	turn->domain = d->name;
	turn->count = (lane->left + lane->turns - 1) / lane->turns;
	lane->turns--;
	r->turn = d;
	r->turn_count = turn->count;
	return SMX_OK;
}

int
release_turn(struct release *r, struct release_turn *turn)
{
	r->turn = NULL;
	while (r->next_domain < r->domains)
		if (turn_of_domain(r, turn) == SMX_OK)
			return SMX_OK;
	while (r->lanes_left != 0)
		if (turn_of_lane(r, turn) == SMX_OK)
			return SMX_OK;
	return SMX_ENOTFOUND;
}

void
release_gave(struct release *r, size_t count)
{
	struct domain *d = r->turn;

	if (d == NULL)
		return;
	r->turn = NULL;
	if (count > r->turn_count)
		count = r->turn_count;
	if (count < r->turn_count)
		d->seen.held = 0;
	d->lane->left -= count;
	pace_gave(&d->lane->pace, count, r->now_ms);
	r->tokens -= (int64_t)count * MESSAGE;
	if (r->tokens < 0)
		r->tokens = 0;
}
