/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SPILL_H
#define IO_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/err.h>

/*
 * Content that is still arriving: in memory up to a limit, past it in a
 * temporary file that has no name, so that nothing of it outlives the process.
 *
 * Calls come in the order new, add..., end, content; free at any point.  After
 * an error only free is allowed.  Threads: one at a time; what content() gives
 * may be read by several, until free.
 */
struct spill;

/* folder: where the file goes, made (0700) when it is missing; not touched
 * while the content is small.  It is copied. */
int spill_new(struct spill **out, const char *folder,
    size_t memory_limit) SMX_MUST_USE;
/* SMX_EFULL: disk or quota full; SMX_EIO, SMX_ENOMEM. */
int spill_add(struct spill *spill, const void *data, size_t len) SMX_MUST_USE;
/* All that fd gives to its end, each LF as CRLF.  SMX_EIO also when that is not
 * size bytes; SMX_ETIMEOUT.  The descriptor stays open. */
int spill_take(struct spill *spill, int fd, uint64_t size,
    int64_t until_mono_ms) SMX_MUST_USE;
/* Nothing more will come; digest is the SHA-256 of all of it. */
int spill_end(struct spill *spill,
    uint8_t digest[SMX_DIGEST_BYTES]) SMX_MUST_USE;
uint64_t spill_size(const struct spill *spill);
/* Lent until spill_free. */
void spill_content(const struct spill *spill, struct smx_content *out);
/* Accepts NULL inside. */
void spill_free(struct spill **spill);

#endif
