/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_rcpt_in.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/ip.h"

static int
is_exempt(const struct backup_ask *ask)
{
	struct ip_range range;
	struct ip ip;

	if (ip_parse(ask->client, strlen(ask->client), &ip) != SMX_OK)
		return 0;
	for (size_t i = 0; i < ask->backup->exempt_count; i++)
		if (ip_network_parse(ask->backup->exempt[i], &range) ==
			SMX_OK &&
		    ip_ranges_match(&range, 1, &ip))
			return 1;
	return 0;
}

/* ---- the facts ---- */

static void
begin(struct deciding *d)
{
	const struct backup_ask *ask = d->ask;
	struct rcptrule *r = &d->rule;
	struct decider *decider = d->decider;

	r->state = primaries_state(backup_primaries(decider->backup),
	    ask->backup, d->addr.domain, &d->primary);
	r->announced = d->primary.announced;
	r->null_mx = d->primary.null_mx;
	r->while_up = ask->backup->while_up;
	r->unknown = ask->backup->unknown;
	r->own = ask->client[0] == '\0';
	r->trusted = ask->trusted;
	r->exempt = is_exempt(ask);
	r->postmaster = strcasecmp(d->addr.local, "postmaster") == 0;
	/* What is no address, "unknown" for one, is a network like others. */
	if (clientnet_of(ask->client, &d->net) != SMX_OK)
		memset(&d->net, 0, sizeof(d->net));
	pthread_mutex_lock(&decider->lock);
	r->harvester = harvest_over(decider->harvest, &d->net,
	    ask->conf->backup_harvest, clock_mono_ms());
	pthread_mutex_unlock(&decider->lock);
}

/* Both parts in the form that is compared. */
#define ADDR_BARE (2 * ADDR_MAX + 2)
static void
bare(const struct addr *addr, char out[ADDR_BARE])
{
	memcpy(out, addr->local, addr->local_len);
	out[addr->local_len] = '@';
	memcpy(out + addr->local_len + 1, addr->domain, addr->domain_len + 1);
}

static enum firsttry_word
look_for_try(struct deciding *d)
{
	struct decider *decider = d->decider;
	const struct conf *conf = d->ask->conf;
	char sender[ADDR_BARE], rcpt[ADDR_BARE];
	struct addr addr;
	enum firsttry_word word;

	/* "@" is the null sender; one that is too long to read is like it. */
	if (addr_read(&addr, d->ask->sender) != SMX_OK)
		memset(&addr, 0, sizeof(addr));
	bare(&addr, sender);
	bare(&d->addr, rcpt);
	pthread_mutex_lock(&decider->lock);
	word = firsttry_ask(decider->tries, &d->net, sender, rcpt,
	    d->ask->backup->grace_ms, (size_t)conf->backup_tries,
	    clock_mono_ms());
	pthread_mutex_unlock(&decider->lock);
	return word;
}

/* A list rarely has those with an extension ("user+tag", "list-request"): of
 * who is in it, it does not say that there are none. */
static int
extends_listed(const struct deciding *d)
{
	struct backup_rcpts_sight sight;
	struct addr addr;

	for (const char *mark = "+-"; *mark != '\0'; mark++) {
		addr = d->addr;
		addr.local_len = strcspn(addr.local, (char[]){ *mark, '\0' });
		if (addr.local_len == 0 || addr.local[addr.local_len] == '\0')
			continue;
		addr.local[addr.local_len] = '\0';
		if (rcptlearn_look(d->decider->learn, &addr, &sight) !=
			SMX_OK ||
		    (sight.found && sight.entry.good))
			return 1;
	}
	return 0;
}

static void
see(struct deciding *d, int64_t now)
{
	struct rcptage ages = decider_ages(d->ask->conf);
	int64_t since = d->rule.state == MX_DOWN ? d->primary.since_ms : 0;
	const struct rcpt_entry *entry =
	    d->sight.found ? &d->sight.entry : NULL;
	struct rcpt_sight *out = &d->rule.sight;

	if (d->sight.all != RCPTS_ALL_LISTED &&
	    (d->sight.all != RCPTS_ALL_PEER || entry == NULL)) {
		rcptage_see(&ages, entry, since, now, out);
		return;
	}
	rcptage_listed(&ages, entry, d->sight.all_asked_ms, since, now, out);
	if (entry == NULL && out->word == RCPT_BAD && extends_listed(d))
		out->word = RCPT_NOT_KNOWN;
}

/* The state as of now is what the entry's age is judged by. */
static void
look(struct deciding *d)
{
	int64_t now = clock_wall_ms();
	struct rcptrule *r = &d->rule;

	r->looked = 1;
	r->blind =
	    rcptlearn_look(d->decider->learn, &d->addr, &d->sight) != SMX_OK;
	if (r->blind)
		memset(&d->sight, 0, sizeof(d->sight));
	see(d, now);
	/* While it can be asked, yesterday's word is too old. */
	r->takes_all =
	    d->sight.all == RCPTS_ALL_FILE ||
	    ((d->sight.all == RCPTS_ALL_YES ||
		 d->sight.all == RCPTS_ALL_PEER) &&
		(rcptrule_is_down(r) ||
		    !rcptage_catchall_old(d->sight.all_asked_ms, now)));
}

static enum rule_step
decide(struct deciding *d)
{
	for (;;) {
		enum rule_step step = rcptrule(&d->rule);

		switch (step) {
		case RULE_WANT_TRY:
			d->rule.tried = look_for_try(d);
			break;
		case RULE_WANT_LOOK:
			look(d);
			break;
		case RULE_WANT_ASK:
			deciding_ask(d);
			break;
		default:
			return step;
		}
	}
}

static void
count_guess(struct deciding *d)
{
	struct decider *decider = d->decider;

	pthread_mutex_lock(&decider->lock);
	d->guesses = harvest_count(decider->harvest, &d->net, clock_mono_ms());
	pthread_mutex_unlock(&decider->lock);
}

/* Who relays hears of each recipient from the primary itself, but once a day it
 * is to be known whether it takes everything. */
static void
look_at_relay(struct deciding *d)
{
	const struct rcptrule *r = &d->rule;

	if (r->state != MX_UP || r->announced || r->own ||
	    r->while_up != BACKUP_UP_RELAY)
		return;
	look(d);
	if (!r->blind)
		deciding_ask_for_nobody(d);
}

/* ---- the answer ---- */

static int
no_address(struct hop_answer *words)
{
	hopanswer_own(words, HOP_NO, "this is no recipient's address");
	words->code = 553;
	text_copy(words->enhanced, sizeof(words->enhanced), "5.1.3");
	return SMX_EREFUSED;
}

int
backup_rcpt(struct backup *backup, const struct backup_ask *ask,
    struct backup_word *out, struct hop_answer *words)
{
	struct hop_answer own;
	struct deciding d;
	enum rule_step step;
	int rc;

	memset(out, 0, sizeof(*out));
	memset(&d, 0, sizeof(d));
	out->state = MX_UNKNOWN;
	if (addr_read(&d.addr, ask->rcpt) != SMX_OK ||
	    text_copy(out->domain, sizeof(out->domain), d.addr.domain))
		return no_address(words);
	d.decider = backup_decider(backup);
	d.ask = ask;
	d.until_ms = clock_mono_ms() + ask->conf->backup_rcpt_wait_ms;
	decider_limits(d.decider, ask->conf);
	begin(&d);
	step = decide(&d);
	if (step == RULE_TAKE)
		look_at_relay(&d);
	out->state = d.rule.state;
	out->hold = step == RULE_HOLD;
	if (rcptrule_is_guess(&d.rule, step) && !d.rule.trusted)
		count_guess(&d);
	deciding_log(&d, step);
	rc = rcptrule_words(step, d.primary.host, out->domain, &d.said, &own);
	if (rc != SMX_OK)
		*words = own;
	return rc;
}
