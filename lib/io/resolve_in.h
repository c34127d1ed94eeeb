/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_RESOLVE_IN_H
#define IO_RESOLVE_IN_H

#include "io/resolve.h"

/* resolve_ask.c: ask the system, however long it takes. */
void resolve_ask(const struct nexthop *to, struct hop_addrs *out,
    struct hop_answer *why);

#endif
