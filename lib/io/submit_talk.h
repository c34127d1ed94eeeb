/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SUBMIT_TALK_H
#define IO_SUBMIT_TALK_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>
#include <shadowmx/submit.h>

#include "base/buf.h"
#include "core/smtpcmd.h"
#include "core/smtpdata.h"
#include "core/smtpreply.h"
#include "io/smtp_client.h"

/*
 * One resubmission: the steps of the conversation in their order.  Each
 * returns SMX_OK to go on or the result of the whole submission, and then has
 * put the decisive words into the result's text.
 */
struct submit_smtp {
	struct submit_kept *kept; /* between two messages */
	struct smtp_target *target;
	struct smtp_target *amended; /* NULL: target */
	struct smtp_target *held;    /* NULL: there is no way */
	char *helo;
	int64_t step_ms;
};

/* One message's part of a conversation. */
struct talk {
	const struct submit_smtp *smtp;
	const struct smx_submission *job;
	struct smx_submit_result *result;
	struct smtp_client client;
	struct smtp_offer offer;
	struct smtpreply reply;
	struct buf out;
	char *chunk;
	struct smtpdata size; /* the message as it will be sent */
	size_t recipients;
	size_t accepted;
	size_t refused;
	size_t deferred;
	size_t trail;      /* answers to XFORWARD that are awaited */
	int mail;          /* likewise to MAIL */
	unsigned messages; /* that this connection has carried before */
	int complained;    /* something was refused */
	int left;          /* the server closed or is about to */
	int begun;         /* DATA was accepted */
	int no_quit;       /* it would be content, or nobody would answer */
};

/* submit_kept.c: connections that wait for the next message. */
struct submit_kept;
int kept_new(struct submit_kept **out) SMX_MUST_USE;
void kept_free(struct submit_kept **kept);
/* Go on with one that stands to this target: SMX_ENOTFOUND. */
int kept_take(struct talk *t, const struct smtp_target *target) SMX_MUST_USE;
/* Instead of an end: the connection, if it is fit for another message. */
void kept_put(struct talk *t, const struct smtp_target *target);
/* Say good-bye on all of them. */
void kept_close(struct submit_kept *kept);

/* submit_envelope.c */
int talk_greet(struct talk *t) SMX_MUST_USE;
/* Can this server carry this message unharmed? */
int talk_check(struct talk *t) SMX_MUST_USE;
/* The envelope, with PIPELINING in as few round trips as can be. */
int talk_trail(struct talk *t) SMX_MUST_USE;
int talk_mail(struct talk *t) SMX_MUST_USE;
int talk_rcpts(struct talk *t) SMX_MUST_USE;
/* Send what is in out and read one reply. */
int talk_command(struct talk *t, const char *step) SMX_MUST_USE;
int talk_wanted(const struct talk *t, size_t index);

/* submit_content.c */
#define CHUNK_BYTES 65536
/* Before the conversation: size and 8-bit bytes. */
int talk_measure(struct talk *t) SMX_MUST_USE;
/* DATA to the final dot; after SMX_OK the server may have the message. */
int talk_data(struct talk *t) SMX_MUST_USE;
int talk_dot(struct talk *t) SMX_MUST_USE;

/* "step: words" for people; all return result. */
int talk_tell(struct talk *t, int result, const char *step, const char *text);
int talk_tell_reply(struct talk *t, int result, const char *step);
int talk_tell_failure(struct talk *t, int failure, int result,
    const char *step);

#endif
