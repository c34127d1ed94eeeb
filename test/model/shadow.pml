/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the client's DATA to the end: the copy before the 250, the discard, and
 * the takeover by one of two holders (doc/STATES 1, 2, 5).
 *
 * One message; each of the client's NA attempts has a key of its own.  A primary
 * (milter, MTA, daemon), HOLDERS holders (daemon and MTA of their own), a next
 * hop that counts.  SHADOW, its OK and DISCARD are bits that are never cleared:
 * never heard, late, twice or in another order.  ASK and CLAIM are
 * conversations: both are up, and the link is whole.
 *
 * Time is not counted.  Instead: a host that is up, linked and has the same
 * reason claims before the next in rank does, and is told of a claim before it
 * makes one itself.  Both are what the steps of takeover_after are for.  And a
 * SHADOW of a dead primary has arrived or is lost when it is taken over.
 *
 * WIPE=1: the lost primary comes back under its name with an empty disk.
 * COPIES=n: the 250 needs n copies.
 */
#include "common.pml"

#ifndef NA
#define NA 1
#endif
#ifndef HOLDERS
#define HOLDERS 2
#endif

/* the rules that can be broken */
#define EARLY_ACK 1      /* 250 before a holder has it */
#define FAIL_OPEN 2      /* 250 when no holder is there */
#define HOLDER_LAZY 3    /* the holder says OK before it is durable */
#define EARLY_DISC 4     /* discard when the 250 is sent */
#define DISC_ON_SEND 5   /* discard when the queue manager has the file */
#define ABSENCE_RACE 6   /* absent is finished, session open or not */
#define NOEPOCH 7        /* absent is finished, whichever queue it is */
#define DEL_FIRST 8      /* row gone before the own MTA has it */
#define REUSE_KEY 9      /* the queue id for a key */
#define NO_TOMBSTONE 10  /* a late SHADOW finds nothing of its discard */
#define RANK_IGNORED 11  /* claims without asking who else has it */
#define JUNIOR_AFTER 12  /* the own row goes before the others have let go */
#define YIELD_DROPS 13   /* another one has claimed it: dropped, not kept */
#define YIELD_OBEYS 14   /* a yielded row goes by the former primary's word */
#define NO_CLAIM 15      /* nobody is told of the claim */
#define END_ON_HAND 16   /* the row goes when the own MTA said 250 */
#define NO_TAKEOVER 17   /* silence is no reason */

/* client */
bool acked;
byte delivered;
/* network */
bool n_data[NA], n_250[NA], n_sh[NA], n_disc[NA];
#define NK (NA * HOLDERS)
bool n_ok[NK];
bool cutp[HOLDERS];              /* primary - holder */
bool cuth;                       /* holder - holder */

/* primary: durable */
bool pq[NA];                     /* the committed file */
/* primary: volatile */
bool p_up = 1, p_lost, p_new;    /* p_new: another queue, another epoch */
byte pst[NA];                    /* 0 idle 1 HOLDING 2 ANSWERED 3 written
                                    4 committed 5 250 sent 9 session gone */
bool psent[NA], pknow[NA], prm[NA];
bool pclean[NA];                 /* not stopped unclean since */

/* holder: durable */
#define NONE 0
#define ARRIVING 1               /* not durable */
#define SHADOW 2
#define CLAIMED 3
#define HANDED 4
#define OVER 5                   /* HANDED with the id "-" */
#define GONE 6                   /* tombstone */
#define YIELDED 7
byte row[NK];
byte hq[NK];                     /* files in the own MTA's queue */
/* holder: volatile */
bool h_up[HOLDERS], h_lost[HOLDERS], hsent[NK], hdel[NK];
bool wipe;
byte copies;
bool fin;                        /* every trace is gone, durably */

#define KEY(a) (BROKEN(REUSE_KEY) -> 0 : a)
#define IS_TAKEN(k) (row[k] == CLAIMED || row[k] == HANDED || row[k] == OVER)
#define COPY_AT(k, h) (!h_lost[h] && (row[k] == SHADOW || row[k] == CLAIMED || \
	row[k] == YIELDED || hq[k] > 0))
#define COPY_OF_P(a) (!p_lost && pq[a])

#if HOLDERS == 1
#define OTHER(h) 0
#define KO(k) 0
#define LINKED 0
#define OKS(a) (n_ok[KEY(a)] -> 1 : 0)
#define ALL_GONE(a) (row[a] == GONE && hq[a] == 0 && !hdel[a])
#define COPIED(a) COPY_AT(a, 0)
#else
#define OTHER(h) (1 - h)
#define KO(k) (k + 1 - 2 * (k % 2))
#define LINKED (h_up[0] && h_up[1] && !cuth)
#define OKS(a) ((n_ok[2 * KEY(a)] -> 1 : 0) + (n_ok[2 * KEY(a) + 1] -> 1 : 0))
#define ALL_GONE(a) (row[2 * a] == GONE && row[2 * a + 1] == GONE && \
	hq[2 * a] == 0 && hq[2 * a + 1] == 0 && !hdel[2 * a] && !hdel[2 * a + 1])
#define COPIED(a) (COPY_AT(2 * a, 0) || COPY_AT(2 * a + 1, 1))
#endif
#if NA == 1
#define KEPT (!acked || delivered > 0 || COPY_OF_P(0) || COPIED(0))
#define ALL_FIN (!pq[0] && (pst[0] == 5 || pst[0] == 9) && ALL_GONE(0))
#else
#define KEPT (!acked || delivered > 0 || COPY_OF_P(0) || COPIED(0) || \
	COPY_OF_P(1) || COPIED(1))
#define ALL_FIN (false)
#endif

#define HEARS(h) (p_up && !cutp[h] && !p_new)
#if HOLDERS == 1
#define SILENT(h) (!HEARS(h))
#define MAY_CLAIM(k, h) true
#define MAY_ARRIVE(k) true
#else
/* what another member has heard counts as heard */
#define SILENT(h) (!HEARS(h) && !(LINKED && HEARS(OTHER(h))))
#define MAY_CLAIM(k, h) (BROKEN(RANK_IGNORED) || !LINKED || \
	(!IS_TAKEN(KO(k)) && (h == 0 || row[KO(k)] != SHADOW)))
#endif

#if HOLDERS == 2
#define MAY_ARRIVE(k) (p_up || row[KO(k)] <= SHADOW)
#endif

/* the owner of a yielded row is silent, or says that it has none */
#define OWNERLESS(k) (row[k] == YIELDED && (!LINKED || row[KO(k)] == NONE || \
	row[KO(k)] == GONE))

/* rows that must have moved on when nothing moves any more */
#define UNENDED(k, h) (h_up[h] && (row[k] == ARRIVING || row[k] == CLAIMED || \
	row[k] == HANDED))
#define BETWEEN(k) (row[k] == OVER || row[k] == YIELDED)

inline deliver()
{
	delivered++;
	if :: fin -> doubled = 1 :: else fi
}

proctype Client()
{
	byte a = 0;
	do
	:: a < NA ->
		n_data[a] = 1;
		if
		:: atomic { n_250[a] -> acked = 1; goto done }
		:: a++                   /* timeout or reset: tries again */
		fi
	:: else -> break
	od;
done:	skip
}

proctype Prim(byte a)
{
end:	do
	/* reception: the milter holds the answer to the end of message */
	:: atomic { p_up && !p_new && n_data[a] && pst[a] == 0 ->
		pst[a] = 1; pclean[a] = 1; n_sh[KEY(a)] = 1 }
	:: atomic { p_up && pst[a] == 1 -> pst[a] = 9 }      /* tempfail */
	:: atomic { p_up && pst[a] == 1 &&
		(OKS(a) >= copies || BROKEN(EARLY_ACK) ||
		 (BROKEN(FAIL_OPEN) && !h_up[0])) -> pst[a] = 2 }
	/* the MTA commits after the milter's answer */
	:: atomic { p_up && pst[a] == 2 -> pst[a] = 3 }
	:: atomic { p_up && pst[a] == 3 -> pst[a] = 4; pq[a] = 1 }
	:: atomic { p_up && pst[a] == 3 -> pst[a] = 9 }      /* disk full */
	:: atomic { p_up && pst[a] == 4 -> pst[a] = 5; n_250[a] = 1 }
	/* delivery; the removal is durable later than it is seen */
	:: atomic { p_up && pq[a] && !prm[a] && !psent[a] ->
		deliver(); psent[a] = 1 }
	:: atomic { p_up && psent[a] && !pknow[a] -> pknow[a] = 1 }
	:: atomic { p_up && pknow[a] && pq[a] && !prm[a] -> prm[a] = 1 }
	:: atomic { p_up && prm[a] -> pq[a] = 0; prm[a] = 0 }
	/* discard: an end that was seen, or absence that proves one */
	:: atomic { p_up && !n_disc[KEY(a)] && (pknow[a] ||
		(pst[a] == 5 && BROKEN(EARLY_DISC)) ||
		(pq[a] && BROKEN(DISC_ON_SEND)) ||
		(n_sh[KEY(a)] && !pq[a] && !p_new && pclean[a] &&
		 (pst[a] == 5 || pst[a] == 9 ||
		  (pst[a] != 0 && BROKEN(ABSENCE_RACE)))) ||
		(n_sh[KEY(a)] && !pq[a] && BROKEN(NOEPOCH) &&
		 (pst[a] == 0 || pst[a] == 5 || pst[a] == 9))) ->
		n_disc[KEY(a)] = 1 }
	od
}

proctype Hold(byte k; byte a; byte h)
{
end:	do
	:: atomic { h_up[h] && n_sh[a] && MAY_ARRIVE(k) &&
		(row[k] == NONE || (row[k] == GONE && BROKEN(NO_TOMBSTONE))) -> row[k] = ARRIVING }
	:: atomic { h_up[h] && row[k] == ARRIVING -> row[k] = SHADOW }
	:: atomic { h_up[h] && !n_ok[k] && (row[k] == SHADOW ||
		(row[k] == ARRIVING && BROKEN(HOLDER_LAZY))) -> n_ok[k] = 1 }
	/* the primary's DISCARD; where there is no row it leaves a tombstone */
	:: atomic { h_up[h] && n_disc[a] && (row[k] == SHADOW ||
		row[k] == NONE || row[k] == ARRIVING ||
		(row[k] == YIELDED && BROKEN(YIELD_OBEYS))) -> row[k] = GONE }
	:: atomic { h_up[h] && n_disc[a] && row[k] == CLAIMED -> row[k] = OVER }
	/* takeover */
	:: atomic { h_up[h] && row[k] == SHADOW && SILENT(h) &&
		MAY_CLAIM(k, h) && !BROKEN(NO_TAKEOVER) -> row[k] = CLAIMED }
#if HOLDERS == 2
	:: atomic { h_up[h] && OWNERLESS(k) -> row[k] = CLAIMED }
	/* CLAIM: the other one holds it for this host from now on */
	:: atomic { LINKED && IS_TAKEN(k) && row[KO(k)] == SHADOW &&
		!BROKEN(NO_CLAIM) ->
		row[KO(k)] = (BROKEN(YIELD_DROPS) -> GONE : YIELDED) }
	/* the end is told, and the own row goes last */
	:: atomic { LINKED && row[k] == OVER && row[KO(k)] == YIELDED ->
		row[KO(k)] = GONE }
	/* taken twice, or no row there: nobody to wait for */
	:: atomic { row[k] == OVER && h_up[h] &&
		((LINKED && row[KO(k)] != SHADOW && row[KO(k)] != YIELDED &&
		  row[KO(k)] != ARRIVING) || BROKEN(JUNIOR_AFTER)) ->
		row[k] = GONE }
#else
	:: atomic { h_up[h] && row[k] == OVER -> row[k] = GONE }
#endif
	/* the own MTA commits, then the row moves; a crash between does both
	 * again */
	:: atomic { h_up[h] && row[k] == CLAIMED && hq[k] < 3 &&
		!BROKEN(DEL_FIRST) -> hq[k]++;
		if
		:: row[k] = HANDED
		:: crashes > 0 -> crashes--; h_up[h] = 0
		fi }
	:: atomic { h_up[h] && row[k] == CLAIMED && BROKEN(DEL_FIRST) ->
		row[k] = GONE; hdel[k] = 1 }
	:: atomic { h_up[h] && hdel[k] -> hdel[k] = 0; hq[k] = 1 }
	:: atomic { h_up[h] && row[k] == HANDED && BROKEN(END_ON_HAND) ->
		row[k] = OVER }
	:: atomic { h_up[h] && hq[k] > 0 && !hsent[k] ->
		deliver(); hsent[k] = 1 }
	:: atomic { h_up[h] && hsent[k] -> hsent[k] = 0; hq[k]-- }
	:: atomic { h_up[h] && row[k] == HANDED && hq[k] == 0 -> row[k] = OVER }
	od
}

inline crash_p()
{
	p_up = 0;
	for (i : 0 .. NA - 1) {
		psent[i] = 0; pknow[i] = 0; prm[i] = 0; pclean[i] = 0;
		if :: pst[i] > 0 -> pst[i] = 9 :: else fi
	}
}

inline crash_h(h)
{
	h_up[h] = 0;
	for (i : 0 .. NA - 1) {
		hsent[i * HOLDERS + h] = 0; hdel[i * HOLDERS + h] = 0;
		if
		:: row[i * HOLDERS + h] == ARRIVING -> row[i * HOLDERS + h] = NONE
		:: else
		fi
	}
}

inline wipe_h(h)
{
	for (i : 0 .. NA - 1) {
		row[i * HOLDERS + h] = NONE; hq[i * HOLDERS + h] = 0
	}
}

proctype Faults()
{
	byte i;
	do
	:: atomic { crashes > 0 && p_up -> crashes--; crash_p(); i = 0 }
	:: atomic { crashes > 0 && h_up[0] -> crashes--; crash_h(0); i = 0 }
	:: atomic { disasters > 0 && !p_lost && !p_new -> disasters--; p_lost = 1;
		crash_p(); for (i : 0 .. NA - 1) { pq[i] = 0 } i = 0 }
	:: atomic { disasters > 0 && !h_lost[0] -> disasters--; h_lost[0] = 1;
		crash_h(0); wipe_h(0); i = 0 }
	:: atomic { wipe && p_lost -> wipe = 0; p_lost = 0; p_up = 1; p_new = 1 }
	:: atomic { cuts > 0 && !cutp[0] -> cuts--; cutp[0] = 1 }
	:: atomic { cutp[0] -> cutp[0] = 0 }
#if HOLDERS == 2
	:: atomic { crashes > 0 && h_up[1] -> crashes--; crash_h(1); i = 0 }
	:: atomic { disasters > 0 && !h_lost[1] -> disasters--; h_lost[1] = 1;
		crash_h(1); wipe_h(1); i = 0 }
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

proctype Claims()
{
end:	do
	:: atomic { !KEPT -> lost = 1; assert(!lost) }
	:: atomic { ALL_CLAIMS && (doubled || delivered > bound) ->
		doubled = 1; assert(!doubled) }
	:: atomic { !fin && ALL_FIN -> fin = 1 }
	:: atomic { ALL_CLAIMS && timeout -> stuck = ((acked && delivered == 0) || UNENDED(0, 0)
#if HOLDERS == 2
		|| UNENDED(1, 1) || (LINKED && (BETWEEN(0) || BETWEEN(1)))
#endif
		); assert(!stuck); break }
	od
}

init {
	atomic {
		given_faults();
		c_code {
			now.wipe = given("WIPE", 0);
			now.copies = given("COPIES", 1);
		}
		h_up[0] = 1;
		run Client(); run Faults(); run Restart(); run Claims();
		run Prim(0); run Hold(0, 0, 0);
#if HOLDERS == 2
		h_up[1] = 1;
		run Hold(1, 0, 1);
#endif
#if NA == 2
		run Prim(1);
#if HOLDERS == 2
		run Hold(2, 1, 0); run Hold(3, 1, 1);
#else
		run Hold(1, 1, 0);
#endif
#endif
	}
}
