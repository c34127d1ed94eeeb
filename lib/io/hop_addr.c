/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop_addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

void
hop_addrs_add(struct hop_addrs *addrs, const struct sockaddr *sa, socklen_t len,
    const char *host, uint16_t port)
{
	struct hop_addr *a = &addrs->list[addrs->count];

	if (addrs->count == HOP_ADDRS_MAX || len > sizeof(a->sa))
		return;
	memset(a, 0, sizeof(*a));
	memcpy(&a->sa, sa, len);
	a->len = len;
	if (a->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&a->sa)->sin_port = htons(port);
	else if (a->sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(port);
	text_copy(a->host, sizeof(a->host), host);
	addrs->count++;
}

static void
socket_add(struct hop_addrs *addrs, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	text_copy(un.sun_path, sizeof(un.sun_path), path);
	hop_addrs_add(addrs, (const struct sockaddr *)&un, sizeof(un), "", 0);
}

int
hop_addrs_literal(struct hop_addrs *addrs, const struct nexthop *to)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const char *six = to->host;

	if (to->kind == NEXTHOP_UNIX) {
		socket_add(addrs, to->path);
		return 1;
	}
	if (strncasecmp(six, "IPv6:", 5) == 0)
		six += 5;
	if (inet_pton(AF_INET, to->host, &in.sin_addr) == 1)
		hop_addrs_add(addrs, (const struct sockaddr *)&in, sizeof(in),
		    to->host, to->port);
	else if (inet_pton(AF_INET6, six, &in6.sin6_addr) == 1)
		hop_addrs_add(addrs, (const struct sockaddr *)&in6, sizeof(in6),
		    six, to->port);
	else
		return 0;
	return 1;
}

void
hop_addr_format(const struct hop_addr *addr, char out[HOP_ADDR_TEXT])
{
	char text[INET6_ADDRSTRLEN] = "";
	unsigned port;

	if (addr->sa.ss_family == AF_UNIX) {
		snprintf(out, HOP_ADDR_TEXT, "unix:%s",
		    ((const struct sockaddr_un *)&addr->sa)->sun_path);
		return;
	}
	if (addr->sa.ss_family == AF_INET) {
		const struct sockaddr_in *in =
		    (const struct sockaddr_in *)&addr->sa;

		(void)inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		port = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in6 =
		    (const struct sockaddr_in6 *)&addr->sa;

		(void)inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		port = ntohs(in6->sin6_port);
	}
	snprintf(out, HOP_ADDR_TEXT, "%s[%s]:%u", addr->host, text, port);
}

int
hop_addr_is_own(const struct hop_addr *addr)
{
	struct sockaddr_storage sa = addr->sa;
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int own;

	if (fd < 0)
		return 0;
	if (sa.ss_family == AF_INET)
		((struct sockaddr_in *)&sa)->sin_port = 0;
	else
		((struct sockaddr_in6 *)&sa)->sin6_port = 0;
	own = bind(fd, (const struct sockaddr *)&sa, addr->len) == 0;
	close(fd);
	return own;
}
