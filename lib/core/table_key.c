/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/table_key.h"

#include <string.h>

#include "core/ip.h"
#include "core/setting_check.h"
#include "core/settings.h"

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of one character of UTF-8, 0 when it is none. */
static size_t
utf8_len(const unsigned char *p, size_t len)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than needed, half a pair, beyond the last. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static int
is_utf8(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	while (len != 0) {
		size_t n = utf8_len(p, len);

		if (n == 0)
			return 0;
		p += n;
		len -= n;
	}
	return 1;
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

static const char *
domain_key(struct table_key *key, const char *word)
{
	char domain[ADDR_MAX + 1];
	size_t below = word[0] == '.';
	struct ip ip;

	if (ip_parse(word, strlen(word), &ip) == SMX_OK)
		return "this is the address of a host; clients are matched by "
		       "client_networks";
	if (!below && strchr(word, '.') == NULL)
		return "one word alone: a user is written with a closing '@', "
		       "a domain without a dot with '@' in front";
	if (domain_parse(domain, word + below) != SMX_OK)
		return "this is no recipient and no domain";
	key->form = below ? TABLE_BELOW : TABLE_DOMAIN;
	key->text[0] = '.';
	key->len = below + strlen(domain);
	memcpy(key->text + below, domain, strlen(domain) + 1);
	return NULL;
}

static const char *
address_key(struct table_key *key, const char *word)
{
	char out[SETTING_TEXT_MAX + 1];
	const char *wrong = check_recipient(word, out);
	size_t len;

	if (wrong != NULL)
		return wrong;
	len = strlen(out);
	if (len >= sizeof(key->text))
		return "the address is too long";
	memcpy(key->text, out, len + 1);
	key->len = len;
	key->form = out[0] == '@'         ? TABLE_AT
		    : out[len - 1] == '@' ? TABLE_USER
					  : TABLE_ADDRESS;
	return NULL;
}

const char *
table_key_read(struct table_key *key, const char *line, size_t len)
{
	char word[ADDR_MAX + 1];
	size_t start = 0, n;

	key->len = 0;
	if (len != 0 && line[len - 1] == '\r')
		len--;
	if (memchr(line, '\0', len) != NULL)
		return "a NUL byte: this is no text file";
	if (memchr(line, '\r', len) != NULL)
		return "a carriage return inside the line";
	while (start < len && is_blank(line[start]))
		start++;
	if (start == len || line[start] == '#')
		return NULL;
	if (start != 0)
		return "white space comes first: postmap(1) would take this "
		       "for the rest of the line before";
	n = word_len(line, len);
	if (n > ADDR_MAX)
		return "the key is longer than 1000 bytes";
	if (!is_utf8(line, n))
		return "the key is neither ASCII nor UTF-8";
	memcpy(word, line, n);
	word[n] = '\0';
	return strchr(word, '@') != NULL ? address_key(key, word)
					 : domain_key(key, word);
}
