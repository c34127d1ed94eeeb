/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/handto.h"

#include <string.h>

/* It becomes part of a command line. */
static int
is_one_word(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f ||
		    *text == '<' || *text == '>')
			return 0;
	return 1;
}

static const char *
address_take(struct handto *out, const char *text)
{
	struct addr parts;

	if (!is_one_word(text))
		return "an address stands without white space and angle "
		       "brackets";
	if (strlen(text) >= sizeof(out->address) ||
	    addr_parse(&parts, text) != SMX_OK || parts.local_len == 0 ||
	    parts.domain_len == 0)
		return "this is not the address of a mailbox";
	memcpy(out->address, text, strlen(text) + 1);
	return NULL;
}

const char *
handto_check(struct handto *out, const char *text)
{
	const char *wrong;

	memset(out, 0, sizeof(*out));
	if (strchr(text, '@') != NULL && strncmp(text, "unix:", 5) != 0 &&
	    strncmp(text, "lmtp:unix:", 10) != 0)
		return address_take(out, text);
	wrong = nexthop_check(&out->hop, text);
	if (wrong == NULL && out->hop.kind == NEXTHOP_MTA)
		wrong = "the MTA would send it to the primary that is down";
	return wrong;
}

int
handto_parse(struct handto *out, const char *text)
{
	return handto_check(out, text) == NULL ? SMX_OK : SMX_EINVAL;
}
