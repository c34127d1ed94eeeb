/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/rcptlist.h"

#include <string.h>

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* White space in quotes belongs to the word. */
static size_t
word_len(const char *line, size_t len)
{
	int quoted = 0;
	size_t n = 0;

	for (; n < len && (quoted || !is_blank(line[n])); n++) {
		if (line[n] == '"')
			quoted = !quoted;
		else if (line[n] == '\\' && quoted && n + 1 < len)
			n++;
	}
	return n;
}

static enum rcptlist_line
everybody(const char *of, const char *domain)
{
	char folded[ADDR_MAX + 1];

	if (domain_parse(folded, of) != SMX_OK)
		return RCPTLIST_BAD;
	return strcmp(folded, domain) == 0 ? RCPTLIST_ALL : RCPTLIST_OTHER;
}

enum rcptlist_line
rcptlist_read(const char *line, size_t len, const char *domain,
    char local[ADDR_MAX + 1])
{
	char word[ADDR_MAX + 1];
	struct addr addr;
	size_t n;

	if (len != 0 && line[len - 1] == '\r')
		len--;
	/* What begins with a blank goes on from the line before. */
	if (len == 0 || line[0] == '#' || is_blank(line[0]))
		return RCPTLIST_NOTHING;
	n = word_len(line, len);
	if (n > ADDR_MAX || memchr(line, '\0', n) != NULL)
		return RCPTLIST_BAD;
	memcpy(word, line, n);
	word[n] = '\0';
	if (word[0] == '@')
		return everybody(word + 1, domain);
	if (addr_parse(&addr, word) != SMX_OK)
		return RCPTLIST_BAD;
	if (strcmp(addr.domain, domain) != 0)
		return RCPTLIST_OTHER;
	memcpy(local, addr.local, addr.local_len + 1);
	return RCPTLIST_ONE;
}
