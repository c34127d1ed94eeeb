/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LOGTAIL_H
#define IO_LOGTAIL_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * Follow a log that others write: line by line, through a rename (the old file
 * is read to its end first) and through a truncation in place.  A line longer
 * than LOGTAIL_LINE_MAX is left out.
 */
#define LOGTAIL_LINE_MAX 8192

struct logtail;

typedef void (*logtail_line_fn)(void *ctx, const char *line, size_t len);

/* Begin at most back bytes before the end of what is there, at a line.
 * SMX_EIO: cannot be read, errno tells why; SMX_EINVAL: no plain file. */
int logtail_open(struct logtail **out, const char *path,
    uint64_t back) SMX_MUST_USE;
/* Read about budget bytes.  1: there is more now; 0: read to the end;
 * SMX_EGONE: it was truncated and is read from its start next, lines may have
 * been lost; SMX_EIO: unreadable. */
int logtail_read(struct logtail *tail, size_t budget, logtail_line_fn line,
    void *ctx);
void logtail_close(struct logtail **tail);

#endif
