/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/setting_read.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define NAMES_MAX     40
#define MESSAGE_BYTES 128

const char *
path_join(char out[READ_PATH], const char *a, const char *b)
{
	snprintf(out, READ_PATH, "%s%s%s", a, a[0] != '\0' ? "." : "", b);
	return out;
}

const char *
path_item(char out[READ_PATH], const char *name, size_t i)
{
	struct buf b;

	buf_init(&b, 0);
	buf_fmt(&b, "%s[%zu]", name, i);
	text_copy(out, READ_PATH, b.data != NULL ? b.data : name);
	buf_free(&b);
	return out;
}

const struct tree *
tree_find(const struct tree *group, const char *path)
{
	char part[READ_PATH];

	while (group != NULL && group->kind == TREE_GROUP) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(part))
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		group = tree_member(group, part);
		if (path[len] == '\0')
			return group;
		path += len + 1;
	}
	return NULL;
}

/* ---- names ---- */

static void
unknown(struct reader *r, enum section section, const struct tree *node,
    const char *at, const char *name)
{
	char names[NAMES_MAX][SETTING_NAME_MAX];
	const char *list[NAMES_MAX];
	char message[MESSAGE_BYTES];
	size_t count = setting_names(section, at, names, NAMES_MAX);
	const char *near;
	struct buf b;

	buf_init(&b, 0);
	for (size_t i = 0; i < count; i++) {
		list[i] = names[i];
		buf_fmt(&b, "%s%s", i != 0 ? ", " : "", names[i]);
	}
	near = nearest_name(node->name, list, count);
	snprintf(message, sizeof(message), "unknown setting%s%s%s",
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	problem_node(r->problems, node, name, message,
	    b.data != NULL ? b.data : "");
	buf_free(&b);
}

/* at is the path inside the section, name the whole one. */
static void
names_check(struct reader *r, enum section section, const struct tree *group,
    const char *at, const char *name)
{
	for (const struct tree *t = group->first; t != NULL; t = t->next) {
		char sub[READ_PATH], full[READ_PATH];

		path_join(sub, at, t->name);
		path_join(full, name, t->name);
		if (setting_find(section, sub) != NULL)
			continue;
		if (!setting_is_group(section, sub))
			unknown(r, section, t, at, full);
		else if (t->kind != TREE_GROUP)
			problem_node(r->problems, t, full,
			    "this is not a group", "{ name = value; ... }");
		else
			names_check(r, section, t, sub, full);
	}
}

/* ---- values ---- */

static void
missing(struct reader *r, const struct setting *s, const struct tree *group,
    const char *name)
{
	char accepted[MESSAGE_BYTES];
	struct smx_config_problem problem = { .file = "",
		.setting = name,
		.value = "",
		.message = "it has no default and must be set",
		.accepted = accepted };

	setting_accepted(s, accepted, sizeof(accepted));
	if (group != NULL) {
		problem.file = group->file;
		problem.line = group->line;
	}
	problem_report(r->problems, &problem);
}

static void
group_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	if (node != NULL && node->kind != TREE_GROUP) {
		problem_node(r->problems, node, name, "this is not a group",
		    s->accepted);
		node = NULL;
	}
	section_read(r, s->sub, (char *)base + s->offset, node, name);
}

static void
groups_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	const struct tree *t;
	size_t count;
	char *items;

	if (node == NULL)
		return;
	if (node->kind != TREE_LIST) {
		problem_node(r->problems, node, name,
		    "this is not a list of groups", s->accepted);
		return;
	}
	count = node->count;
	items = arena_alloc(r->arena, count, s->width);
	if (items == NULL)
		return;
	t = node->first;
	for (size_t i = 0; i < count; i++, t = t->next) {
		char item[READ_PATH];

		path_item(item, name, i);
		if (t->kind != TREE_GROUP)
			problem_node(r->problems, t, item,
			    "this is not a group", s->accepted);
		section_read(r, s->sub, items + i * s->width,
		    t->kind == TREE_GROUP ? t : NULL, item);
	}
	memcpy((char *)base + s->offset, &items, sizeof(items));
	memcpy((char *)base + s->count_offset, &count, sizeof(count));
}

static void
setting_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *group, const char *name)
{
	const struct tree *node = tree_find(group, s->path);
	char full[READ_PATH];

	path_join(full, name, s->path);
	if (s->kind == SETTING_GROUP) {
		group_read(r, s, base, node, full);
	} else if (s->kind == SETTING_GROUPS) {
		groups_read(r, s, base, node, full);
	} else {
		if (s->section != SECTION_ACK || r->inherit == NULL)
			value_preset(r, s, base);
		if (node != NULL)
			value_read(r, s, base, node, full);
		else if ((s->flags & SETTING_REQUIRED) != 0 && group != NULL)
			missing(r, s, group, full);
	}
	/* Everything after the defaults starts from them. */
	if (s->section == SECTION_ROOT && s->sub == SECTION_ACK)
		r->inherit =
		    (const struct ack_conf *)((const char *)base + s->offset);
}

void
section_read(struct reader *r, enum section section, void *base,
    const struct tree *group, const char *name)
{
	if (group != NULL)
		names_check(r, section, group, "", name);
	if (section == SECTION_ACK && r->inherit != NULL)
		memcpy(base, r->inherit, sizeof(*r->inherit));
	for (size_t i = 0; i < setting_count; i++)
		if (settings[i].section == section)
			setting_read(r, &settings[i], base, group, name);
}
