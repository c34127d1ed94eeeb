/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SETTING_READ_H
#define CORE_SETTING_READ_H

#include "core/arena.h"
#include "core/problem.h"
#include "core/settings.h"
#include "core/tree.h"

/*
 * From a tree to values, by the table.  Values are copied into the arena;
 * problems are reported and the reading goes on, so that all are told at once.
 */
struct reader {
	struct arena *arena;
	struct problems *problems;
	const struct ack_conf *inherit; /* what SECTION_ACK starts from, or
					 * NULL: from the table's defaults */
};

#define READ_PATH 256

/* group may be NULL: it was left out.  base is the section's struct, zeroed.
 * name is the group's full path, "" for the root. */
void section_read(struct reader *r, enum section section, void *base,
    const struct tree *group, const char *name);
/* The node of a setting by its path below group, or NULL. */
const struct tree *tree_find(const struct tree *group, const char *path);
/* "a.b", "b" when a is "", and "name[i]"; both return out. */
const char *path_join(char out[READ_PATH], const char *a, const char *b);
const char *path_item(char out[READ_PATH], const char *name, size_t i);

/* One value that is not a group: setting_value.c. */
void value_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name);
/* The other way: what is in the field of a kind that is kept as a number. */
int64_t setting_number(const struct setting *s, const void *base);
/* The table's default, and nothing when it has none. */
void value_preset(struct reader *r, const struct setting *s, void *base);

#endif
