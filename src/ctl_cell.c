/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl_cell.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_text.h"

#define CELL 600

int
record_is(const struct record *r, const char *path, const char *word)
{
	const char *text = record_text(r, path);

	return text != NULL && strcmp(text, word) == 0;
}

/* ---- cells ---- */

int
cell_text(struct table *t, size_t column, const struct record *r,
    const char *path)
{
	const char *text = record_text(r, path);
	char out[CELL];

	return table_cell(t, column,
	    text_show(out, sizeof(out), text == NULL ? "" : text));
}

int
cell_number(struct table *t, size_t column, const struct record *r,
    const char *path)
{
	long long n = record_number(r, path, -1);
	char out[32];

	snprintf(out, sizeof(out), "%lld", n);
	return table_cell(t, column, n < 0 ? "-" : out);
}

int
cell_age(struct table *t, size_t column, const struct record *r,
    const char *path)
{
	char span[TEXT_SPAN];

	return table_cell(t, column,
	    text_age(span, record_number(r, path, -1)));
}

int
cell_size(struct table *t, size_t column, const struct record *r,
    const char *path)
{
	char span[TEXT_SPAN];

	return table_cell(t, column,
	    text_size(span, record_number(r, path, -1)));
}

/* A moment that is over is below zero, one that there is not is not there. */
#define NO_MOMENT (-4611686018427387904ll)

static const char *
left(const struct record *r, const char *path, char out[TEXT_SPAN])
{
	long long ms = record_number(r, path, NO_MOMENT);

	if (ms == NO_MOMENT)
		return "-";
	return ms < 0 ? "over" : text_age(out, ms);
}

int
cell_left(struct table *t, size_t column, const struct record *r,
    const char *path)
{
	char span[TEXT_SPAN];

	return table_cell(t, column, left(r, path, span));
}

/* ---- lines ---- */

static void
line(const char *label, const char *text)
{
	if (text[0] != '\0' && strcmp(text, "-") != 0)
		printf("%-12s  %s\n", label, text);
}

void
line_text(const struct record *r, const char *path, const char *label)
{
	const char *text = record_text(r, path);
	char out[CELL];

	line(label, text_show(out, sizeof(out), text == NULL ? "" : text));
}

void
line_number(const struct record *r, const char *path, const char *label)
{
	long long n = record_number(r, path, -1);

	if (n >= 0)
		printf("%-12s  %lld\n", label, n);
}

void
line_age(const struct record *r, const char *path, const char *label)
{
	char span[TEXT_SPAN];

	line(label, text_age(span, record_number(r, path, -1)));
}

void
line_size(const struct record *r, const char *path, const char *label)
{
	char span[TEXT_SPAN];

	line(label, text_size(span, record_number(r, path, -1)));
}

void
line_left(const struct record *r, const char *path, const char *label)
{
	char span[TEXT_SPAN];

	line(label, left(r, path, span));
}

void
line_moment(const struct record *r, const char *path, const char *label)
{
	char text[TEXT_MOMENT];

	line(label, text_moment_show(text, record_number(r, path, -1)));
}

/* ---- a list ---- */

struct rows {
	struct table table;
	row_fn row;
};

static int
take_row(void *ctx, const char *json, size_t len)
{
	struct rows *rows = ctx;
	struct record *r = record_parse(json, len);
	int bad;

	if (r == NULL)
		return SMX_EPROTO;
	bad = rows->row(&rows->table, r);
	record_free(&r);
	return bad ? SMX_ENOMEM : 0;
}

int
ctl_rows(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, const char *const *heads, size_t columns, row_fn row)
{
	struct rows rows = { .row = row };
	int status;

	if (table_open(&rows.table, heads, columns) != 0)
		return EX_OSERR;
	status = ctl_ask(ctl, phrase, args, count, take_row, &rows);
	table_close(&rows.table);
	return status;
}
