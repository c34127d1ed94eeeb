/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
table_open(struct table *table, const char *const *heads, size_t columns)
{
	memset(table, 0, sizeof(*table));
	table->heads = heads;
	table->columns = columns;
	for (size_t i = 0; i < columns; i++)
		table->width[i] = strlen(heads[i]);
	table->cells = calloc(TABLE_PAGE * columns, sizeof(*table->cells));
	return table->cells == NULL ? -1 : 0;
}

static void
print_row(const struct table *table, const char *const *row)
{
	for (size_t i = 0; i < table->columns; i++)
		/* Nothing stands behind the last one: no blanks. */
		printf("%-*s%s",
		    i + 1 < table->columns ? (int)table->width[i] : 0, row[i],
		    i + 1 < table->columns ? "  " : "\n");
}

static void
print_page(struct table *table)
{
	if (!table->begun && table->rows > 0)
		print_row(table, table->heads);
	table->begun |= table->rows > 0;
	for (size_t r = 0; r < table->rows; r++) {
		char **row = table->cells + r * table->columns;

		print_row(table, (const char *const *)row);
		for (size_t i = 0; i < table->columns; i++) {
			free(row[i]);
			row[i] = NULL;
		}
	}
	table->rows = 0;
}

int
table_cell(struct table *table, size_t column, const char *text)
{
	char *copy = strdup(text[0] == '\0' ? "-" : text);

	if (copy == NULL)
		return -1;
	table->cells[table->rows * table->columns + column] = copy;
	if (strlen(copy) > table->width[column])
		table->width[column] = strlen(copy);
	if (column + 1 == table->columns && ++table->rows == TABLE_PAGE)
		print_page(table);
	return 0;
}

void
table_close(struct table *table)
{
	if (table->cells == NULL)
		return;
	print_page(table);
	/* A row that was not finished. */
	for (size_t i = 0; i < table->columns; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
}
