/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pace.h"

#include <string.h>

#define MESSAGE 1000000 /* in tokens */
#define BURST_S 1       /* of tokens are kept */

static uint64_t
less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
pace_reset(struct pace *p, const struct pace_conf *conf, int64_t now_ms)
{
	int64_t rate =
	    conf->rate < conf->rate_max ? conf->rate : conf->rate_max;

	memset(p, 0, sizeof(*p));
	p->rate = rate * 1000;
	p->at_ms = p->heard_ms = p->moved_ms = p->round_ms = now_ms;
	p->pause_ms = PACE_PAUSE_MS;
}

size_t
pace_window(const struct pace *p)
{
	int64_t window = p->rate * PACE_WINDOW_S / 1000;

	return window < PACE_WINDOW_LEAST ? PACE_WINDOW_LEAST : (size_t)window;
}

int
pace_is_sour(const struct pace *p)
{
	return p->returned >= PACE_SOUR;
}

static void
earn_tokens(struct pace *p, int64_t now_ms)
{
	int64_t ms = now_ms - p->at_ms;
	int64_t full = p->rate * 1000 * BURST_S;

	/* After a pause of the whole process nothing is made up for. */
	if (ms > 0)
		p->tokens += p->rate * (ms < 1000 ? ms : 1000);
	if (full < MESSAGE)
		full = MESSAGE;
	if (p->tokens > full)
		p->tokens = full;
	p->at_ms = now_ms;
}

/* ln 2 / 60 s, near enough for steps of at most some seconds. */
static void
count_put_off(struct pace *p, const struct pace_news *news, uint64_t deferred,
    int64_t now_ms)
{
	int64_t ms = now_ms - p->at_ms < 5000 ? now_ms - p->at_ms : 5000;
	int64_t most = (int64_t)(news->in_queue - p->untried) * 1000;

	p->put_off += ((int64_t)deferred - (int64_t)news->left) * 1000;
	if (ms > 0)
		p->put_off -= p->put_off * ms * 693 / (PACE_FORGET_MS * 1000);
	if (p->put_off > most)
		p->put_off = most;
	if (p->put_off < 0)
		p->put_off = 0;
}

static uint64_t
counted(const struct pace *p)
{
	return p->untried + ((uint64_t)p->put_off + 999) / 1000;
}

static void
hear(struct pace *p, const struct pace_news *news, int64_t now_ms)
{
	/* Ordinary mail is put off as well. */
	uint64_t deferred = least(news->deferred, p->untried);

	if (news->left + news->delivered + news->deferred != 0)
		p->heard_ms = now_ms;
	p->untried = less(p->untried, news->left + news->deferred);
	p->untried = least(p->untried, news->in_queue);
	count_put_off(p, news, deferred, now_ms);
	p->returned = news->delivered != 0 ? 0 : p->returned + news->returned;
	if (news->delivered != 0 || (news->left != 0 && !pace_is_sour(p))) {
		p->moved_ms = now_ms;
		p->pause_ms = PACE_PAUSE_MS;
	}
	p->gone += most(news->left, news->delivered);
	p->deferred += deferred;
}

/* The MTA works by itself, and nobody says what came of it. */
static void
forget_silent(struct pace *p, int64_t now_ms)
{
	if (now_ms - p->heard_ms < PACE_STALL_MS)
		return;
	p->untried /= 2;
	p->heard_ms = now_ms;
}

static void
end_round(struct pace *p, const struct pace_conf *conf, int64_t now_ms)
{
	int64_t ms = now_ms - p->round_ms;
	int64_t rate = p->rate, highest = conf->rate_max * 1000;

	if (ms < PACE_ROUND_MS)
		return;
	if (p->deferred * 8 > p->gone)
		rate /= 2;
	else if (p->deferred == 0 && !pace_is_sour(p) &&
		 (int64_t)(p->gone < 1u << 30 ? p->gone : 1u << 30) * 4000000 >=
		     3 * rate * ms)
		rate += rate / 2;
	if (rate > highest)
		rate = highest;
	p->rate = rate < PACE_RATE_LEAST ? PACE_RATE_LEAST : rate;
	p->round_ms = now_ms;
	p->gone = p->deferred = 0;
}

void
pace_step(struct pace *p, const struct pace_conf *conf,
    const struct pace_news *news, int64_t now_ms)
{
	hear(p, news, now_ms);
	forget_silent(p, now_ms);
	end_round(p, conf, now_ms);
	earn_tokens(p, now_ms);
}

size_t
pace_may(const struct pace *p, int64_t now_ms)
{
	uint64_t window = pace_window(p);
	uint64_t room = less(window, counted(p));

	if (pace_is_sour(p))
		room = 0;
	if (room == 0)
		return now_ms - p->moved_ms >= p->pause_ms;
	return (size_t)least(room, (uint64_t)p->tokens / MESSAGE);
}

void
pace_gave(struct pace *p, size_t count, int64_t now_ms)
{
	int beyond = pace_is_sour(p) || counted(p) + count > pace_window(p);

	if (count == 0)
		return;
	p->tokens -= (int64_t)count * MESSAGE;
	if (p->tokens < 0)
		p->tokens = 0;
	p->untried += count;
	p->heard_ms = now_ms;
	if (!beyond)
		return;
	p->moved_ms = now_ms;
	p->pause_ms = p->pause_ms * 2 < PACE_PAUSE_MOST_MS ? p->pause_ms * 2
							   : PACE_PAUSE_MOST_MS;
}
