/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_CLIENT_H
#define GLUE_CLIENT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <shadowmx/engine.h>

/* Fill in the client's address, written into text, and port; "" and 0 when it
 * has none (local, unknown). */
void client_address(const struct sockaddr *from, char text[INET6_ADDRSTRLEN],
    struct smx_session_client *client);

#endif
