/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fake_hop.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/hop.h"

#define RCPTS 16

struct fake_hop fake_hop;

struct hops {
	int unused;
};

struct hop {
	const struct smx_envelope *envelope;
	size_t index[RCPTS];
	int answered[RCPTS];
	size_t count;
	int content, over;
	unsigned char wanted[RCPTS];
};

static const struct hop_answer yes = { HOP_YES, 250, "2.0.0", "Ok" };
static const struct hop_answer no = { HOP_NO, 554, "5.7.1", "Not wanted" };
static const struct hop_answer temp = { HOP_TEMP, 452, "4.2.2", "Full" };
static const struct hop_answer unsure = { HOP_UNSURE, 0, "", "lost" };
static const struct hop_answer away = { HOP_UNREACHABLE, 0, "", "not there" };

static const char *
address(const struct hop *hop, size_t n)
{
	return smx_envelope_recipient(hop->envelope, hop->index[n]) + 1;
}

static int
is(const struct hop *hop, size_t n, const char *word)
{
	const char *a = address(hop, n);
	size_t len = strlen(word);

	return strncmp(a, word, len) == 0 && a[len] >= '0' && a[len] <= '9';
}

static size_t
digit(const struct hop *hop, size_t n)
{
	return (
	    size_t)(address(hop, n)[strcspn(address(hop, n), "0123456789")] -
		    '0');
}

static int
any(const struct hop *hop, const char *word)
{
	for (size_t i = 0; i < hop->count; i++)
		if (hop->wanted[i] && is(hop, i, word))
			return 1;
	return 0;
}

int
hops_new(struct hops **out, const struct hops_options *options, char *why,
    size_t why_size)
{
	(void)options, (void)why, (void)why_size;
	*out = calloc(1, sizeof(**out));
	return *out == NULL ? SMX_ENOMEM : SMX_OK;
}

void
hops_free(struct hops **hops)
{
	free(*hops);
	*hops = NULL;
}

size_t
hops_reset(struct hops *hops, const struct nexthop *to)
{
	(void)hops, (void)to;
	return 0;
}

size_t
hops_idle(struct hops *hops, const struct nexthop *to)
{
	(void)hops, (void)to;
	return 0;
}

int
hop_begin(struct hop **out, struct hops *hops, const struct nexthop *to,
    const struct smx_envelope *envelope)
{
	(void)hops, (void)to;
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return SMX_ENOMEM;
	(*out)->envelope = envelope;
	fake_hop.open++;
	return SMX_OK;
}

int
hop_rcpt(struct hop *hop, size_t index)
{
	if (hop->count == RCPTS)
		return SMX_ELIMIT;
	hop->index[hop->count++] = index;
	fake_hop.asked++;
	return SMX_OK;
}

int
hop_content(struct hop *hop, const struct hop_body *body)
{
	hop->content = 1;
	for (size_t i = 0; i < hop->count; i++)
		hop->wanted[i] = body->wanted == NULL || body->wanted[i] != 0;
	return SMX_OK;
}

static void
take(struct hop *hop)
{
	hop->over = 1;
	if (any(hop, "lost"))
		return;
	for (size_t i = 0; i < hop->count; i++) {
		if (!hop->wanted[i])
			continue;
		fake_hop.delivered[digit(hop, i)] += is(hop, i, "yes");
		fake_hop.unsure[digit(hop, i)] += is(hop, i, "unsure");
	}
}

int
hop_run(struct hop *const *hops, size_t count, int64_t until_mono_ms,
    smx_waiting_fn waiting, void *waiting_ctx)
{
	int waits = 0;

	(void)waiting, (void)waiting_ctx;
	for (size_t h = 0; h < count; h++) {
		struct hop *hop = hops[h];

		for (size_t i = 0; i < hop->count; i++) {
			hop->answered[i] |= !is(hop, i, "rslow");
			waits |= !hop->answered[i];
		}
		if (hop->content && any(hop, "slow"))
			waits = 1;
		else if (hop->content && !hop->over)
			take(hop);
	}
	while (waits && clock_mono_ms() < until_mono_ms)
		(void)poll(NULL, 0, 1);
	return waits ? SMX_ETIMEOUT : SMX_OK;
}

const struct hop_answer *
hop_rcpt_answer(const struct hop *hop, size_t n)
{
	if (!hop->answered[n])
		return NULL;
	if (is(hop, n, "rno"))
		return &no;
	if (is(hop, n, "rtemp"))
		return &temp;
	return is(hop, n, "gone") ? &away : &yes;
}

const struct hop_answer *
hop_final_answer(const struct hop *hop, size_t n)
{
	if (!hop->over || !hop->wanted[n])
		return NULL;
	if (any(hop, "lost"))
		return &away;
	if (is(hop, n, "no"))
		return &no;
	if (is(hop, n, "temp"))
		return &temp;
	return is(hop, n, "unsure") ? &unsure : &yes;
}

int
hop_is_committed(const struct hop *hop)
{
	return hop->over && !any(hop, "lost");
}

void
hop_times(const struct hop *hop, struct hop_times *out)
{
	(void)hop;
	*out = (struct hop_times){ 1, 2, 3 };
}

const char *
hop_peer(const struct hop *hop)
{
	(void)hop;
	return "";
}

void
hop_end(struct hop **hop)
{
	if (*hop != NULL)
		fake_hop.open--;
	free(*hop);
	*hop = NULL;
}
