/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_MXWATCH_H
#define GLUE_MXWATCH_H

#include "glue/backup.h"

/*
 * The MX records of every domain in the policies, looked at every
 * backup.mx_watch and when an operator asks: core/mxcheck.h says what is wrong
 * with them.
 */
int mxwatch_new(struct mxwatch **out, struct backup *backup) SMX_MUST_USE;
int mxwatch_start(struct mxwatch *watch) SMX_MUST_USE;
/* Its threads leave; waits for that. */
void mxwatch_join(struct mxwatch *watch);
void mxwatch_free(struct mxwatch **watch);

/* Look at this domain, or at all (NULL), now: an object of JSON for each, with
 * "result":"busy" where that was not possible until then.  SMX_ENOTFOUND: no
 * policy lists it; else what each returns, which ends it. */
struct buf;
typedef int (*mxwatch_fn)(void *ctx, struct buf *object);
int mxwatch_check(struct mxwatch *watch, const char *domain,
    int64_t until_mono_ms, mxwatch_fn each, void *ctx) SMX_MUST_USE;
/* Nobody waits for a look any more. */
void mxwatch_hush(struct mxwatch *watch);

#endif
