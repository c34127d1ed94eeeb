/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_BACKUP_BOOKS_H
#define GLUE_BACKUP_BOOKS_H

#include <shadowmx/envelope.h>
#include <shadowmx/queue.h>

#include "glue/backup_rcpt.h"

/*
 * The books: every message that was taken as secondary, where it is, and what
 * became of each recipient.  Evidence is the queue's (smx_queue): a look that
 * finds or does not find the file, what the log says of deliveries and notices,
 * and the requeues that were followed.  core/custody.h decides.
 */
int books_new(struct books **out, struct backup *backup) SMX_MUST_USE;
int books_start(struct books *books) SMX_MUST_USE;
void books_join(struct books *books); /* after backup_rest's word */
void books_free(struct books **books);

struct books_mail {
	const char *queue_id;
	const char *sender; /* as in MAIL */
	uint64_t size;
	const char *domain;  /* of the first recipient that is ours */
	enum mx_state state; /* of the primary */
	int hold;            /* the MTA will be told to hold it */
	int by_hand;         /* it holds it by a person's doing */
	int64_t taken_ms;    /* wall clock */
	int64_t until_ms;    /* hold: its end */
	int64_t quota;       /* hold: as struct smx_backup has them */
	int64_t quota_messages;
	const char *const *rcpts; /* those of backup domains, as in RCPT */
	size_t count;
};
/* Before the 250.  SMX_OK: it is on disk.  SMX_EFULL over a quota of the
 * domain; anything else: it is not written, the message is taken as ordinary
 * mail and must not be put on hold. */
int books_take(struct books *books, const struct books_mail *mail) SMX_MUST_USE;
/* Non-zero: no more of this domain can be put on hold. */
int books_full(struct books *books, const char *domain,
    const struct smx_backup *backup);

/* From the queue's thread.  Ids to be verified: as engine_verify_next.  The
 * state comes before what was found in it. */
void books_state(struct books *books, const struct smx_queue_state *state);
/* Is this one of the messages that are followed? */
int books_know(struct books *books, const char *queue_id);
/* The domain of the one that has this recipient open; 0: none has. */
int books_whose(struct books *books, const char *queue_id, uint64_t rcpt,
    char domain[BACKUP_DOMAIN_MAX + 1]) SMX_MUST_USE;
void books_event(struct books *books, const struct smx_queue_event *event,
    int64_t now_mono_ms);
size_t books_verify_next(struct books *books, int64_t now_mono_ms,
    const char **ids, size_t max, uint64_t *token);
size_t books_read_next(struct books *books, int64_t now_mono_ms,
    const char **ids, size_t max, uint64_t *token);

/* What was taken to be held and is still open, oldest first, of one domain, for
 * the releaser: custody tells whether it is on hold (CUSTODY_HELD), by a
 * person's doing (CUSTODY_HELD_BY), or released and not gone yet
 * (CUSTODY_QUEUED); CUSTODY_TAKEN is left alone. */
struct books_held {
	int64_t id;
	char queue_id[64];
	uint64_t size;
	int64_t taken_ms, until_ms;
	enum custody custody;
};
int books_held(struct books *books, const char *domain, int64_t after_taken_ms,
    int64_t after_id, struct books_held *out, size_t max,
    size_t *count) SMX_MUST_USE;
/* What the releaser has done to it: custody CUSTODY_QUEUED or CUSTODY_HELD.
 * Durable. */
int books_moved(struct books *books, const int64_t *ids, size_t count,
    enum custody custody) SMX_MUST_USE;
/* An attempt to hand it to somebody else came back: backup_hand_ended(). */
struct backup_hand_end;
int books_handed(struct books *books,
    const struct backup_hand_end *end) SMX_MUST_USE;
/* The end of the hold time, put off or told of. */
int books_until(struct books *books, int64_t id, int64_t until_ms,
    int64_t warned_ms) SMX_MUST_USE;

/* Who of it has been handed to somebody else: amend_address() of them,
 * malloc'ed; NULL nobody. */
uint64_t *books_booked(struct books *books, const char *queue_id,
    size_t *count);
/* Until when a message of the queue is on hold by our doing; 0: it is not. */
int64_t books_hold_until(struct books *books, const char *queue_id);

struct books_sums { /* of recipients; of messages where it says so */
	uint64_t messages, taken, delivered, returned, deleted, handed;
	uint64_t unaccounted;
	uint64_t held, queued; /* open ones */
	uint64_t held_messages, held_bytes;
	int64_t oldest_ms; /* of what is open; 0 none */
	int64_t end_ms;    /* the next end of a hold; 0 none */
	uint64_t while_up, while_down, while_unknown; /* messages by state */
};
/* domain NULL: all; from_ms, to_ms: taken then, 0 any. */
int books_sum(struct books *books, const char *domain, int64_t from_ms,
    int64_t to_ms, struct books_sums *out) SMX_MUST_USE;
/* Likewise of what is open alone, which is much less. */
int books_open(struct books *books, const char *domain,
    struct books_sums *out) SMX_MUST_USE;
/* Is anything of the domain on hold?  It is, where that cannot be said. */
int books_holds(struct books *books, const char *domain);
/* Recipients of a domain that were delivered and returned, messages whose
 * delivery was put off (each once for each release) and that ended, since the
 * start of this process: the releaser steers by them. */
struct books_flow {
	uint64_t delivered, returned, deferred, ended;
	uint64_t in_queue; /* messages, CUSTODY_QUEUED */
};
void books_flow(struct books *books, const char *domain,
    struct books_flow *out);

#endif
