/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_DONE_H
#define CORE_DONE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

/*
 * Rows in state DONE wait for their primary's word, which may never come: one
 * goes when it has waited for keep_ms, and the oldest of more than max.
 * Stateless, any thread: nothing but a drop changes such a row.
 */
#define DONE_MAX 100000

/* Returns how many went, or a negative error. */
int done_tidy(struct smx_store *store, int64_t keep_ms, size_t max,
    int64_t wall_ms);

#endif
