/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/nexthop.h"

#include <stdio.h>
#include <string.h>

#include "base/key.h"
#include "core/addr.h"
#include "core/endpoint.h"
#include "core/ip.h"

#define PORT_SMTP 25
#define PORT_LMTP 24

static const char unclear[] =
    "an IPv6 address needs brackets, or it is not clear where the port begins";

/* What stands behind prefix, or NULL. */
static const char *
behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static const char *
path_take(struct nexthop *out, const char *path)
{
	const char *wrong = socket_path_check(path);

	if (wrong != NULL)
		return wrong;
	/* The normal form is a name in logs and commands: one word. */
	for (const char *p = path; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '"')
			return "the socket's path has white space, quotes or "
			       "control characters";
	out->kind = NEXTHOP_UNIX;
	out->lmtp = 1;
	memcpy(out->path, path, strlen(path) + 1);
	return NULL;
}

static const char *
port_take(struct nexthop *out, const char *text)
{
	uint64_t n;

	if (strlen(text) > 5 ||
	    number_parse(text, strlen(text), UINT16_MAX, &n) != SMX_OK ||
	    n == 0)
		return "the port is not a number from 1 to 65535";
	out->port = (uint16_t)n;
	return NULL;
}

/* "IPv6:" is how addresses are written in mail. */
static const char *
address_of(const char *text)
{
	const char *address = behind(text, "IPv6:");

	if (address == NULL)
		address = behind(text, "ipv6:");
	return address != NULL ? address : text;
}

/* One host: a name, or an address in or without brackets. */
static const char *
host_take(struct nexthop *out, const char *text, size_t len, int bracketed)
{
	char host[sizeof(out->host)];
	const char *address;
	struct ip ip;

	if (len == 0)
		return "there is no host";
	if (len >= sizeof(host))
		return "the host is too long";
	memcpy(host, text, len);
	host[len] = '\0';
	address = address_of(host);
	if (ip_parse(address, strlen(address), &ip) == SMX_OK) {
		out->kind = NEXTHOP_HOST;
	} else {
		address = host;
		if (hostname_check(host) != SMX_OK)
			return "the host is neither an IP address nor a host "
			       "name";
		/* LMTP has no MX: a name alone is a host as well. */
		out->kind = bracketed || out->lmtp ? NEXTHOP_HOST : NEXTHOP_MX;
	}
	snprintf(out->host, sizeof(out->host), "%s", address);
	addr_fold(out->host, strlen(out->host));
	return NULL;
}

static const char *
inet_take(struct nexthop *out, const char *text)
{
	const char *end, *wrong;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return "a bracket is not closed";
		wrong = host_take(out, text + 1, (size_t)(end - text) - 1, 1);
		end++;
		if (wrong == NULL && *end != '\0' && *end != ':')
			wrong = "there is something behind the bracket that is "
				"no port";
	} else {
		end = strchr(text, ':');
		if (end != NULL && strchr(end + 1, ':') != NULL)
			return unclear;
		if (end == NULL)
			end = text + strlen(text);
		wrong = host_take(out, text, (size_t)(end - text), 0);
	}
	if (wrong == NULL && *end == ':')
		wrong = port_take(out, end + 1);
	return wrong;
}

static const char *
lmtp_take(struct nexthop *out, const char *text)
{
	const char *rest = behind(text, "unix:");

	out->lmtp = 1;
	out->port = PORT_LMTP;
	if (rest != NULL) {
		out->port = 0;
		return path_take(out, rest);
	}
	rest = behind(text, "inet:");
	return inet_take(out, rest != NULL ? rest : text);
}

const char *
nexthop_check(struct nexthop *out, const char *text)
{
	const char *rest;

	memset(out, 0, sizeof(*out));
	if (strcmp(text, "mta") == 0) {
		out->kind = NEXTHOP_MTA;
		return NULL;
	}
	rest = behind(text, "unix:");
	if (rest != NULL)
		return path_take(out, rest);
	rest = behind(text, "lmtp:");
	if (rest != NULL)
		return lmtp_take(out, rest);
	rest = behind(text, "smtp:");
	if (rest == NULL)
		return "it does not begin with smtp:, lmtp: or unix:";
	if (strncmp(rest, "unix:", 5) == 0)
		return "SMTP is not spoken over a socket with a path";
	out->port = PORT_SMTP;
	return inet_take(out, rest);
}

int
nexthop_parse(struct nexthop *out, const char *text)
{
	return nexthop_check(out, text) == NULL ? SMX_OK : SMX_EINVAL;
}

void
nexthop_format(const struct nexthop *hop, char out[NEXTHOP_TEXT])
{
	const char *protocol = hop->lmtp ? "lmtp" : "smtp";

	out[0] = '\0';
	switch (hop->kind) {
	case NEXTHOP_HOST:
		snprintf(out, NEXTHOP_TEXT, "%s:[%.255s]:%u", protocol,
		    hop->host, (unsigned)hop->port);
		break;
	case NEXTHOP_MX:
		snprintf(out, NEXTHOP_TEXT, "%s:%.255s:%u", protocol, hop->host,
		    (unsigned)hop->port);
		break;
	case NEXTHOP_UNIX:
		snprintf(out, NEXTHOP_TEXT, "lmtp:unix:%.107s", hop->path);
		break;
	case NEXTHOP_MTA:
		snprintf(out, NEXTHOP_TEXT, "mta");
		break;
	}
}
