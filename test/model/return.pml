/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The primary returns with its queue: fencing, RETURN, hand-back, what has ended
 * elsewhere (lib/core/fence.h, include/shadowmx/link.h, doc/STATES 2, 5).
 *
 * One acknowledged message for RCPTS recipients; each of HOLDERS holders has a
 * shadow of it.  The primary's MTA delivers recipient by recipient, and a
 * delivery that runs is not stopped when the file is put on hold.  A request
 * that was given up may be heard later; its answer is dropped.  An answer may be
 * old when it is read.
 *
 * FEWER=1: the holders know of the first recipient only (the others were added
 * after the milter, and not told yet).  Then the primary is not lost.
 * DEFERS=n: a delivery, or a resubmission, that is put off.
 * FORGETS=n: an operator's "queue forget" for a row that is CLAIMED.
 * LATE=1: the second holder's copy is still on its way.  LATE=2: it arrives after
 * the first one has delivered what it had, and has a recipient more.  LATE=3:
 * after the row of the first one is gone.
 */
#include "common.pml"

#ifndef HOLDERS
#define HOLDERS 1
#endif
#ifndef RCPTS
#define RCPTS 2
#endif
#define ALL ((1 << RCPTS) - 1)

/* the rules that can be broken */
#define NO_FENCE 1         /* the MTA is started, and delivers, without asking */
#define ERASE_ON_TAKEN 2   /* erases what was taken over, not what has ended */
#define ERASE_FEWER 3      /* erases although fewer recipients were served */
#define RELEASE_ON_TAKEN 4 /* releases while the other one delivers */
#define FENCE_FOREVER 5    /* the holder is lost, and the file stays on hold */
#define DONE_DROPPED 6     /* the row goes at its end, before the primary knows */
#define HANDBACK_HANDED 7  /* given back after the own MTA was handed it */
#define HANDBACK_VOLATILE 8 /* given back, and not durable */
#define HANDBACK_OUT 9     /* given back while an attempt is out */
#define DISC_RETURNED 10   /* given back, and gone before the others know */
#define SERVED_BY_NAME 11  /* "over" counts as served, however it came to be */
#define HANDBACK_DROPS 12  /* given back, and the row goes */
#define ERASE_ON_NONE 13   /* no row there counts as ended */
#define FINISHED_FREES 14  /* FINISHED, and the file is not on hold: no matter */
#define LATE_CLAIMS 15     /* nobody is asked for what has ended already */
#define LATE_FEWER 16      /* a late copy goes although it serves more */
#define LATE_FORGOTTEN 17  /* or because the other one was forgotten */
#define UNSYNCED 18        /* the end is told before the removal is synced */

byte delivered[RCPTS];
bool n_disc;
bool cutp[HOLDERS], cuth;

/* primary: durable */
#define FREE 1
#define ON_HOLD 2
#define GOING 3                  /* removed, not synced: a crash may undo it */
#define ASTRAY 4                 /* back on hold, and nobody knows by whom */
byte pf = FREE;                  /* 0: no file */
byte popen = ALL;                /* recipients not marked done in it */
/* primary: volatile */
bool p_up = 1, p_lost, pmta = 1;
byte pact, psent;                /* being delivered; delivered, not marked */
bool plisted[HOLDERS];           /* LIST read since the start */
bool ptaken[HOLDERS];            /* it answers for the message */
bool psettled[HOLDERS];          /* it said that it did not serve all */
byte pnamed[HOLDERS], plast[HOLDERS];
/* the request RETURN: 0, 1 asked, 2 given up */
byte preq[HOLDERS];
mtype = { none, s, t, f, o, n };
mtype pans[HOLDERS];

/* holder: durable */
#define NONE 0
#define SHADOW 2
#define CLAIMED 3
#define HANDED 4
#define OVER 5
#define GONE 6
#define YIELDED 7
#define DONE 8
byte row[HOLDERS];
byte henv[HOLDERS];              /* recipients of the row */
byte hserved[HOLDERS];           /* those that ended in the own queue */
byte hq[HOLDERS];                /* files in the own MTA's queue */
bool hout[HOLDERS];              /* an attempt is out, or never came back */
bool hret[HOLDERS];              /* was given back */
bool hheir[HOLDERS];             /* taken over from the other holder */
/* holder: volatile */
bool h_up[HOLDERS], h_lost[HOLDERS], hsent[HOLDERS];
bool hfly[HOLDERS];              /* an attempt is out */
bool hback[HOLDERS];             /* broken: given back in memory only */
bool given_back[HOLDERS];        /* and not taken over again since */
byte defers, forgets, late;
bool fewer;

#define REACH(h) (p_up && h_up[h] && !cutp[h])
#define IS_TAKEN(h) (row[h] == CLAIMED || row[h] == HANDED || row[h] == OVER)
#define LISTED(h) ((IS_TAKEN(h) || row[h] == DONE) && !hheir[h] && !psettled[h] && !hback[h])
#define HAS(mask, r) ((mask & (1 << (r))) != 0)
#define COPY_AT(h, r) (!h_lost[h] && HAS(henv[h], r) && \
	(row[h] == SHADOW || row[h] == CLAIMED || row[h] == YIELDED || hq[h] > 0))
#define HAS_FILE (pf == FREE || pf == ON_HOLD)
#define COPY_OF_P(r) (!p_lost && HAS_FILE && HAS(popen, r))
#if HOLDERS == 1
#define OTHER(h) 0
#define LINKED 0
#define ANY_TAKEN ptaken[0]
#define ALL_ASKED (!REACH(0) || plisted[0])
#define SILENT(h) (!REACH(h) && h_up[h])
#define MAY_CLAIM(h) true
#define COPIED(r) COPY_AT(0, r)
#else
#define OTHER(h) (1 - h)
#define LINKED (h_up[0] && h_up[1] && !cuth)
#define ANY_TAKEN (ptaken[0] || ptaken[1])
#define ALL_ASKED ((!REACH(0) || plisted[0]) && (!REACH(1) || plisted[1]))
#define SILENT(h) (h_up[h] && !REACH(h) && !(LINKED && REACH(OTHER(h))))
#define MAY_CLAIM(h) (!LINKED || \
	(!IS_TAKEN(OTHER(h)) && (row[OTHER(h)] != DONE || BROKEN(LATE_CLAIMS)) && \
	 (h == 0 || row[OTHER(h)] != SHADOW)))
#define SERVED_THERE(h) ((henv[h] & ~hserved[OTHER(h)]) == 0)
#define ENDED_THERE(h) ((row[OTHER(h)] == DONE && \
	(SERVED_THERE(h) || BROKEN(LATE_FEWER))) || \
	(row[OTHER(h)] == GONE && BROKEN(LATE_FORGOTTEN)))
#define ON_ITS_WAY(r) (late > 0 && !h_lost[1] && HAS(henv[1], r))
#define COPIED(r) (COPY_AT(0, r) || COPY_AT(1, r) || ON_ITS_WAY(r))
#endif
#define ENDED(h) (!BROKEN(DONE_DROPPED) && \
	(hserved[h] != 0 || BROKEN(SERVED_BY_NAME)))
#define KEPT(r) (delivered[r] > 0 || COPY_OF_P(r) || COPIED(r))

/* the primary's MTA */
proctype Mta()
{
	byte r;
end:	do
	/* shadowmxctl fence, before the queue manager runs */
	:: atomic { p_up && !pmta && ((ALL_ASKED && !(pf == FREE && ANY_TAKEN)) ||
		BROKEN(NO_FENCE)) -> pmta = 1 }
	:: atomic { pmta && pf == FREE && popen != 0 && pact == 0 && psent == 0 ->
		pact = popen }
	:: atomic { pact != 0 -> r = 0;
		if :: HAS(pact, 0) -> r = 0
#if RCPTS == 2
		:: HAS(pact, 1) -> r = 1
#endif
		fi;
		if
		:: delivered[r]++; psent = psent | (1 << r)
		:: defers > 0 -> defers--
		fi;
		pact = pact & ~(1 << r); r = 0 }
	:: atomic { psent != 0 -> popen = popen & ~psent; psent = 0 }
	:: atomic { pmta && pf == FREE && popen == 0 -> pf = 0 }
	od
}

/* the primary's daemon */
proctype Fence(byte h)
{
end:	do
	:: atomic { REACH(h) && (!plisted[h] || ptaken[h] != LISTED(h)) ->
		 plisted[h] = 1; ptaken[h] = LISTED(h) }
	:: atomic { p_up && pf == FREE && ptaken[h] && !BROKEN(NO_FENCE) ->
		pf = ON_HOLD }
	/* a file on hold with nobody left to serve has ended */
	:: atomic { p_up && pf == ON_HOLD && popen == 0 -> pf = GOING }
	:: atomic { pf == GOING -> pf = 0 }
	/* RETURN names what the file has open; it may be asked before it is on
	 * hold, but is erased only then */
	:: atomic { p_up && HAS_FILE && popen != 0 && ptaken[h] && REACH(h) &&
		preq[h] == 0 && plast[h] != row[h] ->
		preq[h] = 1; pnamed[h] = popen }
	:: atomic { preq[h] == 1 && !REACH(h) && pans[h] == none -> preq[h] = 2 }
	:: atomic { p_up && pans[h] == f -> pans[h] = none; preq[h] = 0;
		if
		:: pf == ON_HOLD -> pf = GOING; ptaken[h] = 0
		/* not on hold: that first, and then asked again */
		:: else -> plast[h] = 0;
			if
			:: !HAS_FILE || BROKEN(FINISHED_FREES) -> ptaken[h] = 0
			:: else
			fi
		fi }
	:: atomic { p_up && pans[h] == t -> pans[h] = none; preq[h] = 0;
		if
		:: BROKEN(ERASE_ON_TAKEN) && pf == ON_HOLD -> pf = 0
		:: BROKEN(RELEASE_ON_TAKEN) -> ptaken[h] = 0; psettled[h] = 1
		:: else
		fi }
	:: atomic { p_up && pans[h] == o -> pans[h] = none; preq[h] = 0;
		if
		:: BROKEN(ERASE_FEWER) && pf == ON_HOLD -> pf = 0
		:: else -> ptaken[h] = 0; psettled[h] = 1
		fi }
	:: atomic { p_up && (pans[h] == s || pans[h] == n) ->
		if
		:: pans[h] == n && BROKEN(ERASE_ON_NONE) && pf == ON_HOLD -> pf = 0
		:: else -> ptaken[h] = 0
		fi;
		pans[h] = none; preq[h] = 0 }
	/* the one that answers for it is silent for takeover_after */
	:: atomic { p_up && ptaken[h] && !REACH(h) && pans[h] == none &&
		!BROKEN(FENCE_FOREVER) -> ptaken[h] = 0; plast[h] = 0 }
	:: atomic { p_up && pf == ON_HOLD && popen != 0 && !ANY_TAKEN ->
		pf = FREE; plast[h] = 0 }
	:: atomic { p_up && !n_disc && (pf == 0 ||
		(pf == GOING && BROKEN(UNSYNCED))) -> n_disc = 1 }
	od
}

inline answer(h, what)
{
	if
	:: preq[h] == 1 -> pans[h] = what; plast[h] = row[h]
	:: else
	fi;
	preq[h] = (preq[h] == 1 -> 3 : 0)
}

inline give_back(h)
{
	if
	:: BROKEN(HANDBACK_VOLATILE) -> hback[h] = 1
	:: BROKEN(HANDBACK_DROPS) -> row[h] = GONE
	:: else -> row[h] = SHADOW; hret[h] = 1
	fi;
	hout[h] = 0; given_back[h] = 1;
	answer(h, s)
}

inline crash_h(h)
{
	h_up[h] = 0; hsent[h] = 0; hback[h] = 0; hfly[h] = 0
}

proctype Hold(byte h)
{
end:	do
	/* RETURN */
	:: atomic { h_up[h] && (preq[h] == 1 || preq[h] == 2) ->
		if
		:: hheir[h] || row[h] == YIELDED || row[h] == GONE ||
			row[h] == NONE -> answer(h, n)
		:: !hheir[h] && (row[h] == SHADOW || hback[h]) -> answer(h, s)
		:: !hheir[h] && row[h] == CLAIMED && !hback[h] &&
			(!hout[h] || BROKEN(HANDBACK_OUT)) -> give_back(h)
		:: !hheir[h] && row[h] == CLAIMED && !hback[h] &&
			hout[h] && !BROKEN(HANDBACK_OUT) -> answer(h, t)
		:: !hheir[h] && row[h] == HANDED ->
			if
			:: BROKEN(HANDBACK_HANDED) -> give_back(h)
			:: else -> answer(h, t)
			fi
		:: !hheir[h] && (row[h] == OVER || row[h] == DONE) ->
			if
			:: (pnamed[h] & ~(BROKEN(SERVED_BY_NAME) -> henv[h] :
				hserved[h])) == 0 -> answer(h, f)
			:: else -> answer(h, o)
			fi
		fi }
	/* the primary's DISCARD */
	:: atomic { h_up[h] && n_disc && !hheir[h] &&
		(row[h] == SHADOW || row[h] == DONE) ->
		/* others may hold it for this host: they hear of it first */
		row[h] = (row[h] == SHADOW && hret[h] && !BROKEN(DISC_RETURNED) ->
			OVER : GONE) }
	:: atomic { h_up[h] && n_disc && !hheir[h] && row[h] == CLAIMED &&
		!hout[h] -> row[h] = OVER; hback[h] = 0 }
	:: atomic { h_up[h] && forgets > 0 && row[h] == CLAIMED && !hout[h] ->
		forgets--; row[h] = OVER }
	/* takeover */
	:: atomic { h_up[h] && row[h] == SHADOW && SILENT(h) && MAY_CLAIM(h) ->
		row[h] = CLAIMED; given_back[h] = 0 }
	:: atomic { h_up[h] && hback[h] && SILENT(h) ->
		hback[h] = 0; given_back[h] = 0 }
	/* an attempt: counted, durably, before it is begun */
	:: atomic { h_up[h] && row[h] == CLAIMED && !hback[h] && !hfly[h] &&
		hq[h] < 2 -> hout[h] = 1; hfly[h] = 1 }
	:: atomic { h_up[h] && hfly[h] -> hq[h]++; hfly[h] = 0;
		if :: given_back[h] -> doubled = 1 :: else fi;
		if
		:: row[h] == CLAIMED -> row[h] = HANDED; hout[h] = 0
		:: row[h] != CLAIMED
		:: (crashes > 0) -> crashes--; crash_h(h)
		fi }
	:: atomic { h_up[h] && hfly[h] && defers > 0 ->
		defers--; hout[h] = 0; hfly[h] = 0 }
	:: atomic { h_up[h] && hq[h] > 0 && !hsent[h] ->
		if :: HAS(henv[h], 0) -> delivered[0]++ :: else fi;
#if RCPTS == 2
		if :: HAS(henv[h], 1) -> delivered[1]++ :: else fi;
#endif
		hsent[h] = 1 }
	:: atomic { h_up[h] && hsent[h] -> hsent[h] = 0; hq[h]-- }
	:: atomic { h_up[h] && row[h] == HANDED && hq[h] == 0 ->
		hserved[h] = henv[h]; row[h] = OVER }
#if HOLDERS == 2
	/* a copy that comes late, and one that nobody needs any more */
	:: atomic { h == 1 && h_up[h] && late > 0 && row[h] == NONE &&
		row[OTHER(h)] == (late == 2 -> DONE : (late == 3 -> GONE : row[OTHER(h)])) ->
		late = 0; row[h] = SHADOW }
	:: atomic { LINKED && row[h] == SHADOW && SILENT(h) && ENDED_THERE(h) ->
		row[h] = GONE }
	/* it is silent, or has none: taken over from it */
	:: atomic { h_up[h] && row[h] == YIELDED && (!LINKED ||
		row[OTHER(h)] == NONE || row[OTHER(h)] == GONE) ->
		row[h] = CLAIMED; hheir[h] = 1; given_back[h] = 0 }
	:: atomic { LINKED && IS_TAKEN(h) && row[OTHER(h)] == SHADOW ->
		row[OTHER(h)] = YIELDED }
	:: atomic { LINKED && row[h] == OVER && row[OTHER(h)] == YIELDED ->
		row[OTHER(h)] = GONE }
	:: atomic { LINKED && row[h] == OVER && row[OTHER(h)] != SHADOW &&
		row[OTHER(h)] != YIELDED -> row[h] = (ENDED(h) -> DONE : GONE) }
#else
	:: atomic { h_up[h] && row[h] == OVER ->
		row[h] = (ENDED(h) -> DONE : GONE) }
#endif
	od
}

inline crash_p()
{
	p_up = 0; pmta = 0; pact = 0; psent = 0;
	/* with its line in the book of holds, or without */
	if
	:: pf == GOING -> pf = (n_disc -> ASTRAY : ON_HOLD)
	:: pf == GOING -> pf = 0
	:: pf != GOING
	fi;
	for (i : 0 .. HOLDERS - 1) {
		plisted[i] = 0; ptaken[i] = 0; psettled[i] = 0; plast[i] = 0;
		pans[i] = none;
		if
		:: preq[i] == 1 -> preq[i] = 2
		:: preq[i] == 3 -> preq[i] = 0
		:: else
		fi
	}
	i = 0
}

inline lose_h(h)
{
	disasters--; crash_h(h); h_lost[h] = 1; row[h] = NONE; hq[h] = 0; hout[h] = 0
}

proctype Faults()
{
	byte i;
	do
	:: atomic { crashes > 0 && p_up -> crashes--; crash_p() }
	:: atomic { crashes > 0 && h_up[0] -> crashes--; crash_h(0) }
	:: atomic { disasters > 0 && !p_lost && !fewer && late < 2 ->
		disasters--; p_lost = 1;
		crash_p(); pf = 0 }
	:: atomic { disasters > 0 && !h_lost[0] -> lose_h(0) }
	:: atomic { cuts > 0 && !cutp[0] -> cuts--; cutp[0] = 1 }
	:: atomic { cutp[0] -> cutp[0] = 0 }
#if HOLDERS == 2
	:: atomic { crashes > 0 && h_up[1] -> crashes--; crash_h(1) }
	:: atomic { disasters > 0 && !h_lost[1] -> lose_h(1) }
	:: atomic { cuts > 0 && !cutp[1] -> cuts--; cutp[1] = 1 }
	:: atomic { cutp[1] -> cutp[1] = 0 }
	:: atomic { cuts > 0 && !cuth -> cuts--; cuth = 1 }
	:: atomic { cuth -> cuth = 0 }
#endif
	:: atomic { !cutp[0] && !cutp[HOLDERS - 1] && !cuth -> break }
	od
}

proctype Restart()
{
end:	do
	:: atomic { !p_up && !p_lost -> p_up = 1 }
	:: atomic { !h_up[0] && !h_lost[0] -> h_up[0] = 1 }
#if HOLDERS == 2
	:: atomic { !h_up[1] && !h_lost[1] -> h_up[1] = 1 }
#endif
	od
}

/* when nothing moves any more */
#define UNENDED(h) (h_up[h] && (row[h] == CLAIMED || row[h] == HANDED || \
	hout[h] || (!p_lost && !hheir[h] && row[h] != GONE && row[h] != NONE && \
	 (HOLDERS == 1 || LINKED || row[h] == DONE || row[h] == SHADOW))))
#if RCPTS == 2
#define ANY_LOST (!KEPT(0) || !KEPT(1))
#define ANY_OFTEN (delivered[0] > bound || delivered[1] > bound)
#define ALL_SERVED (delivered[0] > 0 && delivered[1] > 0)
#else
#define ANY_LOST (!KEPT(0))
#define ANY_OFTEN (delivered[0] > bound)
#define ALL_SERVED (delivered[0] > 0)
#endif

proctype Claims()
{
end:	do
	:: atomic { ANY_LOST -> lost = 1; assert(!lost) }
	:: atomic { ALL_CLAIMS && (doubled || ANY_OFTEN) ->
		doubled = 1; assert(!doubled) }
	:: atomic { ALL_CLAIMS && timeout -> stuck = (!ALL_SERVED || pf != 0 || UNENDED(0) ||
		UNENDED(HOLDERS - 1)); assert(!stuck); break }
	od
}

init {
	byte h;
	atomic {
		given_faults();
		c_code {
			now.defers = given("DEFERS", 0);
			now.forgets = given("FORGETS", 0);
			now.fewer = given("FEWER", 0);
			now.late = given("LATE", 0);
		}
		for (h : 0 .. HOLDERS - 1) {
			h_up[h] = 1; row[h] = SHADOW; pans[h] = none;
			plisted[h] = 1; henv[h] = (fewer -> 1 : ALL);
			if
			:: h == 1 && late > 0 -> row[h] = NONE
			:: h == 0 && late == 2 -> henv[h] = 1
			:: else
			fi;
			run Fence(h); run Hold(h)
		}
		run Mta(); run Faults(); run Restart(); run Claims()
	}
}
