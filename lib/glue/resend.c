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
	rc = struck_set(ending->struck, ending->envelope, resend->taken,
	    &resend->rest);
	if (rc != SMX_OK)
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
