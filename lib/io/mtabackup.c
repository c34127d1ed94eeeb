/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mtalook.h"

#include <string.h>

#include "core/frozen.h"
#include "io/mtadomains.h"

/*
 * What Postfix does with the domains that policies with a backup group are for:
 * those that they name themselves first, then those of their tables.
 */
#define PROBES_MAX  50 /* questions that take a process each */
#define DOMAINS_MAX 100000

static const char *const local_settings[] = { "mydestination",
	"virtual_alias_domains", "virtual_mailbox_domains" };
#define LOCALS (sizeof(local_settings) / sizeof(*local_settings))

struct looking {
	struct mta_look *look;
	struct arena *arena;
	struct mta_domains local[LOCALS];
	struct mta_domains relay;
	size_t probes; /* still allowed */
	size_t listed; /* in tables */
};

static void
note(struct looking *w, struct mta_names *names, const char *domain)
{
	/* Of "a@x, b@x". */
	if (names->kept != 0 &&
	    strcmp(names->name[names->kept - 1], domain) == 0)
		return;
	names->count++;
	if (names->kept == MTA_NAMES_MAX)
		return;
	names->name[names->kept] = arena_str(w->arena, domain);
	if (names->name[names->kept] != NULL)
		names->kept++;
}

/* Tables that cannot be listed are asked one name at a time: not of thousands.
 */
static int
may_ask(struct looking *w, size_t processes)
{
	if (processes > w->probes)
		return 0;
	w->probes -= processes;
	return 1;
}

/* -1: nobody knows. */
static int
is_relayed(struct looking *w, const char *domain)
{
	if (mta_domains_name(&w->relay, domain))
		return 1;
	if (w->relay.table_count != 0 && !may_ask(w, w->relay.table_count))
		return -1;
	return mta_domains_have(&w->relay, domain);
}

static void
judge(struct looking *w, const char *domain)
{
	struct mta_facts *facts = &w->look->facts;
	const struct mta_values *main = &w->look->main;
	int has_relayhost = mta_text(main, "relayhost")[0] != '\0';
	int relayed;

	for (size_t i = 0; i < LOCALS; i++)
		if (mta_domains_name(&w->local[i], domain)) {
			if (facts->backup_local_setting == NULL)
				facts->backup_local_setting = local_settings[i];
			note(w, &facts->backup_local, domain);
			return;
		}
	relayed = is_relayed(w, domain);
	if (relayed == 0)
		note(w, &facts->backup_foreign, domain);
	else if (relayed < 0 || (has_relayhost && !may_ask(w, 1)))
		facts->backup_unchecked++;
	else if (has_relayhost && !mta_domains_routed(&w->relay,
				      mta_text(main, "transport_maps"), domain))
		note(w, &facts->backup_unrouted, domain);
}

static void
judge_policy(struct looking *w, const struct policy_match *m)
{
	for (size_t i = 0; i < m->domain_count; i++)
		judge(w, m->domains[i]);
	for (size_t i = 0; i < m->recipient_count; i++) {
		const char *at = strrchr(m->recipients[i], '@');

		if (at != NULL && at[1] != '\0')
			judge(w, at + 1);
	}
}

/* Those of a table, DOMAINS_MAX at most. */
static int
judge_listed(void *ctx, const char *domain, const struct smx_backup *backup)
{
	struct looking *w = ctx;

	(void)backup;
	if (w->listed++ < DOMAINS_MAX)
		judge(w, domain);
	else
		w->look->facts.backup_unchecked++;
	return 0;
}

void
mta_look_backup(struct mta_look *look, const struct smx_config *config,
    struct arena *arena)
{
	const char *dir = config_conf(config)->mta_config_directory;
	const struct draft *draft = &config->draft;
	struct looking w = { .look = look,
		.arena = arena,
		.probes = PROBES_MAX };

	if (!look->facts.asked)
		return;
	for (size_t i = 0; i < LOCALS; i++)
		(void)!mta_domains_of(&w.local[i], dir,
		    mta_text(&look->main, local_settings[i]), arena);
	(void)!mta_domains_of(&w.relay, dir,
	    mta_text(&look->main, "relay_domains"), arena);
	for (size_t i = 0; i < draft->policy_count; i++)
		if (draft->policies[i].backup.while_up != 0)
			judge_policy(&w, &draft->policies[i].match);
	(void)!policy_backup_tables(config, judge_listed, &w);
	for (size_t i = 0; i < LOCALS; i++)
		mta_domains_free(&w.local[i]);
	mta_domains_free(&w.relay);
}
