/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/rcptlist.h"

#include <string.h>

#include "core/table_key.h"

enum rcptlist_line
rcptlist_read(const char *line, size_t len, const char *domain,
    char local[ADDR_MAX + 1])
{
	struct table_key key;
	const char *at;
	size_t n;

	if (table_key_read(&key, line, len) != NULL)
		return RCPTLIST_BAD;
	if (key.len == 0)
		return RCPTLIST_NOTHING;
	key.text[key.len] = '\0';
	at = strrchr(key.text, '@');
	if (at == NULL || (key.form != TABLE_ADDRESS && key.form != TABLE_AT))
		return RCPTLIST_BAD;
	if (strcmp(at + 1, domain) != 0)
		return RCPTLIST_OTHER;
	n = (size_t)(at - key.text);
	if (key.form == TABLE_AT)
		return n == 0 ? RCPTLIST_ALL : RCPTLIST_BAD;
	if (n == 0 || n > ADDR_MAX)
		return RCPTLIST_BAD;
	memcpy(local, key.text, n);
	local[n] = '\0';
	return RCPTLIST_ONE;
}
