/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_WIRE_IN_H
#define GLUE_WATCHER_WIRE_IN_H

#include "glue/watcher_wire.h"

/* Between watcher_wire.c and watcher_wire_route.c: a number of so many bytes,
 * and the next of a packet's things. */
void wire_in_put(struct watcher_packet *p, uint64_t value, unsigned bytes);
int wire_in_get(struct watcher_packet *p, unsigned bytes, uint64_t *value);
int wire_in_more(struct watcher_packet *p);

#endif
