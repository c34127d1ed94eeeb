/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/rcptage.h"

#include <stddef.h>

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
/* A list that is not confirmed any more does not keep others out for ever. */
#define LIST_MS (31 * DAY)

/* The wall clock can be set back.  What was learned a little later than now was
 * learned just now; what was learned in another year says nothing. */
static int64_t
age_of(int64_t then_ms, int64_t now_ms)
{
	if (then_ms <= now_ms)
		return now_ms - then_ms;
	return then_ms - now_ms <= DAY ? 0 : INT64_MAX;
}

/* While the primary is down no good one grows older, whatever the clock was set
 * to since; a bad one does, but not by a clock that was set back to before. */
static int64_t
age_while(const struct rcpt_entry *entry, int64_t down_since_ms, int64_t now_ms)
{
	int64_t age = age_of(entry->learned_ms, now_ms);
	int64_t then = down_since_ms - entry->learned_ms;

	if (then < 0 || then >= age)
		return age;
	return entry->good || entry->learned_ms > now_ms ? then : age;
}

void
rcptage_see(const struct rcptage *ages, const struct rcpt_entry *entry,
    int64_t down_since_ms, int64_t now_ms, struct rcpt_sight *out)
{
	int64_t age;

	out->word = RCPT_NOT_KNOWN;
	out->ask = 1;
	if (entry == NULL)
		return;
	age = age_while(entry, down_since_ms, now_ms);
	if (entry->source == RCPT_FROM_FILE) {
		out->word = entry->good ? RCPT_GOOD : RCPT_BAD;
		out->ask = 0;
	} else if (entry->good) {
		out->word = age < ages->good_ms ? RCPT_GOOD : RCPT_GOOD_OLD;
		out->ask = age >= ages->good_ask_ms;
	} else {
		out->word = age < ages->bad_ms ? RCPT_BAD : RCPT_BAD_OLD;
		out->ask = age >= ages->bad_ask_ms;
	}
	out->ask |= out->word == RCPT_GOOD_OLD || out->word == RCPT_BAD_OLD;
}

/* Nobody new comes to a primary that is away: its list does not grow older
 * then, neither for those who stand in it nor for the others. */
static void
unlisted_see(const struct rcptage *ages, int64_t confirmed_ms,
    int64_t down_since_ms, int64_t now_ms, struct rcpt_sight *out)
{
	struct rcpt_entry entry = { 1, RCPT_FROM_PEER, confirmed_ms };

	rcptage_see(ages, &entry, down_since_ms, now_ms, out);
	out->word = out->word == RCPT_GOOD ? RCPT_BAD : RCPT_NOT_KNOWN;
	out->ask = 1;
}

void
rcptage_listed(const struct rcptage *ages, const struct rcpt_entry *entry,
    int64_t confirmed_ms, int64_t down_since_ms, int64_t now_ms,
    struct rcpt_sight *out)
{
	struct rcpt_entry fresh;

	if (entry == NULL) {
		unlisted_see(ages, confirmed_ms, down_since_ms, now_ms, out);
		return;
	}
	fresh = *entry;
	if (fresh.source == RCPT_FROM_PEER && confirmed_ms > fresh.learned_ms)
		fresh.learned_ms = confirmed_ms;
	rcptage_see(ages, &fresh, down_since_ms, now_ms, out);
}

int
rcptage_replaces(const struct rcpt_entry *was, const struct rcpt_entry *now)
{
	if (was == NULL || now->source == RCPT_FROM_FILE ||
	    was->good != now->good)
		return 1;
	/* The administrator's list says so already, and does not age. */
	if (was->source == RCPT_FROM_FILE)
		return 0;
	/* A list is known by what it has written; for the rest, the primary's
	 * own says so already. */
	if (now->source == RCPT_FROM_PEER)
		return 1;
	if (was->source == RCPT_FROM_PEER)
		return age_of(was->learned_ms, now->learned_ms) >= LIST_MS;
	return age_of(was->learned_ms, now->learned_ms) >= HOUR ||
	       was->learned_ms > now->learned_ms;
}

int
rcptage_catchall_old(int64_t asked_ms, int64_t now_ms)
{
	return age_of(asked_ms, now_ms) >= RCPTAGE_CATCHALL_MS;
}
