/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RESEND_H
#define CORE_RESEND_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/envelope.h>
#include <shadowmx/key.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>

#include "core/idmap.h"

/*
 * The resend guard: a client that did not hear our yes sends its message again,
 * and what the MTA has taken already is not taken a second time.
 *
 * What makes two attempts the same, recipient by recipient: the content as the
 * milter has it (digest), the MAIL command with all its parameters, the
 * client's address and login (origin), and the RCPT command with all its
 * parameters (line).
 */
struct resend_rcpt {
	uint64_t line;
	uint64_t address; /* amend_address() */
};

struct resend_message {
	uint8_t digest[SMX_DIGEST_BYTES];
	uint64_t origin;
	size_t count;
	struct resend_rcpt *rcpts;
};

/* SMX_ENOMEM; SMX_ELIMIT: more recipients than are remembered. */
#define RESEND_RCPTS_ONE 1000
int resend_describe(struct resend_message *out,
    const struct smx_envelope *envelope, const uint8_t *digest) SMX_MUST_USE;
void resend_message_free(struct resend_message *message);

/*
 * What is remembered: attempts that were answered with yes, for as long as the
 * window is, at most RESEND_RCPTS_MAX recipients of them; the oldest go.  In
 * memory only: after a restart every resend is ordinary mail.
 */
#define RESEND_RCPTS_MAX 200000

struct resend_slot {
	struct idnode by_rcpt;
	struct resend_attempt *of;
	struct resend_rcpt rcpt;
	int sent; /* the log says that it was delivered */
	int open; /* by the last read of the file */
};

struct resend_attempt {
	struct idnode by_key, by_id;
	struct resend_attempt *prev, *next; /* oldest first */
	struct smx_key key;
	char id[SMX_QUEUE_ID_MAX + 1];
	uint8_t digest[SMX_DIGEST_BYTES];
	uint64_t origin;
	uint64_t read;    /* number of the last read that was answered */
	int64_t asked_ms; /* one is wanted since then; 0 none is */
	int64_t until_ms;
	int committed; /* it had been, when it left the table of open ones */
	size_t count;
	struct resend_slot slot[];
};

struct resends {
	struct idmap rcpts, keys, ids;
	struct resend_attempt *first, *last;
	size_t count;                  /* slots */
	uint64_t messages, recipients; /* that were kept out, since the start */
};

void resends_init(struct resends *resends, uint64_t seed);
void resends_free(struct resends *resends);

struct engine;
struct own;

/* The MTA is about to hear yes to this message. */
void engine_resend_note(struct engine *engine, const struct smx_key *key,
    const struct resend_message *message, int64_t window_ms, int64_t now_ms);

/*
 * Which recipients of a message that has arrived are taken already?  Asked
 * again until none is waiting, or nobody wants to wait any longer: what is
 * waiting then is ordinary mail.  Of a recipient that is taken the first
 * attempt was committed for certain, and it was delivered, or is still open in
 * the queue and has min_copies copies.
 */
struct resend_question {
	const struct resend_message *message;
	unsigned min_copies;
	unsigned char *taken; /* out; for each recipient, non-zero */
	size_t count;         /* of those */
	size_t waiting;       /* the queue is being asked about so many */
	struct smx_key first; /* the attempt that stands for one of them */
	char first_id[SMX_QUEUE_ID_MAX + 1];
	int begun;
	uint64_t since; /* only reads with a greater number count */
};
void engine_resend_ask(struct engine *engine, struct resend_question *question,
    int64_t now_ms);
/* They are not taken again. */
void engine_resend_kept_out(struct engine *engine,
    const struct resend_question *question);

/* ---- from the engine's other files ---- */

/* Its file was read, or could not be, or what was read does not count. */
void resends_read(struct engine *engine, const struct own *own,
    const struct smx_queue_event *event, int counts);
/* It leaves the table of open messages. */
void resends_gone(struct engine *engine, const struct own *own);
void resends_sent(struct engine *engine, const struct smx_queue_event *event);

#endif
