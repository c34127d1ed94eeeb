/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtaconf.h"

#include <string.h>
#include <strings.h>

#define BETWEEN ", \t\r\n"

/* How far an element in braces reaches; to the end when they are not closed. */
static size_t
braced(const char *text)
{
	size_t depth = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == '{')
			depth++;
		else if (text[i] == '}' && --depth == 0)
			return i + 1;
	}
	return strlen(text);
}

int
mta_word_next(const char **at, const char **word, size_t *len)
{
	const char *text = *at + strspn(*at, BETWEEN);

	if (*text == '\0')
		return 0;
	*word = text;
	*len = *text == '{' ? braced(text) : strcspn(text, BETWEEN);
	*at = text + *len;
	return 1;
}

int
mta_has_word(const char *list, const char *word)
{
	const char *found;
	size_t len, wanted = strlen(word);

	while (mta_word_next(&list, &found, &len))
		if (len == wanted && strncasecmp(found, word, len) == 0)
			return 1;
	return 0;
}

/* ---- milters ---- */

/* "name=value": the value, or NULL when it is not name's. */
static const char *
attribute(const char *text, const char *name)
{
	size_t len = strlen(name);

	return strncmp(text, name, len) == 0 && text[len] == '='
		   ? text + len + 1
		   : NULL;
}

static void
set_attribute(struct mta_milter *m, const char *text)
{
	const char *value;

	if ((value = attribute(text, "default_action")) != NULL)
		m->default_action = value;
	else if ((value = attribute(text, "content_timeout")) != NULL)
		m->content_timeout = value;
	else if ((value = attribute(text, "command_timeout")) != NULL)
		m->command_timeout = value;
}

/* "{ name = value }" without braces and blanks. */
static const char *
unbraced(struct arena *arena, const char *word, size_t len)
{
	char *text = arena_alloc(arena, len + 1, 1);
	size_t n = 0;

	for (size_t i = 0; text != NULL && i < len; i++)
		if (strchr("{} \t", word[i]) == NULL)
			text[n++] = word[i];
	return text;
}

/* One attribute: a word, or "name", "=", "value" as three, or in braces. */
static const char *
next_attribute(struct arena *arena, const char **at)
{
	const char *word, *look, *text;
	size_t len, more;

	if (!mta_word_next(at, &word, &len))
		return NULL;
	if (*word == '{')
		return unbraced(arena, word, len);
	text = arena_copy(arena, word, len);
	look = *at + strspn(*at, " \t");
	if (text != NULL && (*look == '=' || text[len - 1] == '=')) {
		look += *look == '=';
		*at = look;
		if (mta_word_next(at, &word, &more))
			text = mta_fmt(arena, "%s%s%.*s", text,
			    text[len - 1] == '=' ? "" : "=", (int)more, word);
	}
	return text;
}

static void
parse_braced(struct arena *arena, const char *word, size_t len,
    struct mta_milter *m)
{
	char *inside = arena_copy(arena, word + 1, len - 1);
	const char *at = inside, *text;
	const char *sum = "{";

	if (inside == NULL)
		return;
	if (len >= 2 && inside[len - 2] == '}')
		inside[len - 2] = '\0';
	while ((text = next_attribute(arena, &at)) != NULL) {
		if (m->endpoint[0] == '\0')
			m->endpoint = text;
		else
			set_attribute(m, text);
		sum = mta_fmt(arena, "%s%s%s", sum, sum[1] == '\0' ? "" : ",",
		    text);
	}
	m->text = mta_fmt(arena, "%s}", sum);
}

size_t
mta_milters_parse(struct arena *arena, const char *list, struct mta_milter *out)
{
	const char *word;
	size_t count = 0, len;

	while (count < MTA_MILTERS_MAX && mta_word_next(&list, &word, &len)) {
		struct mta_milter *m = &out[count];

		memset(m, 0, sizeof(*m));
		m->endpoint = m->text = "";
		if (*word == '{') {
			parse_braced(arena, word, len, m);
		} else {
			const char *text = arena_copy(arena, word, len);

			m->endpoint = m->text = text == NULL ? "" : text;
		}
		/* "DISABLE" and the like name no milter. */
		count += strchr(m->endpoint, ':') != NULL;
	}
	return count;
}

int
mta_table_next(const char **at, const char **table, size_t *len)
{
	size_t depth = 0;

	if (!mta_word_next(at, table, len))
		return 0;
	*len = 0;
	for (const char *p = *table; *p != '\0'; p++, ++*len) {
		if (depth == 0 && strchr(", \t\r\n", *p) != NULL)
			break;
		depth += *p == '{';
		depth -= *p == '}' && depth != 0;
	}
	*at = *table + *len;
	return 1;
}
