/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/served.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/envelope.h>
#include <shadowmx/store.h>

#include "base/buf.h"
#include "core/addr.h"

/* Addresses in the form that is compared, in order. */
struct names {
	char **name;
	size_t count;
};

/* Domain first: it has no line end, so no two addresses make one text. */
static char *
name_of(const char *address)
{
	struct addr a;
	char *name;

	if (addr_read(&a, address) != SMX_OK)
		return strdup(address);
	name = malloc(a.domain_len + a.local_len + 2);
	if (name == NULL)
		return NULL;
	memcpy(name, a.domain, a.domain_len);
	name[a.domain_len] = '\n';
	memcpy(name + a.domain_len + 1, a.local, a.local_len);
	name[a.domain_len + 1 + a.local_len] = '\0';
	return name;
}

static int
in_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

/* states NULL: all of them. */
static int
names_take(struct names *names, const struct smx_envelope *e,
    const char *states)
{
	size_t count = smx_envelope_recipients(e);

	names->name = calloc(count + 1, sizeof(*names->name));
	if (names->name == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (states != NULL && states[i] != SMX_RCPT_HANDED)
			continue;
		names->name[names->count] =
		    name_of(smx_envelope_recipient(e, i));
		if (names->name[names->count] == NULL)
			return SMX_ENOMEM;
		names->count++;
	}
	qsort(names->name, names->count, sizeof(*names->name), in_order);
	return SMX_OK;
}

static size_t
lines(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static int
row_names(struct names *names, const char *envelope, size_t len,
    const char *states)
{
	struct smx_envelope *e = NULL;
	int r = smx_envelope_decode(envelope, len, lines(envelope, len), &e);

	if (r == SMX_OK && strlen(states) != smx_envelope_recipients(e))
		r = SMX_ECORRUPT;
	if (r == SMX_OK)
		r = names_take(names, e, states);
	else if (r != SMX_ENOMEM)
		r = SMX_ECORRUPT;
	smx_envelope_free(&e);
	return r;
}

static int
named_names(struct names *names, const char *named, size_t len)
{
	struct smx_envelope *e = NULL;
	struct buf text;
	int r;

	buf_init(&text, 0);
	buf_str(&text, "CLIENT\r\n");
	buf_add(&text, named, len);
	r = buf_error(&text);
	if (r == SMX_OK)
		r = smx_envelope_decode(text.data, text.len, lines(named, len),
		    &e);
	buf_free(&text);
	if (r == SMX_OK)
		r = names_take(names, e, NULL);
	else if (r != SMX_ENOMEM)
		r = SMX_EINVAL;
	if (r == SMX_OK && names->count == 0)
		r = SMX_EINVAL;
	smx_envelope_free(&e);
	return r;
}

static int
has_all(const struct names *served, const struct names *named)
{
	for (size_t i = 0; i < named->count; i++)
		if (bsearch(&named->name[i], served->name, served->count,
			sizeof(*served->name), in_order) == NULL)
			return 0;
	return 1;
}

int
served_all(const char *envelope, size_t len, const char *states,
    const char *named, size_t named_len)
{
	struct names has = { 0 }, wants = { 0 };
	int r = row_names(&has, envelope, len, states);

	if (r == SMX_OK)
		r = named_names(&wants, named, named_len);
	if (r == SMX_OK)
		r = has_all(&has, &wants);
	names_free(&has);
	names_free(&wants);
	return r;
}
