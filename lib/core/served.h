/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SERVED_H
#define CORE_SERVED_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * Whom a taken-over message has reached, against whom its primary still has to
 * serve.  Addresses are compared as addr.h has them; how often one is named
 * does not matter.
 *
 * envelope, states: the row's; a mark for each recipient, of which only
 * SMX_RCPT_HANDED counts.  named: a MAIL line and RCPT lines.
 * 1 all of these were served, 0 not all; SMX_ENOMEM, SMX_EINVAL (named is no
 * such text), SMX_ECORRUPT (the row's is none).
 */
int served_all(const char *envelope, size_t len, const char *states,
    const char *named, size_t named_len) SMX_MUST_USE;

#endif
