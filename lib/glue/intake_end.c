/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/backup_books.h"
#include "glue/backup_mark.h"
#include "glue/intake_part.h"
#include "glue/node.h"

/* What it lasts to write down what is left. */
#define LEAST_MS 100

/* Who is left of the message, and who of them has to wait. */
struct plan {
	const struct intake *intake;
	const struct intake_end *end;
	unsigned char *gone; /* one for each recipient of the envelope */
	size_t recipients;
	size_t plain; /* left, and do not wait */
};

static int
is_struck(const struct struck *struck, const char *rcpt)
{
	for (size_t i = 0; struck != NULL && i < struck->count; i++)
		if (strcmp(struck->rcpts[i], rcpt) == 0)
			return 1;
	return 0;
}

static int
is_left(const struct plan *plan, const struct intake_rcpt *rcpt)
{
	return !plan->gone[rcpt->index];
}

/* Recipients of this domain that are left. */
static size_t
left_of(const struct plan *plan, size_t domain)
{
	const struct intake *in = plan->intake;
	size_t n = 0;

	for (size_t i = 0; i < in->count; i++)
		n +=
		    in->rcpt[i].domain == domain && is_left(plan, &in->rcpt[i]);
	return n;
}

static int
plan_make(struct plan *plan, const struct intake *intake,
    const struct intake_end *end)
{
	const struct smx_envelope *envelope = end->asking->envelope;
	size_t held = 0;

	memset(plan, 0, sizeof(*plan));
	plan->intake = intake;
	plan->end = end;
	plan->recipients = smx_envelope_recipients(envelope);
	plan->gone = calloc(plan->recipients + 1, 1);
	if (plan->gone == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < plan->recipients; i++) {
		plan->gone[i] = (unsigned char)is_struck(end->struck,
		    smx_envelope_recipient(envelope, i));
		plan->plain += !plan->gone[i];
	}
	for (size_t i = 0; i < intake->domains; i++)
		held += intake->domain[i].hold ? left_of(plan, i) : 0;
	plan->plain -= held;
	return SMX_OK;
}

/* The next domain that waits, from this one on. */
static size_t
next_held(const struct plan *plan, size_t from)
{
	const struct intake *in = plan->intake;

	while (from < in->domains &&
	       (!in->domain[from].hold || left_of(plan, from) == 0))
		from++;
	return from;
}

/* The domain whose mail the message itself can be on hold for: there is nobody
 * else in it. */
static size_t
alone(const struct plan *plan)
{
	size_t none = plan->intake->domains, first = next_held(plan, 0);

	if (plan->plain != 0 || first == none ||
	    next_held(plan, first + 1) != none)
		return none;
	return first;
}

void
intake_mark(const struct intake *intake, const struct intake_end *end,
    struct smx_envelope *envelope)
{
	size_t held = 0, first = intake->domains;
	int64_t until_ms = 0;

	for (size_t i = 0; i < intake->domains; i++)
		if (intake->domain[i].hold && held++ == 0)
			first = i;
	if (held != 0 && intake->plain == 0 &&
	    (held == 1 || intake_part_able(end)))
		until_ms =
		    clock_wall_ms() + intake->domain[first].policy->hold_ms;
	/* Without the mark it is a person's hold at the holder: safe. */
	(void)!backup_mark(envelope, until_ms);
}

/* ---- parts ---- */

static int
strike(struct plan *plan, const size_t *index, const unsigned char *taken,
    size_t count)
{
	const struct smx_envelope *envelope = plan->end->asking->envelope;
	int rc = SMX_OK;

	for (size_t i = 0; i < count && rc == SMX_OK; i++) {
		if (!taken[i])
			continue;
		plan->gone[index[i]] = 1;
		rc = struck_add(plan->end->struck,
		    smx_envelope_recipient(envelope, index[i]));
	}
	return rc;
}

/* Those that cannot be struck out for want of memory are served twice. */
static void
split_off(struct plan *plan, size_t domain, int64_t until_mono_ms)
{
	const struct intake *in = plan->intake;
	size_t *index = calloc(in->count, sizeof(*index));
	unsigned char *taken = calloc(in->count, 1);
	struct intake_part part = { .end = plan->end,
		.domain = &in->domain[domain],
		.index = index,
		.until_mono_ms = until_mono_ms };

	for (size_t i = 0; index != NULL && i < in->count; i++)
		if (in->rcpt[i].domain == domain && is_left(plan, &in->rcpt[i]))
			index[part.count++] = in->rcpt[i].index;
	if (index != NULL && taken != NULL &&
	    intake_part_off(&part, taken) == SMX_OK)
		(void)!strike(plan, index, taken, part.count);
	free(index);
	free(taken);
}

/* With nobody else in it the message stays the first domain's. */
static void
split(struct plan *plan, int64_t until_mono_ms)
{
	size_t none = plan->intake->domains, domain = next_held(plan, 0);

	if (domain == none || alone(plan) != none)
		return;
	if (plan->plain == 0)
		domain = next_held(plan, domain + 1);
	for (; domain != none; domain = next_held(plan, domain + 1))
		if (clock_mono_ms() + LEAST_MS < until_mono_ms)
			split_off(plan, domain, until_mono_ms);
}

/* The client waits no longer than its policy says, whatever it waits for. */
static void
split_in_time(struct plan *plan, const struct smx_verdict *verdict)
{
	const struct intake_end *end = plan->end;
	const struct message *message = end->asking->message;
	int64_t began_ms = clock_mono_ms();
	int64_t max_ms = message->ack.max_delay_ms > 0
			     ? message->ack.max_delay_ms
			     : message->conf->defaults.max_delay_ms;

	if (alone(plan) != plan->intake->domains || !intake_part_able(end) ||
	    node_held_enter(end->engine, message->conf->milter_max_held) !=
		SMX_OK)
		return;
	split(plan, began_ms + max_ms - verdict->held_ms);
	node_held_leave(end->engine, -1);
}

/* ---- what is left ---- */

static const char *
name_in(const struct plan *plan, size_t domain)
{
	return plan->intake->domain[domain].name;
}

static void
log_mixed(const struct plan *plan, size_t domain)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, plan->end->asking->message->queue_id,
	    "backup-not-held");
	log_str(&l, "domain", name_in(plan, domain));
	log_str(&l, "reason", "several-domains");
	log_end(&l);
}

static void
log_unbooked(const struct plan *plan, size_t domain, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, plan->end->asking->message->queue_id,
	    "backup-not-booked");
	log_str(&l, "domain", name_in(plan, domain));
	log_err(&l, "reason", rc);
	log_end(&l);
}

static size_t
recipients_of(const struct plan *plan, const char **rcpts)
{
	const struct intake *in = plan->intake;
	size_t n = 0;

	for (size_t i = 0; i < in->count; i++)
		if (is_left(plan, &in->rcpt[i]))
			rcpts[n++] =
			    smx_envelope_recipient(plan->end->asking->envelope,
				in->rcpt[i].index);
	return n;
}

/* What is in the books is named after the first that waits. */
static size_t
name_of(const struct plan *plan)
{
	size_t domain = next_held(plan, 0);

	if (domain != plan->intake->domains)
		return domain;
	for (domain = 0; left_of(plan, domain) == 0;)
		domain++;
	return domain;
}

/* Before the MTA is told: it is not on hold by our doing unless that is
 * written. */
static int
take(const struct plan *plan, const struct intake_domain *domain, int hold,
    const char *const *rcpts, size_t count)
{
	const struct asking *asking = plan->end->asking;
	struct backup *backup = node_backup(plan->end->engine);
	struct books_mail mail = { .queue_id = asking->message->queue_id,
		.sender = smx_envelope_sender(asking->envelope),
		.size = asking->message->size,
		.domain = domain->name,
		.state = domain->state,
		.hold = hold,
		.taken_ms = clock_wall_ms(),
		.rcpts = rcpts,
		.count = count };

	if (hold) {
		mail.until_ms = mail.taken_ms + domain->policy->hold_ms;
		mail.quota = domain->policy->quota;
		mail.quota_messages = domain->policy->quota_messages;
	}
	return backup == NULL ? SMX_ESTATE
			      : books_take(backup_books(backup), &mail);
}

static void
take_rest(const struct plan *plan, const char *const *rcpts, size_t count,
    struct smx_verdict *verdict)
{
	const struct intake *in = plan->intake;
	size_t name = name_of(plan);
	int hold = alone(plan) != in->domains, rc;

	if (!hold && in->domain[name].hold)
		log_mixed(plan, name);
	rc = take(plan, &in->domain[name], hold, rcpts, count);
	if (rc != SMX_OK) {
		log_unbooked(plan, name, rc);
		return;
	}
	verdict->hold = hold;
	if (hold)
		snprintf(verdict->hold_reason, sizeof(verdict->hold_reason),
		    "shadowmx: backup of %s", in->domain[name].name);
}

void
intake_end(struct intake *intake, const struct intake_end *end,
    struct smx_verdict *verdict)
{
	const char **rcpts;
	struct plan plan;
	size_t count;

	if (!intake_any(intake))
		return;
	rcpts = calloc(intake->count, sizeof(*rcpts));
	if (rcpts == NULL || plan_make(&plan, intake, end) != SMX_OK) {
		log_event(SMX_LOG_WARNING, "no-memory", "where=intake");
		free(rcpts);
		return;
	}
	split_in_time(&plan, verdict);
	count = recipients_of(&plan, rcpts);
	if (count != 0)
		take_rest(&plan, rcpts, count, verdict);
	free(plan.gone);
	free(rcpts);
}
