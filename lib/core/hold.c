/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hold.h"

#include <string.h>

#include <shadowmx/err.h>

enum fate {
	FATE_UNASKED = 0,
	FATE_ASKED,
	FATE_HAS,
	FATE_HAS_NOT,
	FATE_MAY, /* nobody knows: not a copy, but it hears of the end */
	FATE_AWAY
};

#define LOOK_MS 100 /* how often it is asked who is back */

static void
settle(struct hold *hold)
{
	if (hold->copies >= hold->ack.min_copies)
		hold->state = HOLD_SHORT;
	else if (hold->ack.when_unprotected == SMX_UNPROTECTED_ACCEPT)
		hold->state = HOLD_UNPROTECTED;
	else
		hold->state = HOLD_REFUSED;
}

void
hold_begin(struct hold *hold, const struct smx_ack *ack, const size_t *peers,
    size_t count, int64_t now_ms)
{
	memset(hold, 0, sizeof(*hold));
	hold->state = HOLD_ASKING;
	hold->ack = *ack;
	hold->began_ms = now_ms;
	hold->deadline_ms = now_ms + ack->max_delay_ms;
	hold->peers = count < HOLD_PEERS_MAX ? count : HOLD_PEERS_MAX;
	for (size_t i = 0; i < hold->peers; i++)
		hold->peer[i] = peers[i];
	if ((ack->when & SMX_WHEN_SHADOWED) == 0)
		hold->ack.copies = 0;
	else if (hold->ack.copies == 0)
		hold->ack.copies = 1;
	if (hold->ack.min_copies == 0)
		hold->ack.min_copies = 1;
	if (hold->ack.min_copies > hold->ack.copies)
		hold->ack.min_copies = hold->ack.copies;
}

/* Asked, not answered, and still within its share of the time. */
static unsigned
hopeful(const struct hold *hold, int64_t now_ms)
{
	unsigned n = 0;

	for (size_t i = 0; i < hold->next; i++)
		n += hold->fate[i] == FATE_ASKED && hold->until_ms[i] > now_ms;
	return n;
}

static void
send_next(struct hold *hold, unsigned missing, int64_t now_ms,
    struct hold_step *step)
{
	size_t left = hold->peers - hold->next;
	size_t rounds = (left + missing - 1) / missing;
	int64_t share = (hold->deadline_ms - now_ms) / (int64_t)rounds;

	if (share < 1)
		share = 1;
	step->what = HOLD_SEND;
	step->peer = hold->peer[hold->next];
	step->until_ms = rounds == 1 ? hold->deadline_ms : now_ms + share;
	hold->fate[hold->next] = FATE_ASKED;
	hold->until_ms[hold->next] = step->until_ms;
	hold->next++;
	hold->running++;
}

static void
wait_for(const struct hold *hold, int64_t now_ms, struct hold_step *step)
{
	step->what = HOLD_WAIT;
	step->until_ms = hold->deadline_ms;
	if (hold->running == 0 && now_ms + LOOK_MS < step->until_ms)
		step->until_ms = now_ms + LOOK_MS;
	for (size_t i = 0; i < hold->next; i++)
		if (hold->fate[i] == FATE_ASKED && hold->until_ms[i] > now_ms &&
		    hold->until_ms[i] < step->until_ms)
			step->until_ms = hold->until_ms[i];
}

/* Refuse rather than ask for copies that cannot be enough. */
static int
hopeless(const struct hold *hold)
{
	size_t left = hold->peers - hold->next;

	if (left == 0 && hold->running == 0)
		return 1;
	return hold->ack.when_unprotected != SMX_UNPROTECTED_ACCEPT &&
	       hold->copies + hold->running + left < hold->ack.min_copies;
}

/* What is enough for an answer is not made wait for somebody who may be back.
 */
static int
worth_patience(const struct hold *hold)
{
	return hold->patient && hold->copies < hold->ack.min_copies;
}

void
hold_next(struct hold *hold, int64_t now_ms, struct hold_step *step)
{
	unsigned copies = hold->copies;
	unsigned coming;

	memset(step, 0, sizeof(*step));
#ifdef MUTANT_ANSWER_BEFORE_COMMIT
	copies += hold->running;
#endif
	if (hold->state == HOLD_ASKING) {
		if (copies >= hold->ack.copies)
			hold->state = HOLD_GRANTED;
		else if (now_ms >= hold->deadline_ms ||
			 (hopeless(hold) && !worth_patience(hold)))
			settle(hold);
	}
	if (hold->state != HOLD_ASKING) {
		step->what = HOLD_DONE;
		return;
	}
	coming = hold->copies + hopeful(hold, now_ms);
	if (coming < hold->ack.copies && hold->next < hold->peers)
		send_next(hold, hold->ack.copies - coming, now_ms, step);
	else
		wait_for(hold, now_ms, step);
}

void
hold_answer(struct hold *hold, size_t peer, int result, int64_t now_ms)
{
	size_t i = 0;

	(void)now_ms;
	while (i < hold->next &&
	       (hold->peer[i] != peer || hold->fate[i] != FATE_ASKED))
		i++;
	if (i == hold->next)
		return;
	hold->running--;
	if (result == SMX_OK || result == SMX_EEXIST) {
		hold->fate[i] = FATE_HAS;
		hold->copies++;
	} else if (result == SMX_EUNSURE || result == SMX_ETIMEOUT)
		hold->fate[i] = FATE_MAY;
	else if (result == SMX_EUNREACHABLE || result == SMX_ECLOSED)
		hold->fate[i] = FATE_AWAY;
	else
		hold->fate[i] = FATE_HAS_NOT;
}

static void
goes_on(struct hold *hold)
{
	if (hold->state != HOLD_REFUSED)
		hold->state = HOLD_ASKING;
}

static void ask_again(struct hold *hold, size_t peer);

static void
is_lost(struct hold *hold, size_t at)
{
	if (hold->doubt[at])
		hold->running--;
	else
		hold->copies--;
	hold->doubt[at] = 0;
	hold->fate[at] = FATE_AWAY;
	ask_again(hold, hold->peer[at]);
}

int
hold_hears(struct hold *hold, size_t at, enum hold_word word)
{
	int doubt = hold->doubt[at];

	if (!doubt && hold->fate[at] != FATE_HAS)
		return 0;
	if (word == (doubt ? HOLD_DOUBTED : HOLD_SURE))
		return 0;
	if (word == HOLD_LOST)
		is_lost(hold, at);
	else if (word == HOLD_SURE) {
		hold->doubt[at] = 0;
		hold->fate[at] = FATE_HAS;
		hold->running--;
		hold->copies++;
	} else {
		hold->doubt[at] = 1;
		hold->fate[at] = FATE_ASKED;
		hold->until_ms[at] = hold->deadline_ms;
		hold->copies--;
		hold->running++;
	}
	goes_on(hold);
	return 1;
}

int
hold_is_starved(const struct hold *hold, int64_t now_ms)
{
	return hold->state == HOLD_ASKING && hold->running == 0 &&
	       hold->next == hold->peers &&
	       hold->copies < hold->ack.min_copies && now_ms >= hold->look_ms &&
	       now_ms < hold->deadline_ms;
}

/* A copy may be there after all: that is asked once more, not for ever, for it
 * may be this message that the holder dies of. */
static int
may_ask(const struct hold *hold, size_t i)
{
	return hold->fate[i] == FATE_AWAY ||
	       (hold->fate[i] == FATE_MAY && !hold->again[i]);
}

static int
worth_waiting(const struct hold *hold, uint64_t awaited)
{
	uint64_t ours = 0, open = 0;

	for (size_t i = 0; i < hold->peers; i++) {
		uint64_t bit = UINT64_C(1) << hold->peer[i];

		ours |= bit;
		if (may_ask(hold, i))
			open |= bit;
	}
	if (hold->peers < HOLD_PEERS_MAX)
		open |= ~ours;
	return (awaited & open) != 0;
}

/* To the end, where those stand who are still to be asked. */
static void
ask_again(struct hold *hold, size_t peer)
{
	size_t i = 0;

	while (i < hold->peers && hold->peer[i] != peer)
		i++;
	if (i == HOLD_PEERS_MAX || (i < hold->peers && !may_ask(hold, i)))
		return;
	if (i < hold->peers) {
		size_t behind = hold->peers - i - 1;
		uint8_t again = hold->fate[i] == FATE_MAY;

		memmove(&hold->peer[i], &hold->peer[i + 1],
		    behind * sizeof(hold->peer[0]));
		memmove(&hold->fate[i], &hold->fate[i + 1],
		    behind * sizeof(hold->fate[0]));
		memmove(&hold->again[i], &hold->again[i + 1],
		    behind * sizeof(hold->again[0]));
		memmove(&hold->doubt[i], &hold->doubt[i + 1],
		    behind * sizeof(hold->doubt[0]));
		memmove(&hold->until_ms[i], &hold->until_ms[i + 1],
		    behind * sizeof(hold->until_ms[0]));
		hold->again[hold->peers - 1] = again;
		hold->doubt[hold->peers - 1] = 0;
		hold->next--;
	} else
		hold->again[hold->peers++] = 0;
	hold->peer[hold->peers - 1] = peer;
	hold->fate[hold->peers - 1] = FATE_UNASKED;
}

void
hold_again(struct hold *hold, const size_t *peers, size_t count,
    uint64_t awaited, int64_t now_ms)
{
	hold->patient = worth_waiting(hold, awaited);
	for (size_t i = 0; hold->patient && i < count; i++)
		ask_again(hold, peers[i]);
	hold->look_ms = now_ms + LOOK_MS;
}

/* Who was asked and let its share pass is no longer counted on. */
static int
is_meant(const struct hold *hold, size_t i, int64_t now_ms)
{
	if (hold->fate[i] == FATE_HAS)
		return 1;
	if (hold->state != HOLD_ASKING)
		return 0;
	if (i >= hold->next)
		return hold->fate[i] == FATE_UNASKED;
	return hold->fate[i] == FATE_ASKED && hold->until_ms[i] > now_ms;
}

size_t
hold_plan(const struct hold *hold, int64_t now_ms, size_t *peers, size_t max)
{
	size_t n = 0;

	if (hold->state == HOLD_ASKING && max > hold->ack.copies)
		max = hold->ack.copies;
	for (size_t i = 0; i < hold->peers && n < max; i++)
		if (is_meant(hold, i, now_ms))
			peers[n++] = hold->peer[i];
	return n;
}

void
hold_give_up(struct hold *hold)
{
	hold->state = HOLD_REFUSED;
}
