/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PEER_H
#define CORE_PEER_H

#include <stdint.h>

#include <shadowmx/link.h>

#include "core/engine.h"

/*
 * One peer as seen from here: does it live, when is it asked again, may it be
 * sent a shadow, has its time run out.  Three things are kept apart, because a
 * network can fail in one direction only: that it was heard (any authenticated
 * traffic, stops the takeover clock), that it answered us (ends the pauses),
 * and that our own heartbeats failed (needed for a takeover).
 */
struct peer {
	int64_t since_ms; /* silence counts from here at the earliest */
	int64_t heard_ms; /* meaningful when heard */
	int heard;
	int64_t leaving_ms; /* away until then, 0 not */
	unsigned missed;    /* own heartbeats failed since it was heard */

	int64_t beat_ms; /* next own heartbeat */
	int64_t sent_ms; /* the one that is out */
	int64_t round_trip_ms;
	enum smx_mta_health mta;
	int64_t mta_down_ms;  /* its heartbeats say so since then without a
			       * break, 0 they do not */
	int64_t mta_heard_ms; /* the last that said so */

	unsigned fails; /* requests in a row without an answer */
	int64_t again_ms;
	unsigned ills; /* shadows in a row without an answer */
	int64_t ill_ms;
	int64_t full_ms; /* it said not now */
	int refuses;     /* the last shadow that it answered */
	int drained;     /* the operator wants it to be empty */
	int away;        /* it failed, or said that it leaves */
	int64_t away_ms; /* since then; meaningful when away */

	int has_hello;
	struct smx_hello hello;
	uint8_t former[16]; /* the incarnation before; late words of it */
	int has_former;

	int epoch_due;        /* look for shadows of another epoch */
	int operator_due;     /* takeover asked for by command */
	int silent_done;      /* this silence's takeover is complete */
	int64_t mta_again_ms; /* its MTA's was begun; not again before */
	enum engine_peer_state shown;
};

enum peer_news { PEER_NEWS_NONE, PEER_NEWS_CHANGED, PEER_NEWS_BEHIND };

void peer_init(struct peer *peer, int64_t now_ms);
/* Our own clock stood still: begin to count anew. */
void peer_restart_clock(struct peer *peer, int64_t now_ms);
void peer_heard(struct peer *peer, int64_t now_ms);
/* It answered a request of ours. */
void peer_answered(struct peer *peer, const struct engine_options *options,
    int64_t now_ms);
/* It did not.  beat: the request was a heartbeat. */
void peer_missed(struct peer *peer, const struct engine_options *options,
    int beat, int64_t now_ms);
/* Is it worth the wait of one who has waited since then?  Not when it had been
 * away for too long at that time, nor when it is there and takes no copies. */
int peer_may_return(const struct peer *peer,
    const struct engine_options *options, int64_t since_ms, int64_t now_ms);
/* What its heartbeat, or its answer to one, says. */
void peer_beat(struct peer *peer, const struct engine_options *options,
    const struct smx_beat *beat, int64_t now_ms);
/* It has said that it is away for so long; 0: it is not. */
void peer_leaves(struct peer *peer, int64_t for_ms, int64_t now_ms);
/* fresh: the first words of a connection, not a repetition of them.
 * CHANGED: another life or epoch than before, or the first; BEHIND: its
 * counter went back. */
/* Has it said this incarnation, now or last? */
int peer_has_been(const struct peer *peer, const uint8_t incarnation[16]);
enum peer_news peer_hello(struct peer *peer, const struct smx_hello *hello,
    int fresh, int64_t now_ms);
/* What a shadow that was sent to it came to. */
void peer_sent(struct peer *peer, const struct engine_options *options,
    int result, int64_t now_ms);

/* takeover_after has passed and the heartbeats failed: silent, unless another
 * member has heard it. */
int peer_overdue(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms);
/* Its MTA has been down for so long that its shadows are to be taken over, and
 * no person wants it so. */
int peer_mta_lost(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms);
/* When it can become silent at the earliest. */
int64_t peer_silent_ms(const struct peer *peer,
    const struct engine_options *options);
enum engine_peer_state peer_state(const struct peer *peer,
    const struct engine_options *options, int64_t now_ms);
/* May be sent a shadow.  Smaller is better, negative: no. */
int peer_rank(const struct peer *peer, const struct engine_options *options,
    int64_t now_ms);
int peer_has_epoch(const struct peer *peer);

#endif
