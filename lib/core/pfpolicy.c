/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfpolicy.h"

#include <string.h>

#include "core/addr.h"

static const char *const names[PFPOLICY_NAMES] = {
	[PFPOLICY_REQUEST] = "request",
	[PFPOLICY_STATE] = "protocol_state",
	[PFPOLICY_DOMAIN] = "etrn_domain",
	[PFPOLICY_CLIENT] = "client_address",
	[PFPOLICY_USER] = "sasl_username",
};

void
pfpolicy_init(struct pfpolicy *request)
{
	memset(request, 0, sizeof(*request));
}

/* Of a name that is given twice neither value can be believed; one that is too
 * long is not what it seems to begin with. */
static int
keep(struct pfpolicy *r, enum pfpolicy_name name, const char *value, size_t len)
{
	if ((r->given & 1u << name) != 0)
		return SMX_EINVAL;
	if (r->cut || len >= PFPOLICY_VALUE)
		return SMX_ELIMIT;
	r->given |= 1u << name;
	memcpy(r->value[name], value, len);
	r->value[name][len] = '\0';
	return SMX_OK;
}

static int
line_ends(struct pfpolicy *r)
{
	const char *equals = memchr(r->line, '=', r->len);
	size_t len = equals == NULL ? 0 : (size_t)(equals - r->line);
	int rc = SMX_OK;

	if (len == 0 || memchr(r->line, '\0', r->len) != NULL)
		return SMX_EINVAL;
	for (int i = 0; i < PFPOLICY_NAMES; i++)
		if (strlen(names[i]) == len &&
		    memcmp(names[i], r->line, len) == 0)
			rc = keep(r, (enum pfpolicy_name)i, equals + 1,
			    r->len - len - 1);
	r->len = 0;
	r->cut = 0;
	r->lines++;
	return rc;
}

static void
put(struct pfpolicy *r, char c)
{
	if (r->len == PFPOLICY_LINE)
		r->cut = 1;
	else
		r->line[r->len++] = c;
}

int
pfpolicy_feed(struct pfpolicy *r, const char *data, size_t len, size_t *used)
{
	for (size_t i = 0; i < len; i++) {
		int rc = SMX_OK;

		if (++r->bytes > PFPOLICY_BYTES)
			return SMX_ELIMIT;
		if (data[i] != '\n') {
			put(r, data[i]);
			continue;
		}
		if (r->len == 0) {
			*used = i + 1;
			return (r->given & 1u << PFPOLICY_REQUEST) != 0
				   ? SMX_OK
				   : SMX_EINVAL;
		}
		rc = line_ends(r);
		if (rc != SMX_OK)
			return rc;
	}
	*used = len;
	return SMX_ETEMP;
}

enum pfpolicy_etrn
pfpolicy_etrn(const struct pfpolicy *r, char domain[PFPOLICY_VALUE])
{
	const char *text = r->value[PFPOLICY_DOMAIN];
	char folded[ADDR_MAX + 1];

	domain[0] = '\0';
	if (strcmp(r->value[PFPOLICY_REQUEST], "smtpd_access_policy") != 0 ||
	    strcmp(r->value[PFPOLICY_STATE], "ETRN") != 0)
		return PFPOLICY_NO_ETRN;
	if (text[0] == '#')
		return PFPOLICY_QUEUE;
	if (text[0] == '@')
		text++;
	if (domain_parse(folded, text) != SMX_OK)
		return PFPOLICY_NO_ETRN;
	memcpy(domain, folded, strlen(folded) + 1);
	return PFPOLICY_ASKED;
}
