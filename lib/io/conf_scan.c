/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/conf_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Goes over the text with libconfig's own ideas of what a comment, a string, a
 * name and a number are, so that neither an @include nor an integer hides from
 * it.  It judges no grammar; libconfig does that.
 */
#define TOKEN_BYTES 64
#define PATH_BYTES  4096

struct scan {
	struct conf_text *t;
	const char *path;
	uint32_t file;
	int line;
	int depth;        /* of includes */
	unsigned nesting; /* of brackets */
	int fresh;        /* only blanks so far on this line */
	int after_string; /* strings that follow one another are one value */
	const char *at;
	const char *end;
	const char *mark; /* up to here all is copied */
};

static void
complain(struct scan *s, int line, const char *value, const char *message,
    const char *accepted)
{
	problem_file(s->t->problems, s->path, line, value, message, accepted);
}

static void
flush(struct scan *s)
{
	buf_add(&s->t->text, s->mark, (size_t)(s->at - s->mark));
	s->mark = s->at;
}

/* Over n bytes, counting lines. */
static void
advance(struct scan *s, size_t n)
{
	for (; n != 0 && s->at < s->end; n--)
		if (*s->at++ == '\n') {
			s->line++;
			conf_text_line(s->t, s->file, (uint32_t)s->line);
			s->fresh = 1;
		}
}

static int
starts(const struct scan *s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(s->end - s->at) >= len && memcmp(s->at, text, len) == 0;
}

static void
value_begins(struct scan *s)
{
	conf_text_value(s->t);
}

static void
line_comment(struct scan *s)
{
	const char *nl = memchr(s->at, '\n', (size_t)(s->end - s->at));

	s->at = nl != NULL ? nl : s->end;
}

static void
block_comment(struct scan *s)
{
	int line = s->line;

	advance(s, 2);
	while (s->at < s->end && !starts(s, "*/"))
		advance(s, 1);
	if (s->at == s->end)
		complain(s, line, "", "a comment is not closed", "*/");
	advance(s, 2);
}

static void
string(struct scan *s)
{
	int line = s->line;

	if (!s->after_string)
		value_begins(s);
	advance(s, 1);
	while (s->at < s->end && *s->at != '"')
		advance(s, *s->at == '\\' ? 2 : 1);
	if (s->at == s->end)
		complain(s, line, "", "a text in quotes is not closed", "\"");
	advance(s, 1);
	s->after_string = 1;
}

/* ---- @include ---- */

/* The path in quotes behind the directive; at stands behind the quote. */
static int
include_path(struct scan *s, char path[PATH_BYTES])
{
	size_t n = 0;

	while (s->at < s->end && *s->at != '"' && *s->at != '\n') {
		if (*s->at == '\\' && s->end - s->at > 1 &&
		    (s->at[1] == '\\' || s->at[1] == '"'))
			s->at++;
		if (n + 1 >= PATH_BYTES)
			return SMX_ELIMIT;
		path[n++] = *s->at++;
	}
	path[n] = '\0';
	if (s->at == s->end || *s->at != '"' || n == 0)
		return SMX_EINVAL;
	s->at++;
	return SMX_OK;
}

/* A relative path starts at the folder of the file that includes. */
static int
include_resolve(const struct scan *s, const char *path, struct buf *out)
{
	const char *slash = strrchr(s->path, '/');

	buf_init(out, PATH_BYTES);
	if (path[0] != '/' && slash != NULL)
		buf_add(out, s->path, (size_t)(slash + 1 - s->path));
	return buf_str(out, path);
}

static void
include_file(struct scan *s, const char *path)
{
	char *content = NULL;
	struct buf full;
	size_t len;

	if (s->depth == CONF_INCLUDES)
		complain(s, s->line, path,
		    "files include one another more than 10 deep", "");
	else if (include_resolve(s, path, &full) != SMX_OK)
		complain(s, s->line, path, "the path is too long", "");
	else
		content = conf_slurp(s->t, full.data, s->path, s->line, &len);
	if (content != NULL) {
		conf_scan(s->t, full.data, content, len, s->depth + 1);
		buf_str(&s->t->text, "\n");
		conf_text_line(s->t, s->file, (uint32_t)s->line);
		free(content);
	}
	if (s->depth != CONF_INCLUDES)
		buf_free(&full);
}

static void
include(struct scan *s)
{
	static const char word[] = "@include";
	static const char form[] = "@include \"file\" at the start of a line";
	char path[PATH_BYTES];

	if (!s->fresh || !starts(s, word)) {
		complain(s, s->line, "@", "a stray '@'", form);
		advance(s, 1);
		return;
	}
	flush(s);
	s->at += sizeof(word) - 1;
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
	if (s->at == s->end || *s->at++ != '"' ||
	    include_path(s, path) != SMX_OK)
		complain(s, s->line, word, "this names no file", form);
	else
		include_file(s, path);
	/* The directive itself is not for libconfig. */
	s->mark = s->at;
}

/* ---- words and numbers ---- */

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
is_name(char c, int first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*' ||
	       (!first && (is_digit(c) || c == '-' || c == '_'));
}

static void
word(struct scan *s)
{
	const char *begin = s->at;
	size_t len;

	while (s->at < s->end && is_name(*s->at, s->at == begin))
		s->at++;
	len = (size_t)(s->at - begin);
	if ((len == 4 && strncasecmp(begin, "true", 4) == 0) ||
	    (len == 5 && strncasecmp(begin, "false", 5) == 0))
		value_begins(s);
}

/* Digits of base 10 or 16; -1 when they do not fit 63 bits. */
static int64_t
digits_value(const char *p, size_t len, unsigned base)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned c = (unsigned char)p[i];
		unsigned d = c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10;

		if (n > (INT64_MAX - d) / base)
			return -1;
		n = n * base + d;
	}
	return n;
}

static void
integer_check(struct scan *s, const char *token, const char *digits, size_t len,
    unsigned base, int longer)
{
	int64_t n = digits_value(digits, len, base);
	char text[TOKEN_BYTES], wanted[TOKEN_BYTES + 2] = "";
	int negative = token[0] == '-';

	if (n >= 0 && (longer || n <= INT32_MAX ||
			  (negative && n == -(int64_t)INT32_MIN)))
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(digits + len - token),
	    token);
	if (n >= 0)
		snprintf(wanted, sizeof(wanted), "%sL", text);
	complain(s, s->line, text,
	    n < 0 ? "the number does not fit 64 bits"
		  : "the number does not fit 32 bits",
	    wanted);
}

static void
number(struct scan *s)
{
	const char *token = s->at, *digits;
	unsigned base = 10;
	size_t len = 0;
	int longer;

	value_begins(s);
	if (*s->at == '+' || *s->at == '-')
		s->at++;
	if (s->at == token && s->end - s->at > 2 && s->at[0] == '0' &&
	    (s->at[1] | 0x20) == 'x') {
		base = 16;
		s->at += 2;
	}
	digits = s->at;
	while (s->at < s->end &&
	       (is_digit(*s->at) || (base == 16 && (*s->at | 0x20) >= 'a' &&
					(*s->at | 0x20) <= 'f')))
		s->at++;
	len = (size_t)(s->at - digits);
	longer = s->at < s->end && *s->at == 'L';
	/* A fraction; no setting takes one, so its value does not matter. */
	if (base == 10 && s->at < s->end && strchr(".eE", *s->at) != NULL) {
		while (s->at < s->end && strchr("0123456789.eE+-", *s->at))
			s->at++;
		return;
	}
	if (len != 0)
		integer_check(s, token, digits, len, base, longer);
	while (s->at < s->end && *s->at == 'L')
		s->at++;
}

static void
bracket(struct scan *s, int opens)
{
	if (opens) {
		value_begins(s);
		if (++s->nesting == CONF_NESTING + 1)
			complain(s, s->line, "",
			    "brackets are nested more than 32 deep", "");
	} else if (s->nesting != 0) {
		s->nesting--;
	}
	advance(s, 1);
}

static void
token(struct scan *s)
{
	char c = *s->at;

	if (c == '"') {
		string(s);
		return;
	}
	s->after_string = 0;
	if (c == '@')
		include(s);
	else if (is_name(c, 1))
		word(s);
	else if (is_digit(c) || c == '+' || c == '-' || c == '.')
		number(s);
	else if (strchr("{([", c) != NULL)
		bracket(s, 1);
	else if (strchr("})]", c) != NULL)
		bracket(s, 0);
	else
		advance(s, 1);
}

void
conf_scan(struct conf_text *t, const char *path, const char *content,
    size_t len, int depth)
{
	struct scan s = { .t = t,
		.path = path,
		.file = conf_text_name(t, path),
		.line = 1,
		.depth = depth,
		.fresh = 1,
		.at = content,
		.end = content + len,
		.mark = content };

	if (t->no_memory)
		return;
	/* An included file begins in the line that names it. */
	if (t->place_count != 0)
		t->place_count--;
	conf_text_line(t, s.file, 1);
	while (s.at < s.end && !t->no_memory) {
		if (strchr(" \t\r\n\f", *s.at) != NULL) {
			advance(&s, 1);
		} else if (*s.at == '#' || starts(&s, "//")) {
			line_comment(&s);
		} else if (starts(&s, "/*")) {
			block_comment(&s);
			s.fresh = 0;
		} else {
			token(&s);
			s.fresh = 0;
		}
	}
	flush(&s);
}
