/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOPBODY_H
#define CORE_HOPBODY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>

#include "base/buf.h"
#include "core/smtpdata.h"

/* A message on its way out, piece by piece: our trace lines, then the content
 * with its lone CR and LF mended. */
struct hopbody {
	const struct smx_content *content;
	const char *received;
	struct smtpdata data;
	uint64_t at; /* of the content */
	int begun;   /* the trace lines are out */
	int ended;
	uint64_t size; /* as the other side counts it, once measured */
	int eight;
};

void hopbody_init(struct hopbody *body, const struct smx_content *content,
    const char *received);
/* Look through all of it for size and eight. */
int hopbody_measure(struct hopbody *body) SMX_MUST_USE;
/* From its first byte; chunk: for BDAT. */
void hopbody_begin(struct hopbody *body, int chunk);
/* Add the next piece to out, some tens of kilobytes at most; ended tells that
 * it was the last one.  SMX_EIO and the like: the content cannot be read. */
int hopbody_next(struct hopbody *body, struct buf *out) SMX_MUST_USE;

#endif
