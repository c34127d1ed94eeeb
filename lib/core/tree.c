/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define PATH_BYTES 256

struct tree *
tree_new(struct arena *arena, enum tree_kind kind, const char *name)
{
	struct tree *node = arena_alloc(arena, 1, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->kind = kind;
	node->text = "";
	node->file = "";
	if (name != NULL)
		node->name = arena_str(arena, name);
	return node;
}

void
tree_add(struct tree *parent, struct tree *child)
{
	child->next = NULL;
	if (parent->last == NULL)
		parent->first = child;
	else
		parent->last->next = child;
	parent->last = child;
	parent->count++;
}

struct tree *
tree_member(const struct tree *group, const char *name)
{
	for (struct tree *t = group->first; t != NULL; t = t->next)
		if (t->name != NULL && strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static void
append_all(struct tree *into, struct tree *from)
{
	if (from->first == NULL)
		return;
	if (into->last == NULL)
		into->first = from->first;
	else
		into->last->next = from->first;
	into->last = from->last;
	into->count += from->count;
}

/* The place in its group stays the old one's. */
static void
replace(struct tree *old, const struct tree *with)
{
	struct tree *next = old->next;

	*old = *with;
	old->next = next;
}

static void
merge_at(struct tree *into, struct tree *from, const char *path,
    tree_appends_fn appends)
{
	struct tree *next;

	for (struct tree *t = from->first; t != NULL; t = next) {
		struct tree *old = tree_member(into, t->name);
		char sub[PATH_BYTES];

		next = t->next;
		snprintf(sub, sizeof(sub), "%s%s%s", path,
		    path[0] != '\0' ? "." : "", t->name);
		if (old == NULL)
			tree_add(into, t);
		else if (old->kind == TREE_GROUP && t->kind == TREE_GROUP)
			merge_at(old, t, sub, appends);
		else if (old->kind == TREE_LIST && t->kind == TREE_LIST &&
			 appends(sub))
			append_all(old, t);
		else
			replace(old, t);
	}
}

void
tree_merge(struct tree *into, struct tree *from, tree_appends_fn appends)
{
	merge_at(into, from, "", appends);
}

void
tree_show(const struct tree *node, char *out, size_t size)
{
	switch (node->kind) {
	case TREE_TEXT:
		snprintf(out, size, "\"%s\"", node->text);
		break;
	case TREE_NUMBER:
		snprintf(out, size, "%" PRId64, node->number);
		break;
	case TREE_FLAG:
		text_copy(out, size, node->number ? "true" : "false");
		break;
	case TREE_FRACTION:
		text_copy(out, size, node->text);
		break;
	case TREE_GROUP:
		text_copy(out, size, "{...}");
		break;
	case TREE_LIST:
		text_copy(out, size, node->count == 0 ? "()" : "(...)");
		break;
	}
}
