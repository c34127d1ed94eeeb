/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/intake_part.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/submit.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "core/amend.h"
#include "core/takeover.h"
#include "glue/backup_books.h"
#include "glue/backup_mark.h"
#include "glue/earn.h"
#include "glue/node.h"
#include "glue/splitter.h"

#define TAKE_BACK_MS 5000

/* One part on its way. */
struct course {
	const struct intake_part *part;
	struct splitter *splitter;
	struct backup_split split;
	struct smx_content content;
	struct smx_envelope *envelope; /* its own */
	char *states;                  /* what the MTA made of each recipient */
	int64_t began_ms;
	int gave_up;
	struct earn_result earned;
	int copied; /* earned means something */
	int booked; /* it is in the books, or may be yet */
};

int
intake_part_able(const struct intake_end *end)
{
	const struct smx_engine_ports *ports = node_ports(end->engine);
	const struct conf *conf = end->asking->message->conf;

	return end->struck != NULL && node_backup(end->engine) != NULL &&
	       ports->submit != NULL && ports->submit->ops != NULL &&
	       ports->queue != NULL && ports->queue->ops != NULL &&
	       ports->queue->ops->change != NULL &&
	       conf->mta_submit_held != NULL &&
	       conf->mta_submit_held[0] != '\0';
}

/* ---- what it is ---- */

/* Those that are marked, or all; *out is new. */
static int
envelope_of(const struct course *c, const char *states,
    struct smx_envelope **out)
{
	const struct smx_envelope *from = c->part->end->asking->envelope;
	const char *const *params;
	int rc = smx_envelope_new(out, c->part->count);

	if (rc == SMX_OK)
		rc = struck_head(*out, from);
	if (rc == SMX_OK)
		rc = backup_mark(*out, c->split.until_ms);
	for (size_t i = 0; i < c->part->count && rc == SMX_OK; i++) {
		size_t index = c->part->index[i];
		size_t n = smx_envelope_rcpt_params(from, index, &params);

		if (states == NULL || states[i] == SMX_RCPT_HANDED)
			rc = smx_envelope_rcpt(*out,
			    smx_envelope_recipient(from, index), params, n);
	}
	if (rc != SMX_OK)
		smx_envelope_free(out);
	return rc;
}

static int
prepare(struct course *c)
{
	const struct intake_part *part = c->part;
	struct message *message = part->end->asking->message;
	struct backup_split *split = &c->split;
	int rc = message_end(message, &c->content);

	(void)text_copy(split->original, sizeof(split->original),
	    message->queue_id);
	(void)text_copy(split->domain, sizeof(split->domain),
	    part->domain->name);
	split->state = part->domain->state;
	split->made_ms = clock_wall_ms();
	split->until_ms = split->made_ms + part->domain->policy->hold_ms;
	if (rc == SMX_OK)
		rc = envelope_of(c, NULL, &c->envelope);
	c->states = calloc(part->count + 1, 1);
	if (rc == SMX_OK && c->states == NULL)
		rc = SMX_ENOMEM;
	if (rc == SMX_OK)
		memset(c->states, SMX_RCPT_OPEN, part->count);
	return rc;
}

/* ---- to the MTA ---- */

static int
is_waited_for(struct course *c)
{
	const struct intake_end *end = c->part->end;

	if (!c->gave_up && end->waiting != NULL)
		c->gave_up = end->waiting(end->waiting_ctx,
				 clock_mono_ms() - c->began_ms) != 0;
	return !c->gave_up && clock_mono_ms() < c->part->until_mono_ms;
}

static int
submit(struct course *c)
{
	const struct intake_end *end = c->part->end;
	struct smx_submit *port = node_ports(end->engine)->submit;
	struct smx_submit_result result = { .rcpt_states = c->states };
	struct smx_row row;
	char received[2048];
	struct smx_submission s = { .envelope = c->envelope,
		.content = &c->content,
		.received = received,
		.trail_id = c->split.original,
		.held = 1,
		.deadline_mono_ms = c->part->until_mono_ms };
	int rc;

	memset(&row, 0, sizeof(row));
	(void)text_copy(row.queue_id, sizeof(row.queue_id), c->split.trail);
	(void)text_copy(row.primary, sizeof(row.primary),
	    end->asking->message->conf->node);
	/* Without its trail a stop would leave what nobody can find. */
	rc = takeover_received(&row, c->envelope,
	    end->asking->message->conf->node, clock_wall_ms(), received,
	    sizeof(received));
	if (rc != SMX_OK)
		return rc;
	crash_point("split-submit");
	rc = port->ops->submit(port->ctx, &s, &result);
	crash_point("split-submitted");
	if (rc != SMX_OK)
		return rc;
	if (strchr(c->states, SMX_RCPT_HANDED) == NULL)
		return SMX_EREFUSED;
	if (result.queue_id[0] == '\0')
		return SMX_EUNSURE;
	return text_copy(c->split.part, sizeof(c->split.part), result.queue_id)
		   ? SMX_EUNSURE
		   : SMX_OK;
}

/* Some may have been refused: they stay in the message. */
static int
narrow(struct course *c)
{
	struct smx_envelope *taken;
	int rc = envelope_of(c, c->states, &taken);

	if (rc != SMX_OK)
		return rc;
	smx_envelope_free(&c->envelope);
	c->envelope = taken;
	return SMX_OK;
}

/* ---- its copies ---- */

static int
wish_of(const struct course *c, struct smx_ack *all)
{
	const struct asking *asking = c->part->end->asking;
	struct smx_ack one;
	int rc = SMX_OK;

	memset(all, 0, sizeof(*all));
	for (size_t i = 0;
	     i < smx_envelope_recipients(c->envelope) && rc == SMX_OK; i++) {
		rc = asking_one(asking, smx_envelope_recipient(c->envelope, i),
		    asking->message->size, &one);
		one.when &= ~SMX_WHEN_DELIVERED;
		if (rc == SMX_OK)
			(void)smx_policy_combine(all, &one, 0);
	}
	all->max_delay_ms = c->part->until_mono_ms - clock_mono_ms();
	return rc;
}

static int
ask(struct course *c, const struct smx_ack *ack, char *text, size_t len)
{
	const struct intake_end *end = c->part->end;
	const struct message *message = end->asking->message;
	struct earn_request request = { .engine = end->engine,
		.ack = ack,
		.ask = 1,
		.envelope_sum = amend_sum(text, len),
		.waiting = end->waiting,
		.waiting_ctx = end->waiting_ctx };
	struct smx_shadow *shadow = &request.shadow;
	int rc;

	shadow->queue_id = c->split.part;
	node_epoch(end->engine, &shadow->epoch);
	shadow->envelope = text;
	shadow->envelope_len = len;
	shadow->recipients = smx_envelope_recipients(c->envelope);
	shadow->content = &c->content;
	memcpy(shadow->digest, message->digest, sizeof(shadow->digest));
	rc = earn(&request, &c->earned);
	c->copied = rc == SMX_OK;
	if (rc == SMX_OK &&
	    (c->earned.gave_up || c->earned.earned == SMX_EARNED_NOTHING))
		rc = SMX_EUNREACHABLE;
	return rc;
}

/* The part is open for days, and whom the message was copied for may be
 * struck out there at any moment. */
static int
copy(struct course *c)
{
	struct smx_ack ack;
	char *text;
	size_t len;
	int rc = wish_of(c, &ack);

	if (rc != SMX_OK || ack.when == 0)
		return rc;
	rc = smx_envelope_encode(c->envelope, &text, &len);
	if (rc != SMX_OK)
		return rc;
	rc = ask(c, &ack, text, len);
	free(text);
	return rc;
}

/* ---- the books ---- */

static int
book(struct course *c, int quota)
{
	const struct intake_domain *domain = c->part->domain;
	struct backup *backup = node_backup(c->part->end->engine);
	size_t count = smx_envelope_recipients(c->envelope);
	struct books_mail mail = { .queue_id = c->split.part,
		.sender = smx_envelope_sender(c->envelope),
		.size = c->part->end->asking->message->size,
		.domain = domain->name,
		.state = domain->state,
		.hold = 1,
		.taken_ms = c->split.made_ms,
		.until_ms = c->split.until_ms,
		.quota = quota ? domain->policy->quota : 0,
		.quota_messages = quota ? domain->policy->quota_messages : 0,
		.count = count };
	const char **rcpts = calloc(count + 1, sizeof(*rcpts));
	int rc = SMX_ENOMEM;

	for (size_t i = 0; rcpts != NULL && i < count; i++)
		rcpts[i] = smx_envelope_recipient(c->envelope, i);
	mail.rcpts = rcpts;
	if (rcpts != NULL)
		rc = books_take(backup_books(backup), &mail);
	c->booked = rc == SMX_OK || rc == SMX_EUNSURE;
	free(rcpts);
	return rc;
}

/* ---- the whole ---- */

static int
protect(struct course *c)
{
	int rc = splitter_named(c->splitter, &c->split);

	if (rc == SMX_OK)
		rc = narrow(c);
	if (rc == SMX_OK)
		rc = is_waited_for(c) ? copy(c) : SMX_ETIMEOUT;
	if (rc == SMX_OK)
		rc = book(c, 1);
	if (rc == SMX_OK)
		rc = splitter_expect(c->splitter, &c->split);
	return rc;
}

/* It is in the MTA, and its recipients stay in the message: out with it.  What
 * cannot be removed is followed in the books, as a second copy. */
static void
take_back(struct course *c)
{
	int rc = splitter_erase(c->splitter, c->split.part,
	    clock_mono_ms() + TAKE_BACK_MS);

	if (rc == SMX_OK) {
		splitter_drop(c->splitter, &c->split);
		return;
	}
	if (!c->booked)
		(void)!book(c, 0);
	if (c->booked)
		splitter_drop(c->splitter, &c->split);
	splitter_kept(&c->split, "not_removed");
}

static void
log_off(const struct course *c)
{
	const struct earn_result *e = &c->earned;
	int bare = c->copied && e->ranks.count < e->wanted;
	struct log_line l;

	log_begin(&l, bare ? SMX_LOG_WARNING : SMX_LOG_INFO, c->split.original,
	    "backup-split");
	log_str(&l, "domain", c->split.domain);
	log_str(&l, "part", c->split.part);
	log_num(&l, "rcpts", (int64_t)smx_envelope_recipients(c->envelope));
	if (c->copied) {
		log_key(&l, "key", &e->key);
		log_num(&l, "copies", (int64_t)e->ranks.count);
	}
	if (bare)
		log_num(&l, "short", (int64_t)(e->wanted - e->ranks.count));
	log_num(&l, "delay_ms", clock_mono_ms() - c->began_ms);
	log_end(&l);
}

static void
log_failed(const struct course *c, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, c->split.original,
	    "backup-split-failed");
	log_str(&l, "domain", c->split.domain);
	log_str(&l, "part", c->split.part);
	log_err(&l, "reason", rc);
	log_end(&l);
}

/* Its session is over: what becomes of it the queue tells. */
static void
pass_on(const struct course *c)
{
	struct smx_engine *node = c->part->end->engine;

	if (!c->copied)
		return;
	engine_session_end(node_enter(node), &c->earned.key, node_now_ms());
	node_leave(node);
}

static int
run(struct course *c)
{
	int rc = prepare(c);

	if (rc == SMX_OK)
		rc = is_waited_for(c) ? splitter_begin(c->splitter, &c->split)
				      : SMX_ETIMEOUT;
	if (rc != SMX_OK)
		return rc;
	rc = submit(c);
	if (rc == SMX_EUNSURE)
		return rc; /* the next start finds it, if there is one */
	if (rc != SMX_OK) {
		splitter_drop(c->splitter, &c->split);
		return rc;
	}
	rc = protect(c);
	if (rc != SMX_OK)
		take_back(c);
	pass_on(c);
	return rc;
}

int
intake_part_off(const struct intake_part *part, unsigned char *taken)
{
	struct course c = { .part = part,
		.splitter = backup_splitter(node_backup(part->end->engine)),
		.began_ms = clock_mono_ms() };
	int rc = run(&c);

	for (size_t i = 0; rc == SMX_OK && i < part->count; i++)
		taken[i] = c.states[i] == SMX_RCPT_HANDED;
	if (rc == SMX_OK)
		log_off(&c);
	else
		log_failed(&c, rc);
	smx_envelope_free(&c.envelope);
	free(c.states);
	return rc;
}
