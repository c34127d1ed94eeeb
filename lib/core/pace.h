/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PACE_H
#define CORE_PACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * How fast messages are given to a primary MX host that has come back, and how
 * many of them may be in the MTA's queue at a time.
 *
 * The rate begins low.  It grows by half while the host takes what it is given
 * as fast as it is given, is halved when more than an eighth of what it answers
 * is put off, and else stays.  So it ends a little above what the host bears,
 * and then the window decides: what may be in the queue is PACE_WINDOW_S
 * seconds' worth of the rate.
 *
 * What the host has put off stays in the queue for hours, maybe for the sake of
 * one full mailbox.  It counts against the window until as many others have
 * gone, and half of it is forgotten every minute: a host that takes nothing is
 * given little more, one that takes most is not stopped by the few.  When the
 * window is full and nothing moves, one message is tried beyond it after a
 * pause, which doubles.  The same holds while the host refuses everybody for
 * good: that is a host that was set up wrong, and its word would go back to the
 * senders of all.
 *
 * No clock, no lock.
 */
#define PACE_WINDOW_S      10
#define PACE_WINDOW_LEAST  20 /* messages */
#define PACE_ROUND_MS      2000
#define PACE_RATE_LEAST    1000 /* thousandths of a message a second */
#define PACE_PAUSE_MS      10000
#define PACE_PAUSE_MOST_MS 300000
#define PACE_FORGET_MS     60000  /* half of what was put off */
#define PACE_STALL_MS      600000 /* no news of what was given */
#define PACE_SOUR          10     /* refused for good in a row */

struct pace_conf {
	int64_t rate; /* messages a second, at first */
	int64_t rate_max;
};

struct pace {
	int64_t rate;      /* thousandths of a message a second */
	int64_t tokens;    /* millionths of a message */
	uint64_t untried;  /* given, and nothing was heard of them */
	int64_t put_off;   /* in thousandths, and not made up for by others */
	uint64_t returned; /* since the host last took one */
	int64_t at_ms;     /* of the last step; 0 there was none */
	int64_t heard_ms;  /* something was given or answered */
	int64_t moved_ms;  /* something went, or was tried */
	int64_t pause_ms;
	/* in this round */
	int64_t round_ms;
	uint64_t gone, deferred;
};

/* Since the last step; in_queue: now. */
struct pace_news {
	uint64_t left;      /* messages that are in the queue no more */
	uint64_t delivered; /* recipients */
	uint64_t returned;  /* recipients */
	uint64_t deferred;  /* messages, each once */
	uint64_t in_queue;  /* messages, as ordinary mail */
};

/* As if nothing had been tried yet. */
void pace_reset(struct pace *pace, const struct pace_conf *conf,
    int64_t now_ms);
void pace_step(struct pace *pace, const struct pace_conf *conf,
    const struct pace_news *news, int64_t now_ms);
/* So many may be given now, and were. */
size_t pace_may(const struct pace *pace, int64_t now_ms);
void pace_gave(struct pace *pace, size_t count, int64_t now_ms);
size_t pace_window(const struct pace *pace);
/* Non-zero: the host refuses everybody. */
int pace_is_sour(const struct pace *pace);

#endif
