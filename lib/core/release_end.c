/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/release_in.h"

#define REMIND_MS 86400000

enum release_way
release_way_of(int64_t age_ms, int64_t queue_lifetime_ms)
{
	/* A message of the future is one of a clock that was wrong. */
	return age_ms > queue_lifetime_ms / 2 ? RELEASE_ANEW : RELEASE_AS_IT_IS;
}

enum release_way
release_way(const struct release *r, int64_t taken_ms)
{
	return release_way_of(r->wall_ms - taken_ms, r->conf.queue_lifetime_ms);
}

static int
was_reminded(const struct release *r, const struct release_hold *hold)
{
	return hold->warned_ms >= hold->until_ms &&
	       r->wall_ms >= hold->warned_ms &&
	       r->wall_ms - hold->warned_ms < REMIND_MS;
}

/* A clock that is wrong when a process begins is often right soon after; a hold
 * of seconds is not kept waiting for that. */
static int
has_settled(const struct release *r, const struct smx_backup *backup)
{
	int64_t ms = backup->hold_ms / 2;

	if (ms > RELEASE_SETTLE_MS)
		ms = RELEASE_SETTLE_MS;
	return r->now_ms - r->began_ms >= ms;
}

enum release_end
release_end(const struct release *r, const struct release_hold *hold,
    const struct smx_backup *backup)
{
	/* One that is longer than the hold would be given at once. */
	int64_t warn = backup->warn_ms < backup->hold_ms / 2
			   ? backup->warn_ms
			   : backup->hold_ms / 2;
	/* Told of by a clock that was wrong: not told. */
	int warned = hold->warned_ms != 0 && hold->warned_ms <= r->wall_ms;
	int64_t end = hold->until_ms;

	if (end == 0 || r->wall_ms < end - warn)
		return RELEASE_END_NOT_YET;
	if (warn > 0 && !warned)
		return RELEASE_END_WARN;
	if (warn > 0 && end < hold->warned_ms + warn)
		end = hold->warned_ms + warn;
	if (r->wall_ms < end)
		return RELEASE_END_NOT_YET;
	if (backup->at_end == BACKUP_END_HAND)
		return RELEASE_END_HAND;
	if (backup->at_end != BACKUP_END_KEEP)
		return has_settled(r, backup) ? RELEASE_END_RETURN
					      : RELEASE_END_NOT_YET;
	return was_reminded(r, hold) ? RELEASE_END_NOT_YET : RELEASE_END_KEEP;
}

void
release_ends_soon(struct release *r, const char *name)
{
	struct domain *d = book_find(r, name);

	if (d != NULL)
		d->ends_ms = 0;
}

int
release_ask(const struct release *r, const char *name, struct release_word *out)
{
	const struct domain *d = book_find(r, name);

	if (d == NULL || d->lane == NULL)
		return SMX_ENOTFOUND;
	out->going = d->going;
	out->flushing = d->flush_until_ms > r->now_ms;
	out->sour = pace_is_sour(&d->lane->pace);
	out->rate = d->lane->pace.rate;
	out->window = pace_window(&d->lane->pace);
	return SMX_OK;
}
