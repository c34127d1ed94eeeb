/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HANDOVER_H
#define GLUE_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "core/deliver.h"
#include "core/resend.h"
#include "glue/delivery.h"
#include "glue/ending.h"
#include "glue/resend.h"

/*
 * The next hops' part of one end of message: who is known to have been served,
 * who is delivered to now, and what that leaves to be earned, and for whom.
 */
struct handover {
	int ran; /* all below means something; else nobody was asked */
	struct deliver_verdict verdict;
	struct smx_envelope *rest; /* without those that are struck out; NULL:
				    * all are left, or nobody is */
	int gave_up;               /* the MTA did */
	struct deliver_rcpt *rcpts;
	size_t count;
	/* handover.c only */
	struct resend_message message;
	struct smx_ack *acks;
	unsigned char *strike, *known, *taken;
	size_t again; /* known from the book */
	struct delivery_report report;
};

/* All zero before.  resend: what the guard has struck out, which stays so.  The
 * wish in verdict.wish has less time, by what this took. */
void handover_run(struct handover *handover, const struct ending *ending,
    const struct resend *resend, const struct smx_content *content,
    int64_t began_ms);
/* Before a 4xx: those that were taken are written down.  Zero: they are not,
 * and it must not go out. */
int handover_may_refuse(struct handover *handover, const struct ending *ending);
/* In the words of the next hop that refused; zero: none has any. */
int handover_words(const struct handover *handover, const struct ending *ending,
    struct smx_verdict *verdict);
/* Members of a log line; nothing when nobody was asked. */
void handover_log(const struct handover *handover, struct log_line *l);
/* The message was answered so: count it. */
void handover_count(const struct handover *handover,
    const struct ending *ending, const struct smx_verdict *verdict);
void handover_free(struct handover *handover);

/* A next hop's answer as the MTA can be given it: a code that refuses one
 * command, and an enhanced code of the same class or none. */
void handover_reply(const struct hop_answer *answer,
    struct smx_verdict *verdict);

#endif
