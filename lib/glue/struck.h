/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_STRUCK_H
#define GLUE_STRUCK_H

#include <stddef.h>

#include <shadowmx/envelope.h>
#include <shadowmx/err.h>

/* Recipients that are struck out of a message, as the MTA gave them. */
struct struck {
	char **rcpts;
	size_t count;
};

void struck_free(struct struck *struck);
/*
 * marks: one per recipient of the envelope, non-zero those to be struck out.
 * *rest is the envelope without them, NULL when nobody is marked or nobody is
 * left.  SMX_ENOMEM: nobody is struck out, *rest is NULL.
 */
int struck_set(struct struck *struck, const struct smx_envelope *envelope,
    const unsigned char *marks, struct smx_envelope **rest) SMX_MUST_USE;

/* One more, after struck_set. */
int struck_add(struct struck *struck, const char *rcpt) SMX_MUST_USE;

/* Client, sender and its parameters, no recipient. */
int struck_head(struct smx_envelope *to,
    const struct smx_envelope *from) SMX_MUST_USE;

#endif
