/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lease: a primary that may have been given up begins no delivery
 * (on_isolation = "hold", doc/STATES 3).
 *
 * Time is counted in heartbeats, the same for all; a heartbeat may be under way
 * for DEADLINE of them in either direction, and each direction may be cut.  The
 * one holder takes over when it has heard nothing for TAKEOVER.  The primary
 * counts from when it sent the last heartbeat that was answered.
 *
 * A delivery that runs is not stopped: what counts is when it was begun.
 * PAUSES=n: the host stands still for some time, and its MTA wakes with it.
 */
#include "common.pml"

/* the rules that can be broken */
#define NO_LEASE 1         /* delivers whoever hears it */
#define FROM_ANSWER 2      /* counts from when the answer came in */
#define LEASE_LATE 3       /* ends when the holder's time does */
#define LIFT_FIRST 4       /* delivers again before LIST was read */
#define LIST_OLD 5         /* a LIST from before the silence is as good */
#define NEVER_LIFTED 6     /* heard again, and still on hold */

#define TAKEOVER 7
#define LEASE 5            /* TAKEOVER less two heartbeats */
#define DEADLINE 2
#define END 24             /* the last heartbeat that is counted */
#define CALM 9             /* so many at the end are without trouble */

byte now_is;
bool cut_to, cut_back;
byte delivered;
/* primary */
#define FREE 1
#define ON_HOLD 2
byte pf = FREE;
bool pact, paused;
byte sent_ago;             /* since the last answered heartbeat was sent */
bool isolated, listed = 1, taken;
/* the heartbeat under way: 0, 1 going, 2 heard, 3 lost */
byte beat, age;
/* holder */
#define SHADOW 2
#define CLAIMED 3
#define DONE 8
#define GONE 6
byte row = SHADOW;
byte heard_ago;
byte pauses;

#define TROUBLE (now_is < END - CALM)
#define ENDS (BROKEN(LEASE_LATE) -> TAKEOVER + 1 : LEASE)
#define OVER (sent_ago >= ENDS && !BROKEN(NO_LEASE))
/* what has to be done before time goes on */
#define DUE ((OVER && (pf == FREE || !isolated) && pf != 0 && !paused) || \
	(beat == 1 && age == DEADLINE) || \
	(beat == 2 && age == DEADLINE && !paused) || (!TROUBLE && (beat == 1 || beat == 2 || (isolated && !OVER) || \
	 (heard_ago >= TAKEOVER && row == SHADOW))))

proctype Clock()
{
end:	do
	:: atomic { now_is < END && !DUE ->
		now_is++;
		sent_ago = (sent_ago < 9 -> sent_ago + 1 : 9);
		heard_ago = (heard_ago < 9 -> heard_ago + 1 : 9);
		age = (beat != 0 -> age + 1 : 0);
		/* over once more: what LIST said before proves nothing */
		if
		:: OVER && isolated && !BROKEN(LIST_OLD) -> listed = 0
		:: else
		fi;
		if
		:: beat != 0 && age > DEADLINE -> beat = 0; age = 0
		:: else
		fi;
		if
		:: beat == 0 && !paused -> beat = 1; age = 0
		:: else
		fi;
		if
		:: !TROUBLE -> cut_to = 0; cut_back = 0; paused = 0
		:: else
		fi }
	od
}

proctype Net()
{
end:	do
	:: atomic { beat == 1 && !cut_to -> beat = 2; heard_ago = 0 }
	:: atomic { beat == 1 && cut_to -> beat = 3 }
	:: atomic { beat == 2 && cut_back -> beat = 3 }
	:: atomic { beat == 2 && !cut_back && !paused ->
		sent_ago = (BROKEN(FROM_ANSWER) -> 0 :
			(age < sent_ago -> age : sent_ago));
		beat = 0; age = 0 }
	od
}

proctype Primary()
{
end:	do
	:: atomic { pf == FREE && !pact && delivered < 3 && now_is >= 1 ->
		pact = 1;
		if :: row != SHADOW && row != GONE -> doubled = 1 :: else fi }
	:: atomic { pact -> pact = 0;
		if :: delivered++; pf = 0
		:: TROUBLE -> skip               /* put off */
		fi }
	/* isolated */
	:: atomic { OVER && !isolated && !paused -> isolated = 1;
		if :: BROKEN(LIST_OLD) :: else -> listed = 0 fi }
	:: atomic { isolated && pf == FREE && !paused -> pf = ON_HOLD }
	/* heard again: first what the holder has taken over, then the rest */
	:: atomic { isolated && !OVER && !listed && !cut_to && !cut_back && !paused ->
		listed = 1; heard_ago = 0; taken = (row != SHADOW) }
	:: atomic { isolated && !OVER && !paused &&
		(listed || BROKEN(LIFT_FIRST)) && !BROKEN(NEVER_LIFTED) ->
		isolated = 0;
		if
		:: pf == ON_HOLD && !taken -> pf = FREE
		:: else
		fi }
	/* not isolated: LIST shows what was taken over at any time */
	:: atomic { !cut_to && !cut_back && !paused && !taken && pf != 0 &&
		(row == CLAIMED || row == DONE) && !OVER && !isolated -> taken = 1;
		pf = ON_HOLD }
	:: atomic { taken && row == DONE && pf == ON_HOLD && !cut_to && !cut_back ->
		pf = 0 }
	od
}

proctype Holder()
{
end:	do
	:: atomic { row == SHADOW && heard_ago >= TAKEOVER -> row = CLAIMED }
	:: atomic { row == CLAIMED -> delivered++; row = DONE }
	:: atomic { pf == 0 && !pact && !cut_to && (row == SHADOW || row == DONE) ->
		row = GONE }
	od
}

proctype Faults()
{
	do
	:: atomic { cuts > 0 && TROUBLE && !cut_to -> cuts--; cut_to = 1 }
	:: atomic { cuts > 0 && TROUBLE && !cut_back -> cuts--; cut_back = 1 }
	:: atomic { cut_to -> cut_to = 0 }
	:: atomic { cut_back -> cut_back = 0 }
	/* the MTA does not run either, but it wakes first */
	:: atomic { pauses > 0 && TROUBLE && !pact -> pauses--; paused = 1 }
	:: atomic { paused -> paused = 0 }
	:: break
	od
}

proctype Claims()
{
end:	do
	:: atomic { ALL_CLAIMS && (doubled || delivered > bound) ->
		doubled = 1; assert(!doubled) }
	:: atomic { ALL_CLAIMS && timeout -> stuck = (now_is < END || delivered == 0 || pf != 0);
		assert(!stuck); break }
	od
}

init {
	atomic {
		given_faults();
		c_code { now.pauses = given("PAUSES", 0); }
		run Clock(); run Net(); run Primary(); run Holder(); run Faults();
		run Claims()
	}
}
