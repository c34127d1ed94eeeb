/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MXCHECK_IN_H
#define CORE_MXCHECK_IN_H

#include "core/mxcheck.h"

/* For the files mxcheck*.c. */
void mxcheck_add(struct mxcheck_findings *out, enum mxcheck_what what,
    enum mxcheck_level level, const char *subject, const char *fmt, ...)
    SMX_PRINTF(5, 6);

/* mxcheck_policy.c: what the MTA-STS policy and the TLSA records ask of each
 * host. */
void mxcheck_policy(const struct mxcheck_look *look,
    const struct mxcheck_known *known, struct mxcheck_findings *out);
int mxcheck_knows_policy(const struct mxcheck_look *look,
    enum mxcheck_what what, const char *subject);

#endif
