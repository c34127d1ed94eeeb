/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SMTP_CLIENT_H
#define IO_SMTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "base/buf.h"
#include "core/smtpreply.h"

/*
 * One connection to an SMTP server: bytes out, replies in, each step with a
 * deadline and all of them with another.  One thread at a time.
 *
 * SMX_ETIMEOUT: a deadline passed; SMX_ECLOSED: the other side went away;
 * SMX_EPROTO, SMX_ELIMIT: its reply is no reply; SMX_EIO: anything else.
 * After an error only smtp_client_close makes sense.
 */
struct smtp_target; /* a parsed address */

/* "192.0.2.1:25", "[2001:db8::1]:25", "unix:/path"; no names: nothing here
 * waits for a resolver.  SMX_EINVAL, SMX_ENOMEM. */
int smtp_target_new(struct smtp_target **out, const char *text) SMX_MUST_USE;
void smtp_target_free(struct smtp_target **target);

struct smtp_client {
	int fd;
	int64_t step_ms;
	int64_t deadline_mono_ms; /* 0: none */
	int errnum;               /* of the last failure, 0 none */
	size_t in_at;
	size_t in_len;
	char in[4096];
};

/* SMX_EUNREACHABLE or SMX_ETIMEOUT; the client is closed then. */
int smtp_client_open(struct smtp_client *client,
    const struct smtp_target *target, int64_t step_ms,
    int64_t deadline_mono_ms) SMX_MUST_USE;
void smtp_client_close(struct smtp_client *client);
/* Keep the connection for another client, its descriptor, or -1 when the other
 * side has said more than it was asked; and go on with it.  SMX_ECLOSED: the
 * other side has left it, or has said something meanwhile. */
int smtp_client_keep(struct smtp_client *client);
int smtp_client_resume(struct smtp_client *client, int fd, int64_t step_ms,
    int64_t deadline_mono_ms) SMX_MUST_USE;

/* SMX_OK: the system has taken every byte.  Any error: not the last one. */
int smtp_client_send(struct smtp_client *client, const void *data,
    size_t len) SMX_MUST_USE;
/*
 * Read one whole reply within wait_ms (0: step_ms).  each (may be NULL) sees
 * all its lines.
 */
typedef void (*smtp_line_fn)(void *ctx, const struct smtpreply *reply);
int smtp_client_reply(struct smtp_client *client, struct smtpreply *reply,
    int64_t wait_ms, smtp_line_fn each, void *ctx) SMX_MUST_USE;

#endif
