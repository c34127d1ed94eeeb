/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_DIGEST_H
#define IO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/err.h>

/*
 * SHA-256 of bytes that come in pieces.  One thread at a time.  The first
 * failure sticks and is told by digest_end.
 */
struct digest;

int digest_new(struct digest **out) SMX_MUST_USE;
void digest_free(struct digest **digest);
void digest_add(struct digest *digest, const void *data, size_t len);
/* The sum of all that was added; the digest then begins anew. */
int digest_end(struct digest *digest,
    uint8_t out[SMX_DIGEST_BYTES]) SMX_MUST_USE;

int digest_once(const void *data, size_t len,
    uint8_t out[SMX_DIGEST_BYTES]) SMX_MUST_USE;
/* The whole of a content, read in pieces. */
int digest_content(const struct smx_content *content,
    uint8_t out[SMX_DIGEST_BYTES]) SMX_MUST_USE;

#endif
