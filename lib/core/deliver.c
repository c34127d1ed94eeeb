/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/deliver.h"

#include <string.h>

static int
is_out(enum deliver_outcome outcome)
{
	return outcome == DELIVER_TAKEN || outcome == DELIVER_KNOWN;
}

static void
count(struct deliver_verdict *out, enum deliver_outcome outcome)
{
	out->taken += outcome == DELIVER_TAKEN;
	out->known += outcome == DELIVER_KNOWN;
	out->unsure += outcome == DELIVER_UNSURE;
	out->rest += !is_out(outcome);
}

/* What is left to be earned for those that are still in the message. */
static void
combine(const struct deliver_rcpt *rcpts, size_t n, struct smx_ack *wish)
{
	memset(wish, 0, sizeof(*wish));
	for (size_t i = 0; i < n; i++) {
		struct smx_ack one = *rcpts[i].ack;

		if (is_out(rcpts[i].outcome))
			continue;
		/* One that asks for nothing but delivery keeps that: its
		 * answer to trouble counts. */
		if ((one.when & SMX_WHEN_SHADOWED) != 0)
			one.when = SMX_WHEN_SHADOWED;
		(void)smx_policy_combine(wish, &one, 0);
	}
	if ((wish->when & SMX_WHEN_SHADOWED) != 0)
		wish->when = SMX_WHEN_SHADOWED;
}

static size_t
first(const struct deliver_rcpt *rcpts, size_t n, enum deliver_outcome outcome)
{
	for (size_t i = 0; i < n; i++)
		if (rcpts[i].outcome == outcome)
			return i;
	return DELIVER_NO_WORDS;
}

static int
all_are(const struct deliver_rcpt *rcpts, size_t n, enum deliver_outcome what)
{
	for (size_t i = 0; i < n; i++)
		if (rcpts[i].outcome != what)
			return 0;
	return n != 0;
}

void
deliver_decide(const struct deliver_rcpt *rcpts, size_t n,
    struct deliver_verdict *out, unsigned char *strike)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n; i++) {
		count(out, rcpts[i].outcome);
		strike[i] = (unsigned char)is_out(rcpts[i].outcome);
	}
	out->words = DELIVER_NO_WORDS;
	out->book = out->taken != 0;
	if (n != 0 && out->rest == 0) {
		out->what = DELIVER_DISCARD;
	} else if (all_are(rcpts, n, DELIVER_NO)) {
		out->what = DELIVER_REFUSE;
		out->words = 0;
	} else {
		out->what = DELIVER_HOLD;
		out->words = first(rcpts, n, DELIVER_TEMP);
		combine(rcpts, n, &out->wish);
	}
}

int
deliver_may_refuse(const struct deliver_verdict *verdict, int booked)
{
	return !verdict->book || booked;
}
