/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy.h"

#include "core/frozen.h"

void
policy_domains_each(const struct smx_config *config, policy_domain_fn each,
    void *ctx)
{
	const struct draft *draft = &config->draft;

	for (size_t i = 0; i < draft->policy_count; i++) {
		const struct policy_conf *policy = &draft->policies[i];

		for (size_t k = 0; k < policy->match.domain_count; k++)
			if (each(ctx, policy->match.domains[k],
				policy->backup.while_up != 0 ? &policy->backup
							     : NULL) != 0)
				return;
	}
}
