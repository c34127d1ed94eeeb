/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_COURIER_H
#define GLUE_COURIER_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>

#include "base/buf.h"
#include "core/conf.h"
#include "core/hopstate.h"
#include "core/resend.h"
#include "glue/routes.h"
#include "io/hop.h"

/*
 * What all sessions of an engine share for delivering to next hops: the
 * connections that are kept, what is known of each next hop, how many may wait,
 * the book of those that were served, and what is counted.
 *
 * Threads: any.  A session whose policies never say "delivered" takes no lock
 * here.
 */
struct courier;

/* folder: the store's, NULL: it is none, and no book is kept; conf is the
 * start's, kept.  Fails for want of memory only. */
struct courier_options {
	const struct conf *conf;
	const char *folder;
	const struct smx_queue *queue; /* NULL */
};
int courier_new(struct courier **out,
    const struct courier_options *options) SMX_MUST_USE;
void courier_free(struct courier **courier);
/* What a reload may change. */
void courier_change(struct courier *courier, const struct conf *conf);

/* Close connections that have waited long enough; to be called now and then. */
void courier_tidy(struct courier *courier);

/* Made with the first call; NULL: they cannot be had, which was logged. */
struct hops *courier_hops(struct courier *courier);
struct routes *courier_routes(struct courier *courier);

/* Somebody is about to wait for a next hop.  SMX_ELIMIT: too many do, of this
 * client or of all; leave only after SMX_OK. */
int courier_enter(struct courier *courier, const struct conf *conf,
    const char *client) SMX_MUST_USE;
void courier_leave(struct courier *courier, const char *client);

enum hopstate_word courier_ask(struct courier *courier, const char *name);
int64_t courier_rcpt_wait(struct courier *courier, const char *name,
    int64_t floor_ms, int64_t most_ms);
int64_t courier_data_wait(struct courier *courier, const char *name,
    int64_t floor_ms, int64_t most_ms);
void courier_tell(struct courier *courier, const char *name,
    enum hopstate_event event, int64_t ms, const char *why);
/* Who else wants to know of those that took a message (well) or could not be
 * reached; NULL: nobody any more.  Called without a lock. */
typedef void (
    *courier_heard_fn)(void *ctx, const char *name, int well, const char *why);
void courier_listen(struct courier *courier, courier_heard_fn heard, void *ctx);

/* ---- the book of those that were served ---- */

/* Non-zero: somebody is in it. */
int courier_has_served(const struct courier *courier);
size_t courier_look(struct courier *courier,
    const struct resend_message *message, unsigned char *served);
/* SMX_OK: it is on disk. */
int courier_book(struct courier *courier, const struct resend_message *message,
    const unsigned char *served) SMX_MUST_USE;

/* ---- what is counted ---- */

enum courier_count {
	COURIER_MESSAGES = 0, /* discarded: all were delivered */
	COURIER_RCPTS,        /* delivered, of all messages */
	COURIER_PARTS,        /* messages of which a part was delivered */
	COURIER_REFUSED_RCPT, /* recipients refused in the next hop's words */
	COURIER_REFUSED,      /* messages likewise */
	COURIER_UNSURE,       /* recipients that may have it twice */
	COURIER_LIMIT,        /* waits that there was no room for */
	COURIER_LATE,         /* recipients given up for want of an answer */
	COURIER_AGAIN,        /* recipients kept out as known from the book */
	COURIER_BOOKED,       /* recipients written into the book */
	COURIER_UNBOOKED,     /* messages accepted as they could not be */
	COURIER_COUNTS
};
void courier_count(struct courier *courier, enum courier_count which, size_t n);
/* Members of an object. */
void courier_members(struct courier *courier, struct buf *b);

/* ---- an operator's ---- */

/* Each in turn, in the order of their names. */
void courier_each(struct courier *courier,
    void (*each)(void *ctx, const struct hopstate *state, size_t idle),
    void *ctx);
/* Forget back-offs and close what waits; NULL: all.  SMX_ENOTFOUND. */
int courier_reset(struct courier *courier, const char *name, size_t *closed);

#endif
