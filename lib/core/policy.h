/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <shadowmx/policy.h>

#include "core/arena.h"
#include "core/settings.h"

/*
 * The policies of one configuration, ready to be asked.  How long an answer
 * takes depends on the policies that name this recipient or that name no
 * recipient at all, never on how many recipients and domains are listed.
 */
struct policies;

/* The draft has been checked.  Keeps pointers into it; memory is the arena's.
 * SMX_ENOMEM. */
int policies_compile(struct policies **out, struct arena *arena,
    const struct draft *draft) SMX_MUST_USE;
/* NULL only for a recipient longer than ADDR_MAX. */
const struct smx_ack *policies_find(const struct policies *policies,
    const struct smx_client *client, const char *recipient);

#endif
