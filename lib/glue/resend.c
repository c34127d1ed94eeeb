/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/resend.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/node.h"

/* The queue's answer takes as long as a look at one file; what takes longer is
 * ordinary mail. */
#define WAIT_MS   5000
#define PAUSE_MS  5
#define SECOND_MS 20
#define LATER_MS  1000

void
struck_free(struct struck *struck)
{
	for (size_t i = 0; i < struck->count; i++)
		free(struck->rcpts[i]);
	free(struck->rcpts);
	memset(struck, 0, sizeof(*struck));
}

/* A message without a name of its own may be another one that says the same. */
static int
is_guarded(const struct ending *ending)
{
	const struct message *message = ending->message;

	return ending->struck != NULL && message->message_ids == 1 &&
	       message->queue_id[0] != '\0' &&
	       message->conf->milter_resend_guard_ms > 0;
}

static int
describe(struct resend *resend, const struct ending *ending)
{
	const struct message *message = ending->message;
	int rc = resend_describe(&resend->message, ending->envelope,
	    message->digest);

	if (rc != SMX_OK)
		return rc;
	resend->taken = calloc(resend->message.count, 1);
	if (resend->taken == NULL)
		return SMX_ENOMEM;
	resend->question.message = &resend->message;
	resend->question.min_copies = message->ack.min_copies;
	resend->question.taken = resend->taken;
	return SMX_OK;
}

static void
ask(struct resend *resend, const struct ending *ending)
{
	engine_resend_ask(node_enter(ending->engine), &resend->question,
	    node_now_ms());
	node_leave(ending->engine);
}

/* Within a quarter of the time there is: the rest is for the copies. */
static void
wait_for_queue(struct resend *resend, const struct ending *ending)
{
	int64_t most = ending->message->ack.max_delay_ms / 4;
	int64_t began = clock_mono_ms(), waited = 0, told = PAUSE_MS;

	if (most > WAIT_MS)
		most = WAIT_MS;
	while (resend->question.waiting != 0 && waited < most) {
		(void)poll(NULL, 0, PAUSE_MS);
		waited = clock_mono_ms() - began;
		if (ending->waiting != NULL && waited >= told) {
			told = waited < SECOND_MS
				   ? SECOND_MS
				   : waited - waited % LATER_MS + LATER_MS;
			if (ending->waiting(ending->waiting_ctx, waited) != 0) {
				resend->gave_up = 1;
				return;
			}
		}
		ask(resend, ending);
	}
	ending->message->ack.max_delay_ms -= waited;
}

static int
copy_head(struct smx_envelope *to, const struct smx_envelope *from)
{
	const char *const *params;
	size_t count = smx_envelope_mail_params(from, &params);
	int rc = SMX_OK;

	for (int f = 0; f < SMX_FIELDS && rc == SMX_OK; f++)
		rc = smx_envelope_set(to, (enum smx_field)f,
		    smx_envelope_get(from, (enum smx_field)f));
	if (rc == SMX_OK)
		rc = smx_envelope_mail(to, smx_envelope_sender(from), params,
		    count);
	return rc;
}

static int
leave_out(const struct resend *resend, const struct smx_envelope *from,
    struct smx_envelope **out)
{
	const char *const *params;
	size_t count = smx_envelope_recipients(from);
	int rc = smx_envelope_new(out, count);

	if (rc == SMX_OK)
		rc = copy_head(*out, from);
	for (size_t i = 0; i < count && rc == SMX_OK; i++) {
		size_t n = smx_envelope_rcpt_params(from, i, &params);

		if (!resend->taken[i])
			rc = smx_envelope_rcpt(*out,
			    smx_envelope_recipient(from, i), params, n);
	}
	return rc;
}

static int
strike(const struct resend *resend, const struct ending *ending)
{
	struct struck *struck = ending->struck;

	struck->rcpts = calloc(resend->question.count, sizeof(*struck->rcpts));
	if (struck->rcpts == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < resend->message.count; i++) {
		if (!resend->taken[i])
			continue;
		struck->rcpts[struck->count] =
		    strdup(smx_envelope_recipient(ending->envelope, i));
		if (struck->rcpts[struck->count] == NULL)
			return SMX_ENOMEM;
		struck->count++;
	}
	return SMX_OK;
}

void
resend_look(struct resend *resend, const struct ending *ending)
{
	int rc;

	if (!is_guarded(ending) || describe(resend, ending) != SMX_OK)
		return;
	ask(resend, ending);
	wait_for_queue(resend, ending);
	if (resend->gave_up || resend->question.count == 0)
		return;
	rc = strike(resend, ending);
	if (rc == SMX_OK && !resend_is_all(resend))
		rc = leave_out(resend, ending->envelope, &resend->rest);
	if (rc == SMX_OK)
		return;
	struck_free(ending->struck);
	smx_envelope_free(&resend->rest);
	resend->question.count = 0;
}

int
resend_is_all(const struct resend *resend)
{
	return resend->message.count != 0 && !resend->gave_up &&
	       resend->question.count == resend->message.count;
}

static void
log_resend(const struct resend *resend, const struct ending *ending)
{
	const struct resend_question *q = &resend->question;
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, ending->message->queue_id, "resend");
	log_key(&l, "key", &q->first);
	log_str(&l, "first", q->first_id);
	log_num(&l, "rcpts", (int64_t)q->count);
	log_num(&l, "left", (int64_t)(resend->message.count - q->count));
	log_end(&l);
}

void
resend_accepted(const struct resend *resend, const struct ending *ending)
{
	if (resend->question.count == 0)
		return;
	engine_resend_kept_out(node_enter(ending->engine), &resend->question);
	node_leave(ending->engine);
	log_resend(resend, ending);
}

void
resend_note(const struct ending *ending, const struct smx_key *key)
{
	const struct message *message = ending->message;
	struct resend_message m;

	if (!is_guarded(ending) ||
	    resend_describe(&m, ending->envelope, message->digest) != SMX_OK)
		return;
	engine_resend_note(node_enter(ending->engine), key, &m,
	    message->conf->milter_resend_guard_ms, node_now_ms());
	node_leave(ending->engine);
	resend_message_free(&m);
}

void
resend_free(struct resend *resend)
{
	smx_envelope_free(&resend->rest);
	resend_message_free(&resend->message);
	free(resend->taken);
	resend->taken = NULL;
}
