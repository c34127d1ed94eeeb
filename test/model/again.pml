/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying again: a holder that forgot, or is lost; a primary whose daemon began
 * anew (doc/STATES 1, 3).
 *
 * One message, from the session on; two holders, of which WANT are to have it.
 * A holder that forgets comes back with another life: its store is empty or as
 * it was before.  The primary hears of the life, reads LIST, and copies what it
 * misses, from memory while the session lasts, then from the queue file.
 *
 * A second fault comes when the primary has done what it can: until then the
 * message is counted as unprotected.  SLOW=1: the next hop takes nothing.
 * FORGETS=n, WORKERS=n: crashes of the primary's daemon alone.
 */
#include "common.pml"

/* the rules that can be broken */
#define NO_COPY_AGAIN 1    /* what is missing is not copied again */
#define QUEUE_ONLY 2       /* copied again, but for sessions in flight */
#define OK_ANY_LIFE 3      /* an OK of the life before counts */
#define LIST_ANY_LIFE 4    /* so does a LIST */
#define HOLD_COUNTS_OLD 5  /* the verdict counts a copy of the life before */
#define LOST_COUNTS 6      /* a holder that is silent for good counts */
#define NO_LIST 7          /* another life is no reason to read LIST */
#define NO_SCAN 8          /* the new daemon knows only what somebody lists */
#define LIST_FULL 9        /* what LIST does not show yet counts as missing */
#define SCAN_ONCE 10       /* it looks through the queue once, and commits
                              that the former one answered come later */

bool acked, delivered;
bool n_disc;
/* primary: durable */
bool pq;
/* primary: volatile */
bool p_up = 1, p_lost, w_up = 1; /* w_up: the daemon */
byte pst;                        /* 0 idle 1 HOLDING 2 ANSWERED 3 committed
                                    4 250 sent 9 session gone */
bool pown = 1, pscan;            /* the daemon knows of the message */
bool pconf[2];                   /* a copy is there, as far as is known */
byte plife[2] = 1;               /* heard of; 0: not heard yet */
bool pneed[2];                   /* LIST to be read */
byte plist[2];                   /* LIST under way: 0, 1 not shown, 2 shown */
byte plistlife[2];
bool pfresh[2];                  /* confirmed since LIST began */
bool pask[2], pnever, pgone[2];
/* holder: durable */
bool hs[2], htomb[2], hhad[2];
byte life[2] = 1;
/* holder: volatile */
bool h_lost[2], hvol[2];
byte ok[2];                      /* the life that said OK, 0 none */
bool no[2];                      /* it said "already discarded" */
byte want, forgets, workers;
bool slow;

#define COUNTS(h) (pconf[h] && (!pneed[h] || BROKEN(HOLD_COUNTS_OLD)))
#define COPIES ((pconf[0] -> 1 : 0) + (pconf[1] -> 1 : 0))
#define SURE ((COUNTS(0) -> 1 : 0) + (COUNTS(1) -> 1 : 0))
#define ASKED ((pask[0] -> 1 : 0) + (pask[1] -> 1 : 0))
/* the content is there: in memory, or in the queue */
#define HAS_CONTENT (pst == 1 || pq)
#define MAY_ASK(h) (w_up && pown && HAS_CONTENT && !delivered && !pask[h] && \
	!pconf[h] && !pneed[h] && !pgone[h] && !h_lost[h] && \
	plife[h] != 0 && COPIES + ASKED < want && !pnever)
#define UNHEARD(h) (!h_lost[h] && plife[h] != life[h])
#define BUSY(h) (UNHEARD(h) || pneed[h] || plist[h] != 0 || pask[h] || \
	MAY_ASK(h) || (h_lost[h] && pconf[h]))
#define ALL_READ (!UNHEARD(0) && !UNHEARD(1) && !pneed[0] && !pneed[1])
#define TO_SCAN (w_up && !pown && pq && ALL_READ)
/* nothing left to do for the message; or it is not yet acknowledged */
#define IDLE (!acked || (p_up && w_up && (!TO_SCAN || BROKEN(NO_SCAN) || \
	BROKEN(SCAN_ONCE)) && !BUSY(0) && !BUSY(1)))
#define KEPT (!acked || delivered || (!p_lost && pq) || \
	(!h_lost[0] && hs[0]) || (!h_lost[1] && hs[1]))

proctype Session()
{
end:	do
	:: atomic { p_up && w_up && pst == 0 -> pst = 1 }
	:: atomic { pst == 1 && SURE >= 1 && ASKED == 0 && COPIES >= want ->
		pst = 2;
		/* what is known by now has to be heeded */
		if
		:: !UNHEARD(0) && !UNHEARD(1) && !h_lost[0] && !h_lost[1] &&
			!hs[0] && !hs[1] -> lost = 1
		:: else
		fi }
	:: atomic { pst == 2 -> pst = 3; pq = 1 }
	:: atomic { pst == 3 -> pst = 4; acked = 1 }
	:: atomic { p_up && pq && (pst == 4 || pst == 9) && !slow && !delivered ->
		delivered = 1 }
	:: atomic { p_up && pq && delivered -> pq = 0 }
	:: atomic { p_up && w_up && delivered && !pq && !n_disc -> n_disc = 1 }
	/* found in the queue by a daemon that began anew */
	:: atomic { TO_SCAN && !BROKEN(NO_SCAN) && !BROKEN(SCAN_ONCE) -> pown = 1 }
	:: atomic { w_up && !pown && !pscan && ALL_READ && BROKEN(SCAN_ONCE) ->
		pscan = 1; pown = pq }
	od
}

inline missing(h)
{
	if
	:: pconf[h] && (BROKEN(NO_COPY_AGAIN) ||
		(BROKEN(QUEUE_ONLY) && (pst == 1 || pst == 2))) -> pnever = 1
	:: else
	fi;
	pconf[h] = 0
}

proctype Peer(byte h)
{
end:	do
	:: atomic { MAY_ASK(h) -> pask[h] = 1 }
	/* the answer belongs to the life of its conversation */
	:: atomic { w_up && pask[h] && ok[h] != 0 ->
		if
		:: ok[h] == plife[h] || BROKEN(OK_ANY_LIFE) ->
			pconf[h] = 1; pfresh[h] = 1
		:: else
		fi;
		ok[h] = 0; pask[h] = 0 }
	:: atomic { w_up && pask[h] && no[h] -> no[h] = 0; pask[h] = 0;
		pgone[h] = 1 }
	/* another life */
	:: atomic { w_up && UNHEARD(h) -> plife[h] = life[h];
		pneed[h] = !BROKEN(NO_LIST); pgone[h] = 0;
		if
		:: ok[h] == 0 -> pask[h] = 0; no[h] = 0
		:: else                  /* the answer has come in already */
		fi }
	:: atomic { w_up && pneed[h] && plist[h] == 0 && !h_lost[h] ->
		plist[h] = (hs[h] -> 2 : 1); plistlife[h] = life[h]; pfresh[h] = 0 }
	:: atomic { w_up && plist[h] != 0 ->
		if
		:: plistlife[h] != plife[h] && !BROKEN(LIST_ANY_LIFE)
		:: else -> pneed[h] = 0;
			if
			:: plist[h] == 2 -> pconf[h] = 1; pown = 1
			:: plist[h] == 1 && (!pfresh[h] || BROKEN(LIST_FULL)) ->
				missing(h)
			:: plist[h] == 1 && pfresh[h] && !BROKEN(LIST_FULL)
			fi
		fi;
		plist[h] = 0 }
	/* silent for takeover_after */
	:: atomic { w_up && h_lost[h] && (pconf[h] || pask[h] || pneed[h]) &&
		!BROKEN(LOST_COUNTS) -> missing(h); pask[h] = 0; pneed[h] = 0;
		plist[h] = 0; ok[h] = 0; no[h] = 0 }
	/* the holder */
	:: atomic { !h_lost[h] && pask[h] && ok[h] == 0 && !no[h] && !hvol[h] &&
		plife[h] == life[h] ->
		if
		:: htomb[h] -> no[h] = 1
		:: !htomb[h] && hs[h] -> ok[h] = life[h]
		:: !htomb[h] && !hs[h] -> hvol[h] = 1
		fi }
	:: atomic { hvol[h] -> hvol[h] = 0; hs[h] = 1; hhad[h] = 1; ok[h] = life[h] }
	:: atomic { !h_lost[h] && n_disc && !htomb[h] -> hs[h] = 0; htomb[h] = 1 }
	od
}

inline daemon_gone()
{
	w_up = 0; pown = (pst == 0); pnever = 0; pscan = 0;
	for (i : 0 .. 1) {
		pconf[i] = 0; plife[i] = 0; pneed[i] = 0; plist[i] = 0;
		pask[i] = 0; pgone[i] = 0; ok[i] = 0; no[i] = 0; hvol[i] = 0
	}
	i = 0
}

inline session_gone()
{
	if
	:: pst != 0 && pst != 9 -> pst = 9
	:: else
	fi
}

proctype Faults()
{
	byte i;
	do
	:: atomic { forgets > 0 && !h_lost[0] && !p_lost ->
		forgets--; life[0]++; hvol[0] = 0;
		htomb[0] = 0; if :: hs[0] = 0 :: hhad[0] -> hs[0] = 1 fi }
	:: atomic { forgets > 0 && !h_lost[1] && !p_lost ->
		forgets--; life[1]++; hvol[1] = 0;
		htomb[1] = 0; if :: hs[1] = 0 :: hhad[1] -> hs[1] = 1 fi }
	:: atomic { crashes > 0 && p_up -> crashes--; p_up = 0; session_gone();
		daemon_gone() }
	/* the MTA goes on: what was answered is committed */
	:: atomic { workers > 0 && w_up -> workers--;
		if
		:: pst == 1 -> pst = 9
		:: else
		fi;
		daemon_gone() }
	:: atomic { disasters > 0 && IDLE -> disasters--; p_lost = 1; p_up = 0;
		pq = 0; session_gone(); daemon_gone() }
	:: atomic { disasters > 0 && IDLE && !h_lost[0] -> disasters--; h_lost[0] = 1;
		hs[0] = 0; hvol[0] = 0 }
	:: atomic { disasters > 0 && IDLE && !h_lost[1] -> disasters--; h_lost[1] = 1;
		hs[1] = 0; hvol[1] = 0 }
	:: break
	od
}

proctype Restart()
{
end:	do
	:: atomic { !p_up && !p_lost -> p_up = 1; w_up = 1 }
	:: atomic { p_up && !w_up -> w_up = 1 }
	od
}

/* as many copies as there are holders for, and counted as they are */
#define HAVE(h) (!h_lost[h] && hs[h] -> 1 : 0)
#define COULD ((h_lost[0] || pgone[0] -> 0 : 1) + (h_lost[1] || pgone[1] -> 0 : 1))
#define SHORT (HAVE(0) + HAVE(1) < want && HAVE(0) + HAVE(1) < COULD)
#define WRONG(h) (pconf[h] && (h_lost[h] || !hs[h]))

proctype Claims()
{
end:	do
	:: atomic { lost || !KEPT -> lost = 1; assert(!lost) }
	:: atomic { ALL_CLAIMS && timeout -> stuck = (acked && !p_lost && pq &&
		(SHORT || WRONG(0) || WRONG(1))); assert(!stuck); break }
	od
}

init {
	atomic {
		given_faults();
		c_code {
			now.want = given("WANT", 1);
			now.forgets = given("FORGETS", 0);
			now.workers = given("WORKERS", 0);
			now.slow = given("SLOW", 0);
		}
		run Session(); run Peer(0); run Peer(1); run Faults();
		run Restart(); run Claims()
	}
}
