/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_SUSPECT_H
#define IO_STORE_SUSPECT_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * The mark of a store whose disk failed a write or a sync, kept beside the
 * database so that the next start knows (doc/STORE 4).  After a failed sync the
 * system's cache may show what the disk does not have.
 */

/* The mark, as durable as this disk still makes it.  reason is for people. */
void suspect_set(int folder, const char *reason);
int suspect_is(int folder);
/* Durably; the store has proved what it holds. */
int suspect_clear(int folder) SMX_MUST_USE;

/* Sync a file of the folder, then let the next read come from the disk, as far
 * as the system does that.  A file that is not there is SMX_OK. */
int suspect_reread(int folder, const char *name) SMX_MUST_USE;
int suspect_reread_all(int folder) SMX_MUST_USE;

#endif
