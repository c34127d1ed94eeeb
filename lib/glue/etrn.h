/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_ETRN_H
#define GLUE_ETRN_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/err.h>

#include "core/pfpolicy.h"

/*
 * A primary MX that is back says so with ETRN (RFC 1985).  Postfix hears it and
 * asks here, as a policy service of smtpd_etrn_restrictions, whether that may
 * be; what is on hold is let go while it is asked.  It answers nothing but
 * ETRN: to all else it says that it has no opinion.
 *
 * Threads: one, for all connections.  answer is called by it alone, and does
 * not wait.
 */
struct etrn;

#define ETRN_ANSWER 256

/* What is to follow "action=", of printable characters. */
typedef void (*etrn_answer_fn)(void *ctx, const struct pfpolicy *request,
    char out[ETRN_ANSWER]);

#define ETRN_CONNECTIONS 256

struct etrn_options {
	int fd; /* listening; lent */
	etrn_answer_fn answer;
	void *ctx;
	size_t connections; /* 0: ETRN_CONNECTIONS; for one more the one that
			     * has asked nothing for longest is closed */
	int64_t request_ms; /* for a whole request, and to take the answer; 0:
			     * 10 s */
	int64_t idle_ms;    /* between two; 0: 15 min, longer than Postfix
			     * keeps a connection */
};

int etrn_start(struct etrn **out,
    const struct etrn_options *options) SMX_MUST_USE;
void etrn_stop(struct etrn **etrn); /* accepts NULL inside */

/* ---- etrn_ask.c: what a node answers ---- */

struct etrn_asked;
int etrn_asked_new(struct etrn_asked **out,
    struct smx_engine *node) SMX_MUST_USE;
void etrn_asked_free(struct etrn_asked **asked); /* accepts NULL inside */
void etrn_answer(void *ctx, const struct pfpolicy *request,
    char out[ETRN_ANSWER]);

#endif
