/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include <shadowmx/check.h>

#include <string.h>

#include "core/frozen.h"
#include "core/mtacheck.h"
#include "core/policy.h"
#include "io/mtalook.h"

/* Over the defaults and all policies: what the MTA has to bear. */
static void
take_ack(struct mta_check *c, const struct smx_ack *ack)
{
	if (ack->when == 0)
		return;
	c->shadows |= (ack->when & SMX_WHEN_SHADOWED) != 0;
	c->delivers |= (ack->when & SMX_WHEN_DELIVERED) != 0;
	c->refuses |= ack->when_unprotected == SMX_UNPROTECTED_TEMPFAIL;
	if (ack->max_delay_ms > c->max_delay_ms)
		c->max_delay_ms = ack->max_delay_ms;
}

/* All primaries of all of them; NULL: no memory, or none. */
static void
take_backups(struct mta_check *c, const struct draft *draft,
    struct arena *arena)
{
	const char **list;
	size_t count = 0;

	for (size_t i = 0; i < draft->policy_count; i++) {
		c->backs_up |= draft->policies[i].backup.while_up != 0;
		count += draft->policies[i].backup.primary_count;
	}
	list = arena_alloc(arena, count, sizeof(*list));
	for (size_t i = 0; list != NULL && i < draft->policy_count; i++) {
		const struct smx_backup *b = &draft->policies[i].backup;

		for (size_t k = 0; k < b->primary_count; k++)
			list[c->primary_count++] = b->primaries[k];
	}
	c->primaries = list;
}

int
smx_check_mta(const struct smx_config *config, smx_finding_fn each, void *ctx)
{
	const struct draft *draft = &config->draft;
	struct mta_check check = { .conf = &draft->conf,
		.config_directory = draft->conf.mta_config_directory,
		.same_path = mta_same_path,
		.each = each,
		.ctx = ctx };
	struct mta_look look;
	struct arena arena;
	int rc;

	arena_init(&arena);
	take_ack(&check, &draft->conf.defaults);
	for (size_t i = 0; i < draft->policy_count; i++)
		take_ack(&check, policy_wish(config, i));
	take_backups(&check, draft, &arena);
	check.rcpt_unanswered = !policy_answers_rcpt(config);
	rc = mta_look(&look, config, &arena);
	if (rc == SMX_OK && check.delivers)
		mta_look_rewrites(&look, config, &arena);
	if (rc == SMX_OK && check.backs_up)
		mta_look_backup(&look, config, &arena);
	check.main = &look.main;
	check.raw = &look.raw;
	check.services = &look.services;
	check.facts = &look.facts;
	if (rc == SMX_OK)
		rc = mtacheck_run(&check, &arena);
	arena_free(&arena);
	return rc;
}
