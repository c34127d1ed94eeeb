/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/setting_check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/addr.h"
#include "core/endpoint.h"
#include "core/handto.h"
#include "core/ip.h"
#include "core/nexthop.h"
#include "core/settings.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char *
keep(const char *wrong, const char *text, char *out)
{
	if (wrong == NULL)
		text_copy(out, SETTING_TEXT_MAX + 1, text);
	return wrong;
}

const char *
check_hostname(const char *text, char *out)
{
	if (hostname_check(text) != SMX_OK)
		return "this is not a host name";
	keep(NULL, text, out);
	addr_fold(out, strlen(out));
	return NULL;
}

const char *
check_account(const char *text, char *out)
{
	size_t len = strlen(text);

	if (len == 0 || len > 32 || strchr(DIGITS "-", text[0]) != NULL ||
	    strspn(text, LOWER UPPER DIGITS "_-.") != len)
		return "this cannot be the name of an account";
	return keep(NULL, text, out);
}

const char *
check_path(const char *text, char *out)
{
	return keep(text[0] == '/' ? NULL : "the path is not absolute", text,
	    out);
}

const char *
check_socket_path(const char *text, char *out)
{
	if (strncmp(text, "unix:", 5) == 0)
		text += 5;
	return keep(socket_path_check(text), text, out);
}

const char *
check_milter_listen(const char *text, char *out)
{
	return milter_listen_check(text, out);
}

const char *
check_local_listen(const char *text, char *out)
{
	const char *wrong = milter_listen_check(text, out), *at;
	struct ip ip;

	if (wrong != NULL || strncmp(out, "unix:", 5) == 0)
		return wrong;
	at = strchr(out, '@');
	if (at != NULL &&
	    (strcmp(at, "@localhost") == 0 ||
		(ip_parse(at + 1, strlen(at + 1), &ip) == SMX_OK &&
		    ip_is_loopback(&ip))))
		return NULL;
	return "other hosts could reach it";
}

const char *
check_endpoint(const char *text, char *out)
{
	return keep(endpoint_check(text), text, out);
}

const char *
check_submit(const char *text, char *out)
{
	return keep(submit_check(text), text, out);
}

int
pin_check(const char *text)
{
	static const char base64[] = UPPER LOWER DIGITS "+/";
	static const char prefix[] = "sha256/";
	size_t head = sizeof(prefix) - 1;

	/* 32 bytes are 43 characters and one '='; the last of the 43 carries
	 * four bits, so its two lowest are zero. */
	if (strlen(text) != head + 44 || strncmp(text, prefix, head) != 0 ||
	    strspn(text + head, base64) != 43 || text[head + 43] != '=' ||
	    (strchr(base64, text[head + 42]) - base64) % 4 != 0)
		return SMX_EINVAL;
	return SMX_OK;
}

const char *
check_pin(const char *text, char *out)
{
	if (pin_check(text) != SMX_OK)
		return "this is not a pin";
	return keep(NULL, text, out);
}

const char *
check_label(const char *text, char *out)
{
	size_t len = strlen(text);

	if (len == 0 || len > 64 ||
	    strspn(text, LOWER UPPER DIGITS "._-") != len)
		return "only letters, digits, '.', '_' and '-', at most 64";
	return keep(NULL, text, out);
}

const char *
check_policy_name(const char *text, char *out)
{
	if (strcmp(text, "defaults") == 0)
		return "this name means the defaults";
	return check_label(text, out);
}

/* A whole address, or with one side left out.  The normal form is a key of the
 * policy's tables: both sides in lower case. */
const char *
check_recipient(const char *text, char *out)
{
	static const char wrong[] = "this is no address and no part of one";
	size_t len = strlen(text);
	char whole[SETTING_TEXT_MAX + 16];
	struct addr a;
	int n;

	if (text[0] == '@') {
		if (domain_parse(a.domain, text + 1) != SMX_OK)
			return wrong;
		snprintf(out, SETTING_TEXT_MAX + 1, "@%s", a.domain);
		return NULL;
	}
	snprintf(whole, sizeof(whole), "%s%s", text,
	    len != 0 && text[len - 1] == '@' ? "x" : "");
	if (addr_parse(&a, whole) != SMX_OK)
		return wrong;
	if (len != 0 && text[len - 1] == '@')
		a.domain[0] = '\0';
	n = snprintf(out, SETTING_TEXT_MAX + 1, "%s@%s", a.local, a.domain);
	addr_fold(out, (size_t)n);
	return NULL;
}

const char *
check_domain(const char *text, char *out)
{
	char domain[ADDR_MAX + 1];

	if (text[0] == '.' || text[0] == '@')
		return "write the name alone; subdomains are included";
	if (domain_parse(domain, text) != SMX_OK)
		return "this is not a domain name";
	return keep(NULL, domain, out);
}

const char *
check_network(const char *text, char *out)
{
	struct ip_range range;

	if (ip_network_parse(text, &range) != SMX_OK)
		return "this is no network, or bits are set behind its prefix";
	return keep(NULL, text, out);
}

/* The normal form is the next hop's name. */
const char *
check_next_hop(const char *text, char *out)
{
	struct nexthop hop;
	const char *wrong = nexthop_check(&hop, text);

	if (wrong == NULL)
		nexthop_format(&hop, out);
	return wrong;
}

/* As a next hop that is one host; without a word in front it is SMTP. */
const char *
check_primary(const char *text, char *out)
{
	char full[SETTING_TEXT_MAX + 1];
	struct nexthop hop;
	const char *wrong;

	if (strncmp(text, "smtp:", 5) == 0)
		text += 5;
	if (snprintf(full, sizeof(full), "smtp:%s", text) >= (int)sizeof(full))
		return "this is too long";
	wrong = nexthop_check(&hop, full);
	if (wrong == NULL && hop.kind != NEXTHOP_HOST)
		return "this is not one host: write it in brackets";
	if (wrong == NULL)
		nexthop_format(&hop, out);
	return wrong;
}

const char *
check_hand_to(const char *text, char *out)
{
	struct handto to;
	const char *wrong = text[0] == '\0' ? NULL : handto_check(&to, text);

	if (wrong != NULL)
		return wrong;
	if (text[0] != '\0' && !to.address[0])
		nexthop_format(&to.hop, out);
	else
		keep(NULL, text, out);
	return NULL;
}

const char *
check_country(const char *text, char *out)
{
	static const char letters[] = UPPER LOWER;

	if (strcmp(text, "unknown") == 0)
		return keep(NULL, text, out);
	if (strlen(text) != 2 || strspn(text, letters) != 2)
		return "this is not a country code";
	for (size_t i = 0; i < 2; i++)
		out[i] = text[i] >= 'a' ? (char)(text[i] - 'a' + 'A') : text[i];
	out[2] = '\0';
	return NULL;
}
