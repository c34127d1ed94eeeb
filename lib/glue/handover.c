/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/handover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/asking.h"
#include "glue/node.h"

/* Least that a copy is given, whatever delivering took. */
#define COPY_MS 50

void
handover_free(struct handover *h)
{
	smx_envelope_free(&h->rest);
	resend_message_free(&h->message);
	free(h->rcpts);
	free(h->acks);
	free(h->strike);
	free(h->known);
	free(h->taken);
	memset(h, 0, sizeof(*h));
}

/* ---- who is who ---- */

static int
is_wanted(const struct ending *ending)
{
	return ending->struck != NULL && ending->asking != NULL &&
	       smx_envelope_recipients(ending->envelope) != 0 &&
	       (ending->delivery != NULL ||
		   courier_has_served(node_courier(ending->engine)));
}

/* A message without a name of its own may be another one that says the same:
 * what is known of one is not held against the other. */
static int
has_name(const struct ending *ending)
{
	return ending->message->message_ids == 1;
}

static int
make(struct handover *h, const struct ending *ending)
{
	h->count = smx_envelope_recipients(ending->envelope);
	h->rcpts = calloc(h->count, sizeof(*h->rcpts));
	h->acks = calloc(h->count, sizeof(*h->acks));
	h->strike = calloc(h->count, 1);
	h->known = calloc(h->count, 1);
	h->taken = calloc(h->count, 1);
	if (h->rcpts == NULL || h->acks == NULL || h->strike == NULL ||
	    h->known == NULL || h->taken == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < h->count; i++) {
		int rc = asking_one(ending->asking,
		    smx_envelope_recipient(ending->envelope, i),
		    ending->message->size, &h->acks[i]);

		if (rc != SMX_OK)
			return rc;
		h->rcpts[i].ack = &h->acks[i];
		h->rcpts[i].outcome =
		    (h->acks[i].when & SMX_WHEN_DELIVERED) != 0
			? DELIVER_GIVEN_UP
			: DELIVER_NOT_ASKED;
	}
	return SMX_OK;
}

/* More recipients than are remembered: nobody is known, and nothing can be
 * written down. */
static void
look(struct handover *h, const struct ending *ending,
    const struct resend *resend)
{
	if (has_name(ending) && resend_describe(&h->message, ending->envelope,
				    ending->message->digest) == SMX_OK)
		h->again = courier_look(node_courier(ending->engine),
		    &h->message, h->known);
	for (size_t i = 0; i < h->count; i++)
		if (h->known[i] ||
		    (resend->question.count != 0 && resend->taken[i]))
			h->rcpts[i].outcome = DELIVER_KNOWN;
}

/* ---- the next hops ---- */

static int
may_shadow(const struct handover *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->rcpts[i].outcome != DELIVER_KNOWN &&
		    (h->acks[i].when & SMX_WHEN_SHADOWED) != 0)
			return 1;
	return 0;
}

static void
deliver(struct handover *h, const struct ending *ending,
    const struct smx_content *content, int64_t began_ms)
{
	const struct message *message = ending->message;
	struct delivery_content c = { .conf = message->conf,
		.node = message->conf->node,
		.queue_id = message->queue_id,
		.content = content,
		.began_ms = began_ms,
		.max_delay_ms = message->ack.max_delay_ms,
		.copies = may_shadow(h),
		.rcpts = h->rcpts,
		.count = h->count,
		.waiting = ending->waiting,
		.waiting_ctx = ending->waiting_ctx };

	delivery_run(ending->delivery, &c, &h->report);
	h->gave_up = h->report.gave_up;
}

static void
take_time(struct handover *h, int64_t began_ms)
{
	int64_t left =
	    h->verdict.wish.max_delay_ms - (clock_mono_ms() - began_ms);

	h->verdict.wish.max_delay_ms = left < COPY_MS ? COPY_MS : left;
}

void
handover_run(struct handover *h, const struct ending *ending,
    const struct resend *resend, const struct smx_content *content,
    int64_t began_ms)
{
	if (!is_wanted(ending) || make(h, ending) != SMX_OK)
		return;
	look(h, ending, resend);
	if (ending->delivery == NULL && h->again == 0)
		return;
	if (ending->delivery != NULL)
		deliver(h, ending, content, began_ms);
	deliver_decide(h->rcpts, h->count, &h->verdict, h->strike);
	for (size_t i = 0; i < h->count; i++)
		h->taken[i] = h->rcpts[i].outcome == DELIVER_TAKEN;
	h->ran = 1;
	if (h->verdict.what != DELIVER_HOLD)
		return;
	take_time(h, began_ms);
	/* Those that cannot be struck out for want of memory get it twice. */
	if (struck_set(ending->struck, ending->envelope, h->strike, &h->rest) !=
	    SMX_OK)
		h->rest = NULL;
}

int
handover_may_refuse(struct handover *h, const struct ending *ending)
{
	struct courier *courier = node_courier(ending->engine);
	struct log_line l;
	int rc = SMX_ELIMIT;

	if (!h->ran || !h->verdict.book)
		return 1;
	if (h->message.count != 0)
		rc = courier_book(courier, &h->message, h->taken);
	if (deliver_may_refuse(&h->verdict, rc == SMX_OK))
		return 1;
	courier_count(courier, COURIER_UNBOOKED, 1);
	log_begin(&l, SMX_LOG_ERR, ending->message->queue_id, "not-booked");
	log_num(&l, "delivered", (int64_t)h->verdict.taken);
	log_err(&l, "result", rc);
	log_end(&l);
	return 0;
}

/* ---- words ---- */

static int
is_class(const char *enhanced, int code)
{
	return enhanced[0] == '0' + code / 100 && enhanced[1] == '.';
}

void
handover_reply(const struct hop_answer *a, struct smx_verdict *verdict)
{
	int code = a->code;

	/* 421 would end the client's session, and what is no refusal of a
	 * recipient cannot be one here. */
	if (a->class == HOP_TEMP && (code < 400 || code > 499 || code == 421))
		code = 451;
	if (a->class == HOP_NO && (code < 500 || code > 599))
		code = 554;
	verdict->accept = 0;
	verdict->earned = SMX_EARNED_NOTHING;
	(void)snprintf(verdict->code, sizeof(verdict->code), "%03d",
	    code % 1000);
	(void)text_copy(verdict->enhanced, sizeof(verdict->enhanced),
	    is_class(a->enhanced, code) ? a->enhanced
	    : a->class == HOP_NO        ? "5.0.0"
					: "4.0.0");
	(void)text_copy(verdict->text, sizeof(verdict->text),
	    a->text[0] != '\0' ? a->text : "Refused by the next hop");
}

int
handover_words(const struct handover *h, const struct ending *ending,
    struct smx_verdict *verdict)
{
	const struct hop_answer *a = NULL;

	if (h->ran && h->verdict.words != DELIVER_NO_WORDS &&
	    ending->delivery != NULL)
		a = delivery_words(ending->delivery, h->verdict.words);
	if (a == NULL)
		return 0;
	handover_reply(a, verdict);
	return 1;
}

/* ---- log and counters ---- */

void
handover_log(const struct handover *h, struct log_line *l)
{
	if (!h->ran || h->report.next_hop[0] == '\0')
		return;
	log_str(l, "next_hop", h->report.next_hop);
	log_num(l, "delivered", (int64_t)h->verdict.taken);
	log_num(l, "rest", (int64_t)h->verdict.rest);
	if (h->report.connect_ms >= 0)
		log_num(l, "connect_ms", h->report.connect_ms);
	if (h->report.rcpt_ms >= 0)
		log_num(l, "rcpt_ms", h->report.rcpt_ms);
	if (h->report.data_ms >= 0)
		log_num(l, "data_ms", h->report.data_ms);
}

static void
log_unsure(const struct handover *h, const struct ending *ending)
{
	struct log_line l;

	if (h->verdict.unsure == 0)
		return;
	log_begin(&l, SMX_LOG_WARNING, ending->message->queue_id, "unsure");
	log_str(&l, "next_hop", h->report.next_hop);
	log_num(&l, "rcpts", (int64_t)h->verdict.unsure);
	log_end(&l);
}

void
handover_count(const struct handover *h, const struct ending *ending,
    const struct smx_verdict *verdict)
{
	struct courier *courier = node_courier(ending->engine);
	size_t late = 0;

	if (!h->ran)
		return;
	for (size_t i = 0; i < h->count; i++)
		late += h->rcpts[i].outcome == DELIVER_GIVEN_UP;
	courier_count(courier, COURIER_LATE, late);
	courier_count(courier, COURIER_RCPTS, h->verdict.taken);
	courier_count(courier, COURIER_UNSURE, h->verdict.unsure);
	courier_count(courier, COURIER_AGAIN, h->again);
	courier_count(courier, COURIER_MESSAGES,
	    verdict->accept && verdict->earned == SMX_EARNED_DELIVERED);
	courier_count(courier, COURIER_PARTS,
	    h->verdict.taken != 0 && h->verdict.rest != 0);
	courier_count(courier, COURIER_REFUSED,
	    !verdict->accept && h->verdict.words != DELIVER_NO_WORDS);
	log_unsure(h, ending);
}
