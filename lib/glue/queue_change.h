/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_QUEUE_CHANGE_H
#define GLUE_QUEUE_CHANGE_H

#include <shadowmx/queue.h>

#include "glue/helper.h"

/* smx_queue_ops.change through the helper. */
int queue_change(struct helper *helper, enum smx_queue_change what,
    const char *const *ids, size_t count, int64_t until_mono_ms) SMX_MUST_USE;

#endif
