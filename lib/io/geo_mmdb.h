/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_GEO_MMDB_H
#define IO_GEO_MMDB_H

#include "io/source_file.h"

/*
 * Country or network of an address from a MaxMind database.  fd: its file, read
 * to the end; nothing of it is used afterwards.  Checked before it is used: the
 * search tree, and that it holds what it is there for.  SMX_ECONFIG, SMX_EIO,
 * SMX_ENOMEM.
 */
int geo_mmdb_open(struct source *source, int fd,
    struct source_trouble *trouble) SMX_MUST_USE;

#endif
