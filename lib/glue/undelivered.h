/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_UNDELIVERED_H
#define GLUE_UNDELIVERED_H

#include <stddef.h>

#include "core/deliver.h"
#include "glue/ending.h"

/*
 * "tempfail" for a time, then "accept", where nothing but delivery is asked
 * for: since when such messages could not be delivered, told apart by their
 * next hops, in the same list as the troubles with holders (core/trouble.h).
 */

/* They are not delivered: when that has lasted, ack says accept. */
void undelivered_begin(const struct ending *ending,
    const struct deliver_rcpt *rcpts, size_t count, struct smx_ack *ack);
/* Some of these may be. */
void undelivered_end(const struct ending *ending,
    const struct deliver_rcpt *rcpts, size_t count);

#endif
