/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_VIEW_H
#define IO_STORE_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "io/store_rows.h"

/*
 * Looking at what is stored, through a connection of its own that cannot write.
 * It sees committed rows only.  Nothing here keeps the writer waiting.
 *
 * Threads: any number; one looks at a time, and none for longer than a page or
 *          the body of one row.
 */
struct view;

int view_open(struct view **out, const char *path) SMX_MUST_USE;
void view_close(struct view **view);

/* See rules_fetch_fn; ctx is the view. */
int view_page(void *ctx, const struct smx_store_filter *filter,
    const struct smx_key *after, struct smx_row *rows, size_t max,
    size_t *count) SMX_MUST_USE;
int view_find(struct view *view, const struct smx_key *key,
    struct row_found *found) SMX_MUST_USE;
/* SMX_ECORRUPT unless it is what was written. */
int view_envelope(struct view *view, const struct smx_key *key, char **text,
    size_t *len, char **rcpt_states) SMX_MUST_USE;
/* The body that lies in the table, malloc'ed, and its row from the same look.
 * *body is NULL when the body has a file.  SMX_ECORRUPT: *found is filled in
 * as far as it goes. */
int view_body(struct view *view, const struct smx_key *key,
    struct row_found *found, uint8_t **body, size_t *len) SMX_MUST_USE;
int view_meta(struct view *view, const char *name, char *value,
    size_t size) SMX_MUST_USE;
/* stored_ms of the oldest row, 0 if none; may be some seconds old itself. */
int view_oldest(struct view *view, int64_t *stored_ms) SMX_MUST_USE;

#endif
