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
void mxwatch_join(struct mxwatch *watch);
void mxwatch_free(struct mxwatch **watch);

#endif
