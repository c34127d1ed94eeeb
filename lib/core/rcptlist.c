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

/* The first word as a string; what else the line may be. */
static enum rcptlist_line
first_word(const char *line, size_t len, char word[ADDR_MAX + 1])
{
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
	return RCPTLIST_ONE;
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
	enum rcptlist_line what = first_word(line, len, word);

	if (what != RCPTLIST_ONE)
		return what;
	if (word[0] == '@')
		return everybody(word + 1, domain);
	if (addr_parse(&addr, word) != SMX_OK)
		return RCPTLIST_BAD;
	if (strcmp(addr.domain, domain) != 0)
		return RCPTLIST_OTHER;
	memcpy(local, addr.local, addr.local_len + 1);
	return RCPTLIST_ONE;
}

/* With a domain it would be an address. */
static enum rcptlist_line
bare_user(const char *word, struct addr *out)
{
	char whole[ADDR_MAX + 3];
	size_t len = strlen(word);

	if (len == 0 || len > ADDR_MAX - 2)
		return RCPTLIST_BAD;
	memcpy(whole, word, len);
	memcpy(whole + len, "@x", 3);
	if (addr_parse(out, whole) != SMX_OK)
		return RCPTLIST_BAD;
	out->domain[0] = '\0';
	out->domain_len = 0;
	return RCPTLIST_ONE;
}

enum rcptlist_line
rcptlist_any(const char *line, size_t len, struct addr *out)
{
	char word[ADDR_MAX + 1];
	enum rcptlist_line what = first_word(line, len, word);

	if (what != RCPTLIST_ONE)
		return what;
	if (word[0] == '@') {
		out->local[0] = '\0';
		out->local_len = 0;
		if (domain_parse(out->domain, word + 1) != SMX_OK)
			return RCPTLIST_BAD;
		out->domain_len = strlen(out->domain);
		return RCPTLIST_ALL;
	}
	if (strchr(word, '@') == NULL)
		return bare_user(word, out);
	return addr_parse(out, word) == SMX_OK ? RCPTLIST_ONE : RCPTLIST_BAD;
}
