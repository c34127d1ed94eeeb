/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_CONTENT_H
#define SHADOWMX_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Message content that can be read at any offset, as often as needed, whoever
 * keeps it: memory, a spill file, or the store.  Content is the message as
 * SMTP carries it, header and body with CRLF line ends, no dot-stuffing and
 * no closing dot.
 *
 * read: fills buf with len bytes from offset; a range beyond size is
 *       SMX_EINVAL.  SMX_EIO or SMX_ECORRUPT when the bytes cannot be had.
 * bytes: when not NULL, the whole content in memory; read() may be skipped.
 * Threads: read may be called by several threads at a time.
 */
struct smx_content {
	void *ctx;
	uint64_t size;
	const void *bytes;
	int (*read)(void *ctx, uint64_t offset, void *buf, size_t len);
};

#define SMX_DIGEST_BYTES 32 /* SHA-256 of the content */

#ifdef __cplusplus
}
#endif
#endif
