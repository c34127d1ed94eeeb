/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_CONF_FILE_H
#define IO_CONF_FILE_H

#include "core/arena.h"
#include "core/tree.h"
#include "io/conf_text.h"

/* Parse scanned text.  SMX_ECONFIG after a report; SMX_ENOMEM. */
int conf_file_parse(const struct conf_text *text, struct arena *arena,
    struct tree **out) SMX_MUST_USE;

#endif
