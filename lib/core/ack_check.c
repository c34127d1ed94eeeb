/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/conf_check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/nexthop.h"
#include "core/placement.h"
#include "core/policy.h"

#define TEXT_BYTES 256

static const char choose[] =
    "\"accept\" (acknowledge although there is only one copy, count it as "
    "unprotected), \"tempfail\" (451, the client keeps the message; no mail "
    "is taken while no peer answers) or ( \"tempfail\", \"10m\", \"accept\" ) "
    "(451 for the first ten minutes of trouble, then accept)";

struct group {
	const struct check *check;
	const struct ack_conf *ack;
	int relays;              /* while_up of its backup group */
	const struct tree *node; /* NULL: it was left out */
	const char *name;
};

static void
report(const struct group *g, const char *setting, const char *message,
    const char *accepted)
{
	const struct tree *node = tree_find(g->node, setting);
	char path[READ_PATH];

	check_report(g->check, node != NULL ? node : g->node,
	    path_join(path, g->name, setting), message, accepted);
}

/* About a setting that the group lacks: its place is the group's, and the
 * group is not its value. */
static void
report_missing(const struct group *g, const char *setting, const char *message,
    const char *accepted)
{
	char path[READ_PATH];
	struct tree place;

	if (g->node != NULL) {
		place = *g->node;
		place.kind = TREE_FRACTION;
		place.text = "";
	}
	check_report(g->check, g->node != NULL ? &place : NULL,
	    path_join(path, g->name, setting), message, accepted);
}

/* ---- sites ---- */

/* "osaka, tokyo": each once. */
static void
known_sites(const struct conf *conf, char *out, size_t size)
{
	struct buf b;

	buf_init(&b, 0);
	for (size_t i = 0; i < conf->member_count; i++) {
		size_t before = 0;

		while (before < i && strcmp(conf->members[before].site,
					 conf->members[i].site) != 0)
			before++;
		if (before == i && conf->members[i].site[0] != '\0')
			buf_fmt(&b, "%s%s", b.len != 0 ? ", " : "",
			    conf->members[i].site);
	}
	text_copy(out, size,
	    b.len != 0 ? b.data : "no member has a site: set it in each");
	buf_free(&b);
}

static int
site_known(const struct conf *conf, const char *site)
{
	for (size_t i = 0; i < conf->member_count; i++)
		if (strcmp(conf->members[i].site, site) == 0)
			return 1;
	return 0;
}

/* Non-zero when all are known. */
static int
sites_check(const struct group *g)
{
	const struct conf *conf = &g->check->draft->conf;
	const struct tree *node = tree_find(g->node, "sites");
	const struct tree *t = node != NULL ? node : g->node;
	char path[READ_PATH], item[READ_PATH], known[TEXT_BYTES];
	int good = 1;

	if (node != NULL && node->kind == TREE_LIST)
		t = node->first;
	path_join(path, g->name, "sites");
	for (size_t i = 0; i < g->ack->site_count;
	     i++, t = node != NULL ? t->next : t) {
		if (g->ack->sites[i] == NULL ||
		    site_known(conf, g->ack->sites[i]))
			continue;
		known_sites(conf, known, sizeof(known));
		check_report(g->check, t, path_item(item, path, i),
		    "no member is at this site", known);
		good = 0;
	}
	return good;
}

/* Non-zero when it is known who is near and who is not. */
static int
placement_check(const struct group *g)
{
	const struct conf *conf = &g->check->draft->conf;
	char message[TEXT_BYTES];

	if (g->ack->placement == PLACEMENT_ANY)
		return 1;
	if (conf->site[0] == '\0') {
		report(g, "placement",
		    "it is not known where this host is: site is not set",
		    "a word in site, or placement = \"any\"");
		return 0;
	}
	for (size_t i = 0; i < conf->member_count; i++)
		if (conf->members[i].site[0] == '\0') {
			snprintf(message, sizeof(message),
			    "it is not known where %s is: its site is not set",
			    conf->members[i].name);
			report(g, "placement", message,
			    "a site for each member, or placement = \"any\"");
			return 0;
		}
	return 1;
}

/* ---- counts ---- */

static void
counts_check(const struct group *g)
{
	struct ack_conf ack = *g->ack;
	char message[TEXT_BYTES], accepted[TEXT_BYTES];
	unsigned allowed;

	placement_fill(&ack, &g->check->draft->conf);
	allowed = placement_count(ack.ack.holders);
	if (allowed == 0) {
		report(g,
		    ack.placement == PLACEMENT_ANY ? "sites" : "placement",
		    "sites and placement together allow no member at all",
		    "at least as many members as copies");
		return;
	}
	snprintf(accepted, sizeof(accepted), "at most %u", allowed);
	if (ack.ack.copies > allowed) {
		snprintf(message, sizeof(message),
		    "more copies than the %u member%s that may have one",
		    allowed, allowed == 1 ? "" : "s");
		report(g, "copies", message, accepted);
	} else if (ack.ack.min_copies > ack.ack.copies) {
		snprintf(accepted, sizeof(accepted), "at most %u",
		    ack.ack.copies);
		report(g, "min_copies", "more than copies", accepted);
	}
}

static void
holders_check(const struct group *g)
{
	int sites, placed;

	if (g->check->draft->conf.member_count == 0) {
		report(g, "when",
		    "a shadow is asked for, but peers.members is empty",
		    "at least one member, or when = ()");
		return;
	}
	sites = sites_check(g);
	placed = placement_check(g);
	if (sites && placed)
		counts_check(g);
}

/* ---- the next hop ---- */

static int
is_delivered(const struct ack_conf *ack)
{
	return (ack->ack.when & SMX_WHEN_DELIVERED) != 0;
}

/* The bits do not tell how it was written. */
static void
order_check(const struct group *g)
{
	const struct tree *node = tree_find(g->node, "when");
	const struct tree *t;
	char path[READ_PATH];

	if (!is_delivered(g->ack) || node == NULL || node->kind != TREE_LIST)
		return;
	for (t = node->first->next; t != NULL; t = t->next)
		if (t->kind == TREE_TEXT && strcmp(t->text, "delivered") == 0) {
			check_report(g->check, t,
			    path_join(path, g->name, "when"),
			    "the next hop is asked first, if at all",
			    "\"delivered\" once, before \"shadowed\"");
			return;
		}
}

/* A policy that leaves next_hop out has that of the defaults. */
static int
hops_inherited(const struct group *g)
{
	const struct smx_ack *mine = &g->ack->ack;
	const struct smx_ack *theirs = &g->check->draft->defaults.ack;

	if (mine == theirs || mine->next_hop_count != theirs->next_hop_count)
		return 0;
	for (size_t i = 0; i < mine->next_hop_count; i++)
		if (mine->next_hops[i] == NULL ||
		    theirs->next_hops[i] == NULL ||
		    strcmp(mine->next_hops[i], theirs->next_hops[i]) != 0)
			return 0;
	return 1;
}

/* Is it for policies that the defaults name a next hop? */
static int
hops_for_others(const struct group *g)
{
	const struct draft *draft = g->check->draft;

	if (g->ack != &draft->defaults)
		return 0;
	for (size_t i = 0; i < draft->policy_count; i++)
		if (is_delivered(&draft->policies[i].ack) ||
		    policy_relays(&draft->policies[i]))
			return 1;
	return 0;
}

static void
hops_each_once(const struct group *g)
{
	const char *const *hops = g->ack->ack.next_hops;
	const struct tree *t = tree_find(g->node, "next_hop");
	char path[READ_PATH], item[READ_PATH];

	if (t == NULL || t->kind != TREE_LIST)
		return;
	t = t->first;
	path_join(path, g->name, "next_hop");
	for (size_t i = 0; i < g->ack->ack.next_hop_count; i++, t = t->next)
		for (size_t j = 0; j < i; j++)
			if (hops[i] != NULL && hops[j] != NULL &&
			    strcmp(hops[i], hops[j]) == 0) {
				check_report(g->check, t,
				    path_item(item, path, i),
				    "this next hop stands twice",
				    "each once, in the order in which they are "
				    "tried");
				break;
			}
}

static void
hops_check(const struct group *g)
{
	size_t count = g->ack->ack.next_hop_count;
	char accepted[TEXT_BYTES];

	if (is_delivered(g->ack) && count == 0 && !g->relays &&
	    tree_find(g->node, "next_hop") == NULL)
		report_missing(g, "next_hop",
		    "\"delivered\" is asked for, but no next hop is named",
		    "as \"smtp:[192.0.2.1]:25\", or \"mta\" for the MTA's own "
		    "table");
	if (!is_delivered(g->ack) && !g->relays &&
	    tree_find(g->node, "next_hop") != NULL && !hops_inherited(g) &&
	    !hops_for_others(g))
		report(g, "next_hop", "nobody asks this next hop",
		    "\"delivered\" in when, or no next_hop");
	snprintf(accepted, sizeof(accepted), "at most %d", NEXTHOPS_MAX);
	if (count > NEXTHOPS_MAX)
		report(g, "next_hop", "too many next hops", accepted);
	else
		hops_each_once(g);
}

static void
choice_check(const struct group *g)
{
	/* A value that was wrong has been reported as such. */
	if (g->ack->ack.when_unprotected != 0 ||
	    tree_find(g->node, "when_unprotected") != NULL ||
	    tree_find(g->check->root,
		"defaults.acknowledge.when_unprotected") != NULL)
		return;
	report_missing(g, "when_unprotected",
	    "it has no default: the administrator must choose", choose);
}

void
ack_check(const struct check *c, const struct ack_conf *ack, int relays,
    const struct tree *node, const char *group)
{
	const struct group g = { c, ack, relays, node, group };

	order_check(&g);
	hops_check(&g);
	if ((ack->ack.when & SMX_WHEN_SHADOWED) != 0)
		holders_check(&g);
	if (ack->ack.when != 0 || relays)
		choice_check(&g);
}
