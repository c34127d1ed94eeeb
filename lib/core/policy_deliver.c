/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy.h"

#include <stdio.h>
#include <string.h>

#include "core/addr.h"
#include "core/frozen.h"
#include "core/policy_rule.h"

/* Whose mail may be delivered to its next hop while the client waits. */

/* A local part that no policy names. */
#define NOBODY "\"no body has this name\""

static int
is_delivered(const struct smx_ack *ack)
{
	return (ack->when & SMX_WHEN_DELIVERED) != 0;
}

const struct smx_ack *
policy_wish(const struct smx_config *config, size_t policy)
{
	return &config->policies->rules[policy].ack;
}

const char *
policy_delivering(const struct smx_config *config)
{
	const struct draft *draft = &config->draft;

	for (size_t i = 0; i < draft->policy_count; i++)
		if (is_delivered(policy_wish(config, i)))
			return draft->policies[i].name;
	return is_delivered(&config->policies->defaults) ? "defaults" : NULL;
}

/* Somebody whom the policy names: "user@domain", or "user@" with this one. */
static const struct smx_ack *
named(const struct smx_config *config, const struct policy_match *m,
    const char *domain)
{
	char text[2 * ADDR_MAX + 2];

	for (size_t i = 0; i < m->recipient_count; i++) {
		const char *at = strrchr(m->recipients[i], '@');
		const struct smx_ack *ack;

		if (at[1] != '\0' && strcmp(at + 1, domain) != 0)
			continue;
		if ((size_t)snprintf(text, sizeof(text), "%s%s",
			m->recipients[i],
			at[1] == '\0' ? domain : "") >= sizeof(text))
			continue;
		ack = policy_may_deliver(config, text);
		if (ack != NULL)
			return ack;
	}
	return NULL;
}

/* Nobody lists a table: it may name somebody of this domain. */
static int
may_name(const struct smx_config *config, const struct policy_match *m)
{
	for (size_t i = 0; i < m->table_count; i++) {
		size_t at =
		    sources_find(&config->sources, SOURCE_TABLE, m->tables[i]);
		const struct table *table =
		    at != SOURCES_MAX ? config->sources.list[at].table : NULL;

		if (table != NULL && (table_has(table, TABLE_ADDRESS) ||
					 table_has(table, TABLE_USER)))
			return 1;
	}
	return 0;
}

const struct smx_ack *
policy_may_deliver_domain(const struct smx_config *config, const char *domain)
{
	const struct draft *draft = &config->draft;
	char text[2 * ADDR_MAX + 2], folded[ADDR_MAX + 1];
	const struct smx_ack *ack;

	if ((size_t)snprintf(folded, sizeof(folded), "%s", domain) >=
	    sizeof(folded))
		return NULL;
	addr_fold(folded, strlen(folded));
	snprintf(text, sizeof(text), NOBODY "@%s", folded);
	ack = policy_may_deliver(config, text);
	for (size_t i = 0; ack == NULL && i < draft->policy_count; i++) {
		const struct policy_conf *p = &draft->policies[i];

		if (!is_delivered(policy_wish(config, i)))
			continue;
		ack = named(config, &p->match, folded);
		if (ack == NULL && may_name(config, &p->match))
			ack = &p->ack.ack;
	}
	return ack;
}
