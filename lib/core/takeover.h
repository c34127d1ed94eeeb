/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TAKEOVER_H
#define CORE_TAKEOVER_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>
#include <shadowmx/store.h>
#include <shadowmx/submit.h>

#include "core/engine.h"

/*
 * From a shadow to the own MTA's queue and to its end:
 *
 *	SHADOW --claim--> CLAIMED --hand--> HANDED --end--> gone
 *	                   |  ^  retry (back-off)
 *	                   v
 *	               QUARANTINED (5xx, or three attempts that never returned)
 *
 * Every move is durable in the store before the next step is taken, so a stop
 * at any point repeats a step (a duplicate) and never skips one (a loss).  The
 * attempt is counted before the work, so a message that kills the daemon is set
 * aside after three tries.
 *
 * Calls the store's port.  One caller at a time (glue locks), apart from the
 * submission itself, which runs outside.
 */
struct takeover;

struct takeover_options {
	struct smx_store *store;
	int64_t retry_ms; /* first back-off, doubles */
	int64_t retry_max_ms;
	unsigned max_crashes; /* 3 */
	size_t parallel;      /* jobs out at a time */
	size_t page;          /* rows claimed per step: 100 */
};

int takeover_new(struct takeover **out,
    const struct takeover_options *options) SMX_MUST_USE;
void takeover_free(struct takeover **takeover);

/* Claim up to a page of this primary's shadows as engine_takeover_next asked.
 * Returns how many were claimed; 0: all are. */
int takeover_claim(struct takeover *takeover, const char *primary,
    const struct engine_takeover *why, int64_t wall_ms);

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
/*
 * What became of it; result as smx_submit_ops.submit gives it.  Frees the job's
 * members.  A message of which some recipients were refused is quarantined for
 * those and handed for the others: it stays HANDED with 'r' marks until the
 * others have ended, then becomes QUARANTINED.
 */
void takeover_result(struct takeover *takeover, struct takeover_job *job,
    int result, const struct smx_submit_result *submitted, int64_t wall_ms);
/* A job that was not begun after all (stopping). */
void takeover_give_back(struct takeover *takeover, struct takeover_job *job,
    int64_t wall_ms);

/* The own queue's state, as soon as it is known and when it changes.  Another
 * epoch than when rows were handed: they are not in this queue, and are claimed
 * again.  Without this call the queue is taken to be the same. */
int takeover_queue_state(struct takeover *takeover,
    const struct smx_queue_state *state, int64_t wall_ms);
/* Handed rows are followed in the own queue: ids to verify, answers. */
size_t takeover_verify_next(struct takeover *takeover, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);
void takeover_queue_event(struct takeover *takeover,
    const struct smx_queue_event *event, int64_t wall_ms);

/* The Received line that the primary's MTA had put on top and that its milter
 * could not see (RFC 5321 4.4), CRLF ended, folded below 998.  size >= 2048. */
int takeover_received(const struct smx_row *row,
    const struct smx_envelope *envelope, const char *node, int64_t wall_ms,
    char *out, size_t size);

/* Put quarantined rows back to CLAIMED (operator). */
int takeover_release(struct takeover *takeover, const struct smx_key *key,
    int64_t wall_ms);

#endif
