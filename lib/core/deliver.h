/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_DELIVER_H
#define CORE_DELIVER_H

#include <stddef.h>

#include <shadowmx/policy.h>

/*
 * What a message's client is told when its recipients' next hops have had
 * their say, each for itself:
 *
 *	all taken                        discard it, yes
 *	all refused for good             no, in the words of the first
 *	anything else                    strike those that were taken; for the
 *	                                 rest the right to say yes is earned by
 *	                                 what their policies allow next
 *
 * Nobody is left out of the message but who was taken, and once anybody was, no
 * 4xx goes out before that is written down: the client would send the message
 * again to all of them.
 */
enum deliver_outcome {
	DELIVER_NOT_ASKED = 1, /* the policy does not say "delivered" */
	DELIVER_GIVEN_UP,      /* nobody has it, nobody has refused it */
	DELIVER_TAKEN,
	DELIVER_KNOWN, /* an earlier attempt was taken, and that is known for
			* as long as the client may come again */
	DELIVER_NO,    /* refused for good, with words */
	DELIVER_TEMP,  /* refused for now, with words */
	DELIVER_UNSURE /* it may have been taken */
};

struct deliver_rcpt {
	enum deliver_outcome outcome;
	const struct smx_ack *ack; /* as the policy says it, "delivered" too */
};

enum deliver_what {
	DELIVER_DISCARD = 1, /* nobody is left */
	DELIVER_REFUSE,      /* with the words of recipient `words` */
	DELIVER_HOLD         /* for those that are not struck out */
};

struct deliver_verdict {
	enum deliver_what what;
	size_t words; /* whose; with HOLD: of one whose 4xx may be said when the
		       * rest is refused; DELIVER_NO_WORDS: nobody's */
	size_t taken, known, rest;
	size_t unsure;
	/* HOLD: the wish of the rest.  when == 0: nothing is asked for it;
	 * SMX_WHEN_DELIVERED: nothing else was to be earned and this has not
	 * been, so that when_unprotected decides. */
	struct smx_ack wish;
	int book; /* before a 4xx those that were taken are to be written down
		   */
};
#define DELIVER_NO_WORDS ((size_t)-1)

/* strike: one per recipient, filled in. */
void deliver_decide(const struct deliver_rcpt *rcpts, size_t count,
    struct deliver_verdict *out, unsigned char *strike);

/* The rest was refused.  Zero: it has to be accepted all the same, with one
 * copy; booked: served_book_add said that it is written. */
int deliver_may_refuse(const struct deliver_verdict *verdict, int booked);

#endif
