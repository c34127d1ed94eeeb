/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mtalook.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/frozen.h"
#include "core/policy.h"
#include "io/mtaask.h"
#include "io/mtadomains.h"

/*
 * Which of Postfix's tables change addresses of mail that a policy with
 * "delivered" is for.
 */
#define LISTING_MAX (64u << 20)
#define PROBES_MAX  50 /* of a table that cannot be listed */
#define NAME_BYTES  1100

static const struct kind {
	const char *setting;
	const char *word; /* for a policy's name */
	const char *does;
	int by_recipient; /* else it is for all mail */
	int is_tables;
} kinds[] = {
	{ "virtual_alias_maps", "aliases", "makes other addresses of", 1, 1 },
	{ "recipient_canonical_maps", "canonical", "rewrites", 1, 1 },
	{ "recipient_bcc_maps", "copies", "makes copies for", 1, 1 },
	{ "canonical_maps", "", "rewrites senders and recipients", 0, 1 },
	{ "sender_canonical_maps", "", "rewrites senders", 0, 1 },
	{ "smtp_generic_maps", "",
	    "rewrites addresses of what it delivers by SMTP", 0, 1 },
	{ "lmtp_generic_maps", "",
	    "rewrites addresses of what it delivers by LMTP", 0, 1 },
	{ "sender_bcc_maps", "", "makes copies of senders' mail", 0, 1 },
	{ "always_bcc", "", "makes a copy of all mail", 0, 0 },
};

struct rewriting {
	const struct smx_config *config;
	struct mta_look *look;
	struct arena *arena;
	const struct mta_domains *local; /* mydestination */
};

/* ---- names ---- */

static void
names_add(struct mta_names *names, struct arena *arena, const char *name)
{
	names->count++;
	if (names->kept == MTA_NAMES_MAX)
		return;
	names->name[names->kept] = arena_str(arena, name);
	if (names->name[names->kept] != NULL)
		names->kept++;
}

/* The policy that could deliver mail for some recipient of this domain, or
 * NULL. */
static const char *
domain_policy(const struct smx_config *config, const char *domain, int mta)
{
	const struct smx_ack *ack = policy_may_deliver_domain(config, domain);

	if (ack == NULL || (!mta && ack->next_hop_count == 1 &&
			       strcmp(ack->next_hops[0], "mta") == 0))
		return NULL;
	return ack->policy;
}

static const char *
recipient_policy(const struct smx_config *config, const char *recipient)
{
	const struct smx_ack *ack = policy_may_deliver(config, recipient);

	return ack != NULL ? ack->policy : NULL;
}

/* ---- one key of a table ---- */

static int
note(struct rewriting *w, struct mta_rewrite *r, const char *name,
    const char *policy)
{
	if (policy == NULL)
		return 0;
	if (r->policy == NULL)
		r->policy = policy;
	names_add(&r->names, w->arena, name);
	return 1;
}

/* "user" alone is a user of the domains that are this host's own. */
static void
judge_user(struct rewriting *w, struct mta_rewrite *r, const char *user)
{
	char name[NAME_BYTES];

	for (size_t i = 0; i < w->local->count; i++) {
		if ((size_t)snprintf(name, sizeof(name), "%s@%s", user,
			w->local->list[i]) >= sizeof(name))
			return;
		if (note(w, r, name, recipient_policy(w->config, name)))
			return;
	}
}

static void
judge_key(struct rewriting *w, struct mta_rewrite *r, const char *key)
{
	if (key[0] == '@')
		(void)note(w, r, key, domain_policy(w->config, key + 1, 1));
	else if (strchr(key, '@') != NULL)
		(void)note(w, r, key, recipient_policy(w->config, key));
	/* In an alias table a domain's name stands for nobody: it only says
	 * that the domain is one. */
	else if (strchr(key, '.') == NULL ||
		 strcmp(r->setting, "virtual_alias_maps") != 0)
		judge_user(w, r, key);
}

static void
judge_keys(struct rewriting *w, struct mta_rewrite *r, const char *text)
{
	char key[NAME_BYTES];

	while (*text != '\0') {
		size_t line = strcspn(text, "\n"), len = strcspn(text, "\t\n");

		if (len != 0 && len < sizeof(key)) {
			memcpy(key, text, len);
			key[len] = '\0';
			r->entries++;
			if (r->word[0] != '\0')
				judge_key(w, r, key);
		}
		text += line + (text[line] == '\n');
	}
}

/* ---- tables that cannot be listed ---- */

static int
is_in(struct rewriting *w, const char *table, const char *name)
{
	const char *const argv[] = { "-c", w->look->config_directory, "-q",
		name, table, NULL };
	struct buf answer;
	char why[128];
	int rc;

	if (name[0] == '-')
		return 0;
	buf_init(&answer, 65536);
	rc = mta_ask("postmap", argv, &answer, why, sizeof(why));
	buf_free(&answer);
	return rc == SMX_OK;
}

/* What the policies name is asked for one by one. */
static void
probe(struct rewriting *w, struct mta_rewrite *r, const char *table)
{
	const struct draft *draft = &w->config->draft;
	char name[NAME_BYTES];
	size_t left = PROBES_MAX;

	for (size_t p = 0; p < draft->policy_count; p++) {
		const struct policy_match *m = &draft->policies[p].match;

		if ((draft->policies[p].ack.ack.when & SMX_WHEN_DELIVERED) == 0)
			continue;
		for (size_t i = 0; i < m->recipient_count && left != 0; i++) {
			left--;
			if (is_in(w, table, m->recipients[i]))
				judge_key(w, r, m->recipients[i]);
		}
		for (size_t i = 0; i < m->domain_count && left != 0; i++) {
			left--;
			snprintf(name, sizeof(name), "@%s", m->domains[i]);
			if (is_in(w, table, name))
				judge_key(w, r, name);
		}
	}
}

/* ---- one setting ---- */

static struct mta_rewrite *
rewrite_add(struct rewriting *w, const struct kind *kind, const char *table)
{
	struct mta_facts *facts = &w->look->facts;
	struct mta_rewrite *r;

	if (facts->rewrite_count == MTA_REWRITES_MAX)
		return NULL;
	r = &facts->rewrites[facts->rewrite_count++];
	memset(r, 0, sizeof(*r));
	r->setting = kind->setting;
	r->word = kind->word;
	r->does = kind->does;
	r->table = table;
	return r;
}

static void
look_table(struct rewriting *w, const struct kind *kind, const char *table)
{
	const char *inner =
	    strncmp(table, "proxy:", 6) == 0 ? table + 6 : table;
	const char *const argv[] = { "-c", w->look->config_directory, "-s",
		inner, NULL };
	struct mta_rewrite *r = rewrite_add(w, kind, table);
	struct buf listing;
	char why[512] = "";

	if (r == NULL)
		return;
	buf_init(&listing, LISTING_MAX);
	if (mta_ask("postmap", argv, &listing, why, sizeof(why)) == SMX_OK) {
		judge_keys(w, r, listing.data);
		r->all = !kind->by_recipient && r->entries != 0;
	} else {
		r->unlisted = arena_str(w->arena, why);
		r->all = !kind->by_recipient;
		if (kind->by_recipient)
			probe(w, r, inner);
	}
	buf_free(&listing);
}

static void
look_setting(struct rewriting *w, const struct kind *kind)
{
	const char *list = mta_text(&w->look->main, kind->setting), *word;
	struct mta_rewrite *r;
	size_t len;

	if (!kind->is_tables && list[0] != '\0') {
		r = rewrite_add(w, kind, list);
		if (r != NULL)
			r->all = 1;
		return;
	}
	while (kind->is_tables && mta_table_next(&list, &word, &len)) {
		const char *table = arena_copy(w->arena, word, len);

		if (table != NULL)
			look_table(w, kind, table);
	}
}

/* mydestination's names: for whose mail is there a next hop of its own?  What
 * "mta" stands for is the MTA's own affair. */
static void
look_local(struct rewriting *w)
{
	struct mta_facts *facts = &w->look->facts;
	char name[NAME_BYTES];

	for (size_t i = 0; i < w->local->count; i++) {
		const char *policy =
		    domain_policy(w->config, w->local->list[i], 0);

		if (policy == NULL)
			continue;
		if (facts->local_policy == NULL)
			facts->local_policy = policy;
		snprintf(name, sizeof(name), "@%s", w->local->list[i]);
		names_add(&facts->local_names, w->arena, name);
	}
}

void
mta_look_rewrites(struct mta_look *look, const struct smx_config *config,
    struct arena *arena)
{
	struct mta_domains local;
	struct rewriting w = { config, look, arena, &local };
	const char *any = policy_delivering(config);

	if (!look->facts.asked || any == NULL)
		return;
	look->config_directory = config_conf(config)->mta_config_directory;
	(void)!mta_domains_of(&local, look->config_directory,
	    mta_text(&look->main, "mydestination"), arena);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		look_setting(&w, &kinds[i]);
	look_local(&w);
	for (size_t i = 0; i < look->facts.rewrite_count; i++)
		if (look->facts.rewrites[i].policy == NULL)
			look->facts.rewrites[i].policy = any;
	mta_domains_free(&local);
}
