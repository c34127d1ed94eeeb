/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SOURCE_LOOK_H
#define IO_SOURCE_LOOK_H

#include <stdint.h>

#include "core/frozen.h"

/*
 * Has a table or database changed?  A file is read again when its stamp has
 * become another one and then stayed the same for a second, so that one that
 * is being written is left alone.  What cannot be used is logged once for each
 * state of the file, and what was read before stays in use.
 *
 * Threads: one thread at a time has a struct source_look; zeroed to begin with.
 */
#define SOURCE_LOOK_MS  2000 /* how often to look */
#define SOURCE_STILL_MS 1000

struct source_look_row {
	struct stamp seen;
	int64_t since_ms; /* seen stands since then */
	struct stamp tried;
	struct stamp told;
	int has_seen, has_tried, has_told;
};

struct source_look {
	const void *home; /* of whose files this is; compared, never used */
	struct source_look_row row[SOURCES_MAX];
};

/* *next: the configuration with what is new, to be released by the caller.
 * SMX_ENOTFOUND: nothing is.  now_ms: CLOCK_MONOTONIC. */
int source_look(struct source_look *look, struct smx_config *config,
    int64_t now_ms, struct smx_config **next) SMX_MUST_USE;

/* The configuration next with the databases that could not be opened for it and
 * that the one before, with the same paths, has open.  SMX_ENOTFOUND: there are
 * none; SMX_ENOMEM. */
int source_inherit(struct smx_config *next, const struct smx_config *before,
    struct smx_config **out) SMX_MUST_USE;

#endif
