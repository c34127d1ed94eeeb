/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMADDR_H
#define CORE_SMADDR_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Addresses as Sendmail writes them into queue files and logs.
 *
 * smaddr_put writes the one of SMTP, <local@domain>: out of the brackets when
 * there are any, without phrase, comments and source route; domain is put
 * behind one that has none.  SMX_ENOTFOUND: it is a program, a file or a list;
 * SMX_EPROTO: no address at all.
 */
int smaddr_put(struct buf *b, const char *text, size_t len,
    const char *domain) SMX_MUST_USE;
/* How long the first of several in a log line is, with a comma or the end
 * behind it: quoted strings and brackets hold commas, and backslashes are
 * doubled. */
size_t smaddr_logged(const char *text, size_t len);
/* Undo what logs are written with into out, which has room for len + 1: doubled
 * backslashes, octal digits for what cannot be printed. */
void smaddr_unlog(const char *text, size_t len, char *out);

#endif
