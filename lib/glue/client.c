/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/client.h"

#include <arpa/inet.h>
#include <string.h>

void
client_address(const struct sockaddr *from, char text[INET6_ADDRSTRLEN],
    struct smx_session_client *client)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	text[0] = '\0';
	client->address = text;
	client->port = 0;
	if (from != NULL && from->sa_family == AF_INET) {
		memcpy(&in, from, sizeof(in));
		(void)inet_ntop(AF_INET, &in.sin_addr, text, INET6_ADDRSTRLEN);
		client->port = ntohs(in.sin_port);
	} else if (from != NULL && from->sa_family == AF_INET6) {
		memcpy(&in6, from, sizeof(in6));
		(void)inet_ntop(AF_INET6, &in6.sin6_addr, text,
		    INET6_ADDRSTRLEN);
		client->port = ntohs(in6.sin6_port);
	}
}
