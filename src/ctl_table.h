/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_TABLE_H
#define SRC_CTL_TABLE_H

#include <stddef.h>

/*
 * Columns that are aligned.  Rows are kept until there are TABLE_PAGE of them,
 * then printed, so a list of any length costs no more memory than that.
 */
#define TABLE_COLUMNS 10
#define TABLE_PAGE    1000

struct table {
	const char *const *heads;
	size_t columns;
	size_t width[TABLE_COLUMNS];
	char **cells; /* rows kept, one after the other */
	size_t rows;
	int begun; /* the heads are out */
};

int table_open(struct table *table, const char *const *heads, size_t columns);
/* A row's next cell; text is copied, already fit for a terminal.  Cells of a
 * row come in order, all of them. */
int table_cell(struct table *table, size_t column, const char *text);
/* Print what is left, and free. */
void table_close(struct table *table);

#endif
