/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy.h"

#include <stdlib.h>
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

/* ---- tables ---- */

struct names {
	const char **list; /* inside the tables */
	size_t count, room;
	int rc;
};

static int
name_keep(void *ctx, const char *key)
{
	struct names *names = ctx;
	const char *at = strrchr(key, '@');
	const char *domain = at != NULL ? at + 1 : key;
	size_t room = names->room == 0 ? 1024 : names->room * 2;
	const char **more;

	if (domain[0] == '\0' || domain[0] == '.' ||
	    (names->count != 0 &&
		strcmp(names->list[names->count - 1], domain) == 0))
		return 0;
	if (names->count == names->room) {
		more = realloc(names->list, room * sizeof(*more));
		if (more == NULL)
			return names->rc = SMX_ENOMEM;
		names->list = more;
		names->room = room;
	}
	names->list[names->count++] = domain;
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A million recipients may be of ten domains. */
static int
each_name(struct names *names, const struct smx_backup *backup,
    policy_backup_fn each, void *ctx)
{
	if (names->count != 0)
		qsort(names->list, names->count, sizeof(*names->list), by_text);
	for (size_t i = 0; i < names->count; i++)
		if ((i == 0 ||
			strcmp(names->list[i - 1], names->list[i]) != 0) &&
		    each(ctx, names->list[i], backup) != 0)
			return 1;
	return 0;
}

int
policy_backup_tables(const struct smx_config *config, policy_backup_fn each,
    void *ctx)
{
	const struct sources *sources = &config->sources;
	const struct draft *draft = &config->draft;
	struct names names = { 0 };
	int stop = 0;

	for (size_t p = 0; p < draft->policy_count && !stop; p++) {
		const struct policy_conf *policy = &draft->policies[p];

		names.count = 0;
		for (size_t i = 0; policy->backup.while_up != 0 &&
				   i < policy->match.table_count;
		     i++) {
			size_t n = sources_find(sources, SOURCE_TABLE,
			    policy->match.tables[i]);

			if (n < sources->count &&
			    sources->list[n].table != NULL)
				table_each(sources->list[n].table, name_keep,
				    &names);
		}
		stop = names.rc != SMX_OK ||
		       each_name(&names, &policy->backup, each, ctx);
	}
	free(names.list);
	return names.rc;
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
