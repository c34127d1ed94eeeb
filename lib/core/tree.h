/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TREE_H
#define CORE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

/*
 * A configuration as it was written, before anybody asks what it means: groups,
 * lists and values, each with the place it came from.  All memory is the
 * arena's.
 */
enum tree_kind {
	TREE_GROUP = 1,
	TREE_LIST,
	TREE_TEXT,
	TREE_NUMBER,
	TREE_FLAG,
	TREE_FRACTION
};

struct tree {
	enum tree_kind kind;
	const char *name; /* NULL inside a list */
	const char *text; /* TREE_TEXT; of the others how it was read */
	int64_t number;   /* TREE_NUMBER, TREE_FLAG */
	const char *file;
	int line;
	size_t count; /* children */
	struct tree *first;
	struct tree *last;
	struct tree *next;
};

struct tree *tree_new(struct arena *arena, enum tree_kind kind,
    const char *name);
void tree_add(struct tree *parent, struct tree *child);
/* A member of a group by name, or NULL. */
struct tree *tree_member(const struct tree *group, const char *name);

/*
 * Move everything of the group from into the group into: groups are merged, a
 * list for which appends(path) holds is put behind the one that is there,
 * anything else replaces what is there.  from is used up.
 */
typedef int (*tree_appends_fn)(const char *path);
void tree_merge(struct tree *into, struct tree *from, tree_appends_fn appends);

/* A value in a few words, as problems show it. */
void tree_show(const struct tree *node, char *out, size_t size);

#endif
