/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_REPEAT_H
#define IO_STORE_REPEAT_H

#include <shadowmx/store.h>

#include "io/store_shelf.h"

/*
 * A shadow is about to arrive: is something there under its key?  When it can
 * be told already that the same bytes are there and sound, or that they are
 * others, the copy need not be written again: SMX_EEXIST, SMX_ECONFLICT,
 * SMX_EGONE.  *replace: what is there is damaged, and to be replaced by it.
 */
int repeat_check(struct shelf *shelf, const struct smx_shadow_head *head,
    int *replace) SMX_MUST_USE;

#endif
