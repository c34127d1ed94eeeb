/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy.h"

#include <string.h>

#include "core/frozen.h"

static int
each_of(const struct policy_conf *policy, policy_backup_fn each, void *ctx)
{
	const struct policy_match *m = &policy->match;

	for (size_t i = 0; i < m->domain_count; i++)
		if (each(ctx, m->domains[i], &policy->backup) != 0)
			return 1;
	for (size_t i = 0; i < m->recipient_count; i++) {
		const char *at = strrchr(m->recipients[i], '@');

		/* "user@" is somebody in any domain */
		if (at != NULL && at[1] != '\0' &&
		    each(ctx, at + 1, &policy->backup) != 0)
			return 1;
	}
	return 0;
}

void
policy_backup_each(const struct smx_config *config, policy_backup_fn each,
    void *ctx)
{
	const struct draft *draft = &config->draft;

	for (size_t i = 0; i < draft->policy_count; i++)
		if (draft->policies[i].backup.while_up != 0 &&
		    each_of(&draft->policies[i], each, ctx) != 0)
			return;
}

const char *
policy_backup_name(const struct smx_config *config,
    const struct smx_backup *backup)
{
	const struct draft *draft = &config->draft;

	for (size_t i = 0; i < draft->policy_count; i++)
		if (&draft->policies[i].backup == backup)
			return draft->policies[i].name;
	return NULL;
}

const struct smx_backup *
policy_backup_of(const struct smx_config *config, const char *name)
{
	const struct draft *draft = &config->draft;

	for (size_t i = 0; i < draft->policy_count; i++)
		if (draft->policies[i].backup.while_up != 0 &&
		    strcmp(draft->policies[i].name, name) == 0)
			return &draft->policies[i].backup;
	return NULL;
}
