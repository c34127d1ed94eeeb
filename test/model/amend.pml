/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the MTA has committed is not what the milter saw, and changes (AMEND,
 * doc/STATES 1).
 *
 * The client was told yes for A and B.  A filter behind the milter struck out B
 * and added C; later the MTA has served some, a person redirects the message to
 * D, holds it or releases it.  The primary reads its file now and then and tells
 * the one holder; versions are heard never, late, twice or in another order.
 *
 * What the holder has not confirmed, as a shadow, is not owed by it: the limit of
 * the promise that doc/STATES names.
 *
 * CHANGES=n: how often the message is redirected, held or released.
 */
#include "common.pml"

/* the rules that can be broken */
#define LATE_OVERRIDES 1   /* a version that is not above the last counts */
#define AMEND_IGNORED 2    /* confirmed, and resubmitted as it was */
#define HELD_IGNORED 3     /* held there, and delivered by a takeover */
#define VERSION_RESTART 4  /* versions begin anew with the daemon */
#define READ_BOUNCED 5     /* reads a file whose bounce is not sent yet */
#define CONFIRM_TAKEN 6    /* told to a row that is taken over: counts as told */
#define CONFIRM_VOLATILE 7 /* confirmed before it is durable */
#define NOT_TOLD_AGAIN 8   /* after the daemon's restart nothing is told */
#define FORGET_CHANGE 9    /* what changes after the first read is not told */

#define A 1
#define B 2
#define C 4
#define D 8
#define HELD 16
#define RCPTS 15
#define UNREAD 255
#define VERSIONS 4

byte delivered[4];
bool cut;
/* network: never cleared */
byte said[VERSIONS];
bool n_amend[VERSIONS], n_confirmed[VERSIONS], n_disc;

/* primary: durable */
bool pf = 1;
byte popen = A + C;
bool pbounce;                    /* C is marked as done, its notice not sent */
/* primary: volatile */
bool p_up = 1, p_lost, prest;
byte psent, ptold = A + B, pver;
byte owed = A + C;               /* by the promise, wherever it is */

/* holder: durable */
#define SHADOW 2
#define TAKEN 3
#define SERVED 4
#define GONE 6
byte row = SHADOW, henv = A + B, hver;
/* holder: volatile */
bool h_up = 1;
byte hnew, hnewver;              /* broken: confirmed, not yet durable */
byte conf, told = A + B;         /* the last version that a shadow confirmed */
byte known = A + B;              /* recipients in any that it confirmed */
byte changes;

#define HAS(mask, r) ((mask & (1 << (r))) != 0)
/* what the holder has to know */
#define HEARS(v) (n_amend[v] && (!n_confirmed[v] || (row == SHADOW && \
	(v > hver || (v != hver && BROKEN(LATE_OVERRIDES))))))
#define AT_P(r) (!p_lost && pf && \
	(HAS(popen, r) || HAS(psent, r) || (r == 2 && pbounce)))
#define AT_H(r) (row != GONE && row != SERVED && HAS(henv, r))
#define KEPT(r) (!HAS(owed, r) || delivered[r] > 0 || AT_P(r) || AT_H(r) || \
	(p_lost && !HAS(known, r)))
#define OFTEN(r) (delivered[r] > bound)

proctype Mta()
{
	byte r;
end:	do
	:: atomic { p_up && pf && !(popen & HELD) && (popen & RCPTS) &&
		psent == 0 ->
		if
		:: HAS(popen, 0) -> r = 0
		:: HAS(popen, 2) -> r = 2
		:: HAS(popen, 3) -> r = 3
		fi;
		if
		:: delivered[r]++; psent = 1 << r
		:: r == 2 && !pbounce -> popen = popen & ~C; pbounce = 1
		fi;
		r = 0 }
	:: atomic { p_up && psent != 0 -> popen = popen & ~psent; psent = 0 }
	:: atomic { p_up && pbounce -> delivered[2]++; pbounce = 0 }
	:: atomic { p_up && pf && (popen & RCPTS) == 0 && !pbounce && psent == 0 ->
		pf = 0 }
	:: atomic { p_up && pf && changes > 0 && psent == 0 && !pbounce &&
		(popen & RCPTS) && !(popen & D) ->
		changes--; popen = D + (popen & HELD); owed = D }
	:: atomic { p_up && pf && changes > 0 && psent == 0 && (popen & RCPTS) ->
		changes--; popen = popen ^ HELD }
	od
}

proctype Daemon()
{
end:	do
	/* a lazy read; nobody left to serve is an end, and told as such */
	:: atomic { p_up && pf && popen != ptold && (popen & RCPTS) &&
		(!pbounce || BROKEN(READ_BOUNCED)) && pver < VERSIONS - 1 &&
		!(BROKEN(FORGET_CHANGE) && pver > 0) &&
		!(BROKEN(NOT_TOLD_AGAIN) && prest) ->
		pver++; said[pver] = popen; ptold = popen;
		n_amend[pver] = 1; n_confirmed[pver] = 0 }
	:: atomic { p_up && !pf && !n_disc -> n_disc = 1 }
	od
}

proctype Hold()
{
	byte v;
end:	do
	:: atomic { h_up && (HEARS(1) || HEARS(2) || HEARS(3)) ->
		if
		:: HEARS(1) -> v = 1
		:: HEARS(2) -> v = 2
		:: HEARS(3) -> v = 3
		fi;
		if
		:: row == SHADOW && (v > hver || BROKEN(LATE_OVERRIDES)) ->
			if
			:: BROKEN(AMEND_IGNORED) -> hver = v
			:: BROKEN(CONFIRM_VOLATILE) -> hnew = said[v]; hnewver = v
			:: else -> hver = v; henv = said[v]
			fi
		:: else
		fi;
		/* one that is taken over has confirmed, and nothing is owed */
		if
		:: (row == SHADOW || BROKEN(CONFIRM_TAKEN)) &&
			(v == pver || v > conf) -> conf = v; told = said[v]; known = known | said[v]
		:: else
		fi;
		n_confirmed[v] = 1; v = 0 }
	:: atomic { h_up && hnewver != 0 -> henv = hnew; hver = hnewver;
		hnew = 0; hnewver = 0 }
	:: atomic { h_up && row == SHADOW && n_disc -> row = GONE }
	:: atomic { h_up && row == SHADOW && (!p_up || cut) && hnewver == 0 ->
		row = TAKEN }
	/* resubmitted: all at once; a held one into hold, for a person */
	:: atomic { h_up && row == TAKEN &&
		(!(henv & HELD) || BROKEN(HELD_IGNORED)) ->
		if :: HAS(henv, 0) -> delivered[0]++ :: else fi;
		if :: HAS(henv, 1) -> delivered[1]++ :: else fi;
		if :: HAS(henv, 2) -> delivered[2]++ :: else fi;
		if :: HAS(henv, 3) -> delivered[3]++ :: else fi;
		if
		:: (henv & RCPTS & ~told) || (told & HELD) -> doubled = 1
		:: else
		fi;
		row = SERVED }
	od
}

proctype Faults()
{
	do
	:: atomic { crashes > 0 && p_up -> crashes--; p_up = 0; psent = 0;
		ptold = UNREAD; prest = 1 }
	:: atomic { crashes > 0 && h_up -> crashes--; h_up = 0; hnew = 0;
		hnewver = 0 }
	:: atomic { disasters > 0 && !p_lost -> disasters--; p_lost = 1; p_up = 0;
		psent = 0; pf = 0; pbounce = 0 }
	:: atomic { cuts > 0 && !cut -> cuts--; cut = 1 }
	:: atomic { cut -> cut = 0 }
	:: atomic { !cut -> break }
	od
}

proctype Restart()
{
end:	do
	:: atomic { !p_up && !p_lost -> p_up = 1;
		if :: BROKEN(VERSION_RESTART) -> pver = 0 :: else fi }
	:: atomic { !h_up -> h_up = 1 }
	od
}

#define SERVES(r) (!HAS(owed, r) || delivered[r] > 0 || (p_lost && !HAS(known, r)))
/* the file is there for good, and the holder was not told what it is now */
#define UNTOLD (pf && !p_lost && row == SHADOW && (popen & RCPTS) && \
	told != popen && pver < VERSIONS - 1)

proctype Claims()
{
end:	do
	:: atomic { !KEPT(0) || !KEPT(2) || !KEPT(3) -> lost = 1; assert(!lost) }
	:: atomic { ALL_CLAIMS && (doubled || OFTEN(0) || OFTEN(2) || OFTEN(3)) ->
		doubled = 1;
		assert(!doubled) }
	:: atomic { ALL_CLAIMS && timeout -> stuck = (UNTOLD || (!(popen & HELD) && !(henv & HELD) &&
		(!SERVES(0) || !SERVES(2) || !SERVES(3))));
		assert(!stuck); break }
	od
}

init {
	atomic {
		given_faults();
		c_code { now.changes = given("CHANGES", 0); }
				run Mta(); run Daemon(); run Hold(); run Faults(); run Restart();
		run Claims()
	}
}
