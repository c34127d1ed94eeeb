/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMTPDATA_H
#define CORE_SMTPDATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Content on its way into DATA (RFC 5321 4.5.2).  Every CR or LF that stands
 * alone becomes CRLF, so that no server can see an end of data other than ours
 * (SMTP smuggling); a dot that begins a line is doubled; all other bytes, NUL
 * included, pass unchanged.  Content that has only CRLF line ends is therefore
 * what the other side gets, byte for byte.
 */
struct smtpdata {
	int cr;         /* the last byte was a CR that has not been written */
	int start;      /* at the start of a line */
	int eight;      /* a byte above 0x7f came */
	int chunk;      /* for BDAT */
	uint64_t bytes; /* after the repair of line ends, before the doubling */
};

void smtpdata_begin(struct smtpdata *data);
/* For BDAT (RFC 3030): the same bytes, no dot doubled, none at the end. */
void smtpdata_begin_chunk(struct smtpdata *data);
/* Adds at most 2 * len + 2 bytes to out; out NULL: only count and look. */
int smtpdata_add(struct smtpdata *data, const void *in, size_t len,
    struct buf *out);
/* Close the last line and put the final dot. */
int smtpdata_end(struct smtpdata *data, struct buf *out);

#endif
