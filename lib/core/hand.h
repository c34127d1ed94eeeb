/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HAND_H
#define CORE_HAND_H

#include <stddef.h>
#include <stdint.h>

/*
 * A message on hold whose time is over is handed to somebody else.  What its
 * file still names is of three kinds: who has it there by now (booked), who is
 * to get it there, and who is of another domain than the one that it was held
 * for, as a filter or the MTA added them.
 *
 * Once anybody is booked the file as a whole is nobody's any more: who is left
 * when the primary is up again gets a message of his own.
 */
enum hand_part { HAND_BOOKED = 0, HAND_OURS, HAND_OTHERS };

/* domain: of the books, in small letters; booked: amend_address() of them. */
enum hand_part hand_part_of(const char *rcpt, const char *domain,
    const uint64_t *booked, size_t count);

enum hand_step {
	HAND_DELIVER = 1, /* to hand_to, those that are ours */
	HAND_REST,        /* all that are left, as a message of their own */
	HAND_ERASE        /* nobody is left: the file goes */
};
/* whole: it is not to be handed (any more), the primary takes mail. */
enum hand_step hand_next(const unsigned char *parts, size_t count, int whole);

/*
 * Until the next attempt: tries is how many were in vain, lost how many of them
 * may have been taken.  Each of those may be a duplicate, so they soon become
 * rare.
 */
#define HAND_PAUSE_MS  INT64_C(4000)
#define HAND_PAUSE_MAX INT64_C(3600000)
#define HAND_LOST_MOST 3
#define HAND_LOST_MS   INT64_C(86400000)
#define HAND_REST_MS   INT64_C(30000) /* whole: the own MTA is asked */
int64_t hand_pause_ms(unsigned tries, unsigned lost);
/* A time further ahead than any pause is one of a clock that was wrong, or with
 * whole of the attempts before. */
int hand_is_due(int64_t next_ms, int64_t wall_ms, int whole);

#endif
