/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMTPREPLY_H
#define CORE_SMTPREPLY_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * Replies of an SMTP server, taken apart as the bytes come in (RFC 5321 4.2,
 * RFC 2034).  The other side is not trusted: lines and their number have
 * ceilings, all lines carry the same code, and what is kept is printable ASCII.
 */
#define SMTPREPLY_LINES_MAX 100
#define SMTPREPLY_LINE_MAX  1000 /* without the line end */

enum smtpreply_step {
	SMTPREPLY_MORE = 0, /* all bytes are used, the line is not whole */
	SMTPREPLY_LINE,     /* a line is whole and others follow */
	SMTPREPLY_DONE      /* the last line is whole */
};

struct smtpreply {
	int code;          /* 200..599, 0 before the first whole line */
	char enhanced[12]; /* "4.3.0" of the present line, or "" */
	size_t lines;
	size_t len;
	int whole;                         /* the present line has ended */
	char line[SMTPREPLY_LINE_MAX + 2]; /* CR or NUL at the end */
};

void smtpreply_begin(struct smtpreply *reply);
/*
 * Use some of the bytes: a step, SMX_EPROTO or SMX_ELIMIT.  *used tells how
 * many; the rest belongs to the next call.
 */
int smtpreply_feed(struct smtpreply *reply, const void *data, size_t len,
    size_t *used);
/* The present line behind its code and enhanced code. */
const char *smtpreply_text(const struct smtpreply *reply);
/* 2xx SMX_OK, 4xx SMX_ETEMP, 5xx SMX_EREFUSED, 3xx SMX_EPROTO */
int smtpreply_result(const struct smtpreply *reply);
/*
 * The queue id in the answer to the final dot, as Postfix ("Ok: queued as ID")
 * and Sendmail ("ID Message accepted for delivery") tell it.  SMX_ENOTFOUND
 * and "" when there is none.
 */
int smtpreply_queue_id(const struct smtpreply *reply, char *out, size_t size);

#endif
