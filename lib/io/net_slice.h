/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_NET_SLICE_H
#define IO_NET_SLICE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "base/buf.h"
#include "core/netrecord.h"
#include "io/digest.h"

/*
 * One slice of the safety net: a file that is only ever appended to, by the run
 * that has made it.  Whatever tore its end, what is before the tear is read,
 * and nothing that its sums do not prove.
 *
 * Threads: one at a time per struct.
 */
#define SLICE_NAME_MAX 32

struct slice_out {
	int fd; /* -1: none */
	char name[SLICE_NAME_MAX];
	int64_t start_ms;
	uint8_t marker[NETRECORD_MARKER];
	uint64_t bytes;    /* written */
	uint64_t messages; /* written */
	struct digest *digest;
	struct buf buf;
};

/* A new one, named after its start or the next free millisecond.  Its name is
 * durable before SMX_OK. */
int slice_create(struct slice_out *out, int folder,
    int64_t start_ms) SMX_MUST_USE;
void slice_close(struct slice_out *out); /* accepts one that is closed */

struct slice_item {
	struct smx_row row;
	char origin[SMX_NAME_MAX + 1];
	int64_t ended_ms;
	const char *envelope;
	size_t envelope_len;
};

/* After anything but SMX_OK its end is torn, and nothing more may be added.
 * SMX_ECORRUPT: the content could not be read as a whole. */
int slice_add(struct slice_out *out, const struct slice_item *item,
    const struct smx_content *content) SMX_MUST_USE;
/* What was added is durable. */
int slice_sync(struct slice_out *out) SMX_MUST_USE;

struct slice_in {
	int fd;
	uint64_t at, end;
	struct netrecord_file file;
	uint64_t damaged; /* found so far */
	int torn;         /* the last one is not whole */
	struct digest *digest;
	struct buf buf; /* meta and envelope of the last record */
	/* of the last record: */
	uint64_t content_at;
	uint8_t sum[SMX_DIGEST_BYTES];
};

/* limit: no more of it is looked at, UINT64_MAX all.  SMX_ECORRUPT: it is no
 * such file. */
int slice_open(struct slice_in *in, int folder, const char *name,
    uint64_t limit) SMX_MUST_USE;
void slice_end(struct slice_in *in);
/* The next sound one; what item lends holds until the next call.  Its content,
 * which is size bytes, is not looked at.  SMX_ENOTFOUND: no more. */
int slice_next(struct slice_in *in, struct slice_item *item) SMX_MUST_USE;
/* The content of the last one, lent; and is it what was written? */
void slice_content(struct slice_in *in, const struct slice_item *item,
    struct smx_content *content);
int slice_check(struct slice_in *in,
    const struct smx_content *content) SMX_MUST_USE;

#endif
