/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/conf_check.h"

#include <stdio.h>
#include <string.h>

#include "core/handto.h"
#include "core/nexthop.h"
#include "core/units.h"

/* What a policy's backup group asks for, against the rest of the file. */

#define TEXT_BYTES 160

struct group {
	const struct check *check;
	const struct policy_conf *policy;
	const struct tree *node; /* of the policy */
	const char *name;
};

/* setting is inside the policy. */
static void
report(const struct group *g, const char *setting, const char *message,
    const char *accepted)
{
	const struct tree *node = tree_find(g->node, setting);
	char path[READ_PATH];

	check_report(g->check, node, path_join(path, g->name, setting), message,
	    accepted);
}

/* Without a domain it would be about all mail that leaves this host. */
static void
match_check(const struct group *g)
{
	const struct policy_match *m = &g->policy->match;

	if (m->recipient_count == 0 && m->table_count == 0 &&
	    m->domain_count == 0)
		report(g, "backup",
		    "nobody is the backup MX of every domain there is",
		    "domains, recipients or recipient_tables in match");
	if (m->min_size != 0 || m->max_size != 0)
		report(g,
		    m->min_size != 0 ? "match.min_size" : "match.max_size",
		    "a backup MX answers each recipient before the size is "
		    "known",
		    "no size in match");
}

static void
primary_report(const struct group *g, size_t i, const char *message,
    const char *accepted)
{
	const struct tree *t = tree_find(g->node, "backup.primary");
	char path[READ_PATH], item[READ_PATH];

	path_join(path, g->name, "backup.primary");
	if (t != NULL && t->kind == TREE_LIST) {
		t = t->first;
		for (size_t n = 0; n < i; n++)
			t = t->next;
		check_report(g->check, t, path_item(item, path, i), message,
		    accepted);
	} else {
		check_report(g->check, t, path, message, accepted);
	}
}

/* By its name; what addresses it has, only the MTA's check can tell. */
static int
is_this_host(const struct group *g, const char *primary)
{
	struct nexthop hop;

	return nexthop_parse(&hop, primary) == SMX_OK &&
	       strcmp(hop.host, g->check->draft->conf.node) == 0;
}

static void
primaries_check(const struct group *g)
{
	const struct smx_backup *b = &g->policy->backup;
	char accepted[TEXT_BYTES];

	snprintf(accepted, sizeof(accepted), "at most %d", NEXTHOPS_MAX);
	if (b->primary_count > NEXTHOPS_MAX) {
		report(g, "backup.primary", "too many hosts", accepted);
		return;
	}
	for (size_t i = 0; i < b->primary_count; i++) {
		if (b->primaries[i] == NULL)
			continue;
		if (is_this_host(g, b->primaries[i]))
			primary_report(g, i, "this is this host itself",
			    "the host that it is the secondary of");
		for (size_t j = 0; j < i; j++)
			if (b->primaries[j] != NULL &&
			    strcmp(b->primaries[i], b->primaries[j]) == 0) {
				primary_report(g, i, "this host stands twice",
				    "each once, in the order in which they are "
				    "tried");
				break;
			}
	}
}

/* Its mail must not come back to this host, or to the primary that is down. */
static void
hand_to_check(const struct group *g, const struct handto *to)
{
	const struct policy_match *m = &g->policy->match;
	const struct conf *conf = &g->check->draft->conf;
	char name[NEXTHOP_TEXT];
	struct addr parts;

	nexthop_format(&to->hop, name);
	for (size_t i = 0;
	     to->address[0] == '\0' && i < g->policy->backup.primary_count; i++)
		if (g->policy->backup.primaries[i] != NULL &&
		    strcmp(name, g->policy->backup.primaries[i]) == 0)
			report(g, "backup.hand_to",
			    "this is the primary that is down",
			    "another host, or an address");
	if (to->address[0] == '\0') {
		if (strcmp(to->hop.host, conf->node) == 0)
			report(g, "backup.hand_to", "this is this host itself",
			    "another host, or an address");
		return;
	}
	if (conf->mta_submit[0] == '\0')
		report(g, "backup.hand_to",
		    "mail is handed to an address by way of mta.submit, which "
		    "is not set",
		    "mta.submit, or a host");
	if (addr_read(&parts, to->address) != SMX_OK)
		return;
	for (size_t i = 0; i < m->domain_count; i++)
		if (m->domains[i] != NULL &&
		    domain_within(parts.domain, m->domains[i]))
			report(g, "backup.hand_to",
			    "the primary of this address is the one that is "
			    "down",
			    "an address of another domain, or a host");
}

static void
end_check(const struct group *g)
{
	const struct smx_backup *b = &g->policy->backup;
	const char *text = b->hand_to == NULL ? "" : b->hand_to;
	struct handto to;

	if (b->at_end == BACKUP_END_HAND && text[0] == '\0' &&
	    tree_find(g->node, "backup.hand_to") == NULL)
		report(g, "backup.at_end", "nobody is named to hand it to",
		    "backup.hand_to");
	if (b->at_end != BACKUP_END_HAND && text[0] != '\0')
		report(g, "backup.hand_to", "nothing is handed to anybody",
		    "at_end = \"hand\"");
	if (text[0] != '\0' && handto_parse(&to, text) == SMX_OK)
		hand_to_check(g, &to);
}

/* The default may be longer than a short hold: then it is told of at once. */
static void
times_check(const struct group *g)
{
	const struct smx_backup *b = &g->policy->backup;
	char unit[UNITS_TEXT], accepted[TEXT_BYTES];

	if (tree_find(g->node, "backup.warn") == NULL ||
	    b->warn_ms < b->hold_ms)
		return;
	snprintf(accepted, sizeof(accepted), "0, or less than %s",
	    duration_format(b->hold_ms, unit));
	report(g, "backup.warn", "not shorter than hold", accepted);
}

/* The books are in a file. */
static void
store_check(const struct group *g)
{
	if (strcmp(g->check->draft->conf.store_driver, "sqlite") != 0)
		report(g, "backup",
		    "the books of a backup MX need a store with a folder",
		    "store.driver = \"sqlite\"");
}

/* It asks the primary itself. */
static void
relay_check(const struct group *g)
{
	const struct smx_backup *b = &g->policy->backup;

	if (b->while_up == BACKUP_UP_RELAY && b->primary_count != 0 &&
	    tree_find(g->node, "acknowledge.next_hop") != NULL)
		report(g, "acknowledge.next_hop",
		    "nobody asks this next hop: while_up = \"relay\" asks "
		    "backup.primary",
		    "no next_hop, or no primary");
}

void
backup_check(const struct check *c, const struct policy_conf *policy,
    const struct tree *node, const char *name)
{
	const struct group g = { c, policy, node, name };

	/* A group without while_up has been reported as such. */
	if (policy->backup.while_up == 0)
		return;
	match_check(&g);
	primaries_check(&g);
	times_check(&g);
	end_check(&g);
	store_check(&g);
	relay_check(&g);
	peer_check(c, policy, node, name);
}
