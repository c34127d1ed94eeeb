/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_NET_H
#define IO_STORE_NET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/netplan.h"
#include "io/db_sqlite.h"
#include "io/store_rows.h"

/*
 * Rows on their way into the safety net: a table of its own, so that nothing
 * that looks for shadows ever sees them.  The row moves there in the
 * transaction that ends it; its content stays where it is, and belongs to that
 * table from then on.
 *
 * Threads: the writer's, on its connection; netview has one of its own.  The
 *          gate is anybody's.
 */
struct net_gate {
	struct netplan plan;       /* never changes */
	atomic_ullong rows, bytes; /* that wait, durably */
	atomic_ullong missed;      /* not kept, since the start */
	atomic_int closed;         /* the disk is short, or fails */
	atomic_ullong damaged;     /* not what was written */
};

/* How much of a transaction's own is not counted there yet. */
struct net_tally {
	uint64_t rows, bytes, missed;
	uint64_t gone_rows, gone_bytes;
};
void net_tally_count(struct net_tally *tally, struct net_gate *gate);

struct netrows;

int netrows_open(struct netrows **out, struct db *db) SMX_MUST_USE;
void netrows_close(struct netrows **rows);
/* The row, which is taken out of its table, but for its content. */
int netrows_keep(struct netrows *rows, const struct row_found *found,
    int64_t ended_ms) SMX_MUST_USE;
/* What came of one that is let go: file is "" or its body's to be removed. */
int netrows_let_go(struct netrows *rows, int64_t seq, char file[BODY_NAME_MAX],
    uint64_t *bytes) SMX_MUST_USE;
/* Is a row's body in this file? */
int netrows_names(struct netrows *rows, const char *file,
    int *named) SMX_MUST_USE;
/* At the start: all that waits, or (keep 0) nothing any more. */
int netrows_count(struct netrows *rows, struct net_gate *gate) SMX_MUST_USE;
int netrows_clear(struct netrows *rows) SMX_MUST_USE;

/* The next after *seq, which moves; free envelope and body.  SMX_ENOTFOUND;
 * SMX_ECORRUPT: this one is not what was written. */
struct netview;

struct net_waiting {
	struct row_found found;
	int64_t ended_ms;
	char *envelope; /* the one that its client gave, if that is known */
	size_t envelope_len;
	uint8_t *body; /* NULL: in its file */
	size_t body_len;
};

int netview_open(struct netview **out, const char *path) SMX_MUST_USE;
void netview_close(struct netview **view);
int netview_next(struct netview *view, int64_t *seq,
    struct net_waiting *out) SMX_MUST_USE;
void net_waiting_free(struct net_waiting *waiting);

/*
 * An envelope that an amendment replaces is kept beside it, since an amendment
 * names only who is still to be served.  With its sum: no seal covers it.
 * malloc'ed.
 */
int net_original_make(const char *envelope, size_t len, uint8_t **out,
    size_t *out_len) SMX_MUST_USE;

#endif
