/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "core/wire.h"
#include "core/xtext.h"

/*
 * Names of nodes, and ranked sets of them.  On the wire a comma stands between
 * the names of a set, elsewhere a space; a name has neither.
 */

static int
name_check(const char *name, size_t len)
{
	if (len == 0 || len > WIRE_NODE_MAX)
		return SMX_EINVAL;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= 0x20 || name[i] >= 0x7f || name[i] == '=' ||
		    name[i] == ',')
			return SMX_EINVAL;
	return SMX_OK;
}

int
wire_node_check(const char *node)
{
	return name_check(node, strnlen(node, WIRE_NODE_MAX + 1));
}

int
wire_node_take(const struct wire_param *param, char node[WIRE_NODE_MAX + 1])
{
	char name[3 * WIRE_NODE_MAX];
	long n;

	if (param->value == NULL || param->len > sizeof(name))
		return SMX_EPROTO;
	n = xtext_decode(param->value, param->len, name);
	if (n < 0 || name_check(name, (size_t)n) != SMX_OK)
		return SMX_EPROTO;
	memcpy(node, name, (size_t)n);
	node[n] = '\0';
	return SMX_OK;
}

/* Does this name stand before the place at? */
static int
stands_before(const char *holders, const char *at, size_t len)
{
	for (const char *p = holders; p < at; p += strcspn(p, " ") + 1)
		if (strcspn(p, " ") == len && memcmp(p, at, len) == 0)
			return 1;
	return 0;
}

int
wire_holders_check(const char *holders)
{
	const char *p = holders;
	size_t count = 0;

	if (holders[0] == '\0')
		return SMX_OK;
	if (strnlen(holders, SMX_HOLDERS_MAX + 1) > SMX_HOLDERS_MAX)
		return SMX_EINVAL;
	for (;;) {
		size_t len = strcspn(p, " ");

		if (name_check(p, len) != SMX_OK ||
		    ++count > WIRE_HOLDERS_MAX ||
		    stands_before(holders, p, len))
			return SMX_EINVAL;
		if (p[len] == '\0')
			return SMX_OK;
		p += len + 1;
	}
}

void
wire_holders_put(struct buf *b, const char *holders)
{
	for (const char *p = holders; *p != '\0';) {
		size_t len = strcspn(p, " ");

		if (p != holders)
			buf_add(b, ",", 1);
		xtext_put(b, p, len);
		p += len;
		if (*p == ' ')
			p++;
	}
}

int
wire_holders_take(const struct wire_param *param,
    char holders[SMX_HOLDERS_MAX + 1])
{
	char text[XTEXT_MAX_GROWTH * SMX_HOLDERS_MAX];
	long n = 0;

	if (param->value != NULL) {
		if (param->len > sizeof(text))
			return SMX_EPROTO;
		n = xtext_decode(param->value, param->len, text);
	}
	/* A space could only be one that was written as such. */
	if (n < 0 || n > SMX_HOLDERS_MAX ||
	    memchr(text, ' ', (size_t)n) != NULL)
		return SMX_EPROTO;
	for (long i = 0; i < n; i++)
		holders[i] = text[i];
	holders[n] = '\0';
	for (char *comma = holders; (comma = strchr(comma, ',')) != NULL;)
		*comma = ' ';
	return wire_holders_check(holders) == SMX_OK ? SMX_OK : SMX_EPROTO;
}
