/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_NETRECORD_H
#define CORE_NETRECORD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "base/buf.h"

/*
 * A message in a slice of the safety net, in bytes (doc/STORE, 7):
 *
 *	head     marker, "SMXN", lengths of what follows
 *	check    first bytes of the SHA-256 of the head
 *	meta     the row
 *	envelope text form
 *	sum      SHA-256 of all before
 *	content
 *	sum      SHA-256 of the sum before and the content
 *
 * All lengths are bounded by what is left of the file.  The marker is random
 * and another one in each file: whoever sends mail cannot know it, so nothing
 * inside a message is ever taken for a record.
 */
#define NETRECORD_MARKER 16
#define NETRECORD_HEAD   40
#define NETRECORD_CHECK  8
#define NETRECORD_META   8192 /* at most */

struct netrecord_head {
	uint8_t marker[NETRECORD_MARKER];
	uint32_t meta_len;
	uint64_t envelope_len;
	uint64_t content_len;
};

void netrecord_head_put(const struct netrecord_head *head,
    uint8_t out[NETRECORD_HEAD]);
/* SMX_ECORRUPT: it is none, or is longer than left allows. */
int netrecord_head_get(const uint8_t in[NETRECORD_HEAD],
    const uint8_t marker[NETRECORD_MARKER], uint64_t left,
    struct netrecord_head *head) SMX_MUST_USE;
/* All of it, from the marker to the last sum. */
uint64_t netrecord_bytes(const struct netrecord_head *head);

/* The first of a file. */
#define NETRECORD_FILE       40
#define NETRECORD_FILE_CHECK 24
struct netrecord_file {
	uint8_t marker[NETRECORD_MARKER];
	int64_t start_ms;
};
void netrecord_file_put(const struct netrecord_file *file,
    uint8_t out[NETRECORD_FILE]);
int netrecord_file_get(const uint8_t in[NETRECORD_FILE],
    struct netrecord_file *file) SMX_MUST_USE;

/* origin: whose key it is, as in the store. */
int netrecord_meta_put(struct buf *out, const struct smx_row *row,
    const char *origin, int64_t ended_ms) SMX_MUST_USE;
int netrecord_meta_get(const uint8_t *in, size_t len, struct smx_row *row,
    char origin[SMX_NAME_MAX + 1], int64_t *ended_ms) SMX_MUST_USE;

#endif
