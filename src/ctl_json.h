/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_JSON_H
#define SRC_CTL_JSON_H

#include <stddef.h>

/*
 * JSON objects, read and written.  Members that nobody asks for are ignored.
 * A path is a member's name, or names joined by dots for objects inside.
 */
struct record;

struct record *record_parse(const char *json,
    size_t len); /* NULL: it is none */
void record_free(struct record **record);

/* NULL when there is no such text.  Lent; UTF-8, see text_show(). */
const char *record_text(const struct record *record, const char *path);
/* none when there is no such number. */
long long record_number(const struct record *record, const char *path,
    long long none);
int record_true(const struct record *record, const char *path);

/* Lists: how many, and one of them.  Items that are objects are lent as
 * records, items that are text as text; NULL for others. */
size_t record_count(const struct record *record, const char *path);
const struct record *record_item(const struct record *record, const char *path,
    size_t index);
const char *record_word(const struct record *record, const char *path,
    size_t index);

/* One line with three texts as an object; bytes that are not ASCII become
 * \xHH.  Non-zero when it could not be written. */
int record_print(const char *const names[3], const char *const values[3]);

#endif
