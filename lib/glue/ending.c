/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/ending.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/amend.h"
#include "core/placement.h"
#include "glue/backup_mark.h"
#include "glue/courier.h"
#include "glue/earn.h"
#include "glue/handover.h"
#include "glue/node.h"
#include "glue/resend.h"
#include "glue/undelivered.h"

#define NAMES_SIZE 512

static void
log_common(struct log_line *l, const struct message *message,
    const struct smx_envelope *envelope, const struct smx_verdict *verdict)
{
	log_num(l, "rcpts", (int64_t)smx_envelope_recipients(envelope));
	log_num(l, "size", (int64_t)message->size);
	log_num(l, "delay_ms", verdict->held_ms);
	log_str(l, "policy",
	    message->ack.policy == NULL ? "" : message->ack.policy);
}

static int
is_bare(enum smx_earned earned)
{
	return earned == SMX_EARNED_UNPROTECTED || earned == SMX_EARNED_SHORT;
}

/* Who has it, and what is missing. */
static void
log_copies(struct log_line *l, const struct smx_engine *engine,
    const struct earn_result *earned, const struct smx_verdict *verdict)
{
	char names[NAMES_SIZE];

	earn_names(engine, &earned->ranks, names, sizeof(names));
	log_key(l, "key", &verdict->key);
	log_str(l, "peer", names);
	log_num(l, "copies", verdict->copies);
	if (is_bare(verdict->earned))
		log_num(l, "short", verdict->wanted - verdict->copies);
}

static void
log_reason(struct log_line *l, const struct earn_result *earned)
{
	if (earned->asked == 0)
		log_str(l, "reason", "nobody-asked");
	else if (earned->last_error != SMX_OK)
		log_err(l, "reason", earned->last_error);
	else
		log_str(l, "reason", "nobody-left");
	if (earned->trouble_ms > 0)
		log_num(l, "trouble_ms", earned->trouble_ms);
}

static void
log_accepted(const struct ending *ending, const struct earn_result *earned,
    const struct handover *handover, const struct smx_verdict *verdict)
{
	static const char *const ack[] = {
		[SMX_EARNED_NOTHING] = "nothing",
		[SMX_EARNED_UNASKED] = "unasked",
		[SMX_EARNED_SHADOWED] = "shadowed",
		[SMX_EARNED_SHORT] = "short",
		[SMX_EARNED_UNPROTECTED] = "unprotected",
		[SMX_EARNED_RESENT] = "resent",
		[SMX_EARNED_DELIVERED] = "delivered",
	};
	int bare = is_bare(verdict->earned);
	struct log_line l;

	log_begin(&l, bare ? SMX_LOG_WARNING : SMX_LOG_INFO,
	    ending->message->queue_id, "acknowledged");
	log_str(&l, "ack", ack[verdict->earned]);
	if (earned != NULL)
		log_copies(&l, ending->engine, earned, verdict);
	if (handover != NULL)
		handover_log(handover, &l);
	log_common(&l, ending->message, ending->envelope, verdict);
	if (bare && earned != NULL)
		log_reason(&l, earned);
	log_end(&l);
}

static void
log_refused(const struct message *message, const struct smx_envelope *envelope,
    const char *reason, const struct earn_result *earned,
    const struct handover *handover, const struct smx_verdict *verdict)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, message->queue_id, "refused");
	log_str(&l, "code", verdict->code);
	log_str(&l, "reason", reason);
	handover_log(handover, &l);
	if (earned != NULL) {
		log_key(&l, "key", &verdict->key);
		log_num(&l, "asked", (int64_t)earned->asked);
		if (earned->ranks.count != 0)
			log_num(&l, "copies", (int64_t)earned->ranks.count);
		if (earned->last_error != SMX_OK)
			log_err(&l, "error", earned->last_error);
	}
	log_common(&l, message, envelope, verdict);
	log_end(&l);
}

/* One end of message, from the first look at it to its verdict. */
struct course {
	const struct ending *ending;
	struct smx_content content;
	char *envelope; /* text form */
	size_t envelope_len;
	int64_t began_ms;
	int registered; /* earned means something */
	int bare;       /* delivery alone was asked for, and has not come */
	struct earn_result earned;
	struct resend resend;
	struct handover handover;
	struct smx_ack ack; /* of those that are left */
	enum reply reply;
};

/* Without those that were taken before. */
static const struct smx_envelope *
envelope_of(const struct course *course)
{
	if (course->handover.rest != NULL)
		return course->handover.rest;
	return course->resend.rest != NULL && !course->handover.ran
		   ? course->resend.rest
		   : course->ending->envelope;
}

static int
prepare(struct course *course)
{
	const struct ending *ending = course->ending;
	int rc = message_end(ending->message, &course->content);

	if (rc != SMX_OK)
		course->reply = ending->message->fault;
	return rc;
}

static int
encode(struct course *course)
{
	int rc = smx_envelope_encode(envelope_of(course), &course->envelope,
	    &course->envelope_len);

	if (rc != SMX_OK)
		course->reply = REPLY_TROUBLE;
	return rc;
}

/* No member that is away: waiting and trying again do not help. */
static enum reply
no_copy(const struct smx_ack *ack)
{
	return placement_count(ack->holders) < ack->min_copies ? REPLY_CONFLICT
							       : REPLY_NO_COPY;
}

static int
ask(struct course *course, int room)
{
	const struct ending *ending = course->ending;
	const struct message *message = ending->message;
	struct earn_request request;
	struct smx_shadow *shadow = &request.shadow;
	int rc;

	memset(&request, 0, sizeof(request));
	request.engine = ending->engine;
	request.ack = &course->ack;
	request.ask = room;
	request.waiting = ending->waiting;
	request.waiting_ctx = ending->waiting_ctx;
	shadow->queue_id = message->queue_id;
	node_epoch(ending->engine, &shadow->epoch);
	shadow->envelope = course->envelope;
	shadow->envelope_len = course->envelope_len;
	shadow->recipients = smx_envelope_recipients(envelope_of(course));
	shadow->content = &course->content;
	request.envelope_sum =
	    amend_sum(course->envelope, course->envelope_len);
	request.hold_until_ms = backup_marked(envelope_of(course));
	memcpy(shadow->digest, message->digest, sizeof(shadow->digest));
	rc = earn(&request, &course->earned);
	course->registered = rc == SMX_OK;
	if (rc != SMX_OK)
		course->reply = rc == SMX_ELIMIT ? REPLY_BUSY : REPLY_TROUBLE;
	else if (course->earned.gave_up)
		course->reply = REPLY_GIVEN_UP;
	else if (course->earned.earned == SMX_EARNED_NOTHING && course->bare)
		course->reply = REPLY_NOT_DELIVERED;
	else if (course->earned.earned == SMX_EARNED_NOTHING)
		course->reply = room ? no_copy(&course->ack) : REPLY_BUSY;
	return rc;
}

/* Where nothing but delivery was asked for and it has not come, nobody is asked
 * for a copy; what the policy says to that is as for a copy that cannot be had.
 */
static int
only_delivery(struct course *course)
{
	if (course->ack.when != SMX_WHEN_DELIVERED)
		return 0;
	course->ack.when = SMX_WHEN_SHADOWED;
	course->ack.copies = course->ack.min_copies = 1;
	undelivered_begin(course->ending, course->handover.rcpts,
	    course->handover.count, &course->ack);
	return 1;
}

/* Nothing is left to be earned. */
static int
is_settled(const struct course *course)
{
	const struct handover *h = &course->handover;

	return course->reply != REPLY_NONE || resend_is_all(&course->resend) ||
	       (h->ran && (h->verdict.what != DELIVER_HOLD ||
			      h->verdict.wish.when == 0));
}

static void
hand_over(struct course *course)
{
	struct handover *h = &course->handover;

	handover_run(h, course->ending, &course->resend, &course->content,
	    course->began_ms);
	if (h->gave_up)
		course->reply = REPLY_GIVEN_UP;
	if (h->ran)
		undelivered_end(course->ending, h->rcpts, h->count);
	course->ack = h->ran ? h->verdict.wish : course->ending->message->ack;
}

/* What is new of it is held; nothing is when all was taken before. */
static int
take_in(struct course *course, int room)
{
	int rc;

	course->ack = course->ending->message->ack;
	if (room)
		resend_look(&course->resend, course->ending);
	if (course->resend.gave_up)
		course->reply = REPLY_GIVEN_UP;
	else if (room && !resend_is_all(&course->resend))
		hand_over(course);
	if (is_settled(course))
		return SMX_OK;
	course->bare = only_delivery(course);
	rc = encode(course);
	return rc == SMX_OK ? ask(course, room && !course->bare) : rc;
}

/* The ceiling on ends of message in progress: over it nobody is asked, and the
 * policy says whether that is a refusal or an unprotected message. */
static int
hold(struct course *course)
{
	const struct ending *ending = course->ending;
	int room = node_held_enter(ending->engine,
	    ending->message->conf->milter_max_held);
	int rc;

	if (room == SMX_ECLOSED) {
		course->reply = REPLY_STOPPING;
		return SMX_OK;
	}
	rc = take_in(course, room == SMX_OK);
	if (room == SMX_OK)
		node_held_leave(ending->engine,
		    clock_mono_ms() - course->began_ms);
	return rc;
}

/* An MTA that does not wait for the answer may be told to accept without one:
 * only the queue can tell. */
static void
pass_by(const struct ending *ending)
{
	struct engine *core = node_enter(ending->engine);

	engine_passed(core, ending->message->queue_id, node_now_ms());
	node_leave(ending->engine);
}

static void
accept_new(const struct course *course, struct smx_verdict *verdict)
{
	const struct earn_result *earned = &course->earned;
	struct ending ending = *course->ending;

	ending.envelope = envelope_of(course);
	verdict->accept = 1;
	verdict->earned = earned->earned;
	verdict->copies = (unsigned)earned->ranks.count;
	verdict->wanted = earned->wanted;
	log_accepted(&ending, earned, &course->handover, verdict);
	resend_note(&ending, &earned->key);
}

/* The client would come again with all its recipients, and nobody would know
 * whom the next hop has: one copy is the smaller harm.  One that cannot even be
 * registered is found in the queue. */
static void
accept_anyway(struct course *course, struct smx_verdict *verdict)
{
	course->reply = REPLY_NONE;
	course->ack.when = SMX_WHEN_SHADOWED;
	course->ack.copies = course->ack.min_copies = 1;
	course->ack.when_unprotected = SMX_UNPROTECTED_ACCEPT;
	if ((course->envelope != NULL || encode(course) == SMX_OK) &&
	    ask(course, 0) == SMX_OK && course->reply == REPLY_NONE) {
		verdict->key = course->earned.key;
		accept_new(course, verdict);
		return;
	}
	verdict->accept = 1;
	verdict->earned = SMX_EARNED_UNPROTECTED;
	log_accepted(course->ending, NULL, &course->handover, verdict);
	pass_by(course->ending);
}

/* In the next hop's words, if they are why. */
static void
refuse(struct course *course, struct smx_verdict *verdict)
{
	const struct ending *ending = course->ending;
	const char *reason = reply_words(course->reply)->reason;

	reply_refuse(course->reply, verdict);
	if ((course->reply == REPLY_NONE || course->reply == REPLY_NO_COPY ||
		course->reply == REPLY_NOT_DELIVERED) &&
	    handover_words(&course->handover, ending, verdict))
		reason = "next-hop";
	log_refused(ending->message, ending->envelope, reason,
	    course->registered ? &course->earned : NULL, &course->handover,
	    verdict);
}

static void
accept_without_copy(const struct course *course, struct smx_verdict *verdict)
{
	const struct handover *h = &course->handover;

	verdict->accept = 1;
	verdict->earned = SMX_EARNED_UNASKED;
	if (h->verdict.what == DELIVER_DISCARD)
		verdict->earned = h->verdict.taken != 0 ? SMX_EARNED_DELIVERED
							: SMX_EARNED_RESENT;
	log_accepted(course->ending, NULL, h, verdict);
}

static void
settle(struct course *course, struct smx_verdict *verdict)
{
	const struct ending *ending = course->ending;
	struct handover *h = &course->handover;
	int resent =
	    course->reply == REPLY_NONE && resend_is_all(&course->resend);
	int done =
	    course->reply == REPLY_NONE && h->ran &&
	    (h->verdict.what == DELIVER_DISCARD ||
		(h->verdict.what == DELIVER_HOLD && h->verdict.wish.when == 0));

	verdict->held_ms = clock_mono_ms() - course->began_ms;
	if (course->registered)
		verdict->key = course->earned.key;
	if (!resent && !done &&
	    (course->reply != REPLY_NONE || !course->registered)) {
		if (handover_may_refuse(h, ending))
			refuse(course, verdict);
		else
			accept_anyway(course, verdict);
		return;
	}
	resend_accepted(&course->resend, ending);
	if (resent) {
		verdict->accept = 1;
		verdict->earned = SMX_EARNED_RESENT;
		verdict->key = course->resend.question.first;
	} else if (done) {
		accept_without_copy(course, verdict);
	} else {
		accept_new(course, verdict);
	}
}

void
ending_unasked(const struct ending *ending, struct smx_verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	verdict->accept = 1;
	verdict->earned = SMX_EARNED_UNASKED;
	log_accepted(ending, NULL, NULL, verdict);
}

int
ending_run(const struct ending *ending, struct smx_verdict *verdict)
{
	struct message *message = ending->message;
	struct course course;
	int rc;

	memset(verdict, 0, sizeof(*verdict));
	if (message == NULL) {
		reply_refuse(REPLY_TROUBLE, verdict);
		return SMX_ESTATE;
	}
	/* No recipient was seen: nobody can have said that none is needed. */
	if (smx_envelope_recipients(ending->envelope) == 0)
		message->ack = message->conf->defaults;
	if (message->fault == REPLY_NONE && message->ack.when == 0) {
		ending_unasked(ending, verdict);
		return SMX_OK;
	}
	memset(&course, 0, sizeof(course));
	course.ending = ending;
	course.began_ms = clock_mono_ms();
	rc = prepare(&course);
	if (rc == SMX_OK)
		rc = hold(&course);
	settle(&course, verdict);
	if (verdict->accept)
		node_acknowledged(ending->engine, verdict->earned,
		    verdict->held_ms);
	handover_count(&course.handover, ending, verdict);
	if (course.reply == REPLY_GIVEN_UP)
		pass_by(ending);
	handover_free(&course.handover);
	resend_free(&course.resend);
	free(course.envelope);
	return verdict->code[0] == '5' ? SMX_OK : rc;
}
