/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TABLE_KEY_H
#define CORE_TABLE_KEY_H

#include <stddef.h>

#include "core/addr.h"
#include "core/table.h"

/*
 * The key in one line of a table, in the form that is compared.  line has no
 * line end and is not NUL-terminated.  Returns NULL when all is well, with *len
 * 0 for a line without a key (empty, comment); else what is wrong.
 */
struct table_key {
	enum table_form form;
	size_t len;
	char text[ADDR_MAX + 24];
};

const char *table_key_read(struct table_key *key, const char *line, size_t len);

#endif
