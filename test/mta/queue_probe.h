/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef QUEUE_PROBE_H
#define QUEUE_PROBE_H

#include <stddef.h>

#include <shadowmx/queue.h>

/* The queue that the arguments name; why says what is wrong with them. */
int probe_open(struct smx_queue *out, int argc, char **argv, char *why,
    size_t why_size);

#endif
