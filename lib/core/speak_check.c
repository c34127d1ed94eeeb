/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/conf_check.h"

#include <string.h>

/* Who may speak for whom: primary_for, and the backup groups' peer. */

static int
is_member(const struct check *c, const char *name)
{
	const struct conf *conf = &c->draft->conf;

	for (size_t i = 0; i < conf->member_count; i++)
		if (strcmp(conf->members[i].name, name) == 0)
			return 1;
	return 0;
}

/* One of the names of a list, or the one that stands there alone. */
static void
report_item(const struct check *c, const struct tree *list, const char *path,
    size_t i, const char *message, const char *accepted)
{
	char item[READ_PATH];

	if (list == NULL || list->kind != TREE_LIST) {
		check_report(c, list, path, message, accepted);
		return;
	}
	list = list->first;
	for (size_t n = 0; n < i && list != NULL; n++)
		list = list->next;
	check_report(c, list, path_item(item, path, i), message, accepted);
}

static void
names_check(const struct check *c, const char *const *names, size_t count,
    const struct tree *list, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] != NULL && !is_member(c, names[i]))
			report_item(c, list, path, i, "no member has this name",
			    "the name of a member of peers.members");
}

void
peer_check(const struct check *c, const struct policy_conf *policy,
    const struct tree *node, const char *name)
{
	char path[READ_PATH];

	names_check(c, policy->backup.peers, policy->backup.peer_count,
	    tree_find(node, "backup.peer"),
	    path_join(path, name, "backup.peer"));
}

/* Is it in one of the groups before, or before in this one? */
static int
stands_before(const struct conf *conf, size_t group, size_t at)
{
	const char *name = conf->primary_for[group].domains[at];

	for (size_t g = 0; g <= group; g++) {
		const struct conf_primary_for *p = &conf->primary_for[g];
		size_t end = g == group ? at : p->domain_count;

		for (size_t i = 0; i < end; i++)
			if (p->domains[i] != NULL &&
			    strcmp(p->domains[i], name) == 0)
				return 1;
	}
	return 0;
}

void
speak_check(const struct check *c)
{
	const struct conf *conf = &c->draft->conf;
	const struct tree *list = tree_find(c->root, "primary_for");
	const struct tree *node = list != NULL ? list->first : NULL;

	for (size_t g = 0; g < conf->primary_for_count && node != NULL;
	     g++, node = node->next) {
		const struct conf_primary_for *p = &conf->primary_for[g];
		char item[READ_PATH], path[READ_PATH];

		path_item(item, "primary_for", g);
		names_check(c, p->members, p->member_count,
		    tree_find(node, "members"),
		    path_join(path, item, "members"));
		path_join(path, item, "domains");
		for (size_t i = 0; i < p->domain_count; i++)
			if (p->domains[i] != NULL && stands_before(conf, g, i))
				report_item(c, tree_find(node, "domains"), path,
				    i, "this domain stands twice",
				    "each domain once");
	}
}
