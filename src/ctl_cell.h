/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_CELL_H
#define SRC_CTL_CELL_H

#include "ctl.h"
#include "ctl_json.h"
#include "ctl_table.h"

/*
 * Members of a record as cells of a table, and as lines "label  value"; what is
 * not there is "-", and no line.  Cells say 0, or -1 when there is no memory.
 */
int cell_text(struct table *t, size_t column, const struct record *r,
    const char *path);
int cell_number(struct table *t, size_t column, const struct record *r,
    const char *path);
int cell_age(struct table *t, size_t column, const struct record *r,
    const char *path);
int cell_size(struct table *t, size_t column, const struct record *r,
    const char *path);
/* A moment that is to come, or "over". */
int cell_left(struct table *t, size_t column, const struct record *r,
    const char *path);

void line_text(const struct record *r, const char *path, const char *label);
void line_number(const struct record *r, const char *path, const char *label);
void line_age(const struct record *r, const char *path, const char *label);
void line_size(const struct record *r, const char *path, const char *label);
void line_left(const struct record *r, const char *path, const char *label);
void line_moment(const struct record *r, const char *path, const char *label);

/* The phrase's answer as a table, one row a line. */
typedef int (*row_fn)(struct table *t, const struct record *r);
int ctl_rows(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, const char *const *heads, size_t columns, row_fn row);

/* A member's text is this word. */
int record_is(const struct record *r, const char *path, const char *word);

#endif
