/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_GEO_MMDB_H
#define IO_GEO_MMDB_H

#include "core/frozen.h"

/*
 * Country and network of an address from MaxMind databases, as geo.country and
 * geo.asn name them.  A geo_open_fn: a file that is missing or damaged is
 * reported, and *geo stays empty when there is none.
 *
 * The files are mapped: a new one must be renamed over the old one, never
 * written into it.  It is used from the next load on.
 */
void geo_mmdb_open(struct geo *geo, const struct conf *conf,
    const struct tree *root, struct problems *problems);

#endif
