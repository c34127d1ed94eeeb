/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_CALL_IN_H
#define IO_LINK_CALL_IN_H

#include <stddef.h>
#include <stdint.h>

#include "io/link_call.h"

/* Between link_call.c, which has the connection, and link_answer.c, which
 * understands what comes from it. */

void call_done(struct smx_call *call, int result);
/* The peer's words, or ours, for people. */
void call_words(struct smx_call *call, const char *text, size_t len);
void call_lost(struct smx_call *call, const char *why, int64_t now_ms);
void call_hello(struct smx_call *call, int64_t now_ms);
void call_exchange(struct smx_call *call, int64_t now_ms);

/* Text from the peer; stops as soon as the connection is another one. */
void call_replies(struct smx_call *call, const char *p, size_t left,
    int64_t now_ms);

#endif
