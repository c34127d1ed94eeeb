/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_rcpt_in.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/key.h"

static void
learn(struct deciding *d, int good)
{
	struct rcpt_entry entry = { good, RCPT_FROM_PROBE, clock_wall_ms() };

	(void)rcptlearn_put(d->decider->learn, &d->addr, &entry);
}

/* ---- in a thread of the askers ---- */

static void
ask_for(struct deciding *d, const char *rcpt, struct hop_answer *out)
{
	primaries_ask(backup_primaries(d->decider->backup), d->ask->backup,
	    d->addr.domain, rcpt, d->until_ms, out);
}

static void
log_all(const struct deciding *d, enum rcpts_all all)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "catch-all");
	log_str(&l, "domain", d->addr.domain);
	log_num(&l, "takes_all", all == RCPTS_ALL_YES);
	log_end(&l);
}

/* A recipient that nobody has: who takes that takes everything, and nothing is
 * learned of those that it takes. */
static enum rcpts_all
ask_for_nobody(struct deciding *d)
{
	enum rcpts_all was = d->sight.all, all = was;
	char rcpt[BACKUP_DOMAIN_MAX + 64];
	struct hop_answer said;
	uint64_t number;

	if (key_random(&number, sizeof(number)) != SMX_OK)
		return was;
	snprintf(rcpt, sizeof(rcpt), "<shadowmx-nobody-%016llx@%s>",
	    (unsigned long long)number, d->addr.domain);
	ask_for(d, rcpt, &said);
	if (said.class == HOP_YES)
		all = RCPTS_ALL_YES;
	else if (said.class == HOP_NO)
		all = RCPTS_ALL_NO;
	if (all != was && !(was == RCPTS_ALL_UNSAID && all == RCPTS_ALL_NO))
		log_all(d, all);
	/* Not written down, it is asked again for the next one. */
	if (backup_rcpts_all(d->decider->rcpts, d->addr.domain, all,
		clock_wall_ms()) != SMX_OK)
		return was;
	return all;
}

static int
all_is_old(const struct deciding *d)
{
	return d->sight.all < RCPTS_ALL_FILE &&
	       rcptage_catchall_old(d->sight.all_asked_ms, clock_wall_ms());
}

static void
only_nobody(void *question)
{
	(void)ask_for_nobody(question);
}

static void
ask(void *question)
{
	struct deciding *d = question;
	enum rcpts_all all = d->sight.all;

	ask_for(d, d->ask->rcpt, &d->said);
	if (d->said.class == HOP_NO) {
		if (rcptrule_is_bad(&d->said))
			learn(d, 0);
		return;
	}
	if (d->said.class != HOP_YES)
		return;
	if (all_is_old(d))
		all = ask_for_nobody(d);
	if (all != RCPTS_ALL_YES && all != RCPTS_ALL_PEER)
		learn(d, 1);
}

/* ---- in the session's ---- */

void
deciding_ask(struct deciding *d)
{
	const struct backup_ask *a = d->ask;

	if (rcptask_run(d->decider->ask, ask, d, d->until_ms, a->waiting,
		a->waiting_ctx) != SMX_OK)
		d->rule.said = RULE_CROWDED;
	else if (d->said.class == HOP_YES)
		d->rule.said = RULE_SAID_YES;
	else if (d->said.class == HOP_NO)
		d->rule.said = RULE_SAID_NO;
	else
		d->rule.said = RULE_SAID_NOTHING;
}

void
deciding_ask_for_nobody(struct deciding *d)
{
	const struct backup_ask *a = d->ask;

	if (all_is_old(d) &&
	    rcptask_run(d->decider->ask, only_nobody, d, d->until_ms,
		a->waiting, a->waiting_ctx) != SMX_OK)
		return; /* too many ask: the next recipient does */
}
