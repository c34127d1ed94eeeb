/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/endpoint.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/key.h"
#include "core/addr.h"
#include "core/ip.h"

static const char bad_port[] = "the port is not a number from 1 to 65535";

static int
port_ok(const char *p, size_t len)
{
	uint64_t n;

	return len <= 5 && number_parse(p, len, 65535, &n) == SMX_OK && n != 0;
}

const char *
socket_path_check(const char *path)
{
	if (path[0] != '/')
		return "the socket's path is not absolute";
	if (strlen(path) > SOCKET_PATH_MAX)
		return "the socket's path is longer than 107 bytes";
	return NULL;
}

/* "host:port" with the host's brackets taken off. */
struct parts {
	char host[256];
	const char *port;
	int bracketed;
};

static const char *
split(const char *text, struct parts *parts)
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (colon == NULL || colon == text)
		return "there is no port";
	len = (size_t)(colon - text);
	parts->port = colon + 1;
	parts->bracketed = text[0] == '[';
	if (parts->bracketed) {
		if (len < 3 || text[len - 1] != ']')
			return "a bracket is not closed";
		text++;
		len -= 2;
	}
	if (len >= sizeof(parts->host))
		return "the host is too long";
	memcpy(parts->host, text, len);
	parts->host[len] = '\0';
	if (!port_ok(parts->port, strlen(parts->port)))
		return bad_port;
	return NULL;
}

const char *
endpoint_check(const char *text)
{
	struct parts parts;
	const char *wrong = split(text, &parts);
	int colons;
	struct ip ip;

	if (wrong != NULL)
		return wrong;
	if (ip_parse(parts.host, strlen(parts.host), &ip) != SMX_OK)
		return "the host is not an IP address; names are not looked up";
	colons = strchr(parts.host, ':') != NULL;
	if (colons != parts.bracketed)
		return "brackets belong around an IPv6 address, and only there";
	return NULL;
}

const char *
submit_check(const char *text)
{
	if (strncmp(text, "unix:", 5) == 0)
		return socket_path_check(text + 5);
	return endpoint_check(text);
}

/* family is "inet" or "inet6". */
static const char *
inet_format(const char *family, const char *port, size_t port_len,
    const char *host, char *out)
{
	struct ip ip;
	int v6 = strcmp(family, "inet6") == 0;

	if (!port_ok(port, port_len))
		return bad_port;
	if (ip_parse(host, strlen(host), &ip) == SMX_OK) {
		if ((strchr(host, ':') != NULL) != v6)
			return v6 ? "inet6 needs an IPv6 address"
				  : "an IPv6 address needs inet6";
	} else if (hostname_check(host) != SMX_OK) {
		return "the host is neither an IP address nor a host name";
	}
	snprintf(out, ENDPOINT_TEXT, "%s:%.*s@%s", family, (int)port_len, port,
	    host);
	return NULL;
}

/* What follows "inet:" or "inet6:", in either of the two orders. */
static const char *
inet_check(const char *family, const char *rest, char *out)
{
	const char *at = strchr(rest, '@');
	struct parts parts;
	const char *wrong;

	if (at != NULL && strlen(at + 1) < 256)
		return inet_format(family, rest, (size_t)(at - rest), at + 1,
		    out);
	wrong = split(rest, &parts);
	if (wrong != NULL)
		return wrong;
	if (parts.bracketed)
		family = "inet6";
	return inet_format(family, parts.port, strlen(parts.port), parts.host,
	    out);
}

const char *
milter_listen_check(const char *text, char *out)
{
	const char *path = NULL, *wrong;

	if (strncmp(text, "unix:", 5) == 0)
		path = text + 5;
	else if (strncmp(text, "local:", 6) == 0)
		path = text + 6;
	if (path != NULL) {
		wrong = socket_path_check(path);
		if (wrong == NULL)
			snprintf(out, ENDPOINT_TEXT, "unix:%s", path);
		return wrong;
	}
	if (strncmp(text, "inet:", 5) == 0)
		return inet_check("inet", text + 5, out);
	if (strncmp(text, "inet6:", 6) == 0)
		return inet_check("inet6", text + 6, out);
	return "this is no kind of socket";
}
