/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hopstate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Failures and slow answers in one measure: what fails counts double. */
#define WEIGHT_FAILED 2
#define WEIGHT_SLOW   1
#define WEIGHT_DOWN   (HOPSTATE_DOWN * WEIGHT_FAILED)

struct entry {
	struct hopstate state;
	unsigned rcpt_row; /* weights, in a row; ended by an answer to RCPT */
	unsigned data_row; /* ended by an answer to the content */
	int64_t trial_until_ms;
};

struct hopstates {
	struct hopstates_options options;
	struct entry *list[HOPSTATES_MAX]; /* in the order of their names */
	size_t count;
};

int
hopstates_new(struct hopstates **out, const struct hopstates_options *options)
{
	struct hopstates *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return SMX_ENOMEM;
	s->options = *options;
	*out = s;
	return SMX_OK;
}

void
hopstates_free(struct hopstates **states)
{
	struct hopstates *s = *states;

	*states = NULL;
	if (s == NULL)
		return;
	(void)hopstates_reset(s, NULL);
	free(s);
}

void
hopstates_change(struct hopstates *states,
    const struct hopstates_options *options)
{
	states->options = *options;
}

/* Where it is, or would be. */
static size_t
place(const struct hopstates *states, const char *name, int *found)
{
	size_t low = 0, high = states->count;

	*found = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(states->list[mid]->state.name, name);

		if (order == 0) {
			*found = 1;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct entry *
find(const struct hopstates *states, const char *name)
{
	int found;
	size_t at = place(states, name, &found);

	return found ? states->list[at] : NULL;
}

static void
remove_at(struct hopstates *states, size_t at)
{
	free(states->list[at]);
	states->count--;
	memmove(&states->list[at], &states->list[at + 1],
	    (states->count - at) * sizeof(states->list[0]));
}

static void
make_room(struct hopstates *states)
{
	size_t oldest = 0;

	if (states->count < HOPSTATES_MAX)
		return;
	for (size_t i = 1; i < states->count; i++)
		if (states->list[i]->state.last_ms <
		    states->list[oldest]->state.last_ms)
			oldest = i;
	remove_at(states, oldest);
}

static struct entry *
find_or_add(struct hopstates *states, const char *name, int64_t now_ms)
{
	struct entry *e = find(states, name);
	size_t at;
	int found;

	if (e != NULL)
		return e;
	e = calloc(1, sizeof(*e));
	if (e == NULL ||
	    text_copy(e->state.name, sizeof(e->state.name), name)) {
		free(e);
		return NULL;
	}
	e->state.rcpt_ms = e->state.data_ms = -1;
	e->state.since_ms = now_ms;
	make_room(states);
	at = place(states, name, &found);
	memmove(&states->list[at + 1], &states->list[at],
	    (states->count - at) * sizeof(states->list[0]));
	states->list[at] = e;
	states->count++;
	return e;
}

static int
is_down(const struct entry *e)
{
	return e->state.backoff_ms != 0;
}

enum hopstate_word
hopstates_ask(struct hopstates *states, const char *name, int64_t trial_ms,
    int64_t now_ms)
{
	struct entry *e = find(states, name);

	if (e == NULL)
		return HOPSTATE_UP;
	if (!is_down(e)) {
		e->state.last_ms = now_ms;
		return HOPSTATE_UP;
	}
	if (now_ms < e->state.down_until_ms ||
	    (e->state.trial && now_ms < e->trial_until_ms))
		return HOPSTATE_DOWN_NOW;
	e->state.trial = 1;
	e->trial_until_ms = now_ms + trial_ms;
	e->state.last_ms = now_ms;
	return HOPSTATE_TRIAL;
}

static int64_t
wait_of(int64_t usual, int64_t deviation, int64_t floor_ms, int64_t most_ms)
{
	int64_t wait = usual + 3 * deviation;

	if (usual < 0 || wait > most_ms)
		return most_ms;
	if (wait < floor_ms)
		wait = floor_ms;
	return wait < most_ms ? wait : most_ms;
}

int64_t
hopstates_rcpt_wait(const struct hopstates *states, const char *name,
    int64_t floor_ms, int64_t most_ms)
{
	const struct entry *e = find(states, name);

	return e == NULL ? most_ms
			 : wait_of(e->state.rcpt_ms, e->state.rcpt_dev_ms,
			       floor_ms, most_ms);
}

int64_t
hopstates_data_wait(const struct hopstates *states, const char *name,
    int64_t floor_ms, int64_t most_ms)
{
	const struct entry *e = find(states, name);

	return e == NULL ? most_ms
			 : wait_of(e->state.data_ms, e->state.data_dev_ms,
			       floor_ms, most_ms);
}

/* RFC 6298, 2: the smoothed value and its deviation. */
static void
sample(int64_t *usual, int64_t *deviation, int64_t ms)
{
	int64_t off;

	if (ms < 0)
		return;
	if (*usual < 0) {
		*usual = ms;
		*deviation = ms / 2;
		return;
	}
	off = *usual > ms ? *usual - ms : ms - *usual;
	*deviation = (3 * *deviation + off) / 4;
	*usual = (7 * *usual + ms + 7) / 8;
}

static enum hopstate_turn
answered(struct entry *e, int data, int64_t now_ms)
{
	e->rcpt_row = 0;
	if (data)
		e->data_row = 0;
	e->state.failures = e->data_row / WEIGHT_FAILED;
	e->state.answers++;
	if (!is_down(e) || e->data_row != 0)
		return HOPSTATE_SAME;
	e->state.trial = 0;
	e->state.backoff_ms = e->state.down_until_ms = 0;
	e->state.since_ms = now_ms;
	return HOPSTATE_CAME_UP;
}

/* Those that began before it went down say nothing new. */
static enum hopstate_turn
missed(const struct hopstates_options *options, struct entry *e, unsigned *row,
    unsigned weight, int64_t now_ms)
{
	int was_down = is_down(e);

	if (*row < 1000 * WEIGHT_DOWN)
		*row += weight;
	e->state.failures = (e->rcpt_row + e->data_row) / WEIGHT_FAILED;
	if (was_down && now_ms < e->state.down_until_ms)
		return HOPSTATE_SAME;
	if (was_down)
		e->state.backoff_ms *= 2;
	else if (e->rcpt_row + e->data_row >= WEIGHT_DOWN)
		e->state.backoff_ms =
		    options->backoff_ms > 0 ? options->backoff_ms : 1;
	else
		return HOPSTATE_SAME;
	if (e->state.backoff_ms > options->backoff_max_ms &&
	    options->backoff_max_ms > 0)
		e->state.backoff_ms = options->backoff_max_ms;
	e->state.down_until_ms = now_ms + e->state.backoff_ms;
	e->state.trial = 0;
	if (was_down)
		return HOPSTATE_SAME;
	e->state.since_ms = now_ms;
	return HOPSTATE_WENT_DOWN;
}

static void
count(struct hopstate *s, enum hopstate_event event)
{
	s->delivered += event == HOPSTATE_DELIVERED;
	s->refused += event == HOPSTATE_REFUSED;
	s->unsure += event == HOPSTATE_UNSURE;
	s->slow += event == HOPSTATE_SLOW || event == HOPSTATE_SLOW_DATA;
	s->failed += event == HOPSTATE_FAILED;
}

static void
measure(struct hopstate *s, enum hopstate_event event, int64_t ms)
{
	if (event == HOPSTATE_RCPT || event == HOPSTATE_SLOW)
		sample(&s->rcpt_ms, &s->rcpt_dev_ms, ms);
	else if (event != HOPSTATE_FAILED && event != HOPSTATE_UNSURE)
		sample(&s->data_ms, &s->data_dev_ms, ms);
}

enum hopstate_turn
hopstates_tell(struct hopstates *states, const char *name,
    enum hopstate_event event, int64_t ms, const char *why, int64_t now_ms)
{
	const struct hopstates_options *o = &states->options;
	struct entry *e = find_or_add(states, name, now_ms);

	if (e == NULL)
		return HOPSTATE_SAME;
	e->state.last_ms = now_ms;
	count(&e->state, event);
	measure(&e->state, event, ms);
	if (event == HOPSTATE_RCPT || event == HOPSTATE_DELIVERED ||
	    event == HOPSTATE_REFUSED)
		return answered(e, event != HOPSTATE_RCPT, now_ms);
	(void)text_copy(e->state.why, sizeof(e->state.why),
	    why == NULL ? "" : why);
	switch (event) {
	case HOPSTATE_SLOW:
		return missed(o, e, &e->rcpt_row, WEIGHT_SLOW, now_ms);
	case HOPSTATE_SLOW_DATA:
		return missed(o, e, &e->data_row, WEIGHT_SLOW, now_ms);
	case HOPSTATE_UNSURE:
		return missed(o, e, &e->data_row, WEIGHT_FAILED, now_ms);
	default:
		return missed(o, e, &e->rcpt_row, WEIGHT_FAILED, now_ms);
	}
}

size_t
hopstates_reset(struct hopstates *states, const char *name)
{
	size_t before = states->count, at;
	int found;

	if (name == NULL) {
		while (states->count != 0)
			remove_at(states, states->count - 1);
		return before;
	}
	at = place(states, name, &found);
	if (found)
		remove_at(states, at);
	return (size_t)found;
}

const struct hopstate *
hopstates_next(const struct hopstates *states, const char *after)
{
	size_t at = 0;
	int found;

	if (after != NULL) {
		at = place(states, after, &found);
		at += (size_t)found;
	}
	return at < states->count ? &states->list[at]->state : NULL;
}

const struct hopstate *
hopstates_find(const struct hopstates *states, const char *name)
{
	const struct entry *e = find(states, name);

	return e == NULL ? NULL : &e->state;
}
