/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resend guard: a client that got no 250 sends again, and what is there
 * already is not taken a second time.
 *
 * The first attempt is for A, the second for A and B.  The guard answers for A
 * of the second attempt in the place of the first, and takes only B.
 * DELETES=n: an operator deletes the first from the queue.
 * UNPROTECTED=1: the first attempt may be accepted without a copy.
 */
#include "common.pml"

/* the rules that can be broken */
#define HELD_PROVES 1      /* held and accepted is proof of the commit */
#define ATTRIB_PROVES 2    /* so is the mode of a file that is not synced */
#define ENDED_ANYHOW 3     /* an end that is not "sent" counts */
#define WHOLE_MESSAGE 4    /* the second attempt is taken for the first as a whole */
#define UNPROTECTED_TOO 5  /* the first counts although it has no copy */
#define SHADOW_PROVES 6    /* a copy at the holder is proof of the commit */
#define NO_GUARD 7         /* there is none */

#define A 1
#define B 2
byte owed;                       /* the client was told yes for these */
byte delivered[2];
/* primary: durable */
bool pq1;
byte pq2;                        /* recipients in the file of the second */
/* primary: volatile */
bool p_up = 1, p_lost;
byte st1, st2;                   /* 0 idle 1 HOLDING 2 ANSWERED 3 written
                                    4 committed 5 250 sent 9 gone */
bool pcopy1, pcopy2;             /* the holder has confirmed */
byte rc2;
bool proof;                      /* the commit of the first was seen */
byte ended;                      /* the first: 1 sent, 2 deleted */
bool psent1, fired, clean = 1;
bool answered;                   /* the client has the 250 of the first */
bool due;                        /* the guard had what it needs */
/* holder: durable */
bool hs1;
byte hs2;
byte deletes;
bool unprotected;

#define FIRES ((proof || (BROKEN(HELD_PROVES) && st1 >= 2 && st1 <= 5) || \
	(BROKEN(ATTRIB_PROVES) && st1 >= 3 && st1 <= 5) || \
	(BROKEN(SHADOW_PROVES) && pcopy1)) && \
	(ended == 1 || (ended == 2 && BROKEN(ENDED_ANYHOW)) || (ended == 0 && \
	 (pcopy1 || BROKEN(UNPROTECTED_TOO)))) && !BROKEN(NO_GUARD))
#define MUST (proof && (ended == 1 || (ended == 0 && pcopy1)))
#define HAS(mask, r) ((mask & r) != 0)
#define KEPT_A (!HAS(owed, A) || delivered[0] > 0 || (!p_lost && (pq1 || \
	HAS(pq2, A))) || hs1 || HAS(hs2, A))
#define KEPT_B (!HAS(owed, B) || delivered[1] > 0 || (!p_lost && HAS(pq2, B)) || \
	HAS(hs2, B))

proctype First()
{
end:	do
	:: atomic { p_up && st1 == 0 -> st1 = 1 }
	:: atomic { st1 == 1 -> hs1 = 1; pcopy1 = 1; st1 = 2 }
	:: atomic { st1 == 1 && unprotected -> st1 = 2 }
	:: atomic { st1 == 2 -> st1 = 3 }
	:: atomic { st1 == 2 -> st1 = 9 }        /* cleanup died */
	:: atomic { st1 == 3 -> st1 = 4; pq1 = 1 }
	:: atomic { st1 == 3 -> st1 = 9 }        /* disk full */
	:: atomic { st1 == 4 && !proof -> proof = 1 }
	/* the 250 comes in, or the connection is gone */
	:: atomic { st1 == 4 -> st1 = 5;
		if
		/* without a copy it is answered for, and counted as such */
		:: answered = 1; owed = (pcopy1 -> owed | A : owed)
		:: skip
		fi }
	/* the session has ended, and there is no file */
	:: atomic { p_up && clean && st1 == 9 && !pq1 && hs1 -> hs1 = 0 }
	:: atomic { p_up && pq1 && !psent1 && st1 != 3 -> delivered[0]++;
		psent1 = 1 }
	:: atomic { p_up && pq1 && psent1 -> pq1 = 0; ended = 1; hs1 = 0 }
	/* who deletes what has been answered for has decided */
	:: atomic { p_up && pq1 && !psent1 && deletes > 0 -> deletes--; pq1 = 0;
		ended = 2; hs1 = 0; pcopy1 = 0;
		if
		:: fired -> owed = owed & ~A; rc2 = rc2 | 4
		:: else -> owed = owed & ~A
		fi }
	od
}

proctype Second()
{
	byte want;
end:	do
	/* sends again when it has no 250 */
	:: atomic { p_up && st2 == 0 && st1 > 1 && !answered ->
		due = MUST;
		st2 = 1;
		if
		:: FIRES -> fired = 1; rc2 = (BROKEN(WHOLE_MESSAGE) -> 0 : B)
		:: else -> rc2 = A + B
		fi }
	:: atomic { st2 == 1 && (rc2 & 3) == 0 -> owed = owed | A | B; st2 = 9 }
	:: atomic { st2 == 1 && (rc2 & 3) != 0 -> hs2 = rc2 & 3; pcopy2 = 1; st2 = 2 }
	:: atomic { st2 == 2 -> st2 = 4; pq2 = rc2 & 3 }
	:: atomic { st2 == 2 -> st2 = 9 }
	:: atomic { st2 == 4 -> st2 = 5;
		owed = owed | B | (fired && HAS(rc2, 4) -> 0 : A) }
	:: atomic { p_up && pq2 != 0 ->
		if :: HAS(pq2, A) -> delivered[0]++ :: else fi;
		delivered[1]++; pq2 = 0; hs2 = 0 }
	od
}

/* the holder takes over when the primary is lost */
proctype Hold()
{
end:	do
	:: atomic { p_lost && hs1 -> hs1 = 0; delivered[0]++ }
	:: atomic { p_lost && hs2 != 0 ->
		if :: HAS(hs2, A) -> delivered[0]++ :: else fi;
		delivered[1]++; hs2 = 0 }
	od
}

inline stop()
{
	p_up = 0; psent1 = 0; proof = 0; fired = 0; ended = 0;
	st1 = (st1 > 0 -> 9 : 0);
	st2 = (st2 > 0 -> 9 : 0);
	pcopy1 = 0; clean = 0
}

proctype Faults()
{
	do
	:: atomic { crashes > 0 && p_up -> crashes--; stop() }
	:: atomic { disasters > 0 && !p_lost -> disasters--; stop(); p_lost = 1;
		pq1 = 0; pq2 = 0 }
	:: break
	od
}

proctype Restart()
{
end:	do
	:: atomic { !p_up && !p_lost -> p_up = 1 }
	od
}

proctype Claims()
{
end:	do
	:: atomic { !KEPT_A || !KEPT_B -> lost = 1; assert(!lost) }
	:: atomic { ALL_CLAIMS && (delivered[0] > bound || delivered[1] > bound ||
		(due && !p_lost && clean && delivered[0] > 1)) ->
		doubled = 1;
		assert(!doubled) }
	:: atomic { ALL_CLAIMS && timeout -> stuck = ((HAS(owed, A) && delivered[0] == 0) ||
		(HAS(owed, B) && delivered[1] == 0)); assert(!stuck); break }
	od
}

init {
	atomic {
		given_faults();
		c_code {
			now.deletes = given("DELETES", 0);
			now.unprotected = given("UNPROTECTED", 0);
		}
		run First(); run Second(); run Hold(); run Faults(); run Restart();
		run Claims()
	}
}
