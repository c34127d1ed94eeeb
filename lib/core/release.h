/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RELEASE_H
#define CORE_RELEASE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/backup.h"
#include "core/pace.h"

/*
 * When is what is on hold for a primary MX let go, put back, or given up?
 *
 * Domains with the same primary host share its pace (core/pace.h), each in
 * turn; all hosts together share rate_max.  Called in steps: begin, what is
 * seen of each domain with open mail, plan, and then one turn after the other
 * until there is none.  Which messages a turn is about the caller knows: those
 * on hold, oldest first, or those that were let go and are still there.
 *
 * No clock, no lock.  Ages of messages are wall time, everything else is not.
 */
#define RELEASE_STEP_MS 500
#define RELEASE_JUMP_MS 60000 /* of the wall clock against the other */
#define RELEASE_SETTLE_MS                                                      \
	600000 /* after it, until a hold may end, and in the                   \
		* beginning, at most half of the hold */
#define RELEASE_UNKNOWN_MS 300000 /* until "nobody knows" is an answer */
#define RELEASE_BACK_MS    10000  /* until what is there is put back again */

struct release_conf {
	struct pace_conf pace;
	int64_t queue_lifetime_ms; /* the MTA's */
};

struct release;
int release_new(struct release **out, const struct release_conf *conf,
    uint64_t seed) SMX_MUST_USE;
void release_free(struct release **release); /* accepts NULL inside */
void release_change(struct release *release, const struct release_conf *conf);

/* An operator's word or a request of the primary: as if it were up.  What asks
 * for less than another one does not shorten that; 0: it is over. */
int release_flush(struct release *release, const char *domain,
    int64_t until_mono_ms) SMX_MUST_USE;
/* The flush that ends then is none; nothing, if another one does. */
void release_unflush(struct release *release, const char *domain,
    int64_t until_mono_ms);
/* Has it neither run out nor ended before its time? */
int release_flushing(const struct release *release, const char *domain);

/* Counters since the start of the process, of one domain. */
struct release_flow {
	uint64_t left;      /* messages that are in the queue no more */
	uint64_t delivered; /* recipients */
	uint64_t returned;  /* recipients */
	uint64_t deferred;  /* messages put off for the first time since they
			     * were let go */
	uint64_t in_queue;  /* messages there now, as ordinary mail */
};

struct release_seen {
	enum mx_state state;
	const char *host; /* of the primary; what has the same shares a pace */
	int unwatched;    /* no policy names the domain any more */
	int held;         /* there may be something on hold */
	int64_t hold_ms;  /* of the policy; 0 there is none */
	struct release_flow flow;
};

void release_begin(struct release *release, int64_t now_ms, int64_t wall_ms);
int release_see(struct release *release, const char *domain,
    const struct release_seen *seen) SMX_MUST_USE;
void release_plan(struct release *release);

enum release_what {
	RELEASE_GO = 1, /* at most count of what is on hold, oldest first */
	RELEASE_BACK,   /* on hold again: what was let go and is still there */
	RELEASE_SOUR,   /* tell: the host of this domain refuses everybody */
	RELEASE_ENDS    /* look whose hold has come to its end: release_end() */
};
struct release_turn {
	enum release_what what;
	const char *domain; /* until the next begin */
	size_t count;
};
/* SMX_ENOTFOUND: that was all. */
int release_turn(struct release *release,
    struct release_turn *turn) SMX_MUST_USE;
/* Of the last turn, RELEASE_GO: so many were let go; fewer than count: there is
 * nothing more on hold. */
void release_gave(struct release *release, size_t count);
/* What was tried could not be done: nothing is let go for a while. */
void release_failed(struct release *release);

/* One message's way out of the hold. */
enum release_way {
	RELEASE_AS_IT_IS = 1,
	/* Half of the MTA's patience is over: one bad answer more, and it would
	 * go back to its sender.  Under a new id it has all of it again. */
	RELEASE_ANEW
};
enum release_way release_way(const struct release *release, int64_t taken_ms);
enum release_way release_way_of(int64_t age_ms, int64_t queue_lifetime_ms);

enum release_end {
	RELEASE_END_NOT_YET = 1,
	RELEASE_END_WARN,   /* tell of it, once */
	RELEASE_END_RETURN, /* to its sender */
	RELEASE_END_KEEP,   /* it is over, the message stays: tell, every day */
	RELEASE_END_HAND    /* to somebody else */
};
/* Not all could be given: the next step asks again. */
void release_ends_soon(struct release *release, const char *domain);
struct release_hold {
	int64_t until_ms;  /* 0: no end */
	int64_t warned_ms; /* 0: never told of */
};
/* Whoever was to be warned and was not has the whole time after the warning,
 * which is half of the hold at most. */
enum release_end release_end(const struct release *release,
    const struct release_hold *hold, const struct smx_backup *backup);

struct release_word {
	int going;
	int flushing;
	int sour;     /* the host refuses everybody */
	int64_t rate; /* thousandths of a message a second; of its host */
	size_t window;
};
/* SMX_ENOTFOUND */
int release_ask(const struct release *release, const char *domain,
    struct release_word *out) SMX_MUST_USE;

#endif
