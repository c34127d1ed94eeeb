/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RESEND_H
#define GLUE_RESEND_H

#include <stddef.h>
#include <stdint.h>

#include "core/resend.h"
#include "glue/ending.h"
#include "glue/struck.h"

/*
 * The resend guard at one end of message: which of its recipients the MTA has
 * been given before, and what is left of the envelope without them.
 */
struct resend {
	struct resend_message message;
	struct resend_question question;
	unsigned char *taken;
	struct smx_envelope *rest; /* NULL: all is as it was, or nobody left */
	int gave_up;               /* the MTA did */
};

/* All zero before.  Who is to be struck out goes into ending->struck.  What
 * cannot be found out, for want of memory too, leaves the message as it is.
 * Waits for the queue, for a part of max_delay. */
void resend_look(struct resend *resend, const struct ending *ending);
/* Nobody is left. */
int resend_is_all(const struct resend *resend);
/* The rest is accepted, or nothing is left: what was struck out is counted and
 * goes into the log. */
void resend_accepted(const struct resend *resend, const struct ending *ending);
/* Remember this attempt, for the next ones. */
void resend_note(const struct ending *ending, const struct smx_key *key);
void resend_free(struct resend *resend);

#endif
