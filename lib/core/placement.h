/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PLACEMENT_H
#define CORE_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/settings.h"

/*
 * Which members may have a copy, and which of them are asked first: a bit each,
 * in the order of peers.members.  A member is remote when its site is another
 * one than this host's.
 */
#define PLACEMENT_MEMBERS_MAX 32

/* Fills in ack->ack.holders and .preferred. */
void placement_fill(struct ack_conf *ack, const struct conf *conf);
unsigned placement_count(uint64_t holders);

#endif
