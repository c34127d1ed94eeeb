/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TAKEOVER_H
#define CORE_TAKEOVER_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/log.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>
#include <shadowmx/submit.h>

#include "core/engine.h"
#include "core/gate.h"
#include "core/heirs.h"

/*
 * From a shadow to the own MTA's queue and to its end:
 *
 *	SHADOW --claim--> CLAIMED --hand--> HANDED --end--> DONE, gone
 *	                   |  ^  retry (back-off)
 *	                   v
 *	               QUARANTINED (5xx, or three attempts that never returned)
 *
 * Every move is durable in the store before the next step is taken, so a stop
 * at any point repeats a step (a duplicate) and never skips one (a loss).  The
 * attempt is counted before the work, so a message that kills the daemon is set
 * aside after three tries.  Attempts that are the first ones since a crash are
 * counted for many rows in one step, ahead of the work; the others for each row
 * alone, so that a row is blamed for at most one crash that happened before its
 * turn.
 *
 * Calls the store's port.  One caller at a time (glue locks), apart from the
 * submission itself and takeover_write(), which run outside.
 */
struct takeover;

struct takeover_options {
	struct smx_store *store;
	int64_t retry_ms; /* first back-off, doubles */
	int64_t retry_max_ms;
	unsigned max_crashes;    /* 3 */
	size_t parallel;         /* jobs out at a time */
	size_t ahead;            /* rows that may be prepared, or wait to be
				  * written, beyond these; 0: none */
	size_t page;             /* rows per step: 100 */
	struct gate_world world; /* who else may have a copy; lent */
};

int takeover_new(struct takeover **out,
    const struct takeover_options *options) SMX_MUST_USE;
void takeover_free(struct takeover **takeover);

/* The next page of the gate's round: rows in state SHADOW of this primary that
 * its cause concerns.  Returns how many, or a negative error; gate->ended after
 * the last. */
int takeover_page(struct takeover *takeover, const char *primary,
    struct gate *gate, struct gate_row *rows, size_t max);
/* Claim these, unless their primary or another member was faster.  heirs (room
 * for count): those that were claimed.  Returns how many, or a negative error
 * when not all could be written. */
int takeover_claim(struct takeover *takeover, const char *primary,
    enum engine_cause cause, const struct gate_row *rows, size_t count,
    struct heir *heirs, int64_t wall_ms);
/* Drop these, of which others say that they are finished, unless they have
 * become something else meanwhile.  Returns how many, or a negative error. */
int takeover_drop(struct takeover *takeover, const char *primary,
    const struct gate_row *rows, size_t count);
/* Quarantine one, which that member (of the world) has delivered, but may not
 * end. */
int takeover_aside(struct takeover *takeover, const char *primary,
    const struct gate_row *row, int64_t wall_ms);
/* Rows claimed since the start, by whatever call. */
uint64_t takeover_claims(const struct takeover *takeover);

/* Rows that this host answers for, in key order after *after, which moves: the
 * other members have to hear it.  Fewer than max: the end. */
int takeover_heirs(struct takeover *takeover, struct smx_key *after,
    struct heir *heirs, size_t max);
/* Rows that are over but for the members that hold them for this host; once
 * for each before _over_done. */
size_t takeover_over_next(struct takeover *takeover, int64_t now_ms,
    struct heir *heirs, size_t max);
/* What came of it: free ones go or become DONE, the others are due again after
 * pause_ms. */
void takeover_over_done(struct takeover *takeover, const struct heir *heirs,
    size_t count, int64_t pause_ms, int64_t now_ms, int64_t wall_ms);
/* Rows that wait for such members. */
size_t takeover_over_count(const struct takeover *takeover);

struct takeover_job {
	struct smx_row row;
	char *envelope;
	size_t envelope_len;
	char *rcpt_states; /* one char per recipient, never NULL */
};
/* A claimed row that is due, its attempt already counted durably.
 * SMX_ENOTFOUND: none until *wake_ms (wall clock). */
int takeover_next(struct takeover *takeover, int64_t wall_ms,
    struct takeover_job *job, int64_t *wake_ms);
/* Is it to go into the own MTA's hold queue? */
int takeover_job_is_held(const struct takeover_job *job);
/*
 * What became of it; result as smx_submit_ops.submit gives it.  Frees the job's
 * members.  A message of which some recipients were refused is quarantined for
 * those and handed for the others: it stays HANDED with 'r' marks until the
 * others have ended, then becomes QUARANTINED.
 */
void takeover_result(struct takeover *takeover, struct takeover_job *job,
    int result, const struct smx_submit_result *submitted, int64_t wall_ms);

/*
 * The same in three steps, for many at a time: what is to be written (takes the
 * job's members; submitted is lent until the last step), all of it at once and
 * durably (count at most TAKEOVER_WRITE_MAX; without the lock), and each
 * taken note of.
 */
#define TAKEOVER_WRITE_MAX 64
struct takeover_outcome {
	struct takeover_job job;
	struct smx_row_mark mark;
	const char *event; /* for the log */
	enum smx_level level;
	const char *why;
	char reason[256];
};
void takeover_judge(struct takeover *takeover, struct takeover_job *job,
    int result, const struct smx_submit_result *submitted, int64_t wall_ms,
    struct takeover_outcome *out);
void takeover_write(struct takeover *takeover,
    struct takeover_outcome *const *list, size_t count);
void takeover_settle(struct takeover *takeover,
    struct takeover_outcome *outcome);

/* A job that was not begun after all (stopping). */
void takeover_give_back(struct takeover *takeover, struct takeover_job *job,
    int64_t wall_ms);
/* The same for all that were prepared and not asked for. */
void takeover_rest(struct takeover *takeover, int64_t wall_ms);
/* The same, if one of these is among them. */
void takeover_rest_of(struct takeover *takeover,
    const struct smx_amendment *list, size_t count, int64_t wall_ms);

/*
 * The own queue's state, as soon as it is known and when it changes.  Another
 * queue than when rows were handed: they are not in it, and are claimed again.
 * The same one, brought back to before that, or not stopped clean since: each
 * is looked for, and claimed again when it is not there.  Without this call the
 * queue is taken to be the same.
 */
int takeover_queue_state(struct takeover *takeover,
    const struct smx_queue_state *state, int64_t wall_ms);
/* The last time that it went back, if it did (SMX_ENOTFOUND): the engine's to
 * know before it hears of any row (engine_queue_torn). */
int takeover_queue_torn(struct takeover *takeover, struct smx_epoch *torn);
/* Handed rows are followed in the own queue: ids to verify, answers. */
size_t takeover_verify_next(struct takeover *takeover, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);
/* The row that the own MTA has under this id.  SMX_ENOTFOUND: none that is
 * followed. */
int takeover_find(const struct takeover *takeover, const char *queue_id,
    struct smx_key *key);
void takeover_queue_event(struct takeover *takeover,
    const struct smx_queue_event *event, int64_t wall_ms);

/* The Received line that the primary's MTA had put on top and that its milter
 * could not see (RFC 5321 4.4), CRLF ended, folded below 998.  size >= 2048. */
int takeover_received(const struct smx_row *row,
    const struct smx_envelope *envelope, const char *node, int64_t wall_ms,
    char *out, size_t size);

/* Put quarantined rows back to CLAIMED (operator).  One that its primary had on
 * hold is held no more: a person has decided. */
int takeover_release(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms);
/* Claim one shadow (operator).  SMX_ESTATE: it is none any more. */
int takeover_resubmit(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms);
/* Finish a row (operator); members that hold it for this host hear it first,
 * unless it is said of one that already waits for that. */
int takeover_forget(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms);
/* A claimed row that waits for its next attempt: now. */
int takeover_hasten(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms);

#endif
