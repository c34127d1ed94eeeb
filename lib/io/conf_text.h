/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_CONF_TEXT_H
#define IO_CONF_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/problem.h"

/*
 * Configuration text made ready for libconfig, which in 1.5 ends the process
 * when @include names a folder and lets large integers wrap in silence.  Files
 * are opened here and nowhere else: what an @include names is put in its place,
 * and the map of lines keeps telling where each line came from.
 */
#define CONF_FILE_MAX  ((size_t)16 << 20) /* bytes of one file */
#define CONF_TOTAL_MAX ((size_t)64 << 20) /* of all that belong together */
#define CONF_FILES_MAX 1000
#define CONF_INCLUDES  10 /* one inside the other */
#define CONF_NESTING   32 /* brackets one inside the other */

/* Counted over all files of one configuration. */
struct conf_budget {
	size_t files;
	size_t bytes;
};

struct conf_place {
	uint32_t file; /* in files[] */
	uint32_t line;
};

struct conf_text {
	struct problems *problems;
	struct conf_budget *budget;
	struct buf text;
	char **files;
	size_t file_count;
	struct conf_place *places; /* one a line of text */
	size_t place_count;
	size_t place_room;
	uint32_t *values; /* the line where each value begins, in order */
	size_t value_count;
	size_t value_room;
	int no_memory;
};

void conf_text_init(struct conf_text *t, struct problems *problems,
    struct conf_budget *budget);
void conf_text_free(struct conf_text *t);
/* Problems are reported; the text is only good when there were none.
 * SMX_ENOMEM. */
int conf_text_file(struct conf_text *t, const char *path) SMX_MUST_USE;
int conf_text_string(struct conf_text *t, const char *name,
    const char *text) SMX_MUST_USE;
/* Where line number line (from 1) of the text came from. */
const char *conf_text_place(const struct conf_text *t, unsigned line,
    int *out_line);

/* ---- between conf_text.c and conf_scan.c ---- */

/* A whole file, NUL-terminated, or NULL after a report at (at, line). */
char *conf_slurp(struct conf_text *t, const char *path, const char *at,
    int line, size_t *len);
/* Scan one file's content behind what is there. */
void conf_scan(struct conf_text *t, const char *path, const char *content,
    size_t len, int depth);
int conf_text_line(struct conf_text *t, uint32_t file, uint32_t line);
int conf_text_value(struct conf_text *t);
/* Remember a file's name; returns its number. */
uint32_t conf_text_name(struct conf_text *t, const char *path);

#endif
