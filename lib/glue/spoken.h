/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SPOKEN_H
#define GLUE_SPOKEN_H

#include "glue/backup.h"

/*
 * What a primary MX that runs shadowmxd says to its backup MX: these are all of
 * its recipients, give me my mail now, I shall be down on purpose.  Believed of
 * the members that the backup group of the domain's policy names (peer), and
 * of nobody else.
 */
int spoken_new(struct spoken **out, struct backup *backup) SMX_MUST_USE;
void spoken_free(struct spoken **spoken);

/* DRAIN, MAINTAIN, LISTED, PUSH: as the link's server table has it. */
int spoken_serve(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply);

#endif
