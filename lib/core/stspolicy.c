/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/stspolicy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX   32
#define LABEL_MAX 63

/* What stands on one line, in the text. */
struct field {
	const char *key;
	size_t key_len;
	const char *value; /* without blanks around it */
	size_t len;
};

struct reading {
	struct stspolicy *policy;
	int version, mode, max_age; /* seen: only the first counts */
	unsigned line;
	char *why;
};

static int no(struct reading *r, const char *fmt, ...) SMX_PRINTF(2, 3);

static int
no(struct reading *r, const char *fmt, ...)
{
	int n = r->line == 0
		    ? 0
		    : snprintf(r->why, STSPOLICY_WHY, "line %u: ", r->line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + n, STSPOLICY_WHY - (size_t)n, fmt, ap);
	va_end(ap);
	return SMX_EINVAL;
}

const char *
stspolicy_mode_word(enum stspolicy_mode mode)
{
	switch (mode) {
	case STS_ENFORCE:
		return "enforce";
	case STS_TESTING:
		return "testing";
	case STS_NONE:
		break;
	}
	return "none";
}

/* ---- names ---- */

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int
is_name_char(char c)
{
	c = small(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* What a host may be called; without a dot at its end. */
static int
is_name(const char *name, size_t len)
{
	size_t label = 0;

	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' && label == 0)
			return 0;
		if (name[i] != '.' && !is_name_char(name[i]))
			return 0;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return 0;
	}
	return label != 0;
}

static int
same(const char *pattern, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (pattern[i] == '\0' || pattern[i] != small(name[i]))
			return 0;
	return pattern[len] == '\0';
}

int
stspolicy_names(const struct stspolicy *policy, const char *host)
{
	size_t len = strlen(host);
	const char *dot;

	if (len > 0 && host[len - 1] == '.')
		len--;
	dot = memchr(host, '.', len);
	for (size_t i = 0; i < policy->mx_count; i++) {
		const char *mx = policy->mx[i];

		if (same(mx, host, len))
			return 1;
		if (mx[0] == '*' && dot != NULL && dot != host &&
		    same(mx + 1, dot, len - (size_t)(dot - host)))
			return 1;
	}
	return 0;
}

/* ---- fields ---- */

static int
is(const struct field *f, const char *key)
{
	return strlen(key) == f->key_len &&
	       memcmp(f->key, key, f->key_len) == 0;
}

static int
says(const struct field *f, const char *value)
{
	return strlen(value) == f->len && memcmp(f->value, value, f->len) == 0;
}

static int
read_version(struct reading *r, const struct field *f)
{
	if (r->version++)
		return SMX_OK;
	return says(f, "STSv1") ? SMX_OK : no(r, "the version is not STSv1");
}

static int
read_mode(struct reading *r, const struct field *f)
{
	static const enum stspolicy_mode modes[] = { STS_NONE, STS_TESTING,
		STS_ENFORCE };

	if (r->mode++)
		return SMX_OK;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (!says(f, stspolicy_mode_word(modes[i])))
			continue;
		r->policy->mode = modes[i];
		return SMX_OK;
	}
	return no(r, "the mode is not enforce, testing or none");
}

static int
read_max_age(struct reading *r, const struct field *f)
{
	int64_t age = 0;

	if (r->max_age++)
		return SMX_OK;
	if (f->len == 0 || f->len > 10)
		return no(r, "max_age is no number of seconds");
	for (size_t i = 0; i < f->len; i++) {
		if (f->value[i] < '0' || f->value[i] > '9')
			return no(r, "max_age is no number of seconds");
		age = age * 10 + (f->value[i] - '0');
	}
	r->policy->max_age_s =
	    age < STSPOLICY_AGE_MAX ? age : STSPOLICY_AGE_MAX;
	return SMX_OK;
}

static int
read_mx(struct reading *r, const struct field *f)
{
	struct stspolicy *p = r->policy;
	size_t star = f->len > 2 && memcmp(f->value, "*.", 2) == 0 ? 2 : 0;

	if (f->len >= STSPOLICY_NAME ||
	    !is_name(f->value + star, f->len - star))
		return no(r, "mx is not the name of a host");
	if (p->mx_count == STSPOLICY_MX)
		return no(r, "more than %d lines mx", STSPOLICY_MX);
	for (size_t i = 0; i < f->len; i++)
		p->mx[p->mx_count][i] = small(f->value[i]);
	p->mx[p->mx_count++][f->len] = '\0';
	return SMX_OK;
}

static int
read_field(struct reading *r, const struct field *f)
{
	if (is(f, "version"))
		return read_version(r, f);
	if (is(f, "mode"))
		return read_mode(r, f);
	if (is(f, "max_age"))
		return read_max_age(r, f);
	if (is(f, "mx"))
		return read_mx(r, f);
	return SMX_OK; /* of a later version of it */
}

/* ---- lines ---- */

static int
is_key(const char *key, size_t len)
{
	if (len == 0 || len > KEY_MAX || key[0] == '_' || key[0] == '-')
		return 0;
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(key[i]) && (key[i] != '.' || i == 0))
			return 0;
	return 1;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int
read_line(struct reading *r, const char *line, size_t len)
{
	struct field f = { .key = line };
	const char *colon = memchr(line, ':', len);

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') ||
		    line[i] == 0x7f)
			return no(r, "a byte that belongs in no text");
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	/* RFC 8461 has none, but many files do, at their end */
	if (len == 0)
		return SMX_OK;
	if (colon == NULL || colon >= line + len)
		return no(r, "no name and value");
	f.key_len = (size_t)(colon - line);
	if (!is_key(f.key, f.key_len))
		return no(r, "not the name of a field");
	f.value = colon + 1;
	f.len = len - f.key_len - 1;
	for (; f.len > 0 && is_blank(*f.value); f.len--)
		f.value++;
	return read_field(r, &f);
}

static int
read_lines(struct reading *r, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) : len;
		size_t line =
		    n > 0 && end != NULL && text[n - 1] == '\r' ? n - 1 : n;
		int rc;

		r->line++;
		rc = read_line(r, text, line);
		if (rc != SMX_OK)
			return rc;
		n += end != NULL;
		text += n;
		len -= n;
	}
	return SMX_OK;
}

static int
complete(struct reading *r)
{
	r->line = 0;
	if (!r->version)
		return no(r, "it has no version");
	if (!r->mode)
		return no(r, "it has no mode");
	if (!r->max_age)
		return no(r, "it has no max_age");
	if (r->policy->mx_count == 0 && r->policy->mode != STS_NONE)
		return no(r, "it has no mx");
	return SMX_OK;
}

int
stspolicy_parse(struct stspolicy *out, const char *text, size_t len,
    char why[STSPOLICY_WHY])
{
	struct reading r = { .policy = out, .why = why };
	int rc;

	memset(out, 0, sizeof(*out));
	why[0] = '\0';
	if (len > STSPOLICY_BYTES)
		return no(&r, "it is longer than %d bytes", STSPOLICY_BYTES);
	rc = read_lines(&r, text, len);
	return rc == SMX_OK ? complete(&r) : rc;
}
