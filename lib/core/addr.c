/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/addr.h"

#include <string.h>

#include "core/ip.h"

/* The end of the quoted string that starts at p, or end. */
static const char *
skip_quoted(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : end;
}

/* The first c outside of quotes, or NULL. */
static const char *
find(const char *p, const char *end, char c)
{
	while (p < end) {
		if (*p == '"')
			p = skip_quoted(p, end);
		else if (*p == c)
			return p;
		else
			p++;
	}
	return NULL;
}

static const char *
find_last(const char *p, const char *end, char c)
{
	const char *last = NULL;

	while ((p = find(p, end, c)) != NULL)
		last = p++;
	return last;
}

static size_t
copy_local(char *out, const char *p, const char *end)
{
	size_t n = 0;
	int quoted = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			quoted = !quoted;
			continue;
		}
		if (*p == '\\' && quoted && p + 1 < end)
			p++;
		out[n++] = *p;
	}
	out[n] = '\0';
	return n;
}

void
addr_fold(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
}

static size_t
copy_domain(char *out, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);

	if (n > 1 && p[n - 1] == '.')
		n--;
	memcpy(out, p, n);
	out[n] = '\0';
	addr_fold(out, n);
	return n;
}

/* Inside angle brackets, behind "@a,@b:". */
static void
strip(const char **text, const char **end)
{
	const char *p = *text, *e = *end, *colon;

	while (p < e && (*p == ' ' || *p == '\t'))
		p++;
	while (e > p && (e[-1] == ' ' || e[-1] == '\t'))
		e--;
	if (e - p >= 2 && p[0] == '<' && e[-1] == '>') {
		p++;
		e--;
	}
	/* A domain literal holds colons too, but a route starts with '@'. */
	if (p < e && *p == '@' && (colon = find(p, e, ':')) != NULL)
		p = colon + 1;
	*text = p;
	*end = e;
}

int
addr_read(struct addr *out, const char *text)
{
	size_t len = strnlen(text, ADDR_MAX + 1);
	const char *end = text + len, *at;

	if (len > ADDR_MAX)
		return SMX_ELIMIT;
	strip(&text, &end);
	at = find_last(text, end, '@');
	out->local_len = copy_local(out->local, text, at != NULL ? at : end);
	out->domain_len =
	    copy_domain(out->domain, at != NULL ? at + 1 : end, end);
	return SMX_OK;
}

static int
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* RFC 1123 labels; '_' and bytes of UTF-8 where loose. */
static int
label_check(const char *p, size_t len, int loose)
{
	if (len == 0 || len > 63 || p[0] == '-' || p[len - 1] == '-')
		return SMX_EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(p[i]) && p[i] != '-' &&
		    !(loose && (p[i] == '_' || (unsigned char)p[i] >= 0x80)))
			return SMX_EINVAL;
	return SMX_OK;
}

static int
labels_check(const char *text, int loose)
{
	size_t len = strnlen(text, 254);

	if (len == 0 || len > 253)
		return SMX_EINVAL;
	for (;;) {
		size_t n = strcspn(text, ".");

		if (label_check(text, n, loose) != SMX_OK)
			return SMX_EINVAL;
		if (text[n] == '\0')
			return SMX_OK;
		text += n + 1;
	}
}

int
hostname_check(const char *text)
{
	return labels_check(text, 0);
}

int
domain_parse(char *out, const char *text)
{
	size_t len = strnlen(text, ADDR_MAX + 1);

	if (len > ADDR_MAX)
		return SMX_EINVAL;
	copy_domain(out, text, text + len);
	return labels_check(out, 1);
}

static int
literal_check(const char *text, size_t len)
{
	struct ip ip;

	if (len < 3 || text[len - 1] != ']')
		return SMX_EINVAL;
	return ip_parse(text + 1, len - 2, &ip);
}

static int
local_check(const char *local)
{
	if (local[0] == '\0')
		return SMX_EINVAL;
	for (; *local != '\0'; local++)
		if ((unsigned char)*local < 0x20 || *local == 0x7f)
			return SMX_EINVAL;
	return SMX_OK;
}

int
addr_parse(struct addr *out, const char *text)
{
	struct addr a;

	if (addr_read(&a, text) != SMX_OK || local_check(a.local) != SMX_OK)
		return SMX_EINVAL;
	/* A blank, bracket or second '@' needs quotes.  An open quote swallows
	 * the '@' and with it the domain. */
	if (strchr(text, '"') == NULL && strpbrk(a.local, " @<>,;()") != NULL)
		return SMX_EINVAL;
	if (a.domain[0] == '[') {
		if (literal_check(a.domain, a.domain_len) != SMX_OK)
			return SMX_EINVAL;
	} else if (labels_check(a.domain, 1) != SMX_OK) {
		return SMX_EINVAL;
	}
	*out = a;
	return SMX_OK;
}

int
domain_within(const char *domain, const char *parent)
{
	size_t n = strlen(domain), m = strlen(parent);

	if (n < m || strcmp(domain + n - m, parent) != 0)
		return 0;
	return n == m || domain[n - m - 1] == '.';
}
